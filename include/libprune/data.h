/* data.h -- samples: inputs and what they should give
 *
 * They lie in the caller's memory as tensors, or are read batch by batch from a source: a file, a database,
 * a decoder. The same samples give the same bits either way. Sources of files that the library knows to read
 * are in datafile.h; a thread that reads the next batch while this one is computed with, in readahead.h.
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_DATA_H
#define LIBPRUNE_DATA_H

#include "libprune/loss.h"
#include "libprune/model.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* Samples that the caller reads into the library's memory: for data sets larger than memory. A batch is all
 * that is held of them; a fit adds 2 sizeof(size_t) a sample for their order.
 *
 * read() fills row i of inputs[count][inputs] and targets[count][target_columns] from sample samples[i], for
 * i < count, count at least 1; rows lie without gaps. Any samples in any order: seek, map, decode. But they
 * come in their order 0 .. n-1, once for each pass, unless a fit shuffles or holds back a fraction; then a
 * stream that starts anew at sample 0 will do.
 *
 * Each batch is checked as prune_data_check() does before it is used, and so are rows that read() forgot:
 * before the call inputs are NaN and labels -1. A status other than PRUNE_OK, or a bad value, ends the call
 * that asked for it, and is what it returns; error names the sample.
 *
 * The arrays are lent for the time of a call. It comes on the thread that entered the library, or where the
 * source is read ahead on another one. It may use other objects of the library, but must leave alone those
 * that the call which asked works on; a fit with the trainer that asked gives PRUNE_E_STATE. A source may be
 * used by several threads at once if its functions may.
 *
 * expect(), if there is one, is told which samples will be asked for next, those of the next batch of a pass,
 * when one has been read: a source may begin to fetch them. It need not; and a call that ends early, or for
 * which something else comes between, asks for others, or none. count 0, samples NULL: nothing any more; no
 * library call returns before it has said so of what it said last and did not ask for.
 *
 * explain(), if there is one, is called when read() has failed and someone wants an error: it has status,
 * place "source" and a general reason, and the two texts may be made better. */
typedef struct prune_source {
    size_t size;           /* sizeof(prune_source), by prune_source_init() */
    size_t samples;        /* n */
    size_t inputs;         /* I: numbers in a sample */
    size_t target_columns; /* default 1; numbers in a target: a label is 1 */
    int32_t target_type;   /* PRUNE_I32 for labels (the default), or PRUNE_F32; as the loss wants them */
    prune_status (*read)(void *user, const size_t *samples, size_t count, float *inputs, void *targets);
    void *user;
    void (*expect)(void *user, const size_t *samples, size_t count); /* default NULL */
    void (*explain)(void *user, prune_error *error);                 /* default NULL */
    int32_t any_thread; /* default 0; 1: any thread may call read(), one at a time: see readahead.h */
} prune_source;

/* Sets size and defaults, the rest 0 and NULL. NULL is fine. */
void prune_source_init(prune_source *source);

/* A view: the tensors, or the source, stay the caller's. */
typedef struct prune_data {
    size_t size;                 /* sizeof(prune_data), by prune_data_init() */
    const prune_tensor *inputs;  /* [n][I], PRUNE_F32 */
    const prune_tensor *targets; /* as the loss wants them, see loss.h */
    const prune_tensor *weights; /* [n] or [n][1], PRUNE_F32, 0 .. 1e12: how much each sample counts, see
                                    loss.h; NULL: 1. Also of a source's samples. */
    const prune_source *source;  /* in place of inputs and targets, which are NULL then */
} prune_data;

/* Sets size, the rest NULL. NULL is fine. */
void prune_data_init(prune_data *data);

/* Whether the data fit the model and the loss, every value finite, every label in range. The training
 * and scoring calls do this themselves before they change anything; of a source, batch by batch. Here a
 * source is read once from end to end, with memory for 256 samples from the model's allocator.
 * PRUNE_E_EMPTY: no samples or no tensors; PRUNE_E_SHAPE; PRUNE_E_TYPE; PRUNE_E_NONFINITE; PRUNE_E_LABEL;
 * PRUNE_E_LIMIT: rows more than INT_MAX elements apart; PRUNE_E_NO_LAYERS; PRUNE_E_ARGUMENT: NULL, an
 * unknown loss, tensors and a source at once, a source without a function; PRUNE_E_RANGE: a target or a
 * weight is outside its range, or all weights are 0; PRUNE_E_VERSION: data->size,
 * source->size; of a source also PRUNE_E_MEMORY, and what read() returned. error names the first bad
 * element. Any thread, if a source may be read by it, and its memory shared. */
prune_status prune_data_check(const prune_data *data, const prune_model *model, int32_t loss,
                              prune_error *error);

/* The same for a loss with options. Errors also as prune_loss_with(), for the options. */
prune_status prune_data_check_with(const prune_data *data, const prune_model *model,
                                   const prune_loss_options *loss, prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
