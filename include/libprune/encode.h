/* encode.h -- encoding weight matrices into the formats of encoding.h, and back; and products with them
 *
 * W[O][I] is a tensor seen as a matrix: dims[0] rows. What of it is kept is said by kept[O][I], bytes as from
 * prune_mask_get(): where it is 0 the weight counts as 0, whatever its value. kept NULL keeps all but those
 * whose bits are +0.
 *
 * Applying adds each row's sum to y: s = 0; s = s + w x for each stored weight of the row, columns ascending;
 * y = y + s. In float, and not contracted. While all x are finite, every encoding of a matrix gives the same
 * bits, and so does a plain loop over the kept weights: a 0 that is stored adds nothing.
 *
 * Nothing here allocates. Encoded bytes may be read by many threads at once.
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_ENCODE_H
#define LIBPRUNE_ENCODE_H

#include "libprune/encoding.h"
#include "libprune/tensor.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* What encoding would make: which it is, and exactly how many bytes. kept and options may be NULL (defaults).
 * PRUNE_E_TYPE: weights are not F32; PRUNE_E_ARGUMENT: NULL, an unknown encoding; PRUNE_E_RANGE: another
 * option; PRUNE_E_UNSUPPORTED: N_OF_M, and more than `keep` are kept in some group; PRUNE_E_LIMIT: O or
 * I is over INT_MAX, or elements or values to be stored over 2^32 - 1; PRUNE_E_OVERFLOW: more bytes than
 * size_t counts; PRUNE_E_VERSION: size. */
prune_status prune_encoding_measure(prune_encoding_info *info, const prune_tensor *weights,
                                    const uint8_t *kept, const prune_encoding_options *options);

/* Writes exactly bytes[length], length being what prune_encoding_measure() says for the same
 * (PRUNE_E_SHAPE: another). They must not overlap the weights. Errors else as there; nothing is then
 * written. */
prune_status prune_encoding_encode(void *bytes, size_t length, const prune_tensor *weights,
                                   const uint8_t *kept, const prune_encoding_options *options);

/* Whether bytes[length] are a matrix as encoding.h describes, to the last bit: for bytes from anywhere. Reads
 * nothing beyond them. info and error may be NULL. PRUNE_E_TRUNCATED: too few, or too many; PRUNE_E_FORMAT;
 * PRUNE_E_VERSION: an encoding or a dtype that this version does not know; PRUNE_E_ARGUMENT: bytes NULL. */
prune_status prune_encoding_check(prune_encoding_info *info, const void *bytes, size_t length,
                                  prune_error *error);

/* Back into an F32 tensor with O rows of I, which is overwritten. Checks the bytes first, errors as there;
 * also PRUNE_E_SHAPE, PRUNE_E_TYPE, PRUNE_E_READONLY; nothing is then written. */
prune_status prune_encoding_decode(prune_tensor *weights, const void *bytes, size_t length);

/* y[B][O] = W x, or with `accumulate` y + W x, for each row of x[B][I]; F32, any ld, not overlapping. Without
 * accumulate y is 0 before, else for example the bias. The plain kernel that faster ones are held to.
 * The bytes must have passed prune_encoding_check(): here only header and length are looked at again.
 * PRUNE_E_SHAPE, PRUNE_E_TYPE, PRUNE_E_READONLY, and as prune_encoding_check(); nothing is then written. */
prune_status prune_encoding_apply(prune_tensor *y, const prune_tensor *x, const void *bytes, size_t length,
                                  int32_t accumulate);
/* FFI-END */
PRUNE_API_END

#endif
