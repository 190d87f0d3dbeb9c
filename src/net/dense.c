/* dense.c -- fully connected layer: y = f(x W^T + b), W[O][I], b[O]
 *
 * W has one row per neuron, so that removing a neuron clears a contiguous row, and forward, weight
 * gradient and input gradient are one matrix product each:
 *     Y = X W^T,   dW = D^T X,   dX = D W,   with D = dL/dY * f'(Y).
 * A removed weight is 0, so masks need no mention here; where most are, thin.c makes the products.
 *
 * SPDX-License-Identifier: MIT */
#include "dense.h"
#include "activation.h"
#include "bend.h"
#include "initializer.h"
#include "lanes.h"
#include "spread.h"
#include "thin.h"

#include <float.h>
#include <string.h>

enum { WEIGHT = 0, BIAS = 1 };

static size_t inputs_of(const prn_layer *layer)
{
    return layer->params[WEIGHT].shape.dims[1];
}

static size_t outputs_of(const prn_layer *layer)
{
    return layer->params[WEIGHT].shape.dims[0];
}

/* cache = x W^T + b: what some activations want back. */
static void keep_activation_input(const prn_layer *layer, const prn_pass *pass)
{
    const size_t outputs = outputs_of(layer);
    const float *bias = layer->params[BIAS].value;
    for (size_t r = 0; r < pass->batch; r++)
        for (size_t c = 0; c < outputs; c++)
            pass->cache[r * outputs + c] = pass->y[r * pass->ldy + c] + bias[c];
}

static void activate(const prn_layer *layer, const prn_pass *pass)
{
    if (pass->cache != NULL && prn_activation_needs_input(layer->spec.activation))
        keep_activation_input(layer, pass);
    prn_activation_forward(layer->spec.activation, pass->y, pass->ldy, layer->params[BIAS].value, pass->batch,
                           outputs_of(layer));
}

static int32_t is_plain(int32_t activation)
{
    return activation == PRUNE_LINEAR || activation == PRUNE_RELU;
}

/* Y = f(X W^T + b), of which small products may make all. */
static void multiply(const prn_layer *layer, const prn_pass *pass)
{
    const int32_t activation = layer->spec.activation;
    const prn_beside beside = { layer->params[BIAS].value, activation == PRUNE_RELU, NULL };
    const size_t inputs = inputs_of(layer), outputs = outputs_of(layer);
    const prune_gemm product = { .m = pass->batch,
                                 .n = outputs,
                                 .k = inputs,
                                 .a = pass->x,
                                 .lda = pass->ldx,
                                 .b = layer->params[WEIGHT].value,
                                 .ldb = inputs,
                                 .transpose_a = 0,
                                 .transpose_b = 1,
                                 .c = pass->y,
                                 .ldc = pass->ldy,
                                 .alpha = 1.0f,
                                 .beta = 0.0f };
    if (pass->small != NULL && is_plain(activation) && pass->small(&product, &beside))
        return;
    if (pass->apart)
        pass->backend->run(pass->backend->user, &product);
    else
        prn_spread_product(pass->backend, &product);
    activate(layer, pass);
}

static void dense_forward(const prn_layer *layer, const prn_pass *pass)
{
    const prn_param *weight = &layer->params[WEIGHT];
    if (!prn_thin_takes(pass->thin, weight, pass->batch)) {
        multiply(layer, pass);
        return;
    }
    prn_thin_forward(pass->thin, weight, pass);
    activate(layer, pass);
}

enum { STRIPS = 4 };

/* Sums of columns `first` on, in strips of PRN_LANES, of which the last are the matrix's last columns. */
static void sum_strips(float *sum, const float *matrix, size_t rows, size_t columns, size_t first)
{
    size_t at[STRIPS];
    prn_lanes sums[STRIPS];
    for (size_t s = 0; s < STRIPS; s++) {
        at[s] = first + s * PRN_LANES < columns - PRN_LANES ? first + s * PRN_LANES : columns - PRN_LANES;
        sums[s] = (prn_lanes){ 0 };
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t s = 0; s < STRIPS; s++)
            sums[s] = prn_lanes_add_scaled(sums[s], 1.0f, prn_lanes_load(matrix + r * columns + at[s]));
    for (size_t s = 0; s < STRIPS; s++)
        prn_lanes_store(sum + at[s], sums[s]);
}

