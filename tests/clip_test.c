/* clip_test.c -- gradients clipped by value and by norm, and weights by the soft threshold of l1_proximal
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

#include <math.h>
#include <string.h>

enum { INPUTS = 37, HIDDEN = 41, CLASSES = 3, SAMPLES = 24, PARAMS = 4, LARGEST = INPUTS * HIDDEN };

static const size_t widths[] = { INPUTS, HIDDEN, CLASSES };

typedef struct fixture {
    world_data world;
    prune_model *model;
    prune_trainer *trainer;
} fixture;

static void open_fixture(fixture *f, const prune_trainer_options *options)
{
    world_data_make(&f->world, SAMPLES, INPUTS, CLASSES, 5);
    f->model = world_model(NULL, widths, 2, PRUNE_TANH, 2);
    f->trainer = world_trainer(f->model, options);
}

static void close_fixture(fixture *f)
{
    prune_trainer_free(f->trainer);
    prune_model_free(f->model);
    world_data_end(&f->world);
}

/* Forward and backward from dL/dh = scale everywhere. */
static void ready_to_update(fixture *f, float scale)
{
    const prune_shape shape = { 2, { SAMPLES, CLASSES, 0, 0 } };
    prune_tensor *own;
    ck_assert_ok(prune_tensor_create(&own, NULL, PRUNE_F32, &shape));
    for (size_t i = 0; i < SAMPLES * CLASSES; i++)
        ((float *)prune_tensor_data_mut(own))[i] = i % 3 ? scale : -2.0f * scale;
    ck_assert_ok(prune_trainer_forward(f->trainer, f->world.x_tensor));
    ck_assert_ok(prune_trainer_backward(f->trainer, own));
    prune_tensor_free(own);
}

typedef struct gradients {
    size_t count[PARAMS];
    double g[PARAMS][LARGEST];
} gradients;

static void read_gradients(gradients *to, const fixture *f)
{
    for (size_t p = 0; p < PARAMS; p++) {
        to->count[p] = world_count(f->model, p);
        for (size_t i = 0; i < to->count[p]; i++)
            to->g[p][i] = (double)prune_trainer_gradient(f->trainer, p)[i];
    }
}

static double kept_norm(const gradients *g, const prune_model *model)
{
    double sum = 0.0;
    for (size_t p = 0; p < PARAMS; p++) {
        uint8_t mask[LARGEST];
        ck_assert_ok(prune_mask_get(mask, g->count[p], model, p));
        for (size_t i = 0; i < g->count[p]; i++)
            sum += mask[i] ? g->g[p][i] * g->g[p][i] : 0.0;
    }
    return sqrt(sum);
}

/* What clipping should make of them. */
static void by_formula(gradients *g, const prune_model *model, double norm, double value)
{
    for (size_t p = 0; value > 0.0 && p < PARAMS; p++)
        for (size_t i = 0; i < g->count[p]; i++)
            g->g[p][i] = fmax(-value, fmin(value, g->g[p][i]));
    const double factor = norm > 0.0 ? fmin(1.0, norm / (kept_norm(g, model) + (double)1e-6f)) : 1.0;
    for (size_t p = 0; p < PARAMS; p++)
        for (size_t i = 0; i < g->count[p]; i++)
            g->g[p][i] *= factor;
}

static void assert_same(const gradients *got, const gradients *expected)
{
    for (size_t p = 0; p < PARAMS; p++)
        for (size_t i = 0; i < got->count[p]; i++) {
            const double error = fabs(got->g[p][i] - expected->g[p][i]);
            ck_assert_double_le(error, 1e-6 * fabs(expected->g[p][i]));
        }
}

static void check(const prune_trainer_options *options, float scale, uint64_t remove_every)
{
    static gradients expected, got;
    fixture f;
    prune_rng rng;
    open_fixture(&f, options);
    prune_rng_seed(&rng, 3);
    for (size_t i = 0; remove_every != 0 && i < HIDDEN * CLASSES; i++)
        if (prune_rng_below(&rng, remove_every) == 0)
            world_remove(f.model, 2, i);
    ready_to_update(&f, scale);
    read_gradients(&expected, &f);
    by_formula(&expected, f.model, (double)options->clip_norm, (double)options->clip_value);
    ck_assert_ok(prune_trainer_update(f.trainer));
    read_gradients(&got, &f);
    assert_same(&got, &expected);
    close_fixture(&f);
}

START_TEST(gradients_are_clipped)
{
    const float scales[] = { 0.0f, 1e-30f, 0.01f, 1.0f, 1e8f, 1e12f, 1e15f },
                limits[] = { 0.0f, 0.05f, 3.0f, 1e10f };
    for (size_t i = 0; i < 7; i++)
        for (size_t k = 0; k < 16; k++)
            for (uint64_t every = 0; every <= 2; every += 2) {
                prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
                options.learning_rate = 0.0f;
                options.clip_norm = limits[k % 4];
                options.clip_value = limits[k / 4];
                check(&options, scales[i], every);
            }
}
END_TEST

