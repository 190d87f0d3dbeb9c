/* table.h -- what the nets of a study came to, as a table and as a picture
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include "study.h"

/* Of a study that has been measured. */
void table_print(const study *s);

/* FOLDER/demo-tradeoff.svg: held-out accuracy against the share removed, deviations over the folds if there
 * are some. */
void table_draw(const study *s, const char *folder);

#endif
