/* dropout_test.c -- what dropout leaves out, and when
 *
 * SPDX-License-Identifier: MIT */
#include "support/reference.h"
#include "support/stack.h"
#include "support/training.h"

#include <math.h>
#include <string.h>

enum { WIDE = 100, MANY = 10000 };

static const stack_step one_half[] = { { O, 0, 0, 0.5f, 0 }, { 0 } };
static const stack_step net[] = {
    { D, 6, PRUNE_TANH, 0, 0 }, { O, 0, 0, 0.4f, 0 }, { D, 3, 0, 0, 0 }, { 0 }
};
static const stack_step without[] = { { D, 6, PRUNE_TANH, 0, 0 }, { D, 3, 0, 0, 0 }, { 0 } };

static prune_trainer *trainer_of(prune_model *model, uint64_t seed, size_t max_batch)
{
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    options.seed = seed;
    options.max_batch = max_batch;
    return world_trainer(model, &options);
}

/* y[n][width] of a model's forward pass in training, all inputs 1. */
static void pass_ones(float *y, prune_trainer *trainer, size_t n, size_t width)
{
    float ones[MANY];
    prune_tensor *x;
    for (size_t i = 0; i < n * width; i++)
        ones[i] = 1.0f;
    ck_assert_ok(prune_tensor_const_matrix(&x, NULL, PRUNE_F32, n, width, ones));
    ck_assert_ok(prune_trainer_forward(trainer, x));
    memcpy(y, prune_tensor_data(prune_trainer_outputs(trainer)), n * width * sizeof *y);
    prune_tensor_free(x);
}

/* Five standard deviations of a binomial count. */
static void check_count(size_t got, size_t of, double chance)
{
    const double expected = (double)of * chance, deviation = sqrt((double)of * chance * (1.0 - chance));
    ck_assert_double_le(fabs((double)got - expected), 5.0 * deviation + 1e-9);
}

static size_t zeros_in(const float *y, size_t first, size_t count, size_t stride, float factor)
{
    size_t zeros = 0;
    for (size_t i = 0; i < count; i++) {
        const float value = y[first + i * stride];
        zeros += value == 0.0f;
        ck_assert(value == 0.0f || fabs((double)value / (double)factor - 1.0) < 2e-7);
    }
    return zeros;
}

START_TEST(rate_and_scale)
{
    static const float rates[] = { 0.0f, 0.1f, 0.5f, 0.9f };
    for (size_t i = 0; i < 4; i++) {
        const stack_step steps[] = { { O, 0, 0, rates[i], 0 }, { 0 } };
        static float y[MANY], again[MANY];
        const float factor = 1.0f / (1.0f - rates[i]);
        prune_model *model = stack_model(NULL, WIDE, steps, 1);
        prune_trainer *trainer = trainer_of(model, 11, WIDE);
        pass_ones(y, trainer, WIDE, WIDE);
        pass_ones(again, trainer, WIDE, WIDE);
        check_count(zeros_in(y, 0, MANY, 1, factor), MANY, (double)rates[i]);
        size_t both = 0;
        for (size_t k = 0; k < MANY; k++)
            both += y[k] == 0.0f && again[k] == 0.0f;
        check_count(both, MANY, (double)rates[i] * (double)rates[i]); /* passes are independent */
        for (size_t k = 0; k < WIDE; k++) {                           /* and so are rows, and columns */
            check_count(zeros_in(y, k, WIDE, WIDE, factor), WIDE, (double)rates[i]);
            check_count(zeros_in(y, k * WIDE, WIDE, 1, factor), WIDE, (double)rates[i]);
        }
        prune_trainer_free(trainer);
        prune_model_free(model);
    }
}
END_TEST

START_TEST(the_seed_decides)
{
    float y[4][MANY];
    for (size_t i = 0; i < 4; i++) {
        prune_model *model = stack_model(NULL, WIDE, one_half, 1);
        prune_trainer *trainer = trainer_of(model, i / 2, 10);
        pass_ones(y[i], trainer, 10, WIDE);
        prune_trainer_free(trainer);
        prune_model_free(model);
    }
    ck_assert_mem_eq(y[0], y[1], 10 * WIDE * sizeof(float));
    ck_assert_mem_eq(y[2], y[3], 10 * WIDE * sizeof(float));
    ck_assert_mem_ne(y[0], y[2], 10 * WIDE * sizeof(float));
}
END_TEST

