/* peers_test.c -- the masks, scores and schedules of other systems, by the rules they go by
 *
 * Their own rules are in fixtures/make_peers.py. torch.nn.utils.prune has masks_torch_test.c; SparseGPT
 * layerwise_test.c; GraSP hessian_test.c; Wanda's rows, SNIP, SynFlow and LAMP foresight_test.c; movement
 * movement_test.c; SNNS's optimal brain surgeon surgeon_test.c, its optimal brain damage curvature_test.c.
 *
 * SPDX-License-Identifier: MIT */
#include "fixtures/peers.h"
#include "support/training.h"

#include <math.h>
#include <string.h>

static size_t weights_of(size_t layer)
{
    return peers_width[layer] * peers_width[layer + 1];
}

static prune_model *make_model(const float *values)
{
    prune_model *model = world_model(NULL, peers_width, PEERS_LAYERS, PRUNE_RELU, 1);
    for (size_t l = 0; l < PEERS_LAYERS; l++) {
        const size_t count = weights_of(l), neurons = peers_width[l + 1];
        ck_assert_ok(prune_model_set_param(model, 2 * l, values, count));
        ck_assert_ok(prune_model_set_param(model, 2 * l + 1, values + count, neurons));
        values += count + neurons;
    }
    return model;
}

/* Inputs and labels of the fixture. */
typedef struct samples {
    prune_tensor *x, *label;
    prune_data data;
} samples;

static samples make_samples(void)
{
    samples s = { 0 };
    ck_assert_ok(prune_tensor_const_matrix(&s.x, NULL, PRUNE_F32, PEERS_SAMPLES, peers_width[0], peers_x));
    ck_assert_ok(prune_tensor_const_matrix(&s.label, NULL, PRUNE_I32, PEERS_SAMPLES, 1, peers_label));
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

/* Scores of the fixture's samples in batches of 5. */
static prune_importance *make_scores(prune_model *model, int32_t criterion)
{
    prune_importance *scores;
    prune_trainer *trainer;
    prune_trainer_options options;
    samples s = make_samples();
    prune_trainer_options_init(&options);
    options.max_batch = 5;
    options.per_sample = criterion == PRUNE_FISHER ? PRUNE_PER_SAMPLE_SQUARE : 0;
    ck_assert_ok(prune_trainer_create(&trainer, NULL, model, &options, NULL));
    ck_assert_ok(prune_importance_create(&scores, NULL, model, criterion));
    ck_assert_ok(prune_importance_accumulate(scores, trainer, &s.data, NULL));
    prune_trainer_free(trainer);
    end_samples(&s);
    return scores;
}

static prune_importance *make_supplied(prune_model *model)
{
    prune_importance *scores;
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_SUPPLIED));
    return scores;
}

/* ---- one call of the library for each rule ---- */

static prune_selection selection_of(int32_t granularity, int32_t layer)
{
    prune_selection s;
    prune_selection_init(&s);
    s.granularity = granularity;
    s.layer = layer;
    s.include_output = 1;
    s.min_kept = 0;
    return s;
}

/* Cuts below the score that is next after `count` have gone: equal ones stay, all of them. */
static void cut(prune_model *model, const prune_importance *scores, const prune_selection *s, int32_t rule,
                double amount)
{
    uint64_t units, kept, count;
    float threshold;
    ck_assert_ok(prune_mask_units(&units, &kept, model, s));
    ck_assert_ok(prune_fraction_count_by(&count, amount, units, rule));
    ck_assert_ok(prune_threshold_quantile(&threshold, scores, s, (double)count / (double)units));
    ck_assert_ok(prune_mask_below(NULL, model, scores, s, threshold));
}

static void cut_layers(prune_model *model, const prune_importance *scores, int32_t rule, double amount)
{
    for (int32_t l = 0; l < PEERS_LAYERS; l++) {
        const prune_selection s = selection_of(PRUNE_WEIGHTS, l);
        cut(model, scores, &s, rule, amount);
    }
}

static void cut_blocks(prune_model *model, const prune_importance *scores, const peers_case *c)
{
    for (int32_t l = 0; l < PEERS_LAYERS; l++) {
        prune_selection s = selection_of(PRUNE_BLOCKS, l);
        s.aggregate = c->rule == PEERS_TFMOT_MAX ? PRUNE_ROW_MAX : PRUNE_ROW_MEAN;
        s.block_rows = c->a;
        s.block_columns = c->b;
        cut(model, scores, &s, PRUNE_COUNT_LEFT_NEAREST, c->amount);
    }
}

