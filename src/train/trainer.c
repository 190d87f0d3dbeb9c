/* trainer.c -- the way to the gradients: forward, loss, backward; and what can be seen and set
 *
 * SPDX-License-Identifier: MIT */
#include "trainer.h"
#include "loss.h"
#include "platform.h"
#include "rows.h"
#include "scan.h"
#include "text.h"

#include <float.h>
#include <limits.h>
#include <string.h>

prune_status prn_trainer_check(const prune_trainer *trainer)
{
    if (trainer == NULL)
        return PRUNE_E_ARGUMENT;
    const int32_t free = prn_model_signature(trainer->model) == trainer->signature && !trainer->asking;
    return free ? PRUNE_OK : PRUNE_E_STATE;
}

prune_status prn_trainer_open(const prune_trainer *trainer, prune_error *error)
{
    const prune_status status = prn_trainer_check(trainer);
    if (status == PRUNE_E_ARGUMENT)
        return prn_error_set(error, status, "trainer", "NULL: was it made?");
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "trainer",
                             trainer->asking ? "its own loss asks"
                                             : "its model has changed since it was made");
    return PRUNE_OK;
}

prn_regularizer prn_trainer_penalty(const prune_trainer *t)
{
    prn_regularizer penalty = t->regularizer;
    penalty.scale = prn_schedule_rate(&t->penalty_schedule, 1.0f, t->steps);
    return penalty;
}

float prn_trainer_penalty_value(const prune_trainer *t)
{
    const prn_regularizer penalty = prn_trainer_penalty(t);
    return prn_regularizer_value(&penalty, t->model);
}

/* ---- steps ---- */

prune_status prune_trainer_set_training(prune_trainer *t, int32_t training)
{
    if (t == NULL || (training != 0 && training != 1))
        return PRUNE_E_ARGUMENT;
    if (t->asking)
        return PRUNE_E_STATE;
    t->training = training;
    return PRUNE_OK;
}

prune_status prune_trainer_forward(prune_trainer *t, const prune_tensor *x)
{
    const prune_status status = prn_trainer_check(t);
    if (status != PRUNE_OK)
        return status;
    if (x == NULL)
        return PRUNE_E_ARGUMENT;
    if (x->dtype != PRUNE_F32)
        return PRUNE_E_TYPE;
    if (prn_tensor_rows(x) > t->max_batch || prn_tensor_step(x) > INT_MAX)
        return PRUNE_E_LIMIT;
    if (prn_tensor_row(x) != prn_shape_count(&t->model->input))
        return PRUNE_E_SHAPE;
    const prune_status finite = prn_rows_check_finite(x, NULL, "x", NULL);
    if (finite == PRUNE_OK)
        prn_trainer_forward(t, x, t->training);
    return finite;
}

const prune_tensor *prune_trainer_outputs(const prune_trainer *trainer)
{
    return trainer == NULL || trainer->h.data == NULL ? NULL : &trainer->h;
}

static void count_samples(prune_trainer *t)
{
    t->weight = t->by = (float)prn_tensor_rows(&t->h);
    t->weighted = 0;
}

/* What is there counts as something, if less than float has. */
static float above_zero(float whole, float sum)
{
    return sum > 0.0f && whole < FLT_MIN ? FLT_MIN : whole;
}

static void count_weights(prune_trainer *t, const prn_target *target, const prn_loss_sums *sums)
{
    t->weight = above_zero(prn_loss_whole(sums, sums->weight), sums->weight);
    t->by = above_zero(prn_loss_whole(sums, sums->by), sums->by);
    t->weighted = target->weights != NULL || t->loss.class_weights != NULL;
    if (t->weighted && t->shares != NULL)
        prn_loss_shares(t->shares, &t->loss, prn_tensor_rows(&t->h), target, sums);
}

/* What the user's function left: finite, and if not, whose fault that is: the outputs may be no better. */
static prune_status check_own(prune_trainer *t, float mean)
{
    const size_t count = prn_tensor_rows(&t->h) * prn_tensor_row(&t->h);
    if (prn_scan_finite(&mean, 1) == 1 && prn_scan_finite(t->h_delta.data, count) == count)
        return PRUNE_OK;
    t->fault = prn_scan_finite(t->h.data, count) == count ? PRN_FAULT_LEFT : PRN_FAULT_NONE;
    return PRUNE_E_DIVERGED;
}

