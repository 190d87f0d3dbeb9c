/* clip.h (private) -- gradients made smaller, by value and by their norm */
#ifndef PRN_CLIP_H
#define PRN_CLIP_H

#include "model.h"

/* Every g of count into -limit .. limit. */
void prn_clip_value(float *g, size_t count, float limit);

/* Where the norm of all gradients, but those of removed weights, is above limit, scales them to it.
 * gradient[] is laid out like all parameters in order, and at most 1e18 anywhere. */
void prn_clip_norm(float *gradient, const prune_model *model, float limit);

#endif