static void remove_lowest_rows(prune_model *model, const prune_importance *scores, int32_t aggregate,
                               double amount)
{
    for (int32_t l = 0; l < PEERS_LAYERS; l++) {
        uint64_t count;
        prune_selection s = selection_of(PRUNE_NEURONS, l);
        s.aggregate = aggregate;
        ck_assert_ok(prune_fraction_count_by(&count, amount, peers_width[l + 1], PRUNE_COUNT_DOWN));
        ck_assert_ok(prune_mask_lowest(NULL, model, scores, &s, count));
    }
}

static void remove_by_distance(prune_model *model, double amount)
{
    prune_importance *scores = make_supplied(model);
    ck_assert_ok(prune_score_geometric_median(scores));
    remove_lowest_rows(model, scores, PRUNE_ROW_MEAN, amount);
    prune_importance_free(scores);
}

/* Of the two layers that groups divide. */
static void keep_in_groups(prune_model *model, const prune_importance *scores, int32_t keep, int32_t of)
{
    for (int32_t l = 0; l < PEERS_LAYERS; l += 2) {
        const prune_selection s = selection_of(PRUNE_WEIGHTS, l);
        ck_assert_ok(prune_mask_n_of_m(NULL, model, scores, &s, (uint64_t)keep, (uint64_t)of));
    }
}

static void keep_by_wanda(prune_model *model, int32_t keep, int32_t of)
{
    prune_importance *scores = make_supplied(model);
    prune_activity *activity;
    samples s = make_samples();
    ck_assert_ok(prune_activity_create(&activity, NULL, model));
    ck_assert_ok(prune_activity_add(activity, &s.data, NULL, NULL));
    ck_assert_ok(prune_score_wanda(scores, activity));
    keep_in_groups(model, scores, keep, of);
    prune_activity_free(activity);
    prune_importance_free(scores);
    end_samples(&s);
}

/* numpy.quantile() puts the threshold between two scores; below it lie those up to there. */
static void compress(prune_model *model, const prune_importance *scores, double compression)
{
    prune_selection s = selection_of(PRUNE_WEIGHTS, -1);
    prune_report report;
    s.include_bias = 1;
    const double below = ceil((PEERS_COUNT - 1) * (1.0 - 1.0 / compression));
    ck_assert_ok(prune_mask_lowest(NULL, model, scores, &s, (uint64_t)below));
    prune_report_init(&report);
    ck_assert_ok(prune_report_total(&report, model, NULL));
    ck_assert_uint_eq(report.nonzeros, PEERS_COUNT - (uint64_t)below);
    ck_assert_double_eq_tol(report.compression, PEERS_COUNT / (PEERS_COUNT - below), 1e-12);
}

static prune_selection joint_selection(int32_t layer)
{
    prune_selection s = selection_of(PRUNE_NEURONS, layer);
    s.include_output = layer >= 0;
    s.aggregate = PRUNE_ROW_L1;
    s.joint = 1;
    return s;
}

/* In steps; what stays after each is rounded down to a multiple. */
static void remove_groups(prune_model *model, const prune_importance *scores, const peers_case *c)
{
    const prune_selection s = joint_selection(c->layer);
    for (int32_t step = 1; step <= c->a; step++) {
        uint64_t units, kept, gone;
        ck_assert_ok(prune_mask_units(&units, &kept, model, &s));
        ck_assert_ok(prune_fraction_count_by(&gone, c->amount * step / c->a, units, PRUNE_COUNT_LEFT_DOWN));
        const uint64_t left = (units - gone) / (uint64_t)c->b * (uint64_t)c->b;
        ck_assert_ok(prune_mask_lowest(NULL, model, scores, &s, kept - left));
    }
}

static void remove_any_groups(prune_model *model, const prune_importance *scores, double amount)
{
    const prune_selection s = joint_selection(-1);
    uint64_t gone;
    ck_assert_ok(prune_fraction_count_by(&gone, amount, PEERS_NEURONS, PRUNE_COUNT_LEFT_DOWN));
    ck_assert_ok(prune_mask_lowest(NULL, model, scores, &s, gone));
}

