/* golden.h -- a file as the format wants it, byte by byte, and reading what is not
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include "bytes.h"
#include "heap.h"

/* ARCH (32 bytes), WGHT (12), MASK (2), TRNR (188). */
enum { GOLDEN_SIZE = 358, GOLDEN_HEADER = 24 + 4 * 24 + 4 };
extern const unsigned char golden[GOLDEN_SIZE];

bytes_file golden_file(void);

/* Reads a file as a trainer with its model, or as a model, and ends what was read. Fails the test where
 * an output is not set as the status says, or memory is left. */
prune_status golden_read_trainer(const bytes_file *file, heap *h, prune_error *error);
prune_status golden_read_model(const bytes_file *file, heap *h, prune_error *error);

/* Fails the test unless both give `expected`, say why, and ask for no memory; `what` and `at` say which
 * case it is. */
void golden_refused(const bytes_file *file, prune_status expected, const char *what, size_t at);

#endif
