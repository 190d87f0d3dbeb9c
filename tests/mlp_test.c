/* mlp_test.c -- small real data sets: networks as good as scikit-learn's of the same recipe, dense and pruned
 *
 * The sets are in bench/, what scikit-learn reaches in fixtures/mlp.h, written by fixtures/make_mlp.py. Run
 * from the root of the tree, as `make check` does.
 *
 * SPDX-License-Identifier: MIT */
#include "fixtures/mlp.h"
#include "support/runner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BREAST_CANCER, WINE, DIABETES };
enum { LINE = 1024, PRUNED_EPOCHS = 20 };

/* Everything about one set: all samples, the two parts of them, and the recipe. */
typedef struct task {
    const mlp_set *set;
    int32_t loss;
    prune_tensor *x, *y; /* y: labels, or targets */
    prune_tensor *part[4];
    prune_data train, held;
} task;

/* ---- the data ---- */

static prune_tensor *tensor_of(int32_t dtype, size_t rows, size_t columns)
{
    prune_tensor *tensor;
    const prune_shape shape = { 2, { rows, columns, 0, 0 } };
    ck_assert_ok(prune_tensor_create(&tensor, NULL, dtype, &shape));
    return tensor;
}

/* The next number, digits with or without a point, whatever the locale; moves past it.
 * A quotient of two numbers that are exact, so rounded once. */
static double number(const char **at)
{
    double digits = 0.0, scale = 1.0;
    int32_t behind = 0;
    const char *c = *at + (**at == ' ');
    for (; (*c >= '0' && *c <= '9') || (*c == '.' && !behind); c++) {
        behind |= *c == '.';
        digits = *c == '.' ? digits : 10.0 * digits + (*c - '0');
        scale *= behind && *c != '.' ? 10.0 : 1.0;
    }
    *at = c;
    return digits / scale;
}

/* A label or target, and the inputs. */
static void read_sample(task *t, size_t i, const char *line)
{
    const char *end = line;
    const double first = number(&end);
    if (t->set->classes > 0)
        ((int32_t *)prune_tensor_data_mut(t->y))[i] = (int32_t)first;
    else
        ((float *)prune_tensor_data_mut(t->y))[i] = (float)first;
    float *x = (float *)prune_tensor_data_mut(t->x) + i * t->set->inputs;
    for (size_t k = 0; k < t->set->inputs; k++) {
        ck_assert_msg(*end == ' ', "%s: sample %d is short", t->set->file, (int)i);
        x[k] = (float)number(&end);
    }
    ck_assert_msg(*end == '\n', "%s: sample %d is long", t->set->file, (int)i);
}

static void read_set(task *t)
{
    char line[LINE];
    size_t samples = 0;
    FILE *file = fopen(t->set->file, "r");
    ck_assert_msg(file != NULL, "%s cannot be opened", t->set->file);
    t->x = tensor_of(PRUNE_F32, t->set->samples, t->set->inputs);
    t->y = tensor_of(t->set->classes > 0 ? PRUNE_I32 : PRUNE_F32, t->set->samples, 1);
    while (fgets(line, sizeof line, file) != NULL)
        if (line[0] != '#') {
            ck_assert_uint_lt(samples, t->set->samples);
            read_sample(t, samples++, line);
        }
    fclose(file);
    ck_assert_uint_eq(samples, t->set->samples);
}

static int ascending(const void *a, const void *b)
{
    const size_t left = *(const size_t *)a, right = *(const size_t *)b;
    return (left > right) - (left < right);
}

/* The same samples must be held out as were when scikit-learn was trained. */
static void check_held(const mlp_set *set, size_t *held, size_t count)
{
    ck_assert_uint_eq(count, set->held_count);
    qsort(held, count, sizeof *held, ascending);
    for (size_t i = 0; i < count; i++)
        ck_assert_uint_eq(held[i], set->held[i]);
}

static void split(task *t)
{
    prune_rng rng;
    size_t train, *order = malloc(t->set->samples * sizeof *order);
    ck_assert_ptr_nonnull(order);
    prune_rng_seed(&rng, t->set->split_seed);
    if (t->set->classes > 0)
        ck_assert_ok(prune_split_stratified(order, &train, t->y, t->set->held_fraction, &rng));
    else
        ck_assert_ok(prune_split(order, &train, t->set->samples, t->set->held_fraction, &rng));
    check_held(t->set, order + train, t->set->samples - train);
    for (size_t i = 0; i < 4; i++) {
        const size_t first = i < 2 ? 0 : train, count = i < 2 ? train : t->set->samples - train;
        ck_assert_ok(prune_tensor_create_rows(&t->part[i], NULL, i % 2 ? t->y : t->x, order + first, count));
    }
    free(order);
}

/* Both parts by the means and deviations of the first. */
static void standardize(prune_tensor *train, prune_tensor *held)
{
    float mean[32], deviation[32];
    const size_t columns = prune_tensor_dim(train, 1);
    ck_assert_ok(prune_standardize_fit(mean, deviation, columns, train, NULL));
    ck_assert_ok(prune_standardize_apply(train, train, mean, deviation, columns));
    ck_assert_ok(prune_standardize_apply(held, held, mean, deviation, columns));
}

static void open_task(task *t, const mlp_set *set)
{
    *t = (task){ .set = set, .loss = set->classes > 0 ? PRUNE_SOFTMAX_CROSS_ENTROPY : PRUNE_MSE };
    (void)prune_blas_set_threads(1);
    read_set(t);
    split(t);
    standardize(t->part[0], t->part[2]);
    if (set->classes == 0)
        standardize(t->part[1], t->part[3]);
    prune_data_init(&t->train);
    prune_data_init(&t->held);
    t->train.inputs = t->part[0], t->train.targets = t->part[1];
    t->held.inputs = t->part[2], t->held.targets = t->part[3];
}

