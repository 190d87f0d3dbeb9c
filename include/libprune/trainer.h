/* trainer.h -- the plan to train one model: gradients, optimizer state, activations, random numbers
 *
 * Everything is laid out once, in one block; a step allocates nothing (but: prune_trainer_set_sparse()). The
 * step API is
 *     forward -> loss -> backward [-> accumulate] [-> reduce] [-> penalize] -> update
 * and prune_trainer_step() is all of it. A user's own loss replaces the second call: read
 * prune_trainer_outputs(), compute dL/dh, hand it to prune_trainer_backward(). His own gradients or penalty
 * come behind the third: prune_trainer_gradient(), prune_trainer_set_gradient(). The rate of his own schedule
 * comes before the last: prune_trainer_set_learning_rate().
 *
 * Shapes: B samples (1 .. max_batch), I inputs, O outputs.
 * Threads: one trainer, one thread at a time; it changes its model.
 * The model must outlive the trainer; adding a layer to it makes the trainer's calls PRUNE_E_STATE.
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_TRAINER_H
#define LIBPRUNE_TRAINER_H

#include "libprune/gemm.h"
#include "libprune/loss.h"
#include "libprune/model.h"
#include "libprune/optimizer.h"
#include "libprune/regularizer.h"
#include "libprune/rng.h"
#include "libprune/schedule.h"
#include "libprune/sparse.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* Ranges: 0 <= learning_rate, weight_decay <= 1e6; 0 <= momentum, beta1, beta2, alpha < 1; epsilon > 0;
 * l1, l2, clip_norm, clip_value >= 0; all finite.
 * The penalty is  l1 ||w||_1 + l2/2 ||w||^2  over the weights, and over the biases too if
 * regularize_bias is 1; its gradient is  l1 sign(w) + l2 w,  sign(0) = 0. Both together are the elastic net.
 * PyTorch's weight_decay (but AdamW's) is l2, of the biases too; scikit-learn's alpha is l2 times the batch.
 * The subgradient of l1 leaves weights near 0. With l1_proximal it is not part of the gradients; instead,
 * after each step (of any optimizer), with its rate lr as the schedule has it,
 *     w = sign(w) max(|w| - lr l1, 0)
 * so that weights become exactly 0. They are not removed by that: a gradient may bring them back. With an
 * adaptive optimizer the same l1 weighs less here than in the gradient, which is divided by its own size:
 * expect to need 10 to 100 times as much.
 * prune_trainer_update() clips the gradients, penalty included, in place: first each to -clip_value ..
 * clip_value, then all by  min(1, clip_norm / (norm + 1e-6)),  norm the root of the sum of squares over all
 * parameters but removed weights (PyTorch's clip_grad_value_ and clip_grad_norm_).
 * What is said to be of some optimizers (momentum, beta1, beta2, epsilon, alpha, weight_decay) the others
 * leave unused, whatever it is, so that one struct can serve to try several. */
enum { PRUNE_PER_SAMPLE_ABSOLUTE = 1, PRUNE_PER_SAMPLE_SQUARE = 2 };

/* Whether fully connected layers of which a mask has removed most are computed by kept weights alone: the
 * same numbers to rounding, in less time. AUTO: where that costs less, by a rule of shapes alone that was
 * found by measurement: layers of 4096 weights or more, of which at most min(B, 32) / 128 are kept (a quarter
 * from 32 samples on), with one of the library's back ends (those of gemm.h and pool.h). ALWAYS: all of them,
 * with any back end. */
enum { PRUNE_SPARSE_AUTO = 0, PRUNE_SPARSE_OFF = 1, PRUNE_SPARSE_ALWAYS = 2 };

