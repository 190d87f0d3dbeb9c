/* compact_nets_test.c -- smaller models that compute the same, over thousands of random nets
 *
 * SPDX-License-Identifier: MIT */
#include "support/nets.h"

#include <math.h>
#include <string.h>

enum { NETS = 3000 };

/* ---- what should be left, by going round until nothing changes ---- */

typedef struct expected {
    size_t spaces, width[NET_SPACES], left[NET_SPACES];
    size_t param[NET_SPACES]; /* weight matrix that makes the space */
    int32_t pinned[NET_SPACES];
    int32_t gone[NET_SPACES][STACK_WIDTH]; /* 1: constant, 2: unread */
    int32_t flat[NET_SPACES][STACK_WIDTH];
} expected;

static void look_at(expected *e, const net *n, int32_t drop_inputs)
{
    memset(e, 0, sizeof *e);
    e->width[0] = n->inputs;
    e->pinned[0] = !drop_inputs;
    for (size_t l = 0; l < n->count; l++) {
        const size_t p = net_param(n, l);
        if (n->steps[l].kind == D) {
            e->spaces++;
            e->width[e->spaces] = n->steps[l].outputs;
            e->param[e->spaces] = p;
        }
        e->pinned[e->spaces] |= n->steps[l].kind == S;
        for (size_t u = 0; n->steps[l].kind == B && u < e->width[e->spaces]; u++)
            e->flat[e->spaces][u] |= fabs((double)prune_model_param(n->model, p)[u]) < 1e-30;
    }
    e->pinned[e->spaces] = 1;
}

static int32_t reads(const expected *e, const net *n, const size_t s_o_u[3])
{
    const size_t s = s_o_u[0];
    return !e->gone[s][s_o_u[1]] && !(e->gone[s - 1][s_o_u[2]] == 1) &&
           fabs((double)prune_model_param(n->model, e->param[s])[s_o_u[1] * e->width[s - 1] + s_o_u[2]]) >
               0.0;
}

static int32_t should_go(const expected *e, const net *n, size_t s, size_t u)
{
    int32_t in = s == 0, out = 0;
    for (size_t i = 0; s > 0 && i < e->width[s - 1]; i++)
        in |= reads(e, n, (const size_t[3]){ s, u, i });
    for (size_t o = 0; o < e->width[s + 1]; o++)
        out |= reads(e, n, (const size_t[3]){ s + 1, o, u });
    return !in || e->flat[s][u] ? 1 : out ? 0 : 2;
}

static void expect(expected *e, const net *n, int32_t drop_inputs)
{
    look_at(e, n, drop_inputs);
    for (int32_t changed = 1; changed;) {
        changed = 0;
        for (size_t s = 0; s < e->spaces; s++)
            for (size_t u = 0; !e->pinned[s] && u < e->width[s]; u++)
                if (!e->gone[s][u] && should_go(e, n, s, u)) {
                    e->gone[s][u] = should_go(e, n, s, u);
                    changed = 1;
                }
    }
    for (size_t s = 0; s <= e->spaces; s++) {
        for (size_t u = 0; u < e->width[s]; u++)
            e->left[s] += !e->gone[s][u];
        e->left[s] += e->left[s] == 0;
    }
}

static void check_sizes(const prune_model *small, const expected *e, const net *n,
                        const prune_compact_report *r)
{
    size_t at = 0, gone[3] = { 0 };
    ck_assert_uint_eq(prune_model_layer_count(small), n->count);
    for (size_t s = 0; s <= e->spaces; s++) {
        prune_param_info info = { .size = sizeof info };
        if (s > 0) {
            ck_assert_ok(prune_model_param_info(&info, small, e->param[s]));
            ck_assert_uint_eq(info.shape.dims[0], e->left[s]);
            ck_assert_uint_eq(info.shape.dims[1], e->left[s - 1]);
        }
        for (size_t u = 0, left = 0; u < e->width[s]; u++) {
            gone[e->gone[s][u]] += s > 0;
            left += !e->gone[s][u];
            if (!e->gone[s][u] || (u + 1 == e->width[s] && left == 0))
                ck_assert_uint_eq(r->kept[at++], e->gone[s][u] ? 0 : u);
        }
    }
    ck_assert_uint_eq(r->constant, gone[1]);
    ck_assert_uint_eq(r->unread, gone[2]);
    ck_assert_uint_eq(r->inputs, e->left[0]);
    ck_assert_uint_eq(r->neurons_before - r->neurons, gone[1] + gone[2] - r->padding);
    ck_assert_uint_eq(r->rounded + r->merged, 0);
}

START_TEST(random_nets_are_as_small_as_can_be_and_compute_the_same)
{
    for (uint64_t seed = 0; seed < NETS; seed++) {
        net n;
        expected e;
        prune_compact_report report;
        size_t kept[NET_KEPT];
        prune_compact_options options;
        prune_compact_options_init(&options);
        options.merge = 0;
        options.drop_inputs = seed % 2 != 0;
        net_make(&n, seed);
        expect(&e, &n, options.drop_inputs);
        prune_model *small = net_compact(n.model, &options, &report, kept);
        check_sizes(small, &e, &n, &report);
        net_check_same(n.model, small, kept, seed);
        prune_model_free(small);
        prune_model_free(n.model);
    }
}
END_TEST

START_TEST(random_nets_with_neurons_that_do_the_same)
{
    uint64_t merged = 0, folded = 0;
    for (uint64_t seed = 0; seed < NETS / 2; seed++) {
        net n;
        prune_compact_report report;
        size_t kept[NET_KEPT];
        prune_compact_options options;
        prune_compact_options_init(&options);
        options.drop_inputs = seed % 2 != 0;
        net_make(&n, seed + NETS);
        net_plant_twins(&n);
        prune_model *small = net_compact(n.model, &options, &report, kept), *again;
        net_check_same(n.model, small, kept, seed);
        merged += report.merged;
        folded += report.constant;
        options.drop_inputs = 0;
        again = net_compact(small, &options, &report, kept);
        ck_assert_uint_eq(report.merged + report.constant + report.unread, report.padding);
        prune_model_free(again);
        prune_model_free(small);
        prune_model_free(n.model);
    }
    ck_assert_uint_gt(merged, NETS / 20);
    ck_assert_uint_gt(folded, NETS / 4);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        random_nets_are_as_small_as_can_be_and_compute_the_same,
        random_nets_with_neurons_that_do_the_same,
    };
    return run_tests("compact_nets", tests, sizeof tests / sizeof tests[0]);
}
