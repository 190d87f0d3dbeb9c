/* blob_code8.c -- int8 weight matrices as the runtime's operations want them
 *
 * Instructions are what QEMU counts on a Cortex-M4F for what gcc 12 makes of the kernels with -O2.
 *
 * SPDX-License-Identifier: MIT */
#include "blob_code8.h"
#include "libprune/blob.h"

enum { PANEL = PRUNE_BLOB_PANEL, STEP = 255, MORE = 255 };

static uint32_t fours_of(const prn_matrix8 *m)
{
    return m->columns / 4;
}

static uint32_t four(const prn_matrix8 *m, uint32_t row, uint32_t index)
{
    const int8_t *w = m->weights + (size_t)row * m->columns + (size_t)4 * index;
    return (uint32_t)(uint8_t)w[0] | (uint32_t)(uint8_t)w[2] << 8 | (uint32_t)(uint8_t)w[1] << 16 |
           (uint32_t)(uint8_t)w[3] << 24;
}

static void put_scales(prn_words *words, const prn_matrix8 *m)
{
    prn_words_put(words, m->scale_count);
    prn_words_put(words, (uint32_t)m->zero);
    for (uint32_t i = 0; i < m->scale_count; i++)
        prn_words_put(words, m->scales[i]);
}

static uint64_t code_dense(prn_words *words, const prn_matrix8 *m)
{
    for (uint32_t row = 0; row < m->rows; row += PANEL) {
        for (uint32_t r = row; r < row + PANEL; r++)
            prn_words_put(words, (uint32_t)m->biases[r]);
        for (uint32_t i = 0; i < fours_of(m); i++)
            for (uint32_t r = row; r < row + PANEL; r++)
                prn_words_put(words, four(m, r, i));
    }
    return m->rows / PANEL * (22 * (uint64_t)fours_of(m) + 60);
}

/* Bytes, four to a word. */
typedef struct bytes {
    prn_words *words;
    uint32_t word, count;
} bytes;

static void put_byte(bytes *b, uint32_t byte)
{
    b->word |= byte << 8 * b->count++;
    if (b->count < 4)
        return;
    prn_words_put(b->words, b->word);
    *b = (bytes){ .words = b->words };
}

/* The next block of a row behind *at: its step, or one of STEP if it is further; 0: there are no more. */
static int32_t next_block(const prn_matrix8 *m, uint32_t row, uint32_t *at, int32_t first, uint32_t *step)
{
    uint32_t i = first ? 0 : *at + 1;
    while (i < fours_of(m) && four(m, row, i) == 0)
        i++;
    if (i == fours_of(m))
        return 0;
    *step = i - *at < STEP ? i - *at : STEP;
    *at += *step;
    return 1;
}

/* words may be NULL. Returns the number of blocks. */
static uint32_t put_blocks(prn_words *words, const prn_matrix8 *m, uint32_t row)
{
    uint32_t blocks = 0, at = 0, step = 0;
    for (; next_block(m, row, &at, blocks == 0, &step); blocks++)
        if (words != NULL)
            prn_words_put(words, four(m, row, at));
    return blocks;
}

/* Before each MORE of them their number, or what is left; 0 where nothing is: the last is below MORE. */
static void put_steps(bytes *steps, const prn_matrix8 *m, uint32_t row)
{
    const uint32_t blocks = put_blocks(NULL, m, row);
    uint32_t at = 0, step = 0;
    for (uint32_t i = 0; next_block(m, row, &at, i == 0, &step); i++) {
        if (i % MORE == 0)
            put_byte(steps, blocks - i < MORE ? blocks - i : MORE);
        put_byte(steps, step);
    }
    if (blocks % MORE == 0)
        put_byte(steps, 0);
}

static void put_rows(prn_words *words, const prn_matrix8 *m)
{
    for (uint32_t row = 0; row < m->rows; row++) {
        prn_words_put(words, (uint32_t)m->biases[row]);
        put_blocks(words, m, row);
    }
}

static uint64_t code_blocks(prn_words *words, const prn_matrix8 *m)
{
    prn_words counted = { NULL, 0 };
    bytes steps = { words, 0, 0 };
    put_rows(&counted, m);
    prn_words_put(words, (uint32_t)counted.count);
    put_rows(words, m);
    for (uint32_t row = 0; row < m->rows; row++)
        put_steps(&steps, m, row);
    while (steps.count != 0)
        put_byte(&steps, 0);
    return 10 * (counted.count - m->rows) + 19 * (uint64_t)m->rows;
}

uint64_t prn_blob_code8(prn_words *words, int32_t encoding, const prn_matrix8 *m)
{
    put_scales(words, m);
    return encoding == PRUNE_BLOB_BLOCKS8 ? code_blocks(words, m) : code_dense(words, m);
}

int32_t prn_blob_choose8(const prn_matrix8 *m, int32_t by_instructions)
{
    prn_words dense = { NULL, 0 }, blocks = { NULL, 0 };
    const uint64_t slow = prn_blob_code8(&dense, PRUNE_BLOB_DENSE8, m);
    const uint64_t fast = prn_blob_code8(&blocks, PRUNE_BLOB_BLOCKS8, m);
    const int32_t better = by_instructions ? fast < slow : blocks.count < dense.count;
    return better && blocks.count <= dense.count ? PRUNE_BLOB_BLOCKS8 : PRUNE_BLOB_DENSE8;
}
