/* layer.h -- what a model says of its layers and parameters, see prune_model_layer_info()
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_LAYER_H
#define LIBPRUNE_LAYER_H

#include "libprune/tensor.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* Kinds of layers; model.h says what each computes. */
enum {
    PRUNE_LAYER_DENSE = 1,
    PRUNE_LAYER_ACTIVATION = 2,
    PRUNE_LAYER_SOFTMAX = 3,
    PRUNE_LAYER_LOG_SOFTMAX = 4,
    PRUNE_LAYER_DROPOUT = 5,
    PRUNE_LAYER_BATCH_NORM = 6
};
enum { PRUNE_LAYER_SETTINGS = 2 };

typedef struct prune_layer_info {
    size_t size;        /* sizeof(prune_layer_info), by prune_layer_info_init() */
    int32_t kind;       /* PRUNE_LAYER_* */
    int32_t activation; /* PRUNE_LINEAR, ...; PRUNE_LINEAR where the kind has none */
    prune_shape input;  /* of one sample */
    prune_shape output;
    uint64_t parameters;   /* weights, biases, and whatever else it has to keep */
    uint64_t nonzeros;     /* parameters that are not exactly 0 */
    uint64_t weights;      /* prunable parameters (without biases) */
    uint64_t weights_kept; /* those whose mask is 1 */
    uint64_t macs;         /* multiply-accumulates for one sample, dense */
    uint64_t macs_kept;    /* multiply-accumulates whose weight is kept */
    uint64_t bytes;        /* parameters, stored dense as float */
    float settings[2];     /* dropout: rate; batch normalisation: momentum, epsilon; else 0 */
} prune_layer_info;

typedef struct prune_param_info {
    size_t size;      /* sizeof(prune_param_info), by prune_param_info_init() */
    size_t layer;     /* the layer that owns it */
    char name[16];    /* "weight", "bias"; of batch normalisation: "gamma", "beta", "running_mean",
                         "running_var" */
    int32_t prunable; /* 1: weights are chosen from it; 0: only goes with its neuron (bias) */
    /* 1: of the data that passed in training. No optimizer touches it, its gradient is 0, it is neither
     * penalised nor chosen from */
    int32_t statistic;
    prune_shape shape;
    uint64_t count; /* elements */
    uint64_t kept;  /* elements whose mask is 1 */
} prune_param_info;

/* Set size, the rest 0. NULL is fine. */
void prune_layer_info_init(prune_layer_info *info);
void prune_param_info_init(prune_param_info *info);
/* FFI-END */
PRUNE_API_END

#endif
