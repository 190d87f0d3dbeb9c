/* thin_test.c -- products by kept weights alone, in training: beside double precision, when, on any threads
 *
 * SPDX-License-Identifier: MIT */
#include "support/reference.h"
#include "support/training.h"

#include <math.h>

/* ---- gradients, beside the reference ---- */

static const double TOLERANCE = 1e-5; /* of the largest |g| of a weight matrix */
static const double CLEAR = 1e-3;     /* inputs of a kink stay this far from it */

typedef struct world {
    ref_net net;
    ref_task task;
    prune_model *model;
    prune_trainer *trainer;
    prune_tensor *x, *targets;
    float x_values[REF_BATCH * REF_WIDTH], y_values[REF_BATCH * REF_WIDTH];
} world;

static size_t below(uint64_t *state, size_t limit)
{
    return (size_t)ref_uniform(state, 0.0, (double)limit);
}

/* From nothing to all, by the draw; some rows lose the rest. */
static void draw_weights(ref_net *net, uint64_t *state)
{
    static const double densities[] = { 0.0, 0.04, 0.3, 1.0 };
    for (size_t p = 0; p < 2 * net->layers; p++) {
        const double kept = p % 2 ? 1.0 : densities[below(state, 4)],
                     high = 2.0 / sqrt((double)net->width[p / 2]);
        int32_t empty = 0;
        for (size_t i = ref_begin(net, p), n = 0; i < ref_begin(net, p + 1); i++, n++) {
            if (p % 2 == 0 && n % net->width[p / 2] == 0)
                empty = kept < 1.0 && below(state, 4) == 0;
            net->keep[i] = !empty && ref_uniform(state, 0.0, 1.0) < kept;
            net->w[i] = net->keep[i] ? (double)(float)ref_uniform(state, -high, high) : 0.0;
        }
    }
}

static void draw_samples(world *w, uint64_t *state)
{
    w->task = (ref_task){ .loss = below(state, 2) ? PRUNE_MSE : PRUNE_SOFTMAX_CROSS_ENTROPY,
                          .n = 1 + 2 * below(state, 17) };
    const size_t outputs = w->net.width[w->net.layers];
    for (size_t i = 0; i < w->task.n * w->net.width[0]; i++)
        w->task.x[i] = (double)(w->x_values[i] = (float)ref_uniform(state, -1.0, 1.0));
    for (size_t i = 0; i < w->task.n * outputs; i++)
        w->task.y[i] = (double)(w->y_values[i] = (float)ref_uniform(state, -1.0, 1.0));
    for (size_t s = 0; s < w->task.n; s++)
        w->task.label[s] = (int32_t)below(state, outputs);
}

static void open_world(world *w, uint64_t *state, int32_t kernels)
{
    int32_t activation[REF_LAYERS];
    size_t width[REF_LAYERS + 1];
    const size_t layers = 1 + below(state, 3);
    do {
        for (size_t l = 0; l <= layers; l++) {
            width[l] = 2 + below(state, REF_WIDTH - 4);
            activation[l % REF_LAYERS] = (int32_t)below(state, PRUNE_SOFTPLUS + 1);
        }
        ref_shape(&w->net, layers, width, activation);
        draw_weights(&w->net, state);
        draw_samples(w, state);
    } while (ref_kink_distance(&w->net, &w->task) < CLEAR);
    prune_trainer_options options = world_options(w->task.loss, PRUNE_SGD);
    options.learning_rate = 0.0f;
    options.max_batch = w->task.n;
    options.sparse = PRUNE_SPARSE_ALWAYS;
    options.sparse_kernels = kernels;
    ck_assert_ok(ref_model(&w->model, &w->net));
    w->trainer = world_trainer(w->model, &options);
    ck_assert_ok(prune_tensor_const_matrix(&w->x, NULL, PRUNE_F32, w->task.n, width[0], w->x_values));
    if (w->task.loss == PRUNE_MSE)
        ck_assert_ok(
            prune_tensor_const_matrix(&w->targets, NULL, PRUNE_F32, w->task.n, width[layers], w->y_values));
    else
        ck_assert_ok(prune_tensor_const_matrix(&w->targets, NULL, PRUNE_I32, w->task.n, 1, w->task.label));
}

static void close_world(world *w)
{
    prune_tensor_free(w->x);
    prune_tensor_free(w->targets);
    prune_trainer_free(w->trainer);
    prune_model_free(w->model);
}

