/* alike_test.c -- ranks that are not like each other, that make single steps, or that are none
 *
 * SPDX-License-Identifier: MIT */
#include "support/parted.h"

enum { COUNT = 3, BAD = 1, SAMPLES = 3 * PARTED_BATCH, EPOCHS = 2 };

typedef struct fixture {
    parted data;
    member members[COUNT];
    ranks ranks;
    size_t at, calls; /* the call, counted from 1, at which rank BAD does something; and so many there were */
    prune_fit_options fit[COUNT];
    void (*instead)(struct fixture *f); /* of the fit, on rank BAD */
} fixture;

static void open_fixture(fixture *f)
{
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    *f = (fixture){ .at = 2 };
    options.learning_rate = 0.1f;
    parted_make(&f->data, COUNT, SAMPLES, PRUNE_MSE, 0);
    parted_members(f->members, COUNT, &options);
    for (int32_t r = 0; r < COUNT; r++) {
        prune_fit_options_init(&f->fit[r]);
        f->fit[r].epochs = EPOCHS;
        f->fit[r].batch_size = parted_batch(&f->data, r);
        f->fit[r].progress_every = 1;
    }
}

static void close_fixture(fixture *f)
{
    parted_release(f->members, COUNT);
    parted_end(&f->data);
}

static int32_t is_due(fixture *f)
{
    return ++f->calls == f->at;
}

/* ---- ranks that are not alike ---- */

static int32_t remove_one(void *user, const prune_progress *progress)
{
    fixture *f = user;
    if (is_due(f))
        world_remove(prune_trainer_model(progress->trainer), 0, 5);
    return 0;
}

static int32_t nudge(void *user, const prune_progress *progress)
{
    fixture *f = user;
    const float bias[] = { 0.5f, 0.25f, 0.125f };
    if (is_due(f))
        (void)prune_model_set_param(prune_trainer_model(progress->trainer), 5, bias, 3);
    return 0;
}

static int32_t change_rate(void *user, const prune_progress *progress)
{
    fixture *f = user;
    if (is_due(f))
        (void)prune_trainer_set_learning_rate(progress->trainer, 0.01f);
    return 0;
}

static void score_in_place_of_fit(fixture *f)
{
    member *m = &f->members[BAD];
    m->status = prune_importance_accumulate(m->scores, m->trainer, &f->data.part[BAD], &m->error);
}

static void other_part(const prune_allreduce *all, void *user)
{
    fixture *f = user;
    member *m = &f->members[all->rank];
    m->status = prune_trainer_set_allreduce(m->trainer, all, &m->error);
    if (m->status != PRUNE_OK)
        return;
    if (all->rank == BAD && f->instead != NULL)
        f->instead(f);
    else
        m->status =
            prune_trainer_fit(NULL, m->trainer, &f->data.part[all->rank], &f->fit[all->rank], &m->error);
}

static void check_unlike(fixture *f)
{
    ranks_run(&f->ranks, COUNT, other_part, f);
    ck_assert(!f->ranks.stranded && !f->ranks.unlike);
    for (int32_t r = 0; r < COUNT; r++) {
        ck_assert_status(f->members[r].status, PRUNE_E_DISAGREE);
        ck_assert_str_eq(f->members[r].error.place, "ranks");
    }
    close_fixture(f);
}

START_TEST(ranks_must_be_alike)
{
    int32_t (*const callbacks[])(void *user, const prune_progress *progress) = { remove_one, nudge,
                                                                                 change_rate };
    for (size_t k = 0; k < 9; k++) {
        fixture f;
        open_fixture(&f);
        if (k == 0)
            world_remove(f.members[BAD].model, 0, 5);
        if (k == 1)
            world_plant(f.members[BAD].model, 4, 3, 0.75f);
        if (k == 2)
            ck_assert_ok(prune_trainer_set_learning_rate(f.members[BAD].trainer, 0.05f));
        if (k == 3)
            f.fit[BAD].epochs++;
        if (k == 4)
            f.fit[BAD].progress_every = 0;
        if (k == 5) {
            ck_assert_ok(
                prune_importance_create(&f.members[BAD].scores, NULL, f.members[BAD].model, PRUNE_TAYLOR));
            f.instead = score_in_place_of_fit;
        }
        if (k >= 6) {
            f.fit[BAD].progress = callbacks[k - 6];
            f.fit[BAD].user = &f;
        }
        check_unlike(&f);
    }
}
END_TEST

