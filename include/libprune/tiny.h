/* tiny.h -- training, pruning and compaction of small dense nets on a chip, in one block of memory
 *
 * A profile of its own, for nets of some thousand weights: dense layers alone, one sample at a time, SGD or
 * Adam, a core of about a kilobyte of code without a heap. Take it where that is what matters. The modules of
 * trainer.h, importance.h and compact.h build for chips too (`make firmware`) and do far more, all layers,
 * batches, schedules, penalties and checks, for some ten times the code and several times the memory: take
 * them where there is room, and on hosts.
 *
 * Shapes: I inputs, O outputs; layer l has W[O][I], row o being what neuron o reads, and b[O], and computes
 * y = f(W x + b). P parameters: W of the first layer, its b, W of the second, ..., as a prune_model of dense
 * layers has them: weight[P] holds them, and gradient[P] and the bits of the mask go by the same numbers.
 * N neurons: the outputs of all layers.
 *
 * A plan says what there is to train; it and all that it points to is constant and may lie in flash. It names
 * its activations, its loss and its optimizer, and a program contains no other:
 *
 *     static const prune_tiny_layer layers[] = {
 *         { 10, &prune_activation_relu }, { 10, &prune_activation_relu }, { 1, &prune_activation_linear } };
 *     static const prune_tiny_plan plan = {
 *         20, 3, layers, &prune_tiny_mse, &prune_tiny_adam, PRUNE_TINY_MASK };
 *     enum { P = PRUNE_TINY_DENSE(20, 10) + PRUNE_TINY_DENSE(10, 10) + PRUNE_TINY_DENSE(10, 1), N = 21 };
 *     static uint32_t memory[PRUNE_TINY_WORDS(P, N, 3, PRUNE_TINY_ADAM, PRUNE_TINY_MASK)];
 *     prune_tiny t;
 *     if (prune_tiny_init(&t, &plan, memory, sizeof memory) != PRUNE_OK) ...
 *     prune_tiny_draw(&t, 1);
 *     while (...)
 *         prune_tiny_step(&loss, &t, x, y);
 *
 * Invariants: a weight whose bit is 0 in the mask is exactly 0 after every call, and so is its optimizer
 * state. A call that fails has changed neither weights nor state, mask nor gradient (outputs it may). Weights
 * that are finite stay so: a step whose inputs, activations or derivatives leave +-1e8 is refused.
 * The time of a step depends on the shapes, with a mask on how much is removed, and a little on the numbers:
 * where there is no unit for floats, and with activations whose functions take one of two ways.
 * The bits are the same on every machine (-ffp-contract=off, as fmath.h).
 * Threads: one prune_tiny, one thread at a time.
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_TINY_H
#define LIBPRUNE_TINY_H

#include "libprune/activation.h"
#include "libprune/criterion.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
typedef struct prune_tiny_loss prune_tiny_loss;           /* see below: prune_tiny_mse, */
typedef struct prune_tiny_optimizer prune_tiny_optimizer; /* prune_tiny_adam, ... */

/* What a plan has memory for. */
enum {
    PRUNE_TINY_GRADIENT = 1, /* gradients of several samples added up: batches, scores; P floats */
    PRUNE_TINY_MASK = 2      /* removed weights; P bits */
};

/* GELU, GELU_TANH and SiLU are refused: their derivatives need more than the output. */
typedef struct prune_tiny_layer {
    uint32_t outputs; /* 1 .. 32767 */
    const prune_activation *activation;
} prune_tiny_layer;

typedef struct prune_tiny_plan {
    uint32_t inputs; /* 1 .. 32767 */
    uint32_t layer_count;
    const prune_tiny_layer *layers;
    const prune_tiny_loss *loss;
    const prune_tiny_optimizer *optimizer;
    uint32_t parts; /* PRUNE_TINY_GRADIENT | PRUNE_TINY_MASK, or 0 */
} prune_tiny_plan;

/* The caller's, of any lifetime; its arrays lie in the memory given. To be read; of it the caller may write
 * the rate, 0 .. 1e6, at any time, and finite values into weight[] (0 where the mask is 0). */
typedef struct prune_tiny {
    const prune_tiny_plan *plan;
    uint32_t *width;     /* [layer_count + 1]: inputs, neurons of the first layer, ...; less if compacted */
    uint32_t parameters; /* P */
    uint32_t neurons;    /* N */
    uint32_t samples;    /* whose gradients are added up */
    float rate;          /* 0.01 at first */
    float factor, epsilon, powers[2];    /* Adam's: of this step; 1 + beta + ... */
    float *weight;                       /* [P] */
    float *gradient;                     /* [P], the sum over `samples`; or NULL */
    float *moment[2];                    /* [P] each; or NULL. Adam's: sums, not means */
    float *output;                       /* [N]; the last O of it are the model's */
    float *delta;                        /* [N]: dL/dz of the last sample */
    uint32_t *mask;                      /* [(P + 31) / 32]: parameter i has bit i % 32 of word i / 32 */
    void (*clear)(struct prune_tiny *t); /* keeps removed weights 0; NULL before there may be any */
} prune_tiny;

