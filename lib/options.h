/* options.h -- structs that start with their own size, passed between versions of the library */
#ifndef PRN_OPTIONS_H
#define PRN_OPTIONS_H

#include "libprune/base.h"

/* mine[mine_size] holds the defaults; what the caller's struct has is copied over them. given NULL
 * leaves the defaults. PRUNE_E_VERSION: longer than mine; PRUNE_E_ARGUMENT: too short for a size. */
prune_status prn_options_read(void *mine, size_t mine_size, const void *given);

/* Whether a caller's result struct can be filled: PRUNE_OK also for NULL (not wanted). */
prune_status prn_result_check(const void *theirs, size_t mine_size);

/* Whether all of them are 0 or 1. */
int32_t prn_options_switches(const int32_t *switches, size_t count);

/* What to tell a caller when one of these fails. */
const char *prn_options_reason(prune_status status);

/* Copies mine into the caller's struct as far as that goes, and leaves its size field alone.
 * `theirs` may be NULL, and has passed prn_result_check(). */
void prn_result_write(void *theirs, const void *mine);

#endif
