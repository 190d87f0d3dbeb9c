/* encoding.h -- a weight matrix as bytes: the formats, dense and six that store only what is kept
 *
 * W[O][I] is a matrix of O rows, I columns each, of which some weights are kept and the others are 0. A kept
 * weight is stored even if it is 0. Decoding gives back the same bits, +0 for what is not kept; -0,
 * denormals, infinities and NaNs stay what they are.
 *
 * Bytes, the same on every machine, little-endian, for any alignment of the whole:
 *      0  u8   encoding, PRUNE_ENCODING_*        1  u8   dtype of the values, PRUNE_F32
 *      2  u8   p                                 3  u8   q, both 0 where nothing is said of them below
 *      4  u32  O                                 8  u32  I
 *     12  u32  V, stored values                 16  u32  G, gap bytes; else 0
 *     20  u32  0
 *     24  values f32[V], then ends[E], then index[X], as below
 * An array starts at the next multiple of its element's size, and the whole ends at a multiple of 4; bytes
 * between are 0. Ends say where row (slice, block row) e ends, counted from the start of the matrix; it
 * begins where the one before ends. They are u16 when the last of them is below 65536, else u32. The numbers
 * of columns are u16 if there are at most 65536 of them, else u32.
 *     DENSE    V = O I; no ends, no index
 *     CSR      ends[O] in values; index[V]: the column of each, ascending within a row
 *     SLICED   p = lanes. A slice is p rows, as many steps wide as its longest row, and stores p values a
 *              step, one of each row, then those of the next step. ends[ceil(O / p)] in steps; index[V]:
 *              columns. A row that has ended has +0 for value, and for column its last again (0 if it is
 *              empty), as have rows beyond O
 *     BLOCKS   p x q blocks (rows x columns) of which any weight is kept: p q values each, row by row, +0
 *              beyond the edges. ends[ceil(O / p)] in blocks; index: the column of blocks of each,
 *              ascending; u8 if there are at most 256
 *     N_OF_M   at most p of every q columns of a row are kept, counted from column 0: p values for each such
 *              group (the last of a row, if shorter, has no more than its length), in the order of
 *              columns; if fewer are kept, the first others fill up, as +0. index: where in its group each
 *              is, b = ceil(log2 q) bits, least significant first, all in one row of ceil(V b / 8) bytes
 *     BITMASK  index: ceil(I / 8) bytes a row; bit i % 8 of byte i / 8 is 1 if column i is kept; V values
 *     DELTAS   ends[O] in values; index u8[G]: for each value how many columns lie between it and the one
 *              before in its row (or the row's start); 255 stands for 255 columns and has no value, goes on
 *
 * What is done with them: encode.h; with those of a model: encoded.h.
 * On chips: libprune-firmware.a.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_ENCODING_H
#define LIBPRUNE_ENCODING_H

#include "libprune/tensor.h"

PRUNE_API_BEGIN
/* FFI-BEGIN */
/* Written into bytes, so the values never change. BEST is none of them: the smallest, the first of equals,
 * and so never larger than dense. */
enum {
    PRUNE_ENCODING_BEST = 0,
    PRUNE_ENCODING_DENSE = 1,
    PRUNE_ENCODING_CSR = 2,
    PRUNE_ENCODING_SLICED = 3,
    PRUNE_ENCODING_BLOCKS = 4,
    PRUNE_ENCODING_N_OF_M = 5,
    PRUNE_ENCODING_BITMASK = 6,
    PRUNE_ENCODING_DELTAS = 7
};
enum { PRUNE_ENCODING_HEADER = 24 }; /* bytes before the values */

typedef struct prune_encoding_options {
    size_t size;           /* sizeof(prune_encoding_options), by prune_encoding_options_init() */
    int32_t encoding;      /* PRUNE_ENCODING_*; PRUNE_ENCODING_BEST */
    int32_t lanes;         /* SLICED: rows of a slice, 1 .. 255; 8 */
    int32_t block_rows;    /* BLOCKS: 1 .. 255; 4 */
    int32_t block_columns; /* BLOCKS: 1 .. 255; 1 */
    int32_t keep;          /* N_OF_M: keep so many, at least 1 and below `of`; 2 */
    int32_t of;            /* N_OF_M: of every so many along the inputs, 2 .. 255; 4 */
} prune_encoding_options;

/* Encoded bytes described. Where the encoding has no such parameter it is 0. */
typedef struct prune_encoding_info {
    size_t size;      /* sizeof(prune_encoding_info), by prune_encoding_info_init() */
    int32_t encoding; /* which one, never BEST */
    int32_t dtype;    /* PRUNE_F32 */
    int32_t lanes;
    int32_t block_rows;
    int32_t block_columns;
    int32_t keep;
    int32_t of;
    int32_t index_bytes; /* of one element of index; 0: there is none */
    uint64_t rows;
    uint64_t columns;
    uint64_t stored; /* values, fillers included */
    uint64_t bytes;  /* of the whole, header included */
} prune_encoding_info;

/* Set size and defaults (info: the rest 0). NULL is fine. */
void prune_encoding_options_init(prune_encoding_options *options);
void prune_encoding_info_init(prune_encoding_info *info);

/* "dense", "csr", "sliced", "blocks", "n_of_m", "bitmask", "deltas"; NULL for any other number. */
const char *prune_encoding_name(int32_t encoding);
/* FFI-END */
PRUNE_API_END

#endif
