/* tensor.h (private) -- the inside of a tensor, and views that need no allocation
 *
 * Invariants: 1 <= rank <= PRUNE_MAX_RANK, every dimension within the rank is > 0 and those beyond it
 * are 0; ld >= row; (dims[0] - 1) * ld + row elements fit into size_t as bytes. When `owns` is set the
 * data lie in the tensor's own block, `bytes` long; a view on the stack has no block (`bytes` 0). */
#ifndef PRN_TENSOR_H
#define PRN_TENSOR_H

#include "libprune/tensor.h"

struct prune_tensor {
    prune_allocator mem;
    size_t bytes; /* of the block that the tensor itself lives in */
    void *data;   /* never written through when read_only */
    prune_shape shape;
    size_t ld;
    int32_t dtype;
    int32_t read_only;
    int32_t owns;
};

/* The tensor as a matrix: dims[0], and the product of the other dimensions. Not for NULL. */
size_t prn_tensor_rows(const prune_tensor *tensor);
size_t prn_tensor_row(const prune_tensor *tensor);
/* Elements from one row to the next, for who computes with all rows: ld, which a single row does not need. */
size_t prn_tensor_step(const prune_tensor *tensor);

size_t prn_tensor_row_bytes(const prune_tensor *tensor);

/* Makes *view an F32 matrix [rows][columns] over data, without gaps. Nothing to free. */
void prn_tensor_view(prune_tensor *view, float *data, size_t rows, size_t columns);

#endif