typedef struct prune_trainer_options {
    size_t size;
    int32_t loss;                 /* one of loss.h, by default; default PRUNE_SOFTMAX_CROSS_ENTROPY */
    int32_t optimizer;            /* one of optimizer.h; default PRUNE_ADAM */
    float learning_rate;          /* default 0.001 */
    float momentum;               /* SGD; default 0 */
    float beta1;                  /* Adam, AdamW; default 0.9 */
    float beta2;                  /* Adam, AdamW; default 0.999 */
    float epsilon;                /* all but SGD; default 1e-8 */
    float l1;                     /* default 0 */
    float l2;                     /* default 0 */
    int32_t regularize_bias;      /* default 0 */
    uint64_t seed;                /* of the shuffling and of dropout; default 0 */
    size_t max_batch;             /* the largest B; default 32 */
    const prune_backend *backend; /* NULL: prune_backend_default() */
    /* Default 0; PRUNE_PER_SAMPLE_*: prune_trainer_backward() (a step of training only in a fit that feeds an
     * importance with them) also sums |g| or g^2 of each sample, for criteria that want it (criterion.h), in
     * buffers of its own. Fixed when the trainer is made; other scores want another trainer, which may be of
     * the same model. Not saved. */
    int32_t per_sample;
    int32_t nesterov;               /* SGD alone; default 0 */
    float alpha;                    /* RMSprop; default 0.99 */
    float weight_decay;             /* AdamW; default 0.01 */
    float clip_norm;                /* default 0: no clipping */
    float clip_value;               /* default 0: no clipping */
    int32_t l1_proximal;            /* default 0 */
    const prune_schedule *schedule; /* default NULL: a constant rate; copied, and saved with the trainer */
    /* Default 0; k above 1: prune_trainer_step(), and so a fit, adds up the gradients of k batches and makes
     * one step of the optimizer from their mean over all samples: as one batch that is k times as large, to
     * rounding. A fit makes the step from fewer batches at the end of an epoch, or of the fit. */
    int32_t accumulate;
    /* Default NULL; the loss with its options, in place of `loss`; copied with its class weights, and saved
     * with the trainer. An own loss cannot be: see prune_trainer_set_loss(). */
    const prune_loss_options *loss_options;
    const prune_group_lasso *group_lasso; /* default NULL: none; copied, and saved with the trainer */
    /* Default NULL: constant; copied, and saved. What the penalty (l1, l2, group lasso) is multiplied by, as
     * schedule.h has it for a rate of 1: `warmup` is a linear ramp. */
    const prune_schedule *penalty_schedule;
    /* Default PRUNE_SPARSE_AUTO. Not saved, as the back end: see prune_trainer_set_sparse(). The firmware
     * library has no such kernels. */
    int32_t sparse;
    /* Default PRUNE_KERNELS_AUTO: plain ones beside prune_backend_reference(), so that bits do not change
     * with the machine; else the best. */
    int32_t sparse_kernels;
} prune_trainer_options;

/* The defaults above. NULL is fine. */
void prune_trainer_options_init(prune_trainer_options *options);

typedef struct prune_trainer prune_trainer;

/* Makes a trainer; options NULL means the defaults. The model is not changed. error names the option
 * that is wrong, and may be NULL.
 * PRUNE_E_NO_LAYERS; PRUNE_E_RANGE: an option; PRUNE_E_UNSUPPORTED: sparse kernels that are asked for are not
 * offered (prune_backend_info()); PRUNE_E_ARGUMENT: unknown loss or optimizer, a back end
 * without a function, nesterov with another optimizer than SGD; those of the loss's options as
 * prune_loss_with(); PRUNE_E_SIZE, PRUNE_E_LIMIT: max_batch; PRUNE_E_OVERFLOW; PRUNE_E_MEMORY;
 * PRUNE_E_VERSION. PRUNE_E_ARGUMENT also for a loss that cannot teach this model: softmax cross-entropy of a
 * single output, which is always 0, or behind a softmax layer, and binary cross-entropy behind a sigmoid,
 * which would be applied twice. A loop that brings its own dL/dh names another one, such as PRUNE_MSE. */
prune_status prune_trainer_create(prune_trainer **out, const prune_allocator *mem, prune_model *model,
                                  const prune_trainer_options *options, prune_error *error);

/* Bytes that such a trainer takes from its allocator, but for what sparse products take once there is a mask
 * for them: see prune_trainer_set_sparse(). Errors as above. */
