/* agree.c -- whether two models compute the same
 *
 * SPDX-License-Identifier: MIT */
#include "libprune/agree.h"
#include "feed.h"
#include "libprune/predict.h"
#include "model.h"
#include "options.h"
#include "spread.h"
#include "text.h"

#include <float.h>

enum { ROWS = 64 };

void prune_agreement_init(prune_agreement *agreement)
{
    if (agreement != NULL)
        *agreement = (prune_agreement){ .size = sizeof *agreement, .tolerance = 1e-4 };
}

/* Two models side by side. */
typedef struct run {
    const prune_model *model[2];
    const size_t *kept;
    prune_allocator mem;
    size_t bytes;
    void *block;
    float *x;    /* [ROWS][inputs of the second] */
    float *y[2]; /* [ROWS][outputs] */
    prune_workspace *workspace[2];
    prn_feed feed;
    double largest; /* |a| */
    prune_agreement found;
} run;

/* ---- checks ---- */

static prune_status check_models(const run *r, prune_error *error)
{
    for (size_t m = 0; m < 2; m++) {
        const prune_status status = prn_model_check(r->model[m]);
        if (status != PRUNE_OK)
            return prn_error_set(error, status, m == 0 ? "a" : "b",
                                 r->model[m] == NULL ? "NULL" : prune_status_string(status));
    }
    const ptrdiff_t outputs[] = { (ptrdiff_t)prune_model_outputs(r->model[0]),
                                  (ptrdiff_t)prune_model_outputs(r->model[1]) };
    if (outputs[0] != outputs[1])
        return prn_error_format(error, PRUNE_E_SHAPE, "b", "% and % outputs", outputs);
    return PRUNE_OK;
}

static prune_status check_kept(const run *r, prune_error *error)
{
    const size_t inputs = prune_model_inputs(r->model[0]), taken = prune_model_inputs(r->model[1]);
    const ptrdiff_t numbers[] = { (ptrdiff_t)inputs, (ptrdiff_t)taken };
    if (r->kept == NULL && inputs != taken)
        return prn_error_format(error, PRUNE_E_SHAPE, "kept", "NULL, for % and % inputs", numbers);
    for (size_t i = 0; r->kept != NULL && i < taken; i++)
        if (r->kept[i] >= inputs)
            return prn_error_at(error, PRUNE_E_RANGE, "kept", i, "the first model has no such input");
    return PRUNE_OK;
}

static prune_status read_agreement(prune_agreement *mine, const prune_agreement *given, prune_error *error)
{
    prune_agreement_init(mine);
    const prune_status status = prn_options_read(mine, sizeof *mine, given);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "agreement", prn_options_reason(status));
    if (!(mine->tolerance >= 0.0 && mine->tolerance <= DBL_MAX))
        return prn_error_set(error, PRUNE_E_RANGE, "agreement.tolerance", "negative, infinite or NaN");
    if (!prn_backend_fits(mine->backend))
        return prn_error_set(error, PRUNE_E_ARGUMENT, "agreement.backend", "it has no function");
    *mine = (prune_agreement){ .size = sizeof *mine, .tolerance = mine->tolerance, .backend = mine->backend };
    return PRUNE_OK;
}

/* ---- memory ---- */

static prune_status take_memory(run *r)
{
    const size_t inputs = prune_model_inputs(r->model[1]), outputs = prune_model_outputs(r->model[1]);
    prn_layout layout = { 0 };
    size_t at[2];
    if (prn_mem_overflows(ROWS, inputs) || prn_mem_overflows(ROWS, outputs))
        return PRUNE_E_OVERFLOW;
    prn_layout_add(&layout, ROWS * inputs, sizeof(float));
    at[0] = prn_layout_add(&layout, ROWS * outputs, sizeof(float));
    at[1] = prn_layout_add(&layout, ROWS * outputs, sizeof(float));
    if (layout.overflow)
        return PRUNE_E_OVERFLOW;
    r->bytes = layout.bytes;
    r->block = prn_mem_alloc(&r->mem, 1, layout.bytes);
    if (r->block == NULL)
        return PRUNE_E_MEMORY;
    r->x = r->block;
    for (size_t m = 0; m < 2; m++)
        r->y[m] = (float *)r->block + at[m] / sizeof(float);
    for (size_t m = 0; m < 2; m++) {
        const prune_status status =
            prune_workspace_create(&r->workspace[m], &r->mem, r->model[m], ROWS, r->found.backend);
        if (status != PRUNE_OK)
            return status;
    }
    return PRUNE_OK;
}

