/* activity.h -- what passes through the neurons while samples do, and scores made of it
 *
 * The statistics of each number that goes into the model or comes out of one of its layers, in inference:
 * share of zeros, mean, variance and mean square over all samples given, however many calls and batches they
 * come in. Memory does not depend on their number; sums are in double, of differences from the first sample,
 * so that a large mean does not hide a small variance. Samples count as their weights say, see loss.h.
 *
 * The activity of a neuron of a dense layer is what comes out behind the layers after it that work on each
 * number by itself (activations, batch normalisation, dropout): what its consumer sees.
 *
 * Threads: one object, one thread at a time; the model is only read.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_ACTIVITY_H
#define LIBPRUNE_ACTIVITY_H

#include "libprune/importance.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum {
    PRUNE_ACTIVITY_ZEROS = 1,    /* share of samples for which it is 0 (APoZ: H. Hu et al., 2016) */
    PRUNE_ACTIVITY_MEAN = 2,     /* E x */
    PRUNE_ACTIVITY_VARIANCE = 3, /* E (x - E x)^2 */
    PRUNE_ACTIVITY_SQUARE = 4    /* E x^2 */
};

typedef struct prune_activity prune_activity;

/* Makes one for a model, which must outlive it; mem NULL is the platform's.
 * PRUNE_E_ARGUMENT; PRUNE_E_NO_LAYERS; PRUNE_E_OVERFLOW; PRUNE_E_MEMORY. */
prune_status prune_activity_create(prune_activity **out, const prune_allocator *mem,
                                   const prune_model *model);

/* Bytes that such an object takes from its allocator. */
prune_status prune_activity_bytes(size_t *bytes, const prune_model *model);

/* Ends it. NULL is fine. */
void prune_activity_free(prune_activity *activity);

/* Adds all samples of `data`, whose targets do not matter, to those added before (a model that has changed
 * since wants a prune_activity_reset() first). backend NULL: prune_backend_default(). error may be NULL.
 * PRUNE_E_STATE: the model has other layers now; PRUNE_E_NONFINITE: a layer gives NaN or Inf;
 * PRUNE_E_MEMORY: for a batch; errors as prune_data_check(), and of a source. On failure the sums are
 * those from before the call, but when a layer gives NaN or Inf, and failures of a source, empty them. */
prune_status prune_activity_add(prune_activity *activity, const prune_data *data,
                                const prune_backend *backend, prune_error *error);

/* Forgets all samples. */
prune_status prune_activity_reset(prune_activity *activity);

/* Samples added so far; 0 for NULL. */
uint64_t prune_activity_samples(const prune_activity *activity);

/* values[count] = the statistic of each number that goes into a layer (layer = number of layers: that comes
 * out of the last).
 * PRUNE_E_ARGUMENT: NULL, unknown statistic; PRUNE_E_RANGE: no such layer; PRUNE_E_SHAPE: count differs;
 * PRUNE_E_STATE: no samples of weight above 0, or the model has other layers now; PRUNE_E_NONFINITE: one is
 * beyond float (nothing is written then). */
prune_status prune_activity_inputs(float *values, size_t count, const prune_activity *activity, size_t layer,
                                   int32_t statistic);

/* Fills a PRUNE_SUPPLIED table of the same model (supplied.h): each weight of a dense layer gets the score
 * of its neuron, for PRUNE_NEURONS with PRUNE_ROW_MAX or PRUNE_ROW_MEAN, which give just that for any that
 * is kept. It is, of the neuron's activity, 1 - PRUNE_ACTIVITY_ZEROS, |PRUNE_ACTIVITY_MEAN|,
 * PRUNE_ACTIVITY_VARIANCE or PRUNE_ACTIVITY_SQUARE: those that are mostly 0, small or nearly constant go
 * first. (What a constant neuron gives is not lost: see compact.h and refit.h.) Errors as above;
 * PRUNE_E_STATE: the table is not PRUNE_SUPPLIED or of another model. On failure the table is as it was. */
prune_status prune_score_activity(prune_importance *scores, const prune_activity *activity,
                                  int32_t statistic);

/* Wanda (M. Sun et al., ICLR 2024): each weight of a dense layer scores |w_ij| sqrt(E x_j^2), x what goes
 * into the layer. Its protocol takes the lowest of each row: prune_mask_rows() of row_mask.h.
 * PRUNE_E_NONFINITE: a score is not finite: the table is without scores; else as prune_score_activity(). */
prune_status prune_score_wanda(prune_importance *scores, const prune_activity *activity);
/* FFI-END */
PRUNE_API_END

#endif
