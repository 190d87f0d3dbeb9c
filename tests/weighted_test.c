/* weighted_test.c -- losses with options, weighted samples: trained, scored, measured and saved
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"
#include "support/work.h"

#include <math.h>
#include <string.h>

enum { SAMPLES = 24, INPUTS = 5, CLASSES = 3, MANY = 36 };
static const size_t widths[] = { INPUTS, 7, CLASSES };

/* SAMPLES with the weights 0, 1, 2, 3 in turn, and the same samples as often as these say. */
typedef struct twins {
    world_data world;
    float weight[SAMPLES], x[MANY * INPUTS], y[MANY * CLASSES];
    int32_t label[MANY];
    prune_tensor *weights, *many_x, *many_y, *many_label;
    prune_data weighted, many;
} twins;

static void make_twins(twins *t, int32_t labelled)
{
    size_t row = 0;
    world_data_make(&t->world, SAMPLES, INPUTS, CLASSES, 4);
    for (size_t i = 0; i < SAMPLES; i++) {
        t->weight[i] = (float)(i % 4);
        for (size_t k = 0; k < i % 4; k++, row++) {
            memcpy(t->x + row * INPUTS, t->world.x + i * INPUTS, INPUTS * sizeof(float));
            memcpy(t->y + row * CLASSES, t->world.y + i * CLASSES, CLASSES * sizeof(float));
            t->label[row] = t->world.label[i];
        }
    }
    ck_assert_uint_eq(row, MANY);
    ck_assert_ok(prune_tensor_const_matrix(&t->weights, NULL, PRUNE_F32, SAMPLES, 1, t->weight));
    ck_assert_ok(prune_tensor_const_matrix(&t->many_x, NULL, PRUNE_F32, MANY, INPUTS, t->x));
    ck_assert_ok(prune_tensor_const_matrix(&t->many_y, NULL, PRUNE_F32, MANY, CLASSES, t->y));
    ck_assert_ok(prune_tensor_const_matrix(&t->many_label, NULL, PRUNE_I32, MANY, 1, t->label));
    t->weighted = labelled ? t->world.labelled : t->world.valued;
    t->weighted.weights = t->weights;
    prune_data_init(&t->many);
    t->many.inputs = t->many_x;
    t->many.targets = labelled ? t->many_label : t->many_y;
}

static void end_twins(twins *t)
{
    prune_tensor_free(t->weights);
    prune_tensor_free(t->many_x);
    prune_tensor_free(t->many_y);
    prune_tensor_free(t->many_label);
    world_data_end(&t->world);
}

static const float class_weights[CLASSES] = { 0.5f, 2.0f, 1.25f };

/* A loss of labels with all it has, or of values. */
static prune_loss_options loss_for(int32_t labelled)
{
    prune_loss_options loss;
    prune_loss_options_init(&loss);
    if (labelled) {
        loss.smoothing = 0.125f;
        loss.class_weights = class_weights;
        loss.class_count = CLASSES;
    } else {
        loss.kind = PRUNE_HUBER;
        loss.delta = 0.5f;
        loss.mean_over_outputs = 1;
    }
    return loss;
}

static prune_trainer *trainer_for(prune_model *model, const prune_loss_options *loss, size_t max_batch,
                                  int32_t per_sample)
{
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    options.loss_options = loss;
    options.max_batch = max_batch;
    options.learning_rate = 0.25f;
    options.per_sample = per_sample;
    return world_trainer(model, &options);
}

static void check_close(const prune_model *a, const prune_model *b, double tolerance)
{
    for (size_t p = 0; p < prune_model_param_count(a); p++)
        ck_assert_double_le(
            world_distance(prune_model_param(a, p), prune_model_param(b, p), world_count(a, p)), tolerance);
}

/* ---- training ---- */

static void fit(prune_fit_result *result, prune_trainer *trainer, const prune_data *data)
{
    prune_fit_options options;
    prune_fit_options_init(&options);
    prune_fit_result_init(result);
    options.epochs = 8;
    options.validation = data;
    ck_assert_ok(prune_trainer_fit(result, trainer, data, &options, NULL));
}

