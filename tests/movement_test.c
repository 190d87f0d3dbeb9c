/* movement_test.c -- scores gathered in training: the mean of -w g, against a fit in double
 *
 * SPDX-License-Identifier: MIT */
#include "support/reference.h"
#include "support/training.h"

#include <math.h>

enum { LAYERS = 2, SAMPLES = 22, BATCH = 8, BATCHES = 3, EPOCHS = 4, INPUTS = 4, CLASSES = 3 };
static const float rate = 0.25f;

typedef struct world {
    ref_net net;
    prune_model *model;
    prune_trainer *trainer;
    prune_importance *table;
    world_data data;
    prune_fit_options fit;
    double sum[REF_PARAMS]; /* of -w g over the steps in double */
    double average[REF_PARAMS];
} world;

static void open_world(world *w, float learning_rate)
{
    static const size_t widths[] = { INPUTS, 5, CLASSES };
    static const int32_t activations[] = { PRUNE_TANH, PRUNE_LINEAR };
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD);
    uint64_t state = 3;
    memset(w, 0, sizeof *w);
    ref_shape(&w->net, LAYERS, widths, activations);
    for (size_t i = 0; i < w->net.count; i++) {
        w->net.keep[i] = i >= ref_begin(&w->net, 1) || i % 5 != 0;
        w->net.w[i] = w->net.keep[i] ? (double)(float)ref_uniform(&state, -1.0, 1.0) : 0.0;
    }
    ck_assert_ok(ref_model(&w->model, &w->net));
    world_data_make(&w->data, SAMPLES, INPUTS, CLASSES, 2);
    options.learning_rate = learning_rate;
    options.max_batch = BATCH;
    w->trainer = world_trainer(w->model, &options);
    ck_assert_ok(prune_importance_create(&w->table, NULL, w->model, PRUNE_MOVEMENT));
    prune_fit_options_init(&w->fit);
    w->fit.shuffle = 0;
    w->fit.epochs = EPOCHS;
    w->fit.importance = w->table;
}

static void close_world(world *w)
{
    prune_importance_free(w->table);
    prune_trainer_free(w->trainer);
    prune_model_free(w->model);
    world_data_end(&w->data);
}

/* Steps of SGD in double; what moves is added before each. */
static void train_in_double(world *w, double learning_rate, double decay)
{
    for (size_t step = 0; step < EPOCHS * BATCHES; step++) {
        static ref_task task;
        double g[REF_PARAMS];
        const size_t first = step % BATCHES * BATCH;
        task = (ref_task){ .loss = PRUNE_SOFTMAX_CROSS_ENTROPY };
        task.n = SAMPLES - first < BATCH ? SAMPLES - first : BATCH;
        for (size_t i = 0; i < task.n * INPUTS; i++)
            task.x[i] = (double)w->data.x[first * INPUTS + i];
        memcpy(task.label, w->data.label + first, task.n * sizeof *task.label);
        ref_data_gradient(g, &w->net, &task);
        for (size_t i = 0; i < w->net.count; i++) {
            const double moved = -w->net.w[i] * g[i];
            w->sum[i] += moved;
            w->average[i] = decay * w->average[i] + (1.0 - decay) * moved;
            w->net.w[i] -= w->net.keep[i] ? learning_rate * g[i] : 0.0;
        }
    }
}

static void check_scores(const world *w, const double *wanted, double scale)
{
    int32_t below = 0, above = 0;
    for (size_t p = 0; p < 2 * LAYERS; p++)
        for (size_t i = ref_begin(&w->net, p), k = 0; i < ref_begin(&w->net, p + 1); i++, k++) {
            const float got = prune_importance_scores(w->table, p)[k];
            ck_assert_double_eq_tol((double)got, wanted[i] * scale, 1e-5);
            below |= got < 0.0f;
            above |= got > 0.0f;
            ck_assert(w->net.keep[i] || fabsf(got) <= 0.0f);
        }
    ck_assert(below && above);
}

