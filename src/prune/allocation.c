/* allocation.c -- how much each layer is to lose, and losing exactly that
 *
 * A pool's total comes first, from the units of all pools; then the layers of each pool share that.
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/allocation.h"
#include "bits.h"
#include "importance.h"
#include "mask.h"
#include "options.h"
#include "rank.h"
#include "sensitivity.h"
#include "share.h"

void prune_allocation_init(prune_allocation *allocation)
{
    if (allocation != NULL)
        *allocation = (prune_allocation){ .size = sizeof *allocation, .rule = PRUNE_ALLOCATE_RANKED };
}

/* What a layer can lose, and does. */
typedef struct layer_part {
    uint64_t units, kept;
    uint64_t least, most, take; /* of those kept */
    size_t pool;                /* the first layer of its pool */
    double scale;               /* what its scores are divided by */
    uint64_t pool_total;        /* of the first of a pool */
} layer_part;

/* One call. */
typedef struct plan {
    const prune_model *model;
    const prune_importance *importance;
    prune_allocation options;
    prune_selection selection;
    prune_sensitivity table;
    size_t count;
    layer_part *layers;
    prn_share *shares; /* [count] */
} plan;

/* ---- the table ---- */

static int32_t is_finite(double x)
{
    return x - x == 0.0;
}

/* How much worse the metric is than without the removal; not finite: nothing is known from here on. */
static double loss_at(const plan *p, size_t l, size_t level)
{
    const prune_sensitivity *t = &p->table;
    const double value = t->values[l * t->levels + level];
    return t->higher_is_better ? t->reference - value : value - t->reference;
}

/* Cannot fail: the fractions have been checked. */
static uint64_t count_at(const plan *p, size_t l, size_t level)
{
    uint64_t count = 0;
    (void)prune_fraction_count(&count, p->table.fractions[level], p->layers[l].units);
    return count;
}

/* The next level of a layer that has lost `take`: how many it will have lost there, and what each unit on the
 * way costs. 0: there is none. */
static int32_t next_step(const plan *p, size_t l, uint64_t *to, double *cost)
{
    const layer_part *layer = &p->layers[l];
    const uint64_t start = layer->units - layer->kept, now = start + layer->take;
    uint64_t from = start;
    double before = 0.0;
    for (size_t i = 0; i < p->table.levels; i++) {
        const uint64_t count = count_at(p, l, i);
        const double loss = loss_at(p, l, i);
        if (!is_finite(loss))
            return 0;
        if (count > now) {
            *to = count - start;
            *cost = (loss - before) / (double)(count - from);
            return 1;
        }
        from = count > from ? count : from;
        before = loss;
    }
    return 0;
}

/* How many a layer may lose by what is known of it. */
static uint64_t known_of(const plan *p, size_t l)
{
    uint64_t count = 0;
    const uint64_t gone = p->layers[l].units - p->layers[l].kept;
    for (size_t i = 0; i < p->table.levels && is_finite(loss_at(p, l, i)); i++)
        count = count_at(p, l, i);
    return count > gone ? count - gone : 0;
}

/* ---- opening ---- */

static prune_status read_options(plan *p, const prune_allocation *given)
{
    prune_allocation_init(&p->options);
    prune_status status =
        p->model == NULL ? PRUNE_E_ARGUMENT : prn_options_read(&p->options, sizeof p->options, given);
    const prune_allocation *o = &p->options;
    if (status == PRUNE_OK)
        status = prn_unit_selection(&p->selection, o->selection, p->model);
    if (status != PRUNE_OK)
        return status;
    if (o->rule < PRUNE_ALLOCATE_RANKED || o->rule > PRUNE_ALLOCATE_SENSITIVITY ||
        o->normalize < PRUNE_NORMALIZE_NONE || o->normalize > PRUNE_NORMALIZE_MAX)
        return PRUNE_E_ARGUMENT;
    p->count = p->model->layer_count;
    if ((o->least != NULL || o->most != NULL || o->pool != NULL) && o->layers != p->count)
        return PRUNE_E_SHAPE;
    if (o->rule == PRUNE_ALLOCATE_SENSITIVITY)
        return prn_sensitivity_open(&p->table, o->sensitivity, p->count);
    return PRUNE_OK;
}

static int32_t has_weights(const prn_layer *layer)
{
    for (size_t i = 0; i < layer->param_count; i++)
        if (layer->params[i].prunable)
            return 1;
    return 0;
}

