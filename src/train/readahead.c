/* readahead.c -- the next batch of a source is read while this one is computed with
 *
 * One room is enough: what is in it is copied out before more is expected, and the batch that is computed
 * with lies in memory of its own. The room is the thread's while `stage` is READING, else the caller's.
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/readahead.h"
#include "mem.h"
#include "options.h"
#include "text.h"
#include "threads.h"

#include <string.h>

enum { EMPTY, WANTED, READING, FULL };

/* Samples, and what was read of them. */
typedef struct room {
    size_t bytes, capacity;
    void *block; /* [capacity] of each of the following */
    size_t *samples;
    float *inputs;
    void *targets;
    size_t count; /* of samples */
    prune_status status;
} room;

struct prune_readahead {
    prune_allocator mem;
    size_t bytes;
    prune_source inner, source;
    size_t input_bytes, target_bytes; /* of a sample */
    intptr_t process;                 /* where the thread is */
    uint64_t served;
    prn_thread thread;
    int32_t started;
    room room;
    prn_lock *lock; /* of what follows */
    int32_t stage, ending;
};

/* ---- the thread ---- */

static prune_status fill(const prune_readahead *a)
{
    const room *r = &a->room;
    memset(r->inputs, 0xFF, r->count * a->input_bytes); /* as prune_source promises */
    memset(r->targets, 0xFF, r->count * a->target_bytes);
    return a->inner.read(a->inner.user, r->samples, r->count, r->inputs, r->targets);
}

static void serve(void *user)
{
    prune_readahead *a = user;
    prn_lock_take(a->lock);
    while (!a->ending)
        if (a->stage != WANTED) {
            prn_lock_wait(a->lock, PRN_WORK);
        } else {
            a->stage = READING;
            prn_lock_leave(a->lock);
            a->room.status = fill(a);
            prn_lock_take(a->lock);
            a->stage = FULL;
            prn_lock_wake(a->lock, PRN_DONE);
        }
    prn_lock_leave(a->lock);
}

/* ---- the caller ---- */

static int32_t has_thread(const prune_readahead *a)
{
    return a->started && a->process == prn_thread_process();
}

/* The thread has nothing to do any more, and the room is the caller's. Whether it is full: nobody waits for a
 * thread that has not begun. */
static int32_t take_room(prune_readahead *a)
{
    prn_lock_take(a->lock);
    while (a->stage == READING)
        prn_lock_wait(a->lock, PRN_DONE);
    const int32_t full = a->stage == FULL;
    a->stage = EMPTY;
    prn_lock_leave(a->lock);
    return full;
}

static int32_t holds(const room *r, const size_t *samples, size_t count)
{
    return r->count == count && memcmp(r->samples, samples, count * sizeof *samples) == 0;
}

static prune_status read_samples(void *user, const size_t *samples, size_t count, float *inputs,
                                 void *targets)
{
    prune_readahead *a = user;
    if (!has_thread(a) || !take_room(a) || !holds(&a->room, samples, count))
        return a->inner.read(a->inner.user, samples, count, inputs, targets);
    memcpy(inputs, a->room.inputs, count * a->input_bytes);
    memcpy(targets, a->room.targets, count * a->target_bytes);
    a->served++;
    return a->room.status;
}

static void free_room(const prune_readahead *a, room *r)
{
    if (r->block != NULL)
        prn_mem_free(&a->mem, r->block, 1, r->bytes);
    *r = (room){ 0 };
}

/* Whether there is room for so many. */
static int32_t make_room(prune_readahead *a, size_t count)
{
    if (count <= a->room.capacity)
        return 1;
    prn_layout layout = { 0 };
    const size_t samples = prn_layout_add(&layout, count, sizeof(size_t));
    const size_t inputs = prn_layout_add(&layout, count, a->input_bytes);
    const size_t targets = prn_layout_add(&layout, count, a->target_bytes);
    free_room(a, &a->room);
    unsigned char *block = layout.overflow ? NULL : prn_mem_alloc(&a->mem, 1, layout.bytes);
    if (block == NULL)
        return 0;
    a->room = (room){ .bytes = layout.bytes, .capacity = count, .block = block };
    a->room.samples = (size_t *)(void *)(block + samples);
    a->room.inputs = (float *)(void *)(block + inputs);
    a->room.targets = block + targets;
    return 1;
}

