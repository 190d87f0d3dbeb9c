/* evaluate.h (private) -- metrics summed batch by batch, for whoever has the outputs */
#ifndef PRN_EVALUATE_H
#define PRN_EVALUATE_H

#include "libprune/evaluate.h"
#include "data.h"
#include "loss.h"
#include "tensor.h"

/* Sums over the samples seen so far. */
typedef struct prn_tally {
    uint64_t samples;
    size_t outputs;
    double weight;                     /* of the samples */
    double loss, divisor;              /* see prn_loss_sums */
    double correct, absolute, squared; /* times the samples' weights */
} prn_tally;

/* Adds a batch of outputs h and its checked targets. Fails only where an own loss does. */
prune_status prn_tally_add(prn_tally *tally, const prn_loss *loss, const prune_tensor *h,
                           const prn_target *target);

/* The same for outputs of any number of samples, cut into batches as a pass over a data set cuts it: to the
 * same bits. */
prune_status prn_tally_add_all(prn_tally *tally, const prn_loss *loss, const prune_tensor *h,
                               const prn_target *target);

/* The metrics of at least one sample. */
prune_metrics prn_tally_metrics(const prn_tally *tally, int32_t kind);

/* prune_evaluate_metric_with(), on a back end (NULL: the default). */
typedef struct prn_question {
    const prune_loss_options *loss;
    const prune_metric *metric;
    const prune_backend *backend;
} prn_question;

prune_status prn_evaluate_metric(double *value, const prune_model *model, const prune_data *data,
                                 const prn_question *question, prune_error *error);

/* The one that epochs are compared by. */
double prn_tally_pick(const prune_metrics *metrics, int32_t kind);

/* How right the outputs h of a sample are, from 0 to 1, of a loss that says classes. */
double prn_tally_right(int32_t kind, const float *h, size_t outputs, const prune_tensor *targets, size_t row);

/* All outputs of a pass over samples, and their targets: where they lie in order as tensors, those; else
 * copies. */
typedef struct prn_answers {
    prune_tensor *outputs, *own_targets;
    const prune_tensor *targets; /* NULL: own_targets */
    size_t done;
} prn_answers;

/* Makes room for so many samples; `ordered` as of prn_batch_open(). Ended by prn_answers_close(), also
 * after a failure, and when it is all 0. */
prune_status prn_answers_open(prn_answers *answers, const prune_allocator *mem, const prn_data *data,
                              size_t samples, int32_t ordered);
void prn_answers_close(prn_answers *answers);

/* Adds the outputs h of a batch; after the last one, *value = the metric, and the next pass may begin. */
void prn_answers_add(prn_answers *answers, const prune_tensor *h, const prn_batch *batch);
prune_status prn_answers_measure(double *value, prn_answers *answers, const prune_metric *metric,
                                 prune_error *error);

/* sum / weight, or if that is 0 what there is nothing to say about. */
double prn_tally_mean(double sum, double weight);

/* What there is nothing to say about. */
double prn_tally_none(void);

#endif
