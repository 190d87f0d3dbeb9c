/* data_free.c -- scores of weights that need no data: random, LAMP, geometric median
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/data_free.h"
#include "supplied.h"

#include <float.h>

/* Whether all that is chosen from is finite. */
static int32_t is_finite(const prune_model *model)
{
    prn_walk walk = { .model = model };
    for (const prn_param *param = prn_walk_next(&walk); param != NULL; param = prn_walk_next(&walk))
        if (param->prunable && prn_scan_finite(param->value, param->count) != param->count)
            return 0;
    return 1;
}

/* ---- random ---- */

prune_status prune_score_random(prune_importance *scores, uint64_t seed)
{
    float *to;
    prune_rng rng;
    const prune_status status = prn_importance_write(&to, scores);
    if (status != PRUNE_OK)
        return status;
    prune_rng_seed(&rng, seed);
    prn_walk walk = { .model = scores->model };
    for (const prn_param *param = prn_walk_next(&walk); param != NULL; param = prn_walk_next(&walk)) {
        for (size_t i = 0; param->prunable && i < param->count; i++)
            to[i] = prune_rng_uniform(&rng);
        to += param->count;
    }
    return prn_importance_written(scores);
}

/* ---- LAMP ---- */

/* In ascending order of |w|, then of the index. */
static int32_t comes_before(const float *w, size_t a, size_t b)
{
    const float x = w[a] < 0.0f ? -w[a] : w[a], y = w[b] < 0.0f ? -w[b] : w[b];
    return x < y || (!(y < x) && a < b);
}

static void sift_down(size_t *heap, size_t root, size_t count, const float *w)
{
    const size_t moved = heap[root];
    for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
        if (child + 1 < count && comes_before(w, heap[child], heap[child + 1]))
            child++;
        if (!comes_before(w, moved, heap[child]))
            break;
        heap[root] = heap[child];
        root = child;
    }
    heap[root] = moved;
}

/* Heapsort: in place, without recursion, never quadratic. */
static void sort(size_t *order, size_t count, const float *w)
{
    for (size_t root = count / 2; root > 0; root--)
        sift_down(order, root - 1, count, w);
    for (size_t last = count; last > 1; last--) {
        const size_t largest = order[0];
        order[0] = order[last - 1];
        order[last - 1] = largest;
        sift_down(order, 0, last - 1, w);
    }
}

static void score_lamp(float *scores, const float *w, size_t *order, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    sort(order, count, w);
    for (size_t at = count; at-- > 0;) {
        const double square = (double)w[order[at]] * (double)w[order[at]];
        sum += square;
        scores[order[at]] = sum > 0.0 ? (float)(square / sum) : 0.0f;
    }
}

static size_t largest_param(const prune_model *model)
{
    size_t most = 1;
    prn_walk walk = { .model = model };
    for (const prn_param *param = prn_walk_next(&walk); param != NULL; param = prn_walk_next(&walk))
        most = param->prunable && param->count > most ? param->count : most;
    return most;
}

static prune_status write_lamp(prune_importance *scores, size_t *order)
{
    float *to;
    const prune_status status = prn_importance_write(&to, scores);
    if (status != PRUNE_OK)
        return status;
    if (!is_finite(scores->model))
        return PRUNE_E_NONFINITE;
    prn_walk walk = { .model = scores->model };
    for (const prn_param *param = prn_walk_next(&walk); param != NULL; param = prn_walk_next(&walk)) {
        if (param->prunable)
            score_lamp(to, param->value, order, param->count);
        to += param->count;
    }
    return prn_importance_written(scores);
}

prune_status prune_score_lamp(prune_importance *scores)
{
    if (scores == NULL)
        return PRUNE_E_ARGUMENT;
    const size_t most = largest_param(scores->model);
    size_t *order = prn_mem_alloc(&scores->mem, most, sizeof *order);
    if (order == NULL)
        return PRUNE_E_MEMORY;
    const prune_status status = write_lamp(scores, order);
    prn_mem_free(&scores->mem, order, most, sizeof *order);
    return status;
}

/* ---- geometric median ---- */

static double distance(const float *a, const float *b, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        const double d = (double)a[i] - (double)b[i];
        sum += d * d;
    }
    return __builtin_sqrt(sum);
}

static float as_float(double x)
{
    return x <= (double)FLT_MAX ? (float)x : FLT_MAX;
}

static void score_rows(float *scores, const float *w, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++) {
        double sum = 0.0;
        for (size_t other = 0; other < rows; other++)
            sum += distance(w + r * columns, w + other * columns, columns);
        for (size_t c = 0; c < columns; c++)
            scores[r * columns + c] = as_float(sum);
    }
}

prune_status prune_score_geometric_median(prune_importance *scores)
{
    float *to;
    const prune_status status = prn_importance_write(&to, scores);
    if (status != PRUNE_OK)
        return status;
    if (!is_finite(scores->model))
        return PRUNE_E_NONFINITE;
    prn_walk walk = { .model = scores->model };
    for (const prn_param *param = prn_walk_next(&walk); param != NULL; param = prn_walk_next(&walk)) {
        if (param->prunable)
            score_rows(to, param->value, param->shape.dims[0], param->count / param->shape.dims[0]);
        to += param->count;
    }
    return prn_importance_written(scores);
}