/* *mean = L, and dL/dh. */
static prune_status ask(float *mean, prn_loss_sums *sums, prune_trainer *t, const prn_target *target)
{
    t->fault = PRN_FAULT_NONE;
    t->asking = 1;
    const prune_status status = prn_loss_add_up(sums, &t->h_delta, &t->loss, &t->h, target);
    t->asking = 0;
    if (status != PRUNE_OK) {
        t->fault = PRN_FAULT_RETURNED;
        return status;
    }
    *mean = prn_loss_mean(sums);
    if (t->loss.kind == PRUNE_LOSS_OWN)
        return check_own(t, *mean);
    return prn_scan_finite(mean, 1) == 1 ? PRUNE_OK : PRUNE_E_DIVERGED;
}

const char *prn_trainer_blame(const prune_trainer *t)
{
    static const char *const reasons[] = {
        [PRN_FAULT_NONE] = NULL,
        [PRN_FAULT_RETURNED] = "the own loss returned this",
        [PRN_FAULT_LEFT] = "the own loss left a loss or a derivative that is not finite, of outputs that are",
    };
    return reasons[t->fault];
}

prune_status prn_trainer_loss(float *loss, prune_trainer *t, const prn_target *target)
{
    prn_loss_sums sums;
    float mean = 0.0f;
    t->stage = t->stage == PRN_LOSS ? PRN_FORWARD : t->stage; /* an earlier dL/dh is gone */
    const prune_status status = ask(&mean, &sums, t, target);
    if (status != PRUNE_OK)
        return status;
    count_weights(t, target, &sums);
    t->total = prn_loss_whole(&sums, sums.loss);
    *loss = mean;
    t->stage = PRN_LOSS;
    return PRUNE_OK;
}

prune_status prune_trainer_weighted_loss(float *loss, prune_trainer *t, const prune_tensor *targets,
                                         const prune_tensor *weights)
{
    const prn_target target = { targets, weights };
    prune_status status = prn_trainer_check(t);
    if (status == PRUNE_OK && (loss == NULL || targets == NULL))
        status = PRUNE_E_ARGUMENT;
    if (status == PRUNE_OK && t->stage == PRN_IDLE)
        status = PRUNE_E_STATE;
    if (status == PRUNE_OK)
        status = prn_loss_check_target(&t->loss, &t->h, &target);
    return status != PRUNE_OK ? status : prn_trainer_loss(loss, t, &target);
}

prune_status prune_trainer_loss(float *loss, prune_trainer *t, const prune_tensor *targets)
{
    return prune_trainer_weighted_loss(loss, t, targets, NULL);
}

prune_status prune_trainer_backward(prune_trainer *t, const prune_tensor *output_gradient)
{
    const prune_status status = prn_trainer_check(t);
    if (status != PRUNE_OK)
        return status;
    if (output_gradient == NULL && t->stage != PRN_LOSS)
        return PRUNE_E_STATE;
    if (output_gradient != NULL) {
        if (t->stage != PRN_FORWARD && t->stage != PRN_LOSS)
            return PRUNE_E_STATE;
        if (output_gradient->dtype != PRUNE_F32)
            return PRUNE_E_TYPE;
        const prune_status copied = prune_tensor_copy(&t->h_delta, output_gradient);
        if (copied != PRUNE_OK)
            return copied;
        count_samples(t);
    }
    prn_trainer_backward(t, PRN_WANTS_GRADIENTS | PRN_WANTS_SAMPLES);
    return PRUNE_OK;
}

prune_status prn_trainer_gradients(float *loss, prune_trainer *t, const prune_tensor *x,
                                   const prn_target *target, int32_t wants)
{
    prn_trainer_forward(t, x, 1);
    const prune_status status = prn_trainer_loss(loss, t, target);
    if (status == PRUNE_OK)
        prn_trainer_backward(t, wants);
    return status;
}

/* ---- looking ---- */

static int32_t find_param(size_t *offset, const prune_trainer *t, size_t index)
{
    if (prn_trainer_check(t) != PRUNE_OK || prn_model_param(t->model, index) == NULL)
        return 0;
    *offset = prn_model_offset(t->model, index);
    return 1;
}

const float *prune_trainer_gradient(const prune_trainer *trainer, size_t param)
{
    size_t offset;
    return find_param(&offset, trainer, param) ? trainer->gradient + offset : NULL;
}

const float *prune_trainer_state(const prune_trainer *trainer, size_t param, size_t slot)
{
    size_t offset;
    if (slot >= 2 || !find_param(&offset, trainer, param) || trainer->state[slot] == NULL)
        return NULL;
    return trainer->state[slot] + offset;
}

prune_model *prune_trainer_model(prune_trainer *trainer)
{
    return trainer == NULL ? NULL : trainer->model;
}

uint64_t prune_trainer_steps(const prune_trainer *trainer)
{
    return trainer == NULL ? 0 : trainer->steps;
}

