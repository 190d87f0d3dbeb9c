/* board_riscv.c -- RISC-V of 32 and 64 bits, on QEMU's virt: first instructions, semihosting, minstret
 *
 * SPDX-License-Identifier: MIT */
#include "board_chip.h"

void board_reset(void);
void board_fault(void);

/* The toolchain has no libgcc under a name with zicsr in it, so the instructions are asked for here.
 * 0x6000 is mstatus.FS, the unit for floating point, which stays off where there is none. */
__attribute__((naked, section(".start"), used)) void board_reset(void)
{
    __asm__ volatile(".option arch, +zicsr\n"
                     "la sp, stack_top\n"
                     "la t0, board_fault\n"
                     "csrw mtvec, t0\n"
                     "li t0, 0x6000\n"
                     "csrs mstatus, t0\n"
                     "j board_start\n");
}

__attribute__((used, aligned(4))) void board_fault(void)
{
    board_print("FAILED: fault\n");
    board_exit(BOARD_FAULT);
}

/* The arguments are where the debugger looks for them. It knows the call by the two instructions around
 * ebreak, none of which may be compressed, nor on another page. */
__attribute__((naked, noinline, aligned(16))) void board_semihost(uintptr_t operation, const void *argument)
{
    (void)operation;
    (void)argument;
    __asm__ volatile(".option norvc\n"
                     "slli x0, x0, 0x1f\n"
                     "ebreak\n"
                     "srai x0, x0, 7\n"
                     "ret\n");
}

unsigned char *board_stack(void)
{
    unsigned char *end;
    __asm__ volatile("mv %0, sp" : "=r"(end));
    return end;
}

static uintptr_t started;

static uintptr_t minstret(void)
{
    uintptr_t instructions;
    __asm__ volatile(".option push\n"
                     ".option arch, +zicsr\n"
                     "csrr %0, minstret\n"
                     ".option pop\n"
                     : "=r"(instructions));
    return instructions;
}

void board_count_start(void)
{
    started = minstret();
}

uint32_t board_count(void)
{
    return (uint32_t)(minstret() - started);
}
