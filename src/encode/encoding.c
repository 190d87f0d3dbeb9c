/* encoding.c -- the registry of encodings, and what they share: header, arrays, matrices
 *
 * SPDX-License-Identifier: MIT */
#include "encoding.h"

#include <limits.h>
#include <string.h>

enum {
    BYTE_P = 2,
    BYTE_Q = 3,
    WORD_ROWS = 4,
    WORD_COLUMNS = 8,
    WORD_STORED = 12,
    WORD_GAPS = 16,
    WORD_ZERO = 20
};

/* ---- the matrix ---- */

static uint32_t bits_at(const prn_matrix *m, uint32_t row, uint32_t column)
{
    uint32_t bits; /* copied, never passed as a float, which could quieten a NaN */
    memcpy(&bits, m->values + row * m->ld + column, sizeof bits);
    return bits;
}

int32_t prn_matrix_keeps(const prn_matrix *m, uint32_t row, uint32_t column)
{
    const size_t at = (size_t)row * m->columns + column;
    if (m->mask != NULL)
        return (int32_t)(m->mask[at / 32] >> at % 32 & 1u);
    return m->kept != NULL ? m->kept[at] != 0 : bits_at(m, row, column) != 0;
}

uint32_t prn_matrix_kept(const prn_matrix *m, uint32_t row)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < m->columns; i++)
        kept += (uint32_t)prn_matrix_keeps(m, row, i);
    return kept;
}

uint32_t prn_matrix_bits(const prn_matrix *m, uint32_t row, uint32_t column)
{
    return prn_matrix_keeps(m, row, column) ? bits_at(m, row, column) : 0;
}

/* ---- arrays ---- */

uint32_t prn_code_width(uint32_t numbers, uint32_t least)
{
    const uint32_t width = numbers <= 256 ? 1 : numbers <= 65536 ? 2 : 4;
    return width > least ? width : least;
}

uint32_t prn_code_ends_width(uint32_t total)
{
    return total < 65536 ? 2 : 4;
}

uint32_t prn_code_pieces(uint32_t count, uint32_t size)
{
    return count / size + (count % size != 0);
}

uint32_t prn_code_get(const unsigned char *bytes, const prn_array *array, uint32_t i)
{
    const unsigned char *at = bytes + array->at + (size_t)i * array->width;
    uint32_t number = 0;
    for (uint32_t b = 0; b < array->width; b++)
        number |= (uint32_t)at[b] << 8 * b;
    return number;
}

void prn_code_put(unsigned char *bytes, const prn_array *array, uint32_t i, uint32_t number)
{
    unsigned char *at = bytes + array->at + (size_t)i * array->width;
    for (uint32_t b = 0; b < array->width; b++)
        at[b] = (unsigned char)(number >> 8 * b & 0xff);
}

void prn_code_range(const prn_coded *coded, uint32_t e, uint32_t *begin, uint32_t *end)
{
    *begin = e == 0 ? 0 : prn_code_get(coded->bytes, &coded->ends, e - 1);
    *end = prn_code_get(coded->bytes, &coded->ends, e);
}

prune_status prn_code_stored(prn_coded *coded, uint64_t stored)
{
    if (stored > UINT32_MAX)
        return PRUNE_E_LIMIT;
    coded->stored = (uint32_t)stored;
    return PRUNE_OK;
}

prune_status prn_code_count_kept(prn_coded *coded, const prn_matrix *m)
{
    for (uint32_t row = 0; row < m->rows; row++)
        coded->stored += prn_matrix_kept(m, row);
    return PRUNE_OK;
}

void prn_code_start_range(prn_cursor *cursor)
{
    prn_code_range(cursor->coded, cursor->row, &cursor->begin, &cursor->end);
    cursor->at = cursor->begin;
}

/* ---- the registry ---- */

const prn_code *prn_code_find(uint32_t id)
{
    static const prn_code *const codes[] = {
        [PRUNE_ENCODING_DENSE] = &prn_code_dense,   [PRUNE_ENCODING_CSR] = &prn_code_csr,
        [PRUNE_ENCODING_SLICED] = &prn_code_sliced, [PRUNE_ENCODING_BLOCKS] = &prn_code_blocks,
        [PRUNE_ENCODING_N_OF_M] = &prn_code_n_of_m, [PRUNE_ENCODING_BITMASK] = &prn_code_bitmask,
        [PRUNE_ENCODING_DELTAS] = &prn_code_deltas,
    };
    return id < sizeof codes / sizeof codes[0] ? codes[id] : NULL;
}

const char *prune_encoding_name(int32_t encoding)
{
    const prn_code *code = encoding < 0 ? NULL : prn_code_find((uint32_t)encoding);
    return code == NULL ? NULL : code->name;
}

void prune_encoding_options_init(prune_encoding_options *options)
{
    if (options != NULL)
        *options = (prune_encoding_options){ .size = sizeof *options,
                                             .encoding = PRUNE_ENCODING_BEST,
                                             .lanes = 8,
                                             .block_rows = 4,
                                             .block_columns = 1,
                                             .keep = 2,
                                             .of = 4 };
}

void prune_encoding_info_init(prune_encoding_info *info)
{
    if (info != NULL)
        *info = (prune_encoding_info){ .size = sizeof *info };
}

/* ---- layout ---- */

static uint64_t place(prn_array *array, uint64_t at)
{
    const uint32_t beyond = array->width == 0 ? 0 : (uint32_t)at & (array->width - 1);
    at += beyond == 0 ? 0 : array->width - beyond;
    array->at = (size_t)at;
    return at + (uint64_t)array->count * array->width;
}