prune_status prune_trainer_bytes(size_t *bytes, const prune_model *model,
                                 const prune_trainer_options *options);

/* Ends a trainer, not its model. NULL is fine. */
void prune_trainer_free(prune_trainer *trainer);

/* The model it trains (borrowed); NULL for NULL. */
prune_model *prune_trainer_model(prune_trainer *trainer);

/* Runs x[B][I] through the model and keeps what backward needs.
 * x is borrowed and must not change before prune_trainer_backward().
 * PRUNE_E_NONFINITE: x; PRUNE_E_LIMIT: B over max_batch, or rows more than INT_MAX
 * elements apart; PRUNE_E_SHAPE; PRUNE_E_TYPE; PRUNE_E_STATE. */
prune_status prune_trainer_forward(prune_trainer *trainer, const prune_tensor *x);

/* 1 (as after prune_trainer_create(), and after reading from a file): forward passes, and so
 * prune_trainer_step(), are training. 0: they are inference, as in prune_predict(), and the backward pass is
 * that of the function that inference computes. Layers that tell them apart say so in model.h; to others it
 * is all the same. A fit always trains; its validation, prune_evaluate() and prune_importance_accumulate()
 * are inference always. PRUNE_E_ARGUMENT: NULL, or neither 0 nor 1; PRUNE_E_STATE: an own loss asks. */
prune_status prune_trainer_set_training(prune_trainer *trainer, int32_t training);

/* Outputs h[B][O] of the last forward pass: borrowed, overwritten by the next one; NULL before it. */
const prune_tensor *prune_trainer_outputs(const prune_trainer *trainer);

/* *loss over the last forward pass, as the mean that loss.h gives, without penalty; dL/dh is kept for
 * prune_trainer_backward(). Errors as prune_loss(); PRUNE_E_STATE: no forward pass;
 * PRUNE_E_DIVERGED: the loss is not finite, or a derivative that an own loss left. */
prune_status prune_trainer_loss(float *loss, prune_trainer *trainer, const prune_tensor *targets);

/* The same with the weights of the samples, [B] or [B][1], as in loss.h; NULL: all 1. */
prune_status prune_trainer_weighted_loss(float *loss, prune_trainer *trainer, const prune_tensor *targets,
                                         const prune_tensor *weights);

/* Gradients of all parameters from dL/dh[B][O]: the caller's, or with NULL the one that
 * prune_trainer_loss() left. Gradients of removed weights are computed too, and never applied.
 * Where sum s d of loss.h is 0 but sum s l may not be (smoothed labels of class weight 0), they are those
 * of sum s l / sum s, as a part of sums over batches: prune_trainer_update() takes them as 0.
 * PRUNE_E_STATE: no forward pass (with NULL: no loss) since the last one; PRUNE_E_SHAPE; PRUNE_E_TYPE:
 * not F32. */
prune_status prune_trainer_backward(prune_trainer *trainer, const prune_tensor *output_gradient);

/* Adds the gradient of the penalty to the gradients, and gives the penalty itself
 * (penalty may be NULL). Once per backward pass, else PRUNE_E_STATE; and as prune_trainer_update(). */
prune_status prune_trainer_penalize(float *penalty, prune_trainer *trainer);

/* Adds the gradients of the last backward pass, times what they were divided by (sum s d of loss.h; B with
 * a gradient of the caller's), to those since the last update, and leaves the mean of all of them as the
 * gradients. For options.accumulate above 1, before prune_trainer_penalize().
 * PRUNE_E_STATE: no backward pass since; options.accumulate is not above 1. */
prune_status prune_trainer_accumulate(prune_trainer *trainer);

/* Where several ranks train together (cluster.h): the gradients, those just left by a backward pass or the
 * mean of those accumulated, become those of the samples of all ranks, 0 where a weight is removed. Then
 * prune_trainer_penalize() and prune_trainer_update(), which want it there; prune_trainer_step() has it
 * inside. Alone, nothing is done. Gradients that the caller sets after it he must set alike on all ranks.
 * PRUNE_E_STATE: no gradients, or as prune_trainer_update(); of another rank, with the weights as they were;
 * PRUNE_E_DISAGREE; what the allreduce function returned. */
