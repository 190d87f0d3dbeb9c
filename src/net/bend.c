/* bend.c -- second derivatives through functions of single elements, for the layers that have such
 *
 * SPDX-License-Identifier: MIT */
#include "bend.h"

#include <string.h>

static void scale(const prn_bend *bend, size_t n)
{
    const float *f = bend->slope[0];
    for (size_t i = 0; i < n; i++)
        if (bend->diagonal)
            bend->h[i] *= f[i] * f[i];
        else
            for (size_t j = 0; j < n; j++)
                bend->h[i * n + j] *= f[i] * f[j];
}

void prn_bend_elements(const prn_bend *bend, const float *dy, size_t n)
{
    scale(bend, n);
    for (size_t i = 0; i < n && !bend->linear; i++)
        bend->h[prn_bend_at(bend, n, i)] += bend->slope[1][i] * dy[i];
}

void prn_bend_pass_on(const prn_bend *bend, size_t n)
{
    if (bend->hx != NULL)
        memcpy(bend->hx, bend->h, (bend->diagonal ? n : n * n) * sizeof *bend->hx);
}
