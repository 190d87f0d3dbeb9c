/* summary.h -- a model described as text
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_SUMMARY_H
#define LIBPRUNE_SUMMARY_H

#include "libprune/model.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* Writes a table, a line a layer and a total: shapes, parameters, non-zeros, multiply-accumulates
 * (dense, and those whose weight is kept), bytes as dense float. ASCII, lines end in '\n'; no locale.
 * Returns what the writer returns. A writer to stdout:
 *     prune_status put(void *user, const void *bytes, size_t count)
 *     { return fwrite(bytes, 1, count, user) == count ? PRUNE_OK : PRUNE_E_IO; }
 *     const prune_writer out = { put, stdout }; */
prune_status prune_model_summary(const prune_model *model, const prune_writer *writer);
/* FFI-END */
PRUNE_API_END

#endif
