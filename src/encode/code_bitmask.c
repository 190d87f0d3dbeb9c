/* code_bitmask.c -- a bit for each weight, and the values of those that are kept
 *
 * SPDX-License-Identifier: MIT */
#include "encoding.h"

static uint32_t row_bytes(const prn_coded *coded)
{
    return prn_code_pieces(coded->columns, 8);
}

static int32_t arrays(prn_coded *coded)
{
    coded->index = (prn_array){ 0, coded->rows * row_bytes(coded), 1 };
    return coded->stored <= coded->rows * coded->columns && coded->gaps == 0;
}

static void encode(unsigned char *bytes, const prn_coded *coded, const prn_matrix *m)
{
    uint32_t k = 0;
    for (uint32_t row = 0; row < m->rows; row++)
        for (uint32_t i = 0; i < m->columns; i++) {
            if (!prn_matrix_keeps(m, row, i))
                continue;
            unsigned char *byte = bytes + coded->index.at + (size_t)row * row_bytes(coded) + i / 8;
            *byte = (unsigned char)(*byte | 1u << i % 8);
            prn_code_put(bytes, &coded->values, k++, prn_matrix_bits(m, row, i));
        }
}

/* `end` counts the values of all rows so far. */
static void start_row(prn_cursor *c)
{
    c->at = 0;
}

static int32_t next(prn_cursor *c)
{
    const unsigned char *row = c->coded->bytes + c->coded->index.at + (size_t)c->row * row_bytes(c->coded);
    while (c->at < c->coded->columns && ((uint32_t)row[c->at / 8] >> c->at % 8 & 1u) == 0)
        c->at++;
    if (c->at == c->coded->columns)
        return 0;
    c->column = c->at++;
    c->value = c->end++;
    return 1;
}

static int32_t check(const prn_coded *coded)
{
    const uint32_t stride = row_bytes(coded), used = coded->columns % 8;
    uint32_t ones = 0;
    for (uint32_t b = 0; b < coded->index.count; b++) {
        const uint32_t byte = coded->bytes[coded->index.at + b];
        if (used != 0 && b % stride == stride - 1 && byte >> used != 0)
            return 0;
        for (uint32_t bit = 0; bit < 8; bit++)
            ones += byte >> bit & 1u;
    }
    return ones == coded->stored;
}

const prn_code prn_code_bitmask = {
    PRUNE_ENCODING_BITMASK, "bitmask", PRN_PLAIN, prn_code_count_kept, arrays, encode, check, start_row, next
};
