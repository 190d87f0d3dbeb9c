/* code_sliced.c -- slices of rows side by side, so that a step gives every lane a value and a column
 *
 * As sliced ELLPACK: A. Monakov et al., HiPEAC 2010.
 *
 * SPDX-License-Identifier: MIT */
#include "encoding.h"

enum { INDEX = 2 };

static uint32_t longest_row(const prn_matrix *m, uint32_t first, uint32_t lanes)
{
    uint32_t longest = 0;
    for (uint32_t lane = 0; lane < lanes && lane < m->rows - first; lane++) {
        const uint32_t kept = prn_matrix_kept(m, first + lane);
        longest = kept > longest ? kept : longest;
    }
    return longest;
}

static prune_status count(prn_coded *coded, const prn_matrix *m)
{
    uint64_t steps = 0;
    for (uint32_t s = 0; s < prn_code_pieces(m->rows, coded->p); s++)
        steps += longest_row(m, s * coded->p, coded->p);
    return prn_code_stored(coded, steps * coded->p);
}

static int32_t arrays(prn_coded *coded)
{
    coded->total = coded->stored / coded->p;
    coded->ends = (prn_array){ 0, prn_code_pieces(coded->rows, coded->p), prn_code_ends_width(coded->total) };
    coded->index = (prn_array){ 0, coded->stored, prn_code_width(coded->columns, INDEX) };
    return coded->stored % coded->p == 0 && coded->gaps == 0;
}

/* One row from its slice's first step to the last. */
static void encode_lane(unsigned char *bytes, const prn_coded *coded, const prn_matrix *m, uint32_t row,
                        const uint32_t steps[2])
{
    uint32_t step = steps[0], last = 0;
    for (uint32_t i = 0; i < m->columns; i++) {
        if (!prn_matrix_keeps(m, row, i))
            continue;
        const uint32_t at = step++ * coded->p + row % coded->p;
        prn_code_put(bytes, &coded->values, at, prn_matrix_bits(m, row, i));
        prn_code_put(bytes, &coded->index, at, i);
        last = i;
    }
    for (; step < steps[1]; step++)
        prn_code_put(bytes, &coded->index, step * coded->p + row % coded->p, last);
}

static void encode(unsigned char *bytes, const prn_coded *coded, const prn_matrix *m)
{
    uint32_t steps[2] = { 0, 0 };
    for (uint32_t s = 0; s < coded->ends.count; s++) {
        const uint32_t first = s * coded->p;
        steps[1] += longest_row(m, first, coded->p);
        for (uint32_t lane = 0; lane < coded->p && lane < m->rows - first; lane++)
            encode_lane(bytes, coded, m, first + lane, steps);
        prn_code_put(bytes, &coded->ends, s, steps[1]);
        steps[0] = steps[1];
    }
}

static void start_row(prn_cursor *c)
{
    prn_code_range(c->coded, c->row / c->coded->p, &c->begin, &c->end);
    c->at = c->begin;
}

/* Until the row's last column comes again. */
static int32_t next(prn_cursor *c)
{
    const prn_coded *coded = c->coded;
    if (c->at == c->end)
        return 0;
    const uint32_t value = c->at * coded->p + c->row % coded->p;
    const uint32_t column = prn_code_get(coded->bytes, &coded->index, value);
    if (c->at != c->begin && column == c->column)
        return 0;
    c->column = column;
    c->value = value;
    c->at++;
    return 1;
}

static int32_t is_filler(const prn_coded *coded, uint32_t value, uint32_t column)
{
    return prn_code_get(coded->bytes, &coded->values, value) == 0 &&
           prn_code_get(coded->bytes, &coded->index, value) == column;
}

/* Steps of the row; above all steps, if fillers are wrong. */
static uint32_t check_lane(const prn_coded *coded, uint32_t row)
{
    prn_cursor c = { .coded = coded, .row = row };
    start_row(&c);
    while (row < coded->rows && next(&c))
        ;
    for (uint32_t step = c.at; step < c.end; step++)
        if (!is_filler(coded, step * coded->p + row % coded->p, c.column))
            return UINT32_MAX;
    return c.at - c.begin;
}

static int32_t check(const prn_coded *coded)
{
    for (uint32_t s = 0; s < coded->ends.count; s++) {
        uint32_t begin, end, longest = 0;
        prn_code_range(coded, s, &begin, &end);
        for (uint32_t lane = 0; lane < coded->p; lane++) {
            const uint32_t steps = check_lane(coded, s * coded->p + lane);
            longest = steps > longest ? steps : longest;
        }
        if (longest != end - begin)
            return 0;
    }
    return 1;
}

const prn_code prn_code_sliced = {
    PRUNE_ENCODING_SLICED, "sliced", PRN_BY_LANES, count, arrays, encode, check, start_row, next
};
