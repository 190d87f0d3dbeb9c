/* render.c -- a report written: tables for people, CSV, JSON
 *
 * SPDX-License-Identifier: MIT */
#include "gone.h"
#include "tables.h"

#include <string.h>

/* The columns, in CSV and JSON: counts, then ratios. */
typedef struct column {
    const char *name;
    size_t offset;
} column;

static const column counts[] = {
    { "inputs", offsetof(prune_report, inputs) },
    { "outputs", offsetof(prune_report, outputs) },
    { "parameters", offsetof(prune_report, parameters) },
    { "nonzeros", offsetof(prune_report, nonzeros) },
    { "weights", offsetof(prune_report, weights) },
    { "weights_kept", offsetof(prune_report, weights_kept) },
    { "macs", offsetof(prune_report, macs) },
    { "macs_kept", offsetof(prune_report, macs_kept) },
    { "neurons", offsetof(prune_report, neurons) },
    { "neurons_idle", offsetof(prune_report, neurons_idle) },
    { "inputs_unread", offsetof(prune_report, inputs_unread) },
};
static const column ratios[] = {
    { "sparsity", offsetof(prune_report, sparsity) },
    { "compression", offsetof(prune_report, compression) },
    { "speedup", offsetof(prune_report, speedup) },
};
static const column compacting[] = {
    { "neurons_before", offsetof(prune_compact_report, neurons_before) },
    { "neurons", offsetof(prune_compact_report, neurons) },
    { "parameters_before", offsetof(prune_compact_report, parameters_before) },
    { "parameters", offsetof(prune_compact_report, parameters) },
    { "constant", offsetof(prune_compact_report, constant) },
    { "unread", offsetof(prune_compact_report, unread) },
    { "merged", offsetof(prune_compact_report, merged) },
    { "rounded", offsetof(prune_compact_report, rounded) },
    { "padding", offsetof(prune_compact_report, padding) },
    { "inputs", offsetof(prune_compact_report, inputs) },
};
enum {
    COUNTS = sizeof counts / sizeof counts[0],
    RATIOS = sizeof ratios / sizeof ratios[0],
    COMPACTION = sizeof compacting / sizeof compacting[0]
};

static uint64_t count_at(const void *figures, const column *c)
{
    uint64_t value;
    memcpy(&value, (const char *)figures + c->offset, sizeof value);
    return value;
}

static double ratio_at(const prune_report *report, const column *c)
{
    double value;
    memcpy(&value, (const char *)report + c->offset, sizeof value);
    return value;
}

/* ---- CSV ---- */

static void csv_header(prn_sink *out)
{
    prn_sink_add(out, "layer,kind,activation");
    for (size_t i = 0; i < COUNTS + RATIOS; i++) {
        prn_sink_add(out, ",");
        prn_sink_add(out, i < COUNTS ? counts[i].name : ratios[i - COUNTS].name);
    }
    for (int32_t e = 0; e < PRUNE_REPORT_ENCODINGS; e++)
        if (prn_report_encoding(e) != NULL) {
            prn_sink_add(out, ",bytes_");
            prn_sink_add(out, prn_report_encoding(e));
        }
    prn_sink_add(out, "\n");
}

static void csv_figures(prn_sink *out, const prune_report *report)
{
    for (size_t i = 0; i < COUNTS; i++) {
        prn_sink_add(out, ",");
        prn_sink_count(out, count_at(report, &counts[i]));
    }
    for (size_t i = 0; i < RATIOS; i++) {
        prn_sink_add(out, ",");
        if (prn_report_finite(ratio_at(report, &ratios[i])))
            prn_sink_number(out, ratio_at(report, &ratios[i]));
    }
    for (int32_t e = 0; e < PRUNE_REPORT_ENCODINGS; e++)
        if (prn_report_encoding(e) != NULL) {
            prn_sink_add(out, ",");
            if (report->bytes[e] > 0)
                prn_sink_count(out, report->bytes[e]);
        }
    prn_sink_add(out, "\n");
}

static void csv_layer(prn_sink *out, const prn_layer *layer, size_t l, const prune_report *report)
{
    prn_sink_count(out, l);
    prn_sink_add(out, ",");
    prn_sink_add(out, layer->ops->name);
    prn_sink_add(out, ",");
    prn_sink_add(out, layer->ops->has_activation ? prune_activation_name(layer->spec.activation) : "");
    csv_figures(out, report);
}

static void csv_total(prn_sink *out, const prn_reporting *r, const prune_report *total)
{
    (void)r;
    prn_sink_add(out, "total,,");
    csv_figures(out, total);
}

/* ---- JSON ---- */

static void json_key(prn_sink *out, const char *key)
{
    prn_sink_add(out, "\"");
    prn_sink_add(out, key);
    prn_sink_add(out, "\": ");
}

static void json_counts(prn_sink *out, const void *figures, const column *columns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        prn_sink_add(out, i > 0 ? ", " : "");
        json_key(out, columns[i].name);
        prn_sink_count(out, count_at(figures, &columns[i]));
    }
}

