/* costs.c -- how long a product takes in each layout: a model
 *
 * The constants are nanoseconds on one core of an AMD Zen 5 (plain C, AVX2 and AVX-512, 4 GHz) with
 * OpenBLAS 0.3.21's kernels for AVX2; what counts is their ratios. They were fitted to the shortest of
 * several times, of matrices from 1 x 10 to 1024 x 1024 (AVX-512; AVX2 to 300 x 784, plain C to
 * 100 x 300) of which 2 to 100 % is kept, in batches of 1 to 256.
 *
 * SPDX-License-Identifier: MIT */
#include "costs.h"
#include "gemm_small.h"
#include "pack.h"

/* Dense by a BLAS. One sample: W is read as it lies, a weight and a row. More: W is copied first, for tiles
 * of 8 rows, and then multiplied, by vectors of 8; OpenBLAS's kernels for vectors of 16
 * (sgemm_small_matrix_permit of 0.3.21) do not copy where the result has at most UNCOPIED elements. */
static const float CALL = 100.0f, MULTIPLIED = 0.0195f, COPIED = 0.15f;
static const float ONE_CALL = 40.0f, ONE = 0.047f, ONE_ROW = 1.0f;
enum { TILE = 8, UNCOPIED = 1200, UNCOPIED_DEPTH = 32, UNCOPIED_WORK = 1000000 };
/* Dense by gemm_small.c: W laid out in panels of 8 rows, an element; then, for 4 samples at a time, a panel
 * and each of its columns; a sample of a result of fewer than 8. */
static const float SMALL = 33.0f, LAID_OUT = 0.09f, SMALL_PANEL = 3.0f, SMALL_COLUMN = 0.6f, SMALL_FEW = 2.0f;
enum { ABREAST = 4 };
/* Rows: a weight for one sample; in panels a weight, and more with each sample; a number that is moved into
 * the panel or out of it; a panel. Samples and moving take plain C twice as long. */
static const float PLAIN_WEIGHT = 0.42f, WEIGHT = 0.28f, SAMPLE = 0.016f, MOVED = 0.12f, PANEL = 40.0f;
/* Windows: a step, with each lane; how much more a wide one takes; a slice. */
static const float STEP = 0.2f, LANE = 0.0375f, WIDE = 1.4f, SLICE = 20.0f;
/* Groups: a vector of a block. */
static const float BLOCK = 0.35f;
/* Masks: a span spread over its columns, once for all samples that registers hold; a column multiplied; the
 * sum of a row. In plain C: a weight, and a mask. */
static const float SPREAD = 0.35f, COLUMN = 0.009f, ACROSS = 4.0f, PLAIN_KEPT = 0.9f, PLAIN_MASK = 1.3f;
/* A row of a tile or a group; a row in plain C; a call of a kernel. */
static const float ROW = 3.0f, PLAIN_ROW = 1.0f, KERNEL = 5.0f;
/* A byte from the last cache, and from beyond; the bytes of that cache. */
static const float NEAR = 0.011f, FAR = 0.036f, CACHE = 8e6f;
static const float SURELY = 0.95f;

static float larger(float a, float b)
{
    return a > b ? a : b;
}

/* What does not lie in caches comes while nothing else is done. */
static float of_far(float bytes)
{
    return bytes <= CACHE ? 0.0f : (bytes - CACHE) * FAR;
}

static float of_bytes(float bytes)
{
    return bytes <= CACHE ? bytes * NEAR : CACHE * NEAR + of_far(bytes);
}

static size_t pieces(size_t count, size_t of)
{
    return count / of + (count % of != 0);
}

/* A single row is multiplied as a column. */
static float small_time(size_t samples, size_t rows, size_t columns)
{
    const size_t m = rows == 1 ? 1 : samples, n = rows == 1 ? samples : rows;
    const float panels = (float)pieces(n, TILE), turns = (float)pieces(m, ABREAST), deep = (float)columns;
    const float few = n < TILE ? SMALL_FEW * (float)m : 0.0f;
    return SMALL + panels * (float)TILE * deep * LAID_OUT +
           turns * panels * (SMALL_PANEL + SMALL_COLUMN * deep) + few;
}

static int32_t is_uncopied(const prn_costs *c, size_t batch)
{
    return c->has_uncopied && c->columns >= UNCOPIED_DEPTH && batch <= UNCOPIED / c->rows &&
           batch * c->rows <= UNCOPIED_WORK / c->columns;
}

static float dense_time(const prn_costs *c, size_t batch)
{
    const float rows = (float)c->rows, weights = rows * (float)c->columns, bytes = 4.0f * weights;
    if (batch < 2)
        return c->dense * (ONE_CALL + larger(weights * ONE, of_bytes(bytes)) + ONE_ROW * rows);
    if (c->has_small && prn_gemm_is_small(batch, c->rows, c->columns))
        return small_time(batch, c->rows, c->columns);
    const float each = MULTIPLIED * (float)batch * 8.0f / (float)c->blas_speed;
    if (is_uncopied(c, batch))
        return CALL + weights * larger(ONE, each);
    const float tiled = (float)(pieces(c->rows, TILE) * TILE) * (float)c->columns;
    return CALL + c->dense * (tiled * (COPIED + each) + of_far(bytes));
}

