/* metrics.h -- how good given outputs are, whatever they come from
 *
 * prune_evaluate() tells loss, accuracy, MAE and RMSE of a model in one call; here is the rest, for any
 * outputs: of prune_predict() (any number of rows in one call), or of another program. In a prune_metric
 * (evaluate.h) these can decide for prune_validate().
 *
 * Shapes: n samples, C classes, O outputs.
 *   outputs h[n][O]          PRUNE_F32, finite
 *   labels y[n] or [n][1]    PRUNE_I32, 0 .. C-1
 *   targets y[n][O]          PRUNE_F32, finite
 * The class that outputs stand for is that of the largest (the first, if equal); a single output stands
 * for class 1 where it is greater than a threshold, else for class 0.
 *
 * Names and definitions are those of scikit-learn 1.2, which the tests compare with, except where it is
 * said. What divides by 0 is 0 (there: zero_division=0). Sums are in double.
 * Errors, of all that takes tensors: PRUNE_E_ARGUMENT: NULL, an unknown constant; PRUNE_E_TYPE;
 * PRUNE_E_SHAPE; PRUNE_E_NONFINITE: NaN or Inf; PRUNE_E_LABEL; PRUNE_E_VERSION. `error` names the first
 * bad element, and may be NULL. On failure nothing is written.
 * Threads: any, while nobody writes what is read. Only those of ROC allocate.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_METRICS_H
#define LIBPRUNE_METRICS_H

#include "libprune/tensor.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* ---- classes: the confusion matrix, and what follows from it ---- */

typedef struct prune_confusion {
    size_t size;      /* sizeof(prune_confusion), by prune_confusion_init() */
    size_t classes;   /* C, at least 2 */
    uint64_t *counts; /* [C][C], the caller's, who starts it with zeros: counts[t * C + p] samples of
                         class t were taken for class p */
    float threshold;  /* of a single output; default 0, for logits; for probabilities 0.5 */
} prune_confusion;

/* Sets size and defaults, the rest 0 and NULL. NULL is fine. */
void prune_confusion_init(prune_confusion *confusion);

/* Counts n more samples, so a large data set can come in parts. `outputs` are h[n][C], or h[n][1] for two
 * classes, or the classes themselves: PRUNE_I32 [n] or [n][1].
 * PRUNE_E_SIZE: fewer than two classes; PRUNE_E_OVERFLOW; PRUNE_E_RANGE: the threshold is NaN. */
prune_status prune_confusion_add(prune_confusion *confusion, const prune_tensor *outputs,
                                 const prune_tensor *labels, prune_error *error);

/* *accuracy: the fraction on the diagonal. *balanced: the mean recall of the classes that have samples.
 * Either may be NULL. PRUNE_E_EMPTY: nothing was counted; PRUNE_E_SIZE; PRUNE_E_OVERFLOW. */
prune_status prune_confusion_accuracy(double *accuracy, double *balanced, const prune_confusion *confusion);

typedef struct prune_class_scores {
    size_t size;      /* sizeof(prune_class_scores), by prune_class_scores_init() */
    double precision; /* right / taken for the class */
    double recall;    /* right / samples of the class */
    double f1;        /* their harmonic mean, 2 right / (taken + samples) */
    uint64_t support; /* samples of the class; of an average: all */
} prune_class_scores;

/* Sets size, the rest 0. NULL is fine. */
void prune_class_scores_init(prune_class_scores *scores);

/* Of one class against the others. For two classes scikit-learn tells class 1 if not asked for another.
 * PRUNE_E_RANGE: no such class; else as prune_confusion_accuracy(). */
prune_status prune_confusion_class(prune_class_scores *scores, const prune_confusion *confusion,
                                   size_t label);

/* Averages over the classes. MACRO: each counts the same, and those that are neither in the labels nor in
 * the outputs do not count; WEIGHTED: by support; MICRO: of all decisions together, where all three are
 * the accuracy. PRUNE_E_ARGUMENT: unknown average; else as prune_confusion_accuracy(). */