START_TEST(a_fit_with_weights_is_that_of_repeated_samples)
{
    for (int32_t labelled = 0; labelled < 2; labelled++) {
        twins t;
        prune_fit_result a, b;
        const prune_loss_options loss = loss_for(labelled);
        make_twins(&t, labelled);
        prune_model *weighted = world_model(NULL, widths, 2, PRUNE_TANH, 3), *many;
        ck_assert_ok(prune_model_clone(&many, NULL, weighted));
        const uint64_t before = world_hash(weighted);
        prune_trainer *of_weighted = trainer_for(weighted, &loss, SAMPLES, 0);
        prune_trainer *of_many = trainer_for(many, &loss, MANY, 0);
        fit(&a, of_weighted, &t.weighted);
        fit(&b, of_many, &t.many);
        ck_assert(world_hash(weighted) != before);
        check_close(weighted, many, 2e-6);
        ck_assert_double_eq_tol(a.loss, b.loss, 1e-6);
        ck_assert_double_eq_tol(a.validation_loss, b.validation_loss, 1e-6);
        ck_assert_double_eq_tol(a.validation_metric, b.validation_metric, 1e-6);
        prune_trainer_free(of_weighted);
        prune_trainer_free(of_many);
        prune_model_free(weighted);
        prune_model_free(many);
        end_twins(&t);
    }
}
END_TEST

/* Two batches of unequal weight to a step are one batch; one that weighs nothing changes nothing. */
START_TEST(accumulation_goes_by_weights)
{
    twins t;
    const prune_loss_options loss = loss_for(1);
    make_twins(&t, 1);
    prune_model *whole = world_model(NULL, widths, 2, PRUNE_TANH, 3), *parts;
    ck_assert_ok(prune_model_clone(&parts, NULL, whole));
    prune_trainer *of_whole = trainer_for(whole, &loss, SAMPLES, 0);
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    options.loss_options = &loss;
    options.learning_rate = 0.25f;
    options.max_batch = SAMPLES;
    options.accumulate = 3;
    prune_trainer *of_parts = world_trainer(parts, &options);
    ck_assert_ok(
        prune_trainer_weighted_step(NULL, of_whole, t.world.x_tensor, t.world.label_tensor, t.weights));
    static const size_t cuts[] = { 0, 1, 6, SAMPLES }; /* the first sample weighs 0 */
    for (size_t i = 0; i < 3; i++) {
        const size_t rows = cuts[i + 1] - cuts[i];
        prune_tensor *x = world_rows(t.world.x_tensor, cuts[i], rows), *y, *w;
        y = world_rows(t.world.label_tensor, cuts[i], rows);
        w = world_rows(t.weights, cuts[i], rows);
        float mean;
        ck_assert_ok(prune_trainer_weighted_step(&mean, of_parts, x, y, w));
        ck_assert_int_eq(mean == 0.0f, i == 0);
        prune_tensor_free(x);
        prune_tensor_free(y);
        prune_tensor_free(w);
    }
    ck_assert_uint_eq(prune_trainer_steps(of_parts), 1);
    check_close(whole, parts, 1e-6);
    prune_trainer_free(of_whole);
    prune_trainer_free(of_parts);
    prune_model_free(whole);
    prune_model_free(parts);
    end_twins(&t);
}
END_TEST

/* ---- scores and figures ---- */

static void score(float *scores, prune_model *model, const prune_data *data, int32_t criterion, size_t batch)
{
    const prune_loss_options loss =
        loss_for(data->targets != NULL && prune_tensor_dtype(data->targets) == PRUNE_I32);
    const int32_t per_sample = criterion == PRUNE_FISHER            ? PRUNE_PER_SAMPLE_SQUARE
                               : criterion == PRUNE_SAMPLE_GRADIENT ? PRUNE_PER_SAMPLE_ABSOLUTE
                                                                    : 0;
    prune_trainer *trainer = trainer_for(model, &loss, batch, per_sample);
    prune_importance *importance;
    ck_assert_ok(prune_importance_create(&importance, NULL, model, criterion));
    ck_assert_ok(prune_importance_accumulate(importance, trainer, data, NULL));
    memcpy(scores, prune_importance_scores(importance, 0), 7 * INPUTS * sizeof *scores);
    prune_importance_free(importance);
    prune_trainer_free(trainer);
}

