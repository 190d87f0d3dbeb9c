/* metrics_test.c -- metrics of given outputs: the rules for ties, any shape of tensors, and what is refused
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/outputs.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { MOST = 400 };

static const double untouched = -7.0;

/* ---- rules ---- */

START_TEST(of_equal_outputs_the_first_come_first)
{
    static const float h[4] = { 1, 2, 2, 2 };
    const size_t place[4] = { 3, 0, 1, 2 };
    prune_tensor *outputs = floats(h, 1, 4);
    for (int32_t label = 0; label < 4; label++) {
        prune_tensor *y = labels_of(&label, 1);
        for (size_t k = 1; k <= 4; k++) {
            double accuracy;
            ck_assert_ok(prune_top_k_accuracy(&accuracy, outputs, y, k, NULL));
            ck_assert(accuracy == (place[label] < k ? 1.0 : 0.0));
        }
        prune_tensor_free(y);
    }
    prune_tensor_free(outputs);
}
END_TEST

START_TEST(a_single_output_must_be_above_the_threshold)
{
    static const float h[3] = { 0.5f, 0.50000006f, 0.4f };
    static const int32_t label[3] = { 1, 1, 1 };
    uint64_t counts[4];
    prune_confusion confusion = confusion_of(counts, 2, 0.5f);
    prune_tensor *outputs = floats(h, 3, 1), *y = labels_of(label, 3);
    ck_assert_ok(prune_confusion_add(&confusion, outputs, y, NULL));
    ck_assert_uint_eq(counts[2], 2);
    ck_assert_uint_eq(counts[3], 1);
    prune_tensor_free(outputs);
    prune_tensor_free(y);
}
END_TEST

START_TEST(classes_may_be_given_as_such)
{
    static const int32_t taken[5] = { 0, 2, 2, 1, 0 }, label[5] = { 0, 2, 1, 1, 2 };
    const uint64_t expected[9] = { 1, 0, 0, 0, 1, 1, 1, 0, 1 };
    uint64_t counts[9];
    prune_confusion confusion = confusion_of(counts, 3, 0.0f);
    prune_tensor *p = labels_of(taken, 5), *y = labels_of(label, 5);
    ck_assert_ok(prune_confusion_add(&confusion, p, y, NULL));
    ck_assert_mem_eq(counts, expected, sizeof counts);
    prune_tensor_free(p);
    prune_tensor_free(y);
}
END_TEST

/* On a grid so coarse that many are equal. */
START_TEST(area_is_the_part_of_pairs_in_order)
{
    static float h[MOST];
    static int32_t label[MOST];
    const size_t sizes[] = { 2, 3, 10, MOST };
    prune_rng rng;
    prune_rng_seed(&rng, 5);
    for (size_t s = 0; s < COUNT(sizes); s++) {
        double pairs = 0.0, good = 0.0, auc;
        for (size_t i = 0; i < sizes[s]; i++) {
            label[i] = i < 2 ? (int32_t)i : (int32_t)prune_rng_below(&rng, 2);
            h[i] = floorf(8.0f * prune_rng_uniform(&rng)) + (float)label[i];
        }
        for (size_t i = 0; i < sizes[s]; i++)
            for (size_t j = 0; j < sizes[s]; j++) {
                pairs += label[i] > label[j];
                good += label[i] > label[j] ? (h[i] > h[j] ? 1.0 : h[i] == h[j] ? 0.5 : 0.0) : 0.0;
            }
        prune_tensor *outputs = floats(h, sizes[s], 1), *y = labels_of(label, sizes[s]);
        ck_assert_ok(prune_roc_auc(&auc, outputs, y, PRUNE_SCORES_AS_GIVEN, NULL, NULL));
        same(auc, good / pairs, "pairs");
        prune_tensor_free(outputs);
        prune_tensor_free(y);
    }
}
END_TEST

