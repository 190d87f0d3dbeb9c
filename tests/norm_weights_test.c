/* norm_weights_test.c -- batch normalisation before optimizers, penalties, scores and masks
 *
 * SPDX-License-Identifier: MIT */
#include "support/stack.h"
#include "support/training.h"

#include <math.h>
#include <string.h>

enum { INPUTS = 4, HIDDEN = 6, OUTPUTS = 3, N = 8, GAMMA = 2, BETA, MEAN, VARIANCE };

static const stack_step net[] = { { D, HIDDEN, 0, 0, 0 },
                                  { B, 0, 0, 0.25f, 1e-3f },
                                  { A, 0, PRUNE_TANH, 0, 0 },
                                  { D, OUTPUTS, 0, 0, 0 },
                                  { 0 } };

typedef struct fixture {
    world_data world;
    prune_model *model;
    prune_trainer *trainer;
} fixture;

static void open_fixture(fixture *f, const prune_trainer_options *options)
{
    world_data_make(&f->world, N, INPUTS, OUTPUTS, 3);
    f->model = stack_model(NULL, INPUTS, net, 5);
    f->trainer = world_trainer(f->model, options);
}

static void close_fixture(fixture *f)
{
    prune_trainer_free(f->trainer);
    prune_model_free(f->model);
    world_data_end(&f->world);
}

static int32_t same_statistics(const prune_model *a, const prune_model *b)
{
    return memcmp(prune_model_param(a, MEAN), prune_model_param(b, MEAN), HIDDEN * sizeof(float)) == 0 &&
           memcmp(prune_model_param(a, VARIANCE), prune_model_param(b, VARIANCE), HIDDEN * sizeof(float)) ==
               0;
}

START_TEST(no_optimizer_touches_statistics)
{
    for (int32_t kind = PRUNE_SGD; kind <= PRUNE_ADAGRAD; kind++) {
        prune_trainer_options options = world_options(PRUNE_MSE, kind);
        fixture f, plain;
        options.l1 = 0.125f;
        options.l2 = 0.25f;
        options.weight_decay = 0.5f;
        options.regularize_bias = 1;
        options.l1_proximal = 1;
        options.clip_norm = 0.5f;
        open_fixture(&f, &options);
        options = world_options(PRUNE_MSE, PRUNE_SGD);
        open_fixture(&plain, &options);
        ck_assert_ok(prune_trainer_step(NULL, f.trainer, f.world.x_tensor, f.world.y_tensor));
        ck_assert_ok(prune_trainer_step(NULL, plain.trainer, f.world.x_tensor, f.world.y_tensor));
        ck_assert(same_statistics(f.model, plain.model));
        for (size_t i = 0; i < 2 * HIDDEN; i++)
            for (size_t slot = 0; slot < 2; slot++) {
                const float *state = prune_trainer_state(f.trainer, MEAN + i / HIDDEN, slot);
                ck_assert(state == NULL || state[i % HIDDEN] == 0.0f);
                ck_assert(prune_trainer_gradient(f.trainer, MEAN + i / HIDDEN)[i % HIDDEN] == 0.0f);
            }
        close_fixture(&f);
        close_fixture(&plain);
    }
}
END_TEST

/* The penalty with biases has gamma and beta in it, and not the statistics. */
START_TEST(penalties_and_choices)
{
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    options.l1 = 1.0f;
    uint64_t units[2], kept;
    prune_selection selection;
    for (int32_t bias = 0; bias < 2; bias++) {
        fixture f;
        float loss, penalty;
        double expected = 0.0;
        options.regularize_bias = bias;
        open_fixture(&f, &options);
        for (size_t p = 0; p < 8; p++)
            for (size_t i = 0;
                 (p == 0 || p == 6 || (bias && p != MEAN && p != VARIANCE)) && i < world_count(f.model, p);
                 i++)
                expected += fabs((double)prune_model_param(f.model, p)[i]);
        ck_assert_ok(prune_trainer_forward(f.trainer, f.world.x_tensor));
        ck_assert_ok(prune_trainer_loss(&loss, f.trainer, f.world.y_tensor));
        ck_assert_ok(prune_trainer_backward(f.trainer, NULL));
        ck_assert_ok(prune_trainer_penalize(&penalty, f.trainer));
        ck_assert_double_eq_tol((double)penalty, expected, 1e-5);
        prune_selection_init(&selection);
        selection.include_bias = bias;
        ck_assert_ok(prune_mask_units(&units[bias], &kept, f.model, &selection));
        close_fixture(&f);
    }
    ck_assert_uint_eq(units[0], INPUTS * HIDDEN + HIDDEN * OUTPUTS);
    ck_assert_uint_eq(units[1], units[0] + HIDDEN + 2 * HIDDEN + OUTPUTS);
}
END_TEST

