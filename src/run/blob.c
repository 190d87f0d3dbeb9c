/* blob.c -- checking a blob, and running it layer by layer
 *
 * SPDX-License-Identifier: MIT */
#include "blob.h"
#include "crc.h"

/* The CRC-32 of anything followed by its own, little-endian. */
#define CRC_OF_WHOLE 0x2144DF1Cu

enum {
    HEADER_WORDS = sizeof(prune_blob_header) / sizeof(uint32_t),
    LAYER_WORDS = sizeof(prune_blob_layer) / sizeof(uint32_t)
};

uint32_t prn_check_none(const prune_blob_layer *layer)
{
    return layer->words;
}

static const prune_blob_layer *behind(const prune_blob_layer *layer)
{
    return (const prune_blob_layer *)(prn_layer_data(layer) + layer->words);
}

static const prune_blob_op *find(const prune_blob_op *const *ops, uint32_t id)
{
    while (*ops != NULL && (*ops)->id != id)
        ops++;
    return *ops;
}

/* Before a layer. */
typedef struct walk {
    const prune_blob_header *header;
    size_t at;            /* words of the blob that are checked */
    uint32_t from, end;   /* what it reads lies here, in one space of addresses: scratch from 0 on, outputs
                             from PRUNE_BLOB_OUTPUT; inputs nowhere, for nothing is written there */
    uint32_t width, type; /* of it */
} walk;

/* Whether what the layer writes lies where it may, and not on what it reads. */
static int32_t has_place(const walk *w, const prune_blob_layer *layer, const prune_blob_op *op)
{
    const prune_blob_header *h = w->header;
    const uint32_t to = layer->to, bytes = (uint32_t)layer->outputs << op->gives;
    if (to == PRUNE_BLOB_OUTPUT ? layer->outputs > h->outputs || op->gives > h->gives
                                : to % 4 != 0 || to > h->scratch || bytes > h->scratch - to)
        return 0;
    return to + bytes <= w->from || to >= w->end || (op->in_place && to == w->from);
}

static prune_status check_layer(walk *w, const prune_blob_op *const *ops)
{
    const prune_blob_layer *layer = (const prune_blob_layer *)((const uint32_t *)w->header + w->at);
    w->at += LAYER_WORDS;
    if (w->header->words < w->at || layer->words >= w->header->words - w->at)
        return PRUNE_E_FORMAT;
    const prune_blob_op *op = find(ops, layer->op | (uint32_t)layer->zero << 16);
    if (op == NULL)
        return PRUNE_E_UNSUPPORTED;
    if (op->takes != w->type || layer->inputs != w->width || layer->outputs == 0 ||
        (op->in_place && layer->outputs != layer->inputs) || !has_place(w, layer, op) ||
        op->check(layer) != 0)
        return PRUNE_E_FORMAT;
    w->at += layer->words;
    w->from = layer->to;
    w->end = layer->to + ((uint32_t)layer->outputs << op->gives);
    w->width = layer->outputs;
    w->type = op->gives;
    return PRUNE_OK;
}

prune_status prune_blob_open(const void *blob, size_t length, const prune_blob_op *const *ops)
{
    const prune_blob_header *h = (const prune_blob_header *)blob;
    if (blob == NULL || ops == NULL || (uintptr_t)blob % 4 != 0)
        return PRUNE_E_ARGUMENT;
    if (length / 4 < HEADER_WORDS + 1)
        return PRUNE_E_TRUNCATED;
    if (h->magic != PRUNE_BLOB_MAGIC)
        return PRUNE_E_FORMAT;
    if (h->version != PRUNE_BLOB_VERSION || h->panel != PRUNE_BLOB_PANEL)
        return PRUNE_E_VERSION;
    if (h->words > length / 4)
        return PRUNE_E_TRUNCATED;
    if (h->scratch % 4 != 0)
        return PRUNE_E_FORMAT;
    walk w = { h, HEADER_WORDS, 0, 0, h->inputs, h->takes };
    for (uint32_t l = 0; l < h->layers; l++) {
        const prune_status status = check_layer(&w, ops);
        if (status != PRUNE_OK)
            return status;
    }
    return w.at + 1 == h->words && w.from == PRUNE_BLOB_OUTPUT && w.width == h->outputs && w.type == h->gives
               ? PRUNE_OK
               : PRUNE_E_FORMAT;
}

prune_status prune_blob_check(const void *blob, size_t length, const prune_blob_op *const *ops)
{
    const prune_blob_header *h = (const prune_blob_header *)blob;
    const prune_status status = prune_blob_open(blob, length, ops);
    return status == PRUNE_OK && prn_crc32(0, h, (size_t)h->words * 4) != CRC_OF_WHOLE ? PRUNE_E_CHECKSUM
                                                                                       : status;
}

const prune_blob_layer *prune_blob_first(const void *blob)
{
    return (const prune_blob_layer *)((const prune_blob_header *)blob + 1);
}

const prune_blob_layer *prune_blob_next(const prune_blob_layer *layer)
{
    return behind(layer);
}

size_t prune_blob_scratch(const void *blob)
{
    const prune_blob_header *h = (const prune_blob_header *)blob;
    return h == NULL ? 0 : h->scratch;
}

prune_status prune_blob_run(const void *blob, const prune_blob_op *const *ops, void *y, const void *x,
                            void *scratch, size_t room)
{
    const prune_blob_header *h = (const prune_blob_header *)blob;
    if (blob == NULL || ops == NULL || y == NULL || x == NULL || (uintptr_t)scratch % 4 != 0)
        return PRUNE_E_ARGUMENT;
    if (h->scratch > (scratch == NULL ? 0 : room))
        return PRUNE_E_MEMORY;
    const prune_blob_layer *layer = prune_blob_first(h);
    for (uint32_t left = h->layers; left != 0; left--, layer = behind(layer)) {
        const prune_blob_op *op = find(ops, layer->op);
        void *to = layer->to == PRUNE_BLOB_OUTPUT ? y : (unsigned char *)scratch + layer->to;
        if (op == NULL)
            return PRUNE_E_UNSUPPORTED;
        op->run(to, x, layer);
        x = to;
    }
    return PRUNE_OK;
}
