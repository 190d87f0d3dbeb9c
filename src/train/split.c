/* split.c -- samples parted at random into training and held-out ones, once or in folds
 *
 * Stratified: the samples are shuffled and then sorted by their labels alone. What sorting does to samples of
 * one class depends on the labels and not on which samples they are, so that each order within a class stays
 * equally likely, and the sort need not be stable.
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/split.h"
#include "libprune/fraction.h"
#include "tensor.h"

#include <string.h>

/* Set on an index that is in its place. No index has it: there is a label of 4 bytes for each. */
#define PLACED (~(SIZE_MAX >> 1))

static void draw(size_t *order, size_t count, prune_rng *rng)
{
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    prune_rng_shuffle(rng, order, count);
}

static prune_status check_count(size_t count)
{
    if (count < 2)
        return PRUNE_E_EMPTY;
    return (uint64_t)count >> 32 != 0 ? PRUNE_E_LIMIT : PRUNE_OK;
}

static prune_status check_labels(const prune_tensor *labels)
{
    if (labels->dtype != PRUNE_I32)
        return PRUNE_E_TYPE;
    if (prn_tensor_row(labels) != 1)
        return PRUNE_E_SHAPE;
    return check_count(prn_tensor_rows(labels));
}

static prune_status count_train(size_t *train, size_t count, double fraction)
{
    uint64_t held;
    if (!(fraction > 0.0 && fraction < 1.0))
        return PRUNE_E_RANGE;
    (void)prune_fraction_count(&held, fraction, count);
    held = held == 0 ? 1 : held >= count ? count - 1 : held;
    *train = count - (size_t)held;
    return PRUNE_OK;
}

prune_status prune_split(size_t *order, size_t *train, size_t count, double fraction, prune_rng *rng)
{
    if (order == NULL || train == NULL || rng == NULL)
        return PRUNE_E_ARGUMENT;
    prune_status status = check_count(count);
    if (status == PRUNE_OK)
        status = count_train(train, count, fraction);
    if (status == PRUNE_OK)
        draw(order, count, rng);
    return status;
}

/* ---- by class ---- */

static int32_t label_of(const prune_tensor *labels, size_t sample)
{
    return ((const int32_t *)labels->data)[sample * labels->ld];
}

/* Heapsort: what order[root] is sinks below the larger labels. */
static void sift(size_t *order, size_t root, size_t count, const prune_tensor *labels)
{
    const size_t sinking = order[root];
    for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
        if (child + 1 < count && label_of(labels, order[child + 1]) > label_of(labels, order[child]))
            child++;
        if (label_of(labels, order[child]) <= label_of(labels, sinking))
            break;
        order[root] = order[child];
        root = child;
    }
    order[root] = sinking;
}

static void swap(size_t *order, size_t a, size_t b)
{
    const size_t kept = order[a];
    order[a] = order[b];
    order[b] = kept;
}

static void draw_sorted(size_t *order, const prune_tensor *labels, prune_rng *rng)
{
    const size_t count = prn_tensor_rows(labels);
    draw(order, count, rng);
    for (size_t root = count / 2; root > 0; root--)
        sift(order, root - 1, count, labels);
    for (size_t left = count - 1; left > 0; left--) {
        swap(order, 0, left);
        sift(order, 0, left, labels);
    }
}

/* How many sorted samples, from `first` on, are of the same class. */
static size_t run_length(const size_t *order, size_t first, const prune_tensor *labels)
{
    size_t end = first + 1;
    while (end < prn_tensor_rows(labels) && label_of(labels, order[end]) == label_of(labels, order[first]))
        end++;
    return end - first;
}

/* Who gives one sample more than the floor: classes with a remainder above `above`, and the first `ties` of
 * those with just that. */
typedef struct quota {
    size_t count, held;
    uint64_t above;
    size_t ties;
} quota;

static uint64_t remainder_of(const quota *q, size_t members)
{
    return (uint64_t)members * q->held % q->count;
}

static size_t share(quota *q, size_t members)
{
    const size_t whole = (size_t)((uint64_t)members * q->held / q->count);
    const uint64_t rest = remainder_of(q, members);
    if (rest != q->above || q->ties == 0)
        return whole + (rest > q->above);
    q->ties--;
    return whole + 1;
}

/* *more: classes with a remainder above `above`; returns what all floors leave over. */
static size_t look(size_t *more, const quota *q, const size_t *order, const prune_tensor *labels)
{
    size_t left = q->held;
    *more = 0;
    for (size_t first = 0, members; first < q->count; first += members) {
        members = run_length(order, first, labels);
        left -= (size_t)((uint64_t)members * q->held / q->count);
        *more += remainder_of(q, members) > q->above;
    }
    return left;
}

