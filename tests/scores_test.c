/* scores_test.c -- scores of neurons, scores at the limits of float, and what importance.h refuses
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/oracle.h"
#include "support/twin.h"

#include <float.h>
#include <math.h>

static const double tolerance = 2e-6;

/* ---- neurons ---- */

static double naive_neuron(const float *score, const uint8_t *keep, size_t count, int32_t aggregate)
{
    double most = 0.0, sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < count; i++)
        if (keep[i]) {
            most = fmax(most, (double)score[i]);
            sum += (double)score[i];
            squares += (double)score[i] * (double)score[i];
        }
    return aggregate == PRUNE_ROW_MAX ? most : aggregate == PRUNE_ROW_L1 ? sum : sqrt(squares);
}

START_TEST(a_neuron_is_the_kept_weights_of_its_row)
{
    static twin w;
    twin_make(&w, PRUNE_MSE);
    prune_trainer *trainer = twin_trainer(w.model, PRUNE_MSE, 16, 0);
    prune_importance *scores = twin_importance(w.model, PRUNE_GRADIENT); /* removed weights have scores too */
    ck_assert_ok(prune_importance_accumulate(scores, trainer, twin_data(&w), NULL));
    for (size_t l = 0; l < TWIN_LAYERS; l++)
        for (int32_t aggregate = PRUNE_ROW_MAX; aggregate <= PRUNE_ROW_L2; aggregate++) {
            float neuron[8];
            ck_assert_ok(prune_importance_neurons(neuron, twin_width[l + 1], scores, l, aggregate));
            for (size_t u = 0; u < twin_width[l + 1]; u++) {
                const float *row = prune_importance_scores(scores, 2 * l) + u * twin_width[l];
                const uint8_t *keep = w.net.keep + ref_begin(&w.net, 2 * l) + u * twin_width[l];
                const double expected = naive_neuron(row, keep, twin_width[l], aggregate);
                ck_assert_double_le(fabs((double)neuron[u] - expected), 2e-7 * expected);
            }
        }
    prune_importance_free(scores);
    prune_trainer_free(trainer);
    twin_end(&w);
}
END_TEST

/* Rows so small or so large that their squares leave float must still be told apart. */
START_TEST(neurons_of_tiny_and_huge_weights_keep_their_order)
{
    const size_t widths[] = { 2, 8 };
    const float weights[16] = { 3e-30f, 4e-30f, 6e-30f, 8e-30f, 3e-22f, 4e-22f, 3e20f,   4e20f,
                                3e30f,  4e30f,  6e30f,  8e30f,  0,      0,      FLT_MAX, FLT_MAX };
    const float expected[] = { 5e-30f, 1e-29f, 5e-22f, 5e20f, 5e30f, 1e31f, 0, FLT_MAX };
    prune_model *model = world_model(NULL, widths, 1, PRUNE_LINEAR, 0);
    ck_assert_ok(prune_model_set_param(model, 0, weights, 16));
    prune_importance *scores = twin_importance(model, PRUNE_MAGNITUDE);
    float neuron[8];
    ck_assert_ok(prune_importance_neurons(neuron, 8, scores, 0, PRUNE_ROW_L2));
    for (size_t u = 0; u < 8; u++)
        ck_assert_double_le(fabs((double)neuron[u] - (double)expected[u]), 2e-7 * (double)expected[u]);
    ck_assert_ok(prune_importance_neurons(neuron, 8, scores, 0, PRUNE_ROW_L1));
    ck_assert_number(neuron[7], FLT_MAX);
    ck_assert_number(neuron[6], 0.0);
    prune_importance_free(scores);
    prune_model_free(model);
}
END_TEST

/* ---- refusals ---- */

