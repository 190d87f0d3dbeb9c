/* blob_hostile_test.c -- bytes that are no blob are refused, and what is let through stays in bounds
 *
 * All bytes, inputs, outputs and scratch lie in blocks of exactly their size, so that a sanitizer sees one
 * access too many.
 *
 * SPDX-License-Identifier: MIT */
#include "support/blobs8.h"

#include <stdlib.h>
#include <string.h>

enum { MUTANTS = 30000 };

static blobs net;

static void make_net(void)
{
    static blobs_drawn d[3];
    float y[BLOBS_NET_O];
    blobs_net(&net, d, y);
}

static void make_net8(void)
{
    static blobs8_drawn d[2];
    int8_t y[BLOBS8_NET_O];
    blobs8_net(&net, d, y);
}

/* A row of more blocks than a byte counts. */
static void make_long8(void)
{
    enum { WIDE = 4 * 260 };
    static blobs8_drawn d;
    prune_rng_seed(&d.rng, 9);
    blobs8_draw(&d, 4, WIDE, 1.0f, 0);
    memset(d.w + WIDE, 0, (size_t)3 * WIDE);
    d.layer.op = PRUNE_BLOB_BLOCKS8;
    d.layer.to = 2 * WIDE;
    blobs8_start(&net, WIDE);
    blobs8_add(&net, &d.layer);
    blobs8_finish(&net, 4, 2 * (WIDE + 4));
}

static void (*const nets[])(void) = { make_net, make_net8, make_long8 };
enum { NETS = 3 };

static size_t bytes_of(const blobs *blob)
{
    return blob->count * sizeof *blob->words;
}

static void *block(size_t size)
{
    void *made = malloc(size == 0 ? 1 : size);
    ck_assert_ptr_nonnull(made);
    return made;
}

START_TEST(every_flipped_bit_is_seen)
{
    for (size_t n = 0; n < NETS; n++) {
        nets[n]();
        for (size_t bit = 0; bit < 8 * bytes_of(&net); bit++) {
            unsigned char *byte = (unsigned char *)net.words + bit / 8;
            *byte ^= (unsigned char)(1u << bit % 8);
            ck_assert_int_ne(prune_blob_check(net.words, bytes_of(&net), prune_blob_ops), PRUNE_OK);
            *byte ^= (unsigned char)(1u << bit % 8);
        }
        ck_assert_ok(prune_blob_check(net.words, bytes_of(&net), prune_blob_ops));
        net.words[net.count - 1]++;
        ck_assert_status(prune_blob_check(net.words, bytes_of(&net), prune_blob_ops), PRUNE_E_CHECKSUM);
        ck_assert_ok(prune_blob_open(net.words, bytes_of(&net), prune_blob_ops));
    }
}
END_TEST

START_TEST(every_truncation_is_refused)
{
    make_net();
    for (size_t length = 0; length < bytes_of(&net); length++) {
        void *bytes = block(length);
        memcpy(bytes, net.words, length);
        ck_assert_status(prune_blob_check(bytes, length, prune_blob_ops), PRUNE_E_TRUNCATED);
        free(bytes);
    }
}
END_TEST

/* What is shorter than any blob is not read, so that what it says does not matter; one word more is. */
START_TEST(less_than_a_blob_is_not_looked_at)
{
    const size_t least = sizeof(prune_blob_header) + 4;
    uint32_t *bytes = block(least);
    memset(bytes, 0, least);
    for (size_t length = 0; length < least; length++)
        ck_assert_status(prune_blob_open(bytes, length, prune_blob_ops), PRUNE_E_TRUNCATED);
    ck_assert_status(prune_blob_open(bytes, least, prune_blob_ops), PRUNE_E_FORMAT);
    free(bytes);
}
END_TEST

START_TEST(a_longer_block_is_read_as_far_as_the_blob_goes)
{
    make_net();
    unsigned char *bytes = block(bytes_of(&net) + 3);
    memcpy(bytes, net.words, bytes_of(&net));
    ck_assert_ok(prune_blob_check(bytes, bytes_of(&net) + 3, prune_blob_ops));
    free(bytes);
}
END_TEST

