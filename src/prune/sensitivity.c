/* sensitivity.c -- how the metric falls as one layer alone loses its units
 *
 * SPDX-License-Identifier: MIT */
#include "sensitivity.h"
#include "evaluate.h"
#include "importance.h"
#include "model.h"
#include "options.h"
#include "text.h"
#include "unit.h"
#include "validate.h"

void prune_sensitivity_init(prune_sensitivity *table)
{
    if (table != NULL)
        *table = (prune_sensitivity){ .size = sizeof *table };
}

void prune_sensitivity_options_init(prune_sensitivity_options *options)
{
    if (options != NULL)
        *options = (prune_sensitivity_options){ .size = sizeof *options };
}

prune_status prn_sensitivity_open(prune_sensitivity *mine, const prune_sensitivity *given, size_t layers)
{
    prune_sensitivity_init(mine);
    const prune_status status =
        given == NULL ? PRUNE_E_ARGUMENT : prn_options_read(mine, sizeof *mine, given);
    if (status != PRUNE_OK)
        return status;
    if (mine->fractions == NULL || mine->values == NULL)
        return PRUNE_E_ARGUMENT;
    if (mine->levels == 0)
        return PRUNE_E_SIZE;
    for (size_t i = 0; i < mine->levels; i++) {
        const double before = i == 0 ? 0.0 : mine->fractions[i - 1];
        if (!(mine->fractions[i] > before && mine->fractions[i] <= 1.0))
            return PRUNE_E_RANGE;
    }
    return mine->capacity / mine->levels < layers ? PRUNE_E_SHAPE : PRUNE_OK;
}

/* One call. */
typedef struct scan {
    prune_model *model;
    const prune_importance *importance;
    const prune_data *data;
    prune_sensitivity table;
    prune_sensitivity_options options;
    prune_selection selection;
    prune_validation metric;
    prune_snapshot *before;
    int32_t stopped;
    prune_error *error;
} scan;

static prune_status fail(const scan *s, prune_status status, const char *place)
{
    return prn_error_set(s->error, status, place, prune_status_string(status));
}

static prune_status open_scan(scan *s, const prune_sensitivity *table, const prune_sensitivity_options *given)
{
    prune_validation defaults;
    prune_validation_init(&defaults);
    prune_sensitivity_options_init(&s->options);
    prune_status status = prn_importance_check(s->importance);
    if (status == PRUNE_OK && s->model == NULL)
        status = PRUNE_E_ARGUMENT;
    if (status == PRUNE_OK && s->importance->model != s->model)
        status = PRUNE_E_STATE;
    if (status != PRUNE_OK)
        return fail(s, status, "importance");
    status = prn_sensitivity_open(&s->table, table, s->model->layer_count);
    if (status != PRUNE_OK)
        return fail(s, status, "table");
    status = prn_options_read(&s->options, sizeof s->options, given);
    if (status != PRUNE_OK)
        return prn_error_set(s->error, status, "options", prn_options_reason(status));
    status = prn_unit_selection(&s->selection, s->options.selection, s->model);
    if (status != PRUNE_OK)
        return fail(s, status, "options.selection");
    status =
        prn_validation_open(&s->metric, s->options.metric != NULL ? s->options.metric : &defaults, s->error);
    if (status != PRUNE_OK)
        return status;
    status = prune_snapshot_create(&s->before, &s->model->mem, s->model);
    return status == PRUNE_OK ? status : fail(s, status, "snapshot");
}

static prune_status measure_reference(scan *s)
{
    const prune_status status = prn_validation_measure(&s->metric, s->model, s->data, s->error);
    if (status != PRUNE_OK)
        return status;
    if (!(s->metric.value - s->metric.value == 0.0))
        return prn_error_set(s->error, PRUNE_E_NONFINITE, "options.metric",
                             "it is not a number for the model as it is");
    s->table.reference = s->metric.value;
    s->table.higher_is_better = prn_validation_worse(&s->metric, 0.0, 1.0) > 0.0;
    for (size_t i = 0; i < s->model->layer_count * s->table.levels; i++)
        s->table.values[i] = prn_tally_none();
    return PRUNE_OK;
}

/* Removes and measures; `measured` 0: the floor does not allow it. */
static prune_status try_level(scan *s, int32_t *measured, const prune_selection *layer, double fraction)
{
    prune_status status = prune_mask_fraction(NULL, s->model, s->importance, layer, fraction, PRUNE_OF_ALL);
    *measured = status != PRUNE_E_COLLAPSE;
    if (status == PRUNE_E_COLLAPSE)
        return PRUNE_OK;
    if (status != PRUNE_OK)
        return fail(s, status, "options.selection");
    status = prn_validation_measure(&s->metric, s->model, s->data, s->error);
    (void)prune_snapshot_restore(s->before, s->model);
    return status;
}

static prune_status scan_layer(scan *s, size_t l)
{
    prune_selection layer = s->selection;
    layer.layer = (int32_t)l;
    for (size_t i = 0; i < s->table.levels && !s->stopped; i++) {
        int32_t measured;
        const prune_status status = try_level(s, &measured, &layer, s->table.fractions[i]);
        if (status != PRUNE_OK || !measured)
            return status;
        s->table.values[l * s->table.levels + i] = s->metric.value;
        s->table.measured++;
        s->stopped =
            s->options.progress != NULL && s->options.progress(s->options.user, l, i, s->metric.value) != 0;
    }
    return PRUNE_OK;
}

prune_status prune_sensitivity_scan(prune_sensitivity *table, prune_model *model,
                                    const prune_importance *importance, const prune_data *data,
                                    const prune_sensitivity_options *options, prune_error *error)
{
    scan s = { .model = model, .importance = importance, .data = data, .error = error };
    prune_status status = open_scan(&s, table, options);
    if (status == PRUNE_OK)
        status = measure_reference(&s);
    s.table.measured = 0;
    for (size_t l = 0; status == PRUNE_OK && l < model->layer_count && !s.stopped; l++)
        if (prn_unit_covers(&s.selection, model, l))
            status = scan_layer(&s, l);
    if (status == PRUNE_OK)
        prn_result_write(table, &s.table);
    prune_snapshot_free(s.before);
    return status;
}
