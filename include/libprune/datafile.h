/* datafile.h -- samples out of files that may be larger than memory: records of your own, or IDX
 *
 *     prune_datafile_options options;
 *     prune_datafile_options_init(&options);
 *     options.inputs = 784;                    (records of 784 floats and a label of 4 bytes)
 *     prune_datafile *file;
 *     prune_datafile_open(&file, NULL, "train.bin", &options, &error);
 *     data.source = prune_datafile_source(file);
 *
 * A file of records is so many bytes of a header, which are skipped, and then nothing but records of one
 * length: the inputs of a sample, and its targets, without gaps; numbers are little-endian. Of IDX files
 * (idx.h) one has the inputs and the other the targets.
 *
 * An input is (value - offset) / scale, computed in float: bytes come as 0 .. 1 unless something else is
 * said. Files are read by position, only those samples that are asked for, and those that lie side by side at
 * once; 64 KiB (or a sample, if that is more) and 16 KiB a file are all the memory, and one batch more where
 * the next is read ahead (readahead.h), which is the default.
 *
 * Results are the same bits as with tensors of the same numbers. An error that comes while samples are read
 * names the file and the sample: PRUNE_E_IO when reading fails, or when the file has become shorter.
 *
 * Threads: a file is for one thread at a time. Not in the firmware library.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_DATAFILE_H
#define LIBPRUNE_DATAFILE_H

#include "libprune/data.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
typedef struct prune_datafile prune_datafile;

typedef struct prune_datafile_options {
    size_t size;           /* sizeof(prune_datafile_options), by prune_datafile_options_init() */
    uint64_t header;       /* default 0; bytes before the first record */
    size_t inputs;         /* I: numbers in a sample; must be set */
    size_t target_columns; /* default 1; numbers in a target */
    int32_t input_type;    /* in the file: PRUNE_F32 (the default) or PRUNE_U8 */
    int32_t target_type;   /* PRUNE_I32 (the default) or PRUNE_U8 for labels, which are given as PRUNE_I32;
                              PRUNE_F32 */
    float offset, scale;   /* of inputs; default 0, and scale 0: 255 for PRUNE_U8, else 1 */
    int32_t read_ahead;    /* default 1; 0: no thread */
} prune_datafile_options;

/* Sets size and defaults. NULL is fine. */
void prune_datafile_options_init(prune_datafile_options *options);

/* Opens a file of records. PRUNE_E_ARGUMENT: a NULL, read_ahead not 0 or 1; PRUNE_E_VERSION; PRUNE_E_TYPE: a
 * type that is not offered; PRUNE_E_SIZE: inputs or target_columns is 0; PRUNE_E_RANGE: offset or scale is
 * not finite; PRUNE_E_IO: it cannot be opened or read; PRUNE_E_EMPTY: no records; PRUNE_E_TRUNCATED: the
 * header or the last record is not whole; PRUNE_E_OVERFLOW: more than this machine can count;
 * PRUNE_E_MEMORY. No memory is taken for a record that is longer than the file. error has the path, or the
 * option. */
prune_status prune_datafile_open(prune_datafile **out, const prune_allocator *mem, const char *path,
                                 const prune_datafile_options *options, prune_error *error);

/* Opens two IDX files of as many samples: inputs of u8 or float, targets of u8 or i32 (labels) or float; all
 * dimensions but the first are numbers of a sample. Of the options, which may be NULL, only offset, scale and
 * read_ahead are used. Errors as above and as prune_idx_read(); PRUNE_E_SHAPE: not as many samples. */
prune_status prune_datafile_open_idx(prune_datafile **out, const prune_allocator *mem, const char *inputs,
                                     const char *targets, const prune_datafile_options *options,
                                     prune_error *error);

/* The samples. Borrowed: it ends with the object. NULL for NULL. */
const prune_source *prune_datafile_source(const prune_datafile *file);

/* Closes it. NULL is fine. */
void prune_datafile_free(prune_datafile *file);
/* FFI-END */
PRUNE_API_END

#endif
