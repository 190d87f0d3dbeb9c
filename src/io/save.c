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
