/* pack.c -- what is kept of a matrix, as the layouts of sparse.h
 *
 * SPDX-License-Identifier: MIT */
#include "pack.h"
#include "mem.h"

#include <string.h>

enum { LINE = 64 }; /* parts begin on lines of the cache */

/* Room for `times` times count items. */
static size_t lay(prn_layout *layout, size_t times, size_t count, size_t item)
{
    layout->overflow = layout->overflow || prn_mem_overflows(times, count);
    return prn_layout_add(layout, times * count / (LINE / item) + 1, LINE);
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
    uint32_t *ends = out->ends + (size_t)(first / out->tile) * out->rows;
    uint16_t *column = out->column;
    float *value = out->value;
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
    const size_t value = lay(&layout, 1, kept->count, sizeof(float));
    const size_t column = lay(&layout, 1, kept->count, sizeof(uint16_t));
    const size_t at = lay(&layout, 1, kept->rows, sizeof(uint32_t)); /* of use while it is made */
    const size_t ends = lay(&layout, tiles, kept->rows, sizeof(uint32_t));
    char *base = take(pack, &kept->mem, &layout);
    if (base == NULL)
        return PRUNE_E_MEMORY;
    *out = (prn_rows){ .rows = kept->rows,
                       .columns = kept->columns,
                       .tile = tile,
                       .ends = (uint32_t *)(base + ends),
                       .column = (uint16_t *)(base + column),
                       .value = (float *)(void *)(base + value) };
    uint32_t *next = (uint32_t *)(base + at), done = 0;
    for (uint32_t r = 0; r < kept->rows; r++)
        next[r] = prn_kept_begin(kept, r);
    for (uint32_t t = 0; t < tiles; t++)
        done = fill_tile(out, t * tile, done, kept, next);
    return PRUNE_OK;
}

/* ---- rows side by side ---- */

enum { SIDE = 16 }; /* rows, at most */

/* Rows that are walked together, and the next weight of each. */
typedef struct abreast {
    const prn_kept *kept;
    uint32_t count, at[SIDE], end[SIDE];
} abreast;

static void add_row(abreast *a, uint32_t row)
{
    a->at[a->count] = prn_kept_begin(a->kept, row);
    a->end[a->count++] = a->kept->ends[row];
}

/* The least column that any of them is at; NONE: all have ended. */
enum { NONE = -1 };
static int64_t least_column(const abreast *a)
{
    int64_t least = NONE;
    for (uint32_t l = 0; l < a->count; l++)
        if (a->at[l] < a->end[l] && (least == NONE || a->kept->column[a->at[l]] < least))
            least = a->kept->column[a->at[l]];
    return least;
}

/* The next weight of a lane, if it is in one of the columns base .. base + window - 1: *place is which. */
static int32_t take_weight(float *value, uint32_t *place, abreast *a, uint32_t lane,
                           const uint32_t base_window[2])
{
    const uint32_t at = a->at[lane];
    if (at == a->end[lane] || a->kept->column[at] - base_window[0] >= base_window[1])
        return 0;
    *value = a->kept->value[at];
    *place = a->kept->column[at] - base_window[0];
    a->at[lane]++;
    return 1;
}

/* ---- windows ---- */

static void start_slice(abreast *a, const prn_kept *kept, uint32_t first, uint32_t lanes)
{
    *a = (abreast){ .kept = kept };
    for (uint32_t r = first; r < kept->rows && r - first < lanes; r++)
        add_row(a, kept->order[r]);
}

/* One step; out NULL: it is only counted. 0: there was none left. The last windows end with the matrix. */
static int32_t take_step(const prn_windows *out, size_t step, abreast *a, uint32_t window,
                         const prn_sparse *kernels)
{
    const int64_t column = least_column(a);
    if (column == NONE)
        return 0;
    const uint32_t columns = a->kept->columns;
    const uint32_t last = columns > window ? columns - window : 0;
    const uint32_t base = (uint32_t)column < last ? (uint32_t)column : last;
    if (out != NULL)
        out->base[step] = (uint16_t)base;
    for (uint32_t l = 0; l < a->count; l++) {
        float value;
        uint32_t place;
        if (!take_weight(&value, &place, a, l, (const uint32_t[2]){ base, window }) || out == NULL)
            continue;
        const size_t slot = step * kernels->lanes + l, bit = slot * kernels->bits;
        unsigned char *index = out->index + bit / 8;
        *index = (unsigned char)(*index | place << bit % 8);
        out->value[slot] = value;
    }
    return 1;
}

