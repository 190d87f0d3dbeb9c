/* joint.c -- one score for all that a neuron is
 *
 * SPDX-License-Identifier: MIT */
#include "joint.h"

#include <float.h>

/* At most a row, a bias and a column. */
enum { PARTS = 2 * PRN_UNIT_SLICES };

static float size_of(float x)
{
    return x < 0.0f ? -x : x;
}

/* Adds what a layer lists for unit u; returns the number of slices there are then. */
static size_t add_slices(prune_slice *slices, size_t count, const prune_model *model, size_t layer,
                         const prn_slice *listed, size_t listed_count)
{
    const size_t first = prn_model_first_param(model, layer);
    for (size_t s = 0; s < listed_count; s++)
        slices[count++] =
            (prune_slice){ first + listed[s].param, listed[s].start, listed[s].stride, listed[s].count };
    return count;
}

static size_t list_parts(prune_slice *slices, const prune_model *model, size_t layer, size_t u,
                         int32_t include_bias)
{
    prn_slice own[PRN_UNIT_SLICES];
    const prn_layer *rows = model->layers[layer];
    const size_t own_count = rows->ops->unit_slices(rows, u, own),
                 reader = prn_model_reader(model, layer + 1);
    size_t count = 0;
    for (size_t s = 0; s < own_count; s++)
        if (rows->params[own[s].param].prunable || include_bias)
            count = add_slices(slices, count, model, layer, &own[s], 1);
    if (reader == model->layer_count)
        return count;
    const prn_layer *columns = model->layers[reader];
    const size_t read_count = columns->ops->input_slices(columns, u, own);
    return add_slices(slices, count, model, reader, own, read_count);
}

static int32_t is_kept(const prn_layer *layer, size_t u)
{
    const prn_group group = prn_group_output(layer, u);
    return prn_group_kept(layer, &group);
}

float prn_joint_neuron(const prune_importance *importance, size_t layer, size_t u, int32_t aggregate,
                       int32_t include_bias)
{
    prune_slice slices[PARTS];
    if (!is_kept(importance->model->layers[layer], u))
        return 0.0f;
    const size_t parts = list_parts(slices, importance->model, layer, u, include_bias);
    prn_sum sum = { 0.0f, 0.0f };
    for (size_t p = 0; p < parts; p++) {
        float score = 0.0f;
        if (prune_importance_group(&score, importance, &slices[p], 1, aggregate, NULL) == PRUNE_OK)
            prn_sum_add(&sum, score / (float)parts);
    }
    const float mean = sum.sum + sum.carry;
    return mean > FLT_MAX ? FLT_MAX : mean < -FLT_MAX ? -FLT_MAX : mean;
}

float prn_joint_mean(const prune_importance *importance, size_t layer, int32_t aggregate,
                     int32_t include_bias)
{
    const prn_layer *rows = importance->model->layers[layer];
    const size_t units = rows->ops->units(rows);
    size_t kept = 0;
    prn_sum sum = { 0.0f, 0.0f };
    for (size_t u = 0; u < units; u++)
        kept += is_kept(rows, u) != 0;
    for (size_t u = 0; u < units && kept != 0; u++)
        prn_sum_add(&sum,
                    size_of(prn_joint_neuron(importance, layer, u, aggregate, include_bias)) / (float)kept);
    return sum.sum + sum.carry;
}

float prn_joint_over(float score, float mean)
{
    const float over = mean > 0.0f ? score / mean : 0.0f;
    return size_of(over) <= FLT_MAX ? over : 0.0f;
}

prune_status prune_importance_joint(float *scores, size_t capacity, const prune_importance *importance,
                                    size_t layer, int32_t aggregate, int32_t include_bias)
{
    /* It checks all that there is to check, and what it writes is replaced. */
    const prune_status status = prune_importance_neurons(scores, capacity, importance, layer, aggregate);
    if (status != PRUNE_OK)
        return status;
    const prn_layer *rows = importance->model->layers[layer];
    const float mean = prn_joint_mean(importance, layer, aggregate, include_bias);
    for (size_t u = 0; u < rows->ops->units(rows); u++)
        scores[u] = prn_joint_over(prn_joint_neuron(importance, layer, u, aggregate, include_bias), mean);
    return PRUNE_OK;
}
