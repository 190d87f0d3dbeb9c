/* clip.h (private) -- gradients made smaller, by value and by their norm */
#ifndef PRN_CLIP_H
#define PRN_CLIP_H

#include "regularizer.h"

/* Every g of count into -limit .. limit. */
void prn_clip_value(float *g, size_t count, float limit);

/* Where the norm of all gradients, but those of removed weights and frozen layers, is above limit, scales
 * them to it. rules[layers].
 * gradient[] is laid out like all parameters in order, and at most 1e18 anywhere. */
void prn_clip_norm(float *gradient, const prune_model *model, const prn_layer_rule *rules, float limit);

#endif
