/* tell.c -- lines of three words: hash|instructions|stack|memory, of what, how much
 *
 * SPDX-License-Identifier: MIT */
#include "tell.h"

#include "board.h"

static int failed;
static uint32_t mixed; /* the hash ^ FNV_START, so that it starts as 0 */

enum { DIGITS = 10, FNV_PRIME = 16777619, MOST = 90 };
#define FNV_START 2166136261u

static void print_number(uint32_t number, uint32_t base)
{
    char text[DIGITS + 1], *at = text + DIGITS;
    *at = '\0';
    do {
        *--at = "0123456789abcdef"[number % base];
        number /= base;
    } while (number);
    board_print(at);
}

static void line(const char *kind, const char *name, uint32_t number, uint32_t base)
{
    board_print(kind);
    board_print(" ");
    board_print(name);
    board_print(" ");
    print_number(number, base);
    board_print("\n");
}

void check(int condition, const char *what)
{
    if (condition)
        return;
    failed++;
    board_print("FAILED: ");
    board_print(what);
    board_print("\n");
}

void check_ok(prune_status status, const char *what)
{
    if (status != PRUNE_OK) {
        board_print(prune_status_string(status));
        board_print("\n");
    }
    check(status == PRUNE_OK, what);
}

int failures(void)
{
    return failed < MOST ? failed : MOST;
}

void hash_bytes(const void *bytes, size_t count)
{
    const unsigned char *b = bytes;
    for (size_t i = 0; i < count; i++)
        mixed = ((mixed ^ FNV_START ^ b[i]) * FNV_PRIME) ^ FNV_START;
}

void hash_floats(const float *values, size_t count)
{
    hash_bytes(values, count * sizeof *values);
}

void hash_tell(const char *name)
{
    line("hash", name, mixed ^ FNV_START, 16);
    mixed = 0;
}

void instructions_tell(const char *name, uint32_t instructions)
{
    line("instructions", name, instructions, 10);
}

void cost_tell(const char *name, prune_status (*work)(void *user), void *user)
{
    prune_status status;
    const board_cost cost = board_measure(&status, work, user);
    check_ok(status, name);
    if (cost.instructions == 0)
        return;
    instructions_tell(name, cost.instructions);
    line("stack", name, (uint32_t)cost.stack, 10);
}

void memory_tell(const char *name, size_t bytes)
{
    line("memory", name, (uint32_t)bytes, 10);
}