static void run(const void *blob)
{
    const prune_blob_header *h = blob;
    const size_t scratch = prune_blob_scratch(blob);
    if (scratch > 1 << 20)
        return;
    unsigned char *x = block((size_t)h->inputs << h->takes), *y = block((size_t)h->outputs << h->gives);
    void *room = block(scratch);
    for (size_t i = 0; i < (size_t)h->inputs << h->takes; i++)
        x[i] = (unsigned char)(i % 9 * 31);
    ck_assert_ok(prune_blob_run(blob, prune_blob_ops, y, x, room, scratch));
    free(x);
    free(y);
    free(room);
}

/* A bit, a byte, a half word or a word, small numbers and large ones; mostly of what is no weight. */
static void mutate(uint32_t *words, size_t count, prune_rng *rng)
{
    static const uint32_t numbers[] = {
        0, 1, 2, 3, 4, 36, 0x80000000u, 0x80000004u, 0xFFFFFFFFu, 0xC0000000u
    };
    const size_t at = (size_t)prune_rng_below(rng, count);
    const uint32_t draw = prune_rng_next(rng), place = draw >> 8 & 31u, number = numbers[(draw >> 16) % 10];
    switch (draw & 7u) {
    case 0:
        words[at] = number;
        break;
    case 1:
        words[at] += number;
        break;
    case 2:
        words[at] = (words[at] & 0xFFFF0000u) | (number & 0xFFFFu);
        break;
    case 3:
        words[at] = (words[at] & 0xFFFFu) | number << 16;
        break;
    case 4:
        words[at] ^= (draw >> 24) << (place & 24u);
        break;
    default:
        words[at] ^= 1u << place;
    }
}

static size_t survivors(prune_status (*check)(const void *, size_t, const prune_blob_op *const *))
{
    prune_rng rng;
    size_t found = 0;
    const size_t length = bytes_of(&net);
    uint32_t *bytes = block(length);
    prune_rng_seed(&rng, 7);
    for (size_t n = 0; n < MUTANTS; n++) {
        memcpy(bytes, net.words, length);
        for (size_t left = 1 + n % 3; left != 0; left--)
            mutate(bytes, n % 2 == 0 ? net.count : 16, &rng);
        blobs_sign(bytes, length);
        if (check(bytes, length, prune_blob_ops) != PRUNE_OK)
            continue;
        run(bytes);
        found++;
    }
    free(bytes);
    return found;
}

START_TEST(mutants_that_are_let_through_stay_in_bounds)
{
    for (size_t n = 0; n < NETS; n++) {
        nets[n]();
        const size_t whole = survivors(prune_blob_check), open = survivors(prune_blob_open);
        ck_assert_uint_gt(whole, MUTANTS / 20);
        ck_assert_uint_lt(whole, MUTANTS);
        ck_assert_uint_ge(open, whole);
    }
}
END_TEST

/* The first two layers' operations are there. */
START_TEST(what_is_missing_of_mutants_is_found_in_bounds)
{
    static const prune_blob_op *const few[] = { &prune_op_blocks, &prune_op_tanh, NULL };
    prune_rng rng;
    size_t found = 0;
    make_net();
    const size_t length = bytes_of(&net);
    uint32_t *bytes = block(length);
    prune_rng_seed(&rng, 8);
    for (size_t n = 0; n < MUTANTS; n++) {
        memcpy(bytes, net.words, length);
        for (size_t left = 1 + n % 3; left != 0; left--)
            mutate(bytes, n % 2 == 0 ? net.count : 40, &rng);
        const uint32_t id = prune_blob_missing(bytes, length, few);
        if (prune_blob_open(bytes, length, few) != PRUNE_E_UNSUPPORTED)
            ck_assert_uint_eq(id, 0);
        ck_assert(id != prune_op_blocks.id && id != prune_op_tanh.id);
        found += id != 0 && id != PRUNE_BLOB_BITMASK;
    }
    free(bytes);
    ck_assert_uint_gt(found, 0);
}
END_TEST

/* ---- one thing wrong at a time, and the checksum right ---- */

static prune_blob_layer *layer_at(size_t index)
{
    uint32_t *at = net.words + sizeof(prune_blob_header) / 4;
    for (; index != 0; index--)
        at += sizeof(prune_blob_layer) / 4 + ((prune_blob_layer *)(void *)at)->words;
    return (prune_blob_layer *)(void *)at;
}

static void refused_of(void (*make)(void), prune_status expected)
{
    blobs_sign(net.words, bytes_of(&net));
    ck_assert_status(prune_blob_check(net.words, bytes_of(&net), prune_blob_ops), expected);
    make();
}

