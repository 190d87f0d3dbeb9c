/* trace.c -- a model that is pruned step by step with a log, and the log carried out on clones, for tests
 *
 * SPDX-License-Identifier: MIT */
#include "trace.h"

#include <string.h>

/* ---- what changes masks ---- */

const size_t trace_widths[TRACE_LAYERS + 1] = { 13, 11, 9, 4 };

prune_model *trace_model(void)
{
    return world_model(NULL, trace_widths, TRACE_LAYERS, PRUNE_TANH, 3);
}

prune_importance *trace_magnitudes(const prune_model *model)
{
    prune_importance *scores;
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
    return scores;
}

static void by_fraction(prune_model *model)
{
    prune_importance *scores = trace_magnitudes(model);
    ck_assert_ok(prune_mask_fraction(NULL, model, scores, NULL, 0.4, PRUNE_OF_ALL));
    prune_importance_free(scores);
}

static void below_threshold(prune_model *model)
{
    prune_importance *scores = trace_magnitudes(model);
    ck_assert_ok(prune_mask_below(NULL, model, scores, NULL, 0.1f));
    prune_importance_free(scores);
}

static void some_neurons(prune_model *model)
{
    prune_importance *scores = trace_magnitudes(model);
    prune_selection neurons;
    prune_selection_init(&neurons);
    neurons.granularity = PRUNE_NEURONS;
    ck_assert_ok(prune_mask_lowest(NULL, model, scores, &neurons, 5));
    prune_importance_free(scores);
}

static void two_of_four(prune_model *model)
{
    prune_importance *scores = trace_magnitudes(model);
    ck_assert_ok(prune_mask_n_of_m(NULL, model, scores, NULL, 2, 4));
    prune_importance_free(scores);
}

static void of_each_row(prune_model *model)
{
    prune_importance *scores = trace_magnitudes(model);
    ck_assert_ok(prune_mask_rows(NULL, model, scores, -1, 0.7));
    prune_importance_free(scores);
}

static void regrow(prune_model *model)
{
    prune_importance *scores = trace_magnitudes(model);
    prune_regrowth regrowth;
    prune_regrowth_init(&regrowth);
    ck_assert_ok(prune_mask_regrow(&regrowth, model, scores, scores, NULL, 0.2));
    ck_assert_uint_gt(regrowth.dropped, 0);
    prune_importance_free(scores);
}

static void by_hand(prune_model *model)
{
    uint8_t mask[WORLD_MAX_PARAM];
    for (size_t i = 0; i < world_count(model, 2); i++)
        mask[i] = i % 3 != 0;
    ck_assert_ok(prune_mask_set(model, 2, mask, world_count(model, 2)));
}

static void one_neuron(prune_model *model)
{
    ck_assert_ok(prune_mask_neuron(model, 0, 7));
}

static void none(prune_model *model)
{
    ck_assert_ok(prune_mask_reset(model));
}

void (*const trace_ways[TRACE_WAYS])(prune_model *) = { by_fraction,  regrow,  below_threshold,
                                                        some_neurons, none,    two_of_four,
                                                        of_each_row,  none,    some_neurons,
                                                        regrow,       by_hand, one_neuron };

void trace_draw(prune_model *model, net *n)
{
    uint8_t mask[WORLD_MAX_PARAM];
    for (size_t p = 0; p < prune_model_param_count(model); p++) {
        prune_param_info info;
        prune_param_info_init(&info);
        ck_assert_ok(prune_model_param_info(&info, model, p));
        if (info.statistic || net_draw(n, 3) == 0)
            continue;
        ck_assert_ok(prune_mask_get(mask, (size_t)info.count, model, p));
        const size_t flips = 1 + net_draw(n, 9), run = 1 + net_draw(n, 40);
        for (size_t i = 0; i < info.count; i += 1 + net_draw(n, run))
            if (net_draw(n, 10) < flips)
                mask[i] = !mask[i];
        ck_assert_ok(prune_mask_set(model, p, mask, (size_t)info.count));
    }
}

/* ---- recording and carrying out ---- */

static prune_model *clone(const prune_model *model)
{
    prune_model *copy;
    ck_assert_ok(prune_model_clone(&copy, NULL, model));
    return copy;
}

void trace_open(trace *t, prune_model *model)
{
    *t = (trace){ .model = model, .then = { clone(model) } };
    ck_assert_ok(prune_log_create(&t->log, NULL, model));
}

void trace_close(trace *t)
{
    for (size_t e = 0; e <= t->count; e++)
        prune_model_free(t->then[e]);
    prune_log_free(t->log);
}

