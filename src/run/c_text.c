/* c_text.c -- constants as C source
 *
 * SPDX-License-Identifier: MIT */
#include "c_text.h"
#include "bits.h"
#include "libprune/blob.h"

enum { BIAS = 127, MANTISSA = 23, EXPONENTS = 255, LEAST = -126 };

static void put_hex(prn_sink *sink, uint32_t value, int32_t digits)
{
    while (digits != 0)
        prn_sink_bytes(sink, &"0123456789abcdef"[value >> 4 * --digits & 15u], 1);
}

static void put_signed(prn_sink *sink, int32_t value)
{
    if (value < 0)
        prn_sink_add(sink, "-");
    prn_sink_count(sink, value < 0 ? 0u - (uint32_t)value : (uint32_t)value);
}

/* 1.f times 2^e, below the normal numbers 0.f times 2^-126; f are 23 bits, one more makes 6 digits. */
void prn_c_float(prn_sink *sink, float value)
{
    const uint32_t bits = prn_bits_of(value);
    const int32_t exponent = (int32_t)(bits >> MANTISSA & EXPONENTS);
    uint32_t fraction = (bits & 0x7FFFFFu) << 1;
    int32_t digits = 6;
    if (bits >> 31 != 0)
        prn_sink_add(sink, "-");
    if (exponent == EXPONENTS) {
        prn_sink_add(sink, "PRN_INFINITY");
        return;
    }
    for (; digits > 0 && (fraction & 15u) == 0; digits--)
        fraction >>= 4;
    prn_sink_add(sink, exponent == 0 ? "0x0" : "0x1");
    prn_sink_add(sink, digits == 0 ? "" : ".");
    put_hex(sink, fraction, digits);
    prn_sink_add(sink, "p");
    put_signed(sink, (bits & 0x7FFFFFFFu) == 0 ? 0 : exponent == 0 ? LEAST : exponent - BIAS);
    prn_sink_add(sink, "f");
}

static void put_word(prn_sink *sink, uint32_t word)
{
    prn_sink_add(sink, "0x");
    put_hex(sink, word, 8);
    prn_sink_add(sink, "u");
}

static void put_element(prn_sink *sink, int32_t type, const void *elements, size_t i)
{
    switch (type) {
    case PRUNE_BLOB_I8:
        put_signed(sink, ((const int8_t *)elements)[i]);
        break;
    case PRUNE_BLOB_I16:
        put_signed(sink, ((const int16_t *)elements)[i]);
        break;
    case PRUNE_BLOB_F32:
        prn_c_float(sink, ((const float *)elements)[i]);
        break;
    case PRN_C_HALF:
        prn_sink_count(sink, ((const uint16_t *)elements)[i]);
        break;
    default:
        put_word(sink, ((const uint32_t *)elements)[i]);
        break;
    }
}

void prn_c_array(prn_sink *sink, int32_t type, const void *elements, size_t count)
{
    const size_t a_line = type == PRUNE_BLOB_F32 ? 6 : type == PRN_C_WORD ? 8 : 16;
    for (size_t i = 0; i < count; i++) {
        prn_sink_add(sink, i == 0 ? "" : i % a_line == 0 ? ",\n        " : ", ");
        put_element(sink, type, elements, i);
    }
}

int32_t prn_c_finite(const float *x, size_t count)
{
    while (count != 0 && prn_bits_size(x[count - 1]) < 0x7F800000u)
        count--;
    return count == 0;
}

void prn_c_upper(prn_sink *sink, const char *text)
{
    for (; *text != '\0'; text++) {
        const char c = *text >= 'a' && *text <= 'z' ? (char)(*text - 'a' + 'A') : *text;
        prn_sink_bytes(sink, &c, 1);
    }
}
