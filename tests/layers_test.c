/* layers_test.c -- layers other than dense ones: what they compute, and their gradients
 *
 * SPDX-License-Identifier: MIT */
#include "support/reference.h"
#include "support/stack.h"
#include "support/training.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { STEPS = STACK_LAYERS + 1, GAP = 3 };

static const double TOLERANCE = 4e-6; /* of the largest |g| or |h| */

/* Where an input of a ReLU or the like may be near 0, differences go wrong: such a layer comes first, and the
 * inputs are away from 0. */
static const struct network {
    size_t inputs;
    stack_step steps[STEPS];
} networks[] = {
    { 5, { { D, 4, 0, 0, 0 }, { A, 0, PRUNE_TANH, 0, 0 }, { D, 3, 0, 0, 0 } } },
    { 5, { { A, 0, PRUNE_RELU, 0, 0 }, { D, 3, 0, 0, 0 } } },
    { 5, { { A, 0, PRUNE_LEAKY_RELU, 0, 0 }, { D, 3, PRUNE_SIGMOID, 0, 0 }, { A, 0, PRUNE_SILU, 0, 0 } } },
    { 4,
      { { A, 0, PRUNE_GELU, 0, 0 }, { D, 6, 0, 0, 0 }, { A, 0, PRUNE_GELU_TANH, 0, 0 }, { D, 3, 0, 0, 0 } } },
    { 4,
      { { D, 6, 0, 0, 0 }, { A, 0, PRUNE_SOFTPLUS, 0, 0 }, { A, 0, PRUNE_ELU, 0, 0 }, { D, 3, 0, 0, 0 } } },
    { 5, { { D, 7, PRUNE_TANH, 0, 0 }, { D, 4, 0, 0, 0 }, { S, 0, 0, 0, 0 } } },
    { 5, { { D, 7, PRUNE_TANH, 0, 0 }, { D, 4, 0, 0, 0 }, { L, 0, 0, 0, 0 } } },
    { 6, { { S, 0, 0, 0, 0 }, { D, 5, PRUNE_SILU, 0, 0 }, { L, 0, 0, 0, 0 }, { D, 2, 0, 0, 0 } } },
    { 6, { { D, 5, 0, 0, 0 }, { S, 0, 0, 0, 0 }, { A, 0, PRUNE_SIGMOID, 0, 0 }, { S, 0, 0, 0, 0 } } },
    { 1, { { D, 1, 0, 0, 0 }, { L, 0, 0, 0, 0 } } },
    { 4, { { D, 5, 0, 0, 0 }, { B, 0, 0, 0.1f, 1e-5f }, { A, 0, PRUNE_TANH, 0, 0 }, { D, 3, 0, 0, 0 } } },
    { 4, { { B, 0, 0, 0.3f, 1e-3f }, { D, 5, PRUNE_SILU, 0, 0 }, { B, 0, 0, 0.1f, 0.5f } } },
    { 4, { { D, 6, PRUNE_SIGMOID, 0, 0 }, { B, 0, 0, 0, 1e-5f }, { D, 3, 0, 0, 0 }, { S, 0, 0, 0, 0 } } },
};
enum { NETWORKS = sizeof networks / sizeof networks[0] };

/* Away from 0 by at least 1/8. */
static void draw(float *values, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i++) {
        const double x = ref_uniform(&seed, -1.0, 1.0);
        values[i] = (float)(x < 0.0 ? x - 0.125 : x + 0.125);
    }
}

static double scaled_error(const float *got, const double *expected, size_t count)
{
    double most = 0.0, worst = 0.0;
    for (size_t i = 0; i < count; i++) {
        most = fmax(most, fabs(expected[i]));
        worst = fmax(worst, fabs((double)got[i] - expected[i]));
    }
    return worst / fmax(most, 0.05);
}

