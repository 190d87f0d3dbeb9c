/* passes.c -- a batch through the layers of a trainer's model, and gradients back
 *
 * SPDX-License-Identifier: MIT */
#include "rows.h"
#include "spread.h"
#include "thin.h"
#include "trainer.h"

/* So many samples, before they come to a layer. */
static prn_pass pass_of(const prune_trainer *t, size_t count)
{
    return (prn_pass){ .backend = t->backend, .small = t->small, .batch = count };
}

/* They come to layer l, which is returned; the first of them is sample `first` of the batch. */
static const prn_layer *enter(prn_pass *pass, const prune_trainer *t, size_t l, size_t first)
{
    const prn_layer *layer = t->model->layers[l];
    const size_t in = prn_shape_count(&layer->input), out = prn_shape_count(&layer->output);
    pass->ldx = l == 0 ? t->x.ld : in;
    pass->x = (l == 0 ? (const float *)t->x.data : t->outputs[l - 1]) + first * pass->ldx;
    pass->ldy = out;
    pass->y = t->outputs[l] + first * out;
    pass->cache = t->caches[l] + first * layer->ops->cache_size(layer);
    pass->memory = t->memories[l];
    pass->training = t->rules[l].training;
    pass->thin = &t->thins[l];
    return layer;
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
    prn_pass pass = pass_of(c->trainer, left < c->rows ? left : c->rows);
    pass.apart = 1;
    for (size_t l = c->first; l < c->end; l++) {
        const prn_layer *layer = enter(&pass, c->trainer, l, done);
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
    if (t->between != NULL)
        return 0;
    if (layer->ops->mixes)
        return !t->rules[l].training;
    return prn_shape_count(&layer->output) <= WIDE * batch &&
           !(layer->param_count > 0 && prn_thin_takes(&t->thins[l], &layer->params[0], batch));
}

/* Layer l, and the others of a chain that begins there: by rows if that is worth it. Returns the next. */
static size_t forward_some(prune_trainer *t, prn_pass *pass, size_t l, int32_t training)
{
    chain c = { .trainer = t, .first = l, .end = l };
    float multiplications = 0.0f;
    for (; c.end < t->layers && goes_by_rows(t, c.end); c.end++) {
        const prn_layer *layer = t->model->layers[c.end];
        const size_t each = (size_t)layer->ops->macs(layer); /* its weights: in memory */
        multiplications += (float)pass->batch * (float)each;
    }
    const size_t pieces = prn_spread_rows(&c.rows, pass->batch, multiplications);
    if (pieces > 1) {
        prn_spread_pieces(t->backend, multiplications, pieces, forward_rows, &c);
        return c.end;
    }
    do {
        const prn_layer *layer = enter(pass, t, l, 0);
        layer->ops->forward(layer, pass);
        if (t->between != NULL)
            t->between->outputs(t->between, l, pass->y, pass->batch, training);
    } while (++l < c.end);
    return l;
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
    prn_pass pass = pass_of(t, batch);
    pass.rng = &t->rng;
    for (size_t l = 0; l < model->layer_count;)
        l = forward_some(t, &pass, l, training);
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

static void backward_layer(const prune_trainer *t, prn_pass *pass, size_t l, size_t offset, int32_t wants)
{
    const prn_layer *layer = enter(pass, t, l, 0);
    point_at(pass->gradient, t->gradient + offset, layer);
    if (t->between != NULL)
        t->between->gradient(t->between, l, pass->dy, pass->batch);
    layer->ops->backward(layer, pass);
    if (t->samples == NULL || !(wants & PRN_WANTS_SAMPLES) || layer->ops->sample_gradients == NULL)
        return;
    point_at(pass->samples, t->samples + offset, layer);
    layer->ops->sample_gradients(layer, pass);
}

void prn_trainer_backward(prune_trainer *t, int32_t wants)
{
    size_t offset = t->floats;
    prn_pass pass = pass_of(t, prn_tensor_rows(&t->x));
    if (t->accumulate > 1 && wants & PRN_WANTS_KEPT)
        wants |= PRN_WANTS_REMOVED; /* they may return before the step */
    pass.unread = !(wants & PRN_WANTS_KEPT);
    pass.kept_only = !(wants & PRN_WANTS_REMOVED);
    pass.scratch = t->scratch;
    pass.shares = t->weighted ? t->shares : NULL;
    pass.power = t->per_sample;
    for (size_t l = t->model->layer_count, turn = 0; l-- > 0; turn = 1 - turn) {
        pass.dy = t->delta[turn];
        pass.dx = l == 0 ? NULL : t->delta[1 - turn];
        offset -= prn_layer_floats(t->model->layers[l]);
        backward_layer(t, &pass, l, offset, wants);
    }
    t->stage = PRN_BACKWARD;
}
