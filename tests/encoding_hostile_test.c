/* encoding_hostile_test.c -- bytes that are no matrix are refused, and others stay in bounds
 *
 * All bytes lie in blocks of exactly their size, so that a sanitizer sees one read too many.
 *
 * SPDX-License-Identifier: MIT */
#include "support/coded.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ELEMENTS = 1 << 16 };

static void *block(size_t size)
{
    void *made = malloc(size);
    ck_assert_ptr_nonnull(made);
    return made;
}

/* ---- what is let through ---- */

static prune_tensor *matrix(size_t rows, size_t columns, float *data)
{
    prune_tensor *tensor;
    ck_assert_ok(prune_tensor_matrix(&tensor, NULL, PRUNE_F32, rows, columns, data));
    return tensor;
}

/* Sums that are finite must be those of the decoded matrix. */
static int32_t sums_agree(const float *weights, const float *x, const float *y, const size_t shape[2])
{
    for (size_t row = 0; row < shape[0]; row++) {
        float sum = 0.0f;
        for (size_t i = 0; i < shape[1]; i++)
            sum += weights[row * shape[1] + i] * x[i];
        if (isfinite(sum) && memcmp(&sum, &y[row], sizeof sum) != 0)
            return 0;
    }
    return 1;
}

static void use(const prune_encoding_info *info, const unsigned char *bytes, size_t length)
{
    const size_t shape[2] = { (size_t)info->rows, (size_t)info->columns };
    float *weights = block(shape[0] * shape[1] * sizeof *weights);
    float *x = block(shape[1] * sizeof *x), *y = block(shape[0] * sizeof *y);
    for (size_t i = 0; i < shape[1]; i++)
        x[i] = 0.5f + (float)(i % 7);
    prune_tensor *all = matrix(shape[0], shape[1], weights);
    prune_tensor *in = matrix(1, shape[1], x), *out = matrix(1, shape[0], y);
    ck_assert_ok(prune_encoding_decode(all, bytes, length));
    ck_assert_ok(prune_encoding_apply(out, in, bytes, length, 0));
    ck_assert(sums_agree(weights, x, y, shape));
    prune_tensor_free(all);
    prune_tensor_free(in);
    prune_tensor_free(out);
    free(weights);
    free(x);
    free(y);
}

/* 1 if it was let through. */
static int32_t look_at(const unsigned char *bytes, size_t length)
{
    prune_encoding_info info;
    prune_error error = { 0 };
    prune_encoding_info_init(&info);
    const prune_status status = prune_encoding_check(&info, bytes, length, &error);
    if (status != PRUNE_OK) {
        const int32_t known =
            status == PRUNE_E_FORMAT || status == PRUNE_E_VERSION || status == PRUNE_E_TRUNCATED;
        if (!known || error.status != status || error.reason[0] == '\0' || info.bytes != 0)
            ck_abort_msg("status %d: %s", (int)status, error.reason);
        return 0;
    }
    if (info.bytes != length || info.rows == 0 || info.columns == 0)
        ck_abort_msg("let through with a wrong shape or length");
    if (info.rows * info.columns <= MOST_ELEMENTS)
        use(&info, bytes, length);
    return 1;
}

/* ---- lengths ---- */

static void check_lengths(const unsigned char *bytes, size_t length)
{
    for (size_t l = 0; l <= length + 9; l++) {
        unsigned char *copy = block(l == 0 ? 1 : l);
        memset(copy, 0, l);
        memcpy(copy, bytes, l < length ? l : length);
        ck_assert_status(prune_encoding_check(NULL, copy, l, NULL),
                         l == length ? PRUNE_OK : PRUNE_E_TRUNCATED);
        free(copy);
    }
}

START_TEST(every_truncation)
{
    prune_rng rng;
    prune_rng_seed(&rng, 1);
    for (size_t n = 0; n < 12; n++)
        for (int32_t id = CODED_FIRST; id <= CODED_LAST; id++) {
            coded_matrix m;
            size_t length;
            const prune_encoding_options options = coded_random_options(id, &rng);
            coded_make(&m, 1 + coded_below(&rng, 7), 1 + coded_below(&rng, 11), coded_density(n), 1, &rng);
            if (id == PRUNE_ENCODING_N_OF_M)
                coded_thin(&m, (size_t)options.keep, (size_t)options.of);
            unsigned char *bytes = coded_encode(&length, &m, &options);
            check_lengths(bytes, length);
            free(bytes);
            coded_end(&m);
        }
}
END_TEST

/* ---- one byte, of which it is known what it means ---- */

typedef struct alteration {
    int32_t encoding;
    size_t at;
    unsigned char byte;
    prune_status status;
} alteration;

