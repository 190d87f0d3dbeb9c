/* loss.c -- losses: their options, their targets, and means over samples
 *
 * SPDX-License-Identifier: MIT */
#include "loss.h"
#include "bits.h"
#include "options.h"
#include "rows.h"
#include "sample_loss.h"
#include "scan.h"
#include "text.h"

#include <float.h>
#include <string.h>

/* What each kind takes: the loss of a sample by a label, and by a row (NULL: not), and which options; and the
 * second derivatives of these. */
static const struct kind_ops {
    prn_sample_loss *of_label, *of_row;
    int32_t says, has_smoothing, has_classes, has_mean;
    prn_sample_bend *bend_label, *bend_row;
} table[] = {
    [PRUNE_MSE] = { NULL, prn_squared_error, PRN_SAYS_VALUES, 0, 0, 1, NULL, prn_squared_error_bend },
    [PRUNE_SOFTMAX_CROSS_ENTROPY] = { prn_label_cross_entropy, prn_soft_cross_entropy, PRN_SAYS_CLASSES, 1, 1,
                                      0, prn_label_cross_entropy_bend, prn_soft_cross_entropy_bend },
    [PRUNE_MAE] = { NULL, prn_absolute_error, PRN_SAYS_VALUES, 0, 0, 1, NULL, prn_no_bend },
    [PRUNE_HUBER] = { NULL, prn_huber, PRN_SAYS_VALUES, 0, 0, 1, NULL, prn_huber_bend },
    [PRUNE_BINARY_CROSS_ENTROPY] = { NULL, prn_binary_cross_entropy, PRN_SAYS_CLASSES, 0, 0, 1, NULL,
                                     prn_binary_cross_entropy_bend },
    [PRUNE_NLL] = { prn_label_nll, NULL, PRN_SAYS_CLASSES, 0, 1, 0, prn_no_bend, NULL },
    [PRUNE_LOSS_OWN] = { NULL, NULL, PRN_SAYS_NOTHING, 0, 0, 0, NULL, NULL },
};

int32_t prn_loss_says(int32_t kind)
{
    return kind < PRUNE_MSE || kind > PRUNE_LOSS_OWN ? PRN_SAYS_NOTHING : table[kind].says;
}

/* ---- options ---- */

prn_loss prn_loss_of(int32_t kind)
{
    return (prn_loss){ .size = sizeof(prn_loss), .kind = kind, .delta = 1.0f };
}

void prune_loss_options_init(prune_loss_options *options)
{
    if (options != NULL)
        *options = prn_loss_of(PRUNE_SOFTMAX_CROSS_ENTROPY);
}

static prune_status check_class_weights(const prn_loss *loss, size_t outputs, prune_error *error)
{
    if (loss->class_weights == NULL)
        return loss->class_count == 0 ? PRUNE_OK
                                      : prn_error_set(error, PRUNE_E_ARGUMENT, "class_weights", "NULL");
    const ptrdiff_t numbers[] = { (ptrdiff_t)loss->class_count, (ptrdiff_t)outputs };
    if (loss->class_count != outputs)
        return prn_error_format(error, PRUNE_E_SHAPE, "class_count", "there are % for % outputs", numbers);
    for (size_t c = 0; c < outputs; c++) {
        const float w = loss->class_weights[c];
        if (prn_scan_finite(&w, 1) != 1)
            return prn_error_at(error, PRUNE_E_NONFINITE, "class_weights", c, "NaN or infinite");
        if (w < 0.0f || w > PRN_WEIGHT_LIMIT)
            return prn_error_at(error, PRUNE_E_RANGE, "class_weights", c, "not in 0 .. 1e12");
    }
    return PRUNE_OK;
}

