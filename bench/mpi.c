/* mpi.c -- the glue between MPI and allreduce.h, and a road on the digits that shows that it holds
 *
 *     mpirun -n RANKS mpi FOLDER        (FOLDER has digits.txt; `make mpi` does it for 2 and 4 ranks)
 *
 * Each rank has a part of every batch. They train, score, remove half of the weights and fine-tune; then
 * one of them is given bad data. Fails unless weights and masks are the same bits on all ranks, the trained
 * weights those of one process with the joined batches to rounding, and the bad data an error on all ranks.
 *
 * SPDX-License-Identifier: MIT */
#include "common/dataset.h"

#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 48, EPOCHS = 4, TUNING_EPOCHS = 2, HIDDEN = 100, PIECE = 1 << 28 };

/* ---- the glue ---- */

static prune_status reduce_by_mpi(void *user, void *values, size_t count, int32_t what)
{
    const MPI_Datatype type = what == PRUNE_REDUCE_SUM_F32 ? MPI_FLOAT : MPI_DOUBLE;
    const MPI_Op op = what == PRUNE_REDUCE_MAX_F64 ? MPI_MAX : MPI_SUM;
    const size_t size = what == PRUNE_REDUCE_SUM_F32 ? sizeof(float) : sizeof(double);
    for (size_t done = 0; done < count; done += PIECE) { /* MPI counts in int */
        const size_t left = count - done;
        if (MPI_Allreduce(MPI_IN_PLACE, (char *)values + done * size, (int)(left < PIECE ? left : PIECE),
                          type, op, *(const MPI_Comm *)user) != MPI_SUCCESS)
            return PRUNE_E_IO;
    }
    return PRUNE_OK;
}

static prune_allreduce ranks_of(const MPI_Comm *communicator)
{
    prune_allreduce all;
    int rank, ranks;
    MPI_Comm_rank(*communicator, &rank);
    MPI_Comm_size(*communicator, &ranks);
    prune_allreduce_init(&all);
    all.rank = rank;
    all.ranks = ranks;
    all.run = reduce_by_mpi;
    all.user = (void *)(uintptr_t)communicator;
    return all;
}

/* ---- the road ---- */

typedef struct road {
    prune_model *model;
    prune_trainer *trainer;
    prune_importance *scores;
    prune_tensor *inputs, *labels; /* of this rank */
    prune_data data;
    size_t batch;
    double seconds, accuracy; /* of a step; of the training samples of all ranks */
} road;

/* This rank's part of every batch. */
static void take_part(road *r, const dataset *whole, const prune_allreduce *all)
{
    const size_t first = (size_t)(BATCH * all->rank / all->ranks),
                 end = (size_t)(BATCH * (all->rank + 1) / all->ranks);
    size_t *order = malloc(whole->samples * sizeof *order), count = 0;
    for (size_t i = 0; order != NULL && i < whole->samples; i++)
        if (i % BATCH >= first && i % BATCH < end)
            order[count++] = i;
    must(prune_tensor_create_rows(&r->inputs, NULL, whole->inputs, order, count), "the part's inputs", NULL);
    must(prune_tensor_create_rows(&r->labels, NULL, whole->labels, order, count), "the part's labels", NULL);
    free(order);
    prune_data_init(&r->data);
    r->data.inputs = r->inputs;
    r->data.targets = r->labels;
    r->batch = end - first;
}

static void open_road(road *r, const dataset *whole, const prune_allreduce *all, int32_t together)
{
    prune_trainer_options options;
    prune_error error;
    take_part(r, whole, all);
    must(prune_model_create(&r->model, NULL, 64), "the model", NULL);
    must(prune_model_add_dense(r->model, HIDDEN, PRUNE_RELU), "a layer", NULL);
    must(prune_model_add_dense(r->model, 10, PRUNE_LINEAR), "a layer", NULL);
    must(prune_model_initialize(r->model, PRUNE_INIT_AUTO, 1), "the weights", NULL);
    prune_trainer_options_init(&options);
    options.optimizer = PRUNE_SGD;
    options.learning_rate = 0.05f;
    options.momentum = 0.9f;
    options.max_batch = BATCH;
    must(prune_trainer_create(&r->trainer, NULL, r->model, &options, &error), "the trainer", &error);
    must(prune_importance_create(&r->scores, NULL, r->model, PRUNE_TAYLOR), "the scores", NULL);
    if (together)
        must(prune_trainer_set_allreduce(r->trainer, all, &error), "joining the ranks", &error);
}

static void close_road(road *r)
{
    prune_importance_free(r->scores);
    prune_trainer_free(r->trainer);
    prune_model_free(r->model);
    prune_tensor_free(r->inputs);
    prune_tensor_free(r->labels);
}