static void sum_rows(float *sum, const float *matrix, size_t rows, size_t columns)
{
    const int32_t strips = PRN_VECTORS && columns >= PRN_LANES;
    for (size_t c = 0; c < columns && strips; c += STRIPS * PRN_LANES)
        sum_strips(sum, matrix, rows, columns, c);
    for (size_t c = 0; c < columns && !strips; c++) {
        float total = 0.0f;
        for (size_t r = 0; r < rows; r++)
            total += matrix[r * columns + c];
        sum[c] = total;
    }
}

static int32_t is_made_small(const prune_gemm *product, const prn_pass *pass, float *sums)
{
    const prn_beside beside = { NULL, 0, sums };
    return pass->small != NULL && pass->small(product, &beside);
}

/* The bias's at once, the weights' too if that is small; else it returns 1: the product is to be made. */
static size_t weight_gradient(prune_gemm *product, const prn_layer *layer, const prn_pass *pass,
                              const float *x, size_t ldx)
{
    const size_t inputs = inputs_of(layer), outputs = outputs_of(layer);
    *product = (prune_gemm){ .m = outputs,
                             .n = inputs,
                             .k = pass->batch,
                             .a = pass->dy,
                             .lda = outputs,
                             .transpose_a = 1,
                             .b = x,
                             .ldb = ldx,
                             .transpose_b = 0,
                             .c = pass->gradient[WEIGHT],
                             .ldc = inputs,
                             .alpha = 1.0f,
                             .beta = 0.0f };
    if (is_made_small(product, pass, pass->gradient[BIAS]))
        return 0;
    sum_rows(pass->gradient[BIAS], pass->dy, pass->batch, outputs);
    return 1;
}

/* The same. */
static size_t input_gradient(prune_gemm *product, const prn_layer *layer, const prn_pass *pass)
{
    const size_t inputs = inputs_of(layer), outputs = outputs_of(layer);
    *product = (prune_gemm){ .m = pass->batch,
                             .n = inputs,
                             .k = outputs,
                             .a = pass->dy,
                             .lda = outputs,
                             .transpose_a = 0,
                             .b = layer->params[WEIGHT].value,
                             .ldb = inputs,
                             .transpose_b = 0,
                             .c = pass->dx,
                             .ldc = inputs,
                             .alpha = 1.0f,
                             .beta = 0.0f };
    return !is_made_small(product, pass, NULL);
}

static void dense_backward(const prn_layer *layer, const prn_pass *pass)
{
    const float *from = prn_activation_needs_input(layer->spec.activation) ? pass->cache : pass->y;
    const prn_param *weight = &layer->params[WEIGHT];
    prune_gemm products[2];
    size_t count = 0;
    prn_activation_backward(layer->spec.activation, pass->dy, from, pass->batch * outputs_of(layer));
    const int32_t thin = prn_thin_takes(pass->thin, weight, pass->batch);
    if (thin && pass->kept_only)
        sum_rows(pass->gradient[BIAS], pass->dy, pass->batch, outputs_of(layer));
    else if (!pass->unread)
        count = weight_gradient(products, layer, pass, pass->x, pass->ldx);
    if (!thin && pass->dx != NULL)
        count += input_gradient(&products[count], layer, pass);
    prn_spread_products(pass->backend, products, count);
    if (thin)
        prn_thin_backward(pass->thin, weight, pass, pass->gradient[WEIGHT]);
}

/* |x| or x^2 of a matrix with rows ldx apart; to may be from. */
static void raise(float *to, const float *from, size_t ldx, const size_t shape[2], int32_t power)
{
    for (size_t r = 0; r < shape[0]; r++)
        for (size_t c = 0; c < shape[1]; c++) {
            const float x = from[r * ldx + c];
            to[r * shape[1] + c] = power == 2 ? x * x : x < 0.0f ? -x : x;
        }
}

/* Rows d = share * own gradient, squared: d^2 / share is share * own^2, which adds up to their mean. */
static void divide_by_shares(float *squares, const float *shares, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            squares[r * columns + c] = shares[r] > 0.0f ? squares[r * columns + c] / shares[r] : 0.0f;
}