static prune_status check_options(const prn_loss *loss, size_t outputs, prune_error *error)
{
    if (loss->kind < PRUNE_MSE || loss->kind > PRUNE_LOSS_OWN)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "loss", "not one of those in loss.h");
    const struct kind_ops *ops = &table[loss->kind];
    if ((loss->kind == PRUNE_LOSS_OWN) != (loss->own != NULL))
        return prn_error_set(error, PRUNE_E_ARGUMENT, "own",
                             loss->own == NULL ? "no function" : "the kind is not PRUNE_LOSS_OWN");
    if (!(loss->delta > 0.0f && loss->delta <= FLT_MAX))
        return prn_error_set(error, PRUNE_E_RANGE, "delta", "not a finite number above 0");
    if (!(loss->smoothing >= 0.0f && loss->smoothing < 1.0f))
        return prn_error_set(error, PRUNE_E_RANGE, "smoothing", "not from 0 to below 1");
    if (loss->mean_over_outputs != 0 && loss->mean_over_outputs != 1)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "mean_over_outputs", "neither 0 nor 1");
    if (loss->smoothing > 0.0f && !ops->has_smoothing)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "smoothing", "this loss does not have it");
    if (loss->mean_over_outputs && !ops->has_mean)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "mean_over_outputs", "this loss does not have it");
    if (loss->class_weights != NULL && !ops->has_classes)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "class_weights", "this loss does not have them");
    return check_class_weights(loss, outputs, error);
}

prune_status prn_loss_read(prn_loss *mine, const prune_loss_options *given, size_t outputs,
                           prune_error *error)
{
    if (given == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "loss", "NULL");
    prune_loss_options_init(mine);
    const prune_status status = prn_options_read(mine, sizeof *mine, given);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "loss options", prn_options_reason(status));
    return check_options(mine, outputs, error);
}

prune_status prn_loss_missing(void *user, float *losses, prune_tensor *gradient, const prune_tensor *outputs,
                              const prune_tensor *targets)
{
    (void)user, (void)losses, (void)gradient, (void)outputs, (void)targets;
    return PRUNE_E_STATE;
}

prune_status prn_loss_ready(const prn_loss *loss, prune_error *error)
{
    if (loss->own != prn_loss_missing)
        return PRUNE_OK;
    return prn_error_set(error, PRUNE_E_STATE, "loss",
                         "the trainer's own loss is not in its file: call prune_trainer_set_loss()");
}

/* ---- targets and weights ---- */

prune_status prn_loss_fits(const prn_loss *loss, const prune_tensor *targets, size_t rows, size_t outputs)
{
    const struct kind_ops *ops = &table[loss->kind];
    const int32_t own = loss->kind == PRUNE_LOSS_OWN, labels = targets->dtype == PRUNE_I32;
    const int32_t takes = own || (labels ? ops->of_label != NULL : ops->of_row != NULL);
    if (!takes || (!labels && targets->dtype != PRUNE_F32))
        return PRUNE_E_TYPE;
    const size_t columns = own ? prn_tensor_row(targets) : labels ? 1 : outputs;
    return prn_tensor_rows(targets) == rows && prn_tensor_row(targets) == columns ? PRUNE_OK : PRUNE_E_SHAPE;
}

static prune_status check_labels(const prune_tensor *targets, const size_t *numbers, size_t outputs,
                                 prune_error *error)
{
    const int32_t *labels = targets->data;
    for (size_t r = 0; r < prn_tensor_rows(targets); r++) {
        const int32_t label = labels[r * targets->ld];
        const ptrdiff_t told[] = { (ptrdiff_t)(numbers == NULL ? r : numbers[r]), label, (ptrdiff_t)outputs };
        if (label < 0 || (size_t)label >= outputs)
            return prn_error_format(error, PRUNE_E_LABEL, "targets[%]",
                                    "the label is %, and the model has % outputs", told);
    }
    return PRUNE_OK;
}

static prune_status check_range(const prune_tensor *targets, const size_t *numbers, float most,
                                prune_error *error)
{
    for (size_t r = 0; r < prn_tensor_rows(targets); r++)
        for (size_t c = 0; c < prn_tensor_row(targets); c++) {
            const float y = ((const float *)targets->data)[r * targets->ld + c];
            const size_t index[2] = { numbers == NULL ? r : numbers[r], c };
            if (!(y >= 0.0f && y <= most))
                return prn_error_at2(error, PRUNE_E_RANGE, "targets", index,
                                     most > 1.0f ? "a probability below 0" : "not in 0 .. 1");
        }
    return PRUNE_OK;
}

