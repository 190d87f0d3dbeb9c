/* trainer_test.c -- the step API: its order, its options, what it refuses and what it leaves behind
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/training.h"

#include <limits.h>
#include <math.h>
#include <stddef.h>

enum { INPUTS = 6, CLASSES = 3, SAMPLES = 16 };

static const size_t widths[] = { INPUTS, 5, CLASSES };

typedef struct fixture {
    world_data world;
    prune_model *model;
    prune_trainer *trainer;
} fixture;

static void open_fixture(fixture *f, const prune_trainer_options *options)
{
    world_data_make(&f->world, SAMPLES, INPUTS, CLASSES, 5);
    f->model = world_model(NULL, widths, 2, PRUNE_TANH, 2);
    world_remove(f->model, 0, 3);
    world_remove(f->model, 1, 1);
    f->trainer = world_trainer(f->model, options);
}

static void close_fixture(fixture *f)
{
    prune_trainer_free(f->trainer);
    prune_model_free(f->model);
    world_data_end(&f->world);
}

static const prune_tensor *targets_of(const fixture *f, int32_t loss)
{
    return loss == PRUNE_MSE ? f->world.y_tensor : f->world.label_tensor;
}

/* ---- options ---- */

#define FIELD(name) offsetof(prune_trainer_options, name)

START_TEST(numbers_have_ranges)
{
    const struct {
        size_t field;
        float good[2], bad[4];
    } cases[] = {
        { FIELD(learning_rate), { 0.0f, 1e6f }, { -1e-9f, 1.001e6f, NAN, INFINITY } },
        { FIELD(momentum), { 0.0f, 0.999f }, { -0.1f, 1.0f, NAN, INFINITY } },
        { FIELD(beta1), { 0.0f, 0.999f }, { -0.1f, 1.0f, NAN, -INFINITY } },
        { FIELD(beta2), { 0.0f, 0.9999f }, { -0.1f, 1.5f, NAN, INFINITY } },
        { FIELD(epsilon), { 1e-30f, 1.0f }, { 0.0f, -1e-8f, NAN, INFINITY } },
        { FIELD(l1), { 0.0f, 3.0f }, { -1e-9f, -INFINITY, NAN, INFINITY } },
        { FIELD(l2), { 0.0f, 3.0f }, { -1e-9f, -INFINITY, NAN, INFINITY } },
    };
    prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t k = 0; k < 6; k++) {
            size_t bytes;
            prune_trainer *trainer = (prune_trainer *)(uintptr_t)&bytes;
            prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
            const prune_status expected = k < 2 ? PRUNE_OK : PRUNE_E_RANGE;
            *(float *)(void *)((char *)&options + cases[i].field) =
                k < 2 ? cases[i].good[k] : cases[i].bad[k - 2];
            ck_assert_status(prune_trainer_create(&trainer, NULL, model, &options, NULL), expected);
            ck_assert_int_eq(trainer == NULL, k >= 2);
            ck_assert_status(prune_trainer_bytes(&bytes, model, &options), expected);
            prune_trainer_free(trainer);
        }
    prune_model_free(model);
}
END_TEST