static int32_t parameters_fit(const prn_coded *coded)
{
    const uint32_t p = coded->p, q = coded->q;
    switch (coded->code->parameters) {
    case PRN_BY_LANES:
        return p != 0 && q == 0;
    case PRN_BY_BLOCK:
        return p != 0 && q != 0;
    case PRN_BY_GROUP:
        return p != 0 && p < q;
    default:
        return p == 0 && q == 0;
    }
}

int32_t prn_code_plan(prn_coded *coded)
{
    const uint32_t rows = coded->rows, columns = coded->columns;
    if (rows == 0 || columns == 0 || rows > INT_MAX || columns > INT_MAX || columns > UINT32_MAX / rows)
        return 0;
    coded->total = 0;
    coded->values = (prn_array){ 0, coded->stored, sizeof(float) };
    coded->ends = coded->index = (prn_array){ 0 };
    if (!parameters_fit(coded) || !coded->code->arrays(coded))
        return 0;
    uint64_t at = place(&coded->values, PRUNE_ENCODING_HEADER);
    at = place(&coded->ends, at);
    at = place(&coded->index, at);
    coded->length = (at + 3) & ~(uint64_t)3;
    return 1;
}

prune_status prn_code_measure(prn_coded *coded, const prn_matrix *m)
{
    coded->rows = m->rows;
    coded->columns = m->columns;
    coded->stored = coded->gaps = 0;
    const prune_status status = coded->code->count(coded, m);
    if (status != PRUNE_OK)
        return status;
    if (!prn_code_plan(coded))
        return PRUNE_E_LIMIT;
    return coded->length > SIZE_MAX ? PRUNE_E_OVERFLOW : PRUNE_OK;
}

/* ---- bytes ---- */

static uint32_t word_at(const unsigned char *bytes, size_t at)
{
    const prn_array word = { at, 1, 4 };
    return prn_code_get(bytes, &word, 0);
}

static void put_word(unsigned char *bytes, size_t at, uint32_t number)
{
    const prn_array word = { at, 1, 4 };
    prn_code_put(bytes, &word, 0, number);
}

void prn_code_write(unsigned char *bytes, const prn_coded *coded, const prn_matrix *m)
{
    memset(bytes, 0, (size_t)coded->length);
    bytes[0] = (unsigned char)coded->code->id;
    bytes[1] = PRUNE_F32;
    bytes[BYTE_P] = (unsigned char)coded->p;
    bytes[BYTE_Q] = (unsigned char)coded->q;
    put_word(bytes, WORD_ROWS, coded->rows);
    put_word(bytes, WORD_COLUMNS, coded->columns);
    put_word(bytes, WORD_STORED, coded->stored);
    put_word(bytes, WORD_GAPS, coded->gaps);
    coded->code->encode(bytes, coded, m);
}

prune_status prn_code_open(prn_coded *coded, const unsigned char *bytes, size_t length, const char **reason)
{
    *reason = "shorter than its header, or the length is not what the header says";
    if (length < PRUNE_ENCODING_HEADER)
        return PRUNE_E_TRUNCATED;
    *coded = (prn_coded){ .code = prn_code_find(bytes[0]),
                          .bytes = bytes,
                          .rows = word_at(bytes, WORD_ROWS),
                          .columns = word_at(bytes, WORD_COLUMNS),
                          .stored = word_at(bytes, WORD_STORED),
                          .gaps = word_at(bytes, WORD_GAPS),
                          .p = bytes[BYTE_P],
                          .q = bytes[BYTE_Q] };
    if (coded->code == NULL || bytes[1] != PRUNE_F32 || word_at(bytes, WORD_ZERO) != 0) {
        *reason = "an encoding, a dtype or a flag that this libprune does not know";
        return PRUNE_E_VERSION;
    }
    if (!prn_code_plan(coded)) {
        *reason = "the numbers of the header contradict each other";
        return PRUNE_E_FORMAT;
    }
    return coded->length == length ? PRUNE_OK : PRUNE_E_TRUNCATED;
}

/* ---- checking ---- */

static size_t end_of(const prn_array *array)
{
    return array->at + (size_t)array->count * array->width;
}

static int32_t all_zero(const unsigned char *bytes, size_t from, size_t to)
{
    for (; from < to; from++)
        if (bytes[from] != 0)
            return 0;
    return 1;
}

static int32_t ends_ascend(const prn_coded *coded)
{
    uint32_t last = 0;
    for (uint32_t e = 0; e < coded->ends.count; e++) {
        const uint32_t end = prn_code_get(coded->bytes, &coded->ends, e);
        if (end < last)
            return 0;
        last = end;
    }
    return last == coded->total;
}

static int32_t columns_ascend(const prn_coded *coded)
{
    prn_cursor c = { .coded = coded };
    for (; c.row < coded->rows; c.row++) {
        uint32_t least = 0;
        coded->code->start_row(&c);
        while (coded->code->next(&c)) {
            if (c.column < least || c.column >= coded->columns)
                return 0;
            least = c.column + 1;
        }
    }
    return 1;
}

const char *prn_code_check(const prn_coded *coded)
{
    const unsigned char *bytes = coded->bytes;
    if (!all_zero(bytes, end_of(&coded->values), coded->ends.at) ||
        !all_zero(bytes, end_of(&coded->ends), coded->index.at) ||
        !all_zero(bytes, end_of(&coded->index), (size_t)coded->length))
        return "what lies between the arrays is not 0";
    if (!ends_ascend(coded))
        return "the ends do not ascend to their total";
    if (coded->code->check != NULL && !coded->code->check(coded))
        return "the index does not fit the values, or a filler is not 0";
    return columns_ascend(coded) ? NULL : "a column is beyond the matrix, or not above the one before";
}
