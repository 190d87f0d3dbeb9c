/* file_test.c -- every call to the system fails in turn: the old file or the new one, never another
 *
 * This program has calls of its own under the names that the library uses, so it can make any of them fail
 * or kill the process there. fsync() only counts.
 *
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* RTLD_NEXT */
#ifndef __LP64__
#define _FILE_OFFSET_BITS 64 /* as the library has it: then the calls have other names */
#endif
#include "support/folder.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the calls ---- */

enum { HOW_FAIL, HOW_FAIL_ON, HOW_SHORT, HOW_NOTHING, HOW_STEAL, HOW_KILL_BEFORE, HOW_KILL_AFTER };

static struct fault {
    int armed;
    int how;
    int number;        /* errno */
    size_t at;         /* the call, counted from 1 */
    int interruptible; /* only calls that may give EINTR count */
    size_t calls;
    char log[4000]; /* what was called, one word each */
} fault;

/* That for large files, should there be two. */
static void *real(const char *name)
{
    char large[40];
    snprintf(large, sizeof large, "%s64", name);
    void *found = dlsym(RTLD_NEXT, large);
    if (found == NULL)
        found = dlsym(RTLD_NEXT, name);
    if (found == NULL)
        abort();
    return found;
}

/* Without a cast from an object's pointer to a function's, which C forbids. */
#define REAL(name)                    \
    __typeof__(&name) name##_real;    \
    void *name##_found = real(#name); \
    memcpy(&name##_real, &name##_found, sizeof name##_real)

static int is_due(void)
{
    return fault.calls == fault.at || (fault.how == HOW_FAIL_ON && fault.calls > fault.at);
}

/* Before a call: 1 if it shall fail. */
static int fails(const char *name, int interruptible)
{
    if (!fault.armed || (fault.interruptible && !interruptible))
        return 0;
    fault.calls++;
    if (strlen(fault.log) + strlen(name) + 2 < sizeof fault.log)
        strcat(strcat(fault.log, name), " ");
    if (fault.how == HOW_KILL_BEFORE && is_due())
        raise(SIGKILL);
    if ((fault.how == HOW_FAIL || fault.how == HOW_FAIL_ON) && is_due()) {
        errno = fault.number;
        return 1;
    }
    return 0;
}

static void after(void)
{
    if (fault.armed && fault.how == HOW_KILL_AFTER && is_due())
        raise(SIGKILL);
}

int openat(int at, const char *path, int flags, ...)
{
    REAL(openat);
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = flags & O_CREAT ? (mode_t)va_arg(rest, unsigned) : 0;
    va_end(rest);
    const int result = fails("openat", 1) ? -1 : openat_real(at, path, flags, mode);
    after();
    return result;
}

int fcntl(int file, int command, ...)
{
    REAL(fcntl);
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    const int result = fails("fcntl", 0) ? -1 : fcntl_real(file, command, argument);
    after();
    return result;
}

/* A call that fails before it has done anything. */
#define CALL(interruptible, type, name, parameters, arguments)                        \
    type name parameters                                                              \
    {                                                                                 \
        REAL(name);                                                                   \
        const type result = fails(#name, interruptible) ? -1 : name##_real arguments; \
        after();                                                                      \
        return result;                                                                \
    }
CALL(0, int, fstat, (int file, struct stat *info), (file, info))
CALL(0, int, lstat, (const char *path, struct stat *info), (path, info))
CALL(0, int, fstatat, (int at, const char *path, struct stat *info, int flags), (at, path, info, flags))
CALL(0, ssize_t, readlink, (const char *path, char *bytes, size_t count), (path, bytes, count))
CALL(0, int, fchmod, (int file, mode_t mode), (file, mode))
CALL(0, int, unlinkat, (int at, const char *path, int flags), (at, path, flags))
CALL(0, int, renameat, (int from, const char *old, int to, const char *name), (from, old, to, name))

/* HOW_STEAL: before the first lock is had, another saver takes the file for a leftover and begins its own. */
static void steal(void);

int flock(int file, int operation)
{
    REAL(flock);
    if (fault.armed && fault.how == HOW_STEAL && strstr(fault.log, "flock ") == NULL)
        steal();
    const int result = fails("flock", 0) ? -1 : flock_real(file, operation);
    after();
    return result;
}

int fsync(int file)
{
    struct stat info;
    REAL(fstat);
    const int is_folder = fstat_real(file, &info) == 0 && S_ISDIR(info.st_mode);
    const int result = fails(is_folder ? "fsync-folder" : "fsync", 1) ? -1 : 0;
    after();
    return result;
}

/* The descriptor is gone in any case. */
int close(int file)
{
    REAL(close);
    const int result = close_real(file);
    const int failed = fails("close", 1);
    after();
    return failed ? -1 : result;
}

ssize_t write(int file, const void *bytes, size_t count)
{
    REAL(write);
    const int failed = fails("write", 1);
    if (fault.armed && fault.how == HOW_NOTHING)
        return 0;
    const size_t some = fault.armed && fault.how == HOW_SHORT && count > 5 ? 5 : count;
    const ssize_t result = failed ? -1 : write_real(file, bytes, some);
    after();
    return result;
}

ssize_t pread(int file, void *bytes, size_t count, off_t offset)
{
    REAL(pread);
    const size_t some = fault.armed && fault.how == HOW_SHORT && count > 3 ? 3 : count;
    return fails("pread", 1) ? -1 : pread_real(file, bytes, some, offset);
}

static void arm(int how, int number, size_t at)
{
    fault = (struct fault){ .armed = 1, .how = how, .number = number, .at = at };
}

/* ---- what must hold ---- */

static folder place;
static prune_model *old_model, *new_model;

static void steal(void)
{
    REAL(unlinkat);
    ck_assert_int_eq(unlinkat_real(AT_FDCWD, place.scratch, 0), 0);
    folder_write(place.scratch, "half of what the other one writes");
}

static void set_up(void)
{
    folder_make(&place);
    old_model = folder_model(20, 1);
    new_model = folder_model(20, 2);
    ck_assert_ok(prune_model_save(old_model, place.file, NULL));
}

static void tear_down(void)
{
    fault.armed = 0;
    prune_model_free(old_model);
    prune_model_free(new_model);
    folder_end(&place);
}

static int lowest_descriptor(void)
{
    const int lowest = dup(0);
    ck_assert_int_ge(lowest, 0);
    close(lowest);
    return lowest;
}

static prune_status save_new(prune_error *error)
{
    const prune_status status = prune_model_save(new_model, place.file, error);
    fault.armed = 0;
    return status;
}

/* After a save that met a fault. */
static void check_outcome(prune_status status, prune_status expected, const prune_error *error)
{
    const int32_t flushing = strstr(error->reason, "the new file is there") != NULL;
    ck_assert_msg(status == PRUNE_OK || status == expected, "call %zu: %d: %s", fault.at, (int)status,
                  error->reason);
    ck_assert_int_eq(error->status, status);
    if (status != PRUNE_OK) {
        const size_t shown = strlen(error->place), all = strlen(place.file);
        ck_assert_str_eq(error->place + (shown < all ? 3 : 0),
                         place.file + (shown < all ? all - shown + 3 : 0));
        ck_assert_ptr_nonnull(strchr(error->reason, ':')); /* step: cause */
    }
    folder_check(place.file, status == PRUNE_OK || flushing ? new_model : old_model);
}

/* Saves with the k-th call failing, for every k. */
static void sweep(int how, int number, prune_status expected)
{
    size_t failures = 0;
    const int lowest = lowest_descriptor();
    for (size_t k = 1;; k++) {
        prune_error error = { 0 };
        ck_assert_ok(prune_model_save(old_model, place.file, NULL));
        arm(how, number, k);
        const prune_status status = save_new(&error);
        if (fault.calls < k) {
            ck_assert_ok(status);
            break;
        }
        check_outcome(status, expected, &error);
        failures += status != PRUNE_OK;
        if (how == HOW_FAIL)
            ck_assert_msg(folder_count(&place) == 1, "call %zu left a file behind", k);
        ck_assert_int_eq(lowest_descriptor(), lowest);
    }
    ck_assert_uint_gt(failures, 8); /* open, stat, create, lock, write, fsync, chmod, close, rename, fsync */
}

START_TEST(every_call_fails_once)
{
    set_up();
    sweep(HOW_FAIL, EIO, PRUNE_E_IO);
    sweep(HOW_FAIL, EACCES, PRUNE_E_IO);
    sweep(HOW_FAIL, 9999, PRUNE_E_IO); /* an error that nobody knows */
    sweep(HOW_FAIL, ENOSPC, PRUNE_E_SPACE);
    sweep(HOW_FAIL, EDQUOT, PRUNE_E_SPACE);
    tear_down();
}
END_TEST

START_TEST(every_call_fails_from_then_on)
{
    set_up();
    sweep(HOW_FAIL_ON, EIO, PRUNE_E_IO);
    sweep(HOW_FAIL_ON, ENOSPC, PRUNE_E_SPACE);
    ck_assert_ok(prune_model_save(old_model, place.file, NULL)); /* what was left is no hindrance */
    ck_assert_uint_eq(folder_count(&place), 1);
    tear_down();
}
END_TEST

START_TEST(interruptions_are_nothing)
{
    set_up();
    for (size_t k = 1; k == 1 || fault.calls >= k - 1; k++) {
        arm(HOW_FAIL, EINTR, k);
        fault.interruptible = 1;
        ck_assert_ok(save_new(NULL));
        folder_check(place.file, new_model);
        ck_assert_uint_lt(k, 100);
    }
    tear_down();
}
END_TEST

START_TEST(short_writes_and_reads)
{
    prune_model *back;
    set_up();
    arm(HOW_SHORT, 0, 0);
    ck_assert_ok(save_new(NULL));
    ck_assert_uint_gt(fault.calls, 100);
    arm(HOW_SHORT, 0, 0);
    ck_assert_ok(prune_model_load(&back, NULL, place.file, NULL));
    fault.armed = 0;
    ck_assert(world_same_models(back, new_model));
    prune_model_free(back);
    tear_down();
}
END_TEST

START_TEST(writes_that_do_nothing)
{
    prune_error error;
    set_up();
    arm(HOW_NOTHING, 0, 0);
    ck_assert_status(save_new(&error), PRUNE_E_IO);
    folder_check(place.file, old_model);
    ck_assert_uint_eq(folder_count(&place), 1);
    tear_down();
}
END_TEST

/* The bytes under the temporary name are not its own any more: they must not be renamed. */
START_TEST(another_saver_comes_between)
{
    set_up();
    arm(HOW_STEAL, 0, 0);
    ck_assert_ok(save_new(NULL));
    folder_check(place.file, new_model);
    ck_assert_uint_eq(folder_count(&place), 1);
    tear_down();
}
END_TEST

/* Without this order a power failure could leave an empty file under the name. */
START_TEST(steps_are_in_order)
{
    static const char *const steps[] = { "openat ", "flock ",    "write ",       "fsync ",
                                         "close ",  "renameat ", "fsync-folder " };
    set_up();
    arm(HOW_FAIL, 0, 0);
    ck_assert_ok(save_new(NULL));
    const char *at = fault.log;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        const char *found = strstr(at, steps[i]);
        ck_assert_msg(found != NULL, "no %safter that in: %s", steps[i], fault.log);
        at = found + strlen(steps[i]);
    }
    ck_assert_ptr_null(strstr(at, "write "));
    tear_down();
}
END_TEST

/* The number of the call in the log that flushes the folder. */
static size_t folder_flush(void)
{
    size_t number = 1;
    const char *end = strstr(fault.log, "fsync-folder ");
    ck_assert_ptr_nonnull(end);
    for (const char *at = fault.log; at < end; at++)
        number += *at == ' ';
    return number;
}

/* The one error after which the new file is there; and no error where folders cannot be flushed. */
START_TEST(flush_of_the_folder)
{
    set_up();
    arm(HOW_FAIL, 0, 0);
    ck_assert_ok(save_new(NULL));
    const size_t at = folder_flush();
    const int numbers[] = { EIO, EINVAL, ENOTSUP };
    for (size_t i = 0; i < 3; i++) {
        prune_error error = { 0 };
        ck_assert_ok(prune_model_save(old_model, place.file, NULL));
        arm(HOW_FAIL, numbers[i], at);
        ck_assert_status(save_new(&error), i == 0 ? PRUNE_E_IO : PRUNE_OK);
        ck_assert_int_eq(strstr(error.reason, "the new file is there") != NULL, i == 0);
        folder_check(place.file, new_model);
        ck_assert_uint_eq(folder_count(&place), 1);
    }
    tear_down();
}
END_TEST

static size_t load_with_fault(int number, size_t k, prune_status expected)
{
    prune_model *back = old_model;
    prune_error error = { 0 };
    arm(HOW_FAIL, number, k);
    fault.interruptible = number == EINTR;
    const prune_status status = prune_model_load(&back, NULL, place.file, &error);
    fault.armed = 0;
    ck_assert_int_eq(error.status, status);
    ck_assert_int_eq(status == PRUNE_OK, back != NULL);
    ck_assert(status == PRUNE_OK || status == expected);
    ck_assert(back == NULL || world_same_models(back, old_model));
    prune_model_free(back);
    return status != PRUNE_OK;
}

START_TEST(every_call_of_a_load_fails)
{
    set_up();
    const int lowest = lowest_descriptor();
    const int numbers[] = { EIO, EACCES, EINTR };
    for (size_t i = 0; i < 3; i++) {
        size_t failures = 0;
        for (size_t k = 1; k == 1 || fault.calls >= k - 1; k++)
            failures += load_with_fault(numbers[i], k, PRUNE_E_IO);
        ck_assert_uint_eq(failures, numbers[i] == EINTR ? 0 : 3); /* open, size, read */
        ck_assert_int_eq(lowest_descriptor(), lowest);
    }
    tear_down();
}
END_TEST

/* Killed at every call, before or after it: the file is one of both, and the next save goes well. */
static size_t kill_at(int how, size_t k)
{
    int status;
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        arm(how, 0, k);
        _exit(prune_model_save(new_model, place.file, NULL) != PRUNE_OK);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status))
        return 1;
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    return 0;
}

