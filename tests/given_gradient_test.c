/* given_gradient_test.c -- gradients of the caller's own, set between the backward pass and the update
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { INPUTS = 5, HIDDEN = 7, CLASSES = 3, SAMPLES = 9, PARAMS = 4, MOST = INPUTS * HIDDEN };

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
    world_remove(f->model, 0, 3);
    f->trainer = world_trainer(f->model, options);
}

static void close_fixture(fixture *f)
{
    prune_trainer_free(f->trainer);
    prune_model_free(f->model);
    world_data_end(&f->world);
}

static void backward(const fixture *f, size_t first, size_t count)
{
    float loss;
    prune_tensor *x = world_rows(f->world.x_tensor, first, count);
    prune_tensor *y = world_rows(f->world.label_tensor, first, count);
    ck_assert_ok(prune_trainer_forward(f->trainer, x));
    ck_assert_ok(prune_trainer_loss(&loss, f->trainer, y));
    ck_assert_ok(prune_trainer_backward(f->trainer, NULL));
    prune_tensor_free(x);
    prune_tensor_free(y);
}

/* As l2 does it: the weights' gradients and lambda w, in the same arithmetic. */
static void add_decay(const fixture *f, float lambda)
{
    float g[MOST];
    for (size_t p = 0; p < PARAMS; p += 2) {
        const size_t count = world_count(f->model, p);
        memcpy(g, prune_trainer_gradient(f->trainer, p), count * sizeof(float));
        for (size_t i = 0; i < count; i++)
            g[i] += lambda * prune_model_param(f->model, p)[i];
        ck_assert_ok(prune_trainer_set_gradient(f->trainer, p, g, count));
        ck_assert_mem_eq(prune_trainer_gradient(f->trainer, p), g, count * sizeof(float));
    }
}

/* A penalty of the caller's own is the library's, bit for bit, with every optimizer and clipping. */
START_TEST(a_penalty_of_the_callers_own)
{
    for (int32_t kind = PRUNE_SGD; kind <= PRUNE_ADAGRAD; kind++) {
        fixture own, theirs;
        prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, kind);
        options.momentum = 0.5f;
        options.clip_norm = 0.25f;
        open_fixture(&own, &options);
        options.l2 = 0.125f;
        open_fixture(&theirs, &options);
        for (int t = 0; t < 4; t++) {
            backward(&own, 0, SAMPLES);
            add_decay(&own, 0.125f);
            ck_assert_ok(prune_trainer_update(own.trainer));
            ck_assert_ok(
                prune_trainer_step(NULL, theirs.trainer, own.world.x_tensor, own.world.label_tensor));
            ck_assert_uint_eq(world_trainer_hash(own.trainer), world_trainer_hash(theirs.trainer));
        }
        world_check_removed(own.model, own.trainer);
        close_fixture(&own);
        close_fixture(&theirs);
    }
}
END_TEST

/* The mean over two machines, each of which has one half of the batch, is the gradient of the batch. */
START_TEST(a_mean_over_machines)
{
    fixture whole, half[2];
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
    options.epsilon = 1e-3f;
    open_fixture(&whole, &options);
    open_fixture(&half[0], &options);
    open_fixture(&half[1], &options);
    for (int t = 0; t < 4; t++) {
        ck_assert_ok(prune_trainer_step(NULL, whole.trainer, whole.world.x_tensor, whole.world.label_tensor));
        backward(&half[0], 0, 4);
        backward(&half[1], 4, 5);
        for (size_t p = 0; p < PARAMS; p++) {
            float mean[MOST];
            for (size_t i = 0; i < world_count(whole.model, p); i++)
                mean[i] = (4.0f * prune_trainer_gradient(half[0].trainer, p)[i] +
                           5.0f * prune_trainer_gradient(half[1].trainer, p)[i]) /
                          9.0f;
            for (size_t m = 0; m < 2; m++)
                ck_assert_ok(
                    prune_trainer_set_gradient(half[m].trainer, p, mean, world_count(whole.model, p)));
        }
        for (size_t m = 0; m < 2; m++)
            ck_assert_ok(prune_trainer_update(half[m].trainer));
        ck_assert_uint_eq(world_trainer_hash(half[0].trainer), world_trainer_hash(half[1].trainer));
    }
    for (size_t p = 0; p < PARAMS; p++)
        ck_assert_double_le(world_distance(prune_model_param(whole.model, p),
                                           prune_model_param(half[0].model, p), world_count(whole.model, p)),
                            1e-6);
    close_fixture(&whole);
    close_fixture(&half[0]);
    close_fixture(&half[1]);
}
END_TEST

/* What is set before a batch is added up counts in the sum; after it, in place of the mean. */
START_TEST(accumulation_takes_what_was_set)
{
    float ones[MOST], threes[MOST];
    fixture f;
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD);
    options.accumulate = 2;
    options.learning_rate = 0.5f;
    for (size_t i = 0; i < MOST; i++)
        ones[i] = 1.0f, threes[i] = 3.0f;
    for (int32_t after = 0; after < 2; after++) {
        open_fixture(&f, &options);
        const float before = prune_model_param(f.model, 1)[0];
        backward(&f, 0, 4);
        ck_assert_ok(prune_trainer_set_gradient(f.trainer, 1, ones, HIDDEN));
        ck_assert_ok(prune_trainer_accumulate(f.trainer));
        backward(&f, 4, 4);
        ck_assert_ok(prune_trainer_set_gradient(f.trainer, 1, threes, HIDDEN));
        ck_assert_ok(prune_trainer_accumulate(f.trainer));
        ck_assert(prune_trainer_gradient(f.trainer, 1)[0] == 2.0f);
        if (after)
            ck_assert_ok(prune_trainer_set_gradient(f.trainer, 1, threes, HIDDEN));
        ck_assert_ok(prune_trainer_update(f.trainer));
        ck_assert(prune_model_param(f.model, 1)[0] == before - (after ? 1.5f : 1.0f));
        close_fixture(&f);
    }
}
END_TEST

