/* peer_defects_test.c -- what other systems get wrong, each by its name: here it is right
 *
 * SPDX-License-Identifier: MIT */
#include "support/stack.h"
#include "support/training.h"

#include <math.h>
#include <string.h>

static const size_t ten[] = { 6, 10, 3 }; /* a layer of 10 neurons */

static prune_importance *magnitudes(const prune_model *model)
{
    prune_importance *scores;
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
    return scores;
}

/* ---- Torch-Pruning ---- */

static void score_samples(double *sum, prune_model *model, const prune_data *data, uint64_t samples)
{
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD);
    prune_importance *scores;
    options.per_sample = PRUNE_PER_SAMPLE_SQUARE;
    options.max_batch = 4;
    prune_trainer *trainer = world_trainer(model, &options);
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_FISHER));
    ck_assert_ok(prune_importance_accumulate(scores, trainer, data, NULL));
    ck_assert_uint_eq(prune_importance_samples(scores), samples);
    for (size_t i = 0; i < ten[0] * ten[1]; i++)
        sum[i] += (double)prune_importance_scores(scores, 0)[i];
    prune_importance_free(scores);
    prune_trainer_free(trainer);
}

/* Its GroupHessianImportance keeps the squared gradient of the last sample and forgets those before. */
START_TEST(torch_pruning_fisher_is_of_the_last_sample_alone)
{
    enum { SAMPLES = 10 };
    world_data world;
    double all[60] = { 0 }, one_by_one[60] = { 0 }, last[60] = { 0 }, apart = 0.0;
    prune_model *model = world_model(NULL, ten, 2, PRUNE_TANH, 3);
    world_data_make(&world, SAMPLES, ten[0], ten[2], 4);
    score_samples(all, model, &world.labelled, SAMPLES);
    for (size_t i = 0; i < SAMPLES; i++) {
        prune_data one = world.labelled;
        prune_tensor *x = world_rows(world.x_tensor, i, 1), *label = world_rows(world.label_tensor, i, 1);
        one.inputs = x, one.targets = label;
        score_samples(one_by_one, model, &one, 1);
        if (i == SAMPLES - 1)
            score_samples(last, model, &one, 1);
        prune_tensor_free(x);
        prune_tensor_free(label);
    }
    for (size_t i = 0; i < 60; i++) {
        ck_assert_double_eq_tol(all[i], one_by_one[i] / SAMPLES, 1e-7 + 1e-5 * all[i]);
        apart = fmax(apart, fabs(all[i] - last[i]));
    }
    ck_assert_double_gt(apart, 1e-3);
    prune_model_free(model);
    world_data_end(&world);
}
END_TEST

/* int(n * (1 - r)) is off by one for 14 of the 99 percentages of 100 channels. */
START_TEST(torch_pruning_percentages_are_off_by_one)
{
    for (uint64_t units = 100; units <= 100000; units *= 10)
        for (uint64_t percent = 0; percent <= 100; percent++) {
            uint64_t count;
            ck_assert_ok(prune_fraction_count(&count, (double)percent / 100.0, units));
            ck_assert_uint_eq(count, units / 100 * percent);
        }
}
END_TEST

/* Of 10 neurons it drops 9 at 0.8, and at 0.9 it asks for all 10, refuses that, and drops none, silently. */
START_TEST(torch_pruning_drops_nothing_at_nine_tenths)
{
    prune_selection neurons;
    prune_removal removal;
    prune_selection_init(&neurons);
    neurons.granularity = PRUNE_NEURONS;
    neurons.layer = 0;
    for (uint64_t tenths = 0; tenths <= 10; tenths++) {
        prune_model *model = world_model(NULL, ten, 2, PRUNE_RELU, 3);
        prune_importance *scores = magnitudes(model);
        const uint64_t hash = world_hash(model);
        prune_removal_init(&removal);
        ck_assert_status(
            prune_mask_fraction(&removal, model, scores, &neurons, (double)tenths / 10.0, PRUNE_OF_ALL),
            tenths < 10 ? PRUNE_OK : PRUNE_E_COLLAPSE);
        ck_assert_uint_eq(removal.removed, tenths < 10 ? tenths : 0);
        ck_assert((tenths % 10 == 0) == (world_hash(model) == hash));
        prune_importance_free(scores);
        prune_model_free(model);
    }
}
END_TEST