static void apply_to_weights(prune_model *model, const prune_importance *scores, const peers_case *c)
{
    const prune_selection all = selection_of(PRUNE_WEIGHTS, -1);
    prune_selection each = all;
    each.scope = PRUNE_PER_LAYER;
    if (c->rule == PEERS_TFMOT)
        cut_layers(model, scores, PRUNE_COUNT_LEFT_NEAREST, c->amount);
    else if (c->rule == PEERS_NNI)
        cut_layers(model, scores, PRUNE_COUNT_DOWN, c->amount);
    else if (c->rule == PEERS_NNI_GLOBAL)
        cut(model, scores, &all, PRUNE_COUNT_DOWN, c->amount);
    else if (c->rule == PEERS_NNI_THRESHOLD)
        ck_assert_ok(prune_mask_below(NULL, model, scores, &all, (float)c->amount));
    else if (c->rule == PEERS_SPARSEML)
        ck_assert_ok(prune_mask_fraction(NULL, model, scores, &each, c->amount, PRUNE_OF_ALL));
    else if (c->rule == PEERS_SHRINKBENCH)
        compress(model, scores, c->amount);
    else
        ck_abort_msg("rule %d", (int)c->rule);
}

static void apply_to_groups(prune_model *model, const prune_importance *scores, const peers_case *c)
{
    switch (c->rule) {
    case PEERS_TFMOT_MEAN:
    case PEERS_TFMOT_MAX:
        cut_blocks(model, scores, c);
        break;
    case PEERS_NNI_ROWS_L1:
        remove_lowest_rows(model, scores, PRUNE_ROW_L1, c->amount);
        break;
    case PEERS_NNI_ROWS_L2:
        remove_lowest_rows(model, scores, PRUNE_ROW_L2, c->amount);
        break;
    case PEERS_NNI_MEDIAN:
        remove_by_distance(model, c->amount);
        break;
    case PEERS_TFMOT_GROUPS: /* (zeros, of) */
        keep_in_groups(model, scores, c->b - c->a, c->b);
        break;
    case PEERS_SPARSEML_GROUPS: /* kept : of */
        keep_in_groups(model, scores, c->a, c->b);
        break;
    case PEERS_WANDA_GROUPS: /* prune_n, prune_m */
        keep_by_wanda(model, c->b - c->a, c->b);
        break;
    default:
        apply_to_weights(model, scores, c);
    }
}

static void apply(prune_model *model, const peers_case *c)
{
    const int32_t joint = c->rule == PEERS_TORCH_PRUNING || c->rule == PEERS_TORCH_PRUNING_GLOBAL;
    prune_importance *scores;
    ck_assert_ok(
        prune_importance_create(&scores, NULL, model, joint ? PRUNE_MAGNITUDE_SQUARED : PRUNE_MAGNITUDE));
    if (c->rule == PEERS_TORCH_PRUNING)
        remove_groups(model, scores, c);
    else if (joint)
        remove_any_groups(model, scores, c->amount);
    else
        apply_to_groups(model, scores, c);
    prune_importance_free(scores);
}

/* ---- tests ---- */

static void read_masks(char *text, const prune_model *model)
{
    for (size_t p = 0; p < 2 * PEERS_LAYERS; p++) {
        uint8_t bytes[PEERS_COUNT];
        const size_t count = world_count(model, p);
        ck_assert_ok(prune_mask_get(bytes, count, model, p));
        for (size_t i = 0; i < count; i++)
            *text++ = bytes[i] ? '1' : '0';
    }
    *text = '\0';
}

static void check_rules(int32_t first, int32_t last)
{
    size_t checked = 0;
    for (size_t i = 0; i < sizeof peers_cases / sizeof peers_cases[0]; i++) {
        const peers_case *c = &peers_cases[i];
        char got[PEERS_COUNT + 1];
        if (c->rule < first || c->rule > last)
            continue;
        prune_model *model = make_model(c->few ? peers_few : peers_apart);
        apply(model, c);
        read_masks(got, model);
        ck_assert_msg(strcmp(got, c->mask) == 0, "case %d, rule %d, %g:\n%s, but by the rule\n%s", (int)i,
                      (int)c->rule, c->amount, got, c->mask);
        ck_assert_ok(prune_model_verify(model, NULL));
        prune_model_free(model);
        checked++;
    }
    ck_assert_uint_ge(checked, 3);
}

START_TEST(masks_of_tfmot)
{
    check_rules(PEERS_TFMOT, PEERS_TFMOT);
    check_rules(PEERS_TFMOT_MEAN, PEERS_TFMOT_MAX);
    check_rules(PEERS_TFMOT_GROUPS, PEERS_TFMOT_GROUPS);
}
END_TEST

START_TEST(masks_of_nni)
{
    check_rules(PEERS_NNI, PEERS_NNI_GLOBAL);
    check_rules(PEERS_NNI_THRESHOLD, PEERS_NNI_THRESHOLD);
    check_rules(PEERS_NNI_ROWS_L1, PEERS_NNI_MEDIAN);
}
END_TEST

