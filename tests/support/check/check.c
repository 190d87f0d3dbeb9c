/* check.c -- as much of Check as the tests use, for the ports: each test runs in a process of its own
 *
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the process of a test ends with; anything else was not its end. */
enum { PASSED = 111, FAILED = 112 };

struct TCase {
    const TTest **tests;
    size_t count;
    double seconds;
};
struct Suite {
    const char *name;
    TCase *tests;
};
struct SRunner {
    Suite *suite;
    enum print_output how;
    int run, failures, errors;
};

static void *take(void *block, size_t size)
{
    void *taken = realloc(block, size);
    if (taken == NULL)
        abort();
    return taken;
}

Suite *suite_create(const char *name)
{
    Suite *suite = take(NULL, sizeof *suite);
    *suite = (Suite){ name, NULL };
    return suite;
}

TCase *tcase_create(const char *name)
{
    TCase *tests = take(NULL, sizeof *tests);
    (void)name;
    *tests = (TCase){ NULL, 0, 4.0 };
    return tests;
}

void tcase_set_timeout(TCase *tests, double seconds)
{
    tests->seconds = seconds;
}

void tcase_add_test(TCase *tests, const TTest *test)
{
    tests->tests = take(tests->tests, (tests->count + 1) * sizeof(TTest *));
    tests->tests[tests->count++] = test;
}

void suite_add_tcase(Suite *suite, TCase *tests)
{
    suite->tests = tests;
}

SRunner *srunner_create(Suite *suite)
{
    SRunner *runner = take(NULL, sizeof *runner);
    *runner = (SRunner){ .suite = suite };
    return runner;
}

void check_fail(const char *file, int line, const char *format, ...)
{
    va_list rest;
    printf("%s:%d: ", file, line);
    va_start(rest, format);
    vprintf(format, rest);
    va_end(rest);
    printf("\n");
    fflush(NULL);
    _exit(FAILED);
}

/* Emulated machines are slow: as with Check, the environment may give more time. */
static unsigned timeout_of(const TCase *tests)
{
    const char *times = getenv("CK_TIMEOUT_MULTIPLIER");
    return (unsigned)tests->seconds * (times == NULL ? 1 : (unsigned)strtoul(times, NULL, 10));
}

_Noreturn static void be_a_test(const SRunner *runner, const TTest *test)
{
    setpgid(0, 0);
    if (runner->how == CK_SILENT && freopen("/dev/null", "w", stdout) == NULL)
        _exit(FAILED);
    alarm(timeout_of(runner->suite->tests));
    test->run(0);
    fflush(NULL);
    _exit(PASSED);
}

/* The wait status of the test's process; whatever it started ends with it. */
static int status_of(const SRunner *runner, const TTest *test)
{
    int status;
    fflush(NULL);
    const pid_t child = fork();
    if (child < 0)
        abort();
    if (child == 0)
        be_a_test(runner, test);
    setpgid(child, child);
    if (waitpid(child, &status, 0) != child)
        abort();
    kill(-child, SIGKILL);
    return status;
}

static void run(SRunner *runner, const TTest *test)
{
    const int status = status_of(runner, test), ended = WIFEXITED(status);
    const int failed = ended && WEXITSTATUS(status) == FAILED;
    const int error = !failed && !(ended && WEXITSTATUS(status) == PASSED);
    runner->run++;
    runner->failures += failed;
    runner->errors += error;
    if (runner->how == CK_SILENT || (!failed && !error))
        return;
    printf("%s:%s: %s", runner->suite->name, test->name,
           failed  ? "failed"
           : ended ? "exit status "
                   : "signal ");
    if (error)
        printf("%d", ended ? WEXITSTATUS(status) : WTERMSIG(status));
    printf("\n");
}

void srunner_run_all(SRunner *runner, enum print_output how)
{
    const TCase *tests = runner->suite->tests;
    runner->how = how;
    for (size_t i = 0; i < tests->count; i++)
        run(runner, tests->tests[i]);
    if (how != CK_SILENT)
        printf("Checks: %d, Failures: %d, Errors: %d\n", runner->run, runner->failures, runner->errors);
}

int srunner_ntests_run(SRunner *runner)
{
    return runner->run;
}

int srunner_ntests_failed(SRunner *runner)
{
    return runner->failures + runner->errors;
}

void srunner_free(SRunner *runner)
{
    free(runner->suite->tests->tests);
    free(runner->suite->tests);
    free(runner->suite);
    free(runner);
}
