/* board_chip.c -- the board on any chip: start, text and end by semihosting, costs
 *
 * SPDX-License-Identifier: MIT */
#include "board_chip.h"

enum { SYS_WRITE0 = 0x04, SYS_EXIT_EXTENDED = 0x20, APPLICATION_EXIT = 0x20026, PAINT = 0xA5, OWN = 128 };

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

static uint32_t count(int32_t *result, int32_t (*work)(void *user), void *user)
{
    board_count_start();
    *result = work(user);
    return board_count();
}

/* Stack grows down: what work() has used of it is no longer painted. */
board_cost board_measure(int32_t *result, int32_t (*work)(void *user), void *user)
{
    unsigned char *const frame = __builtin_frame_address(0);
    volatile unsigned char *lowest = stack_limit;
    for (volatile unsigned char *byte = stack_limit; byte < frame - OWN; byte++)
        *byte = PAINT;
    const uint32_t counting = count(result, nothing, user);
    board_cost cost = { .instructions = count(result, work, user) - counting };
    while (*lowest == PAINT && lowest < frame)
        lowest++;
    if (lowest == stack_limit) {
        board_print("FAILED: the stack is too small\n");
        board_exit(BOARD_FAULT);
    }
    cost.stack = (size_t)(frame - lowest);
    return cost;
}