prune_status prune_trainer_reduce(prune_trainer *trainer);

/* Takes the part of a rank that has no samples, where the others make prune_trainer_step().
 * PRUNE_E_STATE: there are no others; else as that. */
prune_status prune_trainer_join(prune_trainer *trainer);

/* One optimizer step. PRUNE_E_DIVERGED: a gradient is not finite or beyond 1e18 (its square would
 * leave float): nothing was changed, and what was accumulated is forgotten. PRUNE_E_STATE: no gradients, or
 * those of a batch that was not accumulated after others that were. */
prune_status prune_trainer_update(prune_trainer *trainer);

/* The step from what prune_trainer_step() has added up, when that is fewer than options.accumulate batches:
 * for the end of an epoch. Nothing added up: nothing is done, PRUNE_OK; with other ranks (cluster.h) that
 * must be so on all or on none. Errors as prune_trainer_update(). */
prune_status prune_trainer_flush(prune_trainer *trainer);

/* The whole step, in which gradients of removed weights may be left 0 (see prune_trainer_set_sparse()); *loss
 * is without penalty, and may be NULL. Errors as those of its parts; when it fails, weights and optimizer
 * state are as before (random numbers that it drew are gone). */
prune_status prune_trainer_step(float *loss, prune_trainer *trainer, const prune_tensor *x,
                                const prune_tensor *targets);

/* The same with the weights of the samples, [B] or [B][1]; NULL: all 1. */
prune_status prune_trainer_weighted_step(float *loss, prune_trainer *trainer, const prune_tensor *x,
                                         const prune_tensor *targets, const prune_tensor *weights);

/* The gradient of a parameter after backward: borrowed, same shape as the parameter; NULL for no such
 * index. Overwritten by the next backward pass; 0 before the first. */
const float *prune_trainer_gradient(const prune_trainer *trainer, size_t param);

/* Sets that gradient to values[count] (which may be it), between a backward pass and the update that follows:
 * for gradients of the caller's own, those of a penalty of his or a mean over machines for example. It takes
 * part in what is still to come of the step, as if the backward pass had left it: accumulation, scores,
 * penalty, clipping. Where the mask is 0 it is not applied. PRUNE_E_STATE: there are no gradients that wait
 * for an update; PRUNE_E_SHAPE: count differs; PRUNE_E_RANGE: no such parameter, running statistics;
 * PRUNE_E_NONFINITE; PRUNE_E_ARGUMENT: NULL. On an error nothing is changed. */
prune_status prune_trainer_set_gradient(prune_trainer *trainer, size_t param, const float *values,
                                        size_t count);

/* Optimizer state of a parameter, as optimizer.h names it: m, v or both, in slots from 0 on. Borrowed;
 * NULL if there is no such parameter or slot. */
const float *prune_trainer_state(const prune_trainer *trainer, size_t param, size_t slot);

/* Sets that state to values[count], for those who come from another program with moments and a step count;
 * where the mask is 0 the state is 0 whatever is given. PRUNE_E_SHAPE: count differs; PRUNE_E_NONFINITE;
 * PRUNE_E_RANGE: no such parameter or slot, running statistics, a negative v, or a number larger than
 * gradients up to 1e18 make it; PRUNE_E_ARGUMENT: NULL; PRUNE_E_STATE. On an error nothing is changed. */
prune_status prune_trainer_set_state(prune_trainer *trainer, size_t param, size_t slot, const float *values,
                                     size_t count);

/* Sets the number of steps done: the place in the schedule, and the t that Adam and AdamW start from (the
 * next step is number steps + 1; 1 - b^t is that of so many steps to rounding). Weights, moments and epochs
 * stay. PRUNE_E_ARGUMENT: NULL; PRUNE_E_STATE. */
prune_status prune_trainer_set_steps(prune_trainer *trainer, uint64_t steps);

/* Steps of the optimizer and epochs done, and the learning rate, which may be changed at any time (0 .. 1e6,
 * else PRUNE_E_RANGE) but by an own loss that it asked (PRUNE_E_STATE); a schedule multiplies it. */
