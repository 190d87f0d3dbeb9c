/* masks_torch_test.c -- the same masks as torch.nn.utils.prune, of weights, rows and columns, call after call
 *
 * SPDX-License-Identifier: MIT */
#include "fixtures/torch_masks.h"
#include "support/runner.h"

#include <string.h>

/* Torch has no floors and no protected outputs. */
static prune_selection selection_of(const masks_call *call)
{
    static const int32_t granularity[] = { PRUNE_WEIGHTS, PRUNE_NEURONS, PRUNE_NEURONS,
                                           PRUNE_INPUTS,  PRUNE_INPUTS,  PRUNE_WEIGHTS };
    prune_selection s;
    prune_selection_init(&s);
    s.granularity = granularity[call->method];
    s.aggregate =
        call->method == MASKS_ROW_L1 || call->method == MASKS_COLUMN_L1 ? PRUNE_ROW_L1 : PRUNE_ROW_L2;
    s.scope = call->method == MASKS_GLOBAL ? PRUNE_GLOBAL : PRUNE_PER_LAYER;
    s.layer = call->method == MASKS_GLOBAL ? -1 : call->layer;
    s.include_output = 1;
    s.min_kept = 0;
    return s;
}

static prune_model *make(const masks_case *c)
{
    static const size_t widths[] = { 10, 8, 6 };
    float weights[MASKS_WEIGHTS];
    prune_model *model = world_model(NULL, widths, 2, PRUNE_LINEAR, 1);
    for (size_t i = 0; i < MASKS_WEIGHTS; i++)
        weights[i] = (float)c->weights[i] / 4096.0f;
    ck_assert_ok(prune_model_set_param(model, 0, weights, 80));
    ck_assert_ok(prune_model_set_param(model, 2, weights + 80, 48));
    return model;
}

static void apply(prune_model *model, const masks_call *call)
{
    prune_importance *scores;
    const prune_selection s = selection_of(call);
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
    if (call->is_count)
        ck_assert_ok(prune_mask_lowest(NULL, model, scores, &s, (uint64_t)call->amount));
    else
        ck_assert_ok(prune_mask_fraction(NULL, model, scores, &s, call->amount, PRUNE_OF_REMAINING));
    prune_importance_free(scores);
}

static void read_masks(char *text, const prune_model *model)
{
    uint8_t bytes[MASKS_WEIGHTS];
    ck_assert_ok(prune_mask_get(bytes, 80, model, 0));
    ck_assert_ok(prune_mask_get(bytes + 80, 48, model, 2));
    for (size_t i = 0; i < MASKS_WEIGHTS; i++)
        text[i] = bytes[i] ? '1' : '0';
    text[MASKS_WEIGHTS] = '\0';
}

START_TEST(masks_are_those_of_torch)
{
    size_t calls[MASKS_GLOBAL + 1] = { 0 };
    for (size_t i = 0; i < sizeof masks_cases / sizeof masks_cases[0]; i++) {
        prune_model *model = make(&masks_cases[i]);
        for (size_t c = 0; c < MASKS_CALLS; c++) {
            char text[MASKS_WEIGHTS + 1];
            const masks_call *call = &masks_cases[i].calls[c];
            apply(model, call);
            read_masks(text, model);
            ck_assert_msg(strcmp(text, call->mask) == 0, "case %d, call %d:\n%s, but torch\n%s", (int)i,
                          (int)c, text, call->mask);
            calls[call->method]++;
        }
        ck_assert_ok(prune_model_verify(model, NULL));
        prune_model_free(model);
    }
    for (size_t method = 0; method <= MASKS_GLOBAL; method++)
        ck_assert_uint_ge(calls[method], 2 * MASKS_CALLS);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { masks_are_those_of_torch };
    return run_tests("masks_torch", tests, sizeof tests / sizeof tests[0]);
}
