/* blob_data_test.c -- the data of each operation: what is not whole is refused, to the last word and bit
 *
 * All lie in blocks of exactly their size, so that a sanitizer sees one access too many.
 *
 * SPDX-License-Identifier: MIT */
#include "support/blobs.h"

#include <stdlib.h>
#include <string.h>

static void *block(size_t size)
{
    void *made = malloc(size == 0 ? 1 : size);
    ck_assert_ptr_nonnull(made);
    return made;
}

enum { DATA = 16 };

typedef struct lone {
    prune_blob_layer layer;
    uint32_t data[DATA];
} lone;

/* In a block of exactly its size. */
static int32_t check_data(const prune_blob_op *op, const lone *l)
{
    const uint32_t words = l->layer.words < DATA ? l->layer.words : DATA;
    prune_blob_layer *copy = block(sizeof *copy + words * 4);
    memcpy(copy, l, sizeof *copy + words * 4);
    const int32_t good = op->check(copy) == 0;
    free(copy);
    return good;
}

/* That word of the data becomes `value`, or, if it is DATA, the number of words does. */
static void wrong(const prune_blob_op *op, const lone *good, size_t word, uint32_t value)
{
    lone l = *good;
    ck_assert_int_eq(check_data(op, &l), 1);
    if (word < DATA)
        l.data[word] = value;
    else
        l.layer.words = value;
    ck_assert_msg(!check_data(op, &l), "operation %d: word %u as %#x", op->id, (unsigned)word,
                  (unsigned)value);
}

/* Two half words as they lie in memory. */
static uint32_t halves(uint16_t first, uint16_t second)
{
    const uint16_t pair[] = { first, second };
    uint32_t word;
    memcpy(&word, pair, sizeof word);
    return word;
}

START_TEST(blocks_are_checked)
{
    /* 5 x 3: a block in column 2, and in the last row a weight in column 0 */
    const lone l = { { .inputs = 3, .outputs = 5, .words = 13 },
                     { [0] = 10, [11] = halves(1, 2), [12] = halves(1, 0) } };
    const uint32_t values[] = { 0, 6, 8, 9, 11, 12, 13, 0x80000000u, 0xFFFFFFFFu },
                   words[] = { 0, 1, 11, 12, 14 };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        wrong(&prune_op_blocks, &l, 0, values[i]);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        wrong(&prune_op_blocks, &l, DATA, words[i]);
    wrong(&prune_op_blocks, &l, 11, halves(1, 3));
    wrong(&prune_op_blocks, &l, 11, halves(0, 2));
    wrong(&prune_op_blocks, &l, 11, halves(2, 2));
    wrong(&prune_op_blocks, &l, 11, halves(0xFFFF, 2));
    wrong(&prune_op_blocks, &l, 12, halves(0, 0));
    wrong(&prune_op_blocks, &l, 12, halves(2, 0));
    wrong(&prune_op_blocks, &l, 12, halves(1, 3));
    /* 4 x 9, all values there, but columns for two of four blocks */
    const lone cut = { { .inputs = 9, .outputs = 4, .words = 14 }, { [0] = 12, [13] = halves(2, 0) } };
    ck_assert_int_eq(check_data(&prune_op_blocks, &cut), 0);
}
END_TEST

START_TEST(deltas_are_checked)
{
    /* 1 x 65: the last column by a step of 63 and one of 1, and again by fillers of 0 */
    const lone l = { { .inputs = 65, .outputs = 1, .words = 12 }, { [1] = 2, [2] = 0x000004FCu } };
    wrong(&prune_op_deltas, &l, 1, 0);
    wrong(&prune_op_deltas, &l, 1, 1);
    wrong(&prune_op_deltas, &l, 1, 3);
    wrong(&prune_op_deltas, &l, 1, 0xFFFFFFFFu);
    wrong(&prune_op_deltas, &l, 2, 0x000008FCu);
    wrong(&prune_op_deltas, &l, 2, 0x040004FCu);
    wrong(&prune_op_deltas, &l, 7, 0x04000000u);
    wrong(&prune_op_deltas, &l, 2, 0x000001FCu);
    wrong(&prune_op_deltas, &l, 2, 0x00020000u);
    wrong(&prune_op_deltas, &l, 7, 0x01000000u);
    for (uint32_t words = 0; words <= 13; words += words == 11 ? 2 : 1)
        wrong(&prune_op_deltas, &l, DATA, words);
}
END_TEST

