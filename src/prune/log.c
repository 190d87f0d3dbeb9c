/* log.c -- a pruning log: masks as they were, and what has changed since, entry by entry
 *
 * SPDX-License-Identifier: MIT */
#include "log.h"
#include "criterion.h"
#include "options.h"
#include "text.h"

#include <string.h>

void prune_log_note_init(prune_log_note *note)
{
    if (note != NULL)
        *note = (prune_log_note){ .size = sizeof *note };
}

void prune_log_entry_init(prune_log_entry *entry)
{
    if (entry != NULL)
        *entry = (prune_log_entry){ .size = sizeof *entry };
}

/* ---- making and ending ---- */

prune_status prn_log_open(prune_log **out, const prune_allocator *mem, size_t layers, size_t params)
{
    prune_log *log = prn_mem_alloc(mem, 1, sizeof *log);
    if (log == NULL)
        return PRUNE_E_MEMORY;
    log->mem = *mem;
    log->layer_count = layers;
    log->params = params == 0 ? NULL : prn_mem_alloc(mem, params, sizeof *log->params);
    if (params != 0 && log->params == NULL) {
        prune_log_free(log);
        return PRUNE_E_MEMORY;
    }
    log->param_count = params;
    *out = log;
    return PRUNE_OK;
}

prune_status prn_log_lay_out(prune_log *log)
{
    size_t words = 0;
    for (size_t p = 0; p < log->param_count; p++) {
        log->params[p].word = words;
        const size_t more = prn_mask_words(log->params[p].count);
        if (more > SIZE_MAX / 2 / sizeof *log->now - words)
            return PRUNE_E_OVERFLOW;
        words += more;
    }
    log->start = words == 0 ? NULL : prn_mem_alloc(&log->mem, 2 * words, sizeof *log->start);
    if (words != 0 && log->start == NULL)
        return PRUNE_E_MEMORY;
    log->words = words;
    log->now = words == 0 ? NULL : log->start + words;
    if (words != 0)
        memset(log->start, 0xff, 2 * words * sizeof *log->start);
    return PRUNE_OK;
}

prune_status prn_log_begin(prune_log *log)
{
    for (size_t p = 0; p < log->param_count; p++) {
        prn_log_param *param = &log->params[p];
        const prn_param masked = { .mask = log->start + param->word, .count = param->count };
        param->kept = param->count - prn_param_count_removed(&masked);
        if (param->statistic && param->kept != param->count)
            return PRUNE_E_FORMAT;
    }
    if (log->start != NULL)
        memcpy(log->now, log->start, log->words * sizeof *log->now);
    return PRUNE_OK;
}

static void describe(prune_log *log, const prune_model *model)
{
    prn_log_param *mine = log->params;
    log->signature = prn_model_signature(model);
    for (size_t l = 0; l < model->layer_count; l++)
        for (size_t p = 0; mine != NULL && p < model->layers[l]->param_count; p++, mine++) {
            mine->layer = l;
            mine->count = model->layers[l]->params[p].count;
            mine->statistic = model->layers[l]->params[p].statistic != 0;
        }
}

prune_status prune_log_create(prune_log **out, const prune_allocator *mem, const prune_model *model)
{
    if (out == NULL)
        return PRUNE_E_ARGUMENT;
    *out = NULL;
    prune_allocator own;
    prune_log *log = NULL;
    prune_status status = prn_model_check(model);
    if (status == PRUNE_OK)
        status = prn_mem_choose(&own, mem);
    if (status == PRUNE_OK)
        status = prn_log_open(&log, &own, model->layer_count, prune_model_param_count(model));
    if (status != PRUNE_OK)
        return status;
    describe(log, model);
    status = prn_log_lay_out(log);
    prn_walk w = { .model = model };
    for (size_t p = 0; status == PRUNE_OK && log->start != NULL && p < log->param_count; p++)
        memcpy(log->start + log->params[p].word, prn_walk_next(&w)->mask,
               prn_mask_words(log->params[p].count) * sizeof *log->start);
    if (status == PRUNE_OK)
        status = prn_log_begin(log);
    if (status == PRUNE_OK)
        *out = log;
    else
        prune_log_free(log);
    return status;
}