/* Per-sample scores of gamma and beta: from batches as from single samples. */
START_TEST(scores_of_single_samples)
{
    static const int32_t criteria[] = { PRUNE_SAMPLE_GRADIENT, PRUNE_FISHER };
    for (int32_t k = 0; k < 2; k++) {
        prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
        float scores[2][8][HIDDEN * INPUTS];
        options.per_sample = PRUNE_PER_SAMPLE_ABSOLUTE + k;
        for (size_t way = 0; way < 2; way++) {
            fixture f;
            prune_importance *importance;
            options.max_batch = way == 0 ? N : 1;
            open_fixture(&f, &options);
            ck_assert_ok(prune_importance_create(&importance, NULL, f.model, criteria[k]));
            ck_assert_ok(prune_importance_accumulate(importance, f.trainer, &f.world.valued, NULL));
            for (size_t p = 0; p < 8; p++)
                memcpy(scores[way][p], prune_importance_scores(importance, p),
                       world_count(f.model, p) * sizeof(float));
            for (size_t i = 0; i < HIDDEN; i++) {
                ck_assert(scores[way][GAMMA][i] > 0.0f && scores[way][BETA][i] > 0.0f);
                ck_assert(k == 1 || (scores[way][MEAN][i] == 0.0f && scores[way][VARIANCE][i] == 0.0f));
            }
            prune_importance_free(importance);
            close_fixture(&f);
        }
        for (size_t p = GAMMA; p <= BETA; p++)
            ck_assert_double_le(world_distance(scores[0][p], scores[1][p], HIDDEN), 1e-6);
    }
}
END_TEST

/* ---- pruning ---- */

/* Through dropout too: the normalised output is exactly 0, in training, after it, in inference. */
START_TEST(a_neuron_takes_its_gamma_and_beta_along)
{
    const stack_step steps[] = {
        { D, HIDDEN, PRUNE_SIGMOID, 0, 0 }, { O, 0, 0, 0.25f, 0 }, { B, 0, 0, 0.25f, 1e-3f }, { 0 }
    };
    world_data world;
    const prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    float h[N * HIDDEN];
    world_data_make(&world, N, INPUTS, HIDDEN, 3);
    prune_model *model = stack_model(NULL, INPUTS, steps, 5);
    prune_trainer *trainer = world_trainer(model, &options);
    prune_workspace *workspace;
    prune_tensor *y;
    ck_assert_ok(prune_mask_neuron(model, 0, 4));
    ck_assert_uint_eq(world_check_removed(model, NULL), INPUTS + 1 + 2);
    for (int step = 0; step < 5; step++) {
        ck_assert_ok(prune_trainer_step(NULL, trainer, world.x_tensor, world.y_tensor));
        const float *out = prune_tensor_data(prune_trainer_outputs(trainer));
        for (size_t r = 0; r < N; r++)
            ck_assert(out[r * HIDDEN + 4] == 0.0f && out[r * HIDDEN + 3] != 0.0f);
    }
    ck_assert_uint_eq(world_check_removed(model, trainer), INPUTS + 1 + 2);
    ck_assert_ok(prune_tensor_matrix(&y, NULL, PRUNE_F32, N, HIDDEN, h));
    ck_assert_ok(prune_workspace_create(&workspace, NULL, model, N, NULL));
    ck_assert_ok(prune_predict(y, model, workspace, world.x_tensor));
    for (size_t r = 0; r < N; r++)
        ck_assert(h[r * HIDDEN + 4] == 0.0f && h[r * HIDDEN + 3] != 0.0f);
    prune_workspace_free(workspace);
    prune_tensor_free(y);
    prune_trainer_free(trainer);
    prune_model_free(model);
    world_data_end(&world);
}
END_TEST

