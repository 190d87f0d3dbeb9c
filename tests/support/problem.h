/* problem.h -- a model of any layers with data and any loss, in the library and in double precision
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_PROBLEM_H
#define TESTS_PROBLEM_H

#include "stack.h"
#include "true_loss.h"

enum { PROBLEM_SAMPLES = 6 };

/* What is asked of a problem, so short that one is a line. */
typedef struct problem_loss {
    int32_t kind;
    int32_t rows; /* of softmax cross-entropy: a row for a target, not a label */
    int32_t options, weighted;
} problem_loss;

/* All losses in all their forms. */
enum { PROBLEM_LOSSES = 13 };
extern const problem_loss problem_losses[PROBLEM_LOSSES];

/* Models of all kinds of layers, of any inputs and 3 outputs; the first is dense, the second one layer. */
enum { PROBLEM_STACKS = 8 };
extern const stack_step problem_stacks[PROBLEM_STACKS][STACK_LAYERS + 1];

typedef struct problem {
    prune_model *model;
    prune_trainer *trainer;
    prune_data data;
    prune_tensor *tensors[3];
    stack s;
    true_loss truth;
    prune_loss_options loss;
    double temperature; /* what outputs are divided by; 1 */
    float x[STACK_BLOCK], y[STACK_BLOCK], weights[STACK_BATCH], class_weights[STACK_WIDTH];
    int32_t label[STACK_BATCH];
} problem;

void problem_make(problem *p, size_t inputs, const stack_step *steps, const problem_loss *loss, uint64_t seed,
                  size_t max_batch);
void problem_end(problem *p);

/* L at the weights p->s.w; and of given outputs of layer `layer - 1` (0: inputs) of all samples. */
double problem_value(problem *p);
double problem_value_from(problem *p, size_t layer, const double *y);

/* 1 where element i of s.w is a running statistic. */
int32_t problem_statistic(const problem *p, size_t i);

#endif
