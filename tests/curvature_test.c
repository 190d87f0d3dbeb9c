/* curvature_test.c -- diagonals of the Hessian against differences in double, layer by layer and in whole
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/problem.h"
#include "support/reference.h"
#include "support/second.h"

#include <math.h>
#include <string.h>

enum { ACTIVATIONS = 11, INPUTS = 4 };

static const double rounding = 1e-6; /* of second differences, absolute */

/* ---- what the library says ---- */

static void library(float *h, problem *p, int32_t kind)
{
    prune_curvature *c;
    ck_assert_ok(prune_curvature_create(&c, NULL, p->model, kind));
    ck_assert_ok(prune_curvature_accumulate(c, p->trainer, &p->data, NULL));
    ck_assert_uint_eq(prune_curvature_samples(c), PROBLEM_SAMPLES);
    for (size_t param = 0, at = 0; param < prune_model_param_count(p->model); param++) {
        prune_param_info info = { .size = sizeof info };
        ck_assert_ok(prune_model_param_info(&info, p->model, param));
        memcpy(h + at, prune_curvature_diagonal(c, param), (size_t)info.count * sizeof *h);
        at += (size_t)info.count;
    }
    prune_curvature_free(c);
}

static void check_close(const float *h, const double *expected, size_t count, double error)
{
    const double most = ref_largest(expected, count);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(fabs((double)h[i] - expected[i]) <= error * most + rounding, "element %d is %g, not %g",
                      (int)i, (double)h[i], expected[i]);
}

/* ---- tests ---- */

static void check_all_kinds(size_t inputs, const stack_step *steps, const problem_loss *loss, uint64_t seed)
{
    static problem p;
    float h[STACK_PARAMS];
    double expected[STACK_PARAMS];
    static void (*const truths[])(double *, problem *) = { second_exact, second_gauss_newton, second_obd };
    problem_make(&p, inputs, steps, loss, seed, 4);
    for (int32_t kind = PRUNE_HESSIAN_EXACT; kind <= PRUNE_HESSIAN_OBD; kind++) {
        library(h, &p, kind);
        truths[kind - PRUNE_HESSIAN_EXACT](expected, &p);
        check_close(h, expected, p.s.first[p.s.layers], 1e-4);
    }
    problem_end(&p);
}

START_TEST(every_activation_and_loss)
{
    for (int32_t a = 0; a < ACTIVATIONS; a++)
        for (size_t i = 0; i < PROBLEM_LOSSES; i++) {
            const stack_step steps[] = {
                { D, 5, a, 0, 0 }, { D, 4, a, 0, 0 }, { D, 3, PRUNE_LINEAR, 0, 0 }, { 0 }
            };
            check_all_kinds(INPUTS, steps, &problem_losses[i], 100 + (uint64_t)a);
        }
}
END_TEST

START_TEST(every_kind_of_layer)
{
    for (size_t n = 0; n < PROBLEM_STACKS; n++)
        for (size_t i = 0; i < PROBLEM_LOSSES; i++)
            check_all_kinds(INPUTS, problem_stacks[n], &problem_losses[i], 200 + n);
}
END_TEST

/* Where nothing but the loss bends, Gauss-Newton is the Hessian, and never below 0. */
START_TEST(gauss_newton_is_exact_for_what_is_piecewise_linear)
{
    static problem p;
    const stack_step steps[] = { { D, 6, PRUNE_RELU, 0, 0 },
                                 { B, 0, 0, 0.1f, 1e-5f },
                                 { D, 5, PRUNE_LEAKY_RELU, 0, 0 },
                                 { D, 3, PRUNE_LINEAR, 0, 0 },
                                 { 0 } };
    for (size_t i = 0; i < PROBLEM_LOSSES; i++) {
        float a[STACK_PARAMS], b[STACK_PARAMS];
        problem_make(&p, INPUTS, steps, &problem_losses[i], 5, 6);
        library(a, &p, PRUNE_HESSIAN_EXACT);
        library(b, &p, PRUNE_HESSIAN_GAUSS_NEWTON);
        ck_assert_mem_eq(a, b, p.s.first[p.s.layers] * sizeof a[0]);
        for (size_t k = 0; k < p.s.first[p.s.layers]; k++)
            ck_assert(b[k] >= -1e-6f);
        problem_end(&p);
    }
}
END_TEST

