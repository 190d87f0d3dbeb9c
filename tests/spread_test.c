/* spread_test.c -- work that is cut into pieces: whatever the shape, and in whatever order they are done
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

#include <math.h>
#include <stdlib.h>

/* One forward and backward pass of inputs - 70 - outputs; the hash of outputs and gradients. */
static uint64_t pass(const prune_backend *backend, const size_t widths[3], size_t batch)
{
    world_data world;
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    options.backend = backend;
    options.max_batch = batch;
    world_data_make(&world, batch, widths[0], widths[2], 3);
    prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 5);
    prune_trainer *trainer = world_trainer(model, &options);
    float loss;
    ck_assert_ok(prune_trainer_forward(trainer, world.x_tensor));
    ck_assert_ok(prune_trainer_loss(&loss, trainer, world.y_tensor));
    ck_assert_ok(prune_trainer_backward(trainer, NULL));
    uint64_t hash = world_hash_bytes(WORLD_HASH, &loss, sizeof loss);
    for (size_t p = 0; p < prune_model_param_count(model); p++)
        hash =
            world_hash_bytes(hash, prune_trainer_gradient(trainer, p), world_count(model, p) * sizeof(float));
    prune_trainer_free(trainer);
    prune_model_free(model);
    world_data_end(&world);
    return hash;
}

/* Wide, high, and single rows and columns. */
static const struct {
    size_t widths[3], batch;
} shapes[] = {
    { { 1, 70, 60001 }, 1 },     { { 60001, 70, 2 }, 1 }, { { 5, 70, 9 }, 6007 },
    { { 333, 70, 211 }, 197 },   { { 2, 9000, 3 }, 130 }, { { 1031, 257, 129 }, 259 },
    { { 600, 400, 100 }, 1100 },
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* The order of the parts and the threads that make them do not matter; nor does it that there are none. */
START_TEST(parts_may_come_in_any_order)
{
    for (size_t i = 0; i < SHAPES; i++) {
        size_t calls = 0;
        const prune_parallel mine = { world_backwards, &calls };
        prune_backend own = *prune_backend_default();
        own.parallel = &mine;
        const uint64_t expected = pass(prune_backend_default(), shapes[i].widths, shapes[i].batch);
        ck_assert_uint_eq(pass(&own, shapes[i].widths, shapes[i].batch), expected);
        ck_assert_uint_gt(calls, 0);
    }
}
END_TEST

/* Layers that samples pass one by one, between some where they meet, or are drawn for in order. */
static uint64_t steps_of_mixing_layers(const prune_backend *backend)
{
    enum { ROWS = 300, WIDE = 150, OUT = 20 };
    world_data world;
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    prune_model *model;
    options.backend = backend;
    options.max_batch = ROWS;
    world_data_make(&world, ROWS, WIDE, OUT, 3);
    ck_assert_ok(prune_model_create(&model, NULL, WIDE));
    for (size_t l = 0; l < 2; l++) {
        ck_assert_ok(prune_model_add_dense(model, WIDE, PRUNE_LINEAR));
        ck_assert_ok(prune_model_add_batch_norm(model, 0.9f, 1e-3f));
        ck_assert_ok(prune_model_add_activation(model, PRUNE_GELU));
        ck_assert_ok(prune_model_add_dropout(model, 0.25f));
    }
    ck_assert_ok(prune_model_add_dense(model, OUT, PRUNE_TANH));
    prune_trainer *trainer = world_trainer(model, &options);
    for (size_t s = 0; s < 3; s++)
        ck_assert_ok(prune_trainer_step(NULL, trainer, world.x_tensor, world.y_tensor));
    const uint64_t hash = world_trainer_hash(trainer);
    prune_trainer_free(trainer);
    prune_model_free(model);
    world_data_end(&world);
    return hash;
}

START_TEST(layers_that_mix_samples_get_all_of_them)
{
    size_t calls = 0;
    const prune_parallel mine = { world_backwards, &calls };
    prune_backend own = *prune_backend_default();
    own.parallel = &mine;
    ck_assert_uint_eq(steps_of_mixing_layers(&own), steps_of_mixing_layers(prune_backend_default()));
    ck_assert_uint_gt(calls, 3);
}
END_TEST

/* C[m][n] in one call, into memory of the caller's. */
static float *product(size_t m, size_t n, size_t k, const float *a, int32_t transpose_a, const float *b,
                      int32_t transpose_b)
{
    float *c = malloc(m * n * sizeof *c);
    ck_assert_ptr_nonnull(c);
    const prune_gemm whole = {
        m, n, k, a, b, c, transpose_a ? m : k, transpose_b ? k : n, n, transpose_a, transpose_b, 1.0f, 0.0f
    };
    prune_backend_reference()->run(prune_backend_reference()->user, &whole);
    return c;
}

/* To rounding: sums over samples may be taken in another order. */
static void expect_gradient(const prune_trainer *trainer, size_t param, const float *expected, size_t count)
{
    float most = 0.0f;
    for (size_t i = 0; i < count; i++)
        most = fmaxf(most, fabsf(expected[i]));
    ck_assert(most > 0.0f);
    ck_assert_double_le(world_distance(prune_trainer_gradient(trainer, param), expected, count),
                        1e-5 * (double)most);
}

/* A pass of two linear layers without bias, beside the same from whole products: what a part misses, takes
 * twice or takes from the wrong place shows. */
START_TEST(parts_are_together_the_whole)
{
    for (size_t s = 0; s < SHAPES; s++) {
        const size_t *w = shapes[s].widths, batch = shapes[s].batch;
        world_data world;
        prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
        options.max_batch = batch;
        options.backend = prune_backend_reference();
        world_data_make(&world, batch, w[0], w[2], 3);
        prune_model *model = world_model(NULL, w, 2, PRUNE_LINEAR, 5);
        prune_trainer *trainer = world_trainer(model, &options);
        const float *w1 = prune_model_param(model, 0), *w2 = prune_model_param(model, 2);
        float loss;
        ck_assert_ok(prune_trainer_forward(trainer, world.x_tensor));
        ck_assert_ok(prune_trainer_loss(&loss, trainer, world.y_tensor));
        ck_assert_ok(prune_trainer_backward(trainer, NULL));
        float *h = product(batch, w[1], w[0], world.x, 0, w1, 1),
              *d = product(batch, w[2], w[1], h, 0, w2, 1);
        for (size_t i = 0; i < batch * w[2]; i++)
            d[i] = (d[i] - world.y[i]) / (float)batch;
        float *back = product(batch, w[1], w[2], d, 0, w2, 0);
        float *g2 = product(w[2], w[1], batch, d, 1, h, 0),
              *g1 = product(w[1], w[0], batch, back, 1, world.x, 0);
        expect_gradient(trainer, 2, g2, w[2] * w[1]);
        expect_gradient(trainer, 0, g1, w[1] * w[0]);
        float *const all[] = { h, d, back, g2, g1 };
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
            free(all[i]);
        prune_trainer_free(trainer);
        prune_model_free(model);
        world_data_end(&world);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        parts_may_come_in_any_order,
        layers_that_mix_samples_get_all_of_them,
        parts_are_together_the_whole,
    };
    return run_tests("spread", tests, sizeof tests / sizeof tests[0]);
}