START_TEST(scores_are_those_of_repeated_samples_however_cut)
{
    static const int32_t criteria[] = { PRUNE_GRADIENT, PRUNE_TAYLOR, PRUNE_SAMPLE_GRADIENT, PRUNE_FISHER };
    static const size_t batches[] = { 1, 5, SAMPLES };
    prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 3);
    for (size_t c = 0; c < 8; c++) {
        twins t;
        float expected[7 * INPUTS], got[7 * INPUTS];
        double most = 0.0;
        make_twins(&t, c < 4);
        score(expected, model, &t.many, criteria[c % 4], MANY);
        for (size_t i = 0; i < 7 * INPUTS; i++)
            most = fmax(most, (double)expected[i]);
        ck_assert_double_gt(most, 0.0);
        for (size_t b = 0; b < 3; b++) {
            score(got, model, &t.weighted, criteria[c % 4], batches[b]);
            ck_assert_double_le(world_distance(got, expected, 7 * INPUTS), 2e-6 * most);
        }
        end_twins(&t);
    }
    prune_model_free(model);
}
END_TEST

START_TEST(figures_are_those_of_repeated_samples)
{
    prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 3);
    for (int32_t labelled = 0; labelled < 2; labelled++) {
        twins t;
        prune_metrics a, b;
        const prune_loss_options loss = loss_for(labelled);
        make_twins(&t, labelled);
        prune_metrics_init(&a);
        prune_metrics_init(&b);
        ck_assert_ok(prune_evaluate_with(&a, model, &t.weighted, &loss, NULL));
        ck_assert_ok(prune_evaluate_with(&b, model, &t.many, &loss, NULL));
        ck_assert_uint_eq(a.samples, SAMPLES);
        ck_assert_double_eq_tol(a.loss, b.loss, 1e-6);
        if (labelled)
            ck_assert_double_eq_tol(a.accuracy, b.accuracy, 1e-12);
        else
            ck_assert(fabs(a.mae - b.mae) < 1e-7 && fabs(a.rmse - b.rmse) < 1e-7);
        ck_assert(isnan(a.mae) == labelled && isnan(a.accuracy) == !labelled);
        end_twins(&t);
    }
    prune_model_free(model);
}
END_TEST

START_TEST(bad_weights_are_named)
{
    twins t;
    prune_error error;
    prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 3);
    make_twins(&t, 0);
    t.weight[7] = NAN;
    ck_assert_status(prune_data_check(&t.weighted, model, PRUNE_MAE, &error), PRUNE_E_NONFINITE);
    ck_assert_str_eq(error.place, "weights[7]");
    t.weight[7] = -1;
    ck_assert_status(prune_data_check(&t.weighted, model, PRUNE_MAE, &error), PRUNE_E_RANGE);
    ck_assert_str_eq(error.place, "weights[7]");
    memset(t.weight, 0, sizeof t.weight);
    ck_assert_status(prune_data_check(&t.weighted, model, PRUNE_MAE, &error), PRUNE_E_RANGE);
    ck_assert_str_eq(error.place, "weights");
    t.weighted.weights = t.world.label_tensor;
    ck_assert_status(prune_data_check(&t.weighted, model, PRUNE_MAE, &error), PRUNE_E_TYPE);
    t.weighted.weights = t.world.x_tensor;
    ck_assert_status(prune_data_check(&t.weighted, model, PRUNE_MAE, &error), PRUNE_E_SHAPE);
    end_twins(&t);
    prune_model_free(model);
}
END_TEST

/* ---- an own loss ---- */

