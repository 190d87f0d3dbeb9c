/* engines.h -- engines, what they give, and a net to make them of, for tests
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_ENGINES_H
#define TESTS_ENGINES_H

#include "runner.h"

enum { WIDEST = 64, INPUTS = 12, OUTPUTS = 4, SAMPLES = 40 };

static inline prune_engine_options options_of(size_t max_batch, int32_t choice)
{
    prune_engine_options options;
    prune_engine_options_init(&options);
    options.max_batch = max_batch;
    options.choice = choice;
    options.backend = prune_backend_reference();
    return options;
}

static inline prune_engine *engine_of(const prune_model *model, const prune_engine_options *options)
{
    prune_engine *engine;
    prune_error error = { 0 };
    const prune_status status = prune_engine_create(&engine, NULL, model, options, &error);
    ck_assert_msg(status == PRUNE_OK, "%s: %s", error.place, error.reason);
    return engine;
}

static inline void run(const prune_engine *engine, float *y, const float *x, size_t batch,
                       const size_t widths[2])
{
    prune_tensor *in, *out;
    ck_assert_ok(prune_tensor_const_matrix(&in, NULL, PRUNE_F32, batch, widths[0], x));
    ck_assert_ok(prune_tensor_matrix(&out, NULL, PRUNE_F32, batch, widths[1], y));
    ck_assert_ok(prune_engine_run(engine, out, in, NULL));
    prune_tensor_free(in);
    prune_tensor_free(out);
}

/* Weights of one layer in `every` stay, in blocks of `rows` x 1. */
static inline void thin(prune_model *model, size_t layer, size_t shape[2], size_t rows, uint64_t every,
                        prune_rng *rng)
{
    static uint8_t kept[WIDEST * WIDEST];
    for (size_t o = 0; o < shape[0]; o++)
        for (size_t i = 0; i < shape[1]; i++)
            kept[o * shape[1] + i] =
                o % rows != 0 ? kept[(o - 1) * shape[1] + i] : !prune_rng_below(rng, every);
    ck_assert_ok(prune_mask_set(model, 2 * layer, kept, shape[0] * shape[1]));
}

/* A net with a third of its weights, and samples. */
typedef struct engines {
    prune_model *model;
    world_data world;
} engines;

static const size_t engines_widths[] = { INPUTS, 33, 20, OUTPUTS };

static inline void engines_open(engines *f)
{
    prune_rng rng;
    prune_rng_seed(&rng, 3);
    f->model = world_model(NULL, engines_widths, 3, PRUNE_RELU, 2);
    for (size_t l = 0; l < 3; l++) {
        size_t shape[2] = { engines_widths[l + 1], engines_widths[l] };
        thin(f->model, l, shape, 1, 3, &rng);
    }
    world_data_make(&f->world, SAMPLES, INPUTS, OUTPUTS, 4);
}

static inline void engines_close(engines *f)
{
    prune_model_free(f->model);
    world_data_end(&f->world);
}

#endif
