/* file.c -- files: reading one at any offset, and replacing one so that nothing is lost
 *
 * SPDX-License-Identifier: MIT */
#include "file.h"
#include "system.h"
#include "text.h"

#include <string.h>

/* ---- errors ---- */

/* The path, or its end if it has more than `room` characters. */
static void add_path(prn_text *text, const char *path, size_t room)
{
    const size_t length = strlen(path);
    if (length > room) {
        prn_text_add(text, "...");
        path += length - room + 3;
    }
    prn_text_add(text, path);
}

/* "step: cause" */
static void put_cause(prune_error *error, prn_fault fault)
{
    prn_text text;
    const char *cause = prn_system_cause(fault.number);
    prn_text_start(&text, error->reason, sizeof error->reason);
    prn_text_add(&text, fault.step);
    prn_text_add(&text, ": ");
    prn_text_add(&text, cause != NULL ? cause : "error number ");
    if (cause == NULL)
        prn_text_number(&text, (size_t)fault.number);
}

/* Place: the path; reason: why. */
static prune_status explain(prune_error *error, const char *path, prune_status status, prn_fault fault)
{
    prune_error mine;
    prn_text text;
    prn_text_start(&text, mine.place, sizeof mine.place);
    add_path(&text, path, sizeof mine.place - 1);
    put_cause(&mine, fault);
    return prn_error_set(error, status, mine.place, mine.reason);
}

/* "section WGHT" becomes "model.prune: section WGHT". */
static void prepend_path(prune_error *error, const char *path)
{
    char place[sizeof error->place];
    prn_text text;
    const size_t taken = strlen(error->place) + 2;
    prn_text_start(&text, place, sizeof place);
    add_path(&text, path, taken + 16 < sizeof place ? sizeof place - 1 - taken : 16);
    prn_text_add(&text, ": ");
    prn_text_add(&text, error->place);
    memcpy(error->place, place, sizeof place);
}

/* ---- reading ---- */

static int32_t is_cached(const prn_file *file, uint64_t offset, size_t count)
{
    return offset >= file->offset && offset - file->offset <= file->cached &&
           count <= file->cached - (size_t)(offset - file->offset);
}

size_t prn_file_read(prn_file *file, uint64_t offset, void *bytes, size_t count)
{
    return prn_system_read(&file->reason, file->handle, offset, bytes, count);
}

static size_t read_at(void *user, uint64_t offset, void *bytes, size_t count)
{
    prn_file *file = user;
    if (count > PRN_FILE_CACHE)
        return prn_file_read(file, offset, bytes, count);
    if (!is_cached(file, offset, count)) {
        file->cached = prn_system_read(&file->reason, file->handle, offset, file->cache, PRN_FILE_CACHE);
        file->offset = offset;
    }
    if (!is_cached(file, offset, count))
        return 0;
    memcpy(bytes, file->cache + (size_t)(offset - file->offset), count);
    return count;
}

prune_status prn_file_open(prn_file *file, prune_reader *reader, const char *path, prune_error *error)
{
    uint64_t size;
    prn_fault fault;
    const prune_status status = prn_system_open(&file->handle, &size, path, &fault);
    if (status != PRUNE_OK)
        return explain(error, path, status, fault);
    file->reason = 0;
    file->offset = 0;
    file->cached = 0;
    *reader = (prune_reader){ read_at, file, size };
    return PRUNE_OK;
}

prune_status prn_file_explain(const prn_file *file, const char *path, prune_status status, prune_error *error)
{
    if (error == NULL)
        return status;
    if (status == PRUNE_E_IO && file->reason != 0)
        put_cause(error, (prn_fault){ "reading the file", file->reason });
    prepend_path(error, path);
    return status;
}

prune_status prn_file_close(prn_file *file, const char *path, prune_status status, prune_error *error)
{
    prn_system_close(file->handle);
    return status == PRUNE_OK ? status : prn_file_explain(file, path, status, error);
}

/* ---- replacing ---- */

/* What goes into the new file, through a buffer. */
typedef struct job {
    prn_file_fill *fill;
    const void *what;
    const char *path;
    prune_error *error;
    intptr_t handle;
    int32_t write_error; /* the system's number, or 0 */
    size_t used;
    unsigned char buffer[PRN_FILE_CACHE];
} job;

static prune_status flush(job *j)
{
    if (j->write_error == 0)
        j->write_error = prn_system_write(j->handle, j->buffer, j->used);
    j->used = 0;
    return j->write_error == 0 ? PRUNE_OK : prn_system_status(j->write_error);
}

static prune_status take_bytes(void *user, const void *bytes, size_t count)
{
    job *j = user;
    const unsigned char *from = bytes;
    while (count != 0) {
        const size_t room = sizeof j->buffer - j->used, part = count < room ? count : room;
        memcpy(j->buffer + j->used, from, part);
        j->used += part;
        from += part;
        count -= part;
        const prune_status status = j->used == sizeof j->buffer ? flush(j) : PRUNE_OK;
        if (status != PRUNE_OK)
            return status;
    }
    return PRUNE_OK;
}

static prune_status put_contents(void *user, intptr_t handle)
{
    job *j = user;
    const prune_writer writer = { take_bytes, j };
    j->handle = handle;
    prune_status status = j->fill(j->what, &writer, j->error);
    if (status == PRUNE_OK)
        status = flush(j);
    if (j->write_error != 0)
        return explain(j->error, j->path, prn_system_status(j->write_error),
                       (prn_fault){ "writing the temporary file", j->write_error });
    if (status != PRUNE_OK && j->error != NULL)
        prepend_path(j->error, j->path);
    return status;
}

prune_status prn_file_replace(const char *path, prn_file_fill *fill, const void *what, prune_error *error)
{
    job j = { .fill = fill, .what = what, .path = path, .error = error };
    prn_fault fault = { NULL, 0 };
    const prune_status status = prn_system_replace(path, put_contents, &j, &fault);
    return fault.step != NULL ? explain(error, path, status, fault) : status;
}