/* The gradient of one sample is d x^T, so |g| = |d| |x|^T and g^2 = d^2 (x^2)^T, element by element: summed
 * over the batch, both are the weight gradient of other matrices. */
static void dense_sample_gradients(const prn_layer *layer, const prn_pass *pass)
{
    const size_t inputs = inputs_of(layer), outputs = outputs_of(layer);
    const size_t of_x[2] = { pass->batch, inputs }, of_dy[2] = { pass->batch, outputs };
    prn_pass other = *pass;
    raise(pass->scratch, pass->x, pass->ldx, of_x, pass->power);
    raise(pass->dy, pass->dy, outputs, of_dy, pass->power);
    if (pass->power == 2 && pass->shares != NULL)
        divide_by_shares(pass->dy, pass->shares, pass->batch, outputs);
    other.gradient[WEIGHT] = pass->samples[WEIGHT];
    other.gradient[BIAS] = pass->samples[BIAS];
    prune_gemm product;
    if (weight_gradient(&product, layer, &other, pass->scratch, inputs))
        prn_spread_product(pass->backend, &product);
}

/* ---- second derivatives: with h now by z = W x + b,  own = h_oo x_i^2,  hx = W^T h W ---- */

static void add_own(const prn_layer *layer, const prn_bend *bend, const float *x)
{
    const size_t inputs = inputs_of(layer), outputs = outputs_of(layer);
    for (size_t o = 0; o < outputs; o++) {
        const float h = bend->h[prn_bend_at(bend, outputs, o)];
        float *own = bend->own[WEIGHT] + o * inputs;
        for (size_t i = 0; i < inputs; i++)
            own[i] += h * (x[i] * x[i]);
        bend->own[BIAS][o] += h;
    }
}

static void bend_inputs(const prn_layer *layer, const prn_pass *pass, const prn_bend *bend)
{
    const size_t inputs = inputs_of(layer), outputs = outputs_of(layer);
    prune_gemm product = { .m = outputs,
                           .n = inputs,
                           .k = outputs,
                           .a = bend->h,
                           .lda = outputs,
                           .b = layer->params[WEIGHT].value,
                           .ldb = inputs,
                           .c = bend->room,
                           .ldc = inputs,
                           .alpha = 1.0f };
    prn_spread_product(pass->backend, &product);
    product.m = inputs;
    product.a = layer->params[WEIGHT].value;
    product.lda = inputs;
    product.transpose_a = 1;
    product.b = bend->room;
    product.c = bend->hx;
    prn_spread_product(pass->backend, &product);
}

/* Y. LeCun et al., 1989: as if h by z had nothing beside its diagonal. */
static void bend_inputs_diagonal(const prn_layer *layer, const prn_bend *bend)
{
    const size_t inputs = inputs_of(layer);
    memset(bend->hx, 0, inputs * sizeof *bend->hx);
    for (size_t o = 0; o < outputs_of(layer); o++) {
        const float *w = layer->params[WEIGHT].value + o * inputs;
        for (size_t i = 0; i < inputs; i++)
            bend->hx[i] += bend->h[o] * (w[i] * w[i]);
    }
}

static void dense_bend(const prn_layer *layer, const prn_pass *pass, const prn_bend *bend)
{
    const int32_t activation = layer->spec.activation;
    const size_t outputs = outputs_of(layer);
    prn_activation_slopes(activation, bend->slope[0], bend->slope[1],
                          prn_activation_needs_input(activation) ? pass->cache : pass->y, outputs);
    prn_bend_elements(bend, pass->dy, outputs);
    add_own(layer, bend, pass->x);
    if (bend->hx == NULL)
        return;
    if (bend->diagonal)
        bend_inputs_diagonal(layer, bend);
    else
        bend_inputs(layer, pass, bend);
}

/* ---- along a vector (V, v): R z = R x W^T + x V^T + v, R y = f' R z ---- */

static void run(const prn_pass *pass, prune_gemm product)
{
    product.alpha = 1.0f;
    prn_spread_product(pass->backend, &product);
}

