/* activate.c -- an activation as a layer of its own: y = f(x), element by element
 *
 * SPDX-License-Identifier: MIT */
#include "activate.h"
#include "activation.h"
#include "bend.h"

#include <string.h>

static void activate_forward(const prn_layer *layer, const prn_pass *pass)
{
    const size_t width = prn_shape_count(&layer->output);
    for (size_t r = 0; r < pass->batch; r++)
        prn_activation_apply(layer->spec.activation, pass->y + r * pass->ldy, pass->x + r * pass->ldx, width);
}

static void activate_backward(const prn_layer *layer, const prn_pass *pass)
{
    const size_t width = prn_shape_count(&layer->output);
    const int32_t needs_input = prn_activation_needs_input(layer->spec.activation);
    if (pass->dx == NULL)
        return;
    memcpy(pass->dx, pass->dy, pass->batch * width * sizeof *pass->dx);
    for (size_t r = 0; r < pass->batch; r++)
        prn_activation_backward(layer->spec.activation, pass->dx + r * width,
                                needs_input ? pass->x + r * pass->ldx : pass->y + r * pass->ldy, width);
}

static void activate_bend(const prn_layer *layer, const prn_pass *pass, const prn_bend *bend)
{
    const size_t width = prn_shape_count(&layer->output);
    const int32_t activation = layer->spec.activation;
    prn_activation_slopes(activation, bend->slope[0], bend->slope[1],
                          prn_activation_needs_input(activation) ? pass->x : pass->y, width);
    prn_bend_elements(bend, pass->dy, width);
    prn_bend_pass_on(bend, width);
}

static const float *slopes_of_row(const prn_layer *layer, const prn_pass *pass, const prn_along *along,
                                  size_t r)
{
    const size_t width = prn_shape_count(&layer->output);
    const int32_t activation = layer->spec.activation, needs_input = prn_activation_needs_input(activation);
    const float *from = needs_input ? pass->x + r * pass->ldx : pass->y + r * pass->ldy;
    prn_activation_slopes(activation, along->slope[0], along->slope[1], from, width);
    return along->rx == NULL ? NULL : along->rx + r * width;
}

static void activate_forward_along(const prn_layer *layer, const prn_pass *pass, const prn_along *along)
{
    const size_t width = prn_shape_count(&layer->output);
    for (size_t r = 0; r < pass->batch; r++) {
        const float *rx = slopes_of_row(layer, pass, along, r);
        for (size_t i = 0; i < width; i++)
            along->ry[r * width + i] = rx == NULL ? 0.0f : along->slope[0][i] * rx[i];
    }
}

static void activate_backward_along(const prn_layer *layer, const prn_pass *pass, const prn_along *along)
{
    const size_t width = prn_shape_count(&layer->output);
    for (size_t r = 0; r < pass->batch && along->rdx != NULL; r++) {
        const float *rx = slopes_of_row(layer, pass, along, r);
        const float *rdy = along->rdy + r * width, *dy = pass->dy + r * width;
        for (size_t i = 0; i < width; i++)
            along->rdx[r * width + i] =
                along->slope[0][i] * rdy[i] + (rx == NULL ? 0.0f : along->slope[1][i] * rx[i] * dy[i]);
    }
}

const prn_layer_ops prn_activate_ops = {
    .kind = PRUNE_LAYER_ACTIVATION,
    .name = "activation",
    .has_activation = 1,
    .unitwise = 1,
    .is_activation = 1,
    .plan = prn_layer_same_shape,
    .forward = activate_forward,
    .backward = activate_backward,
    .bend = activate_bend,
    .forward_along = activate_forward_along,
    .backward_along = activate_backward_along,
    .initialize = prn_layer_initialize,
    .cache_size = prn_layer_no_size,
    .macs = prn_layer_no_macs,
    .macs_kept = prn_layer_no_macs,
    .units = prn_layer_no_size,
    .unit_slices = prn_layer_no_slices,
    .input_slices = prn_layer_no_slices,
};
