/* cut_test.c -- scores, steps and losses do not depend on how data are cut into batches
 *
 * Nor where smoothing gives labels of class weight 0 a loss too.
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

#include <math.h>
#include <string.h>

enum { N = 12, INPUTS = 3, CLASSES = 3, WEIGHTS = INPUTS * CLASSES };

static const float class_weights[CLASSES] = { 1, 2, 0 };
static const size_t batches[] = { 12, 4, 3, 2, 1 };
#define CUTS (sizeof batches / sizeof batches[0])

/* One linear layer, so that the gradients can be written down. */
typedef struct fixture {
    world_data world;
    float weights[N];
    prune_tensor *weights_tensor;
    prune_model *model;
    prune_loss_options loss;
    prune_data data;
} fixture;

static void open_fixture(fixture *f, int32_t weighted)
{
    static const size_t widths[] = { INPUTS, CLASSES };
    world_data_make(&f->world, N, INPUTS, CLASSES, 5);
    for (size_t i = 0; i < N; i++) {
        f->world.label[i] = (int32_t)(i % CLASSES);
        f->weights[i] = (float)(i % 4);
    }
    ck_assert_ok(prune_tensor_matrix(&f->weights_tensor, NULL, PRUNE_F32, N, 1, f->weights));
    f->model = world_model(NULL, widths, 1, PRUNE_LINEAR, 7);
    prune_loss_options_init(&f->loss);
    f->loss.smoothing = 0.25f;
    f->loss.class_weights = class_weights;
    f->loss.class_count = CLASSES;
    f->data = f->world.labelled;
    f->data.weights = weighted ? f->weights_tensor : NULL;
}

static void close_fixture(fixture *f)
{
    prune_model_free(f->model);
    prune_tensor_free(f->weights_tensor);
    world_data_end(&f->world);
}

/* All at once, in double: the loss, its gradient by the weights, E|g| and E[g^2]. */
typedef struct truth {
    double loss, mean[WEIGHTS], absolute[WEIGHTS], square[WEIGHTS];
} truth;

/* l and dl/dh of sample i; returns l. */
static double sample(double slope[CLASSES], const fixture *f, size_t i)
{
    const float *w = prune_model_param(f->model, 0), *x = f->world.x + i * INPUTS;
    double h[CLASSES] = { 0 }, sum = 0, loss = 0, total = 0, v[CLASSES];
    for (size_t c = 0; c < CLASSES; c++) {
        for (size_t k = 0; k < INPUTS; k++)
            h[c] += (double)w[c * INPUTS + k] * (double)x[k];
        sum += exp(h[c]);
        v[c] = (double)class_weights[c] * (((int32_t)c == f->world.label[i] ? 0.75 : 0) + 0.25 / CLASSES);
        total += v[c];
    }
    for (size_t c = 0; c < CLASSES; c++) {
        loss += v[c] * (log(sum) - h[c]);
        slope[c] = total * exp(h[c]) / sum - v[c];
    }
    return loss;
}

static void add_sample(truth *t, const fixture *f, size_t i, double s)
{
    double slope[CLASSES];
    const double d = (double)class_weights[f->world.label[i]];
    t->loss += s * sample(slope, f, i);
    for (size_t p = 0; p < WEIGHTS; p++) {
        const double g = slope[p / INPUTS] * (double)f->world.x[i * INPUTS + p % INPUTS];
        t->mean[p] += s * g;
        t->absolute[p] += s * fabs(g);
        t->square[p] += d > 0 ? s * g * g / d : 0;
    }
}

static truth tell(const fixture *f)
{
    truth t = { 0 };
    double weight = 0;
    for (size_t i = 0; i < N; i++) {
        const double s = f->data.weights == NULL ? 1.0 : (double)f->weights[i];
        add_sample(&t, f, i, s);
        weight += s * (double)class_weights[f->world.label[i]];
    }
    t.loss /= weight;
    for (size_t p = 0; p < WEIGHTS; p++) {
        t.mean[p] /= weight;
        t.absolute[p] /= weight;
        t.square[p] /= weight;
    }
    return t;
}

static prune_trainer *trainer_of(const fixture *f, size_t max_batch, int32_t per_sample, int32_t accumulate)
{
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD);
    options.loss_options = &f->loss;
    options.max_batch = max_batch;
    options.per_sample = per_sample;
    options.accumulate = accumulate;
    options.learning_rate = 1.0f;
    return world_trainer(f->model, &options);
}

static void check_scores(const fixture *f, int32_t criterion, int32_t per_sample, size_t batch,
                         const double *expected)
{
    prune_importance *importance;
    prune_trainer *trainer = trainer_of(f, batch, per_sample, 0);
    ck_assert_ok(prune_importance_create(&importance, NULL, f->model, criterion));
    ck_assert_ok(prune_importance_accumulate(importance, trainer, &f->data, NULL));
    const float *scores = prune_importance_scores(importance, 0), *w = prune_model_param(f->model, 0);
    for (size_t p = 0; p < WEIGHTS; p++) {
        const double by = criterion == PRUNE_FISHER ? (double)w[p] * (double)w[p] : 1.0;
        ck_assert_double_eq_tol((double)scores[p], fabs(by * expected[p]), 2e-6);
    }
    prune_importance_free(importance);
    prune_trainer_free(trainer);
}