typedef struct rows {
    const float *first;
    size_t ld;
} rows;

/* to[B][O] = x W^T + beta to. */
static void multiply_inputs(const prn_layer *layer, const prn_pass *pass, float *to, float beta, rows x,
                            const float *weight)
{
    const size_t inputs = inputs_of(layer), outputs = outputs_of(layer);
    run(pass, (prune_gemm){ .m = pass->batch,
                            .n = outputs,
                            .k = inputs,
                            .a = x.first,
                            .lda = x.ld,
                            .b = weight,
                            .ldb = inputs,
                            .transpose_b = 1,
                            .c = to,
                            .ldc = outputs,
                            .beta = beta });
}

static void slopes(const prn_layer *layer, const prn_pass *pass, const prn_along *along)
{
    const int32_t activation = layer->spec.activation;
    prn_activation_slopes(activation, along->slope[0], along->slope[1],
                          prn_activation_needs_input(activation) ? pass->cache : pass->y,
                          pass->batch * outputs_of(layer));
}

static void dense_forward_along(const prn_layer *layer, const prn_pass *pass, const prn_along *along)
{
    const size_t outputs = outputs_of(layer);
    multiply_inputs(layer, pass, along->rz, 0.0f, (rows){ pass->x, pass->ldx }, along->vector[WEIGHT]);
    if (along->rx != NULL)
        multiply_inputs(layer, pass, along->rz, 1.0f, (rows){ along->rx, inputs_of(layer) },
                        layer->params[WEIGHT].value);
    slopes(layer, pass, along);
    for (size_t i = 0; i < pass->batch * outputs; i++) {
        along->rz[i] += along->vector[BIAS][i % outputs];
        along->ry[i] = along->slope[0][i] * along->rz[i];
    }
}

/* to[O][I] = d^T x + beta to. */
static void multiply_samples(const prn_layer *layer, const prn_pass *pass, float *to, float beta,
                             const float *d, rows x)
{
    const size_t inputs = inputs_of(layer), outputs = outputs_of(layer);
    run(pass, (prune_gemm){ .m = outputs,
                            .n = inputs,
                            .k = pass->batch,
                            .a = d,
                            .lda = outputs,
                            .transpose_a = 1,
                            .b = x.first,
                            .ldb = x.ld,
                            .c = to,
                            .ldc = inputs,
                            .beta = beta });
}

/* to[B][I] = d W + beta to. */
static void multiply_outputs(const prn_layer *layer, const prn_pass *pass, float *to, float beta,
                             const float *d, const float *weight)
{
    const size_t inputs = inputs_of(layer), outputs = outputs_of(layer);
    run(pass, (prune_gemm){ .m = pass->batch,
                            .n = inputs,
                            .k = outputs,
                            .a = d,
                            .lda = outputs,
                            .b = weight,
                            .ldb = inputs,
                            .c = to,
                            .ldc = inputs,
                            .beta = beta });
}

/* With dz = f' dy and R dz = f' R dy + f'' R z dy:
 * R dW = (R dz)^T x + dz^T R x,   R dx = R dz W + dz V. */
static void dense_backward_along(const prn_layer *layer, const prn_pass *pass, const prn_along *along)
{
    const size_t outputs = outputs_of(layer);
    float *dz = along->slope[0], *rdz = along->rdy;
    slopes(layer, pass, along);
    for (size_t i = 0; i < pass->batch * outputs; i++) {
        rdz[i] = along->slope[0][i] * rdz[i] + along->slope[1][i] * along->rz[i] * pass->dy[i];
        dz[i] *= pass->dy[i];
    }
    multiply_samples(layer, pass, along->product[WEIGHT], 0.0f, rdz, (rows){ pass->x, pass->ldx });
    if (along->rx != NULL)
        multiply_samples(layer, pass, along->product[WEIGHT], 1.0f, dz,
                         (rows){ along->rx, inputs_of(layer) });
    sum_rows(along->product[BIAS], rdz, pass->batch, outputs);
    if (along->rdx == NULL)
        return;
    multiply_outputs(layer, pass, along->rdx, 0.0f, rdz, layer->params[WEIGHT].value);
    multiply_outputs(layer, pass, along->rdx, 1.0f, dz, along->vector[WEIGHT]);
}

