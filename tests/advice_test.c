/* advice_test.c -- what is easily combined wrongly is refused, with a sentence that says where and what to do
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

#include <math.h>
#include <string.h>

enum { INPUTS = 3, SAMPLES = 6 };

static void ck_assert_told(const prune_error *error, prune_status status, const char *place, const char *says)
{
    ck_assert_int_eq(error->status, status);
    ck_assert_str_eq(error->place, place);
    ck_assert_msg(strstr(error->reason, says) != NULL, "\"%s\" does not say \"%s\"", error->reason, says);
}

/* ---- losses that cannot teach the model ---- */

enum { AS_DENSE = 0, AS_SOFTMAX = 1, AS_LOG_SOFTMAX = 2, AS_ACTIVATION = 3 };

/* What ends a model: a dense layer, and another one behind it. */
typedef struct ending {
    size_t outputs;
    int32_t dense, layer, activation;
} ending;

static prune_model *model_with(const ending *end)
{
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, NULL, INPUTS));
    ck_assert_ok(prune_model_add_dense(model, 4, PRUNE_SIGMOID)); /* a hidden one is nobody's concern */
    ck_assert_ok(prune_model_add_softmax(model));
    ck_assert_ok(prune_model_add_dense(model, end->outputs, end->dense));
    if (end->layer == AS_SOFTMAX)
        ck_assert_ok(prune_model_add_softmax(model));
    if (end->layer == AS_LOG_SOFTMAX)
        ck_assert_ok(prune_model_add_log_softmax(model));
    if (end->layer == AS_ACTIVATION)
        ck_assert_ok(prune_model_add_activation(model, end->activation));
    return model;
}

static const struct {
    ending end;
    int32_t loss;
    const char *says; /* NULL: it is good */
} endings[] = {
    { { 1, PRUNE_LINEAR, AS_DENSE, 0 }, PRUNE_SOFTMAX_CROSS_ENTROPY, "PRUNE_BINARY_CROSS_ENTROPY" },
    { { 1, PRUNE_SIGMOID, AS_DENSE, 0 }, PRUNE_SOFTMAX_CROSS_ENTROPY, "one output" },
    { { 1, PRUNE_LINEAR, AS_DENSE, 0 }, PRUNE_BINARY_CROSS_ENTROPY, NULL },
    { { 1, PRUNE_LINEAR, AS_DENSE, 0 }, PRUNE_MSE, NULL },
    { { 2, PRUNE_LINEAR, AS_DENSE, 0 }, PRUNE_SOFTMAX_CROSS_ENTROPY, NULL },
    { { 2, PRUNE_LINEAR, AS_SOFTMAX, 0 }, PRUNE_SOFTMAX_CROSS_ENTROPY, "softmax already" },
    { { 2, PRUNE_LINEAR, AS_SOFTMAX, 0 }, PRUNE_MSE, NULL },
    { { 2, PRUNE_LINEAR, AS_LOG_SOFTMAX, 0 }, PRUNE_SOFTMAX_CROSS_ENTROPY, NULL }, /* the same once more */
    { { 2, PRUNE_LINEAR, AS_LOG_SOFTMAX, 0 }, PRUNE_NLL, NULL },
    { { 2, PRUNE_SIGMOID, AS_DENSE, 0 }, PRUNE_BINARY_CROSS_ENTROPY, "sigmoid already" },
    { { 2, PRUNE_LINEAR, AS_ACTIVATION, PRUNE_SIGMOID }, PRUNE_BINARY_CROSS_ENTROPY, "sigmoid already" },
    { { 2, PRUNE_LINEAR, AS_ACTIVATION, PRUNE_TANH }, PRUNE_BINARY_CROSS_ENTROPY, NULL },
    { { 2, PRUNE_SIGMOID, AS_DENSE, 0 }, PRUNE_MSE, NULL },
    { { 2, PRUNE_SIGMOID, AS_DENSE, 0 }, PRUNE_SOFTMAX_CROSS_ENTROPY, NULL },
};
enum { ENDINGS = sizeof endings / sizeof endings[0] };

