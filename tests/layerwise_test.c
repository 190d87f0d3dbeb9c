/* layerwise_test.c -- layer-wise brain surgery beside the definition in double, and SparseGPT's rule
 *
 * SPDX-License-Identifier: MIT */
#include "fixtures/sparsegpt.h"
#include "support/reference.h"
#include "support/runner.h"

#include <math.h>
#include <string.h>

enum { MOST = 24, SAMPLES = 40 };

/* ---- the twin: it inverts the trailing part of H anew for each column ---- */

typedef struct twin {
    size_t inputs, outputs, n;
    double h[MOST * MOST];
    double w[MOST][MOST];
    int32_t gone[MOST][MOST];
} twin;

/* a[n][n] = a^-1, by Gauss and Jordan; a is positive definite. */
static void invert(double *a, size_t n)
{
    for (size_t p = 0; p < n; p++) {
        const double pivot = a[p * n + p];
        a[p * n + p] = 1.0;
        for (size_t j = 0; j < n; j++)
            a[p * n + j] /= pivot;
        for (size_t i = 0; i < n; i++) {
            const double t = a[i * n + p];
            if (i == p)
                continue;
            a[i * n + p] = 0.0;
            for (size_t j = 0; j < n; j++)
                a[i * n + j] -= t * a[p * n + j];
        }
    }
}

/* inverse[(n - from)^2] of H from row and column `from` on. */
static void trailing_inverse(double *inverse, const twin *t, size_t from)
{
    const size_t m = t->n - from;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < m; j++)
            inverse[i * m + j] = t->h[(i + from) * t->n + j + from];
    invert(inverse, m);
}

static void twin_make(twin *t, const prune_model *model, const float *x, size_t samples, int32_t bias)
{
    t->inputs = prune_model_inputs(model);
    t->outputs = prune_model_outputs(model);
    t->n = t->inputs + (size_t)bias;
    double trace = 0.0;
    for (size_t i = 0; i < t->n; i++)
        for (size_t j = 0; j < t->n; j++) {
            double sum = 0.0;
            for (size_t s = 0; s < samples; s++) {
                const float *row = x + s * t->inputs;
                sum += (i < t->inputs ? (double)row[i] : 1.0) * (j < t->inputs ? (double)row[j] : 1.0);
            }
            t->h[i * t->n + j] = 2.0 / (double)samples * sum;
            trace += i == j ? t->h[i * t->n + j] : 0.0;
        }
    for (size_t i = 0; i < t->n; i++)
        t->h[i * t->n + i] += 0.01 * trace / (double)t->n;
    uint8_t mask[MOST * MOST];
    ck_assert_ok(prune_mask_get(mask, t->inputs * t->outputs, model, 0));
    for (size_t o = 0; o < t->outputs; o++)
        for (size_t i = 0; i < t->n; i++) {
            t->w[o][i] = (double)(i < t->inputs ? prune_model_param(model, 0)[o * t->inputs + i]
                                                : prune_model_param(model, 1)[o]);
            t->gone[o][i] = i < t->inputs && !mask[o * t->inputs + i];
        }
}

/* One block: the lowest `count` that are kept, by one sort that picks. */
static void twin_choose(twin *t, size_t count)
{
    double pivot[MOST], inverse[MOST * MOST];
    for (size_t j = 0; j < t->inputs; j++) {
        trailing_inverse(inverse, t, j);
        pivot[j] = inverse[0];
    }
    for (; count > 0; count--) {
        size_t best_o = 0, best_j = 0;
        double best = (double)INFINITY;
        for (size_t o = 0; o < t->outputs; o++)
            for (size_t j = 0; j < t->inputs; j++) {
                const double score = t->w[o][j] * t->w[o][j] / pivot[j];
                if (!t->gone[o][j] && score < best) {
                    best = score;
                    best_o = o;
                    best_j = j;
                }
            }
        t->gone[best_o][best_j] = 1;
    }
}

