/* distill.h -- learning from the outputs of another model, such as the dense one that a pruned one comes from
 *
 * Shapes: n samples, O outputs; y what is known of a sample, t the teacher's outputs, z those of the model
 * that learns; for classes t and z are logits (no softmax layer). With a = alpha, T = temperature,
 * p = softmax(t / T) and q = softmax(z / T) the loss of a sample is
 *
 *   PRUNE_SOFTMAX_CROSS_ENTROPY  (1 - a) sum_c y_c (log sum_j exp z_j - z_c) + a T^2 sum_c p_c log(p_c/q_c)
 *                                (G. Hinton, O. Vinyals and J. Dean, 2015)
 *   PRUNE_MSE                    (1 - a) 1/2 sum_c (z_c - y_c)^2             + a 1/2 sum_c (z_c - t_c)^2
 *
 * It is an own loss (loss.h) of rows that hold y and t: what the teacher says is computed once for the data,
 * and the teacher is not needed after that. A program that draws new inputs computes their rows too.
 *
 *     prune_distillation_targets(rows, teacher, workspace, inputs, labels);
 *     prune_distillation_loss(&loss, &how);
 *     data.targets = rows, trainer_options.loss_options = &loss;
 *
 * Metrics of classes are not known to an own loss: evaluate on data with the labels themselves.
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_DISTILL_H
#define LIBPRUNE_DISTILL_H

#include "libprune/loss.h"
#include "libprune/predict.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
typedef struct prune_distillation {
    size_t size;
    int32_t kind;      /* PRUNE_SOFTMAX_CROSS_ENTROPY (default) or PRUNE_MSE */
    float alpha;       /* 0 .. 1, the teacher's part; default 0.5 */
    float temperature; /* of cross-entropy; 0.001 .. 1000; default 2 */
} prune_distillation;

/* The defaults above. NULL is fine. */
void prune_distillation_init(prune_distillation *how);

/* Fills targets[n][2 O] (PRUNE_F32) with rows of y, then t = teacher(inputs[n]). known: labels [n] or [n][1]
 * PRUNE_I32, which become rows with a single 1, or y[n][O] PRUNE_F32. The workspace is the teacher's. Nothing
 * is allocated. PRUNE_E_ARGUMENT: NULL; PRUNE_E_SHAPE; PRUNE_E_TYPE; PRUNE_E_READONLY; PRUNE_E_LABEL;
 * PRUNE_E_NONFINITE: an input, a number of `known`; others as prune_predict(). On these nothing is written.
 * PRUNE_E_DIVERGED: an output of the teacher is not finite; the rows hold nothing of use then. */
prune_status prune_distillation_targets(prune_tensor *targets, const prune_model *teacher,
                                        prune_workspace *workspace, const prune_tensor *inputs,
                                        const prune_tensor *known);

/* Makes *loss the own loss of such rows. `how` is borrowed for as long as the loss is used, and may be
 * changed between steps. PRUNE_E_ARGUMENT: NULL, another kind; PRUNE_E_RANGE: a number; PRUNE_E_VERSION. In
 * training the same, and PRUNE_E_SHAPE, PRUNE_E_TYPE: the rows are not [n][2 O] PRUNE_F32. A trainer's file
 * does not hold an own loss: see prune_trainer_set_loss(). */
prune_status prune_distillation_loss(prune_loss_options *loss, prune_distillation *how);
/* FFI-END */
PRUNE_API_END

#endif
