/* hessian_test.c -- the Hessian times a vector, and GraSP, against differences in double and against PyTorch
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/problem.h"
#include "support/reference.h"
#include "support/second.h"
#include "support/stream.h"
#include "support/training.h"

#include "fixtures/grasp.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { ACTIVATIONS = 11, INPUTS = 4 };

static const double rounding = 1e-6; /* of second differences, absolute */
static const problem_loss mse = { PRUNE_MSE, 0, 0, 0 };

/* ---- what the library says ---- */

static void set_vector(prune_hessian *h, const prune_model *model, const float *v)
{
    for (size_t param = 0; param < prune_model_param_count(model); param++) {
        prune_param_info info = { .size = sizeof info };
        ck_assert_ok(prune_model_param_info(&info, model, param));
        if (!info.statistic)
            ck_assert_ok(prune_hessian_set_vector(h, param, v, (size_t)info.count));
        v += info.count;
    }
}

static size_t read_all(float *product, float *gradient, const prune_hessian *h, const prune_model *model)
{
    size_t at = 0;
    for (size_t param = 0; param < prune_model_param_count(model); param++) {
        const size_t count = world_count(model, param);
        memcpy(product + at, prune_hessian_product(h, param), count * sizeof *product);
        memcpy(gradient + at, prune_hessian_gradient(h, param), count * sizeof *gradient);
        at += count;
    }
    return at;
}

static void library(float *product, float *gradient, problem *p, const float *v)
{
    prune_hessian *h;
    ck_assert_ok(prune_hessian_create(&h, NULL, p->trainer));
    ck_assert_ok(prune_hessian_set_temperature(h, (float)p->temperature));
    set_vector(h, p->model, v);
    ck_assert_ok(prune_hessian_accumulate(h, &p->data, NULL));
    ck_assert_uint_eq(prune_hessian_samples(h), PROBLEM_SAMPLES);
    ck_assert_uint_eq(read_all(product, gradient, h, p->model), p->s.first[p->s.layers]);
    prune_hessian_free(h);
}

static void check_close(const float *got, const double *expected, size_t count, double error)
{
    const double most = ref_largest(expected, count);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(fabs((double)got[i] - expected[i]) <= error * most + rounding,
                      "element %d is %g, not %g", (int)i, (double)got[i], expected[i]);
}

/* A direction, 0 for running statistics, the same for both. */
static void draw_vector(float *v, double *wide, const problem *p, uint64_t seed)
{
    for (size_t i = 0; i < p->s.first[p->s.layers]; i++) {
        v[i] = problem_statistic(p, i) ? 0.0f : (float)ref_uniform(&seed, -1.0, 1.0);
        wide[i] = (double)v[i];
    }
}

/* ---- tests: numbers ---- */

static void check_product(const stack_step *steps, const problem_loss *loss, uint64_t seed,
                          double temperature)
{
    static problem p;
    float v[STACK_PARAMS], product[STACK_PARAMS], gradient[STACK_PARAMS];
    double wide[STACK_PARAMS], hv[STACK_PARAMS], g[STACK_PARAMS];
    problem_make(&p, INPUTS, steps, loss, seed, 4);
    p.temperature = temperature;
    draw_vector(v, wide, &p, seed);
    library(product, gradient, &p, v);
    second_along(hv, g, &p, wide);
    check_close(product, hv, p.s.first[p.s.layers], 1e-4);
    check_close(gradient, g, p.s.first[p.s.layers], 1e-5);
    problem_end(&p);
}

START_TEST(every_activation_and_loss)
{
    for (int32_t a = 0; a < ACTIVATIONS; a++)
        for (size_t i = 0; i < PROBLEM_LOSSES; i++) {
            const stack_step steps[] = {
                { D, 5, a, 0, 0 }, { D, 4, a, 0, 0 }, { D, 3, PRUNE_LINEAR, 0, 0 }, { 0 }
            };
            check_product(steps, &problem_losses[i], 300 + (uint64_t)a, 1.0);
        }
}
END_TEST

