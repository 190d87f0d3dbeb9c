/* road_test.c -- the whole road: train, score, choose, mask, fine-tune, verify, validate, roll back
 *
 * Every way through it, on small nets; the masks are looked at after every epoch.
 *
 * SPDX-License-Identifier: MIT */
#include "support/oracle.h"
#include "support/runner.h"

#include <string.h>

enum { LAYERS = 3, PARAMS = 2 * LAYERS, SAMPLES = 96, ELEMENTS = 200, EPOCHS = 4 };

static const size_t widths[LAYERS + 1] = { 8, 14, 10, 4 };

typedef enum way { BY_THRESHOLD, BY_COUNT, BY_FRACTION, WAYS } way;

typedef struct road {
    int32_t loss, optimizer, criterion, granularity, scope;
    way way;
    const prune_backend *backend;
} road;

typedef struct masks {
    uint8_t bytes[PARAMS][ELEMENTS];
} masks;

static size_t param_size(const prune_model *model, size_t p)
{
    prune_param_info info = { .size = sizeof info };
    const prune_status status = prune_model_param_info(&info, model, p);
    return status == PRUNE_OK && info.count <= ELEMENTS ? (size_t)info.count : 0;
}

static void read_masks(masks *m, const prune_model *model)
{
    prune_status status = PRUNE_OK;
    memset(m, 0, sizeof *m);
    for (size_t p = 0; p < PARAMS && status == PRUNE_OK; p++)
        status = prune_mask_get(m->bytes[p], param_size(model, p), model, p);
    ck_assert_ok(status);
}

/* ---- training ---- */

static const prune_data *data_of(const world_data *world, int32_t loss)
{
    return loss == PRUNE_MSE ? &world->valued : &world->labelled;
}

/* The BLAS is tried out once, not with each of hundreds of trainers: under sanitizers that takes long. */
static prune_trainer *trainer_of(prune_model *model, const road *r)
{
    prune_trainer_options options;
    prune_trainer *trainer;
    prune_trainer_options_init(&options);
    options.loss = r->loss;
    options.optimizer = r->optimizer;
    options.learning_rate = r->optimizer == PRUNE_SGD ? 0.05f : 0.01f;
    options.momentum = 0.9f;
    options.l1 = 1e-5f;
    options.l2 = 1e-4f;
    options.regularize_bias = 1;
    options.max_batch = 16;
    options.backend = r->backend;
    ck_assert_ok(prune_trainer_create(&trainer, NULL, model, &options, NULL));
    return trainer;
}

/* What the masks should be, all through a fit. */
typedef struct watch {
    masks expected;
    uint64_t epochs;
} watch;

/* How many removed elements are not 0. */
static size_t alive(const float *value, const uint8_t *mask, size_t count)
{
    size_t living = 0;
    for (size_t i = 0; value != NULL && i < count; i++)
        living += !mask[i] && (value[i] < 0.0f || value[i] > 0.0f);
    return living;
}

static int32_t look(void *user, const prune_progress *progress)
{
    watch *w = user;
    masks now;
    size_t living = 0;
    const prune_model *model = prune_trainer_model(progress->trainer);
    ck_assert_ok(prune_model_verify(model, NULL));
    read_masks(&now, model);
    ck_assert_mem_eq(&now, &w->expected, sizeof now);
    for (size_t p = 0; p < PARAMS; p++) {
        const size_t count = param_size(model, p);
        living += alive(prune_model_param(model, p), now.bytes[p], count);
        for (size_t slot = 0; slot < 2; slot++)
            living += alive(prune_trainer_state(progress->trainer, p, slot), now.bytes[p], count);
    }
    ck_assert_uint_eq(living, 0);
    w->epochs += progress->epoch_end != 0;
    return 0;
}

static void train(prune_trainer *trainer, const prune_data *data)
{
    watch w = { .epochs = 0 };
    prune_fit_options options;
    prune_fit_options_init(&options);
    read_masks(&w.expected, prune_trainer_model(trainer));
    options.epochs = EPOCHS;
    options.progress = look;
    options.progress_every = 3;
    options.user = &w;
    ck_assert_ok(prune_trainer_fit(NULL, trainer, data, &options, NULL));
    ck_assert_uint_eq(w.epochs, EPOCHS);
}

