/* layer_training_test.c -- layers that are frozen, and penalties of their own for single layers
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

#include <math.h>
#include <string.h>

enum { INPUTS = 6, HIDDEN = 9, MIDDLE = 7, CLASSES = 3, PARAMS = 6, LARGEST = HIDDEN * MIDDLE };

static const size_t widths[] = { INPUTS, HIDDEN, MIDDLE, CLASSES };

typedef struct fixture {
    world_data world;
    prune_model *model;
    prune_trainer *trainer;
} fixture;

static void open_fixture(fixture *f, const prune_trainer_options *options)
{
    world_data_make(&f->world, 20, INPUTS, CLASSES, 5);
    f->model = world_model(NULL, widths, 3, PRUNE_TANH, 2);
    f->trainer = world_trainer(f->model, options);
}

static void close_fixture(fixture *f)
{
    prune_trainer_free(f->trainer);
    prune_model_free(f->model);
    world_data_end(&f->world);
}

static void step(fixture *f)
{
    ck_assert_ok(prune_trainer_step(NULL, f->trainer, f->world.x_tensor, f->world.label_tensor));
}

static void set_layer(fixture *f, size_t layer, int32_t frozen, float l1_scale, float l2_scale)
{
    const prune_layer_training how = { sizeof how, frozen, l1_scale, l2_scale, 1.0f };
    ck_assert_ok(prune_trainer_set_layer(f->trainer, layer, &how));
}

/* Values and state of one parameter. */
typedef struct record {
    float w[LARGEST], state[2][LARGEST];
} record;

static void take(record *r, const fixture *f, size_t p)
{
    const size_t bytes = world_count(f->model, p) * sizeof(float);
    memset(r, 0, sizeof *r);
    memcpy(r->w, prune_model_param(f->model, p), bytes);
    for (size_t s = 0; s < 2; s++)
        if (prune_trainer_state(f->trainer, p, s) != NULL)
            memcpy(r->state[s], prune_trainer_state(f->trainer, p, s), bytes);
}

/* Momentum, decay and thresholds do not move it; the layers before and after it learn. */
static void check_frozen(int32_t optimizer, size_t layer)
{
    static record before[PARAMS], after;
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, optimizer);
    options.momentum = 0.9f;
    options.l1 = 0.01f;
    options.l1_proximal = 1;
    options.l2 = 0.01f;
    options.regularize_bias = 1;
    fixture f;
    open_fixture(&f, &options);
    step(&f);
    set_layer(&f, layer, 1, 1.0f, 1.0f);
    for (size_t p = 0; p < PARAMS; p++)
        take(&before[p], &f, p);
    step(&f);
    step(&f);
    for (size_t p = 0; p < PARAMS; p++) {
        take(&after, &f, p);
        ck_assert_int_eq(memcmp(&after, &before[p], sizeof after) == 0, p / 2 == layer);
    }
    ck_assert(prune_trainer_gradient(f.trainer, 2 * layer)[1] != 0.0f);
    set_layer(&f, layer, 0, 1.0f, 1.0f); /* and it learns again */
    step(&f);
    take(&after, &f, 2 * layer);
    ck_assert(memcmp(&after, &before[2 * layer], sizeof after) != 0);
    close_fixture(&f);
}

START_TEST(frozen_layers_stay_as_they_are)
{
    for (int32_t optimizer = PRUNE_SGD; optimizer <= PRUNE_ADAGRAD; optimizer++)
        for (size_t layer = 0; layer < 3; layer++)
            check_frozen(optimizer, layer);
}
END_TEST

START_TEST(a_mask_holds_in_a_frozen_layer)
{
    const prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
    fixture f;
    open_fixture(&f, &options);
    step(&f);
    set_layer(&f, 1, 1, 1.0f, 1.0f);
    world_remove(f.model, 2, 5);
    ck_assert(prune_trainer_state(f.trainer, 2, 0)[5] != 0.0f);
    step(&f);
    ck_assert_uint_eq(world_check_removed(f.model, f.trainer), 1);
    close_fixture(&f);
}
END_TEST

