/* surgeon_test.c -- optimal brain surgeon beside the papers' formulas in double
 *
 * The twin has the derivatives of outputs from the reference network: the gradient of a squared error whose
 * target is h - v is J^T v.
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/reference.h"
#include "support/runner.h"

#include <math.h>
#include <string.h>

enum { MOST = 48, SAMPLES = 24, INPUTS = 3, OUTPUTS = 2 };

/* ---- the twin ---- */

typedef struct twin {
    ref_net net;
    size_t n; /* kept parameters */
    size_t at[MOST];
    double inverse[MOST * MOST];
} twin;

static void derive(double *g, const twin *t, const double *x, const double *v)
{
    static ref_task task;
    static double all[REF_PARAMS];
    const size_t outputs = t->net.width[t->net.layers];
    memset(&task, 0, sizeof task);
    task.loss = PRUNE_MSE;
    task.n = 1;
    memcpy(task.x, x, t->net.width[0] * sizeof *x);
    ref_forward(task.y, &t->net, x);
    for (size_t o = 0; o < outputs; o++)
        task.y[o] -= v[o];
    ref_data_gradient(all, &t->net, &task);
    for (size_t i = 0; i < t->n; i++)
        g[i] = all[t->at[i]];
}

/* The recursion: H^-1 -= H^-1 g (H^-1 g)^T / (P + g^T H^-1 g). */
static void recur(twin *t, const double *g, double samples)
{
    double hg[MOST], below = samples;
    for (size_t i = 0; i < t->n; i++) {
        hg[i] = 0.0;
        for (size_t j = 0; j < t->n; j++)
            hg[i] += t->inverse[i * t->n + j] * g[j];
    }
    for (size_t i = 0; i < t->n; i++)
        below += g[i] * hg[i];
    for (size_t i = 0; i < t->n; i++)
        for (size_t j = 0; j < t->n; j++)
            t->inverse[i * t->n + j] -= hg[i] * hg[j] / below;
}

/* A = sum of root[k] root[k]^T, k below the outputs: its Cholesky factor, which the library does not use. */
static void curvature_roots(double root[OUTPUTS][OUTPUTS], int32_t loss, const double *h, double scale)
{
    memset(root, 0, sizeof(double) * OUTPUTS * OUTPUTS);
    if (loss == PRUNE_SOFTMAX_CROSS_ENTROPY) { /* of two classes: p q (1, -1)(1, -1)^T */
        const double p = 1.0 / (1.0 + exp(h[1] - h[0]));
        root[0][0] = sqrt(scale * p * (1.0 - p));
        root[0][1] = -root[0][0];
        return;
    }
    for (size_t o = 0; o < OUTPUTS; o++) {
        const double p = 1.0 / (1.0 + exp(-h[o]));
        root[o][o] = sqrt(scale * (loss == PRUNE_MSE ? 1.0 : p * (1.0 - p)));
    }
}

static void twin_invert(twin *t, int32_t loss, const float *x, const float *weight, double alpha)
{
    double samples = 0.0;
    t->n = 0;
    for (size_t i = 0; i < t->net.count; i++)
        if (t->net.keep[i])
            t->at[t->n++] = i;
    memset(t->inverse, 0, sizeof t->inverse);
    for (size_t i = 0; i < t->n; i++)
        t->inverse[i * t->n + i] = 1.0 / alpha;
    for (size_t s = 0; s < SAMPLES; s++)
        samples += (double)weight[s];
    for (size_t s = 0; s < SAMPLES; s++) {
        double h[OUTPUTS], in[INPUTS], root[OUTPUTS][OUTPUTS], g[MOST];
        for (size_t i = 0; i < INPUTS; i++)
            in[i] = (double)x[s * INPUTS + i];
        ref_forward(h, &t->net, in);
        curvature_roots(root, loss, h, (double)weight[s]);
        for (size_t o = 0; o < OUTPUTS; o++) {
            derive(g, t, in, root[o]);
            recur(t, g, samples);
        }
    }
}

