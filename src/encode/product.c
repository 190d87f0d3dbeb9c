/* product.c -- matrices made ready for fast products: choosing kernels and layouts, and running them
 *
 * SPDX-License-Identifier: MIT */
#include "product.h"
#include "costs.h"
#include "encode.h"
#include "kept.h"
#include "mem.h"
#include "options.h"
#include "pack.h"
#include "tensor.h"
#include "text.h"

#include <string.h>

enum {
    LINE = 64,
    CLASSES = 9,     /* batches of 1, 2 .. 3, 4 .. 7, ... 256 and more */
    PANELS_FROM = 4, /* samples */
    SEEN = 64,       /* columns, that no step of windows has more of */
    NEAR = 1 << 17   /* numbers of x that the nearer caches keep */
};

struct prune_product {
    prune_allocator mem;
    const prn_sparse *kernels;
    const prune_backend *backend;
    uint32_t rows, columns, kept;
    size_t max_batch;
    float time;              /* modelled, of max_batch */
    int32_t larger;          /* than DENSE; never by AUTO */
    int32_t layout[CLASSES]; /* of each class of batches */
    prn_rows by_rows;
    prn_windows windows;
    prn_groups groups;
    prn_masks masks;
    const float *dense;
    prn_pack packs[PRN_LAYOUTS]; /* the memory of each layout that is there */
};

/* ---- making one ---- */

void prune_product_options_init(prune_product_options *options)
{
    if (options != NULL)
        *options = (prune_product_options){ .size = sizeof *options, .max_batch = 1 };
}

void prune_product_info_init(prune_product_info *info)
{
    if (info != NULL)
        *info = (prune_product_info){ .size = sizeof *info };
}

static prune_status read_options(prune_product_options *mine, const prune_product_options *given)
{
    prune_product_options_init(mine);
    const prune_status status = prn_options_read(mine, sizeof *mine, given);
    if (status != PRUNE_OK)
        return status;
    if ((mine->kernels != PRUNE_KERNELS_AUTO && prune_kernels_name(mine->kernels) == NULL) ||
        (mine->layout != PRUNE_LAYOUT_AUTO && prune_layout_name(mine->layout) == NULL) ||
        (mine->backend != NULL && mine->backend->run == NULL))
        return PRUNE_E_ARGUMENT;
    if (prn_sparse_find(mine->kernels) == NULL)
        return PRUNE_E_UNSUPPORTED;
    return mine->max_batch == 0 ? PRUNE_E_SIZE : PRUNE_OK;
}

static size_t class_of(size_t batch)
{
    size_t class = 0;
    while (class < CLASSES - 1 && batch >> (class + 1) != 0)
        class ++;
    return class;
}

static prune_status pack(prune_product *p, int32_t layout, const prn_kept *kept, const prn_costs *costs)
{
    if (p->packs[layout].memory != NULL)
        return PRUNE_OK;
    switch (layout) {
    case PRUNE_LAYOUT_DENSE:
        return prn_pack_dense(&p->dense, &p->packs[layout], kept);
    case PRUNE_LAYOUT_WINDOWS:
        return prn_pack_windows(&p->windows, &p->packs[layout], kept, p->kernels, costs->window);
    case PRUNE_LAYOUT_GROUPS:
        return prn_pack_groups(&p->groups, &p->packs[layout], kept, costs->height);
    case PRUNE_LAYOUT_MASKS:
        return prn_pack_masks(&p->masks, &p->packs[layout], kept, p->kernels);
    default:
        return prn_pack_rows(&p->by_rows, &p->packs[layout], kept, p->kernels->tile);
    }
}

static prune_status build(prune_product *p, const prn_kept *kept, const prune_product_options *options)
{
    prn_costs costs;
    p->rows = kept->rows;
    p->columns = kept->columns;
    p->kept = kept->count;
    p->max_batch = options->max_batch;
    p->kernels = prn_sparse_find(options->kernels);
    p->backend = options->backend != NULL ? options->backend : prune_backend_default();
    prn_costs_of(&costs, kept, p->kernels, p->backend);
    prune_status status = costs.has[options->layout] ? PRUNE_OK : PRUNE_E_UNSUPPORTED;
    p->larger = status == PRUNE_OK && options->layout != PRUNE_LAYOUT_AUTO &&
                prn_costs_larger(&costs, options->layout);
    for (size_t c = 0; c < CLASSES && status == PRUNE_OK; c++) {
        const size_t batch = (size_t)1 << (c < class_of(p->max_batch) ? c : class_of(p->max_batch));
        p->layout[c] = options->layout != PRUNE_LAYOUT_AUTO ? options->layout : prn_costs_best(&costs, batch);
        status = pack(p, p->layout[c], kept, &costs);
    }
    if (status == PRUNE_OK)
        p->time = prn_costs_time(&costs, p->layout[class_of(p->max_batch)], p->max_batch);
    return status;
}