enum { PRUNE_AVERAGE_MACRO = 1, PRUNE_AVERAGE_MICRO = 2, PRUNE_AVERAGE_WEIGHTED = 3 };
prune_status prune_confusion_average(prune_class_scores *scores, const prune_confusion *confusion,
                                     int32_t average);

/* ---- classes: what needs the outputs themselves ---- */

/* *accuracy = the fraction of samples whose label is among the k largest of h[n][O], O >= 2. Of equal
 * outputs the first count as larger, so k = 1 is the accuracy (scikit-learn prefers the last).
 * PRUNE_E_RANGE: k is 0 or over O. */
prune_status prune_top_k_accuracy(double *accuracy, const prune_tensor *outputs, const prune_tensor *labels,
                                  size_t k, prune_error *error);

/* What the numbers of h[n][O] are. For O = 1 and O = 2 it makes no difference. */
enum {
    PRUNE_SCORES_AS_GIVEN = 1, /* probabilities, or any scores: class c is ranked by output c */
    PRUNE_SCORES_LOGITS = 2    /* class c is ranked by its softmax, as log p_c / (1 - p_c) to float's
                                  precision, which does not saturate */
};

/* *auc = the area under the ROC curve: the chance that a sample of the class is ranked above one of the
 * others, equal ranks counting one half (the Mann-Whitney statistic with mid-ranks).
 *   O = 1: labels 0 and 1, ranked by the output      O = 2: by h_1 - h_0
 *   O > 2: each class against the rest, and the mean of those that have samples and do not have all.
 * Takes 8 n bytes from mem for the time of the call.
 * PRUNE_E_EMPTY: all samples are of one class; PRUNE_E_MEMORY. */
prune_status prune_roc_auc(double *auc, const prune_tensor *outputs, const prune_tensor *labels,
                           int32_t scores, const prune_allocator *mem, prune_error *error);

/* The same for each class, against the rest; of two classes both have the same area. */
typedef struct prune_roc {
    size_t size;      /* sizeof(prune_roc), by prune_roc_init() */
    int32_t scores;   /* in: PRUNE_SCORES_*; default AS_GIVEN */
    double *by_class; /* in: [by_class_capacity], the caller's, or NULL; out: the C areas; NaN of a class
                                 without samples, or with all */
    size_t by_class_capacity; /* in: at least C: 2 of one output */
    double macro;             /* out: the mean of those that are not NaN, which prune_roc_auc() gives */
    double weighted;          /* out: their mean by samples of the class */
} prune_roc;

/* Sets size and defaults, the rest 0 and NULL. NULL is fine. */
void prune_roc_init(prune_roc *roc);

/* Errors and memory as prune_roc_auc(); PRUNE_E_SHAPE: also where by_class is too small. */
prune_status prune_roc_measure(prune_roc *roc, const prune_tensor *outputs, const prune_tensor *labels,
                               const prune_allocator *mem, prune_error *error);

/* ---- values ---- */

typedef struct prune_regression {
    size_t size; /* sizeof(prune_regression), by prune_regression_init() */
    double mae;  /* mean |h - y| */
    double rmse; /* sqrt of mean (h - y)^2 (scikit-learn: of several outputs the mean of their RMSE) */
    double r2;   /* 1 - sum (h - y)^2 / sum (y - mean y)^2, of several outputs their mean; of a constant y:
                    1 if h is y, else 0; of a single sample: NaN */
} prune_regression;

/* Sets size, the rest 0. NULL is fine. */
void prune_regression_init(prune_regression *regression);

/* Of one output (0 .. O-1), or with PRUNE_ALL_OUTPUTS of all: means over samples and outputs.
 * PRUNE_E_RANGE: no such output. */
enum { PRUNE_ALL_OUTPUTS = -1 };
prune_status prune_regression_measure(prune_regression *regression, const prune_tensor *outputs,
                                      const prune_tensor *targets, int32_t output, prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
