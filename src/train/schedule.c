/* schedule.c -- how the learning rate changes from step to step
 *
 * SPDX-License-Identifier: MIT */
#include "schedule.h"
#include "libprune/fmath.h"
#include "options.h"
#include "text.h"

void prune_schedule_init(prune_schedule *schedule)
{
    if (schedule != NULL)
        *schedule = (prune_schedule){
            .size = sizeof *schedule, .kind = PRUNE_SCHEDULE_CONSTANT, .factor = 0.1f, .period = 1000
        };
}

prune_status prn_schedule_read(prune_schedule *mine, const prune_schedule *given, prune_error *error)
{
    prune_schedule_init(mine);
    const prune_status status = prn_options_read(mine, sizeof *mine, given);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "schedule", prn_options_reason(status));
    if (mine->kind < PRUNE_SCHEDULE_CONSTANT || mine->kind > PRUNE_SCHEDULE_COSINE)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "schedule kind", "not one of those in schedule.h");
    if (!(mine->factor > 0.0f && mine->factor <= 1.0f))
        return prn_error_set(error, PRUNE_E_RANGE, "schedule factor", "not above 0 and at most 1");
    if (!(mine->floor >= 0.0f && mine->floor <= 1.0f))
        return prn_error_set(error, PRUNE_E_RANGE, "schedule floor", "not in 0 .. 1");
    if (mine->period == 0)
        return prn_error_set(error, PRUNE_E_RANGE, "schedule period", "0 steps");
    return PRUNE_OK;
}

/* factor^x: the error of the logarithm counts in proportion to the exponent, and that ends at 87. */
static float power(float factor, float x)
{
    return prune_expf(x * prune_logf(factor));
}

/* sin^2(pi u / 2) for 0 <= u <= 1/2: the series to the ninth power is good to 2e-9 there. */
static float squared_sine(float u)
{
    const float x = 1.57079637f * u, z = x * x;
    const float sine =
        x * (1.0f - z * (1.66666672e-1f - z * (8.33333377e-3f - z * (1.98412701e-4f - z * 2.75573188e-6f))));
    return sine * sine;
}

/* (1 + cos(pi done / all)) / 2, from the nearer end, so that small results keep their digits. */
static float falling_cosine(uint32_t done, uint32_t all)
{
    if (done >= all)
        return 0.0f;
    if (done <= all / 2)
        return 1.0f - squared_sine((float)done / (float)all);
    return squared_sine((float)(all - done) / (float)all);
}

static float decay(const prune_schedule *s, uint32_t step)
{
    const uint32_t whole_periods = step / s->period;
    switch (s->kind) {
    case PRUNE_SCHEDULE_STEP:
        return power(s->factor, (float)whole_periods);
    case PRUNE_SCHEDULE_EXPONENTIAL:
        return power(s->factor, (float)step / (float)s->period);
    case PRUNE_SCHEDULE_COSINE:
        return s->floor + (1.0f - s->floor) * falling_cosine(step, s->period);
    default:
        return 1.0f;
    }
}

float prn_schedule_rate(const prune_schedule *s, float learning_rate, uint64_t step)
{
    const uint32_t t = step < UINT32_MAX ? (uint32_t)step : UINT32_MAX;
    if (t < s->warmup)
        return learning_rate * ((float)(t + 1) / (float)s->warmup);
    return learning_rate * decay(s, t - s->warmup);
}

prune_status prune_schedule_rate(float *rate, const prune_schedule *schedule, float learning_rate,
                                 uint64_t step)
{
    prune_schedule mine;
    if (rate == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = prn_schedule_read(&mine, schedule, NULL);
    if (status != PRUNE_OK)
        return status;
    if (!(learning_rate >= 0.0f && learning_rate <= 1e6f))
        return PRUNE_E_RANGE;
    *rate = prn_schedule_rate(&mine, learning_rate, step);
    return PRUNE_OK;
}