static prune_status finish(prune_product **out, prn_kept *kept, const prune_product_options *options)
{
    prune_product *p = prn_mem_alloc(&kept->mem, 1, sizeof *p);
    if (p == NULL)
        return PRUNE_E_MEMORY;
    p->mem = kept->mem;
    const prune_status status = build(p, kept, options);
    if (status == PRUNE_OK)
        *out = p;
    else
        prune_product_free(p);
    return status;
}

/* From one of the two. */
static prune_status create(prune_product **out, const prune_allocator *given, const prn_matrix *m,
                           const prn_coded *coded, const prune_product_options *given_options)
{
    prune_product_options options;
    prune_allocator mem;
    prn_kept kept = { 0 };
    prune_status status = read_options(&options, given_options);
    if (status == PRUNE_OK)
        status = prn_mem_choose(&mem, given);
    if (status != PRUNE_OK)
        return status;
    status = m != NULL ? prn_kept_from_matrix(&kept, &mem, m) : prn_kept_from_coded(&kept, &mem, coded);
    if (status == PRUNE_OK)
        status = finish(out, &kept, &options);
    prn_kept_end(&kept);
    return status;
}

prune_status prn_product_create(prune_product **out, const prune_allocator *mem, const prn_matrix *m,
                                const prune_product_options *options)
{
    *out = NULL;
    return create(out, mem, m, NULL, options);
}

prune_status prune_product_create(prune_product **out, const prune_allocator *mem, const void *bytes,
                                  size_t length, const prune_product_options *options, prune_error *error)
{
    prn_coded coded;
    const char *reason = "NULL";
    if (out == NULL)
        return prn_error_set(error, PRUNE_E_ARGUMENT, "out", reason);
    *out = NULL;
    prune_status status = prn_encoding_open(&coded, bytes, length, &reason);
    if (status != PRUNE_OK)
        return prn_error_set(error, status, "bytes", reason);
    status = create(out, mem, NULL, &coded, options);
    return status == PRUNE_OK ? status : prn_error_set(error, status, "product", prune_status_string(status));
}

