/* code_blocks.c -- blocks of rows and columns of which anything is kept (block compressed sparse rows)
 *
 * SPDX-License-Identifier: MIT */
#include "encoding.h"

enum { INDEX = 1 };

static uint32_t rest(uint32_t count, uint32_t first, uint32_t size)
{
    return count - first < size ? count - first : size;
}

/* Whether anything of the block is kept. */
static int32_t is_kept(const prn_coded *coded, const prn_matrix *m, uint32_t row, uint32_t column)
{
    for (uint32_t r = 0; r < rest(m->rows, row, coded->p); r++)
        for (uint32_t i = 0; i < rest(m->columns, column, coded->q); i++)
            if (prn_matrix_keeps(m, row + r, column + i))
                return 1;
    return 0;
}

static prune_status count(prn_coded *coded, const prn_matrix *m)
{
    uint64_t blocks = 0;
    for (uint32_t b = 0; b < prn_code_pieces(m->rows, coded->p); b++)
        for (uint32_t k = 0; k < prn_code_pieces(m->columns, coded->q); k++)
            blocks += (uint32_t)is_kept(coded, m, b * coded->p, k * coded->q);
    return prn_code_stored(coded, blocks * coded->p * coded->q);
}

static int32_t arrays(prn_coded *coded)
{
    const uint32_t block = coded->p * coded->q, across = prn_code_pieces(coded->columns, coded->q);
    coded->total = coded->stored / block;
    coded->ends = (prn_array){ 0, prn_code_pieces(coded->rows, coded->p), prn_code_ends_width(coded->total) };
    coded->index = (prn_array){ 0, coded->total, prn_code_width(across, INDEX) };
    return coded->stored % block == 0 && coded->gaps == 0;
}

static void encode_block(unsigned char *bytes, const prn_coded *coded, const prn_matrix *m,
                         const uint32_t corner[2], uint32_t first)
{
    for (uint32_t r = 0; r < rest(m->rows, corner[0], coded->p); r++)
        for (uint32_t i = 0; i < rest(m->columns, corner[1], coded->q); i++)
            prn_code_put(bytes, &coded->values, first + r * coded->q + i,
                         prn_matrix_bits(m, corner[0] + r, corner[1] + i));
}

static void encode(unsigned char *bytes, const prn_coded *coded, const prn_matrix *m)
{
    uint32_t n = 0;
    for (uint32_t b = 0; b < coded->ends.count; b++) {
        for (uint32_t k = 0; k < prn_code_pieces(m->columns, coded->q); k++) {
            const uint32_t corner[2] = { b * coded->p, k * coded->q };
            if (!is_kept(coded, m, corner[0], corner[1]))
                continue;
            encode_block(bytes, coded, m, corner, n * coded->p * coded->q);
            prn_code_put(bytes, &coded->index, n++, k);
        }
        prn_code_put(bytes, &coded->ends, b, n);
    }
}

static void start_row(prn_cursor *c)
{
    prn_code_range(c->coded, c->row / c->coded->p, &c->begin, &c->end);
    c->at = c->begin;
    c->gap = 0; /* within the block */
}

static int32_t next(prn_cursor *c)
{
    const prn_coded *coded = c->coded;
    if (c->at == c->end)
        return 0;
    const uint32_t block = prn_code_get(coded->bytes, &coded->index, c->at);
    c->column = block * coded->q + c->gap;
    c->value = (c->at * coded->p + c->row % coded->p) * coded->q + c->gap;
    if (c->column >= coded->columns)
        return 0; /* beyond the right edge, and so the last of the row */
    c->gap++;
    if (c->gap == coded->q) {
        c->gap = 0;
        c->at++;
    }
    return 1;
}

/* Beyond the edges there is 0. */
static int32_t check_block(const prn_coded *coded, uint32_t n, const uint32_t corner[2])
{
    const uint32_t rows = rest(coded->rows, corner[0], coded->p);
    const uint32_t columns = rest(coded->columns, corner[1], coded->q);
    for (uint32_t r = 0; r < coded->p; r++)
        for (uint32_t i = 0; i < coded->q; i++)
            if ((r >= rows || i >= columns) &&
                prn_code_get(coded->bytes, &coded->values, (n * coded->p + r) * coded->q + i) != 0)
                return 0;
    return 1;
}

static int32_t check(const prn_coded *coded)
{
    const uint32_t across = prn_code_pieces(coded->columns, coded->q);
    for (uint32_t b = 0; b < coded->ends.count; b++) {
        uint32_t begin, end, least = 0;
        prn_code_range(coded, b, &begin, &end);
        for (uint32_t n = begin; n < end; n++) {
            const uint32_t k = prn_code_get(coded->bytes, &coded->index, n);
            const uint32_t corner[2] = { b * coded->p, k * coded->q };
            if (k < least || k >= across || !check_block(coded, n, corner))
                return 0;
            least = k + 1;
        }
    }
    return 1;
}

const prn_code prn_code_blocks = {
    PRUNE_ENCODING_BLOCKS, "blocks", PRN_BY_BLOCK, count, arrays, encode, check, start_row, next
};
