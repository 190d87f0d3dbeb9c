/* encoding_use_test.c -- encoded matrices: the product with them, the smallest, and what is refused
 *
 * SPDX-License-Identifier: MIT */
#include "support/coded.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- products ---- */

enum { SAMPLES = 3 };

static prune_tensor *rows_apart(float *data, size_t columns, size_t ld)
{
    const prune_shape shape = { 2, { SAMPLES, columns, 0, 0 } };
    prune_tensor *tensor;
    ck_assert_ok(prune_tensor_wrap(&tensor, NULL, PRUNE_F32, &shape, ld, data));
    return tensor;
}

static float *normals(size_t count, prune_rng *rng)
{
    float *values = malloc(count * sizeof *values);
    ck_assert_ptr_nonnull(values);
    for (size_t i = 0; i < count; i++)
        values[i] = prune_rng_normal(rng);
    return values;
}

/* y of one sample and row: by a plain float loop bit for bit, and near to what double says. */
static int32_t sum_is_right(const coded_matrix *m, const float *x, size_t row, float before, float y)
{
    float sum = 0.0f;
    double exact = (double)before, size = fabs(exact);
    for (size_t i = 0; i < m->columns; i++) {
        if (m->kept[row * m->columns + i] == 0)
            continue;
        sum += m->values[row * m->columns + i] * x[i];
        exact += (double)m->values[row * m->columns + i] * (double)x[i];
        size += fabs((double)m->values[row * m->columns + i] * (double)x[i]);
    }
    const float expected = before + sum;
    return memcmp(&y, &expected, sizeof y) == 0 &&
           fabs((double)y - exact) <= 1e-7 * size * (double)(m->columns + 2);
}

static void check_product(const coded_matrix *m, const prune_encoding_options *options, prune_rng *rng)
{
    size_t length;
    unsigned char *bytes = coded_encode(&length, m, options);
    const size_t ldx = m->columns + 1, ldy = m->rows + 2;
    float *x = normals(SAMPLES * ldx, rng), *y = normals(SAMPLES * ldy, rng);
    float *before = malloc(SAMPLES * ldy * sizeof *before);
    ck_assert_ptr_nonnull(before);
    prune_tensor *xs = rows_apart(x, m->columns, ldx), *ys = rows_apart(y, m->rows, ldy);
    for (int32_t accumulate = 1; accumulate >= 0; accumulate--) {
        memcpy(before, y, SAMPLES * ldy * sizeof *before);
        ck_assert_ok(prune_encoding_apply(ys, xs, bytes, length, accumulate));
        size_t wrong = 0;
        for (size_t s = 0; s < SAMPLES; s++) {
            for (size_t row = 0; row < m->rows; row++)
                wrong += !sum_is_right(m, x + s * ldx, row, accumulate ? before[s * ldy + row] : 0.0f,
                                       y[s * ldy + row]);
            ck_assert_mem_eq(y + s * ldy + m->rows, before + s * ldy + m->rows, 2 * sizeof *y);
        }
        ck_assert_uint_eq(wrong, 0);
    }
    prune_tensor_free(xs);
    prune_tensor_free(ys);
    free(x);
    free(y);
    free(before);
    free(bytes);
}

START_TEST(products_are_those_of_a_plain_loop)
{
    prune_rng rng;
    prune_rng_seed(&rng, 8);
    for (size_t n = 0; n < 300; n++) {
        coded_matrix m;
        const size_t rows = 1 + coded_below(&rng, 20), columns = 1 + coded_below(&rng, n < 280 ? 30 : 700);
        coded_make(&m, rows, columns, coded_density(n), 0, &rng);
        for (int32_t id = CODED_LAST; id >= CODED_FIRST; id--) {
            const prune_encoding_options options = coded_random_options(id, &rng);
            if (id == PRUNE_ENCODING_N_OF_M)
                coded_thin(&m, (size_t)options.keep, (size_t)options.of);
            check_product(&m, &options, &rng);
        }
        coded_end(&m);
    }
}
END_TEST

/* ---- the smallest ---- */

