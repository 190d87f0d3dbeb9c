/* optimizer.h (private) -- one optimizer step over one parameter */
#ifndef PRN_OPTIMIZER_H
#define PRN_OPTIMIZER_H

#include "layer.h"
#include "libprune/optimizer.h"

/* Settings, and what changes from step to step: complement1 and 2 are 1 - beta1^t and 1 - beta2^t,
 * kept as c(t) = beta c(t-1) + (1 - beta), which loses nothing to cancellation. */
typedef struct prn_optimizer {
    int32_t kind;
    float learning_rate, momentum, beta1, beta2, epsilon;
    float complement1, complement2;
} prn_optimizer;

int32_t prn_optimizer_known(int32_t kind);

/* Arrays of state per parameter element: 1 (SGD: m) or 2 (Adam: m, v). */
size_t prn_optimizer_slots(int32_t kind);

/* To the next step: call once before the parameters of a step. */
void prn_optimizer_advance(prn_optimizer *optimizer);

/* Updates the parameter from its gradient and state (v is NULL with one slot). Where the mask is 0,
 * value, m and v are 0 afterwards. */
void prn_optimizer_apply(const prn_optimizer *optimizer, prn_param *param, const float *gradient, float *m,
                         float *v);

#endif