/* Offsets in the small matrix of support/coded.c. */
static const alteration alterations[] = {
    { PRUNE_ENCODING_CSR, 0, 0, PRUNE_E_VERSION },        /* no encoding */
    { PRUNE_ENCODING_CSR, 0, 8, PRUNE_E_VERSION },        /* */
    { PRUNE_ENCODING_CSR, 0, 255, PRUNE_E_VERSION },      /* */
    { PRUNE_ENCODING_CSR, 1, 2, PRUNE_E_VERSION },        /* not F32 */
    { PRUNE_ENCODING_CSR, 20, 1, PRUNE_E_VERSION },       /* what must be 0 */
    { PRUNE_ENCODING_CSR, 23, 128, PRUNE_E_VERSION },     /* */
    { PRUNE_ENCODING_CSR, 2, 1, PRUNE_E_FORMAT },         /* p and q mean nothing here */
    { PRUNE_ENCODING_CSR, 3, 1, PRUNE_E_FORMAT },         /* */
    { PRUNE_ENCODING_CSR, 4, 0, PRUNE_E_FORMAT },         /* no rows */
    { PRUNE_ENCODING_CSR, 8, 0, PRUNE_E_FORMAT },         /* no columns */
    { PRUNE_ENCODING_CSR, 7, 128, PRUNE_E_FORMAT },       /* rows over INT_MAX */
    { PRUNE_ENCODING_CSR, 11, 128, PRUNE_E_FORMAT },      /* columns too */
    { PRUNE_ENCODING_CSR, 11, 127, PRUNE_E_FORMAT },      /* elements over 2^32 - 1 */
    { PRUNE_ENCODING_CSR, 4, 200, PRUNE_E_TRUNCATED },    /* more rows than there are ends */
    { PRUNE_ENCODING_CSR, 12, 5, PRUNE_E_TRUNCATED },     /* more values */
    { PRUNE_ENCODING_CSR, 15, 255, PRUNE_E_FORMAT },      /* more values than elements */
    { PRUNE_ENCODING_CSR, 16, 1, PRUNE_E_FORMAT },        /* gaps */
    { PRUNE_ENCODING_CSR, 40, 3, PRUNE_E_FORMAT },        /* ends descend */
    { PRUNE_ENCODING_CSR, 44, 3, PRUNE_E_FORMAT },        /* and stop too early */
    { PRUNE_ENCODING_CSR, 44, 5, PRUNE_E_FORMAT },        /* too late */
    { PRUNE_ENCODING_CSR, 41, 255, PRUNE_E_FORMAT },      /* */
    { PRUNE_ENCODING_CSR, 48, 5, PRUNE_E_FORMAT },        /* a column beyond */
    { PRUNE_ENCODING_CSR, 49, 255, PRUNE_E_FORMAT },      /* far beyond */
    { PRUNE_ENCODING_CSR, 48, 1, PRUNE_E_FORMAT },        /* a column twice */
    { PRUNE_ENCODING_CSR, 48, 0, PRUNE_E_FORMAT },        /* descending */
    { PRUNE_ENCODING_CSR, 46, 3, PRUNE_OK },              /* another column */
    { PRUNE_ENCODING_CSR, 54, 1, PRUNE_E_FORMAT },        /* the end is not 0 */
    { PRUNE_ENCODING_CSR, 24, 77, PRUNE_OK },             /* another value */
    { PRUNE_ENCODING_DENSE, 12, 14, PRUNE_E_FORMAT },     /* not all values */
    { PRUNE_ENCODING_DENSE, 16, 1, PRUNE_E_FORMAT },      /* gaps */
    { PRUNE_ENCODING_SLICED, 2, 0, PRUNE_E_FORMAT },      /* no lanes */
    { PRUNE_ENCODING_SLICED, 2, 3, PRUNE_E_FORMAT },      /* values are no steps of 3 */
    { PRUNE_ENCODING_SLICED, 3, 1, PRUNE_E_FORMAT },      /* q means nothing here */
    { PRUNE_ENCODING_SLICED, 36, 1, PRUNE_E_FORMAT },     /* a filler that is not 0 */
    { PRUNE_ENCODING_SLICED, 44, 1, PRUNE_E_FORMAT },     /* a value beyond the rows */
    { PRUNE_ENCODING_SLICED, 70, 1, PRUNE_E_FORMAT },     /* a column there */
    { PRUNE_ENCODING_SLICED, 62, 1, PRUNE_E_FORMAT },     /* columns descend */
    { PRUNE_ENCODING_SLICED, 64, 1, PRUNE_E_FORMAT },     /* a column twice, with a value */
    { PRUNE_ENCODING_SLICED, 64, 5, PRUNE_E_FORMAT },     /* a column beyond */
    { PRUNE_ENCODING_SLICED, 66, 1, PRUNE_OK },           /* a 0 more that is kept */
    { PRUNE_ENCODING_SLICED, 72, 0, PRUNE_E_FORMAT },     /* a step that no row needs */
    { PRUNE_ENCODING_SLICED, 58, 3, PRUNE_E_FORMAT },     /* ends stop too early */
    { PRUNE_ENCODING_SLICED, 56, 5, PRUNE_E_FORMAT },     /* and descend */
    { PRUNE_ENCODING_BLOCKS, 2, 0, PRUNE_E_FORMAT },      /* no block */
    { PRUNE_ENCODING_BLOCKS, 3, 0, PRUNE_E_FORMAT },      /* */
    { PRUNE_ENCODING_BLOCKS, 3, 5, PRUNE_E_FORMAT },      /* values are no blocks of 10 */
    { PRUNE_ENCODING_BLOCKS, 125, 0, PRUNE_E_FORMAT },    /* a block twice */
    { PRUNE_ENCODING_BLOCKS, 125, 2, PRUNE_E_FORMAT },    /* beyond */
    { PRUNE_ENCODING_BLOCKS, 127, 255, PRUNE_E_FORMAT },  /* far beyond */
    { PRUNE_ENCODING_BLOCKS, 124, 1, PRUNE_E_FORMAT },    /* */
    { PRUNE_ENCODING_BLOCKS, 56, 1, PRUNE_E_FORMAT },     /* beyond the right edge */
    { PRUNE_ENCODING_BLOCKS, 84, 1, PRUNE_E_FORMAT },     /* below the last row */
    { PRUNE_ENCODING_BLOCKS, 120, 3, PRUNE_E_FORMAT },    /* three blocks of two */
    { PRUNE_ENCODING_N_OF_M, 2, 0, PRUNE_E_FORMAT },      /* none of 3 */
    { PRUNE_ENCODING_N_OF_M, 2, 3, PRUNE_E_FORMAT },      /* all of 3 */
    { PRUNE_ENCODING_N_OF_M, 12, 5, PRUNE_E_FORMAT },     /* not 6 values */
    { PRUNE_ENCODING_N_OF_M, 48, 7, PRUNE_E_FORMAT },     /* position 3 of 3 */
    { PRUNE_ENCODING_N_OF_M, 48, 9, PRUNE_E_FORMAT },     /* column 5 of 5 */
    { PRUNE_ENCODING_N_OF_M, 48, 6, PRUNE_OK },           /* another position */
    { PRUNE_ENCODING_N_OF_M, 49, 16, PRUNE_E_FORMAT },    /* bits of no slot */
    { PRUNE_ENCODING_BITMASK, 40, 0x32, PRUNE_E_FORMAT }, /* more bits than values */
    { PRUNE_ENCODING_BITMASK, 40, 0x02, PRUNE_E_FORMAT }, /* fewer */
    { PRUNE_ENCODING_BITMASK, 40, 0x22, PRUNE_E_FORMAT }, /* one beyond the columns */
    { PRUNE_ENCODING_BITMASK, 40, 0x03, PRUNE_OK },       /* another column */
    { PRUNE_ENCODING_BITMASK, 43, 1, PRUNE_E_FORMAT },    /* the end is not 0 */
    { PRUNE_ENCODING_DELTAS, 16, 3, PRUNE_E_FORMAT },     /* fewer gaps than values */
    { PRUNE_ENCODING_DELTAS, 16, 5, PRUNE_E_FORMAT },     /* a gap of no value */
    { PRUNE_ENCODING_DELTAS, 17, 1, PRUNE_E_FORMAT },     /* more gaps than elements */
    { PRUNE_ENCODING_DELTAS, 47, 3, PRUNE_E_FORMAT },     /* beyond the columns */
    { PRUNE_ENCODING_DELTAS, 47, 255, PRUNE_E_FORMAT },   /* far beyond */
    { PRUNE_ENCODING_DELTAS, 49, 255, PRUNE_E_FORMAT },   /* and without an end */
    { PRUNE_ENCODING_DELTAS, 46, 0, PRUNE_OK },           /* another column */
    { PRUNE_ENCODING_DELTAS, 44, 3, PRUNE_E_FORMAT },     /* ends stop too early */
};