/* How many of a layer may go, by all but `most`. */
static uint64_t removable(const plan *p, size_t l)
{
    const uint64_t kept = p->layers[l].kept, floor = p->selection.min_kept;
    uint64_t most = kept > floor ? kept - floor : 0;
    if (p->options.rule == PRUNE_ALLOCATE_ERK && !has_weights(p->model->layers[l]))
        most = 0;
    if (p->options.rule == PRUNE_ALLOCATE_SENSITIVITY) {
        const uint64_t known = known_of(p, l);
        most = most < known ? most : known;
    }
    return most;
}

static prune_status set_limits(plan *p, size_t l)
{
    layer_part *layer = &p->layers[l];
    const double least = p->options.least != NULL ? p->options.least[l] : 0.0;
    const double most = p->options.most != NULL ? p->options.most[l] : 1.0;
    const uint64_t gone = layer->units - layer->kept;
    uint64_t low = 0, high = 0;
    if (!(least >= 0.0 && least <= most && most <= 1.0))
        return PRUNE_E_RANGE;
    (void)prune_fraction_count(&low, least, layer->units);
    (void)prune_fraction_count(&high, most, layer->units);
    layer->least = low > gone ? low - gone : 0;
    layer->most = high > gone ? high - gone : 0;
    const uint64_t may = removable(p, l);
    layer->most = layer->most < may ? layer->most : may;
    return layer->least > layer->most ? PRUNE_E_COLLAPSE : PRUNE_OK;
}

static int32_t same_pool(const plan *p, size_t a, size_t b)
{
    const int32_t apart = p->selection.scope == PRUNE_PER_LAYER;
    return a == b || (!apart && (p->options.pool == NULL || p->options.pool[a] == p->options.pool[b]));
}

static prune_status set_layers(plan *p)
{
    for (size_t l = 0; l < p->count; l++) {
        layer_part *layer = &p->layers[l];
        *layer = (layer_part){ .scale = 1.0 };
        while (!same_pool(p, layer->pool, l))
            layer->pool++;
        if (p->options.pool == NULL || p->options.pool[l] >= 0) {
            const prn_unit_count count = prn_unit_count_layer(&p->selection, p->model, l);
            layer->units = count.units;
            layer->kept = count.kept;
        }
        const prune_status status = set_limits(p, l);
        if (status != PRUNE_OK)
            return status;
    }
    return PRUNE_OK;
}

static prune_status open_plan(plan *p, const prune_allocation *given)
{
    const prune_status status = read_options(p, given);
    if (status != PRUNE_OK)
        return status;
    p->layers = prn_mem_alloc(&p->model->mem, p->count, sizeof *p->layers);
    p->shares = prn_mem_alloc(&p->model->mem, p->count, sizeof *p->shares);
    return p->layers == NULL || p->shares == NULL ? PRUNE_E_MEMORY : set_layers(p);
}

static void close_plan(plan *p)
{
    if (p->shares != NULL)
        prn_mem_free(&p->model->mem, p->shares, p->count, sizeof *p->shares);
    if (p->layers != NULL)
        prn_mem_free(&p->model->mem, p->layers, p->count, sizeof *p->layers);
}

/* ---- pools ---- */

static void share_among_pools(plan *p, uint64_t total)
{
    uint64_t kept = 0;
    for (size_t l = 0; l < p->count; l++)
        p->shares[l] = (prn_share){ 0.0, 0, 0, 0 };
    for (size_t l = 0; l < p->count; l++) {
        const layer_part *layer = &p->layers[l];
        prn_share *pool = &p->shares[layer->pool];
        pool->share += (double)layer->units;
        pool->least += layer->kept - layer->most;
        pool->most += layer->kept - layer->least;
        p->layers[layer->pool].pool_total += layer->kept;
        kept += layer->kept;
    }
    prn_share_out(p->shares, p->count, kept - total);
    for (size_t l = 0; l < p->count; l++)
        p->layers[l].pool_total -= p->shares[l].part;
}

/* ---- in proportion ---- */

static double share_of(const plan *p, size_t l)
{
    const double units = (double)p->layers[l].units;
    if (p->options.rule == PRUNE_ALLOCATE_UNIFORM)
        return units;
    const double in = (double)prn_shape_count(&p->model->layers[l]->input);
    const double out = (double)prn_shape_count(&p->model->layers[l]->output);
    return units / (in * out) * (in + out);
}