/* Rows of x lie apart, with NaN between, which nobody may look at. */
static prune_tensor *spread(float *memory, const float *x, size_t rows, size_t columns)
{
    prune_tensor *tensor;
    const prune_shape shape = { 2, { rows, columns, 0, 0 } };
    for (size_t i = 0; i < rows * (columns + GAP); i++)
        memory[i] =
            i % (columns + GAP) < columns ? x[i / (columns + GAP) * columns + i % (columns + GAP)] : NAN;
    ck_assert_ok(prune_tensor_wrap(&tensor, NULL, PRUNE_F32, &shape, columns + GAP, memory));
    return tensor;
}

static void check_outputs(const prune_model *model, stack *s, const prune_tensor *x, const float *values)
{
    float h[STACK_BLOCK];
    double expected[STACK_BLOCK];
    prune_workspace *workspace;
    prune_tensor *y;
    const size_t outputs = prune_model_outputs(model);
    ck_assert_ok(prune_tensor_matrix(&y, NULL, PRUNE_F32, s->n, outputs, h));
    ck_assert_ok(prune_workspace_create(&workspace, NULL, model, 3, prune_backend_reference()));
    ck_assert_ok(prune_predict(y, model, workspace, x));
    stack_forward(expected, s, values);
    ck_assert_double_le(scaled_error(h, expected, s->n * outputs), TOLERANCE);
    prune_workspace_free(workspace);
    prune_tensor_free(y);
}

/* Statistics have no gradient, although what inference computes depends on them. */
static void check_gradient(const prune_trainer *trainer, const prune_model *model, size_t p, double *g)
{
    prune_param_info info = { .size = sizeof info };
    ck_assert_ok(prune_model_param_info(&info, model, p));
    for (size_t i = 0; info.statistic && i < info.count; i++)
        g[i] = 0.0;
    ck_assert_double_le(scaled_error(prune_trainer_gradient(trainer, p), g, (size_t)info.count), TOLERANCE);
}

static void check_gradients(prune_trainer *trainer, stack *s, const float *x, const float *c)
{
    double g[STACK_PARAMS];
    const prune_model *model = prune_trainer_model(trainer);
    prune_tensor *dh;
    ck_assert_ok(prune_tensor_const_matrix(&dh, NULL, PRUNE_F32, s->n, prune_model_outputs(model), c));
    ck_assert_ok(prune_trainer_backward(trainer, dh));
    stack_differences(g, s, x, c, 1e-5);
    for (size_t p = 0, at = 0; p < prune_model_param_count(model); at += world_count(model, p), p++)
        check_gradient(trainer, model, p, g + at);
    prune_tensor_free(dh);
}

static void check_network(const struct network *net, size_t n, uint64_t seed)
{
    float x[STACK_BLOCK], c[STACK_BLOCK], memory[STACK_BATCH * (STACK_WIDTH + GAP)];
    stack s;
    double expected[STACK_BLOCK];
    prune_model *model = stack_model(NULL, net->inputs, net->steps, seed);
    const prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    prune_trainer *trainer = world_trainer(model, &options);
    draw(x, n * net->inputs, seed + 1);
    draw(c, n * prune_model_outputs(model), seed + 2);
    prune_tensor *rows = spread(memory, x, n, net->inputs);
    stack_read(&s, model, n, 0);
    check_outputs(model, &s, rows, x);
    for (int32_t training = 0; training < 2; training++) {
        stack_read(&s, model, n, training);
        ck_assert_ok(prune_trainer_set_training(trainer, training));
        ck_assert_ok(prune_trainer_forward(trainer, rows));
        stack_forward(expected, &s, x);
        ck_assert_double_le(scaled_error(prune_tensor_data(prune_trainer_outputs(trainer)), expected,
                                         n * prune_model_outputs(model)),
                            TOLERANCE);
        check_gradients(trainer, &s, x, c);
    }
    prune_tensor_free(rows);
    prune_trainer_free(trainer);
    prune_model_free(model);
}

START_TEST(outputs_and_gradients)
{
    for (size_t i = 0; i < NETWORKS; i++)
        for (size_t n = 1; n <= 7; n += 3)
            check_network(&networks[i], n, 10 * i + n);
}
END_TEST