static void ck_assert_refused(prune_status status, const prune_error *error, const char *says)
{
    ck_assert_status(status, says == NULL ? PRUNE_OK : PRUNE_E_ARGUMENT);
    if (says != NULL)
        ck_assert_told(error, status, "loss", says);
}

START_TEST(losses_that_cannot_teach_the_model_make_no_trainer)
{
    for (size_t i = 0; i < ENDINGS; i++)
        for (int32_t with_options = 0; with_options < 2; with_options++) {
            prune_error error = { 0 };
            prune_trainer *trainer;
            prune_trainer_options options;
            prune_loss_options loss;
            prune_trainer_options_init(&options);
            prune_loss_options_init(&loss);
            options.loss = loss.kind = endings[i].loss;
            options.loss_options = with_options ? &loss : NULL;
            prune_model *model = model_with(&endings[i].end);
            const prune_status status = prune_trainer_create(&trainer, NULL, model, &options, &error);
            ck_assert_refused(status, &error, endings[i].says);
            ck_assert_int_eq(trainer == NULL, endings[i].says != NULL);
            prune_trainer_free(trainer);
            prune_model_free(model);
        }
}
END_TEST

/* And the loss that the trainer has stays. */
START_TEST(nor_can_a_trainer_get_them)
{
    for (size_t i = 0; i < ENDINGS; i++) {
        prune_error error = { 0 };
        prune_loss_options loss, now;
        prune_loss_options_init(&loss);
        prune_loss_options_init(&now);
        prune_model *model = model_with(&endings[i].end);
        const prune_trainer_options options = world_options(PRUNE_MAE, PRUNE_SGD);
        prune_trainer *trainer = world_trainer(model, &options);
        loss.kind = endings[i].loss;
        ck_assert_refused(prune_trainer_set_loss(trainer, &loss, &error), &error, endings[i].says);
        ck_assert_ok(prune_trainer_get_loss(&now, trainer));
        ck_assert_int_eq(now.kind, endings[i].says != NULL ? PRUNE_MAE : endings[i].loss);
        prune_trainer_free(trainer);
        prune_model_free(model);
    }
}
END_TEST

/* A model that came from elsewhere can be measured by any loss that fits its outputs. */
START_TEST(evaluation_computes_what_it_is_asked_for)
{
    const ending end = { 2, PRUNE_LINEAR, AS_SOFTMAX, 0 };
    world_data data;
    prune_metrics metrics;
    prune_metrics_init(&metrics);
    world_data_make(&data, SAMPLES, INPUTS, 2, 1);
    prune_model *model = model_with(&end);
    ck_assert_ok(prune_evaluate(&metrics, model, &data.labelled, PRUNE_SOFTMAX_CROSS_ENTROPY, NULL));
    prune_model_free(model);
    world_data_end(&data);
}
END_TEST

/* ---- options ---- */

static const size_t widths[] = { INPUTS, 4, 2 };

START_TEST(nesterov_is_of_sgd)
{
    prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 1);
    for (int32_t optimizer = PRUNE_SGD; optimizer <= PRUNE_ADAGRAD; optimizer++) {
        prune_error error = { 0 };
        prune_trainer *trainer;
        prune_trainer_options options = world_options(PRUNE_MSE, optimizer);
        options.momentum = 0.5f;
        options.nesterov = 1;
        const prune_status status = prune_trainer_create(&trainer, NULL, model, &options, &error);
        ck_assert_status(status, optimizer == PRUNE_SGD ? PRUNE_OK : PRUNE_E_ARGUMENT);
        if (status != PRUNE_OK)
            ck_assert_told(&error, status, "nesterov", "PRUNE_SGD");
        prune_trainer_free(trainer);
    }
    prune_model_free(model);
}
END_TEST

