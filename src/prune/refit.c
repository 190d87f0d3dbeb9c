/* refit.c -- the weights of a small model, so that its layers give again what those of the big one gave
 *
 * On a copy of the small model, which takes its place when all is well.
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/refit.h"
#include "feed.h"
#include "model.h"
#include "options.h"
#include "spread.h"
#include "squares.h"
#include "text.h"

#include <float.h>
#include <string.h>

enum { ROWS = 64, WEIGHT = 0, BIAS = 1 };

void prune_refit_options_init(prune_refit_options *options)
{
    if (options != NULL)
        *options = (prune_refit_options){ .size = sizeof *options, .layer = -1, .damping = 1e-4 };
}

typedef struct refit {
    const prune_model *big;
    prune_model *small; /* the copy */
    const size_t *kept; /* NULL: all */
    double damping;
    prune_allocator mem;
    const prune_backend *backend;
    const prn_linalg *linalg;
    prn_feed feed;
    size_t bytes;
    void *block;
    float *buffers[2]; /* [ROWS][widest] */
    float *inputs;     /* [ROWS][inputs of the small model] */
    float *target;     /* [ROWS][outputs of the layer in the big model] */
    /* With n = inputs of the layer and a 1 behind them. */
    double *x;     /* [ROWS][n] */
    double *gram;  /* [n][n], the upper triangle */
    double *cross; /* [outputs][n]: sum of t x */
    double *part;  /* [n][n]: gram, of the weights that may move, and its factor */
    double *step;  /* [n] */
    size_t *moves; /* [2][n]: which those are, of this row and of the one that part is of */
} refit;

/* ---- checks ---- */

static int32_t is_dense(const prn_layer *layer)
{
    return layer->ops->kind == PRUNE_LAYER_DENSE;
}

static int32_t same_layers(const prune_model *a, const prune_model *b)
{
    if (a->layer_count != b->layer_count)
        return 0;
    for (size_t l = 0; l < a->layer_count; l++)
        if (a->layers[l]->ops != b->layers[l]->ops ||
            a->layers[l]->spec.activation != b->layers[l]->spec.activation)
            return 0;
    return 1;
}

/* Units of one space: those kept of `big`, from kept[*at] on. */
static prune_status check_space(const size_t small_big[2], const size_t *kept, size_t *at, prune_error *error)
{
    const ptrdiff_t numbers[] = { (ptrdiff_t)small_big[0], (ptrdiff_t)small_big[1] };
    if (kept == NULL && small_big[0] != small_big[1])
        return prn_error_format(error, PRUNE_E_SHAPE, "kept", "NULL, for widths % and %", numbers);
    for (size_t i = 0; kept != NULL && i < small_big[0]; i++)
        if (kept[*at + i] >= small_big[1])
            return prn_error_at(error, PRUNE_E_RANGE, "kept", *at + i, "the big model has no such unit");
    *at += small_big[0];
    return PRUNE_OK;
}

static prune_status check_models(const prune_model *small, const prune_model *big, const size_t *kept,
                                 prune_error *error)
{
    size_t at = 0;
    if (small == NULL || big == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, small == NULL ? "small" : "model", "NULL");
    prune_status status = prune_model_verify(small, error);
    if (status == PRUNE_OK)
        status = prune_model_verify(big, error);
    if (status != PRUNE_OK)
        return status;
    if (!same_layers(small, big))
        return prn_error_set(error, PRUNE_E_SHAPE, "small", "it has other layers than the model");
    const size_t inputs[2] = { prn_shape_count(&small->input), prn_shape_count(&big->input) };
    status = check_space(inputs, kept, &at, error);
    for (size_t l = 0; status == PRUNE_OK && l < big->layer_count; l++) {
        const size_t widths[2] = { prn_shape_count(&small->layers[l]->output),
                                   prn_shape_count(&big->layers[l]->output) };
        if (is_dense(big->layers[l]))
            status = check_space(widths, kept, &at, error);
    }
    return status;
}

