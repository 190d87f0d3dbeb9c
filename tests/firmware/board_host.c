/* board_host.c -- the host as a board: nothing is counted
 *
 * SPDX-License-Identifier: MIT */
#include "board.h"

#include <stdio.h>
#include <stdlib.h>

void board_print(const char *text)
{
    fputs(text, stdout);
    fflush(stdout);
}

_Noreturn void board_exit(int status)
{
    exit(status);
}

board_cost board_measure(int32_t *result, int32_t (*work)(void *user), void *user)
{
    const board_cost none = { 0, 0 };
    *result = work(user);
    return none;
}
