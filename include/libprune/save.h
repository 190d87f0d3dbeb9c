/* save.h -- models and trainers in files (hosts only); the format is in checkpoint.h
 *
 * Saving never loses what was there: a temporary file beside the target (".NAME.prune-tmp") is written,
 * flushed to the disk, closed, and renamed over the target, and the folder is flushed. Symbolic links
 * are followed, an existing file's permissions (not its owner) are kept, and only regular files are
 * replaced. A temporary file that a killed process left is replaced by the next save of the same
 * target, whose name may be up to 244 bytes long. While one thread or process saves, another one's save to
 * the same target is refused.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_SAVE_H
#define LIBPRUNE_SAVE_H

#include "libprune/checkpoint.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* Errors as prune_model_write() and prune_trainer_write(). PRUNE_E_SPACE: disk or quota is full;
 * PRUNE_E_IO: any other step failed; error says which step, and why. After any error the target is as
 * it was, with one exception that error names: when only the flush of the folder failed, the new
 * file is in place, but a power failure may bring the old one back. Different objects may be saved by
 * different threads. */
prune_status prune_model_save(const prune_model *model, const char *path, prune_error *error);
prune_status prune_trainer_save(const prune_trainer *trainer, const char *path, prune_error *error);

/* Only regular files are read. Errors as prune_model_read() and prune_trainer_read(); PRUNE_E_IO: cannot
 * be opened or read. The place in error begins with the path. */
prune_status prune_model_load(prune_model **out, const prune_allocator *mem, const char *path,
                              prune_error *error);
prune_status prune_trainer_load(prune_trainer **out, prune_model **model, const prune_allocator *mem,
                                const char *path, const prune_backend *backend, prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
