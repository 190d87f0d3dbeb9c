/* report.c -- a pruned model in figures: how much smaller, how much less to compute
 *
 * SPDX-License-Identifier: MIT */
#include "report.h"
#include "bits.h"
#include "idle.h"
#include "options.h"

void prune_report_init(prune_report *report)
{
    if (report != NULL)
        *report = (prune_report){ .size = sizeof *report };
}

void prune_report_options_init(prune_report_options *options)
{
    if (options != NULL)
        *options = (prune_report_options){ .size = sizeof *options, .format = PRUNE_REPORT_TEXT };
}

/* ---- what the caller wants ---- */

/* Numbers of one space: going up, and of units that it has. Moves *kept behind them. */
static int32_t are_numbers(const size_t **kept, size_t count, size_t width)
{
    for (size_t i = 0; i < count; i++)
        if ((*kept)[i] >= width || (i > 0 && (*kept)[i] <= (*kept)[i - 1]))
            return 0;
    *kept += count;
    return 1;
}

/* The same layers, with fewer units; and if it says which, these. */
static prune_status check_compaction(const prn_reporting *r)
{
    const prune_compact_report *c = &r->compaction;
    const size_t *kept = c->kept;
    size_t room = c->kept_capacity, units = prn_shape_count(&r->model->input);
    if (r->original->layer_count != r->model->layer_count || c->inputs != units)
        return PRUNE_E_SHAPE;
    if (kept != NULL && (units > room || !are_numbers(&kept, units, prn_shape_count(&r->original->input))))
        return PRUNE_E_SHAPE;
    room -= kept != NULL ? units : 0;
    for (size_t l = 0; l < r->model->layer_count; l++) {
        const prn_layer *mine = r->model->layers[l], *theirs = r->original->layers[l];
        if (mine->ops->kind != theirs->ops->kind)
            return PRUNE_E_SHAPE;
        if (kept == NULL || !prn_idle_has(mine))
            continue;
        units = prn_shape_count(&mine->output);
        if (units > room || !are_numbers(&kept, units, prn_shape_count(&theirs->output)))
            return PRUNE_E_SHAPE;
        room -= units;
    }
    return PRUNE_OK;
}

static prune_status take_options(prn_reporting *r, const prune_report_options *mine)
{
    prune_status status = prn_options_read(&r->encoding, sizeof r->encoding, mine->encoding);
    if (status == PRUNE_OK && mine->original != NULL)
        status = prn_model_check(mine->original);
    r->original = mine->original == NULL ? r->model : mine->original;
    r->compacted = mine->compaction != NULL;
    if (status == PRUNE_OK && r->compacted && mine->original == NULL)
        status = PRUNE_E_ARGUMENT;
    if (status == PRUNE_OK && r->compacted)
        status = prn_options_read(&r->compaction, sizeof r->compaction, mine->compaction);
    if (status == PRUNE_OK && r->compacted)
        status = check_compaction(r);
    return status;
}

prune_status prn_report_open(prn_reporting *r, const prune_model *model, const prune_report_options *options)
{
    prune_report_options mine;
    prune_report_options_init(&mine);
    *r = (prn_reporting){ .model = model };
    prune_encoding_options_init(&r->encoding);
    prune_compact_report_init(&r->compaction);
    prune_status status = prn_model_check(model);
    if (status == PRUNE_OK)
        status = prn_options_read(&mine, sizeof mine, options);
    if (status == PRUNE_OK && (mine.format < PRUNE_REPORT_TEXT || mine.format > PRUNE_REPORT_JSON))
        status = PRUNE_E_ARGUMENT;
    r->format = mine.format;
    return status == PRUNE_OK ? take_options(r, &mine) : status;
}

/* ---- figures ---- */

static double share(uint64_t of, uint64_t left)
{
    if (left > 0)
        return (double)of / (double)left;
    return of > 0 ? (double)prn_bits_float(0x7f800000u) : 1.0;
}

static void add_ratios(prune_report *report, uint64_t parameters, uint64_t macs)
{
    report->sparsity =
        report->weights > 0 ? 1.0 - (double)report->weights_kept / (double)report->weights : 0.0;
    report->compression = share(parameters, report->nonzeros);
    report->speedup = share(macs, report->macs_kept);
}

/* Bytes of a layer in one encoding; 0 if it cannot hold them. */
static prune_status measure(uint64_t *bytes, const prn_reporting *r, size_t layer, int32_t encoding)
{
    const prn_layer *l = r->model->layers[layer];
    const size_t first = prn_model_first_param(r->model, layer);
    prune_encoding_options options = r->encoding;
    options.encoding = encoding;
    *bytes = PRUNE_ENCODED_LAYER;
    for (size_t p = 0; p < l->param_count; p++) {
        prune_encoding_info info = { .size = sizeof info };
        info.bytes = (uint64_t)l->params[p].count * sizeof(float);
        prune_status status = PRUNE_OK;
        if (l->params[p].prunable && l->params[p].shape.rank > 1)
            status = prune_encoded_param(&info, r->model, first + p, &options);
        if (status != PRUNE_OK) {
            *bytes = 0;
            return status == PRUNE_E_UNSUPPORTED ? PRUNE_OK : status;
        }
        *bytes += info.bytes;
    }
    return PRUNE_OK;
}

