/* grids.c -- the grids of a model's arrays, one for each between layers
 *
 * SPDX-License-Identifier: MIT */
#include "grids.h"
#include "text.h"

#include <float.h>

enum { STEPS = 255 };

#define STEEPEST 1.76 /* of all activations: SELU, below 0 */

typedef struct choice {
    prn_grid *grids;
    prn_range *ranges;
    const prn_apart *apart;
} choice;

static const prn_layer *layer_of(const choice *c, size_t l)
{
    return c->apart->model->layers[l];
}

static double width_of(const prn_range *range)
{
    return range->high - range->low;
}

/* The least scale of what a layer gives, by that of what goes into it; 0: any. */
static double coarsest(const prn_layer *layer, double input_scale)
{
    if (layer->ops->affine != NULL)
        return prn_grid_coarsest_affine(layer, input_scale);
    if (!prn_is_dense(layer))
        return 0.0;
    const prn_layer_matrix m = prn_dense_matrix(layer);
    return prn_grid_coarsest(&m, input_scale);
}

static double finest(const choice *c, size_t l)
{
    const double least = l > 0 ? coarsest(layer_of(c, l - 1), c->grids[l - 1].scale) : 0.0;
    return least > (double)FLT_MIN ? least : (double)FLT_MIN;
}

/* Of an array that is nothing but 0, whose steps are any: those behind it should not suffer. */
static prn_range any_range(const choice *c, size_t l)
{
    double high = 1.0;
    if (l < c->apart->layers) {
        const double least = coarsest(layer_of(c, l), high / STEPS),
                     step = width_of(&c->ranges[l + 1]) / STEPS;
        high *= step > 0.0 && step < least ? step / least : 1.0;
    }
    return (prn_range){ 0.0, high };
}

/* ---- what the outputs do not depend on ---- */

static double row_sum(const prn_layer *dense, size_t u)
{
    const size_t inputs = prn_shape_count(&dense->input);
    double sum = 0.0;
    for (size_t i = 0; i < inputs; i++)
        sum += (double)prn_size(dense->params[0].value[u * inputs + i]);
    return sum;
}

/* The most that output u of a layer changes where all inputs change by 1. */
static double slope(const prn_layer *layer, size_t u)
{
    if (layer->ops->is_activation)
        return STEEPEST;
    if (prn_is_dense(layer))
        return row_sum(layer, u);
    float scale_shift[2];
    layer->ops->affine(layer, u, scale_shift);
    return (double)prn_size(scale_shift[0]);
}

static double steepest(const prn_layer *layer)
{
    double most = 0.0;
    for (size_t u = 0; u < prn_shape_count(&layer->output); u++) {
        const double own = slope(layer, u);
        most = own > most ? own : most;
    }
    return most;
}

/* Whether array l could as well be 0: some array behind it changes by less than its own rounding then. What
 * goes into an activation is none to tell, since its steps may be finer than the range says. */
static int32_t is_drowned(const choice *c, size_t l, const prn_range *all)
{
    double change = -all->low > all->high ? -all->low : all->high;
    for (; l < c->apart->layers; l++) {
        const int32_t tells = l + 1 == c->apart->layers || !layer_of(c, l + 1)->ops->is_activation;
        change *= steepest(layer_of(c, l));
        if (tells && change <= width_of(&c->ranges[l + 1]) / STEPS / 2.0)
            return 1;
    }
    return 0;
}

/* ---- choosing ---- */

/* Numbers that are in such a range should not all become 0, unless nobody sees it. */
static prune_status check(const choice *c, size_t l, const prn_range *all, double least, prune_error *error)
{
    const double wide = width_of(all);
    if (least > (double)FLT_MAX)
        return prn_apart_error(c->apart, l - 1, PRUNE_E_RANGE,
                               "a step of int8 would leave float: its weights or biases are too large",
                               error);
    if (wide <= 0.0 || wide >= c->grids[l].scale)
        return PRUNE_OK;
    if (l == 0)
        return prn_error_set(error, PRUNE_E_RANGE, "data",
                             "all are too close to 0 for the least scale of int8");
    return is_drowned(c, l, all)
               ? PRUNE_OK
               : prn_apart_error(c->apart, l - 1, PRUNE_E_RANGE,
                                 "all that it gives is less than one step of int8, and outputs depend on it: "
                                 "its weights or biases, or what goes into it, are too large for that",
                                 error);
}

prune_status prn_grids_choose(prn_grid *grids, prn_range *ranges, const prn_apart *apart, prune_error *error)
{
    const choice c = { grids, ranges, apart };
    prune_status status = PRUNE_OK;
    for (size_t l = 0; l <= apart->layers && status == PRUNE_OK; l++) {
        const prn_range all = ranges[l];
        const double least = finest(&c, l);
        if (width_of(&all) <= 0.0)
            ranges[l] = any_range(&c, l);
        else if (l < apart->layers && layer_of(&c, l)->ops->is_activation)
            prn_range_trim(&ranges[l], &ranges[l + 1], layer_of(&c, l)->spec.activation);
        grids[l] = prn_grid_of(&ranges[l], least);
        status = check(&c, l, &all, least, error);
    }
    return status;
}
