/* average_test.c -- moving averages of gradients that a test sets itself: small steps, and the ends of float
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"
#include "support/twin.h"

#include <float.h>
#include <math.h>

/* dL/dw of one weight with input 1 is what it is told to be. */
static void add_gradient(prune_importance *scores, prune_trainer *trainer, float value)
{
    const float one = 1.0f;
    prune_tensor *x, *dh;
    ck_assert_ok(prune_tensor_const_matrix(&x, NULL, PRUNE_F32, 1, 1, &one));
    ck_assert_ok(prune_tensor_const_matrix(&dh, NULL, PRUNE_F32, 1, 1, &value));
    ck_assert_ok(prune_trainer_forward(trainer, x));
    ck_assert_ok(prune_trainer_backward(trainer, dh));
    ck_assert_ok(prune_importance_add(scores, trainer, 1));
    prune_tensor_free(x);
    prune_tensor_free(dh);
}

static double score_now(prune_importance *scores)
{
    ck_assert_ok(prune_importance_refresh(scores));
    return (double)prune_importance_scores(scores, 0)[0];
}

/* With a decay this near to 1 each step moves the average by less than a float can tell from it. */
START_TEST(small_steps_are_not_lost)
{
    static const float decays[] = { 1.0f - 0x1p-20f, 1.0f - 0x1p-24f, 0.99f };
    const size_t shape[] = { 1, 1 };
    const prune_trainer_options o = world_options(PRUNE_MSE, PRUNE_SGD);
    prune_model *model = world_model(NULL, shape, 1, PRUNE_LINEAR, 1);
    prune_trainer *trainer = world_trainer(model, &o);
    prune_importance *scores = twin_importance(model, PRUNE_GRADIENT);
    for (size_t d = 0; d < 3; d++) {
        const double decay = (double)decays[d];
        double sum = 0.0, weight = 0.0;
        ck_assert_ok(prune_importance_set_decay(scores, decays[d]));
        for (size_t t = 0; t < 20000; t++) {
            const float m = t == 0 ? 1e6f : 1.0f + (float)(t % 3);
            add_gradient(scores, trainer, m);
            sum = decay * sum + (1.0 - decay) * (double)m;
            weight = decay * weight + (1.0 - decay);
            if (t % 4999 == 0)
                ck_assert_double_le(fabs(score_now(scores) / (sum / weight) - 1.0), 3e-7);
        }
    }
    prune_importance_free(scores);
    prune_trainer_free(trainer);
    prune_model_free(model);
}
END_TEST

START_TEST(an_average_of_equals_is_it_and_none_leaves_float)
{
    static const float decays[] = { 0.0f, 0.3f, 0.9f, 0.999f };
    static const float values[] = { 0.1f, -3e-30f, FLT_MAX };
    const size_t shape[] = { 1, 1 };
    const prune_trainer_options o = world_options(PRUNE_MSE, PRUNE_SGD);
    prune_model *model = world_model(NULL, shape, 1, PRUNE_LINEAR, 1);
    prune_trainer *trainer = world_trainer(model, &o);
    prune_importance *scores = twin_importance(model, PRUNE_GRADIENT);
    for (size_t d = 0; d < 4; d++) {
        for (size_t v = 0; v < 2; v++) {
            ck_assert_ok(prune_importance_reset(scores)); /* which leaves the decay */
            ck_assert_ok(prune_importance_set_decay(scores, decays[d]));
            for (size_t t = 0; t < 50; t++) {
                add_gradient(scores, trainer, values[v]);
                ck_assert_double_le(fabs(score_now(scores) / fabs((double)values[v]) - 1.0), 2e-7);
            }
        }
        ck_assert_ok(prune_importance_reset(scores));
        for (size_t t = 0; t < 4; t++)
            add_gradient(scores, trainer, t % 2 ? -0.99f * values[2] : 0.99f * values[2]);
        (void)score_now(scores);
    }
    prune_importance_free(scores);
    prune_trainer_free(trainer);
    prune_model_free(model);
}
END_TEST

/* ---- many elements, of all sizes ---- */

