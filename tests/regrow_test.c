/* regrow_test.c -- removed weights come back where they would help most
 *
 * SPDX-License-Identifier: MIT */
#include "support/runner.h"
#include "support/training.h"

#include <math.h>
#include <string.h>

enum {
    INPUTS = 6,
    HIDDEN = 5,
    OUTPUTS = 4,
    FIRST = INPUTS * HIDDEN,
    SECOND = HIDDEN * OUTPUTS,
    ALL = FIRST + SECOND
};

typedef struct world {
    prune_model *model;
    prune_importance *drop, *grow;
    float drops[ALL], grows[ALL];
    uint8_t mask[ALL];
    prune_selection selection;
} world;

static void fill(prune_importance *table, const float *scores)
{
    ck_assert_ok(prune_importance_set_scores(table, 0, scores, FIRST));
    ck_assert_ok(prune_importance_set_scores(table, 2, scores + FIRST, SECOND));
}

static void get_mask(uint8_t *mask, const world *w)
{
    ck_assert_ok(prune_mask_get(mask, FIRST, w->model, 0));
    ck_assert_ok(prune_mask_get(mask + FIRST, SECOND, w->model, 2));
}

/* Scores of few values, so that there are ties, some of them below 0. */
static world make_world(uint64_t seed, double density)
{
    world w = { 0 };
    prune_rng rng;
    const size_t widths[] = { INPUTS, HIDDEN, OUTPUTS };
    w.model = world_model(NULL, widths, 2, PRUNE_TANH, seed);
    prune_rng_seed(&rng, seed);
    for (size_t i = 0; i < ALL; i++) {
        w.drops[i] = 0.25f * (float)(prune_rng_below(&rng, 9)) - 1.0f;
        w.grows[i] = 0.5f * (float)(prune_rng_below(&rng, 7)) - 1.0f;
        w.mask[i] = prune_rng_uniform(&rng) < (float)density;
    }
    ck_assert_ok(prune_mask_set(w.model, 0, w.mask, FIRST));
    ck_assert_ok(prune_mask_set(w.model, 2, w.mask + FIRST, SECOND));
    ck_assert_ok(prune_importance_create(&w.drop, NULL, w.model, PRUNE_SUPPLIED));
    ck_assert_ok(prune_importance_create(&w.grow, NULL, w.model, PRUNE_SUPPLIED));
    fill(w.drop, w.drops);
    fill(w.grow, w.grows);
    prune_selection_init(&w.selection);
    w.selection.min_kept = 0;
    return w;
}

static void end_world(world *w)
{
    prune_importance_free(w->drop);
    prune_importance_free(w->grow);
    prune_model_free(w->model);
}

static size_t count_kept(const uint8_t *mask, size_t first, size_t last)
{
    size_t kept = 0;
    for (size_t i = first; i < last; i++)
        kept += mask[i];
    return kept;
}

/* By looking for the next one k times. */
static size_t expect(uint8_t *after, const world *w, size_t first, size_t last, double fraction)
{
    const size_t kept = count_kept(w->mask, first, last), removed = last - first - kept;
    size_t k = (size_t)nearbyint(fraction * (double)kept);
    k = k > removed ? removed : k;
    for (size_t n = 0; n < k; n++) {
        size_t worst = ALL, best = ALL;
        for (size_t i = first; i < last; i++) {
            if (w->mask[i] && after[i] && (worst == ALL || w->drops[i] < w->drops[worst]))
                worst = i;
            if (!w->mask[i] && !after[i] && (best == ALL || w->grows[i] > w->grows[best]))
                best = i;
        }
        after[worst] = 0;
        after[best] = 1;
    }
    return k;
}