static void fit(road *r, uint64_t epochs)
{
    prune_fit_options options;
    prune_fit_result result;
    prune_error error;
    prune_fit_options_init(&options);
    prune_fit_result_init(&result);
    options.epochs = epochs;
    options.batch_size = r->batch;
    options.shuffle = 0; /* to compare with one process; else each shuffles its own */
    options.validation = &r->data;
    const double start = MPI_Wtime();
    must(prune_trainer_fit(&result, r->trainer, &r->data, &options, &error), "training", &error);
    r->seconds = (MPI_Wtime() - start) / (double)result.steps;
    r->accuracy = result.validation_metric;
}

static void prune_half(road *r)
{
    prune_error error;
    must(prune_importance_accumulate(r->scores, r->trainer, &r->data, &error), "scoring", &error);
    must(prune_mask_fraction(NULL, r->model, r->scores, NULL, 0.5, PRUNE_OF_ALL), "removing", NULL);
}

/* ---- what must hold ---- */

static uint64_t hash_model(const prune_model *model)
{
    uint64_t hash = 0;
    for (size_t p = 0; p < prune_model_param_count(model); p++) {
        prune_param_info info = { .size = sizeof info };
        must(prune_model_param_info(&info, model, p), "a parameter", NULL);
        const float *values = prune_model_param(model, p);
        for (size_t i = 0; i < info.count; i++) {
            uint32_t bits;
            memcpy(&bits, &values[i], sizeof bits);
            hash = (hash ^ bits) * UINT64_C(0x100000001b3);
        }
        hash = (hash ^ info.kept) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static int same_everywhere(const prune_model *model)
{
    uint64_t mine = hash_model(model), first = mine;
    int same, all;
    MPI_Bcast(&first, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
    same = mine == first;
    MPI_Allreduce(&same, &all, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    return all;
}

static double distance(const prune_model *a, const prune_model *b)
{
    double most = 0.0;
    for (size_t p = 0; p < prune_model_param_count(a); p++) {
        prune_param_info info = { .size = sizeof info };
        must(prune_model_param_info(&info, a, p), "a parameter", NULL);
        for (size_t i = 0; i < info.count; i++)
            most = fmax(most, fabs((double)prune_model_param(a, p)[i] - (double)prune_model_param(b, p)[i]));
    }
    return most;
}

/* The last rank has a pixel that is none: all are to hear of it. */
static int bad_data_is_everybodys(road *r, const prune_allreduce *all)
{
    const uint64_t before = hash_model(r->model);
    if (all->rank == all->ranks - 1)
        ((float *)prune_tensor_data_mut(r->inputs))[0] = NAN;
    const int heard = prune_trainer_fit(NULL, r->trainer, &r->data, NULL, NULL) == PRUNE_E_NONFINITE &&
                      hash_model(r->model) == before;
    int all_heard;
    MPI_Allreduce(&heard, &all_heard, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    return all_heard;
}

static int go(const dataset *whole, const prune_allreduce *all)
{
    const prune_allreduce nobody = { .ranks = 1 };
    road mine = { 0 }, alone = { 0 };
    open_road(&mine, whole, all, 1);
    open_road(&alone, whole, &nobody, 0);
    fit(&mine, EPOCHS);
    fit(&alone, EPOCHS);
    const double apart = distance(mine.model, alone.model), dense = mine.seconds;
    const int trained = same_everywhere(mine.model);
    prune_half(&mine);
    fit(&mine, TUNING_EPOCHS);
    const int pruned = same_everywhere(mine.model), heard = bad_data_is_everybodys(&mine, all);
    const int good = trained && pruned && heard && apart < 1e-4;
    if (all->rank == 0)
        printf("%d ranks: weights %s, %.1e from one process with the joined batch; half removed: weights %s, "
               "accuracy %.3f; bad data %s; %.0f us a step, %.0f us pruned, %.0f us alone: %s\n",
               (int)all->ranks, trained ? "equal" : "DIFFER", apart, pruned ? "equal" : "DIFFER",
               mine.accuracy, heard ? "refused by all" : "NOT REFUSED BY ALL", 1e6 * dense,
               1e6 * mine.seconds, 1e6 * alone.seconds, good ? "good" : "BAD");
    close_road(&mine);
    close_road(&alone);
    return good;
}

int main(int argc, char **argv)
{
    const MPI_Comm communicator = MPI_COMM_WORLD;
    dataset train, validation;
    MPI_Init(&argc, &argv);
    if (argc != 2) {
        fprintf(stderr, "usage: mpirun -n RANKS mpi FOLDER\n");
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    const prune_allreduce all = ranks_of(&communicator);
    prune_blas_set_threads(1);
    dataset_open(&train, &validation, dataset_find("digits"), argv[1], 0);
    const int good = go(&train, &all);
    dataset_end(&train);
    dataset_end(&validation);
    MPI_Finalize();
    return good ? 0 : 1;
}
