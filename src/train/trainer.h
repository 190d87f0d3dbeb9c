/* trainer.h (private) -- the plan, as scoring, fitting and checkpoints see it */
#ifndef PRN_TRAINER_H
#define PRN_TRAINER_H

#include "libprune/trainer.h"
#include "allreduce.h"
#include "loss.h"
#include "model.h"
#include "optimizer.h"
#include "regularizer.h"
#include "scan.h"
#include "schedule.h"
#include "tensor.h"
#include "thin.h"

/* Above this the square of a gradient would leave float, and Adam's v with it: no step is made then. */
#define PRN_GRADIENT_LIMIT 1e18f

/* What the last calls have left: each step of forward -> loss -> backward -> penalize needs the one
 * before it, update only backward; with other ranks both need reduce. */
enum {
    PRN_IDLE = 0,
    PRN_FORWARD = 1,
    PRN_LOSS = 2,
    PRN_BACKWARD = 3,
    PRN_SUMMED = 4,
    PRN_REDUCED = 5,
    PRN_PENALIZED = 6
};

/* What is sent behind the gradients: their weight, and whether there are statistics. */
enum { PRN_TAIL = 2 };

/* Sums, and what they are divided by; room[count] for what is on its way. */
typedef struct prn_pool {
    prn_sum *sums, *ones;
    float *room;
    size_t count;
} prn_pool;

/* What a trainer does with others, when it is one of several (cluster.c; firmware has none). Both begin with
 * a meeting that is told how this rank fared, and return what came of it. */
typedef struct prn_together {
    /* The gradients, and statistics of the step, become those of all ranks. */
    prune_status (*step)(prune_trainer *trainer, prune_status mine);
    /* All sums become their means over the ranks. error may be NULL. */
    prune_status (*pool)(prune_trainer *trainer, prune_status mine, const prn_pool *pool, prune_error *error);
} prn_together;

/* What happens to numbers between layers (rounding.c; firmware has none), in [rows][width]. Of the inputs *x
 * may become another view. */
typedef struct prn_between {
    void (*inputs)(struct prn_between *between, prune_tensor *x, int32_t training);
    void (*outputs)(struct prn_between *between, size_t layer, float *y, size_t rows, int32_t training);
    void (*gradient)(struct prn_between *between, size_t layer, float *dy, size_t rows);
} prn_between;

/* It returned a failure; it left NaN or Inf for outputs that were finite. */
enum { PRN_FAULT_NONE, PRN_FAULT_RETURNED, PRN_FAULT_LEFT };

struct prune_trainer {
    prune_allocator mem;
    size_t bytes;
    prune_model *model;
    uint32_t signature;
    const prune_backend *backend;
    prn_small *small; /* of the back end */
    prn_optimizer optimizer;
    prn_regularizer regularizer;
    prune_schedule schedule, penalty_schedule;
    float clip_norm, clip_value; /* 0: not at all */
    prn_layer_rule *rules;       /* one for each layer; the regularizer has them too */
    prn_loss loss;               /* with class weights of its own: */
    float *class_weights;        /* room for one for each output */
    uint64_t seed;
    prune_rng rng;
    size_t max_batch;
    uint64_t steps, epochs;

    size_t layers; /* of the model, when the trainer was made */

    /* Laid out like all parameters of the model in order. */
    size_t floats;
    float *gradient; /* with room for PRN_TAIL more */
    float *state[2];
    int32_t accumulate; /* batches to a step */
    float *sum;         /* of gradients times `by` since the last update; NULL if it is every batch */
    int32_t summed;     /* batches in it */
    float summed_weight;
    float weight;       /* of the last backward pass's samples, as gradients are averaged */
    float by;           /* what its gradients were divided by: see prn_loss_sums */
    float total;        /* the sum of the losses of that pass */
    int32_t weighted;   /* it is that of a loss with weights, and not the number of samples */
    int32_t per_sample; /* PRUNE_PER_SAMPLE_*, or 0 */
    float *samples;     /* sums over the batch of |g| or g^2 of each sample; NULL with 0, and so is scratch */
    float *scratch;     /* [max_batch][widest input] */
    float *shares;      /* [max_batch], see prn_loss_shares(); NULL unless it is g^2 */

    /* Per layer, outputs[l][max_batch][out], and what else it keeps (or nothing); then dL/dy of two
     * neighbouring layers in turn. */
    float **outputs;
    float **caches;
    float **memories; /* per layer, not per sample */
    float *delta[2];

    prn_between *between; /* NULL: nothing */

    int32_t sparse, sparse_kernels;
    prn_thin *thins; /* one for each layer */

    /* The other ranks, and how the last meeting ended. */
    const prn_together *together; /* NULL: there are none */
    prune_allreduce all;
    prn_verdict verdict;

    int32_t stage;
    int32_t training;     /* the mode of the caller's own forward passes */
    int32_t fitting;      /* a fit is under way: its callback must not start another */
    int32_t asking;       /* an own loss has been called: it must leave the trainer alone */
    int32_t fault;        /* PRN_FAULT_*: of an own loss, when it was last asked */
    prune_tensor x;       /* view of the caller's batch */
    prune_tensor h;       /* view of the last layer's output */
    prune_tensor h_delta; /* view of dL/dh, in delta[0] */
};

/* PRUNE_E_ARGUMENT, or PRUNE_E_STATE if the model is no longer what the trainer was made for, or an own loss
 * that was called by it asks. */
prune_status prn_trainer_check(const prune_trainer *trainer);

/* The same, and says what is wrong. */
prune_status prn_trainer_open(const prune_trainer *trainer, prune_error *error);

/* The penalty of the next step, and what it is. */
prn_regularizer prn_trainer_penalty(const prune_trainer *trainer);
float prn_trainer_penalty_value(const prune_trainer *trainer);

/* The steps for data that have been checked already. A forward pass is training or inference, in which layers
 * that are frozen always are. */
void prn_trainer_forward(prune_trainer *trainer, const prune_tensor *x, int32_t training);
prune_status prn_trainer_loss(float *loss, prune_trainer *trainer, const prn_target *target);

/* Why the own loss made that, or what came of it, fail; NULL: it did not. */
const char *prn_trainer_blame(const prune_trainer *trainer);

/* What a backward pass is for, by bits: gradients of kept weights and of biases, without which the trainer's
 * gradients are left as they are, or spoilt; those of removed weights, which may be 0 without; and those of
 * single samples, which are there only if the plan has them. */
enum { PRN_WANTS_KEPT = 1, PRN_WANTS_REMOVED = 2, PRN_WANTS_GRADIENTS = 3, PRN_WANTS_SAMPLES = 4 };

/* The first half of a training step: the gradients of the data loss, or what else it wants. And the last part
 * of that. */
prune_status prn_trainer_gradients(float *loss, prune_trainer *trainer, const prune_tensor *x,
                                   const prn_target *target, int32_t wants);
void prn_trainer_backward(prune_trainer *trainer, int32_t wants);

/* PRUNE_E_RANGE, PRUNE_E_UNSUPPORTED; and what such options mean for a trainer that has a back end. */
prune_status prn_trainer_check_sparse(int32_t sparse, int32_t kernels);
void prn_trainer_set_sparse(prune_trainer *trainer, int32_t sparse, int32_t kernels);

#endif
