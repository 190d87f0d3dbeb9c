/* picture_test.c -- curves are XML, and what is drawn can be read off their own ticks
 *
 * SPDX-License-Identifier: MIT */
#include "support/drawing.h"
#include "support/training.h"

#include <math.h>
#include <string.h>

enum { MANY = 64 };

/* ---- curves ---- */

static const double xs[6] = { 0.5, 0.75, 0.9, 0.95, 0.98, 0.99 };
static const double ys[6] = { 0.985, 0.984, 0.98, 0.972, 0.94, 0.87 };
static const double es[6] = { 0.001, 0.0, 0.003, 0.004, 0.01, 0.02 };

static const char *tradeoff(bytes_file *file, const prune_picture_series *series, size_t count,
                            const prune_picture_options *options)
{
    const prune_writer writer = bytes_writer(file);
    ck_assert_ok(prune_picture_tradeoff(&writer, series, count, options));
    const char *picture = wellformed_text(file);
    drawing_check_picture(picture);
    return picture;
}

/* The dots are the points, in their order. */
static void check_dots(const char *picture, const prune_picture_series *s, const int log_scale[2])
{
    drawing_scale x, y;
    const char *tag = picture;
    drawing_read_scales(&x, &y, picture);
    for (size_t i = 0; i < s->count; i++) {
        tag = strstr(tag + 1, "<circle");
        ck_assert_ptr_nonnull(tag);
        ck_assert_double_eq_tol(drawing_attribute(tag, "cx"), drawing_place(&x, s->x[i], log_scale[0]), 0.02);
        ck_assert_double_eq_tol(drawing_attribute(tag, "cy"), drawing_place(&y, s->y[i], log_scale[1]), 0.02);
    }
    ck_assert_ptr_null(strstr(tag + 1, "<circle"));
}

START_TEST(curves_lie_where_the_ticks_say)
{
    const prune_picture_series series = { "magnitude", xs, ys, es, 6 };
    for (int logs = 0; logs < 4; logs++) {
        const int log_scale[2] = { logs & 1, logs >> 1 };
        bytes_file file = { 0 };
        drawing_scale x, y;
        prune_picture_options options;
        prune_picture_options_init(&options);
        options.log_x = log_scale[0];
        options.log_y = log_scale[1];
        const char *picture = tradeoff(&file, &series, 1, &options);
        check_dots(picture, &series, log_scale);
        drawing_read_scales(&x, &y, picture);
        drawing_check_scale(&x, 0.5, 0.99, log_scale[0]);
        drawing_check_scale(&y, 0.85, 0.986, log_scale[1]);
        ck_assert_uint_eq(wellformed_count(picture, "<polyline"), 1);
        /* Each error bar is three lines, the legend one; the point with an error of 0 has none. */
        ck_assert_uint_eq(wellformed_count(picture, "stroke=\"#0072b2\"/>"), 5 * 3 + 1);
        bytes_end(&file);
    }
}
END_TEST

START_TEST(error_bars_reach_as_far_as_they_say)
{
    const double x = 3.0, y = 0.5, error = 0.25;
    const prune_picture_series series = { NULL, &x, &y, &error, 1 };
    bytes_file file = { 0 };
    drawing_scale sx, sy;
    const char *picture = tradeoff(&file, &series, 1, NULL);
    drawing_read_scales(&sx, &sy, picture);
    const char *bar = strstr(strstr(picture, "<circle"), "<line");
    ck_assert_double_eq_tol(drawing_attribute(bar, "x1"), drawing_place(&sx, 3.0, 0), 0.02);
    ck_assert_double_eq_tol(drawing_attribute(bar, "x2"), drawing_place(&sx, 3.0, 0), 0.02);
    ck_assert_double_eq_tol(drawing_attribute(bar, "y1"), drawing_place(&sy, 0.25, 0), 0.02);
    ck_assert_double_eq_tol(drawing_attribute(bar, "y2"), drawing_place(&sy, 0.75, 0), 0.02);
    bytes_end(&file);
}
END_TEST

