/* tiny_prune_test.c -- what the core for chips removes, and that it stays removed
 *
 * SPDX-License-Identifier: MIT */
#include "support/chip.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { IN = 5, OUT = 3, SAMPLES = 24, MOST = 200, WEIGHTS = IN * 9 + 9 * 7 + 7 * OUT };

static const chip_shape usual = { 3, { IN, 9, 7, OUT }, PRUNE_TANH };
static const uint32_t both = PRUNE_TINY_GRADIENT | PRUNE_TINY_MASK;
static const int32_t criteria[] = { PRUNE_MAGNITUDE, PRUNE_GRADIENT, PRUNE_TAYLOR };

/* A chip that has added up the gradients of all samples. */
typedef struct fixture {
    chip c;
    world_data world;
} fixture;

static void add_all(fixture *f)
{
    for (size_t s = 0; s < SAMPLES; s++)
        ck_assert_ok(prune_tiny_add(NULL, &f->c.t, f->world.x + s * IN, f->world.y + s * OUT));
}

static void open_fixture(fixture *f, uint64_t seed)
{
    world_data_make(&f->world, SAMPLES, IN, OUT, seed);
    chip_open(&f->c, &usual, &prune_tiny_mse, &prune_tiny_adam, both, seed + 1);
    for (size_t s = 0; s < SAMPLES; s++) /* moments that are not 0 */
        ck_assert_ok(prune_tiny_step(NULL, &f->c.t, f->world.x + s * IN, f->world.y + s * OUT));
    add_all(f);
}

static void close_fixture(fixture *f)
{
    chip_close(&f->c);
    world_data_end(&f->world);
}

/* ---- a plain sort ---- */

typedef struct scored {
    float score;
    size_t index;
} scored;

static int32_t is_bias(const prune_tiny *t, size_t i, size_t *layer)
{
    size_t at = 0;
    for (*layer = 0;; ++*layer) {
        const size_t weights = (size_t)t->width[*layer] * t->width[*layer + 1];
        at += weights;
        if (i < at)
            return 0;
        at += t->width[*layer + 1];
        if (i < at)
            return 1;
    }
}

static float score_of(const prune_tiny *t, int32_t criterion, size_t i)
{
    const float g = criterion == PRUNE_MAGNITUDE ? 0.0f : t->gradient[i] / (float)t->samples;
    return fabsf(criterion == PRUNE_MAGNITUDE ? t->weight[i]
                 : criterion == PRUNE_TAYLOR  ? t->weight[i] * g
                                              : g);
}

