/* compact.c -- the same function with fewer neurons
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/compact.h"
#include "narrow.h"
#include "options.h"
#include "text.h"

void prune_compact_options_init(prune_compact_options *options)
{
    if (options != NULL)
        *options = (prune_compact_options){
            .size = sizeof *options, .merge = 1, .min_neurons = 1, .multiple = 1, .rounding = PRUNE_ROUND_UP
        };
}

void prune_compact_report_init(prune_compact_report *report)
{
    if (report != NULL)
        *report = (prune_compact_report){ .size = sizeof *report };
}

/* ---- arguments ---- */

static prune_status read_options(prune_compact_options *mine, const prune_compact_options *given,
                                 prune_error *error)
{
    prune_compact_options_init(mine);
    const prune_status status = prn_options_read(mine, sizeof *mine, given);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "options", prn_options_reason(status));
    if (mine->multiple == 0 || mine->min_neurons == 0)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "options", "multiple and min_neurons are at least 1");
    if (!prn_options_switches((const int32_t[]){ mine->merge, mine->drop_inputs }, 2))
        return prn_error_set(error, PRUNE_E_ARGUMENT, "options", "a switch is neither 0 nor 1");
    if (mine->rounding != PRUNE_ROUND_UP && mine->rounding != PRUNE_ROUND_DOWN)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "options.rounding", "not one of PRUNE_ROUND_");
    return PRUNE_OK;
}

static prune_status read_report(prune_compact_report *mine, const prune_compact_report *given,
                                int32_t drop_inputs, prune_error *error)
{
    prune_compact_report_init(mine);
    const prune_status status = prn_options_read(mine, sizeof *mine, given);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "report", prn_options_reason(status));
    if (drop_inputs && mine->kept == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "report.kept",
                             "NULL: nobody would know which inputs the new model takes");
    *mine = (prune_compact_report){ .size = sizeof *mine,
                                    .kept = mine->kept,
                                    .kept_capacity = mine->kept_capacity };
    return PRUNE_OK;
}

/* ---- building ---- */

static size_t staying(const prn_space *space)
{
    return prn_chain_count(space, PRN_KEPT) + prn_chain_count(space, PRN_PADDING);
}

/* The next unit at or after u that stays, or width. */
static size_t next_staying(const prn_space *space, size_t u)
{
    while (u < space->width && !prn_narrow_stays(space->fate[u]))
        u++;
    return u;
}

static void copy_element(prn_param *to, size_t i, const prn_param *from, size_t j)
{
    to->value[i] = from->value[j];
    if (!prn_mask_test(from->mask, j))
        prn_param_remove(to, i);
}

static void copy_units(prn_param *to, const prn_param *from, const prn_space *space)
{
    size_t i = 0;
    for (size_t u = next_staying(space, 0); u < space->width; u = next_staying(space, u + 1))
        copy_element(to, i++, from, u);
}

/* Rows are those of `made`, columns those of `read`. */
static void copy_matrix(prn_param *to, const prn_param *from, const prn_space *made, const prn_space *read)
{
    size_t i = 0;
    for (size_t o = next_staying(made, 0); o < made->width; o = next_staying(made, o + 1))
        for (size_t u = next_staying(read, 0); u < read->width; u = next_staying(read, u + 1))
            copy_element(to, i++, from, o * read->width + u);
}

/* Appends what is left of layer l of the chain, which works on space s. */
static prune_status add_layer(prune_model *model, const prn_chain *c, size_t l, size_t s)
{
    const prn_layer *from = c->model->layers[l];
    const int32_t makes = l == c->spaces[s].reader;
    const prn_space *space = &c->spaces[s + (makes != 0)];
    prn_layer_spec spec = from->spec;
    if (makes)
        spec.outputs = staying(space);
    const prune_status status = prn_model_add(model, &spec);
    if (status != PRUNE_OK)
        return status;
    prn_layer *to = model->layers[model->layer_count - 1];
    for (size_t p = 0; p < from->param_count; p++)
        if (makes && p == PRN_DENSE_WEIGHT)
            copy_matrix(&to->params[p], &from->params[p], space, &c->spaces[s]);
        else
            copy_units(&to->params[p], &from->params[p], space);
    return PRUNE_OK;
}