/* A curve breaks where a value is missing; what cannot be on a logarithmic axis is missing there. */
START_TEST(what_is_not_finite_is_left_out)
{
    const double bad[] = { (double)NAN, (double)INFINITY, -(double)INFINITY };
    for (size_t b = 0; b < 3; b++)
        for (size_t where = 0; where < 6; where++) {
            bytes_file file = { 0 };
            double x[6], y[6], e[6];
            memcpy(x, xs, sizeof x);
            memcpy(y, ys, sizeof y);
            memcpy(e, es, sizeof e);
            (where % 2 ? x : y)[where] = bad[b];
            e[0] = bad[b];
            const prune_picture_series series = { "m", x, y, e, 6 };
            const char *picture = tradeoff(&file, &series, 1, NULL);
            ck_assert_uint_eq(wellformed_count(picture, "<circle"), 5);
            ck_assert_uint_eq(wellformed_count(picture, "<polyline"), where == 0 || where == 5 ? 1 : 2);
            bytes_end(&file);
        }
    const double x[3] = { 1, 2, 3 }, y[3] = { 1, 0, 2 };
    const prune_picture_series series = { "m", x, y, NULL, 3 };
    prune_picture_options options;
    bytes_file file = { 0 };
    prune_picture_options_init(&options);
    options.log_y = 1;
    ck_assert_uint_eq(wellformed_count(tradeoff(&file, &series, 1, &options), "<circle"), 2);
    bytes_end(&file);
}
END_TEST

/* Ranges of every size and place. */
START_TEST(ticks_are_few_and_around_everything)
{
    prune_rng rng;
    prune_rng_seed(&rng, 5);
    for (int n = 0; n < 2000; n++) {
        bytes_file file = { 0 };
        drawing_scale sx, sy;
        prune_picture_options options;
        const double size = pow(10.0, 60.0 * (double)prune_rng_uniform(&rng) - 30.0);
        const double at = n % 3 == 0 ? 0.0 : size * 1000.0 * ((double)prune_rng_uniform(&rng) - 0.5);
        double v[2] = { at, at + size * (n % 7 == 0 ? 0.0 : (double)prune_rng_uniform(&rng)) };
        const int logs = n % 2 && v[0] > 0.0;
        const prune_picture_series series = { NULL, v, v, NULL, 2 };
        prune_picture_options_init(&options);
        options.log_y = logs;
        const char *picture = tradeoff(&file, &series, 1, &options);
        drawing_read_scales(&sx, &sy, picture);
        drawing_check_scale(&sx, v[0], v[1], 0);
        drawing_check_scale(&sy, v[0], v[1], logs);
        bytes_end(&file);
    }
}
END_TEST

START_TEST(sensitivity_has_the_metric_before)
{
    const prune_picture_series series[] = { { "layer 0", xs, ys, NULL, 6 }, { "layer 1", xs, es, NULL, 6 } };
    bytes_file file = { 0 }, without = { 0 };
    const prune_writer writer = bytes_writer(&file), other = bytes_writer(&without);
    drawing_scale x, y;
    ck_assert_ok(prune_picture_sensitivity(&writer, series, 2, 1.25, NULL));
    const char *picture = wellformed_text(&file);
    drawing_check_picture(picture);
    drawing_read_scales(&x, &y, picture);
    drawing_check_scale(&y, 0.0, 1.25, 0);
    const char *line = strstr(picture, "stroke-dasharray");
    while (strncmp(line, "<line", 5) != 0)
        line--;
    ck_assert_double_eq_tol(drawing_attribute(line, "y1"), drawing_place(&y, 1.25, 0), 0.02);
    ck_assert_double_eq_tol(drawing_attribute(line, "y2"), drawing_place(&y, 1.25, 0), 0.02);
    ck_assert_ptr_nonnull(strstr(picture, ">before</text>"));
    ck_assert_ptr_nonnull(strstr(picture, ">layer 1</text>"));
    ck_assert_uint_eq(wellformed_count(picture, "<polyline"), 2);
    ck_assert_ok(prune_picture_sensitivity(&other, series, 2, (double)NAN, NULL));
    ck_assert_ptr_null(strstr(wellformed_text(&without), "stroke-dasharray"));
    bytes_end(&file);
    bytes_end(&without);
}
END_TEST

/* ---- text ---- */