/* Bytes that a plan takes; 0 if it is none: NULL anywhere, no layers, a width out of range, more than 2^26
 * parameters, an activation that is refused, unknown parts. For static arrays: PRUNE_TINY_WORDS. */
size_t prune_tiny_bytes(const prune_tiny_plan *plan);

/* Starts with weights and state 0, nothing removed. The plan must outlive t. bytes may be more than needed.
 * PRUNE_E_ARGUMENT: NULL, a plan that is none (as above), memory that is not aligned to 4;
 * PRUNE_E_MEMORY: bytes is too small. On failure t and the memory are left alone. */
prune_status prune_tiny_init(prune_tiny *t, const prune_tiny_plan *plan, void *memory, size_t bytes);

/* Draws the weights as prune_model_initialize(model, PRUNE_INIT_AUTO, seed) does (but before SELU uniform,
 * PRUNE_INIT_LECUN_UNIFORM), to the same bits; biases 0, removed weights too. State and step count, what
 * was added up: forgotten. PRUNE_E_ARGUMENT: NULL. */
prune_status prune_tiny_draw(prune_tiny *t, uint64_t seed);

/* The outputs for x[I]: t->output's last O floats; NULL for NULL. They last until the next call. */
const float *prune_tiny_run(prune_tiny *t, const float *x);

/* One step on one sample: forward, loss, backward, update. loss, of before the step, may be NULL.
 * PRUNE_E_ARGUMENT: NULL, cross-entropy of outputs that it cannot teach (see there); PRUNE_E_RANGE: an input
 * is NaN or beyond +-1e8; PRUNE_E_LABEL; PRUNE_E_DIVERGED: an activation or a derivative is; *loss is
 * the sample's all the same. */
prune_status prune_tiny_step(float *loss, prune_tiny *t, const float *x, const void *target);

/* The same as far as backward, and the sample's gradient is added to t->gradient, removed weights' too.
 * Also PRUNE_E_STATE: the plan has no PRUNE_TINY_GRADIENT. */
prune_status prune_tiny_add(float *loss, prune_tiny *t, const float *x, const void *target);

/* One step along the mean of what was added, which is forgotten then.
 * PRUNE_E_ARGUMENT: NULL; PRUNE_E_STATE: nothing was added. */
prune_status prune_tiny_update(prune_tiny *t);

/* Forgets what was added up: to score, add samples, read the scores, remove, and call this. NULL is fine. */
void prune_tiny_forget(prune_tiny *t);

/* ---- removal ----
 * criterion: PRUNE_MAGNITUDE |w|, PRUNE_GRADIENT |g| or PRUNE_TAYLOR |w g|, where g is the mean of what was
 * added up. Weights have scores, biases have none. What is removed stays so until prune_tiny_restore().
 * Of these calls: PRUNE_E_ARGUMENT: NULL, another criterion; PRUNE_E_STATE: the plan has no PRUNE_TINY_MASK,
 * or the criterion needs gradients and nothing was added; PRUNE_E_COLLAPSE: a layer would lose the last of
 * its weights. On failure nothing is removed. */

/* How many weights are left, biases not counted: all of them without a mask; 0 for NULL. A half of them go by
 * prune_tiny_remove_lowest(t, criterion, prune_tiny_kept(t) / 2). */
uint32_t prune_tiny_kept(const prune_tiny *t);

/* Removes the `count` weights with the lowest scores of all that are left; of equal scores the first go
 * first. Reads all weights 32 times. */
prune_status prune_tiny_remove_lowest(prune_tiny *t, int32_t criterion, uint32_t count);

/* Removes each whose score is below the threshold; *removed, which may be NULL, says how many.
 * PRUNE_E_RANGE: threshold is NaN or below 0. */
prune_status prune_tiny_remove_below(uint32_t *removed, prune_tiny *t, int32_t criterion, float threshold);

/* The largest score of a neuron's weights, what prune_importance_neurons() calls PRUNE_ROW_MAX. Removed
 * weights count as 0. PRUNE_E_RANGE: no such layer or neuron. Needs no mask. */
prune_status prune_tiny_neuron_score(float *score, const prune_tiny *t, int32_t criterion, uint32_t layer,
                                     uint32_t neuron);

/* Removes a neuron: its row of weights, and its bias. PRUNE_E_RANGE: no such layer or neuron, or it is an
 * output. */
prune_status prune_tiny_remove_neuron(prune_tiny *t, uint32_t layer, uint32_t neuron);

