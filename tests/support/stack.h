/* stack.h -- models of any layers in double precision, to judge the library by
 *
 * Written from the formulas in model.h, without matrix products; the architecture and the parameters come
 * from the library's public calls. The loss is a sum of outputs times given numbers, so that these numbers
 * are dL/dh; gradients are central differences in double.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_STACK_H
#define TESTS_STACK_H

#include "runner.h"

enum { STACK_LAYERS = 12, STACK_WIDTH = 12, STACK_PARAMS = 1200, STACK_BATCH = 16 };
enum { STACK_BLOCK = STACK_BATCH * STACK_WIDTH };

/* Kinds, so short that a network is a line. */
enum {
    D = PRUNE_LAYER_DENSE,
    A = PRUNE_LAYER_ACTIVATION,
    S = PRUNE_LAYER_SOFTMAX,
    L = PRUNE_LAYER_LOG_SOFTMAX,
    O = PRUNE_LAYER_DROPOUT,
    B = PRUNE_LAYER_BATCH_NORM
};

/* A layer to build; what its kind does not use is 0. */
typedef struct stack_step {
    int32_t kind; /* 0: the end */
    size_t outputs;
    int32_t activation;
    float a, b; /* rate; momentum, epsilon */
} stack_step;

typedef struct stack {
    size_t layers;
    prune_layer_info info[STACK_LAYERS];
    size_t first[STACK_LAYERS + 1]; /* where a layer's parameters begin in w */
    double w[STACK_PARAMS];
    int32_t training;
    size_t n;
    double factor[STACK_LAYERS][STACK_BLOCK]; /* of dropout: 0 or 1 / (1 - rate) */
    /* What a forward pass in training leaves: the batch's mean and biased variance. */
    double mean[STACK_LAYERS][STACK_WIDTH], variance[STACK_LAYERS][STACK_WIDTH];
} stack;

/* A model of these layers, its parameters drawn by `seed`: some way off what they start with. */
prune_model *stack_model(const prune_allocator *mem, size_t inputs, const stack_step *steps, uint64_t seed);

/* Reads the model; n samples. */
void stack_read(stack *s, const prune_model *model, size_t n, int32_t training);

/* h[n][outputs] = net(x[n][inputs]). */
void stack_forward(double *h, stack *s, const float *x);

/* The same of layers first .. end - 1 alone, at least one, from what goes into the first of them. */
void stack_run(double *y, stack *s, size_t first, size_t end, const double *x);

/* g: dL/dw for L = sum c h. */
void stack_differences(double *g, stack *s, const float *x, const float *c, double eps);

/* Adds a layer. */
prune_status stack_add(prune_model *model, const stack_step *step);

#endif
