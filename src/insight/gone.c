/* gone.c -- which units of a reported model are gone, and why
 *
 * SPDX-License-Identifier: MIT */
#include "gone.h"

static size_t width_at(const prune_model *model, size_t first)
{
    return prn_shape_count(first == 0 ? &model->input : &model->layers[first - 1]->output);
}

prn_gone prn_gone_first(const prn_reporting *r)
{
    const size_t *kept = r->compacted ? r->compaction.kept : NULL;
    const prune_model *model = kept != NULL ? r->original : r->model;
    return (prn_gone){ r, model, 0, width_at(model, 0), kept, width_at(r->model, 0) };
}

int32_t prn_gone_next(prn_gone *s)
{
    size_t first = s->first + 1;
    while (first <= s->model->layer_count && !prn_idle_has(s->model->layers[first - 1]))
        first++;
    if (first > s->model->layer_count)
        return 0;
    s->kept = s->kept == NULL ? NULL : s->kept + s->kept_count;
    s->first = first;
    s->width = width_at(s->model, first);
    s->kept_count = width_at(s->r->model, first);
    return 1;
}

int32_t prn_gone_why(const prn_gone *s, size_t u, size_t *k)
{
    if (s->kept != NULL && *k < s->kept_count && s->kept[*k] == u) {
        (*k)++;
        return PRUNE_IDLE_NOT;
    }
    const int32_t idle = prn_idle_unit(s->model, s->first, u);
    return s->kept != NULL && idle == PRUNE_IDLE_NOT ? PRUNE_IDLE_COMPACTED : idle;
}