/* A batch normalisation never counts in its Taylor score of a group. */
START_TEST(torch_pruning_taylor_ignores_batch_norm)
{
    static const stack_step steps[STACK_LAYERS + 1] = {
        { D, 5, 0, 0, 0 }, { B, 0, 0, 0.1f, 1e-3f }, { A, 0, PRUNE_TANH, 0, 0 }, { D, 3, 0, 0, 0 }
    };
    world_data world;
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_SGD);
    prune_importance *scores;
    prune_model *model = stack_model(NULL, 4, steps, 3);
    prune_trainer *trainer = world_trainer(model, &options);
    world_data_make(&world, 12, 4, 3, 4);
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_TAYLOR));
    ck_assert_ok(prune_importance_accumulate(scores, trainer, &world.labelled, NULL));
    for (size_t n = 0; n < 5; n++) { /* the row, then with its gamma and beta */
        const prune_slice group[] = { { 0, n * 4, 1, 4 }, { 2, n, 1, 1 }, { 3, n, 1, 1 } };
        const double gamma = (double)prune_importance_scores(scores, 2)[n];
        const double beta = (double)prune_importance_scores(scores, 3)[n];
        float row, whole;
        ck_assert_ok(prune_importance_group(&row, scores, group, 1, PRUNE_ROW_L1, NULL));
        ck_assert_ok(prune_importance_group(&whole, scores, group, 3, PRUNE_ROW_L1, NULL));
        ck_assert_double_gt(gamma, 0.0);
        ck_assert_double_gt(beta, 0.0);
        ck_assert_double_eq_tol((double)whole, (double)row + gamma + beta, 1e-6);
    }
    prune_importance_free(scores);
    prune_trainer_free(trainer);
    prune_model_free(model);
    world_data_end(&world);
}
END_TEST

/* Globally it removes all that is <= the threshold; tfmot and NNI keep all that is >= theirs. */
START_TEST(ties_over_prune_in_torch_pruning_and_under_prune_in_tfmot_and_nni)
{
    prune_selection neurons;
    prune_removal removal;
    prune_selection_init(&neurons);
    neurons.granularity = PRUNE_NEURONS;
    neurons.include_output = 1;
    for (uint64_t count = 0; count <= 11; count++) {
        prune_model *model = world_model(NULL, ten, 2, PRUNE_RELU, 3);
        ck_assert_ok(prune_model_fill(model, 0.5f));
        prune_importance *scores = magnitudes(model);
        neurons.aggregate = PRUNE_ROW_MEAN; /* all alike, in both layers */
        prune_removal_init(&removal);
        ck_assert_ok(prune_mask_lowest(&removal, model, scores, &neurons, count));
        ck_assert_uint_eq(removal.removed, count);
        ck_assert_uint_eq(removal.kept, 13 - count);
        prune_importance_free(scores);
        prune_model_free(model);
    }
}
END_TEST

/* ---- schedules ---- */

/* Its polynomial of power 2 is (x - 1)^2 + 1: it begins at twice the target, and falls to it. */
START_TEST(sparseml_polynomial_begins_at_twice_the_target)
{
    for (uint32_t power = 1; power <= 64; power++) {
        prune_sparsity s;
        double before = 0.0, now;
        prune_sparsity_init(&s);
        s.power = power;
        s.final = 0.45;
        s.every = 1;
        ck_assert_ok(prune_sparsity_at(&now, &s, 0));
        ck_assert(now == 0.0);
        for (uint64_t t = 1; t <= 1001; t++, before = now) {
            ck_assert_ok(prune_sparsity_at(&now, &s, t));
            ck_assert(now >= before && now <= 0.45);
        }
        ck_assert(now == 0.45);
    }
}
END_TEST

/* 0 to 0.9 over 1000 steps, every 300: it stops at 0.8991, for 900 is the last step due. */
START_TEST(tfmot_never_reaches_an_end_between_updates)
{
    for (int32_t kind = PRUNE_SPARSITY_ONE_SHOT; kind <= PRUNE_SPARSITY_POLYNOMIAL; kind++) {
        prune_sparsity s;
        double at_999, at_end, later;
        prune_sparsity_init(&s);
        s.kind = kind;
        s.every = 300;
        ck_assert_ok(prune_sparsity_at(&at_999, &s, 999));
        ck_assert_ok(prune_sparsity_at(&at_end, &s, 1000));
        ck_assert_ok(prune_sparsity_at(&later, &s, UINT64_MAX));
        ck_assert(at_end == 0.9 && later == 0.9);
        ck_assert(kind != PRUNE_SPARSITY_POLYNOMIAL || fabs(at_999 - 0.8991) < 1e-12);
    }
}
END_TEST

/* ---- counts ---- */

