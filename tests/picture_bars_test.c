/* picture_bars_test.c -- the same of histograms and of sparsity by layer; and options and writers of all
 *
 * SPDX-License-Identifier: MIT */
#include "support/drawing.h"
#include "support/training.h"

#include <math.h>
#include <string.h>

/* ---- histograms ---- */

typedef struct scored {
    prune_model *model;
    prune_importance *scores;
    uint64_t counts[12];
    prune_histogram h;
} scored;

static void score(scored *s, int32_t log_scale)
{
    const size_t widths[] = { 9, 8, 4 };
    s->model = world_model(NULL, widths, 2, PRUNE_RELU, 3);
    ck_assert_ok(prune_importance_create(&s->scores, NULL, s->model, PRUNE_MAGNITUDE));
    prune_histogram_init(&s->h);
    s->h.bins = 12;
    s->h.counts = s->counts;
    s->h.log_scale = log_scale;
    ck_assert_ok(prune_histogram_fill(&s->h, s->scores, NULL));
}

static void score_end(scored *s)
{
    prune_importance_free(s->scores);
    prune_model_free(s->model);
}

/* Each bar that there is: its corners; a bar is at least a pixel wide and high. */
static void check_bars(const char *picture, const scored *s, int log_y)
{
    drawing_scale x, y;
    const char *tag = strstr(picture, "fill=\"#ffffff\"");
    drawing_read_scales(&x, &y, picture);
    const double floor_at = y.pixel[0];
    for (size_t i = 0; i < s->h.bins; i++) {
        if (s->counts[i] == 0)
            continue;
        tag = strstr(tag + 1, "<rect");
        ck_assert_ptr_nonnull(tag);
        const double left = drawing_place(&x, (double)prune_histogram_edge(&s->h, i), s->h.log_scale);
        const double right = drawing_place(&x, (double)prune_histogram_edge(&s->h, i + 1), s->h.log_scale);
        const double height = floor_at - drawing_place(&y, (double)s->counts[i], log_y);
        ck_assert_double_eq_tol(drawing_attribute(tag, "x"), left, 0.05);
        ck_assert_double_eq_tol(drawing_attribute(tag, "width"), fmax(1.0, right - left), 0.05);
        ck_assert_double_eq_tol(drawing_attribute(tag, "height"), fmax(1.0, height), 0.05);
        ck_assert_double_eq_tol(drawing_attribute(tag, "y") + drawing_attribute(tag, "height"), floor_at,
                                0.05);
    }
    ck_assert_ptr_null(strstr(tag + 1, "<rect"));
}

START_TEST(bars_and_thresholds_lie_where_the_ticks_say)
{
    for (int logs = 0; logs < 4; logs++) {
        scored s;
        drawing_scale x, y;
        bytes_file file = { 0 }, again = { 0 };
        const prune_writer writer = bytes_writer(&file), other = bytes_writer(&again);
        const prune_picture_mark marks[] = { { NULL, 0.25 }, { "gone", (double)NAN }, { "far", 7.5 } };
        prune_picture_options options;
        prune_picture_options_init(&options);
        options.log_y = logs >> 1;
        score(&s, logs & 1);
        ck_assert_ok(prune_picture_histogram(&writer, &s.h, marks, 3, &options));
        const char *picture = wellformed_text(&file);
        drawing_check_picture(picture);
        check_bars(picture, &s, logs >> 1);
        drawing_read_scales(&x, &y, picture);
        drawing_check_scale(&x, (double)s.h.low, 7.5, logs & 1);
        const char *line = strstr(picture, "stroke=\"#d55e00\"");
        while (strncmp(line, "<line", 5) != 0)
            line--;
        ck_assert_double_eq_tol(drawing_attribute(line, "x1"), drawing_place(&x, 0.25, logs & 1), 0.05);
        ck_assert_ptr_nonnull(strstr(picture, ">threshold</text>"));
        ck_assert_ptr_nonnull(strstr(picture, ">far</text>"));
        ck_assert_ptr_null(strstr(picture, "gone"));
        ck_assert_ok(prune_picture_histogram(&other, &s.h, marks, 3, &options));
        ck_assert_str_eq(wellformed_text(&again), picture);
        bytes_end(&file);
        bytes_end(&again);
        score_end(&s);
    }
}
END_TEST

