/* surgery.c -- optimal brain surgeon on one dense layer
 *
 * SPDX-License-Identifier: MIT */
#include "surgery.h"
#include "squares.h"

#include <float.h>
#include <limits.h>
#include <string.h>

enum { WEIGHT = 0, BIAS = 1 };

static size_t block_of(const prn_surgery_options *options, size_t inputs)
{
    const size_t of = options->of > 0 ? options->of : 1;
    const size_t block = options->block < inputs ? options->block : inputs;
    return (block + of - 1) / of * of;
}

prune_status prn_surgery_open(prn_surgery *s, prn_layer *layer)
{
    s->layer = layer;
    s->inputs = layer->params[WEIGHT].shape.dims[1];
    s->outputs = layer->params[WEIGHT].shape.dims[0];
    s->n = s->inputs + (size_t)s->options.bias;
    s->block = block_of(&s->options, s->inputs);
    if (s->n > INT_MAX || s->block > INT_MAX)
        return PRUNE_E_LIMIT;
    if (prn_mem_overflows(s->n, s->n) || prn_mem_overflows(s->outputs, s->n) ||
        prn_mem_overflows(s->outputs, s->block))
        return PRUNE_E_OVERFLOW;
    const size_t in_block = s->outputs * s->block;
    prn_layout layout = { 0 };
    const size_t h = prn_layout_add(&layout, s->n * s->n, sizeof(double));
    const size_t w = prn_layout_add(&layout, s->outputs * s->n, sizeof(double));
    const size_t err = prn_layout_add(&layout, in_block, sizeof(double));
    const size_t key = prn_layout_add(&layout, in_block, sizeof(uint64_t));
    const size_t gone = prn_layout_add(&layout, in_block, 1);
    if (layout.overflow)
        return PRUNE_E_OVERFLOW;
    s->bytes = layout.bytes;
    s->memory = prn_mem_alloc(&s->mem, 1, layout.bytes);
    if (s->memory == NULL)
        return PRUNE_E_MEMORY;
    s->h = (double *)s->memory + h / sizeof(double);
    s->w = (double *)s->memory + w / sizeof(double);
    s->err = (double *)s->memory + err / sizeof(double);
    s->key = (uint64_t *)s->memory + key / sizeof(uint64_t);
    s->gone = (uint8_t *)s->memory + gone;
    return PRUNE_OK;
}

void prn_surgery_close(prn_surgery *s)
{
    if (s->memory != NULL)
        prn_mem_free(&s->mem, s->memory, 1, s->bytes);
    s->memory = NULL;
}

static void take_weights(prn_surgery *s)
{
    const float *weight = s->layer->params[WEIGHT].value, *bias = s->layer->params[BIAS].value;
    for (size_t o = 0; o < s->outputs; o++) {
        s->w[o * s->n + s->n - 1] = (double)bias[o]; /* or a weight, as the next lines will say */
        for (size_t i = 0; i < s->inputs; i++)
            s->w[o * s->n + i] = (double)weight[o * s->inputs + i];
    }
}

/* An input that is always 0 tells nothing of its weights, and has nothing to do with others. */
static void separate_dead(prn_surgery *s)
{
    for (size_t i = 0; i < s->inputs; i++) {
        if (s->h[i * s->n + i] > 0.0)
            continue;
        s->h[i * s->n + i] = 1.0;
        for (size_t o = 0; o < s->outputs; o++)
            s->w[o * s->n + i] = 0.0;
    }
}

prune_status prn_surgery_invert(prn_surgery *s)
{
    take_weights(s);
    separate_dead(s);
    prn_squares_damp(s->h, s->n, s->options.damping);
    const prune_status status = s->linalg->factor(s->h, s->n);
    if (status == PRUNE_OK)
        s->linalg->invert(s->h, s->n);
    return status;
}

/* ---- what goes ---- */

static double score(const prn_surgery *s, size_t o, size_t column)
{
    const double scaled = s->w[o * s->n + column] / s->h[column * s->n + column];
    return scaled * scaled;
}

static int32_t is_kept(const prn_surgery *s, size_t o, size_t column)
{
    return prn_mask_test(s->layer->params[WEIGHT].mask, o * s->inputs + column);
}

/* Of the block of columns first .. last - 1; returns how many are kept. */
static size_t score_block(prn_surgery *s, size_t first, size_t last)
{
    size_t kept = 0;
    for (size_t o = 0; o < s->outputs; o++)
        for (size_t j = first; j < last; j++) {
            const size_t at = o * s->block + j - first;
            const double value = score(s, o, j);
            const int32_t stays = is_kept(s, o, j);
            kept += (size_t)stays;
            s->gone[at] = !stays;
            s->key[at] = UINT64_MAX;
            if (stays)
                memcpy(&s->key[at], &value, sizeof value);
        }
    return kept;
}

/* How many keys are below this one. */
static size_t count_below(const prn_surgery *s, size_t width, uint64_t key)
{
    size_t below = 0;
    for (size_t o = 0; o < s->outputs; o++)
        for (size_t j = 0; j < width; j++)
            below += s->key[o * s->block + j] < key;
    return below;
}

/* The key in place k of the order, counted from 1; there are that many. */
static uint64_t key_at(const prn_surgery *s, size_t width, size_t k)
{
    uint64_t key = 0;
    for (int32_t bit = 63; bit >= 0; bit--) {
        const uint64_t larger = key | (uint64_t)1 << bit;
        key = count_below(s, width, larger) < k ? larger : key;
    }
    return key;
}

