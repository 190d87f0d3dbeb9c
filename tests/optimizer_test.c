/* optimizer_test.c -- steps of each optimizer against their formulas in double, and under masks
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { INPUTS = 37, HIDDEN = 41, CLASSES = 3, SAMPLES = 24, LARGEST = INPUTS * HIDDEN };

/* More than one piece of the optimizer (1024 elements) in the first weight, and an odd rest. */
static const size_t widths[] = { INPUTS, HIDDEN, CLASSES };

typedef struct fixture {
    world_data world;
    prune_model *model;
    prune_trainer *trainer;
} fixture;

static void open_fixture(fixture *f, const prune_trainer_options *options)
{
    world_data_make(&f->world, SAMPLES, INPUTS, CLASSES, 5);
    f->model = world_model(NULL, widths, 2, PRUNE_TANH, 2);
    f->trainer = world_trainer(f->model, options);
}

static void close_fixture(fixture *f)
{
    prune_trainer_free(f->trainer);
    prune_model_free(f->model);
    world_data_end(&f->world);
}

/* Forward to penalize, so that the gradients can be read before they are applied. */
static void ready_to_update(fixture *f)
{
    float loss;
    ck_assert_ok(prune_trainer_forward(f->trainer, f->world.x_tensor));
    ck_assert_ok(prune_trainer_loss(&loss, f->trainer, f->world.label_tensor));
    ck_assert_ok(prune_trainer_backward(f->trainer, NULL));
    ck_assert_ok(prune_trainer_penalize(NULL, f->trainer));
}

static void step(fixture *f)
{
    ck_assert_ok(prune_trainer_step(NULL, f->trainer, f->world.x_tensor, f->world.label_tensor));
}

/* About every third weight, some biases, and one whole word of the mask. */
static size_t remove_some(prune_model *model)
{
    uint8_t mask[LARGEST];
    prune_rng rng;
    size_t removed = 0;
    prune_rng_seed(&rng, 11);
    for (size_t p = 0; p < prune_model_param_count(model); p++) {
        const size_t count = world_count(model, p);
        for (size_t i = 0; i < count; i++) {
            mask[i] = prune_rng_below(&rng, 3) != 0 && !(p == 0 && i >= 1024 && i < 1056);
            removed += !mask[i];
        }
        ck_assert_ok(prune_mask_set(model, p, mask, count));
    }
    return removed;
}

/* ---- formulas ---- */

/* A parameter as the formulas see it, in double. */
typedef struct twin {
    size_t count;
    double w[LARGEST], m[LARGEST], v[LARGEST];
    uint8_t mask[LARGEST];
} twin;

static void twin_make(twin *t, const prune_model *model, size_t p)
{
    memset(t, 0, sizeof *t);
    t->count = world_count(model, p);
    for (size_t i = 0; i < t->count; i++)
        t->w[i] = (double)prune_model_param(model, p)[i];
    ck_assert_ok(prune_mask_get(t->mask, t->count, model, p));
}

static void adam_by_formula(twin *a, size_t i, const prune_trainer_options *o, double d, int t)
{
    const double b1 = (double)o->beta1, b2 = (double)o->beta2;
    a->m[i] = b1 * a->m[i] + (1.0 - b1) * d;
    a->v[i] = b2 * a->v[i] + (1.0 - b2) * d * d;
    const double m = a->m[i] / (1.0 - pow(b1, t)), v = a->v[i] / (1.0 - pow(b2, t));
    a->w[i] -= (double)o->learning_rate * m / (sqrt(v) + (double)o->epsilon);
}

/* One element with its gradient d; `decays`: weight decay is for it. */
static void element_by_formula(twin *a, size_t i, const prune_trainer_options *o, double d, int t, int decays)
{
    const double rate = (double)o->learning_rate, mu = (double)o->momentum, alpha = (double)o->alpha;
    switch (o->optimizer) {
    case PRUNE_SGD:
        a->m[i] = mu * a->m[i] + d;
        a->w[i] -= rate * (o->nesterov ? d + mu * a->m[i] : a->m[i]);
        return;
    case PRUNE_ADAMW:
        a->w[i] -= decays ? rate * (double)o->weight_decay * a->w[i] : 0.0;
        adam_by_formula(a, i, o, d, t);
        return;
    case PRUNE_ADAM:
        adam_by_formula(a, i, o, d, t);
        return;
    case PRUNE_RMSPROP:
        a->v[i] = alpha * a->v[i] + (1.0 - alpha) * d * d;
        a->w[i] -= rate * d / (sqrt(a->v[i]) + (double)o->epsilon);
        return;
    default: /* Adagrad */
        a->v[i] += d * d;
        a->w[i] -= rate * d / (sqrt(a->v[i]) + (double)o->epsilon);
    }
}

