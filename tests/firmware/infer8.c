/* infer8.c -- the runtime on int8: the same bits with SMLAD and without, and what it takes
 *
 * SPDX-License-Identifier: MIT */
#include "infer8.h"

#include "tell.h"

enum { IN = 200, OUT = 40, WORDS = 4096, SCRATCH = (IN + OUT) * 2, KEEP_ONE_OF = 10, SHIFT = 8 };

typedef struct infer8 {
    uint32_t words[WORDS], scratch[SCRATCH / 4];
    size_t count, layer; /* where the last layer begins */
    prune_rng rng;
    int8_t x[IN], y[OUT];
} infer8;

static prune_blob_header *header(infer8 *f)
{
    return (prune_blob_header *)(void *)f->words;
}

static prune_blob_layer *layer(infer8 *f)
{
    return (prune_blob_layer *)(void *)(f->words + f->layer);
}

static void put(infer8 *f, uint32_t word)
{
    check(f->count < WORDS, "the blob fits");
    f->words[f->count++] = word;
    layer(f)->words++;
}

static void start_layer(infer8 *f, int32_t op, size_t outputs, size_t to)
{
    f->layer = f->count;
    f->count += sizeof(prune_blob_layer) / 4;
    *layer(f) = (prune_blob_layer){
        .op = (uint16_t)op, .inputs = header(f)->outputs, .outputs = (uint16_t)outputs, .to = (uint32_t)to
    };
    header(f)->outputs = (uint16_t)outputs;
    header(f)->layers++;
}

static void start(infer8 *f, size_t inputs)
{
    *header(f) = (prune_blob_header){ .magic = PRUNE_BLOB_MAGIC,
                                      .version = PRUNE_BLOB_VERSION,
                                      .panel = PRUNE_BLOB_PANEL,
                                      .inputs = (uint16_t)inputs,
                                      .outputs = (uint16_t)inputs,
                                      .scratch = SCRATCH };
    f->count = sizeof(prune_blob_header) / 4;
    start_layer(f, PRUNE_BLOB_WIDEN, (inputs + 3) / 4 * 4, 0);
}

static void end(infer8 *f, size_t outputs)
{
    start_layer(f, PRUNE_BLOB_NARROW, outputs, PRUNE_BLOB_OUTPUT);
    header(f)->words = (uint32_t)++f->count;
}

static void put_scales(infer8 *f, size_t rows)
{
    put(f, (uint32_t)rows);
    put(f, (uint32_t)-3);
    for (size_t i = 0; i < rows; i++)
        put(f, UINT32_C(1) << 30 | (prune_rng_next(&f->rng) >> 2 & ~31u) | SHIFT);
}

static void add_dense(infer8 *f, size_t outputs, size_t to)
{
    const size_t inputs = header(f)->outputs;
    start_layer(f, PRUNE_BLOB_DENSE8, outputs, to);
    put_scales(f, outputs);
    for (size_t panel = 0; panel < outputs / 4; panel++)
        for (size_t i = 0; i < 4 + inputs; i++)
            put(f, i < 4 ? prune_rng_next(&f->rng) >> 16 : prune_rng_next(&f->rng));
}

/* Each row has so many blocks, fours of columns apart. Numbers up to 255, and another behind 255. */
static void add_blocks(infer8 *f, size_t outputs, size_t to, size_t blocks, size_t apart)
{
    const size_t bytes = outputs * (blocks + blocks / 255 + 1);
    start_layer(f, PRUNE_BLOB_BLOCKS8, outputs, to);
    put_scales(f, outputs);
    put(f, (uint32_t)(outputs * (1 + blocks)));
    for (size_t i = 0; i < outputs * (1 + blocks); i++)
        put(f, i % (1 + blocks) ? prune_rng_next(&f->rng) : prune_rng_next(&f->rng) >> 16);
    unsigned char *byte = (unsigned char *)(f->words + f->count);
    for (size_t i = 0; i < (bytes + 3) / 4; i++)
        put(f, 0);
    for (size_t row = 0; row < outputs; row++)
        for (size_t i = 0; i <= blocks; i++) {
            if (i % 255 == 0)
                *byte++ = (unsigned char)(blocks - i < 255 ? blocks - i : 255);
            if (i < blocks)
                *byte++ = (unsigned char)(i == 0 ? (row * 7 + 2) % KEEP_ONE_OF : apart);
        }
}

static void add_affine(infer8 *f, size_t to)
{
    const size_t width = header(f)->outputs;
    start_layer(f, PRUNE_BLOB_AFFINE8, width, to);
    put(f, SHIFT);
    for (size_t i = 0; i < 2 * width; i++)
        put(f, prune_rng_next(&f->rng) >> 21);
}

static const prune_blob_op *const ops[] = { &prune_op_widen,   &prune_op_dense8, &prune_op_blocks8,
                                            &prune_op_affine8, &prune_op_narrow, NULL };

static prune_status run(void *user)
{
    infer8 *f = user;
    return prune_blob_run(f->words, ops, f->y, f->x, f->scratch, sizeof f->scratch);
}

static void tell(infer8 *f, const char *name)
{
    check_ok(prune_blob_open(f->words, f->count * 4, ops), "a blob of int8 is sound");
    cost_tell(name, run, f);
    hash_bytes(f->y, header(f)->outputs);
}

static void hash_long(infer8 *f, size_t blocks)
{
    const prune_rng rng = f->rng; /* others draw what they did */
    start(f, IN);
    add_blocks(f, 4, IN * 2, blocks, 0);
    end(f, 4);
    check_ok(prune_blob_open(f->words, f->count * 4, ops), "a blob of long rows is sound");
    check_ok(run(f), "a blob of long rows runs");
    hash_bytes(f->y, 4);
    f->rng = rng;
}

void infer8_run(void)
{
    static infer8 f;
    prune_rng_seed(&f.rng, 8);
    for (size_t i = 0; i < IN; i++)
        f.x[i] = (int8_t)((int32_t)prune_rng_below(&f.rng, 256) - 128);
    start(&f, IN);
    add_dense(&f, OUT, IN * 2);
    end(&f, OUT);
    tell(&f, "run-dense8");
    start(&f, IN);
    add_blocks(&f, OUT, IN * 2, IN / 4 / KEEP_ONE_OF, KEEP_ONE_OF);
    end(&f, OUT);
    tell(&f, "run-blocks8");
    for (size_t blocks = 252; blocks <= 512; blocks++) /* of the same four columns */
        hash_long(&f, blocks);
    start(&f, IN);
    add_affine(&f, 0);
    end(&f, OUT);
    tell(&f, "run-affine8");
    start(&f, 20);
    add_dense(&f, 12, SCRATCH / 2);
    add_dense(&f, 12, 0);
    add_dense(&f, 4, SCRATCH / 2);
    end(&f, 1);
    tell(&f, "run-small8");
    hash_tell("run-int8");
}
