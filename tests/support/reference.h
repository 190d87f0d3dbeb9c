/* reference.h -- a dense network in double precision, to judge the library by
 *
 * Written from the formulas in loss.h and trainer.h, sample by sample and without matrix products; it
 * shares no code with the library and takes only constants from its headers. It is judged in turn by
 * central differences (gradient_test.c) and by PyTorch (torch_test.c).
 *
 * Shapes: parameter 2l is the weight W[width[l + 1]][width[l]] of layer l, parameter 2l + 1 its bias;
 * w holds all parameters one after the other. Where keep is 0, w must be 0.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_REFERENCE_H
#define TESTS_REFERENCE_H

#include <libprune/loss.h>
#include <libprune/model.h>

enum { REF_LAYERS = 4, REF_WIDTH = 24, REF_PARAMS = 1200, REF_BATCH = 64 };

typedef struct ref_net {
    size_t layers;
    size_t width[REF_LAYERS + 1]; /* inputs, then the neurons of each layer */
    int32_t activation[REF_LAYERS];
    size_t count; /* parameters */
    double w[REF_PARAMS];
    uint8_t keep[REF_PARAMS];
} ref_net;

/* What is minimised: a loss over n samples, and a penalty. */
typedef struct ref_task {
    int32_t loss;
    size_t n;
    double x[REF_BATCH * REF_WIDTH];
    double y[REF_BATCH * REF_WIDTH]; /* PRUNE_MSE */
    int32_t label[REF_BATCH];        /* PRUNE_SOFTMAX_CROSS_ENTROPY */
    double l1, l2;
    int32_t penalize_bias;
} ref_task;

/* Shapes a net; parameters 0 and kept. width[layers + 1]. */
void ref_shape(ref_net *net, size_t layers, const size_t *width, const int32_t *activation);

/* Where parameter p begins in w; for p = 2 * layers: the end. */
size_t ref_begin(const ref_net *net, size_t p);

/* f(z) and f'(z). */
double ref_activation(int32_t kind, double z);
double ref_slope(int32_t kind, double z);

/* h[outputs] = net(x[inputs]), one sample. */
void ref_forward(double *h, const ref_net *net, const double *x);

/* The loss of given outputs h[n][outputs]. */
double ref_output_loss(const ref_task *task, const double *h, size_t outputs);

/* Loss over the task's samples, and penalty at the net's weights. */
double ref_data_loss(const ref_net *net, const ref_task *task);
double ref_penalty(const ref_net *net, const ref_task *task);

/* g[count]: the gradient of ref_data_loss(), by backpropagation. */
void ref_data_gradient(double *g, const ref_net *net, const ref_task *task);

/* g[count] += the gradient of ref_penalty(). */
void ref_add_penalty_gradient(double *g, const ref_net *net, const ref_task *task);

/* g[count]: both gradients together by central differences, step eps. */
void ref_differences(double *g, const ref_net *net, const ref_task *task, double eps);

/* The input nearest to 0 of an activation with a kink there (ReLU, leaky ReLU, SELU), as a distance, over all
 * samples; infinite without such. */
double ref_kink_distance(const ref_net *net, const ref_task *task);

/* The largest |a[i]|. */
double ref_largest(const double *a, size_t count);

/* The largest |a[i] - b[i]| / max(|a[i]|, |b[i]|, floor). */
double ref_relative_error(const double *a, const double *b, size_t count, double floor);

/* The largest |a[i] - b[i]| over the largest |b[i]|; where all b are 0, so must be all a (else infinite). */
double ref_scaled_error(const float *a, const double *b, size_t count);

/* The same net as a model of the library. */
prune_status ref_model(prune_model **out, const ref_net *net);

/* A stream of uniform numbers in [low, high) from a state that the caller seeds. */
double ref_uniform(uint64_t *state, double low, double high);

#endif
