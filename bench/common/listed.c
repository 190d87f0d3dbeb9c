/* listed.c -- lists of words with commas
 *
 * SPDX-License-Identifier: MIT */
#include "listed.h"

#include <stdio.h>
#include <string.h>

enum { WORD = 32 };

int listed_has(const char *list, const char *word)
{
    const size_t length = strlen(word);
    if (strcmp(list, "all") == 0)
        return 1;
    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, word, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return 1;
    }
    return 0;
}

int listed_known(const char *list, int (*is_known)(const char *word))
{
    char word[WORD];
    for (const char *at = list; strcmp(list, "all") != 0; at++) {
        const size_t length = strcspn(at, ",");
        snprintf(word, WORD, "%.*s", (int)(length < WORD ? length : WORD - 1), at);
        if (!is_known(word)) {
            fprintf(stderr, "unknown: '%s'\n", word);
            return 0;
        }
        at += length;
        if (*at == '\0')
            break;
    }
    return 1;
}
