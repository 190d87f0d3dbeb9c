/* group_test.c -- one score for many weights: rows, columns, blocks, any slices
 *
 * SPDX-License-Identifier: MIT */
#include "support/oracle.h"
#include "support/twin.h"

#include <math.h>

static const int32_t aggregates[] = { PRUNE_ROW_MAX, PRUNE_ROW_L1, PRUNE_ROW_L2, PRUNE_ROW_MEAN,
                                      PRUNE_ROW_SIGNED };
enum { AGGREGATES = 5, MOST_SLICES = 4 };

/* ---- against double precision ---- */

typedef struct group {
    size_t count;
    prune_slice slices[MOST_SLICES];
} group;

/* Of the twin: W0[7][6], b0[7], W1[4][7], b1[4]. */
static const group groups[] = {
    { 1, { { 0, 12, 1, 6 } } },                                                 /* a row */
    { 2, { { 0, 12, 1, 6 }, { 1, 2, 1, 1 } } },                                 /* and its bias */
    { 1, { { 2, 3, 7, 4 } } },                                                  /* a column */
    { 3, { { 0, 7, 1, 2 }, { 0, 13, 1, 2 }, { 0, 19, 1, 2 } } },                /* a block, 3 x 2 */
    { 4, { { 0, 18, 1, 6 }, { 1, 3, 1, 1 }, { 2, 3, 7, 4 }, { 3, 0, 1, 0 } } }, /* a neuron, in and out */
    { 2, { { 2, 0, 1, 28 }, { 0, 0, 1, 42 } } }, /* two layers, the last first */
    { 2, { { 0, 0, 1, 42 }, { 0, 0, 41, 2 } } }, /* its corners count twice */
    { 1, { { 3, 1, 1, 1 } } },                   /* one weight */
    { 1, { { 3, 3, SIZE_MAX, 1 } } },
    { 1, { { 0, 0, 1, 0 } } },
    { 0, { { 0, 0, 0, 0 } } },
};
enum { GROUPS = sizeof groups / sizeof groups[0] };

/* What a criterion is made of, from the double-precision network. */
typedef struct means {
    double gradient[REF_PARAMS], absolute[REF_PARAMS], square[REF_PARAMS];
} means;

static int32_t per_sample_of(int32_t criterion)
{
    return criterion == PRUNE_FISHER            ? PRUNE_PER_SAMPLE_SQUARE
           : criterion == PRUNE_SAMPLE_GRADIENT ? PRUNE_PER_SAMPLE_ABSOLUTE
                                                : 0;
}

static int32_t has_sign(int32_t criterion)
{
    return per_sample_of(criterion) == 0;
}

static int32_t is_squared(int32_t criterion)
{
    return criterion >= PRUNE_MAGNITUDE_SQUARED && criterion <= PRUNE_TAYLOR_SQUARED;
}

static const double *mean_of(const means *m, int32_t criterion)
{
    return criterion == PRUNE_FISHER            ? m->square
           : criterion == PRUNE_SAMPLE_GRADIENT ? m->absolute
                                                : m->gradient;
}

static double term_of(int32_t criterion, double w, double g)
{
    const int32_t like =
        is_squared(criterion) ? criterion - PRUNE_MAGNITUDE_SQUARED + PRUNE_MAGNITUDE : criterion;
    return like == PRUNE_MAGNITUDE ? w : like == PRUNE_GRADIENT ? g : w * g;
}

typedef struct sums {
    size_t kept;
    double most, scores, squares, terms;
} sums;

static sums add_up(const twin *w, const double *m, int32_t criterion, const group *of)
{
    sums all = { 0 };
    for (size_t s = 0; s < of->count; s++)
        for (size_t k = 0; k < of->slices[s].count; k++) {
            const prune_slice *slice = &of->slices[s];
            const size_t i = ref_begin(&w->net, slice->param) + slice->start + k * slice->stride;
            if (!w->net.keep[i])
                continue;
            const double score = twin_formula(criterion, w->net.w[i], m[i]);
            all.kept++;
            all.most = fmax(all.most, score);
            all.scores += score;
            all.squares += score * score;
            all.terms += term_of(criterion, w->net.w[i], m[i]);
        }
    return all;
}

