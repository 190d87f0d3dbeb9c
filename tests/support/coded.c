/* coded.c -- matrices to encode, and one small one whose bytes are written down from encoding.h by hand
 *
 * SPDX-License-Identifier: MIT */
#include "coded.h"

#include <stdlib.h>
#include <string.h>

/* ---- random ones ---- */

static float odd_value(prune_rng *rng)
{
    static const uint32_t bits[] = { 0x80000000u, 0u,          1u,          0x80000001u, 0x007fffffu,
                                     0x7f800000u, 0xff800000u, 0x7fc00001u, 0x7f800001u, 0xffffffffu };
    float value;
    memcpy(&value, &bits[coded_below(rng, sizeof bits / sizeof bits[0])], sizeof value);
    return value;
}

void coded_make(coded_matrix *m, size_t rows, size_t columns, double density, int32_t odd, prune_rng *rng)
{
    *m = (coded_matrix){ .rows = rows, .columns = columns };
    m->values = malloc(rows * columns * sizeof *m->values);
    m->kept = malloc(rows * columns);
    ck_assert(m->values != NULL && m->kept != NULL);
    for (size_t i = 0; i < rows * columns; i++) {
        const float value = prune_rng_normal(rng);
        const float special = odd_value(rng);
        memcpy(&m->values[i], odd && coded_below(rng, 4) == 0 ? &special : &value, sizeof value);
        m->kept[i] = (uint8_t)((double)prune_rng_uniform(rng) < density ? 1 + coded_below(rng, 255) : 0);
    }
    ck_assert_ok(prune_tensor_const_matrix(&m->tensor, NULL, PRUNE_F32, rows, columns, m->values));
}

void coded_thin(coded_matrix *m, size_t keep, size_t of)
{
    for (size_t row = 0; row < m->rows; row++) {
        size_t kept = 0;
        for (size_t i = 0; i < m->columns; i++) {
            uint8_t *at = &m->kept[row * m->columns + i];
            kept = (i % of == 0 ? 0 : kept) + (*at != 0);
            *at = kept > keep ? 0 : *at;
        }
    }
}

void coded_end(coded_matrix *m)
{
    prune_tensor_free(m->tensor);
    free(m->values);
    free(m->kept);
}

size_t coded_kept(const coded_matrix *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->rows * m->columns; i++)
        kept += m->kept[i] != 0;
    return kept;
}

float coded_weight(const coded_matrix *m, size_t row, size_t column)
{
    const size_t i = row * m->columns + column;
    return m->kept[i] != 0 ? m->values[i] : 0.0f;
}

prune_encoding_options coded_options(int32_t encoding)
{
    prune_encoding_options options;
    prune_encoding_options_init(&options);
    options.encoding = encoding;
    return options;
}

unsigned char *coded_encode(size_t *length, const coded_matrix *m, const prune_encoding_options *options)
{
    prune_encoding_info info;
    prune_encoding_info_init(&info);
    ck_assert_ok(prune_encoding_measure(&info, m->tensor, m->kept, options));
    *length = (size_t)info.bytes;
    unsigned char *bytes = malloc(*length);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_ok(prune_encoding_encode(bytes, *length, m->tensor, m->kept, options));
    return bytes;
}

double coded_density(size_t n)
{
    static const double densities[] = { 0.0, 0.01, 0.1, 0.5, 0.9, 1.0 };
    return densities[n % (sizeof densities / sizeof densities[0])];
}

prune_encoding_options coded_random_options(int32_t id, prune_rng *rng)
{
    prune_encoding_options options = coded_options(id);
    options.lanes = 1 + (int32_t)coded_below(rng, 9);
    options.block_rows = 1 + (int32_t)coded_below(rng, 5);
    options.block_columns = 1 + (int32_t)coded_below(rng, 5);
    options.of = 2 + (int32_t)coded_below(rng, 16);
    options.keep = 1 + (int32_t)coded_below(rng, (size_t)options.of - 1);
    return options;
}

void coded_check_decoded(const coded_matrix *m, const unsigned char *bytes, size_t length)
{
    const size_t ld = m->columns + 3;
    const prune_shape shape = { 2, { m->rows, m->columns, 0, 0 } };
    float *values = malloc(m->rows * ld * sizeof *values);
    prune_tensor *tensor;
    ck_assert_ptr_nonnull(values);
    memset(values, CODED_RUBBISH, m->rows * ld * sizeof *values);
    ck_assert_ok(prune_tensor_wrap(&tensor, NULL, PRUNE_F32, &shape, ld, values));
    ck_assert_ok(prune_encoding_decode(tensor, bytes, length));
    uint32_t rubbish;
    size_t wrong = 0;
    memset(&rubbish, CODED_RUBBISH, sizeof rubbish);
    for (size_t row = 0; row < m->rows; row++)
        for (size_t i = 0; i < ld; i++) {
            uint32_t expected = i < m->columns ? 0 : rubbish;
            if (i < m->columns && m->kept[row * m->columns + i] != 0)
                memcpy(&expected, &m->values[row * m->columns + i], sizeof expected);
            wrong += memcmp(&values[row * ld + i], &expected, sizeof expected) != 0;
        }
    ck_assert_uint_eq(wrong, 0);
    prune_tensor_free(tensor);
    free(values);
}

