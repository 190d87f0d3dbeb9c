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
    .initialize = prn_layer_initialize,
    .cache_size = prn_layer_no_size,
    .macs = prn_layer_no_macs,
    .macs_kept = prn_layer_no_macs,
    .units = prn_layer_no_size,
    .unit_slices = prn_layer_no_slices,
    .input_slices = prn_layer_no_slices,
};
