/* compare_test.c -- how much worse a model is than another, and bounds that hold as often as they say
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/runner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 4, OUTPUTS = 2, MOST = 400 };

/* Models that show the first and the last two of their four inputs: so the data say what each of them gets
 * right. */
typedef struct world {
    prune_model *first, *second;
    float x[MOST][COLUMNS], y[MOST][OUTPUTS], weight[MOST];
    int32_t label[MOST];
    prune_tensor *inputs, *labels, *values, *weights;
    prune_data data;
    prune_validation validation;
    prune_comparison comparison;
} world;

static prune_model *window(const prune_allocator *mem, size_t from)
{
    prune_model *model;
    float w[OUTPUTS * COLUMNS] = { 0 };
    w[from] = w[COLUMNS + from + 1] = 1.0f;
    ck_assert_ok(prune_model_create(&model, mem, COLUMNS));
    ck_assert_ok(prune_model_add_dense(model, OUTPUTS, PRUNE_LINEAR));
    ck_assert_ok(prune_model_set_param(model, 0, w, OUTPUTS * COLUMNS));
    return model;
}

static void open_world(world *w, const prune_allocator *mem, size_t samples)
{
    *w = (world){ .first = window(mem, 0), .second = window(mem, 2) };
    ck_assert_ok(prune_tensor_matrix(&w->inputs, NULL, PRUNE_F32, samples, COLUMNS, w->x));
    ck_assert_ok(prune_tensor_matrix(&w->labels, NULL, PRUNE_I32, samples, 1, w->label));
    ck_assert_ok(prune_tensor_matrix(&w->values, NULL, PRUNE_F32, samples, OUTPUTS, w->y));
    ck_assert_ok(prune_tensor_matrix(&w->weights, NULL, PRUNE_F32, samples, 1, w->weight));
    prune_data_init(&w->data);
    w->data.inputs = w->inputs;
    w->data.targets = w->labels;
    prune_validation_init(&w->validation);
    prune_comparison_init(&w->comparison);
}

static void close_world(world *w)
{
    prune_tensor_free(w->inputs);
    prune_tensor_free(w->labels);
    prune_tensor_free(w->values);
    prune_tensor_free(w->weights);
    prune_model_free(w->first);
    prune_model_free(w->second);
}

/* Label 0 is right where the first output is the larger. */
static void set_sample(world *w, size_t i, int32_t first_right, int32_t second_right)
{
    w->x[i][0] = first_right ? 1.0f : -1.0f;
    w->x[i][2] = second_right ? 1.0f : -1.0f;
    w->weight[i] = 1.0f;
}

static void compare(world *w)
{
    ck_assert_ok(prune_compare(&w->comparison, w->first, w->second, &w->data, &w->validation, NULL));
}

/* Of b + c discordant samples among n, if the first is better by d: the largest likelihood over the share q
 * that only the second gets right, found by steps and not by a formula. */
static double likeliest(double b, double c, double n, double d)
{
    double best = 0.0, most = (double)-INFINITY;
    const double from = d < 0.0 ? -d : 0.0, to = (1.0 - d) / 2.0;
    for (size_t i = 1; i < 200000; i++) {
        const double q = from + (to - from) * (double)i / 200000.0;
        const double likely = b * log(q + d) + c * log(q) + (n - b - c) * log(1.0 - 2.0 * q - d);
        best = likely > most ? q : best;
        most = likely > most ? likely : most;
    }
    return best;
}

static void assert_score(double b, double c, double n, double d, double z)
{
    const double q = likeliest(b, c, n, d);
    ck_assert_double_eq_tol((b - c - n * d) / sqrt(n * (2.0 * q + d * (1.0 - d))), z, 2e-4);
}