static void close_task(task *t)
{
    prune_tensor_free(t->x);
    prune_tensor_free(t->y);
    for (size_t i = 0; i < 4; i++)
        prune_tensor_free(t->part[i]);
}

/* ---- the networks ---- */

static prune_model *new_model(const mlp_set *set, uint64_t seed)
{
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, NULL, set->inputs));
    for (size_t l = 0; l < set->layers; l++)
        ck_assert_ok(prune_model_add_dense(model, set->hidden[l], PRUNE_RELU));
    ck_assert_ok(prune_model_add_dense(model, set->classes > 0 ? set->classes : 1, PRUNE_LINEAR));
    ck_assert_ok(prune_model_initialize(model, PRUNE_INIT_GLOROT_UNIFORM, seed));
    return model;
}

static void train(const task *t, prune_model *model, uint64_t seed, uint64_t epochs)
{
    prune_trainer_options options;
    prune_trainer_options_init(&options);
    options.loss = t->loss;
    options.learning_rate = t->set->learning_rate;
    options.l2 = t->set->l2;
    options.max_batch = t->set->batch;
    options.seed = seed;
    prune_fit_options fit;
    prune_fit_options_init(&fit);
    fit.epochs = epochs;
    ck_assert_ok(prune_fit(NULL, model, &t->train, &options, &fit, NULL));
}

static prune_status r2(void *user, double *value, const prune_tensor *outputs, const prune_tensor *targets)
{
    (void)user;
    prune_regression regression;
    prune_regression_init(&regression);
    const prune_status status = prune_regression_measure(&regression, outputs, targets, 0, NULL);
    *value = regression.r2;
    return status;
}

/* Accuracy or R2 on the samples held out. */
static double score(const task *t, const prune_model *model)
{
    double value;
    const prune_metric metric = { r2, NULL, 1 };
    prune_metrics metrics;
    prune_metrics_init(&metrics);
    if (t->set->classes > 0) {
        ck_assert_ok(prune_evaluate(&metrics, model, &t->held, t->loss, NULL));
        return metrics.accuracy;
    }
    ck_assert_ok(prune_evaluate_metric(&value, model, &t->held, t->loss, &metric, NULL));
    return value;
}

/* Half of the weights, those with the smallest |w|; then on under the mask. */
static void prune_half(const task *t, prune_model *model, uint64_t seed)
{
    prune_importance *magnitude;
    prune_removal removal;
    prune_removal_init(&removal);
    ck_assert_ok(prune_importance_create(&magnitude, NULL, model, PRUNE_MAGNITUDE));
    ck_assert_ok(prune_mask_fraction(&removal, model, magnitude, NULL, 0.5, PRUNE_OF_ALL));
    ck_assert_uint_ge(2 * removal.removed + 1, removal.units);
    prune_importance_free(magnitude);
    train(t, model, seed + MLP_SEEDS, PRUNED_EPOCHS);
}

/* Means over the seeds: dense, and with half of the weights. */
static void run(double means[2], const task *t)
{
    means[0] = means[1] = 0.0;
    for (uint64_t seed = 0; seed < MLP_SEEDS; seed++) {
        prune_model *model = new_model(t->set, seed);
        train(t, model, seed, t->set->epochs);
        means[0] += score(t, model) / MLP_SEEDS;
        prune_half(t, model, seed);
        means[1] += score(t, model) / MLP_SEEDS;
        prune_model_free(model);
    }
}

static void reaches_sklearn(const mlp_set *set)
{
    static const char *const names[] = { "dense", "half of the weights" };
    double means[2];
    task t;
    open_task(&t, set);
    run(means, &t);
    close_task(&t);
    for (size_t i = 0; i < 2; i++)
        ck_assert_msg(means[i] >= set->mean - set->deviation, "%s, %s: %.4f; scikit-learn: %.4f +- %.4f",
                      set->file, names[i], means[i], set->mean, set->deviation);
}

START_TEST(breast_cancer)
{
    reaches_sklearn(&mlp_sets[BREAST_CANCER]);
}
END_TEST

START_TEST(wine)
{
    reaches_sklearn(&mlp_sets[WINE]);
}
END_TEST

START_TEST(diabetes)
{
    reaches_sklearn(&mlp_sets[DIABETES]);
}
END_TEST

/* The fixtures' own mean and deviation; and a deviation that is not what makes the tests pass. */
START_TEST(fixtures_are_whole)
{
    for (size_t i = 0; i < sizeof mlp_sets / sizeof mlp_sets[0]; i++) {
        const mlp_set *set = &mlp_sets[i];
        double mean = 0.0, square = 0.0;
        for (size_t s = 0; s < MLP_SEEDS; s++)
            mean += set->score[s] / MLP_SEEDS;
        for (size_t s = 0; s < MLP_SEEDS; s++)
            square += (set->score[s] - mean) * (set->score[s] - mean) / MLP_SEEDS;
        ck_assert_double_eq_tol(set->mean, mean, 1e-12);
        ck_assert_double_eq_tol(set->deviation, sqrt(square), 1e-12);
        ck_assert_double_lt(set->deviation, 0.02);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { breast_cancer, wine, diabetes, fixtures_are_whole };
    return run_tests("mlp", tests, sizeof tests / sizeof tests[0]);
}
