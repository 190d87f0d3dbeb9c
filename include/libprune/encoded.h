/* encoded.h -- a model's parameters in the formats of encoding.h, under its masks, and how large it is so
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_ENCODED_H
#define LIBPRUNE_ENCODED_H

#include "libprune/encode.h"
#include "libprune/model.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* What an encoded model has beside its parameters: once, and for every layer, of whatever kind. */
enum { PRUNE_ENCODED_MODEL = 32, PRUNE_ENCODED_LAYER = 32 };

/* prune_encoding_measure() and prune_encoding_encode() of a parameter, kept being its mask. A parameter
 * of one dimension is a matrix of one column. PRUNE_E_RANGE: no such index; else as there. */
prune_status prune_encoded_param(prune_encoding_info *info, const prune_model *model, size_t param,
                                 const prune_encoding_options *options);
prune_status prune_encoded_write(void *bytes, size_t length, const prune_model *model, size_t param,
                                 const prune_encoding_options *options);

/* Bytes of the whole model: PRUNE_ENCODED_MODEL, PRUNE_ENCODED_LAYER for each layer, every weight matrix (a
 * prunable parameter of two dimensions and more) encoded as the options say, by BEST each in the one that
 * suits it, and 4 bytes for each element of all other parameters (biases, gamma, statistics).
 * PRUNE_E_NO_LAYERS; errors else as prune_encoding_measure(). error names the layer and its parameter, or the
 * option, and may be NULL. On failure *bytes stays. */
prune_status prune_model_encoded_bytes(uint64_t *bytes, const prune_model *model,
                                       const prune_encoding_options *options, prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