prune_status prn_loss_check(const prn_loss *loss, const prune_tensor *targets, const size_t *numbers,
                            size_t outputs, prune_error *error)
{
    if (targets->dtype == PRUNE_I32)
        return loss->kind == PRUNE_LOSS_OWN ? PRUNE_OK : check_labels(targets, numbers, outputs, error);
    const prune_status status = prn_rows_check_finite(targets, numbers, "targets", error);
    if (status == PRUNE_OK && loss->kind == PRUNE_SOFTMAX_CROSS_ENTROPY)
        return check_range(targets, numbers, FLT_MAX, error);
    if (status == PRUNE_OK && loss->kind == PRUNE_BINARY_CROSS_ENTROPY)
        return check_range(targets, numbers, 1.0f, error);
    return status;
}

prune_status prn_loss_check_weights(const prune_tensor *weights, size_t rows, prune_error *error)
{
    if (weights == NULL)
        return PRUNE_OK;
    if (weights->dtype != PRUNE_F32)
        return prn_error_set(error, PRUNE_E_TYPE, "weights", "weights must be PRUNE_F32");
    const ptrdiff_t shape[] = { (ptrdiff_t)prn_tensor_rows(weights), (ptrdiff_t)prn_tensor_row(weights),
                                (ptrdiff_t)rows };
    if (shape[0] != shape[2] || shape[1] != 1)
        return prn_error_format(error, PRUNE_E_SHAPE, "weights", "% x % for % samples: one each", shape);
    for (size_t r = 0; r < rows; r++) {
        const float w = ((const float *)weights->data)[r * weights->ld];
        if (prn_scan_finite(&w, 1) != 1)
            return prn_error_at(error, PRUNE_E_NONFINITE, "weights", r, "the weight is NaN or infinite");
        if (w < 0.0f || w > PRN_WEIGHT_LIMIT)
            return prn_error_at(error, PRUNE_E_RANGE, "weights", r, "not in 0 .. 1e12");
    }
    return PRUNE_OK;
}

/* ---- sums ---- */

static size_t row_bytes(const prune_tensor *tensor)
{
    return tensor->ld * prune_dtype_size(tensor->dtype);
}

static const void *row_at(const prune_tensor *tensor, size_t row)
{
    return (const char *)tensor->data + row * row_bytes(tensor);
}

static int32_t divides_by_class(const prn_loss *loss, const prn_target *target)
{
    return loss->class_weights != NULL && target->values->dtype == PRUNE_I32;
}

/* What a sample's label counts for where sums are divided. */
static float class_divisor(const prn_loss *loss, const prn_target *target, size_t row)
{
    return divides_by_class(loss, target) ? loss->class_weights[*(const int32_t *)row_at(target->values, row)]
                                          : 1.0f;
}

/* Sample weights, and the class weights of the labels that are there, count in powers of two of the largest:
 * the quotient of the sums is the same, and the same bits. */
static void choose_units(prn_loss_sums *sums, const prn_loss *loss, const prn_target *target, size_t rows)
{
    float most[2] = { 0.0f, 0.0f };
    sums->unit[0] = sums->unit[1] = 1.0f;
    if (target->weights == NULL && !divides_by_class(loss, target))
        return;
    for (size_t r = 0; r < rows; r++) {
        const float s = prn_target_weight(target, r), d = s > 0.0f ? class_divisor(loss, target, r) : 0.0f;
        most[0] = s > most[0] ? s : most[0];
        most[1] = d > most[1] ? d : most[1];
    }
    for (size_t i = 0; i < 2; i++)
        sums->unit[i] = most[i] > 0.0f ? prn_bits_power(most[i]) : 1.0f;
}

