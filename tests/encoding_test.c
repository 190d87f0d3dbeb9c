/* encoding_test.c -- matrices to bytes and back, how many bytes, and the product with them
 *
 * SPDX-License-Identifier: MIT */
#include "support/coded.h"

#include <stdlib.h>
#include <string.h>

enum { CANARY = 16 };

/* ---- the format ---- */

START_TEST(bytes_are_pinned)
{
    prune_tensor *weights;
    ck_assert_ok(prune_tensor_const_matrix(&weights, NULL, PRUNE_F32, 3, 5, coded_small));
    for (int32_t id = CODED_FIRST; id <= CODED_LAST; id++) {
        unsigned char bytes[CODED_MOST];
        size_t length;
        const unsigned char *expected = coded_small_bytes(&length, id);
        const prune_encoding_options options = coded_small_options(id);
        ck_assert_ok(prune_encoding_encode(bytes, length, weights, coded_small_kept, &options));
        ck_assert_mem_eq(bytes, expected, length);
        ck_assert_ok(prune_encoding_check(NULL, expected, length, NULL));
    }
    prune_tensor_free(weights);
}
END_TEST

START_TEST(names)
{
    static const char *const expected[] = {
        "dense", "csr", "sliced", "blocks", "n_of_m", "bitmask", "deltas"
    };
    for (int32_t id = CODED_FIRST; id <= CODED_LAST; id++)
        ck_assert_str_eq(prune_encoding_name(id), expected[id - 1]);
    ck_assert_ptr_null(prune_encoding_name(PRUNE_ENCODING_BEST));
    ck_assert_ptr_null(prune_encoding_name(CODED_LAST + 1));
    ck_assert_ptr_null(prune_encoding_name(-1));
    ck_assert_ptr_null(prune_encoding_name(INT32_MAX));
    ck_assert_ptr_null(prune_encoding_name(INT32_MIN));
}
END_TEST

/* ---- bytes, counted again from the header's words ---- */

static size_t up(size_t bytes, size_t to)
{
    return (bytes + to - 1) / to * to;
}

static size_t width_of(size_t numbers, size_t least)
{
    const size_t width = numbers <= 256 ? 1 : numbers <= 65536 ? 2 : 4;
    return width < least ? least : width;
}

static size_t length_of(size_t values, size_t ends, size_t total, size_t index, size_t width)
{
    const size_t end_width = total < 65536 ? 2 : 4;
    return up(up(up(PRUNE_ENCODING_HEADER + 4 * values, end_width) + ends * end_width, width) + index * width,
              4);
}

static size_t row_kept(const coded_matrix *m, size_t row)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->columns; i++)
        kept += m->kept[row * m->columns + i] != 0;
    return kept;
}

static size_t steps_of(const coded_matrix *m, size_t lanes)
{
    size_t steps = 0;
    for (size_t first = 0; first < m->rows; first += lanes) {
        size_t longest = 0;
        for (size_t row = first; row < m->rows && row < first + lanes; row++)
            longest = row_kept(m, row) > longest ? row_kept(m, row) : longest;
        steps += longest;
    }
    return steps;
}

static size_t blocks_of(const coded_matrix *m, size_t r, size_t c)
{
    const size_t across = up(m->columns, c) / c, down = up(m->rows, r) / r;
    unsigned char *touched = calloc(across * down, 1);
    size_t blocks = 0;
    ck_assert_ptr_nonnull(touched);
    for (size_t i = 0; i < m->rows * m->columns; i++)
        if (m->kept[i] != 0)
            touched[i / m->columns / r * across + i % m->columns / c] = 1;
    for (size_t b = 0; b < across * down; b++)
        blocks += touched[b];
    free(touched);
    return blocks;
}

static size_t gaps_of(const coded_matrix *m)
{
    size_t gaps = 0;
    for (size_t row = 0; row < m->rows; row++) {
        size_t empty = 0;
        for (size_t i = 0; i < m->columns; i++) {
            empty++;
            if (m->kept[row * m->columns + i] == 0)
                continue;
            gaps += (empty + 254) / 255; /* the gap is empty - 1, and one byte more for every 255 */
            empty = 0;
        }
    }
    return gaps;
}