static int32_t is_bias(const ref_net *net, size_t i)
{
    for (size_t l = 0; l < net->layers; l++)
        if (i >= ref_begin(net, 2 * l + 1) && i < ref_begin(net, 2 * l + 2))
            return 1;
    return 0;
}

/* Removes the lowest, and returns what it cost. */
static double twin_remove(twin *t, int32_t include_bias)
{
    size_t lowest = t->n;
    double least = (double)INFINITY;
    for (size_t q = 0; q < t->n; q++) {
        const double w = t->net.w[t->at[q]], cost = w * w / (2.0 * t->inverse[q * t->n + q]);
        if (cost < least && (include_bias || !is_bias(&t->net, t->at[q]))) {
            least = cost;
            lowest = q;
        }
    }
    const double step = t->net.w[t->at[lowest]] / t->inverse[lowest * t->n + lowest];
    for (size_t i = 0; i < t->n; i++)
        t->net.w[t->at[i]] -= step * t->inverse[i * t->n + lowest];
    t->net.w[t->at[lowest]] = 0.0;
    t->net.keep[t->at[lowest]] = 0;
    return least;
}

/* ---- the world ---- */

typedef struct fixture {
    twin t;
    prune_model *model;
    float x[SAMPLES * INPUTS], y[SAMPLES * OUTPUTS], weight[SAMPLES];
    int32_t label[SAMPLES];
    prune_tensor *tensors[4];
    prune_data valued, labelled;
} fixture;

static void fill_samples(fixture *f, uint64_t *seed)
{
    for (size_t i = 0; i < SAMPLES * INPUTS; i++)
        f->x[i] = (float)ref_uniform(seed, -1.0, 1.0);
    for (size_t i = 0; i < SAMPLES * OUTPUTS; i++)
        f->y[i] = (float)(i % 2);
    for (size_t i = 0; i < SAMPLES; i++) {
        f->label[i] = (int32_t)(i % OUTPUTS);
        f->weight[i] = 0.75f * (float)(i % 3);
    }
}

static void set_up(fixture *f, const prune_allocator *mem, uint64_t seed)
{
    static const size_t width[] = { INPUTS, 4, OUTPUTS };
    static const int32_t activation[] = { PRUNE_TANH, PRUNE_LINEAR };
    prune_model *made;
    ref_shape(&f->t.net, 2, width, activation);
    for (size_t i = 0; i < f->t.net.count; i++)
        f->t.net.w[i] = (double)(float)ref_uniform(&seed, -1.0, 1.0);
    f->t.net.w[2] = 0.0;
    f->t.net.keep[2] = 0;
    fill_samples(f, &seed);
    ck_assert_ok(ref_model(&made, &f->t.net));
    ck_assert_ok(prune_model_clone(&f->model, mem, made));
    prune_model_free(made);
    ck_assert_ok(prune_tensor_matrix(&f->tensors[0], NULL, PRUNE_F32, SAMPLES, INPUTS, f->x));
    ck_assert_ok(prune_tensor_matrix(&f->tensors[1], NULL, PRUNE_F32, SAMPLES, OUTPUTS, f->y));
    ck_assert_ok(prune_tensor_matrix(&f->tensors[2], NULL, PRUNE_I32, SAMPLES, 1, f->label));
    ck_assert_ok(prune_tensor_matrix(&f->tensors[3], NULL, PRUNE_F32, SAMPLES, 1, f->weight));
    prune_data_init(&f->valued);
    f->valued.inputs = f->tensors[0];
    f->valued.targets = f->tensors[1];
    f->valued.weights = f->tensors[3];
    f->labelled = f->valued;
    f->labelled.targets = f->tensors[2];
}

static void tear_down(fixture *f)
{
    for (size_t i = 0; i < 4; i++)
        prune_tensor_free(f->tensors[i]);
    prune_model_free(f->model);
}

static const prune_data *data_of(const fixture *f, int32_t loss)
{
    return loss == PRUNE_SOFTMAX_CROSS_ENTROPY ? &f->labelled : &f->valued;
}

