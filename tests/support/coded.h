/* coded.h -- matrices to encode, and one small one whose bytes are written down from encoding.h by hand
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_CODED_H
#define TESTS_CODED_H

#include "runner.h"

enum {
    CODED_FIRST = PRUNE_ENCODING_DENSE,
    CODED_LAST = PRUNE_ENCODING_DELTAS,
    CODED_MOST = 160,
    CODED_RUBBISH = 0xA5
};

/* 0 .. bound - 1, as a count. */
static inline size_t coded_below(prune_rng *rng, size_t bound)
{
    return (size_t)prune_rng_below(rng, bound);
}

/* A matrix with its mask, in blocks of exactly their size. `all` is kept in every row if it says so. */
typedef struct coded_matrix {
    size_t rows, columns;
    float *values; /* rubbish where it is not kept */
    uint8_t *kept;
    prune_tensor *tensor;
} coded_matrix;

/* Each weight kept with this probability; `odd` ones among them: -0, 0, denormals, infinities, NaNs. */
void coded_make(coded_matrix *m, size_t rows, size_t columns, double density, int32_t odd, prune_rng *rng);

/* Removes what is too much for N of M. */
void coded_thin(coded_matrix *m, size_t keep, size_t of);
void coded_end(coded_matrix *m);

size_t coded_kept(const coded_matrix *m);

/* The weight as it is after decoding. */
float coded_weight(const coded_matrix *m, size_t row, size_t column);

prune_encoding_options coded_options(int32_t encoding);

/* From none to all, in turn. */
double coded_density(size_t n);

/* Parameters for every matrix anew, so that every shape meets slices, blocks and groups of all kinds. */
prune_encoding_options coded_random_options(int32_t encoding, prune_rng *rng);

/* Decodes into a larger matrix, and compares the bits there and beside. */
void coded_check_decoded(const coded_matrix *m, const unsigned char *bytes, size_t length);

/* Encoded into a block of exactly that size; free() ends it. */
unsigned char *coded_encode(size_t *length, const coded_matrix *m, const prune_encoding_options *options);

/* The small matrix, 3 x 5: 2 and -1 in columns 1 and 4 of the first row, nothing in the second, 0.5 and a
 * kept 0 in columns 0 and 3 of the third; lanes 2, blocks 2 x 3, 1 of 3. */
extern const float coded_small[15];
extern const uint8_t coded_small_kept[15];
prune_encoding_options coded_small_options(int32_t encoding);
const unsigned char *coded_small_bytes(size_t *length, int32_t encoding);

#endif
