/* engine_test.c -- models made ready to run, beside prune_predict() and beside their products in double
 *
 * SPDX-License-Identifier: MIT */
#include "support/engines.h"
#include "support/nets.h"
#include "support/reference.h"

#include <math.h>
#include <string.h>

enum { MAX_BATCH = 70 };

static const double UNIT = 5.9604644775390625e-8; /* half the distance from 1 to the next float */

/* ---- the bound, layer by layer, in double ---- */

typedef struct chain {
    size_t layers, widths[4];
    prune_model *model;
    float x[MAX_BATCH * WIDEST], y[MAX_BATCH * WIDEST];
} chain;

static void set_biases(prune_model *model, size_t layer, size_t count, prune_rng *rng)
{
    float bias[WIDEST];
    for (size_t o = 0; o < count; o++)
        bias[o] = prune_rng_normal(rng);
    ck_assert_ok(prune_model_set_param(model, 2 * layer + 1, bias, count));
}

static void chain_make(chain *c, size_t n, prune_rng *rng)
{
    memset(c, 0, sizeof *c);
    c->layers = 1 + n % 3;
    for (size_t l = 0; l <= c->layers; l++)
        c->widths[l] = 1 + (size_t)prune_rng_below(rng, WIDEST);
    c->model = world_model(NULL, c->widths, c->layers, PRUNE_RELU, n);
    for (size_t l = 0; l < c->layers; l++) {
        size_t shape[2] = { c->widths[l + 1], c->widths[l] };
        thin(c->model, l, shape, n % 2 ? 8 : 1, (uint64_t[]){ 1, 2, 10, 40 }[n / 2 % 4], rng);
        set_biases(c->model, l, shape[0], rng);
    }
    for (size_t i = 0; i < MAX_BATCH * c->widths[0]; i++)
        c->x[i] = prune_rng_normal(rng);
}

/* One layer of one sample: sums in double of what the layer before gave, give or take its error; to[] and
 * error[] may not be from[]. */
static void exact_layer(double *to, double *error, const chain *c, size_t layer, const double *from,
                        const double *from_error)
{
    const size_t inputs = c->widths[layer];
    const float *w = prune_model_param(c->model, 2 * layer), *b = prune_model_param(c->model, 2 * layer + 1);
    for (size_t o = 0; o < c->widths[layer + 1]; o++, w += inputs) {
        double sum = (double)b[o], size = fabs(sum), terms = 4.0, carried = 0.0;
        for (size_t i = 0; i < inputs; i++) {
            sum += (double)w[i] * from[i];
            size += fabs((double)w[i]) * (fabs(from[i]) + from_error[i]);
            carried += fabs((double)w[i]) * from_error[i];
            terms += w[i] != 0.0f;
        }
        to[o] = sum > 0.0 || layer + 1 == c->layers ? sum : 0.0;
        error[o] = carried + 2.0 * terms * UNIT * size;
    }
}

static size_t wrong_in_sample(const chain *c, size_t sample)
{
    double value[2][WIDEST], error[2][WIDEST] = { { 0 } };
    size_t wrong = 0;
    const size_t outputs = c->widths[c->layers], last = c->layers % 2;
    for (size_t i = 0; i < c->widths[0]; i++)
        value[0][i] = (double)c->x[sample * c->widths[0] + i];
    for (size_t l = 0; l < c->layers; l++)
        exact_layer(value[(l + 1) % 2], error[(l + 1) % 2], c, l, value[l % 2], error[l % 2]);
    for (size_t o = 0; o < outputs; o++)
        wrong += fabs((double)c->y[sample * outputs + o] - value[last][o]) <= error[last][o] ? 0 : 1;
    return wrong;
}

static void check_chain(chain *c, const prune_engine_options *options, size_t batch)
{
    const size_t widths[2] = { c->widths[0], c->widths[c->layers] };
    size_t wrong = 0;
    prune_engine *engine = engine_of(c->model, options);
    ck_assert_uint_eq(prune_engine_layer_count(engine), c->layers);
    memset(c->y, 0xff, sizeof c->y);
    run(engine, c->y, c->x, batch, widths);
    for (size_t s = 0; s < batch; s++)
        wrong += wrong_in_sample(c, s);
    ck_assert_msg(wrong == 0, "%d-...-%d, batch %d of %d: %d are wrong", (int)widths[0], (int)widths[1],
                  (int)batch, (int)options->max_batch, (int)wrong);
    prune_engine_free(engine);
}

