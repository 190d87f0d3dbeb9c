/* importance.h (private) -- the score table as masks and thresholds see it */
#ifndef PRN_IMPORTANCE_H
#define PRN_IMPORTANCE_H

#include "criterion.h"
#include "libprune/importance.h"
#include "model.h"
#include "regularizer.h"
#include "scan.h"

/* The lowest units of a sequence: those whose score has an order (bits.h) below this, and the first `ties`
 * that have exactly this. */
typedef struct prn_cut {
    uint32_t order;
    size_t ties;
} prn_cut;

struct prune_importance {
    prune_allocator mem;
    size_t bytes;
    const prune_model *model;
    uint32_t signature;
    const prn_criterion *criterion;
    int32_t ready;  /* scores exist */
    uint8_t *given; /* of PRUNE_SUPPLIED: 1 for each parameter whose scores are there; else NULL */
    size_t samples;
    float decay;  /* of a moving average over batches; 1: the mean over samples */
    prn_sum ones; /* the weights of the samples, or the moving average of 1: what the others are divided by */
    size_t floats;
    prn_regularizer penalty; /* what include_penalty adds; all 0 is nothing */
    prn_layer_rule *rules;   /* the penalty's: room for those now and those before */
    /* Laid out like all parameters of the model in order. */
    prn_sum *gradient; /* sums over samples, or moving averages; NULL for magnitudes */
    float *score;
    uint32_t *signs; /* bit i is 1 where the term behind score i is below 0; NULL if terms have no sign */
    /* Room to choose in without allocating, see rank.h and unit.h. */
    prn_cut *cuts; /* one per layer */
    float *means;  /* one per layer, of joint scores of its neurons under the selection at work */
    float *groups; /* [group_room], scores under that selection, see prn_unit_prepare() */
    size_t group_room;
};

/* PRUNE_E_ARGUMENT, or PRUNE_E_STATE: no scores, or not of this model's architecture any more. */
prune_status prn_importance_check(const prune_importance *importance);

/* Whether scores may be below 0. */
int32_t prn_importance_signed(const prune_importance *importance);

/* PRN_WANTS_* of a backward pass for it (trainer.h). */
int32_t prn_importance_wants(const prune_importance *importance);

/* What has been gathered, or `mine`, why it could not, becomes an equal part of what all ranks have: their
 * mean. A trainer that is alone changes nothing. Returns what came of it. */
prune_status prn_importance_pool(prune_importance *importance, prune_trainer *trainer, prune_status mine,
                                 prune_error *error);

/* Whether the trainer can feed it: the same model, and the means it takes; and says what is wrong. */
prune_status prn_importance_open(const prune_importance *importance, const prune_trainer *trainer,
                                 prune_error *error);

#endif