START_TEST(masks_of_sparseml)
{
    check_rules(PEERS_SPARSEML, PEERS_SPARSEML);
    check_rules(PEERS_SPARSEML_GROUPS, PEERS_SPARSEML_GROUPS);
}
END_TEST

START_TEST(masks_of_wanda_by_groups)
{
    check_rules(PEERS_WANDA_GROUPS, PEERS_WANDA_GROUPS);
}
END_TEST

START_TEST(masks_of_shrinkbench)
{
    check_rules(PEERS_SHRINKBENCH, PEERS_SHRINKBENCH);
}
END_TEST

START_TEST(masks_of_torch_pruning)
{
    check_rules(PEERS_TORCH_PRUNING, PEERS_TORCH_PRUNING);
    check_rules(PEERS_TORCH_PRUNING_GLOBAL, PEERS_TORCH_PRUNING_GLOBAL);
}
END_TEST

static void check_group_scores(const float *wanted, int32_t criterion, int32_t aggregate)
{
    prune_model *model = make_model(peers_apart);
    prune_importance *scores = make_scores(model, criterion);
    for (size_t l = 0; l < 2; l++) {
        float got[PEERS_NEURONS];
        ck_assert_ok(prune_importance_joint(got, PEERS_NEURONS, scores, l, aggregate, 0));
        for (size_t n = 0; n < peers_width[l + 1]; n++, wanted++)
            ck_assert_double_eq_tol((double)got[n], (double)*wanted, 2e-5 * (double)*wanted + 1e-7);
    }
    prune_importance_free(scores);
    prune_model_free(model);
}

START_TEST(groups_of_torch_pruning)
{
    check_group_scores(peers_group_magnitude, PRUNE_MAGNITUDE, PRUNE_ROW_L1);
    check_group_scores(peers_group_squares, PRUNE_MAGNITUDE_SQUARED, PRUNE_ROW_L1);
    check_group_scores(peers_group_taylor, PRUNE_TAYLOR, PRUNE_ROW_L1);
    check_group_scores(peers_group_signed, PRUNE_TAYLOR, PRUNE_ROW_SIGNED);
    check_group_scores(peers_group_hessian, PRUNE_FISHER, PRUNE_ROW_L1);
}
END_TEST

/* NNI: the mean over steps of (w g)^2, summed over a row; here a step is a sample. */
START_TEST(taylor_rows_of_nni)
{
    prune_model *model = make_model(peers_apart);
    prune_importance *scores = make_scores(model, PRUNE_FISHER);
    const float *wanted = peers_taylor_rows;
    for (size_t l = 0; l < 2; l++) {
        float got[PEERS_NEURONS];
        ck_assert_ok(prune_importance_neurons(got, PEERS_NEURONS, scores, l, PRUNE_ROW_L1));
        for (size_t n = 0; n < peers_width[l + 1]; n++, wanted++)
            ck_assert_double_eq_tol((double)got[n], (double)*wanted, 2e-5 * (double)*wanted);
    }
    prune_importance_free(scores);
    prune_model_free(model);
}
END_TEST

/* From their first update on, step by step: what is due is what the last update said. */
static void follow(const peers_schedule *s)
{
    size_t newest = 0;
    for (uint64_t t = s->step[0]; t <= s->sparsity.end; t++) {
        double value;
        while (newest + 1 < s->count && s->step[newest + 1] <= t)
            newest++;
        ck_assert_ok(prune_sparsity_at(&value, &s->sparsity, t));
        if (t < s->sparsity.end || s->step[newest] == t)
            ck_assert_double_eq_tol(value, s->value[newest], 1e-12);
        else
            ck_assert(value == s->sparsity.final);
    }
    ck_assert_uint_eq(newest + 1, s->count);
}

START_TEST(schedules_of_tfmot_nni_sparseml_and_neural_compressor)
{
    for (size_t i = 0; i < sizeof peers_schedules / sizeof peers_schedules[0]; i++)
        follow(&peers_schedules[i]);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        masks_of_tfmot,           masks_of_nni,         masks_of_sparseml,
        masks_of_wanda_by_groups, masks_of_shrinkbench, masks_of_torch_pruning,
        groups_of_torch_pruning,  taylor_rows_of_nni,   schedules_of_tfmot_nni_sparseml_and_neural_compressor
    };
    return run_tests("peers", tests, sizeof tests / sizeof tests[0]);
}