/* ---- loops of one's own ---- */

enum { ROWS = 6 };

typedef struct loop {
    fixture *f;
    prune_tensor *x[COUNT], *y[COUNT];
    int32_t spoilt;
    prune_status early[2]; /* of a penalty and an update before the gradients are reduced */
} loop;

/* The first makes a step, the second its parts, the third has no samples. */
static void step_part(const prune_allreduce *all, void *user)
{
    loop *l = user;
    const int32_t r = all->rank;
    member *m = &l->f->members[r];
    float loss;
    m->status = prune_trainer_set_allreduce(m->trainer, all, NULL);
    for (int32_t k = 0; k < 3 && m->status == PRUNE_OK; k++) {
        if (r == 0)
            m->status = prune_trainer_step(NULL, m->trainer, l->x[0], l->y[0]);
        if (r == 2)
            m->status = prune_trainer_join(m->trainer);
        if (r != BAD)
            continue;
        m->status = prune_trainer_forward(m->trainer, l->x[1]);
        if (m->status == PRUNE_OK)
            m->status = prune_trainer_loss(&loss, m->trainer, l->y[1]);
        if (m->status == PRUNE_OK)
            m->status = prune_trainer_backward(m->trainer, NULL);
        l->early[0] = prune_trainer_penalize(NULL, m->trainer);
        l->early[1] = prune_trainer_update(m->trainer);
        if (m->status == PRUNE_OK)
            m->status = prune_trainer_reduce(m->trainer);
        if (m->status == PRUNE_OK)
            m->status = prune_trainer_penalize(NULL, m->trainer);
        if (m->status == PRUNE_OK)
            m->status = prune_trainer_update(m->trainer);
    }
}

static void open_loop(loop *l, fixture *f)
{
    *l = (loop){ .f = f };
    for (int32_t r = 0; r < 2; r++) {
        l->x[r] = world_rows(f->data.world.x_tensor, (size_t)r * ROWS, ROWS);
        l->y[r] = world_rows(f->data.world.y_tensor, (size_t)r * ROWS, ROWS);
    }
}

static void close_loop(loop *l)
{
    for (int32_t r = 0; r < 2; r++) {
        prune_tensor_free(l->x[r]);
        prune_tensor_free(l->y[r]);
    }
}

START_TEST(steps_and_their_parts_go_together)
{
    fixture f, whole;
    loop l;
    open_fixture(&f);
    open_fixture(&whole);
    open_loop(&l, &f);
    prune_tensor *x = world_rows(whole.data.world.x_tensor, 0, 2 * ROWS);
    prune_tensor *y = world_rows(whole.data.world.y_tensor, 0, 2 * ROWS);
    ranks_run(&f.ranks, COUNT, step_part, &l);
    for (int32_t k = 0; k < 3; k++)
        ck_assert_ok(prune_trainer_step(NULL, whole.members[0].trainer, x, y));
    for (int32_t r = 0; r < COUNT; r++)
        ck_assert_ok(f.members[r].status);
    ck_assert_status(l.early[0], PRUNE_E_STATE);
    ck_assert_status(l.early[1], PRUNE_E_STATE);
    parted_check_equal(f.members, COUNT);
    ck_assert(parted_distance(f.members[0].model, whole.members[0].model) < 1e-6);
    prune_tensor_free(x);
    prune_tensor_free(y);
    close_loop(&l);
    close_fixture(&f);
    close_fixture(&whole);
}
END_TEST

static void bad_step_part(const prune_allreduce *all, void *user)
{
    loop *l = user;
    member *m = &l->f->members[all->rank];
    m->status = prune_trainer_set_allreduce(m->trainer, all, NULL);
    if (m->status != PRUNE_OK)
        return;
    if (all->rank == BAD)
        m->status = prune_trainer_step(NULL, m->trainer, l->x[1], l->x[1]); /* targets of another shape */
    else
        m->status = prune_trainer_step(NULL, m->trainer, l->x[0], l->y[0]);
}

START_TEST(a_bad_step_is_one_of_all)
{
    fixture f;
    loop l;
    open_fixture(&f);
    open_loop(&l, &f);
    const uint64_t before = world_trainer_hash(f.members[0].trainer);
    ranks_run(&f.ranks, COUNT, bad_step_part, &l);
    for (int32_t r = 0; r < COUNT; r++) {
        ck_assert_status(f.members[r].status, PRUNE_E_SHAPE);
        ck_assert_uint_eq(world_trainer_hash(f.members[r].trainer), before);
    }
    ck_assert(!f.ranks.stranded);
    close_loop(&l);
    close_fixture(&f);
}
END_TEST