START_TEST(exactly_these_go_and_come)
{
    static const double fractions[] = { 0.0, 0.1, 0.25, 0.3, 0.5, 1.0 };
    for (uint64_t seed = 1; seed <= 40; seed++)
        for (size_t f = 0; f < sizeof fractions / sizeof fractions[0]; f++)
            for (int32_t scope = PRUNE_GLOBAL; scope <= PRUNE_PER_LAYER; scope++) {
                world w = make_world(seed, 0.05 * (double)(seed % 20));
                uint8_t after[ALL], got[ALL];
                prune_regrowth r;
                size_t dropped;
                prune_regrowth_init(&r);
                memcpy(after, w.mask, sizeof after);
                w.selection.scope = scope;
                if (scope == PRUNE_GLOBAL)
                    dropped = expect(after, &w, 0, ALL, fractions[f]);
                else
                    dropped = expect(after, &w, 0, FIRST, fractions[f]) +
                              expect(after, &w, FIRST, ALL, fractions[f]);
                ck_assert_ok(prune_mask_regrow(&r, w.model, w.drop, w.grow, &w.selection, fractions[f]));
                get_mask(got, &w);
                ck_assert_mem_eq(got, after, sizeof got);
                ck_assert_uint_eq(r.dropped, dropped);
                ck_assert_uint_eq(r.kept, count_kept(w.mask, 0, ALL));
                ck_assert_ok(prune_model_verify(w.model, NULL));
                end_world(&w);
            }
}
END_TEST

START_TEST(what_comes_starts_at_zero)
{
    world w = make_world(3, 0.5);
    uint8_t got[ALL];
    ck_assert_ok(prune_mask_regrow(NULL, w.model, w.drop, w.grow, &w.selection, 0.5));
    get_mask(got, &w);
    size_t came = 0;
    for (size_t i = 0; i < ALL; i++)
        if (got[i] && !w.mask[i]) {
            came++;
            ck_assert(i < FIRST ? prune_model_param(w.model, 0)[i] == 0.0f
                                : prune_model_param(w.model, 2)[i - FIRST] == 0.0f);
        }
    ck_assert_uint_gt(came, 0);
    end_world(&w);
}
END_TEST

/* The second layer has the lowest weights and nothing that should grow: it would be emptied. */
START_TEST(floors_hold)
{
    world w = make_world(5, 0.5);
    for (size_t i = 0; i < ALL; i++) {
        w.drops[i] = i < FIRST ? 1.0f : 0.0f;
        w.grows[i] = i < FIRST ? 1.0f : 0.0f;
    }
    fill(w.drop, w.drops);
    fill(w.grow, w.grows);
    const size_t kept = count_kept(w.mask, FIRST, ALL), all = count_kept(w.mask, 0, ALL);
    const double fraction = (double)kept / (double)all;
    uint8_t got[ALL];
    w.selection.min_kept = 1;
    const uint64_t before = world_hash(w.model);
    ck_assert_status(prune_mask_regrow(NULL, w.model, w.drop, w.grow, &w.selection, fraction),
                     PRUNE_E_COLLAPSE);
    ck_assert(world_hash(w.model) == before);
    w.selection.scope = PRUNE_PER_LAYER;
    w.selection.min_kept = kept - 1;
    ck_assert_ok(prune_mask_regrow(NULL, w.model, w.drop, w.grow, &w.selection, 1.0));
    get_mask(got, &w);
    size_t gone = 0;
    for (size_t i = FIRST; i < ALL; i++)
        gone += w.mask[i] && !got[i];
    ck_assert_uint_eq(gone, 1);
    end_world(&w);
}
END_TEST