static void twin_operate(twin *t)
{
    double inverse[MOST * MOST];
    for (size_t j = 0; j < t->inputs; j++) {
        trailing_inverse(inverse, t, j);
        for (size_t o = 0; o < t->outputs; o++) {
            const double w = t->w[o][j];
            for (size_t k = j; t->gone[o][j] && k < t->n; k++)
                t->w[o][k] -= w / inverse[0] * inverse[k - j];
            t->w[o][j] = t->gone[o][j] ? 0.0 : t->w[o][j];
        }
    }
}

static void same_as_twin(const prune_model *model, const twin *t)
{
    uint8_t mask[MOST * MOST];
    ck_assert_ok(prune_mask_get(mask, t->inputs * t->outputs, model, 0));
    for (size_t o = 0; o < t->outputs; o++)
        for (size_t i = 0; i < t->inputs; i++) {
            const float w = prune_model_param(model, 0)[o * t->inputs + i];
            ck_assert_int_eq(mask[o * t->inputs + i], !t->gone[o][i]);
            ck_assert(!t->gone[o][i] || (w <= 0.0f && w >= 0.0f));
            ck_assert_double_eq_tol((double)w, t->w[o][i], 1e-5);
        }
    for (size_t o = 0; o < t->outputs && t->n > t->inputs; o++)
        ck_assert_double_eq_tol((double)prune_model_param(model, 1)[o], t->w[o][t->inputs], 1e-5);
}

/* ---- the world ---- */

typedef struct fixture {
    prune_model *model;
    size_t inputs;
    float x[SAMPLES * MOST];
    prune_tensor *tensor;
    prune_data data;
} fixture;

/* Inputs that hang together, and are not 0 in the mean. */
static void correlate(float *x, size_t samples, size_t inputs, uint64_t seed)
{
    for (size_t s = 0; s < samples; s++) {
        const double common = ref_uniform(&seed, 0.0, 2.0);
        for (size_t i = 0; i < inputs; i++)
            x[s * inputs + i] = (float)(common * (i % 3 == 0 ? 1.0 : 0.5) + ref_uniform(&seed, -0.5, 0.5));
    }
}

static void set_up(fixture *f, const prune_allocator *mem, const size_t *widths, size_t layers, uint64_t seed)
{
    f->model = world_model(mem, widths, layers, PRUNE_TANH, seed);
    f->inputs = widths[0];
    correlate(f->x, SAMPLES, f->inputs, seed + 3);
    ck_assert_ok(prune_tensor_matrix(&f->tensor, NULL, PRUNE_F32, SAMPLES, f->inputs, f->x));
    prune_data_init(&f->data);
    f->data.inputs = f->tensor;
    float bias[MOST];
    for (size_t i = 0; i < MOST; i++)
        bias[i] = 0.1f * (float)i - 0.4f;
    ck_assert_ok(prune_model_set_param(f->model, 1, bias, widths[1]));
}

static void tear_down(fixture *f)
{
    prune_tensor_free(f->tensor);
    prune_model_free(f->model);
}

static prune_layerwise_options options_of(double fraction, int32_t bias)
{
    prune_layerwise_options options;
    prune_layerwise_options_init(&options);
    options.fraction = fraction;
    options.bias = bias;
    return options;
}

/* ---- tests ---- */

static void near(float got, float expected, double tolerance)
{
    ck_assert_double_eq_tol((double)got, (double)expected, tolerance);
}

