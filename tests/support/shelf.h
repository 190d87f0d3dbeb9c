/* shelf.h -- data sets in files of records and IDX, and the same in memory, for tests
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_SHELF_H
#define TESTS_SHELF_H

#include "folder.h"

enum { SHELF_INPUTS = 12, SHELF_CLASSES = 3, SHELF_SAMPLES = 45, SHELF_MOST = 1 << 16, SHELF_KINDS = 7 };

typedef struct shelf_bytes {
    unsigned char at[SHELF_MOST];
    size_t count;
} shelf_bytes;

/* What is stored: types of inputs and targets. */
typedef struct shelf_kind {
    int32_t idx, input, target;
    size_t header;
    float offset, scale; /* asked for */
} shelf_kind;

extern const shelf_kind shelf_kinds[SHELF_KINDS];

typedef struct shelf {
    shelf_kind kind;
    folder folder;
    char paths[2][FOLDER_PATH];
    shelf_bytes files[2];
    size_t record;
    world_data world;   /* and its inputs are those of the file */
    prune_data *memory; /* of the world */
    prune_datafile_options options;
} shelf;

/* Files "one.bin", and of IDX "two.bin", in a temporary folder. */
void shelf_make(shelf *f, const shelf_kind *k);
void shelf_end(shelf *f);

/* Opens them with f->options. The second must succeed. */
prune_status shelf_open_on(prune_datafile **out, const shelf *f, const prune_allocator *mem,
                           prune_error *error);
prune_datafile *shelf_open(const shelf *f);

/* The first `count` bytes become a file. */
void shelf_write(const char *path, const shelf_bytes *b, size_t count);

/* All bytes until now are replaced by this. */
void shelf_idx_header(shelf_bytes *b, int32_t type, const uint32_t *dims, size_t rank);

#endif