/* All scores equal; all 0, by ratios. */
START_TEST(flat_histograms)
{
    for (int32_t n = 0; n < 4; n++) {
        scored s;
        bytes_file file = { 0 };
        const prune_writer writer = bytes_writer(&file);
        score(&s, n & 1);
        ck_assert_ok(prune_model_fill(s.model, n < 2 ? 0.5f : 0.0f));
        ck_assert_ok(prune_importance_refresh(s.scores));
        ck_assert_ok(prune_histogram_fill(&s.h, s.scores, NULL));
        ck_assert_ok(prune_picture_histogram(&writer, &s.h, NULL, 0, NULL));
        const char *picture = wellformed_text(&file);
        drawing_check_picture(picture);
        ck_assert_uint_eq(wellformed_count(picture, "<rect"), 2);
        bytes_end(&file);
        score_end(&s);
    }
}
END_TEST

/* ---- sparsity by layer ---- */

START_TEST(bars_are_the_sparsity_of_the_layers)
{
    const size_t widths[] = { 5, 8, 4, 3 };
    const double percent[] = { 0.0, 100.0 * 3 / 32, 100.0 * 6 / 12 };
    bytes_file file = { 0 };
    const prune_writer writer = bytes_writer(&file);
    drawing_scale x, y;
    prune_model *model = world_model(NULL, widths, 3, PRUNE_RELU, 3);
    for (size_t i = 0; i < 3; i++)
        world_remove(model, 2, 5 * i);
    for (size_t i = 0; i < 6; i++)
        world_remove(model, 4, 2 * i);
    ck_assert_ok(prune_picture_sparsity(&writer, model, NULL));
    const char *picture = wellformed_text(&file), *tag = strstr(picture, "fill=\"#ffffff\"");
    drawing_check_picture(picture);
    drawing_read_scales(&x, &y, picture);
    drawing_check_scale(&y, 0.0, 100.0, 0);
    for (size_t l = 1; l < 3; l++) {
        tag = strstr(tag + 1, "<rect");
        ck_assert_double_eq_tol(drawing_attribute(tag, "y"), drawing_place(&y, percent[l], 0), 0.02);
    }
    ck_assert_ptr_null(strstr(tag + 1, "<rect")); /* nothing of 0 % is no bar */
    ck_assert_ptr_nonnull(strstr(picture, ">0 %</text>"));
    ck_assert_ptr_nonnull(strstr(picture, ">9.4 %</text>"));
    ck_assert_ptr_nonnull(strstr(picture, ">2 dense</text>"));
    bytes_end(&file);
    prune_model_free(model);
}
END_TEST

/* Many layers still have room, and layers without weights no bar. */
START_TEST(deep_models)
{
    prune_model *model;
    bytes_file file = { 0 };
    const prune_writer writer = bytes_writer(&file);
    const uint8_t one[2] = { 1, 0 };
    ck_assert_ok(prune_model_create(&model, NULL, 1));
    ck_assert_ok(prune_model_add_activation(model, PRUNE_RELU));
    ck_assert_status(prune_picture_sparsity(&writer, model, NULL), PRUNE_E_EMPTY);
    ck_assert_uint_eq(file.calls, 0);
    for (size_t l = 0; l < 60; l++) {
        ck_assert_ok(prune_model_add_dense(model, l % 2 ? 1 : 2, PRUNE_RELU));
        ck_assert_ok(prune_mask_set(model, 2 * l, one, 2));
    }
    ck_assert_ok(prune_picture_sparsity(&writer, model, NULL));
    const char *picture = wellformed_text(&file);
    drawing_check_picture(picture);
    ck_assert_uint_eq(wellformed_count(picture, "<rect"), 61);
    bytes_end(&file);
    prune_model_free(model);
}
END_TEST

/* ---- refusals ---- */

/* Which picture; all take the same options. */
static prune_status draw(int which, const prune_writer *writer, const scored *s,
                         const prune_picture_options *o)
{
    static const double xs[2] = { 0.5, 0.9 }, ys[2] = { 0.98, 0.95 }, es[2] = { 0.01, 0.02 };
    const prune_picture_series series = { "m", xs, ys, es, 2 };
    switch (which) {
    case 0:
        return prune_picture_histogram(writer, &s->h, NULL, 0, o);
    case 1:
        return prune_picture_tradeoff(writer, &series, 1, o);
    case 2:
        return prune_picture_sensitivity(writer, &series, 1, 1.0, o);
    default:
        return prune_picture_sparsity(writer, s->model, o);
    }
}

