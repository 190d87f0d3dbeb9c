/* own_loss_test.c -- a loss of the caller's own leaves the trainer alone, and is named where it fails
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

#include <math.h>
#include <string.h>

enum { INPUTS = 4, OUTPUTS = 2, N = 12 };

typedef struct meddler {
    prune_trainer *trainer;
    const world_data *world;
    int32_t calls;
} meddler;

/* Half the square, after it has tried all that would pull the batch from under the step. */
static prune_status meddle(void *user, float *losses, prune_tensor *gradient, const prune_tensor *outputs,
                           const prune_tensor *targets)
{
    meddler *m = user;
    const prune_tensor *x = m->world->x_tensor, *y = m->world->y_tensor;
    float loss;
    m->calls++;
    ck_assert_status(prune_trainer_forward(m->trainer, x), PRUNE_E_STATE);
    ck_assert_status(prune_trainer_loss(&loss, m->trainer, y), PRUNE_E_STATE);
    ck_assert_status(prune_trainer_backward(m->trainer, NULL), PRUNE_E_STATE);
    ck_assert_status(prune_trainer_update(m->trainer), PRUNE_E_STATE);
    ck_assert_status(prune_trainer_flush(m->trainer), PRUNE_E_STATE);
    ck_assert_status(prune_trainer_step(NULL, m->trainer, x, y), PRUNE_E_STATE);
    ck_assert_status(prune_trainer_reset(m->trainer), PRUNE_E_STATE);
    ck_assert_status(prune_trainer_set_training(m->trainer, 0), PRUNE_E_STATE);
    ck_assert_status(prune_trainer_set_learning_rate(m->trainer, 9.0f), PRUNE_E_STATE);
    ck_assert(prune_trainer_learning_rate(m->trainer) < 9.0f);
    ck_assert_status(prune_trainer_fit(NULL, m->trainer, &m->world->valued, NULL, NULL), PRUNE_E_STATE);
    for (size_t r = 0; r < prune_tensor_dim(outputs, 0); r++) {
        losses[r] = 0.0f;
        for (size_t c = 0; c < OUTPUTS; c++) {
            const float *h = prune_tensor_data(outputs), *t = prune_tensor_data(targets);
            const float d = h[r * OUTPUTS + c] - t[r * OUTPUTS + c];
            losses[r] += 0.5f * d * d;
            if (gradient != NULL)
                ((float *)prune_tensor_data_mut(gradient))[r * OUTPUTS + c] = d;
        }
    }
    return PRUNE_OK;
}

/* The same bits as the library's squared error, in steps and in a fit that validates. */
START_TEST(the_trainer_that_asked_is_left_alone)
{
    static const size_t widths[] = { INPUTS, 5, OUTPUTS };
    for (int32_t fits = 0; fits < 2; fits++) {
        uint64_t hash[2];
        world_data world;
        world_data_make(&world, N, INPUTS, OUTPUTS, 3);
        for (int32_t own = 0; own < 2; own++) {
            prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
            prune_loss_options loss;
            meddler m = { NULL, &world, 0 };
            prune_loss_options_init(&loss);
            loss.kind = own ? PRUNE_LOSS_OWN : PRUNE_MSE;
            loss.own = own ? meddle : NULL;
            loss.user = &m;
            options.loss_options = &loss;
            prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 2);
            m.trainer = world_trainer(model, &options);
            prune_fit_options how;
            prune_fit_options_init(&how);
            how.epochs = 3;
            how.validation_fraction = 0.25;
            if (fits)
                ck_assert_ok(prune_trainer_fit(NULL, m.trainer, &world.valued, &how, NULL));
            for (int32_t i = 0; !fits && i < 3; i++)
                ck_assert_ok(prune_trainer_step(NULL, m.trainer, world.x_tensor, world.y_tensor));
            ck_assert_int_eq(m.calls != 0, own);
            hash[own] = world_hash(model);
            prune_trainer_free(m.trainer);
            prune_model_free(model);
        }
        ck_assert_uint_eq(hash[0], hash[1]);
        world_data_end(&world);
    }
}
END_TEST

/* ---- one that fails: who did, and where ---- */

enum { RETURNS, RETURNS_DIVERGED, LEAVES_LOSS, LEAVES_DERIVATIVE, FAULTS };
static const prune_status gives[] = { -777, PRUNE_E_DIVERGED, PRUNE_E_DIVERGED, PRUNE_E_DIVERGED };

typedef struct culprit {
    int32_t fault, calls, bad_call;
} culprit;

/* The sum of the outputs, until the bad call. */
static prune_status fail_once(void *user, float *losses, prune_tensor *gradient, const prune_tensor *outputs,
                              const prune_tensor *targets)
{
    culprit *c = user;
    float *g = prune_tensor_data_mut(gradient);
    const float *h = prune_tensor_data(outputs);
    const int32_t bad = ++c->calls == c->bad_call;
    ck_assert_uint_eq(prune_tensor_dim(outputs, 0), prune_tensor_dim(targets, 0));
    if (bad && c->fault <= RETURNS_DIVERGED)
        return gives[c->fault];
    for (size_t r = 0; r < prune_tensor_dim(outputs, 0); r++) {
        losses[r] = h[r * OUTPUTS] + h[r * OUTPUTS + 1];
        for (size_t o = 0; g != NULL && o < OUTPUTS; o++)
            g[r * OUTPUTS + o] = 1.0f;
    }
    if (bad && c->fault == LEAVES_LOSS)
        losses[1] = NAN;
    if (bad && c->fault == LEAVES_DERIVATIVE)
        g[1] = INFINITY;
    return PRUNE_OK;
}

