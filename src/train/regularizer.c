/* regularizer.c -- penalties of single weights,  l1 |w| + l2/2 w^2,  and of groups; their gradients
 *
 * SPDX-License-Identifier: MIT */
#include "regularizer.h"
#include "libprune/fmath.h"
#include "options.h"
#include "scan.h"
#include "text.h"

#include <float.h>

/* ---- options ---- */

void prune_group_lasso_init(prune_group_lasso *lasso)
{
    if (lasso != NULL)
        *lasso = (prune_group_lasso){ .size = sizeof *lasso, .include_bias = 1, .by_size = 1 };
}

static int32_t is_size(float x)
{
    return x >= 0.0f && x <= FLT_MAX;
}

prune_status prn_group_lasso_read(prune_group_lasso *mine, const prune_group_lasso *given, prune_error *error)
{
    prune_group_lasso_init(mine);
    const prune_status status = prn_options_read(mine, sizeof *mine, given);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "group_lasso", prn_options_reason(status));
    if (!is_size(mine->neuron_lambda))
        return prn_error_set(error, PRUNE_E_RANGE, "group_lasso neuron_lambda",
                             "not a finite number from 0 on");
    if (!is_size(mine->input_lambda))
        return prn_error_set(error, PRUNE_E_RANGE, "group_lasso input_lambda",
                             "not a finite number from 0 on");
    const int32_t switches[] = { mine->include_bias, mine->include_column, mine->include_output,
                                 mine->by_size, mine->proximal };
    if (!prn_options_switches(switches, sizeof switches / sizeof switches[0]))
        return prn_error_set(error, PRUNE_E_ARGUMENT, "group_lasso", "a switch is neither 0 nor 1");
    return PRUNE_OK;
}

/* ---- groups ---- */

/* At most a row, a bias and a column. */
enum { GROUP_PARTS = 2 * PRN_UNIT_SLICES };

typedef struct part {
    const prn_param *param;
    prn_slice at;
    size_t offset; /* of the parameter, among all */
} part;

typedef struct group {
    part parts[GROUP_PARTS];
    size_t count;
    float norm;
    float weight; /* what the norm counts for in the penalty */
} group;

/* What is done with each group. */
typedef void visitor(const group *g, void *to);

static float magnitude(float x)
{
    return x < 0.0f ? -x : x;
}

/* Adds what a layer lists for a unit. */
static void add_parts(group *g, const prn_regularizer *r, const prune_model *model, size_t layer,
                      const prn_slice *slices, size_t count)
{
    const prn_layer *of = model->layers[layer];
    const size_t first = prn_model_first_param(model, layer);
    for (size_t s = 0; s < count && !r->layers[layer].frozen; s++) {
        const prn_param *param = &of->params[slices[s].param];
        if (param->prunable || (r->lasso.include_bias && !param->statistic))
            g->parts[g->count++] =
                (part){ param, slices[s], prn_model_offset(model, first + slices[s].param) };
    }
}

static void add_column(group *g, const prn_regularizer *r, const prune_model *model, size_t reader, size_t u)
{
    prn_slice slices[PRN_UNIT_SLICES];
    const prn_layer *layer = model->layers[reader];
    add_parts(g, r, model, reader, slices, layer->ops->input_slices(layer, u, slices));
}

static size_t element(const part *p, size_t i)
{
    return p->at.start + i * p->at.stride;
}

static float largest(const group *g)
{
    float most = 0.0f;
    for (size_t p = 0; p < g->count; p++)
        for (size_t i = 0; i < g->parts[p].at.count; i++) {
            const float size = magnitude(g->parts[p].param->value[element(&g->parts[p], i)]);
            most = size > most ? size : most;
        }
    return most;
}

/* Relative to the largest, so that no square leaves float. */
static float norm_of(const group *g)
{
    prn_sum sum = { 0 };
    const float most = largest(g);
    for (size_t p = 0; p < g->count && most > 0.0f; p++)
        for (size_t i = 0; i < g->parts[p].at.count; i++) {
            const float x = g->parts[p].param->value[element(&g->parts[p], i)] / most;
            prn_sum_add(&sum, x * x);
        }
    return most * prune_sqrtf(sum.sum + sum.carry);
}

static size_t kept(const group *g)
{
    size_t count = 0;
    for (size_t p = 0; p < g->count; p++)
        for (size_t i = 0; i < g->parts[p].at.count; i++)
            count += prn_mask_test(g->parts[p].param->mask, element(&g->parts[p], i)) != 0;
    return count;
}

static void visit(group *g, const prn_regularizer *r, float lambda, visitor *see, void *to)
{
    g->norm = norm_of(g);
    g->weight = r->scale * lambda;
    if (r->lasso.by_size)
        g->weight *= prune_sqrtf((float)kept(g));
    if (g->norm > 0.0f)
        see(g, to);
}

