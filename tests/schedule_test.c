/* schedule_test.c -- learning rates against their formulas in double, and in the steps of a trainer
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

#include <math.h>
#include <string.h>

static double by_formula(const prune_schedule *s, uint64_t steps)
{
    const uint64_t t = steps < UINT32_MAX ? steps : UINT32_MAX;
    if (t < s->warmup)
        return (double)(t + 1) / (double)s->warmup;
    const uint64_t done = t - s->warmup;
    const double p = (double)s->period, factor = (double)s->factor, floor = (double)s->floor;
    switch (s->kind) {
    case PRUNE_SCHEDULE_STEP:
        return pow(factor, (double)(done / s->period));
    case PRUNE_SCHEDULE_EXPONENTIAL:
        return pow(factor, (double)done / p);
    case PRUNE_SCHEDULE_COSINE:
        return floor + (1.0 - floor) * (1.0 + cos(acos(-1.0) * fmin((double)done, p) / p)) / 2.0;
    default:
        return 1.0;
    }
}

static float rate_of(const prune_schedule *s, float learning_rate, uint64_t step)
{
    float rate = -1.0f;
    ck_assert_ok(prune_schedule_rate(&rate, s, learning_rate, step));
    return rate;
}

/* Near the end a cosine is the difference of equal numbers in double, too: 1e-15 of the learning rate. */
static void check(const prune_schedule *s, uint64_t step)
{
    const double expected = 0.3 * by_formula(s, step), got = (double)rate_of(s, 0.3f, step);
    const double error = fabs(got - expected);
    ck_assert_msg(error <= 3e-5 * expected + 1e-15 || expected < 1.2e-38,
                  "kind %d, step %llu: %.9g, not %.9g", (int)s->kind, (unsigned long long)step, got,
                  expected);
}

START_TEST(rates_follow_the_formulas)
{
    static const uint32_t warmups[] = { 0, 1, 10, 1000 }, periods[] = { 1, 2, 7, 100, 100000 };
    static const float factors[] = { 1.0f, 0.999f, 0.5f, 0.1f, 1e-30f };
    prune_schedule s;
    prune_schedule_init(&s);
    for (int i = 0; i < 4 * 4 * 5 * 5; i++) {
        s.kind = i % 4;
        s.warmup = warmups[i / 4 % 4];
        s.period = periods[i / 16 % 5];
        s.factor = factors[i / 80];
        s.floor = i / 80 % 2 ? 0.25f : 0.0f;
        for (uint64_t step = 0; step < 2500; step += 1 + step / 50)
            check(&s, step);
        for (uint64_t step = 100000; step < UINT64_MAX / 3; step *= 3)
            check(&s, step);
    }
}
END_TEST

START_TEST(ends_are_exact)
{
    for (int32_t kind = PRUNE_SCHEDULE_CONSTANT; kind <= PRUNE_SCHEDULE_COSINE; kind++) {
        prune_schedule s;
        prune_schedule_init(&s);
        s.kind = kind;
        s.warmup = 4;
        s.period = 6;
        s.floor = 0.25f;
        ck_assert(rate_of(&s, 0.3f, 3) == 0.3f); /* the last step of the warm-up, and the first after it */
        ck_assert(rate_of(&s, 0.3f, 4) == 0.3f);
        ck_assert(rate_of(&s, 0.5f, 0) == 0.125f);
        ck_assert(rate_of(&s, 0.0f, 5) == 0.0f);
        if (kind == PRUNE_SCHEDULE_COSINE) {
            ck_assert(rate_of(&s, 0.5f, 10) == 0.125f);
            ck_assert(rate_of(&s, 0.5f, UINT64_MAX) == 0.125f);
        }
    }
    ck_assert(rate_of(NULL, 0.7f, 12345) == 0.7f);
}
END_TEST

START_TEST(rates_never_rise_after_the_warm_up)
{
    for (int32_t kind = PRUNE_SCHEDULE_STEP; kind <= PRUNE_SCHEDULE_COSINE; kind++) {
        prune_schedule s;
        prune_schedule_init(&s);
        s.kind = kind;
        s.period = 777;
        for (uint64_t step = 0; step < 3000; step++)
            ck_assert(rate_of(&s, 1.0f, step + 1) <= rate_of(&s, 1.0f, step));
    }
}
END_TEST