static void refused(prune_status expected)
{
    refused_of(make_net, expected);
}

static void refused8(void)
{
    refused_of(make_net8, PRUNE_E_FORMAT);
}

static void missing(size_t l)
{
    const uint32_t id = layer_at(l)->op | (uint32_t)layer_at(l)->zero << 16;
    ck_assert_uint_eq(prune_blob_missing(net.words, bytes_of(&net), prune_blob_ops), id);
}

START_TEST(each_lie_is_refused)
{
    prune_blob_header *h = (prune_blob_header *)(void *)net.words;
    make_net();
    h->magic = 0x5052424Eu, refused(PRUNE_E_FORMAT);
    h->version = 2, refused(PRUNE_E_VERSION);
    h->panel = 8, refused(PRUNE_E_VERSION);
    h->words = 0, refused(PRUNE_E_FORMAT);
    h->words = 10, refused(PRUNE_E_FORMAT);
    h->words++, refused(PRUNE_E_TRUNCATED);
    h->layers = 0, refused(PRUNE_E_FORMAT);
    h->layers--, refused(PRUNE_E_FORMAT);
    h->layers++, refused(PRUNE_E_FORMAT);
    h->inputs--, refused(PRUNE_E_FORMAT);
    h->outputs--, refused(PRUNE_E_FORMAT);
    h->outputs++, refused(PRUNE_E_FORMAT);
    h->takes = PRUNE_BLOB_I8, refused(PRUNE_E_FORMAT);
    h->gives = PRUNE_BLOB_I8, refused(PRUNE_E_FORMAT);
    h->gives = 255, refused(PRUNE_E_FORMAT);
    h->layers += 1u << 16, refused(PRUNE_E_FORMAT);
    h->layers += 7u << 16, refused(PRUNE_E_FORMAT);
    h->scratch -= 4, refused(PRUNE_E_FORMAT);
    for (uint32_t odd = 1; odd < 4; odd++)
        h->scratch += odd, refused(PRUNE_E_FORMAT);
    for (size_t l = 0; l < h->layers; l++)
        layer_at(l)->zero = (uint16_t)(1u << 3 * l), missing(l), refused(PRUNE_E_UNSUPPORTED);
    layer_at(0)->zero = 1u << 15, refused(PRUNE_E_UNSUPPORTED);
    layer_at(2)->op = 99, refused(PRUNE_E_UNSUPPORTED);
    layer_at(1)->op = PRUNE_BLOB_DENSE, refused(PRUNE_E_FORMAT);
    layer_at(2)->outputs = 0, refused(PRUNE_E_FORMAT);
    layer_at(2)->to = 0, refused(PRUNE_E_FORMAT);                                    /* onto what it reads */
    layer_at(2)->to = BLOBS_NET_A * 4 - 4, refused(PRUNE_E_FORMAT);                  /* of which the last */
    h->scratch += 4, layer_at(2)->to = BLOBS_NET_A * 4 + 2, refused(PRUNE_E_FORMAT); /* not aligned */
    layer_at(2)->to = BLOBS_NET_A * 4 + 4, refused(PRUNE_E_FORMAT);                  /* beyond the scratch */
    layer_at(2)->to = PRUNE_BLOB_OUTPUT, refused(PRUNE_E_FORMAT); /* of which there are less */
    layer_at(2)->to = PRUNE_BLOB_OUTPUT + 4, refused(PRUNE_E_FORMAT);
    layer_at(2)->to = 0xFFFFFFFCu, refused(PRUNE_E_FORMAT);
    h->scratch += 4, layer_at(1)->to = 4, layer_at(2)->to += 4, refused(PRUNE_E_FORMAT); /* half in place */
    layer_at(4)->to = 0, refused(PRUNE_E_FORMAT);
    layer_at(2)->words--, refused(PRUNE_E_FORMAT);
    layer_at(2)->words++, refused(PRUNE_E_FORMAT);
    layer_at(4)->words = 0xFFFFFFFFu, refused(PRUNE_E_FORMAT);

    blobs_start(&net, 0); /* the largest of nothing */
    blobs_add_map(&net, PRUNE_BLOB_SOFTMAX, PRUNE_BLOB_OUTPUT);
    blobs_finish(&net, 0);
    refused(PRUNE_E_FORMAT);
}
END_TEST

