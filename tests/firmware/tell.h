/* tell.h -- what the checks say, line by line, for figures.awk: hashes, costs, failures
 *
 * SPDX-License-Identifier: MIT */
#ifndef FIRMWARE_TELL_H
#define FIRMWARE_TELL_H

#include <libprune.h>

/* Failures are counted; `what` is what should have been. */
void check(int condition, const char *what);
void check_ok(prune_status status, const char *what);

/* The exit status of the program: how many checks have failed, at most 90. */
int failures(void);

/* FNV-1a over bits, which are to be the same on every machine; told and started anew by hash_tell(). */
void hash_bytes(const void *bytes, size_t count);
void hash_floats(const float *values, size_t count);
void hash_tell(const char *name);

/* Instructions and stack of work(user), which must give PRUNE_OK. */
void cost_tell(const char *name, prune_status (*work)(void *user), void *user);

/* Of what is not a call to measure. */
void instructions_tell(const char *name, uint32_t instructions);

/* Bytes of the arena. */
void memory_tell(const char *name, size_t bytes);

#endif
