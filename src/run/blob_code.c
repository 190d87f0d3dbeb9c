/* blob_code.c -- weight matrices as the runtime's operations want them
 *
 * The same code counts and writes. Instructions are what QEMU counts on a Cortex-M4F for what gcc 12 makes of
 * the kernels with -O2 -ffp-contract=fast, as so many for a row, a panel, a column, ...
 *
 * SPDX-License-Identifier: MIT */
#include "blob_code.h"
#include "crc.h"

enum { PANEL = PRUNE_BLOB_PANEL, STEP = 63, GROUP = 4 };

void prn_words_put(prn_words *words, uint32_t word)
{
    const size_t at = (size_t)words->count++ * 4;
    for (size_t i = 0; words->bytes != NULL && i < 4; i++)
        words->bytes[at + i] = (unsigned char)(word >> 8 * i & 255u);
}

void prn_words_put_float(prn_words *words, float value)
{
    prn_words_put(words, prn_bits_of(value));
}

void prn_words_put_header(prn_words *words, const prune_blob_header *header)
{
    prn_words_put(words, PRUNE_BLOB_MAGIC);
    prn_words_put(words, PRUNE_BLOB_VERSION | PRUNE_BLOB_PANEL << 8 | (uint32_t)header->takes << 16 |
                             (uint32_t)header->gives << 24);
    prn_words_put(words, header->words);
    prn_words_put(words, header->layers);
    prn_words_put(words, header->inputs | (uint32_t)header->outputs << 16);
    prn_words_put(words, header->scratch);
    prn_words_put_float(words, header->input_scale);
    prn_words_put(words, (uint32_t)header->input_zero);
    prn_words_put_float(words, header->output_scale);
    prn_words_put(words, (uint32_t)header->output_zero);
}

void prn_words_put_layer(prn_words *words, const prune_blob_layer *layer)
{
    prn_words_put(words, layer->op);
    prn_words_put(words, layer->inputs | (uint32_t)layer->outputs << 16);
    prn_words_put(words, layer->to);
    prn_words_put(words, layer->words);
    prn_words_put_float(words, layer->floor);
}

void prn_words_sign(prn_words *words)
{
    prn_words_put(words, words->bytes == NULL ? 0 : prn_crc32(0, words->bytes, (size_t)words->count * 4));
}

/* +0 for -0: a sum that starts with it is then never -0, and a product of 0 adds nothing. */
static void put_biases(prn_words *words, const prn_layer_matrix *m, uint32_t row, uint32_t rows)
{
    for (uint32_t r = row; r < row + rows; r++)
        prn_words_put_float(words, m->biases[r] + 0.0f);
}

static uint32_t rows_at(const prn_layer_matrix *m, uint32_t row)
{
    return m->rows - row >= PANEL ? PANEL : 1;
}

static float weight(const prn_layer_matrix *m, uint32_t row, uint32_t column)
{
    return m->weights[(size_t)row * m->columns + column];
}

static int32_t is_kept(const prn_layer_matrix *m, uint32_t row, uint32_t column)
{
    const float w = weight(m, row, column);
    return w > 0.0f || w < 0.0f;
}

static int32_t any_kept(const prn_layer_matrix *m, uint32_t row, uint32_t rows, uint32_t column)
{
    while (rows != 0 && !is_kept(m, row + rows - 1, column))
        rows--;
    return rows != 0;
}

static void put_column(prn_words *words, const prn_layer_matrix *m, uint32_t row, uint32_t rows,
                       uint32_t column)
{
    for (uint32_t r = row; r < row + rows; r++)
        prn_words_put_float(words, weight(m, r, column));
}

static uint64_t code_dense(prn_words *words, const prn_layer_matrix *m)
{
    for (uint32_t row = 0, rows; row < m->rows; row += rows) {
        rows = rows_at(m, row);
        put_biases(words, m, row, rows);
        for (uint32_t column = 0; column < m->columns; column++)
            put_column(words, m, row, rows, column);
    }
    const uint64_t fours = m->columns / 4, rest = m->columns % 4;
    const uint64_t panel = 27 * fours + 8 * rest + 37, row = 12 * fours + 5 * rest + 11;
    return m->rows / PANEL * panel + m->rows % PANEL * row;
}

/* Half words, two to a word. */
typedef struct halves {
    prn_words *words;
    uint32_t first;
    int32_t full; /* whether first waits for a second */
} halves;

static void put_half(halves *h, uint32_t half)
{
    if (h->full)
        prn_words_put(h->words, h->first | half << 16);
    h->first = half;
    h->full = !h->full;
}

static uint32_t count_blocks(const prn_layer_matrix *m, uint32_t row, uint32_t rows)
{
    uint32_t blocks = 0;
    for (uint32_t column = 0; column < m->columns; column++)
        blocks += any_kept(m, row, rows, column) != 0;
    return blocks;
}