static void by_definition(const prune_backend *backend)
{
    static const struct {
        size_t inputs, outputs;
        double fraction;
        int32_t bias, mask;
    } cases[] = { { 5, 3, 0.5, 0, 0 },  { 5, 3, 0.5, 1, 0 },  { 17, 6, 0.7, 1, 0 },
                  { 17, 6, 0.7, 0, 1 }, { 20, 4, 0.9, 1, 1 }, { 3, 1, 0.3, 1, 0 } };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        fixture f;
        twin t;
        const size_t widths[] = { cases[c].inputs, cases[c].outputs };
        set_up(&f, NULL, widths, 1, c + 11);
        uint8_t mask[MOST * MOST];
        memset(mask, 1, sizeof mask);
        mask[1] = mask[7] = !cases[c].mask;
        ck_assert_ok(prune_mask_set(f.model, 0, mask, widths[0] * widths[1]));
        uint64_t count, before = cases[c].mask ? 2 : 0;
        ck_assert_ok(prune_fraction_count(&count, cases[c].fraction, widths[0] * widths[1]));
        twin_make(&t, f.model, f.x, SAMPLES, cases[c].bias);
        twin_choose(&t, (size_t)(count - before));
        twin_operate(&t);
        prune_layerwise_options options = options_of(cases[c].fraction, cases[c].bias);
        options.backend = backend;
        prune_removal removal;
        uint64_t by_layer[1];
        prune_removal_init(&removal);
        removal.by_layer = by_layer;
        removal.by_layer_capacity = 1;
        ck_assert_ok(prune_obs_layerwise(&removal, f.model, &f.data, &options, NULL));
        same_as_twin(f.model, &t);
        ck_assert_uint_eq(removal.units, widths[0] * widths[1]);
        ck_assert_uint_eq(removal.removed, count - before);
        ck_assert_uint_eq(removal.kept, removal.units - count);
        ck_assert_uint_eq(by_layer[0], removal.removed);
        ck_assert_ok(prune_model_verify(f.model, NULL));
        tear_down(&f);
    }
}

/* By LAPACK, where there is one, and by the library's own. */
START_TEST(it_is_surgery_by_definition)
{
    by_definition(NULL);
    by_definition(prune_backend_reference());
}
END_TEST

/* Blocks only change what is chosen: by groups, the choice in a row is the same whatever they are. */
static void by_blocks(const prune_backend *backend)
{
    const size_t widths[] = { 18, 5 };
    fixture f;
    set_up(&f, NULL, widths, 1, 3);
    prune_model *whole, *blocks;
    ck_assert_ok(prune_model_clone(&whole, NULL, f.model));
    ck_assert_ok(prune_model_clone(&blocks, NULL, f.model));
    prune_layerwise_options options = options_of(0.0, 1);
    options.keep = 1;
    options.of = 4;
    options.backend = backend;
    ck_assert_ok(prune_obs_layerwise(NULL, whole, &f.data, &options, NULL));
    options.block = 3; /* 4, that is */
    ck_assert_ok(prune_obs_layerwise(NULL, blocks, &f.data, &options, NULL));
    uint8_t mask[2][18 * 5];
    ck_assert_ok(prune_mask_get(mask[0], 18 * 5, whole, 0));
    ck_assert_ok(prune_mask_get(mask[1], 18 * 5, blocks, 0));
    ck_assert_mem_eq(mask[0], mask[1], sizeof mask[0]);
    for (size_t o = 0; o < 5; o++)
        for (size_t g = 0; g < 18; g += 4) {
            size_t kept = 0;
            for (size_t j = g; j < g + 4 && j < 18; j++)
                kept += mask[0][o * 18 + j];
            ck_assert_uint_eq(kept, 1);
        }
    for (size_t i = 0; i < 18 * 5; i++)
        near(prune_model_param(whole, 0)[i], prune_model_param(blocks, 0)[i], 1e-5);
    prune_model_free(whole);
    prune_model_free(blocks);
    tear_down(&f);
}

START_TEST(blocks_are_a_matter_of_speed_for_groups)
{
    by_blocks(NULL);
    by_blocks(prune_backend_reference());
}
END_TEST

