/* thin_use_test.c -- training by kept weights alone, beside training with all of them
 *
 * SPDX-License-Identifier: MIT */
#include "support/bytes.h"
#include "support/heap.h"
#include "support/training.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { INPUTS = 61, HIDDEN = 47, CLASSES = 5, SAMPLES = 96, BATCH = 33 };

/* Two trainers of equal models, that differ in one option. */
typedef struct pair {
    heap h;
    prune_allocator mem;
    world_data data;
    prune_model *model[2];
    prune_trainer *trainer[2];
    prune_rng rng;
} pair;

static prune_trainer_options pair_options(int32_t optimizer)
{
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, optimizer);
    options.max_batch = BATCH;
    options.epsilon = 1e-3f; /* what is 0 but for rounding is not blown up */
    options.learning_rate = 0.01f;
    options.momentum = 0.9f;
    return options;
}

static void open_pair_of(pair *p, const size_t *widths, const prune_trainer_options *options)
{
    memset(p, 0, sizeof *p);
    p->mem = heap_allocator(&p->h);
    prune_rng_seed(&p->rng, 9);
    world_data_make(&p->data, SAMPLES, widths[0], widths[3], 5);
    for (int32_t i = 0; i < 2; i++) {
        prune_trainer_options mine = *options;
        mine.sparse = i == 0 ? PRUNE_SPARSE_OFF : PRUNE_SPARSE_ALWAYS;
        p->model[i] = world_model(NULL, widths, 3, PRUNE_TANH, 2);
        ck_assert_ok(prune_trainer_create(&p->trainer[i], &p->mem, p->model[i], &mine, NULL));
    }
}

static void open_pair(pair *p, const prune_trainer_options *options)
{
    static const size_t widths[] = { INPUTS, HIDDEN, HIDDEN, CLASSES };
    open_pair_of(p, widths, options);
}

static void close_pair(pair *p)
{
    for (int32_t i = 0; i < 2; i++) {
        prune_trainer_free(p->trainer[i]);
        prune_model_free(p->model[i]);
    }
    ck_assert(heap_is_clean(&p->h));
    world_data_end(&p->data);
}

/* The same mask for both: one in `every` weights is kept. */
static void mask_pair(pair *p, size_t layer, uint64_t every)
{
    const size_t count = world_count(p->model[0], 2 * layer);
    uint8_t *mask = malloc(count);
    ck_assert_ptr_nonnull(mask);
    for (size_t i = 0; i < count; i++)
        mask[i] = prune_rng_below(&p->rng, every) == 0;
    for (int32_t i = 0; i < 2; i++)
        ck_assert_ok(prune_mask_set(p->model[i], 2 * layer, mask, count));
    free(mask);
}

static void step_one(pair *p, int32_t which, size_t first, size_t count)
{
    prune_tensor *x = world_rows(p->data.x_tensor, first, count);
    prune_tensor *labels = world_rows(p->data.label_tensor, first, count);
    ck_assert_ok(prune_trainer_step(NULL, p->trainer[which], x, labels));
    prune_tensor_free(x);
    prune_tensor_free(labels);
}

static void step_pair(pair *p, size_t first, size_t count)
{
    for (int32_t i = 0; i < 2; i++)
        step_one(p, i, first, count);
}

static double apart(const pair *p)
{
    double most = 0.0;
    for (size_t q = 0; q < prune_model_param_count(p->model[0]); q++)
        most = fmax(most, world_distance(prune_model_param(p->model[0], q), prune_model_param(p->model[1], q),
                                         world_count(p->model[0], q)));
    return most;
}

/* 50 steps of batches from 1 to 33; `moves`: with another mask now and then, that lets some come back. */
static void train_pair(pair *p, int32_t moves)
{
    for (size_t s = 0; s < 50; s++) {
        const size_t count = 1 + 2 * (s * 7 % 17);
        for (size_t layer = 0; moves && s % 8 == 7 && layer < 3; layer++)
            mask_pair(p, layer, 1 + prune_rng_below(&p->rng, 30));
        step_pair(p, s * 5 % (SAMPLES - BATCH), count);
        world_check_removed(p->model[1], p->trainer[1]);
    }
    ck_assert_msg(apart(p) <= 2e-5, "%g apart", apart(p));
}

START_TEST(fifty_steps_stay_with_those_of_all_weights)
{
    static const int32_t optimizers[] = { PRUNE_SGD, PRUNE_ADAM, PRUNE_RMSPROP, PRUNE_ADAMW, PRUNE_ADAGRAD };
    for (size_t o = 0; o < 2 * sizeof optimizers / sizeof *optimizers; o++) {
        pair p;
        prune_trainer_options options = pair_options(optimizers[o / 2]);
        options.clip_norm = o % 3 == 0 ? 0.1f : 0.0f;
        options.clip_value = o % 3 == 1 ? 0.01f : 0.0f;
        options.l1 = o % 4 == 2 ? 0.001f : 0.0f;
        options.l2 = o % 4 == 3 ? 0.01f : 0.0f;
        options.accumulate = o == 9 ? 3 : 0;
        open_pair(&p, &options);
        for (size_t layer = 0; layer < 3; layer++)
            mask_pair(&p, layer, layer == 1 && o % 2 ? 1 : 20);
        train_pair(&p, o % 2 == 0);
        close_pair(&p);
    }
}
END_TEST

