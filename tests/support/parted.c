/* parted.c -- a data set in parts, one for each rank, for tests
 *
 * SPDX-License-Identifier: MIT */
#include "parted.h"

#include <stdlib.h>

static const size_t widths[] = { PARTED_INPUTS, 10, 8, PARTED_CLASSES };

/* The samples of a rank, batch by batch; returns how many. */
static size_t pick(size_t *order, const parted *p, int32_t rank)
{
    size_t count = 0;
    for (size_t i = 0; i < p->world.samples; i++) {
        const size_t at = i % PARTED_BATCH;
        if (at >= p->cut[rank] && at < p->cut[rank + 1])
            order[count++] = i;
    }
    return count;
}

static void make_part(parted *p, int32_t rank, size_t *order)
{
    const prune_tensor *from[] = { p->whole.inputs, p->whole.targets, p->whole.weights };
    const size_t count = pick(order, p, rank);
    for (size_t k = 0; k < 3; k++) {
        p->tensors[rank][k] = NULL;
        if (from[k] != NULL)
            ck_assert_ok(prune_tensor_create_rows(&p->tensors[rank][k], NULL, from[k], order, count));
    }
    prune_data_init(&p->part[rank]);
    p->part[rank].inputs = p->tensors[rank][0];
    p->part[rank].targets = p->tensors[rank][1];
    p->part[rank].weights = p->tensors[rank][2];
}

void parted_make(parted *p, int32_t count, size_t samples, int32_t loss, int32_t weighted)
{
    *p = (parted){ .count = count };
    world_data_make(&p->world, samples, PARTED_INPUTS, PARTED_CLASSES, 7);
    p->whole = loss == PRUNE_MSE ? p->world.valued : p->world.labelled;
    p->weight = calloc(samples, sizeof *p->weight);
    size_t *order = calloc(samples, sizeof *order);
    ck_assert(p->weight != NULL && order != NULL);
    for (size_t i = 0; i < samples; i++)
        p->weight[i] = (float)(i * i % 5);
    ck_assert_ok(prune_tensor_const_matrix(&p->weights, NULL, PRUNE_F32, samples, 1, p->weight));
    p->whole.weights = weighted ? p->weights : NULL;
    for (int32_t r = 0; r <= count; r++)
        p->cut[r] = (size_t)(PARTED_BATCH * r * (r + 1) / (count * (count + 1)));
    for (int32_t r = 0; r < count; r++)
        make_part(p, r, order);
    free(order);
}

void parted_end(parted *p)
{
    for (int32_t r = 0; r < p->count; r++)
        for (size_t k = 0; k < 3; k++)
            prune_tensor_free(p->tensors[r][k]);
    prune_tensor_free(p->weights);
    free(p->weight);
    world_data_end(&p->world);
}

size_t parted_batch(const parted *p, int32_t rank)
{
    return p->cut[rank + 1] - p->cut[rank];
}

void parted_members(member *members, int32_t count, const prune_trainer_options *options)
{
    prune_trainer_options mine = *options;
    mine.max_batch = PARTED_BATCH;
    for (int32_t r = 0; r < count; r++) {
        members[r] = (member){ .model = world_model(NULL, widths, 3, PRUNE_TANH, 3) };
        prune_fit_result_init(&members[r].result);
        for (size_t i = 0; i < 8; i++)
            world_remove(members[r].model, 2, 7 * i);
        world_remove(members[r].model, 1, 3);
        mine.seed = (uint64_t)r;
        members[r].trainer = world_trainer(members[r].model, &mine);
    }
}

void parted_release(member *members, int32_t count)
{
    for (int32_t r = 0; r < count; r++) {
        prune_importance_free(members[r].scores);
        prune_trainer_free(members[r].trainer);
        prune_model_free(members[r].model);
    }
}

void parted_check_equal(member *members, int32_t count)
{
    for (int32_t r = 1; r < count; r++)
        ck_assert_uint_eq(world_trainer_hash(members[r].trainer), world_trainer_hash(members[0].trainer));
}

double parted_distance(const prune_model *a, const prune_model *b)
{
    double most = 0.0;
    for (size_t p = 0; p < prune_model_param_count(a); p++) {
        const double d = world_distance(prune_model_param(a, p), prune_model_param(b, p), world_count(a, p));
        most = d > most ? d : most;
    }
    return most;
}
