/* cluster.c -- a trainer as one of several, that make the same steps from the gradients of all
 *
 * Invariant: whatever is added up comes after a meeting, and after that the next meeting. So ranks that were
 * at a meeting know how long the sums are, and a rank that fails finds the others at one, wherever they are.
 *
 * SPDX-License-Identifier: MIT */
#include "cluster.h"
#include "importance.h"
#include "text.h"
#include "update.h"

#include <string.h>

/* What ranks that meet are about to do. */
enum { AT_SETTING = 1, AT_STEP, AT_POOL, AT_BEGIN, AT_STOP, AT_EPOCH };

/* ---- what must be the same ---- */

static uint64_t hash_float(uint64_t hash, float x)
{
    return prn_hash_words(hash, &x, 1);
}

/* All that the next step follows from beside weights and state. */
static uint64_t hash_point(const prune_trainer *t, int32_t at)
{
    uint64_t hash = prn_hash_number((uint64_t)at, prn_model_signature(t->model));
    prn_walk w = { .model = t->model };
    for (const prn_param *param = prn_walk_next(&w); param != NULL; param = prn_walk_next(&w))
        hash = param->removed == 0 ? prn_hash_number(hash, 0)
                                   : prn_hash_words(hash, param->mask, prn_mask_words(param->count));
    hash = prn_hash_number(hash, t->steps);
    return hash_float(hash, prune_trainer_next_rate(t));
}

static uint64_t hash_weights(uint64_t hash, const prune_model *model)
{
    prn_walk w = { .model = model };
    for (const prn_param *param = prn_walk_next(&w); param != NULL; param = prn_walk_next(&w))
        hash = prn_hash_words(hash, param->value, param->count);
    return hash;
}

static uint64_t hash_rules(uint64_t hash, const prune_trainer *t)
{
    for (size_t l = 0; l < t->layers; l++) {
        const prn_layer_rule *rule = &t->rules[l];
        const float scales[] = { rule->l1_scale, rule->l2_scale, rule->group_scale };
        hash = prn_hash_words(prn_hash_number(hash, rule->frozen != 0), scales, 3);
    }
    return hash;
}

static uint64_t hash_all(const prune_trainer *t, int32_t at)
{
    const prn_optimizer *o = &t->optimizer;
    const prn_regularizer *r = &t->regularizer;
    const float numbers[] = { o->momentum,
                              o->beta1,
                              o->beta2,
                              o->epsilon,
                              o->complement1,
                              o->complement2,
                              o->alpha,
                              o->weight_decay,
                              r->l1,
                              r->l2,
                              t->clip_norm,
                              t->clip_value,
                              r->lasso.neuron_lambda,
                              r->lasso.input_lambda };
    const int32_t choices[] = { o->kind,       o->nesterov, r->include_bias, r->proximal,
                                t->accumulate, t->summed,   t->loss.kind };
    uint64_t hash = prn_hash_words(hash_point(t, at), numbers, sizeof numbers / sizeof *numbers);
    hash = prn_hash_words(hash, choices, sizeof choices / sizeof *choices);
    for (size_t s = 0; s < prn_optimizer_slots(o->kind); s++)
        hash = prn_hash_words(hash, t->state[s], t->floats);
    return hash_weights(hash_rules(hash, t), t->model);
}

/* ---- meeting and adding ---- */

static prune_status meet(prune_trainer *t, prune_status mine, uint64_t same, uint64_t *most)
{
    return prn_allreduce_meet(&t->verdict, &t->all, mine, same, most);
}

static prune_status add_up(prune_trainer *t, void *values, size_t count, int32_t what)
{
    const prune_status status = t->all.run(t->all.user, values, count, what);
    if (status != PRUNE_OK)
        t->verdict.kind = PRN_MET_BROKEN;
    return status;
}

/* ---- a step ---- */

/* The mean that a rank has becomes a sum again; returns what that is divided by. */
static float make_sums(prune_trainer *t)
{
    const int32_t summed = t->summed != 0;
    const float by = !summed ? t->by : t->summed_weight > 0.0f ? t->summed_weight : 1.0f;
    if (summed && !(t->summed_weight > 0.0f))
        memcpy(t->gradient, t->sum, t->floats * sizeof(float));
    for (size_t i = 0; by != 1.0f && i < t->floats; i++)
        t->gradient[i] *= by;
    return summed ? t->summed_weight : t->weight;
}