void prune_log_free(prune_log *log)
{
    if (log == NULL)
        return;
    const prune_allocator mem = log->mem;
    for (size_t e = log->entry_count; e-- > 0;)
        prn_mem_free(&mem, log->entries[e], 1, log->entries[e]->bytes);
    prn_mem_free(&mem, log->entries, 1, prn_mem_pushed_bytes(log->entry_count));
    prn_mem_free(&mem, log->start, 2 * log->words, sizeof *log->start);
    prn_mem_free(&mem, log->params, log->param_count, sizeof *log->params);
    prn_mem_free(&mem, log, 1, sizeof *log);
}

/* ---- entries ---- */

/* Characters of a text, at most PRUNE_LOG_TEXT; so many also if one is not printable. */
static size_t text_length(const char *text)
{
    size_t length = 0;
    while (length < PRUNE_LOG_TEXT && text[length] >= ' ' && text[length] <= '~')
        length++;
    return length < PRUNE_LOG_TEXT && text[length] != '\0' ? PRUNE_LOG_TEXT : length;
}

prune_status prn_log_note_check(const prune_log_note *n)
{
    if ((n->criterion != 0 && prn_criterion_find(n->criterion) == NULL) || n->granularity < 0 ||
        n->granularity > PRUNE_BLOCKS || n->ask < PRUNE_ASKED_NOTHING || n->ask > PRUNE_ASKED_THRESHOLD ||
        (n->text != NULL && text_length(n->text) == PRUNE_LOG_TEXT))
        return PRUNE_E_ARGUMENT;
    return n->asked - n->asked <= 0.0 ? PRUNE_OK : PRUNE_E_RANGE;
}

prn_log_entry *prn_log_entry_make(const prune_log *log, const prune_log_note *note, size_t length)
{
    prn_layout layout = { 0 };
    prn_layout_add(&layout, 1, sizeof(prn_log_entry));
    const size_t changes = prn_layout_add(&layout, log->param_count, sizeof(prn_log_change));
    const size_t flips = prn_layout_add(&layout, length, 1);
    unsigned char *block = layout.overflow ? NULL : prn_mem_alloc(&log->mem, 1, layout.bytes);
    if (block == NULL)
        return NULL;
    prn_log_entry *entry = (prn_log_entry *)(void *)block;
    entry->bytes = layout.bytes;
    entry->note = *note;
    if (note->text != NULL)
        memcpy(entry->text, note->text, text_length(note->text));
    entry->note.text = entry->text;
    entry->changes = (prn_log_change *)(void *)(block + changes);
    entry->flips = block + flips;
    entry->length = length;
    return entry;
}

void prn_log_walk_start(prn_log_walk *w, const prune_log *log, const prn_log_entry *entry)
{
    *w = (prn_log_walk){ .log = log };
    prn_flips_open(&w->flips, entry->flips, entry->length);
}

int32_t prn_log_walk_next(size_t first_end[2], prn_log_walk *w)
{
    while (!prn_flips_next(first_end, &w->flips)) {
        if (w->flips.bad || w->turned == w->log->param_count)
            return 0;
        w->param = w->turned++;
        prn_flips_param(&w->flips, w->log->params[w->param].count);
    }
    return 1;
}

static prune_status check_flips(const prune_log *log, const prn_log_entry *entry)
{
    prn_log_walk w;
    size_t range[2], changed = 0;
    prn_log_walk_start(&w, log, entry);
    while (prn_log_walk_next(range, &w)) {
        if (log->params[w.param].statistic)
            return PRUNE_E_FORMAT;
        changed |= range[1] - range[0];
    }
    return changed == 0 || w.flips.bad || w.flips.at != w.flips.end ? PRUNE_E_FORMAT : PRUNE_OK;
}

