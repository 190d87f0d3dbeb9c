/* combinations_test.c -- every activation with every loss, regularizer and optimizer, trained beside PyTorch
 *
 * The loss of the third step, and where three steps led along two fixed vectors, for all 2156 combinations
 * (fixtures/make_combinations.py).
 *
 * SPDX-License-Identifier: MIT */
#include "fixtures/combinations.h"
#include "support/runner.h"

#include <math.h>

/* make_combinations.py prints how far PyTorch's own float is from double: 2.3e-7 of the loss, 5.2e-7 along
 * the vectors. Twice that; two choices in a place differ by more than ten times as much. */
static const double LOSS_TOLERANCE = 1e-6, STEP_TOLERANCE = 1e-6;

/* What it computes with; asked for once, since asking makes sure of a BLAS's memory. */
static const prune_backend *backend;

/* The choices, in the order of the fixture; activations are in that of activation.h. */
static const struct {
    int32_t kind;
    const float *y; /* NULL: labels */
} losses[PRODUCT_LOSSES] = {
    { PRUNE_MSE, product_real },
    { PRUNE_MAE, product_real },
    { PRUNE_HUBER, product_real },
    { PRUNE_BINARY_CROSS_ENTROPY, product_unit },
    { PRUNE_SOFTMAX_CROSS_ENTROPY, NULL },
    { PRUNE_SOFTMAX_CROSS_ENTROPY, product_soft },
    { PRUNE_NLL, NULL }, /* after a log-softmax layer */
};

static const struct {
    float l1, l2;
} penalties[PRODUCT_PENALTIES] = { { 0, 0 }, { 0.03125f, 0 }, { 0, 0.0625f }, { 0.03125f, 0.0625f } };

static const struct {
    int32_t kind;
    float learning_rate, momentum;
    int32_t nesterov;
} optimizers[PRODUCT_OPTIMIZERS] = {
    { PRUNE_SGD, 0.03125f, 0, 0 },      { PRUNE_SGD, 0.03125f, 0.75f, 0 }, { PRUNE_SGD, 0.03125f, 0.75f, 1 },
    { PRUNE_RMSPROP, 0.015625f, 0, 0 }, { PRUNE_ADAM, 0.015625f, 0, 0 },   { PRUNE_ADAMW, 0.015625f, 0, 0 },
    { PRUNE_ADAGRAD, 0.015625f, 0, 0 },
};

typedef struct choice {
    size_t activation, loss, penalty, optimizer;
} choice;

static choice choice_of(size_t i)
{
    const choice c = {
        .activation = i / PRODUCT_OPTIMIZERS / PRODUCT_PENALTIES / PRODUCT_LOSSES,
        .loss = i / PRODUCT_OPTIMIZERS / PRODUCT_PENALTIES % PRODUCT_LOSSES,
        .penalty = i / PRODUCT_OPTIMIZERS % PRODUCT_PENALTIES,
        .optimizer = i % PRODUCT_OPTIMIZERS,
    };
    return c;
}

static prune_model *model_of(const choice *c)
{
    prune_model *model;
    const float *values = product_values;
    ck_assert_ok(prune_model_create(&model, NULL, PRODUCT_INPUTS));
    ck_assert_ok(prune_model_add_dense(model, PRODUCT_HIDDEN, (int32_t)c->activation));
    ck_assert_ok(prune_model_add_dense(model, PRODUCT_OUTPUTS, PRUNE_LINEAR));
    if (losses[c->loss].kind == PRUNE_NLL)
        ck_assert_ok(prune_model_add_log_softmax(model));
    for (size_t p = 0; p < prune_model_param_count(model); p++) {
        prune_param_info info = { .size = sizeof info };
        ck_assert_ok(prune_model_param_info(&info, model, p));
        ck_assert_ok(prune_model_set_param(model, p, values, (size_t)info.count));
        values += info.count;
    }
    ck_assert_int_eq(values - product_values, PRODUCT_PARAMS);
    return model;
}

static prune_trainer *trainer_of(const choice *c, prune_model *model)
{
    prune_trainer *trainer;
    prune_trainer_options o;
    prune_trainer_options_init(&o);
    o.loss = losses[c->loss].kind;
    o.optimizer = optimizers[c->optimizer].kind;
    o.learning_rate = optimizers[c->optimizer].learning_rate;
    o.momentum = optimizers[c->optimizer].momentum;
    o.nesterov = optimizers[c->optimizer].nesterov;
    o.l1 = penalties[c->penalty].l1;
    o.l2 = penalties[c->penalty].l2;
    o.epsilon = 0.00390625f;
    o.alpha = 0.75f;
    o.beta1 = 0.75f;
    o.beta2 = 0.875f;
    o.weight_decay = 0.125f;
    o.backend = backend;
    ck_assert_ok(prune_trainer_create(&trainer, NULL, model, &o, NULL));
    return trainer;
}

