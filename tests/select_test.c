/* select_test.c -- choosing among scores that are read: what the choice in memory takes, in little memory
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/runner.h"

#include <math.h>

enum { MOST = 6000, REFUSED = -4711 };

/* Scores, handed out piece by piece, and a mask taken in. */
typedef struct wire {
    float score[MOST];
    size_t count;
    prune_score_source source;
    uint64_t next; /* the score after the last one that was read */
    size_t calls, fail_call;
    size_t swap_pass, pass; /* in that pass, counted from 1, all scores are 1 higher */
    size_t forget;          /* this score is not filled in, if it is below count */
    unsigned char mask[MOST / 8 + 1];
    size_t mask_bytes, writes, fail_write;
    prune_writer writer;
} wire;

static prune_status read_scores(void *user, uint64_t first, float *scores, size_t count)
{
    wire *w = user;
    w->calls++;
    if (w->calls == w->fail_call)
        return REFUSED;
    ck_assert(count >= 1 && first + count <= w->count);
    ck_assert(first == w->next || (first == 0 && w->next == w->count));
    w->pass += first == 0;
    w->next = first + count;
    for (size_t i = 0; i < count; i++) {
        ck_assert(isnan(scores[i]));
        if (first + i != w->forget)
            scores[i] = w->score[first + i] + (w->pass == w->swap_pass ? 1.0f : 0.0f);
    }
    return PRUNE_OK;
}

static prune_status take_mask(void *user, const void *bytes, size_t count)
{
    wire *w = user;
    w->writes++;
    if (w->writes == w->fail_write)
        return REFUSED;
    ck_assert(w->mask_bytes + count <= sizeof w->mask);
    memcpy(w->mask + w->mask_bytes, bytes, count);
    w->mask_bytes += count;
    return PRUNE_OK;
}

static void open_wire(wire *w, size_t count, int32_t absolute)
{
    memset(w, 0, sizeof *w);
    w->count = count;
    w->next = count;
    w->forget = SIZE_MAX;
    prune_score_source_init(&w->source);
    w->source.count = count;
    w->source.absolute = absolute;
    w->source.read = read_scores;
    w->source.user = w;
    w->writer = (prune_writer){ take_mask, w };
}

static prune_cutoff cutoff_of(wire *w, uint64_t count, size_t bytes)
{
    prune_cutoff cutoff;
    prune_error error;
    prune_cutoff_init(&cutoff);
    ck_assert_ok(prune_select_lowest(&cutoff, NULL, &w->source, count, bytes, &error));
    return cutoff;
}

static int32_t is_kept(const wire *w, size_t i)
{
    return w->mask[i / 8] >> i % 8 & 1;
}

/* ---- against the choice in memory ---- */

static float draw(prune_rng *rng, uint64_t kind)
{
    switch (kind) {
    case 0:
        return prune_rng_normal(rng);
    case 1:
        return (float)prune_rng_below(rng, 4) - 2.0f;
    case 2:
        return prune_rng_below(rng, 3) != 0 ? 0.0f : -prune_rng_uniform(rng);
    case 3:
        return 7.0f;
    default:
        return ldexpf(prune_rng_normal(rng), (int)prune_rng_below(rng, 200) - 100);
    }
}

/* The mask and the threshold that a layer of count weights gets for these scores. */
static float choose_in_memory(uint8_t *kept, const wire *w, uint64_t count)
{
    prune_model *model;
    prune_importance *scores;
    prune_selection selection;
    prune_removal removal;
    static float size[MOST];
    prune_selection_init(&selection);
    prune_removal_init(&removal);
    selection.min_kept = 0;
    for (size_t i = 0; i < w->count; i++)
        size[i] = w->source.absolute ? fabsf(w->score[i]) : w->score[i];
    ck_assert_ok(prune_model_create(&model, NULL, w->count));
    ck_assert_ok(prune_model_add_dense(model, 1, PRUNE_LINEAR));
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_SUPPLIED));
    ck_assert_ok(prune_importance_set_scores(scores, 0, size, w->count));
    ck_assert_ok(prune_mask_lowest(&removal, model, scores, &selection, count));
    ck_assert_ok(prune_mask_get(kept, w->count, model, 0));
    prune_importance_free(scores);
    prune_model_free(model);
    return removal.threshold;
}