/* The norm that is clipped is that of the other layers alone. */
START_TEST(frozen_layers_do_not_count_in_the_norm)
{
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD);
    options.clip_norm = 1e-3f;
    fixture f;
    double sum = 0.0;
    open_fixture(&f, &options);
    set_layer(&f, 0, 1, 1.0f, 1.0f);
    step(&f);
    for (size_t p = 2; p < PARAMS; p++)
        for (size_t i = 0; i < world_count(f.model, p); i++)
            sum += pow((double)prune_trainer_gradient(f.trainer, p)[i], 2.0);
    ck_assert_double_le(fabs(sqrt(sum) - 1e-3), 3e-8);
    close_fixture(&f);
}
END_TEST

/* ---- penalties ---- */

static void scales_are_in_gradient_and_value(int32_t proximal)
{
    static const float l1_scales[] = { 0.0f, 2.0f, 1.0f }, l2_scales[] = { 3.0f, 0.5f, 0.0f };
    static record before[PARAMS];
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD);
    fixture f;
    float loss, penalty;
    double expected = 0.0;
    options.l1 = 0.25f;
    options.l2 = 0.5f;
    options.l1_proximal = proximal;
    open_fixture(&f, &options);
    for (size_t l = 0; l < 3; l++)
        set_layer(&f, l, 0, l1_scales[l], l2_scales[l]);
    ck_assert_ok(prune_trainer_forward(f.trainer, f.world.x_tensor));
    ck_assert_ok(prune_trainer_loss(&loss, f.trainer, f.world.label_tensor));
    ck_assert_ok(prune_trainer_backward(f.trainer, NULL));
    for (size_t p = 0; p < PARAMS; p++)
        memcpy(before[p].w, prune_trainer_gradient(f.trainer, p), world_count(f.model, p) * sizeof(float));
    ck_assert_ok(prune_trainer_penalize(&penalty, f.trainer));
    for (size_t p = 0; p < PARAMS; p++)
        for (size_t i = 0; i < world_count(f.model, p); i++) {
            const double w = (double)prune_model_param(f.model, p)[i], size = fabs(w);
            const double l1 = p % 2 ? 0.0 : 0.25 * (double)l1_scales[p / 2];
            const double l2 = p % 2 ? 0.0 : 0.5 * (double)l2_scales[p / 2];
            const double g = (double)before[p].w[i] + (proximal ? 0.0 : l1 * (w > 0.0 ? 1.0 : -1.0)) + l2 * w;
            ck_assert_double_le(fabs((double)prune_trainer_gradient(f.trainer, p)[i] - g), 1e-6);
            expected += l1 * size + l2 / 2.0 * w * w;
        }
    ck_assert_double_le(fabs((double)penalty - expected), 1e-6 * expected);
    close_fixture(&f);
}

START_TEST(layers_have_penalties_of_their_own)
{
    scales_are_in_gradient_and_value(0);
    scales_are_in_gradient_and_value(1);
}
END_TEST

START_TEST(layers_have_thresholds_of_their_own)
{
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD);
    fixture f;
    options.learning_rate = 0.125f;
    options.l1 = 8.0f;
    options.l1_proximal = 1;
    open_fixture(&f, &options);
    set_layer(&f, 1, 0, 0.0f, 1.0f);
    step(&f);
    for (size_t p = 0; p < PARAMS; p += 2) {
        size_t zeros = 0;
        for (size_t i = 0; i < world_count(f.model, p); i++)
            zeros += prune_model_param(f.model, p)[i] == 0.0f;
        ck_assert_int_eq(zeros > world_count(f.model, p) / 2, p != 2);
    }
    close_fixture(&f);
}
END_TEST