static prune_surgeon_options options_of(int32_t loss, uint64_t count)
{
    prune_surgeon_options options;
    prune_surgeon_options_init(&options);
    options.loss = loss;
    options.count = count;
    options.alpha = 1e-3;
    return options;
}

static float element(const prune_model *model, size_t i)
{
    size_t param = 0;
    prune_param_info info;
    prune_param_info_init(&info);
    for (;; i -= (size_t)info.count, param++) {
        ck_assert_ok(prune_model_param_info(&info, model, param));
        if (i < info.count)
            return prune_model_param(model, param)[i];
    }
}

static void same_as_twin(const prune_model *model, const twin *t, double tolerance)
{
    for (size_t i = 0; i < t->net.count; i++) {
        const double got = (double)element(model, i);
        ck_assert_double_eq_tol(got, t->net.w[i], tolerance);
        ck_assert(t->net.keep[i] || (got <= 0.0 && got >= 0.0));
    }
    ck_assert_ok(prune_model_verify(model, NULL));
}

static const int32_t losses[] = { PRUNE_MSE, PRUNE_BINARY_CROSS_ENTROPY, PRUNE_SOFTMAX_CROSS_ENTROPY };

/* ---- tests ---- */

START_TEST(it_is_surgery_by_the_recursion)
{
    for (size_t c = 0; c < 12; c++) {
        fixture f;
        set_up(&f, NULL, c + 1);
        double most = 0.0;
        prune_surgeon_options options = options_of(losses[c % 3], 4);
        options.include_bias = c >= 6;
        options.backend = c % 2 == 0 ? NULL : prune_backend_reference();
        for (size_t k = 0; k < 4; k++) {
            twin_invert(&f.t, losses[c % 3], f.x, f.weight, 1e-3);
            most = fmax(most, twin_remove(&f.t, options.include_bias));
        }
        prune_removal removal;
        uint64_t by_layer[2];
        prune_removal_init(&removal);
        removal.by_layer = by_layer;
        removal.by_layer_capacity = 2;
        ck_assert_ok(prune_obs(&removal, f.model, data_of(&f, losses[c % 3]), &options, NULL));
        same_as_twin(f.model, &f.t, 2e-3);
        ck_assert_uint_eq(removal.removed, 4);
        ck_assert_uint_eq(by_layer[0] + by_layer[1], 4);
        ck_assert_uint_eq(removal.units, options.include_bias ? 26 : 20);
        ck_assert_uint_eq(removal.kept, removal.units - 5);
        ck_assert_double_eq_tol((double)removal.threshold, most, 1e-3 * most);
        tear_down(&f);
    }
}
END_TEST

/* The inverse of what is left of H, as the recursion gives it for what is left of the gradients. */
static void look_every(uint64_t every, size_t c)
{
    fixture f;
    set_up(&f, NULL, c + 31);
    twin start = f.t, now = f.t;
    for (size_t k = 0; k < 5; k++) {
        if (every > 0 && k % every == 0)
            start = now;
        twin part = start;
        memcpy(part.net.keep, now.net.keep, sizeof now.net.keep);
        twin_invert(&part, losses[c], f.x, f.weight, 1e-3);
        memcpy(part.net.w, now.net.w, sizeof now.net.w);
        (void)twin_remove(&part, 0);
        now = part;
    }
    prune_surgeon_options options = options_of(losses[c], 5);
    options.recompute = every;
    ck_assert_ok(prune_obs(NULL, f.model, data_of(&f, losses[c]), &options, NULL));
    same_as_twin(f.model, &now, 2e-3);
    tear_down(&f);
}

START_TEST(between_two_looks_h_is_the_same)
{
    for (size_t c = 0; c < 3; c++) {
        look_every(0, c);
        look_every(2, c);
    }
}
END_TEST