static void check_choice(wire *w, uint64_t count, size_t bytes)
{
    static uint8_t kept[MOST];
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    prune_cutoff cutoff;
    prune_error error;
    prune_cutoff_init(&cutoff);
    const float threshold = choose_in_memory(kept, w, count);
    ck_assert_ok(prune_select_lowest(&cutoff, &mem, &w->source, count, bytes, &error));
    ck_assert_double_eq((double)cutoff.threshold, (double)threshold);
    ck_assert_uint_eq(cutoff.below + cutoff.ties, count);
    ck_assert_uint_eq(cutoff.passes, count == 0 ? 0 : bytes < 32768 ? 4 : bytes < 1048576 ? 3 : 2);
    ck_assert_uint_eq(w->pass, cutoff.passes);
    ck_assert_ok(prune_select_mask(&w->writer, &mem, &w->source, &cutoff, bytes, &error));
    ck_assert_uint_eq(w->pass, cutoff.passes + 1);
    ck_assert_uint_eq(w->mask_bytes, (w->count + 7) / 8);
    for (size_t i = 0; i < 8 * w->mask_bytes; i++)
        ck_assert_int_eq(is_kept(w, i), i < w->count && kept[i]);
    ck_assert(heap_is_clean(&h));
    ck_assert_uint_le(h.peak_bytes, bytes);
}

START_TEST(takes_what_a_choice_in_memory_takes)
{
    static const size_t bytes[] = { 4096, 4097, 5000, 32767, 32768, 100000, 1048575, 1048576, 9000000 };
    static wire w;
    prune_rng rng;
    prune_rng_seed(&rng, 1);
    for (size_t round = 0; round < 90; round++) {
        const size_t n =
            round % 3 == 0 ? 1 + (size_t)prune_rng_below(&rng, 70) : 1 + (size_t)prune_rng_below(&rng, MOST);
        open_wire(&w, n, (int32_t)prune_rng_below(&rng, 2));
        for (size_t i = 0; i < n; i++)
            w.score[i] = draw(&rng, round % 5);
        const uint64_t counts[] = { 0, n, n * 9 / 10, prune_rng_below(&rng, n + 1) };
        check_choice(&w, counts[prune_rng_below(&rng, 4)], bytes[round % 9]);
    }
}
END_TEST

/* ---- refusals ---- */

static void fill(wire *w)
{
    prune_rng rng;
    prune_rng_seed(&rng, 2);
    for (size_t i = 0; i < w->count; i++)
        w->score[i] = prune_rng_uniform(&rng);
}

START_TEST(a_source_that_fails_ends_it)
{
    static wire w;
    prune_cutoff cutoff;
    prune_error error;
    size_t call = 1;
    for (prune_status status = REFUSED; status != PRUNE_OK; call++) {
        open_wire(&w, 2000, 0);
        fill(&w);
        w.fail_call = call;
        prune_cutoff_init(&cutoff);
        cutoff.below = 77;
        status = prune_select_lowest(&cutoff, NULL, &w.source, 1000, PRUNE_SELECT_LEAST, &error);
        ck_assert(status == PRUNE_OK || (status == REFUSED && cutoff.below == 77 && cutoff.passes == 0));
        ck_assert_str_eq(status == PRUNE_OK ? "scores" : error.place, "scores");
    }
    ck_assert_uint_eq(call - 2, 4 * 4); /* 512 scores at a time */
    w.fail_call = w.calls + 2;
    ck_assert_status(prune_select_mask(&w.writer, NULL, &w.source, &cutoff, PRUNE_SELECT_LEAST, &error),
                     REFUSED);
    w.next = w.count;
    w.fail_call = 0;
    w.fail_write = w.writes + 2;
    ck_assert_status(prune_select_mask(&w.writer, NULL, &w.source, &cutoff, PRUNE_SELECT_LEAST, &error),
                     REFUSED);
    ck_assert_str_eq(error.place, "writer");
}
END_TEST

START_TEST(bad_scores_are_named)
{
    static wire w;
    prune_cutoff cutoff;
    prune_error error;
    prune_cutoff_init(&cutoff);
    for (int32_t kind = 0; kind < 3; kind++) {
        open_wire(&w, 2000, kind == 1);
        fill(&w);
        w.score[1234] = kind == 0 ? NAN : kind == 1 ? -INFINITY : 0.0f;
        w.forget = kind == 2 ? 1234 : SIZE_MAX;
        ck_assert_status(prune_select_lowest(&cutoff, NULL, &w.source, 9, 5000, &error), PRUNE_E_NONFINITE);
        ck_assert_str_eq(error.place, "scores[1234]");
        w.next = w.count;
        ck_assert_status(prune_select_mask(&w.writer, NULL, &w.source, &cutoff, 5000, &error),
                         PRUNE_E_NONFINITE);
    }
}
END_TEST

