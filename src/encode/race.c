/* race.c -- the layout that suits a matrix best, found by making and timing all of them
 *
 * All run in turn, so that what slows the machine down for a while slows all of them; what counts is the
 * shortest time, which is that of the product alone.
 *
 * SPDX-License-Identifier: MIT */
#include "race.h"
#include "costs.h"
#include "mem.h"
#include "product.h"

enum {
    RUNNERS = PRN_LAYOUTS,
    ROUNDS = 9,
    TURN = 20000, /* nanoseconds that a turn takes at least, so that the clock can tell */
    CALLS = 1024, /* of a turn at most */
    LINE = 64
};

/* Before it has been timed. */
static const double NEVER = 1e300;

/* How much less than AUTO's time is less. */
static const double CLEARLY = 0.98;

typedef struct runners {
    const prn_race *race;
    prune_product *product[RUNNERS]; /* by layout; NULL: the kernels have none, or it has given up */
    double best[RUNNERS];            /* nanoseconds of a call */
    prn_product_call call;
    size_t calls; /* of a turn */
    unsigned char *block;
    size_t bytes;
} runners;

/* PRUNE_OK and NULL if the kernels have no such layout, or if it is larger than dense. */
static prune_status make(prune_product **out, const prn_race *race, int32_t layout)
{
    prune_product_options options = race->options;
    options.layout = layout;
    const prune_status status = prn_product_create(out, race->mem, race->matrix, &options);
    if (*out != NULL && prn_product_larger(*out)) {
        prune_product_free(*out);
        *out = NULL;
    }
    return status == PRUNE_E_UNSUPPORTED && layout != PRUNE_LAYOUT_AUTO ? PRUNE_OK : status;
}

prune_status prn_race_by_bytes(prune_product **out, const prn_race *race)
{
    prune_product *best = NULL, *other;
    prune_status status = PRUNE_OK;
    *out = NULL;
    for (int32_t layout = PRUNE_LAYOUT_DENSE; layout < RUNNERS && status == PRUNE_OK; layout++) {
        status = make(&other, race, layout);
        if (other == NULL)
            continue;
        const int32_t smaller = best == NULL || prune_product_bytes(other) < prune_product_bytes(best);
        prune_product_free(smaller ? best : other);
        best = smaller ? other : best;
    }
    if (status == PRUNE_OK)
        *out = best;
    else
        prune_product_free(best);
    return status;
}

/* ---- by time ---- */

static prune_status make_all(runners *r)
{
    prune_status status = PRUNE_OK;
    for (int32_t layout = PRUNE_LAYOUT_AUTO; layout < RUNNERS && status == PRUNE_OK; layout++) {
        r->best[layout] = NEVER;
        status = make(&r->product[layout], r->race, layout);
    }
    return status;
}

static size_t largest_room(const runners *r)
{
    size_t most = 0;
    for (size_t i = 0; i < RUNNERS; i++) {
        const size_t room = prune_product_room(r->product[i], r->race->options.max_batch);
        most = room > most ? room : most;
    }
    return most;
}

/* What they multiply: no zeros, and nothing that overflows or is denormal. */
static void fill(float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] = 1.0f - (float)(i % 61) / 64.0f;
}

static prune_status make_room(runners *r)
{
    const prn_matrix *m = r->race->matrix;
    const size_t batch = r->race->options.max_batch;
    prn_layout layout = { 0 };
    if (prn_mem_overflows(batch, m->columns) || prn_mem_overflows(batch, m->rows))
        return PRUNE_E_OVERFLOW;
    const size_t x = prn_layout_add(&layout, batch * m->columns, sizeof(float));
    const size_t y = prn_layout_add(&layout, batch * m->rows, sizeof(float));
    const size_t room = prn_layout_add(&layout, largest_room(r) + LINE, 1);
    if (layout.overflow)
        return PRUNE_E_OVERFLOW;
    r->block = prn_mem_alloc(r->race->mem, 1, layout.bytes);
    if (r->block == NULL)
        return PRUNE_E_MEMORY;
    r->bytes = layout.bytes;
    r->call = (prn_product_call){ .x = (const float *)(const void *)(r->block + x),
                                  .y = (float *)(void *)(r->block + y),
                                  .ldx = m->columns,
                                  .ldy = m->rows,
                                  .batch = batch,
                                  .room = r->block + room };
    fill((float *)(void *)(r->block + x), batch * m->columns);
    return PRUNE_OK;
}

static double time_turn(const runners *r, const prune_product *product)
{
    const prune_clock *clock = r->race->clock;
    const uint64_t from = clock->now(clock->user);
    for (size_t i = 0; i < r->calls; i++)
        prn_product_run(product, &r->call);
    return (double)(clock->now(clock->user) - from);
}

/* So many calls that AUTO's turn is long enough; they warm up, too. */
static void set_calls(runners *r)
{
    for (r->calls = 1; r->calls < CALLS; r->calls *= 2)
        if (time_turn(r, r->product[PRUNE_LAYOUT_AUTO]) >= (double)TURN)
            return;
}

static int32_t winner(const runners *r)
{
    int32_t first = PRUNE_LAYOUT_AUTO;
    double least = r->best[first] * CLEARLY;
    for (int32_t layout = PRUNE_LAYOUT_DENSE; layout < RUNNERS; layout++)
        if (r->best[layout] < least) {
            first = layout;
            least = r->best[layout];
        }
    return first;
}

/* Who takes twice the time of the first is out. */
static void run_round(runners *r)
{
    for (size_t i = 0; i < RUNNERS; i++) {
        if (r->product[i] == NULL)
            continue;
        const double time = time_turn(r, r->product[i]) / (double)r->calls;
        r->best[i] = time < r->best[i] ? time : r->best[i];
    }
    const double limit = 2.0 * r->best[winner(r)];
    for (size_t i = PRUNE_LAYOUT_DENSE; i < RUNNERS; i++)
        if (r->product[i] != NULL && r->best[i] > limit) {
            prune_product_free(r->product[i]);
            r->product[i] = NULL;
        }
}

static void end(runners *r)
{
    for (size_t i = 0; i < RUNNERS; i++)
        prune_product_free(r->product[i]);
    prn_mem_free(r->race->mem, r->block, 1, r->bytes);
}

prune_status prn_race_by_time(prune_product **out, double *nanoseconds, const prn_race *race)
{
    runners r = { .race = race };
    prune_status status = make_all(&r);
    *out = NULL;
    if (status == PRUNE_OK)
        status = make_room(&r);
    if (status == PRUNE_OK) {
        set_calls(&r);
        for (int round = 0; round < ROUNDS; round++)
            run_round(&r);
        const int32_t first = winner(&r);
        *nanoseconds = r.best[first];
        *out = r.product[first];
        r.product[first] = NULL;
    }
    end(&r);
    return status;
}
