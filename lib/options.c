/* options.c -- structs that start with their own size, passed between versions of the library
 *
 * SPDX-License-Identifier: MIT */
#include "options.h"

#include <string.h>

static size_t size_of(const void *sized)
{
    size_t size;
    memcpy(&size, sized, sizeof size);
    return size;
}

prune_status prn_result_check(const void *theirs, size_t mine_size)
{
    if (theirs == NULL)
        return PRUNE_OK;
    if (size_of(theirs) > mine_size)
        return PRUNE_E_VERSION;
    return size_of(theirs) < sizeof(size_t) ? PRUNE_E_ARGUMENT : PRUNE_OK;
}

prune_status prn_options_read(void *mine, size_t mine_size, const void *given)
{
    const prune_status status = prn_result_check(given, mine_size);
    if (status == PRUNE_OK && given != NULL)
        memcpy((char *)mine + sizeof(size_t), (const char *)given + sizeof(size_t),
               size_of(given) - sizeof(size_t));
    return status;
}

int32_t prn_options_switches(const int32_t *switches, size_t count)
{
    int32_t good = 1;
    for (size_t i = 0; i < count; i++)
        good &= switches[i] == 0 || switches[i] == 1;
    return good;
}

const char *prn_options_reason(prune_status status)
{
    switch (status) {
    case PRUNE_E_ARGUMENT:
        return "its size is not set: call its _init() first";
    case PRUNE_E_VERSION:
        return "its size is that of a newer version, or was never set by its _init()";
    default:
        return prune_status_string(status);
    }
}

void prn_result_write(void *theirs, const void *mine)
{
    if (theirs != NULL)
        memcpy((char *)theirs + sizeof(size_t), (const char *)mine + sizeof(size_t),
               size_of(theirs) - sizeof(size_t));
}