START_TEST(best_is_the_smallest_and_never_above_dense)
{
    prune_rng rng;
    int32_t seen[CODED_LAST + 1] = { 0 };
    prune_rng_seed(&rng, 9);
    for (size_t n = 0; n < 400; n++) {
        coded_matrix m;
        prune_encoding_info best, other;
        prune_encoding_info_init(&best);
        prune_encoding_info_init(&other);
        coded_make(&m, 1 + coded_below(&rng, 16), 1 + coded_below(&rng, n % 2 ? 16 : 400),
                   coded_density(n) * (double)prune_rng_uniform(&rng), 0, &rng);
        if (n % 4 == 0)
            coded_thin(&m, 2, 4);
        for (size_t i = 0; n % 16 == 1 && i < m.rows * m.columns; i++)
            m.kept[i] = i % m.columns == 0; /* whole columns, which are blocks */
        for (size_t i = 0; n % 16 == 3 && i < m.rows * m.columns; i++)
            m.kept[i] = 1;
        for (size_t i = 0; n % 16 == 4 && i < m.rows * m.columns; i++)
            m.kept[i] = i % m.columns % 4 < 2; /* exactly 2 of 4 */
        ck_assert_ok(prune_encoding_measure(&best, m.tensor, m.kept, NULL));
        for (int32_t id = CODED_LAST; id >= CODED_FIRST; id--) {
            const prune_encoding_options options = coded_options(id);
            const prune_status status = prune_encoding_measure(&other, m.tensor, m.kept, &options);
            if (status == PRUNE_E_UNSUPPORTED && id == PRUNE_ENCODING_N_OF_M)
                continue;
            ck_assert_ok(status);
            ck_assert_uint_le(best.bytes, other.bytes);
            if (other.bytes == best.bytes)
                ck_assert_int_le(best.encoding, id);
            if (id == best.encoding)
                ck_assert_mem_eq(&other, &best, sizeof best);
        }
        const prune_encoding_options by_best = coded_options(PRUNE_ENCODING_BEST);
        size_t length;
        unsigned char *bytes = coded_encode(&length, &m, &by_best);
        ck_assert_int_eq(bytes[0], best.encoding);
        coded_check_decoded(&m, bytes, length);
        seen[best.encoding]++;
        free(bytes);
        coded_end(&m);
    }
    ck_assert_int_gt(seen[PRUNE_ENCODING_DENSE], 0);
    ck_assert_int_gt(seen[PRUNE_ENCODING_BLOCKS], 0);
    ck_assert_int_gt(seen[PRUNE_ENCODING_N_OF_M], 0);
    ck_assert_int_gt(seen[PRUNE_ENCODING_BITMASK], 0);
    ck_assert_int_gt(seen[PRUNE_ENCODING_DELTAS], 0);
}
END_TEST

/* Bytes of values and index alone: 4 of a value, and 2, 1 or an eighth. */
START_TEST(densities_of_break_even)
{
    static const struct {
        int32_t encoding;
        double density;
    } cases[] = { { PRUNE_ENCODING_CSR, 2.0 / 3.0 },
                  { PRUNE_ENCODING_DELTAS, 0.8 },
                  { PRUNE_ENCODING_BITMASK, 0.96875 } };
    enum { ROWS = 64, COLUMNS = 512, ELEMENTS = ROWS * COLUMNS };
    prune_rng rng;
    prune_rng_seed(&rng, 10);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int32_t above = 0; above < 2; above++) {
            coded_matrix m;
            prune_encoding_info info;
            prune_encoding_info_init(&info);
            const prune_encoding_options options = coded_options(cases[i].encoding);
            const size_t target = (size_t)((cases[i].density + (above ? 0.001 : -0.001)) * ELEMENTS);
            coded_make(&m, ROWS, COLUMNS, 0.5, 0, &rng);
            for (size_t kept = coded_kept(&m); kept != target;) {
                uint8_t *at = &m.kept[coded_below(&rng, ELEMENTS)];
                if ((*at == 0) == (kept < target)) {
                    kept = *at == 0 ? kept + 1 : kept - 1;
                    *at = *at == 0;
                }
            }
            ck_assert_ok(prune_encoding_measure(&info, m.tensor, m.kept, &options));
            const size_t ends = cases[i].encoding == PRUNE_ENCODING_BITMASK ? 0 : 2 * ROWS;
            const size_t bytes = (size_t)info.bytes - PRUNE_ENCODING_HEADER - ends;
            ck_assert_int_eq(bytes > 4 * ELEMENTS, above);
            coded_end(&m);
        }
}
END_TEST

/* ---- refusals ---- */

