/* embedded_test.c -- a whole life, from training to prediction, in one block of memory sized beforehand
 *
 * SPDX-License-Identifier: MIT */
#include "support/training.h"

#include <string.h>

enum { INPUTS = 6, CLASSES = 3, SAMPLES = 20, MAX_BATCH = 8, ROOM = 1 << 16, STEP = 16, LAYERS = 2 };

static const size_t widths[] = { INPUTS, 7, CLASSES };
static _Alignas(STEP) unsigned char memory[ROOM];

/* What lives in the arena. */
typedef struct life {
    prune_arena arena;
    prune_allocator mem;
    prune_model *model;
    prune_trainer *trainer;
    prune_workspace *workspace;
    prune_importance *scores;
} life;

static prune_trainer_options usual_options(void)
{
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
    options.max_batch = MAX_BATCH;
    options.learning_rate = 0.02f;
    return options;
}

/* What the *_bytes() functions say, of a twin on the heap. */
static void bytes_of(size_t bytes[4])
{
    const prune_trainer_options options = usual_options();
    prune_model *twin = world_model(NULL, widths, LAYERS, PRUNE_RELU, 2);
    bytes[0] = prune_model_bytes(twin);
    ck_assert_ok(prune_trainer_bytes(&bytes[1], twin, &options));
    ck_assert_ok(prune_workspace_bytes(&bytes[2], twin, MAX_BATCH));
    ck_assert_ok(prune_importance_bytes(&bytes[3], twin, PRUNE_TAYLOR));
    prune_model_free(twin);
}

/* Each of the model's blocks (itself, its list, its layers) is rounded up. */
static size_t bytes_needed(void)
{
    size_t bytes[4];
    bytes_of(bytes);
    return bytes[0] + (LAYERS + 2) * (STEP - 1) + bytes[1] + bytes[2] + bytes[3];
}

static prune_status build_model(life *l)
{
    prune_status status = prune_model_create(&l->model, &l->mem, widths[0]);
    for (size_t i = 1; status == PRUNE_OK && i <= LAYERS; i++)
        status = prune_model_add_dense(l->model, widths[i], i == LAYERS ? PRUNE_LINEAR : PRUNE_RELU);
    return status != PRUNE_OK ? status : prune_model_initialize(l->model, PRUNE_INIT_AUTO, 2);
}

static void end_life(life *l)
{
    prune_importance_free(l->scores);
    prune_workspace_free(l->workspace);
    prune_trainer_free(l->trainer);
    prune_model_free(l->model);
}

static prune_status begin_life(life *l, void *block, size_t bytes)
{
    const prune_trainer_options options = usual_options();
    const prune_backend *plain = prune_backend_reference();
    memset(l, 0, sizeof *l);
    ck_assert_ok(prune_arena_init(&l->arena, block, bytes));
    ck_assert_ok(prune_arena_allocator(&l->mem, &l->arena));
    prune_status status = build_model(l);
    if (status == PRUNE_OK)
        status = prune_trainer_create(&l->trainer, &l->mem, l->model, &options, NULL);
    if (status == PRUNE_OK)
        status = prune_workspace_create(&l->workspace, &l->mem, l->model, MAX_BATCH, plain);
    return status != PRUNE_OK ? status : prune_importance_create(&l->scores, &l->mem, l->model, PRUNE_TAYLOR);
}

static void train(life *l, const world_data *world, int epochs)
{
    for (int e = 0; e < epochs; e++)
        for (size_t first = 0; first < SAMPLES; first += MAX_BATCH) {
            const size_t count = SAMPLES - first < MAX_BATCH ? SAMPLES - first : MAX_BATCH;
            prune_tensor *x = world_rows(world->x_tensor, first, count);
            prune_tensor *y = world_rows(world->label_tensor, first, count);
            ck_assert_ok(prune_trainer_step(NULL, l->trainer, x, y));
            prune_tensor_free(x);
            prune_tensor_free(y);
        }
}

static void live(life *l, const world_data *world, float *h)
{
    prune_tensor *y;
    train(l, world, 20);
    ck_assert_ok(prune_importance_accumulate(l->scores, l->trainer, &world->labelled, NULL));
    ck_assert_ok(prune_mask_lowest(NULL, l->model, l->scores, NULL, 30));
    train(l, world, 10);
    ck_assert_ok(prune_tensor_matrix(&y, NULL, PRUNE_F32, SAMPLES, CLASSES, h));
    ck_assert_ok(prune_predict(y, l->model, l->workspace, world->x_tensor));
    prune_tensor_free(y);
    ck_assert_uint_eq(world_check_removed(l->model, l->trainer), 30);
}

