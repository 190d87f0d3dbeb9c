/* fraction_test.c -- what is asked for is what goes: fractions become exact counts
 *
 * SPDX-License-Identifier: MIT */
#include "support/oracle.h"
#include "support/runner.h"

#include <math.h>
#include <string.h>

/* ---- counts, against arithmetic on integers ---- */

/* m 2^exponent: m has at most 53 bits, as in a double. */
typedef struct rounded {
    uint64_t m;
    unsigned exponent;
} rounded;

static int bit(uint64_t high, uint64_t low, unsigned i)
{
    return (int)((i < 64 ? low >> i : high >> (i - 64)) & 1);
}

/* high 2^64 + low, shifted right to the nearest integer, ties to even; it must fit. */
static uint64_t shift_even(uint64_t high, uint64_t low, unsigned shift)
{
    uint64_t whole = 0, below = 0;
    if (shift == 0 || shift > 127)
        return shift == 0 ? low : 0;
    for (unsigned i = 128; i-- > shift;)
        whole = whole << 1 | (uint64_t)bit(high, low, i);
    for (unsigned i = 0; i + 1 < shift; i++)
        below |= (uint64_t)bit(high, low, i);
    return whole + (bit(high, low, shift - 1) && (below != 0 || whole % 2 == 1));
}

/* To the 53 bits of a double. */
static rounded to_double(uint64_t high, uint64_t low)
{
    unsigned length = 128;
    while (length > 53 && !bit(high, low, length - 1))
        length--;
    return (rounded){ shift_even(high, low, length - 53), length - 53 };
}

/* Of two numbers of at most 53 bits and a bit. */
static rounded multiply(uint64_t a, uint64_t b)
{
    const uint64_t a1 = a >> 32, a0 = a & UINT32_MAX, b1 = b >> 32, b0 = b & UINT32_MAX;
    const uint64_t middle = a1 * b0 + a0 * b1 + (a0 * b0 >> 32);
    return to_double(a1 * b1 + (middle >> 32), middle << 32 | (a0 * b0 & UINT32_MAX));
}

/* fraction is m / 2^shift. */
static uint64_t read_fraction(unsigned *shift, double fraction)
{
    int exponent;
    const uint64_t m = (uint64_t)ldexp(frexp(fraction, &exponent), 53);
    *shift = (unsigned)(53 - exponent);
    return m;
}

static void check_count(double fraction, uint64_t units)
{
    uint64_t count = 77;
    unsigned shift;
    const uint64_t m = read_fraction(&shift, fraction);
    ck_assert_ok(prune_fraction_count(&count, fraction, units));
    const rounded all = to_double(0, units), part = multiply(m, all.m);
    const unsigned up = all.exponent + part.exponent;
    uint64_t expected = shift < up ? part.m << (up - shift) : shift_even(0, part.m, shift - up);
    expected = expected > units || fraction >= 1.0 ? units : expected;
    ck_assert_msg(count == expected, "%.17g of %llu is %llu", fraction, (unsigned long long)units,
                  (unsigned long long)count);
}

static const double fractions[] = { 0.0,  1e-300, 0.1,     0.15, 0.25,
                                    0.29, 0.3,    0.45,    0.5,  0.55,
                                    0.7,  0.75,   0.8,     0.9,  0.95,
                                    0.99, 0.999,  1.0 / 3, 1.0,  0x1.fffffffffffffp-1 };
static const uint64_t many[] = { 0,
                                 1,
                                 2,
                                 3,
                                 5,
                                 10,
                                 266200,
                                 UINT64_C(1) << 53,
                                 (UINT64_C(1) << 53) + 1,
                                 (UINT64_C(1) << 53) + 3,
                                 (UINT64_C(1) << 63) - 1,
                                 UINT64_C(1) << 63,
                                 UINT64_MAX - 1024,
                                 UINT64_MAX };

START_TEST(counts_are_the_nearest_integer_ties_to_even)
{
    for (size_t f = 0; f < sizeof fractions / sizeof fractions[0]; f++) {
        for (size_t u = 0; u < sizeof many / sizeof many[0]; u++)
            check_count(fractions[f], many[u]);
        for (uint64_t units = 0; units < 500; units++)
            check_count(fractions[f], units);
    }
    prune_rng rng;
    prune_rng_seed(&rng, 1);
    for (int32_t i = 0; i < 100000; i++) {
        const uint64_t numerator = prune_rng_below(&rng, 1025);
        check_count((double)numerator / 1024.0,
                    prune_rng_below(&rng, UINT64_MAX) >> prune_rng_below(&rng, 64));
        check_count((double)prune_rng_uniform(&rng), prune_rng_below(&rng, 1000000));
    }
}
END_TEST

