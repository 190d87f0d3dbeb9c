/* gemm_small_test.c -- small layers, whose bias, activation and sums are made on the way of their products,
 * train to the same bits as if all that came afterwards
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

#include <string.h>

enum { LAYERS = 3, SAMPLES = 37, STEPS = 6 };

static const size_t nets[][LAYERS + 1] = {
    { 20, 10, 10, 1 }, { 5, 16, 17, 3 },   { 33, 24, 32, 2 }, { 7, 1, 1, 4 },
    { 1, 3, 48, 1 },   { 16, 23, 31, 16 }, { 40, 8, 33, 24 },
};

/* A back end of the caller's: the library does not know that its own stands behind it. */
static void pass_on(void *user, const prune_gemm *g)
{
    const prune_backend *const *other = user;
    (*other)->run((*other)->user, g);
}

static prune_model *train(const prune_backend *backend, const size_t *widths, int32_t hidden, size_t batch)
{
    world_data world;
    prune_trainer_options options;
    prune_model *model = world_model(NULL, widths, LAYERS, hidden, 3);
    prune_tensor *x, *y;
    world_data_make(&world, SAMPLES, widths[0], widths[LAYERS], 4);
    prune_trainer_options_init(&options);
    options.loss = PRUNE_MSE;
    options.learning_rate = 0.01f;
    options.max_batch = batch;
    options.backend = backend;
    prune_trainer *trainer = world_trainer(model, &options);
    for (size_t first = 0; first + batch <= SAMPLES && first < STEPS; first++) {
        ck_assert_ok(prune_tensor_matrix(&x, NULL, PRUNE_F32, batch, widths[0], world.x + first * widths[0]));
        ck_assert_ok(prune_tensor_matrix(&y, NULL, PRUNE_F32, batch, widths[LAYERS],
                                         world.y + first * widths[LAYERS]));
        ck_assert_ok(prune_trainer_step(NULL, trainer, x, y));
        prune_tensor_free(x);
        prune_tensor_free(y);
    }
    prune_trainer_free(trainer);
    world_data_end(&world);
    return model;
}

static void compare(const prune_backend *backend, const size_t *widths, int32_t hidden, size_t batch)
{
    const prune_backend apart = { "apart", pass_on, &backend, NULL };
    prune_model *together = train(backend, widths, hidden, batch),
                *after = train(&apart, widths, hidden, batch);
    ck_assert_msg(world_same_models(together, after), "%d-%d-%d-%d, activation %d, batch %d", (int)widths[0],
                  (int)widths[1], (int)widths[2], (int)widths[3], (int)hidden, (int)batch);
    prune_model_free(together);
    prune_model_free(after);
}

START_TEST(what_is_made_on_the_way_has_the_bits_of_what_comes_after)
{
    static const int32_t activations[] = { PRUNE_RELU, PRUNE_LINEAR, PRUNE_TANH, PRUNE_SILU };
    static const size_t batches[] = { 1, 2, 5, 8, 15, 16, 17, 32, 33 };
    for (size_t n = 0; n < sizeof nets / sizeof nets[0]; n++)
        for (size_t a = 0; a < 4; a++)
            for (size_t b = 0; b < sizeof batches / sizeof batches[0]; b++)
                compare(prune_backend_default(), nets[n], activations[a], batches[b]);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { what_is_made_on_the_way_has_the_bits_of_what_comes_after };
    return run_tests("gemm_small", tests, sizeof tests / sizeof tests[0]);
}
