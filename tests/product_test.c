/* product_test.c -- products made ready, beside the plain one of encode.h
 *
 * SPDX-License-Identifier: MIT */
#include "support/coded.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double UNIT = 5.9604644775390625e-8; /* half the distance from 1 to the next float */

/* ---- a product beside the oracle ---- */

typedef struct matter {
    size_t batch, ldx, ldy;
    float *x, *y, *before, *expected;
    prune_tensor *xs, *ys, *es;
} matter;

static float *normals(size_t count, prune_rng *rng)
{
    float *values = malloc(count * sizeof *values);
    ck_assert_ptr_nonnull(values);
    for (size_t i = 0; i < count; i++)
        values[i] = prune_rng_normal(rng);
    return values;
}

static prune_tensor *wrap(float *data, size_t rows, size_t columns, size_t ld)
{
    const prune_shape shape = { 2, { rows, columns, 0, 0 } };
    prune_tensor *tensor;
    ck_assert_ok(prune_tensor_wrap(&tensor, NULL, PRUNE_F32, &shape, ld, data));
    return tensor;
}

/* Blocks that end with their last element, so that a sanitizer sees a step beyond. */
static void matter_make(matter *t, const coded_matrix *m, size_t batch, prune_rng *rng)
{
    *t = (matter){ .batch = batch, .ldx = m->columns + batch % 3, .ldy = m->rows + batch % 2 };
    const size_t count = (batch - 1) * t->ldy + m->rows;
    t->x = normals((batch - 1) * t->ldx + m->columns, rng);
    t->y = normals(count, rng);
    t->before = malloc(count * sizeof *t->before);
    t->expected = malloc(count * sizeof *t->expected);
    ck_assert(t->before != NULL && t->expected != NULL);
    t->xs = wrap(t->x, batch, m->columns, t->ldx);
    t->ys = wrap(t->y, batch, m->rows, t->ldy);
    t->es = wrap(t->expected, batch, m->rows, t->ldy);
}

static void matter_end(matter *t)
{
    prune_tensor_free(t->xs);
    prune_tensor_free(t->ys);
    prune_tensor_free(t->es);
    free(t->x);
    free(t->y);
    free(t->before);
    free(t->expected);
}

/* The bound of product.h. */
static double bound_of(const coded_matrix *m, const float *x, size_t row, double before)
{
    double size = fabs(before), terms = 2.0;
    for (size_t i = 0; i < m->columns; i++) {
        const double w = (double)coded_weight(m, row, i);
        size += fabs(w * (double)x[i]);
        terms += w != 0.0 ? 1.0 : 0.0;
    }
    return 2.0 * terms * UNIT * size;
}

static size_t wrong_ones(const coded_matrix *m, const matter *t, int32_t accumulate)
{
    size_t wrong = 0;
    for (size_t i = 0; i < (t->batch - 1) * t->ldy + m->rows; i++) {
        const size_t sample = i / t->ldy, row = i % t->ldy;
        const double before = accumulate ? (double)t->before[i] : 0.0;
        if (row >= m->rows)
            wrong += memcmp(&t->y[i], &t->before[i], sizeof(float)) != 0;
        else
            wrong += fabs((double)t->y[i] - (double)t->expected[i]) <=
                             bound_of(m, t->x + sample * t->ldx, row, before)
                         ? 0
                         : 1;
    }
    return wrong;
}

static void check_run(const prune_product *product, const coded_matrix *m, const unsigned char *bytes,
                      size_t length, size_t batch, prune_rng *rng)
{
    matter t;
    matter_make(&t, m, batch, rng);
    const size_t room_bytes = prune_product_room(product, batch);
    unsigned char *room = malloc(room_bytes + 1);
    ck_assert_ptr_nonnull(room);
    for (int32_t accumulate = 1; accumulate >= 0; accumulate--) {
        const size_t count = (batch - 1) * t.ldy + m->rows;
        memcpy(t.before, t.y, count * sizeof *t.y);
        memcpy(t.expected, t.y, count * sizeof *t.y);
        memset(room, 0xff, room_bytes + 1); /* NaNs */
        ck_assert_ok(prune_encoding_apply(t.es, t.xs, bytes, length, accumulate));
        ck_assert_ok(prune_product_run(product, t.ys, t.xs, accumulate, room_bytes == 0 ? NULL : room + 1));
        const size_t wrong = wrong_ones(m, &t, accumulate);
        ck_assert_msg(wrong == 0, "%dx%d batch %d accumulate %d encoding %d: %d are wrong", (int)m->rows,
                      (int)m->columns, (int)batch, (int)accumulate, (int)bytes[0], (int)wrong);
    }
    free(room);
    matter_end(&t);
}

/* ---- all of them ---- */

static prune_product_options options_of(int32_t kernels, int32_t layout, size_t max_batch)
{
    prune_product_options options;
    prune_product_options_init(&options);
    options.kernels = kernels;
    options.layout = layout;
    options.max_batch = max_batch;
    options.backend = prune_backend_reference();
    return options;
}

