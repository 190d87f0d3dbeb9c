/* board.h -- what the checks ask of the machine they run on: text, an end, and what a call costs
 *
 * board_host.c does it on the host; on chips board_chip.c does, with what board_arm.c and board_riscv.c know
 * of theirs.
 *
 * SPDX-License-Identifier: MIT */
#ifndef FIRMWARE_BOARD_H
#define FIRMWARE_BOARD_H

#include <stddef.h>
#include <stdint.h>

void board_print(const char *text);

/* Ends the program; the status is that of the process that runs it, QEMU on the host. */
_Noreturn void board_exit(int status);

typedef struct board_cost {
    uint32_t instructions; /* exact; 0 where nobody counts: on the host */
    size_t stack;          /* bytes */
} board_cost;

/* Runs work(user), whose result goes to *result, and says what that cost, work() itself included. */
board_cost board_measure(int32_t *result, int32_t (*work)(void *user), void *user);

int main(void);

#endif