/* Step number t (from 1) with the gradients g. */
static void twin_step(twin *a, const prune_trainer_options *o, const float *g, int t, int decays)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->mask[i])
            element_by_formula(a, i, o, (double)g[i], t, decays);
}

static void assert_near(const float *got, const double *expected, size_t count);

/* The states of optimizer.h, m before v, in slots from 0 on. */
static void assert_states(prune_trainer *trainer, size_t p, const twin *a, int32_t kind)
{
    size_t slot = 0;
    if (kind == PRUNE_SGD || kind == PRUNE_ADAM || kind == PRUNE_ADAMW)
        assert_near(prune_trainer_state(trainer, p, slot++), a->m, a->count);
    if (kind != PRUNE_SGD)
        assert_near(prune_trainer_state(trainer, p, slot++), a->v, a->count);
    ck_assert_ptr_null(prune_trainer_state(trainer, p, slot));
}

/* The largest error, over the largest number that is expected. */
static void assert_near(const float *got, const double *expected, size_t count)
{
    double error = 0.0, largest = 0.0;
    for (size_t i = 0; i < count; i++) {
        error = fmax(error, fabs((double)got[i] - expected[i]));
        largest = fmax(largest, fabs(expected[i]));
    }
    ck_assert_double_gt(largest, 0.0);
    ck_assert_double_le(error / largest, 1e-6);
}

static void assert_follows(const prune_trainer_options *options, int32_t masked)
{
    static twin twins[4];
    fixture f;
    open_fixture(&f, options);
    if (masked)
        ck_assert_uint_gt(remove_some(f.model), LARGEST / 4);
    for (size_t p = 0; p < 4; p++)
        twin_make(&twins[p], f.model, p);
    for (int t = 1; t <= 10; t++) {
        ready_to_update(&f);
        for (size_t p = 0; p < 4; p++)
            twin_step(&twins[p], options, prune_trainer_gradient(f.trainer, p), t,
                      p % 2 == 0 || options->regularize_bias);
        ck_assert_ok(prune_trainer_update(f.trainer));
        for (size_t p = 0; p < 4; p++) {
            assert_near(prune_model_param(f.model, p), twins[p].w, twins[p].count);
            assert_states(f.trainer, p, &twins[p], options->optimizer);
        }
    }
    close_fixture(&f);
}

START_TEST(steps_follow_the_formulas)
{
    for (int32_t masked = 0; masked < 2; masked++) {
        prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD);
        options.learning_rate = 0.3f;
        assert_follows(&options, masked);
        options.momentum = 0.9f;
        options.l1 = 0.001f;
        assert_follows(&options, masked);
        options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
        options.learning_rate = 0.01f;
        assert_follows(&options, masked);
        options.beta1 = 0.0f;
        options.beta2 = 0.5f;
        options.epsilon = 1e-3f;
        options.l2 = 0.1f;
        assert_follows(&options, masked);
    }
}
END_TEST

START_TEST(newer_optimizers_follow_theirs)
{
    for (int32_t i = 0; i < 12; i++) {
        static const int32_t kinds[] = { PRUNE_SGD,     PRUNE_RMSPROP, PRUNE_ADAMW,
                                         PRUNE_ADAGRAD, PRUNE_ADAMW,   PRUNE_RMSPROP };
        prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, kinds[i / 2]);
        options.learning_rate = 0.02f;
        options.momentum = 0.9f;
        options.nesterov = options.optimizer == PRUNE_SGD;
        options.weight_decay = 0.5f;
        options.alpha = i < 6 ? 0.9f : 0.0f;
        options.epsilon = i < 6 ? 1e-4f : 1e-2f;
        options.regularize_bias = i >= 6;
        options.l2 = i < 6 ? 0.0f : 0.1f;
        assert_follows(&options, i % 2);
    }
}
END_TEST

