/* history_test.c -- CSV of a fit: each figure read back, numbers as printf has them and in no locale
 *
 * SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700 /* uselocale() */
#include "support/bytes.h"
#include "support/training.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUTS = 4, CLASSES = 3, SAMPLES = 20, COLUMNS = 8, MOST = 30 };

#define HEADER "epoch,loss,penalty,validation_loss,validation_metric,validation_own,learning_rate,seconds\n"

static const size_t widths[] = { INPUTS, CLASSES };

typedef struct fixture {
    world_data world;
    prune_model *model;
    prune_trainer *trainer;
    bytes_file file;
    prune_history history;
} fixture;

static void open_fixture(fixture *f)
{
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
    prune_schedule schedule;
    options.learning_rate = 0.0625f;
    options.l1 = 0.001f;
    options.max_batch = 5;
    prune_schedule_init(&schedule);
    schedule.kind = PRUNE_SCHEDULE_EXPONENTIAL;
    schedule.factor = 0.5f;
    schedule.period = 4;
    options.schedule = &schedule;
    world_data_make(&f->world, SAMPLES, INPUTS, CLASSES, 5);
    f->model = world_model(NULL, widths, 1, PRUNE_RELU, 2);
    f->trainer = world_trainer(f->model, &options);
    f->file = (bytes_file){ 0 };
    prune_history_init(&f->history);
    f->history.writer = bytes_writer(&f->file);
}

static void close_fixture(fixture *f)
{
    prune_trainer_free(f->trainer);
    prune_model_free(f->model);
    world_data_end(&f->world);
    bytes_end(&f->file);
}

/* The text so far. */
static const char *text_of(fixture *f)
{
    static const char nothing[] = "";
    if (f->file.at == NULL)
        return nothing;
    f->file.at[f->file.length] = '\0'; /* there is room for one more */
    return (const char *)f->file.at;
}

/* One line with this loss, without a fit. */
static const char *line_with_loss(fixture *f, double loss)
{
    const prune_progress p = { .size = sizeof p,
                               .epoch_end = 1,
                               .loss = loss,
                               .validation_loss = (double)NAN,
                               .validation_metric = (double)NAN,
                               .validation_own = (double)NAN,
                               .trainer = f->trainer };
    bytes_end(&f->file);
    f->history.header = 0;
    ck_assert_int_eq(prune_history_csv(&f->history, &p), 0);
    return text_of(f);
}

static void assert_written(fixture *f, double loss, const char *expected)
{
    char line[200];
    snprintf(line, sizeof line, "0,%s,0,,,,0.0625,0\n", expected);
    ck_assert_str_eq(line_with_loss(f, loss), line);
}

/* ---- numbers ---- */

/* strtod() and printf("%.9g") as they are in no locale, whichever the tests run in. */
static double plain_read(const char *text, char **end)
{
    const locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0), before = uselocale(plain);
    const double value = strtod(text, end);
    uselocale(before);
    freelocale(plain);
    return value;
}

static void plain_write(char text[40], double value)
{
    const locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0), before = uselocale(plain);
    snprintf(text, 40, "%.9g", value);
    uselocale(before);
    freelocale(plain);
}

START_TEST(numbers_have_nine_digits_and_no_more_than_needed)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        { 0.0, "0" },
        { 1.0, "1" },
        { -1.0, "-1" },
        { 0.5, "0.5" },
        { 0.1, "0.1" },
        { 1.0 / 3.0, "0.333333333" },
        { 2.0 / 3.0, "0.666666667" },
        { 100.0, "100" },
        { 123456789.0, "123456789" },
        { 999999999.0, "999999999" },
        { 999999999.6, "1e+09" },
        { 1234567890.0, "1.23456789e+09" },
        { 12345678.25, "12345678.3" },
        { 1e9, "1e+09" },
        { 0.0001, "0.0001" },
        { 0.00012345, "0.00012345" },
        { 0.00001, "1e-05" },
        { -0.000012345, "-1.2345e-05" },
        { 0.99999999951, "1" },
        { 9.9999999951e-5, "0.0001" },
        { 1e22, "1e+22" },
        { 1e100, "1e+100" },
        { -2.5e-300, "-2.5e-300" },
        { 4.9406564584124654e-324, "4.94065646e-324" },
        { DBL_MAX, "1.79769313e+308" },
        { (double)INFINITY, "inf" },
        { -(double)INFINITY, "-inf" },
        { (double)NAN, "" },
    };
    fixture f;
    open_fixture(&f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_written(&f, cases[i].value, cases[i].text);
    close_fixture(&f);
}
END_TEST

