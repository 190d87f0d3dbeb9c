/* share.c -- a whole number parted in proportion, within limits, in whole numbers
 *
 * SPDX-License-Identifier: MIT */
#include "share.h"

#include <float.h>
#include <string.h>

/* Doubles from 0 on order like their bits. */
static double number_of(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint64_t part_of(const prn_share *s, double x)
{
    const double ideal = s->share > 0.0 ? s->share * x + 0.5 : 0.0;
    if (!(ideal < (double)s->most))
        return s->most;
    const uint64_t part = (uint64_t)ideal;
    return part < s->least ? s->least : part;
}

static uint64_t sum_of(const prn_share *shares, size_t count, double x)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += part_of(&shares[i], x);
    return sum;
}

/* The largest x (as bits) whose parts are not more than the total; 0 makes all of them least. */
static uint64_t largest_within(const prn_share *shares, size_t count, uint64_t total)
{
    uint64_t low = 0, high;
    const double largest = DBL_MAX;
    memcpy(&high, &largest, sizeof high);
    while (low < high) {
        const uint64_t middle = high - (high - low) / 2;
        if (sum_of(shares, count, number_of(middle)) <= total)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static uint64_t grow(prn_share *s, uint64_t to, uint64_t left)
{
    const uint64_t room = to > s->part ? to - s->part : 0, more = room < left ? room : left;
    s->part += more;
    return left - more;
}

void prn_share_out(prn_share *shares, size_t count, uint64_t total)
{
    const uint64_t bits = largest_within(shares, count, total);
    const double x = number_of(bits), next = x < DBL_MAX ? number_of(bits + 1) : x;
    for (size_t i = 0; i < count; i++)
        shares[i].part = part_of(&shares[i], x);
    uint64_t left = total - sum_of(shares, count, x);
    for (size_t i = 0; i < count; i++)
        left = grow(&shares[i], part_of(&shares[i], next), left);
    for (size_t i = 0; i < count; i++)
        left = grow(&shares[i], shares[i].most, left);
}
