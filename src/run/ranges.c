/* ranges.c -- between which ends the numbers lie that pass between layers
 *
 * A first pass finds the ends, a second counts in bins between them; then the ends move inwards.
 *
 * SPDX-License-Identifier: MIT */
#include "ranges.h"
#include "feed.h"
#include "scan.h"
#include "text.h"

enum { BATCH = 64, BINS = 2048, STEPS = 255, SHARES = 64 };

typedef struct gather {
    const prn_apart *apart;
    const prune_model *model;
    const prune_backend *backend;
    prn_range *ranges;
    uint64_t *counts;  /* [layers + 1][BINS], of numbers that are not 0 */
    float *buffers[2]; /* [BATCH][widest output]: what layers write, in turn */
    prn_feed feed;
    void *block;
    size_t bytes;
} gather;

/* ---- passes over the data ---- */

static void see_ends(prn_range *range, uint64_t *counts, const float *x, size_t count)
{
    (void)counts;
    for (size_t i = 0; i < count; i++) {
        const double value = (double)x[i];
        range->low = value < range->low ? value : range->low;
        range->high = value > range->high ? value : range->high;
    }
}

/* Data may differ from what the first pass has seen. */
static void see_bins(prn_range *range, uint64_t *counts, const float *x, size_t count)
{
    const double wide = range->high - range->low, bins = wide > 0.0 ? BINS / wide : 0.0;
    for (size_t i = 0; i < count; i++) {
        const double at = ((double)x[i] - range->low) * bins;
        counts[at >= BINS ? BINS - 1 : at > 0.0 ? (size_t)at : 0] += x[i] < 0.0f || x[i] > 0.0f;
    }
}

typedef void seer(prn_range *, uint64_t *, const float *, size_t);

/* What goes into layer l, or comes out of the last. */
static prune_status see(gather *g, size_t l, const prn_pass *pass, seer *look, prune_error *error)
{
    const size_t width =
        prn_shape_count(l < g->model->layer_count ? &g->model->layers[l]->input : prn_model_output(g->model));
    for (size_t r = 0; r < pass->batch; r++) {
        const float *row = pass->x + r * pass->ldx;
        if (l > 0 && prn_scan_finite(row, width) != width) /* of data it has been checked */
            return prn_apart_error(g->apart, l - 1, PRUNE_E_NONFINITE, "it gives what is not finite", error);
        look(&g->ranges[l], g->counts + l * BINS, row, width);
    }
    return PRUNE_OK;
}

static prune_status pass_batch(gather *g, const prune_tensor *x, seer *look, prune_error *error)
{
    prn_pass pass = {
        .backend = g->backend, .batch = prn_tensor_rows(x), .x = x->data, .ldx = prn_tensor_step(x)
    };
    prune_status status = see(g, 0, &pass, look, error);
    for (size_t l = 0; l < g->model->layer_count && status == PRUNE_OK; l++) {
        const prn_layer *layer = g->model->layers[l];
        pass.y = g->buffers[l % 2];
        pass.ldy = prn_shape_count(&layer->output);
        layer->ops->forward(layer, &pass);
        pass.x = pass.y;
        pass.ldx = pass.ldy;
        status = see(g, l + 1, &pass, look, error);
    }
    return status;
}

static prune_status pass_all(gather *g, seer *look, prune_error *error)
{
    for (size_t first = 0;; first += BATCH) {
        const prune_tensor *x;
        prune_status status = prn_feed_next(&x, &g->feed, first, BATCH, error);
        if (status == PRUNE_OK && x != NULL)
            status = pass_batch(g, x, look, error);
        if (status != PRUNE_OK || x == NULL)
            return status;
    }
}

/* ---- ends ---- */

/* Moves each end by whole bins as long as no more than so many numbers are left outside, but not past 0. */
static void leave_out(prn_range *range, const uint64_t *counts, double share)
{
    const prn_range all = *range;
    const double bin = (all.high - all.low) / BINS;
    uint64_t total = 0, below = 0, above = 0;
    for (size_t i = 0; i < BINS; i++)
        total += counts[i];
    const double allowed = share / 2.0 * (double)total;
    for (size_t i = 0; i < BINS && (double)(below += counts[i]) <= allowed; i++)
        range->low = all.low + bin * (double)(i + 1);
    for (size_t i = BINS; i > 0 && (double)(above += counts[i - 1]) <= allowed; i--)
        range->high = all.low + bin * (double)(i - 1);
    range->low = range->low < 0.0 ? range->low : 0.0;
    range->high = range->high > 0.0 ? range->high : 0.0;
}

