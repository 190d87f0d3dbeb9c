/* mem.c -- arrays from the caller's allocator, and plans in one block
 *
 * SPDX-License-Identifier: MIT */
#include "mem.h"
#include "platform.h"

#include <string.h>

/* Arrays of pointers grow by so many, so that few layers in an arena never move their array. */
enum { ALIGNMENT = 16, LEAST = 8 };

prune_status prn_mem_choose(prune_allocator *out, const prune_allocator *given)
{
    if (given == NULL)
        given = prn_platform_allocator();
    if (given == NULL || given->resize == NULL)
        return PRUNE_E_ARGUMENT;
    *out = *given;
    return PRUNE_OK;
}

int32_t prn_mem_overflows(size_t count, size_t item)
{
    return item != 0 && count > SIZE_MAX / item;
}

void *prn_mem_alloc(const prune_allocator *mem, size_t count, size_t item)
{
    if (prn_mem_overflows(count, item))
        return NULL;
    void *block = mem->resize(mem->user, NULL, 0, count * item);
    if (block != NULL)
        memset(block, 0, count * item);
    return block;
}

void prn_mem_free(const prune_allocator *mem, void *block, size_t count, size_t item)
{
    if (block != NULL)
        mem->resize(mem->user, block, count * item, 0);
}

size_t prn_mem_pushed_bytes(size_t count)
{
    size_t room = count == 0 ? 0 : LEAST;
    while (room < count)
        room *= 2;
    return room * sizeof(void *);
}

prune_status prn_mem_push(const prune_allocator *mem, void ***array, size_t *count, void *item)
{
    if (*count > SIZE_MAX / sizeof(void *) / 4)
        return PRUNE_E_OVERFLOW;
    const size_t old_size = prn_mem_pushed_bytes(*count), new_size = prn_mem_pushed_bytes(*count + 1);
    void **grown = old_size == new_size ? *array : mem->resize(mem->user, *array, old_size, new_size);
    if (grown == NULL)
        return PRUNE_E_MEMORY;
    grown[*count] = item;
    *array = grown;
    *count += 1;
    return PRUNE_OK;
}

size_t prn_layout_add(prn_layout *layout, size_t count, size_t item)
{
    const size_t offset = layout->bytes;
    if (prn_mem_overflows(count, item) || count * item > SIZE_MAX - (ALIGNMENT - 1) ||
        (count * item + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT > SIZE_MAX - offset) {
        layout->overflow = 1;
        return 0;
    }
    layout->bytes = offset + (count * item + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return offset;
}
