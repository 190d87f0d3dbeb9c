/* split_test.c -- who is trained on and who is held out: exact counts, by class, each order equally likely
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/runner.h"

#include <math.h>
#include <stdint.h>

enum { MOST = 200, CLASSES = 7 };

static prune_rng rng_of(uint64_t seed)
{
    prune_rng rng;
    prune_rng_seed(&rng, seed);
    return rng;
}

static prune_tensor *labels_over(const int32_t *labels, size_t count)
{
    prune_tensor *tensor;
    ck_assert_ok(prune_tensor_const_matrix(&tensor, NULL, PRUNE_I32, count, 1, labels));
    return tensor;
}

/* Sizes of the classes -3, -1, 1, 3, ... */
static prune_tensor *labels_of(int32_t labels[MOST], const size_t *members, uint64_t seed)
{
    size_t order[MOST], count = 0;
    int32_t sorted[MOST];
    for (size_t c = 0; c < CLASSES; c++)
        for (size_t i = 0; i < members[c]; i++)
            sorted[count++] = (int32_t)(2 * c) - 3;
    prune_rng rng = rng_of(seed);
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    prune_rng_shuffle(&rng, order, count);
    for (size_t i = 0; i < count; i++)
        labels[i] = sorted[order[i]];
    return labels_over(labels, count);
}

static void assert_permutation(const size_t *order, size_t count)
{
    uint8_t seen[MOST] = { 0 };
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_lt(order[i], count);
        ck_assert_uint_eq(seen[order[i]]++, 0);
    }
}

static size_t count_class(const int32_t *labels, const size_t *order, size_t count, size_t class)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += labels[order[i]] == (int32_t)(2 * class) - 3;
    return found;
}