/* Softmax of these is 1 in float, for both samples. */
START_TEST(ranks_of_logits_do_not_saturate)
{
    static const float h[9] = { 300, 0, 0, 200, 0, 0, 0, 1, 0 };
    static const int32_t label[3] = { 0, 1, 1 };
    double auc;
    prune_tensor *outputs = floats(h, 3, 3), *y = labels_of(label, 3);
    ck_assert_ok(prune_roc_auc(&auc, outputs, y, PRUNE_SCORES_LOGITS, NULL, NULL));
    ck_assert(auc == (1.0 + 1.0) / 2.0); /* class 2 has no samples */
    prune_tensor_free(outputs);
    prune_tensor_free(y);
}
END_TEST

START_TEST(outputs_may_be_columns_of_something_wider)
{
    enum { ROWS = 6, WIDE = 7 };
    static float h[ROWS * WIDE];
    static int32_t label[ROWS * 3];
    float tight[ROWS * 3];
    int32_t tight_label[ROWS];
    const prune_shape matrix = { 2, { ROWS, 3, 0, 0 } }, column = { 2, { ROWS, 1, 0, 0 } };
    prune_rng rng;
    prune_rng_seed(&rng, 2);
    for (size_t r = 0; r < ROWS; r++) {
        label[3 * r + 1] = label[3 * r + 2] = -1;
        tight_label[r] = label[3 * r] = (int32_t)(r % 3);
        for (size_t c = 0; c < WIDE; c++) {
            h[r * WIDE + c] = c < 3 ? prune_rng_normal(&rng) : NAN;
            if (c < 3)
                tight[3 * r + c] = h[r * WIDE + c];
        }
    }
    prune_tensor *outputs[2], *labels[2];
    ck_assert_ok(prune_tensor_wrap_const(&outputs[0], NULL, PRUNE_F32, &matrix, WIDE, h));
    ck_assert_ok(prune_tensor_wrap_const(&labels[0], NULL, PRUNE_I32, &column, 3, label));
    outputs[1] = floats(tight, ROWS, 3);
    labels[1] = labels_of(tight_label, ROWS);
    uint64_t counts[2][9];
    double top[2], auc[2];
    prune_regression values;
    for (size_t i = 0; i < 2; i++) {
        prune_confusion confusion = confusion_of(counts[i], 3, 0.0f);
        ck_assert_ok(prune_confusion_add(&confusion, outputs[i], labels[i], NULL));
        ck_assert_ok(prune_top_k_accuracy(&top[i], outputs[i], labels[i], 2, NULL));
        ck_assert_ok(prune_roc_auc(&auc[i], outputs[i], labels[i], PRUNE_SCORES_LOGITS, NULL, NULL));
    }
    prune_regression_init(&values);
    ck_assert_ok(prune_regression_measure(&values, outputs[0], outputs[1], PRUNE_ALL_OUTPUTS, NULL));
    ck_assert(values.mae == 0.0 && values.rmse == 0.0 && values.r2 == 1.0);
    ck_assert_mem_eq(counts[0], counts[1], sizeof counts[0]);
    ck_assert(top[0] == top[1] && auc[0] == auc[1]);
    for (size_t i = 0; i < 2; i++) {
        prune_tensor_free(outputs[i]);
        prune_tensor_free(labels[i]);
    }
}
END_TEST

/* ---- a model's outputs ---- */

static prune_tensor *predict_all(const prune_model *model, const prune_tensor *x)
{
    prune_tensor *h;
    prune_workspace *workspace;
    const prune_shape shape = { 2, { prune_tensor_dim(x, 0), prune_model_outputs(model), 0, 0 } };
    ck_assert_ok(prune_tensor_create(&h, NULL, PRUNE_F32, &shape));
    ck_assert_ok(prune_workspace_create(&workspace, NULL, model, 256, NULL));
    ck_assert_ok(prune_predict(h, model, workspace, x));
    prune_workspace_free(workspace);
    return h;
}

