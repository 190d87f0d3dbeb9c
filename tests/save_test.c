/* save_test.c -- models and trainers in real files: names, links, permissions
 *
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* posix_openpt(), flock() */
#include "support/folder.h"
#include "support/work.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
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

static void check_refused(const char *path, prune_status expected, const char *cause)
{
    prune_error error = { 0 };
    ck_assert_status(prune_model_save(new_model, path, &error), expected);
    ck_assert_int_eq(error.status, expected);
    ck_assert_msg(strstr(error.reason, cause) != NULL, "%s: %s", error.place, error.reason);
}

static void check_not_loaded(const char *path, prune_status expected, const char *cause)
{
    prune_error error = { 0 };
    prune_model *back = old_model;
    ck_assert_status(prune_model_load(&back, NULL, path, &error), expected);
    ck_assert_ptr_null(back);
    ck_assert_int_eq(error.status, expected);
    ck_assert_msg(strstr(error.reason, cause) != NULL, "%s: %s", error.place, error.reason);
}

/* ---- round trips ---- */

START_TEST(models_come_back)
{
    static const char *const names[] = { "a", "with space.prune", "..two", "\xC3\xA4.prune", "UPPER" };
    set_up();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[FOLDER_PATH];
        folder_join(path, &place, names[i]);
        ck_assert_ok(prune_model_save(old_model, path, NULL));
        folder_check(path, old_model);
        ck_assert_ok(prune_model_save(new_model, path, NULL));
        folder_check(path, new_model);
        ck_assert_uint_eq(folder_count(&place), i + 1);
    }
    tear_down();
}
END_TEST

START_TEST(a_path_without_a_folder)
{
    set_up();
    ck_assert_int_eq(chdir(place.path), 0);
    ck_assert_ok(prune_model_save(old_model, "model.prune", NULL));
    folder_check("model.prune", old_model);
    folder_check(place.file, old_model);
    ck_assert_ok(prune_model_save(new_model, "./model.prune", NULL));
    folder_check(place.file, new_model);
    ck_assert_int_eq(chdir("/"), 0);
    tear_down();
}
END_TEST

/* A file is larger than every buffer on its way. */
START_TEST(large_models_come_back)
{
    set_up();
    prune_model *large = folder_model(3000, 3);
    ck_assert_ok(prune_model_save(large, place.file, NULL));
    folder_check(place.file, large);
    prune_model_free(large);
    tear_down();
}
END_TEST

START_TEST(trainers_come_back)
{
    work w;
    prune_model *model;
    prune_trainer *back;
    set_up();
    work_start(&w, PRUNE_ADAM, 3);
    work_fit(w.trainer, &w.data, 3);
    ck_assert_ok(prune_trainer_save(w.trainer, place.file, NULL));
    ck_assert_ok(prune_trainer_load(&back, &model, NULL, place.file, prune_backend_reference(), NULL));
    work_fit(w.trainer, &w.data, 4);
    work_fit(back, &w.data, 4);
    ck_assert_uint_eq(world_trainer_hash(back), world_trainer_hash(w.trainer));
    prune_trainer_free(back);
    prune_model_free(model);
    work_end(&w);
    tear_down();
}
END_TEST

/* ---- what cannot be ---- */

