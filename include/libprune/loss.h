/* loss.h -- what training minimises, and its gradient at the outputs
 *
 * Shapes: h[n][O] outputs of the model, n samples. A loss is a mean over samples,
 *     L = sum_i s_i l_i / sum_i s_i d_i
 * s_i being the sample's weight (1 without weights) and d_i = 1, but where a label has a class weight: there
 * it is that. So the weight 2 is that of two equal samples, 0 that of none (nothing is asked of its outputs;
 * batch normalisation in training still sees it),
 * and the results of a whole data set do not depend on how it is cut into batches: sums over batches keep
 * numerator and divisor apart. Where sum s_i d_i is 0, loss and gradient are 0; of a batch among others what
 * its labels of class weight 0 add to sum s_i l_i, by smoothing, still counts.
 *
 * The losses of a sample, with what equals their mean in torch.nn (2.x names; y are targets):
 *
 *   PRUNE_MSE      y[n][O] float             l = 1/2 sum_o (h - y)^2
 *                                            with mean_over_outputs: MSELoss() / 2
 *   PRUNE_MAE      y[n][O] float             l = sum_o |h - y|,  its derivative at 0 is 0
 *                                            with mean_over_outputs: L1Loss()
 *   PRUNE_HUBER    y[n][O] float             l = sum_o of  1/2 (h - y)^2           where |h - y| <= delta
 *                                                          delta (|h - y| - delta / 2)         elsewhere
 *                                            with mean_over_outputs: HuberLoss(delta=)
 *   PRUNE_BINARY_CROSS_ENTROPY               l = sum_o -y log s(h) - (1 - y) log(1 - s(h)),
 *                  y[n][O] float, 0 .. 1     s(h) = 1 / (1 + e^-h), h are logits
 *                                            with mean_over_outputs: BCEWithLogitsLoss()
 *   PRUNE_SOFTMAX_CROSS_ENTROPY              l = sum_c w_c ((1 - e) y_c + e / O) (log sum_j exp h_j - h_c)
 *                  labels y[n] or [n][1],    y_c is 1 for the label, else 0; d = w_label
 *                  PRUNE_I32, 0 .. O-1
 *                  or y[n][O] float, >= 0    probabilities (one-hot, soft): any sum is taken as it is; d = 1
 *                                            both: CrossEntropyLoss(weight=w, label_smoothing=e)
 *   PRUNE_NLL      labels as above           l = -w_y h_y,  h being log-probabilities; d = w_label
 *                                            NLLLoss(weight=w)
 *
 * w_c are the class weights (1 without), e is the smoothing (0 without). With mean_over_outputs l is
 * divided by O. Logits of any size give the right loss and gradient, as long as the sum of the losses stays
 * within float: nothing overflows on the way, and what is tiny keeps its digits. What weights are multiplied
 * by, all s or all w, makes no difference to L. Where sums go over batches (steps that accumulate, scores),
 * digits are lost where s d, or that times a gradient, is below 1e-37.
 * Derivatives: dL/dh_ij = s_i dl_i/dh_ij / sum s d.
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_LOSS_H
#define LIBPRUNE_LOSS_H

#include "libprune/tensor.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum {
    PRUNE_MSE = 1,
    PRUNE_SOFTMAX_CROSS_ENTROPY = 2,
    PRUNE_MAE = 3,
    PRUNE_HUBER = 4,
    PRUNE_BINARY_CROSS_ENTROPY = 5,
    PRUNE_NLL = 6,
    PRUNE_LOSS_OWN = 7 /* a function of the user's: only where options can be given */
};

typedef struct prune_loss_options {
    size_t size;
    int32_t kind;              /* default PRUNE_SOFTMAX_CROSS_ENTROPY */
    float delta;               /* PRUNE_HUBER; default 1; finite, above 0 */
    float smoothing;           /* softmax cross-entropy; default 0; 0 <= smoothing < 1 */
    int32_t mean_over_outputs; /* MSE, MAE, Huber, binary cross-entropy; default 0 */
    /* Softmax cross-entropy, NLL; default NULL: all 1. [class_count], class_count being O; 0 .. 1e12. */
    const float *class_weights;
    size_t class_count;
    /* Of PRUNE_LOSS_OWN: for n samples (a part of a batch) losses[n], the loss of each, and their derivatives
     * by the outputs into gradient[n][O], unless that is NULL. The library weighs and averages them. Targets
     * are what came with the data: any PRUNE_I32 or PRUNE_F32 rows, the latter finite. What it returns other
     * than PRUNE_OK ends the call that asked, and is what that returns; a loss or derivative that it leaves
     * out is NaN. The tensors are borrowed for the time of the call. Calls that would change or use the
     * trainer that asked give PRUNE_E_STATE; those that tell what is set or counted are fine. */
    prune_status (*own)(void *user, float *losses, prune_tensor *gradient, const prune_tensor *outputs,
                        const prune_tensor *targets);
    void *user;
} prune_loss_options;

/* The defaults above. NULL is fine. An option that the kind does not have must stay at its default (but for
 * delta): PRUNE_E_ARGUMENT. Where functions take an int32_t loss, that is the kind with the defaults. */
void prune_loss_options_init(prune_loss_options *options);

/* *loss = L over the n rows of `outputs`, and dL/dh into `gradient` (same shape; NULL if not
 * wanted). Any thread. PRUNE_E_ARGUMENT: unknown kind, NULL; PRUNE_E_SHAPE; PRUNE_E_TYPE;
 * PRUNE_E_NONFINITE: a target is NaN or Inf; PRUNE_E_RANGE: a target is outside its range; PRUNE_E_LABEL;
 * PRUNE_E_READONLY. Non-finite outputs give a non-finite loss. `gradient` may be `outputs`. On failure
 * nothing is written. */
prune_status prune_loss(float *loss, prune_tensor *gradient, int32_t kind, const prune_tensor *outputs,
                        const prune_tensor *targets);

/* The same with options, and weights: [n] or [n][1] PRUNE_F32, 0 .. 1e12, or NULL for all 1. Errors also:
 * PRUNE_E_ARGUMENT, PRUNE_E_RANGE, PRUNE_E_NONFINITE: an option; PRUNE_E_SHAPE: class_count is not O;
 * PRUNE_E_NONFINITE, PRUNE_E_RANGE: a weight; PRUNE_E_VERSION; what an own loss returned, which may have left
 * something in `gradient` (that may not be `outputs` then: PRUNE_E_ARGUMENT). */
prune_status prune_loss_with(float *loss, prune_tensor *gradient, const prune_loss_options *options,
                             const prune_tensor *outputs, const prune_tensor *targets,
                             const prune_tensor *weights);
/* FFI-END */
PRUNE_API_END

#endif
