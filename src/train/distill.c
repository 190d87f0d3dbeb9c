/* distill.c -- learning from the outputs of another model
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/distill.h"
#include "libprune/fmath.h"
#include "loss.h"
#include "model.h"
#include "options.h"
#include "rows.h"
#include "sample_loss.h"

#include <string.h>

void prune_distillation_init(prune_distillation *how)
{
    if (how != NULL)
        *how = (prune_distillation){
            .size = sizeof *how, .kind = PRUNE_SOFTMAX_CROSS_ENTROPY, .alpha = 0.5f, .temperature = 2.0f
        };
}

static prune_status read_how(prune_distillation *mine, const prune_distillation *given)
{
    if (given == NULL)
        return PRUNE_E_ARGUMENT;
    prune_distillation_init(mine);
    const prune_status status = prn_options_read(mine, sizeof *mine, given);
    if (status != PRUNE_OK)
        return status;
    if (mine->kind != PRUNE_SOFTMAX_CROSS_ENTROPY && mine->kind != PRUNE_MSE)
        return PRUNE_E_ARGUMENT;
    const int32_t good = mine->alpha >= 0.0f && mine->alpha <= 1.0f && mine->temperature >= 0.001f &&
                         mine->temperature <= 1000.0f;
    return good ? PRUNE_OK : PRUNE_E_RANGE;
}

/* ---- the loss of a sample ---- */

/* Outputs over a temperature, as a distribution. */
typedef struct soft {
    const float *x;
    float most, sum, temperature;
} soft;

static soft soft_of(const float *x, size_t outputs, float temperature)
{
    soft s = { x, x[0], 0.0f, temperature };
    for (size_t o = 1; o < outputs; o++)
        s.most = x[o] > s.most ? x[o] : s.most;
    for (size_t o = 0; o < outputs; o++)
        s.sum += prune_expf((x[o] - s.most) / temperature);
    return s;
}

static float probability(const soft *s, size_t o)
{
    return prune_expf((s->x[o] - s->most) / s->temperature) / s->sum;
}

static float log_probability(const soft *s, size_t o)
{
    return (s->x[o] - s->most) / s->temperature - prune_logf(s->sum);
}

/* e^x - 1 - x, which is x^2 / 2 near 0. */
static float beyond_linear(float x)
{
    if (x > -0.25f && x < 0.25f)
        return x * x * (0.5f + x * (1.0f / 6.0f + x * (1.0f / 24.0f + x * (1.0f / 120.0f + x / 720.0f))));
    return prune_expm1f(x) - x;
}

/* log(1 + x) for x >= 0: what 1 + x rounds away is added to first order. */
static float log_one_plus(float x)
{
    const float sum = 1.0f + x;
    return prune_logf(sum) + (x - (sum - 1.0f)) / sum;
}

/* How much further the outputs x of q lie from those of p than they do on average. */
static float excess(const soft *p, const soft *q, size_t o, float mean)
{
    return (q->x[o] - p->x[o]) / p->temperature - mean;
}

/* sum p log(p / q). With e the excess, whose mean under p is 0, that is  log sum p exp(e)
 * = log(1 + sum p (exp(e) - 1 - e)),  where nothing cancels however near the two are; where exp(e) would
 * overflow, they are not near. */
static float divergence(const soft *p, const soft *q, size_t outputs)
{
    float mean = 0.0f, farthest = 0.0f, sum = 0.0f, plain = 0.0f;
    for (size_t o = 0; o < outputs; o++)
        mean += probability(p, o) * excess(p, q, o, 0.0f);
    for (size_t o = 0; o < outputs; o++) {
        const float e = excess(p, q, o, mean);
        farthest = e > farthest ? e : farthest;
        sum += probability(p, o) * beyond_linear(e);
        plain += probability(p, o) * (log_probability(p, o) - log_probability(q, o));
    }
    return farthest > 80.0f ? plain : log_one_plus(sum);
}

/* y and t in one row. */
static float soft_loss(const prune_distillation *how, size_t outputs, const float *z, const float *row,
                       float *g)
{
    const float a = how->alpha, temperature = how->temperature;
    const soft p = soft_of(row + outputs, outputs, temperature), q = soft_of(z, outputs, temperature);
    const prn_terms terms = { .outputs = outputs, .scale = 1.0f - a, .delta = 1.0f, .class_unit = 1.0f };
    const float hard = prn_soft_cross_entropy(&terms, z, row, g);
    for (size_t o = 0; g != NULL && o < outputs; o++)
        g[o] += a * temperature * (probability(&q, o) - probability(&p, o));
    return (1.0f - a) * hard + a * temperature * temperature * divergence(&p, &q, outputs);
}

