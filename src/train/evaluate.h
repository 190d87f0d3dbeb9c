/* evaluate.h (private) -- metrics summed batch by batch, for whoever has the outputs */
#ifndef PRN_EVALUATE_H
#define PRN_EVALUATE_H

#include "libprune/evaluate.h"
#include "tensor.h"

/* Sums over the samples seen so far. */
typedef struct prn_tally {
    uint64_t samples, correct;
    size_t outputs;
    double loss, absolute, squared;
} prn_tally;

/* Adds a batch of outputs h and its checked targets. */
void prn_tally_add(prn_tally *tally, int32_t loss, const prune_tensor *h, const prune_tensor *targets);

/* The metrics of at least one sample. */
prune_metrics prn_tally_metrics(const prn_tally *tally, int32_t loss);

/* What there is nothing to say about. */
double prn_tally_none(void);

#endif
