/* code_n_of_m.c -- at most N of every M columns: N values a group, and where in it they are
 *
 * SPDX-License-Identifier: MIT */
#include "encoding.h"

static uint32_t slots_of(const prn_coded *coded)
{
    const uint32_t last = coded->columns % coded->q;
    return coded->columns / coded->q * coded->p + (last < coded->p ? last : coded->p);
}

static uint32_t position_bits(uint32_t q)
{
    uint32_t bits = 0;
    while (q - 1 >= 1u << bits)
        bits++;
    return bits;
}

/* Columns of the group that begins there. */
static uint32_t group_size(const prn_coded *coded, uint32_t column)
{
    return coded->columns - column < coded->q ? coded->columns - column : coded->q;
}

static uint32_t group_kept(const prn_coded *coded, const prn_matrix *m, uint32_t row, uint32_t column)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < group_size(coded, column); i++)
        kept += (uint32_t)prn_matrix_keeps(m, row, column + i);
    return kept;
}

static prune_status count(prn_coded *coded, const prn_matrix *m)
{
    for (uint32_t row = 0; row < m->rows; row++)
        for (uint32_t g = 0; g < prn_code_pieces(m->columns, coded->q); g++)
            if (group_kept(coded, m, row, g * coded->q) > coded->p)
                return PRUNE_E_UNSUPPORTED;
    coded->stored = m->rows * slots_of(coded);
    return PRUNE_OK;
}

static int32_t arrays(prn_coded *coded)
{
    const uint64_t bits = (uint64_t)coded->stored * position_bits(coded->q);
    coded->index = (prn_array){ 0, (uint32_t)((bits + 7) >> 3), 1 };
    return coded->stored == coded->rows * slots_of(coded) && coded->gaps == 0;
}

static void put_position(unsigned char *bytes, const prn_coded *coded, uint32_t slot, uint32_t position)
{
    const uint32_t bits = position_bits(coded->q);
    for (uint32_t b = 0; b < bits; b++) {
        const uint64_t at = (uint64_t)slot * bits + b;
        unsigned char *byte = bytes + coded->index.at + (size_t)(at >> 3);
        *byte = (unsigned char)(*byte | (position >> b & 1u) << (at & 7));
    }
}

static uint32_t position_at(const prn_coded *coded, uint32_t slot)
{
    const uint32_t bits = position_bits(coded->q);
    uint32_t position = 0;
    for (uint32_t b = 0; b < bits; b++) {
        const uint64_t at = (uint64_t)slot * bits + b;
        position |= ((uint32_t)coded->bytes[coded->index.at + (size_t)(at >> 3)] >> (at & 7) & 1u) << b;
    }
    return position;
}

/* Returns the number of the next slot. */
static uint32_t encode_group(unsigned char *bytes, const prn_coded *coded, const prn_matrix *m, uint32_t row,
                             uint32_t column, uint32_t slot)
{
    const uint32_t size = group_size(coded, column), slots = size < coded->p ? size : coded->p;
    uint32_t fillers = slots - group_kept(coded, m, row, column);
    for (uint32_t i = 0; i < size; i++) {
        const int32_t kept = prn_matrix_keeps(m, row, column + i);
        if (!kept && fillers == 0)
            continue;
        fillers -= kept ? 0 : 1;
        prn_code_put(bytes, &coded->values, slot, prn_matrix_bits(m, row, column + i));
        put_position(bytes, coded, slot++, i);
    }
    return slot;
}

static void encode(unsigned char *bytes, const prn_coded *coded, const prn_matrix *m)
{
    uint32_t slot = 0;
    for (uint32_t row = 0; row < m->rows; row++)
        for (uint32_t g = 0; g < prn_code_pieces(m->columns, coded->q); g++)
            slot = encode_group(bytes, coded, m, row, g * coded->q, slot);
}

static void start_row(prn_cursor *c)
{
    c->begin = c->at = c->row * slots_of(c->coded);
    c->end = c->begin + slots_of(c->coded);
}

static int32_t next(prn_cursor *c)
{
    if (c->at == c->end)
        return 0;
    c->column = (c->at - c->begin) / c->coded->p * c->coded->q + position_at(c->coded, c->at);
    c->value = c->at++;
    return 1;
}

static int32_t check(const prn_coded *coded)
{
    for (uint32_t slot = 0; slot < coded->stored; slot++)
        if (position_at(coded, slot) >= coded->q)
            return 0;
    const uint64_t bits = (uint64_t)coded->stored * position_bits(coded->q);
    const uint32_t used = (uint32_t)(bits & 7);
    return used == 0 || coded->bytes[coded->index.at + coded->index.count - 1] >> used == 0;
}

const prn_code prn_code_n_of_m = {
    PRUNE_ENCODING_N_OF_M, "n_of_m", PRN_BY_GROUP, count, arrays, encode, check, start_row, next
};