/* The sum of the outputs, so that targets do not matter; *user is what it returns. */
static prune_status own_sum(void *user, float *losses, prune_tensor *gradient, const prune_tensor *outputs,
                            const prune_tensor *targets)
{
    float *g = prune_tensor_data_mut(gradient);
    const float *h = prune_tensor_data(outputs);
    ck_assert_uint_eq(prune_tensor_dim(outputs, 0), prune_tensor_dim(targets, 0));
    for (size_t r = 0; r < prune_tensor_dim(outputs, 0); r++) {
        losses[r] = 0.0f;
        for (size_t o = 0; o < CLASSES; o++) {
            losses[r] += h[r * prune_tensor_ld(outputs) + o];
            if (g != NULL)
                g[r * prune_tensor_ld(gradient) + o] = 1.0f;
        }
    }
    return *(const prune_status *)user;
}

START_TEST(an_own_loss_works_everywhere_and_stops_everything)
{
    twins t;
    prune_error error;
    prune_status answer = PRUNE_OK;
    prune_loss_options loss = { .size = sizeof loss, .kind = PRUNE_LOSS_OWN, .delta = 1 };
    loss.own = own_sum;
    loss.user = &answer;
    make_twins(&t, 0);
    prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 3);
    prune_trainer *trainer = trainer_for(model, &loss, 7, 0);
    prune_importance *importance;
    prune_metrics metrics;
    prune_validation v;
    prune_snapshot *snapshot;
    ck_assert_ok(prune_importance_create(&importance, NULL, model, PRUNE_GRADIENT));
    ck_assert_ok(prune_snapshot_create(&snapshot, NULL, model));
    prune_metrics_init(&metrics);
    prune_validation_init(&v);
    v.metric = PRUNE_METRIC_LOSS;
    v.loss_options = &loss;
    v.reference = -1e-3;
    v.tolerance = 100;
    for (size_t turn = 0; turn < 2; turn++, answer = -777) {
        const uint64_t before = world_trainer_hash(trainer);
        ck_assert_status(prune_trainer_fit(NULL, trainer, &t.weighted, NULL, &error), answer);
        ck_assert_int_eq(world_trainer_hash(trainer) == before, answer != PRUNE_OK);
        ck_assert_status(prune_importance_accumulate(importance, trainer, &t.weighted, &error), answer);
        ck_assert_status(prune_evaluate_with(&metrics, model, &t.weighted, &loss, &error), answer);
        ck_assert(!isnan(metrics.loss) && isnan(metrics.accuracy) && isnan(metrics.rmse));
        ck_assert_status(prune_validate(&v, model, snapshot, &t.weighted, &error), answer);
    }
    ck_assert_str_eq(error.place, "loss");
    prune_snapshot_free(snapshot);
    prune_importance_free(importance);
    prune_trainer_free(trainer);
    prune_model_free(model);
    end_twins(&t);
}
END_TEST

/* ---- files ---- */

START_TEST(losses_go_through_files_bit_for_bit)
{
    for (int32_t labelled = 0; labelled < 2; labelled++) {
        twins t;
        const prune_loss_options loss = loss_for(labelled);
        prune_loss_options read;
        prune_fit_result result;
        make_twins(&t, labelled);
        prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 3), *copy;
        prune_trainer *trainer = trainer_for(model, &loss, 7, 0), *other;
        bytes_file file = work_write_trainer(trainer);
        other = work_read_trainer(&copy, &file);
        prune_loss_options_init(&read);
        ck_assert_ok(prune_trainer_get_loss(&read, other));
        ck_assert_int_eq(read.kind, loss.kind);
        ck_assert(read.delta == loss.delta && read.smoothing == loss.smoothing);
        ck_assert_int_eq(read.mean_over_outputs, loss.mean_over_outputs);
        ck_assert_uint_eq(read.class_count, loss.class_count);
        ck_assert(loss.class_count == 0 ||
                  memcmp(read.class_weights, class_weights, sizeof class_weights) == 0);
        fit(&result, trainer, &t.weighted);
        fit(&result, other, &t.weighted);
        ck_assert_uint_eq(world_trainer_hash(trainer), world_trainer_hash(other));
        bytes_end(&file);
        prune_trainer_free(trainer);
        prune_trainer_free(other);
        prune_model_free(model);
        prune_model_free(copy);
        end_twins(&t);
    }
}
END_TEST

