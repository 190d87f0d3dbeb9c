/* versions_test.c -- structs of other versions in the calls that prune and measure
 *
 * As options_test.c for those that train. What a caller must set is where it must be, so a struct too short
 * for it is answered as one in which it is not set.
 *
 * SPDX-License-Identifier: MIT */
#include "support/versions.h"

#include <string.h>

enum { SAMPLES = 48 };

static const size_t widths[] = { 4, 3, 2 };
static world_data data, other;

/* What is wanted where a field that must be set is beyond the size: `missing`. */
static prune_status where_set(prune_status status, const void *given, size_t field, prune_status missing)
{
    size_t said;
    memcpy(&said, given, sizeof said);
    return said >= sizeof said && said < field ? (status == missing ? PRUNE_OK : PRUNE_E_STATE) : status;
}

static prune_model *copy_of(const prune_model *model)
{
    prune_model *copy;
    ck_assert_ok(prune_model_clone(&copy, NULL, model));
    return copy;
}

static prune_importance *scores_of(const prune_model *model)
{
    prune_importance *scores;
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
    return scores;
}

/* ---- options ---- */

static prune_status try_surgeon(prune_model *model, void *given)
{
    prune_model *copy = copy_of(model);
    const prune_status status = prune_obs(NULL, copy, &data.labelled, given, NULL);
    prune_model_free(copy);
    return status;
}

static prune_status try_layerwise(prune_model *model, void *given)
{
    prune_model *copy = copy_of(model);
    const prune_status status = prune_obs_layerwise(NULL, copy, &data.labelled, given, NULL);
    prune_model_free(copy);
    return status;
}

static prune_status try_sparsity(prune_model *model, void *given)
{
    double value;
    (void)model;
    return prune_sparsity_at(&value, given, 3);
}

static prune_status try_allocation(prune_model *model, void *given)
{
    uint64_t least, most;
    return prune_allocate_range(&least, &most, model, given);
}

static prune_status try_distillation(prune_model *model, void *given)
{
    prune_loss_options loss;
    (void)model;
    return prune_distillation_loss(&loss, given);
}

static prune_status try_lasso(prune_model *model, void *given)
{
    prune_trainer *trainer;
    prune_trainer_options options;
    prune_trainer_options_init(&options);
    options.group_lasso = given;
    const prune_status status = prune_trainer_create(&trainer, NULL, model, &options, NULL);
    prune_trainer_free(trainer);
    return status;
}

static prune_status try_compaction(prune_model *model, void *given)
{
    prune_model *small;
    const prune_status status = prune_compact(&small, NULL, model, given, NULL, NULL);
    prune_model_free(small);
    return status;
}

static prune_status try_refit(prune_model *model, void *given)
{
    prune_model *copy = copy_of(model);
    const prune_status status = prune_refit(copy, model, NULL, &data.labelled, given, NULL);
    prune_model_free(copy);
    return status;
}

static prune_status try_encoding(prune_model *model, void *given)
{
    uint64_t bytes;
    return prune_model_encoded_bytes(&bytes, model, given, NULL);
}

static prune_status try_report_options(prune_model *model, void *given)
{
    prune_report report;
    prune_report_init(&report);
    return prune_report_total(&report, model, given);
}

static prune_status discard(void *user, const void *bytes, size_t count)
{
    (void)user, (void)bytes, (void)count;
    return PRUNE_OK;
}

static prune_status try_picture(prune_model *model, void *given)
{
    const prune_writer writer = { discard, NULL };
    return prune_picture_sparsity(&writer, model, given);
}

static prune_status try_metric(prune_model *model, void *given)
{
    prune_comparison comparison;
    prune_comparison_init(&comparison);
    return prune_compare(&comparison, model, model, &data.labelled, given, NULL);
}

static prune_status scan(prune_model *model, prune_sensitivity *table, const void *options)
{
    prune_importance *scores = scores_of(model);
    const prune_status status = prune_sensitivity_scan(table, model, scores, &data.labelled, options, NULL);
    prune_importance_free(scores);
    return status;
}

