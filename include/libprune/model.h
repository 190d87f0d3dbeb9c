/* model.h -- a sequential model: architecture, weights and masks, nothing else
 *
 * Shapes: a sample is I numbers; a dense layer with O outputs has the parameters "weight" W[O][I]
 * (row o holds what neuron o reads) and "bias" b[O] and computes y = f(W x + b).
 * Parameters are numbered through the model: layer 0 weight, layer 0 bias, layer 1 weight, ... Activation,
 * softmax, log-softmax and dropout layers have none, and as many outputs as inputs.
 *
 * Invariant: where a parameter's mask is 0 the parameter is exactly 0, at every moment that a caller
 * can see. Masks start as all ones; see mask.h.
 *
 * Threads: a model may be read (predicted with, scored, written) by many threads at once, each with
 * its own workspace; who changes it must be alone.
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_MODEL_H
#define LIBPRUNE_MODEL_H

#include "libprune/activation.h"
#include "libprune/initializer.h"
#include "libprune/layer.h"
#include "libprune/tensor.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
typedef struct prune_model prune_model;

/* A model that takes `inputs` numbers per sample and has no layers yet.
 * PRUNE_E_SIZE: inputs is 0; PRUNE_E_LIMIT: inputs > INT_MAX; PRUNE_E_MEMORY. */
prune_status prune_model_create(prune_model **out, const prune_allocator *mem, size_t inputs);

/* Appends a dense layer of `outputs` neurons, initialised as PRUNE_INIT_AUTO with seed 0.
 * PRUNE_E_ARGUMENT: unknown activation; PRUNE_E_SIZE; PRUNE_E_LIMIT; PRUNE_E_OVERFLOW;
 * PRUNE_E_MEMORY. On failure the model is as before. */
prune_status prune_model_add_dense(prune_model *model, size_t outputs, int32_t activation);

/* Appends y = f(x), element by element. PRUNE_INIT_AUTO of the layer before does not look at it.
 * PRUNE_E_ARGUMENT: unknown activation; PRUNE_E_OVERFLOW; PRUNE_E_MEMORY. On failure the model is as
 * before; so with those below. */
prune_status prune_model_add_activation(prune_model *model, int32_t activation);

/* Append y_i = e^x_i / sum_j e^x_j, and y_i = x_i - log sum_j e^x_j, over the outputs j of a sample, for who
 * wants probabilities, or a loss of his own on them. No value overflows; NaN and +Inf give NaN.
 * Not for PRUNE_SOFTMAX_CROSS_ENTROPY: that loss has its softmax inside and wants the linear outputs. A
 * trainer refuses it behind a softmax layer, where there would be two; prune_evaluate() computes what it is
 * asked for. With a log-softmax layer use PRUNE_NLL. */
prune_status prune_model_add_softmax(prune_model *model);
prune_status prune_model_add_log_softmax(prune_model *model);

/* Appends dropout: while training, each element is 0 with probability `rate`, independently of all others,
 * and else times 1 / (1 - rate) (N. Srivastava et al., JMLR 15, 2014); in inference the identity. What goes
 * is drawn from the trainer's generator. PRUNE_E_RANGE: rate is not from 0 to below 1. */
prune_status prune_model_add_dropout(prune_model *model, float rate);

/* Appends batch normalisation (S. Ioffe and C. Szegedy, ICML 2015), of each of the F features by itself:
 *     y = gamma (x - mean) / sqrt(variance + epsilon) + beta
 * with the parameters gamma[F] (1 at first) and beta[F] (0), which are trained and count as biases do: not
 * prunable, penalised with regularize_bias only. They go with the neuron that feeds them, and then its output
 * here is 0. While training, mean and biased variance are those of the batch; a good step, and no other, then
 * moves the statistics that the model keeps, running_mean[F] (0 at first) and running_var[F] (1), as
 *     running = (1 - momentum) running + momentum of the batch,
 * the variance there unbiased. Inference uses these. All as torch.nn.BatchNorm1d, but for a batch of one
 * sample, which has no variance: it passes as in inference and moves nothing. Common are momentum 0.1 and
 * epsilon 1e-5. Several batches to one step (options.accumulate) move the statistics one after the other, at
 * the end. Gradients of single samples (per_sample) are such in inference only: in training, the samples of a
 * batch act on each other.
 * PRUNE_E_RANGE: momentum is not in 0 .. 1, epsilon not finite and above 0. */
prune_status prune_model_add_batch_norm(prune_model *model, float momentum, float epsilon);

/* Draws all weights anew; biases become 0, gamma and statistics what they are at first. Layer l uses a
 * generator of its own, seeded with `seed` and l, so a layer's values depend only on seed, l and its shape.
 * Masked weights stay 0. PRUNE_E_ARGUMENT: NULL, or an unknown initializer; PRUNE_E_NO_LAYERS. */
prune_status prune_model_initialize(prune_model *model, int32_t initializer, uint64_t seed);

/* Sets all weights to `value`, biases to 0, gamma and statistics to what they are at first; masked weights
 * stay 0. The neurons of a layer are then all alike, and learn alike. PRUNE_E_ARGUMENT: NULL;
 * PRUNE_E_NONFINITE; PRUNE_E_NO_LAYERS. */
prune_status prune_model_fill(prune_model *model, float value);

/* A deep copy, masks included; mem may be another allocator. */
prune_status prune_model_clone(prune_model **out, const prune_allocator *mem, const prune_model *model);

/* Ends a model. NULL is fine. Plans (trainer, workspace, importance) made for it must not be used
 * any more, but may be freed before or after. */
void prune_model_free(prune_model *model);

/* Sizes; 0 for a NULL model. Outputs are those of the last layer, 0 without layers. */
size_t prune_model_inputs(const prune_model *model);
size_t prune_model_outputs(const prune_model *model);
size_t prune_model_layer_count(const prune_model *model);
size_t prune_model_param_count(const prune_model *model);

/* Bytes that the model holds from its allocator, for sizing an arena: up to 8 layers need exactly so
 * many there, each block rounded up to 16. */
size_t prune_model_bytes(const prune_model *model);

/* Describe one layer or one parameter. PRUNE_E_RANGE: no such index; PRUNE_E_VERSION: size. */
prune_status prune_model_layer_info(prune_layer_info *info, const prune_model *model, size_t layer);
prune_status prune_model_param_info(prune_param_info *info, const prune_model *model, size_t param);

/* The values of a parameter, row-major without gaps: borrowed, valid until the model ends; NULL for
 * no such index. */
const float *prune_model_param(const prune_model *model, size_t param);

/* Sets a parameter to values[count]; where the mask is 0 the value is 0 whatever is given.
 * PRUNE_E_SHAPE: count differs; PRUNE_E_NONFINITE; PRUNE_E_RANGE: no such index, a variance below 0. */
prune_status prune_model_set_param(prune_model *model, size_t param, const float *values, size_t count);

/* Checks what must always hold: weights finite, removed weights exactly 0, mask counts right.
 * PRUNE_E_MASK, PRUNE_E_NONFINITE, PRUNE_E_RANGE: a variance below 0 (error names parameter and index);
 * PRUNE_E_NO_LAYERS. */
prune_status prune_model_verify(const prune_model *model, prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
