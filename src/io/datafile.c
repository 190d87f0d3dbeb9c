/* datafile.c -- samples out of files that may be larger than memory
 *
 * Both kinds of files are tables of records of one length. Inputs and targets are columns of such records: of
 * one table, or of two.
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/datafile.h"
#include "file.h"
#include "idx.h"
#include "libprune/readahead.h"
#include "mem.h"
#include "options.h"
#include "scan.h"
#include "text.h"

#include <string.h>

enum { ROOM = 64 * 1024, TABLES = 2 };

/* A file of records. */
typedef struct table {
    prn_file file;
    prune_reader reader;
    const char *path;
    int32_t is_open;
    uint64_t start;
    size_t record; /* bytes */
} table;

/* What lies side by side in each record of a table. */
typedef struct column {
    const table *table;
    size_t offset, count; /* bytes; numbers */
    int32_t type, big_endian;
} column;

struct prune_datafile {
    prune_allocator mem;
    size_t bytes;
    table tables[TABLES]; /* the second only of IDX */
    column inputs, targets;
    float offset, scale;
    unsigned char *room; /* for records that lie side by side */
    size_t room_bytes;
    prune_source source;
    prune_readahead *ahead;
    const table *failed; /* what the last read failed at, or NULL */
    size_t failed_sample;
};

void prune_datafile_options_init(prune_datafile_options *options)
{
    if (options != NULL)
        *options = (prune_datafile_options){ .size = sizeof *options,
                                             .target_columns = 1,
                                             .input_type = PRUNE_F32,
                                             .target_type = PRUNE_I32,
                                             .read_ahead = 1 };
}

/* ---- reading samples ---- */

static uint32_t word(const unsigned char *b, int32_t big_endian)
{
    return big_endian ? (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]
                      : (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
}

/* Numbers of 4 bytes, whatever they are. */
static void copy_words(unsigned char *to, const unsigned char *from, size_t count, int32_t big_endian)
{
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = word(from + 4 * i, big_endian);
        memcpy(to + 4 * i, &bits, sizeof bits);
    }
}

static void take_inputs(const prune_datafile *f, float *to, const unsigned char *from)
{
    const column *c = &f->inputs;
    const float offset = f->offset, scale = f->scale;
    if (c->type != PRUNE_U8)
        copy_words((unsigned char *)to, from, c->count, c->big_endian);
    for (size_t i = 0; i < c->count; i++)
        to[i] = ((c->type == PRUNE_U8 ? (float)from[i] : to[i]) - offset) / scale;
}

static void take_targets(const prune_datafile *f, unsigned char *to, const unsigned char *from)
{
    const column *c = &f->targets;
    if (c->type != PRUNE_U8)
        copy_words(to, from, c->count, c->big_endian);
    for (size_t i = 0; c->type == PRUNE_U8 && i < c->count; i++) {
        const int32_t label = from[i];
        memcpy(to + sizeof label * i, &label, sizeof label);
    }
}

/* How many of these follow each other in a file. */
static size_t run_length(const size_t *samples, size_t most)
{
    size_t run = 1;
    while (run < most && samples[run] == samples[run - 1] + 1)
        run++;
    return run;
}

/* Records into the room. */
static prune_status fetch(prune_datafile *f, table *t, size_t sample, size_t count)
{
    const size_t bytes = count * t->record;
    const uint64_t offset = t->start + (uint64_t)sample * t->record;
    t->file.reason = 0;
    const size_t got = prn_file_read(&t->file, offset, f->room, bytes);
    if (got == bytes)
        return PRUNE_OK;
    f->failed = t;
    f->failed_sample = sample + got / t->record;
    return PRUNE_E_IO;
}

static prune_status read_table(prune_datafile *f, table *t, const size_t *samples, size_t count,
                               float *inputs, unsigned char *targets)
{
    const size_t most = f->room_bytes / t->record;
    for (size_t done = 0; done < count;) {
        const size_t left = count - done, run = run_length(samples + done, left < most ? left : most);
        const prune_status status = fetch(f, t, samples[done], run);
        if (status != PRUNE_OK)
            return status;
        for (size_t r = 0; r < run; r++, done++) {
            const unsigned char *record = f->room + r * t->record;
            if (f->inputs.table == t)
                take_inputs(f, inputs + done * f->inputs.count, record + f->inputs.offset);
            if (f->targets.table == t)
                take_targets(f, targets + 4 * done * f->targets.count, record + f->targets.offset);
        }
    }
    return PRUNE_OK;
}

