/* plain_log.c -- a small pruning log and its bytes, for tests
 *
 * SPDX-License-Identifier: MIT */
#include "plain_log.h"

#include <string.h>

const unsigned char plain_log[PLAIN_LOG_BYTES] = {
    0x92, 0xD9, 0x23, 0x8D, 1,    0,    0,    0,    2, 0,    0,    0,    2, /* signature, layers, ... */
    0,    0,    0,    0,    40,   0,    0,    0,    0, 0,    0,    0,       /* statistic, elements */
    0,    0,    0,    0,    1,    0,    0,    0,    0, 0,    0,    0,       /* of the bias */
    0xFB, 0xFF, 0xFF, 0xFF, 0xFF, 0x01,                                     /* masks at the beginning */
    3,    0,    0,    0,    0,    0,    0,    0,                            /* entries */
    9,    0,    0,    0,    1,    0,    0,    0,    1, 0,    0,    0,    2,    0,    0,
    0,    1,    0,    0,    0, /* step, magnitude, neurons, fraction */
    0,    0,    0,    0,    0,    0,    0xE0, 0x3F, 2, 0,    0,    0,    'h',  'i', /* 0.5, text */
    5,    0,    0,    0,    0,    0,    0,    0,    1, 5,    3,    32,   0, /* elements 5 .. 7 of 40 */
    0,    0,    0,    0,    0,    0,    0,    0,    0, 0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,                                                          /* no note */
    0,    0,    0,    0,    0,    0,    0,    0,    0, 0,    0,    0,                   /* asked, text */
    7,    0,    0,    0,    0,    0,    0,    0,    2, 0x5A, 0xA5, 0x5A, 0xA5, 0x5A, 0, /* 20 elements */
    0,    0,    0,    0,    0,    0,    0,    0,    0, 0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,                                        /* no note */
    0,    0,    0,    0,    0,    0,    0,    0,    0, 0,    0,    0, /* asked, text */
    3,    0,    0,    0,    0,    0,    0,    0,    0, 2,    1,       /* the bias */
};

static void flip(uint8_t *mask, size_t i)
{
    mask[i] = !mask[i];
}

static prune_model *plain_log_model(void)
{
    uint8_t mask[40];
    prune_model *model = world_model(NULL, (const size_t[2]){ 40, 1 }, 1, PRUNE_LINEAR, 1);
    memset(mask, 1, sizeof mask);
    mask[2] = 0;
    ck_assert_ok(prune_mask_set(model, 0, mask, sizeof mask));
    return model;
}

/* A file of the model above with its log. */
bytes_file plain_log_file(trace *t)
{
    uint8_t mask[40];
    prune_log_note note;
    bytes_file file = { 0 };
    const prune_writer writer = bytes_writer(&file);
    prune_model *model = plain_log_model();
    trace_open(t, model);
    prune_log_note_init(&note);
    note.step = 9 + ((uint64_t)1 << 32);
    note.criterion = PRUNE_MAGNITUDE;
    note.granularity = PRUNE_NEURONS;
    note.ask = PRUNE_ASKED_FRACTION;
    note.asked = 0.5;
    note.text = "hi";
    ck_assert_ok(prune_mask_get(mask, sizeof mask, model, 0));
    for (size_t i = 5; i < 8; i++)
        flip(mask, i);
    ck_assert_ok(prune_mask_set(model, 0, mask, sizeof mask));
    trace_step(t, &note);
    for (size_t i = 0; i < 40; i++)
        if ((i / 8 % 2 ? 0xA5 : 0x5A) >> i % 8 & 1)
            flip(mask, i);
    ck_assert_ok(prune_mask_set(model, 0, mask, sizeof mask));
    trace_step(t, NULL);
    world_remove(model, 1, 0);
    trace_step(t, NULL);
    ck_assert_ok(prune_log_write(t->log, model, NULL, &writer, NULL));
    return file;
}

void plain_log_end(trace *t, bytes_file *file)
{
    bytes_end(file);
    prune_model *model = t->model;
    trace_close(t);
    prune_model_free(model);
}

prune_log *plain_log_read(bytes_file *file, const prune_allocator *mem)
{
    prune_log *log;
    const prune_reader reader = bytes_reader(file);
    ck_assert_ok(prune_log_read(&log, mem, &reader, NULL));
    return log;
}
