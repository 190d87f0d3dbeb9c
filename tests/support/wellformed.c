/* wellformed.c -- is a text JSON (RFC 8259), is it XML? Strict, and small: XML of the kind that pictures are
 *
 * SPDX-License-Identifier: MIT */
#include "wellformed.h"

#include <check.h>
#include <string.h>

enum { DEEP = 32, NAME = 32, ATTRIBUTES = 16 };

const char *wellformed_text(bytes_file *file)
{
    const prune_writer writer = bytes_writer(file);
    file->fail_call = 0;
    ck_assert_int_eq(writer.write(writer.user, "", 1), PRUNE_OK);
    ck_assert_uint_eq(strlen((const char *)file->at) + 1, file->length);
    file->length--;
    return (const char *)file->at;
}

size_t wellformed_count(const char *text, const char *what)
{
    size_t count = 0;
    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + strlen(what), what))
        count++;
    return count;
}

/* ---- JSON: each function returns what lies behind what it has read, or NULL ---- */

static const char *skip(const char *at)
{
    return at + strspn(at, " \n\r\t");
}

static const char *json_string(const char *at)
{
    if (*at++ != '"')
        return NULL;
    while (*at != '"' && *at != '\\' && (unsigned char)*at >= ' ')
        at++;
    return *at == '"' ? at + 1 : NULL;
}

static const char *digits(const char *at)
{
    const size_t count = strspn(at, "0123456789");
    return count > 0 ? at + count : NULL;
}

static const char *json_number(const char *at)
{
    at += *at == '-';
    if (at[0] == '0' && at[1] >= '0' && at[1] <= '9')
        return NULL;
    at = digits(at);
    if (at != NULL && *at == '.')
        at = digits(at + 1);
    if (at != NULL && (*at == 'e' || *at == 'E'))
        at = digits(at + 1 + (at[1] == '-' || at[1] == '+'));
    return at;
}

static const char *json_plain(const char *at)
{
    if (*at == '"')
        return json_string(at);
    if (strncmp(at, "null", 4) == 0 || strncmp(at, "true", 4) == 0)
        return at + 4;
    return json_number(at);
}

/* A key where an object wants one. */
static const char *json_key(const char *at, int object)
{
    at = skip(at);
    if (!object)
        return at;
    at = json_string(at);
    at = at != NULL ? skip(at) : NULL;
    return at != NULL && *at == ':' ? skip(at + 1) : NULL;
}

int32_t wellformed_json(const char *text)
{
    char open[DEEP];
    size_t depth = 0;
    const char *at = skip(text);
    while (at != NULL) {
        if (*at == '{' || *at == '[') { /* its first member comes next */
            if (depth == DEEP)
                return 0;
            open[depth++] = *at == '{' ? '}' : ']';
            at = skip(at + 1);
            if (*at != open[depth - 1]) {
                at = json_key(at, open[depth - 1] == '}');
                continue;
            }
        } else if ((at = json_plain(at)) == NULL) {
            return 0;
        }
        for (at = skip(at); depth > 0 && *at == open[depth - 1]; at = skip(at + 1))
            depth--;
        if (depth == 0)
            return *at == '\0';
        at = *at == ',' ? json_key(at + 1, open[depth - 1] == '}') : NULL;
    }
    return 0;
}

/* ---- XML ---- */

/* Bytes of the UTF-8 character there, of those that XML has; 0: none. */
static size_t utf8(const char *at)
{
    const unsigned char *c = (const unsigned char *)at;
    const size_t more = c[0] < 0x80 ? 0 : c[0] >= 0xF0 ? 3 : c[0] >= 0xE0 ? 2 : 1;
    uint32_t value = more == 0 ? c[0] : c[0] & (0x3Fu >> more);
    static const uint32_t least[] = { 0x20, 0x80, 0x800, 0x10000 };
    if ((c[0] >= 0x80 && c[0] < 0xC0) || c[0] >= 0xF8)
        return 0;
    for (size_t i = 1; i <= more; i++) {
        if ((c[i] & 0xC0) != 0x80)
            return 0;
        value = value << 6 | (c[i] & 0x3Fu);
    }
    if (value == '\n' || value == '\t')
        return 1;
    return value < least[more] || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000) ||
                   (value & 0xFFFE) == 0xFFFE
               ? 0
               : more + 1;
}

/* Characters up to one of `ends`; NULL: something that must not be there. */
static const char *xml_text(const char *at, char end)
{
    static const char *const entities[] = { "&lt;", "&gt;", "&amp;", "&quot;" };
    while (*at != '\0' && *at != end) {
        size_t length = *at == '<' ? 0 : utf8(at);
        for (size_t i = 0; *at == '&' && i < 4; i++)
            if (strncmp(at, entities[i], strlen(entities[i])) == 0)
                length = strlen(entities[i]);
        if (length == 0 || (*at == '&' && length == 1))
            return NULL;
        at += length;
    }
    return at;
}

static const char *xml_name(const char *at, char name[NAME])
{
    const size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-:");
    if (length == 0 || length >= NAME)
        return NULL;
    memcpy(name, at, length);
    name[length] = '\0';
    return at + length;
}

/* Up to the end of the tag. */
static const char *xml_attributes(const char *at)
{
    char names[ATTRIBUTES][NAME];
    for (size_t n = 0; at != NULL && *at == ' ' && n < ATTRIBUTES; n++) {
        at = xml_name(at + 1, names[n]);
        if (at == NULL || at[0] != '=' || at[1] != '"')
            return NULL;
        for (size_t i = 0; i < n; i++)
            if (strcmp(names[i], names[n]) == 0)
                return NULL;
        at = xml_text(at + 2, '"');
        at = at != NULL && *at == '"' ? at + 1 : NULL;
    }
    return at;
}

/* A tag that begins or ends an element. */
static const char *xml_tag(const char *at, char open[DEEP][NAME], size_t *depth)
{
    char name[NAME];
    const int ends = at[1] == '/';
    at = xml_name(at + 1 + ends, ends || *depth == DEEP ? name : open[*depth]);
    if (at == NULL || (!ends && *depth == DEEP))
        return NULL;
    if (ends)
        return *depth > 0 && strcmp(open[--*depth], name) == 0 && *at == '>' ? at + 1 : NULL;
    at = xml_attributes(at);
    if (at != NULL && strncmp(at, "/>", 2) == 0)
        return at + 2;
    ++*depth;
    return at != NULL && *at == '>' ? at + 1 : NULL;
}

int32_t wellformed_xml(const char *text)
{
    char open[DEEP][NAME];
    size_t depth = 0;
    const char *at = text;
    if (*at != '<')
        return 0;
    do {
        at = *at == '<' ? xml_tag(at, open, &depth) : xml_text(at, '<');
        if (at == NULL)
            return 0;
    } while (depth > 0 && *at != '\0');
    return depth == 0 && strcmp(at, "\n") == 0;
}