static uint32_t offered(void)
{
    prune_kernels_info info;
    prune_kernels_info_init(&info);
    ck_assert_ok(prune_backend_info(&info));
    return info.offered;
}

/* More columns and rows than a tile, more samples than a panel. */
START_TEST(layers_of_several_tiles_and_panels)
{
    static const size_t widths[] = { 700, 300, 270, CLASSES };
    const uint32_t kernels = offered();
    for (int32_t k = PRUNE_KERNELS_PLAIN; k <= PRUNE_KERNELS_NEON; k++) {
        if (!(kernels >> k & 1))
            continue;
        pair p;
        prune_trainer_options options = pair_options(PRUNE_SGD);
        options.max_batch = SAMPLES;
        options.sparse_kernels = k;
        open_pair_of(&p, widths, &options);
        for (size_t layer = 0; layer < 3; layer++)
            mask_pair(&p, layer, 10);
        for (size_t count = SAMPLES; count > 60; count -= 9)
            step_pair(&p, 0, count);
        ck_assert_msg(apart(&p) <= 1e-6, "kernels %d: %g apart", (int)k, apart(&p));
        close_pair(&p);
    }
}
END_TEST

static void backward_one(pair *p, int32_t which, size_t first)
{
    float loss;
    prune_tensor *x = world_rows(p->data.x_tensor, first, 8);
    prune_tensor *labels = world_rows(p->data.label_tensor, first, 8);
    ck_assert_ok(prune_trainer_forward(p->trainer[which], x));
    ck_assert_ok(prune_trainer_loss(&loss, p->trainer[which], labels));
    ck_assert_ok(prune_trainer_backward(p->trainer[which], NULL));
    prune_tensor_free(x);
    prune_tensor_free(labels);
}

/* Both get the gradients of the first. */
static void backward_pair(pair *p, size_t first)
{
    backward_one(p, 0, first);
    backward_one(p, 1, first);
    for (size_t q = 0; q < prune_model_param_count(p->model[0]); q++)
        ck_assert_ok(prune_trainer_set_gradient(p->trainer[1], q, prune_trainer_gradient(p->trainer[0], q),
                                                world_count(p->model[0], q)));
}

/* With the same gradients an optimizer that goes from one kept weight to the next leaves the same bits. */
START_TEST(few_weights_take_the_same_step)
{
    for (int32_t optimizer = PRUNE_SGD; optimizer <= PRUNE_ADAGRAD; optimizer++) {
        pair p;
        const prune_trainer_options options = pair_options(optimizer);
        open_pair(&p, &options);
        for (size_t s = 0; s < 12; s++) {
            for (size_t layer = 0; s % 4 == 0 && layer < 3; layer++)
                mask_pair(&p, layer, 30);
            backward_pair(&p, s);
            if (s == 6)
                mask_pair(&p, 0, 25); /* between gradients and step */
            for (int32_t i = 0; i < 2; i++)
                ck_assert_ok(prune_trainer_update(p.trainer[i]));
            ck_assert_uint_eq(world_trainer_hash(p.trainer[0]), world_trainer_hash(p.trainer[1]));
            ck_assert_uint_gt(world_check_removed(p.model[1], p.trainer[1]), 0);
        }
        close_pair(&p);
    }
}
END_TEST

/* The parts compute the gradients of removed weights too, the whole does not. */
START_TEST(a_step_is_its_parts)
{
    pair p;
    prune_trainer_options options = pair_options(PRUNE_ADAM);
    options.l2 = 0.01f;
    open_pair(&p, &options);
    ck_assert_ok(prune_trainer_set_sparse(p.trainer[0], PRUNE_SPARSE_ALWAYS, PRUNE_KERNELS_AUTO));
    for (size_t layer = 0; layer < 3; layer++)
        mask_pair(&p, layer, 5);
    for (size_t s = 0; s < 6; s++) {
        backward_one(&p, 0, s);
        ck_assert_ok(prune_trainer_penalize(NULL, p.trainer[0]));
        ck_assert_ok(prune_trainer_update(p.trainer[0]));
        step_one(&p, 1, s, 8);
        ck_assert_uint_eq(world_trainer_hash(p.trainer[0]), world_trainer_hash(p.trainer[1]));
    }
    close_pair(&p);
}
END_TEST

