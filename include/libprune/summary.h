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
 * Returns what the writer returns. */
prune_status prune_model_summary(const prune_model *model, const prune_writer *writer);
/* FFI-END */
PRUNE_API_END

#endif