static uint64_t kept_before(const prune_log *log, size_t entry, size_t param)
{
    return entry == 0 ? log->params[param].kept : log->entries[entry - 1]->changes[param].kept;
}

/* Of flips that have been checked, and an entry that is the last of the log. */
static void change_masks(prune_log *log, prn_log_entry *entry)
{
    for (size_t p = 0; p < log->param_count; p++)
        entry->changes[p].kept = kept_before(log, log->entry_count - 1, p);
    prn_log_walk w;
    size_t range[2];
    prn_log_walk_start(&w, log, entry);
    while (prn_log_walk_next(range, &w)) {
        prn_log_change *change = &entry->changes[w.param];
        uint32_t *mask = log->now + log->params[w.param].word;
        for (size_t i = range[0]; i < range[1]; i++) {
            if (prn_mask_test(mask, i)) {
                change->removed++;
                change->kept--;
            } else {
                change->kept++;
            }
            mask[i / 32] ^= (uint32_t)1 << i % 32;
        }
    }
}

prune_status prn_log_append(prune_log *log, prn_log_entry *entry)
{
    void **entries = (void **)log->entries;
    prune_status status = check_flips(log, entry);
    if (status == PRUNE_OK)
        status = prn_mem_push(&log->mem, &entries, &log->entry_count, entry);
    log->entries = (prn_log_entry **)entries;
    if (status == PRUNE_OK)
        change_masks(log, entry);
    else
        prn_mem_free(&log->mem, entry, 1, entry->bytes);
    return status;
}

/* ---- recording ---- */

static prune_status misfit(prune_error *error, size_t layer)
{
    const ptrdiff_t numbers[] = { (ptrdiff_t)layer };
    return prn_error_format(
        error, PRUNE_E_SHAPE, "layer %",
        "is not what it was when the log began; a compacted model begins a log of its own", numbers);
}

/* The parameters first: of a file, the signature may say anything. */
prune_status prn_log_fits(const prune_log *log, const prune_model *model, prune_error *error)
{
    const prn_log_param *mine = log->params, *end = mine + log->param_count;
    for (size_t l = 0; l < model->layer_count; l++) {
        const prn_layer *layer = model->layers[l];
        for (size_t p = 0; p < layer->param_count; p++, mine++)
            if (mine == end || mine->layer != l || mine->count != layer->params[p].count ||
                mine->statistic != (layer->params[p].statistic != 0))
                return misfit(error, l);
        if (mine != end && mine->layer == l)
            return misfit(error, l);
    }
    if (mine == end && model->layer_count == log->layer_count && prn_model_signature(model) == log->signature)
        return PRUNE_OK;
    return prn_error_set(error, PRUNE_E_SHAPE, "model",
                         "its inputs, activations or layers are not those that the log began with");
}

/* Bytes of all that has changed, *same if nothing has; put into flips unless that is NULL. */
static size_t put_flips(unsigned char *flips, int32_t *same, const prune_log *log, const prune_model *model)
{
    size_t length = 0;
    prn_walk w = { .model = model };
    *same = 1;
    for (size_t p = 0; p < log->param_count; p++) {
        unsigned char *bytes = flips == NULL ? NULL : flips + length;
        const size_t one = prn_flips_put(bytes, log->now + log->params[p].word, prn_walk_next(&w)->mask,
                                         log->params[p].count);
        *same &= one == 1;
        length += one;
    }
    return length;
}

static prune_status open_record(prune_log_note *mine, const prune_log *log, const prune_model *model,
                                const prune_log_note *note, prune_error *error)
{
    if (log == NULL || model == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "arguments", "a pointer is NULL");
    prune_log_note_init(mine);
    prune_status status = prn_options_read(mine, sizeof *mine, note);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "note", prn_options_reason(status));
    status = prn_log_note_check(mine);
    if (status == PRUNE_E_RANGE)
        return prn_error_set(error, status, "note", "asked is not finite");
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "note",
                             "an unknown constant, or a text that is too long or not printable ASCII");
    return prn_log_fits(log, model, error);
}

