/* infer8.h -- the runtime on int8: the same bits with SMLAD and without, and what it takes
 *
 * SPDX-License-Identifier: MIT */
#ifndef FIRMWARE_INFER8_H
#define FIRMWARE_INFER8_H

/* One layer of each encoding, and 20-10-10-1. Random integers: the chip has no exporter for these. */
void infer8_run(void);

#endif
