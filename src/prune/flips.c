/* flips.c -- which bits of a mask have changed, as bytes
 *
 * SPDX-License-Identifier: MIT */
#include "flips.h"

enum { NOTHING = 0, RUNS = 1, BITS = 2, NUMBER_BITS = 7, NUMBER_MORE = 0x80 };

/* ---- putting ---- */

static uint32_t differs(const uint32_t *a, const uint32_t *b, size_t i)
{
    return (a[i / 32] ^ b[i / 32]) >> i % 32 & 1u;
}

/* Where the run that element i belongs to ends. */
static size_t run_end(const uint32_t *a, const uint32_t *b, size_t i, size_t count)
{
    const uint32_t flip = differs(a, b, i), word = flip ? UINT32_MAX : 0;
    while (i < count && differs(a, b, i) == flip)
        i += i % 32 == 0 && count - i >= 32 && (a[i / 32] ^ b[i / 32]) == word ? 32 : 1;
    return i;
}

static size_t put_number(unsigned char *bytes, size_t number)
{
    size_t length = 0;
    for (; number >= NUMBER_MORE; number >>= NUMBER_BITS, length++)
        if (bytes != NULL)
            bytes[length] = (unsigned char)(NUMBER_MORE | (number & (NUMBER_MORE - 1)));
    if (bytes != NULL)
        bytes[length] = (unsigned char)number;
    return length + 1;
}

static size_t put_runs(unsigned char *bytes, const uint32_t *a, const uint32_t *b, size_t count)
{
    size_t length = differs(a, b, 0) ? put_number(bytes, 0) : 0;
    for (size_t i = 0, end; i < count; i = end) {
        end = run_end(a, b, i, count);
        length += put_number(bytes == NULL ? NULL : bytes + length, end - i);
    }
    return length;
}

static size_t bit_bytes(size_t count)
{
    return count / 8 + (count % 8 != 0);
}

static void put_bits(unsigned char *bytes, const uint32_t *a, const uint32_t *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const unsigned char before = i % 8 == 0 ? 0 : bytes[i / 8];
        bytes[i / 8] = (unsigned char)(before | differs(a, b, i) << i % 8);
    }
}

size_t prn_flips_put(unsigned char *bytes, const uint32_t *a, const uint32_t *b, size_t count)
{
    const int32_t same = !differs(a, b, 0) && run_end(a, b, 0, count) == count;
    const size_t runs = same ? 0 : put_runs(NULL, a, b, count), bits = bit_bytes(count);
    const int32_t coding = same ? NOTHING : runs <= bits ? RUNS : BITS;
    if (bytes != NULL)
        bytes[0] = (unsigned char)coding;
    if (bytes != NULL && coding == RUNS)
        (void)put_runs(bytes + 1, a, b, count);
    if (bytes != NULL && coding == BITS)
        put_bits(bytes + 1, a, b, count);
    return 1 + (coding == BITS ? bits : runs);
}

/* ---- going over them ---- */

void prn_flips_open(prn_flips *f, const unsigned char *bytes, size_t length)
{
    *f = (prn_flips){ .at = bytes, .end = bytes + length };
}

static int32_t spoil(prn_flips *f)
{
    f->bad = 1;
    f->next = f->count;
    return 0;
}

/* Checks the padding, too. */
static void find_bits(prn_flips *f)
{
    const size_t bytes = bit_bytes(f->count);
    f->bits = f->at;
    if ((size_t)(f->end - f->at) < bytes) {
        spoil(f);
        return;
    }
    f->at += bytes;
    if (f->count % 8 != 0 && f->at[-1] >> f->count % 8 != 0)
        spoil(f);
}

void prn_flips_param(prn_flips *f, size_t count)
{
    f->count = count;
    f->next = 0;
    f->coding = f->bad || f->at == f->end ? -1 : *f->at++;
    if (f->coding < NOTHING || f->coding > BITS)
        spoil(f);
    else if (f->coding == NOTHING)
        f->next = count;
    else if (f->coding == BITS)
        find_bits(f);
}

/* A length that is not more than what is left of the parameter; else it is spoilt. */
static size_t get_number(prn_flips *f)
{
    const size_t left = f->count - f->next;
    size_t number = 0;
    for (uint32_t shift = 0; f->at != f->end; shift += NUMBER_BITS) {
        const size_t byte = *f->at++, low = byte & (NUMBER_MORE - 1);
        if (low != 0 && (shift >= sizeof number * 8 || low > (left - number) >> shift))
            break;
        number += low == 0 ? 0 : low << shift;
        if (byte < NUMBER_MORE)
            return low == 0 && shift != 0 ? (size_t)spoil(f) : number;
    }
    return (size_t)spoil(f);
}

static int32_t next_run(size_t first_end[2], prn_flips *f)
{
    const int32_t first = f->next == 0;
    const size_t unchanged = get_number(f);
    if (f->bad || (unchanged == 0 && !first))
        return spoil(f);
    f->next += unchanged;
    if (f->next == f->count)
        return 0;
    const size_t changed = get_number(f);
    if (f->bad || changed == 0)
        return spoil(f);
    first_end[0] = f->next;
    first_end[1] = f->next += changed;
    return 1;
}

static int32_t next_bit(size_t first_end[2], prn_flips *f)
{
    while (f->next < f->count) {
        const size_t i = f->next++;
        if (f->bits[i / 8] >> i % 8 & 1) {
            first_end[0] = i;
            first_end[1] = i + 1;
            return 1;
        }
    }
    return 0;
}

int32_t prn_flips_next(size_t first_end[2], prn_flips *f)
{
    if (f->next == f->count)
        return 0;
    return f->coding == RUNS ? next_run(first_end, f) : next_bit(first_end, f);
}