/* 0 if these kernels have no such layout. */
static int32_t check_layout(const coded_matrix *m, const unsigned char *bytes, size_t length,
                            const prune_product_options *options, prune_rng *rng)
{
    prune_product *product;
    prune_product_info info;
    const prune_status status = prune_product_create(&product, NULL, bytes, length, options, NULL);
    if (status == PRUNE_E_UNSUPPORTED)
        return 0;
    ck_assert_ok(status);
    prune_product_info_init(&info);
    ck_assert_ok(prune_product_describe(&info, product));
    ck_assert_uint_eq(info.rows, m->rows);
    ck_assert_uint_eq(info.columns, m->columns);
    ck_assert_int_eq(info.kernels, options->kernels);
    for (size_t n = 0; n < 2; n++)
        check_run(product, m, bytes, length, 1 + coded_below(rng, n == 0 ? 9 : 70), rng);
    prune_product_free(product);
    return 1;
}

static size_t check_kernels(int32_t kernels, uint64_t seed, size_t matrices)
{
    prune_rng rng;
    size_t seen[PRUNE_LAYOUT_MASKS + 1] = { 0 }, layouts = 0;
    prune_rng_seed(&rng, seed);
    for (size_t n = 0; n < matrices; n++) {
        coded_matrix m;
        size_t length;
        coded_make(&m, 1 + coded_below(&rng, 40), 1 + coded_below(&rng, n % 4 ? 60 : 700), coded_density(n),
                   0, &rng);
        const int32_t id = PRUNE_ENCODING_DENSE + (int32_t)(n % PRUNE_ENCODING_DELTAS);
        const prune_encoding_options encoding = coded_random_options(id, &rng);
        if (id == PRUNE_ENCODING_N_OF_M)
            coded_thin(&m, (size_t)encoding.keep, (size_t)encoding.of);
        unsigned char *bytes = coded_encode(&length, &m, &encoding);
        for (int32_t layout = PRUNE_LAYOUT_AUTO; layout <= PRUNE_LAYOUT_MASKS; layout++) {
            const prune_product_options options = options_of(kernels, layout, 1 + coded_below(&rng, 300));
            seen[layout] += (size_t)check_layout(&m, bytes, length, &options, &rng);
        }
        free(bytes);
        coded_end(&m);
    }
    for (int32_t layout = PRUNE_LAYOUT_AUTO; layout <= PRUNE_LAYOUT_MASKS; layout++) {
        ck_assert(seen[layout] == 0 || seen[layout] == matrices);
        layouts += seen[layout] != 0;
    }
    return layouts;
}

START_TEST(all_kernels_and_layouts_give_the_plain_product)
{
    prune_kernels_info info;
    prune_kernels_info_init(&info);
    ck_assert_ok(prune_backend_info(&info));
    ck_assert_uint_ne(info.offered >> PRUNE_KERNELS_PLAIN & 1, 0);
    ck_assert_uint_ne(info.offered >> info.best & 1, 0);
    for (int32_t kernels = PRUNE_KERNELS_PLAIN; kernels <= PRUNE_KERNELS_NEON; kernels++)
        if (info.offered >> kernels & 1)
            ck_assert_uint_eq(check_kernels(kernels, (uint64_t)kernels, 63),
                              kernels == PRUNE_KERNELS_PLAIN ? 4 : 6);
}
END_TEST

/* ---- what does not fit one step ---- */

/* More columns than u16 tells apart: no windows, no groups, and several tiles of rows. */
START_TEST(very_wide_matrices)
{
    prune_rng rng;
    coded_matrix m;
    size_t length;
    prune_kernels_info info;
    prune_kernels_info_init(&info);
    ck_assert_ok(prune_backend_info(&info));
    prune_rng_seed(&rng, 20);
    coded_make(&m, 3, 65537, 0.01, 0, &rng);
    m.kept[65536] = m.kept[65535] = 1;
    const prune_encoding_options encoding = coded_options(PRUNE_ENCODING_CSR);
    unsigned char *bytes = coded_encode(&length, &m, &encoding);
    for (int32_t layout = PRUNE_LAYOUT_AUTO; layout <= PRUNE_LAYOUT_MASKS; layout++) {
        const prune_product_options options = options_of(info.best, layout, 70);
        ck_assert_int_eq(check_layout(&m, bytes, length, &options, &rng),
                         layout != PRUNE_LAYOUT_WINDOWS && layout != PRUNE_LAYOUT_GROUPS);
    }
    free(bytes);
    coded_end(&m);
}
END_TEST