static void by_sparse_gpt(const prune_backend *backend)
{
    static const struct {
        const float *expected;
        double fraction;
        uint32_t keep, of;
    } cases[] = { { fixture_half, 0.5, 0, 0 },
                  { fixture_most, 0.8, 0, 0 },
                  { fixture_2_of_4, 0.0, 2, 4 },
                  { fixture_1_of_4, 0.0, 1, 4 } };
    const size_t widths[] = { FIXTURE_INPUTS, FIXTURE_OUTPUTS }, count = FIXTURE_INPUTS * FIXTURE_OUTPUTS;
    for (size_t c = 0; c < 4; c++) {
        prune_model *model = world_model(NULL, widths, 1, PRUNE_RELU, 1);
        prune_tensor *x;
        ck_assert_ok(
            prune_tensor_const_matrix(&x, NULL, PRUNE_F32, FIXTURE_SAMPLES, FIXTURE_INPUTS, fixture_x));
        ck_assert_ok(prune_model_set_param(model, 0, fixture_w, count));
        prune_data data;
        prune_data_init(&data);
        data.inputs = x;
        prune_layerwise_options options = options_of(cases[c].fraction, 0);
        options.keep = cases[c].keep;
        options.of = cases[c].of;
        options.block = FIXTURE_BLOCK;
        options.one_more = 1;
        options.backend = backend;
        ck_assert_ok(prune_obs_layerwise(NULL, model, &data, &options, NULL));
        for (size_t i = 0; i < count; i++)
            near(prune_model_param(model, 0)[i], cases[c].expected[i], 2e-5);
        prune_tensor_free(x);
        prune_model_free(model);
    }
}

START_TEST(it_is_sparse_gpt)
{
    by_sparse_gpt(NULL);
    by_sparse_gpt(prune_backend_reference());
}
END_TEST

/* mean ||(W - W') x + b - b'||^2 */
static double output_error(const fixture *f, const prune_model *a, const prune_model *b, size_t outputs)
{
    double sum = 0.0;
    for (size_t s = 0; s < SAMPLES; s++)
        for (size_t o = 0; o < outputs; o++) {
            double error = (double)(prune_model_param(a, 1)[o] - prune_model_param(b, 1)[o]);
            for (size_t i = 0; i < f->inputs; i++)
                error +=
                    (double)f->x[s * f->inputs + i] * (double)(prune_model_param(a, 0)[o * f->inputs + i] -
                                                               prune_model_param(b, 0)[o * f->inputs + i]);
            sum += error * error;
        }
    return sum / SAMPLES;
}

START_TEST(outputs_stay_nearer_than_by_magnitude)
{
    const size_t widths[] = { 20, 12 };
    for (uint64_t seed = 1; seed <= 5; seed++) {
        fixture f;
        prune_model *by_size, *alone;
        prune_importance *scores;
        set_up(&f, NULL, widths, 1, seed);
        prune_model *dense = world_model(NULL, widths, 1, PRUNE_TANH, seed);
        ck_assert_ok(prune_model_set_param(dense, 1, prune_model_param(f.model, 1), widths[1]));
        ck_assert_ok(prune_model_clone(&by_size, NULL, dense));
        ck_assert_ok(prune_model_clone(&alone, NULL, dense));
        ck_assert_ok(prune_importance_create(&scores, NULL, by_size, PRUNE_MAGNITUDE));
        ck_assert_ok(prune_mask_fraction(NULL, by_size, scores, NULL, 0.6, PRUNE_OF_ALL));
        const prune_layerwise_options options = options_of(0.6, 1), without = options_of(0.6, 0);
        ck_assert_ok(prune_obs_layerwise(NULL, f.model, &f.data, &options, NULL));
        ck_assert_ok(prune_obs_layerwise(NULL, alone, &f.data, &without, NULL));
        const double error = output_error(&f, dense, f.model, widths[1]);
        ck_assert_double_lt(error, 0.5 * output_error(&f, dense, by_size, widths[1]));
        ck_assert_double_lt(error, output_error(&f, dense, alone, widths[1]));
        prune_importance_free(scores);
        prune_model_free(alone);
        prune_model_free(by_size);
        prune_model_free(dense);
        tear_down(&f);
    }
}
END_TEST

