/* infer_bench.c -- products with pruned matrices, beside the dense product by BLAS
 *
 * For matrices of three sizes and four batches: unstructured weights of every encoding, 8 x 1 blocks, 2 of 4.
 * `auto` is also held against the fastest of all layouts when each is forced. One thread, see versus.h.
 * usage: infer_bench CSV [plain|avx2|avx512|neon]
 *
 * SPDX-License-Identifier: MIT */
#include "common/versus.h"
#include "libprune.h"

#include <stdlib.h>
#include <string.h>

enum { SIZES = 3, BATCHES = 4, LARGEST = 256, BLOCK = 8, MOST = VERSUS_MOST, FORCED = -1 };

static const size_t sizes[SIZES][2] = { { 300, 784 }, { 1024, 1024 }, { 4096, 4096 } };
static const size_t batches[BATCHES] = { 1, 8, 64, LARGEST };

static void must(int fine, const char *what)
{
    if (fine)
        return;
    fprintf(stderr, "infer_bench: %s\n", what);
    exit(1);
}

static void *room_of(size_t bytes)
{
    void *room = calloc(1, bytes + 1);
    must(room != NULL, "out of memory");
    return room;
}

/* ---- goals of speed-ups over dense ---- */

/* By size; of one sample. */
static const double unstructured[2][SIZES] = { { 2.5, 1.8, 5.0 }, { 4.0, 3.5, 9.0 } };
static const double blocks[SIZES] = { 8.0, 7.0, 20.0 };
/* By batch; of 1024 x 1024. */
static const double many[2][BATCHES] = { { 0, 4.5, 4.5, 3.3 }, { 0, 8.0, 8.0, 6.5 } };

/* As a ratio of times. Where there is none, at least not slower. */
static double goal_of(int32_t encoding, size_t size, size_t batch, int sparsest)
{
    double goal = 0.0;
    if (encoding == PRUNE_ENCODING_N_OF_M)
        goal = batch == 0 ? 1.3 : 0.0;
    else if (encoding == PRUNE_ENCODING_BLOCKS)
        goal = batch == 0 && !sparsest ? blocks[size] : 0.0;
    else if (batch == 0)
        goal = unstructured[sparsest][size];
    else if (size == 1)
        goal = many[sparsest][batch];
    return 1.0 / (goal > 0.0 ? goal : 1.0);
}

/* ---- matrices ---- */

/* kept[O][I]: the same for `block` neighbouring rows; exactly 2 of 4 if the fraction is a half. */
static void keep_some(uint8_t *kept, const size_t size[2], double fraction, size_t block, prune_rng *rng)
{
    for (size_t row = 0; row < size[0]; row++)
        for (size_t i = 0; i < size[1]; i++) {
            uint8_t *at = &kept[row * size[1] + i];
            *at = row % block != 0 ? at[-(ptrdiff_t)size[1]] : (double)prune_rng_uniform(rng) < fraction;
        }
    for (size_t i = 0; i < size[0] * size[1] && fraction == 0.5; i += 4) {
        const size_t first = (size_t)prune_rng_below(rng, 4), second = (size_t)prune_rng_below(rng, 3);
        memset(kept + i, 0, 4);
        kept[i + first] = kept[i + (first + 1 + second) % 4] = 1;
    }
}

/* ---- contestants ---- */

typedef struct contestant {
    char name[40];
    int32_t encoding; /* what the goal is by; FORCED: there is none */
    prune_product *product;
    prune_tensor *x, *y;
    void *room;
} contestant;

typedef struct field {
    size_t rows, columns, count;
    float *weights, *x, *y;
    contestant all[MOST];
    prune_gemm dense;
    const prune_backend *backend;
    int32_t kernels;
} field;

static void run_dense(void *user)
{
    const field *f = user;
    f->backend->run(f->backend->user, &f->dense);
}

static void run_product(void *user)
{
    contestant *c = user;
    (void)prune_product_run(c->product, c->y, c->x, 0, c->room);
}