uint32_t prn_pack_steps(const prn_kept *kept, const prn_sparse *kernels, uint32_t window)
{
    uint32_t steps = 0;
    for (uint32_t first = 0; first < kept->rows; first += kernels->lanes) {
        abreast a;
        start_slice(&a, kept, first, kernels->lanes);
        while (take_step(NULL, 0, &a, window, kernels))
            steps++;
    }
    return steps;
}

static void fill_windows(prn_windows *out, const prn_kept *kept, const prn_sparse *kernels)
{
    uint32_t step = 0, *ends = out->ends;
    for (uint32_t first = 0; first < kept->rows; first += kernels->lanes) {
        abreast a;
        start_slice(&a, kept, first, kernels->lanes);
        while (take_step(out, step, &a, out->window, kernels))
            step++;
        *ends++ = step;
    }
    memcpy(out->order, kept->order, kept->rows * sizeof *kept->order);
}

prune_status prn_pack_windows(prn_windows *out, prn_pack *pack, const prn_kept *kept,
                              const prn_sparse *kernels, uint32_t window)
{
    const size_t steps = prn_pack_steps(kept, kernels, window), lanes = kernels->lanes;
    prn_layout layout = { 0 };
    const size_t value = lay(&layout, steps, lanes, sizeof(float));
    const size_t index = lay(&layout, steps, lanes * kernels->bits / 8, 1);
    const size_t base = lay(&layout, 1, steps, sizeof(uint16_t));
    const size_t ends = lay(&layout, 1, prn_code_pieces(kept->rows, kernels->lanes), sizeof(uint32_t));
    const size_t order = lay(&layout, 1, kept->rows, sizeof(uint32_t));
    char *memory = take(pack, &kept->mem, &layout);
    if (memory == NULL)
        return PRUNE_E_MEMORY;
    *out = (prn_windows){ .rows = kept->rows,
                          .columns = kept->columns,
                          .window = window,
                          .ends = (uint32_t *)(memory + ends),
                          .order = (uint32_t *)(memory + order),
                          .base = (uint16_t *)(memory + base),
                          .index = (unsigned char *)(memory + index),
                          .value = (float *)(void *)(memory + value) };
    fill_windows(out, kept, kernels);
    return PRUNE_OK;
}

/* ---- groups ---- */

static void start_group(abreast *a, const prn_kept *kept, uint32_t first, uint32_t height)
{
    *a = (abreast){ .kept = kept };
    for (uint32_t r = first; r < kept->rows && r - first < height; r++)
        add_row(a, r);
}

/* One block; as take_step(). */
static int32_t take_block(const prn_groups *out, size_t block, abreast *a)
{
    const int64_t column = least_column(a);
    if (column == NONE)
        return 0;
    if (out != NULL)
        out->column[block] = (uint16_t)column;
    for (uint32_t l = 0; l < a->count; l++) {
        float value;
        uint32_t place;
        if (take_weight(&value, &place, a, l, (const uint32_t[2]){ (uint32_t)column, 1 }) && out != NULL)
            out->value[block * out->height + l] = value;
    }
    return 1;
}

uint32_t prn_pack_blocks(const prn_kept *kept, uint32_t height)
{
    uint32_t blocks = 0;
    for (uint32_t first = 0; first < kept->rows; first += height) {
        abreast a;
        start_group(&a, kept, first, height);
        while (take_block(NULL, 0, &a))
            blocks++;
    }
    return blocks;
}

