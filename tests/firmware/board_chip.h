/* board_chip.h -- what board_chip.c asks of a kind of chip
 *
 * SPDX-License-Identifier: MIT */
#ifndef FIRMWARE_BOARD_CHIP_H
#define FIRMWARE_BOARD_CHIP_H

#include "board.h"

#include <stdint.h>

enum { BOARD_FAULT = 97 }; /* the exit status of what ends in a fault, or on a stack too small */

/* From the first instruction on, with a stack: clears .bss and runs main(). */
_Noreturn void board_start(void);

/* Hands the debugger an operation of ARM's semihosting, which RISC-V has adopted. */
void board_semihost(uintptr_t operation, const void *argument);

/* Where the caller's stack ends. */
unsigned char *board_stack(void);

/* Instructions from board_count_start() to board_count(), under the -icount of firmware.mk. */
void board_count_start(void);
uint32_t board_count(void);

#endif
