/* arena_test.c -- an allocator over one block: alignment, order, ends, and whole objects in it
 *
 * SPDX-License-Identifier: MIT */
#include "support/runner.h"

#include <string.h>

enum { STEP = 16 };

static _Alignas(16) unsigned char memory[4096];

static prune_allocator arena_over(prune_arena *arena, void *from, size_t bytes)
{
    prune_allocator mem;
    ck_assert_ok(prune_arena_init(arena, from, bytes));
    ck_assert_ok(prune_arena_allocator(&mem, arena));
    return mem;
}

static unsigned char *take(const prune_allocator *mem, size_t bytes)
{
    return mem->resize(mem->user, NULL, 0, bytes);
}

START_TEST(arguments_are_checked)
{
    prune_arena arena;
    prune_allocator mem;
    ck_assert_status(prune_arena_init(NULL, memory, 64), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_arena_init(&arena, NULL, 64), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_arena_init(&arena, memory, 0), PRUNE_E_SIZE);
    ck_assert_status(prune_arena_allocator(NULL, &arena), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_arena_allocator(&mem, NULL), PRUNE_E_ARGUMENT);
    prune_arena_reset(NULL);
}
END_TEST

/* From any address and of any length: what is handed out is aligned and inside. */
START_TEST(blocks_are_aligned_and_inside)
{
    for (size_t offset = 0; offset < 2 * STEP; offset++)
        for (size_t bytes = 1; bytes < 10 * STEP; bytes++) {
            prune_arena arena;
            const prune_allocator mem = arena_over(&arena, memory + offset, bytes);
            int32_t good = arena.size <= bytes && arena.used == 0 && arena.peak == 0;
            unsigned char *block;
            while ((block = take(&mem, 5)) != NULL)
                good = good && (uintptr_t)block % STEP == 0 && block >= memory + offset &&
                       block + STEP <= memory + offset + bytes;
            /* at most what lies before the first boundary and behind the last is lost */
            ck_assert(good && arena.used == arena.size && arena.size + 2 * STEP > bytes);
        }
}
END_TEST

START_TEST(blocks_do_not_overlap)
{
    prune_arena arena;
    const prune_allocator mem = arena_over(&arena, memory, sizeof memory);
    unsigned char *block[20];
    for (size_t i = 0; i < 20; i++) {
        block[i] = take(&mem, 7 * i + 1);
        ck_assert_ptr_nonnull(block[i]);
        memset(block[i], (int)i, 7 * i + 1);
    }
    for (size_t i = 0; i < 20; i++)
        for (size_t k = 0; k < 7 * i + 1; k++)
            ck_assert(block[i][k] == i);
}
END_TEST

START_TEST(used_and_peak_count_in_steps)
{
    prune_arena arena;
    const prune_allocator mem = arena_over(&arena, memory, 256);
    unsigned char *first = take(&mem, 1);
    ck_assert(arena.used == 16 && arena.peak == 16);
    unsigned char *second = take(&mem, 17);
    ck_assert(arena.used == 48 && arena.peak == 48);
    ck_assert_ptr_null(mem.resize(mem.user, second, 17, 0));
    ck_assert(arena.used == 16 && arena.peak == 48);
    ck_assert_ptr_eq(take(&mem, 16), second);
    ck_assert(arena.used == 32 && arena.peak == 48);
    ck_assert_ptr_null(mem.resize(mem.user, first, 1, 0)); /* older: lost */
    ck_assert(arena.used == 32);
    prune_arena_reset(&arena);
    ck_assert(arena.used == 0 && arena.peak == 48);
    ck_assert_ptr_eq(take(&mem, 240), first);
    ck_assert(arena.peak == 240);
}
END_TEST

START_TEST(the_newest_block_grows_and_shrinks_in_place)
{
    prune_arena arena;
    const prune_allocator mem = arena_over(&arena, memory, 256);
    take(&mem, 16);
    unsigned char *block = take(&mem, 16);
    memset(block, 7, 16);
    ck_assert_ptr_eq(mem.resize(mem.user, block, 16, 200), block);
    ck_assert_uint_eq(arena.used, 16 + 208);
    ck_assert_ptr_eq(mem.resize(mem.user, block, 200, 16), block);
    ck_assert_uint_eq(arena.used, 32);
    ck_assert_ptr_eq(mem.resize(mem.user, block, 16, 240), block);
    ck_assert_ptr_null(mem.resize(mem.user, block, 240, 241));
    ck_assert_uint_eq(arena.used, 256);
    for (size_t i = 0; i < 16; i++)
        ck_assert(block[i] == 7);
}
END_TEST

