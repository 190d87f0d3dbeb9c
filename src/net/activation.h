/* activation.h (private) -- activations on the rows of a matrix */
#ifndef PRN_ACTIVATION_H
#define PRN_ACTIVATION_H

#include "libprune/activation.h"

/* forward: y[i] = f(y[i] + bias[i]); backward: as prn_activation_backward(). Of at least one. */
struct prune_activation {
    void (*forward)(float *y, const float *bias, size_t count);
    void (*backward)(float *dy, const float *from, size_t count);
    int32_t activation;
    int32_t needs_input;
};

/* 1 if it is one of PRUNE_LINEAR, ... */
int32_t prn_activation_known(int32_t activation);

/* y[r][c] = f(y[r][c] + bias[c]); rows are ldy apart. */
void prn_activation_forward(int32_t activation, float *y, size_t ldy, const float *bias, size_t rows,
                            size_t columns);

/* y = f(x), of which y may be x. */
void prn_activation_apply(int32_t activation, float *y, const float *x, size_t count);

/* Whether f' is a function of the input x + bias; of the others it is one of the output. */
int32_t prn_activation_needs_input(int32_t activation);

/* dy = dy * f', element by element; from: the inputs where the activation needs them, else the outputs. */
void prn_activation_backward(int32_t activation, float *dy, const float *from, size_t count);

/* f'[i] and f''[i], of the same `from`. f'' of a kink is 0, or that from the left: as f', of the formula in
 * activation.h that holds at 0. */
void prn_activation_slopes(int32_t activation, float *first, float *second, const float *from, size_t count);

#endif