/* Biases' are sums that may cancel: of the largest |g| of all. */
static void check_gradients(const world *w, const double *expected, uint64_t round)
{
    const double largest = ref_largest(expected, w->net.count);
    for (size_t p = 0; p < 2 * w->net.layers; p++) {
        const size_t begin = ref_begin(&w->net, p), count = ref_begin(&w->net, p + 1) - begin;
        const double own = ref_largest(expected + begin, count), scale = p % 2 ? largest : own;
        const double off =
            own * ref_scaled_error(prune_trainer_gradient(w->trainer, p), expected + begin, count);
        ck_assert_msg(off <= TOLERANCE * scale, "round %d parameter %d batch %d: %g off, of %g", (int)round,
                      (int)p, (int)w->task.n, off, scale);
    }
}

static void check_round(uint64_t round, int32_t kernels)
{
    static world w;
    static double expected[REF_PARAMS];
    uint64_t state = 100 * round + (uint64_t)kernels;
    float loss;
    open_world(&w, &state, kernels);
    ref_data_gradient(expected, &w.net, &w.task);
    ck_assert_ok(prune_trainer_forward(w.trainer, w.x));
    ck_assert_ok(prune_trainer_loss(&loss, w.trainer, w.targets));
    ck_assert_double_le(fabs((double)loss - ref_data_loss(&w.net, &w.task)), 2e-6 * fmax(1.0, (double)loss));
    ck_assert_ok(prune_trainer_backward(w.trainer, NULL));
    check_gradients(&w, expected, round); /* of removed weights too */
    ck_assert_ok(prune_trainer_step(NULL, w.trainer, w.x, w.targets));
    for (size_t i = 0; i < w.net.count; i++)
        expected[i] = w.net.keep[i] ? expected[i] : 0.0;
    check_gradients(&w, expected, round);
    close_world(&w);
}

static uint32_t offered(void)
{
    prune_kernels_info info;
    prune_kernels_info_init(&info);
    ck_assert_ok(prune_backend_info(&info));
    return info.offered;
}

START_TEST(gradients_are_those_of_the_reference)
{
    const uint32_t kernels = offered();
    for (int32_t k = PRUNE_KERNELS_PLAIN; k <= PRUNE_KERNELS_NEON; k++)
        for (uint64_t round = 0; (kernels >> k & 1) && round < 200; round++)
            check_round(round, k);
}
END_TEST

/* ---- when ---- */

static void count_run(void *user, const prune_gemm *args)
{
    (void)user;
    prune_backend_reference()->run(NULL, args);
}

static const prune_backend own = { "own", count_run, NULL, NULL };

/* Whether a step of 64 inputs and 64 neurons with so many weights kept leaves the gradients of others 0. */
static int32_t fires(size_t kept, size_t batch, size_t inputs, const prune_backend *backend, int32_t sparse)
{
    static uint8_t mask[4096];
    const size_t widths[] = { inputs, 64 };
    world_data data;
    prune_model *model = world_model(NULL, widths, 1, PRUNE_LINEAR, 2);
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    options.max_batch = 64;
    options.backend = backend;
    options.sparse = sparse;
    prune_trainer *trainer = world_trainer(model, &options);
    world_data_make(&data, batch, inputs, 64, 3);
    for (size_t i = 0; i < inputs * 64; i++)
        mask[i] = i < kept;
    ck_assert_ok(prune_mask_set(model, 0, mask, inputs * 64));
    ck_assert_ok(prune_trainer_step(NULL, trainer, data.x_tensor, data.y_tensor));
    const float *g = prune_trainer_gradient(trainer, 0);
    int32_t zero = 1;
    for (size_t i = kept; i < inputs * 64; i++)
        zero = zero && g[i] >= 0.0f && g[i] <= 0.0f;
    world_data_end(&data);
    prune_trainer_free(trainer);
    prune_model_free(model);
    return zero;
}

START_TEST(by_the_rule_of_the_header)
{
    const prune_backend *backends[] = { prune_backend_reference(), prune_backend_default(),
                                        prune_backend_blas() };
    for (size_t b = 0; b < 3 && backends[b] != NULL; b++) {
        ck_assert(fires(1024, 64, 64, backends[b], PRUNE_SPARSE_AUTO));
        ck_assert(fires(1024, 32, 64, backends[b], PRUNE_SPARSE_AUTO));
        ck_assert(!fires(1025, 64, 64, backends[b], PRUNE_SPARSE_AUTO));
        ck_assert(!fires(1024, 31, 64, backends[b], PRUNE_SPARSE_AUTO));
        ck_assert(fires(256, 8, 64, backends[b], PRUNE_SPARSE_AUTO));
        ck_assert(!fires(257, 8, 64, backends[b], PRUNE_SPARSE_AUTO));
        ck_assert(!fires(32, 64, 63, backends[b], PRUNE_SPARSE_AUTO));
        ck_assert(!fires(0, 64, 64, backends[b], PRUNE_SPARSE_OFF));
    }
    ck_assert(!fires(32, 64, 64, &own, PRUNE_SPARSE_AUTO));
    ck_assert(fires(64 * 62, 1, 63, &own, PRUNE_SPARSE_ALWAYS));
}
END_TEST