START_TEST(accuracy_has_the_bounds_of_the_score)
{
    static const size_t cells[][2] = { { 30, 11 }, { 5, 2 }, { 2, 9 }, { 40, 40 } };
    static const double confidence_z[][2] = { { 0.95, 1.6448536269514722 }, { 0.999, 3.090232306167813 } };
    world w;
    open_world(&w, NULL, 150);
    for (size_t k = 0; k < 4; k++)
        for (size_t l = 0; l < 2; l++) {
            const double b = (double)cells[k][0], c = (double)cells[k][1];
            for (size_t i = 0; i < 150; i++)
                set_sample(&w, i, i < cells[k][0] || i >= 100,
                           i >= 150 - 50 || (i >= 40 && i < 40 + cells[k][1]));
            w.comparison.confidence = confidence_z[l][0];
            compare(&w);
            ck_assert_double_eq_tol(w.comparison.first, (b + 50.0) / 150.0, 1e-12);
            ck_assert_double_eq_tol(w.comparison.second, (c + 50.0) / 150.0, 1e-12);
            ck_assert_double_eq_tol(w.comparison.worse, (b - c) / 150.0, 1e-12);
            assert_score(b, c, 150.0, w.comparison.low, confidence_z[l][1]);
            assert_score(b, c, 150.0, w.comparison.high, -confidence_z[l][1]);
        }
    close_world(&w);
}
END_TEST

START_TEST(equal_models_may_still_differ)
{
    world w;
    const double z2 = 1.6448536269514722 * 1.6448536269514722;
    open_world(&w, NULL, 70);
    for (size_t i = 0; i < 70; i++)
        set_sample(&w, i, i % 2 == 0, i % 2 == 0);
    compare(&w);
    ck_assert(w.comparison.worse == 0.0);
    ck_assert_double_eq_tol(w.comparison.high, z2 / (70.0 + z2), 1e-9);
    ck_assert_double_eq_tol(w.comparison.low, -z2 / (70.0 + z2), 1e-9);
    close_world(&w);
}
END_TEST

/* t(19), 0.95: 1.729132812. */
START_TEST(other_metrics_have_the_spread_of_their_sections)
{
    world w;
    open_world(&w, NULL, 210);
    prune_rng rng;
    prune_rng_seed(&rng, 4);
    double sums[20] = { 0 }, all = 0.0, squares = 0.0;
    for (size_t i = 0; i < 210; i++)
        for (size_t c = 0; c < COLUMNS; c++)
            w.x[i][c] = prune_rng_normal(&rng);
    w.data.targets = w.values;
    w.validation.loss = PRUNE_MSE;
    w.validation.metric = PRUNE_METRIC_MAE;
    size_t count[20] = { 0 };
    for (size_t i = 0; i < 210; i++) {
        const double worse = 0.5 * (fabs((double)w.x[i][2]) + fabs((double)w.x[i][3]) -
                                    fabs((double)w.x[i][0]) - fabs((double)w.x[i][1]));
        size_t part = 0;
        while (10 * (part + 1) + 10 * (part + 1) / 20 <= i)
            part++;
        sums[part] += worse;
        count[part]++;
        all += worse / 210.0;
    }
    for (size_t s = 0; s < 20; s++) {
        const double apart = sums[s] / (double)count[s] - all;
        squares += apart * apart;
    }
    compare(&w);
    ck_assert_double_eq_tol(w.comparison.worse, all, 1e-7);
    const double half = 1.729132812 * sqrt(squares / 19.0 / 20.0);
    ck_assert_double_eq_tol(w.comparison.high, all + half, 1e-4 * half);
    ck_assert_double_eq_tol(w.comparison.low, all - half, 1e-4 * half);
    close_world(&w);
}
END_TEST

/* COMPARE_DRAWS=50 is fifty times as many, for `make check-long`. */
static size_t how_many(size_t draws)
{
    const char *wanted = getenv("COMPARE_DRAWS");
    return wanted != NULL && strcmp(wanted, "50") == 0 ? 50 * draws : draws;
}

/* Draws of data for which the truth is known: the upper bound is above it about as often as it says. */
START_TEST(bounds_hold_as_often_as_they_say)
{
    static const double cells[][2] = { { 0.02, 0.02 }, { 0.05, 0.01 }, { 0.2, 0.1 }, { 0.01, 0.0 } };
    enum { SAMPLES = 200 };
    const size_t draws = how_many(30);
    world w;
    prune_rng rng;
    prune_rng_seed(&rng, 9);
    open_world(&w, NULL, SAMPLES);
    for (size_t c = 0; c < 4; c++) {
        size_t above = 0, below = 0;
        for (size_t draw = 0; draw < draws; draw++) {
            for (size_t i = 0; i < SAMPLES; i++) {
                const double u = (double)prune_rng_uniform(&rng);
                set_sample(&w, i, u < cells[c][0] || u > 0.5, u > 0.5 || (u > 0.3 && u < 0.3 + cells[c][1]));
            }
            compare(&w);
            above += w.comparison.high >= cells[c][0] - cells[c][1];
            below += w.comparison.low <= cells[c][0] - cells[c][1];
        }
        ck_assert_uint_ge(above, draws * 93 / 100);
        ck_assert_uint_ge(below, draws * 93 / 100);
        ck_assert(c == 3 || draws < 1500 || above <= draws * 98 / 100);
    }
    close_world(&w);
}
END_TEST

