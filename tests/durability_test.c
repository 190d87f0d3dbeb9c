/* durability_test.c -- saving on a full disk, under sudden death, and from many threads
 *
 * A full disk is a limit on the size of files, and a small tmpfs where the system lets us mount one (as
 * root or in a user namespace); file_test.c has ENOSPC at every single call on any system.
 *
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* unshare() */
#include "support/folder.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static folder place;
static prune_model *old_model, *new_model;

static void set_up(void)
{
    folder_make(&place);
    old_model = folder_model(20, 1);
    new_model = folder_model(20, 2);
}

static void tear_down(void)
{
    prune_model_free(old_model);
    prune_model_free(new_model);
    folder_end(&place);
}

/* ---- no room ---- */

static int with_small_files(void)
{
    const struct rlimit limit = { 500, 500 };
    prune_error error;
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 1;
    if (prune_model_save(new_model, place.file, &error) != PRUNE_E_IO)
        return 2;
    return strstr(error.reason, "writing the temporary file: larger than files may be") == NULL;
}

START_TEST(files_have_a_limit)
{
    set_up();
    ck_assert_ok(prune_model_save(old_model, place.file, NULL));
    run_in_child(with_small_files);
    folder_check(place.file, old_model);
    ck_assert_uint_eq(folder_count(&place), 1);
    tear_down();
}
END_TEST

static int write_text(const char *path, const char *text)
{
    const int file = open(path, O_WRONLY);
    const int good = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);
    close(file);
    return good;
}

/* In a name space of its own, where this process is root. */
static int can_mount(void)
{
    char users[40], groups[40];
    const uid_t user = geteuid();
    snprintf(users, sizeof users, "0 %u 1", (unsigned)user);
    snprintf(groups, sizeof groups, "0 %u 1", (unsigned)getegid());
    if (unshare(CLONE_NEWNS | (user == 0 ? 0 : CLONE_NEWUSER)) != 0)
        return 0;
    if (user != 0 && !(write_text("/proc/self/setgroups", "deny") &&
                       write_text("/proc/self/uid_map", users) && write_text("/proc/self/gid_map", groups)))
        return 0;
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", place.path, "tmpfs", 0, "size=64k") == 0;
}

/* A file system of 64 kB with room for one model of 40 kB, but not for two. */
static int on_a_small_disk(void)
{
    prune_error error;
    prune_model *large = folder_model(1000, 4), *larger = folder_model(3000, 5);
    if (!can_mount())
        return getenv("CI") != NULL; /* not allowed here, see the head of this file; in CI it must be */
    if (prune_model_save(larger, place.file, &error) != PRUNE_E_SPACE || folder_count(&place) != 0)
        return 2;
    if (prune_model_save(large, place.file, NULL) != PRUNE_OK)
        return 3;
    if (prune_model_save(large, place.file, &error) != PRUNE_E_SPACE || folder_count(&place) != 1)
        return 4;
    folder_check(place.file, large);
    return strstr(error.reason, "no space left") == NULL;
}

START_TEST(full_disk)
{
    set_up();
    run_in_child(on_a_small_disk);
    ck_assert_uint_eq(folder_count(&place), 0);
    tear_down();
}
END_TEST

/* ---- sudden death, threads ---- */

static int save_for_ever(void)
{
    for (;;)
        if (prune_model_save(new_model, place.file, NULL) != PRUNE_OK ||
            prune_model_save(old_model, place.file, NULL) != PRUNE_OK)
            return 1;
}

static void kill_a_saver(int milliseconds)
{
    int status;
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(save_for_ever());
    poll(NULL, 0, milliseconds);
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status), "the saver failed by itself");
}

START_TEST(killed_at_random)
{
    prune_rng rng;
    prune_rng_seed(&rng, (uint64_t)getpid());
    set_up();
    ck_assert_ok(prune_model_save(old_model, place.file, NULL));
    for (size_t i = 0; i < 40; i++) {
        prune_model *back;
        kill_a_saver((int)prune_rng_below(&rng, 20));
        ck_assert_ok(prune_model_load(&back, NULL, place.file, NULL));
        ck_assert(world_same_models(back, old_model) || world_same_models(back, new_model));
        prune_model_free(back);
    }
    ck_assert_ok(prune_model_save(old_model, place.file, NULL));
    ck_assert_uint_eq(folder_count(&place), 1);
    tear_down();
}
END_TEST

enum { THREADS = 4, ROUNDS = 20 };

typedef struct saver {
    pthread_t thread;
    prune_model *model;
    char path[FOLDER_PATH];
    size_t saved, refused, failed;
} saver;

static void *save_rounds(void *user)
{
    saver *s = user;
    for (size_t i = 0; i < ROUNDS; i++) {
        prune_error error = { 0 };
        const prune_status status = prune_model_save(s->model, s->path, &error);
        s->saved += status == PRUNE_OK;
        s->refused += status == PRUNE_E_IO && strstr(error.reason, "another save") != NULL;
    }
    s->failed = ROUNDS - s->saved - s->refused;
    return NULL;
}

static void run_savers(saver savers[THREADS], int32_t to_one_file)
{
    for (size_t i = 0; i < THREADS; i++) {
        savers[i] = (saver){ .model = folder_model(20, 10 + i) };
        folder_join(savers[i].path, &place, to_one_file ? "model.prune" : (char[]){ (char)('a' + i), '\0' });
        ck_assert_int_eq(pthread_create(&savers[i].thread, NULL, save_rounds, &savers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(savers[i].thread, NULL), 0);
        ck_assert_uint_eq(savers[i].failed, 0);
    }
}

START_TEST(threads_with_files_of_their_own)
{
    saver savers[THREADS];
    set_up();
    run_savers(savers, 0);
    for (size_t i = 0; i < THREADS; i++) {
        ck_assert_uint_eq(savers[i].saved, ROUNDS);
        folder_check(savers[i].path, savers[i].model);
        prune_model_free(savers[i].model);
    }
    ck_assert_uint_eq(folder_count(&place), THREADS);
    tear_down();
}
END_TEST

/* Saved or refused, never mixed. */
START_TEST(threads_with_one_file)
{
    saver savers[THREADS];
    prune_model *back;
    size_t matches = 0;
    set_up();
    run_savers(savers, 1);
    ck_assert_ok(prune_model_load(&back, NULL, place.file, NULL));
    for (size_t i = 0; i < THREADS; i++) {
        matches += (size_t)world_same_models(back, savers[i].model);
        prune_model_free(savers[i].model);
    }
    ck_assert_uint_eq(matches, 1);
    ck_assert_uint_eq(folder_count(&place), 1);
    prune_model_free(back);
    tear_down();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { files_have_a_limit, full_disk, killed_at_random,
                                   threads_with_files_of_their_own, threads_with_one_file };
    return run_tests("durability", tests, sizeof tests / sizeof tests[0]);
}