/* The loss that the last step saw. */
static float train(prune_trainer *trainer, const float *y)
{
    prune_tensor *x, *targets;
    float loss = NAN;
    ck_assert_ok(prune_tensor_const_matrix(&x, NULL, PRUNE_F32, PRODUCT_ROWS, PRODUCT_INPUTS, product_x));
    ck_assert_ok(y != NULL
                     ? prune_tensor_const_matrix(&targets, NULL, PRUNE_F32, PRODUCT_ROWS, PRODUCT_OUTPUTS, y)
                     : prune_tensor_const_matrix(&targets, NULL, PRUNE_I32, PRODUCT_ROWS, 1, product_labels));
    for (size_t s = 0; s < PRODUCT_STEPS; s++)
        ck_assert_ok(prune_trainer_step(&loss, trainer, x, targets));
    prune_tensor_free(x);
    prune_tensor_free(targets);
    return loss;
}

/* (parameters now - at first) . along */
static double moved(const prune_model *model, const float *along)
{
    double sum = 0.0;
    size_t at = 0;
    for (size_t p = 0; p < prune_model_param_count(model); p++) {
        const float *values = prune_model_param(model, p);
        prune_param_info info = { .size = sizeof info };
        ck_assert_ok(prune_model_param_info(&info, model, p));
        for (size_t i = 0; i < info.count; i++, at++)
            sum += ((double)values[i] - (double)product_values[at]) * (double)along[at];
    }
    return sum;
}

static void check(size_t i)
{
    const double *expected = product_results + 3 * i;
    const choice c = choice_of(i);
    prune_model *model = model_of(&c);
    prune_trainer *trainer = trainer_of(&c, model);
    const double loss = (double)train(trainer, losses[c.loss].y);
    const double first = moved(model, product_along_0), second = moved(model, product_along_1);
    ck_assert_msg(fabs(loss - expected[0]) <= LOSS_TOLERANCE * fabs(expected[0]) &&
                      fabs(first - expected[1]) <= STEP_TOLERANCE &&
                      fabs(second - expected[2]) <= STEP_TOLERANCE,
                  "%s, loss %d, penalty %d, optimizer %d: got %.9g %.9g %.9g, PyTorch %.9g %.9g %.9g",
                  prune_activation_name((int32_t)c.activation), (int)c.loss, (int)c.penalty, (int)c.optimizer,
                  loss, first, second, expected[0], expected[1], expected[2]);
    prune_trainer_free(trainer);
    prune_model_free(model);
}

START_TEST(every_combination_trains_as_in_pytorch)
{
    const prune_backend *const backends[] = { prune_backend_reference(), prune_backend_default() };
    for (size_t b = 0; b < 2; b++) {
        backend = backends[b];
        for (size_t i = 0; i < sizeof product_results / sizeof product_results[0] / 3; i++)
            check(i);
    }
}
END_TEST

/* The fixture leaves nothing out that the headers name. */
START_TEST(the_product_is_whole)
{
    size_t of_loss[PRUNE_LOSS_OWN] = { 0 }, of_optimizer[PRUNE_ADAGRAD + 1] = { 0 };
    ck_assert(prune_activation_name(PRODUCT_ACTIVATIONS - 1) != NULL);
    ck_assert(prune_activation_name(PRODUCT_ACTIVATIONS) == NULL);
    for (size_t i = 0; i < PRODUCT_LOSSES; i++)
        of_loss[losses[i].kind]++;
    for (size_t i = 0; i < PRODUCT_OPTIMIZERS; i++)
        of_optimizer[optimizers[i].kind]++;
    for (size_t kind = 1; kind < PRUNE_LOSS_OWN; kind++)
        ck_assert_uint_ge(of_loss[kind], 1);
    for (size_t kind = 1; kind <= PRUNE_ADAGRAD; kind++)
        ck_assert_uint_ge(of_optimizer[kind], 1);
    ck_assert_uint_eq(sizeof product_results / sizeof product_results[0],
                      (size_t)3 * PRODUCT_ACTIVATIONS * PRODUCT_LOSSES * PRODUCT_PENALTIES *
                          PRODUCT_OPTIMIZERS);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { every_combination_trains_as_in_pytorch, the_product_is_whole };
    return run_tests("combinations", tests, sizeof tests / sizeof tests[0]);
}