/* ---- scores ---- */

static void bad_score_part(const prune_allreduce *all, void *user)
{
    fixture *f = user;
    member *m = &f->members[all->rank];
    m->status = prune_trainer_set_allreduce(m->trainer, all, NULL);
    if (m->status == PRUNE_OK && f->at == 2) /* one that no rank has scores of */
        m->status = prune_importance_accumulate(m->scores, m->trainer, &f->data.part[all->rank], &m->error);
    else if (m->status == PRUNE_OK)
        m->status = prune_importance_reduce(all->rank == BAD ? NULL : m->scores, m->trainer, &m->error);
}

START_TEST(scores_fail_together)
{
    for (size_t at = 1; at <= 2; at++) {
        fixture f;
        open_fixture(&f);
        f.at = at;
        for (int32_t r = 0; r < COUNT; r++)
            ck_assert_ok(
                prune_importance_create(&f.members[r].scores, NULL, f.members[r].model, PRUNE_TAYLOR));
        ((float *)prune_tensor_data_mut(f.data.tensors[BAD][1]))[5] = 3e38f;
        ranks_run(&f.ranks, COUNT, bad_score_part, &f);
        ck_assert(!f.ranks.stranded && !f.ranks.unlike);
        for (int32_t r = 0; r < COUNT; r++) {
            ck_assert_status(f.members[r].status, at == 2 ? PRUNE_E_DIVERGED : PRUNE_E_ARGUMENT);
            ck_assert_uint_eq(prune_importance_samples(f.members[r].scores), 0);
        }
        close_fixture(&f);
    }
}
END_TEST

/* ---- arguments ---- */

static prune_status alone(void *user, void *values, size_t count, int32_t what)
{
    (void)values;
    (void)count;
    (void)what;
    ++*(int32_t *)user;
    return PRUNE_OK;
}

START_TEST(what_is_no_rank_is_refused)
{
    fixture f;
    int32_t calls = 0;
    prune_allreduce all;
    open_fixture(&f);
    prune_trainer *t = f.members[0].trainer;
    prune_allreduce_init(NULL);
    prune_allreduce_init(&all);
    ck_assert(all.size == sizeof all && all.rank == 0 && all.ranks == 1 && all.run == NULL &&
              all.user == NULL);
    all.user = &calls;
    ck_assert_status(prune_trainer_set_allreduce(t, &all, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_allreduce_fail(&all, PRUNE_E_IO), PRUNE_E_ARGUMENT);
    all.run = alone;
    const int32_t bad[][2] = { { -1, 1 }, { 1, 1 }, { 0, 0 }, { 0, (1 << 20) + 1 } };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        all.rank = bad[i][0], all.ranks = bad[i][1];
        ck_assert_status(prune_trainer_set_allreduce(t, &all, NULL), PRUNE_E_ARGUMENT);
        ck_assert_status(prune_allreduce_fail(&all, PRUNE_E_IO), PRUNE_E_ARGUMENT);
    }
    all.rank = 0, all.ranks = 1;
    all.size++;
    ck_assert_status(prune_trainer_set_allreduce(t, &all, NULL), PRUNE_E_VERSION);
    all.size--;
    ck_assert_status(prune_allreduce_fail(&all, PRUNE_OK), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_allreduce_fail(NULL, PRUNE_E_IO), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_set_allreduce(NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_join(t), PRUNE_E_STATE);
    ck_assert_status(prune_trainer_join(NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_reduce(NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_importance_reduce(NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_int_eq(calls, 0);
    ck_assert_ok(prune_trainer_set_allreduce(t, &all, NULL));
    ck_assert_int_eq(calls, 1);
    ck_assert_ok(prune_trainer_set_allreduce(t, NULL, NULL));
    ck_assert_ok(prune_trainer_fit(NULL, t, &f.data.whole, &f.fit[0], NULL));
    ck_assert_int_eq(calls, 1);
    close_fixture(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        ranks_must_be_alike,  steps_and_their_parts_go_together, a_bad_step_is_one_of_all,
        scores_fail_together, what_is_no_rank_is_refused,
    };
    return run_tests("alike", tests, sizeof tests / sizeof tests[0]);
}
