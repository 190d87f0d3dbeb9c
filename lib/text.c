/* text.c -- short texts without stdio and without a locale, and prune_error
 *
 * SPDX-License-Identifier: MIT */
#include "text.h"

#include <string.h>

enum { MAX_DIGITS = 20 };

void prn_text_start(prn_text *text, char *bytes, size_t capacity)
{
    *text = (prn_text){ bytes, capacity, 0 };
    bytes[0] = '\0';
}

static void add_char(prn_text *text, char c)
{
    if (text->length + 1 >= text->capacity)
        return;
    text->bytes[text->length++] = c;
    text->bytes[text->length] = '\0';
}

void prn_text_add(prn_text *text, const char *string)
{
    for (; *string != '\0'; string++)
        add_char(text, *string);
}

static void fill(prn_text *text, size_t used, size_t width)
{
    for (; used < width; used++)
        add_char(text, ' ');
}

/* At most `most`; also, without a bound compilers would call strlen here. */
static size_t length_of(const char *string, size_t most)
{
    size_t length = 0;
    while (length < most && string[length] != '\0')
        length++;
    return length;
}

void prn_text_number_right(prn_text *text, size_t value, size_t width)
{
    char digits[MAX_DIGITS + 1];
    size_t first = MAX_DIGITS;
    digits[first] = '\0';
    do {
        digits[--first] = (char)('0' + (int)(value % 10));
        value /= 10;
    } while (value != 0);
    prn_text_right(text, digits + first, width);
}

void prn_text_number(prn_text *text, size_t value)
{
    prn_text_number_right(text, value, 0);
}

void prn_text_left(prn_text *text, const char *string, size_t width)
{
    prn_text_add(text, string);
    fill(text, length_of(string, width), width);
}

void prn_text_right(prn_text *text, const char *string, size_t width)
{
    fill(text, length_of(string, width), width);
    prn_text_add(text, string);
}

void prn_error_fill(prune_error *error, prune_status status, const char *place, const char *reason)
{
    prn_text text;
    error->status = status;
    prn_text_start(&text, error->place, sizeof error->place);
    prn_text_add(&text, place);
    prn_text_start(&text, error->reason, sizeof error->reason);
    prn_text_add(&text, reason);
}

static const ptrdiff_t *add_format(prn_text *text, const char *format, const ptrdiff_t *numbers)
{
    for (; *format != '\0'; format++) {
        if (*format != '%') {
            add_char(text, *format);
            continue;
        }
        if (*numbers < 0)
            add_char(text, '-');
        prn_text_number(text, *numbers < 0 ? (size_t)0 - (size_t)*numbers : (size_t)*numbers);
        numbers++;
    }
    return numbers;
}

prune_status prn_error_format(prune_error *error, prune_status status, const char *place, const char *reason,
                              const ptrdiff_t *numbers)
{
    if (error == NULL)
        return status;
    prn_text text;
    error->status = status;
    prn_text_start(&text, error->place, sizeof error->place);
    numbers = add_format(&text, place, numbers);
    prn_text_start(&text, error->reason, sizeof error->reason);
    add_format(&text, reason, numbers);
    return status;
}

prune_status prn_error_within(prune_error *error, prune_status status, const char *place)
{
    if (error == NULL)
        return status;
    char whole[sizeof error->place];
    prn_text text;
    prn_text_start(&text, whole, sizeof whole);
    prn_text_add(&text, place);
    prn_text_add(&text, " ");
    prn_text_add(&text, error->place);
    memcpy(error->place, whole, sizeof whole);
    return status;
}

static void add_index(prn_text *text, size_t index)
{
    prn_text_add(text, "[");
    prn_text_number(text, index);
    prn_text_add(text, "]");
}

prune_status prn_error_at(prune_error *error, prune_status status, const char *array, size_t index,
                          const char *reason)
{
    char place[sizeof error->place];
    prn_text text;
    prn_text_start(&text, place, sizeof place);
    prn_text_add(&text, array);
    add_index(&text, index);
    return prn_error_set(error, status, place, reason);
}

prune_status prn_error_at2(prune_error *error, prune_status status, const char *array, const size_t index[2],
                           const char *reason)
{
    char place[sizeof error->place];
    prn_text text;
    prn_text_start(&text, place, sizeof place);
    prn_text_add(&text, array);
    add_index(&text, index[0]);
    add_index(&text, index[1]);
    return prn_error_set(error, status, place, reason);
}
