/* replay.c -- a log carried out on a clone
 *
 * The masks before an entry are those at the beginning with the changes up to it; they are compared before
 * anything is changed, and then nothing can fail.
 *
 * SPDX-License-Identifier: MIT */
#include "log.h"
#include "text.h"

#include <string.h>

/* state[words] = the masks before entry `index`. */
static void masks_before(uint32_t *state, const prune_log *log, size_t index)
{
    prn_log_walk w;
    size_t range[2];
    memcpy(state, log->start, log->words * sizeof *state);
    for (size_t e = 0; e < index; e++)
        for (prn_log_walk_start(&w, log, log->entries[e]); prn_log_walk_next(range, &w);)
            for (size_t i = range[0]; i < range[1]; i++)
                state[log->params[w.param].word + i / 32] ^= (uint32_t)1 << i % 32;
}

static prune_status other_mask(prune_error *error, const char *name, const size_t layer_element[2],
                               size_t entry)
{
    char place[sizeof error->place];
    prn_text text;
    const ptrdiff_t numbers[] = { (ptrdiff_t)entry };
    prn_text_start(&text, place, sizeof place);
    prn_text_add(&text, "layer ");
    prn_text_number(&text, layer_element[0]);
    prn_text_add(&text, " ");
    prn_text_add(&text, name);
    prn_text_add(&text, "[");
    prn_text_number(&text, layer_element[1]);
    prn_text_add(&text, "]");
    return prn_error_format(error, PRUNE_E_STATE, place,
                            "the log has it removed before entry %, or the model has, but not both", numbers);
}

static prune_status compare(const uint32_t *state, const prune_log *log, const prune_model *model,
                            size_t entry, prune_error *error)
{
    prn_walk w = { .model = model };
    for (size_t p = 0; p < log->param_count; p++) {
        const prn_param *param = prn_walk_next(&w);
        const uint32_t *wanted = state + log->params[p].word;
        for (size_t i = 0; i < param->count; i++)
            if (prn_mask_test(param->mask, i) != prn_mask_test(wanted, i))
                return other_mask(error, param->name, (const size_t[2]){ log->params[p].layer, i }, entry);
    }
    return PRUNE_OK;
}

static prune_status check_masks(const prune_log *log, const prune_model *model, size_t entry,
                                prune_error *error)
{
    if (log->words == 0) /* nor are there parameters */
        return PRUNE_OK;
    uint32_t *state = prn_mem_alloc(&model->mem, log->words, sizeof *state);
    if (state == NULL)
        return prn_error_set(error, PRUNE_E_MEMORY, "model", prune_status_string(PRUNE_E_MEMORY));
    masks_before(state, log, entry);
    const prune_status status = compare(state, log, model, entry, error);
    prn_mem_free(&model->mem, state, log->words, sizeof *state);
    return status;
}

static void carry_out(prune_model *model, const prune_log *log, const prn_log_entry *entry)
{
    prn_log_walk w;
    size_t range[2];
    for (prn_log_walk_start(&w, log, entry); prn_log_walk_next(range, &w);) {
        prn_param *param = prn_model_param(model, w.param);
        for (size_t i = range[0]; i < range[1]; i++)
            if (prn_mask_test(param->mask, i))
                prn_param_remove(param, i);
            else
                prn_param_return(param, i);
    }
}

prune_status prune_log_replay(prune_model *model, const prune_log *log, size_t first, size_t end,
                              prune_error *error)
{
    if (model == NULL || log == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "arguments", "a pointer is NULL");
    if (first > end || end > log->entry_count)
        return prn_error_set(error, PRUNE_E_RANGE, "arguments", "there are no such entries");
    prune_status status = prn_log_fits(log, model, error);
    if (status == PRUNE_OK)
        status = check_masks(log, model, first, error);
    for (size_t e = first; status == PRUNE_OK && e < end; e++)
        carry_out(model, log, log->entries[e]);
    return status;
}
