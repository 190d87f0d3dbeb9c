/* save.h -- models and trainers in files (hosts only); the format is in checkpoint.h
 *
 * Saving never loses what was there: a temporary file beside the target (".NAME.prune-tmp") is written,
 * flushed to the disk, closed, and renamed over the target, and the directory is flushed. Symbolic
 * links are followed, an existing file's permissions are kept, and only regular files are replaced.
 * A temporary file that a killed process left is reused by the next save of the same target.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_SAVE_H
#define LIBPRUNE_SAVE_H

#include "libprune/checkpoint.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* Errors as prune_model_write() and prune_trainer_write(); PRUNE_E_IO, PRUNE_E_SPACE: the target is as
 * it was, and error says which step failed. Different objects may be saved by different threads. */
prune_status prune_model_save(const prune_model *model, const char *path, prune_error *error);
prune_status prune_trainer_save(const prune_trainer *trainer, const char *path, prune_error *error);

/* Errors as prune_model_read() and prune_trainer_read(); PRUNE_E_IO: cannot be opened or read. */
prune_status prune_model_load(prune_model **out, const prune_allocator *mem, const char *path,
                              prune_error *error);
prune_status prune_trainer_load(prune_trainer **out, prune_model **model, const prune_allocator *mem,
                                const char *path, const prune_backend *backend, prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
