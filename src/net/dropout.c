/* dropout.c -- outputs left out at random while training, the others times 1 / (1 - rate)
 *
 * N. Srivastava et al., JMLR 15, 2014; scaled in training ("inverted"), so that inference is the identity.
 * The cache holds the factor of each element.
 *
 * SPDX-License-Identifier: MIT */
#include "dropout.h"
#include "bend.h"

#include <string.h>

static float rate_of(const prn_layer_spec *spec)
{
    return spec->settings[0];
}

static prune_status dropout_check(const prn_layer_spec *spec)
{
    return rate_of(spec) >= 0.0f && rate_of(spec) < 1.0f ? PRUNE_OK : PRUNE_E_RANGE;
}

static void draw_factors(const prn_layer *layer, const prn_pass *pass, size_t count)
{
    const float rate = rate_of(&layer->spec), scale = 1.0f / (1.0f - rate);
    for (size_t i = 0; i < count; i++)
        pass->cache[i] = prune_rng_uniform(pass->rng) >= rate ? scale : 0.0f;
}

/* What is left out is 0, whatever it was. */
static void apply_factors(float *to, const float *from, const float *factor, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = factor[i] > 0.0f ? from[i] * factor[i] : 0.0f;
}

static void dropout_forward(const prn_layer *layer, const prn_pass *pass)
{
    const size_t width = prn_shape_count(&layer->output);
    if (pass->training)
        draw_factors(layer, pass, pass->batch * width);
    for (size_t r = 0; r < pass->batch; r++) {
        float *y = pass->y + r * pass->ldy;
        const float *x = pass->x + r * pass->ldx;
        if (pass->training)
            apply_factors(y, x, pass->cache + r * width, width);
        else
            memmove(y, x, width * sizeof *y);
    }
}

static void dropout_backward(const prn_layer *layer, const prn_pass *pass)
{
    const size_t count = pass->batch * prn_shape_count(&layer->output);
    if (pass->dx == NULL)
        return;
    if (pass->training)
        apply_factors(pass->dx, pass->dy, pass->cache, count);
    else
        memcpy(pass->dx, pass->dy, count * sizeof *pass->dx);
}

static void dropout_bend(const prn_layer *layer, const prn_pass *pass, const prn_bend *bend)
{
    (void)pass;
    prn_bend_pass_on(bend, prn_shape_count(&layer->output));
}

static void dropout_forward_along(const prn_layer *layer, const prn_pass *pass, const prn_along *along)
{
    const size_t bytes = pass->batch * prn_shape_count(&layer->output) * sizeof(float);
    if (along->rx == NULL)
        memset(along->ry, 0, bytes);
    else
        memcpy(along->ry, along->rx, bytes);
}

static void dropout_backward_along(const prn_layer *layer, const prn_pass *pass, const prn_along *along)
{
    if (along->rdx != NULL)
        memcpy(along->rdx, along->rdy, pass->batch * prn_shape_count(&layer->output) * sizeof(float));
}

static size_t dropout_cache_size(const prn_layer *layer)
{
    return prn_shape_count(&layer->output);
}

const prn_layer_ops prn_dropout_ops = {
    .kind = PRUNE_LAYER_DROPOUT,
    .name = "dropout",
    .settings = 1,
    .unitwise = 1,
    .mixes = 1,
    .identity = 1,
    .check = dropout_check,
    .plan = prn_layer_same_shape,
    .forward = dropout_forward,
    .backward = dropout_backward,
    .bend = dropout_bend,
    .forward_along = dropout_forward_along,
    .backward_along = dropout_backward_along,
    .initialize = prn_layer_initialize,
    .cache_size = dropout_cache_size,
    .macs = prn_layer_no_macs,
    .macs_kept = prn_layer_no_macs,
    .units = prn_layer_no_size,
    .unit_slices = prn_layer_no_slices,
    .input_slices = prn_layer_no_slices,
};
