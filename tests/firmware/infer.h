/* infer.h -- the runtime: blobs exported on the spot, checked, run in place, refused where they were altered
 *
 * SPDX-License-Identifier: MIT */
#ifndef FIRMWARE_INFER_H
#define FIRMWARE_INFER_H

#include "life.h"

/* Of the model and the smaller one that a life ends with, of every encoding, of every activation. */
void infer_run(const life *l);

#endif
