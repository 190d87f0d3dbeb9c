/* problem.c -- a model of any layers with data and any loss, in the library and in double precision
 *
 * SPDX-License-Identifier: MIT */
#include "problem.h"
#include "reference.h"

#include <string.h>

const problem_loss problem_losses[PROBLEM_LOSSES] = {
    { PRUNE_MSE, 0, 0, 0 },
    { PRUNE_MSE, 0, 1, 1 },
    { PRUNE_MAE, 0, 0, 1 },
    { PRUNE_HUBER, 0, 0, 0 },
    { PRUNE_HUBER, 0, 1, 1 },
    { PRUNE_BINARY_CROSS_ENTROPY, 0, 0, 1 },
    { PRUNE_BINARY_CROSS_ENTROPY, 0, 1, 0 },
    { PRUNE_SOFTMAX_CROSS_ENTROPY, 0, 0, 0 },
    { PRUNE_SOFTMAX_CROSS_ENTROPY, 0, 1, 1 },
    { PRUNE_SOFTMAX_CROSS_ENTROPY, 1, 0, 0 },
    { PRUNE_SOFTMAX_CROSS_ENTROPY, 1, 1, 1 },
    { PRUNE_NLL, 0, 0, 1 },
    { PRUNE_NLL, 0, 1, 0 },
};

/* The last ends with dropout: behind a softmax itself a trainer refuses softmax cross-entropy. */
const stack_step problem_stacks[PROBLEM_STACKS][STACK_LAYERS + 1] = {
    { { D, 5, PRUNE_TANH, 0, 0 }, { D, 4, PRUNE_SIGMOID, 0, 0 }, { D, 3, PRUNE_LINEAR, 0, 0 } },
    { { D, 3, PRUNE_GELU, 0, 0 } },
    { { B, 0, 0, 0.1f, 1e-5f }, { D, 5, PRUNE_LINEAR, 0, 0 }, { A, 0, PRUNE_SILU, 0, 0 }, { D, 3, 0, 0, 0 } },
    { { D, 5, 0, 0, 0 }, { B, 0, 0, 0.1f, 1e-3f }, { A, 0, PRUNE_ELU, 0, 0 }, { D, 3, PRUNE_TANH, 0, 0 } },
    { { O, 0, 0, 0.5f, 0 }, { D, 6, PRUNE_SOFTPLUS, 0, 0 }, { O, 0, 0, 0.25f, 0 }, { D, 3, 0, 0, 0 } },
    { { D, 5, PRUNE_TANH, 0, 0 }, { S, 0, 0, 0, 0 }, { D, 3, 0, 0, 0 } },
    { { D, 5, PRUNE_SELU, 0, 0 }, { D, 3, 0, 0, 0 }, { L, 0, 0, 0, 0 } },
    { { A, 0, PRUNE_GELU_TANH, 0, 0 },
      { L, 0, 0, 0, 0 },
      { D, 4, PRUNE_TANH, 0, 0 },
      { S, 0, 0, 0, 0 },
      { O, 0, 0, 0.5f, 0 },
      { D, 3, 0, 0, 0 } },
};

static int32_t by_label(const problem_loss *loss)
{
    return loss->kind == PRUNE_NLL || (loss->kind == PRUNE_SOFTMAX_CROSS_ENTROPY && !loss->rows);
}

static void choose_loss(problem *p, const problem_loss *loss, size_t outputs, uint64_t *state)
{
    prune_loss_options_init(&p->loss);
    p->loss.kind = loss->kind;
    if (!loss->options)
        return;
    if (loss->kind == PRUNE_SOFTMAX_CROSS_ENTROPY || loss->kind == PRUNE_NLL) {
        for (size_t c = 0; c < outputs; c++)
            p->class_weights[c] = (float)ref_uniform(state, 0.25, 2.0);
        p->loss.class_weights = p->class_weights;
        p->loss.class_count = outputs;
        p->loss.smoothing = loss->kind == PRUNE_NLL ? 0.0f : 0.125f;
    } else {
        p->loss.mean_over_outputs = 1;
        p->loss.delta = 0.25f;
    }
}

