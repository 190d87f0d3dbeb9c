/* run_dense_vfp.c -- a dense layer, its inner loop for ARM's single-precision unit
 *
 * VMLA rounds the product and then the sum, as C does without contraction: the same bits. Only registers that
 * a function may spoil are used: s0 .. s15.
 *
 * SPDX-License-Identifier: MIT */
#include "run_dense.h"

#if defined(__GNUC__) && defined(__thumb2__) && defined(__ARM_FP) && !defined(__aarch64__)

PRN_INLINE const float *turns_in_assembly(prn_panel *p, const float *x, uint32_t turns)
{
    __asm__ volatile("0:\n\t"
                     "vldmia %[x]!, {s4-s7}\n\t"
                     "vldmia %[w]!, {s8-s15}\n\t"
                     "vmla.f32 %[a], s8, s4\n\t"
                     "vmla.f32 %[b], s9, s4\n\t"
                     "vmla.f32 %[c], s10, s4\n\t"
                     "vmla.f32 %[d], s11, s4\n\t"
                     "vmla.f32 %[a], s12, s5\n\t"
                     "vmla.f32 %[b], s13, s5\n\t"
                     "vmla.f32 %[c], s14, s5\n\t"
                     "vmla.f32 %[d], s15, s5\n\t"
                     "vldmia %[w]!, {s8-s15}\n\t"
                     "vmla.f32 %[a], s8, s6\n\t"
                     "vmla.f32 %[b], s9, s6\n\t"
                     "vmla.f32 %[c], s10, s6\n\t"
                     "vmla.f32 %[d], s11, s6\n\t"
                     "vmla.f32 %[a], s12, s7\n\t"
                     "vmla.f32 %[b], s13, s7\n\t"
                     "vmla.f32 %[c], s14, s7\n\t"
                     "vmla.f32 %[d], s15, s7\n\t"
                     "subs %[turns], %[turns], #1\n\t"
                     "bne 0b"
                     : [a] "+t"(p->a), [b] "+t"(p->b), [c] "+t"(p->c), [d] "+t"(p->d), [w] "+r"(p->w),
                       [x] "+r"(x), [turns] "+r"(turns)
                     :
                     : "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15", "cc",
                       "memory");
    return x;
}

#define TURNS turns_in_assembly

#else
#define TURNS prn_turns_in_c
#endif

static void run(void *y, const void *x, const prune_blob_layer *layer)
{
    prn_dense_run(y, x, layer, TURNS);
}

const prune_blob_op prune_op_dense_vfp = { PRUNE_BLOB_DENSE, PRUNE_BLOB_F32,
                                           PRUNE_BLOB_F32,   0,
                                           prn_dense_check,  run };
