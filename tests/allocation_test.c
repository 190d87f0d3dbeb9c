/* allocation_test.c -- how much each layer loses: in proportion, by a table; within limits, exactly
 *
 * SPDX-License-Identifier: MIT */
#include "support/allot.h"
#include "support/heap.h"

#include <math.h>
#include <string.h>

/* ---- what holds for every rule ---- */

static void check_counts(const allot *n, uint64_t total)
{
    uint64_t sum = 0;
    for (size_t l = 0; l < n->layers; l++) {
        uint64_t limits[2];
        allot_limits(limits, n, l);
        ck_assert_uint_ge(n->counts[l], limits[0]);
        ck_assert_uint_le(n->counts[l], limits[1]);
        sum += n->counts[l];
    }
    ck_assert_uint_eq(sum, total);
}

static void check_every_total(allot *n)
{
    uint64_t least, most, before[ALLOT_LAYERS] = { 0 };
    const prune_status status = prune_allocate_range(&least, &most, n->model, &n->allocation);
    if (status != PRUNE_OK) {
        ck_assert_int_eq(status, PRUNE_E_COLLAPSE);
        ck_assert_status(allot_run(n, 0), PRUNE_E_COLLAPSE);
        return;
    }
    for (uint64_t total = least; total <= most; total += 1 + total / 20) {
        ck_assert_ok(allot_run(n, total));
        check_counts(n, total);
        for (size_t l = 0; l < n->layers; l++) {
            ck_assert_uint_ge(n->counts[l], before[l]);
            before[l] = n->counts[l];
        }
    }
    ck_assert_ok(allot_run(n, most));
    check_counts(n, most);
    ck_assert_status(allot_run(n, most + 1), PRUNE_E_COLLAPSE);
    if (least > 0)
        ck_assert_status(allot_run(n, least - 1), PRUNE_E_RANGE);
    check_counts(n, most);
}

/* Over thousands of nets; larger totals take nothing back. */
START_TEST(sums_are_exact_limits_hold_and_totals_nest)
{
    for (uint64_t seed = 0; seed < 3000; seed++) {
        allot n;
        allot_open(&n, NULL, seed, PRUNE_WEIGHTS + (int32_t)(seed % 4));
        allot_remove_some(&n);
        n.selection.scope = seed % 11 == 0 ? PRUNE_PER_LAYER : PRUNE_GLOBAL;
        n.selection.min_kept = seed % 4;
        n.allocation.rule = (int32_t)(1 + allot_draw(&n, 4));
        n.allocation.normalize = (int32_t)allot_draw(&n, 4);
        allot_tabulate(&n);
        if (allot_draw(&n, 2) == 0)
            allot_limit(&n);
        if (allot_draw(&n, 3) == 0)
            allot_pools(&n);
        check_every_total(&n);
        allot_close(&n);
    }
}
END_TEST

/* ---- in proportion ---- */

/* in + out times its units over in out, as a whole number that is proportional. */
static uint64_t whole_share(const allot *n, size_t l)
{
    const uint64_t in = n->widths[l], out = n->widths[l + 1];
    return n->allocation.rule == PRUNE_ALLOCATE_UNIFORM ? in * out : in + out;
}

/* No unit would be better off in another layer: what makes a result one of Sainte-Lague's. */
static void check_divisors(const allot *n)
{
    for (size_t a = 0; a < n->layers; a++)
        for (size_t b = 0; b < n->layers; b++) {
            uint64_t la[2], lb[2];
            allot_limits(la, n, a);
            allot_limits(lb, n, b);
            const uint64_t ka = n->kept[a] - n->counts[a], kb = n->kept[b] - n->counts[b];
            if (n->counts[a] > la[0] && n->counts[b] < lb[1])
                ck_assert_uint_ge((2 * ka + 1) * whole_share(n, b), (2 * kb - 1) * whole_share(n, a));
        }
}

