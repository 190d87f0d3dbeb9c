/* folder.c -- a temporary folder for tests, and models to save in it
 *
 * SPDX-License-Identifier: MIT */
#define _FILE_OFFSET_BITS 64 /* or a folder cannot be read where QEMU runs 32 bits on 64 */
#define _XOPEN_SOURCE 700
#include "folder.h"

#include <ftw.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void folder_make(folder *f)
{
    const char *where = getenv("TMPDIR");
    const int length =
        snprintf(f->path, sizeof f->path, "%s/prune-test-XXXXXX", where != NULL ? where : "/tmp");
    ck_assert_int_lt(length, 200);
    ck_assert_ptr_nonnull(mkdtemp(f->path));
    ck_assert_int_eq(chmod(f->path, 0755), 0);
    folder_join(f->file, f, "model.prune");
    folder_join(f->scratch, f, ".model.prune.prune-tmp");
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

void folder_end(folder *f)
{
    ck_assert_int_eq(nftw(f->path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

void folder_join(char *out, const folder *f, const char *name)
{
    ck_assert_uint_lt(strlen(f->path) + strlen(name) + 2, FOLDER_PATH);
    strcpy(out, f->path);
    strcat(out, "/");
    strcat(out, name);
}

size_t folder_count(const folder *f)
{
    size_t count = 0;
    DIR *entries = opendir(f->path);
    ck_assert_ptr_nonnull(entries);
    while (readdir(entries) != NULL)
        count++;
    closedir(entries);
    return count - 2; /* . and .. */
}

void folder_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

int32_t folder_exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

prune_model *folder_model(size_t inputs, uint64_t seed)
{
    const size_t widths[] = { inputs, 10 };
    return world_model(NULL, widths, 1, PRUNE_LINEAR, seed);
}

void folder_check(const char *path, const prune_model *model)
{
    prune_model *back;
    prune_error error = { 0 };
    const prune_status status = prune_model_load(&back, NULL, path, &error);
    ck_assert_msg(status == PRUNE_OK, "%s: %s", error.place, error.reason);
    ck_assert_msg(world_same_models(back, model), "%s holds another model", path);
    prune_model_free(back);
}