static void fill_groups(prn_groups *out, const prn_kept *kept)
{
    uint32_t block = 0, *ends = out->ends;
    for (uint32_t first = 0; first < kept->rows; first += out->height) {
        abreast a;
        start_group(&a, kept, first, out->height);
        while (take_block(out, block, &a))
            block++;
        *ends++ = block;
    }
}

prune_status prn_pack_groups(prn_groups *out, prn_pack *pack, const prn_kept *kept, uint32_t height)
{
    const size_t blocks = prn_pack_blocks(kept, height);
    prn_layout layout = { 0 };
    const size_t value = lay(&layout, blocks, height, sizeof(float));
    const size_t column = lay(&layout, 1, blocks, sizeof(uint16_t));
    const size_t ends = lay(&layout, 1, prn_code_pieces(kept->rows, height), sizeof(uint32_t));
    char *memory = take(pack, &kept->mem, &layout);
    if (memory == NULL)
        return PRUNE_E_MEMORY;
    *out = (prn_groups){ .rows = kept->rows,
                         .columns = kept->columns,
                         .height = height,
                         .ends = (uint32_t *)(memory + ends),
                         .column = (uint16_t *)(memory + column),
                         .value = (float *)(void *)(memory + value) };
    fill_groups(out, kept);
    return PRUNE_OK;
}

/* ---- masks ---- */

/* One row's mask of the span that begins with a column, and its weights to value; returns how many. */
static uint32_t fill_mask(unsigned char *mask, float *value, abreast *a, uint32_t lane,
                          const uint32_t first_span[2])
{
    uint32_t count = 0, place;
    while (take_weight(value + count, &place, a, lane, first_span)) {
        mask[place / 8] = (unsigned char)(mask[place / 8] | 1u << place % 8);
        count++;
    }
    return count;
}

static void fill_masks(prn_masks *out, const prn_kept *kept, const prn_sparse *kernels)
{
    unsigned char *mask = out->mask;
    float *value = out->value;
    for (uint32_t first = 0; first < kept->rows; first += kernels->abreast) {
        abreast a;
        start_group(&a, kept, first, kernels->abreast);
        for (size_t i = 0; i < kept->columns; i += kernels->span)
            for (uint32_t l = 0; l < kernels->abreast; l++, mask += (kernels->span + 7) / 8)
                if (l < a.count)
                    value += fill_mask(mask, value, &a, l, (const uint32_t[2]){ (uint32_t)i, kernels->span });
    }
}

prune_status prn_pack_masks(prn_masks *out, prn_pack *pack, const prn_kept *kept, const prn_sparse *kernels)
{
    const size_t spans = prn_code_pieces(kept->columns, kernels->span);
    const size_t slices = prn_code_pieces(kept->rows, kernels->abreast);
    prn_layout layout = { 0 };
    const size_t value = lay(&layout, 1, (size_t)kept->count + kernels->span, sizeof(float));
    const size_t mask = lay(&layout, slices, spans * kernels->abreast * ((kernels->span + 7) / 8), 1);
    char *memory = take(pack, &kept->mem, &layout);
    if (memory == NULL)
        return PRUNE_E_MEMORY;
    *out = (prn_masks){ .rows = kept->rows,
                        .columns = kept->columns,
                        .mask = (unsigned char *)(memory + mask),
                        .value = (float *)(void *)(memory + value) };
    fill_masks(out, kept, kernels);
    return PRUNE_OK;
}

/* ---- dense ---- */

prune_status prn_pack_dense(const float **out, prn_pack *pack, const prn_kept *kept)
{
    prn_layout layout = { 0 };
    (void)lay(&layout, kept->rows, kept->columns, sizeof(float));
    float *all = (float *)(void *)take(pack, &kept->mem, &layout);
    if (all == NULL)
        return PRUNE_E_MEMORY;
    for (uint32_t r = 0; r < kept->rows; r++)
        for (uint32_t k = prn_kept_begin(kept, r); k < kept->ends[r]; k++)
            all[(size_t)r * kept->columns + kept->column[k]] = kept->value[k];
    *out = all;
    return PRUNE_OK;
}
