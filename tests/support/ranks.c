/* ranks.c -- threads of one process as ranks, for tests
 *
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "ranks.h"

#include <stdlib.h>
#include <string.h>

typedef struct place {
    ranks *shared;
    prune_allreduce all;
    void (*body)(const prune_allreduce *all, void *user);
    void *user;
} place;

static void sum_floats(ranks *r, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float sum = 0.0f;
        for (int32_t k = 0; k < r->count; k++)
            sum += ((float *)r->values[k])[i];
        for (int32_t k = 0; k < r->count; k++)
            ((float *)r->values[k])[i] = sum;
    }
    r->floats = count;
}

static void reduce_doubles(ranks *r, size_t count, int32_t maximum)
{
    for (size_t i = 0; i < count; i++) {
        double all = ((double *)r->values[0])[i];
        for (int32_t k = 1; k < r->count; k++) {
            const double next = ((double *)r->values[k])[i];
            all = !maximum ? all + next : next > all ? next : all;
        }
        for (int32_t k = 0; k < r->count; k++)
            ((double *)r->values[k])[i] = all;
    }
}

/* The last one to come does it for all. */
static void finish_round(ranks *r)
{
    for (int32_t k = 1; k < r->count; k++)
        r->unlike |= r->lengths[k] != r->lengths[0] || r->what[k] != r->what[0];
    r->calls++;
    r->here = 0;
    pthread_cond_broadcast(&r->turn);
    if (r->unlike || r->calls == r->fail_call)
        return;
    if (r->what[0] == PRUNE_REDUCE_SUM_F32)
        sum_floats(r, r->lengths[0]);
    else
        reduce_doubles(r, r->lengths[0], r->what[0] == PRUNE_REDUCE_MAX_F64);
}

static prune_status run(void *user, void *values, size_t count, int32_t what)
{
    const place *me = user;
    ranks *r = me->shared;
    pthread_mutex_lock(&r->lock);
    const uint64_t round = r->calls;
    r->values[me->all.rank] = values;
    r->lengths[me->all.rank] = count;
    r->what[me->all.rank] = what;
    if (++r->here == r->count)
        finish_round(r);
    while (r->calls == round && r->ended == 0)
        pthread_cond_wait(&r->turn, &r->lock);
    const int32_t left = r->calls == round;
    r->stranded |= left;
    const int32_t failed = left || r->unlike || round + 1 == r->fail_call;
    pthread_mutex_unlock(&r->lock);
    return failed ? PRUNE_E_IO : PRUNE_OK;
}

static void *start(void *user)
{
    place *me = user;
    me->body(&me->all, me->user);
    pthread_mutex_lock(&me->shared->lock);
    me->shared->ended++;
    pthread_cond_broadcast(&me->shared->turn);
    pthread_mutex_unlock(&me->shared->lock);
    return NULL;
}

void ranks_run_failing(ranks *r, int32_t count, uint64_t fail_call,
                       void (*body)(const prune_allreduce *all, void *user), void *user)
{
    pthread_t threads[RANKS_MOST];
    place places[RANKS_MOST];
    *r = (ranks){ .count = count, .fail_call = fail_call };
    if (pthread_mutex_init(&r->lock, NULL) != 0 || pthread_cond_init(&r->turn, NULL) != 0)
        abort();
    for (int32_t k = 0; k < count; k++) {
        places[k] = (place){ .shared = r, .body = body, .user = user };
        prune_allreduce_init(&places[k].all);
        places[k].all.rank = k;
        places[k].all.ranks = count;
        places[k].all.run = run;
        places[k].all.user = &places[k];
        if (pthread_create(&threads[k], NULL, start, &places[k]) != 0)
            abort();
    }
    for (int32_t k = 0; k < count; k++)
        if (pthread_join(threads[k], NULL) != 0)
            abort();
    pthread_cond_destroy(&r->turn);
    pthread_mutex_destroy(&r->lock);
}

void ranks_run(ranks *r, int32_t count, void (*body)(const prune_allreduce *all, void *user), void *user)
{
    ranks_run_failing(r, count, 0, body, user);
}
