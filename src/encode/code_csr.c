/* code_csr.c -- compressed sparse rows: each kept value with its column
 *
 * SPDX-License-Identifier: MIT */
#include "encoding.h"

enum { INDEX = 2 };

static int32_t arrays(prn_coded *coded)
{
    coded->total = coded->stored;
    coded->ends = (prn_array){ 0, coded->rows, prn_code_ends_width(coded->total) };
    coded->index = (prn_array){ 0, coded->stored, prn_code_width(coded->columns, INDEX) };
    return coded->stored <= coded->rows * coded->columns && coded->gaps == 0;
}

static void encode(unsigned char *bytes, const prn_coded *coded, const prn_matrix *m)
{
    uint32_t k = 0;
    for (uint32_t row = 0; row < m->rows; row++) {
        for (uint32_t i = 0; i < m->columns; i++) {
            if (!prn_matrix_keeps(m, row, i))
                continue;
            prn_code_put(bytes, &coded->values, k, prn_matrix_bits(m, row, i));
            prn_code_put(bytes, &coded->index, k++, i);
        }
        prn_code_put(bytes, &coded->ends, row, k);
    }
}

static int32_t next(prn_cursor *c)
{
    if (c->at == c->end)
        return 0;
    c->column = prn_code_get(c->coded->bytes, &c->coded->index, c->at);
    c->value = c->at++;
    return 1;
}

const prn_code prn_code_csr = {
    PRUNE_ENCODING_CSR,   "csr", PRN_PLAIN, prn_code_count_kept, arrays, encode, NULL,
    prn_code_start_range, next
};