/* Through a softmax every output depends on every neuron: what comes after it stays. By score as by hand. */
START_TEST(only_what_works_unit_by_unit_goes_along)
{
    const stack_step steps[] = { { D, HIDDEN, 0, 0, 0 },    { B, 0, 0, 0.25f, 1e-3f }, { S, 0, 0, 0, 0 },
                                 { B, 0, 0, 0.25f, 1e-3f }, { D, 2, 0, 0, 0 },         { 0 } };
    prune_model *model = stack_model(NULL, INPUTS, steps, 5);
    prune_importance *scores;
    prune_selection neurons;
    prune_removal removal;
    uint8_t kept[HIDDEN];
    prune_selection_init(&neurons);
    prune_removal_init(&removal);
    neurons.granularity = PRUNE_NEURONS;
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
    ck_assert_ok(prune_mask_lowest(&removal, model, scores, &neurons, 2));
    ck_assert(removal.units == HIDDEN && removal.removed == 2);
    ck_assert_uint_eq(world_check_removed(model, NULL), 2 * (INPUTS + 1 + 2));
    for (size_t p = 0; p < prune_model_param_count(model); p++) {
        size_t gone = 0;
        if (world_count(model, p) != HIDDEN)
            continue;
        ck_assert_ok(prune_mask_get(kept, HIDDEN, model, p));
        for (size_t i = 0; i < HIDDEN; i++)
            gone += kept[i] == 0;
        ck_assert_uint_eq(gone, p >= 1 && p <= 3 ? 2 : 0);
    }
    prune_importance_free(scores);
    prune_model_free(model);
}
END_TEST

static prune_status set_mask(prune_model *model, size_t param, size_t i, uint8_t bit)
{
    uint8_t mask[WORLD_MAX_PARAM];
    const size_t count = world_count(model, param);
    ck_assert_ok(prune_mask_get(mask, count, model, param));
    mask[i] = bit;
    return prune_mask_set(model, param, mask, count);
}

/* Training would go on with the batch's, inference with 0; and no optimizer has anything of them. */
START_TEST(statistics_are_not_for_taking)
{
    const prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    fixture f;
    open_fixture(&f, &options);
    const uint64_t hash = world_hash(f.model);
    const float *mean = prune_model_param(f.model, MEAN);
    for (size_t p = MEAN; p <= VARIANCE; p++) {
        ck_assert_status(set_mask(f.model, p, 1, 0), PRUNE_E_RANGE);
        ck_assert_ok(set_mask(f.model, p, 1, 1));
        ck_assert_status(prune_trainer_set_state(f.trainer, p, 0, mean, world_count(f.model, p)),
                         PRUNE_E_RANGE);
    }
    ck_assert_uint_eq(world_hash(f.model), hash);
    close_fixture(&f);
}
END_TEST

/* However large they are, they are no weights. */
START_TEST(statistics_score_nothing)
{
    float large[WORLD_MAX_PARAM];
    const prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    fixture f;
    open_fixture(&f, &options);
    const size_t count = world_count(f.model, VARIANCE);
    for (size_t i = 0; i < count; i++)
        large[i] = 1e30f;
    ck_assert_ok(prune_model_set_param(f.model, VARIANCE, large, count));
    prune_importance *scores = NULL;
    ck_assert_ok(prune_importance_create(&scores, NULL, f.model, PRUNE_MAGNITUDE_SQUARED));
    for (size_t i = 0; i < count; i++)
        ck_assert(prune_importance_scores(scores, VARIANCE)[i] == 0.0f);
    prune_importance_free(scores);
    close_fixture(&f);
}
END_TEST

/* At 0, gamma and the row behind it would hold each other there. */
START_TEST(what_comes_back_can_grow)
{
    const prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    fixture f;
    open_fixture(&f, &options);
    ck_assert_ok(prune_mask_neuron(f.model, 0, 1));
    ck_assert(prune_model_param(f.model, GAMMA)[1] == 0.0f);
    ck_assert_ok(prune_mask_reset(f.model));
    ck_assert(prune_model_param(f.model, GAMMA)[1] == 1.0f);
    ck_assert(prune_model_param(f.model, 0)[INPUTS] == 0.0f);
    for (int step = 0; step < 3; step++)
        ck_assert_ok(prune_trainer_step(NULL, f.trainer, f.world.x_tensor, f.world.y_tensor));
    ck_assert(prune_model_param(f.model, 0)[INPUTS] != 0.0f);
    close_fixture(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        no_optimizer_touches_statistics,
        penalties_and_choices,
        scores_of_single_samples,
        a_neuron_takes_its_gamma_and_beta_along,
        only_what_works_unit_by_unit_goes_along,
        statistics_are_not_for_taking,
        statistics_score_nothing,
        what_comes_back_can_grow,
    };
    return run_tests("norm_weights", tests, sizeof tests / sizeof tests[0]);
}