/* After a step without it, or a state that was set without it: the state of what it removes goes again. */
START_TEST(a_mask_that_comes_back)
{
    static const size_t widths[] = { 64, 64, 64, CLASSES };
    for (int32_t given = 0; given < 2; given++) {
        static float ones[64 * 64];
        uint8_t mask[64 * 64];
        pair p;
        const prune_trainer_options options = pair_options(PRUNE_ADAM);
        open_pair_of(&p, widths, &options);
        ck_assert_ok(prune_trainer_set_sparse(p.trainer[1], PRUNE_SPARSE_AUTO, PRUNE_KERNELS_AUTO));
        mask_pair(&p, 1, 30);
        ck_assert_ok(prune_mask_get(mask, sizeof mask, p.model[1], 2));
        for (size_t s = 0; s < 3; s++)
            step_one(&p, 1, s, BATCH);
        ck_assert_ok(prune_mask_reset(p.model[1]));
        for (size_t i = 0; i < sizeof mask; i++)
            ones[i] = 1.0f;
        if (given)
            ck_assert_ok(prune_trainer_set_state(p.trainer[1], 2, 0, ones, sizeof mask));
        else
            step_one(&p, 1, 3, BATCH);
        ck_assert_ok(prune_mask_set(p.model[1], 2, mask, sizeof mask));
        step_one(&p, 1, 4, BATCH);
        ck_assert_uint_gt(world_check_removed(p.model[1], p.trainer[1]), 0);
        close_pair(&p);
    }
}
END_TEST

/* ---- who asks for gradients of removed weights gets them ---- */

/* A weight that returns between the batches of a step has its share of those before. */
START_TEST(weights_that_return_within_an_accumulated_step)
{
    prune_trainer_options options = pair_options(PRUNE_SGD);
    pair p;
    options.accumulate = 2;
    open_pair(&p, &options);
    for (size_t layer = 0; layer < 2; layer++)
        mask_pair(&p, layer, 30);
    step_pair(&p, 0, BATCH);
    for (int32_t i = 0; i < 2; i++)
        ck_assert_ok(prune_mask_reset(p.model[i]));
    step_pair(&p, 1, BATCH);
    ck_assert_double_le(apart(&p), 1e-6);
    close_pair(&p);
}
END_TEST

START_TEST(scores_of_a_fit_see_removed_weights)
{
    pair p;
    prune_fit_options fit;
    prune_importance *scores[2];
    const prune_trainer_options options = pair_options(PRUNE_SGD);
    open_pair(&p, &options);
    mask_pair(&p, 0, 20);
    prune_fit_options_init(&fit);
    fit.epochs = 1;
    for (int32_t i = 0; i < 2; i++) {
        ck_assert_ok(prune_importance_create(&scores[i], NULL, p.model[i], PRUNE_GRADIENT));
        fit.importance = scores[i];
        ck_assert_ok(prune_trainer_fit(NULL, p.trainer[i], &p.data.labelled, &fit, NULL));
        ck_assert_ok(prune_importance_refresh(scores[i]));
    }
    size_t seen = 0;
    for (size_t i = 0; i < INPUTS * HIDDEN; i++)
        seen += prune_importance_scores(scores[1], 0)[i] > 0.0f;
    ck_assert_uint_gt(seen, INPUTS * HIDDEN * 9 / 10);
    for (size_t q = 0; q < 6; q += 2)
        ck_assert_double_le(world_distance(prune_importance_scores(scores[0], q),
                                           prune_importance_scores(scores[1], q), world_count(p.model[0], q)),
                            1e-6);
    for (int32_t i = 0; i < 2; i++)
        prune_importance_free(scores[i]);
    close_pair(&p);
}
END_TEST

static void run_reference(void *user, const prune_gemm *args)
{
    (void)user;
    prune_backend_reference()->run(NULL, args);
}

/* The surgeon goes backward several times behind one pass forward; by a back end of the caller's own, with
 * all weights. */
START_TEST(several_passes_backward_behind_one_forward)
{
    static const size_t widths[] = { 64, 64, 64, 3 };
    static const prune_backend own = { "own", run_reference, NULL, NULL };
    world_data data;
    prune_importance *scores[2];
    prune_model *model = world_model(NULL, widths, 3, PRUNE_TANH, 2);
    world_data_make(&data, 7, 64, 3, 4);
    for (size_t layer = 0; layer < 2; layer++) {
        uint8_t mask[64 * 64];
        for (size_t i = 0; i < sizeof mask; i++)
            mask[i] = i % 131 == layer;
        ck_assert_ok(prune_mask_set(model, 2 * layer, mask, sizeof mask));
    }
    for (int32_t i = 0; i < 2; i++) {
        prune_surgeon_options options;
        prune_surgeon_options_init(&options);
        options.alpha = 0.01;
        options.backend = i == 0 ? &own : prune_backend_reference();
        ck_assert_ok(prune_importance_create(&scores[i], NULL, model, PRUNE_SUPPLIED));
        ck_assert_ok(prune_score_obs(scores[i], &data.labelled, &options, NULL));
    }
    for (size_t q = 0; q < 6; q += 2)
        for (size_t i = 0; i < world_count(model, q); i++) {
            const double a = (double)prune_importance_scores(scores[0], q)[i],
                         b = (double)prune_importance_scores(scores[1], q)[i];
            ck_assert_double_le(fabs(a - b), 1e-5 * fabs(a));
        }
    for (int32_t i = 0; i < 2; i++)
        prune_importance_free(scores[i]);
    prune_model_free(model);
    world_data_end(&data);
}
END_TEST