START_TEST(null_pointers)
{
    prune_trainer *trainer;
    prune_model *model;
    set_up();
    ck_assert_status(prune_model_save(NULL, place.file, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_model_save(old_model, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_save(NULL, place.file, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_model_load(NULL, NULL, place.file, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_model_load(&model, NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_load(NULL, &model, NULL, place.file, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_load(&trainer, NULL, NULL, place.file, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_trainer_load(&trainer, &model, NULL, NULL, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_uint_eq(folder_count(&place), 0);
    tear_down();
}
END_TEST

START_TEST(files_that_are_not_there)
{
    char path[FOLDER_PATH];
    set_up();
    check_not_loaded(place.file, PRUNE_E_IO, "no such file");
    folder_join(path, &place, "missing/model.prune");
    check_not_loaded(path, PRUNE_E_IO, "no such file");
    check_refused(path, PRUNE_E_IO, "no such file");
    check_refused("", PRUNE_E_IO, ": ");
    folder_join(path, &place, "missing/");
    check_refused(path, PRUNE_E_IO, ": ");
    tear_down();
}
END_TEST

START_TEST(names_that_are_too_long)
{
    static char name[5001];
    memset(name, 'x', 5000);
    set_up();
    check_refused(name, PRUNE_E_IO, "too long");
    check_not_loaded(name, PRUNE_E_IO, "too long");
    name[300] = '\0';
    check_refused(name, PRUNE_E_IO, "too long");
    tear_down();
}
END_TEST

/* A long path is cut in front: its end says which file it is. */
START_TEST(places_begin_with_the_path)
{
    char path[FOLDER_PATH];
    prune_error error;
    prune_model *back;
    set_up();
    ck_assert_int_eq(chdir(place.path), 0);
    folder_write("short.prune", "not one of ours");
    ck_assert_status(prune_model_load(&back, NULL, "short.prune", &error), PRUNE_E_FORMAT);
    ck_assert_str_eq(error.place, "short.prune: header");
    folder_join(path, &place, "a-name-that-is-as-long-as-the-place-for-it-in-an-error.prune");
    folder_write(path, "not one of ours");
    ck_assert_status(prune_model_load(&back, NULL, path, &error), PRUNE_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(error.place, "in-an-error.prune: header"));
    ck_assert_int_eq(strncmp(error.place, "...", 3), 0);
    ck_assert_int_eq(chdir("/"), 0);
    tear_down();
}
END_TEST

START_TEST(broken_models_leave_the_file_alone)
{
    prune_error error;
    set_up();
    ck_assert_ok(prune_model_save(old_model, place.file, NULL));
    world_plant(new_model, 0, 7, (float)1e39);
    ck_assert_status(prune_model_save(new_model, place.file, &error), PRUNE_E_NONFINITE);
    ck_assert_ptr_nonnull(strstr(error.place, ": layer 0 weight[7]"));
    folder_check(place.file, old_model);
    ck_assert_uint_eq(folder_count(&place), 1);
    tear_down();
}
END_TEST

START_TEST(altered_files)
{
    set_up();
    ck_assert_ok(prune_model_save(old_model, place.file, NULL));
    const int file = open(place.file, O_RDWR);
    ck_assert_int_eq(pwrite(file, "!", 1, 300), 1);
    check_not_loaded(place.file, PRUNE_E_CHECKSUM, "altered");
    ck_assert_int_eq(ftruncate(file, 299), 0);
    check_not_loaded(place.file, PRUNE_E_TRUNCATED, "long");
    ck_assert_int_eq(ftruncate(file, 0), 0);
    check_not_loaded(place.file, PRUNE_E_TRUNCATED, "ends");
    close(file);
    tear_down();
}
END_TEST

static void make_socket(const char *path)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    const int end = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_uint_lt(strlen(path), sizeof name.sun_path);
    strcpy(name.sun_path, path);
    ck_assert_int_eq(bind(end, (const struct sockaddr *)&name, sizeof name), 0);
    close(end);
}

/* Folder, pipe, socket: refused for what they are, and still there. Opening a pipe must not wait for its
 * other end. A device is only read from: should saving be wrong, it must not cost the machine its own. */
START_TEST(only_regular_files)
{
    struct stat info;
    char paths[3][FOLDER_PATH];
    set_up();
    folder_join(paths[0], &place, "folder");
    folder_join(paths[1], &place, "pipe");
    folder_join(paths[2], &place, "socket");
    ck_assert_int_eq(mkdir(paths[0], 0755), 0);
    ck_assert_int_eq(mkfifo(paths[1], 0644), 0);
    make_socket(paths[2]);
    for (size_t i = 0; i < 3; i++) {
        static const mode_t kinds[] = { S_IFDIR, S_IFIFO, S_IFSOCK };
        const char *reason =
            kinds[i] == S_IFSOCK ? "opening" : "regular file"; /* the system opens no sockets */
        check_refused(paths[i], PRUNE_E_IO, "regular file");
        check_not_loaded(paths[i], PRUNE_E_IO, reason);
        ck_assert_int_eq(lstat(paths[i], &info), 0);
        ck_assert_uint_eq(info.st_mode & S_IFMT, kinds[i]);
    }
    check_not_loaded("/dev/zero", PRUNE_E_IO, "regular file");
    ck_assert_uint_eq(folder_count(&place), 3);
    tear_down();
}
END_TEST

/* ---- permissions ---- */

static int as_nobody(void)
{
    prune_model *back = old_model;
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 1;
    if (prune_model_load(&back, NULL, place.file, NULL) != PRUNE_E_IO || back != NULL)
        return 2;
    return prune_model_save(new_model, place.file, NULL) == PRUNE_E_IO ? 0 : 3;
}

START_TEST(what_may_not_be_read_or_written)
{
    set_up();
    ck_assert_ok(prune_model_save(old_model, place.file, NULL));
    ck_assert_int_eq(chmod(place.file, 0) | chmod(place.path, 0555), 0);
    run_in_child(as_nobody);
    ck_assert_int_eq(chmod(place.path, 0755) | chmod(place.file, 0600), 0);
    folder_check(place.file, old_model);
    ck_assert_uint_eq(folder_count(&place), 1);
    tear_down();
}
END_TEST

static mode_t mode_of(const char *path)
{
    struct stat info;
    ck_assert_int_eq(lstat(path, &info), 0);
    return info.st_mode & 07777;
}

START_TEST(permissions)
{
    static const mode_t modes[] = { 0600, 0640, 0444, 0666, 0755 };
    set_up();
    const mode_t mask = umask(027);
    ck_assert_ok(prune_model_save(old_model, place.file, NULL));
    ck_assert_uint_eq(mode_of(place.file), 0640); /* a new file: as any program makes it */
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        ck_assert_int_eq(chmod(place.file, modes[i]), 0);
        ck_assert_ok(prune_model_save(i % 2 ? old_model : new_model, place.file, NULL));
        ck_assert_uint_eq(mode_of(place.file), modes[i]);
    }
    umask(mask);
    tear_down();
}
END_TEST

/* ---- symbolic links ---- */

static void check_link(const char *name, const char *target, const char *end)
{
    char path[FOLDER_PATH], real[FOLDER_PATH], held[FOLDER_PATH] = { 0 };
    folder_join(path, &place, name);
    folder_join(real, &place, end);
    ck_assert_int_eq(symlink(target, path), 0);
    ck_assert_ok(prune_model_save(new_model, path, NULL));
    ck_assert_int_gt(readlink(path, held, sizeof held - 1), 0);
    ck_assert_str_eq(held, target);
    folder_check(real, new_model);
    folder_check(path, new_model);
    ck_assert_ok(prune_model_save(old_model, path, NULL));
    folder_check(real, old_model);
}

START_TEST(links_are_followed)
{
    char inner[FOLDER_PATH], absolute[FOLDER_PATH];
    set_up();
    folder_join(inner, &place, "inner");
    ck_assert_int_eq(mkdir(inner, 0755), 0);
    folder_join(absolute, &place, "inner/absolute.prune");
    check_link("to-nothing", "inner/new.prune", "inner/new.prune");
    check_link("relative", "./inner/new.prune", "inner/new.prune");
    check_link("absolute", absolute, "inner/absolute.prune");
    check_link("to-a-link", "relative", "inner/new.prune");
    check_link("inner/up", "../top.prune", "top.prune");
    check_link("through", "inner/up", "top.prune");
    ck_assert_uint_eq(folder_count(&place), 7); /* five links, top.prune, inner */
    tear_down();
}
END_TEST

START_TEST(links_that_lead_nowhere)
{
    char one[FOLDER_PATH], two[FOLDER_PATH], away[FOLDER_PATH];
    set_up();
    folder_join(one, &place, "one");
    folder_join(two, &place, "two");
    folder_join(away, &place, "away");
    ck_assert_int_eq(symlink("two", one) | symlink("one", two) | symlink("missing/file", away), 0);
    check_refused(one, PRUNE_E_IO, "link");
    check_refused(away, PRUNE_E_IO, "no such file");
    check_not_loaded(one, PRUNE_E_IO, "link");
    ck_assert_uint_eq(folder_count(&place), 3);
    tear_down();
}
END_TEST

/* ---- temporary files ---- */

START_TEST(leftovers_are_replaced)
{
    static const char junk[] = "what a killed process left, longer or shorter than what comes";
    set_up();
    for (size_t i = 0; i < 2; i++) {
        folder_write(place.scratch, junk);
        ck_assert_int_eq(chmod(place.scratch, i == 0 ? 0600 : 0444), 0);
        ck_assert_ok(prune_model_save(old_model, place.file, NULL));
        folder_check(place.file, old_model);
        ck_assert_uint_eq(folder_count(&place), 1);
    }
    tear_down();
}
END_TEST

/* Someone who may write the folder cannot make a save write elsewhere. */
START_TEST(a_link_under_the_temporary_name)
{
    char victim[FOLDER_PATH];
    set_up();
    folder_join(victim, &place, "victim");
    ck_assert_ok(prune_model_save(old_model, victim, NULL));
    ck_assert_int_eq(symlink("victim", place.scratch), 0);
    check_refused(place.file, PRUNE_E_IO, "link");
    folder_check(victim, old_model);
    ck_assert_int_eq(unlink(place.scratch) | link(victim, place.scratch), 0);
    ck_assert_ok(prune_model_save(new_model, place.file, NULL));
    folder_check(victim, old_model);
    folder_check(place.file, new_model);
    tear_down();
}
END_TEST

START_TEST(one_saver_at_a_time)
{
    set_up();
    ck_assert_ok(prune_model_save(old_model, place.file, NULL));
    folder_write(place.scratch, "half of what another process is writing");
    const int file = open(place.scratch, O_RDWR);
    ck_assert_int_eq(flock(file, LOCK_EX), 0);
    check_refused(place.file, PRUNE_E_IO, "another save");
    folder_check(place.file, old_model);
    ck_assert(folder_exists(place.scratch));
    close(file);
    ck_assert_ok(prune_model_save(new_model, place.file, NULL));
    folder_check(place.file, new_model);
    tear_down();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        models_come_back,
        a_path_without_a_folder,
        large_models_come_back,
        trainers_come_back,
        null_pointers,
        files_that_are_not_there,
        names_that_are_too_long,
        places_begin_with_the_path,
        broken_models_leave_the_file_alone,
        altered_files,
        only_regular_files,
        what_may_not_be_read_or_written,
        permissions,
        links_are_followed,
        links_that_lead_nowhere,
        leftovers_are_replaced,
        a_link_under_the_temporary_name,
        one_saver_at_a_time,
    };
    return run_tests("save", tests, sizeof tests / sizeof tests[0]);
}
