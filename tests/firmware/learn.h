/* learn.h -- the training core: the life of 20-10-10-1 again, in memory whose size the compiler knows
 *
 * SPDX-License-Identifier: MIT */
#ifndef FIRMWARE_LEARN_H
#define FIRMWARE_LEARN_H

#include "life.h"

/* On the data of a life. */
void learn_run(const life *l);

#endif