START_TEST(an_older_block_moves_to_grow)
{
    prune_arena arena;
    const prune_allocator mem = arena_over(&arena, memory, 256);
    unsigned char *old = take(&mem, 32), *newer = take(&mem, 16);
    memset(old, 5, 32);
    memset(newer, 6, 16);
    ck_assert_ptr_eq(mem.resize(mem.user, old, 32, 8), old);
    unsigned char *moved = mem.resize(mem.user, old, 32, 100);
    ck_assert_ptr_nonnull(moved);
    ck_assert(moved >= newer + 16);
    for (size_t i = 0; i < 32; i++)
        ck_assert(moved[i] == 5);
    for (size_t i = 0; i < 16; i++)
        ck_assert(newer[i] == 6);
}
END_TEST

/* NULL, the old block untouched, and room for less is still there. */
START_TEST(too_much_is_refused_and_changes_nothing)
{
    static const size_t sizes[] = { 225, 226, 4096, SIZE_MAX / 2, SIZE_MAX - 15, SIZE_MAX };
    prune_arena arena;
    const prune_allocator mem = arena_over(&arena, memory, 256);
    unsigned char *old = take(&mem, 16), *newer = take(&mem, 16);
    memset(old, 5, 16);
    memset(newer, 6, 16);
    const prune_arena before = arena;
    for (size_t i = 0; i < 6; i++) {
        ck_assert_ptr_null(take(&mem, sizes[i]));
        ck_assert_ptr_null(mem.resize(mem.user, old, 16, sizes[i]));
        ck_assert(sizes[i] <= 240 || mem.resize(mem.user, newer, 16, sizes[i]) == NULL);
        ck_assert_mem_eq(&arena, &before, sizeof arena);
    }
    ck_assert(old[0] == 5 && old[15] == 5 && newer[0] == 6 && newer[15] == 6);
    ck_assert_ptr_nonnull(take(&mem, 224));
}
END_TEST

/* A model and its trainer: the bytes that they say they need are the bytes that they take. */
START_TEST(objects_fit_into_what_they_say)
{
    static _Alignas(16) unsigned char room[16384];
    prune_arena arena;
    const prune_allocator mem = arena_over(&arena, room, sizeof room);
    const size_t widths[] = { 6, 5, 3 };
    size_t bytes;
    prune_trainer *trainer;
    prune_model *model = world_model(&mem, widths, 2, PRUNE_RELU, 1);
    const size_t used = arena.used;
    ck_assert_ok(prune_trainer_bytes(&bytes, model, NULL));
    ck_assert_ok(prune_trainer_create(&trainer, &mem, model, NULL, NULL));
    ck_assert_uint_eq(arena.used - used, (bytes + STEP - 1) / STEP * STEP);
    prune_trainer_free(trainer);
    ck_assert_uint_eq(arena.used, used);
    prune_model_free(model);
}
END_TEST

/* In an arena of every size a trainer is made whole or not at all. */
START_TEST(an_arena_that_is_too_small_is_out_of_memory)
{
    const size_t widths[] = { 6, 5, 3 };
    static _Alignas(16) unsigned char room[16384];
    prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 1);
    size_t bytes;
    ck_assert_ok(prune_trainer_bytes(&bytes, model, NULL));
    for (size_t size = STEP; size < bytes + 4 * STEP; size += STEP) {
        prune_arena arena;
        const prune_allocator mem = arena_over(&arena, room, size);
        prune_trainer *trainer;
        ck_assert_status(prune_trainer_create(&trainer, &mem, model, NULL, NULL),
                         size < bytes ? PRUNE_E_MEMORY : PRUNE_OK);
        ck_assert((trainer != NULL) == (size >= bytes));
        prune_trainer_free(trainer);
        ck_assert_uint_eq(arena.used, 0);
    }
    prune_model_free(model);
}
END_TEST

START_TEST(a_deep_model_gives_all_of_it_back)
{
    static _Alignas(STEP) unsigned char block[32 * 1024];
    const size_t shape[] = { 5, 9, 3, 8, 4, 7, 2, 6, 3 };
    prune_arena arena;
    prune_allocator mem;
    ck_assert_ok(prune_arena_init(&arena, block, sizeof block));
    ck_assert_ok(prune_arena_allocator(&mem, &arena));
    prune_model *model = world_model(&mem, shape, 8, PRUNE_RELU, 1);
    ck_assert_uint_gt(arena.used, 0);
    prune_model_free(model);
    ck_assert_uint_eq(arena.used, 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_deep_model_gives_all_of_it_back, arguments_are_checked,
        blocks_are_aligned_and_inside,     blocks_do_not_overlap,
        used_and_peak_count_in_steps,      the_newest_block_grows_and_shrinks_in_place,
        an_older_block_moves_to_grow,      too_much_is_refused_and_changes_nothing,
        objects_fit_into_what_they_say,    an_arena_that_is_too_small_is_out_of_memory,
    };
    return run_tests("arena", tests, sizeof tests / sizeof tests[0]);
}