START_TEST(sections_hold_as_often_as_they_say)
{
    enum { SAMPLES = 100 };
    const size_t draws = how_many(10);
    world w;
    prune_rng rng;
    size_t above = 0;
    prune_rng_seed(&rng, 10);
    open_world(&w, NULL, SAMPLES);
    w.data.targets = w.values;
    w.validation.loss = PRUNE_MSE;
    w.validation.metric = PRUNE_METRIC_RMSE;
    for (size_t draw = 0; draw < draws; draw++) {
        for (size_t i = 0; i < SAMPLES; i++)
            for (size_t c = 0; c < COLUMNS; c++)
                w.x[i][c] = prune_rng_normal(&rng) * (c < 2 ? 1.0f : 1.2f);
        compare(&w);
        above += w.comparison.high >= 0.2;
    }
    ck_assert_uint_ge(above, draws * 91 / 100);
    ck_assert(draws < 400 || above <= draws * 99 / 100);
    close_world(&w);
}
END_TEST

static prune_status read_rows(void *user, const size_t *samples, size_t count, float *inputs, void *targets)
{
    const world *w = user;
    for (size_t i = 0; i < count; i++) {
        for (size_t c = 0; c < COLUMNS; c++)
            inputs[i * COLUMNS + c] = w->x[samples[i]][c];
        ((int32_t *)targets)[i] = w->label[samples[i]];
    }
    return PRUNE_OK;
}

/* The same as tensors, also with weights and where the metric is the loss. */
START_TEST(sources_give_the_same)
{
    static world w;
    prune_source source;
    prune_rng rng;
    prune_rng_seed(&rng, 11);
    open_world(&w, NULL, 333);
    for (size_t i = 0; i < 333; i++) {
        set_sample(&w, i, prune_rng_below(&rng, 5) != 0, prune_rng_below(&rng, 4) != 0);
        w.weight[i] = 0.5f + prune_rng_uniform(&rng);
        w.label[i] = (int32_t)prune_rng_below(&rng, 2);
    }
    prune_source_init(&source);
    source.samples = 333;
    source.inputs = COLUMNS;
    source.read = read_rows;
    source.user = &w;
    for (int32_t metric = PRUNE_METRIC_LOSS; metric <= PRUNE_METRIC_ACCURACY; metric++)
        for (size_t weighted = 0; weighted < 2; weighted++) {
            w.validation.metric = metric;
            prune_data_init(&w.data);
            w.data.inputs = w.inputs;
            w.data.targets = w.labels;
            w.data.weights = weighted ? w.weights : NULL;
            compare(&w);
            const prune_comparison tensors = w.comparison;
            w.data.inputs = w.data.targets = NULL;
            w.data.source = &source;
            compare(&w);
            ck_assert(w.comparison.worse == tensors.worse && w.comparison.high == tensors.high &&
                      w.comparison.low == tensors.low);
            ck_assert(tensors.low < tensors.worse && tensors.worse < tensors.high);
        }
    close_world(&w);
}
END_TEST

typedef struct counted {
    world *w;
    size_t rows;
} counted;

static prune_status count_rows(void *user, const size_t *samples, size_t count, float *inputs, void *targets)
{
    counted *c = user;
    c->rows += count;
    return read_rows(c->w, samples, count, inputs, targets);
}

START_TEST(each_model_runs_once)
{
    world w;
    prune_source source;
    counted all = { &w, 0 };
    open_world(&w, NULL, 300);
    for (size_t i = 0; i < 300; i++)
        set_sample(&w, i, i % 3 != 0, i % 4 != 0);
    prune_source_init(&source);
    source.samples = 300;
    source.inputs = COLUMNS;
    source.read = count_rows;
    source.user = &all;
    w.data.inputs = w.data.targets = NULL;
    w.data.source = &source;
    for (int32_t metric = PRUNE_METRIC_LOSS; metric <= PRUNE_METRIC_ACCURACY; metric++) {
        all.rows = 0;
        w.validation.metric = metric;
        compare(&w);
        ck_assert_uint_eq(all.rows, 600);
    }
    close_world(&w);
}
END_TEST

