/* averages.c -- sums and moving averages of what batches have, element by element
 *
 * SPDX-License-Identifier: MIT */
#include "averages.h"
#include "spread.h"

typedef struct job {
    prn_sum *sums;
    const prn_addend *addend;
    float decay;
} job;

static void add(const void *arg, size_t first, size_t count)
{
    const job *j = arg;
    for (size_t i = first; i < first + count; i++)
        prn_sum_add(&j->sums[i], j->addend->scale * j->addend->values[i]);
}

/* As what is taken away and what comes in: neither leaves float, and the carry keeps what is small beside
 * E. */
static void move(const void *arg, size_t first, size_t count)
{
    const job *j = arg;
    const float take = 1.0f - j->decay;
    for (size_t i = first; i < first + count; i++) {
        prn_sum *average = &j->sums[i];
        prn_sum_add(average, -take * (average->sum + average->carry));
        prn_sum_add(average, take * (j->addend->scale * j->addend->values[i]));
    }
}

void prn_averages_take(prn_sum *sums, const prn_addend *addend, float decay, const prune_backend *backend)
{
    const job j = { sums, addend, decay };
    prn_spread_range(backend, addend->count, decay < 1.0f ? move : add, &j);
}
