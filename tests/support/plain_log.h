/* plain_log.h -- a small pruning log and its bytes, for tests
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_PLAIN_LOG_H
#define TESTS_PLAIN_LOG_H

#include "bytes.h"
#include "trace.h"

/* Section PLOG of dense 40 - 1: weight 2 removed at first; then by runs, by bits, and the bias alone. */
enum { PLAIN_LOG_BYTES = 188 };
extern const unsigned char plain_log[PLAIN_LOG_BYTES];

/* Where its numbers are. */
enum { AT_LAYERS = 4, AT_PARAMS = 8, AT_LAYER = 12, AT_PARAM = 13, AT_COUNT = 17, AT_BIAS = 25 };
enum {
    AT_MASKS = 37,
    AT_ENTRIES = 43,
    AT_ENTRY = 51,
    AT_TEXT = 79,
    AT_LENGTH = 85,
    AT_FLIPS = 93,
    AT_LAST = 187
};

/* A file of such a model, made and recorded, with its log; and its end, the model's too. */
bytes_file plain_log_file(trace *t);
void plain_log_end(trace *t, bytes_file *file);

/* The log of a file, which must be good. */
prune_log *plain_log_read(bytes_file *file, const prune_allocator *mem);

#endif
