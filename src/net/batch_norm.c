/* batch_norm.c -- batch normalisation: y = gamma xhat + beta, xhat = (x - mean) / sqrt(variance + epsilon)
 *
 * S. Ioffe and C. Szegedy, ICML 2015; which variance is biased and which is not as in PyTorch. With
 * g = gamma / sqrt(variance + epsilon), xhat of the batch's own mean and variance, and sums over the batch,
 *     dx = g (dy - sum dy / B - xhat sum(dy xhat) / B),
 * and dx = g dy where mean and variance are the running ones. The cache holds xhat.
 *
 * SPDX-License-Identifier: MIT */
#include "batch_norm.h"
#include "bend.h"
#include "libprune/fmath.h"

#include <float.h>
#include <string.h>

enum { GAMMA, BETA, RUNNING_MEAN, RUNNING_VAR, PARAMS };

/* What a pass keeps, a number per feature each. The mean is MEAN + SHIFT: MEAN is a first one, rounded,
 * SHIFT the mean of x - MEAN. ROOT is 1 / sqrt(variance + epsilon). The first two are the running statistics
 * that the step leaves. */
enum { STEP_MEAN, STEP_VAR, MEAN, SHIFT, VARIANCE, ROOT, ROWS };

static size_t width_of(const prn_layer *layer)
{
    return layer->params[GAMMA].count;
}

static float *row_of(const prn_layer *layer, float *memory, size_t row)
{
    return memory + row * width_of(layer);
}

static prune_status batch_norm_check(const prn_layer_spec *spec)
{
    const float momentum = spec->settings[0], epsilon = spec->settings[1];
    const int32_t good = momentum >= 0.0f && momentum <= 1.0f && epsilon > 0.0f && epsilon <= FLT_MAX;
    return good ? PRUNE_OK : PRUNE_E_RANGE;
}

static prune_status batch_norm_plan(prn_layer *layer)
{
    const size_t width = prn_shape_count(&layer->input);
    layer->output = layer->input;
    layer->param_count = PARAMS;
    for (size_t p = 0; p < PARAMS; p++)
        layer->params[p] = (prn_param){ .shape = { 1, { width, 0, 0, 0 } }, .count = width };
    layer->params[GAMMA].name = "gamma";
    layer->params[GAMMA].initial = 1.0f;
    layer->params[BETA].name = "beta";
    layer->params[RUNNING_MEAN].name = "running_mean";
    layer->params[RUNNING_MEAN].statistic = PRN_STATISTIC;
    layer->params[RUNNING_VAR].name = "running_var";
    layer->params[RUNNING_VAR].initial = 1.0f;
    layer->params[RUNNING_VAR].statistic = PRN_STATISTIC_NOT_NEGATIVE;
    return PRUNE_OK;
}

/* ---- forward ---- */

/* In two passes. The first adds up differences to the first sample, so that what is lost to rounding is
 * small beside the spread, however far off 0 that lies; what it has lost nevertheless, the second finds,
 * and with it what the squares of x - MEAN have too much. */
static void measure(const prn_layer *layer, const prn_pass *pass)
{
    const size_t width = width_of(layer);
    const float scale = 1.0f / (float)pass->batch;
    float *mean = row_of(layer, pass->memory, MEAN), *shift = row_of(layer, pass->memory, SHIFT);
    float *variance = row_of(layer, pass->memory, VARIANCE);
    memset(mean, 0, 3 * width * sizeof *mean); /* these three rows */
    for (size_t r = 1; r < pass->batch; r++)
        for (size_t i = 0; i < width; i++)
            mean[i] += (pass->x[r * pass->ldx + i] - pass->x[i]) * scale;
    for (size_t i = 0; i < width; i++)
        mean[i] += pass->x[i];
    for (size_t r = 0; r < pass->batch; r++)
        for (size_t i = 0; i < width; i++) {
            const float d = pass->x[r * pass->ldx + i] - mean[i];
            shift[i] += d * scale;
            variance[i] += d * d * scale;
        }
    for (size_t i = 0; i < width; i++) {
        const float v = variance[i] - shift[i] * shift[i];
        variance[i] = v < 0.0f ? 0.0f : v; /* NaN stays */
    }
}