START_TEST(data_that_are_refused_leave_the_sums)
{
    static twin w;
    double g[REF_PARAMS];
    prune_error error = { 0 };
    twin_make(&w, PRUNE_MSE);
    ref_data_gradient(g, &w.net, &w.task);
    prune_trainer *trainer = twin_trainer(w.model, PRUNE_MSE, 16, 0);
    prune_importance *scores = twin_importance(w.model, PRUNE_TAYLOR);
    ck_assert_ok(prune_importance_accumulate(scores, trainer, twin_data(&w), NULL));
    const float good = w.data.x[100];
    w.data.x[100] = NAN;
    ck_assert_status(prune_importance_accumulate(scores, trainer, twin_data(&w), &error), PRUNE_E_NONFINITE);
    ck_assert_str_eq(error.place, "inputs[16][4]");
    w.data.x[100] = good;
    w.data.y[5] = -INFINITY;
    ck_assert_status(prune_importance_accumulate(scores, trainer, twin_data(&w), &error), PRUNE_E_NONFINITE);
    ck_assert_status(prune_importance_accumulate(scores, trainer, &w.data.labelled, NULL), PRUNE_E_TYPE);
    ck_assert_status(prune_importance_accumulate(scores, trainer, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_uint_eq(prune_importance_samples(scores), TWIN_SAMPLES);
    twin_check_scores(scores, &w, g, PRUNE_TAYLOR, tolerance);
    ck_assert_ok(prune_importance_refresh(scores));
    twin_check_scores(scores, &w, g, PRUNE_TAYLOR, tolerance);
    prune_importance_free(scores);
    prune_trainer_free(trainer);
    twin_end(&w);
}
END_TEST

/* Outputs, gradients, or scores beyond float. */
static void diverge(int32_t criterion, float weight, float target)
{
    const size_t widths[] = { 1, 1 };
    const float x = 1.0f;
    prune_tensor *inputs, *targets;
    prune_data data;
    prune_error error = { 0 };
    prune_model *model = world_model(NULL, widths, 1, PRUNE_LINEAR, 0);
    prune_trainer *trainer = twin_trainer(model, PRUNE_MSE, 4, 0);
    prune_importance *scores = twin_importance(model, criterion);
    float y = 0.0f;
    ck_assert_ok(prune_tensor_const_matrix(&inputs, NULL, PRUNE_F32, 1, 1, &x));
    ck_assert_ok(prune_tensor_const_matrix(&targets, NULL, PRUNE_F32, 1, 1, &y));
    prune_data_init(&data);
    data.inputs = inputs;
    data.targets = targets;
    ck_assert_ok(prune_importance_accumulate(scores, trainer, &data, NULL));
    ck_assert_ok(prune_model_set_param(model, 0, &weight, 1));
    y = target;
    ck_assert_status(prune_importance_accumulate(scores, trainer, &data, &error), PRUNE_E_DIVERGED);
    ck_assert_int_eq(error.status, PRUNE_E_DIVERGED);
    ck_assert_uint_eq(prune_importance_samples(scores), 0);
    ck_assert_ptr_null(prune_importance_scores(scores, 0));
    ck_assert_status(prune_mask_lowest(NULL, model, scores, NULL, 0), PRUNE_E_STATE);
    prune_importance_free(scores);
    prune_trainer_free(trainer);
    prune_tensor_free(inputs);
    prune_tensor_free(targets);
    prune_model_free(model);
}

START_TEST(what_diverges_empties_the_sums)
{
    diverge(PRUNE_GRADIENT, 1.0f, 1e30f);              /* the loss */
    diverge(PRUNE_TAYLOR, 0x1p83f, 0x1p83f - 0x1p63f); /* a score: loss 2^125, gradient 2^63 */
    diverge(PRUNE_TAYLOR, -3e38f, 3e38f);              /* the output's error */
}
END_TEST

/* Gradients that are finite, with a product that is not. */
START_TEST(a_score_beyond_float_is_refused)
{
    const size_t widths[] = { 1, 1, 1 };
    const float first = 1e25f, second = 1e-10f, x = 1e-15f;
    const float hundred = 100.0f;
    prune_tensor *inputs, *gradient;
    prune_model *model = world_model(NULL, widths, 2, PRUNE_LINEAR, 0);
    prune_trainer *trainer = twin_trainer(model, PRUNE_MSE, 4, 0);
    prune_importance *scores = twin_importance(model, PRUNE_TAYLOR);
    ck_assert_ok(prune_model_set_param(model, 0, &first, 1));
    ck_assert_ok(prune_model_set_param(model, 2, &second, 1));
    ck_assert_ok(prune_tensor_const_matrix(&inputs, NULL, PRUNE_F32, 1, 1, &x));
    ck_assert_ok(prune_tensor_const_matrix(&gradient, NULL, PRUNE_F32, 1, 1, &hundred));
    ck_assert_ok(prune_trainer_forward(trainer, inputs));
    ck_assert_ok(prune_trainer_backward(trainer, gradient));
    ck_assert_ok(prune_importance_add(scores, trainer, 1));
    ck_assert_ok(prune_importance_refresh(scores)); /* 1e25 * (100 * 1e-10 * 1e-15) */
    const float huge = FLT_MAX;
    ck_assert_ok(prune_importance_add(scores, trainer, 1));
    ck_assert_ok(prune_model_set_param(model, 2, &huge, 1)); /* 3e38 * (100 * 1e10) */
    ck_assert_status(prune_importance_refresh(scores), PRUNE_E_NONFINITE);
    ck_assert_ptr_null(prune_importance_scores(scores, 0));
    ck_assert_ok(prune_model_set_param(model, 2, &second, 1));
    ck_assert_ok(prune_importance_refresh(scores));
    prune_importance_free(scores);
    prune_trainer_free(trainer);
    prune_tensor_free(inputs);
    prune_tensor_free(gradient);
    prune_model_free(model);
}
END_TEST

START_TEST(arguments_are_checked)
{
    static twin w;
    prune_model *empty, *copy;
    prune_importance *out = (prune_importance *)(void *)&w;
    size_t bytes = 5;
    float neuron[8];
    twin_make(&w, PRUNE_MSE);
    ck_assert_ok(prune_model_create(&empty, NULL, 3));
    ck_assert_ok(prune_model_clone(&copy, NULL, w.model));
    prune_trainer *of_twin = twin_trainer(copy, PRUNE_MSE, 8, 0),
                  *trainer = twin_trainer(w.model, PRUNE_MSE, 8, 0);
    ck_assert_status(prune_importance_create(&out, NULL, empty, PRUNE_TAYLOR), PRUNE_E_NO_LAYERS);
    ck_assert_ptr_null(out);
    ck_assert_status(prune_importance_create(&out, NULL, w.model, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_importance_create(&out, NULL, w.model, 11), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_importance_create(&out, NULL, NULL, PRUNE_TAYLOR), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_importance_create(NULL, NULL, w.model, PRUNE_TAYLOR), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_importance_bytes(NULL, w.model, PRUNE_TAYLOR), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_importance_bytes(&bytes, w.model, -1), PRUNE_E_ARGUMENT);
    ck_assert_uint_eq(bytes, 5);

    prune_importance *scores = twin_importance(w.model, PRUNE_TAYLOR);
    ck_assert_status(prune_importance_accumulate(scores, of_twin, twin_data(&w), NULL), PRUNE_E_STATE);
    ck_assert_status(prune_importance_include_penalty(scores, of_twin, 1), PRUNE_E_STATE);
    ck_assert_status(prune_importance_add(scores, of_twin, 1), PRUNE_E_STATE);
    ck_assert_status(prune_importance_accumulate(NULL, trainer, twin_data(&w), NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_importance_accumulate(scores, NULL, twin_data(&w), NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_importance_add(NULL, trainer, 1), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_importance_include_penalty(NULL, trainer, 1), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_importance_refresh(NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_importance_reset(NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_importance_neurons(neuron, 8, scores, 0, PRUNE_ROW_L2), PRUNE_E_STATE);
    ck_assert_ok(prune_importance_accumulate(scores, trainer, twin_data(&w), NULL));
    ck_assert_status(prune_importance_neurons(neuron, 8, scores, 2, PRUNE_ROW_L2), PRUNE_E_RANGE);
    ck_assert_status(prune_importance_neurons(neuron, 8, scores, 0, 6), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_importance_neurons(neuron, 6, scores, 0, PRUNE_ROW_L2), PRUNE_E_SHAPE);
    ck_assert_status(prune_importance_neurons(NULL, 8, scores, 0, PRUNE_ROW_L2), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_importance_neurons(neuron, 8, NULL, 0, PRUNE_ROW_L2), PRUNE_E_ARGUMENT);
    ck_assert_ptr_null(prune_importance_scores(scores, 4));
    ck_assert_ptr_null(prune_importance_scores(NULL, 0));
    ck_assert_uint_eq(prune_importance_samples(NULL), 0);
    ck_assert_ok(prune_model_add_dense(w.model, 2, PRUNE_LINEAR));
    ck_assert_ptr_null(prune_importance_scores(scores, 0));
    ck_assert_status(prune_importance_refresh(scores), PRUNE_E_STATE);
    prune_importance_free(scores);
    prune_importance_free(NULL);
    prune_trainer_free(trainer);
    prune_trainer_free(of_twin);
    prune_model_free(empty);
    prune_model_free(copy);
    twin_end(&w);
}
END_TEST

START_TEST(bytes_are_exact_and_memory_may_be_refused)
{
    const size_t widths[] = { 5, 4, 3 };
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 1);
    for (int32_t criterion = PRUNE_MAGNITUDE; criterion <= PRUNE_FISHER; criterion++) {
        prune_importance *scores;
        size_t bytes;
        ck_assert_ok(prune_importance_bytes(&bytes, model, criterion));
        ck_assert_ok(prune_importance_create(&scores, &mem, model, criterion));
        ck_assert_uint_eq(h.live_bytes, bytes);
        prune_importance_free(scores);
        heap_refuse_once(&h, 1);
        ck_assert_status(prune_importance_create(&scores, &mem, model, criterion), PRUNE_E_MEMORY);
        ck_assert_ptr_null(scores);
        ck_assert(heap_is_clean(&h));
    }
    prune_model_free(model);
}
END_TEST

static void add_gradient(prune_importance *scores, prune_trainer *trainer, float value)
{
    const float one = 1.0f;
    prune_tensor *x, *dh;
    ck_assert_ok(prune_tensor_const_matrix(&x, NULL, PRUNE_F32, 1, 1, &one));
    ck_assert_ok(prune_tensor_const_matrix(&dh, NULL, PRUNE_F32, 1, 1, &value));
    ck_assert_ok(prune_trainer_forward(trainer, x));
    ck_assert_ok(prune_trainer_backward(trainer, dh));
    ck_assert_ok(prune_importance_add(scores, trainer, 1));
    prune_tensor_free(x);
    prune_tensor_free(dh);
}

/* Ones that are added to a hundred million are lost in plain float. */
START_TEST(sums_are_compensated)
{
    const size_t shape[] = { 1, 1 };
    prune_importance *scores;
    prune_trainer *trainer;
    prune_trainer_options options;
    prune_trainer_options_init(&options);
    options.loss = PRUNE_MSE;
    prune_model *model = world_model(NULL, shape, 1, PRUNE_LINEAR, 1);
    ck_assert_ok(prune_trainer_create(&trainer, NULL, model, &options, NULL));
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_GRADIENT));
    add_gradient(scores, trainer, 1e8f);
    for (size_t i = 0; i < 998; i++)
        add_gradient(scores, trainer, 1.0f);
    add_gradient(scores, trainer, -1e8f);
    ck_assert_ok(prune_importance_refresh(scores));
    ck_assert(prune_importance_scores(scores, 0)[0] == 0.998f);
    prune_importance_free(scores);
    prune_trainer_free(trainer);
    prune_model_free(model);
}
END_TEST

START_TEST(a_penalty_is_summed_with_care)
{
    enum { WIDTH = 10001 };
    static float weights[WIDTH], x[WIDTH];
    const size_t shape[] = { WIDTH, 1 };
    float penalty, none = 0.0f;
    prune_trainer *trainer;
    prune_tensor *inputs, *dh;
    prune_trainer_options options;
    prune_trainer_options_init(&options);
    options.loss = PRUNE_MSE;
    options.l1 = 1.0f;
    prune_model *model = world_model(NULL, shape, 1, PRUNE_LINEAR, 1);
    for (size_t i = 0; i < WIDTH; i++)
        weights[i] = i == 0 ? 1e8f : i % 2 ? 1.0f : -1.0f;
    ck_assert_ok(prune_model_set_param(model, 0, weights, WIDTH));
    ck_assert_ok(prune_trainer_create(&trainer, NULL, model, &options, NULL));
    ck_assert_ok(prune_tensor_const_matrix(&inputs, NULL, PRUNE_F32, 1, WIDTH, x));
    ck_assert_ok(prune_tensor_const_matrix(&dh, NULL, PRUNE_F32, 1, 1, &none));
    ck_assert_ok(prune_trainer_forward(trainer, inputs));
    ck_assert_ok(prune_trainer_backward(trainer, dh));
    ck_assert_ok(prune_trainer_penalize(&penalty, trainer));
    ck_assert(penalty == 100010000.0f);
    prune_tensor_free(inputs);
    prune_tensor_free(dh);
    prune_trainer_free(trainer);
    prune_model_free(model);
}
END_TEST

START_TEST(penalised_gradients_are_not_added)
{
    static twin w;
    twin_make(&w, PRUNE_MSE);
    prune_trainer *trainer = twin_trainer(w.model, PRUNE_MSE, TWIN_SAMPLES, 0);
    prune_importance *scores = twin_importance(w.model, PRUNE_GRADIENT);
    float loss;
    ck_assert_ok(prune_trainer_forward(trainer, w.data.x_tensor));
    ck_assert_ok(prune_trainer_loss(&loss, trainer, w.data.y_tensor));
    ck_assert_status(prune_importance_add(scores, trainer, TWIN_SAMPLES), PRUNE_E_STATE);
    ck_assert_ok(prune_trainer_backward(trainer, NULL));
    ck_assert_ok(prune_trainer_penalize(NULL, trainer));
    ck_assert_status(prune_importance_add(scores, trainer, TWIN_SAMPLES), PRUNE_E_STATE);
    ck_assert_uint_eq(prune_importance_samples(scores), 0);
    prune_importance_free(scores);
    prune_trainer_free(trainer);
    twin_end(&w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        penalised_gradients_are_not_added,
        sums_are_compensated,
        a_penalty_is_summed_with_care,
        a_neuron_is_the_kept_weights_of_its_row,
        neurons_of_tiny_and_huge_weights_keep_their_order,
        data_that_are_refused_leave_the_sums,
        what_diverges_empties_the_sums,
        a_score_beyond_float_is_refused,
        arguments_are_checked,
        bytes_are_exact_and_memory_may_be_refused,
    };
    return run_tests("scores", tests, sizeof tests / sizeof tests[0]);
}