static uint32_t *data_at(size_t index)
{
    return (uint32_t *)(void *)(layer_at(index) + 1);
}

/* WIDEN, BLOCKS8 of 8 x 12 with a scale for each row, TABLE, DENSE8 of 4 x 8, NARROW. */
START_TEST(each_lie_about_int8_is_refused)
{
    make_net8();
    prune_blob_header *h = blobs_header(&net);
    const size_t words = 2 + 8, first = words + 1 + data_at(1)[words];
    h->takes = PRUNE_BLOB_F32, refused8();
    h->gives = PRUNE_BLOB_I16, refused8();
    h->inputs--, refused8();
    layer_at(0)->outputs = 11, refused8();
    layer_at(0)->outputs = 16, refused8();
    for (size_t l = 1; l < 4; l += 2) {
        data_at(l)[0] = 0, refused8();
        data_at(l)[0]++, refused8();
        data_at(l)[0] = 0xFFFFFFFFu, refused8();
        data_at(l)[1] = 128, refused8();
        data_at(l)[1] = (uint32_t)-129, refused8();
        layer_at(l)->inputs++, refused8();
        layer_at(l)->outputs++, refused8();
        layer_at(l)->words++, refused8();
        layer_at(l)->words--, refused8();
        layer_at(l)->words = 1, refused8();
    }
    data_at(1)[words]++, refused8();
    data_at(1)[words]--, refused8();
    data_at(1)[words] = 0xFFFFFFFFu, refused8();
    data_at(1)[first]++, refused8(); /* the blocks of the first row */
    data_at(1)[first] |= 0xFFu, refused8();
    data_at(1)[first] |= 3u << 8, refused8(); /* the first step: beyond 12 columns */
    layer_at(2)->words--, refused8();
    layer_at(4)->outputs = 5, refused8();
}
END_TEST

START_TEST(a_layer_that_gives_float_is_checked_too)
{
    make_net8();
    net.count = (size_t)((uint32_t *)(void *)layer_at(1) - net.words);
    blobs_header(&net)->layers = 1;
    blobs_header(&net)->gives = PRUNE_BLOB_F32;
    const size_t at = blobs_open_layer(&net, PRUNE_BLOB_REAL, 12, 11, PRUNE_BLOB_OUTPUT);
    blobs_put(&net, 0x3F800000u);
    blobs_put(&net, 127);
    blobs_close_layer(&net, at, 0.0f);
    blobs_finish(&net, BLOBS8_NET_SCRATCH);
    const blobs whole = net;
    ck_assert_ok(prune_blob_check(net.words, bytes_of(&net), prune_blob_ops));
    data_at(1)[1] = 128;
    for (int n = 0; n < 3; n++) {
        blobs_sign(net.words, bytes_of(&net));
        ck_assert_status(prune_blob_check(net.words, bytes_of(&net), prune_blob_ops), PRUNE_E_FORMAT);
        net = whole;
        if (n == 0)
            layer_at(1)->outputs = 13;
        else
            layer_at(1)->words = 1;
    }
}
END_TEST

/* ---- borders ---- */

/* WIDEN and NARROW of 4 in turn, each right beside what it reads: 0 .. 8, 8 .. 12, 0 .. 8, outputs. */
static void make_turns(void)
{
    static const uint32_t places[] = { 0, 8, 0, PRUNE_BLOB_OUTPUT };
    blobs_start(&net, 4);
    for (size_t i = 0; i < 4; i++)
        blobs_open_layer(&net, i % 2 == 0 ? PRUNE_BLOB_WIDEN : PRUNE_BLOB_NARROW, 4, 4, places[i]);
    blobs_header(&net)->takes = blobs_header(&net)->gives = PRUNE_BLOB_I8;
    blobs_finish(&net, 12);
}

static void refused_turns(void)
{
    refused_of(make_turns, PRUNE_E_FORMAT);
}

START_TEST(neighbours_are_let_through_and_what_overlaps_is_not)
{
    make_turns();
    ck_assert_ok(prune_blob_check(net.words, bytes_of(&net), prune_blob_ops));
    run(net.words);
    layer_at(1)->to = 4, refused_turns();
    layer_at(2)->to = 4, refused_turns();
    layer_at(0)->to = PRUNE_BLOB_OUTPUT, refused_turns(); /* 8 bytes into 4 */
    layer_at(1)->to = PRUNE_BLOB_OUTPUT;                  /* outputs may be written more than once */
    blobs_sign(net.words, bytes_of(&net));
    ck_assert_ok(prune_blob_check(net.words, bytes_of(&net), prune_blob_ops));
}
END_TEST

