/* importance_test.c -- scores are what their formulas say, of the mean gradient over all samples, however cut
 *
 * SPDX-License-Identifier: MIT */
#include "support/oracle.h"
#include "support/twin.h"

#include <string.h>

static const int32_t losses[] = { PRUNE_MSE, PRUNE_SOFTMAX_CROSS_ENTROPY };
static const size_t batches[] = { 1, 7, TWIN_SAMPLES };
static const double tolerance = 2e-6;

static void scores_of_one_loss(int32_t loss)
{
    static twin w;
    double g[REF_PARAMS];
    twin_make(&w, loss);
    ref_data_gradient(g, &w.net, &w.task);
    for (int32_t criterion = PRUNE_MAGNITUDE; criterion < PRUNE_SAMPLE_GRADIENT; criterion++)
        for (size_t b = 0; b < sizeof batches / sizeof batches[0]; b++) {
            prune_trainer *trainer = twin_trainer(w.model, loss, batches[b], 0);
            prune_importance *scores = twin_importance(w.model, criterion);
            ck_assert_ok(prune_importance_accumulate(scores, trainer, twin_data(&w), NULL));
            const int32_t takes = criterion != PRUNE_MAGNITUDE && criterion != PRUNE_MAGNITUDE_SQUARED;
            ck_assert_uint_eq(prune_importance_samples(scores), takes ? TWIN_SAMPLES : 0);
            twin_check_scores(scores, &w, g, criterion, tolerance);
            ck_assert_ok(prune_importance_accumulate(scores, trainer, twin_data(&w), NULL));
            ck_assert_uint_eq(prune_importance_samples(scores), takes ? 2 * TWIN_SAMPLES : 0);
            twin_check_scores(scores, &w, g, criterion, tolerance);
            prune_importance_free(scores);
            prune_trainer_free(trainer);
        }
    twin_end(&w);
}

START_TEST(scores_are_of_the_mean_gradient_for_any_batch)
{
    for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++)
        scores_of_one_loss(losses[i]);
}
END_TEST

START_TEST(magnitudes_need_no_data)
{
    static twin w;
    const double none[REF_PARAMS] = { 0.0 };
    twin_make(&w, PRUNE_MSE);
    prune_trainer *trainer = twin_trainer(w.model, PRUNE_MSE, 4, 0);
    prune_importance *scores = twin_importance(w.model, PRUNE_MAGNITUDE);
    twin_check_scores(scores, &w, none, PRUNE_MAGNITUDE, 0.0);
    ck_assert_uint_eq(prune_importance_samples(scores), 0);
    ck_assert_ok(prune_importance_accumulate(scores, trainer, twin_data(&w), NULL));
    twin_check_scores(scores, &w, none, PRUNE_MAGNITUDE, 0.0);
    ck_assert_uint_eq(prune_importance_samples(scores), 0);
    ck_assert_status(prune_importance_include_penalty(scores, trainer, 1), PRUNE_E_STATE);
    ck_assert_ok(prune_importance_reset(scores));
    twin_check_scores(scores, &w, none, PRUNE_MAGNITUDE, 0.0);
    prune_importance_free(scores);
    prune_trainer_free(trainer);
    twin_end(&w);
}
END_TEST

/* Samples first .. first + count - 1 of the world. */
static void accumulate_part(prune_importance *scores, prune_trainer *trainer, const twin *w, size_t first,
                            size_t count)
{
    prune_tensor *x, *label;
    prune_data part;
    ck_assert_ok(
        prune_tensor_const_matrix(&x, NULL, PRUNE_F32, count, TWIN_INPUTS, w->data.x + first * TWIN_INPUTS));
    ck_assert_ok(prune_tensor_const_matrix(&label, NULL, PRUNE_I32, count, 1, w->data.label + first));
    prune_data_init(&part);
    part.inputs = x;
    part.targets = label;
    ck_assert_ok(prune_importance_accumulate(scores, trainer, &part, NULL));
    prune_tensor_free(x);
    prune_tensor_free(label);
}

