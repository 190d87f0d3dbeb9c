/* threshold.c -- the distribution of scores, and thresholds read off it
 *
 * SPDX-License-Identifier: MIT */
#include "threshold.h"
#include "bits.h"
#include "libprune/fmath.h"
#include "libprune/fraction.h"
#include "options.h"

#include <float.h>
#include <string.h>

prune_status prn_threshold_open(prn_ranking *all, size_t *kept, prune_selection *mine,
                                const prune_importance *importance, const prune_selection *selection)
{
    prune_status status = prn_importance_check(importance);
    if (status == PRUNE_OK)
        status = prn_unit_selection(mine, selection, importance->model);
    if (status != PRUNE_OK)
        return status;
    const size_t layers = importance->model->layer_count;
    *all = (prn_ranking){ importance, mine, NULL, { 0, layers } };
    *kept = 0;
    for (size_t l = 0; l < layers; l++)
        *kept += prn_unit_count_layer(mine, importance->model, l).kept;
    return *kept == 0 ? PRUNE_E_EMPTY : prn_unit_prepare(importance, mine);
}

/* ---- histogram ---- */

void prune_histogram_init(prune_histogram *histogram)
{
    if (histogram != NULL)
        *histogram = (prune_histogram){ .size = sizeof *histogram };
}

static prune_status find_range(prune_histogram *h, const prn_ranking *all)
{
    prn_rank_cursor cursor;
    float score;
    h->total = h->zeros = 0;
    h->low = h->high = 0.0f;
    int32_t first = 1;
    for (prn_rank_start(&cursor, all); prn_rank_next(&score, &cursor);) {
        const int32_t zero = score >= 0.0f && score <= 0.0f;
        h->total++;
        h->zeros += zero != 0;
        if (h->log_scale && zero)
            continue;
        h->high = first || score > h->high ? score : h->high;
        h->low = first || score < h->low ? score : h->low;
        first = 0;
    }
    return h->log_scale && h->low < 0.0f ? PRUNE_E_RANGE : PRUNE_OK;
}

/* In double, so that differences and ratios of any two floats are safe. */
static double place(const prune_histogram *h, float score)
{
    if (h->log_scale)
        return (double)prune_logf(score) - (double)prune_logf(h->low);
    return (double)score - (double)h->low;
}

/* A guess by the place, set right by the edges as a user reads them: what lies below edge i is what
 * prune_mask_below() takes there. */
static size_t bin_of(const prune_histogram *h, float score)
{
    if (score < h->low || !(h->high > h->low))
        return 0;
    if (!(score < h->high))
        return h->bins - 1;
    const double whole = place(h, h->high); /* 0 where floats so near have one logarithm */
    const double guess = whole > 0.0 ? place(h, score) / whole * (double)h->bins : 0.0;
    size_t bin = guess < (double)h->bins ? (size_t)guess : h->bins - 1;
    while (bin > 0 && score < prune_histogram_edge(h, bin))
        bin--;
    while (bin + 1 < h->bins && score >= prune_histogram_edge(h, bin + 1))
        bin++;
    return bin;
}

prune_status prune_histogram_fill(prune_histogram *histogram, const prune_importance *importance,
                                  const prune_selection *selection)
{
    prn_ranking all;
    prune_selection mine;
    prune_histogram h = { 0 };
    size_t kept;
    if (histogram == NULL)
        return PRUNE_E_ARGUMENT;
    prune_status status = prn_options_read(&h, sizeof h, histogram);
    if (status == PRUNE_OK && h.bins == 0)
        status = PRUNE_E_SIZE;
    if (status == PRUNE_OK && h.counts == NULL)
        status = PRUNE_E_ARGUMENT;
    if (status == PRUNE_OK)
        status = prn_threshold_open(&all, &kept, &mine, importance, selection);
    if (status != PRUNE_OK)
        return status;
    status = find_range(&h, &all);
    if (status != PRUNE_OK)
        return status;
    memset(h.counts, 0, h.bins * sizeof *h.counts);
    prn_rank_cursor cursor;
    float score;
    for (prn_rank_start(&cursor, &all); prn_rank_next(&score, &cursor);)
        h.counts[bin_of(&h, score)]++;
    prn_result_write(histogram, &h);
    return PRUNE_OK;
}

float prune_histogram_edge(const prune_histogram *h, size_t i)
{
    if (h == NULL || h->bins == 0 || i > h->bins)
        return prn_bits_float(0x7fc00000u);
    if (i == h->bins)
        return h->high;
    if (i == 0 || !(h->low < h->high))
        return h->low;
    const double part = (double)i / (double)h->bins;
    if (h->log_scale) {
        /* By a quarter of the exponent: the ratio of two floats may be too large for a float. */
        const double root = (double)prune_expf((float)(0.25 * part * place(h, h->high)));
        const float edge = (float)((double)h->low * (root * root) * (root * root));
        return edge < h->high ? edge : h->high;
    }
    return (float)((double)h->low + part * place(h, h->high));
}

/* ---- quantile ---- */

prune_status prune_threshold_quantile(float *threshold, const prune_importance *importance,
                                      const prune_selection *selection, double fraction)
{
    prn_ranking all;
    prune_selection mine;
    uint64_t below;
    size_t kept;
    if (threshold == NULL)
        return PRUNE_E_ARGUMENT;
    prune_status status = prn_threshold_open(&all, &kept, &mine, importance, selection);
    if (status == PRUNE_OK)
        status = prune_fraction_count(&below, fraction, kept);
    if (status != PRUNE_OK)
        return status;
    const int32_t everything = below == kept;
    const uint32_t order = prn_rank_lowest(&all, everything ? kept : (size_t)below + 1).order;
    *threshold = prn_bits_ordered(everything && order < prn_bits_order(FLT_MAX) ? order + 1 : order);
    return PRUNE_OK;
}
