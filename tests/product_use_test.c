/* product_use_test.c -- products made ready: the layouts that are chosen, and what is refused
 *
 * SPDX-License-Identifier: MIT */
#include "support/coded.h"
#include "support/heap.h"

/* ---- what AUTO takes ---- */

static void remove_two_of_four(const coded_matrix *m, prune_rng *rng)
{
    for (size_t i = 0; i < m->rows * m->columns; i += 4) {
        const size_t first = coded_below(rng, 4);
        m->kept[i + first] = m->kept[i + (first + 1 + coded_below(rng, 3)) % 4] = 0;
    }
}

/* many AUTO: whatever the BLAS of the machine leaves it. */
static void check_choice(const coded_matrix *m, int32_t kernels, int32_t one, int32_t many)
{
    prune_product_options options;
    prune_product_info info;
    prune_product *product;
    prune_product_options_init(&options);
    prune_product_info_init(&info);
    options.kernels = kernels;
    options.max_batch = 256;
    const prune_backend fast = { .name = "as if it were a BLAS", .run = prune_backend_reference()->run };
    options.backend = &fast;
    ck_assert_ok(prune_product_create_weights(&product, NULL, m->tensor, m->kept, &options));
    ck_assert_ok(prune_product_describe(&info, product));
    ck_assert_int_eq(info.layout, one);
    ck_assert(many == PRUNE_LAYOUT_AUTO || info.layout_many == many);
    prune_product_free(product);
}

/* On machines that the model was measured on; vectors of 4 may well prefer groups of 4. */
START_TEST(layouts_are_chosen_by_what_is_kept)
{
    enum { ROWS = 128, COLUMNS = 512 };
    prune_rng rng;
    prune_kernels_info info;
    prune_rng_seed(&rng, 23);
    prune_kernels_info_init(&info);
    ck_assert_ok(prune_backend_info(&info));
    for (int32_t kernels = PRUNE_KERNELS_AVX2; kernels <= PRUNE_KERNELS_AVX512; kernels++) {
        coded_matrix m;
        if ((info.offered >> kernels & 1) == 0)
            continue;
        coded_make(&m, ROWS, COLUMNS, 0.1, 0, &rng);
        check_choice(&m, kernels, PRUNE_LAYOUT_WINDOWS, PRUNE_LAYOUT_ROWS);
        for (size_t i = 0; i < ROWS * COLUMNS; i++)
            m.kept[i] = m.kept[i / COLUMNS / 8 * 8 * COLUMNS + i % COLUMNS]; /* 8 x 1 blocks */
        check_choice(&m, kernels, PRUNE_LAYOUT_GROUPS, PRUNE_LAYOUT_ROWS);
        for (size_t i = 0; i < ROWS * COLUMNS; i++)
            m.kept[i] = 1;
        check_choice(&m, PRUNE_KERNELS_PLAIN, PRUNE_LAYOUT_DENSE, PRUNE_LAYOUT_DENSE);
        remove_two_of_four(&m, &rng);
        check_choice(&m, kernels, PRUNE_LAYOUT_WINDOWS, PRUNE_LAYOUT_AUTO);
        coded_end(&m);
    }
}
END_TEST

/* ---- refusals ---- */

static prune_product_options options_of(int32_t layout)
{
    prune_product_options options;
    prune_product_options_init(&options);
    options.layout = layout;
    options.max_batch = 64;
    return options;
}

START_TEST(memory_refused_at_every_step)
{
    prune_rng rng;
    coded_matrix m;
    prune_rng_seed(&rng, 24);
    coded_make(&m, 40, 90, 0.1, 0, &rng);
    for (int32_t layout = PRUNE_LAYOUT_AUTO; layout <= PRUNE_LAYOUT_MASKS; layout++) {
        heap h = { 0 };
        const prune_allocator mem = heap_allocator(&h);
        const prune_product_options options = options_of(layout);
        prune_status status = PRUNE_E_MEMORY;
        size_t refused = 0;
        for (; status == PRUNE_E_MEMORY; refused++) {
            prune_product *product = (prune_product *)(void *)&rng;
            heap_refuse_once(&h, refused + 1);
            status = prune_product_create_weights(&product, &mem, m.tensor, m.kept, &options);
            ck_assert((product == NULL) == (status != PRUNE_OK));
            if (status == PRUNE_OK) {
                heap_refuse_once(&h, 0);
                ck_assert_uint_eq(h.live_bytes, prune_product_bytes(product));
            }
            prune_product_free(product);
            ck_assert(heap_is_clean(&h));
        }
        if (status == PRUNE_E_UNSUPPORTED)
            continue;
        ck_assert_ok(status);
        ck_assert_uint_ge(refused, 6); /* rows, columns, values, order, lengths; product; layouts */
    }
    coded_end(&m);
}
END_TEST

