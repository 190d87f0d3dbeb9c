/* synflow.h -- pruning before training, without data: iterative synaptic flow
 *
 * SynFlow (H. Tanaka et al., NeurIPS 2020). R is the sum of the outputs of the net that has |w| for each
 * weight w and gets ones as inputs; a weight scores |w dR/d|w||, the flow through it. What flows into a
 * neuron flows out of it, so each layer's scores add up to R: a layer with fewer weights has larger ones,
 * and no layer empties while another has weights to spare.
 *
 * The net is taken as linear, as it is for ReLU, of which all numbers here are positive: activations,
 * softmax and dropout let everything pass; batch normalisation multiplies by |gamma| / sqrt(running
 * variance + epsilon). Biases, and what a batch normalisation adds, count as 0, as biases are before
 * training: else flow would come out of neurons that nothing flows into. Scores are divided by R, which no
 * ranking depends on, and which in deep nets leaves what numbers can hold: here each layer's passes are
 * scaled by themselves.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_SYNFLOW_H
#define LIBPRUNE_SYNFLOW_H

#include "libprune/mask.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* Fills a PRUNE_SUPPLIED table (supplied.h) with these scores over R, of the weights as they are now: each
 * layer's add up to 1, to rounding. All are 0 if no path is left from an input to an output. Takes memory
 * for all layers' inputs from the table's allocator for the time of the call. PRUNE_E_ARGUMENT: NULL;
 * PRUNE_E_STATE: the table is not PRUNE_SUPPLIED, or its model has changed; PRUNE_E_OVERFLOW,
 * PRUNE_E_MEMORY: the table is as it was; PRUNE_E_NONFINITE: a weight is NaN or Inf: it is without scores. */
prune_status prune_score_synflow(prune_importance *scores);

/* Its protocol: in `rounds` rounds (the paper: 100) scores anew and removes the lowest, so that of U
 * units, U_0 of them kept now and U_n to be kept at the end, after round i < rounds
 *     floor(U - U_0 (U_n / U_0)^(i / rounds))
 * are gone, and at the end as many as prune_fraction_count() says of `fraction` of all. Does nothing if
 * more are gone already. The selection may be NULL; its scope is PRUNE_GLOBAL. removal, which may be NULL,
 * is that of all rounds together, its threshold the last one's. Works on a clone, in the model's
 * allocator. PRUNE_E_RANGE: fraction is NaN or outside 0 .. 1, rounds is 0; PRUNE_E_COLLAPSE: more than
 * the floors allow, or nothing would be left; PRUNE_E_ARGUMENT: NULL, another scope; PRUNE_E_SHAPE:
 * by_layer_capacity is too small; errors as above. On failure nothing is removed. */
prune_status prune_synflow(prune_removal *removal, prune_model *model, const prune_selection *selection,
                           double fraction, uint64_t rounds);
/* FFI-END */
PRUNE_API_END

#endif