/* ---- the small one ---- */

const float coded_small[15] = { 9, 2, 9, 9, -1, 9, 9, 9, 9, 9, 0.5f, 9, 9, 0, 9 };
const uint8_t coded_small_kept[15] = { 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0 };

prune_encoding_options coded_small_options(int32_t encoding)
{
    prune_encoding_options options = coded_options(encoding);
    options.lanes = 2;
    options.block_rows = 2;
    options.block_columns = 3;
    options.keep = 1;
    options.of = 3;
    return options;
}

#define WORD(n) (n), 0, 0, 0
#define HEADER(id, p, q, values, gaps) (id), 1, (p), (q), WORD(3), WORD(5), WORD(values), WORD(gaps), WORD(0)
#define SHORT(n) (n), 0
#define ZERO 0, 0, 0, 0
#define TWO 0, 0, 0, 0x40
#define MINUS 0, 0, 0x80, 0xbf
#define HALF 0, 0, 0, 0x3f

static const unsigned char dense[] = { HEADER(1, 0, 0, 15, 0),
                                       ZERO,
                                       TWO,
                                       ZERO,
                                       ZERO,
                                       MINUS,
                                       ZERO,
                                       ZERO,
                                       ZERO,
                                       ZERO,
                                       ZERO,
                                       HALF,
                                       ZERO,
                                       ZERO,
                                       ZERO,
                                       ZERO };
static const unsigned char csr[] = { HEADER(2, 0, 0, 4, 0),
                                     TWO,
                                     MINUS,
                                     HALF,
                                     ZERO,
                                     SHORT(2),
                                     SHORT(2),
                                     SHORT(4),
                                     SHORT(1),
                                     SHORT(4),
                                     SHORT(0),
                                     SHORT(3),
                                     0,
                                     0 };
static const unsigned char sliced[] = { HEADER(3, 2, 0, 8, 0),
                                        TWO,
                                        ZERO,
                                        MINUS,
                                        ZERO, /* rows 0 and 1 */
                                        HALF,
                                        ZERO,
                                        ZERO,
                                        ZERO, /* row 2 and beyond */
                                        SHORT(2),
                                        SHORT(4),
                                        SHORT(1),
                                        SHORT(0),
                                        SHORT(4),
                                        SHORT(0),
                                        SHORT(0),
                                        SHORT(0),
                                        SHORT(3),
                                        SHORT(0) };
static const unsigned char blocks[] = { HEADER(4, 2, 3, 24, 0),
                                        ZERO,
                                        TWO,
                                        ZERO,
                                        ZERO,
                                        ZERO,
                                        ZERO,
                                        ZERO,
                                        MINUS,
                                        ZERO,
                                        ZERO,
                                        ZERO,
                                        ZERO,
                                        HALF,
                                        ZERO,
                                        ZERO,
                                        ZERO,
                                        ZERO,
                                        ZERO,
                                        ZERO,
                                        ZERO,
                                        ZERO,
                                        ZERO,
                                        ZERO,
                                        ZERO,
                                        SHORT(2),
                                        SHORT(4),
                                        0,
                                        1,
                                        0,
                                        1 };
static const unsigned char n_of_m[] = {
    HEADER(5, 1, 3, 6, 0), TWO, MINUS, ZERO, ZERO, HALF, ZERO, 0x05, 0, 0, 0
};
static const unsigned char bitmask[] = { HEADER(6, 0, 0, 4, 0), TWO, MINUS, HALF, ZERO, 0x12, 0, 0x09, 0 };
static const unsigned char deltas[] = {
    HEADER(7, 0, 0, 4, 4), TWO, MINUS, HALF, ZERO, SHORT(2), SHORT(2), SHORT(4), 1, 2, 0, 2, 0, 0
};

const unsigned char *coded_small_bytes(size_t *length, int32_t encoding)
{
    static const struct {
        const unsigned char *bytes;
        size_t length;
    } all[] = { { NULL, 0 },
                { dense, sizeof dense },
                { csr, sizeof csr },
                { sliced, sizeof sliced },
                { blocks, sizeof blocks },
                { n_of_m, sizeof n_of_m },
                { bitmask, sizeof bitmask },
                { deltas, sizeof deltas } };
    *length = all[encoding].length;
    return all[encoding].bytes;
}
