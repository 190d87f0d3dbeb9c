/* roc.c -- the area under the ROC curve, of metrics.h
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/fmath.h"
#include "mem.h"
#include "metrics.h"
#include "options.h"
#include "text.h"

/* Makes a heap of heap[root .. count - 1], of which only the root may be out of place. */
static void sift_down(double *heap, size_t root, size_t count)
{
    const double moved = heap[root];
    for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
        if (child + 1 < count && heap[child + 1] > heap[child])
            child++;
        if (!(heap[child] > moved))
            break;
        heap[root] = heap[child];
        root = child;
    }
    heap[root] = moved;
}

/* Heapsort: in place, without recursion, never quadratic. */
static void sort(double *x, size_t count)
{
    for (size_t root = count / 2; root > 0; root--)
        sift_down(x, root - 1, count);
    for (size_t last = count; last > 1; last--) {
        const double largest = x[0];
        x[0] = x[last - 1];
        x[last - 1] = largest;
        sift_down(x, 0, last - 1);
    }
}

/* h_c - log sum of exp h_j over the others, shifted by the largest of them. */
static double log_odds(const float *h, size_t columns, size_t label)
{
    float most = h[label == 0];
    double others = 0.0;
    for (size_t o = 0; o < columns; o++)
        most = o != label && h[o] > most ? h[o] : most;
    for (size_t o = 0; o < columns; o++)
        others += o != label ? (double)prune_expf(h[o] - most) : 0.0;
    return (double)h[label] - (double)most - (double)prune_logf((float)others);
}

/* What ranks a sample for a class; a single output speaks for class 1. */
static double rank_by(const float *h, size_t columns, size_t label, int32_t scores)
{
    if (columns == 1)
        return label == 1 ? (double)h[0] : -(double)h[0];
    if (columns == 2)
        return (double)h[label] - (double)h[1 - label];
    return scores == PRUNE_SCORES_LOGITS ? log_odds(h, columns, label) : (double)h[label];
}

/* Of sorted scores: pairs in which the first is greater, and one half of those in which they are equal,
 * as a part of all pairs. */
static double chance_above(const double *of, size_t count, const double *rest, size_t rest_count)
{
    double halves = 0.0;
    for (size_t i = 0, below = 0, up_to = 0; i < count; i++) {
        while (below < rest_count && rest[below] < of[i])
            below++;
        while (up_to < rest_count && rest[up_to] <= of[i])
            up_to++;
        halves += (double)below + (double)up_to;
    }
    return halves / (2.0 * (double)count * (double)rest_count);
}

/* Of one class, with *count samples, against the rest, in room[n]; NaN if either has none. */
static double auc_of(size_t *count, size_t label, const prune_roc *roc, const prune_tensor *outputs,
                     const prune_tensor *labels, double *room)
{
    const size_t rows = prn_tensor_rows(outputs), columns = prn_tensor_row(outputs);
    size_t rest = rows;
    *count = 0;
    for (size_t r = 0; r < rows; r++)
        room[prn_metrics_label(labels, r) == label ? (*count)++ : --rest] =
            rank_by(prn_metrics_row(outputs, r), columns, label, roc->scores);
    if (*count == 0 || *count == rows)
        return prn_metrics_none();
    sort(room, *count);
    sort(room + *count, rows - *count);
    return chance_above(room, *count, room + *count, rows - *count);
}

static size_t classes_of(const prune_tensor *outputs)
{
    const size_t columns = prn_tensor_row(outputs);
    return columns > 2 ? columns : 2;
}

/* Where there are two labels, two classes have an area. */
static void measure(prune_roc *roc, const prune_tensor *outputs, const prune_tensor *labels, double *room)
{
    double classes = 0.0, samples = 0.0;
    roc->macro = roc->weighted = 0.0;
    for (size_t label = 0; label < classes_of(outputs); label++) {
        size_t count;
        const double area = auc_of(&count, label, roc, outputs, labels, room);
        const int32_t is_one = area == area;
        roc->macro += is_one ? area : 0.0;
        roc->weighted += is_one ? (double)count * area : 0.0;
        classes += is_one;
        samples += is_one ? (double)count : 0.0;
        if (roc->by_class != NULL)
            roc->by_class[label] = area;
    }
    roc->macro /= classes;
    roc->weighted /= samples;
}

static int32_t has_two_classes(const prune_tensor *labels)
{
    for (size_t r = 1; r < prn_tensor_rows(labels); r++)
        if (prn_metrics_label(labels, r) != prn_metrics_label(labels, 0))
            return 1;
    return 0;
}

static prune_status check(const prune_roc *roc, const prune_tensor *outputs, const prune_tensor *labels,
                          prune_error *error)
{
    if (roc->scores != PRUNE_SCORES_AS_GIVEN && roc->scores != PRUNE_SCORES_LOGITS)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "scores", "not one of PRUNE_SCORES_*");
    const prune_status status = prn_metrics_check(outputs, labels, error);
    if (status != PRUNE_OK)
        return status;
    if (roc->by_class != NULL && roc->by_class_capacity < classes_of(outputs))
        return prn_error_set(error, PRUNE_E_SHAPE, "by_class", "there are more classes than fit");
    if (!has_two_classes(labels))
        return prn_error_set(error, PRUNE_E_EMPTY, "labels", "all samples are of one class");
    return PRUNE_OK;
}

static prune_status run(prune_roc *roc, const prune_tensor *outputs, const prune_tensor *labels,
                        const prune_allocator *mem, prune_error *error)
{
    prune_allocator own;
    prune_status status = check(roc, outputs, labels, error);
    if (status != PRUNE_OK)
        return status;
    status = prn_mem_choose(&own, mem);
    const size_t rows = prn_tensor_rows(outputs);
    double *room = status == PRUNE_OK ? prn_mem_alloc(&own, rows, sizeof *room) : NULL;
    if (room == NULL)
        return prn_error_set(error, status == PRUNE_OK ? PRUNE_E_MEMORY : status, "mem", "no memory");
    measure(roc, outputs, labels, room);
    prn_mem_free(&own, room, rows, sizeof *room);
    return PRUNE_OK;
}

void prune_roc_init(prune_roc *roc)
{
    if (roc != NULL)
        *roc = (prune_roc){ .size = sizeof *roc, .scores = PRUNE_SCORES_AS_GIVEN };
}

prune_status prune_roc_measure(prune_roc *roc, const prune_tensor *outputs, const prune_tensor *labels,
                               const prune_allocator *mem, prune_error *error)
{
    prune_roc mine;
    prune_roc_init(&mine);
    if (roc == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "roc", "NULL");
    prune_status status = prn_options_read(&mine, sizeof mine, roc);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "roc", prn_options_reason(status));
    status = run(&mine, outputs, labels, mem, error);
    if (status == PRUNE_OK)
        prn_result_write(roc, &mine);
    return status;
}

prune_status prune_roc_auc(double *auc, const prune_tensor *outputs, const prune_tensor *labels,
                           int32_t scores, const prune_allocator *mem, prune_error *error)
{
    prune_roc roc;
    prune_roc_init(&roc);
    roc.scores = scores;
    if (auc == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "auc", "NULL");
    const prune_status status = run(&roc, outputs, labels, mem, error);
    if (status == PRUNE_OK)
        *auc = roc.macro;
    return status;
}
