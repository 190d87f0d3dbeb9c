/* blob_decode.c -- the weights of a layer of a blob, whatever its encoding
 *
 * SPDX-License-Identifier: MIT */
#include "blob_decode.h"
#include "blob.h"

/* Where the walk through a layer's data is. */
typedef struct reader {
    const prune_blob_layer *layer;
    const uint32_t *at;
    prn_blob_visit *visit;
    void *user;
} reader;

/* The next word is a number, of the row and column. */
static void give(reader *r, uint32_t row, uint32_t column)
{
    r->visit(r->user, row, column, *(const float *)(const void *)r->at++);
}

static void give_rows(reader *r, uint32_t row, uint32_t rows, uint32_t column)
{
    for (uint32_t k = 0; k < rows; k++)
        give(r, row + k, column);
}

static uint32_t rows_at(const reader *r, uint32_t row)
{
    return r->layer->outputs - row >= PRUNE_BLOB_PANEL ? PRUNE_BLOB_PANEL : 1;
}

static void read_dense(reader *r)
{
    const uint32_t inputs = r->layer->inputs;
    for (uint32_t row = 0, rows; row < r->layer->outputs; row += rows) {
        rows = rows_at(r, row);
        give_rows(r, row, rows, inputs);
        for (uint32_t column = 0; column < inputs; column++)
            give_rows(r, row, rows, column);
    }
}

static void read_blocks(reader *r)
{
    const uint32_t values = *r->at++;
    const uint16_t *index = (const uint16_t *)(r->at + values);
    for (uint32_t row = 0, rows; row < r->layer->outputs; row += rows) {
        rows = rows_at(r, row);
        give_rows(r, row, rows, r->layer->inputs);
        for (uint32_t left = *index++; left != 0; left--)
            give_rows(r, row, rows, *index++);
    }
}

static void read_deltas(reader *r)
{
    for (uint32_t row = 0; row < r->layer->outputs; row++) {
        uint32_t place = 0; /* in bytes */
        give(r, row, r->layer->inputs);
        for (uint32_t groups = *r->at++; groups != 0; groups--) {
            uint32_t steps = *r->at++;
            for (int k = 0; k < 4; k++, steps >>= 8) {
                place += steps & 255u;
                give(r, row, place / 4);
            }
        }
    }
}

static void read_bitmask(reader *r)
{
    for (uint32_t row = 0; row < r->layer->outputs; row++) {
        give(r, row, r->layer->inputs);
        for (uint32_t first = 0; first < r->layer->inputs; first += 32)
            for (uint32_t mask = *r->at++, column = first; mask != 0; mask <<= 1, column++)
                if (mask >> 31 != 0)
                    give(r, row, column);
    }
}

int32_t prn_blob_decode(const prune_blob_layer *layer, prn_blob_visit *visit, void *user)
{
    reader r = { layer, prn_layer_data(layer), visit, user };
    switch (layer->op) {
    case PRUNE_BLOB_DENSE:
        read_dense(&r);
        return 1;
    case PRUNE_BLOB_BLOCKS:
        read_blocks(&r);
        return 1;
    case PRUNE_BLOB_DELTAS:
        read_deltas(&r);
        return 1;
    case PRUNE_BLOB_BITMASK:
        read_bitmask(&r);
        return 1;
    default:
        return 0;
    }
}
