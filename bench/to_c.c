/* to_c.c -- a saved model as C source and as a blob
 *
 * to_c FILE FOLDER PREFIX writes FOLDER/PREFIX.c, .h and .blob: of each layer the encoding that takes the
 * fewest bytes; the source standing alone; a self-test of two samples. Prints the operations of the blob.
 *
 * SPDX-License-Identifier: MIT */
#include "libprune.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATH = 4096 };

static prune_status save_blob(const void *blob, size_t length, const char *folder, const char *prefix,
                              prune_error *error)
{
    char path[PATH];
    snprintf(path, sizeof path, "%s/%s.blob", folder, prefix);
    const prune_status status = prune_blob_save(path, blob, length, error);
    if (status != PRUNE_OK)
        return status;
    const prune_blob_layer *layer = prune_blob_first(blob);
    printf("%s: %lu bytes:", path, (unsigned long)length);
    for (uint32_t left = ((const prune_blob_header *)blob)->layers; left != 0; left--) {
        printf(" %s", prune_c_op_name(layer->op));
        layer = prune_blob_next(layer);
    }
    printf("\n");
    return PRUNE_OK;
}

static prune_status export_model(const prune_model *model, const char *folder, const char *prefix,
                                 prune_error *error)
{
    prune_blob_info info;
    prune_c_options options;
    prune_blob_info_init(&info);
    prune_c_options_init(&options);
    options.prefix = prefix;
    prune_status status = prune_blob_measure(&info, NULL, model, NULL, error);
    if (status != PRUNE_OK)
        return status;
    void *blob = malloc(info.bytes);
    if (blob == NULL)
        return PRUNE_E_MEMORY;
    status = prune_blob_export(blob, info.bytes, NULL, model, NULL, error);
    if (status == PRUNE_OK)
        status = prune_c_save(folder, NULL, blob, info.bytes, &options, error);
    if (status == PRUNE_OK)
        status = save_blob(blob, info.bytes, folder, prefix, error);
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
        status = export_model(model, words[2], words[3], &error);
    if (status != PRUNE_OK)
        fprintf(stderr, "to_c: %s: %s: %s\n", prune_status_string(status), error.place, error.reason);
    prune_model_free(model);
    return status != PRUNE_OK;
}