static void draw_data(problem *p, size_t inputs, size_t outputs, uint64_t *state)
{
    for (size_t i = 0; i < PROBLEM_SAMPLES * inputs; i++)
        p->x[i] = (float)ref_uniform(state, -1.0, 1.0);
    for (size_t i = 0; i < PROBLEM_SAMPLES * outputs; i++)
        p->y[i] = (float)ref_uniform(state, 0.0, 1.0);
    for (size_t r = 0; r < PROBLEM_SAMPLES; r++) {
        p->label[r] = (int32_t)ref_uniform(state, 0.0, (double)outputs);
        p->weights[r] = r == 1 ? 0.0f : (float)ref_uniform(state, 0.25, 2.0);
    }
}

static void wrap(problem *p, const problem_loss *loss, size_t inputs, size_t outputs)
{
    ck_assert_ok(prune_tensor_const_matrix(&p->tensors[0], NULL, PRUNE_F32, PROBLEM_SAMPLES, inputs, p->x));
    if (by_label(loss))
        ck_assert_ok(
            prune_tensor_const_matrix(&p->tensors[1], NULL, PRUNE_I32, PROBLEM_SAMPLES, 1, p->label));
    else
        ck_assert_ok(
            prune_tensor_const_matrix(&p->tensors[1], NULL, PRUNE_F32, PROBLEM_SAMPLES, outputs, p->y));
    ck_assert_ok(prune_tensor_const_matrix(&p->tensors[2], NULL, PRUNE_F32, PROBLEM_SAMPLES, 1, p->weights));
    prune_data_init(&p->data);
    p->data.inputs = p->tensors[0];
    p->data.targets = p->tensors[1];
    p->data.weights = loss->weighted ? p->tensors[2] : NULL;
    p->truth = (true_loss){ &p->loss, PROBLEM_SAMPLES,
                            outputs,  by_label(loss) ? NULL : p->y,
                            p->label, loss->weighted ? p->weights : NULL };
}

void problem_make(problem *p, size_t inputs, const stack_step *steps, const problem_loss *loss, uint64_t seed,
                  size_t max_batch)
{
    uint64_t state = seed + 1000;
    memset(p, 0, sizeof *p);
    p->temperature = 1.0;
    p->model = stack_model(NULL, inputs, steps, seed);
    const size_t outputs = prune_model_outputs(p->model);
    choose_loss(p, loss, outputs, &state);
    draw_data(p, inputs, outputs, &state);
    wrap(p, loss, inputs, outputs);
    stack_read(&p->s, p->model, PROBLEM_SAMPLES, 0);
    prune_trainer_options options;
    prune_trainer_options_init(&options);
    options.loss_options = &p->loss;
    options.max_batch = max_batch;
    options.backend = prune_backend_reference(); /* to look for a BLAS takes longer than these problems */
    ck_assert_ok(prune_trainer_create(&p->trainer, NULL, p->model, &options, NULL));
}

void problem_end(problem *p)
{
    prune_trainer_free(p->trainer);
    prune_model_free(p->model);
    for (size_t i = 0; i < 3; i++)
        prune_tensor_free(p->tensors[i]);
}

static double value_of(const problem *p, double *h)
{
    for (size_t i = 0; i < PROBLEM_SAMPLES * p->truth.outputs; i++)
        h[i] /= p->temperature;
    return true_loss_of(&p->truth, h);
}

double problem_value(problem *p)
{
    double h[STACK_BLOCK];
    stack_forward(h, &p->s, p->x);
    return value_of(p, h);
}

double problem_value_from(problem *p, size_t layer, const double *y)
{
    double h[STACK_BLOCK];
    if (layer < p->s.layers)
        stack_run(h, &p->s, layer, p->s.layers, y);
    else
        memcpy(h, y, PROBLEM_SAMPLES * p->truth.outputs * sizeof *h);
    return value_of(p, h);
}

int32_t problem_statistic(const problem *p, size_t i)
{
    size_t begin = 0;
    prune_param_info info = { .size = sizeof info };
    for (size_t param = 0;; param++, begin += (size_t)info.count) {
        ck_assert_ok(prune_model_param_info(&info, p->model, param));
        if (i < begin + info.count)
            return info.statistic;
    }
}
