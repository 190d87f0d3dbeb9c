/* idle.h -- neurons and inputs that do nothing any more, and why
 *
 * A neuron idles when what it computes does not depend on the sample, or when nobody reads it. A weight that
 * is 0 reads nothing, removed or not. Layers that work unit by unit pass on what they read; all that a
 * softmax normalises is read, and so are outputs. That is what the weights of the one layer, and of the dense
 * layer that reads it, say directly; compaction (compact.h) finds more, since it goes on with what is left.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_IDLE_H
#define LIBPRUNE_IDLE_H

#include "libprune/model.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* The first that holds. */
enum {
    PRUNE_IDLE_NOT = 0,      /* it works */
    PRUNE_IDLE_REMOVED = 1,  /* masks have its whole row and its bias */
    PRUNE_IDLE_CONSTANT = 2, /* all weights of its row are 0 */
    PRUNE_IDLE_UNREAD = 3,   /* all weights that would read it are 0; the only one that inputs have */
    PRUNE_IDLE_COMPACTED = 4 /* compaction took it for another reason: in reports only, see report.h */
};

/* PRUNE_IDLE_* of each neuron of a dense layer, and of each input of the model. count must be their number
 * (PRUNE_E_SHAPE). PRUNE_E_RANGE: no such layer, or not a dense one; PRUNE_E_ARGUMENT: NULL;
 * PRUNE_E_NO_LAYERS. */
prune_status prune_idle_neurons(uint8_t *idle, size_t count, const prune_model *model, size_t layer);
prune_status prune_idle_inputs(uint8_t *idle, size_t count, const prune_model *model);

/* "removed", "constant", "unread", "compacted"; NULL for any other number. */
const char *prune_idle_name(int32_t idle);
/* FFI-END */
PRUNE_API_END

#endif