static const double half = 0.5;
static double values[2];

static prune_sensitivity good_table(void)
{
    prune_sensitivity table;
    prune_sensitivity_init(&table);
    table.fractions = &half;
    table.levels = 1;
    table.values = values;
    table.capacity = 2;
    return table;
}

static prune_status try_scan(prune_model *model, void *given)
{
    prune_sensitivity table = good_table();
    return scan(model, &table, given);
}

static prune_status try_budget(prune_model *model, void *given)
{
    prune_budget_result result;
    prune_model *copy = copy_of(model);
    prune_budget_result_init(&result);
    prune_status status = prune_budget(&result, copy, NULL, given, NULL);
    prune_model_free(copy);
    status = status == PRUNE_E_UNCONFIRMED ? PRUNE_OK : status;
    return where_set(status, given, offsetof(prune_budget_options, metric), PRUNE_E_ARGUMENT);
}

/* ---- results ---- */

static prune_status try_budget_result(prune_model *model, void *given)
{
    prune_budget_options options;
    prune_model *copy = copy_of(model);
    prune_budget_options_init(&options);
    options.validation = &data.labelled;
    options.confirmation = &other.labelled;
    const prune_status status = prune_budget(given, copy, NULL, &options, NULL);
    prune_model_free(copy);
    return status == PRUNE_E_UNCONFIRMED ? PRUNE_OK : status;
}

/* Without levels, values or room for them. */
static prune_status try_table(prune_model *model, void *given)
{
    const prune_status status = scan(model, given, NULL);
    const prune_status missing =
        status == PRUNE_E_SIZE || status == PRUNE_E_SHAPE ? status : PRUNE_E_ARGUMENT;
    return where_set(status, given, offsetof(prune_sensitivity, reference), missing);
}

static prune_status try_target(prune_model *model, void *given)
{
    prune_model *copy = copy_of(model);
    prune_importance *scores = scores_of(copy);
    const prune_status status = prune_mask_target(NULL, copy, scores, NULL, given, NULL);
    prune_importance_free(scores);
    prune_model_free(copy);
    return where_set(status, given, offsetof(prune_target, most) + 1, PRUNE_E_COLLAPSE);
}

static prune_status try_regrowth(prune_model *model, void *given)
{
    prune_model *copy = copy_of(model);
    prune_importance *scores = scores_of(copy);
    const prune_status status = prune_mask_regrow(given, copy, scores, scores, NULL, 0.0);
    prune_importance_free(scores);
    prune_model_free(copy);
    return status;
}

static prune_status try_comparison(prune_model *model, void *given)
{
    return prune_compare(given, model, model, &data.labelled, NULL, NULL);
}

static prune_status try_agreement(prune_model *model, void *given)
{
    return prune_models_agree(given, model, model, NULL, &data.labelled, NULL);
}

static prune_status try_compact_report(prune_model *model, void *given)
{
    prune_model *small;
    const prune_status status = prune_compact(&small, NULL, model, NULL, given, NULL);
    prune_model_free(small);
    return status;
}

static prune_status try_report(prune_model *model, void *given)
{
    return prune_report_layer(given, model, 0, NULL);
}

static prune_status try_info(prune_model *model, void *given)
{
    return prune_encoded_param(given, model, 0, NULL);
}

/* ---- all of them ---- */

