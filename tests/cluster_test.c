/* cluster_test.c -- ranks that train and score together, against one process with the joined batches
 *
 * SPDX-License-Identifier: MIT */
#include "support/parted.h"

#include <math.h>
#include <string.h>

enum { SAMPLES = 5 * PARTED_BATCH + 10, EPOCHS = 3 };

/* A case: what all do, and the one that is alone in the last place. */
typedef struct fixture {
    parted data;
    parted others; /* validation */
    prune_fit_options fit;
    member members[RANKS_MOST], alone;
    ranks ranks;
    uint64_t stop_after; /* batches, on the last rank; 0: never */
    int32_t validates, counts[RANKS_MOST];
    int32_t criterion;
} fixture;

static void open_fixture(fixture *f, int32_t count, const prune_trainer_options *options, int32_t weighted)
{
    memset(f, 0, sizeof *f);
    parted_make(&f->data, count, SAMPLES, options->loss, weighted);
    parted_make(&f->others, count, 3 * PARTED_BATCH + 2, options->loss, weighted);
    parted_members(f->members, count, options);
    parted_members(&f->alone, 1, options);
    prune_fit_options_init(&f->fit);
    f->fit.epochs = EPOCHS;
    f->fit.shuffle = 0;
}

static void close_fixture(fixture *f)
{
    parted_release(f->members, f->data.count);
    parted_release(&f->alone, 1);
    parted_end(&f->data);
    parted_end(&f->others);
}

static int32_t count_batches(void *user, const prune_progress *progress)
{
    int32_t *left = user;
    (void)progress;
    return --*left == 0;
}

/* What a rank does. */
static void fit_part(const prune_allreduce *all, void *user)
{
    fixture *f = user;
    member *m = &f->members[all->rank];
    prune_fit_options fit = f->fit;
    fit.batch_size = parted_batch(&f->data, all->rank);
    fit.validation = f->validates ? &f->others.part[all->rank] : NULL;
    if (f->stop_after != 0 && all->rank == all->ranks - 1) {
        f->counts[all->rank] = (int32_t)f->stop_after;
        fit.progress = count_batches;
        fit.user = &f->counts[all->rank];
    }
    m->status = prune_trainer_set_allreduce(m->trainer, all, &m->error);
    if (m->status == PRUNE_OK)
        m->status = prune_trainer_fit(&m->result, m->trainer, &f->data.part[all->rank], &fit, &m->error);
}

static void fit_all(fixture *f)
{
    prune_fit_options fit = f->fit;
    fit.validation = f->validates ? &f->others.whole : NULL;
    ranks_run(&f->ranks, f->data.count, fit_part, f);
    for (int32_t r = 0; r < f->data.count; r++)
        ck_assert_msg(f->members[r].status == PRUNE_OK, "rank %d: %s: %s", (int)r, f->members[r].error.place,
                      f->members[r].error.reason);
    ck_assert(!f->ranks.stranded && !f->ranks.unlike);
    ck_assert_ok(prune_trainer_fit(&f->alone.result, f->alone.trainer, &f->data.whole, &fit, NULL));
}

static void check_same_road(fixture *f, double tolerance)
{
    parted_check_equal(f->members, f->data.count);
    const prune_fit_result *one = &f->alone.result;
    for (int32_t r = 0; r < f->data.count; r++) {
        const prune_fit_result *mine = &f->members[r].result;
        ck_assert_uint_eq(mine->steps, one->steps);
        ck_assert_uint_eq(mine->epochs, one->epochs);
        ck_assert(one->epochs == 0 || fabs(mine->loss - one->loss) <= tolerance * (1.0 + fabs(one->loss)));
        world_check_removed(f->members[r].model, f->members[r].trainer);
    }
    const double apart = parted_distance(f->members[0].model, f->alone.model);
    ck_assert_msg(apart <= tolerance, "%d ranks: weights %g apart", (int)f->data.count, apart);
}

static prune_trainer_options sgd(int32_t loss)
{
    prune_trainer_options options = world_options(loss, PRUNE_SGD);
    options.learning_rate = 0.1f;
    options.momentum = 0.9f;
    return options;
}

