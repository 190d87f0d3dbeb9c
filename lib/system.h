/* system.h -- what the library asks of an operating system: files, a clock and memory; one of system_posix.c
 * and system_windows.c is linked */
#ifndef PRN_SYSTEM_H
#define PRN_SYSTEM_H

#include "libprune/base.h"

/* A step that failed, and why in the system's own numbers. Set by what returns not PRUNE_OK. */
typedef struct prn_fault {
    const char *step;
    int32_t number;
} prn_fault;

/* PRUNE_E_SPACE or PRUNE_E_IO. */
prune_status prn_system_status(int32_t number);

/* In English, or NULL if nobody knows it. */
const char *prn_system_cause(int32_t number);

/* A regular file, for reading. Paths are UTF-8 where the system has characters in them. */
prune_status prn_system_open(intptr_t *file, uint64_t *size, const char *path, prn_fault *fault);
void prn_system_close(intptr_t file);

/* As many bytes as there are; *number is set only when reading fails. */
size_t prn_system_read(int32_t *number, intptr_t file, uint64_t offset, void *bytes, size_t count);

/* All of them: 0, or the number. */
int32_t prn_system_write(intptr_t file, const void *bytes, size_t count);

/* Makes `path` hold what put() writes into the file that it is handed, or leaves it as it is. Returns what
 * put() returns if that is not PRUNE_OK, and leaves *fault alone then. */
typedef prune_status prn_system_put(void *user, intptr_t file);
prune_status prn_system_replace(const char *path, prn_system_put *put, void *user, prn_fault *fault);

/* Nanoseconds, never going back; 0 where there is no clock. */
uint64_t prn_system_now(void);

/* Whether it would give so many bytes more in one piece, to write to. No allocator is asked: what stands in
 * for malloc (sanitizers, debuggers) looks at every byte of a block. */
int32_t prn_system_can_map(size_t bytes);

#endif
