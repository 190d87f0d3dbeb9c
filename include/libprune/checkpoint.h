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
 * CRC-32 is the reflected polynomial EDB88320 (zlib's). It detects accidents, not attackers. No id is
 * there twice, and flags that have no meaning are 0. A reader skips unknown sections, unless they are
 * required: those it refuses. Sections of version 1, all numbers unsigned unless said, floats as
 * IEEE 754 bits:
 *
 *   ARCH  8 inputs, 4 layers L, then per layer a record: 4 kind, 4 bytes that follow, and these:
 *         1 dense: 4 activation, 8 outputs; 2 activation: 4 activation; 3 softmax, 4 log-softmax: nothing;
 *         5 dropout: float rate; 6 batch normalisation: floats momentum, epsilon        (required)
 *   WGHT  all parameters in the model's order, 4 bytes each                               (required)
 *   MASK  per parameter, its bits (1 = kept) from the lowest of byte 0 on, padded with 0 to whole
 *         bytes; absent when nothing is removed                                           (required)
 *   TRNR  4 loss, 4 optimizer, floats learning rate, momentum, beta1, beta2, epsilon, l1, l2,
 *         4 regularize_bias, 8 seed, 8 max_batch, 4 nesterov, floats alpha, weight_decay, clip_norm,
 *         clip_value, 4 l1_proximal, 4 accumulate; of the loss: floats delta, smoothing, 4
 *         mean_over_outputs, 4 class weights W (0, or one for each output); of the schedule: 4 kind, floats
 *         factor, floor, 4 warmup, 4 period; 8 steps, 8 epochs, 2 floats 1 - beta1^t and 1 - beta2^t, 4 x 4
 *         generator state; 4 layers L, then per layer: 4 frozen, floats l1_scale, l2_scale; W floats class
 *         weights; then the optimizer's first slot of all parameters, then its second, if it has two
 *                                                                                       (not required)
 *   PNLT  beside TRNR, where group lasso, penalty schedule or group_scale are in use: floats neuron_lambda,
 *         input_lambda, 5 x 4 include_bias, include_column, include_output, by_size, proximal; the schedule
 *         as above; 4 layers L, then L floats group_scale                                 (required)
 *   PLOG  a pruning log (log.h), of the model as it was, which need not be the one in the file: 4
 *         signature, 4 layers, 4 parameters; per layer: 1 how many of the parameters are its, and for each
 *         of them 4 statistic (0 or 1), 8 elements; the masks that it begins with, as in MASK; 8 how many
 *         entries there are, and each of them: 8 step, 4 criterion, 4 granularity, 4 ask, 8 asked (IEEE 754
 *         binary64), 4 length of the text (0 .. 63), the text, 8 bytes that follow, and these: of each
 *         parameter 1 coding, then what has changed as that says: 0: nothing has, and nothing follows; 1:
 *         lengths of runs of elements, in turn unchanged and changed, up to the last element (7 bits a
 *         byte, the lowest first, bit 7 set in all bytes of a length but the last; no longer than it need
 *         be; the first length may be 0, no other); 2: a bit for each element (1 = changed), laid out as in
 *         MASK. The signature is the CRC-32 of these numbers, 8 bytes each: inputs, then of each layer
 *         kind, activation (0 where there is none), its floats, outputs                (not required)
 *
 * Widths are 1 .. 2^31 - 1. Where a mask bit is 0, weight and moments are 0.
 *
 * A file is checked completely (structure, sizes, checksums) before any memory is taken, and every
 * number must be valid and finite (the inside of a pruning log is checked as it is read). A model's memory
 * is then at most a small multiple of the file. A trainer's also grows with max_batch times the widths, and
 * layers without parameters may be wide in a short file: one that needs more than 64 MiB and 64 times
 * parameters and moments for its samples, from the first on, is neither written nor read.
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_CHECKPOINT_H
#define LIBPRUNE_CHECKPOINT_H

#include "libprune/trainer.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* Writes the model. Before the first byte: PRUNE_E_NONFINITE, PRUNE_E_MASK, PRUNE_E_NO_LAYERS as
 * prune_model_verify(). Then whatever the writer returns; PRUNE_E_STATE: the writer changed the model.
 * Allocates nothing. */
prune_status prune_model_write(const prune_model *model, const prune_writer *writer, prune_error *error);

/* Reads a model; a trainer's section is ignored. *out is NULL on failure.
 * PRUNE_E_FORMAT: not ours, or contents not valid; PRUNE_E_TRUNCATED; PRUNE_E_CHECKSUM;
 * PRUNE_E_VERSION: a newer version, or a required section that is not known here; PRUNE_E_IO: the
 * reader gave fewer bytes than it promised; PRUNE_E_NONFINITE: a weight; PRUNE_E_RANGE: a running
 * variance below 0; PRUNE_E_MASK: a removed weight is not 0; PRUNE_E_OVERFLOW: too large for this
 * machine; PRUNE_E_MEMORY. */
prune_status prune_model_read(prune_model **out, const prune_allocator *mem, const prune_reader *reader,
                              prune_error *error);

/* Writes trainer and model together: what is needed to go on bit for bit from the last update on (a
 * step under way is not part of it). Where a weight was removed since the last step, its moments are
 * written as 0, which the next step would make of them. Errors as prune_model_write();
 * PRUNE_E_NONFINITE: a moment; PRUNE_E_STATE: the model has changed under the trainer;
 * PRUNE_E_LIMIT: too much memory, see above. */
prune_status prune_trainer_write(const prune_trainer *trainer, const prune_writer *writer,
                                 prune_error *error);

/* Reads both; on failure *out and *model are NULL. The back end is not in the file: NULL is
 * prune_backend_default(). Neither is an own loss: see prune_trainer_set_loss(). The caller ends both
 * objects, which are in the same allocator. Errors as prune_model_read(), for moments too; PRUNE_E_STATE:
 * there is no trainer in the file;
 * PRUNE_E_LIMIT: too much memory, see above. */
prune_status prune_trainer_read(prune_trainer **out, prune_model **model, const prune_allocator *mem,
                                const prune_reader *reader, const prune_backend *backend, prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