void trace_step(trace *t, const prune_log_note *note)
{
    ck_assert_uint_lt(t->count, TRACE_MOST);
    ck_assert_ok(prune_log_record(t->log, t->model, note, NULL));
    t->then[++t->count] = clone(t->model);
    ck_assert_uint_eq(prune_log_count(t->log), t->count);
}

static void get_mask(uint8_t mask[WORLD_MAX_PARAM], const prune_model *model, size_t p)
{
    ck_assert_ok(prune_mask_get(mask, world_count(model, p), model, p));
}

int32_t trace_same_masks(const prune_model *a, const prune_model *b)
{
    uint8_t mine[WORLD_MAX_PARAM], theirs[WORLD_MAX_PARAM];
    for (size_t p = 0; p < prune_model_param_count(a); p++) {
        get_mask(mine, a, p);
        get_mask(theirs, b, p);
        if (memcmp(mine, theirs, world_count(a, p)) != 0)
            return 0;
    }
    return 1;
}

/* What a clone with these weights has after one more entry. */
static void check_values(const prune_model *after, const prune_model *before)
{
    uint8_t was[WORLD_MAX_PARAM], is[WORLD_MAX_PARAM];
    for (size_t p = 0; p < prune_model_param_count(after); p++) {
        prune_param_info info;
        prune_param_info_init(&info);
        ck_assert_ok(prune_model_param_info(&info, after, p));
        const float initial = strcmp(info.name, "gamma") == 0 ? 1.0f : 0.0f;
        get_mask(was, before, p);
        get_mask(is, after, p);
        for (size_t i = 0; i < info.count; i++) {
            const float value = prune_model_param(after, p)[i];
            const float expected = !is[i] ? 0.0f : was[i] ? prune_model_param(before, p)[i] : initial;
            ck_assert_msg(memcmp(&value, &expected, sizeof value) == 0, "parameter %zu[%zu]", p, i);
        }
    }
    ck_assert_ok(prune_model_verify(after, NULL));
}

/* Other weights, the masks of the beginning. */
static prune_model *fresh(const trace *t)
{
    prune_model *copy = clone(t->then[0]);
    ck_assert_ok(prune_model_initialize(copy, PRUNE_INIT_HE_NORMAL, 99));
    return copy;
}

static void check_step(prune_model *model, const trace *t, const prune_log *log, size_t e)
{
    prune_error error = { 0 };
    prune_model *before = clone(model);
    ck_assert_status(prune_log_replay(model, log, e + 1, t->count, &error), PRUNE_E_STATE);
    ck_assert_int_eq(error.status, PRUNE_E_STATE);
    ck_assert_ptr_nonnull(strstr(error.place, "layer "));
    ck_assert(world_same_models(model, before));
    ck_assert_ok(prune_log_replay(model, log, e, e + 1, NULL));
    ck_assert(trace_same_masks(model, t->then[e + 1]));
    check_values(model, before);
    prune_model_free(before);
}

void trace_check(const trace *t, const prune_log *log)
{
    ck_assert_uint_eq(prune_log_count(log), t->count);
    prune_model *stepped = fresh(t);
    for (size_t e = 0; e <= t->count; e++) {
        prune_model *whole = fresh(t);
        ck_assert_ok(prune_log_replay(whole, log, 0, e, NULL));
        ck_assert(trace_same_masks(whole, t->then[e]));
        ck_assert(world_same_models(whole, stepped));
        if (e < t->count)
            check_step(stepped, t, log, e);
        prune_model_free(whole);
    }
    prune_model_free(stepped);
}

void trace_check_same(const prune_log *a, const prune_log *b)
{
    ck_assert_uint_eq(prune_log_count(a), prune_log_count(b));
    ck_assert_uint_eq(prune_log_layers(a), prune_log_layers(b));
    for (size_t e = 0; e < prune_log_count(a); e++) {
        prune_log_entry x, y;
        prune_log_entry_init(&x);
        prune_log_entry_init(&y);
        ck_assert_ok(prune_log_get(&x, a, e));
        ck_assert_ok(prune_log_get(&y, b, e));
        ck_assert_mem_eq(&x.asked, &y.asked, sizeof x.asked);
        ck_assert_str_eq(x.text, y.text);
        ck_assert(x.step == y.step && x.criterion == y.criterion && x.granularity == y.granularity &&
                  x.ask == y.ask && x.removed == y.removed && x.returned == y.returned && x.kept == y.kept);
    }
}