START_TEST(the_first_of_equals_go)
{
    const size_t widths[] = { 6, 4 };
    fixture f;
    uint8_t mask[24];
    set_up(&f, NULL, widths, 1, 9);
    ck_assert_ok(prune_model_fill(f.model, 0.0f));
    const prune_layerwise_options options = options_of(10.0 / 24.0, 1);
    ck_assert_ok(prune_obs_layerwise(NULL, f.model, &f.data, &options, NULL));
    ck_assert_ok(prune_mask_get(mask, 24, f.model, 0));
    for (size_t i = 0; i < 24; i++)
        ck_assert_uint_eq(mask[i], i >= 10);
    tear_down(&f);
}
END_TEST

/* By layer and all at once: the second layer sees what the pruned first one gives, or what it gave. */
START_TEST(inputs_are_those_that_were_asked_for)
{
    const size_t widths[] = { 8, 6, 4 };
    fixture f;
    set_up(&f, NULL, widths, 2, 9);
    prune_model *model[4];
    for (size_t m = 0; m < 4; m++)
        ck_assert_ok(prune_model_clone(&model[m], NULL, f.model));
    prune_layerwise_options options = options_of(0.5, 1);
    ck_assert_ok(prune_obs_layerwise(NULL, model[0], &f.data, &options, NULL));
    options.original = 1;
    ck_assert_ok(prune_obs_layerwise(NULL, model[1], &f.data, &options, NULL));
    for (options.layer = 0; options.layer < 2; options.layer++)
        ck_assert_ok(prune_obs_layerwise(NULL, model[2], &f.data, &options, NULL));
    options.layer = 1;
    ck_assert_ok(prune_obs_layerwise(NULL, model[3], &f.data, &options, NULL));
    ck_assert(world_same_models(model[0], model[2]));
    ck_assert_mem_eq(prune_model_param(model[3], 0), prune_model_param(f.model, 0), 48 * sizeof(float));
    ck_assert_mem_eq(prune_model_param(model[3], 2), prune_model_param(model[1], 2), 24 * sizeof(float));
    ck_assert_mem_ne(prune_model_param(model[0], 2), prune_model_param(model[1], 2), 24 * sizeof(float));
    ck_assert_mem_eq(prune_model_param(model[0], 0), prune_model_param(model[1], 0), 48 * sizeof(float));
    for (size_t m = 0; m < 4; m++)
        prune_model_free(model[m]);
    tear_down(&f);
}
END_TEST

START_TEST(scores_are_by_definition)
{
    const size_t widths[] = { 9, 5 };
    for (int32_t bias = 0; bias < 2; bias++) {
        fixture f;
        twin t;
        prune_importance *scores;
        set_up(&f, NULL, widths, 1, 21);
        twin_make(&t, f.model, f.x, SAMPLES, bias);
        invert(t.h, t.n);
        const prune_layerwise_options options = options_of(0.5, bias);
        ck_assert_ok(prune_importance_create(&scores, NULL, f.model, PRUNE_SUPPLIED));
        ck_assert_ok(prune_score_layerwise(scores, &f.data, &options, NULL));
        for (size_t o = 0; o < 5; o++)
            for (size_t i = 0; i < 9; i++) {
                const double expected = t.w[o][i] * t.w[o][i] / t.h[i * t.n + i];
                ck_assert_double_eq_tol((double)prune_importance_scores(scores, 0)[o * 9 + i], expected,
                                        1e-5 * expected + 1e-30);
            }
        ck_assert(prune_importance_scores(scores, 1)[0] > 3.4e38f);
        ck_assert_ok(prune_mask_lowest(NULL, f.model, scores, NULL, 20));
        prune_importance_free(scores);
        tear_down(&f);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { the_first_of_equals_go,
                                   it_is_surgery_by_definition,
                                   blocks_are_a_matter_of_speed_for_groups,
                                   it_is_sparse_gpt,
                                   outputs_stay_nearer_than_by_magnitude,
                                   inputs_are_those_that_were_asked_for,
                                   scores_are_by_definition };
    return run_tests("layerwise", tests, sizeof tests / sizeof tests[0]);
}