START_TEST(scores_are_saliencies)
{
    for (size_t c = 0; c < 3; c++) {
        fixture f;
        prune_importance *scores;
        set_up(&f, NULL, c + 3);
        const prune_surgeon_options options = options_of(losses[c], 1);
        twin_invert(&f.t, losses[c], f.x, f.weight, 1e-3);
        ck_assert_ok(prune_importance_create(&scores, NULL, f.model, PRUNE_SUPPLIED));
        ck_assert_ok(prune_score_obs(scores, data_of(&f, losses[c]), &options, NULL));
        for (size_t q = 0; q < f.t.n; q++) {
            const size_t i = f.t.at[q], p = i < 12 ? 0 : i < 16 ? 1 : i < 24 ? 2 : 3;
            const double w = f.t.net.w[i], expected = w * w / (2.0 * f.t.inverse[q * f.t.n + q]);
            const double got = (double)prune_importance_scores(scores, p)[i - ref_begin(&f.t.net, p)];
            ck_assert_double_eq_tol(got, expected, 1e-3 * expected);
        }
        ck_assert_double_eq((double)prune_importance_scores(scores, 0)[2], 0.0);
        ck_assert_ok(prune_mask_lowest(NULL, f.model, scores, NULL, 3));
        prune_importance_free(scores);
        tear_down(&f);
    }
}
END_TEST

START_TEST(limit_and_floors_end_it)
{
    fixture f;
    prune_removal removal, all;
    set_up(&f, NULL, 8);
    prune_removal_init(&removal);
    prune_removal_init(&all);
    prune_surgeon_options options = options_of(PRUNE_MSE, 6);
    options.recompute = 0;
    options.limit = 0.0;
    const uint64_t before = world_hash(f.model);
    ck_assert_ok(prune_obs(&removal, f.model, &f.valued, &options, NULL));
    ck_assert_uint_eq(removal.removed, 0);
    ck_assert(world_hash(f.model) == before);
    options.limit = 0.01;
    options.count = 100;
    options.min_kept = 2;
    ck_assert_ok(prune_obs(&removal, f.model, &f.valued, &options, NULL));
    ck_assert(removal.removed < 18 && (double)removal.threshold <= 0.01);
    options.limit = (double)INFINITY;
    ck_assert_ok(prune_obs(&all, f.model, &f.valued, &options, NULL));
    ck_assert_uint_eq(all.kept, 4);
    options.count = 0;
    ck_assert_ok(prune_obs(&all, f.model, &f.valued, &options, NULL));
    ck_assert_uint_eq(all.removed, 0);
    tear_down(&f);
}
END_TEST

