/* initializer_test.c -- first weights: limits, moments, and what they depend on
 *
 * SPDX-License-Identifier: MIT */
#include "support/runner.h"

#include <math.h>
#include <string.h>

/* Standard deviations that a statistic may be off; seeds are fixed. */
static const double SIGMAS = 5.0;

static prune_model *one_layer(size_t inputs, size_t outputs, int32_t activation)
{
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, NULL, inputs));
    ck_assert_ok(prune_model_add_dense(model, outputs, activation));
    return model;
}

static int32_t same_param(const prune_model *a, size_t p, const prune_model *b, size_t q, size_t count)
{
    return memcmp(prune_model_param(a, p), prune_model_param(b, q), count * sizeof(float)) == 0;
}

/* ---- distributions ---- */

/* The standard deviation by the definition in initializer.h. */
static double deviation_of(int32_t initializer, double fan_in, double fan_out)
{
    const int32_t is_he = initializer == PRUNE_INIT_HE_UNIFORM || initializer == PRUNE_INIT_HE_NORMAL;
    return is_he ? sqrt(2.0 / fan_in) : sqrt(2.0 / (fan_in + fan_out));
}

static int32_t is_uniform(int32_t initializer)
{
    return initializer == PRUNE_INIT_GLOROT_UNIFORM || initializer == PRUNE_INIT_HE_UNIFORM;
}

typedef struct moments {
    double largest;
    double mean, square, fourth; /* mean of the powers */
} moments;

/* Of w / unit. */
static moments moments_of(const float *w, size_t count, double unit)
{
    moments m = { 0 };
    for (size_t i = 0; i < count; i++) {
        const double x = (double)w[i] / unit;
        m.largest = fmax(m.largest, fabs(x));
        m.mean += x / (double)count;
        m.square += x * x / (double)count;
        m.fourth += x * x * x * x / (double)count;
    }
    return m;
}

/* A uniform variable of deviation 1 ends at sqrt(3), fourth moment 9/5; that of a normal one is 3. */
static void check_moments(const float *w, size_t count, double deviation, int32_t uniform)
{
    const moments m = moments_of(w, count, deviation);
    const double root = sqrt((double)count);
    const double square_deviation = uniform ? sqrt(9.0 / 5.0 - 1.0) : sqrt(2.0);
    const double fourth = uniform ? 9.0 / 5.0 : 3.0,
                 fourth_deviation = uniform ? sqrt(9.0 - 81.0 / 25.0) : sqrt(96.0);
    ck_assert_double_le(fabs(m.mean), SIGMAS / root);
    ck_assert_double_le(fabs(m.square - 1.0), SIGMAS * square_deviation / root);
    ck_assert_double_le(fabs(m.fourth - fourth), SIGMAS * fourth_deviation / root);
    if (uniform)
        ck_assert(m.largest <= sqrt(3.0) * (1.0 + 1e-6) && m.largest > 0.99 * sqrt(3.0));
    else
        ck_assert(m.largest > 2.5); /* not cut off at two deviations */
}

START_TEST(each_has_its_limits_and_moments)
{
    static const size_t fans[][2] = { { 100, 100 }, { 3, 3000 }, { 3000, 3 }, { 64, 160 }, { 5000, 1 } };
    for (size_t f = 0; f < 5; f++)
        for (int32_t i = PRUNE_INIT_GLOROT_UNIFORM; i <= PRUNE_INIT_HE_NORMAL; i++) {
            const size_t inputs = fans[f][0], outputs = fans[f][1];
            prune_model *model = one_layer(inputs, outputs, PRUNE_TANH);
            ck_assert_ok(prune_model_initialize(model, i, 11));
            check_moments(prune_model_param(model, 0), inputs * outputs,
                          deviation_of(i, (double)inputs, (double)outputs), is_uniform(i));
            prune_model_free(model);
        }
}
END_TEST

START_TEST(auto_is_he_before_a_relu_and_glorot_before_others)
{
    for (int32_t activation = PRUNE_LINEAR; activation <= PRUNE_TANH; activation++) {
        const int32_t expected = activation == PRUNE_RELU ? PRUNE_INIT_HE_UNIFORM : PRUNE_INIT_GLOROT_UNIFORM;
        prune_model *a = one_layer(20, 30, activation), *b = one_layer(20, 30, activation);
        ck_assert_ok(prune_model_initialize(a, PRUNE_INIT_AUTO, 5));
        ck_assert_ok(prune_model_initialize(b, expected, 5));
        ck_assert(world_same_models(a, b));
        prune_model_free(a);
        prune_model_free(b);
    }
}
END_TEST

