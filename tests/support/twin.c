/* twin.c -- a small net in double precision with removed weights, its twin in the library, and data for both
 *
 * SPDX-License-Identifier: MIT */
#include "twin.h"

#include <math.h>
#include <string.h>

const size_t twin_width[TWIN_LAYERS + 1] = { TWIN_INPUTS, TWIN_HIDDEN, TWIN_OUTPUTS };

void twin_make(twin *w, int32_t loss)
{
    static const int32_t activation[TWIN_LAYERS] = { PRUNE_TANH, PRUNE_LINEAR };
    uint64_t random = 11;
    ref_shape(&w->net, TWIN_LAYERS, twin_width, activation);
    for (size_t i = 0; i < w->net.count; i++) {
        w->net.keep[i] = ref_uniform(&random, 0.0, 1.0) < 0.8;
        w->net.w[i] = w->net.keep[i] ? (double)(float)ref_uniform(&random, -0.9, 0.9) : 0.0;
    }
    world_data_make(&w->data, TWIN_SAMPLES, TWIN_INPUTS, TWIN_OUTPUTS, 3);
    memset(&w->task, 0, sizeof w->task);
    w->task.loss = loss;
    w->task.n = TWIN_SAMPLES;
    for (size_t i = 0; i < (size_t)TWIN_SAMPLES * TWIN_INPUTS; i++)
        w->task.x[i] = (double)w->data.x[i];
    for (size_t i = 0; i < (size_t)TWIN_SAMPLES * TWIN_OUTPUTS; i++)
        w->task.y[i] = (double)w->data.y[i];
    memcpy(w->task.label, w->data.label, TWIN_SAMPLES * sizeof(int32_t));
    ck_assert_ok(ref_model(&w->model, &w->net));
}

void twin_end(twin *w)
{
    prune_model_free(w->model);
    world_data_end(&w->data);
}

const prune_data *twin_data(const twin *w)
{
    return w->task.loss == PRUNE_MSE ? &w->data.valued : &w->data.labelled;
}

prune_trainer *twin_trainer(prune_model *model, int32_t loss, size_t max_batch, int32_t penalize_bias)
{
    prune_trainer_options options;
    prune_trainer *trainer;
    prune_trainer_options_init(&options);
    options.loss = loss;
    options.max_batch = max_batch;
    options.l1 = 0.0625f;
    options.l2 = 0.25f;
    options.regularize_bias = penalize_bias;
    ck_assert_ok(prune_trainer_create(&trainer, NULL, model, &options, NULL));
    return trainer;
}

prune_importance *twin_importance(const prune_model *model, int32_t criterion)
{
    prune_importance *scores;
    ck_assert_ok(prune_importance_create(&scores, NULL, model, criterion));
    return scores;
}

ref_task twin_part(const ref_task *task, size_t first, size_t n)
{
    ref_task part = *task;
    part.n = n;
    for (size_t s = 0; s < n; s++) {
        part.label[s] = task->label[first + s];
        for (size_t i = 0; i < TWIN_INPUTS; i++)
            part.x[s * TWIN_INPUTS + i] = task->x[(first + s) * TWIN_INPUTS + i];
        for (size_t o = 0; o < TWIN_OUTPUTS; o++)
            part.y[s * TWIN_OUTPUTS + o] = task->y[(first + s) * TWIN_OUTPUTS + o];
    }
    return part;
}

void twin_sample_means(double *absolute, double *square, const ref_net *net, const ref_task *task)
{
    static ref_task one;
    double g[REF_PARAMS];
    for (size_t i = 0; i < net->count; i++)
        absolute[i] = square[i] = 0.0;
    for (size_t s = 0; s < task->n; s++) {
        one = twin_part(task, s, 1);
        ref_data_gradient(g, net, &one);
        for (size_t i = 0; i < net->count; i++) {
            absolute[i] += fabs(g[i]) / (double)task->n;
            square[i] += g[i] * g[i] / (double)task->n;
        }
    }
}

double twin_formula(int32_t criterion, double w, double g)
{
    switch (criterion) {
    case PRUNE_MAGNITUDE:
        return fabs(w);
    case PRUNE_TAYLOR:
        return fabs(w * g);
    case PRUNE_MAGNITUDE_SQUARED:
        return w * w;
    case PRUNE_GRADIENT_SQUARED:
        return g * g;
    case PRUNE_TAYLOR_SQUARED:
        return w * g * w * g;
    case PRUNE_FISHER:
        return w * w * g;
    default:
        return fabs(g);
    }
}

void twin_check_scores(const prune_importance *scores, const twin *w, const double *g, int32_t criterion,
                       double error)
{
    double expected[REF_PARAMS];
    for (size_t p = 0; p < 2 * TWIN_LAYERS; p++) {
        const size_t begin = ref_begin(&w->net, p), count = ref_begin(&w->net, p + 1) - begin;
        for (size_t i = 0; i < count; i++)
            expected[i] = twin_formula(criterion, w->net.w[begin + i], g[begin + i]);
        ck_assert_double_le(ref_scaled_error(prune_importance_scores(scores, p), expected, count), error);
    }
}
