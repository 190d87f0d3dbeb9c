/* penalty.c -- a trainer's group lasso and the schedule of its penalty in a file: section PNLT
 *
 * SPDX-License-Identifier: MIT */
#include "penalty.h"

enum { START_BYTES = 52 };

static prune_status penalty_error(prune_error *error, const char *reason)
{
    return prn_sections_error(error, PRUNE_E_FORMAT, PRN_PNLT, reason);
}

/* ---- writing ---- */

void prn_schedule_put(prn_sink *sink, const prune_schedule *s)
{
    prn_put_u32(sink, (uint32_t)s->kind);
    prn_put_float(sink, s->factor);
    prn_put_float(sink, s->floor);
    prn_put_u32(sink, s->warmup);
    prn_put_u32(sink, s->period);
}

int32_t prn_penalty_is_there(const prune_trainer *t)
{
    const prune_group_lasso *lasso = &t->regularizer.lasso;
    int32_t there = lasso->neuron_lambda > 0.0f || lasso->input_lambda > 0.0f ||
                    t->penalty_schedule.kind != PRUNE_SCHEDULE_CONSTANT || t->penalty_schedule.warmup != 0;
    for (size_t l = 0; l < t->model->layer_count; l++)
        there |= t->rules[l].group_scale < 1.0f || t->rules[l].group_scale > 1.0f;
    return there;
}

void prn_penalty_put(prn_sink *sink, const void *trainer)
{
    const prune_trainer *t = trainer;
    const prune_group_lasso *lasso = &t->regularizer.lasso;
    prn_put_float(sink, lasso->neuron_lambda);
    prn_put_float(sink, lasso->input_lambda);
    prn_put_u32(sink, (uint32_t)lasso->include_bias);
    prn_put_u32(sink, (uint32_t)lasso->include_column);
    prn_put_u32(sink, (uint32_t)lasso->include_output);
    prn_put_u32(sink, (uint32_t)lasso->by_size);
    prn_put_u32(sink, (uint32_t)lasso->proximal);
    prn_schedule_put(sink, &t->penalty_schedule);
    prn_put_u32(sink, (uint32_t)t->model->layer_count);
    for (size_t l = 0; l < t->model->layer_count; l++)
        prn_put_float(sink, t->rules[l].group_scale);
}

/* ---- reading ---- */

void prn_schedule_get(prune_schedule *s, prn_source *source)
{
    *s = (prune_schedule){ .size = sizeof *s };
    s->kind = prn_get_choice(source);
    s->factor = prn_get_float(source);
    s->floor = prn_get_float(source);
    s->warmup = prn_get_u32(source);
    s->period = prn_get_u32(source);
}

/* Returns the number of layers. */
static uint32_t get_start(prn_penalty *p, prn_source *source)
{
    prune_group_lasso *lasso = &p->lasso;
    *lasso = (prune_group_lasso){ .size = sizeof *lasso };
    lasso->neuron_lambda = prn_get_float(source);
    lasso->input_lambda = prn_get_float(source);
    lasso->include_bias = prn_get_choice(source);
    lasso->include_column = prn_get_choice(source);
    lasso->include_output = prn_get_choice(source);
    lasso->by_size = prn_get_choice(source);
    lasso->proximal = prn_get_choice(source);
    prn_schedule_get(&p->schedule, source);
    return prn_get_u32(source);
}

static prune_status check(const prn_penalty *p, uint32_t layers, uint64_t length, prune_error *error)
{
    prn_penalty mine;
    if (prn_group_lasso_read(&mine.lasso, &p->lasso, NULL) != PRUNE_OK ||
        prn_schedule_read(&mine.schedule, &p->schedule, NULL) != PRUNE_OK)
        return penalty_error(error, "an option is not valid");
    if (length != START_BYTES + (uint64_t)layers * sizeof(float))
        return penalty_error(error, "it is not as long as its contents");
    return PRUNE_OK;
}

prune_status prn_penalty_read(prn_penalty *p, const prn_file_sections *f, prune_error *error)
{
    prn_source source;
    const prn_section *section = &f->sections[PRN_PNLT];
    prune_group_lasso_init(&p->lasso);
    prune_schedule_init(&p->schedule);
    if (section->offset == 0)
        return PRUNE_OK;
    if (section->length < START_BYTES)
        return penalty_error(error, "shorter than its contents");
    prn_source_open(&source, f->reader, section);
    const uint32_t layers = get_start(p, &source);
    if (source.status != PRUNE_OK)
        return prn_source_close(&source, error);
    return check(p, layers, section->length, error);
}

prune_status prn_penalty_read_scales(prune_trainer *t, const prn_file_sections *f, prune_error *error)
{
    prn_penalty again;
    prn_source source;
    int32_t good = 1;
    if (f->sections[PRN_PNLT].offset == 0)
        return PRUNE_OK;
    prn_source_open(&source, f->reader, &f->sections[PRN_PNLT]);
    if (get_start(&again, &source) != t->model->layer_count)
        return penalty_error(error, "it is for another number of layers");
    for (size_t l = 0; l < t->model->layer_count; l++) {
        prune_layer_training rule;
        prune_layer_training_init(&rule);
        good &= prune_trainer_get_layer(&rule, t, l) == PRUNE_OK;
        rule.group_scale = prn_get_float(&source);
        good &= prune_trainer_set_layer(t, l, &rule) == PRUNE_OK;
    }
    const prune_status status = prn_source_close(&source, error);
    return status != PRUNE_OK || good ? status : penalty_error(error, "a number of a layer is not valid");
}