static void remove_of_100(double fraction, uint64_t wanted)
{
    static const size_t hundred[] = { 10, 10 };
    prune_removal removal;
    prune_model *model = world_model(NULL, hundred, 1, PRUNE_LINEAR, 1);
    prune_importance *scores = magnitudes(model);
    prune_removal_init(&removal);
    ck_assert_ok(prune_mask_fraction(&removal, model, scores, NULL, fraction, PRUNE_OF_ALL));
    ck_assert_uint_eq(removal.removed, wanted);
    ck_assert_uint_eq(world_check_removed(model, NULL), wanted);
    prune_importance_free(scores);
    prune_model_free(model);
}

/* int(100 * 0.29) is 28, as 0.29 is a little less in double. */
START_TEST(nni_removes_28_of_100_at_29_percent)
{
    remove_of_100(0.29, 29);
    remove_of_100(0.57, 57);
    remove_of_100(0.58, 58);
}
END_TEST

/* The baselines remove all that is <= sorted[int(n s)], the one in that place too. */
START_TEST(wanda_and_sparsegpt_baselines_remove_one_more)
{
    remove_of_100(0.0, 0);
    remove_of_100(0.5, 50);
    remove_of_100(0.75, 75);
}
END_TEST

/* ---- what cannot be run at all ---- */

/* Its channel strategies import functions that are commented out. */
START_TEST(shrinkbench_channels_do_not_import)
{
    float row[10];
    prune_selection neurons;
    prune_removal removal;
    prune_model *model = world_model(NULL, ten, 2, PRUNE_RELU, 5);
    prune_importance *scores = magnitudes(model);
    prune_selection_init(&neurons);
    prune_removal_init(&removal);
    neurons.granularity = PRUNE_NEURONS;
    neurons.aggregate = PRUNE_ROW_L1;
    ck_assert_ok(prune_importance_neurons(row, 10, scores, 0, PRUNE_ROW_L1));
    ck_assert_ok(prune_mask_lowest(&removal, model, scores, &neurons, 4));
    for (size_t n = 0; n < 10; n++) {
        uint8_t mask[60];
        ck_assert_ok(prune_mask_get(mask, 60, model, 0));
        ck_assert_uint_eq(mask[n * 6], row[n] > removal.threshold);
        ck_assert(memcmp(mask + n * 6, mask + n * 6 + 1, 5) == 0);
    }
    prune_importance_free(scores);
    prune_model_free(model);
}
END_TEST

/* Its encoder of the bitmask format that its decoder reads is a stub that raises. */
START_TEST(tflite_micro_cannot_write_what_it_reads)
{
    uint8_t bytes[2048];
    float back[60];
    prune_encoding_options options;
    prune_encoding_info info;
    prune_tensor *out;
    prune_model *model = world_model(NULL, ten, 2, PRUNE_RELU, 5);
    prune_importance *scores = magnitudes(model);
    ck_assert_ok(prune_mask_fraction(NULL, model, scores, NULL, 0.7, PRUNE_OF_ALL));
    prune_encoding_options_init(&options);
    prune_encoding_info_init(&info);
    options.encoding = PRUNE_ENCODING_BITMASK;
    ck_assert_ok(prune_encoded_param(&info, model, 0, &options));
    ck_assert_uint_le(info.bytes, sizeof bytes);
    ck_assert_ok(prune_encoded_write(bytes, (size_t)info.bytes, model, 0, &options));
    ck_assert_ok(prune_tensor_matrix(&out, NULL, PRUNE_F32, 10, 6, back));
    ck_assert_ok(prune_encoding_decode(out, bytes, (size_t)info.bytes));
    ck_assert_mem_eq(back, prune_model_param(model, 0), sizeof back);
    prune_tensor_free(out);
    prune_importance_free(scores);
    prune_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { torch_pruning_fisher_is_of_the_last_sample_alone,
                                   torch_pruning_percentages_are_off_by_one,
                                   torch_pruning_drops_nothing_at_nine_tenths,
                                   torch_pruning_taylor_ignores_batch_norm,
                                   ties_over_prune_in_torch_pruning_and_under_prune_in_tfmot_and_nni,
                                   sparseml_polynomial_begins_at_twice_the_target,
                                   tfmot_never_reaches_an_end_between_updates,
                                   nni_removes_28_of_100_at_29_percent,
                                   wanda_and_sparsegpt_baselines_remove_one_more,
                                   shrinkbench_channels_do_not_import,
                                   tflite_micro_cannot_write_what_it_reads };
    return run_tests("peer_defects", tests, sizeof tests / sizeof tests[0]);
}
