/* quantize.h -- models as blobs of int8 (blob.h), after training
 *
 * The model is folded first (fold.h). What becomes what:
 * - a dense layer: DENSE8 or BLOCKS8; ReLU is the end of what its outputs can be, any other activation a
 *   table of 256 numbers behind it. Weights that become 0 count as not there;
 * - an activation layer: a table;
 * - batch normalisation that did not fold, behind an activation for example: AFFINE8. Its inputs have one
 *   scale for all of them, so that units whose numbers are much smaller than those of others get few steps;
 * - softmax or log-softmax, as the last layer: in float, of the outputs as float (REAL). Then the blob gives
 *   float, and the program that runs it lists these operations. Without, it gives int8.
 *
 * A number x between layers is scale (q - zero), q -128 .. 127: each array of numbers has a scale and a zero,
 * from the range that samples show (calibration). 0 is always in it, and exact. Weights are w = s q, q from
 * -127 to 127, s the largest |w| of the row, or of the layer, over 127 (or more, where a bias would take over
 * 24 bits); biases are i32, in units of the products. It is the affine scheme of B. Jacob et al., 2018, with
 * the zeros of the inputs folded into the biases; scales of sums have 26 bits. Where a step of the outputs
 * would be less than 4 units of the products, their range is taken wider: sums could not be scaled to it.
 *
 * Pruned for it is a model by blocks of one row and four columns that stand together, from column 0:
 * prune_selection.granularity PRUNE_BLOCKS, block_rows 1, block_columns 4. Compacting it (compact.h) shifts
 * the fours of the next layer, so that the blob may become larger by that: a 784-300-100-10 of which 90 %
 * went in such blocks did, 35 524 -> 38 900 bytes. So make both, and take the smaller.
 *
 * Encodings are chosen by the bytes of the blob alone: a last layer of few rows may become DENSE8 for a few
 * of them, and link its code, too. `encodings` that name BLOCKS8 for it save that.
 *
 * Samples: some hundred that are like what the model will see; targets do not matter, nor do weights.
 *
 * Threads: a finished object may be read by any; models are only read.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_QUANTIZE_H
#define LIBPRUNE_QUANTIZE_H

#include "libprune/blob_export.h"
#include "libprune/data.h"
#include "libprune/gemm.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* Of an array of numbers, from its least to its largest: */
enum {
    PRUNE_RANGE_MINMAX = 0,     /* all of it */
    PRUNE_RANGE_PERCENTILE = 1, /* what leaves out no more than a share of the numbers, half at each end */
    PRUNE_RANGE_MSE = 2         /* the least sum of squared errors: rounding inside, cutting outside */
};

typedef struct prune_quantize_options {
    size_t size;              /* sizeof(prune_quantize_options), by prune_quantize_options_init() */
    int32_t range;            /* PRUNE_RANGE_*; MSE. Numbers that are 0 do not count, being exact */
    float percentile;         /* above 0.5, at most 1: the share that is not left out; 0.9999 */
    int32_t per_layer;        /* 1: one scale for all weights of a layer, 4 bytes less for each row; 0 */
    int32_t choice;           /* PRUNE_BLOB_BY_*; BYTES */
    const int32_t *encodings; /* [encoding_count] PRUNE_BLOB_DENSE8 or BLOCKS8 of the dense layers in their
                                 order, even larger than dense; 0, and the layers behind these: as chosen */
    size_t encoding_count;
    const prune_backend *backend; /* for calibration; NULL: prune_backend_default() */
} prune_quantize_options;

/* Sets size and defaults, the rest 0 and NULL. NULL is fine. */
void prune_quantize_options_init(prune_quantize_options *options);

/* A finished blob. */
typedef struct prune_quantized prune_quantized;

/* Makes one of a model and of samples, which are read twice (once with MINMAX). mem NULL: the platform's;
 * options and error may be NULL; error names the layer, by its number in `model`. *out is NULL on failure.
 * A blob that would be of no use is refused by PRUNE_E_RANGE, too: where all that the data or a layer give,
 * not being 0, is less than one step of their int8, and where such a step would leave float. What a layer
 * gives may be less if what is behind it changes by no more than rounding when it is 0 instead.
 * PRUNE_E_ARGUMENT: NULL, an unknown constant, encodings NULL but counted, a back end without a function;
 * PRUNE_E_RANGE: percentile; PRUNE_E_SHAPE: encoding_count is more than there are dense layers, data;
 * PRUNE_E_UNSUPPORTED: softmax that is not last; PRUNE_E_LIMIT: more than 65532 inputs or outputs, or the
 * blob 4 GB; PRUNE_E_NONFINITE: a layer gives NaN or Inf, or batch normalisation is by such numbers;
 * PRUNE_E_VERSION, PRUNE_E_MEMORY, PRUNE_E_OVERFLOW; and as prune_model_fold() and prune_data_check(). */
prune_status prune_quantize(prune_quantized **out, const prune_allocator *mem, const prune_model *model,
                            const prune_data *data, const prune_quantize_options *options,
                            prune_error *error);

/* Ends it. NULL is fine. */
void prune_quantized_free(prune_quantized *quantized);

/* The blob, aligned to 4, as long as the object lives; NULL for NULL. Its length is in the info. */
const void *prune_quantized_blob(const prune_quantized *quantized);

/* What it takes. PRUNE_E_ARGUMENT: NULL; PRUNE_E_VERSION: info->size. */
prune_status prune_quantized_info(prune_blob_info *info, const prune_quantized *quantized);
/* FFI-END */
PRUNE_API_END

#endif
