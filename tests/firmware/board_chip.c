/* board_chip.c -- the board on any chip: start, text and end by semihosting, costs
 *
 * SPDX-License-Identifier: MIT */
#include "board_chip.h"

enum { SYS_WRITE0 = 0x04, SYS_EXIT_EXTENDED = 0x20, APPLICATION_EXIT = 0x20026, PAINT = 0xA5 };

extern unsigned char bss_start[], bss_end[], stack_limit[]; /* chip.ld */

_Noreturn void board_start(void)
{
    for (volatile unsigned char *byte = bss_start; byte < bss_end; byte++)
        *byte = 0;
    board_exit(main());
}

void board_print(const char *text)
{
    board_semihost(SYS_WRITE0, text);
}

_Noreturn void board_exit(int status)
{
    const uintptr_t block[2] = { APPLICATION_EXIT, (uintptr_t)status };
    board_semihost(SYS_EXIT_EXTENDED, block);
    for (;;) {
    }
}

static int32_t nothing(void *user)
{
    (void)user;
    return 0;
}

/* What work() has used of the stack is no longer painted. Nothing may be called between painting and looking
 * but what is counted: it would paint over itself, or over the paint. */
static __attribute__((noinline)) board_cost cost(int32_t *result, int32_t (*work)(void *user), void *user)
{
    board_cost all;
    const volatile unsigned char *lowest = stack_limit;
    unsigned char *const top = board_stack();
    for (volatile unsigned char *byte = stack_limit; byte < top; byte++)
        *byte = PAINT;
    board_count_start();
    *result = work(user);
    all.instructions = board_count();
    while (lowest < top && *lowest == PAINT)
        lowest++;
    all.stack = (size_t)(top - lowest);
    if (lowest != stack_limit)
        return all;
    board_print("FAILED: the stack is too small\n");
    board_exit(BOARD_FAULT);
}

/* The cost of doing nothing goes: that of counting. */
board_cost board_measure(int32_t *result, int32_t (*work)(void *user), void *user)
{
    const board_cost none = cost(result, nothing, user);
    board_cost all = cost(result, work, user);
    all.instructions -= none.instructions;
    all.stack -= none.stack;
    return all;
}
