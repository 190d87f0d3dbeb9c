/* determinism_test.c -- the same seed gives the same bits, run after run; the reference back end everywhere
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

#include <string.h>

enum { INPUTS = 19, HIDDEN = 67, CLASSES = 5, SAMPLES = 130 };

/* The first hidden weight is longer than a piece of the optimizer, and no width is a multiple of a tile. */
static const size_t widths[] = { INPUTS, HIDDEN, 23, CLASSES };

/* FNV-1a over 32-bit words, lowest byte first on every machine. */
static uint64_t hash_word(uint64_t hash, uint32_t word)
{
    for (int shift = 0; shift < 32; shift += 8)
        hash = (hash ^ (word >> shift & 0xff)) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t hash_floats(uint64_t hash, const float *x, size_t count)
{
    for (size_t i = 0; x != NULL && i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        hash = hash_word(hash, bits);
    }
    return hash;
}

/* Weights, masks and optimizer state. */
static uint64_t hash_all(const prune_model *model, const prune_trainer *trainer)
{
    uint8_t mask[WORLD_MAX_PARAM];
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t p = 0; p < prune_model_param_count(model); p++) {
        const size_t count = world_count(model, p);
        ck_assert_ok(prune_mask_get(mask, count, model, p));
        for (size_t i = 0; i < count; i++)
            hash = hash_word(hash, mask[i]);
        hash = hash_floats(hash, prune_model_param(model, p), count);
        hash = hash_floats(hash, prune_trainer_state(trainer, p, 0), count);
        hash = hash_floats(hash, prune_trainer_state(trainer, p, 1), count);
    }
    return hash;
}

/* A complete run: what differs between runs is in here. */
typedef struct recipe {
    const prune_backend *backend;
    int32_t loss, optimizer, activation, criterion;
    uint64_t seed;
    int32_t sparse;
} recipe;

static prune_trainer_options options_of(const recipe *r)
{
    prune_trainer_options options = world_options(r->loss, r->optimizer);
    options.backend = r->backend;
    options.learning_rate = r->optimizer == PRUNE_SGD ? 0.05f : 0.005f;
    options.momentum = 0.9f;
    options.l1 = 1e-4f;
    options.l2 = 1e-3f;
    options.max_batch = 16; /* the last batch of an epoch is smaller */
    options.seed = r->seed;
    options.sparse = r->sparse;
    return options;
}

static prune_model *first_model(const recipe *r)
{
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, NULL, INPUTS));
    for (size_t l = 1; l < 4; l++)
        ck_assert_ok(prune_model_add_dense(model, widths[l], l == 3 ? PRUNE_LINEAR : r->activation));
    ck_assert_ok(prune_model_initialize(model, PRUNE_INIT_GLOROT_NORMAL, r->seed));
    return model;
}

static void score_and_prune(prune_model *model, prune_trainer *trainer, const prune_data *data,
                            const recipe *r)
{
    prune_importance *scores;
    prune_selection neurons;
    prune_selection_init(&neurons);
    neurons.granularity = PRUNE_NEURONS;
    ck_assert_ok(prune_importance_create(&scores, NULL, model, r->criterion));
    if (r->criterion != PRUNE_MAGNITUDE)
        ck_assert_ok(prune_importance_accumulate(scores, trainer, data, NULL));
    ck_assert_ok(prune_mask_fraction(NULL, model, scores, NULL, 0.6, PRUNE_OF_ALL));
    ck_assert_ok(prune_importance_refresh(scores));
    ck_assert_ok(prune_mask_lowest(NULL, model, scores, &neurons, 9));
    prune_importance_free(scores);
}

/* Trains, scores, prunes and fine-tunes; the bits of all that is left. */
static uint64_t run(const recipe *r)
{
    world_data world;
    prune_fit_options fit;
    const prune_trainer_options options = options_of(r);
    world_data_make(&world, SAMPLES, INPUTS, CLASSES, r->seed);
    const prune_data *data = r->loss == PRUNE_MSE ? &world.valued : &world.labelled;
    prune_model *model = first_model(r);
    prune_trainer *trainer = world_trainer(model, &options);
    prune_fit_options_init(&fit);
    fit.epochs = 6;
    fit.validation_fraction = 0.2;
    fit.keep_best = 1;
    ck_assert_ok(prune_trainer_fit(NULL, trainer, data, &fit, NULL));
    score_and_prune(model, trainer, data, r);
    ck_assert_ok(prune_trainer_fit(NULL, trainer, data, &fit, NULL));
    ck_assert_uint_gt(world_check_removed(model, trainer),
                      (INPUTS * HIDDEN + HIDDEN * 23 + 23 * CLASSES) / 2);
    const uint64_t hash = hash_all(model, trainer);
    prune_trainer_free(trainer);
    prune_model_free(model);
    world_data_end(&world);
    return hash;
}

/* What the reference back end gives on every machine, with every compiler. When one of these changes, so
 * have the bits that users get: that is worth a line in the README's changes. */
static const struct {
    recipe recipe;
    uint64_t hash;
} pinned[] = {
    { { NULL, PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM, PRUNE_RELU, PRUNE_TAYLOR, 1, 0 },
      UINT64_C(0xb591cdbab1ae7738) },
    { { NULL, PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD, PRUNE_TANH, PRUNE_GRADIENT, 2, 0 },
      UINT64_C(0x40cc953d6e510429) },
    { { NULL, PRUNE_MSE, PRUNE_ADAM, PRUNE_SIGMOID, PRUNE_MAGNITUDE, 3, 0 }, UINT64_C(0x327a0f7c899b9d38) },
    { { NULL, PRUNE_MSE, PRUNE_SGD, PRUNE_RELU, PRUNE_TAYLOR, 4, 0 }, UINT64_C(0x89f6b7e50a9b9aa1) },
    { { NULL, PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM, PRUNE_GELU, PRUNE_TAYLOR, 5, 0 },
      UINT64_C(0x653da765bad54100) },
    { { NULL, PRUNE_MSE, PRUNE_SGD, PRUNE_SELU, PRUNE_GRADIENT, 6, 0 }, UINT64_C(0x9f355588b436812f) },
    { { NULL, PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM, PRUNE_TANH, PRUNE_TAYLOR, 7, PRUNE_SPARSE_ALWAYS },
      UINT64_C(0x700a6d39bbce21de) },
};

enum { RECIPES = sizeof pinned / sizeof pinned[0] };

START_TEST(the_reference_gives_these_bits_everywhere)
{
    for (size_t i = 0; i < RECIPES; i++) {
        recipe r = pinned[i].recipe;
        r.backend = prune_backend_reference();
        const uint64_t hash = run(&r);
        ck_assert_msg(hash == pinned[i].hash, "recipe %zu: %016llx", i, (unsigned long long)hash);
    }
}
END_TEST

START_TEST(every_back_end_repeats_itself)
{
    const prune_backend *const backends[] = { prune_backend_reference(), prune_backend_default() };
    const prune_status one = prune_blas_set_threads(1);
    ck_assert(one == PRUNE_OK || one == PRUNE_E_UNSUPPORTED);
    for (size_t i = 0; i < 2 * RECIPES; i++) {
        recipe r = pinned[i / 2].recipe;
        r.backend = backends[i % 2];
        const uint64_t hash = run(&r);
        for (int again = 0; again < 2; again++)
            ck_assert_uint_eq(run(&r), hash);
        r.seed++;
        ck_assert_uint_ne(run(&r), hash);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { the_reference_gives_these_bits_everywhere, every_back_end_repeats_itself };
    return run_tests("determinism", tests, sizeof tests / sizeof tests[0]);
}
