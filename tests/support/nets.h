/* nets.h -- random nets with neurons that can go, and whether a smaller one computes the same, for tests
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_NETS_H
#define TESTS_NETS_H

#include "stack.h"

/* Samples; layers' outputs and inputs; the inputs and neurons of all of them. */
enum { NET_SAMPLES = 6, NET_SPACES = 6, NET_KEPT = NET_SPACES * STACK_WIDTH };

typedef struct net {
    uint64_t state;
    size_t inputs, count;
    stack_step steps[STACK_LAYERS + 1];
    prune_model *model;
} net;

/* One to four dense layers of any width and activation, other layers between; rows of zeros, removed neurons
 * and weights, gammas of 0, as often as not. The model is the caller's. */
void net_make(net *n, uint64_t seed);

/* A number from 0 to below - 1. */
size_t net_draw(net *n, size_t below);

/* The first parameter of a layer; and setting one element. */
size_t net_param(const net *n, size_t layer);
void net_set(net *n, size_t param, size_t i, float value);

/* In each dense layer a neuron that is another one, or a multiple of it. */
void net_plant_twins(net *n);

/* prune_compact(), which must leave the model as it is and make a valid one. kept[NET_KEPT]. */
prune_model *net_compact(const prune_model *model, const prune_compact_options *options,
                         prune_compact_report *report, size_t *kept);

/* Fails the test unless both give the same outputs for random inputs, the small one for those kept. */
void net_check_same(const prune_model *model, const prune_model *small, const size_t *kept, uint64_t seed);

#endif
