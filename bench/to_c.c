/* to_c.c -- a saved model as C source: to_c FILE FOLDER PREFIX, into FOLDER/PREFIX.c and .h
 *
 * Of each layer the encoding that takes the fewest bytes; standing alone; a self-test of two samples.
 *
 * SPDX-License-Identifier: MIT */
#include "libprune.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATH = 600 };

static prune_status write_bytes(void *user, const void *bytes, size_t count)
{
    return fwrite(bytes, 1, count, user) == count ? PRUNE_OK : PRUNE_E_IO;
}

static prune_status write_file(const char *folder, const char *prefix, const void *blob, size_t bytes,
                               int32_t source)
{
    char path[PATH];
    prune_c_options options;
    prune_c_options_init(&options);
    options.prefix = prefix;
    snprintf(path, sizeof path, "%.400s/%.100s.%c", folder, prefix, source ? 'c' : 'h');
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return PRUNE_E_IO;
    const prune_writer writer = { write_bytes, file };
    const prune_status status = source ? prune_c_export_source(&writer, NULL, blob, bytes, &options, NULL)
                                       : prune_c_export_header(&writer, blob, bytes, &options, NULL);
    return fclose(file) != 0 && status == PRUNE_OK ? PRUNE_E_IO : status;
}

static prune_status export_model(const prune_model *model, const char *folder, const char *prefix)
{
    prune_blob_info info;
    prune_blob_info_init(&info);
    prune_status status = prune_blob_measure(&info, NULL, model, NULL, NULL);
    if (status != PRUNE_OK)
        return status;
    void *blob = malloc(info.bytes);
    status = blob == NULL ? PRUNE_E_MEMORY : prune_blob_export(blob, info.bytes, NULL, model, NULL, NULL);
    for (int32_t source = 0; source < 2 && status == PRUNE_OK; source++)
        status = write_file(folder, prefix, blob, info.bytes, source);
    free(blob);
    return status;
}

int main(int count, char **words)
{
    prune_model *model = NULL;
    prune_error error = { 0 };
    if (count != 4) {
        fprintf(stderr, "usage: to_c FILE FOLDER PREFIX\n");
        return 1;
    }
    prune_status status = prune_model_load(&model, NULL, words[1], &error);
    if (status == PRUNE_OK)
        status = export_model(model, words[2], words[3]);
    if (status != PRUNE_OK)
        fprintf(stderr, "%s: %s\n", words[1], prune_status_string(status));
    prune_model_free(model);
    return status != PRUNE_OK;
}
