/* allreduce_test.c -- ranks of which one fails, at every place where it can
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/parted.h"

#include <math.h>
#include <string.h>

enum { COUNT = 3, BAD = 1, SAMPLES = 3 * PARTED_BATCH, EPOCHS = 2, STATES = 32 };

enum { NOTHING, BAD_DATA, NO_MEMORY, BAD_SOURCE, BAD_VALIDATION, BAD_LOSS, BAD_CALLBACK, TOO_LARGE };

/* What goes wrong on rank BAD, and when. */
typedef struct fixture {
    parted data;
    member members[COUNT];
    ranks ranks;
    heap memory;
    int32_t fault;
    size_t at, calls; /* the call, counted from 1, at which it does; and so many there were */
    prune_fit_options fit[COUNT];
    uint64_t states[STATES]; /* of the first rank, after each whole step */
    size_t state_count;
} fixture;

static void open_fixture(fixture *f, int32_t accumulate)
{
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    memset(f, 0, sizeof *f);
    options.learning_rate = 0.1f;
    options.accumulate = accumulate;
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
    ck_assert(heap_is_clean(&f->memory));
}

/* ---- what goes wrong ---- */

static int32_t is_due(fixture *f)
{
    return ++f->calls == f->at;
}

static prune_status read_rows(void *user, const size_t *samples, size_t count, float *inputs, void *targets)
{
    fixture *f = user;
    const float *x = prune_tensor_data(f->data.part[BAD].inputs),
                *y = prune_tensor_data(f->data.part[BAD].targets);
    for (size_t i = 0; i < count; i++) {
        memcpy(inputs + i * PARTED_INPUTS, x + samples[i] * PARTED_INPUTS, PARTED_INPUTS * sizeof *x);
        memcpy((float *)targets + i * PARTED_CLASSES, y + samples[i] * PARTED_CLASSES,
               PARTED_CLASSES * sizeof *y);
    }
    return is_due(f) ? -77 : PRUNE_OK;
}

static prune_status own_loss(void *user, float *losses, prune_tensor *gradient, const prune_tensor *outputs,
                             const prune_tensor *targets)
{
    const size_t rows = prune_tensor_dim(outputs, 0);
    const float *h = prune_tensor_data(outputs), *y = prune_tensor_data(targets);
    float *g = gradient == NULL ? NULL : prune_tensor_data_mut(gradient);
    memset(losses, 0, rows * sizeof *losses);
    for (size_t i = 0; i < rows * PARTED_CLASSES; i++) {
        losses[i / PARTED_CLASSES] += 0.5f * (h[i] - y[i]) * (h[i] - y[i]);
        if (g != NULL)
            g[i] = h[i] - y[i];
    }
    return user != NULL && is_due(user) ? 99 : PRUNE_OK;
}

static int32_t change_model(void *user, const prune_progress *progress)
{
    fixture *f = user;
    if (is_due(f))
        (void)prune_model_add_dense(prune_trainer_model(progress->trainer), 2, PRUNE_LINEAR);
    return 0;
}

static int32_t record_state(void *user, const prune_progress *progress)
{
    fixture *f = user;
    if (f->state_count < STATES)
        f->states[f->state_count++] = world_trainer_hash(progress->trainer);
    return 0;
}

static prune_status set_own_loss(fixture *f, prune_trainer *trainer, int32_t rank)
{
    prune_loss_options loss;
    prune_loss_options_init(&loss);
    loss.kind = PRUNE_LOSS_OWN;
    loss.own = own_loss;
    loss.user = rank == BAD ? f : NULL;
    return prune_trainer_set_loss(trainer, &loss, NULL);
}

/* ---- what ranks do ---- */

/* Another trainer, in memory that may be refused. */
static prune_status replace_trainer(fixture *f, member *m)
{
    const prune_allocator mem = heap_allocator(&f->memory);
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_SGD);
    options.learning_rate = 0.1f;
    options.max_batch = PARTED_BATCH;
    prune_trainer_free(m->trainer);
    heap_refuse_from(&f->memory, f->at);
    return prune_trainer_create(&m->trainer, &mem, m->model, &options, &m->error);
}

static void fit_part(const prune_allreduce *all, void *user)
{
    fixture *f = user;
    member *m = &f->members[all->rank];
    prune_source source;
    prune_data part = f->data.part[all->rank], sourced;
    prune_fit_options fit = f->fit[all->rank];
    const int32_t bad = all->rank == BAD;
    prune_source_init(&source);
    prune_data_init(&sourced);
    source.samples = prune_tensor_dim(part.inputs, 0);
    source.inputs = PARTED_INPUTS;
    source.target_columns = PARTED_CLASSES;
    source.target_type = PRUNE_F32;
    source.read = read_rows;
    source.user = f;
    sourced.source = &source;
    fit.validation = f->fault == BAD_VALIDATION ? bad ? &sourced : &part : NULL;
    fit.progress = bad && f->fault == BAD_CALLBACK ? change_model : all->rank == 0 ? record_state : NULL;
    fit.user = f;
    m->status = PRUNE_OK;
    if (f->fault == NO_MEMORY && bad)
        m->status = replace_trainer(f, m);
    if (f->fault == BAD_LOSS)
        m->status = set_own_loss(f, m->trainer, all->rank);
    if (m->status != PRUNE_OK) {
        (void)prune_allreduce_fail(all, m->status);
        return;
    }
    m->status = prune_trainer_set_allreduce(m->trainer, all, &m->error);
    if (m->status == PRUNE_OK)
        m->status = prune_trainer_fit(&m->result, m->trainer,
                                      f->fault == BAD_SOURCE && bad ? &sourced : &part, &fit, &m->error);
}