START_TEST(every_kind_of_layer)
{
    for (size_t n = 0; n < PROBLEM_STACKS; n++)
        for (size_t i = 0; i < PROBLEM_LOSSES; i++)
            check_product(problem_stacks[n], &problem_losses[i], 400 + n, 1.0);
}
END_TEST

START_TEST(outputs_over_a_temperature)
{
    for (size_t i = 0; i < PROBLEM_LOSSES; i++)
        for (double temperature = 0.5; temperature < 5.0; temperature *= 2.0)
            check_product(problem_stacks[0], &problem_losses[i], 500, temperature);
}
END_TEST

/* Along one weight, that weight's own element is what curvature.h has. */
START_TEST(the_diagonal_is_that_of_curvature)
{
    static problem p;
    for (size_t n = 0; n < PROBLEM_STACKS; n++) {
        float v[STACK_PARAMS] = { 0 }, product[STACK_PARAMS], gradient[STACK_PARAMS];
        prune_curvature *c;
        problem_make(&p, INPUTS, problem_stacks[n], &problem_losses[8], 600 + n, 4);
        ck_assert_ok(prune_curvature_create(&c, NULL, p.model, PRUNE_HESSIAN_EXACT));
        ck_assert_ok(prune_curvature_accumulate(c, p.trainer, &p.data, NULL));
        for (size_t param = 0, at = 0; param < prune_model_param_count(p.model); param++)
            for (size_t i = 0; i < world_count(p.model, param); i++, at++) {
                const double expected = (double)prune_curvature_diagonal(c, param)[i];
                v[at] = 1.0f;
                library(product, gradient, &p, v);
                v[at] = 0.0f;
                ck_assert_double_le(fabs((double)product[at] - expected), 2e-6 + 1e-5 * fabs(expected));
            }
        prune_curvature_free(c);
        problem_end(&p);
    }
}
END_TEST

START_TEST(batches_and_calls_add_up)
{
    static problem p;
    float v[STACK_PARAMS], whole[2][STACK_PARAMS], cut[2][STACK_PARAMS];
    double wide[STACK_PARAMS];
    problem_make(&p, INPUTS, problem_stacks[3], &problem_losses[8], 7, PROBLEM_SAMPLES);
    draw_vector(v, wide, &p, 7);
    library(whole[0], whole[1], &p, v);
    problem_end(&p);
    for (size_t batch = 1; batch < PROBLEM_SAMPLES; batch++) {
        prune_hessian *h;
        problem_make(&p, INPUTS, problem_stacks[3], &problem_losses[8], 7, batch);
        const size_t count = p.s.first[p.s.layers];
        ck_assert_ok(prune_hessian_create(&h, NULL, p.trainer));
        set_vector(h, p.model, v);
        for (size_t calls = 1; calls < 3; calls++) {
            ck_assert_ok(prune_hessian_accumulate(h, &p.data, NULL));
            ck_assert_uint_eq(prune_hessian_samples(h), calls * PROBLEM_SAMPLES);
            read_all(cut[0], cut[1], h, p.model);
            ck_assert_double_le(world_distance(cut[0], whole[0], count), 2e-6);
            ck_assert_double_le(world_distance(cut[1], whole[1], count), 1e-6);
        }
        ck_assert_ok(prune_hessian_reset(h));
        ck_assert_uint_eq(prune_hessian_samples(h), 0);
        ck_assert_ptr_null(prune_hessian_product(h, 0));
        ck_assert_ptr_null(prune_hessian_gradient(h, 0));
        prune_hessian_free(h);
        problem_end(&p);
    }
}
END_TEST

/* ---- tests: PyTorch ---- */

typedef struct beside {
    world_data world;
    prune_model *model;
    prune_trainer *trainer;
    prune_tensor *x, *label;
    prune_data data;
} beside;