/* The least remainder that no more classes lie above than samples are left over, by bisection. */
static void find_quota(quota *q, const size_t *order, const prune_tensor *labels)
{
    uint64_t low = 0, high = q->count;
    size_t more, left;
    while (low < high) {
        q->above = low + (high - low) / 2;
        left = look(&more, q, order, labels);
        if (more <= left)
            high = q->above;
        else
            low = q->above + 1;
    }
    q->above = low;
    left = look(&more, q, order, labels);
    q->ties = left - more;
}

/* Brings each class's training samples to the front. */
static void part(size_t *order, quota *q, const prune_tensor *labels)
{
    size_t front = 0;
    for (size_t first = 0, members; first < q->count; first += members) {
        members = run_length(order, first, labels);
        for (size_t i = share(q, members); i < members; i++)
            swap(order, front++, first + i);
    }
}

prune_status prune_split_stratified(size_t *order, size_t *train, const prune_tensor *labels, double fraction,
                                    prune_rng *rng)
{
    if (order == NULL || train == NULL || labels == NULL || rng == NULL)
        return PRUNE_E_ARGUMENT;
    prune_status status = check_labels(labels);
    if (status == PRUNE_OK)
        status = count_train(train, prn_tensor_rows(labels), fraction);
    if (status != PRUNE_OK)
        return status;
    quota q = { .count = prn_tensor_rows(labels) };
    q.held = q.count - *train;
    draw_sorted(order, labels, rng);
    find_quota(&q, order, labels);
    part(order, &q, labels);
    prune_rng_shuffle(rng, order, *train);
    prune_rng_shuffle(rng, order + *train, q.held);
    return PRUNE_OK;
}

/* ---- folds ---- */

size_t prune_fold_first(size_t count, size_t folds, size_t fold)
{
    if (folds == 0 || fold > folds)
        return 0;
    const size_t rest = count % folds;
    return fold * (count / folds) + (fold < rest ? fold : rest);
}

static prune_status check_folds(size_t count, size_t folds)
{
    const prune_status status = check_count(count);
    if (status != PRUNE_OK)
        return status;
    return folds < 2 || folds > count ? PRUNE_E_RANGE : PRUNE_OK;
}

prune_status prune_folds(size_t *order, size_t count, size_t folds, prune_rng *rng)
{
    if (order == NULL || rng == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = check_folds(count, folds);
    if (status == PRUNE_OK)
        draw(order, count, rng);
    return status;
}

/* Deals the sorted samples out like cards: the i-th to fold i mod K. In place, cycle by cycle. */
static void deal(size_t *order, size_t count, size_t folds)
{
    for (size_t start = 0; start < count; start++) {
        size_t at = start, carried = order[start];
        while ((carried & PLACED) == 0) {
            at = prune_fold_first(count, folds, at % folds) + at / folds;
            const size_t next = order[at];
            order[at] = carried | PLACED;
            carried = next;
        }
    }
    for (size_t i = 0; i < count; i++)
        order[i] &= ~PLACED;
}

prune_status prune_folds_stratified(size_t *order, const prune_tensor *labels, size_t folds, prune_rng *rng)
{
    if (order == NULL || labels == NULL || rng == NULL)
        return PRUNE_E_ARGUMENT;
    prune_status status = check_labels(labels);
    const size_t count = prn_tensor_rows(labels);
    if (status == PRUNE_OK)
        status = check_folds(count, folds);
    if (status != PRUNE_OK)
        return status;
    draw_sorted(order, labels, rng);
    deal(order, count, folds);
    for (size_t f = 0; f < folds; f++) {
        const size_t first = prune_fold_first(count, folds, f);
        prune_rng_shuffle(rng, order + first, prune_fold_first(count, folds, f + 1) - first);
    }
    return PRUNE_OK;
}

prune_status prune_fold_choose(size_t *chosen, size_t *train, const size_t *order, size_t count, size_t folds,
                               size_t fold)
{
    if (chosen == NULL || train == NULL || order == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = check_folds(count, folds);
    if (status != PRUNE_OK)
        return status;
    if (fold >= folds)
        return PRUNE_E_RANGE;
    const size_t first = prune_fold_first(count, folds, fold), end = prune_fold_first(count, folds, fold + 1);
    *train = count - (end - first);
    memcpy(chosen, order, first * sizeof *order);
    memcpy(chosen + first, order + end, (count - end) * sizeof *order);
    memcpy(chosen + *train, order + first, (end - first) * sizeof *order);
    return PRUNE_OK;
}