/* Through the bytes of an encoding. */
static void enter(field *f, const char *name, const uint8_t *kept, int32_t encoding, int32_t layout)
{
    contestant *c = &f->all[f->count];
    prune_tensor *weights;
    prune_encoding_options how;
    prune_encoding_info info;
    prune_product_options options;
    prune_encoding_options_init(&how);
    prune_encoding_info_init(&info);
    prune_product_options_init(&options);
    how.encoding = encoding;
    how.block_rows = BLOCK;
    options.max_batch = LARGEST;
    options.layout = layout;
    options.kernels = f->kernels;
    options.backend = f->backend;
    must(prune_tensor_const_matrix(&weights, NULL, PRUNE_F32, f->rows, f->columns, f->weights) == PRUNE_OK,
         "weights");
    must(prune_encoding_measure(&info, weights, kept, &how) == PRUNE_OK, "encoding");
    void *bytes = room_of((size_t)info.bytes);
    must(prune_encoding_encode(bytes, (size_t)info.bytes, weights, kept, &how) == PRUNE_OK, "encoding");
    const prune_status status =
        prune_product_create(&c->product, NULL, bytes, (size_t)info.bytes, &options, NULL);
    must(status == PRUNE_OK || status == PRUNE_E_UNSUPPORTED, "product");
    free(bytes);
    prune_tensor_free(weights);
    if (status != PRUNE_OK)
        return; /* plain kernels do not have all layouts */
    c->encoding = layout == PRUNE_LAYOUT_AUTO ? encoding : FORCED;
    snprintf(c->name, sizeof c->name, "%s", name);
    c->room = room_of(prune_product_room(c->product, LARGEST));
    f->count++;
}

static void enter_all(field *f, double fraction, prune_rng *rng)
{
    const size_t size[2] = { f->rows, f->columns };
    uint8_t *kept = room_of(f->rows * f->columns);
    keep_some(kept, size, fraction, 1, rng);
    enter(f, "csr", kept, PRUNE_ENCODING_CSR, PRUNE_LAYOUT_AUTO);
    enter(f, "sliced", kept, PRUNE_ENCODING_SLICED, PRUNE_LAYOUT_AUTO);
    enter(f, "bitmask", kept, PRUNE_ENCODING_BITMASK, PRUNE_LAYOUT_AUTO);
    enter(f, "deltas", kept, PRUNE_ENCODING_DELTAS, PRUNE_LAYOUT_AUTO);
    enter(f, "auto", kept, PRUNE_ENCODING_BEST, PRUNE_LAYOUT_AUTO);
    for (int32_t layout = PRUNE_LAYOUT_DENSE; layout <= PRUNE_LAYOUT_MASKS; layout++)
        enter(f, prune_layout_name(layout), kept, PRUNE_ENCODING_BEST, layout);
    keep_some(kept, size, fraction, BLOCK, rng);
    enter(f, "blocks", kept, PRUNE_ENCODING_BLOCKS, PRUNE_LAYOUT_AUTO);
    keep_some(kept, size, 0.5, 1, rng);
    enter(f, "n_of_m", kept, PRUNE_ENCODING_N_OF_M, PRUNE_LAYOUT_AUTO);
    free(kept);
}

static void open_field(field *f, const size_t size[2], double fraction, int32_t kernels)
{
    prune_rng rng;
    prune_rng_seed(&rng, 1);
    const prune_backend *blas = prune_backend_blas();
    *f = (field){ .rows = size[0],
                  .columns = size[1],
                  .backend = blas != NULL ? blas : prune_backend_default(),
                  .kernels = kernels };
    f->weights = room_of(size[0] * size[1] * sizeof(float));
    f->x = room_of(LARGEST * size[1] * sizeof(float));
    f->y = room_of(LARGEST * size[0] * sizeof(float));
    for (size_t i = 0; i < size[0] * size[1]; i++)
        f->weights[i] = prune_rng_uniform(&rng) - 0.5f;
    for (size_t i = 0; i < LARGEST * size[1]; i++)
        f->x[i] = prune_rng_uniform(&rng) - 0.5f;
    enter_all(f, fraction, &rng);
}

static void close_field(field *f)
{
    for (size_t i = 0; i < f->count; i++) {
        prune_tensor_free(f->all[i].x);
        prune_tensor_free(f->all[i].y);
        prune_product_free(f->all[i].product);
        free(f->all[i].room);
    }
    free(f->weights);
    free(f->x);
    free(f->y);
}

static void set_batch(field *f, size_t batch)
{
    f->dense = (prune_gemm){ .m = batch,
                             .n = f->rows,
                             .k = f->columns,
                             .a = f->x,
                             .b = f->weights,
                             .c = f->y,
                             .lda = f->columns,
                             .ldb = f->columns,
                             .ldc = f->rows,
                             .transpose_b = 1,
                             .alpha = 1.0f };
    for (size_t i = 0; i < f->count; i++) {
        contestant *c = &f->all[i];
        prune_tensor_free(c->x);
        prune_tensor_free(c->y);
        must(prune_tensor_const_matrix(&c->x, NULL, PRUNE_F32, batch, f->columns, f->x) == PRUNE_OK, "x");
        must(prune_tensor_matrix(&c->y, NULL, PRUNE_F32, batch, f->rows, f->y) == PRUNE_OK, "y");
    }
}