static prune_status read_samples(void *user, const size_t *samples, size_t count, float *inputs,
                                 void *targets)
{
    prune_datafile *f = user;
    prune_status status = PRUNE_OK;
    f->failed = NULL;
    for (size_t i = 0; i < count; i++)
        if (samples[i] >= f->source.samples)
            return PRUNE_E_RANGE;
    for (size_t t = 0; t < TABLES && f->tables[t].is_open && status == PRUNE_OK; t++)
        status = read_table(f, &f->tables[t], samples, count, inputs, targets);
    return status;
}

static void explain(void *user, prune_error *error)
{
    const prune_datafile *f = user;
    if (f->failed == NULL)
        return;
    const ptrdiff_t sample = (ptrdiff_t)f->failed_sample;
    prn_error_format(error, error->status, "sample %", "the file ends before: it has become shorter",
                     &sample);
    (void)prn_file_explain(&f->failed->file, f->failed->path, error->status, error);
}

/* ---- opening ---- */

static prune_status take_options(prune_datafile_options *o, const prune_datafile_options *given,
                                 prune_error *error)
{
    prune_datafile_options_init(o);
    const prune_status status = prn_options_read(o, sizeof *o, given);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "datafile options", prn_options_reason(status));
    if (!prn_options_switches(&o->read_ahead, 1))
        return prn_error_set(error, PRUNE_E_ARGUMENT, "read_ahead", "neither 0 nor 1");
    const float numbers[] = { o->offset, o->scale };
    if (prn_scan_finite(numbers, 2) != 2)
        return prn_error_set(error, PRUNE_E_RANGE, "offset and scale", "not finite");
    return PRUNE_OK;
}

/* The object, with the paths behind it. */
static prune_status build(prune_datafile **out, const prune_allocator *given, const char *const paths[TABLES],
                          const prune_datafile_options *o, prune_error *error)
{
    prune_allocator mem;
    prn_layout layout = { 0 };
    size_t at[TABLES] = { 0 };
    prn_layout_add(&layout, 1, sizeof(prune_datafile));
    for (size_t t = 0; t < TABLES && paths[t] != NULL; t++)
        at[t] = prn_layout_add(&layout, strlen(paths[t]) + 1, 1);
    const prune_status status = prn_mem_choose(&mem, given);
    unsigned char *block =
        status != PRUNE_OK || layout.overflow ? NULL : prn_mem_alloc(&mem, 1, layout.bytes);
    if (block == NULL)
        return prn_error_set(error, status != PRUNE_OK ? status : PRUNE_E_MEMORY, "datafile", "no memory");
    prune_datafile *f = (prune_datafile *)(void *)block;
    f->mem = mem;
    f->bytes = layout.bytes;
    f->offset = o->offset;
    f->scale = o->scale;
    for (size_t t = 0; t < TABLES && paths[t] != NULL; t++)
        f->tables[t].path = memcpy(block + at[t], paths[t], strlen(paths[t]) + 1);
    *out = f;
    return PRUNE_OK;
}

static prune_status open_table(table *t, prune_error *error)
{
    const prune_status status = prn_file_open(&t->file, &t->reader, t->path, error);
    t->is_open = status == PRUNE_OK;
    return status;
}

static prune_status complain(const table *t, prune_status status, const char *reason, prune_error *error)
{
    return prn_file_explain(&t->file, t->path, prn_error_set(error, status, "records", reason), error);
}