START_TEST(options_that_are_refused)
{
    const prune_backend hollow = { .name = "hollow" };
    const float weights[] = { 1, 0, 2, 3 };
    prune_tensor *tensor;
    ck_assert_ok(prune_tensor_const_matrix(&tensor, NULL, PRUNE_F32, 2, 2, weights));
    prune_product_options good;
    prune_product_options_init(&good);
    prune_kernels_info kernels;
    prune_kernels_info_init(&kernels);
    ck_assert_ok(prune_backend_info(&kernels));
    const struct {
        prune_product_options options;
        prune_status status;
    } cases[] = { { { good.size, -1, 0, 1, NULL }, PRUNE_E_ARGUMENT },
                  { { good.size, 5, 0, 1, NULL }, PRUNE_E_ARGUMENT },
                  { { good.size, 0, -1, 1, NULL }, PRUNE_E_ARGUMENT },
                  { { good.size, 0, 6, 1, NULL }, PRUNE_E_ARGUMENT },
                  { { good.size, 0, 0, 1, &hollow }, PRUNE_E_ARGUMENT },
                  { { good.size, 0, 0, 0, NULL }, PRUNE_E_SIZE },
                  { { good.size, PRUNE_KERNELS_PLAIN, PRUNE_LAYOUT_WINDOWS, 1, NULL }, PRUNE_E_UNSUPPORTED },
                  { { good.size, PRUNE_KERNELS_PLAIN, PRUNE_LAYOUT_GROUPS, 1, NULL }, PRUNE_E_UNSUPPORTED },
                  { { good.size + 1, 0, 0, 1, NULL }, PRUNE_E_VERSION },
                  { { 1, 0, 0, 1, NULL }, PRUNE_E_ARGUMENT } };
    prune_product *product;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        product = (prune_product *)(void *)tensor;
        ck_assert_status(prune_product_create_weights(&product, NULL, tensor, NULL, &cases[i].options),
                         cases[i].status);
        ck_assert_ptr_null(product);
    }
    for (int32_t k = PRUNE_KERNELS_PLAIN; k <= PRUNE_KERNELS_NEON; k++) {
        prune_product_options options = good;
        options.kernels = k;
        ck_assert_status(prune_product_create_weights(&product, NULL, tensor, NULL, &options),
                         kernels.offered >> k & 1 ? PRUNE_OK : PRUNE_E_UNSUPPORTED);
        prune_product_free(product);
    }
    prune_tensor_free(tensor);
}
END_TEST

