/* regrow.c -- removed weights come back where they would help most
 *
 * Who goes and who comes is known before anything changes, as two cuts; then one walk, which meets every
 * weight once and so knows it by its mask as it was, does both.
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/regrow.h"
#include "bits.h"
#include "libprune/fraction.h"
#include "options.h"
#include "rank.h"

#include <string.h>

enum { DIGIT_BITS = 8, DIGITS = 1 << DIGIT_BITS };

void prune_regrowth_init(prune_regrowth *regrowth)
{
    if (regrowth != NULL)
        *regrowth = (prune_regrowth){ .size = sizeof *regrowth };
}

/* One call. */
typedef struct exchange {
    prune_model *model;
    const prune_importance *drop, *grow;
    prune_selection selection;
    double fraction;
    prune_regrowth result;
} exchange;

/* Layers first .. last - 1: how many go and come, and where the cuts are. The highest of the removed are
 * the lowest in the order turned around. */
typedef struct swap {
    size_t first_last[2];
    size_t count;
    prn_cut drop, grow;
} swap;

static uint32_t turned(float score)
{
    return ~prn_bits_order(score);
}

/* ---- choosing ---- */

static void count_removed(size_t counts[DIGITS], const exchange *x, const swap *s,
                          const uint32_t prefix_shift[2])
{
    const uint32_t prefix = prefix_shift[0], shift = prefix_shift[1];
    prn_run_cursor runs;
    prn_run run;
    memset(counts, 0, DIGITS * sizeof counts[0]);
    prn_run_start(&runs, x->grow, &x->selection, s->first_last);
    while (prn_run_next(&run, &runs))
        for (size_t i = 0; i < run.count; i++) {
            const uint32_t order = turned(run.score[i]);
            const int32_t agrees = shift + DIGIT_BITS == 32 || order >> (shift + DIGIT_BITS) == prefix;
            if (agrees && !prn_mask_test(run.mask, i))
                counts[order >> shift & (DIGITS - 1)]++;
        }
}

