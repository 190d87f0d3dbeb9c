/* second.h -- diagonals of the Hessian by differences in double precision, to judge the library by
 *
 * From nothing but values of the loss and of layers; no derivative is written down. h[i] is of p->s.w[i].
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_SECOND_H
#define TESTS_SECOND_H

#include "problem.h"

/* Second differences of the loss. */
void second_exact(double *h, problem *p);

/* J^T H J of each weight, J = dh/dw and H = d2L/dh2 by differences; samples do not act on each other. */
void second_gauss_newton(double *h, problem *p);

/* OBD's recursion, one layer after the other. */
void second_obd(double *h, problem *p);

/* H v, and the gradient g, by differences. */
void second_along(double *product, double *g, problem *p, const double *v);

#endif