/* ---- the race ---- */

/* auto beside the fastest of those that are forced. */
static int report_best(FILE *csv, const field *f, versus_times *times, const char *where)
{
    const versus_times *mine = NULL, *best = NULL;
    char name[96];
    for (size_t i = 0; i < f->count; i++) {
        const versus_times *t = &times[i + 1];
        if (strcmp(f->all[i].name, "auto") == 0)
            mine = t;
        if (f->all[i].encoding == FORCED && (best == NULL || versus_median(t->us) < versus_median(best->us)))
            best = t;
    }
    must(mine != NULL && best != NULL, "no layout");
    versus_times beside = *mine;
    for (size_t round = 0; round < VERSUS_ROUNDS; round++)
        beside.ratio[round] = mine->ratio[round] / versus_median(best->ratio);
    snprintf(name, sizeof name, "infer/auto-of-best/%s", where);
    return versus_report(csv, name, "fastest layout", &beside, best, 1.0 / 0.95);
}

static int race(FILE *csv, field *f, size_t size, size_t batch, int sparsest)
{
    versus_times times[MOST + 1];
    versus_work work[MOST + 1] = { { run_dense, f } };
    char where[48], name[96];
    int missed = 0;
    set_batch(f, batches[batch]);
    for (size_t i = 0; i < f->count; i++)
        work[i + 1] = (versus_work){ run_product, &f->all[i] };
    versus_measure(times, work, f->count + 1);
    for (size_t i = 0; i < f->count; i++) {
        const contestant *c = &f->all[i];
        const char *sparsity = strcmp(c->name, "n_of_m") == 0 ? "s50" : sparsest ? "s95" : "s90";
        snprintf(where, sizeof where, "%dx%d/%s/b%d", (int)f->rows, (int)f->columns, sparsity,
                 (int)batches[batch]);
        snprintf(name, sizeof name, "infer/%s/%s", c->name, where);
        if (strcmp(sparsity, "s50") == 0 && sparsest)
            continue; /* has been there */
        const double goal = c->encoding == FORCED ? 0.0 : goal_of(c->encoding, size, batch, sparsest);
        missed += versus_report(csv, name, "dense by BLAS", &times[i + 1], &times[0], goal);
    }
    snprintf(where, sizeof where, "%dx%d/%s/b%d", (int)f->rows, (int)f->columns, sparsest ? "s95" : "s90",
             (int)batches[batch]);
    return missed + report_best(csv, f, times, where);
}

static int race_all(FILE *csv, int32_t kernels)
{
    int missed = 0;
    for (size_t size = 0; size < SIZES; size++)
        for (int sparsest = 0; sparsest < 2; sparsest++) {
            field f;
            open_field(&f, sizes[size], sparsest ? 0.05 : 0.1, kernels);
            for (size_t batch = 0; batch < BATCHES; batch++)
                missed += race(csv, &f, size, batch, sparsest);
            close_field(&f);
        }
    return missed;
}

/* Those of that name; the best ones if there is none. */
static int32_t kernels_of(const char *name)
{
    prune_kernels_info info;
    prune_kernels_info_init(&info);
    must(prune_backend_info(&info) == PRUNE_OK, "kernels");
    int32_t kernels = name == NULL ? info.best : PRUNE_KERNELS_PLAIN;
    while (name != NULL && kernels <= PRUNE_KERNELS_NEON && strcmp(prune_kernels_name(kernels), name) != 0)
        kernels++;
    must(kernels <= PRUNE_KERNELS_NEON && (info.offered >> kernels & 1), "no such kernels here");
    return kernels;
}

int main(int argc, char **argv)
{
    must(argc == 2 || argc == 3, "usage: infer_bench CSV [KERNELS]");
    const int32_t kernels = kernels_of(argc == 3 ? argv[2] : NULL);
    FILE *csv = fopen(argv[1], "a");
    must(csv != NULL, "cannot write the CSV file");
    (void)prune_blas_set_threads(1);
    printf("products with %s kernels, beside dense ones\n", prune_kernels_name(kernels));
    const int missed = race_all(csv, kernels);
    must(fclose(csv) == 0, "cannot write the CSV file");
    printf("goals of inference missed: %d\n", missed);
    return 0;
}
