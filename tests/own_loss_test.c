/* own_loss_test.c -- a loss of the caller's own leaves alone the trainer that asked
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

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

int main(void)
{
    const TTest *const tests[] = { the_trainer_that_asked_is_left_alone };
    return run_tests("own_loss", tests, sizeof tests / sizeof tests[0]);
}