/* The largest gradient goes with its weight: what is left is not clipped for it. */
START_TEST(removed_weights_do_not_count)
{
    static gradients g;
    fixture f;
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    options.clip_norm = 1e-3f;
    open_fixture(&f, &options);
    const uint8_t none[LARGEST] = { 0 };
    for (size_t p = 0; p < 3; p++) /* all but the last biases */
        ck_assert_ok(prune_mask_set(f.model, p, none, world_count(f.model, p)));
    ready_to_update(&f, 1.0f);
    ck_assert_ok(prune_trainer_update(f.trainer));
    read_gradients(&g, &f);
    ck_assert_double_le(fabs(kept_norm(&g, f.model) - 1e-3), 1e-8);
    close_fixture(&f);
}
END_TEST

/* ---- proximal l1 ---- */

/* The same step with and without: only the soft threshold lies between them. */
static void check_proximal(int32_t optimizer, int32_t bias)
{
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, optimizer);
    fixture with, without;
    size_t zeros = 0;
    options.learning_rate = 0.015625f;
    options.l2 = 0.01f;
    options.regularize_bias = bias;
    open_fixture(&without, &options);
    options.l1 = 4.0f;
    options.l1_proximal = 1;
    open_fixture(&with, &options);
    ck_assert_ok(prune_trainer_step(NULL, with.trainer, with.world.x_tensor, with.world.label_tensor));
    ck_assert_ok(
        prune_trainer_step(NULL, without.trainer, without.world.x_tensor, without.world.label_tensor));
    for (size_t p = 0; p < PARAMS; p++)
        for (size_t i = 0; i < world_count(with.model, p); i++) {
            const float w = prune_model_param(without.model, p)[i], got = prune_model_param(with.model, p)[i];
            const float size = fabsf(w) - 0.0625f, zero = 0.0f;
            const float soft = size > 0.0f ? copysignf(size, w) : 0.0f;
            ck_assert(got == (p % 2 == 0 || bias ? soft : w));
            ck_assert(got != 0.0f || memcmp(&got, &zero, sizeof got) == 0); /* no -0 */
            zeros += p % 2 == 0 && got == 0.0f;
            ck_assert(prune_trainer_state(with.trainer, p, 0)[i] ==
                      prune_trainer_state(without.trainer, p, 0)[i]);
        }
    ck_assert_uint_gt(zeros, LARGEST / 8);
    ck_assert_uint_eq(world_check_removed(with.model, NULL), 0); /* zeros, but not removed */
    close_fixture(&with);
    close_fixture(&without);
}

START_TEST(proximal_l1_makes_true_zeros)
{
    for (int32_t optimizer = PRUNE_SGD; optimizer <= PRUNE_ADAGRAD; optimizer++)
        for (int32_t bias = 0; bias < 2; bias++)
            check_proximal(optimizer, bias);
}
END_TEST

/* prune_trainer_penalize() gives the whole penalty, and leaves the gradient of l1 out. */
START_TEST(proximal_l1_is_not_in_the_gradient)
{
    static gradients before, after;
    fixture f;
    float penalty;
    double expected = 0.0;
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    options.l1 = 0.5f;
    options.l1_proximal = 1;
    open_fixture(&f, &options);
    ready_to_update(&f, 1.0f);
    read_gradients(&before, &f);
    ck_assert_ok(prune_trainer_penalize(&penalty, f.trainer));
    read_gradients(&after, &f);
    assert_same(&after, &before);
    for (size_t p = 0; p < PARAMS; p += 2)
        for (size_t i = 0; i < world_count(f.model, p); i++)
            expected += 0.5 * fabs((double)prune_model_param(f.model, p)[i]);
    ck_assert_double_le(fabs((double)penalty - expected), 1e-6 * expected);
    close_fixture(&f);
}
END_TEST

START_TEST(zeros_may_come_back)
{
    fixture f;
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD);
    options.learning_rate = 0.1f;
    options.l1 = 1e-5f;
    options.l1_proximal = 1;
    open_fixture(&f, &options);
    world_plant(f.model, 2, 7, 0.0f);
    ck_assert_ok(prune_trainer_step(NULL, f.trainer, f.world.x_tensor, f.world.label_tensor));
    ck_assert(prune_model_param(f.model, 2)[7] != 0.0f);
    close_fixture(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        gradients_are_clipped,        removed_weights_do_not_count,
        proximal_l1_makes_true_zeros, proximal_l1_is_not_in_the_gradient,
        zeros_may_come_back,
    };
    return run_tests("clip", tests, sizeof tests / sizeof tests[0]);
}