/* All activations, alone and inside the dense layer: the same bits after training. */
START_TEST(an_activation_apart_is_the_one_inside)
{
    world_data world;
    world_data_make(&world, 12, 4, 3, 3);
    const prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    for (int32_t kind = PRUNE_LINEAR; kind <= PRUNE_SOFTPLUS; kind++) {
        const stack_step inside[] = { { D, 5, kind, 0, 0 }, { D, 3, kind, 0, 0 }, { 0 } };
        const stack_step apart[] = {
            { D, 5, 0, 0, 0 }, { A, 0, kind, 0, 0 }, { D, 3, 0, 0, 0 }, { A, 0, kind, 0, 0 }, { 0 }
        };
        prune_model *models[2] = { stack_model(NULL, 4, inside, 7), stack_model(NULL, 4, apart, 7) };
        for (size_t m = 0; m < 2; m++) {
            prune_trainer *trainer = world_trainer(models[m], &options);
            for (int step = 0; step < 3; step++)
                ck_assert_ok(prune_trainer_step(NULL, trainer, world.x_tensor, world.y_tensor));
            prune_trainer_free(trainer);
        }
        for (size_t p = 0; p < 4; p++)
            ck_assert_mem_eq(prune_model_param(models[0], p), prune_model_param(models[1], p),
                             world_count(models[0], p) * sizeof(float));
        prune_model_free(models[0]);
        prune_model_free(models[1]);
    }
    world_data_end(&world);
}
END_TEST

static void run(float *y, const float *x, size_t width, int32_t kind)
{
    const stack_step steps[] = { { kind, 0, 0, 0, 0 }, { 0 } };
    prune_model *model = stack_model(NULL, width, steps, 1);
    prune_workspace *workspace;
    prune_tensor *in, *out;
    ck_assert_ok(prune_tensor_const_matrix(&in, NULL, PRUNE_F32, 1, width, x));
    ck_assert_ok(prune_tensor_matrix(&out, NULL, PRUNE_F32, 1, width, y));
    ck_assert_ok(prune_workspace_create(&workspace, NULL, model, 1, NULL));
    ck_assert_ok(prune_predict(out, model, workspace, in));
    prune_workspace_free(workspace);
    prune_tensor_free(in);
    prune_tensor_free(out);
    prune_model_free(model);
}

START_TEST(softmax_of_extremes)
{
    const float far[3] = { -3e38f, 3e38f, 0.0f }, same[3] = { 1e30f, 1e30f, 1e30f };
    const float sure[2] = { 40.0f, 20.0f }, none[3] = { 1.0f, NAN, 2.0f }, most[2] = { INFINITY, 0.0f };
    const float low[2] = { -INFINITY, 0.0f };
    float y[3];
    run(y, far, 3, S);
    ck_assert(y[0] == 0.0f && y[1] == 1.0f && y[2] == 0.0f);
    run(y, same, 3, S);
    ck_assert_double_eq_tol((double)(y[0] + y[1] + y[2]), 1.0, 2e-7);
    run(y, same, 3, L);
    ck_assert_double_eq_tol((double)(y[1]), -1.0986123, 2e-7);
    run(y, sure, 2, L); /* -log(1 + e^-20), which 1 + e^-20 in float has lost */
    ck_assert_double_eq_tol((double)(y[0]), -2.0611537e-9, 1e-15);
    ck_assert_double_eq_tol((double)(y[1]), -20.0, 1e-6);
    run(y, low, 2, L);
    ck_assert(isinf(y[0]) && y[0] < 0.0f && y[1] == 0.0f);
    for (int32_t kind = S; kind <= L; kind++) {
        run(y, none, 3, kind);
        ck_assert(isnan(y[0]) && isnan(y[1]) && isnan(y[2]));
        run(y, most, 2, kind);
        ck_assert(isnan(y[0]));
    }
}
END_TEST

/* ---- layers without parameters, as the rest of the library sees them ---- */

static const stack_step classifier[] = { { D, 6, 0, 0, 0 }, { A, 0, PRUNE_RELU, 0, 0 },
                                         { D, 3, 0, 0, 0 }, { A, 0, PRUNE_LINEAR, 0, 0 },
                                         { S, 0, 0, 0, 0 }, { 0 } };