static void give_back(run *r)
{
    prn_feed_close(&r->feed);
    for (size_t m = 2; m-- > 0;)
        prune_workspace_free(r->workspace[m]);
    if (r->block != NULL)
        prn_mem_free(&r->mem, r->block, 1, r->bytes);
}

/* ---- running ---- */

/* The batch as the second model takes it. */
static void gather(prune_tensor *view, const run *r, const prune_tensor *x)
{
    const size_t rows = prn_tensor_rows(x), taken = prune_model_inputs(r->model[1]);
    *view = *x;
    if (r->kept == NULL)
        return;
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < taken; i++)
            r->x[row * taken + i] = ((const float *)x->data)[row * x->ld + r->kept[i]];
    prn_tensor_view(view, r->x, rows, taken);
}

static double size_of(double x)
{
    return x < 0.0 ? -x : x;
}

static prune_status compare(run *r, size_t i, size_t outputs, prune_error *error)
{
    const float a = r->y[0][i], b = r->y[1][i];
    const double difference = size_of((double)a - (double)b);
    const size_t at[2] = { (size_t)r->found.samples + i / outputs, i % outputs };
    if (!(difference <= DBL_MAX))
        return prn_error_at2(error, PRUNE_E_NONFINITE, "outputs", at, "NaN or infinite in one of the models");
    r->largest = size_of((double)a) > r->largest ? size_of((double)a) : r->largest;
    if (difference > r->found.absolute) {
        r->found.absolute = difference;
        r->found.sample = at[0];
        r->found.output = at[1];
        r->found.a = a;
        r->found.b = b;
    }
    return PRUNE_OK;
}

static prune_status run_batch(run *r, const prune_tensor *x, prune_error *error)
{
    prune_tensor in[2], y;
    const size_t rows = prn_tensor_rows(x), outputs = prune_model_outputs(r->model[0]);
    in[0] = *x;
    gather(&in[1], r, x);
    for (size_t m = 0; m < 2; m++) {
        prn_tensor_view(&y, r->y[m], rows, outputs);
        const prune_status status = prune_predict(&y, r->model[m], r->workspace[m], &in[m]);
        if (status != PRUNE_OK)
            return prn_error_set(error, status, m == 0 ? "a" : "b", prune_status_string(status));
    }
    for (size_t i = 0; i < rows * outputs; i++) {
        const prune_status status = compare(r, i, outputs, error);
        if (status != PRUNE_OK)
            return status;
    }
    r->found.samples += rows;
    return PRUNE_OK;
}

static prune_status run_all(run *r, prune_error *error)
{
    const prune_tensor *x;
    prune_status status = PRUNE_OK;
    for (size_t first = 0; status == PRUNE_OK; first += ROWS) {
        status = prn_feed_next(&x, &r->feed, first, ROWS, error);
        if (status != PRUNE_OK || x == NULL)
            break;
        status = run_batch(r, x, error);
    }
    return status;
}

static prune_status judge(run *r, prune_error *error)
{
    prune_agreement *found = &r->found;
    if (found->absolute > 0.0)
        found->relative = r->largest > 0.0 ? found->absolute / r->largest : DBL_MAX;
    if (found->relative <= found->tolerance)
        return PRUNE_OK;
    const size_t at[2] = { (size_t)found->sample, (size_t)found->output };
    return prn_error_at2(error, PRUNE_E_DISAGREE, "outputs", at,
                         "the models differ by more than is tolerated");
}

prune_status prune_models_agree(prune_agreement *agreement, const prune_model *a, const prune_model *b,
                                const size_t *kept, const prune_data *data, prune_error *error)
{
    run r = { .model = { a, b }, .kept = kept };
    prune_status status = read_agreement(&r.found, agreement, error);
    if (status == PRUNE_OK)
        status = check_models(&r, error);
    if (status == PRUNE_OK)
        status = check_kept(&r, error);
    if (status != PRUNE_OK)
        return status;
    r.mem = a->mem;
    status = take_memory(&r);
    if (status != PRUNE_OK)
        prn_error_set(error, status, "models", prune_status_string(status));
    if (status == PRUNE_OK)
        status = prn_feed_open(&r.feed, &r.mem, data, a, ROWS, error);
    if (status == PRUNE_OK)
        status = run_all(&r, error);
    give_back(&r);
    if (status != PRUNE_OK)
        return status;
    status = judge(&r, error);
    prn_result_write(agreement, &r.found);
    return status;
}
