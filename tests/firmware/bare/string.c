/* string.c -- all that the library asks of a C library, so that counts do not depend on whose it is
 *
 * Compiled with -fno-builtin, or memcpy() would be seen to be one, and call itself.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

void *memcpy(void *restrict to, const void *restrict from, size_t count)
{
    return memmove(to, from, count);
}

void *memmove(void *to, const void *from, size_t count)
{
    unsigned char *t = to;
    const unsigned char *f = from;
    if (t <= f)
        for (size_t i = 0; i < count; i++)
            t[i] = f[i];
    else
        for (size_t i = count; i-- > 0;)
            t[i] = f[i];
    return to;
}

void *memset(void *to, int byte, size_t count)
{
    unsigned char *t = to;
    for (size_t i = 0; i < count; i++)
        t[i] = (unsigned char)byte;
    return to;
}

int memcmp(const void *a, const void *b, size_t count)
{
    const unsigned char *p = a, *q = b;
    for (size_t i = 0; i < count; i++)
        if (p[i] != q[i])
            return p[i] < q[i] ? -1 : 1;
    return 0;
}