static double aggregate_of(const sums *all, int32_t criterion, int32_t aggregate)
{
    switch (aggregate) {
    case PRUNE_ROW_MAX:
        return all->most;
    case PRUNE_ROW_L1:
        return all->scores;
    case PRUNE_ROW_L2:
        return sqrt(all->squares);
    case PRUNE_ROW_MEAN:
        return all->kept == 0 ? 0.0 : all->scores / (double)all->kept;
    default:
        return is_squared(criterion) ? all->terms * all->terms : fabs(all->terms);
    }
}

/* Each of the scores may be off by some 1e-6 of the largest of all. */
static double allowance(const sums *all, const sums *net, int32_t criterion, int32_t aggregate)
{
    const double error = 2e-6 * net->most, number = (double)all->kept;
    if (aggregate == PRUNE_ROW_SIGNED && is_squared(criterion)) {
        const double of_terms = 2e-6 * sqrt(net->most) * number;
        return (2.0 * fabs(all->terms) + of_terms) * of_terms;
    }
    return aggregate == PRUNE_ROW_MAX || aggregate == PRUNE_ROW_MEAN ? error : error * number;
}

static void check_group(const prune_importance *scores, const twin *w, const double *m, int32_t criterion,
                        const group *of)
{
    static const group everything = { 4,
                                      { { 0, 0, 1, 42 }, { 1, 0, 1, 7 }, { 2, 0, 1, 28 }, { 3, 0, 1, 4 } } };
    const sums all = add_up(w, m, criterion, of), net = add_up(w, m, criterion, &everything);
    for (size_t a = 0; a < AGGREGATES; a++) {
        float score = -7.0f;
        const prune_status status =
            prune_importance_group(&score, scores, of->slices, of->count, aggregates[a], NULL);
        if (aggregates[a] == PRUNE_ROW_SIGNED && !has_sign(criterion)) {
            ck_assert_status(status, PRUNE_E_ARGUMENT);
            ck_assert_number(score, -7.0);
            continue;
        }
        ck_assert_ok(status);
        ck_assert_double_le(fabs((double)score - aggregate_of(&all, criterion, aggregates[a])),
                            allowance(&all, &net, criterion, aggregates[a]));
    }
}

static prune_importance *scores_of(const twin *w, int32_t criterion)
{
    prune_trainer *trainer;
    prune_trainer_options options;
    prune_importance *scores = twin_importance(w->model, criterion);
    prune_trainer_options_init(&options);
    options.loss = w->task.loss;
    options.max_batch = 16;
    options.per_sample = per_sample_of(criterion);
    ck_assert_ok(prune_trainer_create(&trainer, NULL, w->model, &options, NULL));
    ck_assert_ok(prune_importance_accumulate(scores, trainer, twin_data(w), NULL));
    prune_trainer_free(trainer);
    return scores;
}

START_TEST(every_group_is_what_double_precision_says)
{
    static twin w;
    static means m;
    twin_make(&w, PRUNE_MSE);
    ref_data_gradient(m.gradient, &w.net, &w.task);
    twin_sample_means(m.absolute, m.square, &w.net, &w.task);
    for (int32_t criterion = PRUNE_MAGNITUDE; criterion <= PRUNE_FISHER; criterion++) {
        prune_importance *scores = scores_of(&w, criterion);
        for (size_t i = 0; i < GROUPS; i++)
            check_group(scores, &w, mean_of(&m, criterion), criterion, &groups[i]);
        prune_importance_free(scores);
    }
    twin_end(&w);
}
END_TEST