START_TEST(arguments_are_checked)
{
    world w = make_world(7, 0.5);
    prune_importance *empty;
    const uint64_t before = world_hash(w.model);
    ck_assert_ok(prune_importance_create(&empty, NULL, w.model, PRUNE_GRADIENT));
    world other = make_world(7, 0.5);
    ck_assert_status(prune_mask_regrow(NULL, NULL, w.drop, w.grow, NULL, 0.1), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_regrow(NULL, w.model, NULL, w.grow, NULL, 0.1), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_regrow(NULL, w.model, w.drop, NULL, NULL, 0.1), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_mask_regrow(NULL, w.model, w.drop, empty, NULL, 0.1), PRUNE_E_STATE);
    ck_assert_status(prune_mask_regrow(NULL, w.model, other.drop, w.grow, NULL, 0.1), PRUNE_E_STATE);
    ck_assert_status(prune_mask_regrow(NULL, w.model, w.drop, w.grow, NULL, -0.1), PRUNE_E_RANGE);
    ck_assert_status(prune_mask_regrow(NULL, w.model, w.drop, w.grow, NULL, (double)NAN), PRUNE_E_RANGE);
    ck_assert_status(prune_mask_regrow(NULL, w.model, w.drop, w.grow, NULL, 1.1), PRUNE_E_RANGE);
    ck_assert_status(prune_mask_regrow(NULL, w.model, w.drop, w.grow, NULL, (double)INFINITY), PRUNE_E_RANGE);
    w.selection.granularity = PRUNE_NEURONS;
    ck_assert_status(prune_mask_regrow(NULL, w.model, w.drop, w.grow, &w.selection, 0.1), PRUNE_E_ARGUMENT);
    ck_assert(world_hash(w.model) == before);
    prune_regrowth_init(NULL);
    prune_importance_free(empty);
    end_world(&other);
    end_world(&w);
}
END_TEST

/* RigL: as many weights from beginning to end, each removed one 0 with moments of 0, and it learns. */
START_TEST(sparse_training_keeps_its_count)
{
    const size_t widths[] = { INPUTS, HIDDEN, OUTPUTS };
    prune_model *model = world_model(NULL, widths, 2, PRUNE_TANH, 11);
    prune_importance *size, *gradient;
    prune_trainer *trainer;
    prune_trainer_options options;
    prune_selection layers;
    world_data data;
    float loss, first_loss = 0.0f;
    world_data_make(&data, 64, INPUTS, OUTPUTS, 11);
    prune_trainer_options_init(&options);
    options.optimizer = PRUNE_ADAM;
    options.learning_rate = 0.01f;
    options.max_batch = 64;
    prune_selection_init(&layers);
    layers.scope = PRUNE_PER_LAYER;
    ck_assert_ok(prune_trainer_create(&trainer, NULL, model, &options, NULL));
    ck_assert_ok(prune_importance_create(&size, NULL, model, PRUNE_MAGNITUDE));
    ck_assert_ok(prune_importance_create(&gradient, NULL, model, PRUNE_GRADIENT));
    ck_assert_ok(prune_mask_fraction(NULL, model, size, &layers, 0.6, PRUNE_OF_ALL));
    for (uint64_t step = 0; step < 200; step++) {
        ck_assert_ok(prune_trainer_step(&loss, trainer, data.x_tensor, data.label_tensor));
        first_loss = step == 0 ? loss : first_loss;
        if (step % 10 == 9) {
            prune_regrowth r;
            prune_regrowth_init(&r);
            ck_assert_ok(prune_importance_refresh(size));
            ck_assert_ok(prune_importance_reset(gradient));
            ck_assert_ok(prune_importance_accumulate(gradient, trainer, &data.labelled, NULL));
            ck_assert_ok(prune_mask_regrow(&r, model, size, gradient, &layers, 0.3));
            ck_assert_uint_eq(r.kept, 12 + 8);
            ck_assert_uint_eq(r.dropped, 4 + 2);
        }
        ck_assert_ok(prune_model_verify(model, NULL));
        ck_assert_uint_eq(world_check_removed(model, step % 10 == 9 ? NULL : trainer), ALL - 20);
    }
    ck_assert(loss < 0.7f * first_loss);
    prune_importance_free(size);
    prune_importance_free(gradient);
    prune_trainer_free(trainer);
    prune_model_free(model);
    world_data_end(&data);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { exactly_these_go_and_come, what_comes_starts_at_zero, floors_hold,
                                   arguments_are_checked, sparse_training_keeps_its_count };
    return run_tests("regrow", tests, sizeof tests / sizeof tests[0]);
}