static prune_status read_options(prune_refit_options *mine, const prune_refit_options *given,
                                 const prune_model *small, prune_error *error)
{
    prune_refit_options_init(mine);
    const prune_status status = prn_options_read(mine, sizeof *mine, given);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "options", prn_options_reason(status));
    if (!(mine->damping >= 0.0 && mine->damping <= DBL_MAX))
        return prn_error_set(error, PRUNE_E_RANGE, "options.damping", "negative, infinite or NaN");
    if (!prn_backend_fits(mine->backend))
        return prn_error_set(error, PRUNE_E_ARGUMENT, "options.backend", "it has no function");
    if (mine->backend == NULL)
        mine->backend = prune_backend_default();
    const int32_t exists =
        mine->layer == -1 || (mine->layer >= 0 && (size_t)mine->layer < small->layer_count &&
                              is_dense(small->layers[mine->layer]));
    return exists ? PRUNE_OK : prn_error_set(error, PRUNE_E_RANGE, "options.layer", "no such dense layer");
}

/* ---- memory ---- */

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The largest inputs + 1 and outputs of dense layers. */
static void widest(size_t n_outputs[2], const prune_model *small)
{
    n_outputs[0] = n_outputs[1] = 1;
    for (size_t l = 0; l < small->layer_count; l++)
        if (is_dense(small->layers[l])) {
            n_outputs[0] = most(n_outputs[0], prn_shape_count(&small->layers[l]->input) + 1);
            n_outputs[1] = most(n_outputs[1], prn_shape_count(&small->layers[l]->output));
        }
}

static prune_status take_memory(refit *r)
{
    const size_t wide =
        most(most(prn_model_width(r->big), prn_model_width(r->small)), prn_model_width_in(r->small));
    size_t n_outputs[2], at[10];
    widest(n_outputs, r->small);
    const size_t n = n_outputs[0];
    prn_layout layout = { 0 };
    if (prn_mem_overflows(ROWS, wide) || prn_mem_overflows(most(n, ROWS), n) ||
        prn_mem_overflows(n_outputs[1], n))
        return PRUNE_E_OVERFLOW;
    for (size_t i = 0; i < 4; i++)
        at[i] = prn_layout_add(&layout, ROWS * wide, sizeof(float));
    at[4] = prn_layout_add(&layout, ROWS * n, sizeof(double));
    at[5] = prn_layout_add(&layout, n * n, sizeof(double));
    at[6] = prn_layout_add(&layout, n_outputs[1] * n, sizeof(double));
    at[7] = prn_layout_add(&layout, n * n, sizeof(double));
    at[8] = prn_layout_add(&layout, n, sizeof(double));
    at[9] = prn_layout_add(&layout, 2 * n, sizeof(size_t));
    if (layout.overflow)
        return PRUNE_E_OVERFLOW;
    r->bytes = layout.bytes;
    r->block = prn_mem_alloc(&r->mem, 1, layout.bytes);
    if (r->block == NULL)
        return PRUNE_E_MEMORY;
    r->buffers[0] = (float *)r->block + at[0] / sizeof(float);
    r->buffers[1] = (float *)r->block + at[1] / sizeof(float);
    r->inputs = (float *)r->block + at[2] / sizeof(float);
    r->target = (float *)r->block + at[3] / sizeof(float);
    r->x = (double *)r->block + at[4] / sizeof(double);
    r->gram = (double *)r->block + at[5] / sizeof(double);
    r->cross = (double *)r->block + at[6] / sizeof(double);
    r->part = (double *)r->block + at[7] / sizeof(double);
    r->step = (double *)r->block + at[8] / sizeof(double);
    r->moves = (size_t *)r->block + at[9] / sizeof(size_t);
    return PRUNE_OK;
}

/* ---- what goes in and what should come out ---- */

/* Runs the batch through all layers before this one; y, ldy of the last, or the batch itself. */
static prn_pass run_front(const refit *r, const prune_model *model, size_t layer, const prune_tensor *x)
{
    prn_pass pass = {
        .backend = r->backend, .batch = prn_tensor_rows(x), .x = x->data, .ldx = prn_tensor_step(x)
    };
    for (size_t l = 0; l < layer; l++) {
        const prn_layer *front = model->layers[l];
        pass.y = r->buffers[l % 2];
        pass.ldy = prn_shape_count(&front->output);
        front->ops->forward(front, &pass);
        pass.x = pass.y;
        pass.ldx = pass.ldy;
    }
    return pass;
}

static void run_big(const refit *r, size_t layer, const prune_tensor *x)
{
    prn_pass pass = run_front(r, r->big, layer, x);
    prn_layer linear = *r->big->layers[layer];
    linear.spec.activation = PRUNE_LINEAR;
    pass.y = r->target;
    pass.ldy = prn_shape_count(&linear.output);
    linear.ops->forward(&linear, &pass);
}

