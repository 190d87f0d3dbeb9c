/* versions.h -- structs that start with their size, as callers of other versions would pass them, for tests
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_VERSIONS_H
#define TESTS_VERSIONS_H

#include "runner.h"

/* A struct with good values, and a call that takes it, options or result; PRUNE_OK where that works, with
 * each part of it that is long enough to have its size. The model stays as it is. */
typedef struct version_case {
    const char *name;
    prune_status (*run)(prune_model *model, void *given);
    const void *good;
    size_t size;
    size_t step; /* its fields end at multiples of this: 4, or a pointer's size if good has pointers */
} version_case;

/* The struct says how long it is. */
void versions_size(const version_case *c, prune_model *model);

/* Shorter ones are taken, in memory of exactly that size, so that a sanitizer sees a byte beyond. */
void versions_shorter(const version_case *c, prune_model *model);

/* Longer ones are PRUNE_E_VERSION, and those without room for the size PRUNE_E_ARGUMENT. */
void versions_longer(const version_case *c, prune_model *model);
void versions_without_room(const version_case *c, prune_model *model);

#endif