/* Statistics have places among the gradients, which nothing else uses. Returns whether there are some. */
static int32_t put_statistics(prune_trainer *t)
{
    float *place = t->gradient;
    int32_t any = 0;
    for (size_t l = 0; l < t->layers; l++) {
        const float *from = t->memories[l];
        const prn_layer *layer = t->model->layers[l];
        for (size_t p = 0; p < layer->param_count; place += layer->params[p++].count) {
            if (!layer->params[p].statistic || !t->rules[l].gathered)
                continue;
            memcpy(place, from, layer->params[p].count * sizeof(float));
            from += layer->params[p].count;
            any = 1;
        }
    }
    return any;
}

/* The mean of those that `ranks` ranks had. */
static void take_statistics(prune_trainer *t, float ranks)
{
    float *place = t->gradient;
    for (size_t l = 0; l < t->layers; l++) {
        float *to = t->memories[l];
        const prn_layer *layer = t->model->layers[l];
        const int32_t wanted = layer->ops->gather != NULL && ranks > 0.0f && !t->rules[l].frozen;
        for (size_t p = 0; p < layer->param_count; place += layer->params[p++].count) {
            if (!layer->params[p].statistic)
                continue;
            for (size_t i = 0; wanted && i < layer->params[p].count; i++)
                *to++ = place[i] / ranks;
            memset(place, 0, layer->params[p].count * sizeof(float));
        }
        t->rules[l].gathered = wanted;
    }
}

/* Moves the kept gradients to the front; returns how many there are. */
static size_t pack(prune_trainer *t)
{
    float *to = t->gradient, *from = t->gradient;
    prn_walk w = { .model = t->model };
    for (const prn_param *param = prn_walk_next(&w); param != NULL;
         from += param->count, param = prn_walk_next(&w)) {
        if (param->removed == 0)
            memmove(to, from, param->count * sizeof *to);
        for (size_t i = 0, kept = 0; param->removed != 0 && i < param->count; i++) {
            to[kept] = from[i];
            kept += (size_t)prn_mask_test(param->mask, i);
        }
        to += param->count - param->removed;
    }
    return (size_t)(to - t->gradient);
}

static void unpack_param(float *to, const float *end, const prn_param *param)
{
    for (size_t i = param->count; i-- > 0;)
        to[i] = prn_mask_test(param->mask, i) ? *--end : 0.0f;
}

/* And back, from the last to the first, so that nothing is written over before it is read. */
static void unpack(prune_trainer *t, size_t kept)
{
    float *to = t->gradient + t->floats, *end = t->gradient + kept;
    for (size_t l = t->layers; l-- > 0;)
        for (size_t p = t->model->layers[l]->param_count; p-- > 0;) {
            const prn_param *param = &t->model->layers[l]->params[p];
            to -= param->count;
            unpack_param(to, end, param);
            end -= param->count - param->removed;
        }
}

static void divide(prune_trainer *t, float weight)
{
    for (size_t i = 0; i < t->floats; i++)
        t->gradient[i] = weight > 0.0f ? t->gradient[i] / weight : 0.0f;
}

static prune_status step_together(prune_trainer *t, prune_status mine)
{
    prune_status status = meet(t, mine, hash_point(t, AT_STEP), NULL);
    if (status != PRUNE_OK)
        return status;
    const float weight = make_sums(t);
    const int32_t any = put_statistics(t);
    const size_t kept = pack(t);
    float *tail = t->gradient + kept;
    tail[0] = weight;
    tail[1] = (float)any;
    status = add_up(t, t->gradient, kept + PRN_TAIL, PRUNE_REDUCE_SUM_F32);
    if (status != PRUNE_OK)
        return status;
    const float all = tail[0], ranks = tail[1];
    unpack(t, kept);
    take_statistics(t, ranks);
    divide(t, all);
    return PRUNE_OK;
}

/* ---- scores ---- */

static prune_status pool_together(prune_trainer *t, prune_status mine, const prn_pool *pool,
                                  prune_error *error)
{
    const float ranks = (float)t->all.ranks;
    float ones = (pool->ones->sum + pool->ones->carry) / ranks;
    prune_status status = meet(t, mine, prn_hash_number(hash_point(t, AT_POOL), pool->count), NULL);
    for (size_t i = 0; status == PRUNE_OK && i < pool->count; i++)
        pool->room[i] = (pool->sums[i].sum + pool->sums[i].carry) / ranks;
    if (status == PRUNE_OK && pool->count != 0)
        status = add_up(t, &ones, 1, PRUNE_REDUCE_SUM_F32);
    if (status == PRUNE_OK && pool->count != 0)
        status = add_up(t, pool->room, pool->count, PRUNE_REDUCE_SUM_F32);
    if (status != PRUNE_OK)
        return prn_verdict_tell(error, &t->verdict, status);
    *pool->ones = (prn_sum){ ones, 0.0f };
    for (size_t i = 0; i < pool->count; i++)
        pool->sums[i] = (prn_sum){ pool->room[i], 0.0f };
    return PRUNE_OK;
}