uint64_t prune_trainer_epochs(const prune_trainer *trainer)
{
    return trainer == NULL ? 0 : trainer->epochs;
}

/* ---- setting ---- */

prune_status prune_trainer_set_state(prune_trainer *t, size_t index, size_t slot, const float *values,
                                     size_t count)
{
    const prune_status status = values == NULL ? PRUNE_E_ARGUMENT : prn_trainer_check(t);
    if (status != PRUNE_OK)
        return status;
    const prn_param *param = prn_model_param(t->model, index);
    if (param == NULL || param->statistic || slot >= prn_optimizer_slots(t->optimizer.kind))
        return PRUNE_E_RANGE;
    if (count != param->count)
        return PRUNE_E_SHAPE;
    if (prn_scan_finite(values, count) != count)
        return PRUNE_E_NONFINITE;
    if (prn_optimizer_scan(&t->optimizer, slot, values, count, PRN_GRADIENT_LIMIT) != count)
        return PRUNE_E_RANGE;
    float *state = t->state[slot] + prn_model_offset(t->model, index);
    memmove(state, values, count * sizeof *values);
    prn_param_mask_values(param, state);
    for (size_t l = 0; l < t->layers; l++)
        t->thins[l].settled = 0;
    return PRUNE_OK;
}

prune_status prune_trainer_set_gradient(prune_trainer *t, size_t index, const float *values, size_t count)
{
    const prune_status status = values == NULL ? PRUNE_E_ARGUMENT : prn_trainer_check(t);
    if (status != PRUNE_OK)
        return status;
    const prn_param *param = prn_model_param(t->model, index);
    if (t->stage < PRN_BACKWARD)
        return PRUNE_E_STATE;
    if (param == NULL || param->statistic)
        return PRUNE_E_RANGE;
    if (count != param->count)
        return PRUNE_E_SHAPE;
    if (prn_scan_finite(values, count) != count)
        return PRUNE_E_NONFINITE;
    memmove(t->gradient + prn_model_offset(t->model, index), values, count * sizeof *values);
    return PRUNE_OK;
}

prune_status prune_trainer_set_steps(prune_trainer *t, uint64_t steps)
{
    const prune_status status = prn_trainer_check(t);
    if (status != PRUNE_OK)
        return status;
    prn_optimizer_go_to(&t->optimizer, steps);
    t->steps = steps;
    return PRUNE_OK;
}

/* ---- products by kept weights ---- */

static const prn_sparse *kernels_for(const prune_backend *backend, int32_t sparse, int32_t kernels)
{
    const int32_t exact = backend->run == prune_backend_reference()->run;
    const int32_t known = exact || prn_backend_is_blas(backend);
    if (sparse == PRUNE_SPARSE_OFF || (sparse == PRUNE_SPARSE_AUTO && !known))
        return NULL;
    return prn_platform_kernels(exact && kernels == PRUNE_KERNELS_AUTO ? PRUNE_KERNELS_PLAIN : kernels);
}

prune_status prn_trainer_check_sparse(int32_t sparse, int32_t kernels)
{
    if (sparse < PRUNE_SPARSE_AUTO || sparse > PRUNE_SPARSE_ALWAYS || kernels < PRUNE_KERNELS_AUTO ||
        kernels > PRUNE_KERNELS_NEON)
        return PRUNE_E_RANGE;
    const int32_t asked = sparse == PRUNE_SPARSE_ALWAYS || kernels != PRUNE_KERNELS_AUTO;
    return asked && prn_platform_kernels(kernels) == NULL ? PRUNE_E_UNSUPPORTED : PRUNE_OK;
}

void prn_trainer_set_sparse(prune_trainer *t, int32_t sparse, int32_t kernels)
{
    const prn_sparse *table = kernels_for(t->backend, sparse, kernels);
    t->sparse = sparse;
    t->sparse_kernels = kernels;
    for (size_t l = 0; l < t->layers; l++) {
        prn_thin_end(&t->thins[l]);
        t->thins[l] = (prn_thin){ .mem = t->mem,
                                  .kernels = table,
                                  .always = sparse == PRUNE_SPARSE_ALWAYS,
                                  .max_batch = t->max_batch };
    }
}

prune_status prune_trainer_set_sparse(prune_trainer *t, int32_t sparse, int32_t kernels)
{
    prune_status status = prn_trainer_check(t);
    if (status == PRUNE_OK)
        status = prn_trainer_check_sparse(sparse, kernels);
    if (status == PRUNE_OK)
        prn_trainer_set_sparse(t, sparse, kernels);
    return status;
}