static void roots(float *root, const float *variance, float epsilon, size_t width)
{
    for (size_t i = 0; i < width; i++)
        root[i] = 1.0f / prune_sqrtf(variance[i] + epsilon);
}

static void forward_training(const prn_layer *layer, const prn_pass *pass)
{
    const size_t width = width_of(layer);
    const float *gamma = layer->params[GAMMA].value, *beta = layer->params[BETA].value;
    const float *mean = row_of(layer, pass->memory, MEAN), *shift = row_of(layer, pass->memory, SHIFT);
    float *root = row_of(layer, pass->memory, ROOT);
    measure(layer, pass);
    roots(root, row_of(layer, pass->memory, VARIANCE), layer->spec.settings[1], width);
    for (size_t r = 0; r < pass->batch; r++)
        for (size_t i = 0; i < width; i++) {
            const float hat = ((pass->x[r * pass->ldx + i] - mean[i]) - shift[i]) * root[i];
            pass->cache[r * width + i] = hat;
            pass->y[r * pass->ldy + i] = gamma[i] * hat + beta[i];
        }
}

/* One feature after the other, since without a trainer there is no memory. */
static void forward_inference(const prn_layer *layer, const prn_pass *pass)
{
    const size_t width = width_of(layer);
    for (size_t i = 0; i < width; i++) {
        const float mean = layer->params[RUNNING_MEAN].value[i], gamma = layer->params[GAMMA].value[i];
        const float beta = layer->params[BETA].value[i];
        float root;
        roots(&root, &layer->params[RUNNING_VAR].value[i], layer->spec.settings[1], 1);
        for (size_t r = 0; r < pass->batch; r++) {
            const float hat = (pass->x[r * pass->ldx + i] - mean) * root;
            if (pass->cache != NULL)
                pass->cache[r * width + i] = hat;
            pass->y[r * pass->ldy + i] = gamma * hat + beta;
        }
    }
}

static void batch_norm_forward(const prn_layer *layer, const prn_pass *pass)
{
    if (pass->training)
        forward_training(layer, pass);
    else
        forward_inference(layer, pass);
}

/* ---- backward ---- */

static void parameter_gradients(const prn_layer *layer, const prn_pass *pass)
{
    const size_t width = width_of(layer);
    float *gamma = pass->gradient[GAMMA], *beta = pass->gradient[BETA];
    for (size_t p = 0; p < PARAMS; p++)
        memset(pass->gradient[p], 0, width * sizeof(float));
    for (size_t r = 0; r < pass->batch; r++)
        for (size_t i = 0; i < width; i++) {
            gamma[i] += pass->dy[r * width + i] * pass->cache[r * width + i];
            beta[i] += pass->dy[r * width + i];
        }
}

static void input_gradient_training(const prn_layer *layer, const prn_pass *pass)
{
    const size_t width = width_of(layer);
    const float scale = 1.0f / (float)pass->batch;
    const float *gamma = layer->params[GAMMA].value, *root = row_of(layer, pass->memory, ROOT);
    const float *sum_hat = pass->gradient[GAMMA], *sum = pass->gradient[BETA];
    for (size_t r = 0; r < pass->batch; r++)
        for (size_t i = 0; i < width; i++) {
            const float hat = pass->cache[r * width + i], dy = pass->dy[r * width + i];
            pass->dx[r * width + i] = gamma[i] * root[i] * (dy - scale * (sum[i] + hat * sum_hat[i]));
        }
}

