/* criterion.h (private) -- the table of criteria */
#ifndef PRN_CRITERION_H
#define PRN_CRITERION_H

#include "libprune/criterion.h"
#include "model.h"

/* What a criterion is made of beside the weight: a mean over samples of this. */
enum { PRN_TAKES_NOTHING = 0, PRN_TAKES_GRADIENTS = 1, PRN_TAKES_ABSOLUTES = 2, PRN_TAKES_SQUARES = 3 };

/* The score is |term|, or its square; terms() makes the terms of these means and weights, in their place. */
typedef struct prn_criterion {
    void (*terms)(float *m, const float *w, size_t count);
    int32_t takes;
    int32_t squared;
    int32_t has_sign; /* the term may be below 0 */
    int32_t supplied; /* there are no terms, and scores may be below 0 */
    int32_t moves;    /* the mean is of -w g, once for each batch; the score is the term with its sign */
} prn_criterion;

/* NULL: there is no such criterion. */
const prn_criterion *prn_criterion_find(int32_t criterion);

/* Scores of all parameters of the model in order from the means that lie there, 0 for statistics; and unless
 * signs is NULL, bit i of it is 1 where the term behind score i is below 0. */
void prn_criterion_score(const prn_criterion *criterion, const prune_model *model, float *score,
                         uint32_t *signs);

#endif