prune_status prune_product_create_weights(prune_product **out, const prune_allocator *mem,
                                          const prune_tensor *weights, const uint8_t *kept,
                                          const prune_product_options *options)
{
    prn_matrix m;
    if (out == NULL)
        return PRUNE_E_ARGUMENT;
    *out = NULL;
    if (weights == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = prn_matrix_take(&m, weights, kept);
    return status == PRUNE_OK ? create(out, mem, &m, NULL, options) : status;
}

void prune_product_free(prune_product *product)
{
    if (product == NULL)
        return;
    const prune_allocator mem = product->mem;
    for (size_t f = 0; f < PRN_LAYOUTS; f++)
        prn_pack_end(&product->packs[f], &mem);
    prn_mem_free(&mem, product, 1, sizeof *product);
}

size_t prune_product_bytes(const prune_product *product)
{
    size_t bytes = product == NULL ? 0 : sizeof *product;
    for (size_t f = 0; f < PRN_LAYOUTS && product != NULL; f++)
        bytes += product->packs[f].bytes;
    return bytes;
}

prune_status prune_product_describe(prune_product_info *info, const prune_product *product)
{
    if (info == NULL || product == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = prn_result_check(info, sizeof *info);
    const prune_product_info mine = { .size = sizeof mine,
                                      .kernels = product->kernels->id,
                                      .layout = product->layout[0],
                                      .layout_many = product->layout[class_of(product->max_batch)],
                                      .rows = product->rows,
                                      .columns = product->columns,
                                      .kept = product->kept,
                                      .bytes = prune_product_bytes(product) };
    if (status == PRUNE_OK)
        prn_result_write(info, &mine);
    return status;
}

int32_t prn_product_larger(const prune_product *product)
{
    return product->larger;
}

float prn_product_time(const prune_product *product)
{
    return product->time;
}

/* ---- running ---- */

size_t prune_product_room(const prune_product *product, size_t batch)
{
    if (product == NULL || batch < PANELS_FROM)
        return 0;
    int32_t any = 0;
    for (size_t c = class_of(PANELS_FROM); c <= class_of(batch); c++)
        any = any || product->layout[c] == PRUNE_LAYOUT_ROWS;
    const size_t floats =
        ((size_t)product->rows + product->columns) * prn_panel_width(product->kernels, batch);
    return any ? floats * sizeof(float) + LINE : 0;
}

static void run_panels(const prune_product *p, const prn_product_call *call)
{
    float *room = (float *)(void *)((char *)call->room + (LINE - (uintptr_t)call->room % LINE));
    const float *x = call->x;
    float *y = call->y;
    for (size_t left = call->batch; left != 0;) {
        const uint32_t width = prn_panel_width(p->kernels, left);
        const uint32_t samples = left < width ? (uint32_t)left : width;
        const prn_samples in = { room, width, samples, p->columns, call->ldx };
        const prn_samples out = { room + (size_t)p->columns * width, width, samples, p->rows, call->ldy };
        p->kernels->pack(&in, x);
        p->kernels->panel(out.panel, &p->by_rows, in.panel, width);
        p->kernels->unpack(y, &out, call->accumulate);
        x += samples * call->ldx;
        y += samples * call->ldy;
        left -= samples;
    }
}

static void run_dense(const prune_product *p, const prn_product_call *call)
{
    const prune_gemm product = { .m = call->batch,
                                 .n = p->rows,
                                 .k = p->columns,
                                 .a = call->x,
                                 .b = p->dense,
                                 .c = call->y,
                                 .lda = call->ldx,
                                 .ldb = p->columns,
                                 .ldc = call->ldy,
                                 .transpose_b = 1,
                                 .alpha = 1.0f,
                                 .beta = call->accumulate ? 1.0f : 0.0f };
    p->backend->run(p->backend->user, &product);
}

/* Some samples at a time, which stay near while all weights pass by. */
static void run_masks(const prune_product *p, const prn_product_call *call)
{
    const size_t fit = NEAR / p->columns, most = fit < PANELS_FROM ? PANELS_FROM : fit / 4 * 4;
    prn_sample_rows samples = { call->x, call->y, call->ldx, call->ldy, most, call->accumulate };
    for (size_t left = call->batch; left != 0; left -= samples.count) {
        samples.count = left < most ? left : most;
        p->kernels->masks(&p->masks, &samples);
        samples.x += samples.count * call->ldx;
        samples.y += samples.count * call->ldy;
    }
}

static void run_windows(const prune_product *p, float *y, const float *x, int32_t accumulate)
{
    float seen[SEEN] = { 0 };
    if (p->columns < p->windows.window)
        memcpy(seen, x, p->columns * sizeof *x);
    p->kernels->windows(y, &p->windows, p->columns < p->windows.window ? seen : x, accumulate);
}

static void run_samples(const prune_product *p, int32_t layout, const prn_product_call *call)
{
    for (size_t s = 0; s < call->batch; s++) {
        float *y = call->y + s * call->ldy;
        const float *x = call->x + s * call->ldx;
        if (layout == PRUNE_LAYOUT_WINDOWS)
            run_windows(p, y, x, call->accumulate);
        else if (layout == PRUNE_LAYOUT_GROUPS)
            p->kernels->groups(y, &p->groups, x, call->accumulate);
        else
            prn_rows_run(y, &p->by_rows, x, call->accumulate);
    }
}

void prn_product_run(const prune_product *p, const prn_product_call *call)
{
    const int32_t layout = p->layout[class_of(call->batch)];
    if (layout == PRUNE_LAYOUT_DENSE)
        run_dense(p, call);
    else if (layout == PRUNE_LAYOUT_ROWS && call->batch >= PANELS_FROM)
        run_panels(p, call);
    else if (layout == PRUNE_LAYOUT_MASKS)
        run_masks(p, call);
    else
        run_samples(p, layout, call);
}

prune_status prune_product_run(const prune_product *product, prune_tensor *y, const prune_tensor *x,
                               int32_t accumulate, void *room)
{
    if (product == NULL || y == NULL || x == NULL)
        return PRUNE_E_ARGUMENT;
    const size_t batch = prn_tensor_rows(x);
    const prune_status status = x->dtype == PRUNE_F32 ? prn_matrix_check_out(y, product->rows) : PRUNE_E_TYPE;
    if (status != PRUNE_OK)
        return status;
    if (prn_tensor_row(x) != product->columns || prn_tensor_rows(y) != batch)
        return PRUNE_E_SHAPE;
    if (room == NULL && prune_product_room(product, batch) != 0)
        return PRUNE_E_ARGUMENT;
    const prn_product_call call = { x->data,         y->data, prn_tensor_step(x), prn_tensor_step(y), batch,
                                    accumulate != 0, room };
    prn_product_run(product, &call);
    return PRUNE_OK;
}
