/* compact.h -- the same function with fewer neurons: what masks have emptied goes for real
 *
 * A removed neuron (mask.h) still has a row of zeros, and an output that is the same for every sample:
 * f(0), or f(b) where its bias stayed, and what the layers behind make of that. Compaction makes a new,
 * smaller model that computes in inference what the old one does, to rounding:
 *  - a neuron whose output is constant goes, and that constant times its outgoing weights is added to the
 *    biases of the dense layer that reads it. Constant it is where all its weights are 0, or have been left
 *    with nothing but constants to read, or where the gamma of a batch normalisation behind it is 0;
 *  - a neuron that nobody reads goes, and with it whatever only it has read, back to the inputs;
 *  - of neurons that do the same the first stays and takes over the outgoing weights of the others: rows and
 *    biases are equal bit by bit, or a multiple of each other that the way to the next dense layer passes on
 *    exactly: a power of two where it is linear, ReLU or leaky ReLU; also negative where it is linear, -1
 *    where it is tanh; equal batch normalisation, for factor 1 alone;
 *  - inputs that nobody reads go if asked for.
 * This goes on until there is nothing left to do. Dense layers, and what works unit by unit between them
 * (activation, dropout, batch normalisation), become narrower; a softmax keeps the width of what it
 * normalises, and outputs always stay. Layers stay layers: prune_model_fold() is for these.
 *
 * What counts are values: a weight that is 0 reads nothing, removed or not. A weight that was removed stays
 * removed in the new model, but for a bias that takes a constant, and a weight that takes over another one.
 *
 * The least neurons and the multiple are reached with padding: neurons that are there and all removed. A
 * layer always has one.
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_COMPACT_H
#define LIBPRUNE_COMPACT_H

#include "libprune/model.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
enum {
    PRUNE_ROUND_UP = 1, /* with padding, up to the layer's own width */
    PRUNE_ROUND_DOWN =
        2 /* by removing neurons as prune_mask_neuron() does, whose constant outputs are folded:
                            those with the lowest |row and bias| |outgoing weights|, both the root of a sum of
                            squares, ties by index. It changes what the model computes. Up where nothing would
                            be left, or fewer than min_neurons. */
};

typedef struct prune_compact_options {
    size_t size;
    int32_t merge;        /* default 1: neurons that do the same become one */
    int32_t drop_inputs;  /* default 0; 1: needs report->kept */
    uint64_t min_neurons; /* of a hidden dense layer, as far as it had so many; default 1 */
    uint64_t multiple;    /* widths of hidden dense layers are multiples of it; default 1 */
    int32_t rounding;     /* default PRUNE_ROUND_UP */
} prune_compact_options;

/* Sets size and the defaults above. NULL is fine. A call that takes such options has them for NULL. */
void prune_compact_options_init(prune_compact_options *options);

/* What became of the neurons of dense layers, and of the inputs. */
typedef struct prune_compact_report {
    size_t size;
    uint64_t neurons_before, neurons; /* all dense layers; padding counts */
    uint64_t parameters_before, parameters;
    uint64_t constant; /* neurons that went since their output was */
    uint64_t unread;   /* that went since nobody read them */
    uint64_t merged;   /* that became part of another one */
    uint64_t rounded;  /* that went for the multiple, PRUNE_ROUND_DOWN */
    uint64_t padding;  /* of those that went, came back as padding */
    uint64_t inputs;   /* kept */
    size_t *kept; /* the caller's array or NULL: numbers in the old model, going up, of the inputs that the
                          new model takes, then of the neurons of its first dense layer, of the second, ...:
                          as many each as the new model's layers have */
    size_t kept_capacity; /* inputs and neurons of the old model are always enough */
} prune_compact_report;

/* Sets size, the rest 0 and NULL. NULL is fine. */
void prune_compact_report_init(prune_compact_report *report);

/* Makes the smaller model in `mem`, which for a while holds a copy of the old one too. The model is not
 * changed. options, report and error may be NULL.
 * PRUNE_E_ARGUMENT: NULL, an option; PRUNE_E_SHAPE: kept_capacity is too small; PRUNE_E_NONFINITE: a bias
 * that takes constants, or a constant, would leave float; PRUNE_E_VERSION; PRUNE_E_MEMORY; PRUNE_E_OVERFLOW;
 * and as prune_model_verify(). On failure *out is NULL, and the report is as it was. */
prune_status prune_compact(prune_model **out, const prune_allocator *mem, const prune_model *model,
                           const prune_compact_options *options, prune_compact_report *report,
                           prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