/* Its weights shrink where no gradient is; its state knows nothing of it. */
START_TEST(weight_decay_is_apart_from_the_gradient)
{
    fixture f;
    const prune_shape shape = { 2, { SAMPLES, CLASSES, 0, 0 } };
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAMW);
    options.learning_rate = 0.5f;
    options.weight_decay = 0.5f;
    open_fixture(&f, &options);
    prune_tensor *none;
    const float before = prune_model_param(f.model, 0)[5];
    ck_assert_ok(prune_tensor_create(&none, NULL, PRUNE_F32, &shape)); /* zeros */
    ck_assert_ok(prune_trainer_forward(f.trainer, f.world.x_tensor));
    ck_assert_ok(prune_trainer_backward(f.trainer, none));
    ck_assert_ok(prune_trainer_update(f.trainer));
    ck_assert(prune_model_param(f.model, 0)[5] == 0.75f * before);
    ck_assert(prune_trainer_state(f.trainer, 0, 0)[5] == 0.0f);
    prune_tensor_free(none);
    close_fixture(&f);
}
END_TEST

START_TEST(slots_are_those_of_the_header)
{
    for (int32_t kind = PRUNE_SGD; kind <= PRUNE_ADAGRAD; kind++) {
        fixture f;
        const prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, kind);
        open_fixture(&f, &options);
        ck_assert_ptr_nonnull(prune_trainer_state(f.trainer, 3, 0));
        ck_assert_int_eq(prune_trainer_state(f.trainer, 3, 1) != NULL,
                         kind == PRUNE_ADAM || kind == PRUNE_ADAMW);
        ck_assert_ptr_null(prune_trainer_state(f.trainer, 3, 2));
        ck_assert_ptr_null(prune_trainer_state(f.trainer, 4, 0));
        ck_assert_ptr_null(prune_trainer_state(NULL, 0, 0));
        close_fixture(&f);
    }
}
END_TEST

START_TEST(rate_zero_moves_nothing)
{
    for (int32_t kind = PRUNE_SGD; kind <= PRUNE_ADAGRAD; kind++) {
        fixture f;
        prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, kind);
        options.learning_rate = 0.0f;
        open_fixture(&f, &options);
        const uint64_t before = world_hash(f.model), state = world_trainer_hash(f.trainer);
        step(&f);
        ck_assert_uint_eq(world_hash(f.model), before);
        ck_assert_uint_ne(world_trainer_hash(f.trainer), state);
        close_fixture(&f);
    }
}
END_TEST

/* ---- masks ---- */

/* The ways in which a removed weight could come back. */
enum { TEMPTATIONS = 32 };
static prune_trainer_options temptation(int i)
{
    static const int32_t others[] = { PRUNE_RMSPROP, PRUNE_ADAMW, PRUNE_ADAGRAD, PRUNE_SGD };
    const int32_t more = i >= TEMPTATIONS / 2;
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, more    ? others[i % 4]
                                                                               : i % 2 ? PRUNE_ADAM
                                                                                       : PRUNE_SGD);
    options.learning_rate = options.optimizer == PRUNE_SGD ? 0.1f : 0.01f;
    options.nesterov = more && options.optimizer == PRUNE_SGD;
    options.l1_proximal = more && i % 8 < 4;
    options.clip_norm = more && i % 8 > 1 ? 0.5f : 0.0f;
    options.momentum = i % 4 == 2 || more ? 0.9f : 0.0f;
    options.l1 = i & 4 ? 0.01f : 0.0f;
    options.l2 = i & 8 ? 0.1f : 0.0f;
    options.regularize_bias = (i & 12) != 0;
    return options;
}

START_TEST(removed_weights_stay_removed)
{
    for (int i = 0; i < TEMPTATIONS; i++) {
        fixture f;
        const prune_trainer_options options = temptation(i);
        open_fixture(&f, &options);
        const size_t removed = remove_some(f.model);
        for (int t = 0; t < 50; t++) {
            step(&f);
            ck_assert_uint_eq(world_check_removed(f.model, f.trainer), removed);
        }
        ck_assert_ok(prune_model_verify(f.model, NULL));
        close_fixture(&f);
    }
}
END_TEST