static prune_status status_of(int32_t kind, float factor, float floor, uint32_t period, float learning_rate)
{
    float rate = 5.0f;
    prune_schedule s;
    prune_schedule_init(&s);
    s.kind = kind;
    s.factor = factor;
    s.floor = floor;
    s.period = period;
    const prune_status status = prune_schedule_rate(&rate, &s, learning_rate, 1);
    ck_assert(status == PRUNE_OK || rate == 5.0f);
    return status;
}

START_TEST(wrong_numbers_are_refused)
{
    ck_assert_status(status_of(PRUNE_SCHEDULE_STEP, 0.5f, 0.0f, 1, 0.1f), PRUNE_OK);
    ck_assert_status(status_of(-1, 0.5f, 0.0f, 1, 0.1f), PRUNE_E_ARGUMENT);
    ck_assert_status(status_of(PRUNE_SCHEDULE_COSINE + 1, 0.5f, 0.0f, 1, 0.1f), PRUNE_E_ARGUMENT);
    const float factors[] = { 0.0f, -0.5f, 1.001f, NAN, INFINITY }, floors[] = { -0.1f, 1.001f, NAN },
                rates[] = { -1.0f, 1.1e6f, NAN, INFINITY };
    for (size_t i = 0; i < 5; i++)
        ck_assert_status(status_of(PRUNE_SCHEDULE_STEP, factors[i], 0.0f, 1, 0.1f), PRUNE_E_RANGE);
    for (size_t i = 0; i < 3; i++)
        ck_assert_status(status_of(PRUNE_SCHEDULE_STEP, 0.5f, floors[i], 1, 0.1f), PRUNE_E_RANGE);
    for (size_t i = 0; i < 4; i++)
        ck_assert_status(status_of(PRUNE_SCHEDULE_STEP, 0.5f, 0.0f, 1, rates[i]), PRUNE_E_RANGE);
    ck_assert_status(status_of(PRUNE_SCHEDULE_STEP, 0.5f, 0.0f, 0, 0.1f), PRUNE_E_RANGE);
    ck_assert_status(prune_schedule_rate(NULL, NULL, 0.1f, 0), PRUNE_E_ARGUMENT);
}
END_TEST

/* ---- in a trainer ---- */

/* A trainer with a schedule equals one whose rate is set by hand before each step. */
START_TEST(a_trainer_takes_each_step_at_its_rate)
{
    static const size_t widths[] = { 5, 7, 3 };
    world_data data;
    world_data_make(&data, 9, 5, 3, 4);
    for (int32_t optimizer = PRUNE_SGD; optimizer <= PRUNE_ADAGRAD; optimizer++) {
        prune_schedule s;
        prune_schedule_init(&s);
        s.kind = PRUNE_SCHEDULE_COSINE;
        s.warmup = 3;
        s.period = 10;
        prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, optimizer);
        options.learning_rate = 0.25f;
        options.l1 = 0.01f;
        options.l1_proximal = 1; /* its threshold follows the rate */
        prune_model *a = world_model(NULL, widths, 2, PRUNE_TANH, 1),
                    *b = world_model(NULL, widths, 2, PRUNE_TANH, 1);
        prune_trainer *by_hand = world_trainer(a, &options);
        options.schedule = &s;
        prune_trainer *scheduled = world_trainer(b, &options);
        const prune_schedule kept = s;
        s.period = 1; /* the trainer has its own */
        for (uint64_t step = 0; step < 15; step++) {
            const float rate = rate_of(&kept, 0.25f, step);
            ck_assert(prune_trainer_next_rate(scheduled) == rate);
            ck_assert(prune_trainer_learning_rate(scheduled) == 0.25f);
            ck_assert_ok(prune_trainer_set_learning_rate(by_hand, rate));
            ck_assert_ok(prune_trainer_step(NULL, by_hand, data.x_tensor, data.label_tensor));
            ck_assert_ok(prune_trainer_step(NULL, scheduled, data.x_tensor, data.label_tensor));
            ck_assert(world_same_models(a, b));
        }
        ck_assert_ok(prune_trainer_reset(scheduled));
        ck_assert(prune_trainer_next_rate(scheduled) == rate_of(&kept, 0.25f, 0));
        prune_trainer_free(by_hand);
        prune_trainer_free(scheduled);
        prune_model_free(a);
        prune_model_free(b);
    }
    ck_assert(prune_trainer_next_rate(NULL) == 0.0f);
    world_data_end(&data);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        rates_follow_the_formulas,
        ends_are_exact,
        rates_never_rise_after_the_warm_up,
        wrong_numbers_are_refused,
        a_trainer_takes_each_step_at_its_rate,
    };
    return run_tests("schedule", tests, sizeof tests / sizeof tests[0]);
}