START_TEST(each_rule_of_the_format)
{
    for (size_t i = 0; i < sizeof alterations / sizeof alterations[0]; i++) {
        const alteration *a = &alterations[i];
        size_t length;
        const unsigned char *good = coded_small_bytes(&length, a->encoding);
        unsigned char *bytes = block(length);
        memcpy(bytes, good, length);
        ck_assert_uint_ne(bytes[a->at], a->byte);
        bytes[a->at] = a->byte;
        const prune_status status = prune_encoding_check(NULL, bytes, length, NULL);
        ck_assert_msg(status == a->status, "alteration %d: %d", (int)i, (int)status);
        (void)look_at(bytes, length);
        free(bytes);
    }
}
END_TEST

/* ---- any byte ---- */

START_TEST(every_byte_of_small_ones)
{
    for (int32_t id = CODED_FIRST; id <= CODED_LAST; id++) {
        size_t length;
        const unsigned char *good = coded_small_bytes(&length, id);
        unsigned char *bytes = block(length);
        memcpy(bytes, good, length);
        for (size_t at = 0; at < length; at++) {
            for (uint32_t byte = 0; byte < 256; byte++) {
                bytes[at] = (unsigned char)byte;
                (void)look_at(bytes, length);
            }
            bytes[at] = good[at];
        }
        free(bytes);
    }
}
END_TEST