/* The trainer may be gone when scores are computed anew. */
START_TEST(scores_with_penalty_know_the_scales)
{
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD);
    prune_importance *scores;
    float before[CLASSES * MIDDLE];
    fixture f;
    options.l2 = 0.5f;
    open_fixture(&f, &options);
    set_layer(&f, 2, 0, 1.0f, 4.0f);
    ck_assert_ok(prune_importance_create(&scores, NULL, f.model, PRUNE_GRADIENT));
    ck_assert_ok(prune_importance_accumulate(scores, f.trainer, &f.world.labelled, NULL));
    for (size_t i = 0; i < CLASSES * MIDDLE; i++)
        before[i] = prune_trainer_gradient(f.trainer, 4)[i];
    ck_assert_ok(prune_importance_include_penalty(scores, f.trainer, 1));
    ck_assert_ok(prune_importance_include_penalty(scores, f.trainer, 1));
    prune_trainer_free(f.trainer);
    f.trainer = NULL;
    ck_assert_ok(prune_importance_refresh(scores));
    for (size_t i = 0; i < CLASSES * MIDDLE; i++) {
        const double w = (double)prune_model_param(f.model, 4)[i];
        ck_assert_double_le(
            fabs((double)prune_importance_scores(scores, 4)[i] - fabs((double)before[i] + 2.0 * w)), 1e-6);
    }
    prune_importance_free(scores);
    close_fixture(&f);
}
END_TEST

/* ---- arguments ---- */

START_TEST(what_was_set_is_what_is_got)
{
    const prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD);
    fixture f;
    prune_layer_training how, got;
    open_fixture(&f, &options);
    prune_layer_training_init(NULL);
    prune_layer_training_init(&how);
    prune_layer_training_init(&got);
    set_layer(&f, 1, 1, 0.25f, 0.75f);
    ck_assert_ok(prune_trainer_get_layer(&got, f.trainer, 1));
    ck_assert(got.frozen == 1 && got.l1_scale == 0.25f && got.l2_scale == 0.75f);
    ck_assert_ok(prune_trainer_get_layer(&got, f.trainer, 2));
    ck_assert(got.frozen == how.frozen && got.l1_scale == how.l1_scale && got.l2_scale == how.l2_scale);
    ck_assert_status(prune_trainer_get_layer(&got, f.trainer, 3), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_get_layer(NULL, f.trainer, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_get_layer(&got, NULL, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_set_layer(f.trainer, 3, &how), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_set_layer(f.trainer, 0, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_set_layer(NULL, 0, &how), PRUNE_E_ARGUMENT);
    how.size++;
    ck_assert_status(prune_trainer_set_layer(f.trainer, 0, &how), PRUNE_E_VERSION);
    close_fixture(&f);
}
END_TEST

START_TEST(wrong_numbers_are_refused)
{
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD);
    const float never[] = { -1.0f, NAN, INFINITY, 1e38f };
    fixture f;
    options.l1 = options.l2 = 100.0f; /* times 1e38 is too much */
    open_fixture(&f, &options);
    for (int i = 0; i < 10; i++) {
        prune_layer_training how, got;
        prune_layer_training_init(&how);
        prune_layer_training_init(&got);
        how.l1_scale = i < 4 ? never[i] : 0.5f;
        how.l2_scale = i >= 4 && i < 8 ? never[i - 4] : 0.5f;
        how.frozen = i == 8 ? 2 : i == 9 ? -1 : 0;
        ck_assert_status(prune_trainer_set_layer(f.trainer, 0, &how),
                         i < 8 ? PRUNE_E_RANGE : PRUNE_E_ARGUMENT);
        ck_assert_ok(prune_trainer_get_layer(&got, f.trainer, 0));
        ck_assert(got.frozen == 0 && got.l1_scale == 1.0f && got.l2_scale == 1.0f);
    }
    close_fixture(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        frozen_layers_stay_as_they_are,
        a_mask_holds_in_a_frozen_layer,
        frozen_layers_do_not_count_in_the_norm,
        layers_have_penalties_of_their_own,
        layers_have_thresholds_of_their_own,
        scores_with_penalty_know_the_scales,
        what_was_set_is_what_is_got,
        wrong_numbers_are_refused,
    };
    return run_tests("layer_training", tests, sizeof tests / sizeof tests[0]);
}