START_TEST(a_fit_gives_the_mean_over_its_steps)
{
    world w;
    open_world(&w, rate);
    train_in_double(&w, (double)rate, 0.0);
    ck_assert_ok(prune_trainer_fit(NULL, w.trainer, &w.data.labelled, &w.fit, NULL));
    ck_assert_ok(prune_importance_refresh(w.table));
    ck_assert_uint_eq(prune_importance_samples(w.table), EPOCHS * SAMPLES);
    check_scores(&w, w.sum, 1.0 / (EPOCHS * BATCHES));
    close_world(&w);
}
END_TEST

START_TEST(a_moving_average_counts_the_last_steps_most)
{
    world w;
    open_world(&w, rate);
    train_in_double(&w, (double)rate, 0.75);
    ck_assert_ok(prune_importance_set_decay(w.table, 0.75f));
    ck_assert_ok(prune_trainer_fit(NULL, w.trainer, &w.data.labelled, &w.fit, NULL));
    ck_assert_ok(prune_importance_refresh(w.table));
    check_scores(&w, w.average, 1.0 / (1.0 - pow(0.75, EPOCHS * BATCHES)));
    close_world(&w);
}
END_TEST

START_TEST(training_is_the_same_with_and_without)
{
    world with, without;
    open_world(&with, rate);
    open_world(&without, rate);
    without.fit.importance = NULL;
    ck_assert_ok(prune_trainer_fit(NULL, with.trainer, &with.data.labelled, &with.fit, NULL));
    ck_assert_ok(prune_trainer_fit(NULL, without.trainer, &without.data.labelled, &without.fit, NULL));
    ck_assert(world_same_models(with.model, without.model));
    close_world(&with);
    close_world(&without);
}
END_TEST

/* The lowest numbers, not the smallest sizes. */
START_TEST(what_moves_to_zero_goes_first)
{
    world w;
    prune_removal removal;
    uint8_t before[INPUTS * 5], after[INPUTS * 5];
    float scores[INPUTS * 5];
    open_world(&w, rate);
    prune_removal_init(&removal);
    ck_assert_ok(prune_trainer_fit(NULL, w.trainer, &w.data.labelled, &w.fit, NULL));
    ck_assert_ok(prune_importance_refresh(w.table));
    memcpy(scores, prune_importance_scores(w.table, 0), sizeof scores);
    ck_assert_ok(prune_mask_get(before, INPUTS * 5, w.model, 0));
    ck_assert_ok(prune_mask_below(&removal, w.model, w.table, NULL, -1e-3f));
    ck_assert_uint_gt(removal.removed, 0);
    ck_assert_ok(prune_mask_get(after, INPUTS * 5, w.model, 0));
    for (size_t i = 0; i < INPUTS * 5; i++)
        ck_assert_uint_eq(after[i], before[i] && scores[i] >= -1e-3f);
    close_world(&w);
}
END_TEST

/* Of weights that stay where they are, batches of any size count once each. */
START_TEST(accumulated_it_is_the_mean_over_batches)
{
    world w;
    open_world(&w, 0.0f);
    train_in_double(&w, 0.0, 0.0);
    for (size_t epoch = 0; epoch < 2; epoch++)
        ck_assert_ok(prune_importance_accumulate(w.table, w.trainer, &w.data.labelled, NULL));
    check_scores(&w, w.sum, 1.0 / (EPOCHS * BATCHES));
    close_world(&w);
}
END_TEST

