/* thin.c -- the products of a fully connected layer by the weights that its mask keeps
 *
 * Samples lie side by side in panels, so that one weight is one multiplication of vectors:
 *     Y^T = W X^T,   dX^T = W^T D^T,   dW[o][i] = row o of D^T times row i of X^T.
 * W and W^T are laid out once for a mask, as places; their values are taken from the parameter in each pass.
 *
 * Invariant: panels, and pieces of rows, are cut where the shape says, so bits do not depend on threads.
 *
 * SPDX-License-Identifier: MIT */
#include "thin.h"
#include "spread.h"
#include "words.h"

#include <string.h>

enum {
    LINE = 64, /* parts begin on lines of the cache */
    ROWS = 32, /* to a piece */
    PIECE = 1024,
    WEIGHTS = 4096, /* of a layer, and samples: the line of PRUNE_SPARSE_AUTO */
    MANY = 32,
    FEW_OF = 16 /* so few are kept that going from one to the next beats going through all */
};

/* ---- laying out ---- */

/* By cost, as PRUNE_SPARSE_AUTO of trainer.h says. */
static int32_t pays(const prn_thin *thin, const prn_param *weight, size_t batch)
{
    const size_t kept = weight->count - weight->removed, samples = batch < MANY ? batch : MANY;
    if (thin->kernels == NULL || weight->count - 1 > UINT32_MAX - 1)
        return 0;
    return thin->always || (weight->count >= WEIGHTS && kept <= weight->count / (4 * MANY) * samples);
}

/* Adds so many numbers of 4 bytes. */
static size_t lay(prn_layout *layout, size_t rows, size_t columns)
{
    layout->overflow = layout->overflow || prn_mem_overflows(rows, columns);
    return prn_layout_add(layout, rows * columns / (LINE / sizeof(float)) + 1, LINE);
}

/* Takes so many numbers of 4 bytes from the block. */
static void *take(const prn_thin *thin, prn_layout *layout, size_t rows, size_t columns)
{
    char *base = (char *)thin->memory + (LINE - (uintptr_t)thin->memory % LINE);
    return base + lay(layout, rows, columns);
}

static size_t tiles_of(size_t columns, size_t tile)
{
    return (columns - 1) / tile + 1;
}

/* Samples of all panels, fillers included. */
static size_t padded(const prn_thin *thin, size_t batch)
{
    const size_t widest = thin->kernels->widest, last = batch % widest;
    return batch - last + (last == 0 ? 0 : prn_panel_width(thin->kernels, last));
}

static size_t bytes_of(const prn_thin *thin, const prn_param *weight)
{
    prn_layout layout = { 0 };
    const size_t rows = weight->shape.dims[0], columns = weight->shape.dims[1];
    const size_t kept = weight->count - weight->removed, tile = thin->kernels->tile;
    lay(&layout, prn_mask_words(weight->count), 1);
    lay(&layout, padded(thin, thin->max_batch), columns);
    lay(&layout, padded(thin, thin->max_batch), rows);
    for (size_t side = 0; side < 2; side++) {
        const size_t of[2] = { side == 0 ? rows : columns, side == 0 ? columns : rows };
        lay(&layout, of[0], tiles_of(of[1], tile));
        lay(&layout, kept / 2 + 1, 1);
        lay(&layout, kept, 1);
        lay(&layout, kept, 1);
    }
    return layout.overflow ? 0 : layout.bytes + LINE;
}

static void place_side(prn_thin *thin, prn_layout *layout, prn_thin_side *side, const size_t shape[2])
{
    const size_t tile = thin->kernels->tile;
    side->w = (prn_rows){ .rows = (uint32_t)shape[0], .columns = (uint32_t)shape[1], .tile = (uint32_t)tile };
    side->w.ends = take(thin, layout, shape[0], tiles_of(shape[1], tile));
    side->w.column = take(thin, layout, thin->kept / 2 + 1, 1);
    side->w.value = take(thin, layout, thin->kept, 1);
    side->place = take(thin, layout, thin->kept, 1);
}

/* In the order of bytes_of(). */
static void place(prn_thin *thin, const prn_param *weight)
{
    prn_layout layout = { 0 };
    const size_t rows = weight->shape.dims[0], columns = weight->shape.dims[1];
    thin->weight = weight;
    thin->kept = weight->count - weight->removed;
    thin->mask = take(thin, &layout, prn_mask_words(weight->count), 1);
    thin->x = take(thin, &layout, padded(thin, thin->max_batch), columns);
    thin->y = take(thin, &layout, padded(thin, thin->max_batch), rows);
    place_side(thin, &layout, &thin->rows, (const size_t[2]){ rows, columns });
    place_side(thin, &layout, &thin->columns, (const size_t[2]){ columns, rows });
}

