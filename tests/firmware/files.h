/* files.h -- what a life has come to as bytes, sound and altered: container and encodings
 *
 * SPDX-License-Identifier: MIT */
#ifndef FIRMWARE_FILES_H
#define FIRMWARE_FILES_H

#include "life.h"

void files_run(life *l);

#endif