static void share_in_pool(plan *p, size_t pool)
{
    uint64_t kept = 0;
    for (size_t l = 0; l < p->count; l++) {
        const layer_part *layer = &p->layers[l];
        p->shares[l] = (prn_share){ 0.0, 0, 0, 0 };
        if (layer->pool != pool)
            continue;
        kept += layer->kept;
        p->shares[l] =
            (prn_share){ share_of(p, l), layer->kept - layer->most, layer->kept - layer->least, 0 };
    }
    prn_share_out(p->shares, p->count, kept - p->layers[pool].pool_total);
    for (size_t l = 0; l < p->count; l++)
        if (p->layers[l].pool == pool)
            p->layers[l].take = p->layers[l].kept - p->shares[l].part;
}

/* ---- by rank ---- */

static prn_rank_cursor walk_layer(const plan *p, prn_ranking *layer, size_t l)
{
    prn_rank_cursor cursor;
    *layer = (prn_ranking){ p->importance, &p->selection, NULL, { l, l + 1 } };
    prn_rank_start(&cursor, layer);
    return cursor;
}

static double scale_of(const plan *p, size_t l)
{
    prn_ranking layer;
    prn_rank_cursor cursor = walk_layer(p, &layer, l);
    double sum = 0.0, squares = 0.0, most = 0.0;
    size_t n = 0;
    for (float score; prn_rank_next(&score, &cursor); n++) {
        const double size = score < 0.0f ? -(double)score : (double)score;
        sum += size;
        squares += size * size;
        most = size > most ? size : most;
    }
    switch (p->options.normalize) {
    case PRUNE_NORMALIZE_MEAN:
        return n > 0 ? sum / (double)n : 0.0;
    case PRUNE_NORMALIZE_L2:
        return __builtin_sqrt(squares);
    case PRUNE_NORMALIZE_MAX:
        return most;
    default:
        return 1.0;
    }
}

/* Dividing by one number keeps the order, so these are the first of the layer's own ranking. */
static uint64_t count_below(const plan *p, size_t l, uint32_t order)
{
    const layer_part *layer = &p->layers[l];
    prn_ranking ranking;
    prn_rank_cursor cursor = walk_layer(p, &ranking, l);
    uint64_t count = 0;
    for (float score; prn_rank_next(&score, &cursor);) {
        const float scaled = layer->scale > 0.0 ? (float)((double)score / layer->scale) : score;
        count += prn_bits_order(scaled) < order;
    }
    count = count < layer->most ? count : layer->most;
    return count > layer->least ? count : layer->least;
}

static uint64_t count_pool_below(const plan *p, size_t pool, uint32_t order)
{
    uint64_t sum = 0;
    for (size_t l = 0; l < p->count; l++)
        if (p->layers[l].pool == pool && p->layers[l].most > 0)
            sum += count_below(p, l, order);
    return sum;
}

/* The largest order below which not more than the total lie; those that have it go up to the total. */
static void rank_in_pool(plan *p, size_t pool)
{
    uint32_t low = 0, high = UINT32_MAX;
    uint64_t left = p->layers[pool].pool_total;
    for (size_t l = 0; l < p->count; l++)
        if (p->layers[l].pool == pool && p->layers[l].most > 0)
            p->layers[l].scale = scale_of(p, l);
    while (low < high) {
        const uint32_t middle = high - (high - low) / 2;
        if (count_pool_below(p, pool, middle) <= left)
            low = middle;
        else
            high = middle - 1;
    }
    left -= count_pool_below(p, pool, low);
    for (size_t l = 0; l < p->count; l++) {
        if (p->layers[l].pool != pool || p->layers[l].most == 0)
            continue;
        const uint64_t below = count_below(p, l, low);
        const uint64_t equal = left > 0 ? count_below(p, l, low + 1) - below : 0;
        const uint64_t ties = equal < left ? equal : left;
        p->layers[l].take = below + ties;
        left -= ties;
    }
}

/* ---- by the table ---- */

static void step_in_pool(plan *p, size_t pool)
{
    uint64_t left = p->layers[pool].pool_total;
    for (size_t l = 0; l < p->count; l++)
        if (p->layers[l].pool == pool)
            left -= p->layers[l].take = p->layers[l].least;
    while (left > 0) {
        size_t best = p->count;
        uint64_t to = 0;
        double cost = 0.0;
        for (size_t l = 0; l < p->count; l++) {
            uint64_t its_to;
            double its_cost;
            if (p->layers[l].pool != pool || p->layers[l].take >= p->layers[l].most ||
                !next_step(p, l, &its_to, &its_cost) || (best < p->count && !(its_cost < cost)))
                continue;
            best = l;
            cost = its_cost;
            to = its_to < p->layers[l].most ? its_to : p->layers[l].most;
        }
        const uint64_t step = to - p->layers[best].take, taken = step < left ? step : left;
        p->layers[best].take += taken;
        left -= taken;
    }
}

