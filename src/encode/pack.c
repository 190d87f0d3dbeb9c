/* pack.c -- what is kept of a matrix, as the layouts of sparse.h
 *
 * SPDX-License-Identifier: MIT */
#include "pack.h"
#include "mem.h"

enum { LINE = 64 }; /* parts begin on lines of the cache */

static size_t place(prn_layout *layout, size_t count, size_t item)
{
    const size_t lines = count / (LINE / item) + 1;
    return prn_layout_add(layout, lines, LINE);
}

/* The first line of a new block for all parts; NULL if there is no memory. */
static char *take(prn_pack *pack, const prune_allocator *mem, const prn_layout *layout)
{
    pack->bytes = layout->bytes + LINE;
    pack->memory = layout->overflow ? NULL : prn_mem_alloc(mem, pack->bytes, 1);
    if (pack->memory == NULL)
        return NULL;
    return (char *)pack->memory + (LINE - (uintptr_t)pack->memory % LINE);
}

void prn_pack_end(prn_pack *pack, const prune_allocator *mem)
{
    prn_mem_free(mem, pack->memory, pack->bytes, 1);
}

/* ---- rows ---- */

/* Moves `at` over the weights of a row that lie below a column. */
static uint32_t below(const prn_kept *kept, uint32_t row, uint32_t at, uint32_t column)
{
    while (at < kept->ends[row] && kept->column[at] < column)
        at++;
    return at;
}

/* at[r] is the next weight of each row. Returns how many weights are laid out. */
static uint32_t fill_tile(const prn_rows *out, uint32_t first, uint32_t done, const prn_kept *kept,
                          uint32_t *at)
{
    uint32_t *ends = (uint32_t *)(uintptr_t)out->ends + (size_t)(first / out->tile) * out->rows;
    uint16_t *column = (uint16_t *)(uintptr_t)out->column;
    float *value = (float *)(uintptr_t)out->value;
    for (uint32_t r = 0; r < kept->rows; r++) {
        const uint32_t end =
            kept->columns - first > out->tile ? below(kept, r, at[r], first + out->tile) : kept->ends[r];
        for (; at[r] < end; at[r]++, done++) {
            column[done] = (uint16_t)(kept->column[at[r]] - first);
            value[done] = kept->value[at[r]];
        }
        ends[r] = done;
    }
    return done;
}

prune_status prn_pack_rows(prn_rows *out, prn_pack *pack, const prn_kept *kept, uint32_t tile)
{
    const size_t tiles = prn_code_pieces(kept->columns, tile);
    prn_layout layout = { 0 };
    const size_t value = place(&layout, kept->count, sizeof(float));
    const size_t column = place(&layout, kept->count, sizeof(uint16_t));
    const size_t at = place(&layout, kept->rows, sizeof(uint32_t)); /* of use while it is made */
    const size_t ends =
        prn_mem_overflows(tiles, kept->rows) ? 0 : place(&layout, tiles * kept->rows, sizeof(uint32_t));
    char *base = prn_mem_overflows(tiles, kept->rows) ? NULL : take(pack, &kept->mem, &layout);
    if (base == NULL)
        return PRUNE_E_MEMORY;
    *out = (prn_rows){ .rows = kept->rows,
                       .columns = kept->columns,
                       .tile = tile,
                       .ends = (uint32_t *)(base + ends),
                       .column = (uint16_t *)(base + column),
                       .value = (float *)(base + value) };
    uint32_t *next = (uint32_t *)(base + at), done = 0;
    for (uint32_t r = 0; r < kept->rows; r++)
        next[r] = prn_kept_begin(kept, r);
    for (uint32_t t = 0; t < tiles; t++)
        done = fill_tile(out, t * tile, done, kept, next);
    return PRUNE_OK;
}

/* ---- dense ---- */

prune_status prn_pack_dense(const float **out, prn_pack *pack, const prn_kept *kept)
{
    prn_layout layout = { 0 };
    (void)place(&layout, (size_t)kept->rows * kept->columns, sizeof(float));
    float *all = (float *)(void *)take(pack, &kept->mem, &layout);
    if (all == NULL)
        return PRUNE_E_MEMORY;
    for (uint32_t r = 0; r < kept->rows; r++)
        for (uint32_t k = prn_kept_begin(kept, r); k < kept->ends[r]; k++)
            all[(size_t)r * kept->columns + kept->column[k]] = kept->value[k];
    *out = all;
    return PRUNE_OK;
}