/* The numbers that only some optimizers use do not matter to others: the same bits. */
START_TEST(numbers_of_other_optimizers_are_left_unused)
{
    uint64_t hash[2];
    world_data data;
    world_data_make(&data, SAMPLES, INPUTS, 2, 1);
    for (int32_t optimizer = PRUNE_SGD; optimizer <= PRUNE_ADAGRAD; optimizer++) {
        const int32_t adam = optimizer == PRUNE_ADAM || optimizer == PRUNE_ADAMW;
        for (int32_t other = 0; other < 2; other++) {
            prune_trainer_options options = world_options(PRUNE_MSE, optimizer);
            options.momentum = other && optimizer != PRUNE_SGD ? 0.5f : 0.0f;
            options.beta1 = other && !adam ? 0.25f : 0.75f;
            options.beta2 = other && !adam ? 0.25f : 0.75f;
            options.epsilon = other && optimizer == PRUNE_SGD ? 0.5f : 1e-6f;
            options.alpha = other && optimizer != PRUNE_RMSPROP ? 0.25f : 0.75f;
            options.weight_decay = other && optimizer != PRUNE_ADAMW ? 0.5f : 0.125f;
            prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 1);
            prune_trainer *trainer = world_trainer(model, &options);
            for (int i = 0; i < 3; i++)
                ck_assert_ok(prune_trainer_step(NULL, trainer, data.x_tensor, data.y_tensor));
            hash[other] = world_trainer_hash(trainer);
            prune_trainer_free(trainer);
            prune_model_free(model);
        }
        ck_assert_uint_eq(hash[0], hash[1]);
    }
    world_data_end(&data);
}
END_TEST

START_TEST(the_field_of_a_schedule_is_named)
{
    static const struct {
        const char *place;
        prune_schedule schedule;
        prune_status status;
    } cases[] = {
        { "schedule", { sizeof(prune_schedule) + 4, 0, 0.5f, 0.0f, 0, 1 }, PRUNE_E_VERSION },
        { "schedule", { 0, 0, 0.5f, 0.0f, 0, 1 }, PRUNE_E_ARGUMENT },
        { "schedule kind", { sizeof(prune_schedule), 9, 0.5f, 0.0f, 0, 1 }, PRUNE_E_ARGUMENT },
        { "schedule kind", { sizeof(prune_schedule), -1, 0.5f, 0.0f, 0, 1 }, PRUNE_E_ARGUMENT },
        { "schedule factor", { sizeof(prune_schedule), 1, 0.0f, 0.0f, 0, 1 }, PRUNE_E_RANGE },
        { "schedule factor", { sizeof(prune_schedule), 1, 1.5f, 0.0f, 0, 1 }, PRUNE_E_RANGE },
        { "schedule factor", { sizeof(prune_schedule), 1, NAN, 0.0f, 0, 1 }, PRUNE_E_RANGE },
        { "schedule floor", { sizeof(prune_schedule), 3, 0.5f, -0.5f, 0, 1 }, PRUNE_E_RANGE },
        { "schedule floor", { sizeof(prune_schedule), 3, 0.5f, 1.5f, 0, 1 }, PRUNE_E_RANGE },
        { "schedule period", { sizeof(prune_schedule), 2, 0.5f, 0.0f, 0, 0 }, PRUNE_E_RANGE },
    };
    prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        float rate = 0.0f;
        prune_error error = { 0 };
        prune_trainer *trainer;
        prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
        options.schedule = &cases[i].schedule;
        ck_assert_status(prune_trainer_create(&trainer, NULL, model, &options, &error), cases[i].status);
        ck_assert_told(&error, cases[i].status, cases[i].place, "");
        ck_assert_uint_gt(strlen(error.reason), 0);
        ck_assert_status(prune_schedule_rate(&rate, &cases[i].schedule, 0.1f, 0), cases[i].status);
    }
    prune_model_free(model);
}
END_TEST

/* ---- data ---- */

