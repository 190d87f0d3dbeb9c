/* costs.c -- how long a product takes in each layout: a model
 *
 * The constants are nanoseconds on one core of an AMD Zen 4 (plain C, AVX2 and AVX-512) with OpenBLAS
 * 0.3.21's kernels for AVX2 and for AVX-512; what counts is their ratios. They were fitted to the shortest
 * of several times, of matrices from 1 x 10 to 300 x 784 (plain C: to 100 x 300) of which 2 to 100 % is
 * kept, in batches of 1 to 256; caches as found before on a Zen 5. What AUTO took was slower than 1/0.95 of
 * the best by 4 to 9 % of these points, by 1.5 times at worst by 1 %.
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
/* Dense by gemm_ref.c: a call; of each sample a weight and a row, by 4. */
static const float REFERENCE_CALL = 22.0f, REFERENCE = 0.05f, REFERENCE_ROW = 2.0f;
enum { REFERENCE_ROWS = 4 };
/* Rows, one sample: a call, a weight, a row. In panels: a call, a panel; a weight, and more with each
 * sample; a row of a tile, and more with each sample; a number that is moved into the panel or out of it,
 * by blocks of 8 x 8, or alone, as plain C does. Samples take plain C longer. */
static const float ROWS_CALL = 12.0f, PLAIN_WEIGHT = 0.57f, PLAIN_ROW = 0.6f;
static const float PANELS_CALL = 28.0f, PANEL = 12.0f, WEIGHT = 0.26f, SAMPLE = 0.019f, PLAIN_SAMPLE = 0.047f;
static const float PANEL_ROW = 0.6f, PANEL_ROW_SAMPLE = 0.04f, MOVED = 0.095f, MOVED_ALONE = 0.62f,
                   PLAIN_MOVED = 0.5f;
enum { MOVED_BY = 8 };
/* Windows, each sample: a step, with each lane; how much more a wide one takes; a lane of a slice, beside the
 * sample itself. */
static const float STEP = 0.29f, LANE = 0.048f, WIDE = 1.45f, SLICE_LANE = 0.65f, WINDOWS = 10.0f;
/* Groups, each sample: a vector of a block; a group, beside the sample itself. */
static const float BLOCK = 0.355f, GROUP = 2.8f, GROUPS = 5.0f;
/* Masks: a call; a span spread over its columns, once for all samples that registers hold, and more with
 * each of its columns; a column multiplied, and more with each of its span; the sum of a row, of a slice by
 * the columns of a span, a pass over a slice. In plain C: a weight, a mask, a row, and a branch that was
 * not foreseen. */
static const float MASKS_CALL = 18.0f, SPREAD = 0.2f, SPREAD_COLUMN = 0.037f, COLUMN = 0.0025f,
                   COLUMN_WIDE = 0.00064f, ROW_SUM = 0.55f, SLICE_SUM = 0.23f, PASS = 2.6f;
static const float PLAIN_KEPT = 0.5f, PLAIN_MASK = 0.85f, PLAIN_SUM = 0.17f, PLAIN_BRANCH = 1.5f;
/* A call of either. */
static const float KERNEL = 10.0f;
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

static float reference_time(const prn_costs *c, float samples)
{
    const float rows = (float)(pieces(c->rows, REFERENCE_ROWS) * REFERENCE_ROWS),
                bytes = 4.0f * rows * (float)c->columns;
    return REFERENCE_CALL + samples * rows * (REFERENCE * (float)c->columns + REFERENCE_ROW) + of_far(bytes);
}

static float dense_time(const prn_costs *c, size_t batch)
{
    const float rows = (float)c->rows, weights = rows * (float)c->columns, bytes = 4.0f * weights;
    if (c->by_reference)
        return reference_time(c, (float)batch);
    if (batch < 2)
        return ONE_CALL + larger(weights * ONE, of_bytes(bytes)) + ONE_ROW * rows;
    if (c->has_small && prn_gemm_is_small(batch, c->rows, c->columns))
        return small_time(batch, c->rows, c->columns);
    const float each = MULTIPLIED * (float)batch * 8.0f / (float)c->blas_speed;
    if (is_uncopied(c, batch))
        return CALL + weights * larger(ONE, each);
    const float tiled = (float)(pieces(c->rows, TILE) * TILE) * (float)c->columns;
    return CALL + tiled * (COPIED + each) + of_far(bytes);
}

/* Numbers that panels take in and give back. */
static float moving_time(const prn_costs *c, size_t batch)
{
    const float all = (float)batch * ((float)c->rows + (float)c->columns);
    if (c->kernels->lanes == 0)
        return PLAIN_MOVED * all;
    const uint32_t rows = c->rows / MOVED_BY * MOVED_BY, columns = c->columns / MOVED_BY * MOVED_BY;
    const size_t samples = batch / MOVED_BY * MOVED_BY;
    const float in_blocks = (float)samples * ((float)rows + (float)columns);
    return MOVED * in_blocks + MOVED_ALONE * (all - in_blocks);
}

