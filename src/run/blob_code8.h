/* blob_code8.h -- int8 weight matrices as the runtime's operations want them */
#ifndef PRN_BLOB_CODE8_H
#define PRN_BLOB_CODE8_H

#include "blob_code.h"

/* Weights [rows][columns], both multiples of 4 below 2^16, biases [rows], scales [1] or [rows]. */
typedef struct prn_matrix8 {
    uint32_t rows, columns, scale_count;
    int32_t zero;
    const int8_t *weights;
    const int32_t *biases;
    const uint32_t *scales;
} prn_matrix8;

/* As prn_blob_code() and prn_blob_choose(), for PRUNE_BLOB_DENSE8 and BLOCKS8. */
uint64_t prn_blob_code8(prn_words *words, int32_t encoding, const prn_matrix8 *m);
int32_t prn_blob_choose8(const prn_matrix8 *m, int32_t by_instructions);

#endif
