/* initializer_test.c -- first weights: limits, moments, and what they depend on
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

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

static const struct {
    int32_t initializer, uniform;
    double numerator;  /* deviation^2 = numerator / fans */
    int32_t both_fans; /* fan-in and fan-out, else fan-in alone */
} distributions[] = {
    { PRUNE_INIT_GLOROT_UNIFORM, 1, 2, 1 }, { PRUNE_INIT_GLOROT_NORMAL, 0, 2, 1 },
    { PRUNE_INIT_HE_UNIFORM, 1, 2, 0 },     { PRUNE_INIT_HE_NORMAL, 0, 2, 0 },
    { PRUNE_INIT_LECUN_UNIFORM, 1, 1, 0 },  { PRUNE_INIT_LECUN_NORMAL, 0, 1, 0 },
};
enum { DISTRIBUTIONS = sizeof distributions / sizeof distributions[0] };

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
        for (size_t i = 0; i < DISTRIBUTIONS; i++) {
            const size_t inputs = fans[f][0], outputs = fans[f][1];
            const double fan = (double)(distributions[i].both_fans ? inputs + outputs : inputs);
            prune_model *model = one_layer(inputs, outputs, PRUNE_TANH);
            ck_assert_ok(prune_model_initialize(model, distributions[i].initializer, 11));
            check_moments(prune_model_param(model, 0), inputs * outputs,
                          sqrt(distributions[i].numerator / fan), distributions[i].uniform);
            prune_model_free(model);
        }
}
END_TEST

START_TEST(auto_goes_by_the_activation)
{
    static const int32_t expected[] = {
        [PRUNE_LINEAR] = PRUNE_INIT_GLOROT_UNIFORM,   [PRUNE_RELU] = PRUNE_INIT_HE_UNIFORM,
        [PRUNE_SIGMOID] = PRUNE_INIT_GLOROT_UNIFORM,  [PRUNE_TANH] = PRUNE_INIT_GLOROT_UNIFORM,
        [PRUNE_LEAKY_RELU] = PRUNE_INIT_HE_UNIFORM,   [PRUNE_ELU] = PRUNE_INIT_HE_UNIFORM,
        [PRUNE_SELU] = PRUNE_INIT_LECUN_NORMAL,       [PRUNE_GELU] = PRUNE_INIT_HE_UNIFORM,
        [PRUNE_GELU_TANH] = PRUNE_INIT_HE_UNIFORM,    [PRUNE_SILU] = PRUNE_INIT_HE_UNIFORM,
        [PRUNE_SOFTPLUS] = PRUNE_INIT_GLOROT_UNIFORM,
    };
    for (int32_t activation = PRUNE_LINEAR; activation <= PRUNE_SOFTPLUS; activation++) {
        prune_model *a = one_layer(20, 30, activation), *b = one_layer(20, 30, activation);
        ck_assert_ok(prune_model_initialize(a, PRUNE_INIT_AUTO, 5));
        ck_assert_ok(prune_model_initialize(b, expected[activation], 5));
        ck_assert(world_same_models(a, b));
        prune_model_free(a);
        prune_model_free(b);
    }
}
END_TEST

/* ---- orthogonal ---- */

/* The largest |V V^T - 1| over the rows, or the columns, V of w[outputs][inputs]: whichever are fewer. */
static double distance_from_orthogonal(const float *w, size_t inputs, size_t outputs)
{
    const size_t by_row = outputs <= inputs, count = by_row ? outputs : inputs;
    const size_t length = by_row ? inputs : outputs;
    const size_t across = by_row ? inputs : 1, along = by_row ? 1 : inputs;
    double worst = 0.0;
    for (size_t a = 0; a < count; a++)
        for (size_t b = 0; b <= a; b++) {
            double sum = a == b ? -1.0 : 0.0;
            for (size_t e = 0; e < length; e++)
                sum += (double)w[a * across + e * along] * (double)w[b * across + e * along];
            worst = fmax(worst, fabs(sum));
        }
    return worst;
}

START_TEST(orthogonal_is_orthogonal)
{
    static const size_t fans[][2] = { { 1, 1 },   { 1, 9 },    { 9, 1 },    { 2, 2 },
                                      { 40, 40 }, { 100, 30 }, { 30, 100 }, { 150, 150 } };
    for (size_t f = 0; f < sizeof fans / sizeof fans[0]; f++)
        for (uint64_t seed = 0; seed < (fans[f][0] == 2 ? 3000 : 3); seed++) {
            prune_model *model = one_layer(fans[f][0], fans[f][1], PRUNE_TANH);
            ck_assert_ok(prune_model_initialize(model, PRUNE_INIT_ORTHOGONAL, seed));
            ck_assert_double_le(distance_from_orthogonal(prune_model_param(model, 0), fans[f][0], fans[f][1]),
                                1e-6);
            prune_model_free(model);
        }
}
END_TEST

/* Each entry of a random matrix of n orthogonal rows has mean 0 and mean square 1/n, by symmetry: also the
 * last row's, to which Gram-Schmidt leaves no choice but the sign. */
