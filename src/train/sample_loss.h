/* sample_loss.h (private) -- the loss of one sample, and its gradient at the outputs; formulas in loss.h */
#ifndef PRN_SAMPLE_LOSS_H
#define PRN_SAMPLE_LOSS_H

#include "libprune/base.h"

typedef struct prn_terms {
    size_t outputs;
    float scale; /* of the gradient */
    float delta; /* of Huber's */
    float smoothing;
    const float *class_weights; /* [outputs], or NULL */
    float class_unit;           /* what they are multiplied by: a power of two */
} prn_terms;

/* h[outputs] and a target that has been checked: the loss, and scale * dl/dh into g unless that is NULL. g
 * may be h. Outputs that are not finite give such a loss. */
typedef float prn_sample_loss(const prn_terms *terms, const float *h, const void *target, float *g);

prn_sample_loss prn_squared_error, prn_absolute_error, prn_huber; /* of y[outputs] */
prn_sample_loss prn_binary_cross_entropy;                         /* of y[outputs] */
prn_sample_loss prn_label_cross_entropy, prn_label_nll;           /* of a label, int32_t */
prn_sample_loss prn_sharp_cross_entropy;                          /* the first, without smoothing */
prn_sample_loss prn_soft_cross_entropy;                           /* of y[outputs] */

/* The squared errors of `count` samples of one output each, and their gradients: the bits of the first. */
void prn_squared_errors(const prn_terms *terms, const float *h, const float *y, float *g, float *losses,
                        size_t count);

/* scale * d2l/dh2 of the same, into hessian[outputs][outputs]. The kinks of Huber's count as within delta. */
typedef void prn_sample_bend(const prn_terms *terms, const float *h, const void *target, float *hessian);

prn_sample_bend prn_no_bend; /* of absolute errors, and NLL */
prn_sample_bend prn_squared_error_bend, prn_huber_bend, prn_binary_cross_entropy_bend;
prn_sample_bend prn_label_cross_entropy_bend, prn_soft_cross_entropy_bend;

#endif