START_TEST(what_is_wrong_is_refused)
{
    fixture f;
    prune_error error = { 0 };
    set_up(&f, NULL, 8);
    const uint64_t before = world_hash(f.model);
    prune_surgeon_options bad[7];
    for (size_t i = 0; i < 7; i++)
        bad[i] = options_of(PRUNE_MSE, 1);
    bad[0].alpha = 0.0;
    bad[1].alpha = (double)NAN;
    bad[2].alpha = 1e13;
    bad[3].limit = -1.0;
    bad[4].limit = (double)NAN;
    bad[5].include_bias = 2;
    bad[6].include_bias = -1;
    for (size_t i = 0; i < 7; i++) {
        ck_assert_status(prune_obs(NULL, f.model, &f.valued, &bad[i], &error), PRUNE_E_RANGE);
        ck_assert(error.status == PRUNE_E_RANGE && error.reason[0] != '\0');
    }
    prune_surgeon_options options = options_of(PRUNE_MAE, 1);
    ck_assert_status(prune_obs(NULL, f.model, &f.valued, &options, NULL), PRUNE_E_UNSUPPORTED);
    options.loss = 99;
    ck_assert_status(prune_obs(NULL, f.model, &f.valued, &options, NULL), PRUNE_E_UNSUPPORTED);
    options = options_of(PRUNE_MSE, 1);
    ck_assert_status(prune_obs(NULL, f.model, &f.labelled, &options, NULL), PRUNE_E_TYPE);
    ck_assert_status(prune_obs(NULL, f.model, NULL, &options, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_obs(NULL, NULL, &f.valued, &options, NULL), PRUNE_E_ARGUMENT);
    const prune_backend empty = { .name = "empty" };
    options.backend = &empty;
    ck_assert_status(prune_obs(NULL, f.model, &f.valued, &options, NULL), PRUNE_E_ARGUMENT);
    options = options_of(PRUNE_MSE, 1);
    options.size += 8;
    ck_assert_status(prune_obs(NULL, f.model, &f.valued, &options, NULL), PRUNE_E_VERSION);
    f.x[5] = NAN;
    options = options_of(PRUNE_MSE, 1);
    ck_assert_status(prune_obs(NULL, f.model, &f.valued, &options, NULL), PRUNE_E_NONFINITE);
    ck_assert(world_hash(f.model) == before);
    prune_surgeon_options_init(NULL);
    tear_down(&f);
}
END_TEST

START_TEST(large_models_and_wrong_tables_are_refused)
{
    const size_t widths[] = { 64, 63, 1 };
    world_data world;
    prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 1);
    world_data_make(&world, 10, 64, 1, 1);
    prune_surgeon_options options = options_of(PRUNE_MSE, 1);
    ck_assert_status(prune_obs(NULL, model, &world.valued, &options, NULL), PRUNE_E_LIMIT);
    prune_importance *scores, *magnitudes;
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_SUPPLIED));
    ck_assert_ok(prune_importance_create(&magnitudes, NULL, model, PRUNE_MAGNITUDE));
    ck_assert_status(prune_score_obs(scores, &world.valued, &options, NULL), PRUNE_E_LIMIT);
    ck_assert_status(prune_score_obs(NULL, &world.valued, &options, NULL), PRUNE_E_ARGUMENT);
    /* Removed weights do not count. */
    ck_assert_ok(prune_mask_lowest(NULL, model, magnitudes, NULL, 4000));
    ck_assert_status(prune_score_obs(magnitudes, &world.valued, &options, NULL), PRUNE_E_STATE);
    ck_assert_ok(prune_score_obs(scores, &world.valued, &options, NULL));
    ck_assert_ok(prune_obs(NULL, model, &world.valued, &options, NULL));
    prune_importance_free(magnitudes);
    prune_importance_free(scores);
    prune_model_free(model);
    world_data_end(&world);
}
END_TEST

START_TEST(no_memory_is_a_status)
{
    for (size_t n = 1, done = 0; !done; n++) {
        heap h = { 0 };
        const prune_allocator mem = heap_allocator(&h);
        fixture f;
        prune_importance *scores;
        set_up(&f, &mem, 5);
        const prune_surgeon_options options = options_of(PRUNE_MSE, 2);
        ck_assert_ok(prune_importance_create(&scores, NULL, f.model, PRUNE_SUPPLIED));
        const uint64_t before = world_hash(f.model);
        const size_t live = h.live_blocks;
        heap_refuse_from(&h, n);
        const prune_status scored = prune_score_obs(scores, &f.valued, &options, NULL);
        heap_refuse_from(&h, n);
        const prune_status status = prune_obs(NULL, f.model, &f.valued, &options, NULL);
        done = status == PRUNE_OK;
        ck_assert(done || status == PRUNE_E_MEMORY);
        ck_assert(scored == status);
        ck_assert(done == (world_hash(f.model) != before));
        ck_assert_uint_eq(h.live_blocks, live);
        prune_importance_free(scores);
        tear_down(&f);
        ck_assert(heap_is_clean(&h));
        ck_assert_uint_lt(n, 50);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { it_is_surgery_by_the_recursion, between_two_looks_h_is_the_same,
                                   scores_are_saliencies,          limit_and_floors_end_it,
                                   what_is_wrong_is_refused,       large_models_and_wrong_tables_are_refused,
                                   no_memory_is_a_status };
    return run_tests("surgeon", tests, sizeof tests / sizeof tests[0]);
}