START_TEST(scores_that_change_meanwhile_are_noticed)
{
    static wire w;
    prune_cutoff cutoff;
    prune_error error;
    prune_cutoff_init(&cutoff);
    open_wire(&w, 2000, 0);
    fill(&w);
    w.swap_pass = 2;
    ck_assert_status(prune_select_lowest(&cutoff, NULL, &w.source, 1000, 5000, &error), PRUNE_E_STATE);
    open_wire(&w, 2000, 0);
    fill(&w);
    cutoff = cutoff_of(&w, 1000, 5000);
    w.swap_pass = w.pass + 1;
    ck_assert_status(prune_select_mask(&w.writer, NULL, &w.source, &cutoff, 5000, &error), PRUNE_E_STATE);
}
END_TEST

START_TEST(memory_that_is_refused)
{
    static wire w;
    heap h = { 0 };
    prune_allocator mem = heap_allocator(&h);
    prune_cutoff cutoff;
    prune_error error;
    open_wire(&w, 2000, 0);
    fill(&w);
    cutoff = cutoff_of(&w, 1000, 5000);
    const prune_cutoff before = cutoff;
    heap_refuse_from(&h, 1);
    ck_assert_status(prune_select_lowest(&cutoff, &mem, &w.source, 3, 5000, &error), PRUNE_E_MEMORY);
    ck_assert(cutoff.below == before.below && cutoff.ties == before.ties);
    ck_assert_status(prune_select_mask(&w.writer, &mem, &w.source, &cutoff, 5000, &error), PRUNE_E_MEMORY);
    ck_assert(heap_is_clean(&h) && w.writes == 0);
}
END_TEST

static prune_status lowest(const wire *w, const prune_score_source *source, uint64_t count, size_t bytes)
{
    prune_cutoff cutoff;
    prune_cutoff_init(&cutoff);
    const prune_status status = prune_select_lowest(&cutoff, NULL, source, count, bytes, NULL);
    ck_assert_uint_eq(w->calls, 0);
    return status;
}

START_TEST(bad_arguments)
{
    static wire w;
    open_wire(&w, 2000, 0);
    fill(&w);
    prune_score_source source = w.source;
    prune_cutoff cutoff;
    prune_cutoff_init(&cutoff);
    ck_assert_status(lowest(&w, NULL, 1, 5000), PRUNE_E_ARGUMENT);
    ck_assert_status(lowest(&w, &source, 2001, 5000), PRUNE_E_RANGE);
    ck_assert_status(lowest(&w, &source, 1, PRUNE_SELECT_LEAST - 1), PRUNE_E_SIZE);
    source.read = NULL;
    ck_assert_status(lowest(&w, &source, 1, 5000), PRUNE_E_ARGUMENT);
    source = w.source, source.absolute = 2;
    ck_assert_status(lowest(&w, &source, 1, 5000), PRUNE_E_ARGUMENT);
    source = w.source, source.count = 0;
    ck_assert_status(lowest(&w, &source, 0, 5000), PRUNE_E_EMPTY);
    source = w.source, source.size++;
    ck_assert_status(lowest(&w, &source, 1, 5000), PRUNE_E_VERSION);
    ck_assert_status(prune_select_lowest(NULL, NULL, &w.source, 1, 5000, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_select_mask(NULL, NULL, &w.source, &cutoff, 5000, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_select_mask(&w.writer, NULL, &w.source, NULL, 5000, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_select_mask(&w.writer, NULL, NULL, &cutoff, 5000, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_select_mask(&w.writer, NULL, &w.source, &cutoff, 100, NULL), PRUNE_E_SIZE);
    cutoff.size++;
    ck_assert_status(prune_select_lowest(&cutoff, NULL, &w.source, 1, 5000, NULL), PRUNE_E_VERSION);
    ck_assert_status(prune_select_mask(&w.writer, NULL, &w.source, &cutoff, 5000, NULL), PRUNE_E_VERSION);
    ck_assert(w.calls == 0 && w.writes == 0);
    prune_score_source_init(NULL);
    prune_cutoff_init(NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        takes_what_a_choice_in_memory_takes,      a_source_that_fails_ends_it, bad_scores_are_named,
        scores_that_change_meanwhile_are_noticed, memory_that_is_refused,      bad_arguments
    };
    return run_tests("select", tests, sizeof tests / sizeof tests[0]);
}
