/* to_c.c -- a saved model as C source: to_c FILE FOLDER PREFIX, into FOLDER/PREFIX.c and .h
 *
 * Of each layer the encoding that takes the fewest bytes; standing alone; a self-test of two samples.
 *
 * SPDX-License-Identifier: MIT */
#include "libprune.h"

#include <stdio.h>
#include <stdlib.h>

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