/* All return what rank BAD returns, and have the same weights. */
static void check_failed(fixture *f, prune_status status)
{
    ck_assert_msg(!f->ranks.stranded && !f->ranks.unlike, "fault %d at %d: a rank is left alone",
                  (int)f->fault, (int)f->at);
    for (int32_t r = 0; r < COUNT; r++) {
        ck_assert_status(f->members[r].status, status);
        if (r != BAD)
            ck_assert_str_eq(f->members[r].error.place, "rank 1");
    }
    ck_assert_uint_eq(world_trainer_hash(f->members[0].trainer), world_trainer_hash(f->members[2].trainer));
    if (f->fault != BAD_CALLBACK && f->members[BAD].trainer != NULL)
        ck_assert_uint_eq(world_trainer_hash(f->members[0].trainer),
                          world_trainer_hash(f->members[BAD].trainer));
}

/* Every time that it can fail, until it has had no chance to. Returns how often. */
static size_t fail_everywhere(int32_t fault, int32_t accumulate, prune_status status)
{
    for (size_t at = 1;; at++) {
        fixture f;
        open_fixture(&f, accumulate);
        f.fault = fault;
        f.at = at;
        ranks_run(&f.ranks, COUNT, fit_part, &f);
        const int32_t failed = f.members[BAD].status != PRUNE_OK;
        if (failed)
            check_failed(&f, status);
        for (int32_t r = 0; !failed && r < COUNT; r++)
            ck_assert_ok(f.members[r].status);
        close_fixture(&f);
        if (!failed)
            return at - 1;
    }
}

START_TEST(one_that_fails_ends_it_for_all)
{
    ck_assert_uint_eq(fail_everywhere(BAD_SOURCE, 0, -77), EPOCHS * SAMPLES / PARTED_BATCH);
    ck_assert_uint_eq(fail_everywhere(BAD_SOURCE, 2, -77), EPOCHS * SAMPLES / PARTED_BATCH);
    ck_assert_uint_ge(fail_everywhere(BAD_VALIDATION, 0, -77), EPOCHS);
    ck_assert_uint_ge(fail_everywhere(BAD_LOSS, 0, 99), EPOCHS * SAMPLES / PARTED_BATCH);
    ck_assert_uint_eq(fail_everywhere(BAD_CALLBACK, 0, PRUNE_E_STATE), EPOCHS * SAMPLES / PARTED_BATCH);
    ck_assert_uint_ge(fail_everywhere(NO_MEMORY, 0, PRUNE_E_MEMORY), 3);
}
END_TEST

static void fail_once(int32_t fault, float plant, prune_status status)
{
    fixture f;
    open_fixture(&f, 0);
    f.fault = fault;
    prune_tensor *tensor = f.data.tensors[BAD][fault == BAD_DATA ? 0 : 1];
    ((float *)prune_tensor_data_mut(tensor))[5] = plant;
    ranks_run(&f.ranks, COUNT, fit_part, &f);
    check_failed(&f, status);
    close_fixture(&f);
}

START_TEST(bad_data_of_one_end_it_for_all)
{
    fail_once(BAD_DATA, NAN, PRUNE_E_NONFINITE);
    fail_once(TOO_LARGE, 3e38f, PRUNE_E_DIVERGED);
}
END_TEST

/* At every call of the user's function, which fails on all ranks. */
START_TEST(a_failing_function_leaves_the_weights_of_a_whole_step)
{
    fixture good;
    open_fixture(&good, 0);
    good.states[good.state_count++] = world_trainer_hash(good.members[0].trainer);
    ranks_run(&good.ranks, COUNT, fit_part, &good);
    ck_assert_uint_eq(good.state_count, 1 + EPOCHS * SAMPLES / PARTED_BATCH);
    for (uint64_t call = 1; call <= good.ranks.calls; call++) {
        fixture f;
        int32_t known = 0;
        open_fixture(&f, 0);
        ranks_run_failing(&f.ranks, COUNT, call, fit_part, &f);
        for (int32_t r = 0; r < COUNT; r++) {
            ck_assert_status(f.members[r].status, PRUNE_E_IO);
            ck_assert_str_eq(f.members[r].error.place, "allreduce");
        }
        ck_assert_uint_eq(f.ranks.calls, call);
        parted_check_equal(f.members, COUNT);
        for (size_t i = 0; i < good.state_count; i++)
            known |= good.states[i] == world_trainer_hash(f.members[0].trainer);
        ck_assert_int_eq(known, 1);
        close_fixture(&f);
    }
    close_fixture(&good);
}
END_TEST

START_TEST(after_a_failure_all_may_go_on)
{
    fixture f;
    open_fixture(&f, 2);
    f.fault = BAD_SOURCE;
    f.at = 2;
    ranks_run(&f.ranks, COUNT, fit_part, &f);
    check_failed(&f, -77);
    ranks_run(&f.ranks, COUNT, fit_part, &f); /* the source fails once only */
    for (int32_t r = 0; r < COUNT; r++)
        ck_assert_ok(f.members[r].status);
    parted_check_equal(f.members, COUNT);
    close_fixture(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        one_that_fails_ends_it_for_all,
        bad_data_of_one_end_it_for_all,
        a_failing_function_leaves_the_weights_of_a_whole_step,
        after_a_failure_all_may_go_on,
    };
    return run_tests("allreduce", tests, sizeof tests / sizeof tests[0]);
}