static int by_score(const void *a, const void *b)
{
    const scored *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

/* Weights that are left, lowest first. */
static size_t sort_all(scored list[MOST], const prune_tiny *t, int32_t criterion)
{
    size_t count = 0, layer;
    for (size_t i = 0; i < t->parameters; i++)
        if (!is_bias(t, i, &layer) && chip_keeps(t, i))
            list[count++] = (scored){ score_of(t, criterion, i), i };
    qsort(list, count, sizeof *list, by_score);
    return count;
}

/* What is left of each layer if the first `count` of the list go; 0 if that is nothing for one. */
static int32_t all_layers_stay(const scored *list, size_t count, size_t all, const prune_tiny *t)
{
    size_t left[CHIP_LAYERS] = { 0 }, layer;
    for (size_t i = count; i < all; i++) {
        (void)is_bias(t, list[i].index, &layer);
        left[layer]++;
    }
    return left[0] > 0 && left[1] > 0 && left[2] > 0;
}

static void check_lowest(fixture *f, int32_t criterion, size_t count)
{
    scored list[MOST];
    uint8_t kept[MOST];
    prune_tiny *t = &f->c.t;
    const uint64_t before = chip_hash(t);
    const size_t all = sort_all(list, t, criterion);
    for (size_t i = 0; i < t->parameters; i++)
        kept[i] = (uint8_t)chip_keeps(t, i);
    const prune_status status = prune_tiny_remove_lowest(t, criterion, (uint32_t)count);
    if (count > all || !all_layers_stay(list, count, all, t)) {
        ck_assert_status(status, PRUNE_E_COLLAPSE);
        ck_assert_uint_eq(chip_hash(t), before);
        return;
    }
    ck_assert_ok(status);
    for (size_t i = 0; i < count; i++)
        kept[list[i].index] = 0;
    for (size_t i = 0; i < t->parameters; i++)
        ck_assert_int_eq(chip_keeps(t, i), kept[i]);
    (void)chip_check(&f->c);
}

START_TEST(the_lowest_are_those_of_a_sort)
{
    for (size_t k = 0; k < 3; k++)
        for (size_t count = 0; count < WEIGHTS + 20; count += 1 + count / 4) {
            fixture f;
            open_fixture(&f, count);
            check_lowest(&f, criteria[k], count);
            check_lowest(&f, criteria[k], count); /* of those that are left */
            close_fixture(&f);
        }
}
END_TEST

START_TEST(of_equal_scores_the_first_go)
{
    for (size_t count = 0; count < WEIGHTS; count += 7) {
        fixture f;
        open_fixture(&f, 1);
        for (size_t i = 0; i < f.c.t.parameters; i++)
            f.c.t.weight[i] = (i % 2 != 0 ? -0.25f : 0.25f) * (float)(i % 3);
        check_lowest(&f, PRUNE_MAGNITUDE, count);
        close_fixture(&f);
    }
}
END_TEST

START_TEST(masks_are_those_of_a_model)
{
    for (uint64_t count = 1; count < WEIGHTS; count += 20) {
        fixture f;
        prune_importance *scores;
        open_fixture(&f, count);
        prune_model *model = chip_model(&f.c);
        ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
        const prune_status theirs = prune_mask_lowest(NULL, model, scores, NULL, count);
        if (prune_tiny_remove_lowest(&f.c.t, PRUNE_MAGNITUDE, (uint32_t)count) == PRUNE_OK &&
            theirs == PRUNE_OK) {
            prune_model *mine = chip_model(&f.c);
            ck_assert(world_same_models(mine, model));
            prune_model_free(mine);
        } else {
            ck_assert_uint_gt(count, WEIGHTS - OUT * 7);
        }
        prune_importance_free(scores);
        prune_model_free(model);
        close_fixture(&f);
    }
}
END_TEST

START_TEST(what_is_below_goes)
{
    for (size_t k = 0; k < 3; k++)
        for (size_t at = 0; at < WEIGHTS - 30; at += 10) {
            fixture f;
            scored list[MOST];
            uint32_t removed = 99;
            open_fixture(&f, at);
            (void)sort_all(list, &f.c.t, criteria[k]);
            ck_assert_ok(prune_tiny_remove_below(&removed, &f.c.t, criteria[k], list[at].score));
            ck_assert_uint_eq(removed, at);
            ck_assert_uint_eq(chip_check(&f.c), at);
            for (size_t i = 0; i < at; i++)
                ck_assert_int_eq(chip_keeps(&f.c.t, list[i].index), 0);
            ck_assert_ok(prune_tiny_remove_below(NULL, &f.c.t, criteria[k], 0.0f)); /* nothing more */
            ck_assert_ok(prune_tiny_remove_below(NULL, &f.c.t, criteria[k], -0.0f));
            ck_assert_uint_eq(chip_check(&f.c), at);
            close_fixture(&f);
        }
}
END_TEST

START_TEST(zeros_come_as_a_mask)
{
    fixture f;
    size_t zeros = 0, layer;
    open_fixture(&f, 1);
    for (size_t i = 0; i < f.c.t.parameters; i += 2, zeros += !is_bias(&f.c.t, i - 2, &layer))
        f.c.t.weight[i] = i % 4 == 0 ? 0.0f : -0.0f;
    ck_assert_ok(prune_tiny_remove_zeros(&f.c.t));
    ck_assert_uint_eq(chip_check(&f.c), zeros);
    ck_assert_uint_eq(prune_tiny_kept(&f.c.t), WEIGHTS - zeros);
    const uint64_t before = chip_hash(&f.c.t);
    memset(f.c.t.weight, 0, sizeof(float) * IN * 9); /* a whole layer */
    ck_assert_status(prune_tiny_remove_zeros(&f.c.t), PRUNE_E_COLLAPSE);
    ck_assert_uint_ne(chip_hash(&f.c.t), before);
    ck_assert_uint_eq(chip_check(&f.c), zeros);
    close_fixture(&f);
}
END_TEST

/* Biases do not count, neither those that are removed. */
START_TEST(weights_that_are_left_are_counted)
{
    fixture f;
    chip plain;
    open_fixture(&f, 1);
    chip_open(&plain, &usual, &prune_tiny_mse, &prune_tiny_sgd, 0, 1);
    ck_assert_uint_eq(prune_tiny_kept(NULL), 0);
    ck_assert_uint_eq(prune_tiny_kept(&plain.t), WEIGHTS);
    ck_assert_uint_eq(prune_tiny_kept(&f.c.t), WEIGHTS);
    ck_assert_ok(prune_tiny_remove_lowest(&f.c.t, PRUNE_TAYLOR, 50));
    ck_assert_uint_eq(prune_tiny_kept(&f.c.t), WEIGHTS - 50);
    ck_assert_ok(prune_tiny_restore(&f.c.t)); /* zeros that may learn */
    ck_assert_uint_eq(prune_tiny_kept(&f.c.t), WEIGHTS);
    ck_assert_ok(prune_tiny_remove_neuron(&f.c.t, 1, 2));
    ck_assert_uint_eq(prune_tiny_kept(&f.c.t), WEIGHTS - 9);
    ck_assert_ok(prune_tiny_compact(&f.c.t));
    ck_assert_uint_eq(prune_tiny_kept(&f.c.t), WEIGHTS - 9 - OUT);
    chip_close(&plain);
    close_fixture(&f);
}
END_TEST

/* ---- it stays so ---- */

static void train(fixture *f, int epochs, int32_t batches)
{
    for (int e = 0; e < epochs; e++)
        for (size_t s = 0; s < SAMPLES; s++) {
            const float *x = f->world.x + s * IN, *y = f->world.y + s * OUT;
            if (!batches) {
                ck_assert_ok(prune_tiny_step(NULL, &f->c.t, x, y));
            } else {
                ck_assert_ok(prune_tiny_add(NULL, &f->c.t, x, y));
                if (s % 6 == 5)
                    ck_assert_ok(prune_tiny_update(&f->c.t));
            }
        }
}

START_TEST(what_is_removed_stays_so_until_it_is_restored)
{
    for (int32_t batches = 0; batches < 2; batches++) {
        fixture f;
        open_fixture(&f, 5);
        ck_assert_ok(prune_tiny_remove_lowest(&f.c.t, PRUNE_TAYLOR, 60));
        prune_tiny_forget(&f.c.t);
        train(&f, 5, batches);
        ck_assert_uint_eq(chip_check(&f.c), 60);
        ck_assert_ok(prune_tiny_remove_neuron(&f.c.t, 1, 3));
        const size_t removed = chip_check(&f.c);
        ck_assert_uint_gt(removed, 60);
        train(&f, 5, batches);
        ck_assert_uint_eq(chip_check(&f.c), removed);
        add_all(&f); /* what was removed has a gradient, for who wants it back */
        size_t moved = 0;
        for (size_t i = 0; i < f.c.t.parameters; i++)
            moved += !chip_keeps(&f.c.t, i) && f.c.t.gradient[i] != 0.0f;
        ck_assert_uint_gt(moved, 50);
        prune_tiny_forget(&f.c.t);
        ck_assert_ok(prune_tiny_draw(&f.c.t, 1));
        ck_assert_uint_eq(chip_check(&f.c), removed);
        ck_assert_ok(prune_tiny_restore(&f.c.t));
        ck_assert_uint_eq(chip_check(&f.c), 0);
        train(&f, 1, batches);
        for (size_t i = 0; i < f.c.t.parameters; i++)
            ck_assert(f.c.t.weight[i] != 0.0f);
        close_fixture(&f);
    }
}
END_TEST

/* ---- neurons ---- */

START_TEST(a_neuron_scores_as_its_largest_weight)
{
    fixture f;
    open_fixture(&f, 6);
    ck_assert_ok(prune_tiny_remove_lowest(&f.c.t, PRUNE_MAGNITUDE, 40));
    for (size_t k = 0; k < 3; k++)
        for (uint32_t l = 0, row = 0; l < 3; row += f.c.t.width[++l])
            for (uint32_t n = 0; n < f.c.t.width[l + 1]; n++) {
                float score = -1.0f, most = 0.0f;
                for (uint32_t i = 0; i < f.c.t.width[l]; i++, row++)
                    most = chip_keeps(&f.c.t, row) ? fmaxf(most, score_of(&f.c.t, criteria[k], row)) : most;
                ck_assert_ok(prune_tiny_neuron_score(&score, &f.c.t, criteria[k], l, n));
                ck_assert(score == most);
            }
    close_fixture(&f);
}
END_TEST

START_TEST(a_neuron_goes_with_its_bias)
{
    fixture f;
    open_fixture(&f, 7);
    ck_assert_ok(prune_tiny_remove_neuron(&f.c.t, 1, 2));
    ck_assert_uint_eq(chip_check(&f.c), 9 + 1);
    const size_t row = IN * 9 + 9 + 2 * 9, bias = IN * 9 + 9 + 9 * 7 + 2;
    for (size_t i = row; i < row + 9; i++)
        ck_assert_int_eq(chip_keeps(&f.c.t, i), 0);
    ck_assert_int_eq(chip_keeps(&f.c.t, bias), 0);
    for (uint32_t n = 0; n < 6; n++) /* and so on, until one is left */
        ck_assert_ok(prune_tiny_remove_neuron(&f.c.t, 1, n));
    const uint64_t before = chip_hash(&f.c.t);
    ck_assert_status(prune_tiny_remove_neuron(&f.c.t, 1, 6), PRUNE_E_COLLAPSE);
    ck_assert_uint_eq(chip_hash(&f.c.t), before);
    close_fixture(&f);
}
END_TEST

START_TEST(a_layer_does_not_lose_all)
{
    fixture f;
    uint32_t removed = 99;
    open_fixture(&f, 8);
    for (size_t i = 0; i < IN * 9; i++)
        f.c.t.weight[i] *= 1e-3f;
    const uint64_t before = chip_hash(&f.c.t);
    ck_assert_status(prune_tiny_remove_lowest(&f.c.t, PRUNE_MAGNITUDE, IN * 9), PRUNE_E_COLLAPSE);
    ck_assert_status(prune_tiny_remove_below(&removed, &f.c.t, PRUNE_MAGNITUDE, INFINITY), PRUNE_E_COLLAPSE);
    ck_assert_uint_eq(chip_hash(&f.c.t), before);
    ck_assert_uint_eq(removed, 99);
    ck_assert_ok(prune_tiny_remove_lowest(&f.c.t, PRUNE_MAGNITUDE, IN * 9 - 1));
    ck_assert_uint_eq(chip_check(&f.c), IN * 9 - 1);
    close_fixture(&f);
}
END_TEST

/* ---- what is refused ---- */

static void refuse_all(prune_tiny *t, int32_t criterion, prune_status expected)
{
    float score;
    ck_assert_status(prune_tiny_remove_lowest(t, criterion, 1), expected);
    ck_assert_status(prune_tiny_remove_below(NULL, t, criterion, 1.0f), expected);
    ck_assert_status(prune_tiny_neuron_score(&score, t, criterion, 0, 0), expected);
}

START_TEST(bad_arguments_change_nothing)
{
    fixture f;
    chip plain;
    float score;
    open_fixture(&f, 9);
    chip_open(&plain, &usual, &prune_tiny_mse, &prune_tiny_sgd, 0, 1);
    const uint64_t before = chip_hash(&f.c.t);
    refuse_all(NULL, PRUNE_MAGNITUDE, PRUNE_E_ARGUMENT);
    refuse_all(&f.c.t, 0, PRUNE_E_ARGUMENT);
    refuse_all(&f.c.t, PRUNE_MAGNITUDE_SQUARED, PRUNE_E_ARGUMENT);
    ck_assert_status(prune_tiny_remove_below(NULL, &f.c.t, PRUNE_TAYLOR, NAN), PRUNE_E_RANGE);
    ck_assert_status(prune_tiny_remove_below(NULL, &f.c.t, PRUNE_TAYLOR, -1e-30f), PRUNE_E_RANGE);
    ck_assert_status(prune_tiny_neuron_score(NULL, &f.c.t, PRUNE_TAYLOR, 0, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_tiny_neuron_score(&score, &f.c.t, PRUNE_TAYLOR, 3, 0), PRUNE_E_RANGE);
    ck_assert_status(prune_tiny_neuron_score(&score, &f.c.t, PRUNE_TAYLOR, 2, OUT), PRUNE_E_RANGE);
    ck_assert_status(prune_tiny_remove_neuron(NULL, 0, 0), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_tiny_remove_neuron(&f.c.t, 0, 9), PRUNE_E_RANGE);
    ck_assert_status(prune_tiny_remove_neuron(&f.c.t, 2, 0), PRUNE_E_RANGE); /* an output */
    ck_assert_status(prune_tiny_remove_neuron(&f.c.t, 3, 0), PRUNE_E_RANGE);
    ck_assert_status(prune_tiny_remove_zeros(NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_tiny_restore(NULL), PRUNE_E_ARGUMENT);
    ck_assert_uint_eq(chip_hash(&f.c.t), before);
    prune_tiny_forget(&f.c.t); /* no gradients, then no mask */
    refuse_all(&f.c.t, PRUNE_GRADIENT, PRUNE_E_STATE);
    refuse_all(&f.c.t, PRUNE_TAYLOR, PRUNE_E_STATE);
    ck_assert_status(prune_tiny_remove_lowest(&plain.t, PRUNE_MAGNITUDE, 1), PRUNE_E_STATE);
    ck_assert_status(prune_tiny_remove_neuron(&plain.t, 0, 0), PRUNE_E_STATE);
    ck_assert_status(prune_tiny_remove_zeros(&plain.t), PRUNE_E_STATE);
    ck_assert_status(prune_tiny_restore(&plain.t), PRUNE_E_STATE);
    ck_assert_ok(prune_tiny_neuron_score(&score, &plain.t, PRUNE_MAGNITUDE, 0, 0));
    chip_close(&plain);
    close_fixture(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_lowest_are_those_of_a_sort,
        of_equal_scores_the_first_go,
        masks_are_those_of_a_model,
        what_is_below_goes,
        zeros_come_as_a_mask,
        weights_that_are_left_are_counted,
        what_is_removed_stays_so_until_it_is_restored,
        a_neuron_scores_as_its_largest_weight,
        a_neuron_goes_with_its_bias,
        a_layer_does_not_lose_all,
        bad_arguments_change_nothing,
    };
    return run_tests("tiny_prune", tests, sizeof tests / sizeof tests[0]);
}