/* One layer mixes nothing above it: OBD's recursion has the Hessian's diagonal itself. */
START_TEST(obd_is_exact_in_the_last_layer)
{
    static problem p;
    for (size_t i = 0; i < PROBLEM_LOSSES; i++) {
        float a[STACK_PARAMS], b[STACK_PARAMS];
        double expected[STACK_PARAMS];
        problem_make(&p, INPUTS, problem_stacks[1], &problem_losses[i], 6, 6);
        library(a, &p, PRUNE_HESSIAN_EXACT);
        library(b, &p, PRUNE_HESSIAN_OBD);
        for (size_t k = 0; k < p.s.first[1]; k++)
            expected[k] = (double)a[k];
        check_close(b, expected, p.s.first[1], 1e-6);
        problem_end(&p);
    }
}
END_TEST

/* In one call or in several, in batches of any size. */
START_TEST(batches_do_not_matter)
{
    static problem p;
    float whole[STACK_PARAMS], cut[STACK_PARAMS];
    double expected[STACK_PARAMS];
    const problem_loss weighted = { PRUNE_SOFTMAX_CROSS_ENTROPY, 0, 1, 1 };
    for (int32_t kind = PRUNE_HESSIAN_EXACT; kind <= PRUNE_HESSIAN_OBD; kind++) {
        problem_make(&p, INPUTS, problem_stacks[0], &weighted, 7, PROBLEM_SAMPLES);
        library(whole, &p, kind);
        problem_end(&p);
        for (size_t k = 0; k < STACK_PARAMS; k++)
            expected[k] = (double)whole[k];
        for (size_t batch = 1; batch < PROBLEM_SAMPLES; batch++) {
            problem_make(&p, INPUTS, problem_stacks[0], &weighted, 7, batch);
            library(cut, &p, kind);
            check_close(cut, expected, p.s.first[p.s.layers], 2e-6);
            problem_end(&p);
        }
    }
}
END_TEST

START_TEST(calls_add_up_and_reset_forgets)
{
    static problem p;
    prune_curvature *c;
    const problem_loss loss = { PRUNE_MSE, 0, 0, 0 };
    problem_make(&p, INPUTS, problem_stacks[0], &loss, 8, 4);
    ck_assert_ok(prune_curvature_create(&c, NULL, p.model, PRUNE_HESSIAN_EXACT));
    ck_assert_ptr_null(prune_curvature_diagonal(c, 0));
    ck_assert_ok(prune_curvature_accumulate(c, p.trainer, &p.data, NULL));
    const double once = (double)prune_curvature_diagonal(c, 0)[0];
    ck_assert_ok(prune_curvature_accumulate(c, p.trainer, &p.data, NULL));
    ck_assert_uint_eq(prune_curvature_samples(c), 2 * PROBLEM_SAMPLES);
    ck_assert_double_eq_tol((double)prune_curvature_diagonal(c, 0)[0], once, 1e-6);
    ck_assert_ok(prune_curvature_reset(c));
    ck_assert_uint_eq(prune_curvature_samples(c), 0);
    ck_assert_ptr_null(prune_curvature_diagonal(c, 0));
    ck_assert_ok(prune_curvature_accumulate(c, p.trainer, &p.data, NULL));
    ck_assert_double_eq((double)prune_curvature_diagonal(c, 0)[0], once);
    prune_curvature_free(c);
    problem_end(&p);
}
END_TEST

