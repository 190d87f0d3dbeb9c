/* trace.h -- a model that is pruned step by step with a log, and the log carried out on clones, for tests
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_TRACE_H
#define TESTS_TRACE_H

#include "nets.h"
#include "training.h"

enum { TRACE_MOST = 32, TRACE_LAYERS = 3 };

/* 13 - 11 - 9 - 4, with its magnitudes. */
extern const size_t trace_widths[TRACE_LAYERS + 1];
prune_model *trace_model(void);
prune_importance *trace_magnitudes(const prune_model *model);

/* All that changes masks: such that each, after the one before, does. */
enum { TRACE_BY_FRACTION = 0, TRACE_NONE = 4, TRACE_BY_HAND = 10, TRACE_ONE_NEURON = 11, TRACE_WAYS = 12 };
extern void (*const trace_ways[TRACE_WAYS])(prune_model *model);

/* Changes masks at random, in short and long runs, of any model. */
void trace_draw(prune_model *model, net *n);

typedef struct trace {
    prune_model *model; /* the caller's */
    prune_log *log;
    size_t count;
    prune_model *then[TRACE_MOST + 1]; /* clones of the model at the beginning, and after each entry */
} trace;

void trace_open(trace *t, prune_model *model);
void trace_close(trace *t);

/* Records what has changed, which must be something. note may be NULL. */
void trace_step(trace *t, const prune_log_note *note);

/* Carries a log of it out on clones, whose weights are others: all at once, up to each entry, and one by one.
 * Fails the test unless the masks are those of the model then, what is removed is 0, what has returned starts
 * as prune_mask_set() says, and all else is as it was; and unless each entry is refused where it does not
 * fit, with nothing changed. */
void trace_check(const trace *t, const prune_log *log);

/* 1 if two models of one architecture have the same masks. */
int32_t trace_same_masks(const prune_model *a, const prune_model *b);

/* Two logs with the same entries. */
void trace_check_same(const prune_log *a, const prune_log *b);

#endif