/* Lengths are checked by division, so that no product can overflow. */
static prune_status count_records(prune_datafile *f, const table *t, prune_error *error)
{
    const uint64_t length = t->reader.length;
    if (length < t->start)
        return complain(t, PRUNE_E_TRUNCATED, "the file is shorter than its header", error);
    if (length == t->start)
        return complain(t, PRUNE_E_EMPTY, "there are none", error);
    if ((length - t->start) % t->record != 0)
        return complain(t, PRUNE_E_TRUNCATED, "the last one is not whole", error);
    const uint64_t samples = (length - t->start) / t->record;
    if (samples > SIZE_MAX)
        return complain(t, PRUNE_E_OVERFLOW, "too many for this machine", error);
    f->source.samples = (size_t)samples;
    return PRUNE_OK;
}

/* The room, the source, and the thread. */
static prune_status finish(prune_datafile *f, int32_t read_ahead, prune_error *error)
{
    size_t most = ROOM;
    for (size_t t = 0; t < TABLES; t++)
        most = f->tables[t].record > most ? f->tables[t].record : most;
    f->room = prn_mem_alloc(&f->mem, 1, most);
    if (f->room == NULL)
        return prn_error_set(error, PRUNE_E_MEMORY, "datafile", "no memory for a record");
    f->room_bytes = most;
    if (f->scale == 0.0f)
        f->scale = f->inputs.type == PRUNE_U8 ? 255.0f : 1.0f;
    const size_t samples = f->source.samples;
    prune_source_init(&f->source);
    f->source.samples = samples;
    f->source.inputs = f->inputs.count;
    f->source.target_columns = f->targets.count;
    f->source.target_type = f->targets.type == PRUNE_F32 ? PRUNE_F32 : PRUNE_I32;
    f->source.read = read_samples;
    f->source.explain = explain;
    f->source.user = f;
    f->source.any_thread = 1;
    return read_ahead ? prune_readahead_create(&f->ahead, &f->mem, &f->source, error) : PRUNE_OK;
}

static prune_status publish(prune_datafile **out, prune_datafile *f, prune_status status)
{
    if (status == PRUNE_OK)
        *out = f;
    else
        prune_datafile_free(f);
    return status;
}

/* ---- records ---- */

static prune_status check_columns(const prune_datafile_options *o, prune_error *error)
{
    if (o->inputs == 0 || o->target_columns == 0)
        return prn_error_set(error, PRUNE_E_SIZE, o->inputs == 0 ? "inputs" : "target_columns",
                             "there are none");
    if (o->input_type != PRUNE_F32 && o->input_type != PRUNE_U8)
        return prn_error_set(error, PRUNE_E_TYPE, "input_type", "neither PRUNE_F32 nor PRUNE_U8");
    if (o->target_type != PRUNE_I32 && o->target_type != PRUNE_U8 && o->target_type != PRUNE_F32)
        return prn_error_set(error, PRUNE_E_TYPE, "target_type",
                             "not one of PRUNE_I32, PRUNE_U8 and PRUNE_F32");
    return PRUNE_OK;
}

/* 0 where a record is longer than memory can be. */
static size_t record_bytes(const prune_datafile_options *o)
{
    const size_t input = prune_dtype_size(o->input_type), target = prune_dtype_size(o->target_type);
    if (prn_mem_overflows(o->inputs, input) || prn_mem_overflows(o->target_columns, target))
        return 0;
    const size_t inputs = o->inputs * input, targets = o->target_columns * target;
    return inputs > SIZE_MAX - targets ? 0 : inputs + targets;
}

static prune_status open_records(prune_datafile *f, const prune_datafile_options *o, prune_error *error)
{
    table *t = &f->tables[0];
    t->start = o->header;
    t->record = record_bytes(o);
    prune_status status = open_table(t, error);
    if (status != PRUNE_OK)
        return status;
    if (t->record == 0)
        return complain(t, PRUNE_E_OVERFLOW, "a record is longer than memory", error);
    f->inputs = (column){ t, 0, o->inputs, o->input_type, 0 };
    f->targets =
        (column){ t, o->inputs * prune_dtype_size(o->input_type), o->target_columns, o->target_type, 0 };
    status = count_records(f, t, error);
    return status == PRUNE_OK ? finish(f, o->read_ahead, error) : status;
}