/* The densities of Erdos and Renyi: those over 1 are 1, and the others share the rest. */
static void erdos_renyi(double *kept, const allot *n, double left)
{
    int32_t full[ALLOT_LAYERS] = { 0 }, again = 1;
    while (again) {
        double rest = left, sum = 0.0;
        for (size_t l = 0; l < n->layers; l++)
            if (full[l])
                rest -= (double)n->units[l];
            else
                sum += (double)(n->widths[l] + n->widths[l + 1]);
        again = 0;
        for (size_t l = 0; l < n->layers; l++) {
            kept[l] = full[l] ? (double)n->units[l] : rest / sum * (double)(n->widths[l] + n->widths[l + 1]);
            if (kept[l] > (double)n->units[l])
                full[l] = again = 1;
        }
    }
}

START_TEST(proportions_are_those_of_the_definition)
{
    for (uint64_t seed = 0; seed < 2000; seed++) {
        allot n;
        uint64_t all = 0;
        double kept[ALLOT_LAYERS];
        allot_open(&n, NULL, seed, PRUNE_WEIGHTS);
        n.selection.min_kept = 0;
        n.allocation.rule = seed % 3 == 0 ? PRUNE_ALLOCATE_UNIFORM : PRUNE_ALLOCATE_ERK;
        for (size_t l = 0; l < n.layers; l++)
            all += n.units[l];
        const uint64_t total = allot_draw(&n, (size_t)all + 1);
        ck_assert_ok(allot_run(&n, total));
        check_divisors(&n);
        erdos_renyi(kept, &n, (double)(all - total));
        for (size_t l = 0; n.allocation.rule == PRUNE_ALLOCATE_ERK && l < n.layers; l++)
            ck_assert_double_lt(fabs((double)(n.kept[l] - n.counts[l]) - kept[l]), 1.5);
        allot_close(&n);
    }
}
END_TEST

START_TEST(limits_and_what_is_gone_keep_proportions_elsewhere)
{
    for (uint64_t seed = 0; seed < 1000; seed++) {
        allot n;
        uint64_t least, most;
        allot_open(&n, NULL, seed, PRUNE_WEIGHTS);
        allot_remove_some(&n);
        allot_limit(&n);
        n.allocation.rule = seed % 2 == 0 ? PRUNE_ALLOCATE_UNIFORM : PRUNE_ALLOCATE_ERK;
        if (prune_allocate_range(&least, &most, n.model, &n.allocation) == PRUNE_OK) {
            ck_assert_ok(allot_run(&n, least + allot_draw(&n, (size_t)(most - least) + 1)));
            check_divisors(&n);
        }
        allot_close(&n);
    }
}
END_TEST

/* 784-300-100-10, a tenth kept: 26620 over shares of 1084, 400 and 110. The last layer's 1838 are more than
 * it has; 25620 for the others are 18714.34 and 6905.66. In proportion it is 23520, 3000 and 100. */
START_TEST(erdos_renyi_by_hand)
{
    static const size_t widths[] = { 784, 300, 100, 10 };
    uint64_t counts[3];
    prune_allocation by;
    prune_model *model = world_model(NULL, widths, 3, PRUNE_RELU, 1);
    prune_allocation_init(&by);
    by.rule = PRUNE_ALLOCATE_ERK;
    ck_assert_ok(prune_allocate(counts, 3, model, NULL, &by, 266200 - 26620));
    ck_assert_uint_eq(235200 - counts[0], 18714);
    ck_assert_uint_eq(30000 - counts[1], 6906);
    ck_assert_uint_eq(1000 - counts[2], 1000);
    by.rule = PRUNE_ALLOCATE_UNIFORM;
    ck_assert_ok(prune_allocate(counts, 3, model, NULL, &by, 266200 - 26620));
    ck_assert_uint_eq(235200 - counts[0], 23520);
    ck_assert_uint_eq(30000 - counts[1], 3000);
    ck_assert_uint_eq(1000 - counts[2], 100);
    prune_model_free(model);
}
END_TEST

