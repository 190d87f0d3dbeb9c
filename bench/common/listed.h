/* listed.h -- lists of words with commas, as of METHODS= and KEPT=; "all" has every word
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_LISTED_H
#define BENCH_LISTED_H

int listed_has(const char *list, const char *word);

/* Whether all words of a list are known; else stderr says which is not. */
int listed_known(const char *list, int (*is_known)(const char *word));

#endif