START_TEST(weights_removed_while_they_move_stop)
{
    for (int i = 0; i < TEMPTATIONS; i++) {
        fixture f;
        const prune_trainer_options options = temptation(i);
        open_fixture(&f, &options);
        for (int t = 0; t < 10; t++)
            step(&f);
        ck_assert(prune_trainer_state(f.trainer, 0, 0)[1030] != 0.0f);
        const size_t removed = remove_some(f.model);
        ck_assert_uint_eq(world_check_removed(f.model, NULL), removed); /* at once, not at the next step */
        for (int t = 0; t < 40; t++) {
            step(&f);
            ck_assert_uint_eq(world_check_removed(f.model, f.trainer), removed);
        }
        close_fixture(&f);
    }
}
END_TEST

START_TEST(gradients_of_removed_weights_are_there_but_not_applied)
{
    fixture f;
    const prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD);
    open_fixture(&f, &options);
    world_remove(f.model, 2, 6);
    world_remove(f.model, 3, 1);
    ready_to_update(&f);
    ck_assert(prune_trainer_gradient(f.trainer, 2)[6] != 0.0f);
    ck_assert(prune_trainer_gradient(f.trainer, 3)[1] != 0.0f);
    ck_assert_ok(prune_trainer_update(f.trainer));
    ck_assert_uint_eq(world_check_removed(f.model, f.trainer), 2);
    close_fixture(&f);
}
END_TEST

START_TEST(a_weight_that_comes_back_learns_again)
{
    const uint8_t kept[CLASSES] = { 1, 1, 1 };
    fixture f;
    const prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
    open_fixture(&f, &options);
    world_remove(f.model, 3, 1);
    step(&f);
    ck_assert_ok(prune_mask_set(f.model, 3, kept, CLASSES));
    ck_assert(prune_model_param(f.model, 3)[1] == 0.0f);
    step(&f);
    ck_assert(prune_model_param(f.model, 3)[1] != 0.0f);
    close_fixture(&f);
}
END_TEST

/* ---- the ends of the ranges ---- */

START_TEST(no_setting_makes_a_weight_infinite)
{
    const float decays[] = { 0.0f, 0.9f, 0.99999994f }, epsilons[] = { 1e-8f, FLT_MIN, 1e-45f };
    prune_shape shape = { 2, { SAMPLES, CLASSES, 0, 0 } };
    for (int i = 0; i < 27 * 5; i++) {
        fixture f;
        prune_tensor *own;
        prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD + i / 27);
        options.learning_rate = 1e6f;
        options.momentum = options.beta1 = options.alpha = decays[i % 3];
        options.nesterov = i % 2 && options.optimizer == PRUNE_SGD;
        options.weight_decay = 1e6f;
        options.beta2 = decays[i / 3 % 3];
        options.epsilon = epsilons[i / 9 % 3];
        open_fixture(&f, &options);
        ck_assert_ok(prune_tensor_create(&own, NULL, PRUNE_F32, &shape));
        for (int t = 0; t < 40; t++) { /* one great gradient, then nothing but what the moments remember */
            float *g = prune_tensor_data_mut(own);
            for (size_t k = 0; k < SAMPLES * CLASSES; k++)
                g[k] = t == 0 ? 1e16f : 0.0f;
            ck_assert_ok(prune_trainer_forward(f.trainer, f.world.x_tensor));
            ck_assert_ok(prune_trainer_backward(f.trainer, own));
            const prune_status status = prune_trainer_update(f.trainer);
            ck_assert(status == PRUNE_OK || status == PRUNE_E_DIVERGED);
            ck_assert_ok(prune_model_verify(f.model, NULL));
        }
        prune_tensor_free(own);
        close_fixture(&f);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        steps_follow_the_formulas,
        newer_optimizers_follow_theirs,
        weight_decay_is_apart_from_the_gradient,
        slots_are_those_of_the_header,
        rate_zero_moves_nothing,
        removed_weights_stay_removed,
        weights_removed_while_they_move_stop,
        gradients_of_removed_weights_are_there_but_not_applied,
        a_weight_that_comes_back_learns_again,
        no_setting_makes_a_weight_infinite,
    };
    return run_tests("optimizer", tests, sizeof tests / sizeof tests[0]);
}
