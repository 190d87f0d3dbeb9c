/* shelf.c -- data sets in files of records and IDX, and the same in memory, for tests
 *
 * SPDX-License-Identifier: MIT */
#include "shelf.h"

#include <stdio.h>
#include <string.h>

static void put_word(shelf_bytes *b, uint32_t word, int32_t big_endian)
{
    for (size_t i = 0; i < 4; i++)
        b->at[b->count++] = (unsigned char)(word >> (big_endian ? 24 - 8 * i : 8 * i));
}

static void put_float(shelf_bytes *b, float x, int32_t big_endian)
{
    uint32_t word;
    memcpy(&word, &x, sizeof word);
    put_word(b, word, big_endian);
}

const shelf_kind shelf_kinds[SHELF_KINDS] = {
    { 0, PRUNE_F32, PRUNE_I32, 0, 0.0f, 0.0f },  { 0, PRUNE_F32, PRUNE_F32, 17, 0.25f, -3.0f },
    { 0, PRUNE_U8, PRUNE_U8, 1, 0.0f, 0.0f },    { 0, PRUNE_U8, PRUNE_F32, 0, 33.5f, 78.25f },
    { 1, PRUNE_U8, PRUNE_U8, 0, 0.0f, 0.0f },    { 1, PRUNE_F32, PRUNE_I32, 0, 0.0f, 2.0f },
    { 1, PRUNE_U8, PRUNE_F32, 0, 0.0f, 255.0f },
};

static void put_inputs(shelf_bytes *b, const shelf *f, float *x)
{
    const shelf_kind *k = &f->kind;
    const float scale = k->scale != 0.0f ? k->scale : k->input == PRUNE_U8 ? 255.0f : 1.0f;
    for (size_t i = 0; i < SHELF_INPUTS; i++) {
        const unsigned char byte = (unsigned char)(127.5f * (x[i] + 1.0f));
        if (k->input == PRUNE_U8)
            b->at[b->count++] = byte;
        else
            put_float(b, x[i], k->idx);
        x[i] = ((k->input == PRUNE_U8 ? (float)byte : x[i]) - k->offset) / scale;
    }
}

static void put_targets(shelf_bytes *b, const shelf *f, size_t sample)
{
    const int32_t label = f->world.label[sample];
    if (f->kind.target == PRUNE_U8)
        b->at[b->count++] = (unsigned char)label;
    else if (f->kind.target == PRUNE_I32)
        put_word(b, (uint32_t)label, f->kind.idx);
    for (size_t c = 0; f->kind.target == PRUNE_F32 && c < SHELF_CLASSES; c++)
        put_float(b, f->world.y[sample * SHELF_CLASSES + c], f->kind.idx);
}

void shelf_idx_header(shelf_bytes *b, int32_t type, const uint32_t *dims, size_t rank)
{
    const unsigned char code = type == PRUNE_U8 ? 0x08 : type == PRUNE_I32 ? 0x0C : 0x0D;
    const unsigned char start[] = { 0, 0, code, (unsigned char)rank };
    memcpy(b->at, start, sizeof start);
    b->count = sizeof start;
    for (size_t i = 0; i < rank; i++)
        put_word(b, dims[i], 1);
}

void shelf_write(const char *path, const shelf_bytes *b, size_t count)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(b->at, 1, count, file), count);
    ck_assert_int_eq(fclose(file), 0);
}

void shelf_make(shelf *f, const shelf_kind *k)
{
    static const uint32_t images[] = { SHELF_SAMPLES, 3, 4 }, rows[] = { SHELF_SAMPLES, SHELF_CLASSES };
    memset(f, 0, sizeof *f);
    f->kind = *k;
    folder_make(&f->folder);
    world_data_make(&f->world, SHELF_SAMPLES, SHELF_INPUTS, SHELF_CLASSES, 5);
    f->memory = k->target == PRUNE_F32 ? &f->world.valued : &f->world.labelled;
    shelf_bytes *x = &f->files[0], *y = k->idx ? &f->files[1] : x;
    if (k->idx) {
        shelf_idx_header(x, k->input, images, 3);
        shelf_idx_header(y, k->target, rows, k->target == PRUNE_F32 ? 2 : 1);
    }
    while (x->count < k->header)
        x->at[x->count++] = 0xEE;
    const size_t start = x->count;
    for (size_t i = 0; i < SHELF_SAMPLES; i++) {
        put_inputs(x, f, f->world.x + i * SHELF_INPUTS);
        put_targets(y, f, i);
    }
    f->record = (x->count - start) / SHELF_SAMPLES;
    for (size_t i = 0; i < 2; i++) {
        folder_join(f->paths[i], &f->folder, i == 0 ? "one.bin" : "two.bin");
        shelf_write(f->paths[i], &f->files[i], f->files[i].count);
    }
    prune_datafile_options_init(&f->options);
    f->options.header = k->header;
    f->options.inputs = SHELF_INPUTS;
    f->options.target_columns = k->target == PRUNE_F32 ? SHELF_CLASSES : 1;
    f->options.input_type = k->input;
    f->options.target_type = k->target;
    f->options.offset = k->offset;
    f->options.scale = k->scale;
}

void shelf_end(shelf *f)
{
    world_data_end(&f->world);
    folder_end(&f->folder);
}

prune_status shelf_open_on(prune_datafile **out, const shelf *f, const prune_allocator *mem,
                           prune_error *error)
{
    return f->kind.idx ? prune_datafile_open_idx(out, mem, f->paths[0], f->paths[1], &f->options, error)
                       : prune_datafile_open(out, mem, f->paths[0], &f->options, error);
}

prune_datafile *shelf_open(const shelf *f)
{
    prune_datafile *file;
    prune_error error = { 0 };
    const prune_status status = shelf_open_on(&file, f, NULL, &error);
    ck_assert_msg(status == PRUNE_OK, "%s: %s", error.place, error.reason);
    return file;
}
