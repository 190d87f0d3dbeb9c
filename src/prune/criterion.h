/* criterion.h (private) -- the table of criteria */
#ifndef PRN_CRITERION_H
#define PRN_CRITERION_H

#include "libprune/criterion.h"

/* What a criterion is made of beside the weight: a mean over samples of this. */
enum { PRN_TAKES_NOTHING = 0, PRN_TAKES_GRADIENTS = 1, PRN_TAKES_ABSOLUTES = 2, PRN_TAKES_SQUARES = 3 };

/* The score is |term(w, m)|, or its square; m is that mean. */
typedef struct prn_criterion {
    float (*term)(float w, float m);
    int32_t takes;
    int32_t squared;
    int32_t has_sign; /* the term may be below 0 */
    int32_t supplied; /* there is no term, and scores may be below 0 */
    int32_t moves;    /* the mean is of -w g, once for each batch; the score is the term with its sign */
} prn_criterion;

/* NULL: there is no such criterion. */
const prn_criterion *prn_criterion_find(int32_t criterion);

#endif