static void beside_make(beside *b, const grasp_case *c)
{
    const float *values = c->params;
    const uint8_t *keep = c->keep;
    b->model = world_model(NULL, c->width, c->layers, c->activation, 0);
    for (size_t p = 0; p < 2 * c->layers; p++) {
        const size_t count = world_count(b->model, p);
        ck_assert_ok(prune_model_set_param(b->model, p, values, count));
        ck_assert_ok(prune_mask_set(b->model, p, keep, count));
        values += count;
        keep += count;
    }
    ck_assert_ok(prune_tensor_const_matrix(&b->x, NULL, PRUNE_F32, GRASP_SAMPLES, c->width[0], c->x));
    ck_assert_ok(prune_tensor_const_matrix(&b->label, NULL, PRUNE_I32, GRASP_SAMPLES, 1, c->label));
    prune_data_init(&b->data);
    b->data.inputs = b->x;
    b->data.targets = b->label;
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD);
    options.max_batch = 7;
    options.backend = NULL; /* the BLAS, if there is one */
    b->trainer = world_trainer(b->model, &options);
}

static void beside_end(beside *b)
{
    prune_trainer_free(b->trainer);
    prune_tensor_free(b->x);
    prune_tensor_free(b->label);
    prune_model_free(b->model);
}

static double scaled_error(const float *got, const float *expected, size_t count)
{
    double most = 0.0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)expected[i]));
    return world_distance(got, expected, count) / most;
}

START_TEST(products_are_those_of_a_double_backward)
{
    for (size_t i = 0; i < sizeof grasp_cases / sizeof grasp_cases[0]; i++) {
        beside b;
        float product[STACK_PARAMS], gradient[STACK_PARAMS];
        prune_hessian *h;
        beside_make(&b, &grasp_cases[i]);
        ck_assert_ok(prune_hessian_create(&h, NULL, b.trainer));
        set_vector(h, b.model, grasp_cases[i].v);
        ck_assert_ok(prune_hessian_accumulate(h, &b.data, NULL));
        const size_t count = read_all(product, gradient, h, b.model);
        ck_assert_double_le(scaled_error(product, grasp_cases[i].hv, count), 1e-5);
        prune_hessian_free(h);
        beside_end(&b);
    }
}
END_TEST

/* Under masks, at the paper's temperature; the lowest of the scores go first. */
START_TEST(grasp_is_that_of_its_authors)
{
    for (size_t i = 0; i < sizeof grasp_cases / sizeof grasp_cases[0]; i++) {
        const grasp_case *c = &grasp_cases[i];
        beside b;
        float got[STACK_PARAMS];
        size_t count = 0;
        prune_importance *scores;
        beside_make(&b, c);
        const uint64_t hash = world_hash(b.model);
        ck_assert_ok(prune_importance_create(&scores, NULL, b.model, PRUNE_SUPPLIED));
        ck_assert_ok(prune_score_grasp(scores, b.trainer, &b.data, grasp_temperature, NULL));
        for (size_t p = 0; p < 2 * c->layers; p += 2) {
            memcpy(got + count, prune_importance_scores(scores, p), world_count(b.model, p) * sizeof *got);
            count += world_count(b.model, p);
        }
        ck_assert_double_le(scaled_error(got, c->grasp, count), 1e-4);
        ck_assert_uint_eq(world_hash(b.model), hash);
        prune_importance_free(scores);
        beside_end(&b);
    }
}
END_TEST

/* ---- tests: refusals ---- */

static prune_status own(void *user, float *losses, prune_tensor *gradient, const prune_tensor *outputs,
                        const prune_tensor *targets)
{
    (void)user, (void)losses, (void)gradient, (void)outputs, (void)targets;
    return PRUNE_OK;
}