enum { INPUTS = 37, OUTPUTS = 11, WEIGHTS = INPUTS * OUTPUTS, BATCHES = 9, SAMPLES = 3 };

typedef struct compensated {
    float sum, carry;
} compensated;

/* Neumaier's sum as he wrote it. */
static void add_neumaier(compensated *s, float x)
{
    const float total = s->sum + x;
    if (fabsf(s->sum) >= fabsf(x))
        s->carry += (s->sum - total) + x;
    else
        s->carry += (x - total) + s->sum;
    s->sum = total;
}

static void follow(compensated *s, float x, float decay)
{
    if (decay < 1.0f) {
        add_neumaier(s, -(1.0f - decay) * (s->sum + s->carry));
        add_neumaier(s, (1.0f - decay) * x);
    } else {
        add_neumaier(s, (float)SAMPLES * x);
    }
}

static void draw_gradients(float g[WEIGHTS], prune_rng *rng)
{
    for (size_t i = 0; i < WEIGHTS; i++) {
        const float sign = prune_rng_below(rng, 2) ? 1.0f : -1.0f;
        const int power = (int)prune_rng_below(rng, 60) - 30;
        g[i] = prune_rng_below(rng, 8) ? sign * ldexpf(1.0f + prune_rng_uniform(rng), power) : sign * 0.0f;
    }
}

static void add_drawn(prune_importance *scores, prune_trainer *trainer, const float g[WEIGHTS])
{
    static const float zeros[INPUTS];
    prune_tensor *x, *dh;
    ck_assert_ok(prune_tensor_const_matrix(&x, NULL, PRUNE_F32, 1, INPUTS, zeros));
    ck_assert_ok(prune_tensor_const_matrix(&dh, NULL, PRUNE_F32, 1, OUTPUTS, zeros));
    ck_assert_ok(prune_trainer_forward(trainer, x));
    ck_assert_ok(prune_trainer_backward(trainer, dh));
    ck_assert_ok(prune_trainer_set_gradient(trainer, 0, g, WEIGHTS));
    ck_assert_ok(prune_importance_add(scores, trainer, SAMPLES));
    prune_tensor_free(x);
    prune_tensor_free(dh);
}

/* However many are added at once. */
START_TEST(sums_have_the_bits_of_their_formula)
{
    static const float decays[] = { 1.0f, 0.75f };
    const size_t shape[] = { INPUTS, OUTPUTS };
    const prune_trainer_options o = world_options(PRUNE_MSE, PRUNE_SGD);
    prune_model *model = world_model(NULL, shape, 1, PRUNE_LINEAR, 1);
    prune_trainer *trainer = world_trainer(model, &o);
    prune_importance *scores = twin_importance(model, PRUNE_GRADIENT);
    prune_rng rng;
    prune_rng_seed(&rng, 1);
    for (size_t d = 0; d < 2; d++) {
        compensated sums[WEIGHTS] = { { 0.0f, 0.0f } }, ones = { 0.0f, 0.0f };
        ck_assert_ok(prune_importance_set_decay(scores, decays[d]));
        for (size_t t = 0; t < BATCHES; t++) {
            float g[WEIGHTS];
            draw_gradients(g, &rng);
            add_drawn(scores, trainer, g);
            follow(&ones, 1.0f, decays[d]);
            for (size_t i = 0; i < WEIGHTS; i++)
                follow(&sums[i], g[i], decays[d]);
        }
        ck_assert_ok(prune_importance_refresh(scores));
        for (size_t i = 0; i < WEIGHTS; i++) {
            const float mean = (sums[i].sum + sums[i].carry) / (ones.sum + ones.carry);
            ck_assert(prune_importance_scores(scores, 0)[i] == fabsf(mean));
        }
    }
    prune_importance_free(scores);
    prune_trainer_free(trainer);
    prune_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { small_steps_are_not_lost, an_average_of_equals_is_it_and_none_leaves_float,
                                   sums_have_the_bits_of_their_formula };
    return run_tests("average", tests, sizeof tests / sizeof tests[0]);
}
