/* checkpoint.h -- models and trainers as bytes: the container
 *
 * A file is little-endian on every machine, and its bytes depend only on what it holds:
 *
 *   offset  size
 *   0       8       magic: 89 'P' 'R' 'U' 'N' 'E' 0D 0A
 *   8       4       format version, 1
 *   12      4       number of sections S, 1 .. 64
 *   16      8       length of the whole file
 *   24      S * 24  table; a section: 4 bytes id, 4 flags (bit 0: required), 8 length, 4 CRC-32 of the
 *                   payload, 4 zero
 *   then    4       CRC-32 of everything before it
 *   then            the payloads in table order, without gaps, to the end of the file
 *
 * CRC-32 is the reflected polynomial EDB88320 (zlib's). It detects accidents, not attackers. A reader
 * skips unknown sections, unless they are required: those it refuses. Sections of version 1, all
 * numbers unsigned unless said, floats as IEEE 754 bits:
 *
 *   ARCH  8 inputs, 4 layers L, then per layer: 4 kind (1 dense), 4 activation, 8 outputs   (required)
 *   WGHT  all parameters in the model's order, 4 bytes each                               (required)
 *   MASK  per parameter, its bits from the lowest of byte 0 on, padded with 0 to whole bytes; absent
 *         when nothing is removed                                                         (required)
 *   TRNR  4 loss, 4 optimizer, floats learning rate, momentum, beta1, beta2, epsilon, l1, l2,
 *         4 regularize_bias, 8 seed, 8 max_batch, 8 steps, 8 epochs, 2 floats 1 - beta1^t and
 *         1 - beta2^t, 4 x 4 generator state, then m of all parameters, then v (Adam)
 *
 * A file is checked completely (structure, sizes, checksums) before any memory is taken, and every
 * number must be valid and finite. A model's memory is then at most a small multiple of the file.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_CHECKPOINT_H
#define LIBPRUNE_CHECKPOINT_H

#include "libprune/trainer.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* Writes the model. PRUNE_E_NONFINITE: a weight is NaN or Inf, nothing is written; PRUNE_E_NO_LAYERS;
 * whatever the writer returns. Allocates nothing. */
prune_status prune_model_write(const prune_model *model, const prune_writer *writer, prune_error *error);

/* Reads a model; a trainer's section is ignored. PRUNE_E_FORMAT: not ours, or contents not valid;
 * PRUNE_E_TRUNCATED; PRUNE_E_CHECKSUM; PRUNE_E_VERSION: made by a newer libprune; PRUNE_E_IO: the
 * reader gave fewer bytes than it promised; PRUNE_E_NONFINITE; PRUNE_E_MEMORY. */
prune_status prune_model_read(prune_model **out, const prune_allocator *mem, const prune_reader *reader,
                              prune_error *error);

/* Writes trainer and model together: what is needed to go on bit for bit. */
prune_status prune_trainer_write(const prune_trainer *trainer, const prune_writer *writer,
                                 prune_error *error);

/* Reads both. The back end is not in the file: NULL is prune_backend_default(). The caller ends both
 * objects. Errors as prune_model_read(); PRUNE_E_STATE: there is no trainer in the file. */
prune_status prune_trainer_read(prune_trainer **out, prune_model **model, const prune_allocator *mem,
                                const prune_reader *reader, const prune_backend *backend,
                                prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