/* s, and s d, in their units. */
static float weight_of(const prn_loss_sums *sums, const prn_target *target, size_t row)
{
    return prn_target_weight(target, row) * (1.0f / sums->unit[0]);
}

static float divisor(const prn_loss_sums *sums, const prn_loss *loss, const prn_target *target, size_t row)
{
    return weight_of(sums, target, row) * (class_divisor(loss, target, row) * (1.0f / sums->unit[1]));
}

static void add_divisors(prn_loss_sums *sums, const prn_loss *loss, const prn_target *target, size_t rows)
{
    prn_sum by_class = { 0 }, plain = { 0 };
    choose_units(sums, loss, target, rows);
    sums->weight = sums->by = (float)rows;
    if (target->weights == NULL && !divides_by_class(loss, target))
        return;
    for (size_t r = 0; r < rows; r++) {
        prn_sum_add(&by_class, divisor(sums, loss, target, r));
        prn_sum_add(&plain, weight_of(sums, target, r));
    }
    sums->weight = by_class.sum + by_class.carry;
    sums->by = sums->weight > 0.0f ? sums->weight : plain.sum + plain.carry;
}

void prn_loss_shares(float *shares, const prn_loss *loss, size_t rows, const prn_target *target,
                     const prn_loss_sums *sums)
{
    for (size_t r = 0; r < rows; r++)
        shares[r] = sums->weight > 0.0f ? divisor(sums, loss, target, r) / sums->weight : 0.0f;
}

static void scale_row(float *g, size_t outputs, float scale)
{
    for (size_t o = 0; g != NULL && o < outputs; o++)
        g[o] = scale > 0.0f ? scale * g[o] : 0.0f;
}

/* What one of the library's losses does to each sample, but for its share in the mean. */
static prn_terms terms_of(const prn_loss *loss, const prune_tensor *h, float class_unit)
{
    return (prn_terms){ .outputs = prn_tensor_row(h),
                        .delta = loss->delta,
                        .smoothing = loss->smoothing,
                        .class_weights = loss->class_weights,
                        .class_unit = 1.0f / class_unit };
}

/* Whether samples are numbers one after the other, for a mean squared error that counts all the same. */
static int32_t is_column(const prn_loss *loss, const prune_tensor *g, const prune_tensor *h,
                         const prn_target *target)
{
    return loss->kind == PRUNE_MSE && prn_tensor_row(h) == 1 && target->weights == NULL && g != NULL &&
           g->ld == 1 && h->ld == 1 && target->values->ld == 1;
}

enum { COLUMN = 32 };

/* Many of these cost less than the calls for each. */
static void add_column(prn_sum *sum, float *g, const prune_tensor *h, const prune_tensor *y)
{
    const float *from = h->data, *wanted = y->data;
    const size_t rows = prn_tensor_rows(h);
    const prn_terms terms = { .outputs = 1, .scale = 1.0f / (float)rows };
    float losses[COLUMN];
    for (size_t done = 0, count; done < rows; done += count) {
        count = rows - done < COLUMN ? rows - done : COLUMN;
        prn_squared_errors(&terms, from + done, wanted + done, g + done, losses, count);
        for (size_t i = 0; i < count; i++)
            prn_sum_add(sum, losses[i]);
    }
}

/* One of the library's losses. Samples of weight 0 are not looked at. */
static void add_rows(prn_sum *sum, prune_tensor *g, const prn_loss *loss, const prune_tensor *h,
                     const prn_target *target, const prn_loss_sums *sums)
{
    const struct kind_ops *ops = &table[loss->kind];
    prn_sample_loss *of = target->values->dtype == PRUNE_I32 ? ops->of_label : ops->of_row;
    prn_terms terms = terms_of(loss, h, sums->unit[1]);
    const float part = loss->mean_over_outputs ? 1.0f / (float)terms.outputs : 1.0f;
    const size_t rows = prn_tensor_rows(h), step = row_bytes(h), target_step = row_bytes(target->values);
    const char *from = h->data, *wanted = target->values->data;
    float s = 1.0f;
    for (size_t r = 0; r < rows; r++, from += step, wanted += target_step) {
        float *to = g == NULL ? NULL : (float *)g->data + r * g->ld;
        if (r == 0 || target->weights != NULL) {
            s = weight_of(sums, target, r);
            terms.scale = sums->by > 0.0f ? part * (s / sums->by) : 0.0f;
        }
        if (s > 0.0f)
            prn_sum_add(sum, s * (part * of(&terms, (const void *)from, wanted, to)));
        else
            scale_row(to, terms.outputs, 0.0f);
    }
}