/* ---- what the values depend on ---- */

START_TEST(a_new_layer_is_initialised_with_auto_and_seed_0)
{
    const size_t widths[] = { 9, 8, 7 };
    prune_model *fresh, *drawn = world_model(NULL, widths, 2, PRUNE_RELU, 0);
    ck_assert_ok(prune_model_create(&fresh, NULL, 9));
    ck_assert_ok(prune_model_add_dense(fresh, 8, PRUNE_RELU));
    ck_assert_ok(prune_model_add_dense(fresh, 7, PRUNE_LINEAR));
    ck_assert(world_same_models(fresh, drawn));
    ck_assert_ok(prune_model_initialize(fresh, PRUNE_INIT_AUTO, 1));
    ck_assert(!world_same_models(fresh, drawn));
    prune_model_free(fresh);
    prune_model_free(drawn);
}
END_TEST

START_TEST(one_seed_gives_one_model)
{
    static const uint64_t seeds[] = { 0, 1, 2, UINT64_C(1) << 32, UINT64_C(1) << 63, UINT64_MAX };
    const size_t widths[] = { 6, 5, 4 };
    prune_model *models[6];
    for (size_t i = 0; i < 6; i++) {
        models[i] = world_model(NULL, widths, 2, PRUNE_TANH, seeds[i]);
        prune_model *again = world_model(NULL, widths, 2, PRUNE_TANH, seeds[i]);
        ck_assert(world_same_models(models[i], again));
        prune_model_free(again);
        for (size_t j = 0; j < i; j++)
            ck_assert(!same_param(models[i], 0, models[j], 0, 30) &&
                      !same_param(models[i], 2, models[j], 2, 20));
    }
    for (size_t i = 0; i < 6; i++)
        prune_model_free(models[i]);
}
END_TEST

/* Layer 1 is 8 -> 5 in both; what is before and behind it differs. */
START_TEST(a_layer_depends_on_seed_place_and_shape_alone)
{
    const size_t narrow[] = { 3, 8, 5 }, wide[] = { 30, 8, 5, 4, 2 };
    for (int32_t i = PRUNE_INIT_AUTO; i <= PRUNE_INIT_HE_NORMAL; i++) {
        prune_model *a = world_model(NULL, narrow, 2, PRUNE_TANH, 0),
                    *b = world_model(NULL, wide, 4, PRUNE_TANH, 0);
        ck_assert_ok(prune_model_initialize(a, i, 77));
        ck_assert_ok(prune_model_initialize(b, i, 77));
        ck_assert(same_param(a, 2, b, 2, 40));
        prune_model_free(a);
        prune_model_free(b);
    }
}
END_TEST

/* Layers of one shape, and of neighbouring seeds, share nothing: correlations like those of chance. */
START_TEST(layers_and_seeds_are_independent)
{
    enum { WIDTH = 60, COUNT = WIDTH * WIDTH };
    const size_t widths[] = { WIDTH, WIDTH, WIDTH, WIDTH };
    const double limit = SIGMAS / sqrt((double)COUNT);
    for (uint64_t seed = 0; seed < 4; seed++) {
        prune_model *a = world_model(NULL, widths, 3, PRUNE_LINEAR, seed);
        prune_model *b = world_model(NULL, widths, 3, PRUNE_LINEAR, seed + 1);
        const float *w[] = { prune_model_param(a, 0), prune_model_param(a, 2), prune_model_param(a, 4),
                             prune_model_param(b, 0), prune_model_param(b, 2), prune_model_param(b, 4) };
        for (size_t i = 0; i < 6; i++)
            for (size_t j = 0; j < i; j++) {
                double sum = 0.0;
                for (size_t k = 0; k < COUNT; k++)
                    sum += (double)w[i][k] * (double)w[j][k];
                ck_assert_double_le(fabs(sum), limit * COUNT * (2.0 / (2.0 * WIDTH)));
            }
        prune_model_free(a);
        prune_model_free(b);
    }
}
END_TEST

