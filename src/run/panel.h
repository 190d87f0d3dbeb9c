/* panel.h -- four weights that lie behind each other, and sums of four rows that share each input */
#ifndef PRN_PANEL_H
#define PRN_PANEL_H

#include "blob.h"
#include "inline.h"

/* What comes next is at w. */
typedef struct prn_panel {
    float a, b, c, d;
    const float *w;
} prn_panel;

/* prn_quad_take() gives four weights: in registers, by one instruction, or where they lie. */
#if defined(__GNUC__) && defined(__thumb2__) && defined(__ARM_FP)
enum { PRN_QUAD_LOADS = 1 };

typedef struct prn_quad {
    float v[4];
} prn_quad;

PRN_INLINE prn_quad prn_quad_take(const float **w)
{
    register float a __asm__("s8"), b __asm__("s9"), c __asm__("s10"), d __asm__("s11");
    const prn_quad *at = (const prn_quad *)(const void *)*w;
    __asm__ volatile("vldmia %0!, {s8-s11}" : "+r"(*w), "=t"(a), "=t"(b), "=t"(c), "=t"(d) : "m"(*at));
    const prn_quad quad = { { a, b, c, d } };
    return quad;
}
#else
enum { PRN_QUAD_LOADS = 0 };

typedef struct prn_quad {
    const float *v;
} prn_quad;

PRN_INLINE prn_quad prn_quad_take(const float **w)
{
    const prn_quad quad = { *w };
    *w += 4;
    return quad;
}
#endif

/* Has all sums computed before more weights come, which would want registers of their own. */
#if defined(__GNUC__) && defined(__thumb2__) && defined(__ARM_FP)
PRN_INLINE void prn_panel_hold(prn_panel *p)
{
    __asm__ volatile("" : "+t"(p->a), "+t"(p->b), "+t"(p->c), "+t"(p->d));
}
#else
PRN_INLINE void prn_panel_hold(prn_panel *p)
{
    (void)p;
}
#endif

PRN_INLINE prn_panel prn_panel_at(const float *w)
{
    const prn_panel p = { w[0], w[1], w[2], w[3], w + 4 };
    return p;
}

PRN_INLINE void prn_panel_add(prn_panel *p, float x)
{
    prn_panel_hold(p);
    const prn_quad w = prn_quad_take(&p->w);
    p->a += w.v[0] * x, p->b += w.v[1] * x, p->c += w.v[2] * x, p->d += w.v[3] * x;
}

PRN_INLINE void prn_panel_give(float *y, const prn_panel *p, float floor)
{
    y[0] = prn_floored(p->a, floor);
    y[1] = prn_floored(p->b, floor);
    y[2] = prn_floored(p->c, floor);
    y[3] = prn_floored(p->d, floor);
}

#endif