/* Each panel reads all weights again. */
static float panels_time(const prn_costs *c, size_t batch)
{
    const prn_sparse *k = c->kernels;
    const float rows = (float)c->rows, kept = (float)c->kept, sample = k->lanes != 0 ? SAMPLE : PLAIN_SAMPLE;
    const uint32_t width = prn_panel_width(k, batch), tiles = c->columns / k->tile + 1;
    const size_t panels = pieces(batch, width);
    const float weights = larger((WEIGHT + sample * (float)width) * kept, of_bytes(6.0f * kept));
    const float sums = (PANEL_ROW + PANEL_ROW_SAMPLE * (float)width) * rows * (float)tiles;
    return PANELS_CALL + (float)panels * (PANEL + weights + sums) + moving_time(c, batch);
}

static float rows_time(const prn_costs *c, size_t batch)
{
    const float rows = (float)c->rows, kept = (float)c->kept;
    if (batch < 4)
        return ROWS_CALL + (float)batch * (PLAIN_WEIGHT * kept + PLAIN_ROW * rows + of_far(6.0f * kept));
    return panels_time(c, batch);
}

static float windows_time(const prn_costs *c, float batch)
{
    const prn_sparse *k = c->kernels;
    const float steps = (float)c->steps, lanes = (float)k->lanes;
    const float step = (STEP + LANE * lanes) * (c->window == k->window[0] ? 1.0f : WIDE);
    const float bytes = steps * (2.0f + (float)(k->lanes * (32 + k->bits)) / 8.0f);
    const float slices = (float)pieces(c->rows, k->lanes);
    return KERNEL + batch * (WINDOWS + larger(step * steps, of_bytes(bytes)) + SLICE_LANE * lanes * slices);
}

static float groups_time(const prn_costs *c, float batch)
{
    const float blocks = (float)c->blocks, height = (float)c->height;
    const float vectors = larger(1.0f, height / (float)c->kernels->lanes);
    const float bytes = blocks * (4.0f * height + 2.0f), groups = (float)pieces(c->rows, c->height);
    return KERNEL + batch * (GROUPS + larger(BLOCK * blocks * vectors, of_bytes(bytes)) + GROUP * groups);
}

static float plain_masks_time(const prn_costs *c, float samples)
{
    const float kept = (float)c->kept, rows = (float)c->rows, weights = rows * (float)c->columns;
    const float masks = rows * (float)pieces(c->columns, c->kernels->span);
    const float branches = kept * (1.0f - kept / weights);
    const float each = PLAIN_KEPT * kept + PLAIN_MASK * masks + PLAIN_SUM * rows + PLAIN_BRANCH * branches;
    return MASKS_CALL + samples * each + of_far(4.0f * kept + masks);
}

static float masks_time(const prn_costs *c, size_t batch)
{
    const prn_sparse *k = c->kernels;
    const float samples = (float)batch, kept = (float)c->kept, span = (float)k->span;
    if (k->together == 1)
        return plain_masks_time(c, samples);
    const size_t turns = batch / k->together + batch % k->together;
    const float slices = (float)pieces(c->rows, k->abreast), passes = (float)turns;
    const float spans = slices * (float)k->abreast * (float)pieces(c->columns, k->span);
    const float work =
        spans * ((SPREAD + SPREAD_COLUMN * span) * passes + (COLUMN + COLUMN_WIDE * span) * span * samples);
    const float bytes = 4.0f * kept + spans * (float)pieces(k->span, 8);
    return MASKS_CALL + larger(work, of_bytes(bytes)) + ROW_SUM * samples * (float)c->rows +
           slices * (SLICE_SUM * span * samples + PASS * passes);
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

static uint64_t bytes_of(const prn_costs *c, int32_t layout)
{
    const prn_sparse *k = c->kernels;
    const uint64_t rows = c->rows, kept = c->kept, steps = c->steps, blocks = c->blocks;
    switch (layout) {
    case PRUNE_LAYOUT_DENSE:
        return 4 * rows * c->columns;
    case PRUNE_LAYOUT_WINDOWS:
        return steps * (4 * k->lanes + k->lanes * k->bits / 8 + 2) + 4 * pieces(c->rows, k->lanes) + 4 * rows;
    case PRUNE_LAYOUT_GROUPS:
        return blocks * (4 * c->height + 2) + 4 * pieces(c->rows, c->height);
    case PRUNE_LAYOUT_MASKS:
        return 4 * kept +
               pieces(c->rows, k->abreast) * k->abreast * pieces(c->columns, k->span) * ((k->span + 7) / 8);
    default:
        return 6 * kept + 4 * rows * pieces(c->columns, k->tile);
    }
}

int32_t prn_costs_larger(const prn_costs *costs, int32_t layout)
{
    return bytes_of(costs, layout) > bytes_of(costs, PRUNE_LAYOUT_DENSE);
}

/* What is hardly faster by the model may be slower in truth: dense, then. */
int32_t prn_costs_best(const prn_costs *costs, size_t batch)
{
    int32_t best = PRUNE_LAYOUT_DENSE;
    float least = SURELY * prn_costs_time(costs, best, batch);
    for (int32_t layout = best + 1; layout < PRN_LAYOUTS; layout++) {
        const int32_t may = costs->has[layout] && !prn_costs_larger(costs, layout);
        const float time = may ? prn_costs_time(costs, layout, batch) : least;
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

                          .by_reference = backend == prune_backend_reference() };
    if (costs->has[PRUNE_LAYOUT_WINDOWS])
        find_window(costs, kept);
    if (costs->has[PRUNE_LAYOUT_GROUPS])
        find_height(costs, kept);
}