START_TEST(options_and_writers)
{
    const double wrong[] = { 0.0, -640.0, 399.0, 10001.0, (double)NAN, (double)INFINITY };
    scored s;
    score(&s, 0);
    for (int which = 0; which < 4; which++) {
        bytes_file whole = { 0 }, none = { 0 };
        prune_picture_options o;
        const prune_writer all = bytes_writer(&whole), silent = bytes_writer(&none), null = { NULL, NULL };
        prune_picture_options_init(&o);
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
            o.width = wrong[i];
            ck_assert_status(draw(which, &silent, &s, &o), PRUNE_E_RANGE);
        }
        prune_picture_options_init(&o);
        o.height = 199.0;
        ck_assert_status(draw(which, &silent, &s, &o), PRUNE_E_RANGE);
        o.size++;
        ck_assert_status(draw(which, &silent, &s, &o), PRUNE_E_VERSION);
        ck_assert_uint_eq(none.calls, 0);
        ck_assert_status(draw(which, NULL, &s, NULL), PRUNE_E_ARGUMENT);
        ck_assert_status(draw(which, &null, &s, NULL), PRUNE_E_ARGUMENT);
        ck_assert_ok(draw(which, &all, &s, NULL));
        ck_assert_uint_ge(whole.calls, 2);
        for (size_t call = 1; call <= whole.calls; call++) {
            bytes_file file = { .fail_call = call, .refusal = PRUNE_E_SPACE };
            const prune_writer writer = bytes_writer(&file);
            ck_assert_status(draw(which, &writer, &s, NULL), PRUNE_E_SPACE);
            ck_assert_uint_eq(file.calls, call);
            bytes_end(&file);
        }
        bytes_end(&whole);
    }
    prune_picture_options_init(NULL);
    score_end(&s);
}
END_TEST

START_TEST(bad_histograms)
{
    scored s;
    bytes_file file = { 0 };
    const prune_writer writer = bytes_writer(&file);
    const prune_picture_mark far = { NULL, 1e200 };
    prune_model *empty;
    score(&s, 0);
    ck_assert_status(prune_picture_histogram(&writer, NULL, NULL, 0, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_picture_histogram(&writer, &s.h, NULL, 1, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_picture_histogram(&writer, &s.h, &far, 1, NULL), PRUNE_E_RANGE);
    prune_histogram h = s.h;
    h.size++;
    ck_assert_status(prune_picture_histogram(&writer, &h, NULL, 0, NULL), PRUNE_E_VERSION);
    h = s.h;
    h.bins = 0;
    ck_assert_status(prune_picture_histogram(&writer, &h, NULL, 0, NULL), PRUNE_E_SIZE);
    h = s.h;
    h.counts = NULL;
    ck_assert_status(prune_picture_histogram(&writer, &h, NULL, 0, NULL), PRUNE_E_ARGUMENT);
    h = s.h;
    h.high = INFINITY;
    ck_assert_status(prune_picture_histogram(&writer, &h, NULL, 0, NULL), PRUNE_E_NONFINITE);
    h = s.h;
    h.low = NAN;
    ck_assert_status(prune_picture_histogram(&writer, &h, NULL, 0, NULL), PRUNE_E_NONFINITE);
    h.low = 2.0f * h.high;
    ck_assert_status(prune_picture_histogram(&writer, &h, NULL, 0, NULL), PRUNE_E_RANGE);
    memset(s.counts, 0, sizeof s.counts);
    ck_assert_status(prune_picture_histogram(&writer, &s.h, NULL, 0, NULL), PRUNE_E_EMPTY);
    ck_assert_ok(prune_model_create(&empty, NULL, 4));
    ck_assert_status(prune_picture_sparsity(&writer, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_picture_sparsity(&writer, empty, NULL), PRUNE_E_NO_LAYERS);
    ck_assert_uint_eq(file.calls, 0);
    prune_model_free(empty);
    score_end(&s);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        bars_and_thresholds_lie_where_the_ticks_say,
        flat_histograms,
        bars_are_the_sparsity_of_the_layers,
        deep_models,
        options_and_writers,
        bad_histograms,
    };
    return run_tests("picture_bars", tests, sizeof tests / sizeof tests[0]);
}