/* Those without weights, and those of a weight for each output. */
START_TEST(what_works_in_place_has_as_many_outputs)
{
    size_t found = 0;
    for (const prune_blob_op *const *op = prune_blob_ops; *op != NULL; op++)
        for (size_t inputs = 1; inputs < 4; inputs++)
            for (size_t outputs = 1; outputs < 4; outputs++) {
                const uint32_t id = (*op)->id;
                const size_t words = id == PRUNE_BLOB_TABLE     ? 64
                                     : id == PRUNE_BLOB_AFFINE  ? 2 * outputs
                                     : id == PRUNE_BLOB_AFFINE8 ? 2 * outputs + 1
                                                                : 0;
                if (words == 0 && id < PRUNE_BLOB_ACTIVATION)
                    continue;
                blobs_start(&net, inputs);
                const size_t at = blobs_open_layer(&net, (int32_t)id, inputs, outputs, PRUNE_BLOB_OUTPUT);
                for (size_t i = 0; i < words; i++)
                    blobs_put(&net, 0);
                blobs_close_layer(&net, at, 0.0f);
                blobs_header(&net)->takes = (*op)->takes;
                blobs_header(&net)->gives = (*op)->gives;
                blobs_finish(&net, 0);
                ck_assert_status(prune_blob_check(net.words, bytes_of(&net), prune_blob_ops),
                                 inputs == outputs ? PRUNE_OK : PRUNE_E_FORMAT);
                found++;
            }
    ck_assert_uint_eq(found, 9 * 15);
}
END_TEST

/* Lets everything through that lies within the net, and fails the test where it is shown what does not. */
static uint32_t check_is_inside(const prune_blob_layer *layer)
{
    const uint32_t *data = (const uint32_t *)(const void *)(layer + 1);
    ck_assert(data < net.words + net.count && layer->words < (size_t)(net.words + net.count - data));
    return 0;
}

static void run_nothing(void *y, const void *x, const prune_blob_layer *layer)
{
    (void)y, (void)x, (void)layer;
}

/* Another operation may believe `words`: what is told behind the end, or over the checksum, it never sees. */
START_TEST(a_layer_that_leaves_the_blob_is_shown_to_no_operation)
{
    static const prune_blob_op anything = {
        9, PRUNE_BLOB_I8, PRUNE_BLOB_I8, 1, check_is_inside, run_nothing
    };
    static const prune_blob_op *const ops[] = { &anything, NULL };
    for (size_t layers = 1; layers < 4; layers++)
        for (uint32_t more = 0; more < 40; more++) {
            size_t at = 0;
            blobs_start(&net, 4);
            for (size_t l = 0; l < layers; l++)
                at = blobs_open_layer(&net, 9, 4, 4, PRUNE_BLOB_OUTPUT);
            blobs_put(&net, 5);
            blobs_close_layer(&net, at, 0.0f);
            blobs_header(&net)->takes = blobs_header(&net)->gives = PRUNE_BLOB_I8;
            blobs_finish(&net, 0);
            layer_at(layers - 1)->words += more < 32 ? more : UINT32_C(0) - (more - 31);
            blobs_header(&net)->layers += more % 2; /* and perhaps one more, of what lies behind */
            ck_assert_status(prune_blob_open(net.words, bytes_of(&net), ops),
                             more == 0 ? PRUNE_OK : PRUNE_E_FORMAT);
        }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_flipped_bit_is_seen,
        every_truncation_is_refused,
        less_than_a_blob_is_not_looked_at,
        a_longer_block_is_read_as_far_as_the_blob_goes,
        mutants_that_are_let_through_stay_in_bounds,
        what_is_missing_of_mutants_is_found_in_bounds,
        each_lie_is_refused,
        each_lie_about_int8_is_refused,
        a_layer_that_gives_float_is_checked_too,
        neighbours_are_let_through_and_what_overlaps_is_not,
        what_works_in_place_has_as_many_outputs,
        a_layer_that_leaves_the_blob_is_shown_to_no_operation,
    };
    return run_tests("blob_hostile", tests, sizeof tests / sizeof tests[0]);
}
