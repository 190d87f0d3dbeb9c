/* calibrate_test.c -- the samples and options that layer-wise brain surgery takes, and those it refuses
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/reference.h"
#include "support/runner.h"

#include <math.h>
#include <string.h>

enum { MOST = 24, SAMPLES = 40 };

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

static void near(float got, float expected, double tolerance)
{
    ck_assert_double_eq_tol((double)got, (double)expected, tolerance);
}

/* A sample of weight 2 is two samples, one of weight 0 none; and inputs that are always 0 are not missed. */
START_TEST(weights_count_and_dead_inputs_go)
{
    const size_t widths[] = { 6, 4 };
    fixture once, twice;
    set_up(&once, NULL, widths, 1, 2);
    set_up(&twice, NULL, widths, 1, 2);
    float weight[SAMPLES];
    for (size_t s = 0; s < SAMPLES; s++) {
        once.x[s * 6 + 3] = 0.0f;
        weight[s] = s < SAMPLES / 2 ? 2.0f : 0.0f;
    }
    memcpy(twice.x, once.x, sizeof once.x / 2);
    for (size_t s = 0; s < SAMPLES; s++)
        memcpy(twice.x + s * 6, once.x + s % (SAMPLES / 2) * 6, 6 * sizeof(float));
    prune_tensor *weights;
    ck_assert_ok(prune_tensor_matrix(&weights, NULL, PRUNE_F32, SAMPLES, 1, weight));
    once.data.weights = weights;
    const prune_layerwise_options options = options_of(0.25, 1);
    ck_assert_ok(prune_obs_layerwise(NULL, once.model, &once.data, &options, NULL));
    ck_assert_ok(prune_obs_layerwise(NULL, twice.model, &twice.data, &options, NULL));
    for (size_t i = 0; i < 24; i++)
        near(prune_model_param(once.model, 0)[i], prune_model_param(twice.model, 0)[i], 1e-6);
    uint8_t mask[24];
    ck_assert_ok(prune_mask_get(mask, 24, once.model, 0));
    for (size_t o = 0; o < 4; o++)
        ck_assert(mask[o * 6 + 3] == 0);
    prune_tensor_free(weights);
    tear_down(&once);
    tear_down(&twice);
}
END_TEST

START_TEST(wrong_options_are_refused)
{
    const size_t widths[] = { 6, 4, 3 };
    fixture f;
    set_up(&f, NULL, widths, 2, 5);
    ck_assert_ok(prune_model_add_softmax(f.model));
    const uint64_t before = world_hash(f.model);
    const prune_layerwise_options good = options_of(0.5, 1);
    prune_layerwise_options bad[16];
    for (size_t i = 0; i < 16; i++)
        bad[i] = good;
    bad[0].fraction = -0.1;
    bad[1].fraction = 1.0;
    bad[2].fraction = (double)NAN;
    bad[3].keep = 2;
    bad[4].of = 2;
    bad[5].keep = 3, bad[5].of = 2;
    bad[6].damping = -1.0;
    bad[7].damping = (double)INFINITY;
    bad[8].block = 0;
    bad[9].bias = 2;
    bad[10].original = -1;
    bad[11].one_more = 3;
    bad[12].layer = 2;
    bad[13].layer = 3;
    bad[14].layer = -2;
    bad[15].damping = (double)NAN;
    for (size_t i = 0; i < 16; i++) {
        prune_error error = { 0 };
        ck_assert_status(prune_obs_layerwise(NULL, f.model, &f.data, &bad[i], &error), PRUNE_E_RANGE);
        ck_assert_int_eq(error.status, PRUNE_E_RANGE);
        ck_assert(error.place[0] != '\0' && error.reason[0] != '\0');
    }
    ck_assert(world_hash(f.model) == before);
    prune_layerwise_options_init(NULL);
    tear_down(&f);
}
END_TEST

