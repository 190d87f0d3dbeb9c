/* rng_test.c -- random numbers: known answers, ranges, and distributions within statistical limits
 *
 * The expected words were computed apart from the library, in Python, from the published algorithms.
 * Seeds are fixed, so a statistical test either always holds or never.
 *
 * SPDX-License-Identifier: MIT */
#include "support/runner.h"

#include <math.h>
#include <string.h>

/* Standard deviations that a statistic may be off: by chance once in two million. */
static const double SIGMAS = 5.0;

/* ---- known answers ---- */

typedef struct answer {
    uint64_t seed;
    uint32_t state[4];
    uint32_t next[6];
    uint32_t thousandth;
} answer;

static const answer answers[] = {
    { 0,
      { 0x7B1DCDAFu, 0xE220A839u, 0xA1B965F4u, 0x6E789E6Au },
      { 0x4653DAA3u, 0x73922B58u, 0xB82B4ADDu, 0xD9FABD3Bu, 0x3C8698C3u, 0x1C9B58FFu },
      0xFD0BFB5Du },
    { 1,
      { 0x89025CC1u, 0x910A2DECu, 0x658EEC67u, 0xBEEB8DA1u },
      { 0x7FF78DE4u, 0x9A170265u, 0xDAC127B8u, 0x9859E914u, 0x4D4B41B3u, 0xBA2AFB67u },
      0x79ECD94Bu },
    { UINT64_MAX,
      { 0x1B652C20u, 0xE4D97177u, 0xDBF682C9u, 0xE99FF867u },
      { 0x9DF76FA2u, 0x4C367255u, 0x96EF9CD0u, 0x2313AD4Bu, 0x511C5746u, 0x035FBB9Au },
      0xA484DA83u },
    { UINT64_C(0x0123456789ABCDEF),
      { 0xA48FAA9Du, 0x157A3807u, 0x34A1D093u, 0xD573529Bu },
      { 0xA60E46DAu, 0x5259C0D8u, 0x7DDFA05Fu, 0x21731E45u, 0x288123B4u, 0x53545127u },
      0x0367B97Au },
};

START_TEST(streams_are_the_published_ones)
{
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        const answer *a = &answers[i];
        prune_rng rng;
        uint32_t last = 0;
        int32_t good = 1;
        prune_rng_seed(&rng, a->seed);
        ck_assert_mem_eq(rng.state, a->state, sizeof a->state);
        for (size_t n = 0; n < 1000; n++) {
            last = prune_rng_next(&rng);
            good = good && (n >= 6 || last == a->next[n]);
        }
        ck_assert(good);
        ck_assert_uint_eq(last, a->thousandth);
    }
}
END_TEST

START_TEST(the_step_alone_is_the_published_one)
{
    static const uint32_t expected[] = { 641u, 1573767u, 3222811527u, 3517856514u, 836907274u, 4247214768u };
    prune_rng rng = { { 1, 2, 3, 4 } };
    for (size_t i = 0; i < 6; i++)
        ck_assert_uint_eq(prune_rng_next(&rng), expected[i]);
}
END_TEST

START_TEST(uniform_is_the_top_24_bits)
{
    prune_rng a, b;
    int32_t good = 1;
    prune_rng_seed(&a, 9);
    b = a;
    for (size_t i = 0; i < 100000; i++) {
        const float u = prune_rng_uniform(&a);
        good = good && u >= 0.0f && u < 1.0f && (double)u == (double)(prune_rng_next(&b) >> 8) / 16777216.0;
    }
    ck_assert(good);
    ck_assert_mem_eq(&a, &b, sizeof a);
}
END_TEST

static uint64_t hash_word(uint64_t hash, uint64_t word)
{
    return (hash ^ word) * UINT64_C(0x100000001b3);
}

static uint64_t hash_float(uint64_t hash, float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return hash_word(hash, bits);
}