START_TEST(bad_arguments_are_refused)
{
    static problem p;
    size_t bytes;
    prune_error error;
    prune_hessian *h;
    const float one[1] = { 1.0f }, bad[] = { NAN, 0, 0 };
    problem_make(&p, INPUTS, problem_stacks[3], &mse, 1, 4);
    ck_assert_status(prune_hessian_create(NULL, NULL, p.trainer), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_hessian_create(&h, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_ptr_null(h);
    ck_assert_status(prune_hessian_bytes(NULL, p.trainer), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_hessian_bytes(&bytes, NULL), PRUNE_E_ARGUMENT);
    ck_assert_ok(prune_hessian_create(&h, NULL, p.trainer));
    ck_assert_status(prune_hessian_set_vector(NULL, 0, one, 1), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_hessian_set_vector(h, 0, NULL, 1), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_hessian_set_vector(h, 99, one, 1), PRUNE_E_RANGE);
    ck_assert_status(prune_hessian_set_vector(h, 4, one, 1), PRUNE_E_RANGE); /* running_mean */
    ck_assert_status(prune_hessian_set_vector(h, 0, one, 1), PRUNE_E_SHAPE);
    ck_assert_status(prune_hessian_set_vector(h, 7, bad, 3), PRUNE_E_NONFINITE);
    ck_assert_status(prune_hessian_set_temperature(NULL, 1.0f), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_hessian_set_temperature(h, 0.0f), PRUNE_E_RANGE);
    ck_assert_status(prune_hessian_set_temperature(h, INFINITY), PRUNE_E_RANGE);
    ck_assert_status(prune_hessian_set_temperature(h, NAN), PRUNE_E_RANGE);
    ck_assert_status(prune_hessian_accumulate(NULL, &p.data, &error), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_hessian_accumulate(h, NULL, &error), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_hessian_reset(NULL), PRUNE_E_ARGUMENT);
    ck_assert_uint_eq(prune_hessian_samples(NULL), 0);
    ck_assert_ptr_null(prune_hessian_product(NULL, 0));
    ck_assert_ptr_null(prune_hessian_gradient(NULL, 0));
    ck_assert_ptr_null(prune_hessian_product(h, 0));
    ck_assert_ok(prune_hessian_accumulate(h, &p.data, &error));
    ck_assert_ptr_null(prune_hessian_product(h, 99));
    for (size_t i = 0; i < world_count(p.model, 0); i++) /* v is 0: what failed has set nothing */
        ck_assert_double_eq((double)prune_hessian_product(h, 0)[i], 0.0);
    const prune_loss_options mine = {
        .size = sizeof mine, .kind = PRUNE_LOSS_OWN, .delta = 1.0f, .own = own
    };
    ck_assert_ok(prune_trainer_set_loss(p.trainer, &mine, NULL));
    ck_assert_status(prune_hessian_accumulate(h, &p.data, &error), PRUNE_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(error.reason, "own loss"));
    ck_assert_uint_eq(prune_hessian_samples(h), PROBLEM_SAMPLES);
    ck_assert_ok(prune_model_add_activation(p.model, PRUNE_TANH));
    ck_assert_status(prune_hessian_accumulate(h, &p.data, &error), PRUNE_E_STATE);
    ck_assert_status(prune_hessian_set_vector(h, 7, bad, 3), PRUNE_E_STATE);
    ck_assert_ptr_null(prune_hessian_product(h, 0));
    prune_hessian_free(h);
    prune_hessian_free(NULL);
    problem_end(&p);
}
END_TEST

/* A table that was filled before keeps its scores where GraSP does not come to its own. */
START_TEST(grasp_refuses_before_it_touches_the_table)
{
    static problem p, other;
    heap h = { 0 };
    prune_error error;
    prune_trainer *poor;
    prune_importance *scores, *magnitudes;
    const prune_allocator mem = heap_allocator(&h);
    problem_make(&p, INPUTS, problem_stacks[0], &mse, 1, 4);
    problem_make(&other, INPUTS, problem_stacks[0], &mse, 1, 4);
    ck_assert_ok(prune_trainer_create(&poor, &mem, p.model, NULL, NULL));
    ck_assert_ok(prune_importance_create(&scores, NULL, p.model, PRUNE_SUPPLIED));
    ck_assert_ok(prune_importance_create(&magnitudes, NULL, p.model, PRUNE_MAGNITUDE));
    ck_assert_ok(prune_score_grasp(scores, p.trainer, &p.data, 200.0f, NULL));
    const double before = (double)prune_importance_scores(scores, 0)[0];
    ck_assert_status(prune_score_grasp(NULL, p.trainer, &p.data, 1.0f, &error), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_score_grasp(scores, NULL, &p.data, 1.0f, &error), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_score_grasp(scores, p.trainer, NULL, 1.0f, &error), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_score_grasp(scores, p.trainer, &p.data, 0.0f, &error), PRUNE_E_RANGE);
    ck_assert_str_eq(error.place, "temperature");
    ck_assert_status(prune_score_grasp(scores, other.trainer, &p.data, 1.0f, &error), PRUNE_E_STATE);
    ck_assert_status(prune_score_grasp(magnitudes, p.trainer, &p.data, 1.0f, &error), PRUNE_E_STATE);
    ck_assert_status(prune_score_grasp(scores, p.trainer, &other.data, 1e-30f, &error), PRUNE_E_DIVERGED);
    heap_refuse_once(&h, 1);
    ck_assert_status(prune_score_grasp(scores, poor, &p.data, 1.0f, &error), PRUNE_E_MEMORY);
    ck_assert_double_eq((double)prune_importance_scores(scores, 0)[0], before);
    ck_assert_ptr_nonnull(prune_importance_scores(magnitudes, 0));
    prune_importance_free(scores);
    prune_importance_free(magnitudes);
    prune_trainer_free(poor);
    ck_assert(heap_is_clean(&h));
    problem_end(&p);
    problem_end(&other);
}
END_TEST

START_TEST(what_is_not_finite_is_reported)
{
    static problem p;
    prune_error error;
    prune_hessian *h;
    const stack_step steps[] = { { D, 2, PRUNE_LINEAR, 0, 0 }, { D, 1, PRUNE_LINEAR, 0, 0 }, { 0 } };
    const float huge[] = { 1e25f, 1e25f }, zeros[8] = { 0 };
    problem_make(&p, INPUTS, steps, &mse, 1, 4);
    ck_assert_ok(prune_hessian_create(&h, NULL, p.trainer));
    ck_assert_ok(prune_hessian_accumulate(h, &p.data, &error));
    ck_assert_ok(prune_model_set_param(p.model, 0, zeros, 8));
    ck_assert_ok(prune_model_set_param(p.model, 1, zeros, 2));
    ck_assert_ok(prune_model_set_param(p.model, 2, huge, 2));
    ck_assert_ok(prune_hessian_accumulate(h, &p.data, &error));
    ck_assert_ok(prune_hessian_set_vector(h, 1, huge, 2));
    ck_assert_status(prune_hessian_accumulate(h, &p.data, &error), PRUNE_E_DIVERGED);
    ck_assert_ptr_null(prune_hessian_product(h, 0));
    ck_assert_uint_eq(prune_hessian_samples(h), 0);
    prune_hessian_free(h);
    problem_end(&p);
}
END_TEST

/* Samples from a file give what tensors give; when reading fails, all that was there goes. */
START_TEST(a_source_may_fail)
{
    static const size_t widths[] = { 6, 5, 3 };
    stream s;
    world_data world;
    prune_hessian *h;
    prune_curvature *c;
    world_data_make(&world, 20, 6, 3, 4);
    stream_open(&s, &world, PRUNE_SOFTMAX_CROSS_ENTROPY);
    prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 3);
    const prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD);
    prune_trainer *trainer = world_trainer(model, &options);
    ck_assert_ok(prune_hessian_create(&h, NULL, trainer));
    ck_assert_ok(prune_curvature_create(&c, NULL, model, PRUNE_HESSIAN_OBD));
    ck_assert_ok(prune_hessian_accumulate(h, &world.labelled, NULL));
    ck_assert_ok(prune_curvature_accumulate(c, trainer, &world.labelled, NULL));
    const double g = (double)prune_hessian_gradient(h, 0)[0], d = (double)prune_curvature_diagonal(c, 0)[0];
    ck_assert_ok(prune_hessian_reset(h));
    ck_assert_ok(prune_curvature_reset(c));
    ck_assert_ok(prune_hessian_accumulate(h, &s.data, NULL));
    ck_assert_ok(prune_curvature_accumulate(c, trainer, &s.data, NULL));
    ck_assert_double_eq((double)prune_hessian_gradient(h, 0)[0], g);
    ck_assert_double_eq((double)prune_curvature_diagonal(c, 0)[0], d);
    s.refusal = PRUNE_E_IO;
    s.fail_call = s.calls + 1;
    ck_assert_status(prune_hessian_accumulate(h, &s.data, NULL), PRUNE_E_IO);
    s.fail_call = s.calls + 1;
    ck_assert_status(prune_curvature_accumulate(c, trainer, &s.data, NULL), PRUNE_E_IO);
    ck_assert_uint_eq(prune_hessian_samples(h) + prune_curvature_samples(c), 0);
    prune_hessian_free(h);
    prune_curvature_free(c);
    prune_trainer_free(trainer);
    prune_model_free(model);
    stream_close(&s);
    world_data_end(&world);
}
END_TEST