typedef struct trial {
    world_data world;
    prune_model *model;
    prune_trainer *trainer;
    prune_error error;
    culprit culprit;
} trial;

static void begin(trial *t, int32_t fault, int32_t bad_call)
{
    static const size_t widths[] = { INPUTS, 5, OUTPUTS };
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    prune_loss_options loss;
    prune_loss_options_init(&loss);
    loss.kind = PRUNE_LOSS_OWN;
    loss.own = fail_once;
    loss.user = &t->culprit;
    options.loss_options = &loss;
    options.max_batch = 4;
    t->culprit = (culprit){ fault, 0, bad_call };
    world_data_make(&t->world, N, INPUTS, OUTPUTS, 3);
    t->model = world_model(NULL, widths, 2, PRUNE_TANH, 2);
    t->trainer = world_trainer(t->model, &options);
}

static void end(trial *t)
{
    prune_trainer_free(t->trainer);
    prune_model_free(t->model);
    world_data_end(&t->world);
}

static void assert_blamed(const trial *t, const char *place)
{
    const int32_t returns = t->culprit.fault <= RETURNS_DIVERGED;
    ck_assert_status(t->error.status, gives[t->culprit.fault]);
    ck_assert_str_eq(t->error.place, place);
    ck_assert_ptr_nonnull(strstr(t->error.reason, "own loss"));
    ck_assert_ptr_nonnull(strstr(t->error.reason, returns ? "returned this" : "not finite"));
    ck_assert_ptr_null(strstr(t->error.reason, "learning rate"));
}

/* Three batches an epoch; nothing moves in the bad one. */
START_TEST(a_fit_tells_epoch_and_batch_of_an_own_loss_that_failed)
{
    for (int32_t fault = 0; fault < FAULTS; fault++) {
        trial t;
        begin(&t, fault, 5);
        ck_assert_status(prune_trainer_fit(NULL, t.trainer, &t.world.valued, NULL, &t.error), gives[fault]);
        assert_blamed(&t, "epoch 2, batch 2");
        ck_assert_uint_eq(prune_trainer_steps(t.trainer), 4);
        ck_assert_ok(prune_trainer_fit(NULL, t.trainer, &t.world.valued, NULL, &t.error));
        end(&t);
    }
}
END_TEST

START_TEST(the_validation_in_a_fit_tells_so)
{
    for (int32_t fault = 0; fault <= RETURNS_DIVERGED; fault++) {
        trial t;
        prune_fit_options how;
        prune_fit_options_init(&how);
        begin(&t, fault, 11); /* 3 batches and 3 of validation an epoch */
        how.validation = &t.world.valued;
        ck_assert_status(prune_trainer_fit(NULL, t.trainer, &t.world.valued, &how, &t.error), gives[fault]);
        assert_blamed(&t, "validation loss");
        end(&t);
    }
}
END_TEST

START_TEST(scores_blame_it_too)
{
    for (int32_t fault = 0; fault < FAULTS; fault++) {
        trial t;
        prune_importance *importance;
        begin(&t, fault, 2);
        ck_assert_ok(prune_importance_create(&importance, NULL, t.model, PRUNE_GRADIENT));
        ck_assert_status(prune_importance_accumulate(importance, t.trainer, &t.world.valued, &t.error),
                         gives[fault]);
        assert_blamed(&t, "importance");
        ck_assert_uint_eq(prune_importance_samples(importance), 0);
        prune_importance_free(importance);
        end(&t);
    }
}
END_TEST

/* Outputs that are Inf are divergence, whoever computes the loss of them. */
START_TEST(outputs_that_are_not_finite_are_not_its_fault)
{
    trial t;
    begin(&t, RETURNS, 0);
    for (size_t i = 0; i < world_count(t.model, 2); i++)
        world_plant(t.model, 2, i, 3e38f);
    for (size_t i = 0; i < world_count(t.model, 0); i++)
        world_plant(t.model, 0, i, 50.0f);
    ck_assert_status(prune_trainer_fit(NULL, t.trainer, &t.world.valued, NULL, &t.error), PRUNE_E_DIVERGED);
    ck_assert_str_eq(t.error.place, "epoch 1, batch 1");
    ck_assert_ptr_nonnull(strstr(t.error.reason, "learning rate"));
    ck_assert_ptr_null(strstr(t.error.reason, "own loss"));
    end(&t);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_trainer_that_asked_is_left_alone,
        a_fit_tells_epoch_and_batch_of_an_own_loss_that_failed,
        the_validation_in_a_fit_tells_so,
        scores_blame_it_too,
        outputs_that_are_not_finite_are_not_its_fault,
    };
    return run_tests("own_loss", tests, sizeof tests / sizeof tests[0]);
}