static double loss_of(const prune_model *model, const prune_data *data, int32_t loss)
{
    prune_metrics m;
    prune_metrics_init(&m);
    ck_assert_ok(prune_evaluate(&m, model, data, loss, NULL));
    return m.loss;
}

/* ---- pruning ---- */

/* Removes six tenths one way or another; returns how many units that should be, and were. */
static uint64_t remove_most(prune_model *model, const prune_importance *scores, const road *r,
                            prune_removal *removal)
{
    uint64_t units, kept, wanted;
    float threshold;
    prune_selection selection;
    prune_selection_init(&selection);
    selection.granularity = r->granularity;
    selection.scope = r->scope;
    ck_assert_ok(prune_mask_units(&units, &kept, model, &selection));
    ck_assert_uint_eq(units, kept);
    ck_assert_ok(prune_fraction_count(&wanted, 0.6, units));
    switch (r->way) {
    case BY_THRESHOLD:
        ck_assert_ok(prune_threshold_quantile(&threshold, scores, &selection, 0.6));
        ck_assert_ok(prune_mask_below(removal, model, scores, &selection, threshold));
        ck_assert_uint_le(removal->removed, wanted);
        return removal->removed;
    case BY_COUNT:
        wanted = r->scope == PRUNE_GLOBAL ? wanted : r->granularity == PRUNE_NEURONS ? 5 : 34;
        ck_assert_ok(prune_mask_lowest(removal, model, scores, &selection, wanted));
        return r->scope == PRUNE_GLOBAL ? wanted : wanted * (r->granularity == PRUNE_NEURONS ? 2 : LAYERS);
    default:
        ck_assert_ok(prune_mask_fraction(removal, model, scores, &selection, 0.6, PRUNE_OF_ALL));
        if (r->scope == PRUNE_GLOBAL)
            return wanted;
        return r->granularity == PRUNE_NEURONS ? 8 + 6 : 67 + 84 + 24; /* 0.6 of 14, 10; 112, 140, 40 */
    }
}

static void prune_once(prune_model *model, prune_trainer *trainer, const prune_data *data, const road *r)
{
    prune_importance *scores;
    prune_removal removal;
    uint64_t by_layer[LAYERS];
    prune_removal_init(&removal);
    removal.by_layer = by_layer;
    removal.by_layer_capacity = LAYERS;
    ck_assert_ok(prune_importance_create(&scores, NULL, model, r->criterion));
    if (r->criterion != PRUNE_MAGNITUDE)
        ck_assert_ok(prune_importance_accumulate(scores, trainer, data, NULL));
    const uint64_t expected = remove_most(model, scores, r, &removal);
    ck_assert_uint_eq(removal.removed, expected);
    ck_assert_uint_gt(removal.removed, removal.units / 3);
    ck_assert_uint_eq(removal.kept, removal.units - removal.removed);
    ck_assert_uint_eq(by_layer[0] + by_layer[1] + by_layer[2], removal.removed);
    if (r->granularity == PRUNE_NEURONS)
        ck_assert_uint_eq(by_layer[LAYERS - 1], 0);
    ck_assert_ok(prune_model_verify(model, NULL));
    prune_importance_free(scores);
}

/* A clone has the masks, and keeps them when it is trained by itself. */
static void check_clone(const prune_model *model, const prune_data *data, const road *r)
{
    prune_model *clone;
    ck_assert_ok(prune_model_clone(&clone, NULL, model));
    ck_assert(world_same_models(model, clone));
    const uint64_t hash = world_hash(model);
    prune_trainer *trainer = trainer_of(clone, r);
    train(trainer, data);
    ck_assert_uint_eq(world_hash(model), hash);
    ck_assert_uint_ne(world_hash(clone), hash);
    prune_trainer_free(trainer);
    prune_model_free(clone);
}

/* ---- the road ---- */

/* Asks whether the loss is at most `reference`; returns what it is. */
static double validate(prune_model *model, const prune_snapshot *snapshot, const prune_data *data,
                       const road *r, double reference, int32_t accepted)
{
    prune_validation v;
    prune_validation_init(&v);
    v.loss = r->loss;
    v.metric = PRUNE_METRIC_LOSS;
    v.reference = reference;
    ck_assert_ok(prune_validate(&v, model, snapshot, data, NULL));
    ck_assert_int_eq(v.accepted, accepted);
    return v.value;
}

