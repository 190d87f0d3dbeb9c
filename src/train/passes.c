/* passes.c -- a batch through the layers of a trainer's model, and gradients back
 *
 * SPDX-License-Identifier: MIT */
#include "rows.h"
#include "spread.h"
#include "thin.h"
#include "trainer.h"

/* `count` samples of the batch, from `first` on, through layer l. */
static prn_pass pass_of(const prune_trainer *t, size_t l, size_t first, size_t count)
{
    const prn_layer *layer = t->model->layers[l];
    const size_t in = prn_shape_count(&layer->input), out = prn_shape_count(&layer->output);
    const size_t cache = layer->ops->cache_size(layer);
    return (prn_pass){ .backend = t->backend,
                       .small = t->small,
                       .batch = count,
                       .x = l == 0 ? (const float *)t->x.data + first * t->x.ld
                                   : t->outputs[l - 1] + first * in,
                       .ldx = l == 0 ? t->x.ld : in,
                       .y = t->outputs[l] + first * out,
                       .ldy = out,
                       .cache = cache == 0 ? t->caches[l] : t->caches[l] + first * cache,
                       .memory = t->memories[l],
                       .training = t->rules[l].training,
                       .thin = &t->thins[l] };
}

/* Layers through which samples go without meeting, so that threads take some of the samples through all. */
typedef struct chain {
    prune_trainer *trainer;
    size_t first, end, rows;
} chain;

static void forward_rows(void *arg, size_t piece)
{
    const chain *c = arg;
    const size_t done = piece * c->rows, left = prn_tensor_rows(&c->trainer->x) - done;
    for (size_t l = c->first; l < c->end; l++) {
        const prn_layer *layer = c->trainer->model->layers[l];
        prn_pass pass = pass_of(c->trainer, l, done, left < c->rows ? left : c->rows);
        pass.apart = 1;
        pass.thin = NULL;
        layer->ops->forward(layer, &pass);
    }
}

/* A product with many more columns than there are samples is better cut by columns, and one by kept weights
 * is cut by itself. */
enum { WIDE = 4 };

static int32_t goes_by_rows(const prune_trainer *t, size_t l)
{
    const prn_layer *layer = t->model->layers[l];
    const size_t batch = prn_tensor_rows(&t->x);
    if (layer->ops->mixes)
        return !t->rules[l].training;
    return prn_shape_count(&layer->output) <= WIDE * batch &&
           !(layer->param_count > 0 && prn_thin_takes(&t->thins[l], &layer->params[0], batch));
}

/* Returns the first layer that is not in it. */
static size_t forward_chain(prune_trainer *t, size_t first)
{
    chain c = { .trainer = t, .first = first, .end = first };
    const size_t batch = prn_tensor_rows(&t->x);
    float multiplications = 0.0f;
    for (; c.end < t->layers && goes_by_rows(t, c.end); c.end++) {
        const prn_layer *layer = t->model->layers[c.end];
        multiplications += (float)batch * (float)(size_t)layer->ops->macs(layer); /* its weights: in memory */
    }
    const size_t pieces = prn_spread_rows(&c.rows, batch, multiplications);
    if (pieces == 0)
        return first;
    prn_spread_pieces(t->backend, multiplications, c.end > first ? pieces : 0, forward_rows, &c);
    return c.end;
}

/* A chain, or a single layer. Returns the next. */
static size_t forward_some(prune_trainer *t, size_t l, int32_t training)
{
    const prn_layer *layer = t->model->layers[l];
    const size_t end = t->between == NULL ? forward_chain(t, l) : l;
    if (end > l)
        return end;
    prn_pass pass = pass_of(t, l, 0, prn_tensor_rows(&t->x));
    pass.rng = &t->rng;
    layer->ops->forward(layer, &pass);
    if (t->between != NULL)
        t->between->outputs(t->between, l, pass.y, pass.batch, training);
    return l + 1;
}

void prn_trainer_forward(prune_trainer *t, const prune_tensor *x, int32_t training)
{
    const prune_model *model = t->model;
    const size_t batch = prn_tensor_rows(x);
    prn_rows_slice(&t->x, x, 0, batch);
    t->x.ld = prn_tensor_step(x);
    if (t->between != NULL)
        t->between->inputs(t->between, &t->x, training);
    for (size_t l = 0; l < model->layer_count; l++)
        t->rules[l].training = training && !t->rules[l].frozen && batch >= model->layers[l]->ops->least_batch;
    for (size_t l = 0; l < model->layer_count;)
        l = forward_some(t, l, training);
    const size_t last = model->layer_count - 1, outputs = prn_shape_count(&model->layers[last]->output);
    prn_tensor_view(&t->h, t->outputs[last], batch, outputs);
    prn_tensor_view(&t->h_delta, t->delta[0], batch, outputs);
    t->h.read_only = 1;
    t->stage = PRN_FORWARD;
}

/* Pointers to a layer's part of an array laid out like all parameters; `part` is where it begins. */
static void point_at(float *to[PRN_LAYER_PARAMS], float *part, const prn_layer *layer)
{
    for (size_t p = 0; p < layer->param_count; p++) {
        to[p] = part;
        part += layer->params[p].count;
    }
}

static void backward_layer(const prune_trainer *t, size_t l, size_t offset, float *const dy_dx[2],
                           int32_t wants)
{
    const prn_layer *layer = t->model->layers[l];
    prn_pass pass = pass_of(t, l, 0, prn_tensor_rows(&t->x));
    pass.dy = dy_dx[0];
    pass.dx = l == 0 ? NULL : dy_dx[1];
    pass.unread = !(wants & PRN_WANTS_KEPT);
    pass.kept_only = !(wants & PRN_WANTS_REMOVED);
    pass.scratch = t->scratch;
    pass.shares = t->weighted ? t->shares : NULL;
    pass.power = t->per_sample;
    point_at(pass.gradient, t->gradient + offset, layer);
    if (t->between != NULL)
        t->between->gradient(t->between, l, pass.dy, pass.batch);
    layer->ops->backward(layer, &pass);
    if (t->samples == NULL || !(wants & PRN_WANTS_SAMPLES) || layer->ops->sample_gradients == NULL)
        return;
    point_at(pass.samples, t->samples + offset, layer);
    layer->ops->sample_gradients(layer, &pass);
}

void prn_trainer_backward(prune_trainer *t, int32_t wants)
{
    size_t offset = t->floats;
    if (t->accumulate > 1 && wants & PRN_WANTS_KEPT)
        wants |= PRN_WANTS_REMOVED; /* they may return before the step */
    for (size_t l = t->model->layer_count, turn = 0; l-- > 0; turn = 1 - turn) {
        float *const dy_dx[2] = { t->delta[turn], t->delta[1 - turn] };
        offset -= prn_layer_floats(t->model->layers[l]);
        backward_layer(t, l, offset, dy_dx, wants);
    }
    t->stage = PRN_BACKWARD;
}