START_TEST(what_a_model_says_of_them)
{
    prune_model *model = stack_model(NULL, 4, classifier, 1);
    prune_layer_info info;
    prune_param_info param = { .size = sizeof param };
    prune_layer_info_init(&info);
    ck_assert_uint_eq(prune_model_layer_count(model), 5);
    ck_assert_uint_eq(prune_model_param_count(model), 4);
    ck_assert_uint_eq(prune_model_outputs(model), 3);
    ck_assert_ok(prune_model_layer_info(&info, model, 1));
    ck_assert_int_eq(info.kind, PRUNE_LAYER_ACTIVATION);
    ck_assert_int_eq(info.activation, PRUNE_RELU);
    ck_assert(info.input.dims[0] == 6 && info.output.dims[0] == 6);
    ck_assert(info.parameters == 0 && info.weights == 0 && info.macs == 0 && info.macs_kept == 0);
    ck_assert(info.bytes == 0 && info.nonzeros == 0);
    ck_assert_ok(prune_model_layer_info(&info, model, 4));
    ck_assert_int_eq(info.kind, PRUNE_LAYER_SOFTMAX);
    ck_assert_int_eq(info.activation, PRUNE_LINEAR);
    ck_assert_ok(prune_model_param_info(&param, model, 2));
    ck_assert_uint_eq(param.layer, 2);
    ck_assert_ok(prune_model_verify(model, NULL));
    prune_model_free(model);
}
END_TEST

START_TEST(what_is_refused)
{
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, NULL, 4));
    ck_assert_status(prune_model_add_activation(model, -1), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_model_add_activation(model, PRUNE_SOFTPLUS + 1), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_model_add_activation(NULL, PRUNE_RELU), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_model_add_softmax(NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_model_add_log_softmax(NULL), PRUNE_E_ARGUMENT);
    ck_assert_uint_eq(prune_model_layer_count(model), 0);
    prune_model_free(model);
}
END_TEST

/* Nothing is chosen from them, and the neurons that become the outputs are protected behind them. */
START_TEST(selections_pass_them_by)
{
    prune_model *model = stack_model(NULL, 4, classifier, 1);
    prune_importance *scores;
    prune_selection neurons, one;
    prune_removal removal;
    uint64_t units, kept, by_layer[5];
    prune_selection_init(&neurons);
    prune_removal_init(&removal);
    removal.by_layer = by_layer;
    removal.by_layer_capacity = 5;
    neurons.granularity = PRUNE_NEURONS;
    neurons.scope = PRUNE_PER_LAYER;
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
    ck_assert_ok(prune_mask_units(&units, &kept, model, NULL));
    ck_assert(units == 42 && kept == 42);
    ck_assert_ok(prune_mask_units(&units, &kept, model, &neurons));
    ck_assert(units == 6 && kept == 6);
    ck_assert_ok(prune_mask_lowest(&removal, model, scores, &neurons, 2));
    ck_assert(by_layer[0] == 2 && by_layer[1] == 0 && by_layer[2] == 0 && by_layer[4] == 0);
    for (int32_t layer = 1; layer < 5; layer += 3)
        for (int32_t what = PRUNE_WEIGHTS; what <= PRUNE_NEURONS; what++) {
            prune_selection_init(&one);
            one.layer = layer;
            one.granularity = what;
            one.include_bias = 1;
            ck_assert_status(prune_mask_lowest(NULL, model, scores, &one, 0), PRUNE_E_RANGE);
        }
    ck_assert_status(prune_mask_neuron(model, 1, 0), PRUNE_E_RANGE);
    neurons.include_output = 1;
    ck_assert_ok(prune_mask_units(&units, &kept, model, &neurons));
    ck_assert(units == 9 && kept == 7);
    prune_importance_free(scores);
    prune_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        outputs_and_gradients, an_activation_apart_is_the_one_inside,
        softmax_of_extremes,   what_a_model_says_of_them,
        what_is_refused,       selections_pass_them_by,
    };
    return run_tests("layers", tests, sizeof tests / sizeof tests[0]);
}