static void walk(const world_data *world, const road *r)
{
    const prune_data *data = data_of(world, r->loss);
    prune_model *model = world_model(NULL, widths, LAYERS, PRUNE_RELU, 21);
    prune_trainer *trainer = trainer_of(model, r);
    prune_snapshot *snapshot;
    train(trainer, data);
    const uint64_t trained = world_hash(model);
    ck_assert_ok(prune_snapshot_create(&snapshot, NULL, model));

    prune_once(model, trainer, data, r);
    const double before = loss_of(model, data, r->loss);
    train(trainer, data); /* with the momentum of the dense net */
    const uint64_t tuned = world_hash(model);
    const double after = validate(model, snapshot, data, r, before, 1); /* training went on under the mask */
    ck_assert_uint_eq(world_hash(model), tuned);
    check_clone(model, data, r);
    validate(model, snapshot, data, r, 0.5 * after, 0);
    ck_assert_uint_eq(world_hash(model), trained);
    train(trainer, data); /* and on, dense again */
    prune_snapshot_free(snapshot);
    prune_trainer_free(trainer);
    prune_model_free(model);
}

static void walk_all(int32_t loss)
{
    world_data world;
    world_data_make(&world, SAMPLES, widths[0], widths[LAYERS], 31);
    int32_t turn = 0;
    const prune_backend *backend = prune_backend_default();
    for (int32_t criterion = PRUNE_MAGNITUDE; criterion <= PRUNE_TAYLOR; criterion++)
        for (int32_t granularity = PRUNE_WEIGHTS; granularity <= PRUNE_NEURONS; granularity++)
            for (int32_t scope = PRUNE_GLOBAL; scope <= PRUNE_PER_LAYER; scope++)
                for (way w = BY_THRESHOLD; w < WAYS; w++, turn++)
                    walk(&world, &(road){ loss, turn % 2 ? PRUNE_SGD : PRUNE_ADAM, criterion, granularity,
                                          scope, w, backend });
    world_data_end(&world);
}

START_TEST(every_way_with_cross_entropy)
{
    walk_all(PRUNE_SOFTMAX_CROSS_ENTROPY);
}
END_TEST

START_TEST(every_way_with_squared_error)
{
    walk_all(PRUNE_MSE);
}
END_TEST

/* Little by little: each round takes a fifth of what is left, down to a tenth. */
START_TEST(rounds_of_pruning_and_training)
{
    const road r = { .loss = PRUNE_SOFTMAX_CROSS_ENTROPY,
                     .optimizer = PRUNE_ADAM,
                     .criterion = PRUNE_TAYLOR };
    world_data world;
    uint64_t units, kept = 292, left;
    world_data_make(&world, SAMPLES, widths[0], widths[LAYERS], 31);
    prune_model *model = world_model(NULL, widths, LAYERS, PRUNE_RELU, 21);
    prune_trainer *trainer = trainer_of(model, &r);
    prune_importance *scores;
    ck_assert_ok(prune_importance_create(&scores, NULL, model, r.criterion));
    while (kept > 30) {
        uint64_t count;
        masks before, after;
        train(trainer, &world.labelled);
        ck_assert_ok(prune_importance_reset(scores));
        ck_assert_ok(prune_importance_accumulate(scores, trainer, &world.labelled, NULL));
        read_masks(&before, model);
        ck_assert_ok(prune_mask_fraction(NULL, model, scores, NULL, 0.2, PRUNE_OF_REMAINING));
        read_masks(&after, model);
        for (size_t i = 0; i < sizeof before; i++)
            ck_assert_uint_le((&after.bytes[0][0])[i], (&before.bytes[0][0])[i]); /* nothing comes back */
        ck_assert_ok(prune_fraction_count(&count, 0.2, kept));
        ck_assert_ok(prune_mask_units(&units, &left, model, NULL));
        ck_assert_uint_eq(left, kept - count);
        kept = left;
    }
    prune_importance_free(scores);
    prune_trainer_free(trainer);
    prune_model_free(model);
    world_data_end(&world);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_way_with_cross_entropy,
        every_way_with_squared_error,
        rounds_of_pruning_and_training,
    };
    return run_tests("road", tests, sizeof tests / sizeof tests[0]);
}