uint64_t prune_trainer_steps(const prune_trainer *trainer);
uint64_t prune_trainer_epochs(const prune_trainer *trainer);
float prune_trainer_learning_rate(const prune_trainer *trainer);
prune_status prune_trainer_set_learning_rate(prune_trainer *trainer, float learning_rate);

/* The rate that the next step will use: prune_schedule_rate() of the steps done. 0 for NULL. */
float prune_trainer_next_rate(const prune_trainer *trainer);

/* Another loss from now on, copied with its class weights; moments and counts stay. For a trainer that was
 * read from a file and whose loss was PRUNE_LOSS_OWN this is where it gets it back: until then everything
 * that asks for the loss gives PRUNE_E_STATE. error may be NULL. Errors as prune_loss_with(), and for a loss
 * that cannot teach the model as prune_trainer_create(); PRUNE_E_STATE: a fit is under way. On failure the
 * loss is the one before. */
prune_status prune_trainer_set_loss(prune_trainer *trainer, const prune_loss_options *loss,
                                    prune_error *error);

/* The loss as it is, for prune_evaluate_with() for example. Class weights are borrowed, until the next
 * prune_trainer_set_loss(). PRUNE_E_ARGUMENT: NULL; PRUNE_E_VERSION. */
prune_status prune_trainer_get_loss(prune_loss_options *loss, const prune_trainer *trainer);

/* How one layer is trained: a struct of its own, saved with the trainer. */
typedef struct prune_layer_training {
    size_t size;
    /* Default 0; 1: its parameters and their state stay as they are, bit for bit (but what a mask removes
     * is 0). Its gradients are computed and flow through it; they are not applied, nor part of the norm
     * that is clipped. A layer that tells training from inference does as in inference. */
    int32_t frozen;
    float l1_scale;    /* default 1; the layer's l1 is l1 * l1_scale, in every use of it */
    float l2_scale;    /* default 1; the same for l2. All products: finite, from 0 on */
    float group_scale; /* default 1; the same for neuron_lambda, of the layer's neurons */
} prune_layer_training;

/* The defaults above. NULL is fine. */
void prune_layer_training_init(prune_layer_training *training);

/* From the next step on. PRUNE_E_ARGUMENT: NULL, no such layer, frozen neither 0 nor 1; PRUNE_E_RANGE: a
 * scale; PRUNE_E_STATE; PRUNE_E_VERSION. */
prune_status prune_trainer_set_layer(prune_trainer *trainer, size_t layer,
                                     const prune_layer_training *training);

/* What was set, or the defaults. Errors as above. */
prune_status prune_trainer_get_layer(prune_layer_training *training, const prune_trainer *trainer,
                                     size_t layer);

/* The options `sparse` and `sparse_kernels` from now on; for a trainer that was read from a file, too. The
 * first pass after such a layer's mask has changed lays it out anew, in a block from the trainer's allocator:
 * 20 bytes for each kept weight, 4 max_batch (inputs + outputs), and some more for tiles and mask. It is kept
 * for the next mask if that needs no more, and ends with the trainer. Where there is no memory for it the
 * layer is computed as without a mask.
 * prune_trainer_backward() computes gradients of removed weights all the same, as does a fit that feeds an
 * importance, and what accumulates several batches to a step, in which weights may return. Other steps, and
 * fits without one, leave them 0 in such a layer, and what would not be finite there does not stop them.
 * Those of kept weights are the same bits both ways. PRUNE_E_RANGE: not one of those above;
 * PRUNE_E_UNSUPPORTED, as prune_trainer_create(); PRUNE_E_ARGUMENT: NULL; PRUNE_E_STATE. */
prune_status prune_trainer_set_sparse(prune_trainer *trainer, int32_t sparse, int32_t kernels);

/* Forgets the optimizer state (moments, step count, and with it the place in the schedule; what was
 * accumulated), as a new trainer would start. */
prune_status prune_trainer_reset(prune_trainer *trainer);
/* FFI-END */
PRUNE_API_END

#endif
