/* versions.c -- structs that start with their size, as callers of other versions would pass them
 *
 * SPDX-License-Identifier: MIT */
#include "versions.h"

#include <stdlib.h>
#include <string.h>

enum { EXTRA = 64 };

/* Runs it with a block of `room` bytes that begins as the good struct does and says it has `said`. */
static void expect(const version_case *c, prune_model *model, size_t room, size_t said, prune_status wanted)
{
    unsigned char *block = malloc(room);
    const uint64_t hash = world_hash(model);
    ck_assert_ptr_nonnull(block);
    memset(block, 0xA5, room);
    memcpy(block, c->good, c->size < room ? c->size : room);
    memcpy(block, &said, sizeof said);
    const prune_status status = c->run(model, block);
    ck_assert_msg(status == wanted, "%s of %zu bytes gave %d, not %d", c->name, said, (int)status,
                  (int)wanted);
    ck_assert_msg(memcmp(block, &said, sizeof said) == 0, "%s lost its size", c->name);
    ck_assert_msg(world_hash(model) == hash, "%s changed the model", c->name);
    free(block);
}

void versions_size(const version_case *c, prune_model *model)
{
    size_t said;
    memcpy(&said, c->good, sizeof said);
    ck_assert_uint_eq(said, c->size);
    expect(c, model, c->size, said, PRUNE_OK);
}

void versions_shorter(const version_case *c, prune_model *model)
{
    for (size_t said = sizeof(size_t); said <= c->size; said += c->step)
        expect(c, model, said, said, PRUNE_OK);
}

void versions_longer(const version_case *c, prune_model *model)
{
    static const size_t more[] = { 1, 4, 8, EXTRA };
    for (size_t k = 0; k < 4; k++)
        expect(c, model, c->size + EXTRA, c->size + more[k], PRUNE_E_VERSION);
    expect(c, model, c->size + EXTRA, SIZE_MAX, PRUNE_E_VERSION);
}

void versions_without_room(const version_case *c, prune_model *model)
{
    for (size_t said = 0; said < sizeof(size_t); said++)
        expect(c, model, c->size, said, PRUNE_E_ARGUMENT);
}
