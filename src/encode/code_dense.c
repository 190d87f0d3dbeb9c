/* code_dense.c -- all values, row by row
 *
 * SPDX-License-Identifier: MIT */
#include "encoding.h"

static prune_status count(prn_coded *coded, const prn_matrix *m)
{
    coded->stored = m->rows * m->columns;
    return PRUNE_OK;
}

static int32_t arrays(prn_coded *coded)
{
    return coded->stored == coded->rows * coded->columns && coded->gaps == 0;
}

static void encode(unsigned char *bytes, const prn_coded *coded, const prn_matrix *m)
{
    uint32_t k = 0;
    for (uint32_t row = 0; row < m->rows; row++)
        for (uint32_t i = 0; i < m->columns; i++)
            prn_code_put(bytes, &coded->values, k++, prn_matrix_bits(m, row, i));
}

static void start_row(prn_cursor *c)
{
    c->at = 0;
}

static int32_t next(prn_cursor *c)
{
    if (c->at == c->coded->columns)
        return 0;
    c->column = c->at++;
    c->value = c->row * c->coded->columns + c->column;
    return 1;
}

const prn_code prn_code_dense = {
    PRUNE_ENCODING_DENSE, "dense", PRN_PLAIN, count, arrays, encode, NULL, start_row, next
};