/* ---- by a table ---- */

static double loss_at(const allot *n, size_t l, size_t i)
{
    const double worse = n->values[l * ALLOT_LEVELS + i] - n->table.reference;
    return n->table.higher_is_better ? -worse : worse;
}

/* What the next unit of a layer costs; infinite where nothing is known. No weight is gone at the start. */
static double cost_of_next(const allot *n, size_t l, uint64_t taken)
{
    uint64_t from = 0;
    double before = 0.0;
    for (size_t i = 0; i < ALLOT_LEVELS; i++) {
        uint64_t count;
        ck_assert_ok(prune_fraction_count(&count, n->fractions[i], n->units[l]));
        const double loss = loss_at(n, l, i);
        if (isnan(loss))
            break;
        if (taken < count)
            return (loss - before) / (double)(count - from);
        from = count;
        before = loss;
    }
    return (double)INFINITY;
}

/* Unit by unit; on with the layer that has begun a step. */
static void step_by_step(uint64_t *counts, const allot *n, uint64_t total)
{
    memset(counts, 0, ALLOT_LAYERS * sizeof *counts);
    for (; total > 0; total--) {
        size_t best = 0;
        double cost = (double)INFINITY;
        for (size_t l = 0; l < n->layers; l++) {
            const double its =
                counts[l] < allot_floor(n, l) ? cost_of_next(n, l, counts[l]) : (double)INFINITY;
            if (its < cost) {
                best = l;
                cost = its;
            }
        }
        counts[best]++;
    }
}

START_TEST(the_cheapest_step_goes_first)
{
    for (uint64_t seed = 0; seed < 1000; seed++) {
        allot n;
        uint64_t most, expected[ALLOT_LAYERS];
        allot_open(&n, NULL, seed, PRUNE_WEIGHTS);
        allot_tabulate(&n);
        n.allocation.rule = PRUNE_ALLOCATE_SENSITIVITY;
        ck_assert_ok(prune_allocate_range(NULL, &most, n.model, &n.allocation));
        const uint64_t total = allot_draw(&n, (size_t)most + 1);
        ck_assert_ok(prune_allocate(n.counts, n.layers, n.model, NULL, &n.allocation, total));
        step_by_step(expected, &n, total);
        ck_assert_mem_eq(n.counts, expected, n.layers * sizeof *expected);
        allot_close(&n);
    }
}
END_TEST

/* 10 and 20 weights; halves cost 0.1 and 0.4, the rest 0.9 and nothing more. */
START_TEST(a_table_by_hand)
{
    static const size_t widths[] = { 2, 5, 4 };
    static const double fractions[] = { 0.5, 1.0 };
    static const uint64_t expected[][3] = { { 3, 3, 0 },   { 5, 5, 0 },   { 6, 5, 1 },
                                            { 25, 5, 20 }, { 26, 6, 20 }, { 30, 10, 20 } };
    double values[] = { 0.9, 0.0, 0.6, 0.6 };
    uint64_t counts[2];
    prune_selection all;
    prune_selection_init(&all);
    all.min_kept = 0;
    prune_sensitivity table;
    prune_sensitivity_init(&table);
    table.fractions = fractions;
    table.levels = 2;
    table.values = values;
    table.capacity = 4;
    table.reference = 1.0;
    table.higher_is_better = 1;
    prune_allocation by;
    prune_allocation_init(&by);
    by.rule = PRUNE_ALLOCATE_SENSITIVITY;
    by.selection = &all;
    by.sensitivity = &table;
    prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 1);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        ck_assert_ok(prune_allocate(counts, 2, model, NULL, &by, expected[i][0]));
        ck_assert_uint_eq(counts[0], expected[i][1]);
        ck_assert_uint_eq(counts[1], expected[i][2]);
    }
    values[1] = (double)NAN;
    ck_assert_ok(prune_allocate(counts, 2, model, NULL, &by, 25));
    ck_assert_status(prune_allocate(counts, 2, model, NULL, &by, 26), PRUNE_E_COLLAPSE);
    prune_model_free(model);
}
END_TEST