static float squared_loss(const prune_distillation *how, size_t outputs, const float *z, const float *row,
                          float *g)
{
    const float a = how->alpha;
    float known = 0.0f, said = 0.0f;
    for (size_t o = 0; o < outputs; o++) {
        const float to_y = z[o] - row[o], to_t = z[o] - row[outputs + o];
        known += to_y * to_y;
        said += to_t * to_t;
        if (g != NULL)
            g[o] = (1.0f - a) * to_y + a * to_t;
    }
    return 0.5f * ((1.0f - a) * known + a * said);
}

/* prune_loss_options.own */
static prune_status distill(void *user, float *losses, prune_tensor *gradient, const prune_tensor *outputs,
                            const prune_tensor *targets)
{
    prune_distillation how;
    const prune_distillation *given = user;
    const size_t width = prn_tensor_row(outputs);
    const prune_status status = read_how(&how, given);
    if (status != PRUNE_OK)
        return status;
    if (targets->dtype != PRUNE_F32)
        return PRUNE_E_TYPE;
    if (prn_tensor_row(targets) / 2 != width || prn_tensor_row(targets) % 2 != 0)
        return PRUNE_E_SHAPE;
    for (size_t r = 0; r < prn_tensor_rows(outputs); r++) {
        const float *z = (const float *)outputs->data + r * outputs->ld;
        const float *row = (const float *)targets->data + r * targets->ld;
        float *g = gradient == NULL ? NULL : (float *)gradient->data + r * gradient->ld;
        losses[r] =
            how.kind == PRUNE_MSE ? squared_loss(&how, width, z, row, g) : soft_loss(&how, width, z, row, g);
    }
    return PRUNE_OK;
}

prune_status prune_distillation_loss(prune_loss_options *loss, prune_distillation *how)
{
    prune_distillation mine;
    if (loss == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = read_how(&mine, how);
    if (status != PRUNE_OK)
        return status;
    prune_loss_options_init(loss);
    loss->kind = PRUNE_LOSS_OWN;
    loss->own = distill;
    loss->user = how;
    return PRUNE_OK;
}

/* ---- the rows ---- */

static prune_status check_rows(const prune_tensor *targets, const prune_model *teacher,
                               const prune_tensor *inputs, const prune_tensor *known)
{
    const prune_status status = prn_model_check(teacher);
    if (status != PRUNE_OK)
        return status;
    if (targets->dtype != PRUNE_F32 || inputs->dtype != PRUNE_F32)
        return PRUNE_E_TYPE;
    if (targets->read_only)
        return PRUNE_E_READONLY;
    const size_t outputs = prune_model_outputs(teacher), rows = prn_tensor_rows(inputs);
    if (prn_tensor_rows(targets) != rows || prn_tensor_row(targets) / 2 != outputs ||
        prn_tensor_row(targets) % 2 != 0)
        return PRUNE_E_SHAPE;
    const prn_loss kind = prn_loss_of(known->dtype == PRUNE_I32 ? PRUNE_SOFTMAX_CROSS_ENTROPY : PRUNE_MSE);
    const prune_status fits = prn_loss_fits(&kind, known, rows, outputs);
    if (fits != PRUNE_OK)
        return fits;
    const prune_status finite = prn_rows_check_finite(inputs, NULL, "inputs", NULL);
    return finite != PRUNE_OK ? finite : prn_loss_check(&kind, known, NULL, outputs, NULL);
}

static void put_known(prune_tensor *targets, const prune_tensor *known, size_t outputs)
{
    for (size_t r = 0; r < prn_tensor_rows(known); r++) {
        float *to = (float *)targets->data + r * targets->ld;
        if (known->dtype == PRUNE_F32) {
            memcpy(to, (const float *)known->data + r * known->ld, outputs * sizeof *to);
            continue;
        }
        memset(to, 0, outputs * sizeof *to);
        to[((const int32_t *)known->data)[r * known->ld]] = 1.0f;
    }
}

prune_status prune_distillation_targets(prune_tensor *targets, const prune_model *teacher,
                                        prune_workspace *workspace, const prune_tensor *inputs,
                                        const prune_tensor *known)
{
    if (targets == NULL || inputs == NULL || known == NULL)
        return PRUNE_E_ARGUMENT;
    prune_status status = check_rows(targets, teacher, inputs, known);
    if (status != PRUNE_OK)
        return status;
    prune_tensor said;
    const size_t outputs = prune_model_outputs(teacher);
    prn_tensor_view(&said, (float *)targets->data + outputs, prn_tensor_rows(targets), outputs);
    said.ld = targets->ld;
    status = prune_predict(&said, teacher, workspace, inputs);
    if (status != PRUNE_OK)
        return status;
    if (prn_rows_check_finite(&said, NULL, "outputs", NULL) != PRUNE_OK)
        return PRUNE_E_DIVERGED;
    put_known(targets, known, outputs);
    return PRUNE_OK;
}
