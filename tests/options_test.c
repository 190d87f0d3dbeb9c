/* options_test.c -- structs of other versions: shorter means defaults, longer is refused
 *
 * Through the public calls that take such structs; every prefix of each is tried.
 *
 * SPDX-License-Identifier: MIT */
#include "support/versions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EXTRA = 64 };

static const size_t widths[] = { 4, 3, 2 };

/* ---- options: read ---- */

static prune_status try_trainer(prune_model *model, void *options)
{
    prune_trainer *trainer;
    const prune_status status = prune_trainer_create(&trainer, NULL, model, options, NULL);
    ck_assert((trainer != NULL) == (status == PRUNE_OK));
    prune_trainer_free(trainer);
    return status;
}

static prune_status try_trainer_bytes(prune_model *model, void *options)
{
    size_t bytes;
    return prune_trainer_bytes(&bytes, model, options);
}

static prune_status try_fit(prune_model *model, void *options)
{
    world_data data;
    prune_trainer *trainer;
    ck_assert_ok(prune_trainer_create(&trainer, NULL, model, NULL, NULL));
    ck_assert_ok(prune_trainer_set_learning_rate(trainer, 0.0f));
    world_data_make(&data, 8, 4, 2, 1);
    const prune_status status = prune_trainer_fit(NULL, trainer, &data.labelled, options, NULL);
    world_data_end(&data);
    prune_trainer_free(trainer);
    return status;
}

static prune_status try_selection(prune_model *model, void *options)
{
    uint64_t units, kept;
    return prune_mask_units(&units, &kept, model, options);
}

static prune_status try_schedule(prune_model *model, void *options)
{
    float rate;
    (void)model;
    return prune_schedule_rate(&rate, options, 0.1f, 3);
}

static prune_status try_layer(prune_model *model, void *options)
{
    prune_trainer *trainer;
    ck_assert_ok(prune_trainer_create(&trainer, NULL, model, NULL, NULL));
    const prune_status status = prune_trainer_set_layer(trainer, 1, options);
    prune_trainer_free(trainer);
    return status;
}

static prune_status try_rule(prune_model *model, void *options)
{
    float threshold;
    prune_importance *scores;
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
    const prune_status status = prune_threshold_from_rule(&threshold, scores, NULL, options);
    prune_importance_free(scores);
    return status;
}

static void each_case(void (*check)(const version_case *c, prune_model *model))
{
    prune_trainer_options trainer;
    prune_fit_options fit;
    prune_selection selection;
    prune_schedule schedule;
    prune_layer_training layer;
    prune_threshold_rule rule;
    prune_trainer_options_init(&trainer);
    prune_fit_options_init(&fit);
    prune_selection_init(&selection);
    prune_schedule_init(&schedule);
    prune_layer_training_init(&layer);
    prune_threshold_rule_init(&rule);
    const version_case cases[] = {
        { "trainer", try_trainer, &trainer, sizeof trainer, 4 },
        { "trainer bytes", try_trainer_bytes, &trainer, sizeof trainer, 4 },
        { "fit", try_fit, &fit, sizeof fit, 4 },
        { "selection", try_selection, &selection, sizeof selection, 4 },
        { "schedule", try_schedule, &schedule, sizeof schedule, 4 },
        { "layer", try_layer, &layer, sizeof layer, 4 },
        { "rule", try_rule, &rule, sizeof rule, 4 },
    };
    prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check(&cases[i], model);
    prune_model_free(model);
}

/* But where a call wants them. */
static void null_is_the_defaults(const version_case *c, prune_model *model)
{
    ck_assert_status(c->run(model, NULL), c->run == try_layer ? PRUNE_E_ARGUMENT : PRUNE_OK);
}

START_TEST(initialisers_set_the_size)
{
    each_case(versions_size);
    each_case(null_is_the_defaults);
    prune_trainer_options_init(NULL);
    prune_fit_options_init(NULL);
    prune_selection_init(NULL);
    prune_schedule_init(NULL);
}
END_TEST

START_TEST(every_shorter_struct_is_taken)
{
    each_case(versions_shorter);
}
END_TEST

START_TEST(every_longer_struct_is_refused)
{
    each_case(versions_longer);
}
END_TEST

