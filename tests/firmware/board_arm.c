/* board_arm.c -- Cortex-M, on QEMU's MPS2 boards: vectors, first instructions, semihosting, SysTick
 *
 * SPDX-License-Identifier: MIT */
#include "board_chip.h"

extern unsigned char stack_top[]; /* chip.ld */

#ifndef BOARD_TICK
#define BOARD_TICK 40 /* ns between ticks of SysTick: 25 MHz */
#endif
#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define CPACR REGISTER(0xE000ED88)
#define SYST_CSR REGISTER(0xE000E010)
#define SYST_RVR REGISTER(0xE000E014)
#define SYST_CVR REGISTER(0xE000E018)

enum { FPU_ON = 0xF << 20, SYST_RUN = 7, SYST_MAX = 0xFFFFFF, EXCEPTIONS = 15 };

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

static volatile uint32_t wrapped; /* how often SysTick has */

static void tick(void)
{
    wrapped++;
}

typedef struct vectors {
    void *stack;
    void (*exceptions[EXCEPTIONS])(void);
} vectors;

__attribute__((section(".start"), used)) static const vectors at_address_0 = {
    stack_top,
    { reset, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault,
      tick },
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
    wrapped = 0;
    started = SYST_CVR;
}

/* With -icount shift=6 an instruction takes 64 ns; those of tick() are counted too, a few in ten million. */
uint32_t board_count(void)
{
    uint32_t now, wraps;
    do {
        wraps = wrapped;
        now = SYST_CVR;
    } while (wraps != wrapped);
    const uint64_t ticks = (uint64_t)wraps * (SYST_MAX + 1) + started - now;
    return (uint32_t)((ticks * BOARD_TICK + 32) / 64);
}