/* ---- refusals ---- */

typedef struct wrong_field {
    size_t offset;
    int32_t value;
    prune_status status;
} wrong_field;

START_TEST(wrong_options_are_refused)
{
    static const wrong_field wrong[] = {
        { offsetof(prune_allocation, rule), 0, PRUNE_E_ARGUMENT },
        { offsetof(prune_allocation, rule), 5, PRUNE_E_ARGUMENT },
        { offsetof(prune_allocation, normalize), -1, PRUNE_E_ARGUMENT },
        { offsetof(prune_allocation, normalize), 4, PRUNE_E_ARGUMENT },
        { offsetof(prune_allocation, rule), PRUNE_ALLOCATE_SENSITIVITY, PRUNE_E_ARGUMENT },
    };
    allot n;
    allot_open(&n, NULL, 3, PRUNE_WEIGHTS);
    const prune_allocation good = n.allocation;
    memset(n.counts, 7, sizeof n.counts);
    const allot before = n;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        n.allocation = good;
        memcpy((char *)&n.allocation + wrong[i].offset, &wrong[i].value, sizeof wrong[i].value);
        ck_assert_status(allot_run(&n, 0), wrong[i].status);
        ck_assert_status(prune_allocate_range(NULL, NULL, n.model, &n.allocation), wrong[i].status);
    }
    n.allocation = good;
    n.allocation.size++;
    ck_assert_status(allot_run(&n, 0), PRUNE_E_VERSION);
    n.allocation = good;
    n.selection.layer = 99;
    ck_assert_status(allot_run(&n, 0), PRUNE_E_RANGE);
    n.selection.layer = -1;
    ck_assert_mem_eq(n.counts, before.counts, sizeof n.counts);
    allot_close(&n);
}
END_TEST

START_TEST(wrong_limits_are_refused)
{
    const double wrong[][2] = {
        { -0.1, 1.0 }, { 0.0, 1.1 }, { 0.6, 0.5 }, { (double)NAN, 1.0 }, { 0.0, (double)NAN }
    };
    allot n;
    allot_open(&n, NULL, 3, PRUNE_WEIGHTS);
    allot_limit(&n);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        n.least[0] = wrong[i][0];
        n.most[0] = wrong[i][1];
        ck_assert_status(allot_run(&n, 0), PRUNE_E_RANGE);
    }
    n.least[0] = n.most[0] = 1.0; /* the floor says no */
    ck_assert_status(allot_run(&n, n.units[0]), PRUNE_E_COLLAPSE);
    n.allocation.layers++;
    ck_assert_status(allot_run(&n, 0), PRUNE_E_SHAPE);
    allot_close(&n);
}
END_TEST

START_TEST(wrong_tables_are_refused)
{
    allot n;
    allot_open(&n, NULL, 3, PRUNE_WEIGHTS);
    allot_tabulate(&n);
    n.allocation.rule = PRUNE_ALLOCATE_SENSITIVITY;
    ck_assert_ok(allot_run(&n, 0));
    n.table.levels = 0;
    ck_assert_status(allot_run(&n, 0), PRUNE_E_SIZE);
    n.table.levels = ALLOT_LEVELS;
    n.table.capacity--;
    ck_assert_status(allot_run(&n, 0), PRUNE_E_SHAPE);
    n.table.capacity++;
    n.fractions[1] = n.fractions[0];
    ck_assert_status(allot_run(&n, 0), PRUNE_E_RANGE);
    n.fractions[1] = (double)NAN;
    ck_assert_status(allot_run(&n, 0), PRUNE_E_RANGE);
    n.table.fractions = NULL;
    ck_assert_status(allot_run(&n, 0), PRUNE_E_ARGUMENT);
    n.table.fractions = n.fractions;
    n.table.values = NULL;
    ck_assert_status(allot_run(&n, 0), PRUNE_E_ARGUMENT);
    allot_close(&n);
}
END_TEST

