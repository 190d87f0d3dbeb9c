/* log_table.c -- a pruning log written: a table for people, CSV, JSON
 *
 * SPDX-License-Identifier: MIT */
#include "decimal.h"
#include "log.h"
#include "sink.h"

enum { SHORT = 10, LONG = 20 };

static const char *const criteria[] = { "",
                                        "magnitude",
                                        "gradient",
                                        "taylor",
                                        "magnitude_squared",
                                        "gradient_squared",
                                        "taylor_squared",
                                        "sample_gradient",
                                        "fisher",
                                        "supplied",
                                        "movement" };
static const char *const granularities[] = { "", "weights", "neurons", "inputs", "blocks" };
static const char *const asks[] = { "", "fraction", "count", "threshold" };

static const char *criterion_of(const prn_log_entry *entry)
{
    return (size_t)entry->note.criterion < sizeof criteria / sizeof criteria[0]
               ? criteria[entry->note.criterion]
               : "other";
}

/* A text in quotes; before a quote or an escape in it comes the escape. */
static void quoted(prn_sink *out, const char *text, char escape)
{
    prn_sink_add(out, "\"");
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == escape)
            prn_sink_bytes(out, &escape, 1);
        prn_sink_bytes(out, text, 1);
    }
    prn_sink_add(out, "\"");
}

/* ---- CSV ---- */

static void csv_header(prn_sink *out)
{
    prn_sink_add(out, "entry,step,criterion,granularity,ask,asked,layer,removed,returned,kept,text\n");
}

static void csv_start(prn_sink *out, const prn_log_entry *entry, size_t index)
{
    prn_sink_count(out, index);
    prn_sink_add(out, ",");
    prn_sink_count(out, entry->note.step);
    prn_sink_add(out, ",");
    prn_sink_add(out, criterion_of(entry));
    prn_sink_add(out, ",");
    prn_sink_add(out, granularities[entry->note.granularity]);
    prn_sink_add(out, ",");
    prn_sink_add(out, asks[entry->note.ask]);
    prn_sink_add(out, ",");
    if (entry->note.ask != PRUNE_ASKED_NOTHING)
        prn_sink_number(out, entry->note.asked);
    prn_sink_add(out, ",");
}

static void csv_end(prn_sink *out, const prn_log_entry *entry, prn_log_sum sum)
{
    prn_sink_add(out, ",");
    prn_sink_count(out, sum.removed);
    prn_sink_add(out, ",");
    prn_sink_count(out, sum.returned);
    prn_sink_add(out, ",");
    prn_sink_count(out, sum.kept);
    prn_sink_add(out, ",");
    if (entry->text[0] != '\0')
        quoted(out, entry->text, '"');
    prn_sink_add(out, "\n");
}

static void csv_entry(prn_sink *out, const prune_log *log, size_t index)
{
    const prn_log_entry *entry = log->entries[index];
    for (size_t l = 0, p = 0; l < log->layer_count; l++) {
        const size_t count = prn_log_layer_params(log, l, &p);
        if (count == 0)
            continue;
        csv_start(out, entry, index);
        prn_sink_count(out, l);
        csv_end(out, entry, prn_log_sum_params(log, index, p - count, count));
    }
    csv_start(out, entry, index);
    prn_sink_add(out, "total");
    csv_end(out, entry, prn_log_sum_params(log, index, 0, log->param_count));
}

static void nothing(prn_sink *out)
{
    (void)out;
}

/* ---- JSON ---- */

static void json_header(prn_sink *out)
{
    prn_sink_add(out, "[");
}

static void json_word(prn_sink *out, const char *key, const char *word)
{
    prn_sink_add(out, key);
    if (word[0] != '\0')
        quoted(out, word, '\\');
    else
        prn_sink_add(out, "null");
}

static void json_sum(prn_sink *out, prn_log_sum sum)
{
    prn_sink_add(out, ", \"removed\": ");
    prn_sink_count(out, sum.removed);
    prn_sink_add(out, ", \"returned\": ");
    prn_sink_count(out, sum.returned);
    prn_sink_add(out, ", \"kept\": ");
    prn_sink_count(out, sum.kept);
}

static void json_note(prn_sink *out, const prn_log_entry *entry)
{
    prn_sink_add(out, ", \"step\": ");
    prn_sink_count(out, entry->note.step);
    json_word(out, ", \"criterion\": ", criterion_of(entry));
    json_word(out, ", \"granularity\": ", granularities[entry->note.granularity]);
    json_word(out, ", \"ask\": ", asks[entry->note.ask]);
    prn_sink_add(out, ", \"asked\": ");
    if (entry->note.ask != PRUNE_ASKED_NOTHING)
        prn_sink_number(out, entry->note.asked);
    else
        prn_sink_add(out, "null");
    json_word(out, ", \"text\": ", entry->text);
}

