/* board_demo.c -- firmware around an exported model: its self-test, and what an inference costs
 *
 * digits.c and digits.h come from bench/to_c.c, and need no library. The status is 1 if the self-test says
 * that an output is wrong.
 *
 * SPDX-License-Identifier: MIT */
#include "board.h"

#include <digits.h>

static uint32_t scratch[DIGITS_SCRATCH / 4];
static float x[DIGITS_INPUTS], y[DIGITS_OUTPUTS];

static int32_t run(void *user)
{
    (void)user;
    digits_run(y, x, scratch);
    return 0;
}

static void print_number(const char *what, uint32_t number)
{
    char text[12], *c = text + sizeof text;
    *--c = '\0';
    *--c = '\n';
    do
        *--c = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    board_print(what);
    board_print(c);
}

int main(void)
{
    int32_t result;
    const board_cost cost = board_measure(&result, run, NULL);
    print_number("inputs ", DIGITS_INPUTS);
    print_number("outputs ", DIGITS_OUTPUTS);
    print_number("bytes of constants ", DIGITS_BYTES);
    print_number("bytes of scratch ", DIGITS_SCRATCH);
    print_number("bytes of stack ", (uint32_t)cost.stack);
    print_number("instructions ", cost.instructions);
    result = digits_selftest(y, scratch);
    board_print(result == DIGITS_SELFTEST_SAME ? "self-test: the outputs of the exporter, bit for bit\n"
                : result == DIGITS_SELFTEST_ROUNDED
                    ? "self-test: the outputs of the exporter, rounded otherwise\n"
                    : "self-test: FAILED\n");
    return result == DIGITS_SELFTEST_WRONG;
}