static void each_options(void (*check)(const version_case *c, prune_model *model), prune_model *model)
{
    prune_surgeon_options surgeon;
    prune_layerwise_options layerwise;
    prune_sparsity sparsity;
    prune_allocation allocation;
    prune_distillation distillation;
    prune_group_lasso lasso;
    prune_compact_options compaction;
    prune_refit_options refit;
    prune_encoding_options encoding;
    prune_report_options report;
    prune_picture_options picture;
    prune_validation metric;
    prune_sensitivity_options sensitivity;
    prune_budget_options budget;
    prune_surgeon_options_init(&surgeon);
    prune_layerwise_options_init(&layerwise);
    prune_sparsity_init(&sparsity);
    prune_allocation_init(&allocation);
    prune_distillation_init(&distillation);
    prune_group_lasso_init(&lasso);
    prune_compact_options_init(&compaction);
    prune_refit_options_init(&refit);
    prune_encoding_options_init(&encoding);
    prune_report_options_init(&report);
    prune_picture_options_init(&picture);
    prune_validation_init(&metric);
    prune_sensitivity_options_init(&sensitivity);
    prune_budget_options_init(&budget);
    budget.validation = &data.labelled;
    budget.confirmation = &other.labelled;
    const version_case cases[] = {
        { "surgeon", try_surgeon, &surgeon, sizeof surgeon, 4 },
        { "layerwise", try_layerwise, &layerwise, sizeof layerwise, 4 },
        { "sparsity", try_sparsity, &sparsity, sizeof sparsity, 4 },
        { "allocation", try_allocation, &allocation, sizeof allocation, 4 },
        { "distillation", try_distillation, &distillation, sizeof distillation, 4 },
        { "group lasso", try_lasso, &lasso, sizeof lasso, 4 },
        { "compaction", try_compaction, &compaction, sizeof compaction, 4 },
        { "refit", try_refit, &refit, sizeof refit, 4 },
        { "encoding", try_encoding, &encoding, sizeof encoding, 4 },
        { "report options", try_report_options, &report, sizeof report, 4 },
        { "picture", try_picture, &picture, sizeof picture, 4 },
        { "metric", try_metric, &metric, sizeof metric, 4 },
        { "sensitivity options", try_scan, &sensitivity, sizeof sensitivity, 4 },
        { "budget", try_budget, &budget, sizeof budget, sizeof(void *) },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check(&cases[i], model);
}

static void each_result(void (*check)(const version_case *c, prune_model *model), prune_model *model)
{
    prune_budget_result budget;
    prune_sensitivity table = good_table();
    prune_target target;
    prune_regrowth regrowth;
    prune_comparison comparison;
    prune_agreement agreement;
    prune_compact_report compaction;
    prune_report report;
    prune_encoding_info info;
    prune_budget_result_init(&budget);
    prune_target_init(&target);
    target.most = 20;
    prune_regrowth_init(&regrowth);
    prune_comparison_init(&comparison);
    prune_agreement_init(&agreement);
    prune_compact_report_init(&compaction);
    prune_report_init(&report);
    prune_encoding_info_init(&info);
    const version_case cases[] = {
        { "budget result", try_budget_result, &budget, sizeof budget, 4 },
        { "sensitivity", try_table, &table, sizeof table, sizeof(void *) },
        { "target", try_target, &target, sizeof target, 8 },
        { "regrowth", try_regrowth, &regrowth, sizeof regrowth, 4 },
        { "comparison", try_comparison, &comparison, sizeof comparison, 4 },
        { "agreement", try_agreement, &agreement, sizeof agreement, 4 },
        { "compact report", try_compact_report, &compaction, sizeof compaction, 4 },
        { "report", try_report, &report, sizeof report, 4 },
        { "info", try_info, &info, sizeof info, 4 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check(&cases[i], model);
}

static void each_case(void (*check)(const version_case *c, prune_model *model))
{
    prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 1);
    world_data_make(&data, SAMPLES, 4, 2, 1);
    world_data_make(&other, SAMPLES, 4, 2, 2);
    each_options(check, model);
    each_result(check, model);
    world_data_end(&data);
    world_data_end(&other);
    prune_model_free(model);
}

START_TEST(initialisers_set_the_size)
{
    each_case(versions_size);
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

int main(void)
{
    const TTest *const tests[] = { initialisers_set_the_size, every_shorter_struct_is_taken,
                                   every_longer_struct_is_refused,
                                   a_size_that_has_no_room_for_itself_is_refused };
    return run_tests("versions", tests, sizeof tests / sizeof tests[0]);
}
