/* loss.h (private) -- losses over rows, as sums, with checked options, targets and weights */
#ifndef PRN_LOSS_H
#define PRN_LOSS_H

#include "libprune/loss.h"
#include "tensor.h"

/* What weights are at most: so that no sum of them leaves float. */
#define PRN_WEIGHT_LIMIT 1e12f

/* Options that prn_loss_read() has checked. The class weights are still the caller's. */
typedef prune_loss_options prn_loss;

/* What samples should give, and how much each counts (NULL: 1). */
typedef struct prn_target {
    const prune_tensor *values, *weights;
} prn_target;

static inline float prn_target_weight(const prn_target *target, size_t row)
{
    const prune_tensor *weights = target->weights;
    return weights == NULL ? 1.0f : ((const float *)weights->data)[row * weights->ld];
}

/* What a loss says of outputs beside itself. */
enum { PRN_SAYS_NOTHING, PRN_SAYS_CLASSES, PRN_SAYS_VALUES };
int32_t prn_loss_says(int32_t kind);

/* The kind, else the defaults. */
prn_loss prn_loss_of(int32_t kind);

/* Reads the caller's struct for a model of so many outputs, and checks it. */
prune_status prn_loss_read(prn_loss *mine, const prune_loss_options *given, size_t outputs,
                           prune_error *error);

/* The own loss of a trainer that came from a file: PRUNE_E_STATE. prn_loss_ready() is that too, while it has
 * not been replaced. */
prune_status prn_loss_missing(void *user, float *losses, prune_tensor *gradient, const prune_tensor *outputs,
                              const prune_tensor *targets);
prune_status prn_loss_ready(const prn_loss *loss, prune_error *error);

/* Whether the targets have the right type and shape for `rows` rows of `outputs` outputs. */
prune_status prn_loss_fits(const prn_loss *loss, const prune_tensor *targets, size_t rows, size_t outputs);

/* Whether every target is one; error names the first that is not, by numbers[row] unless that is NULL. The
 * tensor fits. */
prune_status prn_loss_check(const prn_loss *loss, const prune_tensor *targets, const size_t *numbers,
                            size_t outputs, prune_error *error);

/* Whether these are weights for so many rows; NULL is. */
prune_status prn_loss_check_weights(const prune_tensor *weights, size_t rows, prune_error *error);

/* All of it at once, for rows of outputs h. */
prune_status prn_loss_check_target(const prn_loss *loss, const prune_tensor *h, const prn_target *target);

/* The sums of loss.h over some samples: L is their quotient. They are in units, powers of two, so that no
 * weights, large or small, drive them out of float. */
typedef struct prn_loss_sums {
    float loss;    /* sum s l */
    float weight;  /* sum s d */
    float by;      /* what the gradient was divided by: weight, or where that is 0, sum s */
    float unit[2]; /* of s, and of d: each sum is times both */
} prn_loss_sums;

/* Over the rows of h, and into g (same shape; NULL if not wanted) the gradient of sum s l / by: that of L,
 * but where only labels of class weight 0 are there. They add to a whole of which these rows are a part, if
 * smoothing gives them a loss. Everything has been checked; fails only where an own loss does. */
prune_status prn_loss_add_up(prn_loss_sums *sums, prune_tensor *g, const prn_loss *loss,
                             const prune_tensor *h, const prn_target *target);

/* d2L/dh2 of sample `row` into hessian[O][O], the whole of prn_loss_sums.by being `by`; everything has been
 * checked. PRUNE_E_UNSUPPORTED: an own loss. */
prune_status prn_loss_bends(const prn_loss *loss, prune_error *error);
void prn_loss_bend(float *hessian, const prn_loss *loss, const prune_tensor *h, const prn_target *target,
                   size_t row, float by);

/* Where it does, what there is to say. Returns status. */
prune_status prn_loss_failed(prune_status status, prune_error *error);

/* A sum without its units. */
static inline float prn_loss_whole(const prn_loss_sums *sums, float sum)
{
    return sum * sums->unit[0] * sums->unit[1];
}

/* Each sample's part of the whole, s d / weight. */
void prn_loss_shares(float *shares, const prn_loss *loss, size_t rows, const prn_target *target,
                     const prn_loss_sums *sums);

/* L; where nothing counts 0, or NaN if a loss is not finite. */
float prn_loss_mean(const prn_loss_sums *sums);

#endif