START_TEST(parts_of_unequal_size_weigh_by_their_samples)
{
    static twin w;
    double g[REF_PARAMS];
    twin_make(&w, PRUNE_SOFTMAX_CROSS_ENTROPY);
    ref_data_gradient(g, &w.net, &w.task);
    prune_trainer *trainer = twin_trainer(w.model, PRUNE_SOFTMAX_CROSS_ENTROPY, 8, 0);
    prune_importance *scores = twin_importance(w.model, PRUNE_TAYLOR);
    accumulate_part(scores, trainer, &w, 0, 13);
    accumulate_part(scores, trainer, &w, 13, 1);
    accumulate_part(scores, trainer, &w, 14, TWIN_SAMPLES - 14);
    twin_check_scores(scores, &w, g, PRUNE_TAYLOR, tolerance);
    ck_assert_ok(prune_importance_reset(scores));
    ck_assert_ptr_null(prune_importance_scores(scores, 0));
    ck_assert_status(prune_importance_refresh(scores), PRUNE_E_STATE);
    ck_assert_uint_eq(prune_importance_samples(scores), 0);
    accumulate_part(scores, trainer, &w, 0, TWIN_SAMPLES);
    twin_check_scores(scores, &w, g, PRUNE_TAYLOR, tolerance);
    prune_importance_free(scores);
    prune_trainer_free(trainer);
    twin_end(&w);
}
END_TEST

START_TEST(a_loop_of_the_users_own_gives_the_same)
{
    static twin w;
    double g[REF_PARAMS];
    twin_make(&w, PRUNE_MSE);
    ref_data_gradient(g, &w.net, &w.task);
    prune_trainer *trainer = twin_trainer(w.model, PRUNE_MSE, TWIN_SAMPLES, 0);
    prune_importance *scores = twin_importance(w.model, PRUNE_GRADIENT);
    float loss;
    ck_assert_status(prune_importance_add(scores, trainer, 1), PRUNE_E_STATE);
    for (size_t first = 0; first < TWIN_SAMPLES; first += 10) {
        const size_t count = TWIN_SAMPLES - first < 10 ? TWIN_SAMPLES - first : 10;
        prune_tensor *x, *y;
        ck_assert_ok(prune_tensor_const_matrix(&x, NULL, PRUNE_F32, count, TWIN_INPUTS,
                                               w.data.x + first * TWIN_INPUTS));
        ck_assert_ok(prune_tensor_const_matrix(&y, NULL, PRUNE_F32, count, TWIN_OUTPUTS,
                                               w.data.y + first * TWIN_OUTPUTS));
        ck_assert_ok(prune_trainer_forward(trainer, x));
        ck_assert_status(prune_importance_add(scores, trainer, count), PRUNE_E_STATE);
        ck_assert_ok(prune_trainer_loss(&loss, trainer, y));
        ck_assert_ok(prune_trainer_backward(trainer, NULL));
        ck_assert_status(prune_importance_add(scores, trainer, 0), PRUNE_E_SIZE);
        ck_assert_ok(prune_importance_add(scores, trainer, count));
        ck_assert_ptr_null(prune_importance_scores(scores, 0));
        prune_tensor_free(x);
        prune_tensor_free(y);
    }
    ck_assert_uint_eq(prune_importance_samples(scores), TWIN_SAMPLES);
    ck_assert_ok(prune_importance_refresh(scores));
    twin_check_scores(scores, &w, g, PRUNE_GRADIENT, tolerance);
    prune_importance_free(scores);
    prune_trainer_free(trainer);
    twin_end(&w);
}
END_TEST

/* ---- the penalty ---- */

