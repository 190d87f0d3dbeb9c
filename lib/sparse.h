/* sparse.h -- the weights of a matrix that are not 0, laid out for fast products; kernels behind a table
 *
 * One file per back end gives its table, or NULL where compiler or processor lack what it needs. Counts are
 * below 2^32. Kernels allocate nothing. */
#ifndef PRN_SPARSE_H
#define PRN_SPARSE_H

#include "libprune/base.h"

/* Compressed sparse rows, cut into tiles of columns: first all rows of the first tile. Tile t of row r ends
 * at ends[t * rows + r] and begins where the one before ends; column counts from the tile's first. */
typedef struct prn_rows {
    uint32_t rows, columns, tile; /* tile: columns of one; at most 65536 */
    const uint32_t *ends;
    const uint16_t *column;
    const float *value;
} prn_rows;

typedef struct prn_sparse {
    int32_t id;      /* PRUNE_KERNELS_* */
    uint32_t vector; /* samples in a vector; widths of panels are multiples of it */
    uint32_t widest; /* panel */
    /* y = W x, or with accumulate y + W x, for one sample. */
    void (*rows)(float *y, const prn_rows *w, const float *x, int32_t accumulate);
    /* The same for samples side by side: y[rows][width] = W x[columns][width]. */
    void (*panel)(float *y, const prn_rows *w, const float *x, uint32_t width);
} prn_sparse;

const prn_sparse *prn_sparse_plain(void);

#endif