prune_status prune_datafile_open(prune_datafile **out, const prune_allocator *mem, const char *path,
                                 const prune_datafile_options *options, prune_error *error)
{
    const char *const paths[TABLES] = { path, NULL };
    prune_datafile_options o;
    prune_datafile *f;
    if (out != NULL)
        *out = NULL;
    if (out == NULL || path == NULL || options == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "arguments", "a pointer is NULL");
    prune_status status = take_options(&o, options, error);
    if (status == PRUNE_OK)
        status = check_columns(&o, error);
    if (status == PRUNE_OK)
        status = build(&f, mem, paths, &o, error);
    return status == PRUNE_OK ? publish(out, f, open_records(f, &o, error)) : status;
}

/* ---- IDX ---- */

/* A table whose records are rows: all dimensions but the first. */
static prune_status open_rows(column *c, table *t, size_t *samples, prune_error *error)
{
    prune_shape shape;
    prune_status status = open_table(t, error);
    if (status != PRUNE_OK)
        return status;
    status = prn_idx_header(&c->type, &shape, &t->reader, error);
    if (status != PRUNE_OK)
        return prn_file_explain(&t->file, t->path, status, error);
    c->table = t;
    c->big_endian = 1;
    c->count = 1;
    int32_t fits = 1;
    for (size_t axis = 1; axis < shape.rank; axis++) {
        fits &= !prn_mem_overflows(c->count, shape.dims[axis]);
        c->count *= shape.dims[axis];
    }
    if (!fits || prn_mem_overflows(c->count, prune_dtype_size(c->type)))
        return complain(t, PRUNE_E_OVERFLOW, "a record is longer than memory", error);
    t->start = prn_idx_start(&shape);
    t->record = c->count * prune_dtype_size(c->type);
    *samples = shape.dims[0];
    return PRUNE_OK;
}

static prune_status open_pair(prune_datafile *f, const prune_datafile_options *o, prune_error *error)
{
    size_t targets = 0;
    prune_status status = open_rows(&f->inputs, &f->tables[0], &f->source.samples, error);
    if (status == PRUNE_OK && f->inputs.type != PRUNE_U8 && f->inputs.type != PRUNE_F32)
        return complain(&f->tables[0], PRUNE_E_TYPE, "inputs are neither u8 nor float", error);
    if (status == PRUNE_OK)
        status = open_rows(&f->targets, &f->tables[1], &targets, error);
    if (status != PRUNE_OK)
        return status;
    if (f->targets.type == PRUNE_I8)
        return complain(&f->tables[1], PRUNE_E_TYPE, "targets are not u8, i32 or float", error);
    if (targets != f->source.samples)
        return complain(&f->tables[1], PRUNE_E_SHAPE, "not as many as there are inputs", error);
    return finish(f, o->read_ahead, error);
}

prune_status prune_datafile_open_idx(prune_datafile **out, const prune_allocator *mem, const char *inputs,
                                     const char *targets, const prune_datafile_options *options,
                                     prune_error *error)
{
    const char *const paths[TABLES] = { inputs, targets };
    prune_datafile_options o;
    prune_datafile *f;
    if (out != NULL)
        *out = NULL;
    if (out == NULL || inputs == NULL || targets == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "arguments", "a pointer is NULL");
    prune_status status = take_options(&o, options, error);
    if (status == PRUNE_OK)
        status = build(&f, mem, paths, &o, error);
    return status == PRUNE_OK ? publish(out, f, open_pair(f, &o, error)) : status;
}

/* ---- the rest ---- */

const prune_source *prune_datafile_source(const prune_datafile *file)
{
    if (file == NULL)
        return NULL;
    return file->ahead != NULL ? prune_readahead_source(file->ahead) : &file->source;
}

void prune_datafile_free(prune_datafile *file)
{
    if (file == NULL)
        return;
    const prune_allocator mem = file->mem;
    prune_readahead_free(file->ahead);
    for (size_t t = 0; t < TABLES; t++)
        if (file->tables[t].is_open)
            (void)prn_file_close(&file->tables[t].file, file->tables[t].path, PRUNE_OK, NULL);
    if (file->room != NULL)
        prn_mem_free(&mem, file->room, 1, file->room_bytes);
    prn_mem_free(&mem, file, 1, file->bytes);
}