static size_t expected_length(const coded_matrix *m, const prune_encoding_options *options)
{
    const size_t kept = coded_kept(m), of = (size_t)options->of, keep = (size_t)options->keep;
    const size_t lanes = (size_t)options->lanes, steps = steps_of(m, lanes);
    const size_t r = (size_t)options->block_rows, c = (size_t)options->block_columns;
    const size_t last = m->columns % of;
    const size_t slots = m->rows * (m->columns / of * keep + (last < keep ? last : keep));
    size_t bits = 0;
    switch (options->encoding) {
    case PRUNE_ENCODING_DENSE:
        return PRUNE_ENCODING_HEADER + 4 * m->rows * m->columns;
    case PRUNE_ENCODING_CSR:
        return length_of(kept, m->rows, kept, kept, width_of(m->columns, 2));
    case PRUNE_ENCODING_SLICED:
        return length_of(steps * lanes, up(m->rows, lanes) / lanes, steps, steps * lanes,
                         width_of(m->columns, 2));
    case PRUNE_ENCODING_BLOCKS:
        return length_of(blocks_of(m, r, c) * r * c, up(m->rows, r) / r, blocks_of(m, r, c),
                         blocks_of(m, r, c), width_of(up(m->columns, c) / c, 1));
    case PRUNE_ENCODING_N_OF_M:
        while ((size_t)1 << bits < of)
            bits++;
        return length_of(slots, 0, 0, (slots * bits + 7) / 8, 1);
    case PRUNE_ENCODING_BITMASK:
        return length_of(kept, 0, 0, m->rows * ((m->columns + 7) / 8), 1);
    default:
        return length_of(kept, m->rows, kept, gaps_of(m), 1);
    }
}

/* ---- round trips ---- */

static void check_info(const prune_encoding_info *info, const coded_matrix *m,
                       const prune_encoding_options *options)
{
    const int32_t id = options->encoding;
    ck_assert_int_eq(info->encoding, id);
    ck_assert_int_eq(info->dtype, PRUNE_F32);
    ck_assert_uint_eq(info->rows, m->rows);
    ck_assert_uint_eq(info->columns, m->columns);
    ck_assert_uint_ge(info->stored, coded_kept(m));
    ck_assert_int_eq(info->lanes, id == PRUNE_ENCODING_SLICED ? options->lanes : 0);
    ck_assert_int_eq(info->block_rows, id == PRUNE_ENCODING_BLOCKS ? options->block_rows : 0);
    ck_assert_int_eq(info->block_columns, id == PRUNE_ENCODING_BLOCKS ? options->block_columns : 0);
    ck_assert_int_eq(info->keep, id == PRUNE_ENCODING_N_OF_M ? options->keep : 0);
    ck_assert_int_eq(info->of, id == PRUNE_ENCODING_N_OF_M ? options->of : 0);
}

/* Exactly so many bytes, and none around them. */
static unsigned char *encode_between_canaries(size_t length, const coded_matrix *m,
                                              const prune_encoding_options *options)
{
    unsigned char *room = malloc(length + 2 * CANARY), canary[CANARY];
    ck_assert_ptr_nonnull(room);
    memset(room, CODED_RUBBISH, length + 2 * CANARY);
    memset(canary, CODED_RUBBISH, CANARY);
    ck_assert_ok(
        prune_encoding_encode(room + CANARY - 1, length, m->tensor, m->kept, options)); /* not aligned */
    ck_assert_mem_eq(room, canary, CANARY - 1);
    ck_assert_mem_eq(room + CANARY - 1 + length, canary, CANARY);
    memmove(room, room + CANARY - 1, length);
    return room;
}

static void check_round_trip(const coded_matrix *m, const prune_encoding_options *options)
{
    prune_encoding_info info, again;
    prune_encoding_info_init(&info);
    prune_encoding_info_init(&again);
    ck_assert_ok(prune_encoding_measure(&info, m->tensor, m->kept, options));
    check_info(&info, m, options);
    ck_assert_uint_eq(info.bytes, expected_length(m, options));
    unsigned char *bytes = encode_between_canaries((size_t)info.bytes, m, options);
    ck_assert_ok(prune_encoding_check(&again, bytes, (size_t)info.bytes, NULL));
    ck_assert_mem_eq(&again, &info, sizeof info);
    coded_check_decoded(m, bytes, (size_t)info.bytes);
    free(bytes);
}

