/* log_section.c -- a pruning log in a file: section PLOG
 *
 * Every count is held against the bytes that are left before memory is taken for it.
 *
 * SPDX-License-Identifier: MIT */
#include "checkpoint.h"
#include "log.h"
#include "trainer.h"
#include "text.h"

#include <string.h>

enum { PARAM_BYTES = 12, ENTRY_BYTES = 40 };

static prune_status log_error(prune_error *error, prune_status status, const char *reason)
{
    return prn_sections_error(error, status, PRN_PLOG, reason);
}

static prune_status argument_error(prune_error *error, const char *reason)
{
    return prn_error_set(error, PRUNE_E_ARGUMENT, "arguments", reason);
}

/* ---- writing ---- */

static void put_note(prn_sink *sink, const prune_log_note *note)
{
    const size_t length = strlen(note->text);
    uint64_t bits;
    memcpy(&bits, &note->asked, sizeof bits);
    prn_put_u64(sink, note->step);
    prn_put_u32(sink, (uint32_t)note->criterion);
    prn_put_u32(sink, (uint32_t)note->granularity);
    prn_put_u32(sink, (uint32_t)note->ask);
    prn_put_u64(sink, bits);
    prn_put_u32(sink, (uint32_t)length);
    for (size_t i = 0; i < length; i++)
        prn_put_byte(sink, (uint32_t)note->text[i]);
}

static void put_log(prn_sink *sink, const void *what)
{
    const prune_log *log = what;
    prn_put_u32(sink, log->signature);
    prn_put_u32(sink, (uint32_t)log->layer_count);
    prn_put_u32(sink, (uint32_t)log->param_count);
    for (size_t l = 0, p = 0; l < log->layer_count; l++) {
        const size_t count = prn_log_layer_params(log, l, &p);
        prn_put_byte(sink, (uint32_t)count);
        for (size_t i = p - count; i < p; i++) {
            prn_put_u32(sink, (uint32_t)log->params[i].statistic);
            prn_put_u64(sink, log->params[i].count);
        }
    }
    for (size_t p = 0; p < log->param_count; p++)
        prn_mask_put(sink, log->start + log->params[p].word, log->params[p].count);
    prn_put_u64(sink, log->entry_count);
    for (size_t e = 0; e < log->entry_count; e++) {
        put_note(sink, &log->entries[e]->note);
        prn_put_u64(sink, log->entries[e]->length);
        for (size_t i = 0; i < log->entries[e]->length; i++)
            prn_put_byte(sink, log->entries[e]->flips[i]);
    }
}

prune_status prune_log_write(const prune_log *log, const prune_model *model, const prune_trainer *trainer,
                             const prune_writer *writer, prune_error *error)
{
    size_t count = 0;
    prn_payload payloads[PRN_SECTIONS];
    if (log == NULL || model == NULL || writer == NULL || writer->write == NULL)
        return argument_error(error, "a pointer is NULL");
    if (trainer != NULL && trainer->model != model)
        return argument_error(error, "the trainer is not of this model");
    const prune_status status = trainer == NULL ? prune_model_verify(model, error)
                                                : prn_checkpoint_put(payloads, &count, trainer, error);
    if (status != PRUNE_OK)
        return status;
    if (trainer == NULL)
        count = prn_sections_put(payloads, model);
    payloads[count++] = (prn_payload){ prn_sections_known[PRN_PLOG], put_log, log };
    return prn_container_write(writer, payloads, count, error);
}

/* ---- reading ---- */

/* *left: bytes that have not been claimed yet for masks. */
static prune_status read_param(prn_log_param *param, uint64_t *left, prn_source *source, prune_error *error)
{
    param->statistic = prn_get_choice(source);
    const uint64_t count = prn_get_u64(source), bytes = (count >> 3) + ((count & 7) != 0);
    if (param->statistic < 0 || param->statistic > 1 || count == 0 || bytes > *left)
        return log_error(error, PRUNE_E_FORMAT, "a parameter that cannot be, or masks that are not there");
    if (count > SIZE_MAX)
        return log_error(error, PRUNE_E_OVERFLOW, "too large for this machine");
    param->count = (size_t)count;
    *left -= bytes;
    return PRUNE_OK;
}

static prune_status read_params(prune_log *log, prn_source *source, prune_error *error)
{
    uint64_t left = prn_source_left(source);
    size_t p = 0;
    for (size_t l = 0; l < log->layer_count; l++) {
        const size_t count = prn_get_byte(source);
        if (count > PRN_LAYER_PARAMS || count > log->param_count - p)
            return log_error(error, PRUNE_E_FORMAT, "a layer with too many parameters");
        for (const size_t end = p + count; p < end; p++) {
            log->params[p].layer = l;
            const prune_status status = read_param(&log->params[p], &left, source, error);
            if (status != PRUNE_OK)
                return status;
        }
    }
    return p == log->param_count ? PRUNE_OK
                                 : log_error(error, PRUNE_E_FORMAT, "layers with too few parameters");
}