/* The batch as the small model takes it. */
static void gather(prune_tensor *view, const refit *r, const prune_tensor *x)
{
    const size_t rows = prn_tensor_rows(x), taken = prn_shape_count(&r->small->input);
    *view = *x;
    if (r->kept == NULL)
        return;
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < taken; i++)
            r->inputs[row * taken + i] = ((const float *)x->data)[row * x->ld + r->kept[i]];
    prn_tensor_view(view, r->inputs, rows, taken);
}

/* units: what the layer's outputs are in the big model; NULL: the same. */
static void add_batch(refit *r, size_t layer, const size_t *units, const prune_tensor *x)
{
    prune_tensor mine;
    run_big(r, layer, x);
    gather(&mine, r, x);
    const prn_pass pass = run_front(r, r->small, layer, &mine);
    const size_t inputs = prn_shape_count(&r->small->layers[layer]->input), n = inputs + 1;
    const size_t outputs = prn_shape_count(&r->small->layers[layer]->output);
    const size_t of_big = prn_shape_count(&r->big->layers[layer]->output);
    for (size_t b = 0; b < pass.batch; b++) {
        double *row = r->x + b * n;
        for (size_t i = 0; i < inputs; i++)
            row[i] = (double)pass.x[b * pass.ldx + i];
        row[inputs] = 1.0;
        for (size_t o = 0; o < outputs; o++) {
            const double t = (double)r->target[b * of_big + (units == NULL ? o : units[o])];
            for (size_t i = 0; i < n; i++)
                r->cross[o * n + i] += t * row[i];
        }
    }
    r->linalg->add_gram(r->gram, n, r->x, pass.batch);
}

static int32_t all_finite(const double *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(x[i] >= -DBL_MAX && x[i] <= DBL_MAX))
            return 0;
    return 1;
}

static prune_status gather_moments(refit *r, size_t layer, const size_t *units, prune_error *error)
{
    const size_t n = prn_shape_count(&r->small->layers[layer]->input) + 1;
    const size_t outputs = prn_shape_count(&r->small->layers[layer]->output);
    memset(r->gram, 0, n * n * sizeof *r->gram);
    memset(r->cross, 0, outputs * n * sizeof *r->cross);
    for (size_t first = 0;; first += ROWS) {
        const prune_tensor *x;
        const prune_status status = prn_feed_next(&x, &r->feed, first, ROWS, error);
        if (status != PRUNE_OK)
            return status;
        if (x == NULL)
            break;
        add_batch(r, layer, units, x);
    }
    prn_linalg_mirror(r->gram, n);
    if (all_finite(r->gram, n * n) && all_finite(r->cross, outputs * n))
        return PRUNE_OK;
    return prn_error_set(error, PRUNE_E_NONFINITE, "data", "a layer's inputs or outputs are not finite");
}

/* ---- solving ---- */

/* Element j of row o: a weight, or behind them the bias. */
static prn_param *element(const prn_layer *layer, size_t o, size_t j, size_t *index)
{
    const size_t inputs = layer->params[WEIGHT].shape.dims[1];
    *index = j < inputs ? o * inputs + j : o;
    return &layer->params[j < inputs ? WEIGHT : BIAS];
}

static size_t list_moves(const refit *r, const prn_layer *layer, size_t o)
{
    const size_t n = layer->params[WEIGHT].shape.dims[1] + 1;
    size_t count = 0, index;
    for (size_t j = 0; j < n; j++) {
        const prn_param *param = element(layer, o, j, &index);
        if (prn_mask_test(param->mask, index))
            r->moves[count++] = j;
    }
    return count;
}

/* Factors the part of gram that belongs to these moves, unless that is what is there (*factored of them). */
static prune_status factor(refit *r, size_t n, size_t count, size_t *factored)
{
    size_t *of_part = r->moves + n;
    if (*factored == count && memcmp(of_part, r->moves, count * sizeof *of_part) == 0)
        return PRUNE_OK;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            r->part[i * count + j] = r->gram[r->moves[i] * n + r->moves[j]];
    prn_squares_damp(r->part, count, r->damping);
    memcpy(of_part, r->moves, count * sizeof *of_part);
    *factored = count;
    return r->linalg->factor(r->part, count);
}