/* Kept elements begin .. end - 1 of the matrix, which are a row of a tile. Returns how many are laid out. */
static uint32_t fill_row(prn_thin_side *side, const uint32_t *mask, size_t begin, size_t end, uint32_t done)
{
    for (size_t at = begin; at < end;) {
        const uint32_t bits = mask[at / PRN_WORD] >> at % PRN_WORD;
        at += bits == 0 ? PRN_WORD - at % PRN_WORD : prn_word_first(bits);
        if (bits == 0 || at >= end)
            continue;
        side->w.column[done] = (uint16_t)(at - begin);
        side->place[done++] = (uint32_t)at++;
    }
    return done;
}

static void fill_rows(prn_thin_side *side, const uint32_t *mask)
{
    const size_t columns = side->w.columns, tile = side->w.tile;
    uint32_t done = 0, *ends = side->w.ends;
    for (size_t first = 0; first < columns; first += tile)
        for (size_t r = 0; r < side->w.rows; r++) {
            const size_t begin = r * columns + first, left = columns - first;
            done = fill_row(side, mask, begin, begin + (left < tile ? left : tile), done);
            *ends++ = done;
        }
}

/* The transpose. Row r of the other is column r here: of a tile, and there of the tile's row. */
static uint32_t *end_of(const prn_thin_side *side, uint32_t row, uint32_t column)
{
    return side->w.ends + (size_t)(column / side->w.tile) * side->w.rows + row;
}

static void fill_columns(prn_thin_side *side, const prn_thin_side *from, size_t kept)
{
    const size_t ends = side->w.rows * tiles_of(side->w.columns, side->w.tile);
    uint32_t begin = 0;
    memset(side->w.ends, 0, ends * sizeof *side->w.ends);
    for (size_t k = 0; k < kept; k++)
        ++*end_of(side, from->place[k] % side->w.rows, from->place[k] / side->w.rows);
    for (size_t i = 0; i < ends; i++) {
        const uint32_t count = side->w.ends[i];
        side->w.ends[i] = begin;
        begin += count;
    }
    for (size_t k = 0; k < kept; k++) {
        const uint32_t column = from->place[k] / side->w.rows;
        const uint32_t at = (*end_of(side, from->place[k] % side->w.rows, column))++;
        side->w.column[at] = (uint16_t)(column % side->w.tile);
        side->place[at] = from->place[k];
    }
}

static int32_t lay_out(prn_thin *thin, const prn_param *weight)
{
    const size_t bytes = bytes_of(thin, weight);
    if (bytes == 0 || bytes > thin->bytes) {
        prn_thin_end(thin);
        thin->memory = bytes == 0 ? NULL : prn_mem_alloc(&thin->mem, bytes, 1);
        thin->bytes = thin->memory == NULL ? 0 : bytes;
    }
    if (thin->memory == NULL)
        return 0;
    place(thin, weight);
    memcpy(thin->mask, weight->mask, prn_mask_words(weight->count) * sizeof *thin->mask);
    fill_rows(&thin->rows, thin->mask);
    fill_columns(&thin->columns, &thin->rows, thin->kept);
    thin->packed = thin->settled = 0;
    return 1;
}

static int32_t is_for(const prn_thin *thin, const prn_param *weight)
{
    const size_t bytes = prn_mask_words(weight->count) * sizeof *weight->mask;
    return thin->memory != NULL && thin->weight == weight && memcmp(thin->mask, weight->mask, bytes) == 0;
}

int32_t prn_thin_takes(prn_thin *thin, const prn_param *weight, size_t batch)
{
    if (thin == NULL || !pays(thin, weight, batch))
        return 0;
    return is_for(thin, weight) || lay_out(thin, weight);
}

size_t prn_thin_kept(const uint32_t **places, const prn_thin *thin, const prn_param *param)
{
    const int32_t is = param->count - param->removed <= param->count / FEW_OF && is_for(thin, param);
    *places = is ? thin->rows.place : NULL;
    return is ? thin->kept : 0;
}

void prn_thin_end(prn_thin *thin)
{
    prn_mem_free(&thin->mem, thin->memory, thin->bytes, 1);
    thin->memory = NULL;
    thin->bytes = 0;
}

/* ---- running ---- */

/* A pass, as its pieces see it. */
typedef struct work {
    const prn_thin *thin;
    const prn_pass *pass;
    int32_t packs_x;
} work;

static void gather(const prn_thin *thin, const prn_thin_side *side, const float *values)
{
    for (size_t k = 0; k < thin->kept; k++)
        side->w.value[k] = values[side->place[k]];
}

static size_t panels_of(const work *all)
{
    return (all->pass->batch - 1) / all->thin->kernels->widest + 1;
}

/* Of panels of the matrix's rows or columns the one with that number; and the first of its samples. */
static prn_samples panel_at(const work *all, float *panels, uint32_t count, size_t ld, size_t number)
{
    const prn_sparse *kernels = all->thin->kernels;
    const size_t first = number * kernels->widest, left = all->pass->batch - first;
    const uint32_t width = prn_panel_width(kernels, left);
    return (prn_samples){ .panel = panels + first * count,
                          .width = width,
                          .samples = left < width ? (uint32_t)left : width,
                          .count = count,
                          .ld = ld };
}

