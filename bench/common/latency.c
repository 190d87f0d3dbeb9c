/* latency.c -- how long one sample takes, of two models in turn, so that both meet the same machine
 *
 * SPDX-License-Identifier: MIT */
#include "latency.h"

#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 31, CALLS = 64 };

typedef struct runner {
    const prune_model *model;
    prune_workspace *workspace;
    prune_tensor *y;
    double us[ROUNDS];
} runner;

/* Of the processor, which other programs do not lengthen: one thread does it all, and never waits. */
static double now_us(void)
{
    return (double)clock() * (1e6 / CLOCKS_PER_SEC);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void start(runner *r, const prune_model *model)
{
    const prune_shape shape = { .rank = 2, .dims = { 1, prune_model_outputs(model) } };
    r->model = model;
    must(prune_workspace_create(&r->workspace, NULL, model, 1, NULL), "workspace", NULL);
    must(prune_tensor_create(&r->y, NULL, PRUNE_F32, &shape), "output", NULL);
}

static double time_calls(runner *r, const prune_tensor *x)
{
    const double from = now_us();
    for (int i = 0; i < CALLS; i++)
        must(prune_predict(r->y, r->model, r->workspace, x), "prediction", NULL);
    return (now_us() - from) / CALLS;
}

void latency_measure(double us[2], const prune_model *const models[2], const dataset *set)
{
    dataset first;
    runner runners[2];
    dataset_part(&first, set, 0, 1);
    for (int m = 0; m < 2; m++)
        start(&runners[m], models[m]);
    for (int round = 0; round < ROUNDS; round++)
        for (int m = 0; m < 2; m++)
            runners[m].us[round] = time_calls(&runners[m], first.inputs);
    for (int m = 0; m < 2; m++) {
        qsort(runners[m].us, ROUNDS, sizeof(double), by_value);
        us[m] = runners[m].us[ROUNDS / 2];
        prune_workspace_free(runners[m].workspace);
        prune_tensor_free(runners[m].y);
    }
    dataset_end(&first);
}