START_TEST(ranks_go_the_road_of_the_joined_batch)
{
    static const float class_weights[] = { 1.0f, 0.0f, 3.0f };
    for (int32_t count = 1; count <= RANKS_MOST; count++)
        for (int32_t k = 0; k < 6; k++) {
            fixture f;
            prune_loss_options loss;
            prune_loss_options_init(&loss);
            loss.smoothing = 0.1f;
            loss.class_weights = class_weights;
            loss.class_count = PARTED_CLASSES;
            prune_trainer_options options = sgd(k % 2 ? PRUNE_SOFTMAX_CROSS_ENTROPY : PRUNE_MSE);
            options.loss_options = k == 5 ? &loss : NULL;
            options.clip_norm = k == 2 || k == 3 ? 0.05f : 0.0f;
            options.l1 = k == 1 ? 0.01f : 0.0f;
            options.l2 = k == 2 ? 0.05f : 0.0f;
            options.accumulate = k == 3 || k == 4 ? 4 : 0;
            options.sparse = k % 3 == 0 ? PRUNE_SPARSE_ALWAYS : PRUNE_SPARSE_AUTO;
            open_fixture(&f, count, &options, k >= 4);
            fit_all(&f);
            check_same_road(&f, 2e-5);
            close_fixture(&f);
        }
}
END_TEST

START_TEST(every_optimizer_goes_it)
{
    for (int32_t optimizer = PRUNE_SGD; optimizer <= PRUNE_ADAGRAD; optimizer++) {
        fixture f;
        prune_trainer_options options = world_options(PRUNE_MSE, optimizer);
        options.epsilon = 1e-3f; /* so that rounding of gradients near 0 stays rounding */
        open_fixture(&f, 3, &options, 1);
        fit_all(&f);
        check_same_road(&f, 2e-5);
        close_fixture(&f);
    }
}
END_TEST

START_TEST(only_kept_weights_are_sent)
{
    fixture f;
    const prune_trainer_options options = sgd(PRUNE_MSE);
    open_fixture(&f, 2, &options, 0);
    fit_all(&f);
    uint64_t kept = 0;
    for (size_t p = 0; p < prune_model_param_count(f.alone.model); p++) {
        prune_param_info info = { .size = sizeof info };
        ck_assert_ok(prune_model_param_info(&info, f.alone.model, p));
        kept += info.kept;
    }
    ck_assert_uint_eq(f.ranks.floats, kept + 2);
    close_fixture(&f);
}
END_TEST

/* ---- what a fit decides ---- */

START_TEST(validation_is_of_all_samples)
{
    for (int32_t k = 0; k < 2; k++) {
        fixture f;
        const prune_trainer_options options = sgd(k ? PRUNE_SOFTMAX_CROSS_ENTROPY : PRUNE_MSE);
        open_fixture(&f, 3, &options, 1);
        f.validates = 1;
        f.fit.epochs = 40;
        f.fit.keep_best = 1;
        f.fit.patience = 3;
        f.fit.min_delta = 0.003;
        f.fit.monitor = PRUNE_MONITOR_LOSS;
        fit_all(&f);
        const prune_fit_result *one = &f.alone.result;
        ck_assert(one->stopped_early && one->epochs < 40);
        check_same_road(&f, 1e-4);
        for (int32_t r = 0; r < 3; r++) {
            const prune_fit_result *mine = &f.members[r].result;
            ck_assert_uint_eq(mine->best_epoch, one->best_epoch);
            ck_assert(mine->stopped_early);
            ck_assert(fabs(mine->validation_loss - one->validation_loss) < 1e-4);
            ck_assert(fabs(mine->validation_metric - one->validation_metric) < 1e-4);
        }
        close_fixture(&f);
    }
}
END_TEST

static prune_status mean_error(void *user, double *value, const prune_tensor *outputs,
                               const prune_tensor *targets)
{
    const float *h = prune_tensor_data(outputs), *y = prune_tensor_data(targets);
    const size_t count = prune_tensor_dim(outputs, 0) * PARTED_CLASSES;
    (void)user;
    *value = 0.0;
    for (size_t i = 0; i < count; i++)
        *value += fabs((double)h[i] - (double)y[i]) / (double)count;
    return PRUNE_OK;
}

START_TEST(a_metric_of_ones_own_is_the_mean_over_samples)
{
    const prune_metric metric = { mean_error, NULL, 0 };
    fixture f;
    const prune_trainer_options options = sgd(PRUNE_MSE);
    open_fixture(&f, 3, &options, 0);
    f.validates = 1;
    f.fit.metric = &metric;
    fit_all(&f);
    for (int32_t r = 0; r < 3; r++)
        ck_assert(fabs(f.members[r].result.validation_own - f.alone.result.validation_own) < 1e-5);
    close_fixture(&f);
}
END_TEST

START_TEST(one_that_stops_stops_all)
{
    for (uint64_t after = 1; after <= 9; after += 2)
        for (int32_t accumulate = 0; accumulate <= 4; accumulate += 4) {
            fixture f;
            prune_trainer_options options = sgd(PRUNE_MSE);
            int32_t left = (int32_t)after;
            options.accumulate = accumulate;
            open_fixture(&f, 3, &options, 0);
            f.fit.progress_every = 1;
            f.stop_after = after;
            ranks_run(&f.ranks, 3, fit_part, &f);
            f.fit.progress = count_batches;
            f.fit.user = &left;
            ck_assert_ok(prune_trainer_fit(&f.alone.result, f.alone.trainer, &f.data.whole, &f.fit, NULL));
            for (int32_t r = 0; r < 3; r++) {
                ck_assert_ok(f.members[r].status);
                ck_assert(f.members[r].result.stopped);
            }
            ck_assert(!f.ranks.stranded);
            check_same_road(&f, 2e-5);
            close_fixture(&f);
        }
}
END_TEST

