/* sparse.c -- what all back ends of sparse products do in plain C: the edges; and which there are
 *
 * SPDX-License-Identifier: MIT */
#include "sparse.h"
#include "options.h"

static float dot(float sum, const prn_rows *w, uint32_t begin, uint32_t end, const float *x)
{
    for (uint32_t k = begin; k < end; k++)
        sum += w->value[k] * x[w->column[k]];
    return sum;
}

void prn_rows_run(float *y, const prn_rows *w, const float *x, int32_t accumulate)
{
    const uint32_t *ends = w->ends;
    uint32_t begin = 0;
    for (uint32_t first = 0; first < w->columns; first += w->tile) {
        const int32_t add = accumulate || first != 0;
        for (uint32_t r = 0; r < w->rows; r++) {
            const float sum = dot(0.0f, w, begin, *ends, x + first);
            y[r] = add ? y[r] + sum : sum;
            begin = *ends++;
        }
    }
}

void prn_windows_settle(float *y, const prn_windows *w, const float *sum, const uint32_t first_lanes[2],
                        int32_t accumulate)
{
    const uint32_t *order = w->order + first_lanes[0];
    const uint32_t left = w->rows - first_lanes[0], count = left < first_lanes[1] ? left : first_lanes[1];
    for (uint32_t l = 0; l < count && accumulate; l++)
        y[order[l]] += sum[l];
    for (uint32_t l = 0; l < count && !accumulate; l++)
        y[order[l]] = sum[l];
}

void prn_samples_pack(const prn_samples *to, const float *from, const uint32_t first[2], uint32_t end)
{
    for (uint32_t i = first[1]; i < end; i++) {
        float *panel = to->panel + (size_t)i * to->width;
        for (uint32_t s = first[0]; s < to->samples; s++)
            panel[s] = from[s * to->ld + i];
        for (uint32_t s = first[0] > to->samples ? first[0] : to->samples; s < to->width; s++)
            panel[s] = 0.0f;
    }
}

void prn_samples_unpack(float *to, const prn_samples *from, int32_t accumulate, const uint32_t first[2],
                        uint32_t end)
{
    for (uint32_t s = first[0]; s < from->samples; s++)
        for (uint32_t i = first[1]; i < end; i++) {
            const float sum = from->panel[(size_t)i * from->width + s];
            float *at = to + s * from->ld + i;
            *at = accumulate ? *at + sum : sum;
        }
}

/* AVX-512 before AVX2: it was seen to be right, and faster at batch 1, measured, on AMD Zen 5. */
const prn_sparse *prn_sparse_find(int32_t kernels)
{
    static const prn_sparse *(*const finders[])(void) = { NULL, prn_sparse_plain, prn_sparse_avx2,
                                                          prn_sparse_avx512, prn_sparse_neon };
    const prn_sparse *best = NULL;
    if (kernels != PRUNE_KERNELS_AUTO)
        return finders[kernels]();
    for (int32_t k = PRUNE_KERNELS_NEON; k >= PRUNE_KERNELS_PLAIN && best == NULL; k--)
        best = finders[k]();
    return best;
}

static uint32_t offered(void)
{
    uint32_t bits = 0;
    for (int32_t kernels = PRUNE_KERNELS_PLAIN; kernels <= PRUNE_KERNELS_NEON; kernels++)
        bits |= prn_sparse_find(kernels) != NULL ? 1u << kernels : 0;
    return bits;
}

void prune_kernels_info_init(prune_kernels_info *info)
{
    if (info != NULL)
        *info = (prune_kernels_info){ .size = sizeof *info };
}

prune_status prune_backend_info(prune_kernels_info *info)
{
    if (info == NULL)
        return PRUNE_E_ARGUMENT;
    const prune_status status = prn_result_check(info, sizeof *info);
    const prune_kernels_info mine = { sizeof mine, prn_sparse_find(PRUNE_KERNELS_AUTO)->id, offered() };
    if (status == PRUNE_OK)
        prn_result_write(info, &mine);
    return status;
}

const char *prune_kernels_name(int32_t kernels)
{
    static const char *const names[] = { NULL, "plain", "avx2", "avx512", "neon" };
    return kernels < 0 || kernels > PRUNE_KERNELS_NEON ? NULL : names[kernels];
}

const char *prune_layout_name(int32_t layout)
{
    static const char *const names[] = { NULL, "dense", "rows", "windows", "groups", "masks" };
    return layout < 0 || layout > PRUNE_LAYOUT_MASKS ? NULL : names[layout];
}