START_TEST(outputs_are_within_the_bound)
{
    static chain c;
    prune_rng rng;
    prune_kernels_info kernels;
    prune_kernels_info_init(&kernels);
    ck_assert_ok(prune_backend_info(&kernels));
    prune_rng_seed(&rng, 1);
    for (size_t n = 0; n < 200; n++) {
        chain_make(&c, n, &rng);
        const int32_t choice =
            n % 20 ? n % 3 ? PRUNE_CHOOSE_MODELLED : PRUNE_CHOOSE_BYTES : PRUNE_CHOOSE_MEASURED;
        prune_engine_options options = options_of(1 + (size_t)prune_rng_below(&rng, MAX_BATCH), choice);
        do
            options.kernels = (int32_t)prune_rng_below(&rng, PRUNE_KERNELS_NEON + 1);
        while (options.kernels != 0 && (kernels.offered >> options.kernels & 1) == 0);
        check_chain(&c, &options, 1);
        check_chain(&c, &options, 1 + (size_t)prune_rng_below(&rng, MAX_BATCH));
        prune_model_free(c.model);
    }
}
END_TEST

/* ---- any layers ---- */

static void predict(float *h, const prune_model *model, const float *x, size_t batch)
{
    prune_workspace *workspace;
    prune_tensor *y, *in;
    ck_assert_ok(prune_tensor_matrix(&y, NULL, PRUNE_F32, batch, prune_model_outputs(model), h));
    ck_assert_ok(prune_tensor_const_matrix(&in, NULL, PRUNE_F32, batch, prune_model_inputs(model), x));
    ck_assert_ok(prune_workspace_create(&workspace, NULL, model, batch, prune_backend_reference()));
    ck_assert_ok(prune_predict(y, model, workspace, in));
    prune_workspace_free(workspace);
    prune_tensor_free(in);
    prune_tensor_free(y);
}

/* Norms with a small variance, one after the other, make errors large: what counts is the largest output. */
START_TEST(any_layers_give_what_a_prediction_gives)
{
    float x[STACK_BLOCK], expected[STACK_BLOCK], got[STACK_BLOCK];
    for (uint64_t seed = 0; seed < 400; seed++) {
        net n;
        double largest = 1.0;
        net_make(&n, seed);
        const size_t widths[2] = { prune_model_inputs(n.model), prune_model_outputs(n.model) };
        for (size_t i = 0; i < STACK_BATCH * widths[0]; i++)
            x[i] = (float)ref_uniform(&n.state, -1.0, 1.0);
        predict(expected, n.model, x, STACK_BATCH);
        const prune_engine_options options = options_of(1 + net_draw(&n, 20), PRUNE_CHOOSE_MODELLED);
        prune_engine *engine = engine_of(n.model, &options);
        run(engine, got, x, STACK_BATCH, widths);
        for (size_t i = 0; i < STACK_BATCH * widths[1]; i++)
            largest += fabs((double)expected[i]) > largest ? fabs((double)expected[i]) - largest : 0.0;
        for (size_t i = 0; i < STACK_BATCH * widths[1]; i++)
            ck_assert_double_eq_tol((double)got[i], (double)expected[i], 1e-5 * largest);
        prune_engine_free(engine);
        prune_model_free(n.model);
    }
}
END_TEST

START_TEST(a_model_without_dense_layers_runs)
{
    float x[6] = { 1, -2, 3, -4, 5, NAN }, y[6];
    const size_t widths[2] = { 3, 3 };
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, NULL, 3));
    ck_assert_ok(prune_model_add_dropout(model, 0.5f));
    prune_engine *engine = engine_of(model, NULL);
    run(engine, y, x, 2, widths);
    ck_assert_mem_eq(x, y, sizeof y);
    ck_assert_uint_eq(prune_engine_layer_count(engine), 0);
    prune_engine_free(engine);
    prune_model_free(model);
}
END_TEST

/* ---- layouts ---- */

static prune_engine_layer layer_of(const prune_engine *engine, size_t index)
{
    prune_engine_layer layer;
    prune_engine_layer_init(&layer);
    ck_assert_ok(prune_engine_describe(&layer, engine, index));
    return layer;
}

static uint64_t kept_of(const prune_model *model, size_t layer)
{
    prune_param_info info = { .size = sizeof info };
    ck_assert_ok(prune_model_param_info(&info, model, 2 * layer));
    return info.kept;
}