/* Pinned: a seed means the same weights on every platform, and in every version to come. */
START_TEST(weights_are_the_same_everywhere)
{
    static const uint64_t hashes[] = { UINT64_C(0x62f5a162f044b172), UINT64_C(0x8095d1d86e7d397d),
                                       UINT64_C(0x2352f0522aecc1dd), UINT64_C(0x2c5cff17f983ed37),
                                       UINT64_C(0x6c97c99881506900) };
    const size_t widths[] = { 7, 6, 5, 4 };
    for (int32_t i = PRUNE_INIT_AUTO; i <= PRUNE_INIT_HE_NORMAL; i++) {
        prune_model *model = world_model(NULL, widths, 3, PRUNE_RELU, 0);
        ck_assert_ok(prune_model_initialize(model, i, 42));
        ck_assert_msg(world_hash(model) == hashes[i], "%d: %#llx", (int)i,
                      (unsigned long long)world_hash(model));
        prune_model_free(model);
    }
}
END_TEST

/* ---- biases and masks ---- */

START_TEST(biases_become_zero)
{
    static const float ones[4] = { 1, 1, 1, 1 };
    const size_t widths[] = { 5, 4, 4 };
    for (int32_t i = PRUNE_INIT_AUTO; i <= PRUNE_INIT_HE_NORMAL; i++) {
        prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 0);
        ck_assert_ok(prune_model_set_param(model, 1, ones, 4));
        ck_assert_ok(prune_model_set_param(model, 3, ones, 4));
        ck_assert_ok(prune_model_initialize(model, i, 3));
        for (size_t k = 0; k < 4; k++)
            ck_assert(prune_model_param(model, 1)[k] == 0.0f && prune_model_param(model, 3)[k] == 0.0f);
        prune_model_free(model);
    }
}
END_TEST

/* Removed weights are 0, and the others what they would be without a mask. */
START_TEST(removed_weights_stay_removed)
{
    enum { COUNT = 12 * 10 };
    for (int32_t i = PRUNE_INIT_AUTO; i <= PRUNE_INIT_HE_NORMAL; i++) {
        prune_model *masked = one_layer(12, 10, PRUNE_RELU), *whole = one_layer(12, 10, PRUNE_RELU);
        uint8_t mask[COUNT], after[COUNT];
        for (size_t k = 0; k < COUNT; k++)
            mask[k] = k % 3 != 0;
        ck_assert_ok(prune_mask_set(masked, 0, mask, COUNT));
        ck_assert_ok(prune_model_initialize(masked, i, 8));
        ck_assert_ok(prune_model_initialize(whole, i, 8));
        ck_assert_ok(prune_mask_get(after, COUNT, masked, 0));
        ck_assert_mem_eq(after, mask, COUNT);
        for (size_t k = 0; k < COUNT; k++)
            ck_assert(prune_model_param(masked, 0)[k] == (mask[k] ? prune_model_param(whole, 0)[k] : 0.0f));
        ck_assert_ok(prune_model_verify(masked, NULL));
        prune_model_free(masked);
        prune_model_free(whole);
    }
}
END_TEST

START_TEST(what_does_not_exist_is_refused)
{
    static const int32_t unknown[] = { -1, 5, INT32_MIN, INT32_MAX };
    prune_model *model = one_layer(4, 3, PRUNE_RELU), *empty;
    const uint64_t before = world_hash(model);
    for (size_t i = 0; i < 4; i++)
        ck_assert_status(prune_model_initialize(model, unknown[i], 1), PRUNE_E_ARGUMENT);
    ck_assert(world_hash(model) == before);
    ck_assert_status(prune_model_initialize(NULL, PRUNE_INIT_AUTO, 1), PRUNE_E_ARGUMENT);
    ck_assert_ok(prune_model_create(&empty, NULL, 4));
    ck_assert_status(prune_model_initialize(empty, PRUNE_INIT_AUTO, 1), PRUNE_E_NO_LAYERS);
    prune_model_free(empty);
    prune_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        each_has_its_limits_and_moments,
        auto_is_he_before_a_relu_and_glorot_before_others,
        a_new_layer_is_initialised_with_auto_and_seed_0,
        one_seed_gives_one_model,
        a_layer_depends_on_seed_place_and_shape_alone,
        layers_and_seeds_are_independent,
        weights_are_the_same_everywhere,
        biases_become_zero,
        removed_weights_stay_removed,
        what_does_not_exist_is_refused,
    };
    return run_tests("initializer", tests, sizeof tests / sizeof tests[0]);
}
