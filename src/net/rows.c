/* rows.c -- tensors as rows: slices, collected copies, and a search for bad values
 *
 * SPDX-License-Identifier: MIT */
#include "rows.h"
#include "scan.h"
#include "text.h"

#include <limits.h>
#include <string.h>

static const char *row_at(const prune_tensor *tensor, size_t row)
{
    return (const char *)tensor->data + row * tensor->ld * prune_dtype_size(tensor->dtype);
}

void prn_rows_slice(prune_tensor *view, const prune_tensor *tensor, size_t first, size_t count)
{
    *view = *tensor;
    view->data = (char *)tensor->data + first * tensor->ld * prune_dtype_size(tensor->dtype);
    view->shape.dims[0] = count;
    view->read_only = 1;
    view->owns = 0;
}

void prn_rows_collect(prune_tensor *view, void *memory, const prune_tensor *tensor, const size_t *order,
                      size_t count)
{
    const size_t bytes = prn_tensor_row_bytes(tensor);
    for (size_t i = 0; i < count; i++)
        memcpy((char *)memory + i * bytes, row_at(tensor, order[i]), bytes);
    prn_rows_slice(view, tensor, 0, count);
    view->data = memory;
    view->ld = prn_tensor_row(tensor);
}

/* Who computes with rows counts in int. */
prune_status prn_rows_check_pass(const prune_tensor *y, size_t outputs, const prune_tensor *x, size_t inputs)
{
    if (x->dtype != PRUNE_F32 || y->dtype != PRUNE_F32)
        return PRUNE_E_TYPE;
    if (y->read_only)
        return PRUNE_E_READONLY;
    if (prn_tensor_step(x) > INT_MAX || prn_tensor_step(y) > INT_MAX)
        return PRUNE_E_LIMIT;
    const int32_t fits = prn_tensor_row(x) == inputs && prn_tensor_row(y) == outputs &&
                         prn_tensor_rows(x) == prn_tensor_rows(y);
    return fits ? PRUNE_OK : PRUNE_E_SHAPE;
}

prune_status prn_rows_check_finite(const prune_tensor *tensor, const size_t *numbers, const char *name,
                                   prune_error *error)
{
    /* Rows without gaps are one long row. */
    const size_t columns = prn_tensor_row(tensor), rows = prn_tensor_rows(tensor);
    const size_t runs = tensor->ld == columns ? 1 : rows,
                 length = tensor->ld == columns ? rows * columns : columns;
    for (size_t r = 0; r < runs; r++) {
        const size_t bad = prn_scan_finite((const float *)tensor->data + r * tensor->ld, length);
        if (bad == length)
            continue;
        const size_t row = r + bad / columns;
        const size_t index[2] = { numbers == NULL ? row : numbers[row], bad % columns };
        return prn_error_at2(error, PRUNE_E_NONFINITE, name, index, "the value is NaN or infinite");
    }
    return PRUNE_OK;
}