START_TEST(choices_and_sizes_have_ranges)
{
    const struct {
        int32_t loss, optimizer;
        size_t max_batch, more;
        prune_status status;
    } cases[] = {
        { PRUNE_MSE, PRUNE_SGD, 1, 0, PRUNE_OK },
        { 0, PRUNE_SGD, 1, 0, PRUNE_E_ARGUMENT },
        { PRUNE_LOSS_OWN + 1, PRUNE_SGD, 1, 0, PRUNE_E_ARGUMENT },
        { PRUNE_MSE, 0, 1, 0, PRUNE_E_ARGUMENT },
        { PRUNE_MSE, PRUNE_ADAGRAD + 1, 1, 0, PRUNE_E_ARGUMENT },
        { PRUNE_MSE, -1, 1, 0, PRUNE_E_ARGUMENT },
        { PRUNE_MSE, PRUNE_SGD, 0, 0, PRUNE_E_SIZE },
        { PRUNE_MSE, PRUNE_SGD, (size_t)INT_MAX + 1, 0, PRUNE_E_LIMIT },
        { PRUNE_MSE, PRUNE_SGD, SIZE_MAX, 0, PRUNE_E_LIMIT },
        { PRUNE_MSE, PRUNE_SGD, 1, 1, PRUNE_E_VERSION },
    };
    prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t bytes;
        prune_trainer *trainer = (prune_trainer *)(uintptr_t)&bytes;
        prune_trainer_options options = world_options(cases[i].loss, cases[i].optimizer);
        options.max_batch = cases[i].max_batch;
        options.size += cases[i].more;
        ck_assert_status(prune_trainer_create(&trainer, NULL, model, &options, NULL), cases[i].status);
        ck_assert_int_eq(trainer == NULL, cases[i].status != PRUNE_OK);
        ck_assert_status(prune_trainer_bytes(&bytes, model, &options), cases[i].status);
        prune_trainer_free(trainer);
    }
    prune_model_free(model);
}
END_TEST

START_TEST(defaults_are_those_of_the_header)
{
    prune_trainer_options o;
    prune_trainer_options_init(&o);
    prune_trainer_options_init(NULL);
    ck_assert_uint_eq(o.size, sizeof o);
    ck_assert(o.loss == PRUNE_SOFTMAX_CROSS_ENTROPY && o.optimizer == PRUNE_ADAM &&
              o.learning_rate == 0.001f);
    ck_assert(o.momentum == 0.0f && o.beta1 == 0.9f && o.beta2 == 0.999f && o.epsilon == 1e-8f);
    ck_assert(o.l1 == 0.0f && o.l2 == 0.0f && o.regularize_bias == 0);
    ck_assert(o.seed == 0 && o.max_batch == 32 && o.backend == NULL);

    prune_trainer_options older = { .size = FIELD(momentum), .loss = PRUNE_MSE, .optimizer = PRUNE_SGD };
    older.learning_rate = 0.5f; /* the last that it knows */
    older.momentum = 7.0f;
    fixture f;
    open_fixture(&f, &older);
    ck_assert(prune_trainer_learning_rate(f.trainer) == 0.5f);
    ck_assert_ok(prune_trainer_step(NULL, f.trainer, f.world.x_tensor, f.world.y_tensor));
    close_fixture(&f);
}
END_TEST