START_TEST(layouts_may_be_named_layer_by_layer)
{
    const int32_t layouts[] = { PRUNE_LAYOUT_ROWS, PRUNE_LAYOUT_DENSE };
    engines f;
    engines_open(&f);
    for (int32_t choice = PRUNE_CHOOSE_MODELLED; choice <= PRUNE_CHOOSE_BYTES; choice++) {
        prune_engine_options options = options_of(5, choice);
        options.layouts = layouts;
        options.layout_count = 2;
        prune_engine *engine = engine_of(f.model, &options);
        for (size_t l = 0; l < 3; l++) {
            const prune_engine_layer layer = layer_of(engine, l);
            ck_assert(l == 2 || layer.layout == layouts[l]);
            ck_assert(l == 2 || layer.layout_many == layouts[l]);
            ck_assert_int_ne(layer.layout, PRUNE_LAYOUT_AUTO);
            ck_assert(layer.modelled > 0.0);
            ck_assert_uint_eq(layer.rows, engines_widths[l + 1]);
            ck_assert_uint_eq(layer.columns, engines_widths[l]);
            ck_assert_uint_eq(layer.kept, kept_of(f.model, l));
            ck_assert_int_eq(layer.activation, l < 2 ? PRUNE_RELU : PRUNE_LINEAR);
            ck_assert_int_eq(layer.measured > 0.0, choice == PRUNE_CHOOSE_MEASURED && l == 2);
        }
        prune_engine_free(engine);
    }
    engines_close(&f);
}
END_TEST

START_TEST(the_smallest_is_chosen_by_bytes)
{
    engines f;
    engines_open(&f);
    const prune_engine_options by_bytes = options_of(1, PRUNE_CHOOSE_BYTES);
    prune_engine *engine = engine_of(f.model, &by_bytes);
    for (int32_t layout = PRUNE_LAYOUT_DENSE; layout <= PRUNE_LAYOUT_MASKS; layout++) {
        const int32_t all[] = { layout, layout, layout };
        prune_engine *other;
        prune_engine_options options = options_of(1, PRUNE_CHOOSE_MODELLED);
        options.layouts = all;
        options.layout_count = 3;
        const prune_status status = prune_engine_create(&other, NULL, f.model, &options, NULL);
        ck_assert(status == PRUNE_OK || (status == PRUNE_E_UNSUPPORTED &&
                                         (layout == PRUNE_LAYOUT_WINDOWS || layout == PRUNE_LAYOUT_GROUPS)));
        for (size_t l = 0; l < 3 && status == PRUNE_OK; l++)
            ck_assert_uint_le(layer_of(engine, l).bytes, layer_of(other, l).bytes);
        prune_engine_free(other);
    }
    prune_engine_free(engine);
    engines_close(&f);
}
END_TEST

/* A clock that makes the calls of one back end long: DENSE loses, or wins where all others take as long. */
typedef struct slow {
    uint64_t time, dense, tick;
} slow;

static uint64_t slow_now(void *user)
{
    slow *s = user;
    return s->time += s->tick;
}

static void slow_dense(void *user, const prune_gemm *args)
{
    slow *s = user;
    s->time += s->dense;
    prune_backend_reference()->run(NULL, args);
}

START_TEST(the_fastest_is_chosen_by_time)
{
    engines f;
    engines_open(&f);
    for (int slows = 0; slows < 2; slows++) {
        slow s = { 0, slows ? 1000000 : 0, slows ? 1 : 1000 };
        const prune_backend backend = { .name = "slow", .run = slow_dense, .user = &s };
        const prune_clock clock = { slow_now, &s };
        prune_engine_options options = options_of(3, PRUNE_CHOOSE_MEASURED);
        options.backend = &backend;
        options.clock = &clock;
        prune_engine *engine = engine_of(f.model, &options), *modelled;
        options.choice = PRUNE_CHOOSE_MODELLED;
        modelled = engine_of(f.model, &options);
        for (size_t l = 0; l < 3; l++) {
            const prune_engine_layer layer = layer_of(engine, l), other = layer_of(modelled, l);
            ck_assert(!slows || layer.layout_many != PRUNE_LAYOUT_DENSE);
            ck_assert(slows || layer.layout_many == other.layout_many); /* all the same: AUTO */
            ck_assert(layer.measured > 0.0);
        }
        prune_engine_free(engine);
        prune_engine_free(modelled);
    }
    engines_close(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        outputs_are_within_the_bound,      any_layers_give_what_a_prediction_gives,
        a_model_without_dense_layers_runs, layouts_may_be_named_layer_by_layer,
        the_smallest_is_chosen_by_bytes,   the_fastest_is_chosen_by_time,
    };
    return run_tests("engine", tests, sizeof tests / sizeof tests[0]);
}
