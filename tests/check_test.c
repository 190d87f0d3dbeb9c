/* check_test.c -- what judges all tests, Check or our stand-in for it, sees a failure of every kind
 *
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/runner.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* How many of these tests fail, when each ends after `seconds` at the latest. */
static int failures_of(const TTest *const *tests, size_t count, double seconds)
{
    Suite *suite = suite_create("inner");
    TCase *cases = tcase_create("inner");
    tcase_set_timeout(cases, seconds);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(cases, tests[i]);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_SILENT);
    const int failed = srunner_ntests_run(runner) == (int)count ? srunner_ntests_failed(runner) : -1;
    srunner_free(runner);
    return failed;
}

static const int here;
static const char bytes[] = { 1, 2, 3 }, others[] = { 1, 2, 4 };

START_TEST(what_holds)
{
    ck_assert(1);
    ck_assert_msg(1, "%d", 1);
    ck_assert_int_eq(-1, -1);
    ck_assert_int_ne(-1, 1);
    ck_assert_int_lt(-1, 0);
    ck_assert_int_gt(0, -1);
    ck_assert_int_ge(0, 0);
    ck_assert_uint_eq(UINT64_MAX, UINT64_MAX);
    ck_assert_uint_ne(UINT64_MAX, 0);
    ck_assert_uint_lt(0, UINT64_MAX);
    ck_assert_uint_le(1, 1);
    ck_assert_uint_gt(UINT64_MAX, 0);
    ck_assert_uint_ge(1, 1);
    ck_assert_double_eq(0.5, 0.5);
    ck_assert_double_lt(0.25, 0.5);
    ck_assert_double_le(0.5, 0.5);
    ck_assert_double_gt(0.5, 0.25);
    ck_assert_double_ge(0.5, 0.5);
    ck_assert_double_eq_tol(0.5, 0.25, 0.375);
    ck_assert_double_nan((double)NAN);
    ck_assert_ptr_eq(&here, &here);
    ck_assert_ptr_ne(&here, bytes);
    ck_assert_ptr_null(NULL);
    ck_assert_ptr_nonnull(&here);
    ck_assert_str_eq("a", "a");
    ck_assert_str_ne("a", "b");
    ck_assert_mem_eq(bytes, others, 2);
    ck_assert_mem_ne(bytes, others, 3);
    ck_assert_ok(PRUNE_OK);
}
END_TEST

#define FAILS(name, ...) \
    START_TEST(name)     \
    {                    \
        __VA_ARGS__;     \
    }                    \
    END_TEST
FAILS(f_assert, ck_assert(here))
FAILS(f_msg, ck_assert_msg(here, "%d", 1))
FAILS(f_abort, ck_abort_msg("%d", 1))
FAILS(f_int_eq, ck_assert_int_eq(-1, 1))
FAILS(f_int_ne, ck_assert_int_ne(-1, -1))
FAILS(f_int_lt, ck_assert_int_lt(0, 0))
FAILS(f_int_gt, ck_assert_int_gt(0, 0))
FAILS(f_int_ge, ck_assert_int_ge(-1, 0))
FAILS(f_uint_eq, ck_assert_uint_eq(UINT64_C(1) << 40, 0))
FAILS(f_uint_ne, ck_assert_uint_ne(1, 1))
FAILS(f_uint_lt, ck_assert_uint_lt(UINT64_MAX, 0))
FAILS(f_uint_le, ck_assert_uint_le(1, 0))
FAILS(f_uint_gt, ck_assert_uint_gt(0, UINT64_MAX))
FAILS(f_uint_ge, ck_assert_uint_ge(0, 1))
FAILS(f_double_eq, ck_assert_double_eq(0.5, 0.5 + 0x1p-40))
FAILS(f_double_nan, ck_assert_double_eq((double)NAN, (double)NAN))
FAILS(f_double_lt, ck_assert_double_lt(0.5, 0.5))
FAILS(f_double_le, ck_assert_double_le((double)NAN, 0.5))
FAILS(f_double_gt, ck_assert_double_gt(0.5, 0.5))
FAILS(f_double_ge, ck_assert_double_ge(0.5, (double)NAN))
FAILS(f_double_tol, ck_assert_double_eq_tol(0.5, 0.25, 0.125))
FAILS(f_double_tol_nan, ck_assert_double_eq_tol((double)NAN, 0.25, 0.125))
FAILS(f_nan, ck_assert_double_nan(0.5))
FAILS(f_ptr_eq, ck_assert_ptr_eq(&here, bytes))
FAILS(f_ptr_ne, ck_assert_ptr_ne(bytes, bytes))
FAILS(f_ptr_null, ck_assert_ptr_null(bytes))
FAILS(f_ptr_nonnull, ck_assert_ptr_nonnull(NULL))
FAILS(f_str_eq, ck_assert_str_eq("a", "b"))
FAILS(f_str_ne, ck_assert_str_ne("a", "a"))
FAILS(f_mem_eq, ck_assert_mem_eq(bytes, others, 3))
FAILS(f_mem_ne, ck_assert_mem_ne(bytes, others, 2))
FAILS(f_status, ck_assert_ok(PRUNE_E_MEMORY))
FAILS(f_signal, raise(SIGABRT))
FAILS(f_kill, raise(SIGKILL))
FAILS(f_exit_status, exit(3))