/* The sum of squared errors: step^2 / 12 each inside, the distance outside. */
static double error_of(const prn_range *ends, const prn_range *all, const uint64_t *counts)
{
    const double bin = (all->high - all->low) / BINS, step = (ends->high - ends->low) / STEPS;
    double sum = 0.0;
    for (size_t i = 0; i < BINS; i++) {
        const double value = all->low + bin * ((double)i + 0.5);
        const double off = value < ends->low    ? ends->low - value
                           : value > ends->high ? value - ends->high
                                                : 0.0;
        sum += (double)counts[i] * (off * off + step * step / 12.0);
    }
    return sum;
}

/* Moves the upper end, then the lower one, to the best of so many shares of it. */
static void least_error(prn_range *range, const uint64_t *counts)
{
    const prn_range all = *range;
    double least = error_of(range, &all, counts);
    for (size_t n = 0; n < 2 * SHARES; n++) {
        prn_range ends = *range;
        const double share = (double)(n % SHARES + 1) / SHARES;
        if (n < SHARES)
            ends.high = all.high * share;
        else
            ends.low = all.low * share;
        const double error = error_of(&ends, &all, counts);
        if (error < least) {
            least = error;
            *range = ends;
        }
    }
}

static void choose(gather *g, const prn_ends *ends)
{
    for (size_t l = 0; l <= g->model->layer_count; l++) {
        const uint64_t *counts = g->counts + l * BINS;
        if (ends->how == PRN_ENDS_SHARE)
            leave_out(&g->ranges[l], counts, ends->share);
        else if (ends->how == PRN_ENDS_LEAST_ERROR)
            least_error(&g->ranges[l], counts);
    }
}

/* ---- the call ---- */

static prune_status take_memory(gather *g)
{
    const size_t width = prn_model_width(g->model), tensors = g->model->layer_count + 1;
    prn_layout layout = { 0 };
    size_t at[3];
    if (prn_mem_overflows(BATCH, width) || prn_mem_overflows(BINS, tensors))
        return PRUNE_E_OVERFLOW;
    at[0] = prn_layout_add(&layout, BATCH * width, sizeof(float));
    at[1] = prn_layout_add(&layout, BATCH * width, sizeof(float));
    at[2] = prn_layout_add(&layout, BINS * tensors, sizeof(uint64_t));
    if (layout.overflow)
        return PRUNE_E_OVERFLOW;
    g->bytes = layout.bytes;
    g->block = prn_mem_alloc(&g->model->mem, 1, layout.bytes);
    if (g->block == NULL)
        return PRUNE_E_MEMORY;
    g->buffers[0] = (float *)g->block + at[0] / sizeof(float);
    g->buffers[1] = (float *)g->block + at[1] / sizeof(float);
    g->counts = (uint64_t *)g->block + at[2] / sizeof(uint64_t);
    return PRUNE_OK;
}

static prune_status find(gather *g, const prn_ends *ends, prune_error *error)
{
    prune_status status = take_memory(g);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "model", prune_status_string(status));
    for (size_t l = 0; l <= g->model->layer_count; l++)
        g->ranges[l] = (prn_range){ 0.0, 0.0 };
    status = pass_all(g, see_ends, error);
    if (status == PRUNE_OK && ends->how != PRN_ENDS_ALL)
        status = pass_all(g, see_bins, error);
    if (status == PRUNE_OK)
        choose(g, ends);
    return status;
}

prune_status prn_ranges_find(prn_range *ranges, const prn_apart *apart, const prune_data *data,
                             const prn_ends *ends, prune_error *error)
{
    const prune_model *model = apart->model;
    gather g = { .apart = apart, .model = model, .ranges = ranges };
    g.backend = ends->backend != NULL ? ends->backend : prune_backend_default();
    prune_status status = prn_feed_open(&g.feed, &model->mem, data, model, BATCH, error);
    if (status == PRUNE_OK)
        status = find(&g, ends, error);
    prn_feed_close(&g.feed);
    if (g.block != NULL)
        prn_mem_free(&model->mem, g.block, 1, g.bytes);
    return status;
}