/* Some bytes at once, half of them in the header, half of those as it may well be. */
static void alter(unsigned char *bytes, size_t length, prune_rng *rng)
{
    for (uint64_t n = 1 + coded_below(rng, 4); n != 0; n--) {
        const size_t range = coded_below(rng, 4) == 0 ? PRUNE_ENCODING_HEADER : length;
        const uint64_t by = coded_below(rng, 4);
        unsigned char *at = &bytes[coded_below(rng, range)];
        const uint64_t byte = by == 0   ? coded_below(rng, 256)
                              : by == 1 ? coded_below(rng, 2) * 255
                              : by == 2 ? (uint64_t)*at + 1
                                        : (uint64_t)*at ^ (uint64_t)1 << coded_below(rng, 8);
        *at = (unsigned char)(byte & 255);
    }
}

START_TEST(thousands_of_alterations)
{
    prune_rng rng;
    prune_rng_seed(&rng, 2);
    for (int32_t id = CODED_FIRST; id <= CODED_LAST; id++) {
        int32_t let_through = 0;
        for (size_t n = 0; n < 60; n++) {
            coded_matrix m;
            size_t length;
            const prune_encoding_options options = coded_random_options(id, &rng);
            coded_make(&m, 1 + coded_below(&rng, 9), 1 + coded_below(&rng, n % 2 ? 12 : 600),
                       coded_density(n), 0, &rng);
            if (id == PRUNE_ENCODING_N_OF_M)
                coded_thin(&m, (size_t)options.keep, (size_t)options.of);
            unsigned char *good = coded_encode(&length, &m, &options), *bytes = block(length);
            for (size_t times = 0; times < 100; times++) {
                memcpy(bytes, good, length);
                alter(bytes, length, &rng);
                let_through += look_at(bytes, length);
            }
            free(good);
            free(bytes);
            coded_end(&m);
        }
        ck_assert_int_gt(let_through, 100); /* values, mostly */
        ck_assert_int_lt(let_through, 5500);
    }
}
END_TEST

/* A header that says anything, and rubbish or nothing behind it. */
START_TEST(rubbish)
{
    prune_rng rng;
    prune_rng_seed(&rng, 3);
    for (size_t n = 0; n < 20000; n++) {
        const size_t length = PRUNE_ENCODING_HEADER + 4 * coded_below(&rng, 20);
        unsigned char *bytes = block(length);
        for (size_t i = 0; i < length; i++)
            bytes[i] = (unsigned char)(n % 3 == 0 ? coded_below(&rng, 256) : coded_below(&rng, 2));
        bytes[0] = (unsigned char)(CODED_FIRST + (int32_t)coded_below(&rng, CODED_LAST));
        bytes[1] = PRUNE_F32;
        memset(bytes + 20, 0, 4);
        for (size_t i = 4; i < 20; i += 4) {
            memset(bytes + i + 1, 0, 3);
            bytes[i] = (unsigned char)coded_below(&rng, 6);
        }
        (void)look_at(bytes, length);
        free(bytes);
    }
}
END_TEST

START_TEST(nothing_at_all)
{
    prune_error error;
    unsigned char byte = 1;
    ck_assert_status(prune_encoding_check(NULL, NULL, 0, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_encoding_check(NULL, NULL, 100, &error), PRUNE_E_ARGUMENT);
    ck_assert_int_eq(error.status, PRUNE_E_ARGUMENT);
    ck_assert_status(prune_encoding_check(NULL, &byte, 0, &error), PRUNE_E_TRUNCATED);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_truncation, each_rule_of_the_format, every_byte_of_small_ones, thousands_of_alterations,
        rubbish,          nothing_at_all
    };
    return run_tests("encoding_hostile", tests, sizeof tests / sizeof tests[0]);
}