/* By radix, as in rank.c; there are at least k removed weights. */
static prn_cut highest_removed(const exchange *x, const swap *s, size_t k)
{
    size_t counts[DIGITS];
    uint32_t prefix_shift[2] = { 0, 32 };
    if (k == 0)
        return (prn_cut){ 0, 0 };
    while (prefix_shift[1] != 0) {
        uint32_t digit = 0;
        prefix_shift[1] -= DIGIT_BITS;
        count_removed(counts, x, s, prefix_shift);
        while (counts[digit] < k)
            k -= counts[digit++];
        prefix_shift[0] = prefix_shift[0] << DIGIT_BITS | digit;
    }
    return (prn_cut){ prefix_shift[0], k };
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static prune_status choose(swap *s, const exchange *x)
{
    prn_unit_count all = { 0 };
    size_t may_go = 0;
    for (size_t l = s->first_last[0]; l < s->first_last[1]; l++) {
        const prn_unit_count count = prn_unit_count_layer(&x->selection, x->model, l);
        const uint64_t floor = x->selection.min_kept;
        all.units += count.units;
        all.kept += count.kept;
        may_go += count.kept > floor ? count.kept - (size_t)floor : 0;
    }
    uint64_t wanted;
    const prune_status status = prune_fraction_count(&wanted, x->fraction, all.kept);
    if (status != PRUNE_OK)
        return status;
    const prn_ranking kept = { x->drop, &x->selection, NULL, { s->first_last[0], s->first_last[1] } };
    s->count = smaller(smaller((size_t)wanted, all.units - all.kept), may_go);
    s->drop = prn_rank_lowest(&kept, s->count);
    s->grow = highest_removed(x, s, s->count);
    return PRUNE_OK;
}

/* ---- doing ---- */

/* How many more weights than now the layer would have; with `apply` it is done. */
static ptrdiff_t exchange_layer(const exchange *x, swap *s, size_t layer, int32_t apply)
{
    prn_run_cursor drops, grows;
    prn_run drop, grow;
    ptrdiff_t more = 0;
    prn_run_start(&drops, x->drop, &x->selection, (const size_t[2]){ layer, layer + 1 });
    prn_run_start(&grows, x->grow, &x->selection, (const size_t[2]){ layer, layer + 1 });
    while (prn_run_next(&drop, &drops) && prn_run_next(&grow, &grows)) {
        prn_param *param = &x->model->layers[layer]->params[drop.param];
        for (size_t i = 0; i < drop.count; i++) {
            const int32_t kept = prn_mask_test(param->mask, i);
            const int32_t chosen = kept ? prn_cut_takes(&s->drop, prn_bits_order(drop.score[i]))
                                        : prn_cut_takes(&s->grow, turned(grow.score[i]));
            more += chosen ? (kept ? -1 : 1) : 0;
            if (chosen && apply && kept)
                prn_param_remove(param, i);
            if (chosen && apply && !kept)
                prn_param_return(param, i);
        }
    }
    return more;
}

/* Of a swap over all layers: whether it leaves each its floor, or what it has if that is less. */
static prune_status check_floors(const exchange *x, swap s)
{
    for (size_t l = s.first_last[0]; l < s.first_last[1]; l++) {
        const size_t kept = prn_unit_count_layer(&x->selection, x->model, l).kept;
        const ptrdiff_t more = exchange_layer(x, &s, l, 0);
        const size_t after = more < 0 ? kept - (size_t)-more : kept + (size_t)more;
        if (after < kept && after < x->selection.min_kept)
            return PRUNE_E_COLLAPSE;
    }
    return PRUNE_OK;
}

static prune_status exchange_range(exchange *x, size_t first, size_t last)
{
    swap s = { .first_last = { first, last } };
    prune_status status = choose(&s, x);
    if (status == PRUNE_OK)
        status = check_floors(x, s);
    if (status != PRUNE_OK)
        return status;
    for (size_t l = first; l < last; l++)
        (void)exchange_layer(x, &s, l, 1);
    x->result.dropped += s.count;
    return PRUNE_OK;
}

/* ---- the call ---- */

static prune_status check_table(const prune_importance *table, const prune_model *model)
{
    const prune_status status = prn_importance_check(table);
    return status == PRUNE_OK && table->model != model ? PRUNE_E_STATE : status;
}

static prune_status open_exchange(exchange *x, const prune_regrowth *regrowth,
                                  const prune_selection *selection)
{
    if (x->model == NULL)
        return PRUNE_E_ARGUMENT;
    prune_status status = check_table(x->drop, x->model);
    if (status == PRUNE_OK)
        status = check_table(x->grow, x->model);
    if (status == PRUNE_OK)
        status = prn_unit_selection(&x->selection, selection, x->model);
    prune_regrowth_init(&x->result);
    if (status == PRUNE_OK)
        status = prn_options_read(&x->result, sizeof x->result, regrowth);
    if (status == PRUNE_OK && x->selection.granularity != PRUNE_WEIGHTS)
        status = PRUNE_E_ARGUMENT;
    if (status == PRUNE_OK && !(x->fraction >= 0.0 && x->fraction <= 1.0))
        status = PRUNE_E_RANGE;
    prune_regrowth_init(&x->result);
    return status;
}

prune_status prune_mask_regrow(prune_regrowth *regrowth, prune_model *model, const prune_importance *drop,
                               const prune_importance *grow, const prune_selection *selection,
                               double fraction)
{
    exchange x = { .model = model, .drop = drop, .grow = grow, .fraction = fraction };
    prune_status status = open_exchange(&x, regrowth, selection);
    const size_t layers = status == PRUNE_OK ? model->layer_count : 0;
    const size_t step = x.selection.scope == PRUNE_GLOBAL ? layers : 1;
    for (size_t l = 0; status == PRUNE_OK && l < layers; l += step)
        status = exchange_range(&x, l, l + step);
    for (size_t l = 0; l < layers; l++)
        x.result.kept += prn_unit_count_layer(&x.selection, model, l).kept;
    if (status == PRUNE_OK)
        prn_result_write(regrowth, &x.result);
    return status;
}