static prune_status build(prune_model **out, const prune_allocator *mem, const prn_chain *c)
{
    prune_model *model = NULL;
    prune_status status = prune_model_create(&model, mem, staying(&c->spaces[0]));
    for (size_t l = 0, s = 0; status == PRUNE_OK && l < c->model->layer_count; l++) {
        status = add_layer(model, c, l, s);
        s += l == c->spaces[s].reader;
    }
    if (status != PRUNE_OK) {
        prune_model_free(model);
        return status;
    }
    *out = model;
    return PRUNE_OK;
}

/* ---- the report ---- */

/* Before there is padding. */
static void count_gone(prune_compact_report *r, const prn_chain *c)
{
    for (size_t s = 1; s < c->count; s++) {
        const prn_space *space = &c->spaces[s];
        r->merged += prn_chain_count(space, PRN_MERGED);
        r->constant += prn_chain_count(space, PRN_CONSTANT);
        r->unread += prn_chain_count(space, PRN_UNREAD);
    }
    r->constant -= r->rounded;
}

static void count_left(prune_compact_report *r, const prn_chain *c, const prune_model *small)
{
    for (size_t s = 1; s < c->count; s++) {
        const prn_space *space = &c->spaces[s];
        r->neurons_before += space->width;
        r->neurons += staying(space);
        r->padding += prn_chain_count(space, PRN_PADDING);
    }
    r->inputs = staying(&c->spaces[0]);
    r->parameters_before = prn_model_floats(c->model);
    r->parameters = prn_model_floats(small);
}

static prune_status list_kept(prune_compact_report *r, const prn_chain *c, prune_error *error)
{
    size_t count = 0;
    for (size_t s = 0; s < c->count; s++)
        count += staying(&c->spaces[s]);
    if (r->kept == NULL)
        return PRUNE_OK;
    const ptrdiff_t numbers[] = { (ptrdiff_t)count };
    if (r->kept_capacity < count)
        return prn_error_format(error, PRUNE_E_SHAPE, "report.kept", "there are % numbers to write", numbers);
    size_t i = 0;
    for (size_t s = 0; s < c->count; s++)
        for (size_t u = next_staying(&c->spaces[s], 0); u < c->spaces[s].width;
             u = next_staying(&c->spaces[s], u + 1))
            r->kept[i++] = u;
    return PRUNE_OK;
}

/* ---- all of it ---- */

/* No layer is wider than that. */
static size_t fits(uint64_t count)
{
    return count < SIZE_MAX ? (size_t)count : SIZE_MAX;
}

static prune_status shrink(prune_model **out, const prune_allocator *mem, prn_chain *c,
                           const prn_narrow_rule *rule, prune_compact_report *r, prune_error *error)
{
    prune_status status = prn_narrow(c, rule, &r->rounded);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "model", "a constant, or a bias that takes it, leaves float");
    count_gone(r, c);
    prn_narrow_pad(c, rule);
    prune_model *small = NULL;
    status = build(&small, mem, c);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "model", prune_status_string(status));
    status = list_kept(r, c, error);
    if (status != PRUNE_OK) {
        prune_model_free(small);
        return status;
    }
    count_left(r, c, small);
    *out = small;
    return PRUNE_OK;
}

prune_status prune_compact(prune_model **out, const prune_allocator *mem, const prune_model *model,
                           const prune_compact_options *options, prune_compact_report *report,
                           prune_error *error)
{
    prune_compact_options mine;
    prune_compact_report result;
    prune_allocator own;
    if (out == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "out", "NULL");
    *out = NULL;
    prune_status status = read_options(&mine, options, error);
    if (status == PRUNE_OK)
        status = read_report(&result, report, mine.drop_inputs, error);
    if (status == PRUNE_OK)
        status = prune_model_verify(model, error);
    if (status != PRUNE_OK)
        return status;
    prn_chain *chain = NULL;
    status = prn_mem_choose(&own, mem);
    if (status == PRUNE_OK)
        status = prn_chain_create(&chain, &own, model, mine.drop_inputs);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "model", prune_status_string(status));
    const prn_narrow_rule rule = { mine.merge, mine.rounding == PRUNE_ROUND_DOWN, fits(mine.min_neurons),
                                   fits(mine.multiple) };
    status = shrink(out, &own, chain, &rule, &result, error);
    prn_chain_free(chain);
    if (status == PRUNE_OK)
        prn_result_write(report, &result);
    return status;
}
