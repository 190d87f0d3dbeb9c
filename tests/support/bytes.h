/* bytes.h -- files in memory: written and read by the library, looked at and altered by tests
 *
 * Written from checkpoint.h alone; the checksum is bit by bit.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_BYTES_H
#define TESTS_BYTES_H

#include <libprune/base.h>

enum { BYTES_START = 24, BYTES_ENTRY = 24, BYTES_CRC = 4 };

typedef struct bytes_file {
    unsigned char *at;
    size_t length;
    size_t calls;         /* of write() or read_at() so far */
    size_t fail_call;     /* the call, counted from 1, that fails; 0: none */
    prune_status refusal; /* what a failing write() returns; a failing read_at() gives too little */
    size_t rot_call;      /* from this call on, what is read has one bit flipped; 0: never */
} bytes_file;

/* The hooks of a file. A writer appends. */
prune_writer bytes_writer(bytes_file *file);
prune_reader bytes_reader(bytes_file *file);

void bytes_set(bytes_file *file, const void *bytes, size_t length);
void bytes_copy(bytes_file *to, const bytes_file *from);
void bytes_end(bytes_file *file);

/* Little-endian numbers of `width` bytes. */
uint64_t bytes_get(const bytes_file *file, size_t offset, size_t width);
void bytes_put(bytes_file *file, size_t offset, size_t width, uint64_t value);

/* Bytes before the first payload. */
size_t bytes_header(const bytes_file *file);

/* Where a section's entry in the table is, and where its payload; 0 if it is not there. */
size_t bytes_entry(const bytes_file *file, const char id[4]);
size_t bytes_payload(const bytes_file *file, const char id[4]);

/* A new section in place `index` of the table. */
void bytes_insert(bytes_file *file, size_t index, const char id[4], uint32_t flags, size_t length);

/* Makes length and all checksums right again. */
void bytes_repair(bytes_file *file);

#endif