/* Bit for bit, of every layer. */
START_TEST(neurons_and_inputs_are_groups)
{
    static twin w;
    twin_make(&w, PRUNE_MSE);
    for (int32_t criterion = PRUNE_MAGNITUDE; criterion <= PRUNE_FISHER; criterion++) {
        prune_importance *scores = scores_of(&w, criterion);
        for (size_t l = 0; l < TWIN_LAYERS; l++)
            for (size_t a = 0; a < AGGREGATES - !has_sign(criterion); a++) {
                const size_t inputs = twin_width[l], outputs = twin_width[l + 1];
                float neuron[8], input[8], score;
                ck_assert_ok(prune_importance_neurons(neuron, outputs, scores, l, aggregates[a]));
                ck_assert_ok(prune_importance_inputs(input, inputs, scores, l, aggregates[a]));
                for (size_t u = 0; u < outputs; u++) {
                    const prune_slice row = { 2 * l, u * inputs, 1, inputs };
                    ck_assert_ok(prune_importance_group(&score, scores, &row, 1, aggregates[a], NULL));
                    ck_assert_number(neuron[u], score);
                }
                for (size_t u = 0; u < inputs; u++) {
                    const prune_slice column = { 2 * l, u, inputs, outputs };
                    ck_assert_ok(prune_importance_group(&score, scores, &column, 1, aggregates[a], NULL));
                    ck_assert_number(input[u], score);
                }
            }
        prune_importance_free(scores);
    }
    twin_end(&w);
}
END_TEST

/* ReLU is homogeneous: over each sample, and so over their mean, the sum of w g into a neuron, its bias
 * included, is that out of it. */
START_TEST(what_flows_into_a_relu_flows_out)
{
    const size_t widths[] = { 5, 9, 3 };
    world_data data;
    float out[9];
    double largest = 0.0;
    prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 4);
    prune_trainer *trainer = twin_trainer(model, PRUNE_MSE, 8, 0);
    prune_importance *scores = twin_importance(model, PRUNE_TAYLOR);
    const float bias[9] = { 0.5f, -0.25f, 1, 0.125f, -0.5f, 0.75f, 0.25f, 0.5f, -0.125f };
    world_data_make(&data, 40, 5, 3, 8);
    ck_assert_ok(prune_model_set_param(model, 1, bias, 9));
    ck_assert_ok(prune_importance_accumulate(scores, trainer, &data.valued, NULL));
    ck_assert_ok(prune_importance_inputs(out, 9, scores, 1, PRUNE_ROW_SIGNED));
    for (size_t u = 0; u < 9; u++) {
        const prune_slice in[] = { { 0, 5 * u, 1, 5 }, { 1, u, 1, 1 } };
        float score;
        ck_assert_ok(prune_importance_group(&score, scores, in, 2, PRUNE_ROW_SIGNED, NULL));
        ck_assert_double_le(fabs((double)score - (double)out[u]), 1e-6);
        largest = fmax(largest, (double)score);
    }
    ck_assert_double_ge(largest, 1e-2);
    prune_importance_free(scores);
    prune_trainer_free(trainer);
    prune_model_free(model);
    world_data_end(&data);
}
END_TEST

/* ---- refusals ---- */

START_TEST(scores_without_a_sign_have_no_signed_sum)
{
    static twin w;
    prune_selection s;
    prune_removal removal;
    prune_histogram histogram;
    uint64_t counts[4];
    float neuron[8], threshold = 5.0f;
    twin_make(&w, PRUNE_MSE);
    prune_selection_init(&s);
    prune_removal_init(&removal);
    prune_histogram_init(&histogram);
    histogram.bins = 4;
    histogram.counts = counts;
    s.aggregate = PRUNE_ROW_SIGNED;
    for (int32_t criterion = PRUNE_SAMPLE_GRADIENT; criterion <= PRUNE_FISHER; criterion++) {
        prune_importance *scores = scores_of(&w, criterion);
        const uint64_t hash = world_hash(w.model);
        s.granularity = PRUNE_NEURONS;
        ck_assert_status(prune_importance_neurons(neuron, 8, scores, 0, PRUNE_ROW_SIGNED), PRUNE_E_ARGUMENT);
        ck_assert_status(prune_importance_inputs(neuron, 8, scores, 0, PRUNE_ROW_SIGNED), PRUNE_E_ARGUMENT);
        ck_assert_status(prune_mask_lowest(NULL, w.model, scores, &s, 1), PRUNE_E_ARGUMENT);
        ck_assert_status(prune_mask_below(NULL, w.model, scores, &s, 1.0f), PRUNE_E_ARGUMENT);
        ck_assert_status(prune_mask_preview(&removal, scores, &s, 1.0f), PRUNE_E_ARGUMENT);
        ck_assert_status(prune_mask_fraction(NULL, w.model, scores, &s, 0.5, PRUNE_OF_ALL), PRUNE_E_ARGUMENT);
        ck_assert_status(prune_histogram_fill(&histogram, scores, &s), PRUNE_E_ARGUMENT);
        ck_assert_status(prune_threshold_quantile(&threshold, scores, &s, 0.5), PRUNE_E_ARGUMENT);
        ck_assert_status(prune_threshold_from_rule(&threshold, scores, &s, NULL), PRUNE_E_ARGUMENT);
        ck_assert_number(threshold, 5.0);
        ck_assert_uint_eq(world_hash(w.model), hash);
        s.granularity = PRUNE_WEIGHTS; /* where nothing is aggregated */
        ck_assert_ok(prune_mask_preview(&removal, scores, &s, 1.0f));
        prune_importance_free(scores);
    }
    twin_end(&w);
}
END_TEST