static void input_gradient_inference(const prn_layer *layer, const prn_pass *pass)
{
    const size_t width = width_of(layer);
    for (size_t i = 0; i < width; i++) {
        float root;
        roots(&root, &layer->params[RUNNING_VAR].value[i], layer->spec.settings[1], 1);
        const float slope = layer->params[GAMMA].value[i] * root;
        for (size_t r = 0; r < pass->batch; r++)
            pass->dx[r * width + i] = slope * pass->dy[r * width + i];
    }
}

static void batch_norm_backward(const prn_layer *layer, const prn_pass *pass)
{
    parameter_gradients(layer, pass);
    if (pass->dx == NULL)
        return;
    if (pass->training)
        input_gradient_training(layer, pass);
    else
        input_gradient_inference(layer, pass);
}

static float raised(float x, int32_t power)
{
    return power == 2 ? x * x : x < 0.0f ? -x : x;
}

static void batch_norm_sample_gradients(const prn_layer *layer, const prn_pass *pass)
{
    const size_t width = width_of(layer);
    for (size_t p = 0; p < PARAMS; p++)
        memset(pass->samples[p], 0, width * sizeof(float));
    for (size_t r = 0; r < pass->batch; r++) {
        const float share = pass->power == 2 && pass->shares != NULL ? pass->shares[r] : 1.0f;
        for (size_t i = 0; share > 0.0f && i < width; i++) {
            const float dy = pass->dy[r * width + i];
            pass->samples[GAMMA][i] += raised(dy * pass->cache[r * width + i], pass->power) / share;
            pass->samples[BETA][i] += raised(dy, pass->power) / share;
        }
    }
}

/* y is linear in x, in gamma and in beta, each by itself. */
static void batch_norm_bend(const prn_layer *layer, const prn_pass *pass, const prn_bend *bend)
{
    const size_t width = width_of(layer);
    for (size_t i = 0; i < width; i++) {
        const float h = bend->h[prn_bend_at(bend, width, i)], hat = pass->cache[i];
        float root;
        roots(&root, &layer->params[RUNNING_VAR].value[i], layer->spec.settings[1], 1);
        bend->own[GAMMA][i] += h * hat * hat;
        bend->own[BETA][i] += h;
        bend->slope[0][i] = layer->params[GAMMA].value[i] * root;
        bend->slope[1][i] = 0.0f;
    }
    prn_bend_elements(bend, pass->dy, width);
    prn_bend_pass_on(bend, width);
}

/* ---- along a vector v: R xhat = root R x, R y = gamma R xhat + v_gamma xhat + v_beta ---- */

static float root_of(const prn_layer *layer, size_t i)
{
    float root;
    roots(&root, &layer->params[RUNNING_VAR].value[i], layer->spec.settings[1], 1);
    return root;
}

static void batch_norm_forward_along(const prn_layer *layer, const prn_pass *pass, const prn_along *along)
{
    const size_t width = width_of(layer);
    for (size_t i = 0; i < width; i++) {
        const float slope = layer->params[GAMMA].value[i] * root_of(layer, i);
        for (size_t at = i; at < pass->batch * width; at += width)
            along->ry[at] = (along->rx == NULL ? 0.0f : slope * along->rx[at]) +
                            along->vector[GAMMA][i] * pass->cache[at] + along->vector[BETA][i];
    }
}

static void batch_norm_backward_along(const prn_layer *layer, const prn_pass *pass, const prn_along *along)
{
    const size_t width = width_of(layer);
    for (size_t p = 0; p < PARAMS; p++)
        memset(along->product[p], 0, width * sizeof(float));
    for (size_t i = 0; i < width; i++) {
        const float root = root_of(layer, i), gamma = layer->params[GAMMA].value[i];
        const float moved = along->vector[GAMMA][i];
        for (size_t at = i; at < pass->batch * width; at += width) {
            const float dy = pass->dy[at], rdy = along->rdy[at];
            const float r_hat = along->rx == NULL ? 0.0f : root * along->rx[at];
            along->product[GAMMA][i] += rdy * pass->cache[at] + dy * r_hat;
            along->product[BETA][i] += rdy;
            if (along->rdx != NULL)
                along->rdx[at] = root * (gamma * rdy + moved * dy);
        }
    }
}