START_TEST(options_that_are_refused)
{
    static const size_t widths[] = { 4, 3 };
    prune_trainer *none = NULL;
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    prune_model *model = world_model(NULL, widths, 1, PRUNE_LINEAR, 1);
    prune_trainer *trainer = world_trainer(model, &options);
    const uint32_t kernels = offered();
    int32_t missing = PRUNE_KERNELS_PLAIN;
    while (kernels >> missing & 1)
        missing++;
    ck_assert_int_le(missing, PRUNE_KERNELS_NEON); /* of another machine */
    const struct refusal {
        int32_t sparse, kernels;
        prune_status status;
    } refusals[] = { { -1, PRUNE_KERNELS_AUTO, PRUNE_E_RANGE },
                     { PRUNE_SPARSE_ALWAYS + 1, PRUNE_KERNELS_AUTO, PRUNE_E_RANGE },
                     { PRUNE_SPARSE_AUTO, -1, PRUNE_E_RANGE },
                     { PRUNE_SPARSE_OFF, PRUNE_KERNELS_NEON + 1, PRUNE_E_RANGE },
                     { PRUNE_SPARSE_AUTO, missing, PRUNE_E_UNSUPPORTED } };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        prune_error error;
        options.sparse = refusals[i].sparse;
        options.sparse_kernels = refusals[i].kernels;
        ck_assert_status(prune_trainer_create(&none, NULL, model, &options, &error), refusals[i].status);
        ck_assert_str_eq(error.place, "sparse");
        ck_assert_ptr_null(none);
        ck_assert_status(prune_trainer_set_sparse(trainer, options.sparse, options.sparse_kernels),
                         refusals[i].status);
    }
    ck_assert_status(prune_trainer_set_sparse(NULL, 0, 0), PRUNE_E_ARGUMENT);
    ck_assert_ok(prune_model_add_dense(model, 3, PRUNE_LINEAR));
    ck_assert_status(prune_trainer_set_sparse(trainer, 0, 0), PRUNE_E_STATE);
    prune_trainer_free(trainer);
    prune_model_free(model);
}
END_TEST

/* ---- threads ---- */

/* A trainer of one large layer after some steps, with so many threads; 0: no pool. */
static uint64_t train_with(int32_t threads)
{
    enum { WIDE = 600, NEURONS = 260, OUTPUTS = 5, MANY = 300 };
    static uint8_t mask[WIDE * NEURONS];
    const size_t widths[] = { WIDE, NEURONS, OUTPUTS };
    prune_pool *pool = NULL;
    prune_rng rng;
    world_data data;
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
    prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 2);
    prune_rng_seed(&rng, 1);
    for (size_t i = 0; i < WIDE * NEURONS; i++)
        mask[i] = prune_rng_below(&rng, 10) == 0;
    ck_assert_ok(prune_mask_set(model, 0, mask, WIDE * NEURONS));
    if (threads != 0)
        ck_assert_ok(prune_pool_create(&pool, NULL, threads));
    options.backend = threads == 0 ? prune_backend_default() : prune_pool_backend(pool);
    options.max_batch = MANY;
    prune_trainer *trainer = world_trainer(model, &options);
    world_data_make(&data, MANY, WIDE, OUTPUTS, 4);
    for (size_t s = 0; s < 4; s++)
        ck_assert_ok(prune_trainer_step(NULL, trainer, data.x_tensor, data.label_tensor));
    const uint64_t hash = world_trainer_hash(trainer);
    world_data_end(&data);
    prune_trainer_free(trainer);
    prune_model_free(model);
    prune_pool_free(pool);
    return hash;
}

START_TEST(any_number_of_threads_leaves_the_same_bits)
{
    const uint64_t hash = train_with(1);
    for (int32_t threads = 2; threads <= 4; threads++)
        ck_assert_uint_eq(train_with(threads), hash);
    ck_assert_uint_eq(train_with(0), hash); /* products that are not cut are in small layers alone */
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { gradients_are_those_of_the_reference, by_the_rule_of_the_header,
                                   options_that_are_refused, any_number_of_threads_leaves_the_same_bits };
    return run_tests("thin", tests, sizeof tests / sizeof tests[0]);
}