START_TEST(a_size_that_has_no_room_for_itself_is_refused)
{
    each_case(versions_without_room);
}
END_TEST

/* What lies beyond the size that is said must not count, what lies before it must. */
START_TEST(what_is_beyond_the_size_is_the_default)
{
    prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 1);
    prune_trainer_options options;
    prune_trainer *trainer;
    prune_trainer_options_init(&options);
    options.learning_rate = 0.25f;
    options.momentum = NAN;
    options.optimizer = PRUNE_SGD;
    options.max_batch = 0;
    options.size = offsetof(prune_trainer_options, momentum);
    ck_assert_ok(prune_trainer_create(&trainer, NULL, model, &options, NULL));
    ck_assert(prune_trainer_learning_rate(trainer) == 0.25f);
    ck_assert_ptr_null(prune_trainer_state(trainer, 0, 1)); /* SGD was read: no second slot */
    prune_trainer_free(trainer);
    options.size = offsetof(prune_trainer_options, learning_rate);
    ck_assert_ok(prune_trainer_create(&trainer, NULL, model, &options, NULL));
    ck_assert(prune_trainer_learning_rate(trainer) == 0.001f);
    prune_trainer_free(trainer);
    options.size = offsetof(prune_trainer_options, beta1);
    ck_assert_status(prune_trainer_create(&trainer, NULL, model, &options, NULL), PRUNE_E_RANGE);
    prune_model_free(model);
}
END_TEST

/* ---- results: written ---- */

typedef prune_status fill_result(prune_model *model, const world_data *data, void *result);

static prune_status fill_metrics(prune_model *model, const world_data *data, void *result)
{
    return prune_evaluate(result, model, &data->labelled, PRUNE_SOFTMAX_CROSS_ENTROPY, NULL);
}

static prune_status fill_removal(prune_model *model, const world_data *data, void *result)
{
    (void)data;
    prune_importance *scores;
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
    const prune_status status = prune_mask_lowest(result, model, scores, NULL, 0);
    prune_importance_free(scores);
    return status;
}

static prune_status fill_fit(prune_model *model, const world_data *data, void *result)
{
    prune_fit_options options;
    prune_fit_options_init(&options);
    options.epochs = 1;
    return prune_fit(result, model, &data->labelled, NULL, &options, NULL);
}

static prune_status fill_layer(prune_model *model, const world_data *data, void *result)
{
    (void)data;
    return prune_model_layer_info(result, model, 1);
}

static prune_status fill_param(prune_model *model, const world_data *data, void *result)
{
    (void)data;
    return prune_model_param_info(result, model, 1);
}

static const struct {
    fill_result *fill;
    size_t size;
    size_t keep; /* from here on the fields are the caller's to fill in */
} results[] = {
    { fill_metrics, sizeof(prune_metrics), sizeof(prune_metrics) },
    { fill_removal, sizeof(prune_removal), offsetof(prune_removal, by_layer) },
    { fill_fit, sizeof(prune_fit_result), sizeof(prune_fit_result) },
    { fill_layer, sizeof(prune_layer_info), sizeof(prune_layer_info) },
    { fill_param, sizeof(prune_param_info), sizeof(prune_param_info) },
};
enum { RESULTS = sizeof results / sizeof results[0] };

/* A block full of rubbish; the caller's fields are 0. */
static unsigned char *result_block(size_t i, size_t said)
{
    const size_t room = results[i].size + EXTRA;
    unsigned char *block = malloc(room);
    ck_assert_ptr_nonnull(block);
    memset(block, 0x5A, room);
    memset(block + results[i].keep, 0, results[i].size - results[i].keep);
    memcpy(block, &said, sizeof said);
    return block;
}