/* Removes each weight that is exactly 0 now: for weights that the caller has written. Biases stay. */
prune_status prune_tiny_remove_zeros(prune_tiny *t);

/* All may live again, from 0. PRUNE_E_ARGUMENT, PRUNE_E_STATE. */
prune_status prune_tiny_restore(prune_tiny *t);

/* Makes the net smaller in place, until there is nothing left to do: neurons go whose output is constant,
 * since their weights are all 0, and what that is worth is added to the biases of the next layer; and neurons
 * that nobody reads. So does prune_compact(), without merging. Of each layer one neuron stays; so do inputs.
 * Weights, moments and mask of what stays are as before, and training can go on; P, N and t->width are
 * smaller. What was added up is forgotten. A removed bias that takes a constant lives again. Needs no mask.
 * prune_tiny_import() takes the blob of what is left into the same plan, after a reset too.
 * PRUNE_E_ARGUMENT: NULL; PRUNE_E_DIVERGED: a bias would leave float. */
prune_status prune_tiny_compact(prune_tiny *t);

/* ---- blobs (blob.h) ---- */

/* Bytes of the net as a blob, each layer in the encoding that takes the fewest; 0 for NULL, and for more than
 * 32767 layers. */
size_t prune_tiny_export_bytes(const prune_tiny *t);

/* Writes exactly bytes[length], of any alignment, for prune_blob_run(); its outputs are those of
 * prune_tiny_run() to rounding. Its operations are PRUNE_BLOB_OPS_WEIGHTS, all of them, since the weights
 * decide which it takes, and the activations but linear and ReLU. PRUNE_E_ARGUMENT: NULL, too many layers;
 * PRUNE_E_SHAPE: length is not what prune_tiny_export_bytes() says now. */
prune_status prune_tiny_export(void *bytes, size_t length, const prune_tiny *t);

/* Takes weights and biases from a blob that has passed prune_blob_check(), in whatever encodings of floats:
 * a net from the host, or the chip's own after a reset. It has the plan's inputs, outputs, activations and
 * number of layers; hidden layers may be smaller than the plan's, and then t is as after
 * prune_tiny_compact(). With PRUNE_TINY_MASK the blob's weights that are 0 are removed, and nothing else is,
 * whatever was before; a layer of zeros alone has none left. prune_tiny_restore() undoes that. State and step
 * count, what was added up: forgotten.
 * PRUNE_E_ARGUMENT: NULL; PRUNE_E_SHAPE: other layers; PRUNE_E_NONFINITE; PRUNE_E_UNSUPPORTED: weights of
 * int8, or other operations in their place than DENSE, BLOCKS, DELTAS, BITMASK. On failure nothing is
 * changed. */
prune_status prune_tiny_import(prune_tiny *t, const void *blob);
/* FFI-END */
/* Losses of a sample. mse: (1/2) sum of (h - y)^2, the target is float y[O]. softmax_cross_entropy:
 * -log softmax(h)[label] of linear outputs, at least two (of others steps are refused), the target is one
 * int32_t, 0 .. O - 1. Both as in loss.h. */
extern const prune_tiny_loss prune_tiny_mse;
extern const prune_tiny_loss prune_tiny_softmax_cross_entropy;

/* Optimizers, as in optimizer.h: w -= rate g, without momentum; Adam (D. Kingma and J. Ba, ICLR 2015, the
 * order of section 2) with beta1 0.9, beta2 0.999, epsilon 1e-8, which keeps two numbers a parameter. */
extern const prune_tiny_optimizer prune_tiny_sgd;
extern const prune_tiny_optimizer prune_tiny_adam;
PRUNE_API_END

/* Floats that an optimizer takes for each parameter, the parameter itself among them. */
#define PRUNE_TINY_SGD 1
#define PRUNE_TINY_ADAM 3

/* Parameters of a dense layer: add them up for P. Here and below sizeof(char) is 1 as a size_t, where C++
 * dislikes casts. */
#define PRUNE_TINY_DENSE(inputs, outputs) (((inputs) + sizeof(char)) * (outputs))

/* prune_tiny_bytes() / 4 of a plan with these P, N and layer_count, as a constant expression: optimizer is
 * PRUNE_TINY_SGD or PRUNE_TINY_ADAM, parts are those of the plan. */
#define PRUNE_TINY_WORDS(parameters, neurons, layer_count, optimizer, parts)                 \
    (sizeof(char) * (parameters) * ((optimizer) + ((parts)&PRUNE_TINY_GRADIENT ? 1u : 0u)) + \
     ((parts)&PRUNE_TINY_MASK ? (sizeof(char) * 31 + (parameters)) / 32 : 0u) +              \
     sizeof(char) * 2 * (neurons) + (layer_count) + 1)

#endif