START_TEST(bitmasks_are_checked)
{
    /* 1 x 33: columns 0, 31 and 32 */
    const lone l = { { .inputs = 33, .outputs = 1, .words = 6 }, { [1] = 0x80000001u, [4] = 0x80000000u } };
    wrong(&prune_op_bitmask, &l, 1, 0x80000000u);
    wrong(&prune_op_bitmask, &l, 1, 0xFFFFFFFFu);
    wrong(&prune_op_bitmask, &l, 4, 0);
    wrong(&prune_op_bitmask, &l, 4, 0x40000000u);
    wrong(&prune_op_bitmask, &l, 4, 0xC0000000u);
    for (uint32_t words = 0; words <= 7; words += words == 5 ? 2 : 1)
        wrong(&prune_op_bitmask, &l, DATA, words);
}
END_TEST

START_TEST(a_bitmask_has_no_more_columns_than_inputs)
{
    for (uint32_t inputs = 1; inputs < 32; inputs++) {
        const lone l = { { .inputs = (uint16_t)inputs, .outputs = 1, .words = 3 },
                         { [1] = 0x80000000u >> (inputs - 1) } };
        wrong(&prune_op_bitmask, &l, 1, 0x80000000u >> inputs);
    }
}
END_TEST

START_TEST(data_of_one_size_have_that)
{
    const lone affine = { { .inputs = 2, .outputs = 2, .words = 4 }, { 0 } };
    const lone map = { { .inputs = 2, .outputs = 2 }, { 0 } };
    const lone dense = { { .inputs = 2, .outputs = 5, .words = 15 }, { 0 } };
    wrong(&prune_op_affine, &affine, DATA, 3);
    wrong(&prune_op_affine, &affine, DATA, 5);
    wrong(&prune_op_tanh, &map, DATA, 1);
    wrong(&prune_op_dense, &dense, DATA, 14);
    wrong(&prune_op_dense, &dense, DATA, 16);
}
END_TEST

/* ---- int8 ---- */

/* A layer that is whole, and becomes so many inputs and outputs. */
static int32_t passes(const prune_blob_op *op, const lone *good, uint32_t inputs, uint32_t outputs)
{
    lone l = *good;
    l.layer.inputs = (uint16_t)inputs;
    l.layer.outputs = (uint16_t)outputs;
    return check_data(op, &l);
}

/* The zero of the outputs, which is that word. */
static void zeros(const prune_blob_op *op, const lone *good, size_t word)
{
    lone l = *good;
    for (int32_t zero = -128; zero < 128; zero += 255) {
        l.data[word] = (uint32_t)zero;
        ck_assert_int_eq(check_data(op, &l), 1);
    }
    wrong(op, good, word, 128);
    wrong(op, good, word, (uint32_t)-129);
    wrong(op, good, word, 0x7FFFFFFFu);
    wrong(op, good, word, 0x80000000u);
}

