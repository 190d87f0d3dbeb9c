/* output.c -- where reports and pictures go
 *
 * SPDX-License-Identifier: MIT */
#include "output.h"
#include "dataset.h"

static void join(char path[OUTPUT_PATH], const char *folder, const char *name)
{
    const int length = snprintf(path, OUTPUT_PATH, "%s/%s", folder, name);
    must(length > 0 && length < OUTPUT_PATH ? PRUNE_OK : PRUNE_E_LIMIT, name, NULL);
    printf("written: %s\n", path);
}

FILE *output_open(const char *folder, const char *name)
{
    char path[OUTPUT_PATH];
    join(path, folder, name);
    FILE *file = fopen(path, "wb");
    must(file == NULL ? PRUNE_E_IO : PRUNE_OK, path, NULL);
    return file;
}

void output_close(FILE *file)
{
    must(fclose(file) == 0 ? PRUNE_OK : PRUNE_E_IO, "writing", NULL);
}

static prune_status write_bytes(void *user, const void *bytes, size_t count)
{
    return fwrite(bytes, 1, count, user) == count ? PRUNE_OK : PRUNE_E_IO;
}

prune_writer output_to(FILE *file)
{
    return (prune_writer){ .write = write_bytes, .user = file };
}

void output_model(const char *folder, const char *name, const prune_model *model)
{
    char path[OUTPUT_PATH];
    prune_error error;
    join(path, folder, name);
    must(prune_model_save(model, path, &error), path, &error);
}