START_TEST(wrong_slices_are_named)
{
    static const struct {
        prune_slice slice;
        prune_status status; /* W0 has 42 elements */
    } cases[] = {
        { { 4, 0, 1, 1 }, PRUNE_E_RANGE },
        { { SIZE_MAX, 0, 1, 0 }, PRUNE_E_RANGE },
        { { 0, 42, 1, 1 }, PRUNE_E_RANGE },
        { { 0, SIZE_MAX, 1, 1 }, PRUNE_E_RANGE },
        { { 0, 0, 1, 43 }, PRUNE_E_RANGE },
        { { 0, 1, 1, 42 }, PRUNE_E_RANGE },
        { { 0, 0, 6, 8 }, PRUNE_E_RANGE },
        { { 0, 5, 37, 2 }, PRUNE_E_RANGE },
        { { 0, 0, SIZE_MAX, 2 }, PRUNE_E_RANGE },
        { { 0, 1, SIZE_MAX, 2 }, PRUNE_E_RANGE },
        { { 0, 0, 2, SIZE_MAX }, PRUNE_E_RANGE },
        { { 0, 2, SIZE_MAX / 2 + 1, 3 }, PRUNE_E_RANGE },
        { { 0, 0, 0, 1 }, PRUNE_E_ARGUMENT },
        { { 0, 0, 0, SIZE_MAX }, PRUNE_E_ARGUMENT },
        { { 0, 41, 1, 1 }, PRUNE_OK },
        { { 0, 0, 1, 42 }, PRUNE_OK },
        { { 0, 5, 6, 7 }, PRUNE_OK },
        { { 0, 0, 41, 2 }, PRUNE_OK },
        { { 0, 99, 1, 0 }, PRUNE_OK },
    };
    static twin w;
    twin_make(&w, PRUNE_MSE);
    prune_importance *scores = twin_importance(w.model, PRUNE_MAGNITUDE);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const prune_slice slices[] = { { 1, 0, 1, 7 }, { 2, 0, 1, 28 }, cases[i].slice };
        prune_error error = { 0 };
        float score = 9.0f;
        ck_assert_status(prune_importance_group(&score, scores, slices, 3, PRUNE_ROW_L1, &error),
                         cases[i].status);
        ck_assert_str_eq(error.place, cases[i].status == PRUNE_OK ? "" : "slices[2]");
        ck_assert_int_eq(error.reason[0] != 0, cases[i].status != PRUNE_OK);
        ck_assert_int_eq(score == 9.0f, cases[i].status != PRUNE_OK);
        ck_assert_status(prune_importance_group(&score, scores, slices, 3, PRUNE_ROW_L1, NULL),
                         cases[i].status);
    }
    prune_importance_free(scores);
    twin_end(&w);
}
END_TEST

