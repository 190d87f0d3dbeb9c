/* stream.h -- a data set in a file, read as a source, which can fail and be meddled with
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_STREAM_H
#define TESTS_STREAM_H

#include "runner.h"

#include <stdio.h>

typedef struct stream {
    FILE *file; /* of records: inputs and target of a sample */
    size_t input_bytes, target_bytes;
    prune_source source;
    prune_data data;    /* of the source */
    size_t calls, rows; /* of read() so far, and what it was asked for */
    size_t next;        /* the sample after the last one, 0 after the end */
    size_t leaps;       /* times that another one was asked for */
    size_t fail_call;   /* the call, counted from 1, that fails; 0: none */
    prune_status refusal;
    size_t spoil_call; /* the call whose last row gets a bad first input, or label */
    int32_t spoil_target;
    size_t spoiled; /* that sample */
    void (*meddle)(void *user, size_t call);
    void *user;
} stream;

/* The samples of the world, in a temporary file, with labels (for cross-entropy) or values (for MSE). */
void stream_open(stream *s, const world_data *world, int32_t loss);
void stream_close(stream *s);

/* The world's tensors for the same loss. */
const prune_data *stream_twin(const world_data *world, int32_t loss);

/* Overwrites an input, or a part of a target, in the file. */
void stream_put(stream *s, size_t sample, size_t offset, const void *bytes, size_t count);

#endif