START_TEST(halves_go_to_the_even_side)
{
    static const struct {
        uint64_t units, count;
    } halves[] = { { 1, 0 }, { 3, 2 }, { 5, 2 }, { 7, 4 }, { 9, 4 } };
    for (size_t i = 0; i < sizeof halves / sizeof halves[0]; i++) {
        uint64_t count;
        ck_assert_ok(prune_fraction_count(&count, 0.5, halves[i].units));
        ck_assert_uint_eq(count, halves[i].count);
    }
}
END_TEST

/* Python: int(n * f); n - max(round(n * (1 - f)), 1); n - int(n * (1 - f)). */
START_TEST(rules_of_others)
{
    static const struct {
        double fraction;
        uint64_t units, nearest, down, left_nearest, left_down;
    } cases[] = { { 0.0, 10, 0, 0, 0, 0 },  { 1.0, 10, 10, 10, 9, 10 },    { 0.29, 100, 29, 28, 29, 29 },
                  { 0.9, 10, 9, 9, 9, 10 }, { 0.8, 10, 8, 8, 8, 9 },       { 0.125, 12, 2, 1, 2, 2 },
                  { 0.25, 10, 2, 2, 2, 3 }, { 0.99, 3, 3, 2, 2, 3 },       { 0.5, 1, 0, 0, 0, 1 },
                  { 0.5, 0, 0, 0, 0, 0 },   { 0.58, 100, 58, 57, 58, 58 }, { 0.5, 3, 2, 1, 1, 2 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint64_t wanted[] = { cases[i].nearest, cases[i].down, cases[i].left_nearest,
                                    cases[i].left_down };
        for (int32_t rule = PRUNE_COUNT_NEAREST; rule <= PRUNE_COUNT_LEFT_DOWN; rule++) {
            uint64_t count = 77;
            ck_assert_ok(prune_fraction_count_by(&count, cases[i].fraction, cases[i].units, rule));
            ck_assert_msg(count == wanted[rule - 1], "%g of %d, rule %d: %d", cases[i].fraction,
                          (int)cases[i].units, (int)rule, (int)count);
        }
    }
    for (int32_t rule = PRUNE_COUNT_NEAREST; rule <= PRUNE_COUNT_LEFT_DOWN; rule++)
        for (size_t u = 0; u < sizeof many / sizeof many[0]; u++) {
            uint64_t none, all, most;
            ck_assert_ok(prune_fraction_count_by(&none, 0.0, many[u], rule));
            ck_assert_ok(prune_fraction_count_by(&most, 0x1.fffffffffffffp-1, many[u], rule));
            ck_assert_ok(prune_fraction_count_by(&all, 1.0, many[u], rule));
            ck_assert_uint_eq(none, 0);
            ck_assert_uint_le(most, many[u]);
            ck_assert_uint_eq(all, many[u] - (rule == PRUNE_COUNT_LEFT_NEAREST && many[u] > 0));
        }
}
END_TEST

static const double wrong[] = {
    (double)NAN, (double)INFINITY, -(double)INFINITY, -1e-300, -1.0, 1.0 + 0x1p-52, 2.0
};

START_TEST(what_is_no_fraction_is_refused)
{
    const size_t widths[] = { 4, 3, 2 };
    prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 1);
    prune_importance *scores;
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
    const uint64_t hash = world_hash(model);
    uint64_t count = 77;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_status(prune_fraction_count(&count, wrong[i], 10), PRUNE_E_RANGE);
        ck_assert_status(prune_fraction_count_by(&count, wrong[i], 10, PRUNE_COUNT_LEFT_DOWN), PRUNE_E_RANGE);
        ck_assert_status(prune_mask_fraction(NULL, model, scores, NULL, wrong[i], PRUNE_OF_ALL),
                         PRUNE_E_RANGE);
        ck_assert_status(prune_mask_fraction(NULL, model, scores, NULL, wrong[i], PRUNE_OF_REMAINING),
                         PRUNE_E_RANGE);
    }
    ck_assert_status(prune_fraction_count_by(&count, 0.5, 10, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_fraction_count_by(&count, 0.5, 10, 5), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_fraction_count_by(NULL, 0.5, 10, 1), PRUNE_E_ARGUMENT);
    ck_assert_uint_eq(count, 77);
    ck_assert_status(prune_fraction_count(NULL, 0.5, 10), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_fraction(NULL, model, scores, NULL, 0.5, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_fraction(NULL, model, scores, NULL, 0.5, 3), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_fraction(NULL, NULL, scores, NULL, 0.5, PRUNE_OF_ALL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_fraction(NULL, model, NULL, NULL, 0.5, PRUNE_OF_ALL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_fraction(NULL, model, scores, NULL, 1.0, PRUNE_OF_ALL), PRUNE_E_COLLAPSE);
    ck_assert_uint_eq(world_hash(model), hash);
    prune_importance_free(scores);
    prune_model_free(model);
}
END_TEST

/* ---- removing ---- */

static uint64_t units_of(const oracle *o, int32_t layer)
{
    uint64_t units = 0;
    for (size_t i = 0; i < o->count; i++)
        units += layer < 0 || o->unit[i].layer == (size_t)layer;
    return units;
}

/* What a layer, or all (-1), should lose. */
static uint64_t share(const oracle *o, int32_t layer, double fraction, int32_t of)
{
    const uint64_t units = units_of(o, layer), kept = oracle_kept(o, layer), gone = units - kept;
    const uint64_t wanted = (uint64_t)nearbyint(fraction * (double)(of == PRUNE_OF_ALL ? units : kept));
    return of == PRUNE_OF_REMAINING ? wanted : wanted > gone ? wanted - gone : 0;
}

static int32_t oracle_fraction(oracle *o, double fraction, int32_t of)
{
    if (o->selection.scope == PRUNE_GLOBAL) {
        const uint64_t count = share(o, -1, fraction, of);
        return oracle_choose(o, -1, count, INFINITY) == count;
    }
    for (size_t l = 0; l < o->layers; l++) {
        const uint64_t count = share(o, (int32_t)l, fraction, of);
        if (oracle_choose(o, (int32_t)l, count, INFINITY) != count)
            return 0;
    }
    return 1;
}

static void one_world(uint64_t seed)
{
    static oracle o;
    prune_rng rng;
    prune_rng_seed(&rng, seed);
    prune_model *model = oracle_model(&rng, seed % 4), *expected;
    prune_importance *scores;
    prune_removal removal;
    ck_assert_ok(prune_model_clone(&expected, NULL, model));
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
    const prune_selection selection = oracle_selection(&rng, model);
    for (int32_t round = 0; round < 3; round++) {
        const double fraction = fractions[prune_rng_below(&rng, 18)];
        const int32_t of = prune_rng_below(&rng, 2) ? PRUNE_OF_ALL : PRUNE_OF_REMAINING;
        oracle_list(&o, model, scores, &selection);
        const int32_t possible = oracle_fraction(&o, fraction, of);
        prune_removal_init(&removal);
        ck_assert_status(prune_mask_fraction(&removal, model, scores, &selection, fraction, of),
                         possible ? PRUNE_OK : PRUNE_E_COLLAPSE);
        if (possible)
            oracle_apply(expected, &o);
        ck_assert_uint_eq(removal.removed, possible ? oracle_chosen(&o, -1) : 0);
        ck_assert(world_same_models(model, expected));
    }
    prune_importance_free(scores);
    prune_model_free(model);
    prune_model_free(expected);
}

START_TEST(requested_is_achieved)
{
    for (uint64_t seed = 0; seed < 600; seed++)
        one_world(seed);
}
END_TEST

typedef struct call {
    double fraction;
    int32_t of;
    uint64_t kept; /* after it, of 100 weights */
} call;

START_TEST(calls_may_follow_each_other)
{
    static const call calls[] = {
        { 0.2, PRUNE_OF_REMAINING, 80 }, { 0.2, PRUNE_OF_REMAINING, 64 },  { 0.2, PRUNE_OF_REMAINING, 51 },
        { 0.49, PRUNE_OF_ALL, 51 },      { 0.3, PRUNE_OF_ALL, 51 },        { 0.5, PRUNE_OF_ALL, 50 },
        { 0.9, PRUNE_OF_ALL, 10 },       { 0.05, PRUNE_OF_REMAINING, 10 }, { 0.06, PRUNE_OF_REMAINING, 9 },
        { 0.99, PRUNE_OF_ALL, 1 },       { 0.0, PRUNE_OF_REMAINING, 1 },
    };
    const size_t widths[] = { 10, 10 };
    prune_model *model = world_model(NULL, widths, 1, PRUNE_LINEAR, 1);
    prune_importance *scores;
    prune_removal removal;
    uint64_t kept = 100;
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
    prune_removal_init(&removal);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        ck_assert_ok(prune_mask_fraction(&removal, model, scores, NULL, calls[i].fraction, calls[i].of));
        ck_assert_uint_eq(removal.units, 100);
        ck_assert_uint_eq(removal.kept, calls[i].kept);
        ck_assert_uint_eq(removal.removed, kept - calls[i].kept);
        kept = calls[i].kept;
        ck_assert_ok(prune_model_verify(model, NULL));
    }
    prune_importance_free(scores);
    prune_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        counts_are_the_nearest_integer_ties_to_even,
        halves_go_to_the_even_side,
        rules_of_others,
        what_is_no_fraction_is_refused,
        requested_is_achieved,
        calls_may_follow_each_other,
    };
    return run_tests("fraction", tests, sizeof tests / sizeof tests[0]);
}