static void count_idle(prune_report *report, const prn_reporting *r, size_t layer)
{
    const prn_layer *l = r->model->layers[layer];
    if (!prn_idle_has(l))
        return;
    report->neurons = report->outputs;
    for (size_t u = 0; u < report->outputs; u++)
        report->neurons_idle += prn_idle_unit(r->model, layer + 1, u) != PRUNE_IDLE_NOT;
    for (size_t k = 0; k < layer; k++)
        if (!r->model->layers[k]->ops->unitwise)
            return;
    for (size_t u = 0; u < report->inputs; u++)
        report->inputs_unread += prn_idle_unit(r->model, 0, u) != PRUNE_IDLE_NOT;
}

prune_status prn_report_layer(prune_report *report, const prn_reporting *r, size_t layer)
{
    prune_layer_info info = { .size = sizeof info }, before = { .size = sizeof before };
    const prune_model *of = r->original->layer_count == r->model->layer_count ? r->original : r->model;
    prune_status status = prune_model_layer_info(&info, r->model, layer);
    if (status == PRUNE_OK)
        status = prune_model_layer_info(&before, of, layer);
    if (status != PRUNE_OK)
        return status;
    *report = (prune_report){ .size = sizeof *report,
                              .inputs = prn_shape_count(&info.input),
                              .outputs = prn_shape_count(&info.output),
                              .parameters = info.parameters,
                              .nonzeros = info.nonzeros,
                              .weights = info.weights,
                              .weights_kept = info.weights_kept,
                              .macs = info.macs,
                              .macs_kept = info.macs_kept };
    add_ratios(report, before.parameters, before.macs);
    count_idle(report, r, layer);
    for (int32_t e = 0; status == PRUNE_OK && e < PRUNE_REPORT_ENCODINGS; e++)
        if (prn_report_encoding(e) != NULL)
            status = measure(&report->bytes[e], r, layer, e);
    return status;
}

/* Of all layers; what one of them cannot have, all cannot. */
static void add_to_total(prune_report *total, const prune_report *layer, int32_t first)
{
    total->parameters += layer->parameters;
    total->nonzeros += layer->nonzeros;
    total->weights += layer->weights;
    total->weights_kept += layer->weights_kept;
    total->macs += layer->macs;
    total->macs_kept += layer->macs_kept;
    total->neurons += layer->neurons;
    total->neurons_idle += layer->neurons_idle;
    total->inputs_unread += layer->inputs_unread;
    for (size_t e = 0; e < PRUNE_REPORT_ENCODINGS; e++) {
        const uint64_t before = first ? PRUNE_ENCODED_MODEL : total->bytes[e];
        total->bytes[e] = before == 0 || layer->bytes[e] == 0 ? 0 : before + layer->bytes[e];
    }
}

prune_status prn_report_total(prune_report *total, const prn_reporting *r)
{
    prune_report layer;
    uint64_t parameters = 0, macs = 0;
    prune_report_init(total);
    for (size_t l = 0; l < r->model->layer_count; l++) {
        const prune_status status = prn_report_layer(&layer, r, l);
        if (status != PRUNE_OK)
            return status;
        add_to_total(total, &layer, l == 0);
    }
    for (size_t l = 0; l < r->original->layer_count; l++) {
        prune_layer_info info = { .size = sizeof info };
        const prune_status status = prune_model_layer_info(&info, r->original, l);
        if (status != PRUNE_OK)
            return status;
        parameters += info.parameters;
        macs += info.macs;
    }
    total->inputs = prn_shape_count(&r->model->input);
    total->outputs = prn_shape_count(prn_model_output(r->model));
    add_ratios(total, parameters, macs);
    return PRUNE_OK;
}

int32_t prn_report_finite(double ratio)
{
    return ratio - ratio <= 0.0;
}

const char *prn_report_encoding(int32_t encoding)
{
    return encoding == PRUNE_ENCODING_BEST ? "best" : prune_encoding_name(encoding);
}

/* ---- public ---- */

/* Of one layer, or with NULL of all. */
static prune_status report_on(prune_report *report, const prune_model *model, const size_t *layer,
                              const prune_report_options *options)
{
    prn_reporting r;
    prune_report mine;
    prune_status status = report == NULL ? PRUNE_E_ARGUMENT : prn_report_open(&r, model, options);
    if (status == PRUNE_OK)
        status = prn_result_check(report, sizeof mine);
    if (status == PRUNE_OK)
        status = layer != NULL ? prn_report_layer(&mine, &r, *layer) : prn_report_total(&mine, &r);
    if (status == PRUNE_OK)
        prn_result_write(report, &mine);
    return status;
}

prune_status prune_report_layer(prune_report *report, const prune_model *model, size_t layer,
                                const prune_report_options *options)
{
    return report_on(report, model, &layer, options);
}

prune_status prune_report_total(prune_report *report, const prune_model *model,
                                const prune_report_options *options)
{
    return report_on(report, model, NULL, options);
}