START_TEST(any_text_is_a_name)
{
    static const struct {
        const char *name, *drawn;
    } cases[] = {
        { "a < b & \"c\" > d", ">a &lt; b &amp; &quot;c&quot; &gt; d</text>" },
        { "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\xb3", ">caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\xb3</text>" },
        { "\x01 tab\t \x7f", ">? tab? ?</text>" },
        { "\xff\xc3.", ">??.</text>" },                               /* no UTF-8, cut UTF-8 */
        { "\xc0\xaf\xed\xa0\x80\xef\xbf\xbe.", ">????????.</text>" }, /* overlong, surrogate, no character */
        { "\xf4\x90\x80\x80.", ">????.</text>" },                     /* beyond Unicode */
        { "1234567890123456789012", ">1234567890123456789012</text>" },
        { "12345678901234567890123", ">1234567890123456789012...</text>" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bytes_file file = { 0 };
        prune_picture_options options;
        const prune_picture_series series = { cases[i].name, xs, ys, NULL, 6 };
        prune_picture_options_init(&options);
        options.title = options.x_label = cases[i].name;
        const char *picture = tradeoff(&file, &series, 1, &options);
        ck_assert_msg(strstr(picture, cases[i].drawn) != NULL, "%s", picture);
        bytes_end(&file);
    }
}
END_TEST

/* A title may be as wide as the picture, in letters of 9 pixels, and a label as its axis. */
START_TEST(what_would_not_fit_is_cut)
{
    char text[201];
    bytes_file file = { 0 };
    prune_picture_options options;
    const prune_picture_series series = { "curve", xs, ys, NULL, 6 };
    memset(text, 'x', 200);
    text[200] = '\0';
    prune_picture_options_init(&options);
    options.title = options.x_label = options.y_label = text;
    const char *picture = tradeoff(&file, &series, 1, &options);
    text[640 / 9 + 1] = '\0';
    ck_assert_ptr_null(strstr(picture, text));
    ck_assert_uint_eq(wellformed_count(picture, "xxx..."), 3);
    bytes_end(&file);
}
END_TEST

/* A legend that is longer than the picture makes it higher. */
START_TEST(a_long_legend_fits)
{
    prune_picture_series series[MANY];
    bytes_file file = { 0 };
    for (size_t i = 0; i < MANY; i++)
        series[i] = (prune_picture_series){ "one of many", xs, ys, NULL, 6 };
    const char *picture = tradeoff(&file, series, MANY, NULL), *last = NULL;
    for (const char *at = strstr(picture, ">one of"); at != NULL; at = strstr(at + 1, ">one of"))
        last = at;
    while (strncmp(last, "<text", 5) != 0)
        last--;
    ck_assert_double_lt(drawing_attribute(last, "y") + 4.0, drawing_attribute(picture, "height"));
    ck_assert_uint_eq(wellformed_count(picture, "one of many"), MANY);
    bytes_end(&file);
}
END_TEST

START_TEST(bad_curves)
{
    bytes_file file = { 0 };
    const prune_writer writer = bytes_writer(&file);
    const double nan[6] = { (double)NAN, (double)NAN, (double)NAN, (double)NAN, (double)NAN, (double)NAN };
    const double huge[6] = { 0, 0, 0, 0, 0, 1e101 }, below[6] = { 0, 0, -0.1, 0, 0, 0 };
    const struct {
        prune_picture_series series;
        prune_status expected;
    } cases[] = {
        { { "m", NULL, ys, NULL, 6 }, PRUNE_E_ARGUMENT }, { { "m", xs, NULL, NULL, 6 }, PRUNE_E_ARGUMENT },
        { { "m", xs, ys, NULL, 0 }, PRUNE_E_EMPTY },      { { "m", xs, nan, NULL, 6 }, PRUNE_E_EMPTY },
        { { "m", xs, huge, NULL, 6 }, PRUNE_E_RANGE },    { { "m", huge, ys, NULL, 6 }, PRUNE_E_RANGE },
        { { "m", xs, ys, huge, 6 }, PRUNE_E_RANGE },      { { "m", xs, ys, below, 6 }, PRUNE_E_RANGE },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_status(prune_picture_tradeoff(&writer, &cases[i].series, 1, NULL), cases[i].expected);
        ck_assert_status(prune_picture_sensitivity(&writer, &cases[i].series, 1, 0.5, NULL),
                         cases[i].expected);
    }
    ck_assert_status(prune_picture_tradeoff(&writer, NULL, 1, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_picture_tradeoff(&writer, NULL, 0, NULL), PRUNE_E_EMPTY);
    const prune_picture_series good = { "m", xs, ys, NULL, 6 };
    ck_assert_status(prune_picture_sensitivity(&writer, &good, 1, 1e101, NULL), PRUNE_E_RANGE);
    ck_assert_uint_eq(file.calls, 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        curves_lie_where_the_ticks_say,
        error_bars_reach_as_far_as_they_say,
        what_is_not_finite_is_left_out,
        ticks_are_few_and_around_everything,
        sensitivity_has_the_metric_before,
        any_text_is_a_name,
        what_would_not_fit_is_cut,
        a_long_legend_fits,
        bad_curves,
    };
    return run_tests("picture", tests, sizeof tests / sizeof tests[0]);
}
