/* summary_test.c -- the text that describes a model
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

#include <stdio.h>
#include <string.h>

/* Keeps what is written; refuses the write number `refuse`, counted from 1. */
typedef struct page {
    char text[4096];
    size_t length;
    int writes, refuse;
} page;

static prune_status keep(void *user, const void *bytes, size_t count)
{
    page *p = user;
    p->writes++;
    if (p->writes == p->refuse)
        return PRUNE_E_SPACE;
    ck_assert_uint_lt(p->length + count, sizeof p->text);
    memcpy(p->text + p->length, bytes, count);
    p->length += count;
    return PRUNE_OK;
}

/* 4-3-2: two weights and a bias of the first layer are removed; one kept weight happens to be 0. */
static prune_model *small_model(void)
{
    const size_t widths[] = { 4, 3, 2 };
    const float weight[12] = { 1, 2, 0, 4, 5, 6, 7, 8, 9, 10, 11, 12 }, bias[3] = { 1, 2, 3 };
    prune_model *model = world_model(NULL, widths, 2, PRUNE_SIGMOID, 1);
    ck_assert_ok(prune_model_set_param(model, 0, weight, 12));
    ck_assert_ok(prune_model_set_param(model, 1, bias, 3));
    world_remove(model, 0, 5);
    world_remove(model, 0, 11);
    world_remove(model, 1, 2);
    return model;
}

START_TEST(a_small_model_reads_so)
{
    static const char expected[] =
        "layer                   shape           parameters   non-zeros        MACs   MACs kept       bytes\n"
        "0 dense, sigmoid        4 -> 3                  15          11          12          10          60\n"
        "1 dense, linear         3 -> 2                   8           6           6           6          32\n"
        "total                                           23          17          18          16          "
        "92\n";
    prune_model *model = small_model();
    page p = { .length = 0 };
    const prune_writer writer = { keep, &p };
    const uint64_t before = world_hash(model);
    ck_assert_ok(prune_model_summary(model, &writer));
    ck_assert_str_eq(p.text, expected);
    ck_assert_uint_eq(world_hash(model), before);
    prune_model_free(model);
}
END_TEST

/* Each name, in a column wide enough for the longest. */
START_TEST(every_activation_has_its_name)
{
    prune_model *model;
    page p = { .length = 0 };
    const prune_writer writer = { keep, &p };
    ck_assert_ok(prune_model_create(&model, NULL, 2));
    for (int32_t kind = PRUNE_LINEAR; kind <= PRUNE_SOFTPLUS; kind++)
        ck_assert_ok(prune_model_add_dense(model, 2, kind));
    ck_assert_ok(prune_model_summary(model, &writer));
    for (int32_t kind = PRUNE_LINEAR; kind <= PRUNE_SOFTPLUS; kind++) {
        char line[64], name[32];
        (void)snprintf(name, sizeof name, "%d dense, %s", (int)kind, prune_activation_name(kind));
        (void)snprintf(line, sizeof line, "\n%-24s2 -> 2 ", name);
        ck_assert_ptr_nonnull(strstr(p.text, line));
    }
    prune_model_free(model);
}
END_TEST

START_TEST(large_numbers_stay_apart)
{
    prune_model *model;
    page p = { .length = 0 };
    const prune_writer writer = { keep, &p };
    ck_assert_ok(prune_model_create(&model, NULL, 1000));
    ck_assert_ok(prune_model_add_dense(model, 2000, PRUNE_RELU));
    ck_assert_ok(prune_model_summary(model, &writer));
    ck_assert_ptr_nonnull(strstr(p.text, "\n0 dense, relu           1000 -> 2000       2002000 "));
    ck_assert_ptr_nonnull(strstr(p.text, "     2000000     2000000     8008000\n"));
    prune_model_free(model);
}
END_TEST

START_TEST(a_writer_that_fails_ends_it)
{
    prune_model *model = small_model();
    int writes;
    {
        page p = { .length = 0 };
        const prune_writer writer = { keep, &p };
        ck_assert_ok(prune_model_summary(model, &writer));
        writes = p.writes;
    }
    ck_assert_int_ge(writes, 1);
    for (int n = 1; n <= writes; n++) {
        page p = { .refuse = n };
        const prune_writer writer = { keep, &p };
        ck_assert_status(prune_model_summary(model, &writer), PRUNE_E_SPACE);
        ck_assert_int_eq(p.writes, n);
    }
    prune_model_free(model);
}
END_TEST

START_TEST(null_and_empty)
{
    prune_model *model;
    page p = { .length = 0 };
    const prune_writer writer = { keep, &p }, none = { NULL, &p };
    ck_assert_ok(prune_model_create(&model, NULL, 4));
    ck_assert_status(prune_model_summary(NULL, &writer), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_model_summary(model, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_model_summary(model, &none), PRUNE_E_ARGUMENT);
    ck_assert_int_eq(p.writes, 0);
    ck_assert_ok(prune_model_summary(model, &writer)); /* no layers: a header and a total of nothing */
    ck_assert_ptr_nonnull(strstr(p.text, "\ntotal "));
    prune_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { a_small_model_reads_so, every_activation_has_its_name,
                                   large_numbers_stay_apart, a_writer_that_fails_ends_it, null_and_empty };
    return run_tests("summary", tests, sizeof tests / sizeof tests[0]);
}