START_TEST(wrong_arguments_are_refused)
{
    allot n, other;
    prune_importance *empty;
    allot_open(&n, NULL, 3, PRUNE_WEIGHTS);
    allot_open(&other, NULL, 4, PRUNE_WEIGHTS);
    ck_assert_ok(prune_importance_create(&empty, NULL, n.model, PRUNE_SUPPLIED));
    const size_t layers = n.layers;
    const uint64_t before = world_hash(n.model);
    ck_assert_status(prune_allocate(NULL, layers, n.model, n.scores, NULL, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_allocate(n.counts, layers, NULL, n.scores, NULL, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_allocate(n.counts, layers, n.model, NULL, NULL, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_allocate(n.counts, layers + 1, n.model, n.scores, NULL, 0), PRUNE_E_SHAPE);
    ck_assert_status(prune_allocate(n.counts, layers, n.model, empty, NULL, 0), PRUNE_E_STATE);
    ck_assert_status(prune_allocate(n.counts, layers, n.model, other.scores, NULL, 0), PRUNE_E_STATE);
    ck_assert_status(prune_allocate_range(NULL, NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_allocated(NULL, NULL, n.scores, NULL, n.counts, layers), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_allocated(NULL, n.model, NULL, NULL, n.counts, layers), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_allocated(NULL, n.model, n.scores, NULL, NULL, layers), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_allocated(NULL, n.model, n.scores, NULL, n.counts, layers + 1),
                     PRUNE_E_SHAPE);
    ck_assert_status(prune_mask_allocated(NULL, n.model, empty, NULL, n.counts, layers), PRUNE_E_STATE);
    n.counts[layers - 1] = n.units[layers - 1];
    ck_assert_status(prune_mask_allocated(NULL, n.model, n.scores, NULL, n.counts, layers), PRUNE_E_COLLAPSE);
    ck_assert_uint_eq(world_hash(n.model), before);
    prune_allocation_init(NULL);
    prune_importance_free(empty);
    allot_close(&other);
    allot_close(&n);
}
END_TEST

START_TEST(refused_memory_changes_nothing)
{
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    allot n;
    allot_open(&n, &mem, 3, PRUNE_WEIGHTS);
    memset(n.counts, 7, sizeof n.counts);
    const allot before = n;
    prune_status status = PRUNE_E_MEMORY;
    for (size_t i = 1; status == PRUNE_E_MEMORY; i++) {
        const size_t live = h.live_bytes;
        heap_refuse_once(&h, i);
        status = allot_run(&n, 2);
        ck_assert_uint_eq(h.live_bytes, live);
        ck_assert(status == PRUNE_OK || memcmp(n.counts, before.counts, sizeof n.counts) == 0);
    }
    ck_assert_ok(status);
    ck_assert_uint_ge(h.refused, 2);
    status = PRUNE_E_MEMORY;
    for (size_t i = 1; status == PRUNE_E_MEMORY; i++) {
        uint64_t least = 77, most = 77;
        heap_refuse_once(&h, i);
        status = prune_allocate_range(&least, &most, n.model, &n.allocation);
        ck_assert(status == PRUNE_OK || (least == 77 && most == 77));
    }
    ck_assert_ok(status);
    allot_close(&n);
    ck_assert(heap_is_clean(&h));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        sums_are_exact_limits_hold_and_totals_nest,
        proportions_are_those_of_the_definition,
        limits_and_what_is_gone_keep_proportions_elsewhere,
        erdos_renyi_by_hand,
        the_cheapest_step_goes_first,
        a_table_by_hand,
        wrong_options_are_refused,
        wrong_limits_are_refused,
        wrong_tables_are_refused,
        wrong_arguments_are_refused,
        refused_memory_changes_nothing,
    };
    return run_tests("allocation", tests, sizeof tests / sizeof tests[0]);
}
