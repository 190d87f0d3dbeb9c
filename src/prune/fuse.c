/* fuse.c -- units whose output others can take over: constants, and those that do the same
 *
 * One walk forward is enough: what a space looks like hangs on those before it alone.
 *
 * SPDX-License-Identifier: MIT */
#include "fuse.h"
#include "activation.h"
#include "bits.h"
#include "scan.h"

#include <float.h>
#include <string.h>

static int32_t is_zero(float x)
{
    return x >= 0.0f && x <= 0.0f;
}

static int32_t is_finite(float x)
{
    return x >= -FLT_MAX && x <= FLT_MAX;
}

/* ---- constants ---- */

/* What all units of a space would give if they read nothing. Returns chain->value[0] or [1]. */
static const float *constants_of(prn_chain *c, size_t s)
{
    const prn_space *space = &c->spaces[s];
    float *from = c->value[0], *to = c->value[1];
    memset(from, 0, space->width * sizeof *from);
    if (s != 0) {
        const prn_layer *maker = prn_chain_maker(c, s);
        prn_activation_apply(maker->spec.activation, from, maker->params[PRN_DENSE_BIAS].value, space->width);
    }
    for (size_t l = space->first; l < space->reader; l++) {
        const prn_layer *layer = c->model->layers[l];
        const prn_pass pass = { .batch = 1, .x = from, .ldx = space->width, .y = to, .ldy = space->width };
        layer->ops->forward(layer, &pass);
        to = from;
        from = pass.y;
    }
    return from;
}

/* Whether a layer behind makes one number of whatever comes: a gamma of 0. */
static int32_t is_flattened(const prn_chain *c, size_t s, size_t u)
{
    float scale_shift[2] = { 1.0f, 0.0f };
    for (size_t l = c->spaces[s].first; l < c->spaces[s].reader; l++) {
        const prn_layer *layer = c->model->layers[l];
        if (layer->ops->affine != NULL)
            layer->ops->affine(layer, u, scale_shift);
        if (is_zero(scale_shift[0]))
            return 1;
    }
    return 0;
}

static int32_t is_constant(const prn_chain *c, size_t s, size_t u)
{
    if (s == 0)
        return is_flattened(c, s, u);
    const prn_param *weight = &prn_chain_maker(c, s)->params[PRN_DENSE_WEIGHT];
    const float *row = weight->value + u * weight->shape.dims[1];
    size_t i = 0;
    while (i < weight->shape.dims[1] && is_zero(row[i]))
        i++;
    return i == weight->shape.dims[1] || is_flattened(c, s, u);
}

/* Bias of unit o of the reader, with all constants that are new. */
static prune_status fold_row(prn_chain *c, size_t s, size_t o, const float *constant)
{
    const prn_space *space = &c->spaces[s];
    prn_layer *reader = prn_chain_reader(c, s);
    const float *row = reader->params[PRN_DENSE_WEIGHT].value + o * space->width;
    prn_sum sum = { reader->params[PRN_DENSE_BIAS].value[o], 0.0f };
    for (size_t u = 0; u < space->width; u++)
        if (space->fate[u] == PRN_CONSTANT && !is_zero(row[u]))
            prn_sum_add(&sum, row[u] * constant[u]);
    prn_chain_set(&reader->params[PRN_DENSE_BIAS], o, sum.sum + sum.carry);
    return is_finite(sum.sum + sum.carry) ? PRUNE_OK : PRUNE_E_NONFINITE;
}

static prune_status fold_constants(prn_chain *c, size_t s)
{
    const prn_space *space = &c->spaces[s];
    const float *constant = constants_of(c, s);
    const size_t rows = prn_shape_count(&prn_chain_reader(c, s)->output);
    for (size_t u = 0; u < space->width; u++)
        if (space->fate[u] == PRN_KEPT && is_constant(c, s, u))
            space->fate[u] = PRN_CONSTANT;
    for (size_t o = 0; o < rows; o++) {
        const prune_status status = fold_row(c, s, o, constant);
        if (status != PRUNE_OK)
            return status;
    }
    for (size_t u = 0; u < space->width; u++)
        if (space->fate[u] == PRN_CONSTANT) {
            prn_chain_clear(c, s, u);
            prn_chain_unread(c, s, u);
        }
    return PRUNE_OK;
}

/* ---- units that do the same ---- */

static int32_t passes_on(int32_t activation, float factor)
{
    switch (activation) {
    case PRUNE_LINEAR:
        return 1;
    case PRUNE_RELU:
    case PRUNE_LEAKY_RELU:
        return factor > 0.0f;
    case PRUNE_TANH:
        return is_zero(factor + 1.0f);
    default:
        return 0;
    }
}