/* ---- running statistics ---- */

static void mix(float *to, const float *before, float batch, float momentum)
{
    *to = (1.0f - momentum) * *before + momentum * batch;
}

static void batch_norm_gather(const prn_layer *layer, float *memory, size_t batch, int32_t first)
{
    const size_t width = width_of(layer);
    const float momentum = layer->spec.settings[0], unbiased = (float)batch / (float)(batch - 1);
    const float *mean = row_of(layer, memory, MEAN), *shift = row_of(layer, memory, SHIFT);
    const float *variance = row_of(layer, memory, VARIANCE);
    float *step_mean = row_of(layer, memory, STEP_MEAN), *step_var = row_of(layer, memory, STEP_VAR);
    for (size_t i = 0; i < width; i++) {
        mix(&step_mean[i], first ? &layer->params[RUNNING_MEAN].value[i] : &step_mean[i], mean[i] + shift[i],
            momentum);
        mix(&step_var[i], first ? &layer->params[RUNNING_VAR].value[i] : &step_var[i], variance[i] * unbiased,
            momentum);
    }
}

static void batch_norm_commit(prn_layer *layer, float *memory)
{
    const size_t bytes = width_of(layer) * sizeof(float);
    memcpy(layer->params[RUNNING_MEAN].value, row_of(layer, memory, STEP_MEAN), bytes);
    memcpy(layer->params[RUNNING_VAR].value, row_of(layer, memory, STEP_VAR), bytes);
    for (size_t p = RUNNING_MEAN; p <= RUNNING_VAR; p++)
        prn_param_mask_values(&layer->params[p], layer->params[p].value);
}

static void batch_norm_affine(const prn_layer *layer, size_t u, float scale_shift[2])
{
    float root;
    roots(&root, &layer->params[RUNNING_VAR].value[u], layer->spec.settings[1], 1);
    scale_shift[0] = layer->params[GAMMA].value[u] * root;
    scale_shift[1] = layer->params[BETA].value[u] - layer->params[RUNNING_MEAN].value[u] * scale_shift[0];
}

/* ---- sizes ---- */

static size_t batch_norm_memory_size(const prn_layer *layer)
{
    return ROWS * width_of(layer);
}

static uint64_t batch_norm_macs(const prn_layer *layer)
{
    return layer->params[GAMMA].count;
}

static uint64_t batch_norm_macs_kept(const prn_layer *layer)
{
    return layer->params[GAMMA].count - layer->params[GAMMA].removed;
}

static size_t batch_norm_unit_slices(const prn_layer *layer, size_t u, prn_slice slices[PRN_UNIT_SLICES])
{
    (void)layer;
    slices[0] = (prn_slice){ GAMMA, u, 1, 1 };
    slices[1] = (prn_slice){ BETA, u, 1, 1 };
    return 2;
}

const prn_layer_ops prn_batch_norm_ops = {
    .kind = PRUNE_LAYER_BATCH_NORM,
    .name = "batch_norm",
    .settings = 2,
    .unitwise = 1,
    .mixes = 1,
    .least_batch = 2,
    .check = batch_norm_check,
    .plan = batch_norm_plan,
    .forward = batch_norm_forward,
    .backward = batch_norm_backward,
    .bend = batch_norm_bend,
    .forward_along = batch_norm_forward_along,
    .backward_along = batch_norm_backward_along,
    .sample_gradients = batch_norm_sample_gradients,
    .affine = batch_norm_affine,
    .memory_size = batch_norm_memory_size,
    .gather = batch_norm_gather,
    .commit = batch_norm_commit,
    .initialize = prn_layer_initialize,
    .cache_size = width_of,
    .macs = batch_norm_macs,
    .macs_kept = batch_norm_macs_kept,
    .units = prn_layer_no_size,
    .unit_slices = batch_norm_unit_slices,
    .input_slices = prn_layer_no_slices,
};
