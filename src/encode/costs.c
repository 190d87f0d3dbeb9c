/* costs.c -- how long a product takes in each layout: a model
 *
 * The constants are nanoseconds on one core of an AMD Zen 5 (AVX2 and AVX-512, 4 GHz) with OpenBLAS 0.3.21's
 * kernels for AVX2; what counts is their ratios. Where a product does not fit into caches, time is bytes.
 *
 * SPDX-License-Identifier: MIT */
#include "costs.h"
#include "pack.h"

/* Nanoseconds of a unit of work. Of a multiply-accumulate of OpenBLAS: one sample, few, and many. */
static const float DENSE_ONE = 0.055f, DENSE_FEW = 0.047f, DENSE_MANY = 0.025f;
/* Of a vector: a step of windows, a vector of a block, and of a weight in a panel. */
static const float STEP = 1.1f, BLOCK = 0.4f, WEIGHT = 0.36f;
static const float PLAIN_WEIGHT = 0.5f;        /* of a row, for one sample */
static const float ROW = 4.0f;                 /* of a group, or a row of a tile */
static const float SLICE = 20.0f;              /* of a slice */
static const float MOVED = 0.2f;               /* a number into a panel or out of it */
static const float NEAR = 0.015f, FAR = 0.04f; /* a byte from the last cache, and from beyond */
static const float CACHE = 8e6f;               /* bytes */
static const float CALL = 100.0f;              /* of a BLAS */
static const float SURELY = 0.9f;
enum { FEW = 16 };

static float larger(float a, float b)
{
    return a > b ? a : b;
}

static float of_bytes(float bytes)
{
    return bytes <= CACHE ? bytes * NEAR : CACHE * NEAR + (bytes - CACHE) * FAR;
}

/* A BLAS is taken to have vectors as long as our own, as OpenBLAS has on most machines. */
static float dense_time(const prn_costs *c, float batch)
{
    const float weights = (float)c->rows * (float)c->columns, vectors = 8.0f / (float)c->kernels->vector;
    const float each = batch < 2.0f ? DENSE_ONE : batch <= (float)FEW ? DENSE_FEW : DENSE_MANY * vectors;
    return CALL + c->dense * larger(weights * batch * each, of_bytes(4.0f * weights));
}

/* Each panel reads all weights again. */
static float rows_time(const prn_costs *c, size_t batch)
{
    const prn_sparse *k = c->kernels;
    const float rows = (float)c->rows, kept = (float)c->kept;
    if (batch < 4)
        return (float)batch * (PLAIN_WEIGHT * kept + ROW * rows);
    const uint32_t width = prn_panel_width(k, batch);
    const float panels = larger(1.0f, (float)batch / (float)width);
    const uint32_t vectors = width / (width < k->vector ? width : k->vector),
                   tiles = c->columns / k->tile + 1;
    const float moved = (rows + (float)c->columns) * (float)width;
    return panels *
               (larger(WEIGHT * kept * (float)vectors, of_bytes(6.0f * kept)) + ROW * rows * (float)tiles) +
           MOVED * moved * panels;
}

static float windows_time(const prn_costs *c, float batch)
{
    const prn_sparse *k = c->kernels;
    const float steps = (float)c->steps;
    const float bytes = steps * (2.0f + (float)(k->lanes * (32 + k->bits)) / 8.0f);
    const uint32_t slices = c->rows / k->lanes + 1;
    return batch * (larger(STEP * steps, of_bytes(bytes)) + SLICE * (float)slices);
}

static float groups_time(const prn_costs *c, float batch)
{
    const float blocks = (float)c->blocks, height = (float)c->height;
    const float vectors = larger(1.0f, height / (float)c->kernels->lanes);
    const uint32_t rows = c->rows / c->height + 1;
    return batch *
           (larger(BLOCK * blocks * vectors, of_bytes(blocks * (4.0f * height + 2.0f))) + ROW * (float)rows);
}

float prn_costs_time(const prn_costs *c, int32_t layout, size_t batch)
{
    switch (layout) {
    case PRUNE_LAYOUT_DENSE:
        return dense_time(c, (float)batch);
    case PRUNE_LAYOUT_WINDOWS:
        return windows_time(c, (float)batch);
    case PRUNE_LAYOUT_GROUPS:
        return groups_time(c, (float)batch);
    default:
        return rows_time(c, batch);
    }
}

/* What is hardly faster by the model may be slower in truth: dense, then. */
int32_t prn_costs_best(const prn_costs *costs, size_t batch)
{
    int32_t best = PRUNE_LAYOUT_DENSE;
    float least = SURELY * prn_costs_time(costs, best, batch);
    for (int32_t layout = best + 1; layout < PRN_LAYOUTS; layout++) {
        const float time = costs->has[layout] ? prn_costs_time(costs, layout, batch) : least;
        best = time < least ? layout : best;
        least = time < least ? time : least;
    }
    return best;
}

static void find_height(prn_costs *c, const prn_kept *kept)
{
    prn_costs other = *c;
    for (uint32_t h = 0; h < PRN_SPARSE_HEIGHTS && c->kernels->heights[h] != 0; h++) {
        other.height = c->kernels->heights[h];
        other.blocks = prn_pack_blocks(kept, other.height);
        if (c->height == 0 || groups_time(&other, 1.0f) < groups_time(c, 1.0f))
            *c = other;
    }
}

void prn_costs_of(prn_costs *costs, const prn_kept *kept, const prn_sparse *kernels,
                  const prune_backend *backend)
{
    const int32_t told_apart = kept->columns <= PRN_SPARSE_COLUMNS;
    *costs = (prn_costs){ .kernels = kernels,
                          .has = { 1, 1, 1, told_apart && kernels->lanes != 0,
                                   told_apart && kernels->heights[0] != 0 },
                          .rows = kept->rows,
                          .columns = kept->columns,
                          .kept = kept->count,
                          .dense = backend == prune_backend_reference() ? 4.0f : 1.0f };
    if (costs->has[PRUNE_LAYOUT_WINDOWS])
        costs->steps = prn_pack_steps(kept, kernels);
    if (costs->has[PRUNE_LAYOUT_GROUPS])
        find_height(costs, kept);
}