/* The second field. */
static double loss_of(const char *line)
{
    return plain_read(strchr(line, ',') + 1, NULL);
}

START_TEST(every_float_is_read_back_as_itself)
{
    fixture f;
    prune_rng rng;
    open_fixture(&f);
    prune_rng_seed(&rng, 1);
    for (size_t i = 0; i < 20000; i++) {
        const uint32_t bits = prune_rng_next(&rng);
        float value;
        memcpy(&value, &bits, sizeof value);
        if (isnan(value))
            continue;
        ck_assert((float)loss_of(line_with_loss(&f, (double)value)) == value);
    }
    close_fixture(&f);
}
END_TEST

START_TEST(doubles_are_written_as_printf_writes_them)
{
    fixture f;
    prune_rng rng;
    open_fixture(&f);
    prune_rng_seed(&rng, 2);
    for (size_t i = 0; i < 5000; i++) {
        char expected[40];
        const double scale = pow(10.0, (double)prune_rng_below(&rng, 25) - 12.0);
        const double high = (double)prune_rng_next(&rng) - 0x1p31,
                     low = (double)prune_rng_next(&rng) * 0x1p-32;
        const double value = (high + low) * scale; /* not just between two decimals */
        plain_write(expected, value);
        assert_written(&f, value, expected);
    }
    close_fixture(&f);
}
END_TEST

START_TEST(the_locale_does_not_matter)
{
    static const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8", "C" };
    fixture f;
    open_fixture(&f);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)setlocale(LC_ALL, names[i]); /* those that this machine has */
        assert_written(&f, 1234.5625, "1234.5625");
        assert_written(&f, -1.25e-30, "-1.25e-30");
    }
    close_fixture(&f);
}
END_TEST

/* ---- lines ---- */

typedef struct record {
    prune_progress seen[MOST];
    double rate[MOST];
    size_t epochs, reports, stop_at;
} record;

static int32_t take_down(void *user, const prune_progress *p)
{
    record *r = user;
    r->reports++;
    if (!p->epoch_end)
        return 0;
    ck_assert_uint_lt(r->epochs, MOST);
    r->rate[r->epochs] = (double)prune_trainer_next_rate(p->trainer);
    ck_assert_double_lt(r->rate[r->epochs], (double)prune_trainer_learning_rate(p->trainer));
    r->seen[r->epochs++] = *p;
    ck_assert_ok(
        prune_trainer_set_learning_rate(p->trainer, prune_trainer_learning_rate(p->trainer) * 0.75f));
    return r->epochs == r->stop_at;
}

static uint64_t fake_time(void *user)
{
    uint64_t *now = user;
    return *now += 1250000000u;
}

static void fit(fixture *f, uint64_t epochs, record *r, prune_fit_result *result)
{
    uint64_t now = 0;
    const prune_clock clock = { fake_time, &now };
    prune_fit_options options;
    prune_fit_options_init(&options);
    prune_fit_result_init(result);
    options.epochs = epochs;
    options.clock = &clock;
    options.validation_fraction = 0.3;
    options.progress_every = 1;
    options.progress = prune_history_csv;
    options.user = &f->history;
    f->history.next = r == NULL ? NULL : take_down;
    f->history.next_user = r;
    ck_assert_ok(prune_trainer_fit(result, f->trainer, &f->world.labelled, &options, NULL));
}

/* Reads a line of numbers, NaN where there is none, and returns where the next begins. */
static const char *read_line(double numbers[COLUMNS], const char *line)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        char *end;
        numbers[i] = plain_read(line, &end);
        numbers[i] = end == line ? (double)NAN : numbers[i];
        ck_assert_int_eq(*end, i + 1 == COLUMNS ? '\n' : ',');
        line = end + 1;
    }
    return line;
}

static void assert_close(double found, double expected)
{
    ck_assert_double_le(fabs(found - expected), 6e-9 * fabs(expected));
}

