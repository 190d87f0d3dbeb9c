/* save.c -- models, trainers and data in files of the system
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/save.h"
#include "c_check.h"
#include "file.h"
#include "mem.h"
#include "options.h"
#include "text.h"

#include <string.h>

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

/* ---- blobs, and models as C source ---- */

static prune_status fill_blob(const void *what, const prune_writer *writer, prune_error *error)
{
    const prune_blob_header *header = what;
    (void)error;
    return writer->write(writer->user, header, (size_t)header->words * 4);
}

prune_status prune_blob_save(const char *path, const void *blob, size_t length, prune_error *error)
{
    if (path == NULL)
        return argument_error(error);
    const prune_status status = prn_blob_check(blob, length, error);
    return status == PRUNE_OK ? prn_file_replace(path, fill_blob, blob, error) : status;
}

/* The arguments of prune_c_save(). */
typedef struct exported {
    const prune_allocator *mem;
    const void *blob;
    size_t length;
    const prune_c_options *options;
} exported;

static prune_status fill_header(const void *what, const prune_writer *writer, prune_error *error)
{
    const exported *e = what;
    return prune_c_export_header(writer, e->blob, e->length, e->options, error);
}

static prune_status fill_source(const void *what, const prune_writer *writer, prune_error *error)
{
    const exported *e = what;
    return prune_c_export_source(writer, e->mem, e->blob, e->length, e->options, error);
}

static prune_status discard(void *user, const void *bytes, size_t count)
{
    (void)user, (void)bytes, (void)count;
    return PRUNE_OK;
}

/* The path of the .c; it takes `bytes`. */
static char *path_of(const char *folder, const exported *e, const prune_allocator *mem, size_t *bytes)
{
    prn_text text;
    prune_c_options options;
    prune_c_options_init(&options);
    (void)prn_options_read(&options, sizeof options, e->options); /* has been read before */
    const char *prefix = options.prefix == NULL ? "model" : options.prefix;
    *bytes = strlen(folder) + 1 + strlen(prefix) + sizeof ".c";
    char *path = prn_mem_alloc(mem, 1, *bytes);
    if (path == NULL)
        return NULL;
    prn_text_start(&text, path, *bytes);
    prn_text_add(&text, folder);
    prn_text_add(&text, "/");
    prn_text_add(&text, prefix);
    prn_text_add(&text, ".c");
    return path;
}

prune_status prune_c_save(const char *folder, const prune_allocator *mem, const void *blob, size_t length,
                          const prune_c_options *options, prune_error *error)
{
    static const prune_writer nowhere = { discard, NULL };
    const exported all = { mem, blob, length, options };
    prune_allocator chosen;
    size_t bytes;
    if (folder == NULL)
        return argument_error(error);
    prune_status status = fill_header(&all, &nowhere, error);
    if (status == PRUNE_OK)
        status = fill_source(&all, &nowhere, error);
    if (status != PRUNE_OK)
        return status;
    (void)prn_mem_choose(&chosen, mem); /* has been chosen before */
    char *path = path_of(folder, &all, &chosen, &bytes);
    if (path == NULL)
        return prn_error_set(error, PRUNE_E_MEMORY, "mem", prune_status_string(PRUNE_E_MEMORY));
    status = prn_file_replace(path, fill_source, &all, error);
    path[bytes - 2] = 'h';
    if (status == PRUNE_OK)
        status = prn_file_replace(path, fill_header, &all, error);
    prn_mem_free(&chosen, path, 1, bytes);
    return status;
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