static void json_figures(prn_sink *out, const prune_report *report)
{
    const char *comma = "";
    json_counts(out, report, counts, COUNTS);
    for (size_t i = 0; i < RATIOS; i++) {
        prn_sink_add(out, ", ");
        json_key(out, ratios[i].name);
        if (prn_report_finite(ratio_at(report, &ratios[i])))
            prn_sink_number(out, ratio_at(report, &ratios[i]));
        else
            prn_sink_add(out, "null");
    }
    prn_sink_add(out, ", \"bytes\": {");
    for (int32_t e = 0; e < PRUNE_REPORT_ENCODINGS; e++)
        if (prn_report_encoding(e) != NULL) {
            prn_sink_add(out, comma);
            json_key(out, prn_report_encoding(e));
            if (report->bytes[e] > 0)
                prn_sink_count(out, report->bytes[e]);
            else
                prn_sink_add(out, "null");
            comma = ", ";
        }
    prn_sink_add(out, "}}");
}

static void json_header(prn_sink *out)
{
    prn_sink_add(out, "{\"layers\": [");
}

static void json_layer(prn_sink *out, const prn_layer *layer, size_t l, const prune_report *report)
{
    prn_sink_add(out, l > 0 ? ",\n{\"layer\": " : "\n{\"layer\": ");
    prn_sink_count(out, l);
    prn_sink_add(out, ", \"kind\": \"");
    prn_sink_add(out, layer->ops->name);
    prn_sink_add(out, layer->ops->has_activation ? "\", \"activation\": \"" : "\", \"activation\": ");
    prn_sink_add(out, layer->ops->has_activation ? prune_activation_name(layer->spec.activation) : "null");
    prn_sink_add(out, layer->ops->has_activation ? "\", " : ", ");
    json_figures(out, report);
}

static void json_units(prn_sink *out, const prn_gone *s)
{
    for (int32_t kind = PRUNE_IDLE_REMOVED; kind < PRN_IDLE_KINDS; kind++) {
        const char *comma = "";
        size_t kept = 0;
        prn_sink_add(out, kind > PRUNE_IDLE_REMOVED ? ", " : "");
        json_key(out, prune_idle_name(kind));
        prn_sink_add(out, "[");
        for (size_t u = 0; u < s->width; u++)
            if (prn_gone_why(s, u, &kept) == kind) {
                prn_sink_add(out, comma);
                prn_sink_count(out, u);
                comma = ", ";
            }
        prn_sink_add(out, "]");
    }
    prn_sink_add(out, "}");
}

static void json_total(prn_sink *out, const prn_reporting *r, const prune_report *total)
{
    prn_gone s = prn_gone_first(r);
    prn_sink_add(out, "],\n\"total\": {");
    json_figures(out, total);
    prn_sink_add(out, ",\n\"idle\": {\"inputs\": {");
    json_units(out, &s);
    prn_sink_add(out, ", \"layers\": [");
    for (const char *comma = ""; prn_gone_next(&s); comma = ",") {
        prn_sink_add(out, comma);
        prn_sink_add(out, "\n{\"layer\": ");
        prn_sink_count(out, s.first - 1);
        prn_sink_add(out, ", ");
        json_units(out, &s);
    }
    prn_sink_add(out, "]},\n\"compaction\": ");
    prn_sink_add(out, r->compacted ? "{" : "null");
    if (r->compacted)
        json_counts(out, &r->compaction, compacting, COMPACTION);
    prn_sink_add(out, r->compacted ? "}}\n" : "}\n");
}

/* ---- any of them ---- */

typedef struct format {
    void (*header)(prn_sink *out);
    void (*layer)(prn_sink *out, const prn_layer *layer, size_t l, const prune_report *report);
    void (*total)(prn_sink *out, const prn_reporting *r, const prune_report *total);
} format;

static const format formats[] = {
    { prn_tables_header, prn_tables_layer, prn_tables_total },
    { csv_header, csv_layer, csv_total },
    { json_header, json_layer, json_total },
};

/* All figures are there before the first byte goes out. */
prune_status prune_report_write(const prune_model *model, const prune_writer *writer,
                                const prune_report_options *options)
{
    prn_reporting r;
    prn_sink out;
    prune_report total, report;
    if (writer == NULL || writer->write == NULL)
        return PRUNE_E_ARGUMENT;
    prune_status status = prn_report_open(&r, model, options);
    if (status == PRUNE_OK)
        status = prn_report_total(&total, &r);
    if (status != PRUNE_OK)
        return status;
    const format *f = &formats[r.format - PRUNE_REPORT_TEXT];
    prn_sink_start(&out, writer);
    f->header(&out);
    for (size_t l = 0; status == PRUNE_OK && out.status == PRUNE_OK && l < model->layer_count; l++) {
        status = prn_report_layer(&report, &r, l);
        if (status == PRUNE_OK)
            f->layer(&out, model->layers[l], l, &report);
    }
    if (status != PRUNE_OK || out.status != PRUNE_OK)
        return status != PRUNE_OK ? status : out.status;
    f->total(&out, &r, &total);
    return prn_sink_end(&out);
}
