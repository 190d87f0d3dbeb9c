/* board_arm.c -- Cortex-M, on QEMU's MPS2 boards: vectors, first instructions, semihosting, SysTick
 *
 * SPDX-License-Identifier: MIT */
#include "board_chip.h"

extern unsigned char stack_top[]; /* chip.ld */

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define CPACR REGISTER(0xE000ED88)
#define SYST_CSR REGISTER(0xE000E010)
#define SYST_RVR REGISTER(0xE000E014)
#define SYST_CVR REGISTER(0xE000E018)

enum { FPU_ON = 0xF << 20, SYST_RUN = 5, SYST_WRAPPED = 1 << 16, SYST_MAX = 0xFFFFFF, EXCEPTIONS = 15 };

/* There is nothing to set where there is no unit: these bits read as zero. */
static _Noreturn void reset(void)
{
    CPACR |= FPU_ON;
    __asm__ volatile("dsb\n isb" ::: "memory");
    board_start();
}

static _Noreturn void fault(void)
{
    board_print("FAILED: fault\n");
    board_exit(BOARD_FAULT);
}

typedef struct vectors {
    void *stack;
    void (*exceptions[EXCEPTIONS])(void);
} vectors;

__attribute__((section(".start"), used)) static const vectors at_address_0 = {
    stack_top,
    { reset, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault,
      fault },
};

void board_semihost(uintptr_t operation, const void *argument)
{
    register uintptr_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

unsigned char *board_stack(void)
{
    unsigned char *end;
    __asm__ volatile("mov %0, sp" : "=r"(end));
    return end;
}

static uint32_t started;

void board_count_start(void)
{
    SYST_RVR = SYST_MAX;
    SYST_CVR = 0;
    SYST_CSR = SYST_RUN;
    (void)SYST_CVR; /* it takes a tick to be loaded */
    started = SYST_CVR;
    (void)SYST_CSR; /* reading forgets that it wrapped */
}

/* It ticks at 25 MHz, every 40 ns; with -icount shift=6 an instruction takes 64 ns. */
uint32_t board_count(void)
{
    const uint32_t ticks = started - SYST_CVR;
    if (SYST_CSR & SYST_WRAPPED) {
        board_print("FAILED: more instructions than SysTick counts\n");
        board_exit(BOARD_FAULT);
    }
    return (uint32_t)(((uint64_t)ticks * 5 + 4) / 8);
}
