/* budget.h -- the largest pruning whose metric stays within a tolerance
 *
 * On validation data, the fraction removed is searched: each trial starts from the dense model (or with
 * `cumulative` from the last one that held), scores, removes exactly that fraction, fine-tunes, and measures.
 * First the density halves, 1/2, 1/4, ..., until a trial does not hold, that is, is worse by more than the
 * search's share of the tolerance; then geometric bisection between the last that did and the first that did
 * not, until they lie within `resolution`. A trial that the floors of the selection, or the numbers
 * (PRUNE_E_DIVERGED), do not allow is one that does not hold.
 *
 * What was chosen by validation data looks too good on them. So the largest pruning that held is compared
 * with the dense model once, on data that neither training nor search has seen (compare.h): only where the
 * upper bound of how much worse it is lies within the tolerance too, it is the result. Else the dense model
 * comes back, bit for bit.
 *
 * Everything is a function of data, options and seeds; a trial does not depend on those before it (but
 * with `cumulative`).
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_BUDGET_H
#define LIBPRUNE_BUDGET_H

#include "libprune/compare.h"
#include "libprune/fit.h"
#include "libprune/fraction.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* What one trial came to. */
typedef struct prune_trial {
    double fraction;     /* asked for, of all units of the selection */
    uint64_t kept;       /* units left */
    double value;        /* the metric on the validation data; NaN if it did not come so far */
    int32_t held;        /* 1: within the search's share of the tolerance */
    prune_status status; /* PRUNE_OK, or why it could not be: PRUNE_E_COLLAPSE, PRUNE_E_DIVERGED */
} prune_trial;

typedef struct prune_budget_options {
    size_t size;
    const prune_data *validation;   /* to choose by; must be set */
    const prune_data *confirmation; /* to confirm with; must be set, and share no sample with the
                                       others: PRUNE_E_ARGUMENT if its tensor or source is theirs */
    /* Loss, metric (or own metric), tolerance and back end (NULL: that of `training`); its reference is not
     * looked at: it is what the model has at the start. Default NULL: prune_validation_init(), with a
     * tolerance of 0. */
    const prune_validation *metric;
    const prune_selection *selection; /* default NULL: weights, global */
    int32_t criterion; /* default PRUNE_MAGNITUDE; from `train` where it needs data; not SUPPLIED, MOVEMENT */
    /* Default NULL; scores in another way: fills a PRUNE_SUPPLIED table; `criterion` is then not looked at.
     * Not PRUNE_OK ends the call. */
    prune_status (*score)(void *user, prune_importance *scores, prune_model *model);
    void *score_user;
    /* Default NULL: the defaults. Of the trainers that score and fine-tune, a new one each time. Where it has
     * no loss_options, its loss is to be the metric's. */
    const prune_trainer_options *training;
    const prune_fit_options *fine_tune; /* default NULL: not at all */
    int32_t cumulative;                 /* default 0 */
    double resolution;                  /* default 0.05; above 0: the units kept, 5 % more or less */
    uint64_t max_trials;                /* default 16; at least 1 */
    double confidence;                  /* default 0.95, see compare.h */
    /* Default NULL; called after each trial; not 0 ends the search, and confirms what it has. */
    int32_t (*progress)(void *user, const prune_trial *trial);
    void *user;
    /* Default 0.5; 0 .. 1: the part of the tolerance that the search may use. The confirmation has all of
     * it, and needs some for its own uncertainty: a pruning that uses it up is refused as often as not. Of n
     * samples of which the two models judge d differently the upper bound of an accuracy lies about
     * 1.6 sqrt(d) / n above what is measured (confidence 0.95): half the tolerance should be more. */
    double search_share;
} prune_budget_options;

/* The defaults above. NULL is fine. */
void prune_budget_options_init(prune_budget_options *options);

typedef struct prune_budget_result {
    size_t size;                 /* sizeof(prune_budget_result), by prune_budget_result_init() */
    int32_t confirmed;           /* 1: the model is the pruned one; 0: the dense one */
    double reference;            /* the dense model's metric on the validation data */
    prune_trial best;            /* the largest pruning that held there; all 0 if none did */
    uint64_t units;              /* of the selection, kept or not, that fractions are of */
    uint64_t trials;             /* how many there were */
    prune_comparison comparison; /* dense and pruned on the confirmation data; all 0 without a best trial */
    prune_trial *log;            /* in: the caller's array or NULL; the first `capacity` trials */
    size_t capacity;
} prune_budget_result;

/* Sets size, the rest 0 and NULL. NULL is fine. */
void prune_budget_result_init(prune_budget_result *result);

/* Prunes `model` as far as its metric allows. `train` may be NULL where nothing needs it (no fine-tuning, a
 * criterion without data). Memory from the model's allocator: two copies of it, and what training, scoring
 * and comparing take. result must be given; error may be NULL.
 * PRUNE_E_UNCONFIRMED: nothing held, or what held was not confirmed: result says which, and the model is the
 * dense one. PRUNE_E_ARGUMENT: NULL, no validation or confirmation data, no data where needed;
 * PRUNE_E_RANGE: resolution, max_trials, confidence, search_share; errors as those of its parts, which leave
 * the dense model too. */
prune_status prune_budget(prune_budget_result *result, prune_model *model, const prune_data *train,
                          const prune_budget_options *options, prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