/* ---- scores ---- */

static void score_part(const prune_allreduce *all, void *user)
{
    fixture *f = user;
    member *m = &f->members[all->rank];
    m->status = prune_trainer_set_allreduce(m->trainer, all, &m->error);
    for (int32_t k = 0; k < 2 && m->status == PRUNE_OK; k++) {
        const prune_data *part = k == 0 ? &f->data.part[all->rank] : &f->others.part[all->rank];
        m->status = prune_importance_accumulate(m->scores, m->trainer, part, &m->error);
    }
    if (m->status == PRUNE_OK)
        m->status = prune_importance_reduce(m->scores, m->trainer, &m->error);
    if (m->status == PRUNE_OK)
        m->status = prune_mask_fraction(NULL, m->model, m->scores, NULL, 0.5, PRUNE_OF_ALL);
}

static void check_scores(const fixture *f)
{
    double most = 0.0;
    for (size_t p = 0; p < prune_model_param_count(f->alone.model); p++) {
        const size_t count = world_count(f->alone.model, p);
        const float *one = prune_importance_scores(f->alone.scores, p);
        for (size_t i = 0; i < count; i++)
            most = fabs((double)one[i]) > most ? fabs((double)one[i]) : most;
        for (int32_t r = 0; r < f->data.count; r++) {
            const float *mine = prune_importance_scores(f->members[r].scores, p);
            ck_assert(world_distance(mine, one, count) <= 1e-6 * most);
            ck_assert(memcmp(mine, prune_importance_scores(f->members[0].scores, p), count * sizeof *mine) ==
                      0);
        }
    }
    ck_assert(most > 0.0);
}

START_TEST(scores_and_masks_are_those_of_all_samples)
{
    static const int32_t criteria[][2] = { { PRUNE_GRADIENT, 0 },
                                           { PRUNE_TAYLOR, 0 },
                                           { PRUNE_FISHER, PRUNE_PER_SAMPLE_SQUARE },
                                           { PRUNE_SAMPLE_GRADIENT, PRUNE_PER_SAMPLE_ABSOLUTE },
                                           { PRUNE_MAGNITUDE, 0 } };
    for (size_t c = 0; c < sizeof criteria / sizeof criteria[0]; c++)
        for (int32_t count = 1; count <= 3; count++) {
            fixture f;
            prune_trainer_options options = sgd(PRUNE_SOFTMAX_CROSS_ENTROPY);
            options.per_sample = criteria[c][1];
            open_fixture(&f, count, &options, 1);
            for (int32_t r = 0; r < count; r++)
                ck_assert_ok(
                    prune_importance_create(&f.members[r].scores, NULL, f.members[r].model, criteria[c][0]));
            ck_assert_ok(prune_importance_create(&f.alone.scores, NULL, f.alone.model, criteria[c][0]));
            ranks_run(&f.ranks, count, score_part, &f);
            ck_assert_ok(prune_importance_accumulate(f.alone.scores, f.alone.trainer, &f.data.whole, NULL));
            ck_assert_ok(prune_importance_accumulate(f.alone.scores, f.alone.trainer, &f.others.whole, NULL));
            for (int32_t r = 0; r < count; r++)
                ck_assert_ok(f.members[r].status);
            check_scores(&f);
            for (int32_t r = 1; r < count; r++)
                ck_assert_int_eq(world_same_models(f.members[r].model, f.members[0].model), 1);
            close_fixture(&f);
        }
}
END_TEST

/* Taylor scores fed by the fit; half of the weights go on the way. */
static void prune_part(const prune_allreduce *all, void *user)
{
    fixture *f = user;
    member *m = &f->members[all->rank];
    prune_sparsity sparsity;
    prune_gradual gradual;
    prune_fit_options fit = f->fit;
    prune_sparsity_init(&sparsity);
    prune_gradual_init(&gradual);
    sparsity.final = 0.5;
    sparsity.begin = 1;
    sparsity.end = 12;
    sparsity.every = 1;
    gradual.sparsity = &sparsity;
    gradual.importance = m->scores;
    fit.batch_size = parted_batch(&f->data, all->rank);
    fit.importance = m->scores;
    fit.progress = prune_gradual_progress;
    fit.user = &gradual;
    fit.progress_every = 1;
    m->status = prune_trainer_set_allreduce(m->trainer, all, &m->error);
    if (m->status == PRUNE_OK)
        m->status = prune_trainer_fit(&m->result, m->trainer, &f->data.part[all->rank], &fit, &m->error);
    if (m->status == PRUNE_OK)
        m->status = gradual.status;
}