START_TEST(a_life_fits_into_what_was_told)
{
    life l, rich;
    world_data world;
    float h[SAMPLES * CLASSES], rich_h[SAMPLES * CLASSES];
    world_data_make(&world, SAMPLES, INPUTS, CLASSES, 5);
    ck_assert_uint_le(bytes_needed(), sizeof memory);
    ck_assert_ok(begin_life(&l, memory, bytes_needed()));
    const size_t used = l.arena.used;
    live(&l, &world, h);
    ck_assert_uint_eq(l.arena.used, used); /* nothing more was asked for */
    ck_assert_uint_eq(l.arena.peak, used);

    memset(&rich, 0, sizeof rich); /* the same on the heap gives the same bits */
    const prune_trainer_options options = usual_options();
    rich.model = world_model(NULL, widths, LAYERS, PRUNE_RELU, 2);
    rich.trainer = world_trainer(rich.model, &options);
    ck_assert_ok(prune_workspace_create(&rich.workspace, NULL, rich.model, 5, prune_backend_reference()));
    ck_assert_ok(prune_importance_create(&rich.scores, NULL, rich.model, PRUNE_TAYLOR));
    live(&rich, &world, rich_h);
    ck_assert(world_same_models(l.model, rich.model));
    ck_assert_mem_eq(h, rich_h, sizeof h);
    end_life(&rich);
    end_life(&l);
    ck_assert_uint_eq(l.arena.used, 0); /* ended in reverse order, all of it is back */
    world_data_end(&world);
}
END_TEST

START_TEST(what_is_told_is_exact)
{
    life l;
    size_t bytes[4];
    bytes_of(bytes);
    memset(&l, 0, sizeof l);
    ck_assert_ok(prune_arena_init(&l.arena, memory, sizeof memory));
    ck_assert_ok(prune_arena_allocator(&l.mem, &l.arena));
    ck_assert_ok(build_model(&l));
    const size_t model = l.arena.used;
    ck_assert_uint_ge(model, bytes[0]);
    ck_assert_uint_le(model, bytes[0] + (LAYERS + 2) * (STEP - 1));
    ck_assert_uint_eq(prune_model_bytes(l.model), bytes[0]);
    const prune_trainer_options options = usual_options();
    ck_assert_ok(prune_trainer_create(&l.trainer, &l.mem, l.model, &options, NULL));
    ck_assert_uint_eq(l.arena.used, model + bytes[1]);
    ck_assert_ok(prune_workspace_create(&l.workspace, &l.mem, l.model, MAX_BATCH, NULL));
    ck_assert_uint_eq(l.arena.used, model + bytes[1] + bytes[2]);
    ck_assert_ok(prune_importance_create(&l.scores, &l.mem, l.model, PRUNE_TAYLOR));
    ck_assert_uint_eq(l.arena.used, model + bytes[1] + bytes[2] + bytes[3]);
    end_life(&l);
    l.scores = NULL; /* and it is enough, but one byte less is not */
    const size_t all = model + bytes[1] + bytes[2] + bytes[3];
    ck_assert_ok(begin_life(&l, memory, all));
    end_life(&l);
    ck_assert_status(begin_life(&l, memory, all - 1), PRUNE_E_MEMORY);
    end_life(&l);
}
END_TEST

START_TEST(too_little_memory_is_an_error_at_every_size)
{
    for (size_t bytes = 1; bytes < bytes_needed(); bytes += 7) {
        life l;
        memset(memory, 0xEE, sizeof memory);
        const prune_status status = begin_life(&l, memory, bytes);
        ck_assert(status == PRUNE_OK || status == PRUNE_E_MEMORY);
        ck_assert_int_eq(status == PRUNE_OK, l.scores != NULL);
        end_life(&l);
        ck_assert_uint_eq(l.arena.used, 0);
        ck_assert_uint_eq(memory[bytes], 0xEE); /* nobody wrote behind the arena's end */
        ck_assert_mem_eq(memory + bytes, memory + bytes + 1, sizeof memory - bytes - 1);
    }
}
END_TEST

START_TEST(what_is_needed_for_a_while_comes_back)
{
    life l;
    world_data world;
    prune_metrics metrics;
    prune_snapshot *snapshot;
    prune_validation validation;
    prune_fit_options fit;
    world_data_make(&world, SAMPLES, INPUTS, CLASSES, 5);
    prune_metrics_init(&metrics);
    prune_validation_init(&validation);
    validation.reference = 0.0;
    prune_fit_options_init(&fit);
    fit.keep_best = 1;
    fit.validation_fraction = 0.3;
    ck_assert_ok(begin_life(&l, memory, sizeof memory));
    const size_t used = l.arena.used;
    for (int i = 0; i < 3; i++) {
        ck_assert_ok(prune_evaluate(&metrics, l.model, &world.labelled, PRUNE_SOFTMAX_CROSS_ENTROPY, NULL));
        ck_assert_uint_eq(l.arena.used, used);
        ck_assert_ok(prune_trainer_fit(NULL, l.trainer, &world.labelled, &fit, NULL));
        ck_assert_uint_eq(l.arena.used, used);
        ck_assert_ok(prune_fit(NULL, l.model, &world.labelled, NULL, &fit, NULL));
        ck_assert_uint_eq(l.arena.used, used);
        ck_assert_ok(prune_snapshot_create(&snapshot, &l.mem, l.model));
        ck_assert_ok(prune_validate(&validation, l.model, snapshot, &world.labelled, NULL));
        prune_snapshot_free(snapshot);
        ck_assert_uint_eq(l.arena.used, used);
    }
    end_life(&l);
    world_data_end(&world);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_life_fits_into_what_was_told,
        what_is_told_is_exact,
        too_little_memory_is_an_error_at_every_size,
        what_is_needed_for_a_while_comes_back,
    };
    return run_tests("embedded", tests, sizeof tests / sizeof tests[0]);
}
