/* importance.h (private) -- the score table as masks and thresholds see it */
#ifndef PRN_IMPORTANCE_H
#define PRN_IMPORTANCE_H

#include "libprune/importance.h"
#include "model.h"
#include "regularizer.h"
#include "scan.h"

/* The lowest units of a sequence: those with score bits below `bits`, and the first `ties` that have
 * exactly these. */
typedef struct prn_cut {
    uint32_t bits;
    size_t ties;
} prn_cut;

struct prune_importance {
    prune_allocator mem;
    size_t bytes;
    const prune_model *model;
    uint32_t signature;
    int32_t criterion;
    int32_t ready; /* scores exist */
    size_t samples;
    size_t floats;
    prn_regularizer penalty; /* what include_penalty adds; all 0 is nothing */
    prn_layer_rule *rules;   /* the penalty's: room for those now and those before */
    /* Laid out like all parameters of the model in order. */
    prn_sum *gradient; /* sums over samples; NULL for magnitudes */
    float *score;
    /* Room to choose in without allocating, see rank.h and unit.h. */
    prn_cut *cuts;         /* one per layer */
    float *neuron;         /* of all neurons, layer by layer: scores under the selection at work, */
    uint32_t *neuron_mask; /* and a bit for each that is kept, every layer in words of its own */
};

/* PRUNE_E_ARGUMENT, or PRUNE_E_STATE: no scores, or not of this model's architecture any more. */
prune_status prn_importance_check(const prune_importance *importance);

/* The score of neuron u of a layer whose scores start at layer_score: over the weights of its row that
 * are kept. */
float prn_importance_neuron(const prn_layer *layer, const float *layer_score, size_t u, int32_t aggregate);

#endif
