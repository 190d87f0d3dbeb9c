/* blob_export.h -- models as blobs (blob.h) for chips
 *
 * The model is folded first (fold.h). What becomes what:
 * - a dense layer: DENSE, BLOCKS, DELTAS or BITMASK, with the biases; ReLU is its floor, any other
 *   activation an operation of its own behind it, in place. Weights of 0, removed or not, count as not there;
 * - an activation, softmax or log-softmax layer: the operation of that name;
 * - batch normalisation that could not be folded: AFFINE.
 * Outputs are those of prune_predict() to rounding: sums have another order.
 *
 * Of the encodings of each dense layer the best is taken, none that is larger than dense: by bytes, or by
 * the instructions that a Cortex-M4F takes for it, modelled. The model is fitted to the counts of QEMU, for
 * gcc 12 with -O2 -ffp-contract=fast: 27 instructions for four columns of a dense panel, 10 for a block, 16
 * for four steps, 8 for a bit that is set and 9 for 32, and so many for each panel and row.
 *
 * Also on chips, where mem may not be NULL. Any thread; the model is only read.
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_BLOB_EXPORT_H
#define LIBPRUNE_BLOB_EXPORT_H

#include "libprune/blob.h"
#include "libprune/model.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum { PRUNE_BLOB_BY_BYTES = 0, PRUNE_BLOB_BY_INSTRUCTIONS = 1 };

typedef struct prune_blob_options {
    size_t size;    /* sizeof(prune_blob_options), by prune_blob_options_init() */
    int32_t choice; /* PRUNE_BLOB_BY_*; BYTES */
    const int32_t
        *encodings; /* [encoding_count] PRUNE_BLOB_DENSE, ... of the dense layers in their order, even
                                 larger than dense; 0, and the layers behind these: as chosen; NULL */
    size_t encoding_count;
} prune_blob_options;

/* What a blob takes. */
typedef struct prune_blob_info {
    size_t size;           /* sizeof(prune_blob_info), by prune_blob_info_init() */
    size_t bytes;          /* of flash */
    size_t scratch;        /* bytes of RAM, beside inputs, outputs and stack */
    size_t layers;         /* operations */
    uint64_t instructions; /* of the dense layers, modelled */
} prune_blob_info;

/* Set size and defaults (info: the rest 0). NULL is fine. */
void prune_blob_options_init(prune_blob_options *options);
void prune_blob_info_init(prune_blob_info *info);

/* What exporting would make. options and error may be NULL; error names the layer. Memory for a folded copy
 * of the model is taken from mem and given back.
 * PRUNE_E_ARGUMENT: NULL, an unknown constant, encodings NULL but counted; PRUNE_E_SHAPE: encoding_count is
 * more than there are dense layers; PRUNE_E_LIMIT: a layer has more than 65535 inputs or outputs, or the blob
 * 4 GB; PRUNE_E_VERSION; and as prune_model_fold(). */
prune_status prune_blob_measure(prune_blob_info *info, const prune_allocator *mem, const prune_model *model,
                                const prune_blob_options *options, prune_error *error);

/* Writes exactly bytes[length], length being what prune_blob_measure() says for the same (PRUNE_E_SHAPE:
 * another), of any alignment. Errors else as there; nothing is then written. The same bytes on every machine,
 * if the folding needs no rounding, or is done with the same. */
prune_status prune_blob_export(void *bytes, size_t length, const prune_allocator *mem,
                               const prune_model *model, const prune_blob_options *options,
                               prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
