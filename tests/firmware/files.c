/* files.c -- the container and the encodings: written, read, and refused where they were altered
 *
 * SPDX-License-Identifier: MIT */
#include "files.h"

#include "tell.h"

#include <string.h>

enum { ROOM = 8192, HEAD = 128, STRIDE = 97 };

/* A file in memory. What is written or read lies at the front of `bytes`. */
typedef struct file {
    unsigned char bytes[ROOM];
    size_t length;
    life *life;
    prune_model *model;
    prune_trainer *trainer;
} file;

static prune_status write_bytes(void *user, const void *bytes, size_t count)
{
    file *f = user;
    if (count > ROOM - f->length)
        return PRUNE_E_SPACE;
    memcpy(f->bytes + f->length, bytes, count);
    f->length += count;
    return PRUNE_OK;
}

static size_t read_bytes(void *user, uint64_t offset, void *bytes, size_t count)
{
    const file *f = user;
    memcpy(bytes, f->bytes + (size_t)offset, count);
    return count;
}

static prune_status write_file(void *user)
{
    file *f = user;
    const prune_writer writer = { write_bytes, f };
    return prune_trainer_write(f->life->trainer, &writer, NULL);
}

static prune_status read_file(void *user)
{
    file *f = user;
    const prune_reader reader = { read_bytes, f, f->length };
    return prune_trainer_read(&f->trainer, &f->model, &f->life->rest_mem, &reader, prune_backend_reference(),
                              NULL);
}

static void refused(file *f, const char *what)
{
    const size_t used = f->life->rest.used;
    check(read_file(f) != PRUNE_OK && !f->trainer && !f->model, what);
    check(f->life->rest.used == used, "what is refused leaves no memory taken");
}

/* One bit of each byte of its head, and of some of the rest. */
static void altered(file *f)
{
    for (size_t i = 0; i < f->length; i += i < HEAD ? 1 : STRIDE) {
        const unsigned char bit = (unsigned char)(1u << i % 8);
        f->bytes[i] ^= bit;
        refused(f, "an altered file is refused");
        f->bytes[i] ^= bit;
    }
    const size_t length = f->length;
    for (f->length = 0; f->length < length; f->length += f->length < HEAD ? 1 : 16 * STRIDE)
        refused(f, "half a file is refused");
    f->length = length;
}

/* What was read goes on as that which was written does, bit by bit. */
static void goes_on(const file *f)
{
    const life *l = f->life;
    check_ok(prune_trainer_step(NULL, f->trainer, l->one_x, l->one_y), "a step of what was read");
    check_ok(prune_trainer_step(NULL, l->trainer, l->one_x, l->one_y), "the same step of what was written");
    check(memcmp(prune_model_param(f->model, 0), prune_model_param(l->model, 0),
                 INPUTS * HIDDEN * sizeof(float)) == 0,
          "training goes on bit by bit");
}

static void container(file *f)
{
    cost_tell("write", write_file, f);
    memory_tell("file", f->length);
    hash_bytes(f->bytes, f->length);
    hash_tell("file");
    altered(f);
    cost_tell("read", read_file, f);
    if (f->trainer)
        goes_on(f);
    prune_trainer_free(f->trainer);
    prune_model_free(f->model);
}

/* What the first layer's weights are encoded as. */
typedef struct coded {
    prune_encoding_options options;
    prune_encoding_info info;
    unsigned char bytes[ROOM];
    float decoded[INPUTS * HIDDEN], sums[HIDDEN];
    prune_tensor *weights, *product, *input;
    size_t length;
} coded;

static void refused_code(coded *c, prune_status wanted, const char *what)
{
    const prune_status status = prune_encoding_decode(c->weights, c->bytes, c->length);
    check(wanted ? status == wanted : status != PRUNE_OK, what);
}

/* Values have no checksum, but whatever says where they belong is looked at. */
static void altered_code(coded *c)
{
    for (size_t i = 0; i < PRUNE_ENCODING_HEADER; i++) {
        c->bytes[i] ^= 0xFF;
        refused_code(c, PRUNE_OK, "an altered head of an encoding is refused");
        c->bytes[i] ^= 0xFF;
    }
    c->length -= 4;
    refused_code(c, PRUNE_E_TRUNCATED, "an encoding without its end is refused");
    c->length += 4;
}

static prune_status apply(void *user)
{
    coded *c = user;
    return prune_encoding_apply(c->product, c->input, c->bytes, c->length, 0);
}

static void encoding(coded *c, const prune_model *model)
{
    const char *name = prune_encoding_name(c->options.encoding);
    prune_encoding_info_init(&c->info);
    if (prune_encoded_param(&c->info, model, 0, &c->options) == PRUNE_E_UNSUPPORTED)
        return; /* 2 of 4 are not what this mask keeps */
    c->length = (size_t)c->info.bytes;
    check(c->length <= ROOM, "the encoding fits");
    check_ok(prune_encoded_write(c->bytes, c->length, model, 0, &c->options), name);
    check_ok(prune_encoding_check(NULL, c->bytes, c->length, NULL), name);
    check_ok(prune_encoding_decode(c->weights, c->bytes, c->length), name);
    check(memcmp(c->decoded, prune_model_param(model, 0), sizeof c->decoded) == 0, "decoded, bit by bit");
    cost_tell(name, apply, c);
    hash_bytes(c->bytes, c->length);
    hash_floats(c->sums, HIDDEN);
    altered_code(c);
}

static void encodings(coded *c, life *l)
{
    prune_encoding_options_init(&c->options);
    check_ok(prune_tensor_matrix(&c->weights, &l->rest_mem, PRUNE_F32, HIDDEN, INPUTS, c->decoded), "W");
    check_ok(prune_tensor_matrix(&c->product, &l->rest_mem, PRUNE_F32, 1, HIDDEN, c->sums), "y");
    check_ok(prune_tensor_matrix(&c->input, &l->rest_mem, PRUNE_F32, 1, INPUTS, l->x), "x");
    for (c->options.encoding = PRUNE_ENCODING_DENSE; prune_encoding_name(c->options.encoding);
         c->options.encoding++)
        encoding(c, l->model);
    hash_tell("encodings");
    prune_tensor_free(c->input);
    prune_tensor_free(c->product);
    prune_tensor_free(c->weights);
}

void files_run(life *l)
{
    static file f;
    static coded c;
    f.life = l;
    container(&f);
    encodings(&c, l);
}