/* The model, the optimizer and the random numbers stay; gradients of before cannot be applied any more. */
START_TEST(nothing_else_changes)
{
    static problem p;
    float loss_value;
    prune_curvature *c;
    const problem_loss loss = { PRUNE_MSE, 0, 0, 0 };
    problem_make(&p, INPUTS, problem_stacks[3], &loss, 9, PROBLEM_SAMPLES);
    const uint64_t hash = world_hash(p.model);
    ck_assert_ok(prune_curvature_create(&c, NULL, p.model, PRUNE_HESSIAN_OBD));
    ck_assert_ok(prune_trainer_forward(p.trainer, p.tensors[0]));
    ck_assert_ok(prune_trainer_loss(&loss_value, p.trainer, p.tensors[1]));
    ck_assert_ok(prune_trainer_backward(p.trainer, NULL));
    ck_assert_ok(prune_curvature_accumulate(c, p.trainer, &p.data, NULL));
    ck_assert_status(prune_trainer_update(p.trainer), PRUNE_E_STATE);
    ck_assert_uint_eq(world_hash(p.model), hash);
    prune_curvature_free(c);
    problem_end(&p);
}
END_TEST

/* Saliencies order as numbers; what would raise the loss most stays. */
START_TEST(saliencies_fill_a_table)
{
    static problem p, other;
    prune_curvature *c, *foreign;
    prune_importance *scores, *magnitudes;
    const problem_loss loss = { PRUNE_SOFTMAX_CROSS_ENTROPY, 0, 0, 0 };
    problem_make(&p, INPUTS, problem_stacks[3], &loss, 10, 4);
    problem_make(&other, INPUTS, problem_stacks[3], &loss, 10, 4);
    ck_assert_ok(prune_curvature_create(&c, NULL, p.model, PRUNE_HESSIAN_EXACT));
    ck_assert_ok(prune_curvature_create(&foreign, NULL, other.model, PRUNE_HESSIAN_EXACT));
    ck_assert_ok(prune_importance_create(&scores, NULL, p.model, PRUNE_SUPPLIED));
    ck_assert_ok(prune_importance_create(&magnitudes, NULL, p.model, PRUNE_MAGNITUDE));
    ck_assert_status(prune_score_curvature(scores, c), PRUNE_E_STATE);
    ck_assert_ok(prune_curvature_accumulate(c, p.trainer, &p.data, NULL));
    ck_assert_ok(prune_curvature_accumulate(foreign, other.trainer, &other.data, NULL));
    ck_assert_status(prune_score_curvature(NULL, c), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_score_curvature(scores, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_score_curvature(magnitudes, c), PRUNE_E_STATE);
    ck_assert_ptr_nonnull(prune_importance_scores(magnitudes, 0));
    ck_assert_ok(prune_score_curvature(scores, c));
    ck_assert_status(prune_score_curvature(scores, foreign), PRUNE_E_STATE);
    size_t below = 0;
    for (size_t param = 0; param < prune_model_param_count(p.model); param++) {
        prune_param_info info = { .size = sizeof info };
        ck_assert_ok(prune_model_param_info(&info, p.model, param));
        const float *w = prune_model_param(p.model, param), *h = prune_curvature_diagonal(c, param);
        const float *s = prune_importance_scores(scores, param);
        for (size_t i = 0; i < info.count; i++) {
            const double expected = info.statistic ? 0.0 : (double)h[i] * (double)w[i] * (double)w[i] / 2.0;
            ck_assert_double_le(fabs((double)s[i] - expected), 1e-6 * fabs(expected));
            below += s[i] < 0.0f;
        }
    }
    ck_assert_uint_gt(below, 0); /* or the test shows less than it says */
    prune_importance_free(scores);
    prune_importance_free(magnitudes);
    prune_curvature_free(c);
    prune_curvature_free(foreign);
    problem_end(&p);
    problem_end(&other);
}
END_TEST

START_TEST(a_saliency_that_leaves_float_leaves_no_scores)
{
    static problem p;
    prune_curvature *c;
    prune_importance *scores;
    const problem_loss loss = { PRUNE_MSE, 0, 0, 0 };
    const stack_step steps[] = { { D, 1, PRUNE_LINEAR, 0, 0 }, { 0 } };
    const float huge[INPUTS] = { 1e25f, 0.0f, 0.0f, 0.0f };
    problem_make(&p, INPUTS, steps, &loss, 11, 4);
    ck_assert_ok(prune_curvature_create(&c, NULL, p.model, PRUNE_HESSIAN_GAUSS_NEWTON));
    ck_assert_ok(prune_importance_create(&scores, NULL, p.model, PRUNE_SUPPLIED));
    ck_assert_ok(prune_curvature_accumulate(c, p.trainer, &p.data, NULL));
    ck_assert_ok(prune_score_curvature(scores, c));
    ck_assert_ok(prune_model_set_param(p.model, 0, huge, INPUTS));
    ck_assert_status(prune_score_curvature(scores, c), PRUNE_E_NONFINITE);
    ck_assert_ptr_null(prune_importance_scores(scores, 0));
    prune_importance_free(scores);
    prune_curvature_free(c);
    problem_end(&p);
}
END_TEST

static prune_status own(void *user, float *losses, prune_tensor *gradient, const prune_tensor *outputs,
                        const prune_tensor *targets)
{
    (void)user, (void)losses, (void)gradient, (void)outputs, (void)targets;
    return PRUNE_OK;
}

START_TEST(bad_arguments_are_refused)
{
    static problem p, other;
    size_t bytes;
    prune_error error;
    prune_curvature *c = NULL;
    prune_model *empty;
    const problem_loss loss = { PRUNE_MSE, 0, 0, 0 };
    problem_make(&p, INPUTS, problem_stacks[0], &loss, 1, 4);
    problem_make(&other, INPUTS, problem_stacks[0], &loss, 1, 4);
    ck_assert_status(prune_curvature_create(NULL, NULL, p.model, PRUNE_HESSIAN_OBD), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_curvature_create(&c, NULL, NULL, PRUNE_HESSIAN_OBD), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_curvature_create(&c, NULL, p.model, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_curvature_create(&c, NULL, p.model, 4), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_curvature_bytes(NULL, p.model, PRUNE_HESSIAN_OBD), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_curvature_bytes(&bytes, p.model, -1), PRUNE_E_ARGUMENT);
    ck_assert_ok(prune_model_create(&empty, NULL, 3));
    ck_assert_status(prune_curvature_create(&c, NULL, empty, PRUNE_HESSIAN_OBD), PRUNE_E_NO_LAYERS);
    prune_model_free(empty);
    ck_assert_ptr_null(c);
    ck_assert_ok(prune_curvature_create(&c, NULL, p.model, PRUNE_HESSIAN_OBD));
    ck_assert_status(prune_curvature_accumulate(NULL, p.trainer, &p.data, &error), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_curvature_accumulate(c, NULL, &p.data, &error), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_curvature_accumulate(c, p.trainer, NULL, &error), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_curvature_accumulate(c, other.trainer, &p.data, &error), PRUNE_E_STATE);
    ck_assert_status(prune_curvature_reset(NULL), PRUNE_E_ARGUMENT);
    ck_assert_uint_eq(prune_curvature_samples(NULL), 0);
    ck_assert_ptr_null(prune_curvature_diagonal(NULL, 0));
    ck_assert_ok(prune_curvature_accumulate(c, p.trainer, &p.data, &error));
    ck_assert_ptr_null(prune_curvature_diagonal(c, prune_model_param_count(p.model)));
    const prune_loss_options mine = {
        .size = sizeof mine, .kind = PRUNE_LOSS_OWN, .delta = 1.0f, .own = own
    };
    ck_assert_ok(prune_trainer_set_loss(p.trainer, &mine, NULL));
    ck_assert_status(prune_curvature_accumulate(c, p.trainer, &p.data, &error), PRUNE_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(error.reason, "own loss"));
    ck_assert_uint_eq(prune_curvature_samples(c), PROBLEM_SAMPLES);
    ck_assert_ok(prune_model_add_activation(p.model, PRUNE_TANH));
    ck_assert_status(prune_curvature_accumulate(c, p.trainer, &p.data, &error), PRUNE_E_STATE);
    ck_assert_ptr_null(prune_curvature_diagonal(c, 0));
    prune_curvature_free(c);
    prune_curvature_free(NULL);
    problem_end(&p);
    problem_end(&other);
}
END_TEST

/* Products of finite numbers that leave float: everything that was there goes. */
START_TEST(what_is_not_finite_is_reported)
{
    static problem p;
    prune_error error;
    prune_curvature *c;
    const problem_loss loss = { PRUNE_MSE, 0, 0, 0 };
    const stack_step steps[] = { { D, 2, PRUNE_LINEAR, 0, 0 }, { D, 1, PRUNE_LINEAR, 0, 0 }, { 0 } };
    const float huge[] = { 1e25f, 1e25f }, tiny[8] = { 0 };
    for (int32_t kind = PRUNE_HESSIAN_EXACT; kind <= PRUNE_HESSIAN_OBD; kind++) {
        problem_make(&p, INPUTS, steps, &loss, 1, 4);
        ck_assert_ok(prune_curvature_create(&c, NULL, p.model, kind));
        ck_assert_ok(prune_curvature_accumulate(c, p.trainer, &p.data, &error));
        ck_assert_ok(prune_model_set_param(p.model, 0, tiny, 8));
        ck_assert_ok(prune_model_set_param(p.model, 1, tiny, 2));
        ck_assert_ok(prune_model_set_param(p.model, 2, huge, 2));
        ck_assert_status(prune_curvature_accumulate(c, p.trainer, &p.data, &error), PRUNE_E_DIVERGED);
        ck_assert_ptr_null(prune_curvature_diagonal(c, 0));
        ck_assert_uint_eq(prune_curvature_samples(c), 0);
        prune_curvature_free(c);
        problem_end(&p);
    }
}
END_TEST

/* One block, as large as is said, and none later. */
START_TEST(memory_is_planned)
{
    static problem p;
    const problem_loss loss = { PRUNE_SOFTMAX_CROSS_ENTROPY, 0, 0, 0 };
    problem_make(&p, INPUTS, problem_stacks[0], &loss, 1, 4);
    for (int32_t kind = PRUNE_HESSIAN_EXACT; kind <= PRUNE_HESSIAN_OBD; kind++) {
        heap h = { 0 };
        size_t bytes;
        prune_curvature *c;
        const prune_allocator mem = heap_allocator(&h);
        ck_assert_ok(prune_curvature_bytes(&bytes, p.model, kind));
        heap_refuse_once(&h, 1);
        ck_assert_status(prune_curvature_create(&c, &mem, p.model, kind), PRUNE_E_MEMORY);
        ck_assert_ptr_null(c);
        ck_assert_ok(prune_curvature_create(&c, &mem, p.model, kind));
        ck_assert_uint_eq(h.live_bytes, bytes);
        ck_assert_uint_eq(h.requests, 2);
        ck_assert_ok(prune_curvature_accumulate(c, p.trainer, &p.data, NULL));
        ck_assert_uint_eq(h.requests, 2);
        prune_curvature_free(c);
        ck_assert(heap_is_clean(&h));
    }
    problem_end(&p);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_activation_and_loss,
        every_kind_of_layer,
        gauss_newton_is_exact_for_what_is_piecewise_linear,
        obd_is_exact_in_the_last_layer,
        batches_do_not_matter,
        calls_add_up_and_reset_forgets,
        nothing_else_changes,
        saliencies_fill_a_table,
        a_saliency_that_leaves_float_leaves_no_scores,
        bad_arguments_are_refused,
        what_is_not_finite_is_reported,
        memory_is_planned,
    };
    return run_tests("curvature", tests, sizeof tests / sizeof tests[0]);
}