static void put_block_values(prn_words *words, const prn_layer_matrix *m)
{
    for (uint32_t row = 0, rows; row < m->rows; row += rows) {
        rows = rows_at(m, row);
        put_biases(words, m, row, rows);
        for (uint32_t column = 0; column < m->columns; column++)
            if (any_kept(m, row, rows, column))
                put_column(words, m, row, rows, column);
    }
}

static uint64_t code_blocks(prn_words *words, const prn_layer_matrix *m)
{
    prn_words values = { NULL, 0 };
    halves index = { words, 0, 0 };
    uint64_t instructions = 0;
    put_block_values(&values, m);
    prn_words_put(words, (uint32_t)values.count);
    put_block_values(words, m);
    for (uint32_t row = 0, rows; row < m->rows; row += rows) {
        rows = rows_at(m, row);
        const uint32_t blocks = count_blocks(m, row, rows);
        instructions += rows == PANEL ? 10 * (uint64_t)blocks + 36 : 7 * (uint64_t)blocks + 16;
        put_half(&index, blocks);
        for (uint32_t column = 0; column < m->columns; column++)
            if (any_kept(m, row, rows, column))
                put_half(&index, column);
    }
    if (index.full)
        put_half(&index, 0);
    return instructions;
}

/* A group in the making. */
typedef struct group {
    prn_words *words;
    uint32_t count, steps;
    float values[GROUP];
} group;

static void put_step(group *g, uint32_t step, float value)
{
    g->steps |= 4 * step << 8 * g->count;
    g->values[g->count++] = value;
    if (g->count < GROUP)
        return;
    prn_words_put(g->words, g->steps);
    for (uint32_t i = 0; i < GROUP; i++)
        prn_words_put_float(g->words, g->values[i]);
    *g = (group){ .words = g->words };
}

/* Returns the number of groups. */
static uint32_t put_steps(prn_words *words, const prn_layer_matrix *m, uint32_t row)
{
    const uint64_t first = words->count;
    group g = { .words = words };
    uint32_t at = 0;
    for (uint32_t column = 0; column < m->columns; column++) {
        if (!is_kept(m, row, column))
            continue;
        for (; column - at > STEP; at += STEP)
            put_step(&g, STEP, 0.0f);
        put_step(&g, column - at, weight(m, row, column));
        at = column;
    }
    while (g.count != 0)
        put_step(&g, 0, 0.0f);
    return (uint32_t)(words->count - first) / (GROUP + 1);
}

static uint64_t code_deltas(prn_words *words, const prn_layer_matrix *m)
{
    uint64_t instructions = 0;
    for (uint32_t row = 0; row < m->rows; row++) {
        prn_words counted = { NULL, 0 };
        const uint32_t groups = put_steps(&counted, m, row);
        put_biases(words, m, row, 1);
        prn_words_put(words, groups);
        put_steps(words, m, row);
        instructions += 16 * (uint64_t)groups + 15;
    }
    return instructions;
}

static uint32_t mask_at(const prn_layer_matrix *m, uint32_t row, uint32_t column)
{
    uint32_t mask = 0;
    for (uint32_t i = 0; i < 32 && column + i < m->columns; i++)
        mask |= is_kept(m, row, column + i) ? 0x80000000u >> i : 0;
    return mask;
}

static uint64_t code_bitmask(prn_words *words, const prn_layer_matrix *m)
{
    uint64_t instructions = 0;
    for (uint32_t row = 0; row < m->rows; row++) {
        put_biases(words, m, row, 1);
        instructions += 13;
        for (uint32_t column = 0; column < m->columns; column++) {
            if (column % 32 == 0) {
                prn_words_put(words, mask_at(m, row, column));
                instructions += 9;
            }
            if (is_kept(m, row, column)) {
                prn_words_put_float(words, weight(m, row, column));
                instructions += 8;
            }
        }
    }
    return instructions;
}

uint64_t prn_blob_code(prn_words *words, int32_t encoding, const prn_layer_matrix *m)
{
    switch (encoding) {
    case PRUNE_BLOB_BLOCKS:
        return code_blocks(words, m);
    case PRUNE_BLOB_DELTAS:
        return code_deltas(words, m);
    case PRUNE_BLOB_BITMASK:
        return code_bitmask(words, m);
    default:
        return code_dense(words, m);
    }
}

int32_t prn_blob_choose(const prn_layer_matrix *m, int32_t by_instructions)
{
    int32_t best = PRUNE_BLOB_DENSE;
    prn_words dense = { NULL, 0 };
    const uint64_t instructions_dense = prn_blob_code(&dense, best, m);
    uint64_t least = by_instructions ? instructions_dense : dense.count;
    for (int32_t encoding = best + 1; encoding <= PRUNE_BLOB_BITMASK; encoding++) {
        prn_words words = { NULL, 0 };
        const uint64_t instructions = prn_blob_code(&words, encoding, m);
        const uint64_t cost = by_instructions ? instructions : words.count;
        if (cost < least && words.count <= dense.count) {
            least = cost;
            best = encoding;
        }
    }
    return best;
}