static void round_trips(size_t most_rows, size_t most_columns, size_t count, uint64_t seed)
{
    prune_rng rng;
    prune_rng_seed(&rng, seed);
    for (size_t n = 0; n < count; n++) {
        coded_matrix m;
        const size_t rows = 1 + coded_below(&rng, most_rows);
        const size_t columns = 1 + coded_below(&rng, most_columns);
        const double density = coded_density(n);
        coded_make(&m, rows, columns, density, 1, &rng);
        for (int32_t id = CODED_FIRST; id <= CODED_LAST; id++) {
            const prune_encoding_options options = coded_random_options(id, &rng);
            if (id == PRUNE_ENCODING_N_OF_M)
                continue;
            check_round_trip(&m, &options);
        }
        const prune_encoding_options groups = coded_random_options(PRUNE_ENCODING_N_OF_M, &rng);
        coded_thin(&m, (size_t)groups.keep, (size_t)groups.of);
        check_round_trip(&m, &groups);
        coded_end(&m);
    }
}

START_TEST(small_matrices_come_back)
{
    round_trips(12, 20, 2400, 1);
    round_trips(1, 1, 12, 2);
    round_trips(1, 40, 240, 3);
    round_trips(40, 1, 240, 4);
}
END_TEST

/* Gaps beyond a byte, and numbers of blocks too. */
START_TEST(wide_matrices_come_back)
{
    round_trips(4, 1600, 60, 5);
}
END_TEST

/* Columns, then ends, that need more than 16 bits, and those that just do not. */
START_TEST(every_width_comes_back)
{
    static const struct {
        size_t rows, columns;
        double density;
    } cases[] = { { 2, 65536, 0.001 }, { 2, 65537, 0.001 }, { 1, 65535, 1.0 },
                  { 1, 65536, 1.0 },   { 300, 300, 0.9 },   { 1, 256, 0.5 },
                  { 1, 257, 0.5 },     { 2, 4 * 256, 0.1 }, { 2, 4 * 256 + 1, 0.1 } };
    prune_rng rng;
    prune_rng_seed(&rng, 6);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        coded_matrix m;
        coded_make(&m, cases[i].rows, cases[i].columns, cases[i].density, 0, &rng);
        for (int32_t id = CODED_FIRST; id <= CODED_LAST; id++) {
            prune_encoding_options options = coded_options(id);
            options.block_rows = 1;
            options.block_columns = 4;
            options.lanes = 2;
            if (id == PRUNE_ENCODING_N_OF_M)
                coded_thin(&m, 2, 4);
            check_round_trip(&m, &options);
        }
        coded_end(&m);
    }
}
END_TEST

/* The end of every range: 255 of a parameter. */
START_TEST(largest_parameters_come_back)
{
    prune_rng rng;
    coded_matrix m;
    prune_rng_seed(&rng, 7);
    coded_make(&m, 300, 300, 0.02, 1, &rng);
    for (int32_t id = CODED_FIRST; id <= CODED_LAST; id++) {
        prune_encoding_options options = coded_options(id);
        options.lanes = options.block_rows = options.block_columns = options.of = 255;
        options.keep = 254;
        check_round_trip(&m, &options);
    }
    coded_end(&m);
}
END_TEST

START_TEST(without_a_mask_all_but_plus_zero_is_kept)
{
    const float weights[] = { 0.0f, -0.0f, 1.0f, 0.0f, 0.0f, 1e-45f };
    float back[6];
    prune_tensor *tensor, *out;
    ck_assert_ok(prune_tensor_const_matrix(&tensor, NULL, PRUNE_F32, 2, 3, weights));
    ck_assert_ok(prune_tensor_matrix(&out, NULL, PRUNE_F32, 2, 3, back));
    for (int32_t id = CODED_FIRST; id <= CODED_LAST; id++) {
        unsigned char bytes[CODED_MOST];
        prune_encoding_info info;
        prune_encoding_info_init(&info);
        const prune_encoding_options options = coded_options(id);
        ck_assert_ok(prune_encoding_measure(&info, tensor, NULL, &options));
        ck_assert_ok(prune_encoding_encode(bytes, (size_t)info.bytes, tensor, NULL, &options));
        ck_assert_ok(prune_encoding_decode(out, bytes, (size_t)info.bytes));
        ck_assert_mem_eq(back, weights, sizeof weights);
        if (id == PRUNE_ENCODING_CSR || id == PRUNE_ENCODING_BITMASK || id == PRUNE_ENCODING_DELTAS)
            ck_assert_uint_eq(info.stored, 3);
    }
    prune_tensor_free(out);
    prune_tensor_free(tensor);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { bytes_are_pinned,
                                   names,
                                   small_matrices_come_back,
                                   wide_matrices_come_back,
                                   every_width_comes_back,
                                   largest_parameters_come_back,
                                   without_a_mask_all_but_plus_zero_is_kept };
    return run_tests("encoding", tests, sizeof tests / sizeof tests[0]);
}