/* The factors of the net's layer are those that a lone layer of its width draws from the same seed. */
START_TEST(gradients_in_training)
{
    enum { N = 7 };
    float x[N * 4], c[N * 3], factor[N * 6];
    double h[STACK_BLOCK], g[STACK_PARAMS];
    uint64_t state = 3;
    stack s;
    const stack_step lone[] = { net[1], { 0 } };
    prune_model *alone = stack_model(NULL, 6, lone, 1), *model = stack_model(NULL, 4, net, 2);
    prune_trainer *draws = trainer_of(alone, 5, N), *trainer = trainer_of(model, 5, N);
    prune_tensor *rows, *dh;
    for (size_t i = 0; i < N * 4; i++)
        x[i] = (float)ref_uniform(&state, -1.0, 1.0);
    for (size_t i = 0; i < N * 3; i++)
        c[i] = (float)ref_uniform(&state, -1.0, 1.0);
    pass_ones(factor, draws, N, 6);
    stack_read(&s, model, N, 1);
    for (size_t i = 0; i < N * 6; i++)
        s.factor[1][i] = factor[i] > 0.0f ? 1.0 / (1.0 - (double)0.4f) : 0.0;
    ck_assert_ok(prune_tensor_const_matrix(&rows, NULL, PRUNE_F32, N, 4, x));
    ck_assert_ok(prune_tensor_const_matrix(&dh, NULL, PRUNE_F32, N, 3, c));
    ck_assert_ok(prune_trainer_forward(trainer, rows));
    stack_forward(h, &s, x);
    ck_assert_double_le(ref_scaled_error(prune_tensor_data(prune_trainer_outputs(trainer)), h, N * 3), 1e-6);
    ck_assert_ok(prune_trainer_backward(trainer, dh));
    stack_differences(g, &s, x, c, 1e-5);
    for (size_t p = 0, at = 0; p < 4; at += world_count(model, p), p++)
        ck_assert_double_le(
            ref_scaled_error(prune_trainer_gradient(trainer, p), g + at, world_count(model, p)), 2e-6);
    prune_tensor_free(rows);
    prune_tensor_free(dh);
    prune_trainer_free(draws);
    prune_trainer_free(trainer);
    prune_model_free(alone);
    prune_model_free(model);
}
END_TEST

/* The model and the same without dropout, from the same weights. */
typedef struct pair {
    world_data world;
    prune_model *model, *plain;
    prune_trainer *trainer, *plain_trainer;
} pair;

static void open_pair(pair *p)
{
    world_data_make(&p->world, 20, 4, 3, 3);
    p->model = stack_model(NULL, 4, net, 5);
    p->plain = stack_model(NULL, 4, without, 5);
    p->trainer = trainer_of(p->model, 1, 32);
    p->plain_trainer = trainer_of(p->plain, 1, 32);
}

static void close_pair(pair *p)
{
    prune_trainer_free(p->trainer);
    prune_trainer_free(p->plain_trainer);
    prune_model_free(p->model);
    prune_model_free(p->plain);
    world_data_end(&p->world);
}

static void check_same_gradients(const pair *p, int32_t same)
{
    for (size_t i = 0; i < 4; i++) {
        const size_t bytes = world_count(p->plain, i) * sizeof(float);
        const float *g = prune_trainer_gradient(p->trainer, i),
                    *plain = prune_trainer_gradient(p->plain_trainer, i);
        ck_assert_int_eq(memcmp(g, plain, bytes) == 0, same);
    }
}

static void gradients(prune_trainer *trainer, const world_data *world)
{
    float loss;
    ck_assert_ok(prune_trainer_forward(trainer, world->x_tensor));
    ck_assert_ok(prune_trainer_loss(&loss, trainer, world->y_tensor));
    ck_assert_ok(prune_trainer_backward(trainer, NULL));
}

START_TEST(inference_is_the_identity)
{
    pair p;
    prune_metrics mine, plain;
    open_pair(&p);
    gradients(p.plain_trainer, &p.world);
    gradients(p.trainer, &p.world);
    check_same_gradients(&p, 0);
    ck_assert_ok(prune_trainer_set_training(p.trainer, 0));
    gradients(p.trainer, &p.world);
    check_same_gradients(&p, 1);
    prune_metrics_init(&mine);
    prune_metrics_init(&plain);
    ck_assert_ok(prune_evaluate(&mine, p.model, &p.world.valued, PRUNE_MSE, NULL));
    ck_assert_ok(prune_evaluate(&plain, p.plain, &p.world.valued, PRUNE_MSE, NULL));
    ck_assert_mem_eq(&mine, &plain, sizeof mine);
    ck_assert_ok(prune_trainer_set_training(p.trainer, 1));
    gradients(p.trainer, &p.world);
    check_same_gradients(&p, 0);
    close_pair(&p);
}
END_TEST

