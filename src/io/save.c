/* save.c -- models, trainers and data in files of the system
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/save.h"
#include "file.h"
#include "text.h"

static prune_status argument_error(prune_error *error)
{
    return prn_error_set(error, PRUNE_E_ARGUMENT, "arguments", "a pointer is NULL");
}

static prune_status fill_model(const void *what, const prune_writer *writer, prune_error *error)
{
    return prune_model_write(what, writer, error);
}

static prune_status fill_trainer(const void *what, const prune_writer *writer, prune_error *error)
{
    return prune_trainer_write(what, writer, error);
}

prune_status prune_model_save(const prune_model *model, const char *path, prune_error *error)
{
    if (model == NULL || path == NULL)
        return argument_error(error);
    return prn_file_replace(path, fill_model, model, error);
}

prune_status prune_trainer_save(const prune_trainer *trainer, const char *path, prune_error *error)
{
    if (trainer == NULL || path == NULL)
        return argument_error(error);
    return prn_file_replace(path, fill_trainer, trainer, error);
}

/* What prune_log_write() writes. */
typedef struct logged {
    const prune_log *log;
    const prune_model *model;
    const prune_trainer *trainer;
} logged;

static prune_status fill_log(const void *what, const prune_writer *writer, prune_error *error)
{
    const logged *all = what;
    return prune_log_write(all->log, all->model, all->trainer, writer, error);
}

prune_status prune_log_save(const prune_log *log, const prune_model *model, const prune_trainer *trainer,
                            const char *path, prune_error *error)
{
    const logged all = { log, model, trainer };
    if (log == NULL || model == NULL || path == NULL)
        return argument_error(error);
    return prn_file_replace(path, fill_log, &all, error);
}

prune_status prune_model_load(prune_model **out, const prune_allocator *mem, const char *path,
                              prune_error *error)
{
    prn_file file;
    prune_reader reader;
    if (out != NULL)
        *out = NULL;
    if (out == NULL || path == NULL)
        return argument_error(error);
    const prune_status status = prn_file_open(&file, &reader, path, error);
    if (status != PRUNE_OK)
        return status;
    return prn_file_close(&file, path, prune_model_read(out, mem, &reader, error), error);
}

prune_status prune_trainer_load(prune_trainer **out, prune_model **model, const prune_allocator *mem,
                                const char *path, const prune_backend *backend, prune_error *error)
{
    prn_file file;
    prune_reader reader;
    if (out != NULL)
        *out = NULL;
    if (model != NULL)
        *model = NULL;
    if (out == NULL || model == NULL || path == NULL)
        return argument_error(error);
    const prune_status status = prn_file_open(&file, &reader, path, error);
    if (status != PRUNE_OK)
        return status;
    return prn_file_close(&file, path, prune_trainer_read(out, model, mem, &reader, backend, error), error);
}

prune_status prune_log_load(prune_log **out, const prune_allocator *mem, const char *path, prune_error *error)
{
    prn_file file;
    prune_reader reader;
    if (out != NULL)
        *out = NULL;
    if (out == NULL || path == NULL)
        return argument_error(error);
    const prune_status status = prn_file_open(&file, &reader, path, error);
    if (status != PRUNE_OK)
        return status;
    return prn_file_close(&file, path, prune_log_read(out, mem, &reader, error), error);
}

prune_status prune_idx_load(prune_tensor **out, const prune_allocator *mem, const char *path,
                            prune_error *error)
{
    prn_file file;
    prune_reader reader;
    if (out != NULL)
        *out = NULL;
    if (out == NULL || path == NULL)
        return argument_error(error);
    const prune_status status = prn_file_open(&file, &reader, path, error);
    if (status != PRUNE_OK)
        return status;
    return prn_file_close(&file, path, prune_idx_read(out, mem, &reader, error), error);
}

void prune_autosave_init(prune_autosave *autosave)
{
    if (autosave != NULL)
        *autosave = (prune_autosave){ .size = sizeof *autosave, .every = 1 };
}

static void save_if_due(prune_autosave *a, const prune_trainer *trainer)
{
    if (a->path == NULL || a->every == 0)
        a->status = prn_error_set(&a->error, PRUNE_E_ARGUMENT, "autosave", "path is NULL, or every is 0");
    else if (prune_trainer_epochs(trainer) % a->every == 0)
        a->status = prune_trainer_save(trainer, a->path, &a->error);
}

int32_t prune_autosave_progress(void *user, const prune_progress *progress)
{
    prune_autosave *a = user;
    int32_t stop = 0;
    if (a == NULL || a->size != sizeof *a)
        return 1;
    if (a->next != NULL)
        stop = a->next(a->next_user, progress);
    if (a->status == PRUNE_OK && progress->epoch_end)
        save_if_due(a, progress->trainer);
    return stop != 0 || a->status != PRUNE_OK;
}
