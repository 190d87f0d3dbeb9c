/* save.h -- models, trainers and data in files (hosts only); the formats are in checkpoint.h and idx.h
 *
 * Saving never loses what was there: a temporary file beside the target (".NAME.prune-tmp") is written,
 * flushed to the disk, closed, and renamed over the target, and the folder is flushed. Symbolic links
 * are followed, an existing file's permissions (not its owner) are kept, and only regular files are
 * replaced. A temporary file that a killed process left is replaced by the next save of the same
 * target, whose name may be up to 244 bytes long. While one thread or process saves, another one's save to
 * the same target is refused.
 *
 * On Windows paths are UTF-8, links to files that are not there are refused, as is replacing a file that
 * someone has open, and a new file has the permissions of its folder.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_SAVE_H
#define LIBPRUNE_SAVE_H

#include "libprune/c_export.h"
#include "libprune/checkpoint.h"
#include "libprune/fit.h"
#include "libprune/idx.h"
#include "libprune/log.h"

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

/* The same with a pruning log beside the model, or the trainer unless that is NULL; and the log alone of
 * such a file. Errors as prune_log_write() and prune_log_read(), and as above. */
prune_status prune_log_save(const prune_log *log, const prune_model *model, const prune_trainer *trainer,
                            const char *path, prune_error *error);
prune_status prune_log_load(prune_log **out, const prune_allocator *mem, const char *path,
                            prune_error *error);

/* Saves the trainer every so many epochs of a fit: fit.progress = prune_autosave_progress, fit.user = a
 * struct like this. prune_trainer_load() and a fit of the epochs that are left then give the same bits as a
 * fit that was never interrupted, but for what keep_best and patience remember (see fit.h). */
typedef struct prune_autosave {
    size_t size;
    const char *path; /* borrowed */
    uint64_t every;   /* default 1: after the epochs that prune_trainer_epochs() says are a multiple of it */
    /* Default PRUNE_OK; what prune_trainer_save() returned when it failed, with its error; the fit is then
     * stopped, and nothing is saved any more. PRUNE_E_ARGUMENT: path is NULL, or every 0. */
    prune_status status;
    prune_error error;
    /* Default NULL; your own progress callback, or prune_history_csv(). Called before saving, so that what it
     * does to the model is in the file, and for the reports within an epoch; it may stop the fit. */
    int32_t (*next)(void *user, const prune_progress *progress);
    void *next_user;
} prune_autosave;

/* The defaults above. NULL is fine. */
void prune_autosave_init(prune_autosave *autosave);

/* The callback. Also stops the fit when user is NULL or its size not that of a prune_autosave. */
int32_t prune_autosave_progress(void *user, const prune_progress *progress);

/* Writes a blob (blob.h), of floats or int8, that prune_blob_check() with prune_blob_ops lets through, and
 * nothing of what lies behind its end. Errors as of that and as above. Big-endian hosts refuse all blobs. */
prune_status prune_blob_save(const char *path, const void *blob, size_t length, prune_error *error);

/* Writes <folder>/<prefix>.c and .h, as prune_c_export_source() and prune_c_export_header() do, each replaced
 * as above. Errors as theirs and as above; all that can be refused is before either file is touched; then the
 * .c is first, and an error in between, whose place is the path of the .h, leaves that as it was. */
prune_status prune_c_save(const char *folder, const prune_allocator *mem, const void *blob, size_t length,
                          const prune_c_options *options, prune_error *error);

/* Reads an IDX file, for example train-images-idx3-ubyte. Errors as prune_idx_read(), and PRUNE_E_IO as
 * above. */
prune_status prune_idx_load(prune_tensor **out, const prune_allocator *mem, const char *path,
                            prune_error *error);
/* FFI-END */
PRUNE_API_END

#endif
