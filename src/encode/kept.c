/* kept.c -- the weights of a matrix that are not 0, from encoded bytes or from a tensor
 *
 * SPDX-License-Identifier: MIT */
#include "kept.h"
#include "bits.h"
#include "mem.h"

/* Where they come from: one of the two. Rows are read in their order. */
typedef struct source {
    const prn_matrix *matrix;
    const prn_coded *coded;
} source;

static int32_t is_zero(uint32_t bits)
{
    return bits << 1 == 0;
}

static void put(prn_kept *kept, int32_t fill, uint32_t column, uint32_t bits)
{
    if (is_zero(bits))
        return;
    if (fill) {
        kept->column[kept->count] = column;
        kept->value[kept->count] = prn_bits_float(bits);
    }
    kept->count++;
}

static void walk_matrix(prn_kept *kept, int32_t fill, const prn_matrix *m, uint32_t row)
{
    for (uint32_t i = 0; i < m->columns; i++)
        put(kept, fill, i, prn_matrix_bits(m, row, i));
}

static void walk_coded(prn_kept *kept, int32_t fill, prn_cursor *c, uint32_t row)
{
    const prn_coded *coded = c->coded;
    c->row = row;
    coded->code->start_row(c);
    while (coded->code->next(c))
        put(kept, fill, c->column, prn_code_get(coded->bytes, &coded->values, c->value));
}

/* Counts them, or writes them too. */
static void walk(prn_kept *kept, int32_t fill, const source *from)
{
    prn_cursor c = { .coded = from->coded };
    kept->count = 0;
    for (uint32_t row = 0; row < kept->rows; row++) {
        if (from->matrix != NULL)
            walk_matrix(kept, fill, from->matrix, row);
        else
            walk_coded(kept, fill, &c, row);
        kept->ends[row] = kept->count;
    }
}

/* first[length] is where rows of that length begin in the order. */
static void sort(prn_kept *kept, uint32_t *first)
{
    for (uint32_t row = 0; row < kept->rows; row++)
        first[prn_kept_length(kept, row)]++;
    uint32_t longer = 0;
    for (uint32_t length = kept->columns + 1; length-- > 0;) {
        const uint32_t count = first[length];
        first[length] = longer;
        longer += count;
    }
    for (uint32_t row = 0; row < kept->rows; row++)
        kept->order[first[prn_kept_length(kept, row)]++] = row;
}

static prune_status sort_rows(prn_kept *kept)
{
    const size_t lengths = (size_t)kept->columns + 1;
    kept->order = prn_mem_alloc(&kept->mem, kept->rows, sizeof *kept->order);
    uint32_t *first = prn_mem_alloc(&kept->mem, lengths, sizeof *first);
    if (kept->order != NULL && first != NULL)
        sort(kept, first);
    prn_mem_free(&kept->mem, first, lengths, sizeof *first);
    return kept->order != NULL && first != NULL ? PRUNE_OK : PRUNE_E_MEMORY;
}

static prune_status collect(prn_kept *kept, const prune_allocator *mem, const source *from)
{
    kept->mem = *mem;
    kept->ends = prn_mem_alloc(mem, kept->rows, sizeof *kept->ends);
    if (kept->ends == NULL)
        return PRUNE_E_MEMORY;
    walk(kept, 0, from);
    kept->column = prn_mem_alloc(mem, (size_t)kept->count + 1, sizeof *kept->column);
    kept->value = prn_mem_alloc(mem, (size_t)kept->count + 1, sizeof *kept->value);
    if (kept->column == NULL || kept->value == NULL)
        return PRUNE_E_MEMORY;
    walk(kept, 1, from);
    return sort_rows(kept);
}

prune_status prn_kept_from_matrix(prn_kept *kept, const prune_allocator *mem, const prn_matrix *m)
{
    const source from = { .matrix = m };
    *kept = (prn_kept){ .rows = m->rows, .columns = m->columns };
    return collect(kept, mem, &from);
}

prune_status prn_kept_from_coded(prn_kept *kept, const prune_allocator *mem, const prn_coded *coded)
{
    const source from = { .coded = coded };
    *kept = (prn_kept){ .rows = coded->rows, .columns = coded->columns };
    return collect(kept, mem, &from);
}

void prn_kept_end(prn_kept *kept)
{
    prn_mem_free(&kept->mem, kept->order, kept->rows, sizeof *kept->order);
    prn_mem_free(&kept->mem, kept->ends, kept->rows, sizeof *kept->ends);
    prn_mem_free(&kept->mem, kept->column, (size_t)kept->count + 1, sizeof *kept->column);
    prn_mem_free(&kept->mem, kept->value, (size_t)kept->count + 1, sizeof *kept->value);
}