/* One block, as large as is said, and none later. The trainer's gradients of before are gone. */
START_TEST(memory_is_planned_and_the_trainer_left_idle)
{
    static problem p;
    heap m = { 0 };
    size_t bytes;
    float loss;
    prune_hessian *h;
    const prune_allocator mem = heap_allocator(&m);
    problem_make(&p, INPUTS, problem_stacks[3], &mse, 1, PROBLEM_SAMPLES);
    const uint64_t hash = world_trainer_hash(p.trainer);
    ck_assert_ok(prune_hessian_bytes(&bytes, p.trainer));
    heap_refuse_once(&m, 1);
    ck_assert_status(prune_hessian_create(&h, &mem, p.trainer), PRUNE_E_MEMORY);
    ck_assert_ptr_null(h);
    ck_assert_ok(prune_hessian_create(&h, &mem, p.trainer));
    ck_assert_uint_eq(m.live_bytes, bytes);
    ck_assert_ok(prune_trainer_forward(p.trainer, p.tensors[0]));
    ck_assert_ok(prune_trainer_loss(&loss, p.trainer, p.tensors[1]));
    ck_assert_ok(prune_trainer_backward(p.trainer, NULL));
    ck_assert_ok(prune_hessian_accumulate(h, &p.data, NULL));
    ck_assert_uint_eq(m.requests, 2);
    ck_assert_status(prune_trainer_update(p.trainer), PRUNE_E_STATE);
    ck_assert_uint_eq(world_trainer_hash(p.trainer), hash);
    prune_hessian_free(h);
    ck_assert(heap_is_clean(&m));
    problem_end(&p);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_activation_and_loss,
        every_kind_of_layer,
        outputs_over_a_temperature,
        the_diagonal_is_that_of_curvature,
        batches_and_calls_add_up,
        products_are_those_of_a_double_backward,
        grasp_is_that_of_its_authors,
        bad_arguments_are_refused,
        grasp_refuses_before_it_touches_the_table,
        what_is_not_finite_is_reported,
        a_source_may_fail,
        memory_is_planned_and_the_trainer_left_idle,
    };
    return run_tests("hessian", tests, sizeof tests / sizeof tests[0]);
}