enum { OWN_ROWS = 64 };

/* What an own loss does not fill in is NaN. */
static void forget(float *values, size_t count)
{
    memset(values, 0xFF, count * sizeof *values);
}

/* A part of a batch. */
typedef struct own_part {
    size_t first, count;
    float losses[OWN_ROWS];
} own_part;

static prune_status call_own(own_part *part, prune_tensor *g, const prn_loss *loss, const prune_tensor *h,
                             const prn_target *target)
{
    prune_tensor part_g, part_h, part_y;
    prn_rows_slice(&part_h, h, part->first, part->count);
    prn_rows_slice(&part_y, target->values, part->first, part->count);
    forget(part->losses, part->count);
    if (g == NULL)
        return loss->own(loss->user, part->losses, NULL, &part_h, &part_y);
    prn_rows_slice(&part_g, g, part->first, part->count);
    part_g.read_only = 0;
    for (size_t r = part->first; r < part->first + part->count; r++)
        forget((float *)g->data + r * g->ld, prn_tensor_row(g));
    return loss->own(loss->user, part->losses, &part_g, &part_h, &part_y);
}

static void weigh_own(prn_sum *sum, prune_tensor *g, const own_part *part, const prn_target *target,
                      const prn_loss_sums *sums)
{
    for (size_t i = 0; i < part->count; i++) {
        const size_t row = part->first + i;
        const float s = weight_of(sums, target, row);
        prn_sum_add(sum, s > 0.0f ? s * part->losses[i] : 0.0f);
        if (g != NULL)
            scale_row((float *)g->data + row * g->ld, prn_tensor_row(g),
                      sums->by > 0.0f ? s / sums->by : 0.0f);
    }
}

static prune_status add_own(prn_sum *sum, prune_tensor *g, const prn_loss *loss, const prune_tensor *h,
                            const prn_target *target, const prn_loss_sums *sums)
{
    own_part part = { .first = 0 };
    prune_status status = PRUNE_OK;
    for (size_t left = prn_tensor_rows(h); left != 0 && status == PRUNE_OK; left -= part.count) {
        part.first += part.count;
        part.count = left < OWN_ROWS ? left : OWN_ROWS;
        status = call_own(&part, g, loss, h, target);
        if (status == PRUNE_OK)
            weigh_own(sum, g, &part, target, sums);
    }
    return status;
}

prune_status prn_loss_add_up(prn_loss_sums *sums, prune_tensor *g, const prn_loss *loss,
                             const prune_tensor *h, const prn_target *target)
{
    prn_sum sum = { 0 };
    prune_status status = PRUNE_OK;
    add_divisors(sums, loss, target, prn_tensor_rows(h));
    if (loss->kind == PRUNE_LOSS_OWN)
        status = add_own(&sum, g, loss, h, target, sums);
    else if (is_column(loss, g, h, target))
        add_column(&sum, g->data, h, target->values);
    else
        add_rows(&sum, g, loss, h, target, sums);
    sums->loss = sum.sum + sum.carry;
    return status;
}

prune_status prn_loss_bends(const prn_loss *loss, prune_error *error)
{
    if (loss->kind != PRUNE_LOSS_OWN)
        return PRUNE_OK;
    return prn_error_set(error, PRUNE_E_UNSUPPORTED, "loss",
                         "the second derivatives of an own loss are not known");
}