START_TEST(ranks_prune_the_same_while_they_train)
{
    for (int32_t count = 2; count <= RANKS_MOST; count++) {
        fixture f;
        const prune_trainer_options options = sgd(PRUNE_MSE);
        open_fixture(&f, count, &options, 0);
        for (int32_t r = 0; r < count; r++)
            ck_assert_ok(
                prune_importance_create(&f.members[r].scores, NULL, f.members[r].model, PRUNE_TAYLOR));
        ranks_run(&f.ranks, count, prune_part, &f);
        for (int32_t r = 0; r < count; r++)
            ck_assert_ok(f.members[r].status);
        parted_check_equal(f.members, count);
        uint64_t units, kept;
        ck_assert_ok(prune_mask_units(&units, &kept, f.members[0].model, NULL));
        ck_assert_uint_eq(units - kept, (units + 1) / 2);
        close_fixture(&f);
    }
}
END_TEST

/* ---- batch normalisation ---- */

enum { ROWS = 4, WIDE = 3 };

typedef struct normal {
    prune_model *model[2];
    prune_trainer *trainer[2];
    prune_tensor *x[2], *y[2];
    float values[2][ROWS][WIDE];
    prune_status status[2];
} normal;

static void step_normal(const prune_allreduce *all, void *user)
{
    normal *n = user;
    const int32_t r = all->rank;
    n->status[r] = prune_trainer_set_allreduce(n->trainer[r], all, NULL);
    if (n->status[r] == PRUNE_OK)
        n->status[r] = prune_trainer_step(NULL, n->trainer[r], n->x[r], n->y[r]);
}

/* Rank 1 has `rows`: of one there is no variance, so that rank's do not count. */
static void check_statistics(size_t rows)
{
    normal n;
    ranks shared;
    prune_rng rng;
    prune_rng_seed(&rng, 5);
    for (int32_t r = 0; r < 2; r++) {
        const prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
        for (size_t i = 0; i < ROWS * WIDE; i++)
            n.values[r][i / WIDE][i % WIDE] = prune_rng_normal(&rng) + (float)r;
        ck_assert_ok(prune_tensor_const_matrix(&n.x[r], NULL, PRUNE_F32, r ? rows : ROWS, WIDE, n.values[r]));
        ck_assert_ok(prune_tensor_const_matrix(&n.y[r], NULL, PRUNE_F32, r ? rows : ROWS, 1, n.values[r]));
        ck_assert_ok(prune_model_create(&n.model[r], NULL, WIDE));
        ck_assert_ok(prune_model_add_batch_norm(n.model[r], 1.0f, 1e-5f));
        ck_assert_ok(prune_model_add_dense(n.model[r], 1, PRUNE_LINEAR));
        n.trainer[r] = world_trainer(n.model[r], &options);
    }
    ranks_run(&shared, 2, step_normal, &n);
    ck_assert_ok(n.status[0]);
    ck_assert_ok(n.status[1]);
    ck_assert_int_eq(world_same_models(n.model[0], n.model[1]), 1);
    for (size_t i = 0; i < WIDE; i++) {
        double mean[2] = { 0.0, 0.0 };
        for (size_t k = 0; k < ROWS; k++)
            for (int32_t r = 0; r < 2; r++)
                mean[r] += (double)n.values[r][k][i] / ROWS;
        const double expected = rows == 1 ? mean[0] : (mean[0] + mean[1]) / 2.0;
        ck_assert(fabs((double)prune_model_param(n.model[0], 2)[i] - expected) < 1e-6);
    }
    for (int32_t r = 0; r < 2; r++) {
        prune_trainer_free(n.trainer[r]);
        prune_model_free(n.model[r]);
        prune_tensor_free(n.x[r]);
        prune_tensor_free(n.y[r]);
    }
}

START_TEST(statistics_are_the_mean_of_ranks)
{
    check_statistics(ROWS);
    check_statistics(1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        ranks_go_the_road_of_the_joined_batch,
        every_optimizer_goes_it,
        only_kept_weights_are_sent,
        validation_is_of_all_samples,
        a_metric_of_ones_own_is_the_mean_over_samples,
        one_that_stops_stops_all,
        scores_and_masks_are_those_of_all_samples,
        ranks_prune_the_same_while_they_train,
        statistics_are_the_mean_of_ranks,
    };
    return run_tests("cluster", tests, sizeof tests / sizeof tests[0]);
}