/* The mean gradient of the only batch is the score, and it is the one that was set. */
START_TEST(scores_see_what_was_set)
{
    fixture f;
    float g[MOST];
    prune_importance *scores;
    const prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD);
    open_fixture(&f, &options);
    ck_assert_ok(prune_importance_create(&scores, NULL, f.model, PRUNE_GRADIENT));
    for (size_t i = 0; i < MOST; i++)
        g[i] = (float)i - 4.0f;
    backward(&f, 0, SAMPLES);
    ck_assert_ok(prune_trainer_set_gradient(f.trainer, 0, g, MOST));
    ck_assert_ok(prune_importance_add(scores, f.trainer, SAMPLES));
    ck_assert_ok(prune_importance_refresh(scores));
    for (size_t i = 0; i < MOST; i++)
        ck_assert_double_eq_tol((double)prune_importance_scores(scores, 0)[i], fabs((double)g[i]), 1e-6);
    prune_importance_free(scores);
    close_fixture(&f);
}
END_TEST

static prune_status set(const fixture *f, size_t param)
{
    static const float values[MOST];
    return prune_trainer_set_gradient(f->trainer, param, values,
                                      param < PARAMS ? world_count(f->model, param) : 1);
}

START_TEST(only_between_backward_and_update)
{
    fixture f;
    float loss;
    const prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD);
    open_fixture(&f, &options);
    ck_assert_status(set(&f, 0), PRUNE_E_STATE);
    ck_assert_ok(prune_trainer_forward(f.trainer, f.world.x_tensor));
    ck_assert_status(set(&f, 0), PRUNE_E_STATE);
    ck_assert_ok(prune_trainer_loss(&loss, f.trainer, f.world.label_tensor));
    ck_assert_status(set(&f, 0), PRUNE_E_STATE);
    ck_assert_ok(prune_trainer_backward(f.trainer, NULL));
    ck_assert_ok(set(&f, 0));
    ck_assert_ok(prune_trainer_penalize(NULL, f.trainer));
    ck_assert_ok(set(&f, 0));
    ck_assert_ok(prune_trainer_update(f.trainer));
    ck_assert_status(set(&f, 0), PRUNE_E_STATE);
    backward(&f, 0, SAMPLES);
    ck_assert_ok(prune_model_add_activation(f.model, PRUNE_TANH));
    ck_assert_status(set(&f, 0), PRUNE_E_STATE);
    close_fixture(&f);
}
END_TEST

START_TEST(what_is_no_gradient_is_refused)
{
    fixture f;
    const prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD);
    open_fixture(&f, &options);
    backward(&f, 0, SAMPLES);
    float g[MOST] = { 0 }, was[MOST];
    memcpy(was, prune_trainer_gradient(f.trainer, 0), sizeof was);
    ck_assert_status(prune_trainer_set_gradient(NULL, 0, g, MOST), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_set_gradient(f.trainer, 0, NULL, MOST), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_set_gradient(f.trainer, PARAMS, g, MOST), PRUNE_E_RANGE);
    ck_assert_status(prune_trainer_set_gradient(f.trainer, 0, g, MOST - 1), PRUNE_E_SHAPE);
    ck_assert_status(prune_trainer_set_gradient(f.trainer, 0, g, 0), PRUNE_E_SHAPE);
    static const float bad[] = { NAN, INFINITY, -INFINITY };
    for (size_t i = 0; i < 3; i++) {
        g[MOST - 1] = bad[i];
        ck_assert_status(prune_trainer_set_gradient(f.trainer, 0, g, MOST), PRUNE_E_NONFINITE);
    }
    ck_assert_mem_eq(prune_trainer_gradient(f.trainer, 0), was, sizeof was);
    ck_assert_ok(prune_trainer_set_gradient(f.trainer, 0, prune_trainer_gradient(f.trainer, 0), MOST));
    ck_assert_mem_eq(prune_trainer_gradient(f.trainer, 0), was, sizeof was);
    const uint64_t before = world_hash(f.model);
    g[MOST - 1] = FLT_MAX; /* too large for a step, which says so */
    ck_assert_ok(prune_trainer_set_gradient(f.trainer, 0, g, MOST));
    ck_assert_status(prune_trainer_update(f.trainer), PRUNE_E_DIVERGED);
    ck_assert_uint_eq(world_hash(f.model), before);
    close_fixture(&f);
}
END_TEST

/* Running statistics have none. */
START_TEST(statistics_have_no_gradient)
{
    float zeros[CLASSES] = { 0 };
    fixture f;
    const prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD);
    world_data_make(&f.world, SAMPLES, INPUTS, CLASSES, 5);
    f.model = world_model(NULL, widths, 2, PRUNE_TANH, 2);
    ck_assert_ok(prune_model_add_batch_norm(f.model, 0.1f, 1e-5f));
    f.trainer = world_trainer(f.model, &options);
    backward(&f, 0, SAMPLES);
    for (size_t p = PARAMS; p < PARAMS + 4; p++)
        ck_assert_status(prune_trainer_set_gradient(f.trainer, p, zeros, CLASSES),
                         p < PARAMS + 2 ? PRUNE_OK : PRUNE_E_RANGE);
    close_fixture(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_penalty_of_the_callers_own,     a_mean_over_machines,
        accumulation_takes_what_was_set,  scores_see_what_was_set,
        only_between_backward_and_update, what_is_no_gradient_is_refused,
        statistics_have_no_gradient,
    };
    return run_tests("given_gradient", tests, sizeof tests / sizeof tests[0]);
}