START_TEST(arguments_that_do_not_fit)
{
    size_t length;
    const unsigned char *bytes = coded_small_bytes(&length, PRUNE_ENCODING_CSR);
    float x[5] = { 0 }, y[3] = { 7, 7, 7 };
    const int32_t integers[15] = { 0 };
    prune_product *product, *none = NULL;
    prune_product_info info;
    prune_error error = { 0 };
    prune_tensor *in, *in2, *in3, *out, *fixed, *ints;
    ck_assert_ok(prune_tensor_matrix(&in, NULL, PRUNE_F32, 1, 5, x));
    ck_assert_ok(prune_tensor_matrix(&in2, NULL, PRUNE_F32, 5, 1, x));
    ck_assert_ok(prune_tensor_matrix(&in3, NULL, PRUNE_F32, 1, 3, x));
    ck_assert_ok(prune_tensor_matrix(&out, NULL, PRUNE_F32, 1, 3, y));
    ck_assert_ok(prune_tensor_const_matrix(&fixed, NULL, PRUNE_F32, 1, 3, y));
    ck_assert_ok(prune_tensor_const_matrix(&ints, NULL, PRUNE_I32, 1, 5, integers));
    ck_assert_status(prune_product_create(NULL, NULL, bytes, length, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_product_create(&none, NULL, NULL, length, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_product_create(&none, NULL, bytes, length - 4, NULL, &error), PRUNE_E_TRUNCATED);
    ck_assert_int_eq(error.status, PRUNE_E_TRUNCATED);
    ck_assert_str_eq(error.place, "bytes");
    ck_assert_status(prune_product_create_weights(NULL, NULL, in, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_product_create_weights(&none, NULL, NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_product_create_weights(&none, NULL, ints, NULL, NULL), PRUNE_E_TYPE);
    ck_assert_ok(prune_product_create(&product, NULL, bytes, length, NULL, NULL));
    ck_assert_status(prune_product_run(NULL, out, in, 0, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_product_run(product, NULL, in, 0, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_product_run(product, out, NULL, 0, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_product_run(product, out, in2, 0, NULL), PRUNE_E_SHAPE);
    ck_assert_status(prune_product_run(product, out, in3, 0, NULL), PRUNE_E_SHAPE);
    ck_assert_status(prune_product_run(product, in, in, 0, NULL), PRUNE_E_SHAPE);
    ck_assert_status(prune_product_run(product, fixed, in, 0, NULL), PRUNE_E_READONLY);
    ck_assert_status(prune_product_run(product, out, ints, 0, NULL), PRUNE_E_TYPE);
    prune_product_info_init(&info);
    ck_assert_status(prune_product_describe(NULL, product), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_product_describe(&info, NULL), PRUNE_E_ARGUMENT);
    info.size++;
    ck_assert_status(prune_product_describe(&info, product), PRUNE_E_VERSION);
    ck_assert_status(prune_backend_info(NULL), PRUNE_E_ARGUMENT);
    for (size_t i = 0; i < 3; i++)
        ck_assert(y[i] == 7.0f);
    prune_product_free(product);
    prune_product_free(NULL);
    ck_assert_uint_eq(prune_product_bytes(NULL) + prune_product_room(NULL, 1), 0);
    prune_tensor *const all[] = { in, in2, in3, out, fixed, ints };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        prune_tensor_free(all[i]);
}
END_TEST

START_TEST(names)
{
    ck_assert_str_eq(prune_kernels_name(PRUNE_KERNELS_PLAIN), "plain");
    ck_assert_str_eq(prune_kernels_name(PRUNE_KERNELS_NEON), "neon");
    ck_assert_str_eq(prune_layout_name(PRUNE_LAYOUT_DENSE), "dense");
    ck_assert_str_eq(prune_layout_name(PRUNE_LAYOUT_MASKS), "masks");
    for (int32_t n = -1; n <= 6; n += n == -1 ? 1 : 6) {
        ck_assert_ptr_null(prune_kernels_name(n));
        ck_assert_ptr_null(prune_layout_name(n));
    }
}
END_TEST

/* The bytes of W in that layout, as far as products tell: they have gaps of up to a line of the cache. */
static uint64_t laid_out(const prune_tensor *w, int32_t kernels, int32_t layout)
{
    prune_product *product;
    prune_product_options options;
    prune_product_options_init(&options);
    options.kernels = kernels;
    options.layout = layout;
    ck_assert_ok(prune_product_create_weights(&product, NULL, w, NULL, &options));
    const uint64_t bytes = prune_product_bytes(product);
    prune_product_free(product);
    return bytes;
}

/* Blocks of a full matrix have their columns beside: faster for one sample or not, they are larger. */
START_TEST(nothing_larger_than_dense_is_chosen)
{
    enum { ROWS = 96, COLUMNS = 640, GAPS = 6 * 64 };
    static float full[ROWS * COLUMNS];
    prune_kernels_info kernels;
    prune_tensor *w;
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        full[i] = 1.0f + (float)(i % 7);
    prune_kernels_info_init(&kernels);
    ck_assert_ok(prune_backend_info(&kernels));
    ck_assert_ok(prune_tensor_const_matrix(&w, NULL, PRUNE_F32, ROWS, COLUMNS, full));
    for (int32_t k = PRUNE_KERNELS_PLAIN; k <= PRUNE_KERNELS_NEON; k++)
        for (size_t batch = 1; batch <= 256 && kernels.offered >> k & 1; batch *= 4) {
            prune_product *product;
            prune_product_options options;
            prune_product_info info;
            prune_product_options_init(&options);
            prune_product_info_init(&info);
            options.kernels = k;
            options.max_batch = batch;
            ck_assert_ok(prune_product_create_weights(&product, NULL, w, NULL, &options));
            ck_assert_ok(prune_product_describe(&info, product));
            const uint64_t dense = laid_out(w, k, PRUNE_LAYOUT_DENSE);
            ck_assert_uint_le(laid_out(w, k, info.layout), dense + GAPS);
            ck_assert_uint_le(laid_out(w, k, info.layout_many), dense + GAPS);
            prune_product_free(product);
        }
    prune_tensor_free(w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { layouts_are_chosen_by_what_is_kept, nothing_larger_than_dense_is_chosen,
                                   memory_refused_at_every_step,       options_that_are_refused,
                                   arguments_that_do_not_fit,          names };
    return run_tests("product_use", tests, sizeof tests / sizeof tests[0]);
}