START_TEST(scales_are_one_or_as_many_as_outputs)
{
    /* 4 x 8 of one scale, 4 x 4 of four, 8 x 0 of one */
    const lone one = { { .inputs = 8, .outputs = 4, .words = 15 }, { [0] = 1 } };
    const lone own = { { .inputs = 4, .outputs = 4, .words = 14 }, { [0] = 4 } };
    const lone none = { { .inputs = 0, .outputs = 8, .words = 11 }, { [0] = 1 } };
    const uint32_t counts[] = { 0, 2, 3, 5, 12, 0x80000000u, 0xFFFFFFFFu };
    ck_assert_int_eq(check_data(&prune_op_dense8, &none), 1);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        wrong(&prune_op_dense8, &one, 0, counts[i]);
        wrong(&prune_op_dense8, &own, 0, counts[i]);
    }
    wrong(&prune_op_dense8, &one, 0, 4);
    wrong(&prune_op_dense8, &own, 0, 1);
    zeros(&prune_op_dense8, &one, 1);
    lone bare = one; /* as many words as if scales took none */
    bare.layer.words = 12;
    bare.data[1] = 128;
    ck_assert_int_eq(check_data(&prune_op_dense8, &bare), 0);
    for (uint32_t words = 0; words < DATA; words++)
        if (words != one.layer.words)
            wrong(&prune_op_dense8, &one, DATA, words);
    for (uint32_t words = 0; words < DATA; words++)
        if (words != own.layer.words)
            wrong(&prune_op_dense8, &own, DATA, words);
}
END_TEST

START_TEST(rows_and_columns_of_int8_come_in_fours)
{
    lone l = { { .inputs = 8, .outputs = 4, .words = 15 }, { [0] = 1 } };
    for (uint32_t inputs = 0; inputs < 20; inputs++) /* 9, 10 and 11 have as many fours */
        ck_assert_int_eq(passes(&prune_op_dense8, &l, inputs, 4), inputs == 8);
    for (uint32_t outputs = 1; outputs < 7;
         outputs++) { /* of one four of columns, as many words as that takes */
        l.layer.words = 3 + 2 * outputs;
        ck_assert_int_eq(passes(&prune_op_dense8, &l, 4, outputs), outputs == 4);
    }
}
END_TEST

/* 4 x 8 of one scale: a block in the last four of row 0, one in the first of row 2. Two bytes fill a word. */
static const lone blocks8 = { { .inputs = 8, .outputs = 4, .words = 12 },
                              { [0] = 1, [3] = 6, [10] = 0x01000101u, [11] = 0 } };

START_TEST(blocks_of_int8_are_checked)
{
    const uint32_t words[] = { 0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 0x80000000u, 0xFFFFFFFFu };
    const uint32_t first[] = { 0x01000102u, 0x01000500u, 0x010001FFu, 0x01000201u, 0x0100FF01u,
                               0x02010101u, 0x01FF0101u, 0x00000101u, 0x02000101u };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        wrong(&prune_op_blocks8, &blocks8, 3, words[i]);
    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++)
        wrong(&prune_op_blocks8, &blocks8, 10, first[i]);
    wrong(&prune_op_blocks8, &blocks8, 11, 2);     /* row 2 in the third of two fours */
    wrong(&prune_op_blocks8, &blocks8, 11, 0x100); /* row 3 has a block too many */
    for (uint32_t count = 0; count <= DATA; count++)
        if (count != blocks8.layer.words)
            wrong(&prune_op_blocks8, &blocks8, DATA, count);
    zeros(&prune_op_blocks8, &blocks8, 1);
    for (uint32_t inputs = 0; inputs < 20; inputs++)
        ck_assert_int_eq(passes(&prune_op_blocks8, &blocks8, inputs, 4), inputs >= 8 && inputs % 4 == 0);
    for (uint32_t outputs = 1; outputs < 20; outputs++)
        ck_assert_int_eq(passes(&prune_op_blocks8, &blocks8, 8, outputs), outputs == 4);
}
END_TEST