static int32_t same_params(const prn_layer *layer, size_t a, size_t b)
{
    for (size_t p = 0; p < layer->param_count; p++)
        if (prn_bits_of(layer->params[p].value[a]) != prn_bits_of(layer->params[p].value[b]))
            return 0;
    return 1;
}

/* Whether the way from z to the reader makes factor times unit a of factor times its z. */
static int32_t way_passes_on(const prn_chain *c, size_t s, const size_t pair[2], float factor)
{
    const int32_t equal = is_zero(factor - 1.0f);
    if (!equal && !passes_on(prn_chain_maker(c, s)->spec.activation, factor))
        return 0;
    for (size_t l = c->spaces[s].first; l < c->spaces[s].reader; l++) {
        const prn_layer *layer = c->model->layers[l];
        const int32_t linear =
            layer->ops->identity || (layer->ops->is_activation && passes_on(layer->spec.activation, factor));
        if (equal ? !same_params(layer, pair[0], pair[1]) : !linear)
            return 0;
    }
    return 1;
}

static int32_t is_power_of_two(float x)
{
    const uint32_t size = prn_bits_size(x);
    return (size & 0x7fffffu) == 0 && size >= 0x00800000u && size < 0x7f800000u;
}

/* b = factor a, and back: nothing is lost at the ends of float. */
static int32_t is_multiple(float b, float a, float factor)
{
    return is_zero(factor * a - b) && is_zero(b / factor - a);
}

/* The number that unit b's row and bias are unit a's times, if it is one that can be passed on; else 0. */
static float factor_of(const prn_chain *c, size_t s, size_t a, size_t b)
{
    const prn_layer *maker = prn_chain_maker(c, s);
    const size_t inputs = maker->params[PRN_DENSE_WEIGHT].shape.dims[1];
    const float *weight = maker->params[PRN_DENSE_WEIGHT].value, *bias = maker->params[PRN_DENSE_BIAS].value;
    const float *of_a = weight + a * inputs, *of_b = weight + b * inputs;
    size_t i = 0;
    while (i < inputs && is_zero(of_a[i]))
        i++;
    if (i == inputs || is_zero(of_b[i]))
        return 0.0f;
    const float factor = of_b[i] / of_a[i];
    if (!is_power_of_two(factor) || !is_multiple(bias[b], bias[a], factor))
        return 0.0f;
    for (i = 0; i < inputs; i++)
        if (!is_multiple(of_b[i], of_a[i], factor))
            return 0.0f;
    const size_t pair[2] = { a, b };
    return way_passes_on(c, s, pair, factor) ? factor : 0.0f;
}

/* Column a takes factor times column b; not if a weight would leave float. */
static int32_t take_over(prn_chain *c, size_t s, const size_t pair[2], float factor)
{
    prn_layer *reader = prn_chain_reader(c, s);
    prn_param *weight = &reader->params[PRN_DENSE_WEIGHT];
    const size_t width = c->spaces[s].width, rows = prn_shape_count(&reader->output);
    for (size_t o = 0; o < rows; o++)
        if (!is_finite(weight->value[o * width + pair[0]] + factor * weight->value[o * width + pair[1]]))
            return 0;
    for (size_t o = 0; o < rows; o++)
        if (!is_zero(weight->value[o * width + pair[1]]))
            prn_chain_set(weight, o * width + pair[0],
                          weight->value[o * width + pair[0]] + factor * weight->value[o * width + pair[1]]);
    return 1;
}

static void merge_into(prn_chain *c, size_t s, size_t a)
{
    const prn_space *space = &c->spaces[s];
    for (size_t b = a + 1; b < space->width; b++) {
        const size_t pair[2] = { a, b };
        if (space->fate[b] != PRN_KEPT)
            continue;
        const float factor = factor_of(c, s, a, b);
        if (is_zero(factor) || !take_over(c, s, pair, factor))
            continue;
        space->fate[b] = PRN_MERGED;
        prn_chain_clear(c, s, b);
        prn_chain_unread(c, s, b);
    }
}

prune_status prn_fuse(prn_chain *chain, int32_t merge)
{
    for (size_t s = 0; s < chain->count; s++) {
        if (chain->spaces[s].pinned)
            continue;
        const prune_status status = fold_constants(chain, s);
        if (status != PRUNE_OK)
            return status;
        for (size_t a = 0; merge && s != 0 && a < chain->spaces[s].width; a++)
            if (chain->spaces[s].fate[a] == PRN_KEPT)
                merge_into(chain, s, a);
    }
    return PRUNE_OK;
}