/* Each panel reads all weights again. */
static float panels_time(const prn_costs *c, size_t batch)
{
    const prn_sparse *k = c->kernels;
    const float rows = (float)c->rows, kept = (float)c->kept, twice = k->lanes != 0 ? 1.0f : 2.0f;
    const uint32_t width = prn_panel_width(k, batch), tiles = c->columns / k->tile + 1;
    const size_t panels = pieces(batch, width);
    const float weights = larger((WEIGHT + twice * SAMPLE * (float)width) * kept, of_bytes(6.0f * kept));
    const float moved = (rows + (float)c->columns) * (float)width;
    return (float)panels * (PANEL + weights + ROW * rows * (float)tiles + twice * MOVED * moved);
}

static float rows_time(const prn_costs *c, size_t batch)
{
    const float rows = (float)c->rows, kept = (float)c->kept;
    if (batch < 4)
        return (float)batch * (KERNEL + PLAIN_WEIGHT * kept + PLAIN_ROW * rows + of_far(6.0f * kept));
    return panels_time(c, batch);
}

static float windows_time(const prn_costs *c, float batch)
{
    const prn_sparse *k = c->kernels;
    const float steps = (float)c->steps;
    const float step = (STEP + LANE * (float)k->lanes) * (c->window == k->window[0] ? 1.0f : WIDE);
    const float bytes = steps * (2.0f + (float)(k->lanes * (32 + k->bits)) / 8.0f);
    const uint32_t slices = c->rows / k->lanes + 1;
    return batch * (KERNEL + larger(step * steps, of_bytes(bytes)) + SLICE * (float)slices);
}

static float groups_time(const prn_costs *c, float batch)
{
    const float blocks = (float)c->blocks, height = (float)c->height;
    const float vectors = larger(1.0f, height / (float)c->kernels->lanes);
    const float bytes = blocks * (4.0f * height + 2.0f);
    const uint32_t groups = c->rows / c->height + 1;
    return batch * (KERNEL + larger(BLOCK * blocks * vectors, of_bytes(bytes)) + ROW * (float)groups);
}

static float masks_time(const prn_costs *c, size_t batch)
{
    const prn_sparse *k = c->kernels;
    const float samples = (float)batch, kept = (float)c->kept, rows = (float)c->rows;
    const uint32_t slices = c->rows / k->abreast + (c->rows % k->abreast != 0);
    const uint32_t across = c->columns / k->span + (c->columns % k->span != 0);
    const uint32_t bytes_each = (k->span + 7) / 8;
    const float spans = (float)slices * (float)k->abreast * (float)across;
    if (k->together == 1)
        return KERNEL + samples * (PLAIN_KEPT * kept + PLAIN_MASK * spans) + of_far(4.0f * kept + spans);
    const size_t passes = batch / k->together + batch % k->together;
    const float work = spans * (SPREAD * (float)passes + COLUMN * (float)k->span * samples);
    const float bytes = 4.0f * kept + spans * (float)bytes_each;
    return KERNEL + larger(work, of_bytes(bytes)) + ACROSS * samples * rows;
}

float prn_costs_time(const prn_costs *c, int32_t layout, size_t batch)
{
    switch (layout) {
    case PRUNE_LAYOUT_DENSE:
        return dense_time(c, batch);
    case PRUNE_LAYOUT_WINDOWS:
        return windows_time(c, (float)batch);
    case PRUNE_LAYOUT_GROUPS:
        return groups_time(c, (float)batch);
    case PRUNE_LAYOUT_MASKS:
        return masks_time(c, batch);
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

static void find_window(prn_costs *c, const prn_kept *kept)
{
    prn_costs other = *c;
    for (uint32_t i = 0; i < PRN_SPARSE_WINDOWS; i++) {
        other.window = c->kernels->window[i];
        other.steps = prn_pack_steps(kept, c->kernels, other.window);
        if (i == 0 || windows_time(&other, 1.0f) < windows_time(c, 1.0f))
            *c = other;
    }
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

/* Of a BLAS that is not known vectors are taken to be as long as our own. */
static uint32_t blas_speed(const prn_sparse *kernels)
{
    const uint32_t known = prn_blas_speed(), own = kernels->vector;
    return known == 0 || (own < known && known == 8) ? own : known;
}

void prn_costs_of(prn_costs *costs, const prn_kept *kept, const prn_sparse *kernels,
                  const prune_backend *backend)
{
    const int32_t told_apart = kept->columns <= PRN_SPARSE_COLUMNS;
    const int32_t by_blas = prn_blas_vector() != 0 && backend != prune_backend_reference();
    *costs = (prn_costs){ .kernels = kernels,
                          .has = { 1, 1, 1, told_apart && kernels->lanes != 0,
                                   told_apart && kernels->heights[0] != 0, 1 },
                          .rows = kept->rows,
                          .columns = kept->columns,
                          .kept = kept->count,
                          .blas_speed = blas_speed(kernels),
                          .has_small = by_blas,
                          .has_uncopied = by_blas && prn_blas_vector() == 16,
                          .dense = backend == prune_backend_reference() ? 4.0f : 1.0f };
    if (costs->has[PRUNE_LAYOUT_WINDOWS])
        find_window(costs, kept);
    if (costs->has[PRUNE_LAYOUT_GROUPS])
        find_height(costs, kept);
}
