/* bend.h (private) -- second derivatives through functions of single elements, for layers that have such */
#ifndef PRN_BEND_H
#define PRN_BEND_H

#include "layer.h"

/* Where the diagonal's element i of n lies in h. */
static inline size_t prn_bend_at(const prn_bend *bend, size_t n, size_t i)
{
    return bend->diagonal ? i : i * (n + 1);
}

/* h by y becomes h by z, of y_i = f_i(z_i): f' in slope[0], f'' in slope[1], dy[n] is the gradient by y. */
void prn_bend_elements(const prn_bend *bend, const float *dy, size_t n);

/* hx = h, if it is wanted. */
void prn_bend_pass_on(const prn_bend *bend, size_t n);

#endif