START_TEST(null_is_refused_or_nothing)
{
    size_t bytes;
    float loss;
    fixture f;
    prune_trainer *t = NULL;
    open_fixture(&f, NULL);
    ck_assert_status(prune_trainer_create(NULL, NULL, f.model, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_create(&t, NULL, NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_bytes(NULL, f.model, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_bytes(&bytes, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_forward(NULL, f.world.x_tensor), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_forward(f.trainer, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_step(&loss, f.trainer, NULL, f.world.label_tensor), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_step(&loss, f.trainer, f.world.x_tensor, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_loss(&loss, NULL, f.world.label_tensor), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_backward(NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_penalize(NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_update(NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_reset(NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_set_learning_rate(NULL, 0.1f), PRUNE_E_ARGUMENT);
    ck_assert_ptr_null(prune_trainer_model(NULL));
    ck_assert_ptr_null(prune_trainer_outputs(NULL));
    ck_assert_ptr_null(prune_trainer_gradient(NULL, 0));
    ck_assert_uint_eq(prune_trainer_steps(NULL) + prune_trainer_epochs(NULL), 0);
    prune_trainer_free(NULL);
    close_fixture(&f);
}
END_TEST

START_TEST(bytes_are_what_the_allocator_gave)
{
    for (size_t batch = 1; batch < 200; batch += 33)
        for (int32_t optimizer = PRUNE_SGD; optimizer <= PRUNE_ADAM; optimizer++) {
            heap h = { 0 };
            size_t bytes;
            const prune_allocator mem = heap_allocator(&h);
            prune_trainer *trainer;
            prune_trainer_options options = world_options(PRUNE_MSE, optimizer);
            prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 1);
            const uint64_t before = world_hash(model);
            options.max_batch = batch;
            ck_assert_ok(prune_trainer_bytes(&bytes, model, &options));
            ck_assert_ok(prune_trainer_create(&trainer, &mem, model, &options, NULL));
            ck_assert_uint_eq(h.live_bytes, bytes);
            ck_assert_uint_eq(h.requests, 1);
            ck_assert_ptr_eq(prune_trainer_model(trainer), model);
            ck_assert_uint_eq(world_hash(model), before);
            prune_trainer_free(trainer);
            ck_assert(heap_is_clean(&h));
            prune_model_free(model);
        }
}
END_TEST

/* ---- order ---- */

enum { NEW, FORWARD, LOSS, BACKWARD, PENALIZED, UPDATED, STAGES };

/* Leaves the trainer where the calls up to `stage` leave it. */
static void advance(fixture *f, int stage)
{
    float loss;
    if (stage >= FORWARD)
        ck_assert_ok(prune_trainer_forward(f->trainer, f->world.x_tensor));
    if (stage >= LOSS)
        ck_assert_ok(prune_trainer_loss(&loss, f->trainer, f->world.label_tensor));
    if (stage >= BACKWARD)
        ck_assert_ok(prune_trainer_backward(f->trainer, NULL));
    if (stage >= PENALIZED)
        ck_assert_ok(prune_trainer_penalize(NULL, f->trainer));
    if (stage >= UPDATED)
        ck_assert_ok(prune_trainer_update(f->trainer));
}

static prune_status call(fixture *f, int what)
{
    static float zeros[SAMPLES * CLASSES];
    prune_tensor *own;
    float number = 0.0f;
    switch (what) {
    case 0:
        return prune_trainer_loss(&number, f->trainer, f->world.label_tensor);
    case 1:
        return prune_trainer_backward(f->trainer, NULL);
    case 2:
        ck_assert_ok(prune_tensor_matrix(&own, NULL, PRUNE_F32, SAMPLES, CLASSES, zeros));
        const prune_status status = prune_trainer_backward(f->trainer, own);
        prune_tensor_free(own);
        return status;
    case 3:
        return prune_trainer_penalize(&number, f->trainer);
    default:
        return prune_trainer_update(f->trainer);
    }
}

START_TEST(the_wrong_order_is_refused)
{
    /* Of loss, backward, backward from the caller's gradient, penalize, update: what is allowed. */
    const int32_t allowed[STAGES][5] = {
        [NEW] = { 0, 0, 0, 0, 0 },      [FORWARD] = { 1, 0, 1, 0, 0 },   [LOSS] = { 1, 1, 1, 0, 0 },
        [BACKWARD] = { 1, 0, 0, 1, 1 }, [PENALIZED] = { 1, 0, 0, 0, 1 }, [UPDATED] = { 0, 0, 0, 0, 0 },
    };
    for (int stage = NEW; stage < STAGES; stage++)
        for (int what = 0; what < 5; what++) {
            fixture f;
            open_fixture(&f, NULL);
            advance(&f, stage);
            const uint64_t before = world_trainer_hash(f.trainer);
            const prune_status status = call(&f, what);
            ck_assert_msg(status == (allowed[stage][what] ? PRUNE_OK : PRUNE_E_STATE),
                          "stage %d, call %d: %d", stage, what, (int)status);
            if (!allowed[stage][what])
                ck_assert_uint_eq(world_trainer_hash(f.trainer), before);
            ck_assert_ok(prune_trainer_step(NULL, f.trainer, f.world.x_tensor, f.world.label_tensor));
            close_fixture(&f);
        }
}
END_TEST

START_TEST(scores_leave_no_gradient_to_apply)
{
    fixture f;
    prune_importance *scores;
    open_fixture(&f, NULL);
    ck_assert_ok(prune_importance_create(&scores, NULL, f.model, PRUNE_GRADIENT));
    ck_assert_ok(prune_importance_accumulate(scores, f.trainer, &f.world.labelled, NULL));
    ck_assert_status(prune_trainer_update(f.trainer), PRUNE_E_STATE);
    ck_assert_status(prune_trainer_penalize(NULL, f.trainer), PRUNE_E_STATE);
    prune_importance_free(scores);
    close_fixture(&f);
}
END_TEST

/* ---- a step is its parts ---- */

static void step_by_parts(fixture *f, int32_t loss_kind, float *loss)
{
    ck_assert_ok(prune_trainer_forward(f->trainer, f->world.x_tensor));
    ck_assert_ok(prune_trainer_loss(loss, f->trainer, targets_of(f, loss_kind)));
    ck_assert_ok(prune_trainer_backward(f->trainer, NULL));
    ck_assert_ok(prune_trainer_penalize(NULL, f->trainer));
    ck_assert_ok(prune_trainer_update(f->trainer));
}

/* The caller's own mean squared error. */
static void step_by_own_loss(fixture *f, int32_t loss_kind, float *loss)
{
    float g[SAMPLES * CLASSES];
    prune_tensor *own;
    ck_assert_ok(prune_trainer_forward(f->trainer, f->world.x_tensor));
    const prune_tensor *outputs = prune_trainer_outputs(f->trainer);
    const float *h = prune_tensor_data(outputs), scale = 1.0f / SAMPLES;
    ck_assert_ok(prune_tensor_matrix(&own, NULL, PRUNE_F32, SAMPLES, CLASSES, g));
    ck_assert_ok(prune_loss(loss, own, loss_kind, outputs, targets_of(f, loss_kind)));
    for (size_t i = 0; loss_kind == PRUNE_MSE && i < SAMPLES * CLASSES; i++)
        g[i] = scale * (h[i] - f->world.y[i]);
    ck_assert_ok(prune_trainer_backward(f->trainer, own));
    ck_assert_ok(prune_trainer_penalize(NULL, f->trainer));
    ck_assert_ok(prune_trainer_update(f->trainer));
    prune_tensor_free(own);
}

START_TEST(a_step_is_its_parts)
{
    for (int i = 0; i < 8; i++) {
        fixture whole, parts, own;
        float a, b, c;
        const int32_t loss = i & 1 ? PRUNE_MSE : PRUNE_SOFTMAX_CROSS_ENTROPY;
        prune_trainer_options options = world_options(loss, i & 2 ? PRUNE_ADAM : PRUNE_SGD);
        options.momentum = 0.9f;
        options.learning_rate = 0.05f;
        options.l1 = i & 4 ? 0.01f : 0.0f;
        options.l2 = i & 4 ? 0.1f : 0.0f;
        open_fixture(&whole, &options);
        open_fixture(&parts, &options);
        open_fixture(&own, &options);
        for (uint64_t t = 1; t <= 5; t++) {
            ck_assert_ok(
                prune_trainer_step(&a, whole.trainer, whole.world.x_tensor, targets_of(&whole, loss)));
            step_by_parts(&parts, loss, &b);
            step_by_own_loss(&own, loss, &c);
            ck_assert(a == b && a == c);
            ck_assert_uint_eq(world_trainer_hash(whole.trainer), world_trainer_hash(parts.trainer));
            ck_assert_uint_eq(world_trainer_hash(whole.trainer), world_trainer_hash(own.trainer));
            ck_assert_uint_eq(prune_trainer_steps(whole.trainer), t);
        }
        ck_assert_uint_eq(prune_trainer_epochs(whole.trainer), 0);
        close_fixture(&whole);
        close_fixture(&parts);
        close_fixture(&own);
    }
}
END_TEST

START_TEST(gaps_between_rows_do_not_matter)
{
    enum { LD = INPUTS + 3 };
    float wide[SAMPLES * LD];
    const prune_shape shape = { 2, { SAMPLES, INPUTS, 0, 0 } };
    fixture dense, gaps;
    prune_tensor *x;
    const prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
    open_fixture(&dense, &options);
    open_fixture(&gaps, &options);
    for (size_t i = 0; i < SAMPLES * LD; i++)
        wide[i] = i % LD < INPUTS ? dense.world.x[i / LD * INPUTS + i % LD] : NAN;
    ck_assert_ok(prune_tensor_wrap_const(&x, NULL, PRUNE_F32, &shape, LD, wide));
    for (int t = 0; t < 3; t++) {
        ck_assert_ok(prune_trainer_step(NULL, dense.trainer, dense.world.x_tensor, dense.world.label_tensor));
        ck_assert_ok(prune_trainer_step(NULL, gaps.trainer, x, gaps.world.label_tensor));
    }
    ck_assert_uint_eq(world_trainer_hash(dense.trainer), world_trainer_hash(gaps.trainer));
    prune_tensor_free(x);
    close_fixture(&dense);
    close_fixture(&gaps);
}
END_TEST

/* ---- what can be looked at ---- */

START_TEST(outputs_are_those_of_the_last_forward_pass)
{
    static float y[SAMPLES * CLASSES];
    fixture f;
    prune_workspace *workspace;
    prune_tensor *predicted;
    const prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
    open_fixture(&f, &options);
    ck_assert_ptr_null(prune_trainer_outputs(f.trainer));
    ck_assert_ok(prune_workspace_create(&workspace, NULL, f.model, 4, prune_backend_reference()));
    ck_assert_ok(prune_tensor_matrix(&predicted, NULL, PRUNE_F32, SAMPLES, CLASSES, y));
    ck_assert_ok(prune_predict(predicted, f.model, workspace, f.world.x_tensor));
    ck_assert_ok(prune_trainer_step(NULL, f.trainer, f.world.x_tensor, f.world.label_tensor));
    const prune_tensor *h = prune_trainer_outputs(f.trainer); /* still there after the step */
    ck_assert_uint_eq(prune_tensor_dim(h, 0), SAMPLES);
    ck_assert_uint_eq(prune_tensor_dim(h, 1), CLASSES);
    ck_assert_mem_eq(prune_tensor_data(h), y, sizeof y);
    ck_assert_ptr_null(prune_tensor_data_mut((prune_tensor *)(uintptr_t)h));
    prune_workspace_free(workspace);
    prune_tensor_free(predicted);
    close_fixture(&f);
}
END_TEST

START_TEST(gradients_are_zero_before_there_are_any)
{
    fixture f;
    open_fixture(&f, NULL);
    for (size_t p = 0; p < 4; p++)
        for (size_t i = 0; i < world_count(f.model, p); i++)
            ck_assert(prune_trainer_gradient(f.trainer, p)[i] == 0.0f);
    ck_assert_ptr_null(prune_trainer_gradient(f.trainer, 4));
    advance(&f, BACKWARD);
    ck_assert(prune_trainer_gradient(f.trainer, 3)[0] != 0.0f);
    close_fixture(&f);
}
END_TEST

START_TEST(the_penalty_has_these_factors)
{
    const float bias[] = { 0.5f, 9.0f, -0.25f, 0.0f, 1.0f }; /* element 1 is removed */
    for (int32_t with_bias = 0; with_bias < 2; with_bias++) {
        fixture f;
        float penalty;
        double l1 = 0.0, l2 = 0.0;
        prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD);
        options.l1 = 0.25f;
        options.l2 = 3.0f;
        options.regularize_bias = with_bias;
        open_fixture(&f, &options);
        ck_assert_ok(prune_model_set_param(f.model, 1, bias, 5));
        for (size_t p = 0; p < 4; p += with_bias ? 1 : 2)
            for (size_t i = 0; i < world_count(f.model, p); i++) {
                const double w = (double)prune_model_param(f.model, p)[i];
                l1 += fabs(w);
                l2 += w * w;
            }
        advance(&f, BACKWARD);
        const float g = prune_trainer_gradient(f.trainer, 1)[2];
        ck_assert_ok(prune_trainer_penalize(&penalty, f.trainer));
        ck_assert_double_eq_tol((double)penalty, 0.25 * l1 + 1.5 * l2, 1e-5);
        const double pull = with_bias ? -0.25 - 0.75 : 0.0; /* l1 sign(w) + l2 w at w = -0.25 */
        ck_assert_double_eq_tol((double)prune_trainer_gradient(f.trainer, 1)[2], (double)g + pull, 1e-6);
        close_fixture(&f);
    }
}
END_TEST

START_TEST(the_learning_rate_can_be_set)
{
    const float bad[] = { -1e-9f, 1.1e6f, NAN, INFINITY };
    fixture f, other;
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD);
    open_fixture(&f, &options);
    for (size_t i = 0; i < 4; i++)
        ck_assert_status(prune_trainer_set_learning_rate(f.trainer, bad[i]), PRUNE_E_RANGE);
    ck_assert(prune_trainer_learning_rate(f.trainer) == 0.001f);
    ck_assert_ok(prune_trainer_set_learning_rate(f.trainer, 0.0f));
    ck_assert_ok(prune_trainer_set_learning_rate(f.trainer, 1e6f));
    ck_assert_ok(prune_trainer_set_learning_rate(f.trainer, 0.25f));
    ck_assert(prune_trainer_learning_rate(f.trainer) == 0.25f);
    options.learning_rate = 0.25f;
    open_fixture(&other, &options);
    advance(&f, UPDATED);
    advance(&other, UPDATED);
    ck_assert_uint_eq(world_trainer_hash(f.trainer), world_trainer_hash(other.trainer));
    close_fixture(&f);
    close_fixture(&other);
}
END_TEST

START_TEST(reset_is_as_new)
{
    for (int32_t optimizer = PRUNE_SGD; optimizer <= PRUNE_ADAM; optimizer++) {
        fixture f;
        prune_model *copy;
        prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, optimizer);
        options.momentum = 0.9f;
        open_fixture(&f, &options);
        for (int t = 0; t < 5; t++)
            advance(&f, UPDATED);
        ck_assert_ok(prune_trainer_reset(f.trainer));
        ck_assert_uint_eq(prune_trainer_steps(f.trainer), 0);
        ck_assert_ok(prune_model_clone(&copy, NULL, f.model));
        prune_trainer *fresh = world_trainer(copy, &options);
        for (int t = 0; t < 5; t++) {
            ck_assert_ok(prune_trainer_step(NULL, fresh, f.world.x_tensor, f.world.label_tensor));
            advance(&f, UPDATED);
            ck_assert_uint_eq(world_trainer_hash(f.trainer), world_trainer_hash(fresh));
        }
        prune_trainer_free(fresh);
        prune_model_free(copy);
        close_fixture(&f);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        numbers_have_ranges,
        choices_and_sizes_have_ranges,
        defaults_are_those_of_the_header,
        null_is_refused_or_nothing,
        bytes_are_what_the_allocator_gave,
        the_wrong_order_is_refused,
        scores_leave_no_gradient_to_apply,
        a_step_is_its_parts,
        gaps_between_rows_do_not_matter,
        outputs_are_those_of_the_last_forward_pass,
        gradients_are_zero_before_there_are_any,
        the_penalty_has_these_factors,
        the_learning_rate_can_be_set,
        reset_is_as_new,
    };
    return run_tests("trainer", tests, sizeof tests / sizeof tests[0]);
}