static void penalty_of(int32_t on_bias)
{
    static twin w;
    double g[REF_PARAMS], with_penalty[REF_PARAMS];
    twin_make(&w, PRUNE_MSE);
    prune_trainer *trainer = twin_trainer(w.model, PRUNE_MSE, 32, on_bias);
    prune_importance *scores = twin_importance(w.model, PRUNE_GRADIENT);
    ref_data_gradient(g, &w.net, &w.task);
    w.task.l1 = 0.0625;
    w.task.l2 = 0.25;
    w.task.penalize_bias = on_bias;
    memcpy(with_penalty, g, sizeof g);
    ref_add_penalty_gradient(with_penalty, &w.net, &w.task);

    ck_assert_ok(prune_importance_include_penalty(scores, trainer, 1)); /* also before any data */
    ck_assert_ptr_null(prune_importance_scores(scores, 0));
    ck_assert_ok(prune_importance_accumulate(scores, trainer, twin_data(&w), NULL));
    twin_check_scores(scores, &w, with_penalty, PRUNE_GRADIENT, tolerance);
    ck_assert_ok(prune_importance_include_penalty(scores, trainer, 0));
    twin_check_scores(scores, &w, g, PRUNE_GRADIENT, tolerance);
    ck_assert_ok(prune_importance_include_penalty(scores, trainer, 1));
    twin_check_scores(scores, &w, with_penalty, PRUNE_GRADIENT, tolerance);
    ck_assert_uint_eq(prune_importance_samples(scores), TWIN_SAMPLES);
    prune_importance_free(scores);
    prune_trainer_free(trainer);
    twin_end(&w);
}

START_TEST(the_penalty_counts_only_where_asked)
{
    penalty_of(0);
    penalty_of(1);
}
END_TEST

/* l2 w is beyond float where |w| > 1.2: then all is as before. */
START_TEST(a_penalty_beyond_float_is_not_added)
{
    static twin w;
    double g[REF_PARAMS];
    prune_trainer_options options;
    prune_trainer *huge;
    prune_trainer_options_init(&options);
    options.loss = PRUNE_MSE;
    options.l2 = 3e38f;
    twin_make(&w, PRUNE_MSE);
    w.net.w[0] = 2.0;
    w.net.keep[0] = 1;
    prune_model_free(w.model);
    ck_assert_ok(ref_model(&w.model, &w.net));
    ref_data_gradient(g, &w.net, &w.task);
    ck_assert_ok(prune_trainer_create(&huge, NULL, w.model, &options, NULL));
    prune_importance *scores = twin_importance(w.model, PRUNE_GRADIENT);
    ck_assert_ok(prune_importance_accumulate(scores, huge, twin_data(&w), NULL));
    ck_assert_status(prune_importance_include_penalty(scores, huge, 1), PRUNE_E_NONFINITE);
    twin_check_scores(scores, &w, g, PRUNE_GRADIENT, tolerance);
    ck_assert_ok(prune_importance_refresh(scores));
    twin_check_scores(scores, &w, g, PRUNE_GRADIENT, tolerance);
    prune_importance_free(scores);
    prune_trainer_free(huge);
    twin_end(&w);
}
END_TEST

/* ---- what changes, and what does not ---- */

START_TEST(scores_follow_the_weights_on_refresh_only)
{
    static twin w;
    double g[REF_PARAMS];
    float ones[42];
    twin_make(&w, PRUNE_MSE);
    ref_data_gradient(g, &w.net, &w.task); /* at the old weights: the sums are of those */
    prune_trainer *trainer = twin_trainer(w.model, PRUNE_MSE, 16, 0);
    prune_importance *taylor = twin_importance(w.model, PRUNE_TAYLOR);
    prune_importance *magnitude = twin_importance(w.model, PRUNE_MAGNITUDE);
    ck_assert_ok(prune_importance_accumulate(taylor, trainer, twin_data(&w), NULL));
    const float before = prune_importance_scores(magnitude, 0)[1];
    for (size_t i = 0; i < 42; i++) {
        ones[i] = i % 2 ? -2.0f : 3.0f;
        w.net.w[i] = w.net.keep[i] ? (double)ones[i] : 0.0;
    }
    ck_assert_ok(prune_model_set_param(w.model, 0, ones, 42));
    ck_assert_number(prune_importance_scores(magnitude, 0)[1], before);
    ck_assert_ok(prune_importance_refresh(taylor));
    ck_assert_ok(prune_importance_refresh(magnitude));
    twin_check_scores(taylor, &w, g, PRUNE_TAYLOR, tolerance);
    twin_check_scores(magnitude, &w, g, PRUNE_MAGNITUDE, 0.0);
    prune_importance_free(taylor);
    prune_importance_free(magnitude);
    prune_trainer_free(trainer);
    twin_end(&w);
}
END_TEST