START_TEST(a_model_has_the_same_metrics_either_way)
{
    const size_t widths[] = { 6, 9, 4 };
    world_data world;
    prune_metrics labelled, valued;
    prune_regression values;
    uint64_t counts[16];
    double accuracy, top;
    world_data_make(&world, 700, 6, 4, 3);
    prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 8);
    prune_metrics_init(&labelled);
    prune_metrics_init(&valued);
    prune_regression_init(&values);
    ck_assert_ok(prune_evaluate(&labelled, model, &world.labelled, PRUNE_SOFTMAX_CROSS_ENTROPY, NULL));
    ck_assert_ok(prune_evaluate(&valued, model, &world.valued, PRUNE_MSE, NULL));
    prune_tensor *h = predict_all(model, world.x_tensor);
    prune_confusion confusion = confusion_of(counts, 4, 0.0f);
    ck_assert_ok(prune_confusion_add(&confusion, h, world.label_tensor, NULL));
    ck_assert_ok(prune_confusion_accuracy(&accuracy, NULL, &confusion));
    ck_assert_ok(prune_top_k_accuracy(&top, h, world.label_tensor, 1, NULL));
    ck_assert_ok(prune_regression_measure(&values, h, world.y_tensor, PRUNE_ALL_OUTPUTS, NULL));
    same(accuracy, labelled.accuracy, "accuracy");
    same(top, labelled.accuracy, "top 1");
    same(values.mae, valued.mae, "MAE");
    same(values.rmse, valued.rmse, "RMSE");
    prune_tensor_free(h);
    prune_model_free(model);
    world_data_end(&world);
}
END_TEST

/* As a user would write it. */
static prune_status macro_f1(void *user, double *value, const prune_tensor *outputs,
                             const prune_tensor *targets)
{
    uint64_t counts[16];
    prune_confusion confusion = confusion_of(counts, 4, 0.0f);
    prune_class_scores scores;
    (void)user;
    prune_class_scores_init(&scores);
    prune_status status = prune_confusion_add(&confusion, outputs, targets, NULL);
    if (status == PRUNE_OK)
        status = prune_confusion_average(&scores, &confusion, PRUNE_AVERAGE_MACRO);
    *value = scores.f1;
    return status;
}

START_TEST(f1_can_decide_whether_pruning_is_kept)
{
    const size_t widths[] = { 6, 9, 4 };
    const prune_metric metric = { macro_f1, NULL, 1 };
    world_data world;
    prune_snapshot *snapshot;
    prune_validation validation;
    double dense, pruned;
    world_data_make(&world, 300, 6, 4, 3);
    prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 8);
    const prune_data *data = &world.labelled;
    const int32_t loss = PRUNE_SOFTMAX_CROSS_ENTROPY;
    ck_assert_ok(prune_snapshot_create(&snapshot, NULL, model));
    ck_assert_ok(prune_evaluate_metric(&dense, model, data, loss, &metric, NULL));
    for (size_t neuron = 0; neuron < 8; neuron++)
        ck_assert_ok(prune_mask_neuron(model, 0, neuron));
    ck_assert_ok(prune_evaluate_metric(&pruned, model, data, loss, &metric, NULL));
    ck_assert(fabs(pruned - dense) > 0.01);
    prune_validation_init(&validation);
    validation.metric = PRUNE_METRIC_OWN;
    validation.own = &metric;
    validation.reference = pruned + 0.05;
    validation.tolerance = 0.06;
    ck_assert_ok(prune_validate(&validation, model, snapshot, data, NULL));
    ck_assert(validation.accepted && validation.value == pruned);
    validation.tolerance = 0.04;
    ck_assert_ok(prune_validate(&validation, model, snapshot, data, NULL));
    ck_assert(!validation.accepted);
    ck_assert_ok(prune_evaluate_metric(&pruned, model, data, loss, &metric, NULL));
    ck_assert(pruned == dense); /* it is the dense model again */
    prune_snapshot_free(snapshot);
    prune_model_free(model);
    world_data_end(&world);
}
END_TEST

/* ---- memory ---- */

