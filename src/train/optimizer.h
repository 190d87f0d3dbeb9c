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
    float alpha, weight_decay;
    int32_t nesterov;
} prn_optimizer;

/* One step of one parameter. */
typedef struct prn_stride {
    float rate;      /* the learning rate now */
    float decay;     /* AdamW: the weight decay; 0: none */
    float threshold; /* of the soft threshold after the step; 0: none */
} prn_stride;

/* Elements of a parameter, at most PRN_PIECE_MOST: what follows the step itself is done while they are in
 * the cache. m and v: the first slot and the second, or the first twice. The mask begins with a word. */
enum { PRN_PIECE_MOST = 1024 };
typedef struct prn_piece {
    size_t count;
    float *w;
    const float *g;
    float *m;
    float *v;
    const uint32_t *mask;
} prn_piece;

int32_t prn_optimizer_known(int32_t kind);

/* Arrays of state per parameter element: 1 (m or v) or 2 (m, v). */
size_t prn_optimizer_slots(int32_t kind);

/* Whether a slot holds squares (v), which are never negative. */
int32_t prn_optimizer_squares(int32_t kind, size_t slot);

/* The largest |x| that a slot may come to hold with gradients up to `gradient`, and a little more for
 * rounding. */
float prn_optimizer_most(const prn_optimizer *optimizer, size_t slot, float gradient);

/* The index of the first number that a slot cannot come to hold with gradients up to `gradient`, or count. */
size_t prn_optimizer_scan(const prn_optimizer *optimizer, size_t slot, const float *x, size_t count,
                          float gradient);

/* To where `steps` steps lead. */
void prn_optimizer_go_to(prn_optimizer *optimizer, uint64_t steps);

/* To the next step: call once before the parameters of a step. */
void prn_optimizer_advance(prn_optimizer *optimizer);

/* Updates the parameter from its gradient and state: the arrays of the slots (the second is NULL where
 * there is one). Where the mask is 0, value and state are 0 afterwards. */
void prn_optimizer_apply(const prn_optimizer *optimizer, const prn_stride *stride, prn_param *param,
                         const float *gradient, float *const state[2]);

/* The same for pieces, of any parameters. */
void prn_optimizer_apply_pieces(const prn_optimizer *optimizer, const prn_stride *stride,
                                const prn_piece *pieces, size_t count);

#endif