/* step = sum over samples of x (t - x w), for the weights that may move. */
static void set_right_side(refit *r, const prn_layer *layer, size_t o, size_t count)
{
    const size_t n = layer->params[WEIGHT].shape.dims[1] + 1;
    for (size_t i = 0; i < count; i++) {
        double sum = r->cross[o * n + r->moves[i]];
        for (size_t j = 0; j < count; j++) {
            size_t index;
            const prn_param *param = element(layer, o, r->moves[j], &index);
            sum -= r->gram[r->moves[i] * n + r->moves[j]] * (double)param->value[index];
        }
        r->step[i] = sum;
    }
}

static int32_t move(const refit *r, const prn_layer *layer, size_t o, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t index;
        prn_param *param = element(layer, o, r->moves[i], &index);
        const double w = (double)param->value[index] + r->step[i];
        if (!(w >= (double)-FLT_MAX && w <= (double)FLT_MAX))
            return 0;
        param->value[index] = (float)w;
    }
    return 1;
}

static prune_status solve_layer(refit *r, const prn_layer *layer)
{
    const size_t n = layer->params[WEIGHT].shape.dims[1] + 1, rows = layer->params[WEIGHT].shape.dims[0];
    size_t factored = 0;
    for (size_t o = 0; o < rows; o++) {
        const size_t count = list_moves(r, layer, o);
        if (count == 0)
            continue;
        const prune_status status = factor(r, n, count, &factored);
        if (status != PRUNE_OK)
            return status;
        set_right_side(r, layer, o, count);
        r->linalg->solve(r->step, 1, r->part, count);
        if (!move(r, layer, o, count))
            return PRUNE_E_NONFINITE;
    }
    return PRUNE_OK;
}

static prune_status refit_layer(refit *r, size_t layer, const size_t *units, prune_error *error)
{
    const ptrdiff_t number[] = { (ptrdiff_t)layer };
    prune_status status = gather_moments(r, layer, units, error);
    if (status != PRUNE_OK)
        return status;
    status = solve_layer(r, r->small->layers[layer]);
    if (status == PRUNE_E_SINGULAR)
        return prn_error_format(error, status, "layer %", "its inputs depend on each other: more damping",
                                number);
    return status == PRUNE_OK ? status
                              : prn_error_format(error, status, "layer %", "a weight leaves float", number);
}

static prune_status refit_layers(refit *r, int32_t only, prune_error *error)
{
    size_t at = prn_shape_count(&r->small->input);
    for (size_t l = 0; l < r->small->layer_count; l++) {
        if (!is_dense(r->small->layers[l]))
            continue;
        prune_status status = PRUNE_OK;
        if (only == -1 || (size_t)only == l)
            status = refit_layer(r, l, r->kept == NULL ? NULL : r->kept + at, error);
        if (status != PRUNE_OK)
            return status;
        at += prn_shape_count(&r->small->layers[l]->output);
    }
    return PRUNE_OK;
}

/* ---- all of it ---- */

static prune_status prepare(refit *r, const prune_model *small, const prune_data *data, prune_error *error)
{
    r->mem = small->mem;
    r->linalg = prn_linalg_for(r->backend);
    prune_status status = prune_model_clone(&r->small, &r->mem, small);
    if (status == PRUNE_OK)
        status = take_memory(r);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "small", prune_status_string(status));
    return prn_feed_open(&r->feed, &r->mem, data, r->big, ROWS, error);
}

static void give_back(refit *r)
{
    prn_feed_close(&r->feed);
    if (r->block != NULL)
        prn_mem_free(&r->mem, r->block, 1, r->bytes);
    prune_model_free(r->small);
}

static void publish(prune_model *small, const refit *r)
{
    prn_walk to = { .model = small }, from = { .model = r->small };
    for (prn_param *param = prn_walk_next(&to); param != NULL; param = prn_walk_next(&to))
        memcpy(param->value, prn_walk_next(&from)->value, param->count * sizeof *param->value);
}

prune_status prune_refit(prune_model *small, const prune_model *model, const size_t *kept,
                         const prune_data *data, const prune_refit_options *options, prune_error *error)
{
    refit r = { .big = model, .kept = kept };
    prune_refit_options mine;
    prune_status status = check_models(small, model, kept, error);
    if (status == PRUNE_OK)
        status = read_options(&mine, options, small, error);
    if (status != PRUNE_OK)
        return status;
    r.damping = mine.damping;
    r.backend = mine.backend;
    status = prepare(&r, small, data, error);
    if (status == PRUNE_OK)
        status = refit_layers(&r, mine.layer, error);
    if (status == PRUNE_OK)
        publish(small, &r);
    give_back(&r);
    return status;
}
