/* folder.h -- a temporary folder for tests, and models to save in it
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_FOLDER_H
#define TESTS_FOLDER_H

#include "runner.h"

enum { FOLDER_PATH = 400 };

typedef struct folder {
    char path[FOLDER_PATH];
    char file[FOLDER_PATH];    /* "model.prune" in it */
    char scratch[FOLDER_PATH]; /* the temporary file that saving `file` uses */
} folder;

/* A new, empty folder that others may look into; it is emptied and removed at the end. */
void folder_make(folder *f);
void folder_end(folder *f);

/* out[FOLDER_PATH] = the path of `name` in the folder. */
void folder_join(char *out, const folder *f, const char *name);

/* Entries of the folder, all names counted. */
size_t folder_count(const folder *f);

/* A file of these bytes. */
void folder_write(const char *path, const char *text);
int32_t folder_exists(const char *path);

/* Two models of one shape, different in all weights, about `inputs` x 40 bytes in a file. */
prune_model *folder_model(size_t inputs, uint64_t seed);

/* Fails the test unless the file is this model. */
void folder_check(const char *path, const prune_model *model);

#endif
