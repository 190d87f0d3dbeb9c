/* allreduce.h (private) -- meetings of all ranks, and what to tell of one that went wrong */
#ifndef PRN_ALLREDUCE_H
#define PRN_ALLREDUCE_H

#include "libprune/allreduce.h"

/* How a meeting ended: well; this rank had failed; another one had; they are not at the same point; the
 * user's function failed. */
enum { PRN_MET = 0, PRN_MET_SELF, PRN_MET_PEER, PRN_MET_DIFFERENT, PRN_MET_BROKEN };

typedef struct prn_verdict {
    int32_t kind;
    int32_t peer; /* the rank that failed */
} prn_verdict;

/* Reads the caller's struct and checks it. */
prune_status prn_allreduce_read(prune_allreduce *mine, const prune_allreduce *given);

/* What all ranks do before they add anything up, at the same points of the same work: one reduction, always
 * of as many numbers, so that a rank that has failed can take part wherever the others are. `mine` is how
 * this one fared. `same` must be the same on all; *most, below 2^53, becomes the largest of all; NULL: 0.
 * Returns mine if that is a failure; else that of another rank (of the same one on all ranks);
 * PRUNE_E_DISAGREE; what run() returned. */
prune_status prn_allreduce_meet(prn_verdict *verdict, const prune_allreduce *all, prune_status mine,
                                uint64_t same, uint64_t *most);

/* Says, unless it ended well or this rank has said itself what is wrong. Returns status. */
prune_status prn_verdict_tell(prune_error *error, const prn_verdict *verdict, prune_status status);

/* A hash of 32-bit words, and of a number; `hash` is 0 for nothing yet. */
uint64_t prn_hash_words(uint64_t hash, const void *words, size_t count);
uint64_t prn_hash_number(uint64_t hash, uint64_t number);

#endif