/* Set while training, the mode of a pass stays that of its forward part. */
START_TEST(a_switch_between_forward_and_backward_waits)
{
    pair p;
    prune_layer_training frozen;
    float loss;
    open_pair(&p);
    prune_layer_training_init(&frozen);
    frozen.frozen = 1;
    ck_assert_ok(prune_trainer_set_training(p.trainer, 0));
    ck_assert_ok(prune_trainer_forward(p.trainer, p.world.x_tensor));
    ck_assert_ok(prune_trainer_set_training(p.trainer, 1));
    ck_assert_ok(prune_trainer_set_layer(p.trainer, 1, &frozen));
    ck_assert_ok(prune_trainer_loss(&loss, p.trainer, p.world.y_tensor));
    ck_assert_ok(prune_trainer_backward(p.trainer, NULL));
    gradients(p.plain_trainer, &p.world);
    check_same_gradients(&p, 1);
    gradients(p.trainer, &p.world); /* the frozen layer leaves nothing out */
    check_same_gradients(&p, 1);
    close_pair(&p);
}
END_TEST

START_TEST(importance_is_inference)
{
    pair p;
    prune_importance *mine, *plain;
    open_pair(&p);
    ck_assert_ok(prune_importance_create(&mine, NULL, p.model, PRUNE_TAYLOR));
    ck_assert_ok(prune_importance_create(&plain, NULL, p.plain, PRUNE_TAYLOR));
    ck_assert_ok(prune_importance_accumulate(mine, p.trainer, &p.world.valued, NULL));
    ck_assert_ok(prune_importance_accumulate(plain, p.plain_trainer, &p.world.valued, NULL));
    for (size_t i = 0; i < 4; i++)
        ck_assert_mem_eq(prune_importance_scores(mine, i), prune_importance_scores(plain, i),
                         world_count(p.plain, i) * sizeof(float));
    prune_importance_free(mine);
    prune_importance_free(plain);
    close_pair(&p);
}
END_TEST

/* Validation draws nothing: a fit with and without it ends with the same weights. A fit trains whatever the
 * trainer's own passes are set to. */
START_TEST(a_fit_trains_and_validates)
{
    uint64_t hash[3];
    prune_fit_options fit;
    world_data world;
    world_data_make(&world, 20, 4, 3, 3);
    for (size_t i = 0; i < 3; i++) {
        prune_model *model = stack_model(NULL, 4, net, 5);
        prune_trainer *trainer = trainer_of(model, 1, 8);
        prune_fit_options_init(&fit);
        fit.epochs = 3;
        fit.validation = i == 1 ? &world.valued : NULL;
        ck_assert_ok(prune_trainer_set_training(trainer, i != 2));
        ck_assert_ok(prune_trainer_fit(NULL, trainer, &world.valued, &fit, NULL));
        hash[i] = world_hash(model);
        prune_trainer_free(trainer);
        prune_model_free(model);
    }
    ck_assert_uint_eq(hash[0], hash[1]);
    ck_assert_uint_eq(hash[0], hash[2]);
    prune_model *plain = stack_model(NULL, 4, without, 5);
    prune_trainer *trainer = trainer_of(plain, 1, 8);
    fit.validation = NULL;
    ck_assert_ok(prune_trainer_fit(NULL, trainer, &world.valued, &fit, NULL));
    ck_assert(world_hash(plain) != hash[0]);
    prune_trainer_free(trainer);
    prune_model_free(plain);
    world_data_end(&world);
}
END_TEST

START_TEST(what_is_refused)
{
    const float bad[] = { -0.1f, 1.0f, 1.5f, NAN, INFINITY, -INFINITY };
    prune_layer_info info = { .size = sizeof info };
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, NULL, 4));
    for (size_t i = 0; i < 6; i++)
        ck_assert_status(prune_model_add_dropout(model, bad[i]), PRUNE_E_RANGE);
    ck_assert_status(prune_model_add_dropout(NULL, 0.5f), PRUNE_E_ARGUMENT);
    ck_assert_uint_eq(prune_model_layer_count(model), 0);
    ck_assert_ok(prune_model_add_dropout(model, 0.25f));
    ck_assert_ok(prune_model_layer_info(&info, model, 0));
    ck_assert_int_eq(info.kind, PRUNE_LAYER_DROPOUT);
    ck_assert(info.settings[0] == 0.25f && info.settings[1] == 0.0f);
    ck_assert(info.parameters == 0 && info.macs == 0 && info.bytes == 0 && info.output.dims[0] == 4);
    prune_trainer *trainer = trainer_of(model, 1, 2);
    ck_assert_status(prune_trainer_set_training(NULL, 1), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_set_training(trainer, 2), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_set_training(trainer, -1), PRUNE_E_ARGUMENT);
    prune_trainer_free(trainer);
    prune_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        rate_and_scale,
        the_seed_decides,
        gradients_in_training,
        inference_is_the_identity,
        a_switch_between_forward_and_backward_waits,
        importance_is_inference,
        a_fit_trains_and_validates,
        what_is_refused,
    };
    return run_tests("dropout", tests, sizeof tests / sizeof tests[0]);
}