START_TEST(options_out_of_range)
{
    static const struct {
        prune_encoding_options options;
        prune_status status;
    } cases[] = {
        { { 0, 8, 8, 4, 1, 2, 4 }, PRUNE_E_ARGUMENT }, { { 0, -1, 8, 4, 1, 2, 4 }, PRUNE_E_ARGUMENT },
        { { 0, 0, 0, 4, 1, 2, 4 }, PRUNE_E_RANGE },    { { 0, 0, 256, 4, 1, 2, 4 }, PRUNE_E_RANGE },
        { { 0, 0, 8, 0, 1, 2, 4 }, PRUNE_E_RANGE },    { { 0, 0, 8, 256, 1, 2, 4 }, PRUNE_E_RANGE },
        { { 0, 0, 8, 4, 0, 2, 4 }, PRUNE_E_RANGE },    { { 0, 0, 8, 4, 256, 2, 4 }, PRUNE_E_RANGE },
        { { 0, 0, 8, 4, 1, 0, 4 }, PRUNE_E_RANGE },    { { 0, 0, 8, 4, 1, 4, 4 }, PRUNE_E_RANGE },
        { { 0, 0, 8, 4, 1, 1, 1 }, PRUNE_E_RANGE },    { { 0, 0, 8, 4, 1, 2, 256 }, PRUNE_E_RANGE },
        { { 0, 1, -8, 4, 1, 2, 4 }, PRUNE_E_RANGE },   { { 0, 5, 8, 4, 1, 2, 4 }, PRUNE_E_UNSUPPORTED },
    };
    const float weights[] = { 1, 1, 1, 1 };
    prune_tensor *tensor;
    ck_assert_ok(prune_tensor_const_matrix(&tensor, NULL, PRUNE_F32, 1, 4, weights));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char bytes[CODED_MOST], rubbish[CODED_MOST];
        prune_encoding_options options = cases[i].options;
        prune_encoding_info info, before;
        options.size = sizeof options;
        memset(bytes, CODED_RUBBISH, sizeof bytes);
        memset(rubbish, CODED_RUBBISH, sizeof rubbish);
        memset(&info, CODED_RUBBISH, sizeof info);
        info.size = sizeof info;
        before = info;
        ck_assert_status(prune_encoding_measure(&info, tensor, NULL, &options), cases[i].status);
        ck_assert_status(prune_encoding_encode(bytes, 40, tensor, NULL, &options), cases[i].status);
        ck_assert_mem_eq(bytes, rubbish, sizeof bytes);
        ck_assert_mem_eq(&info, &before, sizeof info);
    }
    prune_tensor_free(tensor);
}
END_TEST

/* Shapes that no header could say, over memory that nobody has: they are refused before it is read. */
START_TEST(matrices_that_are_too_large)
{
    static const size_t cases[][2] = {
        { (size_t)INT32_MAX + 1, 1 }, { 1, (size_t)INT32_MAX + 1 }, { 65536, 65536 }, { 3, 1431655766 }
    };
    const float one = 1.0f;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        prune_encoding_info info;
        prune_tensor *tensor;
        prune_encoding_info_init(&info);
        const prune_status status =
            prune_tensor_const_matrix(&tensor, NULL, PRUNE_F32, cases[i][0], cases[i][1], &one);
        if (status == PRUNE_OK) /* where size_t has 32 bits there are no such tensors */
            ck_assert_status(prune_encoding_measure(&info, tensor, NULL, NULL), PRUNE_E_LIMIT);
        else
            ck_assert_status(status, PRUNE_E_OVERFLOW);
        prune_tensor_free(tensor);
    }
}
END_TEST

START_TEST(structs_of_other_versions)
{
    const float weights[] = { 1, 0 };
    prune_tensor *tensor;
    prune_encoding_options options = coded_options(PRUNE_ENCODING_DENSE);
    prune_encoding_info info;
    unsigned char bytes[32];
    prune_encoding_info_init(&info);
    ck_assert_ok(prune_tensor_const_matrix(&tensor, NULL, PRUNE_F32, 1, 2, weights));
    options.size++;
    ck_assert_status(prune_encoding_measure(&info, tensor, NULL, &options), PRUNE_E_VERSION);
    ck_assert_status(prune_encoding_encode(bytes, 32, tensor, NULL, &options), PRUNE_E_VERSION);
    options.size = 0;
    ck_assert_status(prune_encoding_measure(&info, tensor, NULL, &options), PRUNE_E_ARGUMENT);
    options.size = offsetof(prune_encoding_options, lanes); /* an older caller's */
    options.lanes = -1;
    ck_assert_ok(prune_encoding_measure(&info, tensor, NULL, &options));
    ck_assert_ok(prune_encoding_encode(bytes, 32, tensor, NULL, &options));
    info.size++;
    ck_assert_status(prune_encoding_measure(&info, tensor, NULL, NULL), PRUNE_E_VERSION);
    ck_assert_status(prune_encoding_check(&info, bytes, 32, NULL), PRUNE_E_VERSION);
    prune_encoding_options_init(NULL);
    prune_encoding_info_init(NULL);
    prune_tensor_free(tensor);
}
END_TEST