void prn_loss_bend(float *hessian, const prn_loss *loss, const prune_tensor *h, const prn_target *target,
                   size_t row, float by)
{
    const struct kind_ops *ops = &table[loss->kind];
    const float s = prn_target_weight(target, row);
    prn_terms terms = terms_of(loss, h, 1.0f);
    terms.scale = s / by;
    if (loss->mean_over_outputs)
        terms.scale /= (float)terms.outputs;
    if (!(s > 0.0f))
        prn_no_bend(&terms, NULL, NULL, hessian);
    else if (target->values->dtype == PRUNE_I32)
        ops->bend_label(&terms, row_at(h, row), row_at(target->values, row), hessian);
    else
        ops->bend_row(&terms, row_at(h, row), row_at(target->values, row), hessian);
}

prune_status prn_loss_failed(prune_status status, prune_error *error)
{
    return prn_error_set(error, status, "loss", "the own loss returned this");
}

float prn_loss_mean(const prn_loss_sums *sums)
{
    return sums->weight > 0.0f ? sums->loss / sums->weight : 0.0f * sums->loss;
}

/* ---- calls ---- */

static prune_status gradient_check(const prune_tensor *gradient, const prune_tensor *outputs)
{
    if (gradient == NULL)
        return PRUNE_OK;
    if (gradient->dtype != PRUNE_F32)
        return PRUNE_E_TYPE;
    if (gradient->read_only)
        return PRUNE_E_READONLY;
    const int32_t same = prn_tensor_rows(gradient) == prn_tensor_rows(outputs) &&
                         prn_tensor_row(gradient) == prn_tensor_row(outputs);
    return same ? PRUNE_OK : PRUNE_E_SHAPE;
}

prune_status prn_loss_check_target(const prn_loss *loss, const prune_tensor *h, const prn_target *target)
{
    const size_t rows = prn_tensor_rows(h), outputs = prn_tensor_row(h);
    prune_status status = prn_loss_fits(loss, target->values, rows, outputs);
    if (status == PRUNE_OK)
        status = prn_loss_check(loss, target->values, NULL, outputs, NULL);
    return status == PRUNE_OK ? prn_loss_check_weights(target->weights, rows, NULL) : status;
}

prune_status prune_loss_with(float *loss, prune_tensor *gradient, const prune_loss_options *options,
                             const prune_tensor *outputs, const prune_tensor *targets,
                             const prune_tensor *weights)
{
    prn_loss mine;
    prn_loss_sums sums;
    const prn_target target = { targets, weights };
    if (loss == NULL || outputs == NULL || targets == NULL)
        return PRUNE_E_ARGUMENT;
    if (outputs->dtype != PRUNE_F32)
        return PRUNE_E_TYPE;
    prune_status status = prn_loss_read(&mine, options, prn_tensor_row(outputs), NULL);
    if (status == PRUNE_OK)
        status = gradient_check(gradient, outputs);
    if (status == PRUNE_OK)
        status = prn_loss_check_target(&mine, outputs, &target);
    if (status == PRUNE_OK && mine.own != NULL && gradient != NULL && gradient->data == outputs->data)
        status = PRUNE_E_ARGUMENT;
    if (status == PRUNE_OK)
        status = prn_loss_add_up(&sums, gradient, &mine, outputs, &target);
    if (status != PRUNE_OK)
        return status;
    for (size_t r = 0; gradient != NULL && !(sums.weight > 0.0f) && r < prn_tensor_rows(outputs); r++)
        scale_row((float *)gradient->data + r * gradient->ld, prn_tensor_row(gradient), 0.0f);
    *loss = prn_loss_mean(&sums);
    return PRUNE_OK;
}

prune_status prune_loss(float *loss, prune_tensor *gradient, int32_t kind, const prune_tensor *outputs,
                        const prune_tensor *targets)
{
    const prn_loss plain = prn_loss_of(kind);
    return prune_loss_with(loss, gradient, &plain, outputs, targets, NULL);
}