static int32_t holds_old(void)
{
    prune_model *back;
    ck_assert_ok(prune_model_load(&back, NULL, place.file, NULL));
    const int32_t old = world_same_models(back, old_model);
    ck_assert(old || world_same_models(back, new_model));
    prune_model_free(back);
    return old;
}

START_TEST(killed_at_every_call)
{
    set_up();
    for (int how = HOW_KILL_BEFORE; how <= HOW_KILL_AFTER; how++) {
        size_t kills = 0, olds = 0, leftovers = 0;
        for (size_t k = 1; kill_at(how, k); k++) {
            kills++;
            olds += (size_t)holds_old();
            leftovers += (size_t)folder_exists(place.scratch);
            ck_assert_ok(prune_model_save(old_model, place.file, NULL));
            folder_check(place.file, old_model);
            ck_assert_uint_eq(folder_count(&place), 1);
        }
        ck_assert_uint_gt(kills, 10);
        ck_assert(olds > 0 && olds < kills);
        ck_assert_uint_gt(leftovers, 3);
        ck_assert_ok(prune_model_save(old_model, place.file, NULL));
    }
    tear_down();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_call_fails_once,  every_call_fails_from_then_on, interruptions_are_nothing,
        short_writes_and_reads, writes_that_do_nothing,        another_saver_comes_between,
        steps_are_in_order,     flush_of_the_folder,           every_call_of_a_load_fails,
        killed_at_every_call,
    };
    return run_tests("file", tests, sizeof tests / sizeof tests[0]);
}
