/* sklearn_test.c -- the metrics against scikit-learn's
 *
 * SPDX-License-Identifier: MIT */
#include "fixtures/sklearn.h"
#include "support/outputs.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { MOST_CLASSES = 10 };

static const double untouched = -7.0;

static void add_rows(prune_confusion *confusion, const sklearn_classes *c, size_t first, size_t count)
{
    if (count == 0)
        return;
    prune_tensor *h = floats(c->h + first * c->outputs, count, c->outputs);
    prune_tensor *y = labels_of(c->labels + first, count);
    ck_assert_ok(prune_confusion_add(confusion, h, y, NULL));
    prune_tensor_free(h);
    prune_tensor_free(y);
}

static void same_scores(const prune_class_scores *got, const sklearn_scores *expected, const char *name)
{
    same(got->precision, expected->precision, name);
    same(got->recall, expected->recall, name);
    same(got->f1, expected->f1, name);
}

static void check_scores(const prune_confusion *confusion, const sklearn_classes *c)
{
    prune_class_scores scores;
    double accuracy, balanced;
    ck_assert_ok(prune_confusion_accuracy(&accuracy, &balanced, confusion));
    same(accuracy, c->accuracy, c->name);
    same(balanced, c->balanced, c->name);
    prune_class_scores_init(&scores);
    uint64_t support = 0;
    for (size_t label = 0; label < c->classes; label++) {
        ck_assert_ok(prune_confusion_class(&scores, confusion, label));
        same_scores(&scores, &c->scores[label], c->name);
        support += scores.support;
    }
    ck_assert_uint_eq(support, c->n);
    for (int32_t average = PRUNE_AVERAGE_MACRO; average <= PRUNE_AVERAGE_WEIGHTED; average++) {
        ck_assert_ok(prune_confusion_average(&scores, confusion, average));
        same_scores(&scores, &c->scores[c->classes + (size_t)average - 1], c->name);
        ck_assert_uint_eq(scores.support, c->n);
    }
}

START_TEST(confusion_and_what_follows_from_it)
{
    for (size_t i = 0; i < COUNT(sklearn_classes_cases); i++) {
        const sklearn_classes *c = &sklearn_classes_cases[i];
        uint64_t counts[MOST_CLASSES * MOST_CLASSES];
        for (size_t parts = 1; parts <= 3; parts++) { /* where it is cut makes no difference */
            prune_confusion confusion = confusion_of(counts, c->classes, c->threshold);
            add_rows(&confusion, c, 0, c->n / parts);
            add_rows(&confusion, c, c->n / parts, c->n - c->n / parts);
            for (size_t k = 0; k < c->classes * c->classes; k++)
                ck_assert_msg(counts[k] == (uint64_t)c->confusion[k], "%s: [%d]", c->name, (int)k);
            check_scores(&confusion, c);
        }
    }
}
END_TEST

START_TEST(top_k)
{
    for (size_t i = 0; i < COUNT(sklearn_classes_cases); i++) {
        const sklearn_classes *c = &sklearn_classes_cases[i];
        if (c->top == NULL)
            continue;
        prune_tensor *h = floats(c->h, c->n, c->outputs), *y = labels_of(c->labels, c->n);
        for (size_t k = 1; k <= c->outputs; k++) {
            double accuracy = untouched;
            ck_assert_ok(prune_top_k_accuracy(&accuracy, h, y, k, NULL));
            same(accuracy, c->top[k - 1], c->name);
        }
        prune_tensor_free(h);
        prune_tensor_free(y);
    }
}
END_TEST

static void check_auc(const sklearn_classes *c, int32_t scores, double expected)
{
    prune_error error = { 0 };
    double auc = untouched;
    prune_tensor *h = floats(c->h, c->n, c->outputs), *y = labels_of(c->labels, c->n);
    const prune_status status = prune_roc_auc(&auc, h, y, scores, NULL, &error);
    if (isnan(expected)) {
        ck_assert_status(status, PRUNE_E_EMPTY);
        ck_assert_str_eq(error.place, "labels");
        ck_assert(auc == untouched);
    } else {
        ck_assert_status(status, PRUNE_OK);
        same(auc, expected, c->name);
    }
    prune_tensor_free(h);
    prune_tensor_free(y);
}

static void check_areas(const sklearn_classes *c, int32_t scores)
{
    const int32_t logits = scores == PRUNE_SCORES_LOGITS;
    const double *area = c->area + (logits ? c->classes : 0);
    double by_class[16];
    prune_roc roc;
    prune_roc_init(&roc);
    roc.scores = scores;
    roc.by_class = by_class;
    roc.by_class_capacity = c->classes;
    roc.macro = roc.weighted = by_class[0] = by_class[c->classes] = untouched;
    prune_tensor *h = floats(c->h, c->n, c->outputs), *y = labels_of(c->labels, c->n);
    const int32_t none = isnan(c->auc) != 0;
    ck_assert_status(prune_roc_measure(&roc, h, y, NULL, NULL), none ? PRUNE_E_EMPTY : PRUNE_OK);
    same(roc.macro, none ? untouched : logits ? c->auc_of_logits : c->auc, c->name);
    same(roc.weighted, none ? untouched : logits ? c->weighted_of_logits : c->weighted, c->name);
    for (size_t k = 0; k < c->classes && !none; k++)
        same(by_class[k], area[k], c->name);
    ck_assert(by_class[c->classes] == untouched && (!none || by_class[0] == untouched));
    prune_tensor_free(h);
    prune_tensor_free(y);
}

START_TEST(area_under_the_curve)
{
    for (size_t i = 0; i < COUNT(sklearn_classes_cases); i++) {
        const sklearn_classes *c = &sklearn_classes_cases[i];
        check_auc(c, PRUNE_SCORES_AS_GIVEN, c->auc);
        check_auc(c, PRUNE_SCORES_LOGITS, c->auc_of_logits);
        check_areas(c, PRUNE_SCORES_AS_GIVEN);
        check_areas(c, PRUNE_SCORES_LOGITS);
    }
}
END_TEST

START_TEST(errors_of_values)
{
    for (size_t i = 0; i < COUNT(sklearn_values_cases); i++) {
        const sklearn_values *v = &sklearn_values_cases[i];
        prune_regression got;
        prune_regression_init(&got);
        prune_tensor *h = floats(v->h, v->n, v->outputs), *y = floats(v->y, v->n, v->outputs);
        ck_assert_ok(prune_regression_measure(&got, h, y, PRUNE_ALL_OUTPUTS, NULL));
        same(got.mae, v->mae, v->name);
        same(got.rmse, v->rmse, v->name);
        same(got.r2, v->r2, v->name);
        for (size_t o = 0; o < v->outputs; o++) {
            ck_assert_ok(prune_regression_measure(&got, h, y, (int32_t)o, NULL));
            same(got.mae, v->each[3 * o], v->name);
            same(got.rmse, v->each[3 * o + 1], v->name);
            same(got.r2, v->each[3 * o + 2], v->name);
        }
        prune_tensor_free(h);
        prune_tensor_free(y);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { confusion_and_what_follows_from_it, top_k, area_under_the_curve,
                                   errors_of_values };
    return run_tests("sklearn", tests, sizeof tests / sizeof tests[0]);
}