/* Pinned: what is drawn, and how much of the stream each draw takes, is the same on every platform. */
START_TEST(draws_are_the_same_everywhere)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    prune_rng rng;
    size_t order[7] = { 0, 1, 2, 3, 4, 5, 6 };
    prune_rng_seed(&rng, 2024);
    for (uint64_t i = 0; i < 1000; i++) {
        hash = hash_float(hash, prune_rng_uniform(&rng));
        hash = hash_float(hash, prune_rng_normal(&rng));
        hash = hash_word(hash, prune_rng_below(&rng, i));
        hash = hash_word(hash, prune_rng_below(&rng, i << 40));
        prune_rng_shuffle(&rng, order, 7);
        hash = hash_word(hash, order[i % 7]);
    }
    ck_assert_msg(hash == UINT64_C(0xa89b14b95e9b61fd), "%#llx", (unsigned long long)hash);
}
END_TEST

/* ---- distributions ---- */

static int32_t is_mean(double sum, size_t count, double mean, double deviation)
{
    return fabs(sum / (double)count - mean) <= SIGMAS * deviation / sqrt((double)count);
}

START_TEST(uniform_has_its_moments)
{
    enum { COUNT = 400000 };
    double sum = 0.0, squares = 0.0, products = 0.0, before = 0.5;
    prune_rng rng;
    prune_rng_seed(&rng, 1);
    for (size_t i = 0; i < COUNT; i++) {
        const double u = (double)prune_rng_uniform(&rng);
        sum += u;
        squares += (u - 0.5) * (u - 0.5);
        products += (u - 0.5) * (before - 0.5);
        before = u;
    }
    ck_assert(is_mean(sum, COUNT, 0.5, sqrt(1.0 / 12.0)));
    ck_assert(is_mean(squares, COUNT, 1.0 / 12.0, sqrt(1.0 / 180.0)));
    ck_assert(is_mean(products, COUNT, 0.0, 1.0 / 12.0));
}
END_TEST

/* Powers 1 to 4, neighbours, and the share beyond 1, 2 and 3: a sum of uniforms would not do. */
START_TEST(normal_has_its_moments_and_tails)
{
    enum { COUNT = 400000 };
    static const double beyond[] = { 0.31731050786, 0.04550026390, 0.00269979606 };
    double power[5] = { 0.0 }, products = 0.0, before = 0.0, tail[3] = { 0.0 };
    prune_rng rng;
    prune_rng_seed(&rng, 2);
    for (size_t i = 0; i < COUNT; i++) {
        const double x = (double)prune_rng_normal(&rng);
        for (int p = 1; p <= 4; p++)
            power[p] += pow(x, p);
        for (int t = 0; t < 3; t++)
            tail[t] += fabs(x) > t + 1.0;
        products += x * before;
        before = x;
    }
    ck_assert(is_mean(power[1], COUNT, 0.0, 1.0));
    ck_assert(is_mean(power[2], COUNT, 1.0, sqrt(2.0)));
    ck_assert(is_mean(power[3], COUNT, 0.0, sqrt(15.0)));
    ck_assert(is_mean(power[4], COUNT, 3.0, sqrt(96.0)));
    ck_assert(is_mean(products, COUNT, 0.0, 1.0));
    for (int t = 0; t < 3; t++)
        ck_assert(is_mean(tail[t], COUNT, beyond[t], sqrt(beyond[t] * (1.0 - beyond[t]))));
}
END_TEST

/* Counts of equally likely classes. The statistic has mean and half variance `classes - 1`. */
static int32_t are_even(const size_t *counts, size_t classes, size_t total)
{
    const double expected = (double)total / (double)classes, freedom = (double)(classes - 1);
    double statistic = 0.0;
    for (size_t c = 0; c < classes; c++)
        statistic += ((double)counts[c] - expected) * ((double)counts[c] - expected) / expected;
    return statistic <= freedom + SIGMAS * sqrt(2.0 * freedom) + 10.0;
}

START_TEST(below_is_even_over_small_bounds)
{
    enum { EACH = 2000 };
    for (uint64_t bound = 2; bound <= 40; bound++) {
        size_t counts[40] = { 0 };
        int32_t inside = 1;
        prune_rng rng;
        prune_rng_seed(&rng, bound);
        for (size_t i = 0; i < EACH * bound; i++) {
            const uint64_t drawn = prune_rng_below(&rng, bound);
            inside = inside && drawn < bound;
            counts[drawn % 40]++;
        }
        ck_assert(inside);
        ck_assert(are_even(counts, (size_t)bound, EACH * (size_t)bound));
    }
}
END_TEST

