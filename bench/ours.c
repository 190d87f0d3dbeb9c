/* ours.c -- what peers.py times of libprune: training steps, and 784-300-100-10 for one sample, of whose
 * weights 90 % are removed in 8 x 1 blocks (the others run it dense)
 *
 * SPDX-License-Identifier: MIT */
#include "common/noise.h"
#include "peers/peer.h"

#include <stdlib.h>

enum { LAYERS = 3, WORKS = 6, TRAININGS = 4 };

static void must(prune_status status, const char *what)
{
    if (status == PRUNE_OK)
        return;
    fprintf(stderr, "ours: %s: %s\n", what, prune_status_string(status));
    exit(1);
}

/* ---- training: Adam, softmax cross-entropy, or the mean squared error of one output ---- */

typedef struct training {
    prune_model *model;
    prune_trainer *trainer;
    prune_tensor *x, *y;
} training;

static void step(void *user)
{
    training *t = user;
    must(prune_trainer_step(NULL, t->trainer, t->x, t->y), "step");
}

static prune_tensor *labels_of(size_t rows, size_t classes)
{
    const prune_shape shape = { 2, { rows, 1, 0, 0 } };
    prune_tensor *tensor;
    must(prune_tensor_create(&tensor, NULL, PRUNE_I32, &shape), "tensor");
    int32_t *data = prune_tensor_data_mut(tensor);
    for (size_t i = 0; i < rows; i++)
        data[i] = (int32_t)(i % classes);
    return tensor;
}

static void start_training(training *t, const size_t widths[LAYERS + 1], size_t batch)
{
    prune_trainer_options options;
    prune_trainer_options_init(&options);
    options.max_batch = batch;
    options.loss = widths[LAYERS] > 1 ? PRUNE_SOFTMAX_CROSS_ENTROPY : PRUNE_MSE;
    options.learning_rate = 1e-6f;
    t->model = fresh_model(widths, LAYERS);
    must(prune_trainer_create(&t->trainer, NULL, t->model, &options, NULL), "trainer");
    t->x = random_rows(batch, widths[0], 0.0f);
    t->y = widths[LAYERS] > 1 ? labels_of(batch, widths[LAYERS]) : random_rows(batch, 1, 0.0f);
}

static void end_training(training *t)
{
    prune_trainer_free(t->trainer);
    prune_model_free(t->model);
    prune_tensor_free(t->x);
    prune_tensor_free(t->y);
}

/* ---- one sample ---- */

typedef struct running {
    prune_engine *engine;
    prune_tensor *x, *y;
} running;

static void predict(void *user)
{
    running *r = user;
    must(prune_engine_run(r->engine, r->y, r->x, NULL), "run");
}

static void start_running(running *r, const size_t widths[LAYERS + 1])
{
    prune_model *model = fresh_model(widths, LAYERS);
    prune_importance *magnitude;
    prune_selection blocks;
    prune_removal removal;
    prune_selection_init(&blocks);
    prune_removal_init(&removal);
    blocks.granularity = PRUNE_BLOCKS;
    blocks.block_rows = 8;
    must(prune_importance_create(&magnitude, NULL, model, PRUNE_MAGNITUDE), "scores");
    must(prune_mask_fraction(&removal, model, magnitude, &blocks, 0.9, PRUNE_OF_ALL), "mask");
    must(prune_engine_create(&r->engine, NULL, model, NULL, NULL), "engine");
    r->x = random_rows(1, widths[0], 0.0f);
    r->y = random_rows(1, widths[LAYERS], 0.0f);
    prune_importance_free(magnitude);
    prune_model_free(model);
}

static void end_running(running *r)
{
    prune_engine_free(r->engine);
    prune_tensor_free(r->x);
    prune_tensor_free(r->y);
}

/* ---- the lowest 90 % of 1 M scores, which are there, and a mask without them ---- */

typedef struct choosing {
    prune_model *model;
    prune_importance *scores;
} choosing;

/* Begins with a mask that keeps all, which costs too. */
static void choose(void *user)
{
    choosing *c = user;
    prune_removal removal;
    prune_removal_init(&removal);
    must(prune_mask_reset(c->model), "reset");
    must(prune_mask_fraction(&removal, c->model, c->scores, NULL, 0.9, PRUNE_OF_ALL), "choice");
}

static void start_choosing(choosing *c)
{
    must(prune_model_create(&c->model, NULL, 900), "model");
    must(prune_model_add_dense(c->model, 1000, PRUNE_RELU), "model");
    must(prune_model_add_dense(c->model, 100, PRUNE_LINEAR), "model");
    must(prune_importance_create(&c->scores, NULL, c->model, PRUNE_MAGNITUDE), "scores");
}

static void end_choosing(choosing *c)
{
    prune_importance_free(c->scores);
    prune_model_free(c->model);
}

int main(void)
{
    static const size_t large[LAYERS + 1] = { 784, 300, 100, 10 }, small[LAYERS + 1] = { 20, 10, 10, 1 };
    training t[TRAININGS];
    running r;
    choosing c;
    (void)prune_blas_set_threads(1);
    start_training(&t[0], large, 32);
    start_training(&t[1], large, 128);
    start_training(&t[2], large, 512);
    start_training(&t[3], small, 32);
    start_running(&r, large);
    start_choosing(&c);
    const peer_work work[WORKS] = {
        { "train/784-300-100-10/b32", step, &t[0] },    { "train/784-300-100-10/b128", step, &t[1] },
        { "train/784-300-100-10/b512", step, &t[2] },   { "train/20-10-10-1/b32", step, &t[3] },
        { "model/784-300-100-10/s90/b1", predict, &r }, { "select/1000000", choose, &c }
    };
    peer_serve(work, WORKS);
    for (size_t i = 0; i < TRAININGS; i++)
        end_training(&t[i]);
    end_running(&r);
    end_choosing(&c);
    return 0;
}