START_TEST(a_batch_that_weighs_nothing_is_no_step)
{
    world w;
    float weights[SAMPLES];
    prune_tensor *counts;
    open_world(&w, 0.0f);
    train_in_double(&w, 0.0, 0.0);
    for (size_t i = 0; i < SAMPLES; i++)
        weights[i] = i < BATCH ? 0.0f : 3.0f;
    ck_assert_ok(prune_tensor_const_matrix(&counts, NULL, PRUNE_F32, SAMPLES, 1, weights));
    w.data.labelled.weights = counts;
    ck_assert_ok(prune_importance_accumulate(w.table, w.trainer, &w.data.labelled, NULL));
    world rest;
    open_world(&rest, 0.0f);
    prune_tensor *x = world_rows(w.data.x_tensor, BATCH, SAMPLES - BATCH);
    prune_tensor *label = world_rows(w.data.label_tensor, BATCH, SAMPLES - BATCH);
    rest.data.labelled.inputs = x;
    rest.data.labelled.targets = label;
    ck_assert_ok(prune_importance_accumulate(rest.table, rest.trainer, &rest.data.labelled, NULL));
    for (size_t p = 0; p < 2 * LAYERS; p++)
        ck_assert_double_le(world_distance(prune_importance_scores(w.table, p),
                                           prune_importance_scores(rest.table, p), world_count(w.model, p)),
                            1e-6);
    prune_tensor_free(x);
    prune_tensor_free(label);
    prune_tensor_free(counts);
    close_world(&rest);
    close_world(&w);
}
END_TEST

static void make_gradients(world *w)
{
    float loss;
    prune_tensor *x = world_rows(w->data.x_tensor, 0, BATCH);
    prune_tensor *label = world_rows(w->data.label_tensor, 0, BATCH);
    ck_assert_ok(prune_trainer_forward(w->trainer, x));
    ck_assert_ok(prune_trainer_loss(&loss, w->trainer, label));
    ck_assert_ok(prune_trainer_backward(w->trainer, NULL));
    prune_tensor_free(x);
    prune_tensor_free(label);
}

/* w g leaves float: nothing is added, and the scores stay. */
START_TEST(a_product_beyond_float_is_refused)
{
    world w;
    float huge[INPUTS * 5];
    open_world(&w, 0.0f);
    ck_assert_ok(prune_importance_accumulate(w.table, w.trainer, &w.data.labelled, NULL));
    const float before = prune_importance_scores(w.table, 0)[1];
    make_gradients(&w);
    for (size_t i = 0; i < INPUTS * 5; i++)
        huge[i] = 1e20f;
    ck_assert_ok(prune_trainer_set_gradient(w.trainer, 0, huge, INPUTS * 5));
    world_plant(w.model, 0, 1, 1e20f);
    ck_assert_status(prune_importance_add(w.table, w.trainer, BATCH), PRUNE_E_DIVERGED);
    ck_assert_uint_eq(prune_importance_samples(w.table), SAMPLES);
    ck_assert(prune_importance_scores(w.table, 0)[1] == before);
    close_world(&w);
}
END_TEST

START_TEST(penalties_and_signed_sums_are_not_for_it)
{
    world w;
    float neurons[5];
    open_world(&w, rate);
    ck_assert_status(prune_importance_refresh(w.table), PRUNE_E_STATE);
    ck_assert_status(prune_importance_include_penalty(w.table, w.trainer, 1), PRUNE_E_STATE);
    ck_assert_ok(prune_importance_accumulate(w.table, w.trainer, &w.data.labelled, NULL));
    ck_assert_status(prune_importance_set_scores(w.table, 0, neurons, 5), PRUNE_E_STATE);
    ck_assert_status(prune_importance_neurons(neurons, 5, w.table, 0, PRUNE_ROW_SIGNED), PRUNE_E_ARGUMENT);
    ck_assert_ok(prune_importance_neurons(neurons, 5, w.table, 0, PRUNE_ROW_L1));
    for (size_t o = 0; o < 5; o++) {
        double sum = 0.0;
        for (size_t i = 0; i < INPUTS; i++)
            sum += (double)prune_importance_scores(w.table, 0)[o * INPUTS + i];
        ck_assert_double_eq_tol((double)neurons[o], sum, 1e-6);
    }
    close_world(&w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_fit_gives_the_mean_over_its_steps,     a_moving_average_counts_the_last_steps_most,
        training_is_the_same_with_and_without,   what_moves_to_zero_goes_first,
        accumulated_it_is_the_mean_over_batches, a_batch_that_weighs_nothing_is_no_step,
        a_product_beyond_float_is_refused,       penalties_and_signed_sums_are_not_for_it,
    };
    return run_tests("movement", tests, sizeof tests / sizeof tests[0]);
}