START_TEST(the_area_takes_8_bytes_a_sample_and_gives_them_back)
{
    static const float score[5] = { 4, 1, 3, 2, 2 };
    static const int32_t label[5] = { 1, 0, 0, 0, 1 };
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    prune_error error = { 0 };
    double auc = untouched;
    prune_tensor *outputs = floats(score, 5, 1), *y = labels_of(label, 5);
    heap_refuse_once(&h, 1);
    ck_assert_status(prune_roc_auc(&auc, outputs, y, PRUNE_SCORES_AS_GIVEN, &mem, &error), PRUNE_E_MEMORY);
    ck_assert_str_eq(error.place, "mem");
    ck_assert(auc == untouched);
    ck_assert_ok(prune_roc_auc(&auc, outputs, y, PRUNE_SCORES_AS_GIVEN, &mem, &error));
    same(auc, 4.5 / 6.0, "area");
    ck_assert_uint_eq(h.peak_bytes, 8 * 5);
    ck_assert(heap_is_clean(&h));
    prune_tensor_free(outputs);
    prune_tensor_free(y);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(areas_by_class_need_room)
{
    static const float h[6] = { 4, 1, 3, 2, 2, 0 };
    static const int32_t label[2] = { 1, 2 };
    double by_class[3] = { untouched, untouched, untouched };
    prune_error error;
    prune_roc roc;
    prune_tensor *outputs = floats(h, 2, 3), *y = labels_of(label, 2);
    prune_roc_init(NULL);
    prune_roc_init(&roc);
    roc.by_class = by_class;
    roc.by_class_capacity = 2;
    ck_assert_status(prune_roc_measure(&roc, outputs, y, NULL, &error), PRUNE_E_SHAPE);
    ck_assert_str_eq(error.place, "by_class");
    roc.by_class_capacity = 3;
    roc.scores = 3;
    ck_assert_status(prune_roc_measure(&roc, outputs, y, NULL, &error), PRUNE_E_ARGUMENT);
    ck_assert_str_eq(error.place, "scores");
    roc.scores = PRUNE_SCORES_AS_GIVEN;
    roc.size++;
    ck_assert_status(prune_roc_measure(&roc, outputs, y, NULL, &error), PRUNE_E_VERSION);
    ck_assert_str_eq(error.place, "roc");
    ck_assert_status(prune_roc_measure(NULL, outputs, y, NULL, &error), PRUNE_E_ARGUMENT);
    ck_assert(by_class[0] == untouched && by_class[2] == untouched && roc.macro == 0.0);
    roc.size--;
    ck_assert_ok(prune_roc_measure(&roc, outputs, y, NULL, &error));
    ck_assert(isnan(by_class[0]) && by_class[1] == 0.0 && by_class[2] == 0.0 && roc.macro == 0.0);
    prune_tensor_free(outputs);
    prune_tensor_free(y);
}
END_TEST

/* Every way in, on the same outputs and labels: three classes. */
static prune_status call(size_t way, const prune_tensor *h, const prune_tensor *y, prune_error *error)
{
    uint64_t counts[9] = { 0 };
    double number = untouched;
    prune_status status;
    if (way == 0) {
        prune_confusion confusion = confusion_of(counts, 3, 0.0f);
        status = prune_confusion_add(&confusion, h, y, error);
    } else if (way == 1) {
        status = prune_top_k_accuracy(&number, h, y, 2, error);
    } else {
        status = prune_roc_auc(&number, h, y, PRUNE_SCORES_AS_GIVEN, NULL, error);
    }
    if (status != PRUNE_OK)
        for (size_t i = 0; i < 9; i++)
            ck_assert(counts[i] == 0 && number == untouched);
    return status;
}

static void refused(const prune_tensor *h, const prune_tensor *y, prune_status expected, const char *place)
{
    for (size_t way = 0; way < 3; way++) {
        prune_error error = { 0 };
        ck_assert_status(call(way, h, y, &error), expected);
        ck_assert_int_eq(error.status, expected);
        ck_assert_str_eq(error.place, place);
        ck_assert_status(call(way, h, y, NULL), expected);
    }
}

START_TEST(bad_outputs_and_labels)
{
    float h[12] = { 0 };
    int32_t label[4] = { 0, 1, 2, 0 };
    prune_tensor *outputs = floats(h, 4, 3), *y = labels_of(label, 4), *short_y = labels_of(label, 3);
    prune_tensor *values = floats(h, 4, 1);
    refused(NULL, y, PRUNE_E_ARGUMENT, "outputs");
    refused(outputs, NULL, PRUNE_E_ARGUMENT, "labels");
    refused(outputs, values, PRUNE_E_TYPE, "labels");
    refused(outputs, short_y, PRUNE_E_SHAPE, "labels");
    label[2] = 3;
    refused(outputs, y, PRUNE_E_LABEL, "labels[2]");
    label[2] = -1;
    refused(outputs, y, PRUNE_E_LABEL, "labels[2]");
    label[2] = 2;
    h[10] = NAN;
    refused(outputs, y, PRUNE_E_NONFINITE, "outputs[3][1]");
    h[10] = -INFINITY;
    refused(outputs, y, PRUNE_E_NONFINITE, "outputs[3][1]");
    h[10] = 0.0f;
    for (size_t way = 0; way < 3; way++)
        ck_assert_ok(call(way, outputs, y, NULL));
    prune_tensor_free(outputs);
    prune_tensor_free(y);
    prune_tensor_free(short_y);
    prune_tensor_free(values);
}
END_TEST

START_TEST(bad_confusions)
{
    static const float h[3] = { 1, 2, 3 };
    static const int32_t label[1] = { 1 };
    uint64_t counts[9];
    double accuracy = untouched;
    prune_class_scores scores;
    prune_class_scores_init(&scores);
    prune_tensor *outputs = floats(h, 1, 3), *one = floats(h, 1, 1), *y = labels_of(label, 1);
    prune_confusion good = confusion_of(counts, 3, 0.0f), bad = good;
    ck_assert_status(prune_confusion_accuracy(&accuracy, NULL, &good), PRUNE_E_EMPTY);
    ck_assert_status(prune_confusion_class(&scores, &good, 0), PRUNE_E_EMPTY);
    ck_assert_status(prune_confusion_average(&scores, &good, PRUNE_AVERAGE_MICRO), PRUNE_E_EMPTY);
    ck_assert_status(prune_confusion_add(&good, one, y, NULL), PRUNE_E_SHAPE);
    bad.classes = 4;
    ck_assert_status(prune_confusion_add(&bad, outputs, y, NULL), PRUNE_E_SHAPE);
    bad.classes = 1;
    ck_assert_status(prune_confusion_add(&bad, one, y, NULL), PRUNE_E_SIZE);
    bad.classes = SIZE_MAX / 4;
    ck_assert_status(prune_confusion_add(&bad, y, y, NULL), PRUNE_E_OVERFLOW);
    bad = good;
    bad.counts = NULL;
    ck_assert_status(prune_confusion_add(&bad, outputs, y, NULL), PRUNE_E_ARGUMENT);
    bad = good;
    bad.threshold = NAN;
    ck_assert_status(prune_confusion_add(&bad, outputs, y, NULL), PRUNE_E_RANGE);
    bad = good;
    bad.size++;
    ck_assert_status(prune_confusion_add(&bad, outputs, y, NULL), PRUNE_E_VERSION);
    ck_assert_status(prune_confusion_add(NULL, outputs, y, NULL), PRUNE_E_ARGUMENT);
    ck_assert_ok(prune_confusion_add(&good, outputs, y, NULL));
    ck_assert_status(prune_confusion_accuracy(&accuracy, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_confusion_class(NULL, &good, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_confusion_class(&scores, &good, 3), PRUNE_E_RANGE);
    ck_assert_status(prune_confusion_average(&scores, &good, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_confusion_average(&scores, &good, 4), PRUNE_E_ARGUMENT);
    scores.size++;
    ck_assert_status(prune_confusion_average(&scores, &good, PRUNE_AVERAGE_MACRO), PRUNE_E_VERSION);
    ck_assert(accuracy == untouched && scores.support == 0);
    prune_tensor_free(outputs);
    prune_tensor_free(one);
    prune_tensor_free(y);
}
END_TEST

START_TEST(bad_choices)
{
    static const float h[6] = { 1, 2, 3, 2, 1, 0 };
    static const int32_t label[2] = { 1, 2 };
    double number = untouched;
    prune_error error = { 0 };
    prune_tensor *outputs = floats(h, 2, 3), *one = floats(h, 2, 1), *y = labels_of(label, 2);
    ck_assert_status(prune_top_k_accuracy(NULL, outputs, y, 1, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_top_k_accuracy(&number, outputs, y, 0, NULL), PRUNE_E_RANGE);
    ck_assert_status(prune_top_k_accuracy(&number, outputs, y, 4, &error), PRUNE_E_RANGE);
    ck_assert_str_eq(error.place, "k");
    ck_assert_status(prune_roc_auc(NULL, outputs, y, PRUNE_SCORES_AS_GIVEN, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_roc_auc(&number, outputs, y, 0, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_roc_auc(&number, outputs, y, 3, NULL, &error), PRUNE_E_ARGUMENT);
    ck_assert_str_eq(error.place, "scores");
    /* A single output knows the classes 0 and 1, and has no k largest. */
    ck_assert_status(prune_roc_auc(&number, one, y, PRUNE_SCORES_LOGITS, NULL, &error), PRUNE_E_LABEL);
    ck_assert_str_eq(error.place, "labels[1]");
    prune_tensor *single = floats(h, 1, 1), *zero = labels_of(label, 1);
    ck_assert_status(prune_top_k_accuracy(&number, single, zero, 1, NULL), PRUNE_E_SHAPE);
    ck_assert(number == untouched);
    prune_tensor_free(single);
    prune_tensor_free(zero);
    prune_tensor_free(outputs);
    prune_tensor_free(one);
    prune_tensor_free(y);
}
END_TEST

START_TEST(bad_values)
{
    float h[6] = { 1, 2, 3, 2, 1, 0 }, y[6] = { 0 };
    static const int32_t label[6] = { 0 };
    prune_error error = { 0 };
    prune_regression got;
    prune_regression_init(&got);
    got.mae = untouched;
    prune_tensor *outputs = floats(h, 3, 2), *targets = floats(y, 3, 2), *other = floats(y, 2, 3);
    prune_tensor *labels;
    ck_assert_ok(prune_tensor_const_matrix(&labels, NULL, PRUNE_I32, 3, 2, label));
    ck_assert_status(prune_regression_measure(NULL, outputs, targets, 0, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_regression_measure(&got, NULL, targets, 0, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_regression_measure(&got, outputs, NULL, 0, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_regression_measure(&got, outputs, other, 0, NULL), PRUNE_E_SHAPE);
    ck_assert_status(prune_regression_measure(&got, outputs, labels, 0, NULL), PRUNE_E_TYPE);
    ck_assert_status(prune_regression_measure(&got, labels, targets, 0, NULL), PRUNE_E_TYPE);
    ck_assert_status(prune_regression_measure(&got, outputs, targets, 2, NULL), PRUNE_E_RANGE);
    ck_assert_status(prune_regression_measure(&got, outputs, targets, -2, NULL), PRUNE_E_RANGE);
    y[3] = INFINITY;
    ck_assert_status(prune_regression_measure(&got, outputs, targets, 1, &error), PRUNE_E_NONFINITE);
    ck_assert_str_eq(error.place, "targets[1][1]");
    h[4] = NAN;
    ck_assert_status(prune_regression_measure(&got, outputs, targets, 0, &error), PRUNE_E_NONFINITE);
    ck_assert_str_eq(error.place, "outputs[2][0]");
    got.size++;
    ck_assert_status(prune_regression_measure(&got, outputs, targets, 0, NULL), PRUNE_E_VERSION);
    ck_assert(got.mae == untouched && got.r2 == 0.0);
    prune_tensor_free(outputs);
    prune_tensor_free(targets);
    prune_tensor_free(other);
    prune_tensor_free(labels);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        areas_by_class_need_room,
        of_equal_outputs_the_first_come_first,
        a_single_output_must_be_above_the_threshold,
        classes_may_be_given_as_such,
        area_is_the_part_of_pairs_in_order,
        ranks_of_logits_do_not_saturate,
        outputs_may_be_columns_of_something_wider,
        a_model_has_the_same_metrics_either_way,
        f1_can_decide_whether_pruning_is_kept,
        the_area_takes_8_bytes_a_sample_and_gives_them_back,
        bad_outputs_and_labels,
        bad_confusions,
        bad_choices,
        bad_values,
    };
    return run_tests("metrics", tests, sizeof tests / sizeof tests[0]);
}