static void json_entry(prn_sink *out, const prune_log *log, size_t index)
{
    const char *comma = "";
    prn_sink_add(out, index > 0 ? ",\n{\"entry\": " : "\n{\"entry\": ");
    prn_sink_count(out, index);
    json_note(out, log->entries[index]);
    json_sum(out, prn_log_sum_params(log, index, 0, log->param_count));
    prn_sink_add(out, ", \"layers\": [");
    for (size_t l = 0, p = 0; l < log->layer_count; l++) {
        const size_t count = prn_log_layer_params(log, l, &p);
        if (count == 0)
            continue;
        prn_sink_add(out, comma);
        prn_sink_add(out, "{\"layer\": ");
        prn_sink_count(out, l);
        json_sum(out, prn_log_sum_params(log, index, p - count, count));
        prn_sink_add(out, "}");
        comma = ", ";
    }
    prn_sink_add(out, "]}");
}

static void json_end(prn_sink *out)
{
    prn_sink_add(out, "]\n");
}

/* ---- for people ---- */

static void text_header(prn_sink *out)
{
    static const char *const titles[] = { "step", "removed", "returned", "kept" };
    prn_sink_cell(out, "entry", SHORT / 2, 1);
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++)
        prn_sink_cell(out, titles[i], SHORT, 1);
    prn_sink_add(out, "  ");
    prn_sink_cell(out, "criterion", LONG, 0);
    prn_sink_cell(out, "of", SHORT, 0);
    prn_sink_cell(out, "asked", LONG + SHORT, 0);
    prn_sink_add(out, "note\n");
}

static void text_count(prn_sink *out, uint64_t value, size_t width)
{
    uint64_t rest = value;
    size_t digits = 1;
    while (rest >= 10) {
        rest /= 10;
        digits++;
    }
    prn_sink_cell(out, "", digits < width ? width - digits : 1, 0);
    prn_sink_count(out, value);
}

static void text_word(prn_sink *out, const char *word, size_t width)
{
    prn_sink_cell(out, word[0] != '\0' ? word : "-", width, 0);
}

static void text_asked(prn_sink *out, const prn_log_entry *entry)
{
    char bytes[2 * LONG];
    prn_text cell;
    prn_text_start(&cell, bytes, sizeof bytes);
    prn_text_add(&cell, asks[entry->note.ask]);
    if (entry->note.ask != PRUNE_ASKED_NOTHING) {
        prn_text_add(&cell, " ");
        prn_decimal_add(&cell, entry->note.asked);
    }
    text_word(out, bytes, LONG + SHORT);
}

static void text_entry(prn_sink *out, const prune_log *log, size_t index)
{
    const prn_log_entry *entry = log->entries[index];
    const prn_log_sum sum = prn_log_sum_params(log, index, 0, log->param_count);
    text_count(out, index, SHORT / 2);
    text_count(out, entry->note.step, SHORT);
    text_count(out, sum.removed, SHORT);
    text_count(out, sum.returned, SHORT);
    text_count(out, sum.kept, SHORT);
    prn_sink_add(out, "  ");
    text_word(out, criterion_of(entry), LONG);
    text_word(out, granularities[entry->note.granularity], SHORT);
    text_asked(out, entry);
    text_word(out, entry->text, 0);
    prn_sink_add(out, "\n");
}

/* ---- any of them ---- */

typedef struct format {
    void (*header)(prn_sink *out);
    void (*entry)(prn_sink *out, const prune_log *log, size_t index);
    void (*end)(prn_sink *out);
} format;

static const format formats[] = {
    { text_header, text_entry, nothing },
    { csv_header, csv_entry, nothing },
    { json_header, json_entry, json_end },
};

prune_status prune_log_list(const prune_log *log, const prune_writer *writer, int32_t kind)
{
    prn_sink out;
    if (log == NULL || writer == NULL || writer->write == NULL || kind < PRUNE_REPORT_TEXT ||
        kind > PRUNE_REPORT_JSON)
        return PRUNE_E_ARGUMENT;
    const format *f = &formats[kind - PRUNE_REPORT_TEXT];
    prn_sink_start(&out, writer);
    f->header(&out);
    for (size_t e = 0; e < log->entry_count && out.status == PRUNE_OK; e++)
        f->entry(&out, log, e);
    f->end(&out);
    return prn_sink_end(&out);
}