START_TEST(each_epoch_is_a_line_with_what_the_callback_saw)
{
    fixture f;
    record r = { .epochs = 0 };
    prune_fit_result result;
    open_fixture(&f);
    fit(&f, 5, &r, &result);
    ck_assert_uint_gt(r.reports, 5);
    ck_assert_uint_eq(f.file.calls, 6);
    const char *at = text_of(&f);
    ck_assert_int_eq(strncmp(at, HEADER, strlen(HEADER)), 0);
    at += strlen(HEADER);
    for (size_t e = 0; e < 5; e++) {
        double numbers[COLUMNS];
        at = read_line(numbers, at);
        ck_assert(numbers[0] == (double)(e + 1));
        assert_close(numbers[1], r.seen[e].loss);
        assert_close(numbers[2], r.seen[e].penalty);
        assert_close(numbers[3], r.seen[e].validation_loss);
        assert_close(numbers[4], r.seen[e].validation_metric);
        ck_assert(numbers[5] != numbers[5]); /* empty */
        assert_close(numbers[6], r.rate[e]);
        assert_close(numbers[7], r.seen[e].elapsed);
        ck_assert_double_gt(numbers[7], 0.0);
    }
    ck_assert_int_eq(*at, '\0');
    close_fixture(&f);
}
END_TEST

START_TEST(a_second_fit_goes_on_without_a_header)
{
    fixture f;
    prune_fit_result result;
    open_fixture(&f);
    fit(&f, 2, NULL, &result);
    ck_assert_int_eq(f.history.header, 0);
    fit(&f, 3, NULL, &result);
    const char *at = text_of(&f) + strlen(HEADER);
    for (size_t e = 0; e < 5; e++) {
        double numbers[COLUMNS];
        at = read_line(numbers, at);
        ck_assert(numbers[0] == (double)(e + 1));
    }
    ck_assert_int_eq(*at, '\0');
    close_fixture(&f);
}
END_TEST

START_TEST(the_next_callback_may_stop)
{
    fixture f;
    record r = { .stop_at = 2 };
    prune_fit_result result;
    open_fixture(&f);
    fit(&f, 9, &r, &result);
    ck_assert_uint_eq(result.epochs, 2);
    ck_assert_int_eq(result.stopped, 1);
    ck_assert_int_eq(f.history.status, PRUNE_OK);
    ck_assert_uint_eq(f.file.calls, 3);
    close_fixture(&f);
}
END_TEST

START_TEST(a_writer_that_refuses_ends_the_fit)
{
    for (size_t call = 1; call <= 4; call++) {
        fixture f;
        record r = { .epochs = 0 };
        prune_fit_result result;
        open_fixture(&f);
        f.file.fail_call = call;
        f.file.refusal = PRUNE_E_SPACE;
        fit(&f, 9, &r, &result);
        ck_assert_int_eq(f.history.status, PRUNE_E_SPACE);
        ck_assert_int_eq(f.history.header, call == 1);
        ck_assert_int_eq(result.stopped, 1);
        ck_assert_uint_eq(result.epochs, call == 1 ? 1 : call - 1);
        ck_assert_uint_eq(r.epochs, result.epochs);
        ck_assert_uint_eq(f.file.calls, call);
        close_fixture(&f);
    }
}
END_TEST

START_TEST(what_is_not_a_history_ends_the_fit)
{
    fixture f;
    prune_fit_result result;
    prune_progress p = { .size = sizeof p, .epoch_end = 1 };
    open_fixture(&f);
    p.trainer = f.trainer;
    ck_assert_int_ne(prune_history_csv(NULL, &p), 0);
    f.history.size--;
    ck_assert_int_ne(prune_history_csv(&f.history, &p), 0);
    ck_assert_uint_eq(f.file.calls, 0);
    f.history.size++;
    f.history.writer.write = NULL;
    fit(&f, 3, NULL, &result);
    ck_assert_int_eq(f.history.status, PRUNE_E_ARGUMENT);
    ck_assert_uint_eq(result.epochs, 1);
    prune_history_init(NULL);
    close_fixture(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { numbers_have_nine_digits_and_no_more_than_needed,
                                   every_float_is_read_back_as_itself,
                                   doubles_are_written_as_printf_writes_them,
                                   the_locale_does_not_matter,
                                   each_epoch_is_a_line_with_what_the_callback_saw,
                                   a_second_fit_goes_on_without_a_header,
                                   the_next_callback_may_stop,
                                   a_writer_that_refuses_ends_the_fit,
                                   what_is_not_a_history_ends_the_fit };
    return run_tests("history", tests, sizeof tests / sizeof tests[0]);
}