/* What is said of all samples still is; there are no bounds. */
START_TEST(a_section_may_say_nothing)
{
    world w;
    open_world(&w, NULL, 100);
    for (size_t i = 0; i < 100; i++) {
        set_sample(&w, i, i % 3 != 0, i % 2 != 0);
        w.weight[i] = i < 20 ? 0.0f : 1.0f;
    }
    w.data.weights = w.weights;
    compare(&w);
    ck_assert(w.comparison.worse > 0.1 && isnan(w.comparison.low) && isnan(w.comparison.high));
    close_world(&w);
}
END_TEST

START_TEST(arguments_are_checked)
{
    world w;
    static const double wrong[] = { 0.5, 0.9991, -1.0, (double)NAN };
    open_world(&w, NULL, 39);
    for (size_t i = 0; i < 39; i++)
        set_sample(&w, i, 1, 1);
    compare(&w);
    const prune_comparison before = w.comparison;
    prune_error error;
#define REFUSED(first, second, data, status)                                                            \
    ck_assert_status(prune_compare(&w.comparison, first, second, data, &w.validation, &error), status); \
    ck_assert_mem_eq(&w.comparison, &before, sizeof before)
    REFUSED(NULL, w.second, &w.data, PRUNE_E_SHAPE);
    REFUSED(w.first, NULL, &w.data, PRUNE_E_SHAPE);
    REFUSED(NULL, NULL, &w.data, PRUNE_E_ARGUMENT);
    REFUSED(w.first, w.second, NULL, PRUNE_E_ARGUMENT);
    const float was = w.x[3][0];
    w.x[3][0] = NAN;
    REFUSED(w.first, w.second, &w.data, PRUNE_E_NONFINITE);
    w.x[3][0] = was;
    ck_assert_status(prune_compare(NULL, w.first, w.second, &w.data, NULL, &error), PRUNE_E_ARGUMENT);
    w.validation.metric = PRUNE_METRIC_LOSS; /* 39 are one too few for 20 sections of 2 */
    REFUSED(w.first, w.second, &w.data, PRUNE_E_EMPTY);
    w.validation.metric = PRUNE_METRIC_MAE;
    REFUSED(w.first, w.second, &w.data, PRUNE_E_ARGUMENT);
    w.validation.metric = PRUNE_METRIC_ACCURACY;
    for (size_t i = 0; i < 4; i++) {
        prune_comparison c = before;
        c.confidence = wrong[i];
        ck_assert_status(prune_compare(&c, w.first, w.second, &w.data, NULL, &error), PRUNE_E_RANGE);
        ck_assert_str_eq(error.place, "comparison.confidence");
    }
    prune_comparison_init(NULL);
    close_world(&w);
}
END_TEST

START_TEST(refused_memory_is_reported)
{
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    world w;
    open_world(&w, &mem, 50);
    for (size_t i = 0; i < 50; i++)
        set_sample(&w, i, i % 3 != 0, i % 2 != 0);
    for (size_t m = 0; m < 2; m++) {
        w.validation.metric = m == 0 ? PRUNE_METRIC_ACCURACY : PRUNE_METRIC_LOSS;
        prune_status status = PRUNE_E_MEMORY;
        for (size_t n = 1; status == PRUNE_E_MEMORY; n++) {
            const size_t live = h.live_bytes;
            heap_refuse_once(&h, n);
            status = prune_compare(&w.comparison, w.first, w.second, &w.data, &w.validation, NULL);
            ck_assert_uint_eq(h.live_bytes, live);
            ck_assert_uint_lt(n, 400);
        }
        ck_assert_ok(status);
        heap_refuse_once(&h, 0);
    }
    close_world(&w);
    ck_assert(heap_is_clean(&h));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        accuracy_has_the_bounds_of_the_score,
        equal_models_may_still_differ,
        other_metrics_have_the_spread_of_their_sections,
        bounds_hold_as_often_as_they_say,
        sections_hold_as_often_as_they_say,
        sources_give_the_same,
        each_model_runs_once,
        a_section_may_say_nothing,
        arguments_are_checked,
        refused_memory_is_reported,
    };
    return run_tests("compare", tests, sizeof tests / sizeof tests[0]);
}
