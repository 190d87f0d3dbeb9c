/* wellformed.h -- is a text JSON (RFC 8259), is it XML? Strict, and small: XML of the kind that pictures are
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_WELLFORMED_H
#define TESTS_WELLFORMED_H

#include "bytes.h"

/* One JSON value, and nothing behind it. Strings without escapes. */
int32_t wellformed_json(const char *text);

/* One element: tags nest and end, each attribute has quotes and is there once, no bare < or &, no control
 * characters; UTF-8 throughout. */
int32_t wellformed_xml(const char *text);

/* What has been written, as a string. */
const char *wellformed_text(bytes_file *file);

/* How often `what` is in the text. */
size_t wellformed_count(const char *text, const char *what);

#endif