static void visit_inputs(const prn_regularizer *r, const prune_model *model, visitor *see, void *to)
{
    const size_t reader = prn_model_reader(model, 0);
    if (!(r->lasso.input_lambda > 0.0f) || reader == model->layer_count)
        return;
    for (size_t u = 0; u < prn_shape_count(&model->input); u++) {
        group g = { .count = 0 };
        add_column(&g, r, model, reader, u);
        visit(&g, r, r->lasso.input_lambda, see, to);
    }
}

static void visit_neurons(const prn_regularizer *r, const prune_model *model, size_t layer, visitor *see,
                          void *to)
{
    const prn_layer *rows = model->layers[layer];
    const size_t reader = prn_model_reader(model, layer + 1);
    for (size_t u = 0; u < rows->ops->units(rows); u++) {
        group g = { .count = 0 };
        prn_slice slices[PRN_UNIT_SLICES];
        add_parts(&g, r, model, layer, slices, rows->ops->unit_slices(rows, u, slices));
        if (r->lasso.include_column && reader != model->layer_count)
            add_column(&g, r, model, reader, u);
        visit(&g, r, r->lasso.neuron_lambda * r->layers[layer].group_scale, see, to);
    }
}

/* Behind the last layer that has neurons. */
static size_t end_of_neurons(const prune_model *model)
{
    size_t end = model->layer_count;
    while (end != 0 && model->layers[end - 1]->ops->units(model->layers[end - 1]) == 0)
        end--;
    return end;
}

static void visit_all(const prn_regularizer *r, const prune_model *model, visitor *see, void *to)
{
    const size_t end = end_of_neurons(model);
    visit_inputs(r, model, see, to);
    for (size_t l = 0; l < end && r->lasso.neuron_lambda > 0.0f; l++)
        if (l + 1 < end || r->lasso.include_output)
            visit_neurons(r, model, l, see, to);
}

static void add_norm(const group *g, void *to)
{
    prn_sum_add(to, g->weight * g->norm);
}

static void add_direction(const group *g, void *to)
{
    float *gradient = to;
    for (size_t p = 0; p < g->count; p++)
        for (size_t i = 0; i < g->parts[p].at.count; i++) {
            const size_t e = element(&g->parts[p], i);
            gradient[g->parts[p].offset + e] += g->weight * (g->parts[p].param->value[e] / g->norm);
        }
}

static void shrink(const group *g, void *to)
{
    const float *rate = to, t = *rate * g->weight;
    const float factor = t < g->norm ? (g->norm - t) / g->norm : 0.0f;
    for (size_t p = 0; p < g->count && t > 0.0f; p++)
        for (size_t i = 0; i < g->parts[p].at.count; i++) {
            float *w = &g->parts[p].param->value[element(&g->parts[p], i)];
            *w = factor > 0.0f ? factor * *w : 0.0f;
        }
}

void prn_regularizer_shrink(const prn_regularizer *r, const prune_model *model, float rate)
{
    if (r->lasso.proximal)
        visit_all(r, model, shrink, &rate);
}

/* ---- single weights ---- */

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
        const float w = param->value[i];
        prn_sum_add(sum, l1 * magnitude(w) + 0.5f * l2 * w * w);
    }
}

float prn_regularizer_l1(const prn_regularizer *regularizer, size_t layer)
{
    return regularizer->scale * (regularizer->l1 * regularizer->layers[layer].l1_scale);
}

static float layer_l2(const prn_regularizer *regularizer, size_t layer)
{
    return regularizer->scale * (regularizer->l2 * regularizer->layers[layer].l2_scale);
}

float prn_regularizer_value(const prn_regularizer *regularizer, const prune_model *model)
{
    prn_sum sum = { 0 };
    for (size_t l = 0; l < model->layer_count && !is_off(regularizer); l++)
        for (size_t p = 0; p < model->layers[l]->param_count; p++)
            if (prn_regularizer_covers(regularizer, &model->layers[l]->params[p]))
                add_value(&sum, prn_regularizer_l1(regularizer, l), layer_l2(regularizer, l),
                          &model->layers[l]->params[p]);
    visit_all(regularizer, model, add_norm, &sum);
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
    if (!regularizer->lasso.proximal)
        visit_all(regularizer, model, add_direction, gradient);
    for (size_t l = 0; l < model->layer_count && !is_off(regularizer); l++) {
        const float l1 = regularizer->proximal ? 0.0f : prn_regularizer_l1(regularizer, l);
        for (size_t p = 0; p < model->layers[l]->param_count; p++) {
            const prn_param *param = &model->layers[l]->params[p];
            if (prn_regularizer_covers(regularizer, param))
                add_gradient(l1, layer_l2(regularizer, l), param, gradient);
            gradient += param->count;
        }
    }
}