static prune_status read_start(prune_log **out, const prune_allocator *mem, prn_source *source,
                               prune_error *error)
{
    const uint32_t signature = prn_get_u32(source), layers = prn_get_u32(source);
    const uint32_t params = prn_get_u32(source);
    if (source->status != PRUNE_OK)
        return prn_source_close(source, error);
    if (layers == 0 || prn_source_left(source) < layers || prn_source_left(source) / PARAM_BYTES < params)
        return log_error(error, PRUNE_E_FORMAT, "no layers, or shorter than so many layers and parameters");
    const prune_status status = prn_log_open(out, mem, layers, params);
    if (status != PRUNE_OK)
        return log_error(error, status, prune_status_string(status));
    (*out)->signature = signature;
    return read_params(*out, source, error);
}

static prune_status read_masks(prune_log *log, prn_source *source, prune_error *error)
{
    prune_status status = prn_log_lay_out(log);
    if (status != PRUNE_OK)
        return log_error(error, status, prune_status_string(status));
    for (size_t p = 0; status == PRUNE_OK && p < log->param_count; p++)
        if (!prn_mask_get(log->start + log->params[p].word, log->params[p].count, source))
            status = PRUNE_E_FORMAT;
    if (source->status != PRUNE_OK)
        return prn_source_close(source, error);
    if (status == PRUNE_OK)
        status = prn_log_begin(log);
    return status == PRUNE_OK ? PRUNE_OK
                              : log_error(error, status, "a padding bit is set, or a statistic is removed");
}

/* The text has room for PRUNE_LOG_TEXT characters. Returns 0 if the note cannot be. */
static int32_t get_note(prune_log_note *note, char *text, prn_source *source)
{
    note->step = prn_get_u64(source);
    note->criterion = prn_get_choice(source);
    note->granularity = prn_get_choice(source);
    note->ask = prn_get_choice(source);
    const uint64_t bits = prn_get_u64(source);
    memcpy(&note->asked, &bits, sizeof bits);
    const uint32_t length = prn_get_u32(source);
    if (length >= PRUNE_LOG_TEXT)
        return 0;
    for (size_t i = 0; i < length; i++)
        text[i] = (char)prn_get_byte(source);
    text[length] = '\0';
    note->text = text;
    return strlen(text) == length && prn_log_note_check(note) == PRUNE_OK;
}

static prune_status read_entry(prune_log *log, prn_source *source, prune_error *error)
{
    prune_log_note note;
    char text[PRUNE_LOG_TEXT];
    prune_log_note_init(&note);
    const int32_t good = get_note(&note, text, source);
    const uint64_t length = prn_get_u64(source);
    if (source->status != PRUNE_OK)
        return prn_source_close(source, error);
    if (!good || length > prn_source_left(source))
        return log_error(error, PRUNE_E_FORMAT, "a note that cannot be, or an entry that is not all there");
    if (length < log->param_count)
        return log_error(error, PRUNE_E_FORMAT, "an entry that does not have all parameters");
    prn_log_entry *entry = length > SIZE_MAX ? NULL : prn_log_entry_make(log, &note, (size_t)length);
    if (entry == NULL)
        return log_error(error, PRUNE_E_MEMORY, prune_status_string(PRUNE_E_MEMORY));
    for (size_t i = 0; i < entry->length; i++)
        entry->flips[i] = (unsigned char)prn_get_byte(source);
    const prune_status status = prn_log_append(log, entry);
    if (source->status != PRUNE_OK)
        return prn_source_close(source, error);
    return status == PRUNE_OK
               ? PRUNE_OK
               : log_error(error, status,
                           status == PRUNE_E_FORMAT ? "an entry changes nothing, or what is not there"
                                                    : prune_status_string(status));
}

static prune_status read_entries(prune_log *log, prn_source *source, prune_error *error)
{
    const uint64_t count = prn_get_u64(source);
    if (source->status != PRUNE_OK)
        return prn_source_close(source, error);
    if (prn_source_left(source) / ENTRY_BYTES < count)
        return log_error(error, PRUNE_E_FORMAT, "shorter than so many entries");
    for (uint64_t e = 0; e < count; e++) {
        const prune_status status = read_entry(log, source, error);
        if (status != PRUNE_OK)
            return status;
    }
    if (prn_source_left(source) != 0)
        return log_error(error, PRUNE_E_FORMAT, "longer than its entries");
    return prn_source_close(source, error);
}

prune_status prune_log_read(prune_log **out, const prune_allocator *mem, const prune_reader *reader,
                            prune_error *error)
{
    prn_file_sections file;
    prn_source source;
    prune_allocator own;
    prune_log *log = NULL;
    if (out == NULL)
        return argument_error(error, "a pointer is NULL");
    *out = NULL;
    if (prn_mem_choose(&own, mem) != PRUNE_OK)
        return argument_error(error, "there is no allocator");
    prune_status status = prn_sections_check(&file, reader, error);
    if (status == PRUNE_OK && file.sections[PRN_PLOG].offset == 0)
        status = log_error(error, PRUNE_E_STATE, "is not in the file");
    if (status != PRUNE_OK)
        return status;
    prn_source_open(&source, reader, &file.sections[PRN_PLOG]);
    status = read_start(&log, &own, &source, error);
    if (status == PRUNE_OK && log != NULL)
        status = read_masks(log, &source, error);
    if (status == PRUNE_OK && log != NULL)
        status = read_entries(log, &source, error);
    if (status == PRUNE_OK)
        *out = log;
    else
        prune_log_free(log);
    return status;
}
