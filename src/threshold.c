/* threshold.c -- the distribution of scores, and thresholds read off it
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/threshold.h"
#include "libprune/fmath.h"
#include "libprune/fraction.h"
#include "options.h"
#include "rank.h"

#include <string.h>

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* All kept units that the selection names, whatever its scope. */
static prune_status open_ranking(prn_ranking *all, prune_selection *mine, const prune_importance *importance,
                                 const prune_selection *selection)
{
    prune_status status = prn_importance_check(importance);
    if (status == PRUNE_OK)
        status = prn_unit_selection(mine, selection, importance->model);
    if (status != PRUNE_OK)
        return status;
    *all = (prn_ranking){ importance->model, importance, mine, NULL, { 0, importance->model->layer_count } };
    return prn_rank_count(all) == 0 ? PRUNE_E_EMPTY : PRUNE_OK;
}

/* ---- histogram ---- */

void prune_histogram_init(prune_histogram *histogram)
{
    if (histogram != NULL)
        *histogram = (prune_histogram){ .size = sizeof *histogram };
}

static void find_range(prune_histogram *h, const prn_ranking *all)
{
    prn_rank_cursor cursor;
    prn_unit unit;
    h->total = h->zeros = 0;
    h->low = h->high = 0.0f;
    int32_t first = 1;
    for (prn_rank_start(&cursor, all); prn_rank_next(&unit, &cursor);) {
        const int32_t zero = !(unit.score > 0.0f);
        h->total++;
        h->zeros += zero != 0;
        h->high = unit.score > h->high ? unit.score : h->high;
        if (h->log_scale && zero)
            continue;
        h->low = first || unit.score < h->low ? unit.score : h->low;
        first = 0;
    }
}

/* In double, so that differences and ratios of any two floats are safe. */
static double place(const prune_histogram *h, float score)
{
    if (h->log_scale)
        return (double)prune_logf(score) - (double)prune_logf(h->low);
    return (double)score - (double)h->low;
}

static size_t bin_of(const prune_histogram *h, float score)
{
    if (!(score > h->low))
        return 0;
    const size_t bin = (size_t)(place(h, score) / place(h, h->high) * (double)h->bins);
    return bin < h->bins ? bin : h->bins - 1;
}

prune_status prune_histogram_fill(prune_histogram *histogram, const prune_importance *importance,
                                  const prune_selection *selection)
{
    prn_ranking all;
    prune_selection mine;
    prune_histogram h = { 0 };
    if (histogram == NULL)
        return PRUNE_E_ARGUMENT;
    prune_status status = prn_options_read(&h, sizeof h, histogram);
    if (status == PRUNE_OK && h.bins == 0)
        status = PRUNE_E_SIZE;
    if (status == PRUNE_OK && h.counts == NULL)
        status = PRUNE_E_ARGUMENT;
    if (status == PRUNE_OK)
        status = open_ranking(&all, &mine, importance, selection);
    if (status != PRUNE_OK)
        return status;
    find_range(&h, &all);
    memset(h.counts, 0, h.bins * sizeof *h.counts);
    prn_rank_cursor cursor;
    prn_unit unit;
    for (prn_rank_start(&cursor, &all); prn_rank_next(&unit, &cursor);)
        h.counts[bin_of(&h, unit.score)]++;
    prn_result_write(histogram, &h);
    return PRUNE_OK;
}

float prune_histogram_edge(const prune_histogram *h, size_t i)
{
    if (h == NULL || h->bins == 0 || i > h->bins)
        return from_bits(0x7fc00000u);
    if (i == 0)
        return h->low;
    if (i == h->bins)
        return h->high;
    const double part = (double)i / (double)h->bins;
    if (h->log_scale)
        return h->low * prune_expf((float)(part * place(h, h->high)));
    return (float)((double)h->low + part * place(h, h->high));
}

/* ---- quantile ---- */

prune_status prune_threshold_quantile(float *threshold, const prune_importance *importance,
                                      const prune_selection *selection, double fraction)
{
    prn_ranking all;
    prune_selection mine;
    uint64_t below;
    if (threshold == NULL)
        return PRUNE_E_ARGUMENT;
    prune_status status = open_ranking(&all, &mine, importance, selection);
    if (status != PRUNE_OK)
        return status;
    const size_t units = prn_rank_count(&all);
    status = prune_fraction_count(&below, fraction, units);
    if (status != PRUNE_OK)
        return status;
    const int32_t everything = below == units;
    const prn_cut cut = prn_rank_lowest(&all, everything ? units : (size_t)below + 1);
    *threshold = from_bits(everything ? cut.bits + 1 : cut.bits);
    return PRUNE_OK;
}
