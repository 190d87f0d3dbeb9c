/* file.h -- files of the system: reading one at any offset, and replacing one so that nothing is lost */
#ifndef PRN_FILE_H
#define PRN_FILE_H

#include "libprune/base.h"

enum { PRN_FILE_CACHE = 16 * 1024 };

/* A file that is open for reading. */
typedef struct prn_file {
    intptr_t handle;
    int32_t reason;  /* the system's number for the read that failed, or 0 */
    uint64_t offset; /* of what is cached */
    size_t cached;
    unsigned char cache[PRN_FILE_CACHE];
} prn_file;

/* Opens a regular file and makes *reader read it; `file` stays where it is until it is closed.
 * PRUNE_E_IO; error has the path and the step that failed. */
prune_status prn_file_open(prn_file *file, prune_reader *reader, const char *path, prune_error *error);

/* As many bytes as there are, past the cache. */
size_t prn_file_read(prn_file *file, uint64_t offset, void *bytes, size_t count);

/* `status` is what came of reading, and is returned; it is not PRUNE_OK. The path is put before the place in
 * error, and a read that failed tells why. */
prune_status prn_file_explain(const prn_file *file, const char *path, prune_status status,
                              prune_error *error);

/* Closes it, and explains what came of reading if that is not PRUNE_OK. */
prune_status prn_file_close(prn_file *file, const char *path, prune_status status, prune_error *error);

/* Puts all bytes of a file into the writer. */
typedef prune_status prn_file_fill(const void *what, const prune_writer *writer, prune_error *error);

/* Makes `path` hold what fill() writes, or leaves it as it is; libprune/save.h says how. Returns what
 * fill() returns; PRUNE_E_SPACE, PRUNE_E_IO: a step failed. error has the path in any case. */
prune_status prn_file_replace(const char *path, prn_file_fill *fill, const void *what, prune_error *error);

#endif