START_TEST(a_split_holds_out_exactly_so_many)
{
    static const struct {
        size_t count;
        double fraction;
        size_t held;
    } cases[] = {
        { 10, 0.2, 2 },  { 10, 0.25, 2 },  { 10, 0.35, 4 },   { 10, 0.01, 1 },
        { 10, 0.99, 9 }, { 2, 0.001, 1 },  { 2, 0.999, 1 },   { 7, 0.5, 4 },
        { 5, 0.5, 2 },   { 200, 0.1, 20 }, { 150, 0.33, 50 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t order[MOST], train = 0;
        prune_rng rng = rng_of(i);
        ck_assert_ok(prune_split(order, &train, cases[i].count, cases[i].fraction, &rng));
        ck_assert_uint_eq(train, cases[i].count - cases[i].held);
        assert_permutation(order, cases[i].count);
    }
}
END_TEST

/* Largest remainder, the slow way: one after the other is given to the class with the largest left. */
static void give_shares(size_t *shares, const size_t *members, size_t count, size_t held)
{
    size_t rest[CLASSES], left = held;
    for (size_t c = 0; c < CLASSES; c++) {
        shares[c] = members[c] * held / count;
        rest[c] = members[c] * held % count;
        left -= shares[c];
    }
    for (; left > 0; left--) {
        size_t best = 0;
        for (size_t c = 1; c < CLASSES; c++)
            best = rest[c] > rest[best] ? c : best;
        shares[best]++;
        rest[best] = 0;
    }
}

static const size_t class_sizes[][CLASSES] = {
    { 10, 10, 10, 10, 10, 10, 10 }, { 1, 2, 3, 4, 5, 6, 7 },    { 100, 1, 1, 1, 1, 1, 1 },
    { 33, 34, 33, 0, 0, 0, 0 },     { 1, 1, 1, 1, 1, 1, 1 },    { 0, 0, 0, 0, 0, 0, 9 },
    { 3, 3, 3, 3, 3, 3, 3 },        { 50, 50, 51, 1, 2, 3, 1 },
};

START_TEST(each_class_is_held_out_in_proportion)
{
    static const double fractions[] = { 0.01, 0.1, 0.2, 0.25, 1.0 / 3.0, 0.5, 0.77, 0.999 };
    for (size_t s = 0; s < sizeof class_sizes / sizeof class_sizes[0]; s++)
        for (size_t f = 0; f < sizeof fractions / sizeof fractions[0]; f++) {
            int32_t labels[MOST];
            size_t order[MOST], train, plain, shares[CLASSES];
            prune_rng rng = rng_of(f);
            prune_tensor *tensor = labels_of(labels, class_sizes[s], s);
            const size_t count = prune_tensor_dim(tensor, 0);
            ck_assert_ok(prune_split(order, &plain, count, fractions[f], &rng));
            ck_assert_ok(prune_split_stratified(order, &train, tensor, fractions[f], &rng));
            ck_assert_uint_eq(train, plain);
            assert_permutation(order, count);
            give_shares(shares, class_sizes[s], count, count - train);
            for (size_t c = 0; c < CLASSES; c++)
                ck_assert_uint_eq(count_class(labels, order + train, count - train, c), shares[c]);
            prune_tensor_free(tensor);
        }
}
END_TEST

START_TEST(folds_differ_by_one_at_most)
{
    for (size_t count = 2; count < 30; count++)
        for (size_t folds = 2; folds <= count; folds++) {
            size_t order[MOST], end = 0;
            prune_rng rng = rng_of(count);
            ck_assert_ok(prune_folds(order, count, folds, &rng));
            assert_permutation(order, count);
            for (size_t f = 0; f < folds; f++) {
                ck_assert_uint_eq(prune_fold_first(count, folds, f), end);
                end += count / folds + (f < count % folds ? 1 : 0);
            }
            ck_assert_uint_eq(prune_fold_first(count, folds, folds), count);
            ck_assert_uint_eq(end, count);
        }
    ck_assert_uint_eq(prune_fold_first(10, 3, 4), 0);
    ck_assert_uint_eq(prune_fold_first(10, 0, 0), 0);
}
END_TEST

START_TEST(each_fold_has_its_part_of_each_class)
{
    static const size_t folds[] = { 2, 3, 5, 7, 9 };
    for (size_t s = 0; s < sizeof class_sizes / sizeof class_sizes[0]; s++)
        for (size_t k = 0; k < sizeof folds / sizeof folds[0]; k++) {
            int32_t labels[MOST];
            size_t order[MOST];
            prune_rng rng = rng_of(k);
            prune_tensor *tensor = labels_of(labels, class_sizes[s], s);
            const size_t count = prune_tensor_dim(tensor, 0);
            const prune_status expected = folds[k] > count ? PRUNE_E_RANGE : PRUNE_OK;
            ck_assert_status(prune_folds_stratified(order, tensor, folds[k], &rng), expected);
            for (size_t f = 0; f < folds[k] && expected == PRUNE_OK; f++)
                for (size_t c = 0; c < CLASSES; c++) {
                    const size_t first = prune_fold_first(count, folds[k], f);
                    const size_t end = prune_fold_first(count, folds[k], f + 1);
                    const size_t found = count_class(labels, order + first, end - first, c);
                    ck_assert_uint_ge(found, class_sizes[s][c] / folds[k]);
                    ck_assert_uint_le(found, (class_sizes[s][c] + folds[k] - 1) / folds[k]);
                }
            if (expected == PRUNE_OK)
                assert_permutation(order, count);
            prune_tensor_free(tensor);
        }
}
END_TEST

START_TEST(a_fold_is_chosen_and_the_others_are_trained_on)
{
    size_t order[11], chosen[11], train;
    prune_rng rng = rng_of(3);
    ck_assert_ok(prune_folds(order, 11, 3, &rng));
    for (size_t f = 0; f < 3; f++) {
        const size_t first = prune_fold_first(11, 3, f), end = prune_fold_first(11, 3, f + 1);
        size_t at = 0;
        ck_assert_ok(prune_fold_choose(chosen, &train, order, 11, 3, f));
        ck_assert_uint_eq(train, 11 - (end - first));
        for (size_t i = 0; i < 11; i++)
            if (i < first || i >= end)
                ck_assert_uint_eq(chosen[at++], order[i]);
        for (size_t i = first; i < end; i++)
            ck_assert_uint_eq(chosen[at++], order[i]);
    }
    ck_assert_status(prune_fold_choose(chosen, &train, order, 11, 3, 3), PRUNE_E_RANGE);
    ck_assert_status(prune_fold_choose(chosen, &train, order, 11, 12, 0), PRUNE_E_RANGE);
    ck_assert_status(prune_fold_choose(NULL, &train, order, 11, 3, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_fold_choose(chosen, NULL, order, 11, 3, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_fold_choose(chosen, &train, NULL, 11, 3, 0), PRUNE_E_ARGUMENT);
}
END_TEST

/* How often sample i comes to place p, over many seeds; within five standard deviations of even. */
static void assert_even(void (*make)(size_t *order, prune_rng *rng))
{
    enum { TRIALS = 6000 };
    size_t hits[6][6] = { { 0 } };
    for (size_t t = 0; t < TRIALS; t++) {
        size_t order[6];
        prune_rng rng = rng_of(t);
        make(order, &rng);
        for (size_t p = 0; p < 6; p++)
            hits[p][order[p]]++;
    }
    for (size_t p = 0; p < 6; p++)
        for (size_t i = 0; i < 6; i++) {
            const double share = 1.0 / 6.0, off = (double)hits[p][i] - share * TRIALS;
            ck_assert_msg(off * off <= 25.0 * TRIALS * share * (1.0 - share), "sample %d at place %d: %d",
                          (int)i, (int)p, (int)hits[p][i]);
        }
}

/* Classes of 4 and 2 samples: samples 1 and 4 are the small class. */
static const int32_t uneven[] = { 5, 9, 5, 5, 9, 5 };

static void make_split(size_t *order, prune_rng *rng)
{
    size_t train;
    prune_tensor *labels = labels_over(uneven, 6);
    ck_assert_ok(prune_split_stratified(order, &train, labels, 0.5, rng));
    prune_tensor_free(labels);
}

static void make_folds(size_t *order, prune_rng *rng)
{
    prune_tensor *labels = labels_over(uneven, 6);
    ck_assert_ok(prune_folds_stratified(order, labels, 2, rng));
    prune_tensor_free(labels);
}

static void make_plain(size_t *order, prune_rng *rng)
{
    ck_assert_ok(prune_folds(order, 6, 3, rng));
}

/* Both parts have 2 of the 4 and 1 of the 2, so that every sample is at every place once in 6. */
START_TEST(every_sample_is_as_likely_at_every_place)
{
    assert_even(make_split);
    assert_even(make_folds);
    assert_even(make_plain);
}
END_TEST

START_TEST(the_seed_is_all_that_matters)
{
    int32_t labels[MOST];
    size_t first[MOST], second[MOST], train;
    prune_tensor *tensor = labels_of(labels, class_sizes[0], 1);
    for (uint64_t seed = 0; seed < 3; seed++) {
        prune_rng a = rng_of(seed), b = rng_of(seed), c = rng_of(seed + 1);
        ck_assert_ok(prune_split_stratified(first, &train, tensor, 0.3, &a));
        ck_assert_ok(prune_split_stratified(second, &train, tensor, 0.3, &b));
        ck_assert_mem_eq(first, second, 70 * sizeof *first);
        ck_assert_mem_eq(&a, &b, sizeof a);
        ck_assert_ok(prune_split_stratified(second, &train, tensor, 0.3, &c));
        ck_assert_mem_ne(first, second, 70 * sizeof *first);
    }
    prune_tensor_free(tensor);
}
END_TEST

START_TEST(labels_may_be_a_column_of_a_larger_matrix)
{
    static const int32_t table[][3] = { { 1, 7, 7 }, { 2, 8, 8 }, { 1, 9, 9 }, { 2, 1, 1 } };
    const prune_shape shapes[] = { { 2, { 4, 1, 0, 0 } }, { 1, { 4, 0, 0, 0 } } };
    for (size_t s = 0; s < 2; s++) {
        size_t order[4], train;
        prune_tensor *column;
        prune_rng rng = rng_of(1);
        ck_assert_ok(prune_tensor_wrap_const(&column, NULL, PRUNE_I32, &shapes[s], 3, table));
        ck_assert_ok(prune_split_stratified(order, &train, column, 0.5, &rng));
        ck_assert_int_ne(table[order[0]][0], table[order[1]][0]);
        ck_assert_int_ne(table[order[2]][0], table[order[3]][0]);
        prune_tensor_free(column);
    }
}
END_TEST

START_TEST(what_makes_no_sense_is_refused_and_changes_nothing)
{
    static const double bad[] = { 0.0, 1.0, -0.1, 1.1, (double)NAN, (double)INFINITY };
    size_t order[6] = { 77, 77, 77, 77, 77, 77 }, train = 55;
    prune_rng rng = rng_of(1), before = rng;
    prune_tensor *labels = labels_over(uneven, 6), *one = labels_over(uneven, 1), *wide, *floats;
    ck_assert_ok(prune_tensor_const_matrix(&wide, NULL, PRUNE_I32, 3, 2, uneven));
    ck_assert_ok(prune_tensor_const_matrix(&floats, NULL, PRUNE_F32, 6, 1, uneven));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_status(prune_split(order, &train, 6, bad[i], &rng), PRUNE_E_RANGE);
        ck_assert_status(prune_split_stratified(order, &train, labels, bad[i], &rng), PRUNE_E_RANGE);
    }
    for (size_t count = 0; count < 2; count++) {
        ck_assert_status(prune_split(order, &train, count, 0.5, &rng), PRUNE_E_EMPTY);
        ck_assert_status(prune_folds(order, count, 2, &rng), PRUNE_E_EMPTY);
    }
    static const size_t folds[] = { 0, 1, 7, SIZE_MAX };
    for (size_t i = 0; i < 4; i++) {
        ck_assert_status(prune_folds(order, 6, folds[i], &rng), PRUNE_E_RANGE);
        ck_assert_status(prune_folds_stratified(order, labels, folds[i], &rng), PRUNE_E_RANGE);
    }
    if (SIZE_MAX > UINT32_MAX) {
        ck_assert_status(prune_split(order, &train, SIZE_MAX / 2, 0.5, &rng), PRUNE_E_LIMIT);
        ck_assert_status(prune_folds(order, SIZE_MAX / 2, 2, &rng), PRUNE_E_LIMIT);
    }
    const prune_tensor *const bad_labels[] = { one, wide, floats, NULL };
    static const prune_status statuses[] = { PRUNE_E_EMPTY, PRUNE_E_SHAPE, PRUNE_E_TYPE, PRUNE_E_ARGUMENT };
    for (size_t i = 0; i < 4; i++) {
        ck_assert_status(prune_split_stratified(order, &train, bad_labels[i], 0.5, &rng), statuses[i]);
        ck_assert_status(prune_folds_stratified(order, bad_labels[i], 2, &rng), statuses[i]);
    }
    ck_assert_status(prune_split(NULL, &train, 6, 0.5, &rng), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_split(order, NULL, 6, 0.5, &rng), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_split(order, &train, 6, 0.5, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_split_stratified(NULL, &train, labels, 0.5, &rng), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_split_stratified(order, NULL, labels, 0.5, &rng), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_folds(order, 6, 2, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_folds_stratified(NULL, labels, 2, &rng), PRUNE_E_ARGUMENT);
    ck_assert_mem_eq(&rng, &before, sizeof rng);
    for (size_t i = 0; i < 6; i++)
        ck_assert_uint_eq(order[i], 77);
    ck_assert_uint_eq(train, 55);
    prune_tensor_free(labels);
    prune_tensor_free(one);
    prune_tensor_free(wide);
    prune_tensor_free(floats);
}
END_TEST

/* ---- rows ---- */

static const float grid[4][3] = { { 0.5f, 1.5f, 2.5f }, { 10, 11, 12 }, { 20, 21, 22 }, { 30, 31, 300 } };

START_TEST(rows_are_taken_in_order_and_converted)
{
    static const size_t order[] = { 3, 0, 0, 2, 1 };
    static const uint8_t expected[5][2] = { { 30, 31 }, { 0, 2 }, { 0, 2 }, { 20, 21 }, { 10, 11 } };
    uint8_t table[5][4];
    const prune_shape from_shape = { 2, { 4, 2, 0, 0 } }, to_shape = { 2, { 5, 2, 0, 0 } };
    prune_tensor *from, *to, *made;
    memset(table, 99, sizeof table);
    ck_assert_ok(prune_tensor_wrap_const(&from, NULL, PRUNE_F32, &from_shape, 3, grid));
    ck_assert_ok(prune_tensor_wrap(&to, NULL, PRUNE_U8, &to_shape, 4, table));
    ck_assert_ok(prune_tensor_take_rows(to, from, order, 5));
    for (size_t i = 0; i < 5; i++) {
        ck_assert_mem_eq(table[i], expected[i], 2);
        ck_assert_uint_eq(table[i][2], 99);
    }
    ck_assert_ok(prune_tensor_create_rows(&made, NULL, from, order, 5));
    ck_assert_int_eq(prune_tensor_dtype(made), PRUNE_F32);
    ck_assert_uint_eq(prune_tensor_ld(made), 2);
    for (size_t i = 0; i < 5; i++)
        ck_assert_mem_eq((const float *)prune_tensor_data(made) + 2 * i, grid[order[i]], 2 * sizeof(float));
    prune_tensor_free(from);
    prune_tensor_free(to);
    prune_tensor_free(made);
}
END_TEST

START_TEST(rows_that_are_not_there_are_refused)
{
    static const size_t good[] = { 0, 3 }, bad[] = { 0, 4 };
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    float table[2][3] = { { 7, 7, 7 }, { 7, 7, 7 } };
    prune_tensor *from, *to, *narrow, *made;
    ck_assert_ok(prune_tensor_const_matrix(&from, NULL, PRUNE_F32, 4, 3, grid));
    ck_assert_ok(prune_tensor_matrix(&to, NULL, PRUNE_F32, 2, 3, table));
    ck_assert_ok(prune_tensor_matrix(&narrow, NULL, PRUNE_F32, 2, 2, table));
    ck_assert_status(prune_tensor_take_rows(to, from, bad, 2), PRUNE_E_RANGE);
    ck_assert_status(prune_tensor_take_rows(to, from, good, 1), PRUNE_E_SHAPE);
    ck_assert_status(prune_tensor_take_rows(narrow, from, good, 2), PRUNE_E_SHAPE);
    ck_assert_status(prune_tensor_take_rows(from, to, good, 2), PRUNE_E_READONLY);
    ck_assert_status(prune_tensor_take_rows(NULL, from, good, 2), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_tensor_take_rows(to, NULL, good, 2), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_tensor_take_rows(to, from, NULL, 2), PRUNE_E_ARGUMENT);
    for (size_t i = 0; i < 6; i++)
        ck_assert(table[i / 3][i % 3] == 7.0f);
    static const struct {
        int32_t from, order;
        size_t count, refuse;
        prune_status status;
    } cases[] = {
        { 1, 2, 2, 0, PRUNE_E_RANGE },    { 1, 1, 0, 0, PRUNE_E_SIZE },   { 0, 1, 2, 0, PRUNE_E_ARGUMENT },
        { 1, 0, 2, 0, PRUNE_E_ARGUMENT }, { 1, 1, 2, 1, PRUNE_E_MEMORY },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t *const orders[] = { NULL, good, bad };
        made = to;
        heap_refuse_once(&h, cases[i].refuse);
        ck_assert_status(prune_tensor_create_rows(&made, &mem, cases[i].from ? from : NULL,
                                                  orders[cases[i].order], cases[i].count),
                         cases[i].status);
        ck_assert_ptr_null(made);
    }
    ck_assert_status(prune_tensor_create_rows(NULL, &mem, from, good, 2), PRUNE_E_ARGUMENT);
    ck_assert(heap_is_clean(&h));
    prune_tensor_free(from);
    prune_tensor_free(to);
    prune_tensor_free(narrow);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { a_split_holds_out_exactly_so_many,
                                   each_class_is_held_out_in_proportion,
                                   folds_differ_by_one_at_most,
                                   each_fold_has_its_part_of_each_class,
                                   a_fold_is_chosen_and_the_others_are_trained_on,
                                   every_sample_is_as_likely_at_every_place,
                                   the_seed_is_all_that_matters,
                                   labels_may_be_a_column_of_a_larger_matrix,
                                   what_makes_no_sense_is_refused_and_changes_nothing,
                                   rows_are_taken_in_order_and_converted,
                                   rows_that_are_not_there_are_refused };
    return run_tests("split", tests, sizeof tests / sizeof tests[0]);
}