START_TEST(what_is_wrong_is_refused)
{
    const size_t widths[] = { 6, 4, 3 };
    fixture f;
    set_up(&f, NULL, widths, 2, 5);
    const uint64_t before = world_hash(f.model);
    const prune_layerwise_options good = options_of(0.5, 1);
    prune_layerwise_options other = good;
    const prune_backend empty = { .name = "empty" };
    other.backend = &empty;
    ck_assert_status(prune_obs_layerwise(NULL, f.model, &f.data, &other, NULL), PRUNE_E_ARGUMENT);
    other = good;
    other.size += 8;
    ck_assert_status(prune_obs_layerwise(NULL, f.model, &f.data, &other, NULL), PRUNE_E_VERSION);
    other = good;
    other.fraction = 0.99; /* of 24 weights: all */
    ck_assert_status(prune_obs_layerwise(NULL, f.model, &f.data, &other, NULL), PRUNE_E_COLLAPSE);
    other = good;
    other.damping = 0.0;
    for (size_t s = 0; s < SAMPLES; s++)
        f.x[s * 6 + 2] = f.x[s * 6 + 1];
    ck_assert_status(prune_obs_layerwise(NULL, f.model, &f.data, &other, NULL), PRUNE_E_SINGULAR);
    other.backend = prune_backend_reference();
    ck_assert_status(prune_obs_layerwise(NULL, f.model, &f.data, &other, NULL), PRUNE_E_SINGULAR);
    ck_assert_status(prune_obs_layerwise(NULL, NULL, &f.data, &good, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_obs_layerwise(NULL, f.model, NULL, &good, NULL), PRUNE_E_ARGUMENT);
    prune_data none;
    prune_data_init(&none);
    ck_assert_status(prune_obs_layerwise(NULL, f.model, &none, &good, NULL), PRUNE_E_EMPTY);
    prune_removal removal;
    uint64_t by_layer[1];
    prune_removal_init(&removal);
    removal.by_layer = by_layer;
    removal.by_layer_capacity = 1;
    ck_assert_status(prune_obs_layerwise(&removal, f.model, &f.data, &good, NULL), PRUNE_E_SHAPE);
    f.x[30] = NAN;
    ck_assert_status(prune_obs_layerwise(NULL, f.model, &f.data, &good, NULL), PRUNE_E_NONFINITE);
    ck_assert(world_hash(f.model) == before);
    tear_down(&f);
}
END_TEST

START_TEST(wrong_tables_are_refused)
{
    const size_t widths[] = { 6, 4 };
    fixture f;
    prune_importance *magnitudes, *supplied;
    set_up(&f, NULL, widths, 1, 5);
    prune_layerwise_options options = options_of(0.5, 1);
    ck_assert_ok(prune_importance_create(&magnitudes, NULL, f.model, PRUNE_MAGNITUDE));
    ck_assert_ok(prune_importance_create(&supplied, NULL, f.model, PRUNE_SUPPLIED));
    ck_assert_status(prune_score_layerwise(NULL, &f.data, &options, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_score_layerwise(magnitudes, &f.data, &options, NULL), PRUNE_E_STATE);
    ck_assert_ptr_nonnull(prune_importance_scores(magnitudes, 0));
    ck_assert_status(prune_score_layerwise(supplied, NULL, &options, NULL), PRUNE_E_ARGUMENT);
    options.layer = 7;
    ck_assert_status(prune_score_layerwise(supplied, &f.data, &options, NULL), PRUNE_E_RANGE);
    f.x[3] = INFINITY;
    ck_assert_status(prune_score_layerwise(supplied, &f.data, NULL, NULL), PRUNE_E_NONFINITE);
    ck_assert_ptr_null(prune_importance_scores(supplied, 0));
    prune_importance_free(magnitudes);
    prune_importance_free(supplied);
    tear_down(&f);
}
END_TEST

START_TEST(no_memory_is_a_status)
{
    const size_t widths[] = { 6, 4, 3 };
    for (size_t n = 1, done = 0; !done; n++) {
        heap h = { 0 };
        const prune_allocator mem = heap_allocator(&h);
        fixture f;
        set_up(&f, &mem, widths, 2, 5);
        prune_importance *scores;
        ck_assert_ok(prune_importance_create(&scores, NULL, f.model, PRUNE_SUPPLIED));
        const uint64_t before = world_hash(f.model);
        const size_t live = h.live_blocks;
        heap_refuse_from(&h, n);
        const prune_status scored = prune_score_layerwise(scores, &f.data, NULL, NULL);
        heap_refuse_from(&h, n);
        const prune_status status = prune_obs_layerwise(NULL, f.model, &f.data, NULL, NULL);
        done = status == PRUNE_OK;
        ck_assert(done || status == PRUNE_E_MEMORY);
        ck_assert(scored == PRUNE_OK || scored == PRUNE_E_MEMORY);
        ck_assert(done == (world_hash(f.model) != before));
        ck_assert_uint_eq(h.live_blocks, live);
        prune_importance_free(scores);
        tear_down(&f);
        ck_assert(heap_is_clean(&h));
        ck_assert_uint_lt(n, 50);
    }
}
END_TEST

static prune_status refuse(void *user, const size_t *samples, size_t count, float *inputs, void *targets)
{
    const fixture *f = user;
    for (size_t i = 0; i < count; i++) {
        if (f->data.weights == NULL && samples[i] == SAMPLES - 1)
            return 77;
        memcpy(inputs + i * f->inputs, f->x + samples[i] * f->inputs, f->inputs * sizeof(float));
        ((int32_t *)targets)[i] = -5; /* nobody looks */
    }
    return PRUNE_OK;
}

START_TEST(samples_may_come_from_a_source)
{
    const size_t widths[] = { 6, 4, 3 };
    fixture f, tensors;
    set_up(&f, NULL, widths, 2, 5);
    set_up(&tensors, NULL, widths, 2, 5);
    prune_source source;
    prune_source_init(&source);
    source.samples = SAMPLES;
    source.inputs = 6;
    source.read = refuse;
    source.user = &f;
    prune_data data;
    prune_data_init(&data);
    data.source = &source;
    const uint64_t before = world_hash(f.model);
    ck_assert_status(prune_obs_layerwise(NULL, f.model, &data, NULL, NULL), 77);
    ck_assert(world_hash(f.model) == before);
    f.data.weights = f.tensor; /* any but NULL: read() does not fail then */
    ck_assert_ok(prune_obs_layerwise(NULL, f.model, &data, NULL, NULL));
    ck_assert_ok(prune_obs_layerwise(NULL, tensors.model, &tensors.data, NULL, NULL));
    ck_assert(world_same_models(f.model, tensors.model));
    tear_down(&f);
    tear_down(&tensors);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        weights_count_and_dead_inputs_go, wrong_options_are_refused, what_is_wrong_is_refused,
        wrong_tables_are_refused,         no_memory_is_a_status,     samples_may_come_from_a_source
    };
    return run_tests("calibrate", tests, sizeof tests / sizeof tests[0]);
}