static int broken_child(void)
{
    ck_assert(here);
    return 0;
}
static int odd_child(void)
{
    return 7;
}
static int dead_child(void)
{
    return raise(SIGKILL);
}
FAILS(f_broken_child, run_in_child(broken_child))
FAILS(f_odd_child, run_in_child(odd_child))
FAILS(f_dead_child, run_in_child(dead_child))

FAILS(hangs, for (;;) pause())

static int each_failure_counts(void)
{
    const TTest *const fails[] = {
        f_assert,         f_msg,        f_abort,     f_int_eq,    f_int_ne,    f_int_lt,      f_int_gt,
        f_int_ge,         f_uint_eq,    f_uint_ne,   f_uint_lt,   f_uint_le,   f_uint_gt,     f_uint_ge,
        f_double_eq,      f_double_nan, f_double_lt, f_double_le, f_double_gt, f_double_ge,   f_double_tol,
        f_double_tol_nan, f_nan,        f_ptr_eq,    f_ptr_ne,    f_ptr_null,  f_ptr_nonnull, f_str_eq,
        f_str_ne,         f_mem_eq,     f_mem_ne,    f_status,    f_signal,    f_kill,        f_exit_status,
        f_broken_child,   f_odd_child,  f_dead_child
    };
    for (size_t i = 0; i < sizeof fails / sizeof fails[0]; i++)
        if (failures_of(&fails[i], 1, 60.0) != 1)
            return 0;
    return failures_of(fails, 5, 60.0) == 5;
}

static int a_failure_is_not_the_others(void)
{
    const TTest *const some[] = { what_holds, f_assert, what_holds };
    return failures_of(some, 1, 60.0) == 0 && failures_of(some, 3, 60.0) == 1;
}

static int what_hangs_is_ended(void)
{
    const TTest *const tests[] = { hangs };
    return failures_of(tests, 1, 1.0) == 1;
}

/* A program of one such test says so to whoever has run it. */
static int programs_say_so(void)
{
    int status;
    const TTest *const tests[] = { f_assert };
    const pid_t child = fork();
    if (child == 0)
        _exit(freopen("/dev/null", "w", stdout) == NULL ? 0 : run_tests("inner", tests, 1));
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

/* Not by assertions: were they broken, they would not say so. */
int main(void)
{
    const TTest *const tests[] = { what_holds };
    if (!each_failure_counts() || !a_failure_is_not_the_others() || !what_hangs_is_ended() ||
        !programs_say_so())
        return 2;
    return run_tests("check", tests, sizeof tests / sizeof tests[0]);
}