static prn_samples inputs_at(const work *all, size_t ld, size_t number)
{
    return panel_at(all, all->thin->x, all->thin->rows.w.columns, ld, number);
}

static prn_samples outputs_at(const work *all, size_t ld, size_t number)
{
    return panel_at(all, all->thin->y, all->thin->rows.w.rows, ld, number);
}

/* Pieces for the threads of the back end; each sample is multiplied with all that is kept. */
static void spread(const work *all, size_t pieces, void (*piece)(void *work, size_t number))
{
    const float multiplications = (float)all->thin->kept * (float)all->pass->batch;
    work mine = *all;
    prn_spread_pieces(all->pass->backend, multiplications, pieces, piece, &mine);
}

static void forward_panel(void *arg, size_t number)
{
    const work *all = arg;
    const prn_sparse *kernels = all->thin->kernels;
    const prn_samples x = inputs_at(all, all->pass->ldx, number), y = outputs_at(all, all->pass->ldy, number);
    const size_t first = number * kernels->widest;
    kernels->pack(&x, all->pass->x + first * x.ld);
    kernels->panel(y.panel, &all->thin->rows.w, x.panel, x.width);
    kernels->unpack(all->pass->y + first * y.ld, &y, 0);
}

void prn_thin_forward(prn_thin *thin, const prn_param *weight, const prn_pass *pass)
{
    const work all = { .thin = thin, .pass = pass };
    gather(thin, &thin->rows, weight->value);
    spread(&all, panels_of(&all), forward_panel);
    thin->packed = 1;
}

static void pack_panel(void *arg, size_t number)
{
    const work *all = arg;
    const prn_sparse *kernels = all->thin->kernels;
    const prn_samples x = inputs_at(all, all->pass->ldx, number),
                      y = outputs_at(all, all->thin->rows.w.rows, number);
    const size_t first = number * kernels->widest;
    kernels->pack(&y, all->pass->dy + first * y.ld);
    if (all->packs_x)
        kernels->pack(&x, all->pass->x + first * x.ld);
}

static void weights_of_rows(void *arg, size_t number)
{
    const work *all = arg;
    const prn_thin *thin = all->thin;
    const size_t first = number * ROWS, left = thin->rows.w.rows - first, count = left < ROWS ? left : ROWS;
    for (size_t p = 0; p < panels_of(all); p++) {
        const prn_samples x = inputs_at(all, 0, p), y = outputs_at(all, 0, p);
        const prn_dots of = { y.panel, x.panel, x.width, (uint32_t)first, (uint32_t)(first + count) };
        thin->kernels->dots(thin->rows.w.value, &thin->rows.w, &of);
    }
}

/* In pieces: in one call, glibc takes string instructions for it, and twice the time. */
static void clear(float *values, size_t count)
{
    for (size_t done = 0; done < count; done += PIECE)
        memset(values + done, 0, (count - done < PIECE ? count - done : PIECE) * sizeof *values);
}

/* The values of the rows give way to their gradients. */
static void weight_gradient(const work *all, float *gradient, size_t count)
{
    const prn_thin *thin = all->thin;
    const float *sums = thin->rows.w.value;
    memset(thin->rows.w.value, 0, thin->kept * sizeof *sums);
    spread(all, (thin->rows.w.rows - 1) / ROWS + 1, weights_of_rows);
    if (all->pass->kept_only)
        clear(gradient, count);
    for (size_t k = 0; k < thin->kept; k++)
        gradient[thin->rows.place[k]] = sums[k];
}

/* What was packed of the inputs gives way to their gradients. */
static void backward_panel(void *arg, size_t number)
{
    const work *all = arg;
    const prn_sparse *kernels = all->thin->kernels;
    const prn_samples x = inputs_at(all, all->thin->rows.w.columns, number), y = outputs_at(all, 0, number);
    kernels->panel(x.panel, &all->thin->columns.w, y.panel, x.width);
    kernels->unpack(all->pass->dx + number * kernels->widest * x.ld, &x, 0);
}

static void input_gradient(prn_thin *thin, const work *all, const float *values)
{
    gather(thin, &thin->columns, values);
    spread(all, panels_of(all), backward_panel);
    thin->packed = 0;
}

void prn_thin_backward(prn_thin *thin, const prn_param *weight, const prn_pass *pass, float *gradient)
{
    const work all = { .thin = thin, .pass = pass, .packs_x = !thin->packed };
    spread(&all, panels_of(&all), pack_panel);
    weight_gradient(&all, gradient, weight->count);
    if (pass->dx != NULL)
        input_gradient(thin, &all, weight->value);
}