START_TEST(scores_are_those_of_all_at_once)
{
    for (int32_t weighted = 0; weighted < 2; weighted++) {
        fixture f;
        open_fixture(&f, weighted);
        const truth t = tell(&f);
        for (size_t b = 0; b < CUTS; b++) {
            check_scores(&f, PRUNE_GRADIENT, 0, batches[b], t.mean);
            check_scores(&f, PRUNE_SAMPLE_GRADIENT, PRUNE_PER_SAMPLE_ABSOLUTE, batches[b], t.absolute);
            check_scores(&f, PRUNE_FISHER, PRUNE_PER_SAMPLE_SQUARE, batches[b], t.square);
        }
        close_fixture(&f);
    }
}
END_TEST

/* Plain gradient descent of rate 1: the weights move by the mean gradient. */
START_TEST(a_step_that_accumulates_is_that_of_all_at_once)
{
    for (int32_t weighted = 0; weighted < 2; weighted++)
        for (size_t b = 0; b < CUTS; b++) {
            fixture f;
            prune_fit_options how;
            prune_fit_result result;
            float before[WEIGHTS];
            open_fixture(&f, weighted);
            const truth t = tell(&f);
            prune_trainer *trainer = trainer_of(&f, batches[b], 0, (int32_t)(N / batches[b]));
            prune_fit_options_init(&how);
            prune_fit_result_init(&result);
            how.epochs = 1;
            how.shuffle = 0;
            memcpy(before, prune_model_param(f.model, 0), sizeof before);
            ck_assert_ok(prune_trainer_fit(&result, trainer, &f.data, &how, NULL));
            ck_assert_uint_eq(result.steps, 1);
            ck_assert_double_eq_tol(result.loss, t.loss, 2e-6);
            for (size_t p = 0; p < WEIGHTS; p++)
                ck_assert_double_eq_tol((double)prune_model_param(f.model, 0)[p],
                                        (double)before[p] - t.mean[p], 2e-6);
            prune_trainer_free(trainer);
            close_fixture(&f);
        }
}
END_TEST

/* A batch that has only labels of class weight 0 has no mean: as a step of its own it changes nothing. */
START_TEST(a_step_of_nothing_that_counts_changes_nothing)
{
    fixture f;
    float loss = 7;
    open_fixture(&f, 0);
    for (size_t i = 0; i < N; i++)
        f.world.label[i] = 2;
    for (int32_t accumulate = 0; accumulate < 3; accumulate += 2) {
        prune_trainer *trainer = trainer_of(&f, N, 0, accumulate);
        const uint64_t before = world_hash(f.model);
        ck_assert_ok(prune_trainer_step(&loss, trainer, f.world.x_tensor, f.world.label_tensor));
        ck_assert_ok(prune_trainer_flush(trainer));
        ck_assert_uint_eq(prune_trainer_steps(trainer), 1);
        ck_assert(loss == 0.0f);
        ck_assert_uint_eq(world_hash(f.model), before);
        prune_trainer_free(trainer);
    }
    close_fixture(&f);
}
END_TEST

START_TEST(the_step_api_does_not_apply_them_either)
{
    fixture f;
    float loss, gradient[N * CLASSES];
    prune_tensor *g, *h;
    open_fixture(&f, 0);
    for (size_t i = 0; i < N; i++)
        f.world.label[i] = 2;
    prune_trainer *trainer = trainer_of(&f, N, 0, 0);
    const uint64_t before = world_hash(f.model);
    ck_assert_ok(prune_trainer_forward(trainer, f.world.x_tensor));
    ck_assert_ok(prune_trainer_loss(&loss, trainer, f.world.label_tensor));
    ck_assert_ok(prune_trainer_backward(trainer, NULL));
    ck_assert_ok(prune_trainer_update(trainer));
    ck_assert_uint_eq(world_hash(f.model), before);
    ck_assert_ok(prune_tensor_matrix(&g, NULL, PRUNE_F32, N, CLASSES, gradient));
    ck_assert_ok(prune_tensor_matrix(&h, NULL, PRUNE_F32, N, CLASSES, f.world.y));
    ck_assert_ok(prune_loss_with(&loss, g, &f.loss, h, f.world.label_tensor, NULL));
    for (size_t i = 0; i < N * CLASSES; i++)
        ck_assert(gradient[i] == 0.0f);
    ck_assert(loss == 0.0f);
    prune_tensor_free(g);
    prune_tensor_free(h);
    prune_trainer_free(trainer);
    close_fixture(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        scores_are_those_of_all_at_once,
        a_step_that_accumulates_is_that_of_all_at_once,
        a_step_of_nothing_that_counts_changes_nothing,
        the_step_api_does_not_apply_them_either,
    };
    return run_tests("cut", tests, sizeof tests / sizeof tests[0]);
}