START_TEST(arguments_that_do_not_fit)
{
    size_t length;
    const unsigned char *bytes = coded_small_bytes(&length, PRUNE_ENCODING_CSR);
    float room[15], x[5] = { 0 }, y[3];
    int32_t integers[15] = { 0 };
    prune_encoding_info info;
    prune_tensor *weights, *wide, *flat, *whole, *fixed, *in, *in2, *out, *fixed_out, *ints;
    prune_encoding_info_init(&info);
    memset(room, CODED_RUBBISH, sizeof room);
    ck_assert_ok(prune_tensor_const_matrix(&weights, NULL, PRUNE_F32, 3, 5, coded_small));
    ck_assert_ok(prune_tensor_matrix(&whole, NULL, PRUNE_F32, 3, 5, room));
    ck_assert_ok(prune_tensor_matrix(&wide, NULL, PRUNE_F32, 5, 3, room));
    ck_assert_ok(prune_tensor_matrix(&flat, NULL, PRUNE_F32, 2, 5, room));
    ck_assert_ok(prune_tensor_const_matrix(&fixed, NULL, PRUNE_F32, 3, 5, room));
    ck_assert_ok(prune_tensor_matrix(&ints, NULL, PRUNE_I32, 3, 5, integers));
    ck_assert_ok(prune_tensor_matrix(&in, NULL, PRUNE_F32, 1, 5, x));
    ck_assert_ok(prune_tensor_matrix(&in2, NULL, PRUNE_F32, 5, 1, x));
    ck_assert_ok(prune_tensor_matrix(&out, NULL, PRUNE_F32, 1, 3, y));
    ck_assert_ok(prune_tensor_const_matrix(&fixed_out, NULL, PRUNE_F32, 1, 3, y));
    ck_assert_status(prune_encoding_measure(NULL, weights, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_encoding_measure(&info, NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_encoding_measure(&info, ints, NULL, NULL), PRUNE_E_TYPE);
    ck_assert_status(prune_encoding_encode(NULL, 84, weights, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_encoding_encode(room, 84, NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_encoding_encode(room, 84, ints, NULL, NULL), PRUNE_E_TYPE);
    const prune_encoding_options csr = coded_options(PRUNE_ENCODING_CSR);
    ck_assert_status(prune_encoding_encode(room, length - 4, weights, coded_small_kept, &csr), PRUNE_E_SHAPE);
    ck_assert_status(prune_encoding_encode(room, length + 4, weights, coded_small_kept, &csr), PRUNE_E_SHAPE);
    ck_assert_status(prune_encoding_decode(NULL, bytes, length), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_encoding_decode(whole, NULL, length), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_encoding_decode(whole, bytes, length - 1), PRUNE_E_TRUNCATED);
    ck_assert_status(prune_encoding_decode(wide, bytes, length), PRUNE_E_SHAPE);
    ck_assert_status(prune_encoding_decode(flat, bytes, length), PRUNE_E_SHAPE);
    ck_assert_status(prune_encoding_decode(fixed, bytes, length), PRUNE_E_READONLY);
    ck_assert_status(prune_encoding_decode(ints, bytes, length), PRUNE_E_TYPE);
    ck_assert_status(prune_encoding_apply(NULL, in, bytes, length, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_encoding_apply(out, NULL, bytes, length, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_encoding_apply(out, in, NULL, length, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_encoding_apply(out, in, bytes, length + 1, 0), PRUNE_E_TRUNCATED);
    ck_assert_status(prune_encoding_apply(out, in2, bytes, length, 0), PRUNE_E_SHAPE);
    ck_assert_status(prune_encoding_apply(wide, in, bytes, length, 0), PRUNE_E_SHAPE); /* 5 samples of 3 */
    ck_assert_status(prune_encoding_apply(in, in, bytes, length, 0), PRUNE_E_SHAPE);
    ck_assert_status(prune_encoding_apply(fixed_out, in, bytes, length, 0), PRUNE_E_READONLY);
    ck_assert_status(prune_encoding_apply(ints, in, bytes, length, 0), PRUNE_E_TYPE);
    ck_assert_status(prune_encoding_apply(out, ints, bytes, length, 0), PRUNE_E_TYPE);
    for (size_t i = 0; i < 15; i++) {
        float rubbish;
        memset(&rubbish, CODED_RUBBISH, sizeof rubbish);
        ck_assert_mem_eq(&room[i], &rubbish, sizeof rubbish);
        ck_assert_int_eq(integers[i], 0);
    }
    prune_tensor *const all[] = { weights, wide, flat, whole, fixed, in, in2, out, fixed_out, ints };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        prune_tensor_free(all[i]);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { products_are_those_of_a_plain_loop,
                                   best_is_the_smallest_and_never_above_dense,
                                   densities_of_break_even,
                                   options_out_of_range,
                                   matrices_that_are_too_large,
                                   structs_of_other_versions,
                                   arguments_that_do_not_fit };
    return run_tests("encoding_use", tests, sizeof tests / sizeof tests[0]);
}
