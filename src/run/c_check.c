/* c_check.c -- what cannot become C source
 *
 * SPDX-License-Identifier: MIT */
#include "c_check.h"
#include "blob.h"
#include "c_text.h"
#include "text.h"

#include <float.h>

/* ---- names ---- */

static int32_t is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int32_t starts_with(const char *text, const char *start)
{
    while (*start != '\0' && *text == *start)
        text++, start++;
    return *start == '\0';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int32_t is_name(const char *name, const char *text)
{
    while (*name != '\0' && *name == lower(*text))
        name++, text++;
    return *name == *text;
}

/* Of C's headers, and one that glibc's include: <prefix>.h would take their place where its folder is
 * searched first. Also where file names have no case. */
static int32_t is_header(const char *prefix)
{
    static const char *const names[] = {
        "assert",      "complex", "ctype",   "errno",     "features", "fenv",   "float",    "inttypes",
        "iso646",      "limits",  "locale",  "math",      "setjmp",   "signal", "stdalign", "stdarg",
        "stdatomic",   "stdbit",  "stdbool", "stdckdint", "stddef",   "stdint", "stdio",    "stdlib",
        "stdnoreturn", "string",  "tgmath",  "threads",   "time",     "uchar",  "wchar",    "wctype"
    };
    int32_t found = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        found |= is_name(names[i], prefix);
    return found;
}

/* "__" is C++'s; names that start with ours could meet them. */
int32_t prn_c_is_prefix(const char *prefix, size_t most)
{
    size_t length = 0;
    if (is_header(prefix) || !is_letter(prefix[0]) || starts_with(prefix, "prune") ||
        starts_with(prefix, "prn") || starts_with(prefix, "PRUNE") || starts_with(prefix, "PRN"))
        return 0;
    for (char before = 'a'; length <= most && prefix[length] != '\0'; before = prefix[length++])
        if (!is_letter(prefix[length]) && !(prefix[length] >= '0' && prefix[length] <= '9') &&
            !(prefix[length] == '_' && before != '_'))
            return 0;
    return length <= most && prefix[length - 1] != '_';
}

int32_t prn_c_is_file(const char *name)
{
    const char *c = name;
    while (*c > ' ' && *c < 127 && *c != '"' && *c != '\\')
        c++;
    return *c == '\0' && c != name;
}

/* ---- blobs ---- */

const prn_run_text *prn_c_operation(uint32_t op)
{
    for (uint32_t i = 0; i < prn_run_text_count; i++)
        if (prn_run_texts[i].op->id == op)
            return &prn_run_texts[i];
    return NULL;
}

static int32_t is_sound(const prune_blob_layer *layer)
{
    const uint32_t *data = prn_layer_data(layer);
    if (!(layer->floor <= FLT_MAX)) /* NaN too */
        return 0;
    if (layer->op == PRUNE_BLOB_BLOCKS)
        return prn_c_finite(prn_floats_at(data + 1), data[0]);
    return !prn_c_has_floats(layer) || prn_c_finite(prn_floats_at(data), layer->words);
}

static prune_status check_layers(const prune_blob_header *h, prune_error *error)
{
    const prune_blob_layer *layer = prune_blob_first(h);
    for (uint32_t l = 0; l < h->layers; l++, layer = prune_blob_next(layer)) {
        const ptrdiff_t index = (ptrdiff_t)l;
        if (prn_c_operation(layer->op) == NULL)
            return prn_error_format(error, PRUNE_E_UNSUPPORTED, "layer % of the blob", "no such operation",
                                    &index);
        if (!is_sound(layer))
            return prn_error_format(error, PRUNE_E_NONFINITE, "layer % of the blob", "not finite", &index);
    }
    return PRUNE_OK;
}

/* Of integers, where they become macros. */
static int32_t has_grids(const prune_blob_header *h)
{
    return (h->takes == PRUNE_BLOB_F32 || prn_is_grid(h->input_scale, h->input_zero)) &&
           (h->gives == PRUNE_BLOB_F32 || prn_is_grid(h->output_scale, h->output_zero));
}

prune_status prn_blob_check(const void *blob, size_t length, prune_error *error)
{
    const prune_status status = prune_blob_check(blob, length, prune_blob_ops);
    if (status == PRUNE_OK)
        return PRUNE_OK;
    const char *reason = (uintptr_t)blob % 4 != 0 ? "it is not aligned to 4" : prune_status_string(status);
    return prn_error_set(error, status, "blob", blob == NULL ? "NULL" : reason);
}

prune_status prn_c_check_blob(const prune_blob_header *h, size_t length, prune_error *error)
{
    const prune_status status = prn_blob_check(h, length, error);
    if (status != PRUNE_OK)
        return status;
    if (!has_grids(h))
        return prn_error_set(error, PRUNE_E_FORMAT, "blob", "a scale or zero in its header is none");
    return h->inputs == 0 ? prn_error_set(error, PRUNE_E_UNSUPPORTED, "blob", "it takes no inputs")
                          : check_layers(h, error);
}
