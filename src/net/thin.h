/* thin.h (private) -- the products of a fully connected layer by the weights that its mask keeps
 *
 * A plan has one for each layer, and hands it to the layer's passes, which ask prn_thin_takes() each time. */
#ifndef PRN_THIN_H
#define PRN_THIN_H

#include "layer.h"
#include "sparse.h"

/* The kept weights of a matrix, or of its transpose, and where each of them is in the matrix. */
typedef struct prn_thin_side {
    prn_rows w;
    uint32_t *place;
} prn_thin_side;

typedef struct prn_thin {
    /* What it was made with. */
    prune_allocator mem;
    const prn_sparse *kernels; /* NULL: it takes nothing */
    int32_t always;
    size_t max_batch;

    /* Laid out for one mask, in one block. */
    void *memory; /* NULL: nothing is */
    size_t bytes;
    uint32_t *mask; /* a copy */
    const prn_param *weight;
    size_t kept;
    prn_thin_side rows, columns;
    float *x, *y;    /* panels: inputs or their gradients, outputs or theirs */
    int32_t packed;  /* x are the inputs of the last forward pass */
    int32_t settled; /* an optimizer has seen that the state of removed weights is 0 */
} prn_thin;

/* Whether it takes a layer with these weights, and so many samples. Where the mask is not the one that it is
 * laid out for, it is laid out anew, in the old block if that is large enough; without memory for that, it
 * does not take it. */
int32_t prn_thin_takes(prn_thin *thin, const prn_param *weight, size_t batch);

/* y = x W^T. */
void prn_thin_forward(prn_thin *thin, const prn_param *weight, const prn_pass *pass);

/* gradient = dy^T x where weights are kept, elsewhere 0 with kept_only or else as it is; dx = dy W, unless
 * that is NULL. */
void prn_thin_backward(prn_thin *thin, const prn_param *weight, const prn_pass *pass, float *gradient);

/* How many weights are kept, and *places of them, where they are few and it is laid out for this parameter as
 * its mask is now; else *places is NULL. */
size_t prn_thin_kept(const uint32_t **places, const prn_thin *thin, const prn_param *param);

void prn_thin_end(prn_thin *thin);

#endif
