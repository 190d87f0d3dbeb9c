/* tables.c -- a report as text for people: a table, sizes in bytes, and what is gone
 *
 * SPDX-License-Identifier: MIT */
#include "tables.h"
#include "decimal.h"
#include "gone.h"

enum { NAME_WIDTH = 24, SHAPE_WIDTH = 14, NUMBER_WIDTH = 12, CELL = 64 };

static void put_count(prn_sink *out, uint64_t value)
{
    char bytes[CELL];
    prn_text cell;
    prn_text_start(&cell, bytes, sizeof bytes);
    prn_text_number(&cell, (size_t)value);
    prn_sink_cell(out, bytes, NUMBER_WIDTH, 1);
}

static void put_ratio(prn_sink *out, double value, double scale)
{
    char bytes[CELL];
    prn_text cell;
    prn_text_start(&cell, bytes, sizeof bytes);
    prn_decimal_fixed(&cell, scale * value, 2);
    prn_sink_cell(out, prn_report_finite(value) ? bytes : "-", NUMBER_WIDTH, 1);
}

static void put_figures(prn_sink *out, const prune_report *report)
{
    put_count(out, report->parameters);
    put_count(out, report->nonzeros);
    put_ratio(out, report->sparsity, 100.0);
    put_count(out, report->macs);
    put_count(out, report->macs_kept);
    put_ratio(out, report->compression, 1.0);
    put_ratio(out, report->speedup, 1.0);
    put_count(out, report->bytes[PRUNE_ENCODING_DENSE]);
    put_count(out, report->bytes[PRUNE_ENCODING_BEST]);
    prn_sink_add(out, "\n");
}

void prn_tables_header(prn_sink *out)
{
    static const char *const titles[] = { "parameters",  "non-zeros", "sparsity %", "MACs",      "MACs kept",
                                          "compression", "speed-up",  "bytes",      "best coded" };
    prn_sink_cell(out, "layer", NAME_WIDTH, 0);
    prn_sink_cell(out, "shape", SHAPE_WIDTH, 0);
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++)
        prn_sink_cell(out, titles[i], NUMBER_WIDTH, 1);
    prn_sink_add(out, "\n");
}

void prn_tables_layer(prn_sink *out, const prn_layer *layer, size_t l, const prune_report *report)
{
    char bytes[CELL];
    prn_text cell;
    prn_text_start(&cell, bytes, sizeof bytes);
    prn_text_number(&cell, l);
    prn_text_add(&cell, " ");
    prn_text_add(&cell, layer->ops->name);
    if (layer->ops->has_activation) {
        prn_text_add(&cell, ", ");
        prn_text_add(&cell, prune_activation_name(layer->spec.activation));
    }
    prn_sink_cell(out, bytes, NAME_WIDTH, 0);
    prn_text_start(&cell, bytes, sizeof bytes);
    prn_text_number(&cell, (size_t)report->inputs);
    prn_text_add(&cell, " -> ");
    prn_text_number(&cell, (size_t)report->outputs);
    prn_sink_cell(out, bytes, SHAPE_WIDTH, 0);
    put_figures(out, report);
}

static void put_encodings(prn_sink *out, const prune_report *total)
{
    prn_sink_add(out, "\nbytes by encoding:");
    for (int32_t e = 0; e < PRUNE_REPORT_ENCODINGS; e++)
        if (prn_report_encoding(e) != NULL && total->bytes[e] > 0) {
            prn_sink_add(out, e > 0 ? ", " : " ");
            prn_sink_add(out, prn_report_encoding(e));
            prn_sink_add(out, " ");
            prn_sink_count(out, total->bytes[e]);
        }
    prn_sink_add(out, "\n");
}

/* ---- what is gone ---- */

static void put_range(prn_sink *out, size_t from, size_t to, int32_t first)
{
    prn_sink_add(out, first ? " " : ", ");
    prn_sink_count(out, from);
    if (to > from) {
        prn_sink_add(out, "-");
        prn_sink_count(out, to);
    }
}

static size_t count_gone(const prn_gone *s, int32_t kind)
{
    size_t count = 0, kept = 0;
    for (size_t u = 0; u < s->width; u++)
        count += prn_gone_why(s, u, &kept) == kind;
    return count;
}

/* Their numbers, runs of them as from-to. */
static void put_ranges(prn_sink *out, const prn_gone *s, int32_t kind)
{
    size_t kept = 0, from = 0;
    int32_t inside = 0, first = 1;
    for (size_t u = 0; u <= s->width; u++) {
        const int32_t is = u < s->width && prn_gone_why(s, u, &kept) == kind;
        if (is && !inside)
            from = u;
        if (!is && inside) {
            put_range(out, from, u - 1, first);
            first = 0;
        }
        inside = is;
    }
}

static void put_gone(prn_sink *out, const prn_gone *s)
{
    for (int32_t kind = PRUNE_IDLE_REMOVED; kind < PRN_IDLE_KINDS; kind++) {
        const size_t count = count_gone(s, kind);
        if (count == 0)
            continue;
        prn_sink_add(out, s->first == 0 ? "inputs" : "neurons of layer ");
        if (s->first > 0)
            prn_sink_count(out, s->first - 1);
        prn_sink_add(out, ", ");
        prn_sink_add(out, prune_idle_name(kind));
        prn_sink_add(out, ", ");
        prn_sink_count(out, count);
        prn_sink_add(out, " of ");
        prn_sink_count(out, s->width);
        prn_sink_add(out, ":");
        put_ranges(out, s, kind);
        prn_sink_add(out, "\n");
    }
}

static void put_pair(prn_sink *out, const char *name, uint64_t before, uint64_t after)
{
    prn_sink_add(out, name);
    prn_sink_count(out, before);
    prn_sink_add(out, " -> ");
    prn_sink_count(out, after);
}

static void put_compaction(prn_sink *out, const prune_compact_report *c)
{
    const uint64_t numbers[] = { c->constant, c->unread, c->merged, c->rounded, c->padding };
    static const char *const names[] = { "constant ", ", unread ", ", merged ", ", rounded ", ", padding " };
    put_pair(out, "\ncompaction: neurons ", c->neurons_before, c->neurons);
    put_pair(out, ", parameters ", c->parameters_before, c->parameters);
    prn_sink_add(out, " (");
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        prn_sink_add(out, names[i]);
        prn_sink_count(out, numbers[i]);
    }
    prn_sink_add(out, ")\n");
}

void prn_tables_total(prn_sink *out, const prn_reporting *r, const prune_report *total)
{
    prn_sink_cell(out, "total", NAME_WIDTH + SHAPE_WIDTH, 0);
    put_figures(out, total);
    put_encodings(out, total);
    if (r->compacted)
        put_compaction(out, &r->compaction);
    prn_gone s = prn_gone_first(r);
    do
        put_gone(out, &s);
    while (prn_gone_next(&s));
}