/* ---- memory and files ---- */

START_TEST(memory_is_taken_when_masks_change)
{
    pair p;
    const prune_trainer_options options = pair_options(PRUNE_ADAM);
    open_pair(&p, &options);
    mask_pair(&p, 1, 10);
    step_one(&p, 1, 0, BATCH);
    size_t requests = p.h.requests;
    for (size_t s = 0; s < 5; s++)
        step_one(&p, 1, s, BATCH - s);
    mask_pair(&p, 1, 20); /* smaller: in the same block */
    step_one(&p, 1, 0, BATCH);
    ck_assert_uint_eq(p.h.requests, requests);
    mask_pair(&p, 1, 2);
    step_one(&p, 1, 0, BATCH);
    ck_assert_uint_eq(p.h.requests, requests + 1);
    requests = p.h.requests;
    ck_assert_ok(prune_trainer_set_sparse(p.trainer[1], PRUNE_SPARSE_OFF, PRUNE_KERNELS_AUTO));
    ck_assert_uint_eq(p.h.live_blocks, 2);
    step_one(&p, 1, 0, BATCH);
    ck_assert_uint_eq(p.h.requests, requests);
    close_pair(&p);
}
END_TEST

/* Each layer in turn without memory: to rounding nothing changes; all of them: not a bit. */
START_TEST(without_memory_all_weights_take_part)
{
    for (size_t n = 1; n <= 4; n++) {
        pair p;
        const prune_trainer_options options = pair_options(PRUNE_ADAM);
        open_pair(&p, &options);
        for (size_t layer = 0; layer < 3; layer++)
            mask_pair(&p, layer, 20);
        if (n == 4)
            heap_refuse_from(&p.h, 1);
        else
            heap_refuse_once(&p.h, n);
        train_pair(&p, 0);
        ck_assert_uint_gt(p.h.refused, 0);
        if (n == 4)
            ck_assert_uint_eq(world_trainer_hash(p.trainer[0]), world_trainer_hash(p.trainer[1]));
        close_pair(&p);
    }
}
END_TEST

START_TEST(a_trainer_from_a_file_goes_on_bit_for_bit)
{
    pair p;
    bytes_file file = { 0 };
    prune_model *model;
    prune_trainer *trainer;
    const prune_trainer_options options = pair_options(PRUNE_ADAM);
    open_pair(&p, &options);
    for (size_t layer = 0; layer < 3; layer++)
        mask_pair(&p, layer, 20);
    step_pair(&p, 0, BATCH);
    const prune_writer writer = bytes_writer(&file);
    ck_assert_ok(prune_trainer_write(p.trainer[1], &writer, NULL));
    const prune_reader reader = bytes_reader(&file);
    ck_assert_ok(prune_trainer_read(&trainer, &model, NULL, &reader, prune_backend_reference(), NULL));
    ck_assert_ok(prune_trainer_set_sparse(trainer, PRUNE_SPARSE_ALWAYS, PRUNE_KERNELS_AUTO));
    prune_trainer_free(p.trainer[0]);
    prune_model_free(p.model[0]);
    p.trainer[0] = trainer;
    p.model[0] = model;
    for (size_t s = 0; s < 10; s++)
        step_pair(&p, s, BATCH - s);
    ck_assert_uint_eq(world_trainer_hash(p.trainer[0]), world_trainer_hash(p.trainer[1]));
    bytes_end(&file);
    close_pair(&p);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { fifty_steps_stay_with_those_of_all_weights,
                                   layers_of_several_tiles_and_panels,
                                   few_weights_take_the_same_step,
                                   a_mask_that_comes_back,
                                   a_step_is_its_parts,
                                   weights_that_return_within_an_accumulated_step,
                                   scores_of_a_fit_see_removed_weights,
                                   several_passes_backward_behind_one_forward,
                                   memory_is_taken_when_masks_change,
                                   without_memory_all_weights_take_part,
                                   a_trainer_from_a_file_goes_on_bit_for_bit };
    return run_tests("thin_use", tests, sizeof tests / sizeof tests[0]);
}