/* ---- doing ---- */

static prune_status check_total(const plan *p, uint64_t total)
{
    uint64_t least = 0, most = 0;
    for (size_t l = 0; l < p->count; l++) {
        least += p->layers[l].least;
        most += p->layers[l].most;
    }
    return total > most ? PRUNE_E_COLLAPSE : total < least ? PRUNE_E_RANGE : PRUNE_OK;
}

static prune_status prepare_scores(const plan *p)
{
    if (p->options.rule != PRUNE_ALLOCATE_RANKED)
        return PRUNE_OK;
    const prune_status status = prn_importance_check(p->importance);
    if (status != PRUNE_OK)
        return status;
    return p->importance->model != p->model ? PRUNE_E_STATE : prn_unit_prepare(p->importance, &p->selection);
}

static void share_out(plan *p, uint64_t total)
{
    share_among_pools(p, total);
    for (size_t l = 0; l < p->count; l++) {
        if (p->layers[l].pool != l)
            continue;
        if (p->options.rule == PRUNE_ALLOCATE_RANKED)
            rank_in_pool(p, l);
        else if (p->options.rule == PRUNE_ALLOCATE_SENSITIVITY)
            step_in_pool(p, l);
        else
            share_in_pool(p, l);
    }
}

prune_status prune_allocate(uint64_t *counts, size_t capacity, const prune_model *model,
                            const prune_importance *importance, const prune_allocation *allocation,
                            uint64_t total)
{
    plan p = { .model = model, .importance = importance };
    prune_status status = counts == NULL ? PRUNE_E_ARGUMENT : open_plan(&p, allocation);
    if (status == PRUNE_OK && capacity != p.count)
        status = PRUNE_E_SHAPE;
    if (status == PRUNE_OK)
        status = prepare_scores(&p);
    if (status == PRUNE_OK)
        status = check_total(&p, total);
    if (status == PRUNE_OK)
        share_out(&p, total);
    for (size_t l = 0; status == PRUNE_OK && l < p.count; l++)
        counts[l] = p.layers[l].take;
    close_plan(&p);
    return status;
}

prune_status prune_allocate_range(uint64_t *least, uint64_t *most, const prune_model *model,
                                  const prune_allocation *allocation)
{
    plan p = { .model = model };
    const prune_status status = open_plan(&p, allocation);
    uint64_t low = 0, high = 0;
    for (size_t l = 0; status == PRUNE_OK && l < p.count; l++) {
        low += p.layers[l].least;
        high += p.layers[l].most;
    }
    close_plan(&p);
    if (status == PRUNE_OK && least != NULL)
        *least = low;
    if (status == PRUNE_OK && most != NULL)
        *most = high;
    return status;
}

/* ---- removing ---- */

typedef struct given_counts {
    const prune_model *model;
    const prune_selection *selection;
    const uint64_t *counts;
    size_t next; /* layers are asked for in order, those that the selection covers */
} given_counts;

static prune_status as_given(void *user, uint64_t *count, uint64_t units, uint64_t kept)
{
    given_counts *g = user;
    (void)units;
    (void)kept;
    while (!prn_unit_covers(g->selection, g->model, g->next))
        g->next++;
    *count = g->counts[g->next++];
    return PRUNE_OK;
}

prune_status prune_mask_allocated(prune_removal *removal, prune_model *model,
                                  const prune_importance *importance, const prune_selection *selection,
                                  const uint64_t *counts, size_t layers)
{
    prune_selection mine;
    const prune_status status = prn_unit_selection(&mine, selection, model);
    if (status != PRUNE_OK || counts == NULL)
        return status != PRUNE_OK ? status : PRUNE_E_ARGUMENT;
    if (layers != model->layer_count)
        return PRUNE_E_SHAPE;
    for (size_t l = 0; l < layers; l++)
        if (counts[l] != 0 && !prn_unit_covers(&mine, model, l))
            return PRUNE_E_RANGE;
    mine.scope = PRUNE_PER_LAYER;
    given_counts given = { model, &mine, counts, 0 };
    return prn_mask_lowest(removal, model, importance, &mine, as_given, &given);
}