static void dense_initialize(prn_layer *layer, int32_t initializer, prune_rng *rng)
{
    const size_t fan[2] = { inputs_of(layer), outputs_of(layer) };
    prn_param *weight = &layer->params[WEIGHT];
    prn_initializer_fill(weight->value, fan, initializer, layer->spec.activation, rng);
    prn_param_mask_values(weight, weight->value);
    memset(layer->params[BIAS].value, 0, outputs_of(layer) * sizeof(float));
}

static size_t dense_cache_size(const prn_layer *layer)
{
    return prn_activation_needs_input(layer->spec.activation) ? outputs_of(layer) : 0;
}

static uint64_t dense_macs(const prn_layer *layer)
{
    return layer->params[WEIGHT].count;
}

static uint64_t dense_macs_kept(const prn_layer *layer)
{
    return layer->params[WEIGHT].count - layer->params[WEIGHT].removed;
}

static size_t dense_unit_slices(const prn_layer *layer, size_t u, prn_slice slices[PRN_UNIT_SLICES])
{
    const size_t inputs = inputs_of(layer);
    slices[0] = (prn_slice){ WEIGHT, u * inputs, 1, inputs };
    slices[1] = (prn_slice){ BIAS, u, 1, 1 };
    return 2;
}

static size_t dense_input_slices(const prn_layer *layer, size_t u, prn_slice slices[PRN_UNIT_SLICES])
{
    slices[0] = (prn_slice){ WEIGHT, u, inputs_of(layer), outputs_of(layer) };
    return 1;
}

/* w of element i as part of an absorbed layer; 0 if it leaves float, or was removed and is not 0 any more. */
static int32_t absorb_element(prn_param *param, size_t i, float w, int32_t apply)
{
    const int32_t kept = prn_mask_test(param->mask, i);
    if (apply)
        param->value[i] = kept ? w : 0.0f;
    return w >= -FLT_MAX && w <= FLT_MAX && (kept || (w >= 0.0f && w <= 0.0f));
}

static int32_t dense_absorb(prn_layer *layer, size_t u, const float scale_shift[2], int32_t apply)
{
    prn_param *weight = &layer->params[WEIGHT], *bias = &layer->params[BIAS];
    const size_t inputs = inputs_of(layer);
    int32_t good = 1;
    for (size_t i = u * inputs; i < (u + 1) * inputs; i++)
        good &= absorb_element(weight, i, weight->value[i] * scale_shift[0], apply);
    return good & absorb_element(bias, u, bias->value[u] * scale_shift[0] + scale_shift[1], apply);
}

static prune_status dense_plan(prn_layer *layer)
{
    const size_t inputs = prn_shape_count(&layer->input), outputs = (size_t)layer->spec.outputs;
    if (outputs != layer->spec.outputs || prn_mem_overflows(outputs, inputs))
        return PRUNE_E_OVERFLOW;
    layer->output = (prune_shape){ 1, { outputs, 0, 0, 0 } };
    layer->param_count = 2;
    layer->params[WEIGHT] = (prn_param){
        .name = "weight", .shape = { 2, { outputs, inputs, 0, 0 } }, .count = outputs * inputs, .prunable = 1
    };
    layer->params[BIAS] = (prn_param){ .name = "bias", .shape = layer->output, .count = outputs };
    return PRUNE_OK;
}

const prn_layer_ops prn_dense_ops = {
    .kind = PRUNE_LAYER_DENSE,
    .name = "dense",
    .has_activation = 1,
    .has_outputs = 1,
    .plan = dense_plan,
    .forward = dense_forward,
    .backward = dense_backward,
    .bend = dense_bend,
    .forward_along = dense_forward_along,
    .backward_along = dense_backward_along,
    .sample_gradients = dense_sample_gradients,
    .absorb = dense_absorb,
    .initialize = dense_initialize,
    .cache_size = dense_cache_size,
    .macs = dense_macs,
    .macs_kept = dense_macs_kept,
    .units = outputs_of,
    .unit_slices = dense_unit_slices,
    .input_slices = dense_input_slices,
};
