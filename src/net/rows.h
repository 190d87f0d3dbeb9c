/* rows.h (private) -- tensors as rows: slices, collected copies, and a search for bad values */
#ifndef PRN_ROWS_H
#define PRN_ROWS_H

#include "tensor.h"

/* A read-only view of rows first .. first + count - 1. */
void prn_rows_slice(prune_tensor *view, const prune_tensor *tensor, size_t first, size_t count);

/* Copies the rows order[0 .. count - 1] into memory[count][row], and makes `view` a view of that. */
void prn_rows_collect(prune_tensor *view, void *memory, const prune_tensor *tensor, const size_t *order,
                      size_t count);

/* Whether outputs of a pass can go into y for the rows of x, so many columns each. PRUNE_E_TYPE,
 * PRUNE_E_READONLY, PRUNE_E_LIMIT, PRUNE_E_SHAPE. */
prune_status prn_rows_check_pass(const prune_tensor *y, size_t outputs, const prune_tensor *x, size_t inputs);

/* PRUNE_E_NONFINITE if an element of an F32 tensor is NaN or Inf; error names it as name[row][column],
 * where the rows of a batch have the numbers of their samples (NULL: counted from 0). */
prune_status prn_rows_check_finite(const prune_tensor *tensor, const size_t *numbers, const char *name,
                                   prune_error *error);

#endif