/* Whose rows run out of numbers or steps, when all words are taken or before; whole if it had no scales. */
START_TEST(rows_without_steps_are_refused)
{
    const lone bad[] = {
        { { .inputs = 8, .outputs = 8, .words = 14 }, { [0] = 1, [3] = 9, [13] = 0x00000001u } },
        { { .inputs = 8, .outputs = 4, .words = 13 }, { [0] = 1, [3] = 8, [12] = 4 } },
        { { .inputs = 8, .outputs = 4, .words = 11 }, { [0] = 1, [3] = 6, [10] = 0x02000000u } },
        { { .inputs = 8, .outputs = 4, .words = 9 }, { [0] = 1, [3] = 3, [7] = 0, [8] = 0 } },
        { { .inputs = 9, .outputs = 4, .words = 6 }, { [0] = 4 } },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_int_eq(check_data(&prune_op_blocks8, &bad[i]), 0);
}
END_TEST

/* Bytes up to a whole word: none, or three. */
START_TEST(the_last_word_of_steps_may_be_full_or_not)
{
    /* 4 x 8: rows of 2, 1, 1 and 0 blocks; of 1, 0, 0 and 0 */
    const lone full = { { .inputs = 8, .outputs = 4, .words = 14 },
                        { [0] = 1, [3] = 8, [12] = 0x01010002u, [13] = 0x00010101u } };
    const lone rest = { { .inputs = 8, .outputs = 4, .words = 11 }, { [0] = 1, [3] = 5, [9] = 0x00000001u } };
    wrong(&prune_op_blocks8, &full, DATA, 13);
    wrong(&prune_op_blocks8, &full, DATA, 15);
    wrong(&prune_op_blocks8, &rest, DATA, 10);
    wrong(&prune_op_blocks8, &rest, DATA, 12);
}
END_TEST

/* 4 x 8 of so many blocks whose numbers and steps are bytes[count], up to a whole word. */
static int32_t check_bytes(uint32_t blocks, const uint8_t *bytes, size_t count)
{
    const uint32_t words = 4 + 4 + blocks + (uint32_t)(count + 3) / 4;
    uint32_t *copy = calloc(sizeof(prune_blob_layer) / 4 + words, 4);
    ck_assert_ptr_nonnull(copy);
    prune_blob_layer *layer = (prune_blob_layer *)(void *)copy;
    uint32_t *data = copy + sizeof *layer / 4;
    *layer = (prune_blob_layer){ .inputs = 8, .outputs = 4, .words = words };
    data[0] = 1;
    data[3] = 4 + blocks;
    memcpy(data + 4 + 4 + blocks, bytes, count);
    const int32_t good = prune_op_blocks8.check(layer) == 0;
    free(copy);
    return good;
}

/* Row 0 has more than 255 blocks: they end with another number, and stay within the columns all along. */
START_TEST(numbers_of_blocks_go_on_within_the_bytes)
{
    uint8_t bytes[4 * 256 + 8] = { 255 };
    ck_assert_int_eq(check_bytes(255, bytes, 260), 1);
    ck_assert_int_eq(check_bytes(254, bytes, 260), 0);
    ck_assert_int_eq(check_bytes(256, bytes, 260), 0);
    for (size_t count = 0; count <= 256; count += 4)
        ck_assert_int_eq(check_bytes(255, bytes, count), 0);
    bytes[256] = 1;
    ck_assert_int_eq(check_bytes(256, bytes, 261), 1);
    bytes[257] = 1;
    ck_assert_int_eq(check_bytes(256, bytes, 261), 1);
    bytes[257] = 2; /* the third of two fours */
    ck_assert_int_eq(check_bytes(256, bytes, 261), 0);
    bytes[257] = 1;
    bytes[9] = 1; /* that and the one before */
    ck_assert_int_eq(check_bytes(256, bytes, 261), 0);
    bytes[9] = bytes[257] = 0;
    bytes[256] = bytes[512] = bytes[768] = 255;
    for (uint32_t parts = 1; parts <= 4; parts++) {
        ck_assert_int_eq(check_bytes(parts * 255, bytes, parts * 256), 0);
        bytes[parts * 256] = 0;
        ck_assert_int_eq(check_bytes(parts * 255, bytes, parts * 256 + 4), 1);
        bytes[parts * 256] = 255;
        ck_assert_int_eq(check_bytes(parts * 255, bytes, parts * 256 + 4), 0);
    }
}
END_TEST

START_TEST(an_affine_layer_of_int8_is_checked)
{
    const lone l = { { .inputs = 2, .outputs = 2, .words = 5 }, { [0] = 31 } };
    wrong(&prune_op_affine8, &l, 0, 32);
    wrong(&prune_op_affine8, &l, 0, 0xFFFFFFFFu);
    for (uint32_t words = 0; words <= DATA; words++)
        if (words != l.layer.words)
            wrong(&prune_op_affine8, &l, DATA, words);
    ck_assert_int_eq(passes(&prune_op_affine8, &l, 3, 3), 0);
}
END_TEST

START_TEST(ends_of_int8_are_checked)
{
    lone none = { { .inputs = 8, .outputs = 8 }, { 0 } };
    lone real = { { .inputs = 8, .outputs = 8, .words = 2 }, { 0x3F800000u, 0 } };
    lone table = { { .inputs = 8, .outputs = 8, .words = 64 }, { 0 } };
    for (uint32_t width = 1; width < 17; width++) {
        ck_assert_int_eq(passes(&prune_op_widen, &none, width, 8), width > 4 && width <= 8);
        ck_assert_int_eq(passes(&prune_op_widen, &none, 8, width), width == 8);
        ck_assert_int_eq(passes(&prune_op_narrow, &none, 8, width), width <= 8);
        ck_assert_int_eq(passes(&prune_op_real, &real, 8, width), width <= 8);
    }
    wrong(&prune_op_widen, &none, DATA, 1);
    wrong(&prune_op_narrow, &none, DATA, 1);
    for (uint32_t words = 0; words < 4; words++)
        if (words != 2)
            wrong(&prune_op_real, &real, DATA, words);
    wrong(&prune_op_table, &table, DATA, 0);
    wrong(&prune_op_table, &table, DATA, 63);
    wrong(&prune_op_table, &table, DATA, 65);
    zeros(&prune_op_real, &real, 1);
}
END_TEST

static int32_t checked;

static uint32_t count_check(const prune_blob_layer *layer)
{
    checked += layer != NULL;
    return 0;
}

/* Places are 32 bits, so what says that it is beyond 4 GB is not walked through. */
START_TEST(more_than_four_gigabytes_are_refused)
{
    static const prune_blob_op counting = { PRUNE_BLOB_DENSE, PRUNE_BLOB_F32,
                                            PRUNE_BLOB_F32,   0,
                                            count_check,      NULL };
    static const prune_blob_op *const ops[] = { &counting, NULL };
    struct {
        prune_blob_header header;
        prune_blob_layer layer;
        uint32_t crc;
    } blob = { { .magic = PRUNE_BLOB_MAGIC,
                 .version = PRUNE_BLOB_VERSION,
                 .panel = PRUNE_BLOB_PANEL,
                 .takes = PRUNE_BLOB_F32,
                 .gives = PRUNE_BLOB_F32,
                 .words = sizeof blob / 4,
                 .layers = 1,
                 .inputs = 1,
                 .outputs = 1 },
               { .op = PRUNE_BLOB_DENSE, .inputs = 1, .outputs = 1, .to = PRUNE_BLOB_OUTPUT },
               0 };
    ck_assert_ok(prune_blob_open(&blob, SIZE_MAX, ops));
    ck_assert_int_eq(checked, 1);
    blob.header.words = 1u << 30;
    ck_assert_status(prune_blob_open(&blob, SIZE_MAX, ops),
                     sizeof(size_t) > 4 ? PRUNE_E_FORMAT : PRUNE_E_TRUNCATED);
    ck_assert_int_eq(checked, 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        more_than_four_gigabytes_are_refused,
        blocks_are_checked,
        deltas_are_checked,
        bitmasks_are_checked,
        a_bitmask_has_no_more_columns_than_inputs,
        data_of_one_size_have_that,
        scales_are_one_or_as_many_as_outputs,
        rows_and_columns_of_int8_come_in_fours,
        blocks_of_int8_are_checked,
        rows_without_steps_are_refused,
        the_last_word_of_steps_may_be_full_or_not,
        numbers_of_blocks_go_on_within_the_bytes,
        an_affine_layer_of_int8_is_checked,
        ends_of_int8_are_checked,
    };
    return run_tests("blob_data", tests, sizeof tests / sizeof tests[0]);
}
