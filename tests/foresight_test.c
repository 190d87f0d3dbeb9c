/* foresight_test.c -- LAMP, Wanda, SNIP and SynFlow against their published rules, run by PyTorch
 *
 * SPDX-License-Identifier: MIT */
#include "fixtures/foresight.h"
#include "support/runner.h"

static prune_model *make_model(int32_t with_biases)
{
    prune_model *model;
    const float *weights = foresight_weights, *biases = foresight_biases;
    ck_assert_ok(prune_model_create(&model, NULL, foresight_width[0]));
    for (size_t l = 0; l < FORESIGHT_LAYERS; l++) {
        const size_t in = foresight_width[l], out = foresight_width[l + 1];
        ck_assert_ok(prune_model_add_dense(model, out, l + 1 < FORESIGHT_LAYERS ? PRUNE_RELU : PRUNE_LINEAR));
        ck_assert_ok(prune_model_set_param(model, 2 * l, weights, in * out));
        if (with_biases)
            ck_assert_ok(prune_model_set_param(model, 2 * l + 1, biases, out));
        weights += in * out;
        biases += out;
    }
    return model;
}

static prune_importance *make_table(const prune_model *model)
{
    prune_importance *table;
    ck_assert_ok(prune_importance_create(&table, NULL, model, PRUNE_SUPPLIED));
    return table;
}

static void check_scores(const prune_importance *table, const float *expected)
{
    for (size_t l = 0; l < FORESIGHT_LAYERS; l++)
        for (size_t i = 0; i < foresight_width[l] * foresight_width[l + 1]; i++, expected++)
            ck_assert_double_eq_tol((double)prune_importance_scores(table, 2 * l)[i], (double)*expected,
                                    2e-6);
}

static void check_masks(const prune_model *model, const uint8_t *expected)
{
    uint8_t mask[FORESIGHT_WEIGHTS];
    for (size_t l = 0; l < FORESIGHT_LAYERS; l++) {
        const size_t count = foresight_width[l] * foresight_width[l + 1];
        ck_assert_ok(prune_mask_get(mask, count, model, 2 * l));
        ck_assert_mem_eq(mask, expected, count);
        expected += count;
    }
}

/* Inputs and labels of the fixture. */
typedef struct samples {
    prune_tensor *x, *label;
    prune_data data;
} samples;

static samples make_samples(void)
{
    samples s = { 0 };
    ck_assert_ok(
        prune_tensor_const_matrix(&s.x, NULL, PRUNE_F32, FORESIGHT_SAMPLES, foresight_width[0], foresight_x));
    ck_assert_ok(prune_tensor_const_matrix(&s.label, NULL, PRUNE_I32, FORESIGHT_SAMPLES, 1, foresight_label));
    prune_data_init(&s.data);
    s.data.inputs = s.x;
    s.data.targets = s.label;
    return s;
}

static void end_samples(samples *s)
{
    prune_tensor_free(s->x);
    prune_tensor_free(s->label);
}

START_TEST(lamp)
{
    prune_model *model = make_model(1);
    prune_importance *table = make_table(model);
    ck_assert_ok(prune_score_lamp(table));
    check_scores(table, foresight_lamp);
    prune_importance_free(table);
    prune_model_free(model);
}
END_TEST

START_TEST(wanda)
{
    prune_model *model = make_model(1);
    prune_importance *table = make_table(model);
    prune_activity *activity;
    samples s = make_samples();
    ck_assert_ok(prune_activity_create(&activity, NULL, model));
    ck_assert_ok(prune_activity_add(activity, &s.data, NULL, NULL));
    ck_assert_ok(prune_score_wanda(table, activity));
    check_scores(table, foresight_wanda);
    ck_assert_ok(prune_mask_rows(NULL, model, table, -1, foresight_wanda_fraction));
    check_masks(model, foresight_wanda_mask);
    prune_activity_free(activity);
    prune_importance_free(table);
    prune_model_free(model);
    end_samples(&s);
}
END_TEST

START_TEST(snip)
{
    prune_model *model = make_model(1);
    prune_importance *table = make_table(model);
    prune_trainer *trainer;
    prune_trainer_options options;
    samples s = make_samples();
    prune_trainer_options_init(&options);
    options.max_batch = FORESIGHT_BATCH;
    ck_assert_ok(prune_trainer_create(&trainer, NULL, model, &options, NULL));
    ck_assert_ok(prune_score_snip(table, trainer, &s.data, NULL));
    check_scores(table, foresight_snip);
    ck_assert_ok(
        prune_snip(NULL, trainer, &s.data, NULL, (double)FORESIGHT_SNIP_GONE / FORESIGHT_WEIGHTS, NULL));
    check_masks(model, foresight_snip_mask);
    prune_trainer_free(trainer);
    prune_importance_free(table);
    prune_model_free(model);
    end_samples(&s);
}
END_TEST

START_TEST(synflow)
{
    for (int32_t with_biases = 0; with_biases <= 1; with_biases++) {
        prune_model *model = make_model(with_biases);
        prune_importance *table = make_table(model);
        prune_removal removal;
        prune_removal_init(&removal);
        ck_assert_ok(prune_score_synflow(table));
        check_scores(table, foresight_synflow);
        ck_assert_ok(
            prune_synflow(&removal, model, NULL, (double)FORESIGHT_SYNFLOW_GONE / FORESIGHT_WEIGHTS, 100));
        ck_assert_uint_eq(removal.removed, FORESIGHT_SYNFLOW_GONE);
        check_masks(model, foresight_synflow_mask);
        prune_importance_free(table);
        prune_model_free(model);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { lamp, wanda, snip, synflow };
    return run_tests("foresight", tests, sizeof tests / sizeof tests[0]);
}