static void expect(void *user, const size_t *samples, size_t count)
{
    prune_readahead *a = user;
    if (!has_thread(a))
        return;
    (void)take_room(a);
    if (count == 0 || !make_room(a, count))
        return;
    memcpy(a->room.samples, samples, count * sizeof *samples);
    a->room.count = count;
    prn_lock_take(a->lock);
    a->stage = WANTED;
    prn_lock_leave(a->lock);
    prn_lock_wake(a->lock, PRN_WORK);
}

static void explain(void *user, prune_error *error)
{
    const prune_readahead *a = user;
    if (a->inner.explain != NULL)
        a->inner.explain(a->inner.user, error);
}

/* ---- making and ending ---- */

static prune_status take_source(prune_source *inner, const prune_source *given, prune_error *error)
{
    prune_source_init(inner);
    const prune_status status = prn_options_read(inner, sizeof *inner, given);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "source", prn_options_reason(status));
    if (inner->read == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "source", "it has no function");
    if (inner->any_thread != 1)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "source", "any_thread is not 1");
    if (inner->target_type != PRUNE_I32 && inner->target_type != PRUNE_F32)
        return prn_error_set(error, PRUNE_E_TYPE, "source", "targets are neither PRUNE_I32 nor PRUNE_F32");
    return PRUNE_OK;
}

static prune_readahead *build(const prune_allocator *mem, const prune_source *inner)
{
    prn_layout layout = { 0 };
    prn_layout_add(&layout, 1, sizeof(prune_readahead));
    const size_t lock = prn_layout_add(&layout, 1, prn_lock_bytes());
    unsigned char *block = prn_mem_alloc(mem, 1, layout.bytes);
    if (block == NULL)
        return NULL;
    prune_readahead *a = (prune_readahead *)(void *)block;
    *a = (prune_readahead){ .mem = *mem, .bytes = layout.bytes, .inner = *inner, .source = *inner };
    a->source.read = read_samples;
    a->source.expect = expect;
    a->source.explain = explain;
    a->source.user = a;
    a->source.any_thread = 0;
    a->lock = (prn_lock *)(void *)(block + lock);
    return a;
}

/* Without a lock or a thread it does without them. So it does for samples of no end. */
static void start(prune_readahead *a)
{
    if (prn_mem_overflows(a->inner.inputs, sizeof(float)) ||
        prn_mem_overflows(a->inner.target_columns, sizeof(float)) || !prn_lock_open(a->lock))
        return;
    a->input_bytes = a->inner.inputs * sizeof(float);
    a->target_bytes = a->inner.target_columns * sizeof(float); /* of either type */
    a->process = prn_thread_process();
    a->thread = (prn_thread){ .run = serve, .user = a };
    a->started = prn_thread_start(&a->thread);
    if (!a->started)
        prn_lock_close(a->lock);
}

prune_status prune_readahead_create(prune_readahead **out, const prune_allocator *mem,
                                    const prune_source *source, prune_error *error)
{
    prune_allocator own;
    prune_source inner;
    if (out != NULL)
        *out = NULL;
    if (out == NULL || source == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "arguments", "a pointer is NULL");
    prune_status status = take_source(&inner, source, error);
    if (status != PRUNE_OK)
        return status;
    status = prn_mem_choose(&own, mem);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "arguments", "there is no allocator");
    prune_readahead *a = build(&own, &inner);
    if (a == NULL)
        return prn_error_set(error, PRUNE_E_MEMORY, "source", "no memory to read ahead");
    start(a);
    *out = a;
    return PRUNE_OK;
}

const prune_source *prune_readahead_source(const prune_readahead *ahead)
{
    return ahead == NULL ? NULL : &ahead->source;
}

uint64_t prune_readahead_served(const prune_readahead *ahead)
{
    return ahead == NULL ? 0 : ahead->served;
}

static void end_thread(prune_readahead *a)
{
    prn_lock_take(a->lock);
    a->ending = 1;
    prn_lock_leave(a->lock);
    prn_lock_wake(a->lock, PRN_WORK);
    prn_thread_join(&a->thread);
    prn_lock_close(a->lock);
}

void prune_readahead_free(prune_readahead *ahead)
{
    if (ahead == NULL)
        return;
    const prune_allocator mem = ahead->mem;
    if (has_thread(ahead))
        end_thread(ahead);
    free_room(ahead, &ahead->room);
    prn_mem_free(&mem, ahead, 1, ahead->bytes);
}
