/* activation.h (private) -- activations on the rows of a matrix */
#ifndef PRN_ACTIVATION_H
#define PRN_ACTIVATION_H

#include "libprune/activation.h"

/* 1 if it is one of PRUNE_LINEAR, ... */
int32_t prn_activation_known(int32_t activation);

/* y[r][c] = f(y[r][c] + bias[c]); rows are ldy apart. */
void prn_activation_forward(int32_t activation, float *y, size_t ldy, const float *bias, size_t rows,
                            size_t columns);

/* dy = dy * f', element by element, f' expressed by the output y. */
void prn_activation_backward(int32_t activation, float *dy, const float *y, size_t count);

#endif
