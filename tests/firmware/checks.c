/* checks.c -- what the host runs, run on the chip: prints costs, and hashes that are the same everywhere
 *
 * SPDX-License-Identifier: MIT */
#include "board.h"
#include "files.h"
#include "infer.h"
#include "infer8.h"
#include "learn.h"
#include "life.h"
#include "tell.h"

enum { MEMORY = 40960, ALIGNMENT = 16 };

int main(void)
{
    static _Alignas(ALIGNMENT) unsigned char memory[MEMORY];
    static life l;
    life_run(&l, memory, sizeof memory);
    files_run(&l);
    infer_run(&l);
    learn_run(&l);
    infer8_run();
    life_end(&l);
    return failures();
}