/* The lowest k of the block, and with `ties` all that are not above the last of them. */
static void choose_lowest(prn_surgery *s, size_t width, size_t k, int32_t ties)
{
    if (k == 0)
        return;
    const uint64_t cut = key_at(s, width, k);
    size_t equal = ties ? s->outputs * width : k - count_below(s, width, cut);
    for (size_t o = 0; o < s->outputs; o++)
        for (size_t j = 0; j < width; j++) {
            const size_t at = o * s->block + j;
            const int32_t tied = s->key[at] == cut && equal > 0;
            if (s->key[at] < cut || tied)
                s->gone[at] = 1;
            equal -= (size_t)tied;
        }
}

/* Blocks take what is to go in the proportion of what they keep, rounded down so far. */
typedef struct quota {
    uint64_t total, kept; /* of the layer */
    uint64_t given, seen;
} quota;

static size_t next_share(quota *q, size_t kept)
{
    q->seen += kept;
    const double exact = (double)q->total * (double)q->seen / (double)(q->kept > 0 ? q->kept : 1);
    uint64_t by_now = q->seen == q->kept ? q->total : (uint64_t)exact;
    if (by_now < q->given)
        by_now = q->given;
    if (by_now - q->given > kept)
        by_now = q->given + kept;
    const size_t share = (size_t)(by_now - q->given);
    q->given = by_now;
    return share;
}

/* The script counts removed weights, which score 0, and takes what ties. */
static void choose_one_more(prn_surgery *s, size_t width, size_t kept)
{
    const size_t all = s->outputs * width, place = (size_t)((double)all * s->options.fraction) + 1;
    const size_t before = all - kept, k = place > before ? place - before : 0;
    choose_lowest(s, width, k < kept ? k : kept, 1);
}

/* Of the group of M that begins here, in one row: so that at most N stay. */
static void choose_in_group(prn_surgery *s, size_t o, size_t first, size_t begin)
{
    const size_t left = s->inputs - begin, size = s->options.of < left ? s->options.of : left;
    uint8_t *gone = s->gone + o * s->block + begin - first;
    size_t kept = 0;
    for (size_t j = 0; j < size; j++)
        kept += !gone[j];
    for (; kept > s->options.keep; kept--) {
        size_t lowest = size;
        for (size_t j = 0; j < size; j++)
            if (!gone[j] && (lowest == size || score(s, o, begin + j) < score(s, o, begin + lowest)))
                lowest = j;
        gone[lowest] = 1;
    }
}

/* ---- making up for it ---- */

static void work_row(prn_surgery *s, size_t o, size_t first, size_t last)
{
    double *row = s->w + o * s->n;
    for (size_t j = first; j < last; j++) {
        if (s->options.of > 0 && j % s->options.of == 0)
            choose_in_group(s, o, first, j);
        double *err = &s->err[o * s->block + j - first];
        *err = 0.0;
        if (!s->gone[o * s->block + j - first])
            continue;
        const double *u = s->h + j * s->n;
        *err = row[j] / u[j];
        for (size_t k = j; k < last; k++)
            row[k] -= *err * u[k];
        row[j] = 0.0;
    }
}

/* All columns behind the block, at once. */
static void work_rest(prn_surgery *s, size_t first, size_t last)
{
    const prn_linalg_product rest = { .c = s->w + last,
                                      .ldc = s->n,
                                      .a = s->err,
                                      .lda = s->block,
                                      .b = s->h + first * s->n + last,
                                      .ldb = s->n,
                                      .m = s->outputs,
                                      .n = s->n - last,
                                      .k = last - first };
    if (rest.n > 0)
        s->linalg->subtract(&rest);
}

static void work_block(prn_surgery *s, quota *q, size_t first, size_t last)
{
    const size_t kept = score_block(s, first, last), width = last - first;
    if (s->options.of == 0 && s->options.one_more)
        choose_one_more(s, width, kept);
    else if (s->options.of == 0)
        choose_lowest(s, width, next_share(q, kept), 0);
    for (size_t o = 0; o < s->outputs; o++)
        work_row(s, o, first, last);
    work_rest(s, first, last);
    prn_param *weight = &s->layer->params[WEIGHT];
    for (size_t o = 0; o < s->outputs; o++)
        for (size_t j = 0; j < width; j++)
            if (s->gone[o * s->block + j])
                prn_param_remove(weight, o * s->inputs + first + j);
}

static int32_t put(prn_param *param, size_t i, double value)
{
    const int32_t kept = prn_mask_test(param->mask, i);
    param->value[i] = kept ? (float)value : 0.0f;
    return !kept || (value <= (double)FLT_MAX && value >= (double)-FLT_MAX);
}

static prune_status give_weights(prn_surgery *s)
{
    int32_t finite = 1;
    for (size_t o = 0; o < s->outputs; o++) {
        for (size_t i = 0; i < s->inputs; i++)
            finite &= put(&s->layer->params[WEIGHT], o * s->inputs + i, s->w[o * s->n + i]);
        if (s->options.bias)
            finite &= put(&s->layer->params[BIAS], o, s->w[o * s->n + s->inputs]);
    }
    return finite ? PRUNE_OK : PRUNE_E_NONFINITE;
}

prune_status prn_surgery_operate(prn_surgery *s, uint64_t count)
{
    if (s->linalg->factor(s->h, s->n) != PRUNE_OK)
        return PRUNE_E_SINGULAR;
    const prn_param *weight = &s->layer->params[WEIGHT];
    quota q = { .kept = weight->count - weight->removed };
    q.total = count > weight->removed ? count - weight->removed : 0;
    for (size_t first = 0; first < s->inputs; first += s->block)
        work_block(s, &q, first, s->inputs - first < s->block ? s->inputs : first + s->block);
    return weight->removed == weight->count ? PRUNE_E_COLLAPSE : give_weights(s);
}