/* From a tensor and its mask as from bytes: the same bits. */
START_TEST(weights_and_bytes_make_the_same_product)
{
    prune_rng rng;
    prune_rng_seed(&rng, 21);
    for (size_t n = 0; n < 20; n++) {
        coded_matrix m;
        matter one, other;
        prune_product *from_weights, *from_bytes;
        size_t length;
        coded_make(&m, 1 + coded_below(&rng, 50), 1 + coded_below(&rng, 50), coded_density(n), 0, &rng);
        const prune_encoding_options encoding = coded_random_options(PRUNE_ENCODING_BLOCKS, &rng);
        unsigned char *bytes = coded_encode(&length, &m, &encoding);
        prune_rng again = rng;
        matter_make(&one, &m, 1 + n, &rng);
        matter_make(&other, &m, 1 + n, &again);
        ck_assert_ok(prune_product_create_weights(&from_weights, NULL, m.tensor, m.kept, NULL));
        ck_assert_ok(prune_product_create(&from_bytes, NULL, bytes, length, NULL, NULL));
        ck_assert_uint_eq(prune_product_bytes(from_weights), prune_product_bytes(from_bytes));
        void *room = malloc(prune_product_room(from_bytes, 1 + n) + 8);
        ck_assert_ptr_nonnull(room);
        ck_assert_ok(prune_product_run(from_weights, one.ys, one.xs, 0, room));
        ck_assert_ok(prune_product_run(from_bytes, other.ys, other.xs, 0, (char *)room + 8));
        ck_assert_mem_eq(one.y, other.y, (n * one.ldy + m.rows) * sizeof(float));
        prune_product_free(from_weights);
        prune_product_free(from_bytes);
        matter_end(&one);
        matter_end(&other);
        free(room);
        free(bytes);
        coded_end(&m);
    }
}
END_TEST

/* ---- x that is not finite ---- */

/* One sample has one bad x: in that sample all rows with a weight there are spoilt, other samples are not. */
static void check_bad_x(const coded_matrix *m, const prune_product *product, float bad, prune_rng *rng)
{
    matter t;
    const size_t batch = 1 + coded_below(rng, 20), sample = coded_below(rng, batch);
    const size_t column = coded_below(rng, m->columns);
    void *room = malloc(prune_product_room(product, batch) + 1);
    ck_assert_ptr_nonnull(room);
    matter_make(&t, m, batch, rng);
    ck_assert_ok(prune_product_run(product, t.es, t.xs, 0, room));
    t.x[sample * t.ldx + column] = bad;
    ck_assert_ok(prune_product_run(product, t.ys, t.xs, 0, room));
    for (size_t s = 0; s < batch; s++)
        for (size_t row = 0; row < m->rows; row++) {
            const float y = t.y[s * t.ldy + row], before = t.expected[s * t.ldy + row];
            if (s != sample)
                ck_assert_mem_eq(&y, &before, sizeof y);
            else if (coded_weight(m, row, column) != 0.0f)
                ck_assert(!isfinite(y));
        }
    matter_end(&t);
    free(room);
}

START_TEST(what_is_not_finite_spoils_its_own_sample)
{
    static const float bad[] = { INFINITY, -INFINITY, NAN };
    prune_kernels_info info;
    prune_rng rng;
    prune_rng_seed(&rng, 22);
    prune_kernels_info_init(&info);
    ck_assert_ok(prune_backend_info(&info));
    for (size_t n = 0; n < 200; n++) {
        coded_matrix m;
        prune_product *product;
        coded_make(&m, 1 + coded_below(&rng, 40), 1 + coded_below(&rng, 60), coded_density(n), 0, &rng);
        const prune_product_options options =
            options_of(info.offered >> n % 5 & 1 ? (int32_t)(n % 5) : PRUNE_KERNELS_AUTO,
                       (int32_t)coded_below(&rng, PRUNE_LAYOUT_MASKS + 1), 20);
        const prune_status status = prune_product_create_weights(&product, NULL, m.tensor, m.kept, &options);
        if (status == PRUNE_OK)
            check_bad_x(&m, product, bad[n % 3], &rng);
        else
            ck_assert_int_eq(status, PRUNE_E_UNSUPPORTED);
        prune_product_free(product);
        coded_end(&m);
    }
}
END_TEST

/* ---- room ---- */

/* A batch that needs room is refused without. */
START_TEST(room_that_is_missing)
{
    prune_rng rng;
    coded_matrix m;
    matter t;
    prune_product *product;
    prune_rng_seed(&rng, 25);
    coded_make(&m, 10, 20, 0.2, 0, &rng);
    const prune_product_options options = options_of(PRUNE_KERNELS_PLAIN, PRUNE_LAYOUT_ROWS, 64);
    ck_assert_ok(prune_product_create_weights(&product, NULL, m.tensor, m.kept, &options));
    ck_assert_uint_eq(prune_product_room(product, 1), 0);
    ck_assert_uint_ge(prune_product_room(product, 64), prune_product_room(product, 8));
    ck_assert_uint_eq(prune_product_room(product, 4000), prune_product_room(product, SIZE_MAX));
    matter_make(&t, &m, 64, &rng);
    memcpy(t.before, t.y, (63 * t.ldy + m.rows) * sizeof(float));
    ck_assert_status(prune_product_run(product, t.ys, t.xs, 0, NULL), PRUNE_E_ARGUMENT);
    ck_assert_mem_eq(t.before, t.y, (63 * t.ldy + m.rows) * sizeof(float));
    matter_end(&t);
    prune_product_free(product);
    coded_end(&m);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { all_kernels_and_layouts_give_the_plain_product, very_wide_matrices,
                                   weights_and_bytes_make_the_same_product,
                                   what_is_not_finite_spoils_its_own_sample, room_that_is_missing };
    return run_tests("product", tests, sizeof tests / sizeof tests[0]);
}
