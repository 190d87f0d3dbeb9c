/* text.h -- short texts without stdio and without a locale, and prune_error */
#ifndef PRN_TEXT_H
#define PRN_TEXT_H

#include "libprune/base.h"

/* A text being written into bytes[capacity]: always terminated, cut where it does not fit. */
typedef struct prn_text {
    char *bytes;
    size_t capacity;
    size_t length;
} prn_text;

/* Starts an empty text; capacity is at least 1. */
void prn_text_start(prn_text *text, char *bytes, size_t capacity);

void prn_text_add(prn_text *text, const char *string);

/* The decimal digits of value. */
void prn_text_number(prn_text *text, size_t value);

/* value, or string, filled up with spaces on the left, or on the right, to `width`. */
void prn_text_number_right(prn_text *text, size_t value, size_t width);
void prn_text_left(prn_text *text, const char *string, size_t width);
void prn_text_right(prn_text *text, const char *string, size_t width);

void prn_error_fill(prune_error *error, prune_status status, const char *place, const char *reason);

/* Fills *error, if there is one, and returns `status`, so that a caller can fail in one line:
 *     return prn_error_set(error, PRUNE_E_SHAPE, "inputs", "wrong number of columns"); */
static inline prune_status prn_error_set(prune_error *error, prune_status status, const char *place,
                                         const char *reason)
{
    if (error != NULL)
        prn_error_fill(error, status, place, reason);
    return status;
}

/* The same, where each '%' in `place`, then in `reason`, stands for the next of `numbers`:
 *     const ptrdiff_t numbers[] = { row, 1000, 10 };
 *     return prn_error_format(error, PRUNE_E_LABEL, "targets[%]", "% is not below %", numbers); */
prune_status prn_error_format(prune_error *error, prune_status status, const char *place, const char *reason,
                              const ptrdiff_t *numbers);

/* Puts a wider place before the one that a call has just set: "weight[7]" becomes "layer 2 weight[7]". */
prune_status prn_error_within(prune_error *error, prune_status status, const char *place);

/* The same with a place like "inputs[row][column]", or "labels[row]". */
prune_status prn_error_at(prune_error *error, prune_status status, const char *array, size_t index,
                          const char *reason);
prune_status prn_error_at2(prune_error *error, prune_status status, const char *array, const size_t index[2],
                           const char *reason);

#endif