prune_status prune_importance_reduce(prune_importance *importance, prune_trainer *t, prune_error *error)
{
    if (t == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "trainer", "NULL");
    prune_status status = PRUNE_OK;
    if (t->together != NULL && (importance == NULL || importance->gradient != NULL)) {
        status = prn_importance_open(importance, t, error);
        status = status != PRUNE_OK ? prn_trainer_tell(t, status)
                                    : prn_importance_pool(importance, t, status, error);
    }
    if (status != PRUNE_OK)
        return status;
    status = prune_importance_refresh(importance);
    return status == PRUNE_OK ? status
                              : prn_error_set(error, status, "importance", prune_status_string(status));
}

/* ---- setting ---- */

static const prn_together together = { step_together, pool_together };

/* In the midst of something the others are there too, and not here. */
static prune_status check_idle(const prune_trainer *t, prune_error *error)
{
    if (t != NULL && t->asking)
        return prn_trainer_open(t, error);
    if (t != NULL && t->fitting)
        return prn_error_set(error, PRUNE_E_STATE, "trainer", "a fit is under way");
    return PRUNE_OK;
}

prune_status prune_trainer_set_allreduce(prune_trainer *t, const prune_allreduce *allreduce,
                                         prune_error *error)
{
    prune_allreduce all;
    prn_verdict verdict;
    prune_status status = check_idle(t, error);
    if (status != PRUNE_OK)
        return status;
    if (t != NULL && allreduce == NULL) {
        t->together = NULL;
        return PRUNE_OK;
    }
    status = prn_allreduce_read(&all, allreduce);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "allreduce", "no function, a rank that is none, or a wrong size");
    status = prn_trainer_open(t, error);
    status =
        prn_allreduce_meet(&verdict, &all, status, status != PRUNE_OK ? 0 : hash_all(t, AT_SETTING), NULL);
    if (status != PRUNE_OK)
        return prn_verdict_tell(error, &verdict, status);
    t->all = all;
    t->together = &together;
    return PRUNE_OK;
}

/* ---- a fit ---- */

prune_status prn_cluster_begin(prune_trainer *t, const uint64_t *same, size_t count, uint64_t *batches)
{
    if (t->together == NULL)
        return PRUNE_OK;
    uint64_t hash = hash_all(t, AT_BEGIN);
    for (size_t i = 0; i < count; i++)
        hash = prn_hash_number(hash, same[i]);
    return meet(t, PRUNE_OK, hash, batches);
}

prune_status prn_cluster_stop(prune_trainer *t, prune_status mine, int32_t *stop)
{
    if (t->together == NULL)
        return mine;
    uint64_t most = *stop != 0;
    mine = meet(t, mine, hash_point(t, AT_STOP), &most);
    *stop = most != 0;
    return mine;
}

prune_status prn_cluster_epoch(prune_trainer *t, prune_status mine, double loss_seen[2], prn_tally *tally,
                               double *own)
{
    if (t->together == NULL)
        return mine;
    const double samples = (double)tally->samples;
    double sums[] = { loss_seen[0],   loss_seen[1],    tally->weight,  tally->loss, tally->divisor,
                      tally->correct, tally->absolute, tally->squared, samples,     samples * *own };
    mine = meet(t, mine, hash_weights(hash_point(t, AT_EPOCH), t->model), NULL);
    if (mine == PRUNE_OK)
        mine = add_up(t, sums, sizeof sums / sizeof *sums, PRUNE_REDUCE_SUM_F64);
    if (mine != PRUNE_OK)
        return mine;
    loss_seen[0] = sums[0], loss_seen[1] = sums[1];
    tally->weight = sums[2], tally->loss = sums[3], tally->divisor = sums[4];
    tally->correct = sums[5], tally->absolute = sums[6], tally->squared = sums[7];
    tally->samples = (uint64_t)sums[8];
    *own = prn_tally_mean(sums[9], sums[8]);
    return PRUNE_OK;
}

prune_status prn_cluster_leave(prune_trainer *t, prune_status status, prune_error *error)
{
    if (t == NULL || t->together == NULL || t->asking || t->fitting || status == PRUNE_OK)
        return status;
    if (t->verdict.kind == PRN_MET)
        (void)meet(t, status, 0, NULL);
    else
        (void)prn_verdict_tell(error, &t->verdict, status);
    t->verdict.kind = PRN_MET;
    return status;
}
