/* regularizer.c -- the penalty  l1 ||w||_1 + l2/2 ||w||^2  and its gradient  l1 sign(w) + l2 w
 *
 * SPDX-License-Identifier: MIT */
#include "regularizer.h"
#include "scan.h"

static int32_t is_off(const prn_regularizer *regularizer)
{
    return !(regularizer->l1 > 0.0f) && !(regularizer->l2 > 0.0f);
}

int32_t prn_regularizer_covers(const prn_regularizer *regularizer, const prn_param *param)
{
    return param->prunable || (regularizer->include_bias && !param->statistic);
}

static void add_value(prn_sum *sum, float l1, float l2, const prn_param *param)
{
    for (size_t i = 0; i < param->count; i++) {
        const float w = param->value[i], size = w < 0.0f ? -w : w;
        prn_sum_add(sum, l1 * size + 0.5f * l2 * w * w);
    }
}

float prn_regularizer_l1(const prn_regularizer *regularizer, size_t layer)
{
    return regularizer->l1 * regularizer->layers[layer].l1_scale;
}

static float layer_l2(const prn_regularizer *regularizer, size_t layer)
{
    return regularizer->l2 * regularizer->layers[layer].l2_scale;
}

float prn_regularizer_value(const prn_regularizer *regularizer, const prune_model *model)
{
    prn_sum sum = { 0 };
    if (is_off(regularizer))
        return 0.0f;
    for (size_t l = 0; l < model->layer_count; l++)
        for (size_t p = 0; p < model->layers[l]->param_count; p++)
            if (prn_regularizer_covers(regularizer, &model->layers[l]->params[p]))
                add_value(&sum, prn_regularizer_l1(regularizer, l), layer_l2(regularizer, l),
                          &model->layers[l]->params[p]);
    return sum.sum + sum.carry;
}

static void add_gradient(float l1, float l2, const prn_param *param, float *gradient)
{
    for (size_t i = 0; i < param->count; i++) {
        const float w = param->value[i];
        const float sign = (float)((w > 0.0f) - (w < 0.0f));
        gradient[i] += l1 * sign + l2 * w;
    }
}

void prn_regularizer_add(const prn_regularizer *regularizer, const prune_model *model, float *gradient)
{
    if (is_off(regularizer))
        return;
    for (size_t l = 0; l < model->layer_count; l++) {
        const float l1 = regularizer->proximal ? 0.0f : prn_regularizer_l1(regularizer, l);
        for (size_t p = 0; p < model->layers[l]->param_count; p++) {
            const prn_param *param = &model->layers[l]->params[p];
            if (prn_regularizer_covers(regularizer, param))
                add_gradient(l1, layer_l2(regularizer, l), param, gradient);
            gradient += param->count;
        }
    }
}
