/* sparsity_test.c -- how much is removed by when
 *
 * SPDX-License-Identifier: MIT */
#include "support/runner.h"

#include <math.h>

static prune_sparsity make(int32_t kind, double initial, double final)
{
    prune_sparsity s;
    prune_sparsity_init(&s);
    s.kind = kind;
    s.initial = initial;
    s.final = final;
    return s;
}

static double at(const prune_sparsity *s, uint64_t t)
{
    double value = -1.0;
    ck_assert_ok(prune_sparsity_at(&value, s, t));
    return value;
}

/* The formulas of the header, with the C library's pow. */
static double reference(const prune_sparsity *s, uint64_t t)
{
    if (t < s->begin)
        return 0.0;
    if (t >= s->end)
        return s->final;
    const double due = floor((double)(t - s->begin) / (double)s->every) * (double)s->every;
    const double p = due / (double)(s->end - s->begin);
    switch (s->kind) {
    case PRUNE_SPARSITY_LINEAR:
        return s->initial + (s->final - s->initial) * p;
    case PRUNE_SPARSITY_GEOMETRIC:
        return 1.0 - (1.0 - s->initial) * pow((1.0 - s->final) / (1.0 - s->initial), p);
    case PRUNE_SPARSITY_POLYNOMIAL:
        return s->final + (s->initial - s->final) * pow(1.0 - p, s->power);
    default:
        return s->final;
    }
}

START_TEST(formulas)
{
    static const double ends[][2] = {
        { 0.0, 0.9 }, { 0.5, 0.95 }, { 0.0, 0.999999 }, { 0.3, 0.3 }, { 0.0, 0.0 }
    };
    static const uint64_t when[][3] = {
        { 0, 1000, 100 }, { 7, 1000, 300 }, { 5, 5, 1 }, { 0, 12, 1 }, { 3, 4, 9 }
    };
    for (int32_t kind = PRUNE_SPARSITY_ONE_SHOT; kind <= PRUNE_SPARSITY_POLYNOMIAL; kind++)
        for (size_t e = 0; e < 5; e++)
            for (size_t w = 0; w < 5; w++) {
                prune_sparsity s = make(kind, ends[e][0], ends[e][1]);
                s.begin = when[w][0];
                s.end = when[w][1];
                s.every = when[w][2];
                s.power = 1 + (uint32_t)(w + e);
                for (uint64_t t = 0; t <= s.end + 3; t++) {
                    ck_assert_double_eq_tol(at(&s, t), reference(&s, t), 1e-14);
                    ck_assert(t == 0 || at(&s, t) >= at(&s, t - 1));
                }
            }
}
END_TEST

/* Zhu and Gupta's cubic at a tenth of the way, and tickets that lose 20 % each round. */
START_TEST(known_values)
{
    const prune_sparsity cubic = make(PRUNE_SPARSITY_POLYNOMIAL, 0.5, 0.9);
    prune_sparsity tickets = make(PRUNE_SPARSITY_GEOMETRIC, 0.0, 1.0 - 0.8 * 0.8 * 0.8 * 0.8);
    tickets.every = 1;
    tickets.end = 4;
    ck_assert_double_eq_tol(at(&cubic, 100), 0.6084, 1e-14);
    ck_assert_double_eq_tol(at(&cubic, 199), 0.6084, 1e-14);
    ck_assert_double_eq_tol(at(&cubic, 500), 0.85, 1e-14);
    ck_assert_double_eq_tol(at(&tickets, 1), 0.2, 1e-14);
    ck_assert_double_eq_tol(at(&tickets, 2), 0.36, 1e-14);
    ck_assert_double_eq_tol(at(&tickets, 3), 0.488, 1e-14);
    ck_assert_double_eq_tol(at(NULL, 500), 0.9 - 0.9 * 0.125, 1e-14);
}
END_TEST

typedef struct fault {
    void (*make)(prune_sparsity *s);
    prune_status status;
} fault;

static void kind_0(prune_sparsity *s)
{
    s->kind = 0;
}
static void kind_5(prune_sparsity *s)
{
    s->kind = 5;
}
static void initial_above(prune_sparsity *s)
{
    s->initial = 0.95;
}
static void initial_nan(prune_sparsity *s)
{
    s->initial = (double)NAN;
}
static void initial_below(prune_sparsity *s)
{
    s->initial = -1e-9;
}
static void final_above(prune_sparsity *s)
{
    s->final = 1.0000001;
}
static void final_nan(prune_sparsity *s)
{
    s->final = (double)NAN;
}
static void all_of_it_geometrically(prune_sparsity *s)
{
    s->kind = PRUNE_SPARSITY_GEOMETRIC;
    s->final = 1.0;
}
static void power_0(prune_sparsity *s)
{
    s->power = 0;
}
static void power_65(prune_sparsity *s)
{
    s->power = 65;
}
static void end_before(prune_sparsity *s)
{
    s->begin = s->end + 1;
}
static void never(prune_sparsity *s)
{
    s->every = 0;
}
static void of_the_future(prune_sparsity *s)
{
    s->size++;
}

START_TEST(faults_are_refused)
{
    static const fault faults[] = {
        { kind_0, PRUNE_E_ARGUMENT },      { kind_5, PRUNE_E_ARGUMENT },
        { initial_above, PRUNE_E_RANGE },  { initial_nan, PRUNE_E_RANGE },
        { initial_below, PRUNE_E_RANGE },  { final_above, PRUNE_E_RANGE },
        { final_nan, PRUNE_E_RANGE },      { all_of_it_geometrically, PRUNE_E_RANGE },
        { power_0, PRUNE_E_RANGE },        { power_65, PRUNE_E_RANGE },
        { end_before, PRUNE_E_RANGE },     { never, PRUNE_E_RANGE },
        { of_the_future, PRUNE_E_VERSION }
    };
    double value = -1.0;
    for (size_t f = 0; f < sizeof faults / sizeof faults[0]; f++) {
        prune_sparsity s = make(PRUNE_SPARSITY_POLYNOMIAL, 0.0, 0.9);
        faults[f].make(&s);
        ck_assert_status(prune_sparsity_at(&value, &s, 3), faults[f].status);
    }
    ck_assert_status(prune_sparsity_at(NULL, NULL, 3), PRUNE_E_ARGUMENT);
    ck_assert(value == -1.0);
    prune_sparsity_init(NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { formulas, known_values, faults_are_refused };
    return run_tests("sparsity", tests, sizeof tests / sizeof tests[0]);
}
