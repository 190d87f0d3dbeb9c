/* pool.c -- threads for those who have none
 *
 * Under the lock: who finds a piece that nobody has taken takes it, does it without the lock, and counts it
 * as done. The caller does so too until none is left, and then waits for those that others have taken. So
 * nobody ever waits for a thread that has not begun.
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/pool.h"
#include "mem.h"
#include "system.h"
#include "threads.h"

struct prune_pool {
    prune_allocator mem;
    size_t bytes;
    prune_backend backend;
    prune_parallel parallel;
    intptr_t process; /* where the threads are */
    size_t count;
    prn_thread *threads; /* [count], without the caller's */
    prn_lock *lock;      /* of what follows */
    prune_task task;
    void *arg;
    size_t pieces, next, done; /* next: the first that nobody has taken */
    int32_t busy, ending;
    uint64_t alone_until; /* by the clock: until then callers work alone */
    uint32_t doubt;       /* how often in a row the pool was no help */
};

/* A loss of time is made good by so much of working alone, twice as much with every doubt. */
enum { PATIENCE = 16, MOST_DOUBT = 6 };

/* ---- work ---- */

static void do_piece(prune_pool *pool)
{
    const prune_task task = pool->task;
    void *const arg = pool->arg;
    const size_t piece = pool->next++;
    prn_lock_leave(pool->lock);
    task(arg, piece);
    prn_lock_take(pool->lock);
    pool->done++;
}

static void serve(void *user)
{
    prune_pool *pool = user;
    prn_lock_take(pool->lock);
    while (!pool->ending)
        if (pool->next == pool->pieces) {
            prn_lock_wait(pool->lock, PRN_WORK);
        } else {
            do_piece(pool);
            if (pool->done == pool->pieces)
                prn_lock_wake(pool->lock, PRN_DONE);
        }
    prn_lock_leave(pool->lock);
}

/* Whether the pool is the caller's now. */
static int32_t enter(prune_pool *pool, size_t pieces, prune_task task, void *arg)
{
    if (pool->count == 0 || pool->process != prn_thread_process())
        return 0;
    const uint64_t now = prn_system_now();
    prn_lock_take(pool->lock);
    const int32_t is_free = !pool->busy && now >= pool->alone_until;
    if (is_free) {
        pool->busy = 1;
        pool->task = task;
        pool->arg = arg;
        pool->pieces = pieces;
        pool->next = pool->done = 0;
    }
    prn_lock_leave(pool->lock);
    for (size_t i = 0; is_free && i < pool->count && i + 1 < pieces; i++)
        prn_lock_wake(pool->lock, PRN_WORK);
    return is_free;
}

/* On a loaded machine a thread may take a piece and then not get the processor for long, or take it from the
 * caller. If he, who did `own` pieces in so much time of a processor, would have been faster alone, he works
 * alone for a while that is measured by what was lost: so little is lost in all, and a machine that is free
 * again is soon found to be. */
static void judge(prune_pool *pool, size_t own, uint64_t start, uint64_t time)
{
    const uint64_t end = prn_system_now();
    if (own == 0)
        return;
    const uint64_t alone = time / own * pool->pieces;
    if (end - start <= alone) {
        pool->doubt = 0;
        return;
    }
    pool->alone_until = end + ((end - start - alone) * PATIENCE << pool->doubt);
    pool->doubt += pool->doubt < MOST_DOUBT;
}

static void run(void *user, size_t pieces, prune_task task, void *arg)
{
    prune_pool *pool = user;
    if (!enter(pool, pieces, task, arg)) {
        for (size_t piece = 0; piece < pieces; piece++)
            task(arg, piece);
        return;
    }
    size_t own = 0;
    const uint64_t began = prn_system_now(), before = prn_thread_time();
    prn_lock_take(pool->lock);
    for (; pool->next < pool->pieces; own++)
        do_piece(pool);
    const uint64_t time = prn_thread_time() - before;
    while (pool->done < pool->pieces)
        prn_lock_wait(pool->lock, PRN_DONE);
    judge(pool, own, began, time);
    pool->busy = 0;
    prn_lock_leave(pool->lock);
}

/* ---- making and ending ---- */

static prune_pool *build(const prune_allocator *mem, size_t count)
{
    prn_layout layout = { 0 };
    prn_layout_add(&layout, 1, sizeof(prune_pool));
    const size_t lock = prn_layout_add(&layout, 1, prn_lock_bytes());
    const size_t threads = prn_layout_add(&layout, count, sizeof(prn_thread));
    unsigned char *block = prn_mem_alloc(mem, 1, layout.bytes);
    if (block == NULL)
        return NULL;
    prune_pool *pool = (prune_pool *)(void *)block;
    *pool = (prune_pool){ .mem = *mem, .bytes = layout.bytes, .process = prn_thread_process() };
    pool->lock = (prn_lock *)(void *)(block + lock);
    pool->threads = (prn_thread *)(void *)(block + threads);
    pool->parallel = (prune_parallel){ run, pool };
    pool->backend = *prune_backend_default();
    pool->backend.parallel = &pool->parallel;
    return pool;
}

static prune_status start(prune_pool *pool, size_t count)
{
    for (; pool->count < count; pool->count++) {
        prn_thread *thread = &pool->threads[pool->count];
        thread->run = serve;
        thread->user = pool;
        if (!prn_thread_start(thread))
            return PRUNE_E_LIMIT;
    }
    return PRUNE_OK;
}

prune_status prune_pool_create(prune_pool **out, const prune_allocator *mem, int32_t threads)
{
    prune_allocator own;
    if (out == NULL)
        return PRUNE_E_ARGUMENT;
    *out = NULL;
    if (threads < 1 || threads > PRUNE_MOST_THREADS)
        return PRUNE_E_RANGE;
    prune_status status = prn_mem_choose(&own, mem);
    if (status == PRUNE_OK)
        status = prune_blas_reserve(threads);
    if (status != PRUNE_OK)
        return status;
    const size_t count = (size_t)threads - 1;
    prune_pool *pool = build(&own, count);
    if (pool == NULL)
        return PRUNE_E_MEMORY;
    if (!prn_lock_open(pool->lock)) {
        prn_mem_free(&own, pool, 1, pool->bytes);
        return PRUNE_E_LIMIT;
    }
    status = start(pool, count);
    if (status == PRUNE_OK)
        *out = pool;
    else
        prune_pool_free(pool);
    return status;
}

const prune_backend *prune_pool_backend(const prune_pool *pool)
{
    return pool == NULL ? NULL : &pool->backend;
}

static void end_threads(prune_pool *pool)
{
    prn_lock_take(pool->lock);
    pool->ending = 1;
    prn_lock_leave(pool->lock);
    for (size_t i = 0; i < pool->count; i++)
        prn_lock_wake(pool->lock, PRN_WORK);
    for (size_t i = 0; i < pool->count; i++)
        prn_thread_join(&pool->threads[i]);
    prn_lock_close(pool->lock);
}

void prune_pool_free(prune_pool *pool)
{
    if (pool == NULL)
        return;
    const prune_allocator mem = pool->mem;
    if (pool->process == prn_thread_process())
        end_threads(pool);
    prn_mem_free(&mem, pool, 1, pool->bytes);
}