/* Sixteen equal slices of 0 .. bound - 1: two thirds of 2^32 or 2^64 would show any bias by division. */
START_TEST(below_is_even_over_large_bounds)
{
    static const uint64_t bounds[] = {
        1u << 16,
        0xAAAAAAABu,
        UINT32_MAX,
        UINT64_C(1) << 32,
        (UINT64_C(1) << 32) + 1,
        UINT64_C(3) << 33,
        UINT64_C(1) << 63,
        UINT64_C(0xAAAAAAAAAAAAAAAB),
        UINT64_MAX,
    };
    enum { DRAWS = 32000 };
    for (size_t b = 0; b < sizeof bounds / sizeof bounds[0]; b++) {
        size_t counts[16] = { 0 }, low[16] = { 0 };
        int32_t inside = 1;
        prune_rng rng;
        prune_rng_seed(&rng, b);
        for (size_t i = 0; i < DRAWS; i++) {
            const uint64_t drawn = prune_rng_below(&rng, bounds[b]);
            inside = inside && drawn < bounds[b];
            counts[(size_t)((double)drawn / (double)bounds[b] * 16.0) & 15]++;
            low[drawn % 16]++;
        }
        ck_assert(inside);
        ck_assert(are_even(counts, 16, DRAWS) && are_even(low, 16, DRAWS));
    }
}
END_TEST

START_TEST(below_one_and_zero_is_zero)
{
    prune_rng rng;
    prune_rng_seed(&rng, 3);
    for (size_t i = 0; i < 100; i++)
        ck_assert(prune_rng_below(&rng, 0) == 0 && prune_rng_below(&rng, 1) == 0);
}
END_TEST

/* ---- shuffle ---- */

START_TEST(shuffle_is_a_permutation)
{
    enum { MOST = 100 };
    prune_rng rng;
    prune_rng_seed(&rng, 4);
    for (size_t count = 0; count <= MOST; count++) {
        size_t order[MOST + 1], seen[MOST] = { 0 };
        for (size_t i = 0; i <= MOST; i++)
            order[i] = i;
        prune_rng_shuffle(&rng, order, count);
        for (size_t i = 0; i < count; i++)
            seen[order[i]]++;
        for (size_t i = 0; i < count; i++)
            ck_assert(seen[i] == 1);
        for (size_t i = count; i <= MOST; i++)
            ck_assert(order[i] == i);
    }
}
END_TEST

/* Which of the 24 orders of 0 1 2 3 it is, as a number in mixed base. */
static size_t rank_of(const size_t order[4])
{
    size_t rank = 0;
    for (size_t i = 0; i < 4; i++) {
        size_t smaller = 0;
        for (size_t j = i + 1; j < 4; j++)
            smaller += order[j] < order[i];
        rank = rank * (4 - i) + smaller;
    }
    return rank;
}

START_TEST(every_permutation_is_equally_likely)
{
    enum { SHUFFLES = 48000 };
    size_t counts[24] = { 0 };
    prune_rng rng;
    prune_rng_seed(&rng, 5);
    for (size_t i = 0; i < SHUFFLES; i++) {
        size_t order[4] = { 0, 1, 2, 3 };
        prune_rng_shuffle(&rng, order, 4);
        counts[rank_of(order)]++;
    }
    ck_assert(are_even(counts, 24, SHUFFLES));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        streams_are_the_published_ones,
        the_step_alone_is_the_published_one,
        uniform_is_the_top_24_bits,
        draws_are_the_same_everywhere,
        uniform_has_its_moments,
        normal_has_its_moments_and_tails,
        below_is_even_over_small_bounds,
        below_is_even_over_large_bounds,
        below_one_and_zero_is_zero,
        shuffle_is_a_permutation,
        every_permutation_is_equally_likely,
    };
    return run_tests("rng", tests, sizeof tests / sizeof tests[0]);
}
