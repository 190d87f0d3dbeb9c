/* words.h -- lists of words with commas, as of METHODS= and KEPT=; "all" has every word
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_WORDS_H
#define BENCH_WORDS_H

int words_listed(const char *list, const char *word);

/* Whether all words of a list are known; else stderr says which is not. */
int words_known(const char *list, int (*is_known)(const char *word));

#endif