START_TEST(arguments_are_checked)
{
    static const prune_slice slice = { 0, 0, 1, 1 };
    static twin w;
    float score = 9.0f, many[8];
    prune_error error = { 0 };
    twin_make(&w, PRUNE_MSE);
    prune_importance *scores = twin_importance(w.model, PRUNE_MAGNITUDE);
    prune_importance *waiting = twin_importance(w.model, PRUNE_TAYLOR);
    ck_assert_status(prune_importance_group(NULL, scores, &slice, 1, PRUNE_ROW_L1, &error), PRUNE_E_ARGUMENT);
    ck_assert_str_eq(error.place, "score");
    ck_assert_status(prune_importance_group(&score, NULL, &slice, 1, PRUNE_ROW_L1, &error), PRUNE_E_ARGUMENT);
    ck_assert_str_eq(error.place, "importance");
    ck_assert_status(prune_importance_group(&score, scores, NULL, 1, PRUNE_ROW_L1, &error), PRUNE_E_ARGUMENT);
    ck_assert_str_eq(error.place, "slices");
    ck_assert_status(prune_importance_group(&score, waiting, &slice, 1, PRUNE_ROW_L1, &error), PRUNE_E_STATE);
    for (int32_t wrong = -1; wrong <= PRUNE_ROW_SIGNED + 1; wrong += wrong == 0 ? PRUNE_ROW_SIGNED + 1 : 1) {
        ck_assert_status(prune_importance_group(&score, scores, &slice, 1, wrong, &error), PRUNE_E_ARGUMENT);
        ck_assert_str_eq(error.place, "aggregate");
        ck_assert_status(prune_importance_inputs(many, 8, scores, 0, wrong), PRUNE_E_ARGUMENT);
    }
    ck_assert_number(score, 9.0);
    ck_assert_ok(prune_importance_group(&score, scores, NULL, 0, PRUNE_ROW_L1, NULL));
    ck_assert_number(score, 0.0);
    ck_assert_status(prune_importance_inputs(many, 8, waiting, 0, PRUNE_ROW_L1), PRUNE_E_STATE);
    ck_assert_status(prune_importance_inputs(many, 8, NULL, 0, PRUNE_ROW_L1), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_importance_inputs(NULL, 8, scores, 0, PRUNE_ROW_L1), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_importance_inputs(many, 8, scores, 2, PRUNE_ROW_L1), PRUNE_E_RANGE);
    ck_assert_status(prune_importance_inputs(many, 5, scores, 0, PRUNE_ROW_L1), PRUNE_E_SHAPE);
    ck_assert_ok(prune_model_add_dense(w.model, 2, PRUNE_LINEAR));
    ck_assert_status(prune_importance_group(&score, scores, &slice, 1, PRUNE_ROW_L1, &error), PRUNE_E_STATE);
    prune_importance_free(scores);
    prune_importance_free(waiting);
    twin_end(&w);
}
END_TEST

/* A layer without weights has neither neurons nor inputs to score. */
START_TEST(layers_without_weights_are_refused)
{
    float many[8];
    prune_model *model = NULL;
    ck_assert_ok(prune_model_create(&model, NULL, 3));
    ck_assert_ok(prune_model_add_dense(model, 4, PRUNE_LINEAR));
    ck_assert_ok(prune_model_add_activation(model, PRUNE_RELU));
    prune_importance *scores = twin_importance(model, PRUNE_MAGNITUDE);
    ck_assert_ok(prune_importance_neurons(many, 8, scores, 0, PRUNE_ROW_L1));
    ck_assert_ok(prune_importance_inputs(many, 8, scores, 0, PRUNE_ROW_L1));
    ck_assert_status(prune_importance_neurons(many, 8, scores, 1, PRUNE_ROW_L1), PRUNE_E_RANGE);
    ck_assert_status(prune_importance_inputs(many, 8, scores, 1, PRUNE_ROW_L1), PRUNE_E_RANGE);
    prune_importance_free(scores);
    prune_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_group_is_what_double_precision_says,
        neurons_and_inputs_are_groups,
        what_flows_into_a_relu_flows_out,
        scores_without_a_sign_have_no_signed_sum,
        wrong_slices_are_named,
        arguments_are_checked,
        layers_without_weights_are_refused,
    };
    return run_tests("group", tests, sizeof tests / sizeof tests[0]);
}
