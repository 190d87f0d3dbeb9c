/* status_test.c -- status codes pinned, their sentences, and the version
 *
 * SPDX-License-Identifier: MIT */
#include "support/runner.h"

#include <stdio.h>
#include <string.h>

/* Position i is the code -i. They are part of the ABI: a line may be added, none may change. */
static const int32_t codes[] = {
    PRUNE_OK,         PRUNE_E_ARGUMENT,  PRUNE_E_MEMORY,      PRUNE_E_SHAPE,       PRUNE_E_SIZE,
    PRUNE_E_OVERFLOW, PRUNE_E_LIMIT,     PRUNE_E_RANGE,       PRUNE_E_TYPE,        PRUNE_E_READONLY,
    PRUNE_E_EMPTY,    PRUNE_E_NO_LAYERS, PRUNE_E_NONFINITE,   PRUNE_E_LABEL,       PRUNE_E_STATE,
    PRUNE_E_DIVERGED, PRUNE_E_COLLAPSE,  PRUNE_E_MASK,        PRUNE_E_UNSUPPORTED, PRUNE_E_VERSION,
    PRUNE_E_FORMAT,   PRUNE_E_TRUNCATED, PRUNE_E_CHECKSUM,    PRUNE_E_IO,          PRUNE_E_SPACE,
    PRUNE_E_SINGULAR, PRUNE_E_DISAGREE,  PRUNE_E_UNCONFIRMED,
};
enum { CODES = sizeof codes / sizeof codes[0] };

START_TEST(codes_never_change)
{
    ck_assert_uint_eq(CODES, 28);
    for (int32_t i = 0; i < CODES; i++)
        ck_assert_int_eq(codes[i], -i);
    ck_assert_uint_eq(sizeof(prune_status), 4);
}
END_TEST

START_TEST(each_code_has_a_sentence_of_its_own)
{
    for (size_t i = 0; i < CODES; i++) {
        const char *sentence = prune_status_string(codes[i]);
        ck_assert_ptr_nonnull(sentence);
        ck_assert_uint_ge(strlen(sentence), 5);
        ck_assert_ptr_eq(prune_status_string(codes[i]), sentence);
        for (size_t j = 0; j < i; j++)
            ck_assert_str_ne(sentence, prune_status_string(codes[j]));
    }
}
END_TEST

START_TEST(other_numbers_have_one_too)
{
    static const int32_t others[] = {
        1, -CODES, -CODES - 1, 1000, -1000, INT32_MAX, INT32_MIN, INT32_MIN + 1
    };
    for (size_t i = 0; i < 8; i++) {
        const char *sentence = prune_status_string(others[i]);
        ck_assert_ptr_nonnull(sentence);
        for (size_t j = 0; j < CODES; j++)
            ck_assert_str_ne(sentence, prune_status_string(codes[j]));
    }
}
END_TEST

START_TEST(the_version_is_that_of_the_headers)
{
    char text[40];
    (void)snprintf(text, sizeof text, "%d.%d.%d", PRUNE_VERSION_MAJOR, PRUNE_VERSION_MINOR,
                   PRUNE_VERSION_PATCH);
    ck_assert_str_eq(prune_version_string(), text);
    ck_assert_int_eq(prune_version_number(),
                     PRUNE_VERSION_MAJOR * 10000 + PRUNE_VERSION_MINOR * 100 + PRUNE_VERSION_PATCH);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { codes_never_change, each_code_has_a_sentence_of_its_own,
                                   other_numbers_have_one_too, the_version_is_that_of_the_headers };
    return run_tests("status", tests, sizeof tests / sizeof tests[0]);
}