START_TEST(class_weights_in_files_are_checked)
{
    const prune_loss_options loss = loss_for(1);
    prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 3), *copy;
    prune_trainer *trainer = trainer_for(model, &loss, 7, 0), *other;
    bytes_file file = work_write_trainer(trainer);
    const size_t at = bytes_payload(&file, "TRNR") + 164 + 2 * 12; /* see checkpoint.h */
    ck_assert_uint_eq(bytes_get(&file, at, 4), 0x3F000000u);
    static const uint64_t bad[] = { 0x7FC00000u, 0x7F800000u, 0xBF800000u, 0x7149F2CAu /* 1e30 */ };
    for (size_t i = 0; i < 4; i++) {
        bytes_put(&file, at, 4, bad[i]);
        bytes_repair(&file);
        const prune_reader reader = bytes_reader(&file);
        ck_assert_status(prune_trainer_read(&other, &copy, NULL, &reader, NULL, NULL), PRUNE_E_FORMAT);
    }
    bytes_end(&file);
    prune_trainer_free(trainer);
    prune_model_free(model);
}
END_TEST

START_TEST(an_own_loss_must_be_given_back)
{
    twins t;
    prune_error error;
    prune_status answer = PRUNE_OK;
    prune_loss_options loss = { .size = sizeof loss, .kind = PRUNE_LOSS_OWN, .delta = 1 }, read;
    loss.own = own_sum;
    loss.user = &answer;
    make_twins(&t, 0);
    prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 3), *copy;
    prune_trainer *trainer = trainer_for(model, &loss, 7, 0), *other;
    prune_metrics metrics;
    prune_fit_result result;
    bytes_file file = work_write_trainer(trainer);
    other = work_read_trainer(&copy, &file);
    prune_loss_options_init(&read);
    prune_metrics_init(&metrics);
    ck_assert_ok(prune_trainer_get_loss(&read, other));
    ck_assert_status(prune_evaluate_with(&metrics, copy, &t.weighted, &read, NULL), PRUNE_E_STATE);
    ck_assert_status(prune_trainer_step(NULL, other, t.world.x_tensor, t.world.y_tensor), PRUNE_E_LIMIT);
    ck_assert_status(prune_trainer_fit(NULL, other, &t.weighted, NULL, &error), PRUNE_E_STATE);
    ck_assert_str_eq(error.place, "loss");
    ck_assert_ptr_nonnull(strstr(error.reason, "prune_trainer_set_loss"));
    bytes_file again = work_write_trainer(other);
    work_check_same(&file, &again);
    ck_assert_status(prune_trainer_set_loss(other, NULL, &error), PRUNE_E_ARGUMENT);
    ck_assert_ok(prune_trainer_set_loss(other, &loss, &error));
    fit(&result, trainer, &t.weighted);
    fit(&result, other, &t.weighted);
    ck_assert_uint_eq(world_trainer_hash(trainer), world_trainer_hash(other));
    bytes_end(&file);
    bytes_end(&again);
    prune_trainer_free(trainer);
    prune_trainer_free(other);
    prune_model_free(model);
    prune_model_free(copy);
    end_twins(&t);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_fit_with_weights_is_that_of_repeated_samples,
        accumulation_goes_by_weights,
        scores_are_those_of_repeated_samples_however_cut,
        figures_are_those_of_repeated_samples,
        bad_weights_are_named,
        an_own_loss_works_everywhere_and_stops_everything,
        losses_go_through_files_bit_for_bit,
        class_weights_in_files_are_checked,
        an_own_loss_must_be_given_back,
    };
    return run_tests("weighted", tests, sizeof tests / sizeof tests[0]);
}