/* The figures of a fit without samples on one side would be NaN. */
START_TEST(a_single_sample_cannot_be_parted)
{
    static const double fractions[] = { 1e-9, 0.5, 0.999 };
    for (size_t i = 0; i < 3; i++)
        for (size_t samples = 1; samples <= 2; samples++) {
            world_data data;
            prune_error error = { 0 };
            prune_fit_options options;
            prune_fit_result result;
            prune_fit_options_init(&options);
            prune_fit_result_init(&result);
            options.epochs = 1;
            options.validation_fraction = fractions[i];
            world_data_make(&data, samples, INPUTS, 2, 1);
            prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 1);
            const uint64_t before = world_hash(model);
            const prune_status status = prune_fit(&result, model, &data.labelled, NULL, &options, &error);
            ck_assert_status(status, samples == 1 ? PRUNE_E_EMPTY : PRUNE_OK);
            ck_assert_int_eq(before == world_hash(model), samples == 1);
            if (samples == 1)
                ck_assert_told(&error, PRUNE_E_EMPTY, "validation_fraction", "one sample");
            else
                ck_assert(isfinite(result.loss) && isfinite(result.validation_loss));
            options.validation = &data.labelled; /* which the fraction gives way to */
            ck_assert_ok(prune_fit(&result, model, &data.labelled, NULL, &options, &error));
            ck_assert(isfinite(result.loss) && isfinite(result.validation_loss));
            prune_model_free(model);
            world_data_end(&data);
        }
}
END_TEST

START_TEST(the_field_of_a_confusion_matrix_is_named)
{
    uint64_t counts[4] = { 0 };
    static const struct {
        const char *place;
        size_t size, classes;
        float threshold;
        int32_t has_counts;
        prune_status status;
    } cases[] = {
        { "confusion", 0, 2, 0.0f, 1, PRUNE_E_ARGUMENT },
        { "confusion", sizeof(prune_confusion) + 8, 2, 0.0f, 1, PRUNE_E_VERSION },
        { "confusion counts", sizeof(prune_confusion), 2, 0.0f, 0, PRUNE_E_ARGUMENT },
        { "confusion classes", sizeof(prune_confusion), 1, 0.0f, 1, PRUNE_E_SIZE },
        { "confusion classes", sizeof(prune_confusion), SIZE_MAX / 2, 0.0f, 1, PRUNE_E_OVERFLOW },
        { "confusion threshold", sizeof(prune_confusion), 2, NAN, 1, PRUNE_E_RANGE },
    };
    world_data data;
    world_data_make(&data, SAMPLES, INPUTS, 2, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        prune_error error = { 0 };
        prune_confusion c = { cases[i].size, cases[i].classes, cases[i].has_counts ? counts : NULL,
                              cases[i].threshold };
        ck_assert_status(prune_confusion_add(&c, data.y_tensor, data.label_tensor, &error), cases[i].status);
        ck_assert_told(&error, cases[i].status, cases[i].place, "");
        ck_assert_uint_gt(strlen(error.reason), 0);
    }
    world_data_end(&data);
}
END_TEST

/* It is what a trainer says whose model has got another layer. */
START_TEST(the_text_of_a_state_tells_of_changes_too)
{
    ck_assert_ptr_nonnull(strstr(prune_status_string(PRUNE_E_STATE), "order"));
    ck_assert_ptr_nonnull(strstr(prune_status_string(PRUNE_E_STATE), "changed"));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        losses_that_cannot_teach_the_model_make_no_trainer,
        nor_can_a_trainer_get_them,
        evaluation_computes_what_it_is_asked_for,
        nesterov_is_of_sgd,
        numbers_of_other_optimizers_are_left_unused,
        the_field_of_a_schedule_is_named,
        a_single_sample_cannot_be_parted,
        the_field_of_a_confusion_matrix_is_named,
        the_text_of_a_state_tells_of_changes_too,
    };
    return run_tests("advice", tests, sizeof tests / sizeof tests[0]);
}