/* As much as there is room for, the same as in a whole struct, and not a byte beyond. */
START_TEST(shorter_results_are_filled_as_far_as_they_go)
{
    world_data data;
    world_data_make(&data, 8, 4, 2, 1);
    for (size_t i = 0; i < RESULTS; i++)
        for (size_t said = sizeof(size_t); said <= results[i].size; said += 8) {
            prune_model *a = world_model(NULL, widths, 2, PRUNE_RELU, 1),
                        *b = world_model(NULL, widths, 2, PRUNE_RELU, 1);
            unsigned char *whole = result_block(i, results[i].size), *part = result_block(i, said);
            unsigned char *untouched = result_block(i, said);
            ck_assert_ok(results[i].fill(a, &data, whole));
            ck_assert_ok(results[i].fill(b, &data, part));
            ck_assert_mem_eq(part + sizeof(size_t), whole + sizeof(size_t), said - sizeof(size_t));
            ck_assert_mem_eq(part + said, untouched + said, results[i].size + EXTRA - said);
            ck_assert_mem_eq(part, untouched, sizeof(size_t));
            prune_model_free(a);
            prune_model_free(b);
            free(whole);
            free(part);
            free(untouched);
        }
    world_data_end(&data);
}
END_TEST

START_TEST(results_of_another_size_are_refused_before_anything_happens)
{
    world_data data;
    world_data_make(&data, 8, 4, 2, 1);
    for (size_t i = 0; i < RESULTS; i++)
        for (size_t k = 0; k < 4; k++) {
            const size_t wrong[] = { results[i].size + 1, SIZE_MAX, 0, sizeof(size_t) - 1 };
            prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 1);
            const uint64_t before = world_hash(model);
            unsigned char *block = result_block(i, wrong[k]), *untouched = result_block(i, wrong[k]);
            ck_assert_status(results[i].fill(model, &data, block),
                             k < 2 ? PRUNE_E_VERSION : PRUNE_E_ARGUMENT);
            ck_assert_mem_eq(block, untouched, results[i].size + EXTRA);
            ck_assert_uint_eq(world_hash(model), before);
            prune_model_free(model);
            free(block);
            free(untouched);
        }
    world_data_end(&data);
}
END_TEST

START_TEST(the_option_that_is_wrong_is_named)
{
    static const prune_backend no_function = { .name = "none" };
    prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 1);
    prune_trainer_options cases[18];
    static const char *const places[] = { "trainer options", "loss",         "optimizer", "backend",
                                          "learning_rate",   "momentum",     "beta1",     "beta2",
                                          "epsilon",         "l1",           "l2",        "max_batch",
                                          "alpha",           "weight_decay", "clip_norm", "clip_value",
                                          "schedule period", "accumulate" };
    const prune_schedule no_period = { .size = sizeof no_period, .factor = 0.5f };
    for (size_t i = 0; i < 18; i++)
        prune_trainer_options_init(&cases[i]);
    cases[0].size = 0;
    cases[1].loss = 9;
    cases[2].optimizer = 9;
    cases[3].backend = &no_function;
    cases[4].learning_rate = -1.0f;
    cases[5].momentum = 1.0f;
    cases[6].beta1 = -0.5f;
    cases[7].beta2 = NAN;
    cases[8].epsilon = 0.0f;
    cases[9].l1 = -1.0f;
    cases[10].l2 = INFINITY;
    cases[11].max_batch = 0;
    cases[12].alpha = 1.0f;
    cases[13].weight_decay = -0.5f;
    cases[14].clip_norm = NAN;
    cases[15].clip_value = -1.0f;
    cases[16].schedule = &no_period;
    cases[17].accumulate = -1;
    for (size_t i = 0; i < 18; i++) {
        prune_trainer *trainer;
        prune_error error = { 0 };
        const prune_status status = prune_trainer_create(&trainer, NULL, model, &cases[i], &error);
        ck_assert_int_ne(status, PRUNE_OK);
        ck_assert_int_eq(error.status, status);
        ck_assert_str_eq(error.place, places[i]);
        ck_assert_uint_gt(strlen(error.reason), 0);
        ck_assert_ptr_null(trainer);
    }
    prune_workspace *workspace;
    ck_assert_status(prune_workspace_create(&workspace, NULL, model, 1, &no_function), PRUNE_E_ARGUMENT);
    ck_assert_ptr_null(workspace);
    prune_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_option_that_is_wrong_is_named,
        initialisers_set_the_size,
        every_shorter_struct_is_taken,
        every_longer_struct_is_refused,
        a_size_that_has_no_room_for_itself_is_refused,
        what_is_beyond_the_size_is_the_default,
        shorter_results_are_filled_as_far_as_they_go,
        results_of_another_size_are_refused_before_anything_happens,
    };
    return run_tests("options", tests, sizeof tests / sizeof tests[0]);
}