START_TEST(removed_weights_have_gradients_but_no_taylor)
{
    static twin w;
    size_t removed = 0, felt = 0;
    twin_make(&w, PRUNE_MSE);
    prune_trainer *trainer = twin_trainer(w.model, PRUNE_MSE, 16, 0);
    prune_importance *taylor = twin_importance(w.model, PRUNE_TAYLOR);
    prune_importance *gradient = twin_importance(w.model, PRUNE_GRADIENT);
    ck_assert_ok(prune_importance_accumulate(taylor, trainer, twin_data(&w), NULL));
    ck_assert_ok(prune_importance_accumulate(gradient, trainer, twin_data(&w), NULL));
    for (size_t i = 0; i < 42; i++)
        if (!w.net.keep[i]) {
            removed++;
            felt += prune_importance_scores(gradient, 0)[i] > 0.0f;
            ck_assert_number(prune_importance_scores(taylor, 0)[i], 0.0);
        }
    ck_assert_uint_gt(removed, 0);
    ck_assert_uint_eq(felt, removed);
    prune_importance_free(taylor);
    prune_importance_free(gradient);
    prune_trainer_free(trainer);
    twin_end(&w);
}
END_TEST

START_TEST(scoring_leaves_model_and_optimizer_alone)
{
    static twin w;
    float m[42], v[42];
    twin_make(&w, PRUNE_SOFTMAX_CROSS_ENTROPY);
    prune_trainer *trainer = twin_trainer(w.model, PRUNE_SOFTMAX_CROSS_ENTROPY, TWIN_SAMPLES, 0);
    for (int32_t i = 0; i < 3; i++)
        ck_assert_ok(prune_trainer_step(NULL, trainer, w.data.x_tensor, w.data.label_tensor));
    memcpy(m, prune_trainer_state(trainer, 0, 0), sizeof m);
    memcpy(v, prune_trainer_state(trainer, 0, 1), sizeof v);
    const uint64_t hash = world_hash(w.model);
    prune_importance *scores = twin_importance(w.model, PRUNE_TAYLOR);
    ck_assert_ok(prune_importance_accumulate(scores, trainer, twin_data(&w), NULL));
    ck_assert_ok(prune_importance_include_penalty(scores, trainer, 1));
    ck_assert_uint_eq(world_hash(w.model), hash);
    ck_assert_mem_eq(m, prune_trainer_state(trainer, 0, 0), sizeof m);
    ck_assert_mem_eq(v, prune_trainer_state(trainer, 0, 1), sizeof v);
    ck_assert_uint_eq(prune_trainer_steps(trainer), 3);
    ck_assert_status(prune_trainer_update(trainer), PRUNE_E_STATE); /* there is no step to take with them */
    prune_importance_free(scores);
    prune_trainer_free(trainer);
    twin_end(&w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        scores_are_of_the_mean_gradient_for_any_batch, magnitudes_need_no_data,
        parts_of_unequal_size_weigh_by_their_samples,  a_loop_of_the_users_own_gives_the_same,
        the_penalty_counts_only_where_asked,           a_penalty_beyond_float_is_not_added,
        scores_follow_the_weights_on_refresh_only,     removed_weights_have_gradients_but_no_taylor,
        scoring_leaves_model_and_optimizer_alone,
    };
    return run_tests("importance", tests, sizeof tests / sizeof tests[0]);
}