prune_status prune_log_record(prune_log *log, const prune_model *model, const prune_log_note *note,
                              prune_error *error)
{
    prune_log_note mine;
    int32_t same;
    prune_status status = open_record(&mine, log, model, note, error);
    if (status != PRUNE_OK)
        return status;
    const size_t length = put_flips(NULL, &same, log, model);
    if (same)
        return PRUNE_OK;
    prn_log_entry *entry = prn_log_entry_make(log, &mine, length);
    if (entry == NULL)
        return prn_error_set(error, PRUNE_E_MEMORY, "log", prune_status_string(PRUNE_E_MEMORY));
    put_flips(entry->flips, &same, log, model);
    status = prn_log_append(log, entry);
    return status == PRUNE_OK ? PRUNE_OK : prn_error_set(error, status, "log", prune_status_string(status));
}

/* ---- looking ---- */

size_t prune_log_count(const prune_log *log)
{
    return log == NULL ? 0 : log->entry_count;
}

size_t prune_log_layers(const prune_log *log)
{
    return log == NULL ? 0 : log->layer_count;
}

size_t prn_log_layer_params(const prune_log *log, size_t layer, size_t *param)
{
    size_t count = 0;
    for (; *param < log->param_count && log->params[*param].layer == layer; ++*param)
        count++;
    return count;
}

prn_log_sum prn_log_sum_params(const prune_log *log, size_t entry, size_t first, size_t count)
{
    prn_log_sum sum = { 0 };
    for (size_t p = first; p < first + count; p++) {
        if (log->params[p].statistic)
            continue;
        const prn_log_change *change = &log->entries[entry]->changes[p];
        sum.removed += change->removed;
        sum.returned += change->kept + change->removed - kept_before(log, entry, p);
        sum.kept += change->kept;
    }
    return sum;
}

static void get_layers(prune_log_entry *mine, const prune_log *log, size_t index)
{
    size_t p = 0;
    for (size_t l = 0; l < log->layer_count; l++) {
        const size_t count = prn_log_layer_params(log, l, &p);
        const prn_log_sum sum = prn_log_sum_params(log, index, p - count, count);
        if (mine->removed_by_layer != NULL)
            mine->removed_by_layer[l] = sum.removed;
        if (mine->returned_by_layer != NULL)
            mine->returned_by_layer[l] = sum.returned;
        if (mine->kept_by_layer != NULL)
            mine->kept_by_layer[l] = sum.kept;
    }
}

static void get_entry(prune_log_entry *mine, const prune_log *log, size_t index)
{
    const prn_log_entry *from = log->entries[index];
    const prn_log_sum all = prn_log_sum_params(log, index, 0, log->param_count);
    mine->step = from->note.step;
    mine->criterion = from->note.criterion;
    mine->granularity = from->note.granularity;
    mine->ask = from->note.ask;
    mine->asked = from->note.asked;
    memcpy(mine->text, from->text, sizeof mine->text);
    mine->removed = all.removed;
    mine->returned = all.returned;
    mine->kept = all.kept;
    get_layers(mine, log, index);
}

prune_status prune_log_get(prune_log_entry *entry, const prune_log *log, size_t index)
{
    prune_log_entry mine;
    if (entry == NULL || log == NULL)
        return PRUNE_E_ARGUMENT;
    prune_log_entry_init(&mine);
    const prune_status status = prn_options_read(&mine, sizeof mine, entry);
    if (status != PRUNE_OK)
        return status;
    if (index >= log->entry_count)
        return PRUNE_E_RANGE;
    const int32_t by_layer =
        mine.removed_by_layer != NULL || mine.returned_by_layer != NULL || mine.kept_by_layer != NULL;
    if (by_layer && mine.by_layer_capacity < log->layer_count)
        return PRUNE_E_SHAPE;
    get_entry(&mine, log, index);
    prn_result_write(entry, &mine);
    return PRUNE_OK;
}
