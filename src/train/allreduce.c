/* allreduce.c -- what the library asks of several machines that work together
 *
 * SPDX-License-Identifier: MIT */
#include "allreduce.h"
#include "options.h"
#include "text.h"

#include <string.h>

#define MOST_RANKS 0x100000

void prune_allreduce_init(prune_allreduce *allreduce)
{
    if (allreduce != NULL)
        *allreduce = (prune_allreduce){ .size = sizeof *allreduce, .ranks = 1 };
}

prune_status prn_allreduce_read(prune_allreduce *mine, const prune_allreduce *given)
{
    if (given == NULL)
        return PRUNE_E_ARGUMENT;
    prune_allreduce_init(mine);
    const prune_status status = prn_options_read(mine, sizeof *mine, given);
    if (status != PRUNE_OK)
        return status;
    const int32_t good = mine->run != NULL && mine->ranks >= 1 && mine->ranks <= MOST_RANKS &&
                         mine->rank >= 0 && mine->rank < mine->ranks;
    return good ? PRUNE_OK : PRUNE_E_ARGUMENT;
}

uint64_t prn_hash_number(uint64_t hash, uint64_t number)
{
    return (hash ^ number ^ number >> 29) * 0x9e3779b97f4a7c15u + 1;
}

uint64_t prn_hash_words(uint64_t hash, const void *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t word;
        memcpy(&word, (const unsigned char *)words + i * sizeof word, sizeof word);
        hash = (hash ^ hash >> 32 ^ word) * 0x9e3779b97f4a7c15u + 1;
    }
    return hash;
}

/* A failure and whose it is, in one number below 2^53; success is 0. */
static double key_of(prune_status status, int32_t rank)
{
    if (status == PRUNE_OK)
        return 0.0;
    const uint64_t shifted = (uint64_t)((int64_t)status + 0x100000000);
    return (double)(shifted * MOST_RANKS + (uint64_t)rank);
}

static prune_status read_key(int32_t *rank, double key)
{
    const uint64_t both = (uint64_t)key;
    *rank = (int32_t)(both % MOST_RANKS);
    return (prune_status)((int64_t)(both / MOST_RANKS) - 0x100000000);
}

enum { KEY, SAME, UNLIKE, MOST, WORDS };

static prune_status judge(prn_verdict *verdict, const double words[WORDS], prune_status mine)
{
    *verdict = (prn_verdict){ mine != PRUNE_OK ? PRN_MET_SELF : PRN_MET, 0 };
    if (mine != PRUNE_OK)
        return mine;
    if (words[KEY] > 0.0) {
        verdict->kind = PRN_MET_PEER;
        return read_key(&verdict->peer, words[KEY]);
    }
    if (words[SAME] + words[UNLIKE] == 0.0) /* the largest is the smallest */
        return PRUNE_OK;
    verdict->kind = PRN_MET_DIFFERENT;
    return PRUNE_E_DISAGREE;
}

prune_status prn_allreduce_meet(prn_verdict *verdict, const prune_allreduce *all, prune_status mine,
                                uint64_t same, uint64_t *most)
{
    const double part = (double)(same >> 11); /* all its 53 bits are in a double */
    double words[WORDS] = { key_of(mine, all->rank), part, -part, most == NULL ? 0.0 : (double)*most };
    const prune_status status = all->run(all->user, words, WORDS, PRUNE_REDUCE_MAX_F64);
    if (status != PRUNE_OK) {
        *verdict = (prn_verdict){ PRN_MET_BROKEN, 0 };
        return status;
    }
    if (most != NULL)
        *most = (uint64_t)words[MOST];
    return judge(verdict, words, mine);
}

prune_status prn_verdict_tell(prune_error *error, const prn_verdict *verdict, prune_status status)
{
    const ptrdiff_t peer = verdict->peer;
    if (verdict->kind == PRN_MET_PEER)
        return prn_error_format(error, status, "rank %", prune_status_string(status), &peer);
    if (verdict->kind == PRN_MET_DIFFERENT)
        return prn_error_set(
            error, status, "ranks",
            "they differ in the model, its masks or weights, in options, or in what they call");
    if (verdict->kind == PRN_MET_BROKEN)
        return prn_error_set(error, status, "allreduce", "its function returned this");
    return status;
}

prune_status prune_allreduce_fail(const prune_allreduce *allreduce, prune_status failure)
{
    prune_allreduce mine;
    prn_verdict verdict;
    const prune_status status = prn_allreduce_read(&mine, allreduce);
    if (status != PRUNE_OK || failure == PRUNE_OK)
        return status != PRUNE_OK ? status : PRUNE_E_ARGUMENT;
    const prune_status met = prn_allreduce_meet(&verdict, &mine, failure, 0, NULL);
    return verdict.kind == PRN_MET_BROKEN ? met : PRUNE_OK;
}
