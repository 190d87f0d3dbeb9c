/* kept.h -- the weights of a matrix that are not 0, row by row: what layouts are made from */
#ifndef PRN_KEPT_H
#define PRN_KEPT_H

#include "encoding.h"

typedef struct prn_kept {
    prune_allocator mem;
    uint32_t rows, columns, count;
    uint32_t *ends;   /* [rows]: where each ends; it begins where the one before ends */
    uint32_t *column; /* [count], ascending within a row */
    float *value;
    uint32_t *order; /* [rows], the longest first */
} prn_kept;

/* PRUNE_E_MEMORY. Ended by prn_kept_end(), which takes one that was never made, all 0, as well. */
prune_status prn_kept_from_matrix(prn_kept *kept, const prune_allocator *mem, const prn_matrix *m);
/* The bytes are good. */
prune_status prn_kept_from_coded(prn_kept *kept, const prune_allocator *mem, const prn_coded *coded);
void prn_kept_end(prn_kept *kept);

static inline uint32_t prn_kept_begin(const prn_kept *kept, uint32_t row)
{
    return row == 0 ? 0 : kept->ends[row - 1];
}

static inline uint32_t prn_kept_length(const prn_kept *kept, uint32_t row)
{
    return kept->ends[row] - prn_kept_begin(kept, row);
}

#endif
