/* code_deltas.c -- rows of values, and in a byte how far each is from the one before
 *
 * SPDX-License-Identifier: MIT */
#include "encoding.h"

enum { ESCAPE = 255 }; /* so many columns, and no value */

static prune_status count(prn_coded *coded, const prn_matrix *m)
{
    for (uint32_t row = 0; row < m->rows; row++) {
        uint32_t from = 0;
        for (uint32_t i = 0; i < m->columns; i++) {
            if (!prn_matrix_keeps(m, row, i))
                continue;
            coded->stored++;
            coded->gaps += (i - from) / ESCAPE + 1;
            from = i + 1;
        }
    }
    return PRUNE_OK;
}

static int32_t arrays(prn_coded *coded)
{
    coded->total = coded->stored;
    coded->ends = (prn_array){ 0, coded->rows, prn_code_ends_width(coded->total) };
    coded->index = (prn_array){ 0, coded->gaps, 1 };
    return coded->stored <= coded->gaps && coded->gaps <= coded->rows * coded->columns;
}

static void encode(unsigned char *bytes, const prn_coded *coded, const prn_matrix *m)
{
    uint32_t k = 0, g = 0;
    for (uint32_t row = 0; row < m->rows; row++) {
        uint32_t from = 0;
        for (uint32_t i = 0; i < m->columns; i++) {
            if (!prn_matrix_keeps(m, row, i))
                continue;
            for (; i - from >= ESCAPE; from += ESCAPE)
                prn_code_put(bytes, &coded->index, g++, ESCAPE);
            prn_code_put(bytes, &coded->index, g++, i - from);
            prn_code_put(bytes, &coded->values, k++, prn_matrix_bits(m, row, i));
            from = i + 1;
        }
        prn_code_put(bytes, &coded->ends, row, k);
    }
}

/* `gap` counts the bytes of all rows so far; `column` is where the next gap starts. */
static void start_row(prn_cursor *c)
{
    prn_code_start_range(c);
    c->column = UINT32_MAX;
}

static int32_t next(prn_cursor *c)
{
    if (c->at == c->end)
        return 0;
    const unsigned char *gaps = c->coded->bytes + c->coded->index.at;
    c->column++;
    for (; gaps[c->gap] == ESCAPE; c->gap++)
        c->column += ESCAPE;
    c->column += gaps[c->gap++];
    c->value = c->at++;
    return 1;
}

/* Reads one value's gap; 0: it runs out of bytes or of columns. */
static int32_t check_gap(const prn_coded *coded, uint32_t *from, uint32_t *g)
{
    for (uint32_t gap = ESCAPE; gap == ESCAPE;) {
        if (*g == coded->gaps)
            return 0;
        gap = coded->bytes[coded->index.at + (*g)++];
        if (gap >= coded->columns - *from)
            return 0;
        *from += gap == ESCAPE ? ESCAPE : gap + 1;
    }
    return 1;
}

static int32_t check(const prn_coded *coded)
{
    uint32_t g = 0;
    for (uint32_t row = 0; row < coded->rows; row++) {
        uint32_t begin, end, from = 0;
        prn_code_range(coded, row, &begin, &end);
        for (uint32_t k = begin; k < end; k++)
            if (!check_gap(coded, &from, &g))
                return 0;
    }
    return g == coded->gaps;
}

const prn_code prn_code_deltas = {
    PRUNE_ENCODING_DELTAS, "deltas", PRN_PLAIN, count, arrays, encode, check, start_row, next
};
