/* output.h -- where reports and pictures go
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_OUTPUT_H
#define BENCH_OUTPUT_H

#include <libprune.h>
#include <stdio.h>

enum { OUTPUT_PATH = 4096 };

/* FOLDER/NAME, for writing, and told on stdout. Both end the program if it cannot be. */
FILE *output_open(const char *folder, const char *name);
void output_close(FILE *file);

/* Writes to an open file. */
prune_writer output_to(FILE *file);

/* FOLDER/NAME becomes the model, which is told too. */
void output_model(const char *folder, const char *name, const prune_model *model);

#endif