START_TEST(orthogonal_prefers_no_direction)
{
    enum { WIDTH = 3, SEEDS = 4000 };
    double mean[WIDTH * WIDTH] = { 0 }, square[WIDTH * WIDTH] = { 0 };
    prune_model *model = one_layer(WIDTH, WIDTH, PRUNE_TANH);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        ck_assert_ok(prune_model_initialize(model, PRUNE_INIT_ORTHOGONAL, seed));
        for (size_t i = 0; i < sizeof mean / sizeof mean[0]; i++) {
            const double w = (double)prune_model_param(model, 0)[i];
            mean[i] += w / SEEDS;
            square[i] += w * w / SEEDS;
        }
    }
    prune_model_free(model);
    for (size_t i = 0; i < sizeof mean / sizeof mean[0]; i++) {
        ck_assert_double_le(fabs(mean[i]), SIGMAS * sqrt(1.0 / 3.0 / SEEDS));
        ck_assert_double_le(fabs(square[i] - 1.0 / 3.0), SIGMAS * sqrt(4.0 / 45.0 / SEEDS));
    }
}
END_TEST

/* ---- one value ---- */

static int32_t all_are(const prune_model *model, size_t param, size_t count, float value)
{
    int32_t good = 1;
    for (size_t i = 0; i < count; i++)
        good = good && prune_model_param(model, param)[i] == value;
    return good;
}

START_TEST(zeros_and_constants)
{
    const size_t widths[] = { 5, 4, 3 };
    const float ones[4] = { 1, 1, 1, 1 };
    prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 0);
    ck_assert_ok(prune_model_set_param(model, 1, ones, 4));
    ck_assert_ok(prune_model_fill(model, 0.25f));
    ck_assert(all_are(model, 0, 20, 0.25f) && all_are(model, 2, 12, 0.25f));
    ck_assert(all_are(model, 1, 4, 0.0f) && all_are(model, 3, 3, 0.0f));
    ck_assert_ok(prune_model_initialize(model, PRUNE_INIT_ZEROS, 9));
    for (size_t p = 0; p < 4; p++)
        ck_assert(all_are(model, p, p == 0 ? 20 : 3, 0.0f));
    prune_model_free(model);
}
END_TEST

START_TEST(fill_keeps_masks)
{
    const size_t widths[] = { 5, 4, 3 };
    prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 0);
    world_remove(model, 0, 7);
    ck_assert_ok(prune_model_fill(model, -3.0f));
    for (size_t i = 0; i < 20; i++)
        ck_assert(prune_model_param(model, 0)[i] == (i == 7 ? 0.0f : -3.0f));
    ck_assert_ok(prune_model_verify(model, NULL));
    prune_model_free(model);
}
END_TEST

START_TEST(what_cannot_be_filled_is_refused)
{
    prune_model *model = one_layer(4, 3, PRUNE_RELU), *empty;
    const float bad[] = { NAN, INFINITY, -INFINITY };
    const uint64_t before = world_hash(model);
    for (size_t i = 0; i < 3; i++)
        ck_assert_status(prune_model_fill(model, bad[i]), PRUNE_E_NONFINITE);
    ck_assert(world_hash(model) == before);
    ck_assert_status(prune_model_fill(NULL, 1.0f), PRUNE_E_ARGUMENT);
    ck_assert_ok(prune_model_create(&empty, NULL, 4));
    ck_assert_status(prune_model_fill(empty, 1.0f), PRUNE_E_NO_LAYERS);
    prune_model_free(empty);
    prune_model_free(model);
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
    for (int32_t i = PRUNE_INIT_AUTO; i <= PRUNE_INIT_ZEROS; i++) {
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

/* Pinned: a seed means the same weights on every platform, and from the first release on in every version. */
START_TEST(weights_are_the_same_everywhere)
{
    static const uint64_t hashes[] = { UINT64_C(0x62f5a162f044b172), UINT64_C(0x8095d1d86e7d397d),
                                       UINT64_C(0x5ad281eafbd8d6cf), UINT64_C(0x2c5cff17f983ed37),
                                       UINT64_C(0x78e710b283b102c1), UINT64_C(0x716c50f9b13681d3),
                                       UINT64_C(0xf136dea8890e624d), UINT64_C(0x321f3cb9163f9fc6),
                                       UINT64_C(0x1002766ee10a2c1a) };
    const size_t widths[] = { 7, 6, 5, 4 };
    for (int32_t i = PRUNE_INIT_AUTO; i <= PRUNE_INIT_ZEROS; i++) {
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
    for (int32_t i = PRUNE_INIT_AUTO; i <= PRUNE_INIT_ZEROS; i++) {
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
    for (int32_t i = PRUNE_INIT_AUTO; i <= PRUNE_INIT_ZEROS; i++) {
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
    static const int32_t unknown[] = { -1, 9, INT32_MIN, INT32_MAX };
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
        auto_goes_by_the_activation,
        orthogonal_is_orthogonal,
        orthogonal_prefers_no_direction,
        zeros_and_constants,
        fill_keeps_masks,
        what_cannot_be_filled_is_refused,
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
