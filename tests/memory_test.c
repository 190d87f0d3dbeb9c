/* memory_test.c -- every allocation refused in turn, and calls that allocate nothing
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/training.h"

#include <string.h>

enum { INPUTS = 6, CLASSES = 3, SAMPLES = 20 };

static const size_t widths[] = { INPUTS, 7, CLASSES };

/* A model and its plans, all in one heap. */
typedef struct fixture {
    heap h;
    prune_allocator mem;
    world_data world;
    prune_model *model;
    prune_trainer *trainer;
    prune_snapshot *snapshot;
    size_t noted; /* requests at the newest report of a fit */
} fixture;

static void open_fixture(fixture *f)
{
    const prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, PRUNE_ADAM);
    memset(f, 0, sizeof *f);
    f->mem = heap_allocator(&f->h);
    world_data_make(&f->world, SAMPLES, INPUTS, CLASSES, 5);
    f->model = world_model(&f->mem, widths, 2, PRUNE_RELU, 2);
    world_remove(f->model, 0, 3);
    ck_assert_ok(prune_snapshot_create(&f->snapshot, &f->mem, f->model));
    ck_assert_ok(prune_trainer_create(&f->trainer, &f->mem, f->model, &options, NULL));
    ck_assert_ok(prune_trainer_step(NULL, f->trainer, f->world.x_tensor, f->world.label_tensor));
}

static void close_fixture(fixture *f)
{
    prune_trainer_free(f->trainer);
    prune_snapshot_free(f->snapshot);
    prune_model_free(f->model);
    ck_assert(heap_is_clean(&f->h));
    world_data_end(&f->world);
}

/* ---- calls that make an object: *out is it, or must become NULL ---- */

/* A call with the right type of pointer. */
#define MAKER(name, type, call)                      \
    static prune_status name(fixture *f, void **out) \
    {                                                \
        type *made = *out;                           \
        const prune_status status = call;            \
        *out = made;                                 \
        return status;                               \
    }

static const prune_shape cube = { 3, { 2, 3, 4, 0 } };

MAKER(make_model, prune_model, prune_model_create(&made, &f->mem, 5))
MAKER(make_clone, prune_model, prune_model_clone(&made, &f->mem, f->model))
MAKER(make_trainer, prune_trainer, prune_trainer_create(&made, &f->mem, f->model, NULL, NULL))
MAKER(make_workspace, prune_workspace, prune_workspace_create(&made, &f->mem, f->model, 9, NULL))
MAKER(make_magnitudes, prune_importance, prune_importance_create(&made, &f->mem, f->model, PRUNE_MAGNITUDE))
MAKER(make_gradients, prune_importance, prune_importance_create(&made, &f->mem, f->model, PRUNE_GRADIENT))
MAKER(make_snapshot, prune_snapshot, prune_snapshot_create(&made, &f->mem, f->model))
MAKER(make_tensor, prune_tensor, prune_tensor_create(&made, &f->mem, PRUNE_F16, &cube))
MAKER(make_view, prune_tensor, prune_tensor_wrap(&made, &f->mem, PRUNE_F32, &cube, 12, f->world.x))
MAKER(make_const_view, prune_tensor, prune_tensor_wrap_const(&made, &f->mem, PRUNE_F32, &cube, 0, f->world.x))
MAKER(make_matrix, prune_tensor, prune_tensor_matrix(&made, &f->mem, PRUNE_I32, 2, 3, f->world.label))
MAKER(make_const_matrix, prune_tensor, prune_tensor_const_matrix(&made, &f->mem, PRUNE_F32, 2, 3, f->world.y))

static void end_model(void *object)
{
    prune_model_free(object);
}

static void end_trainer(void *object)
{
    prune_trainer_free(object);
}

static void end_workspace(void *object)
{
    prune_workspace_free(object);
}

static void end_importance(void *object)
{
    prune_importance_free(object);
}

static void end_snapshot(void *object)
{
    prune_snapshot_free(object);
}

static void end_tensor(void *object)
{
    prune_tensor_free(object);
}

/* ---- calls that need memory for a while, or change an object: no *out ---- */

static prune_status add_layer(fixture *f, void **out)
{
    (void)out;
    return prune_model_add_dense(f->model, 4, PRUNE_TANH);
}

static prune_status fit(fixture *f, void **out)
{
    (void)out;
    return prune_trainer_fit(NULL, f->trainer, &f->world.labelled, NULL, NULL);
}

static prune_status fit_best(fixture *f, void **out)
{
    prune_fit_options options;
    prune_error error;
    (void)out;
    prune_fit_options_init(&options);
    options.keep_best = 1;
    options.validation_fraction = 0.5;
    const prune_status status = prune_trainer_fit(NULL, f->trainer, &f->world.labelled, &options, &error);
    ck_assert(status == PRUNE_OK || error.status == status);
    return status;
}

static prune_status fit_at_once(fixture *f, void **out)
{
    (void)out;
    return prune_fit(NULL, f->model, &f->world.labelled, NULL, NULL, NULL);
}

static prune_status evaluate(fixture *f, void **out)
{
    prune_metrics metrics;
    prune_error error;
    (void)out;
    prune_metrics_init(&metrics);
    const prune_status status = prune_evaluate(&metrics, f->model, &f->world.valued, PRUNE_MSE, &error);
    ck_assert(status == PRUNE_OK || (error.status == status && metrics.samples == 0));
    return status;
}

static prune_status validate(fixture *f, void **out)
{
    prune_validation validation;
    (void)out;
    prune_validation_init(&validation);
    validation.metric = PRUNE_METRIC_LOSS;
    validation.reference = 0.0; /* nothing is as good: the model goes back to the snapshot */
    return prune_validate(&validation, f->model, f->snapshot, &f->world.labelled, NULL);
}

/* ---- refusing ---- */

typedef struct maker {
    const char *name;
    prune_status (*call)(fixture *f, void **out);
    void (*end)(void *object); /* NULL: nothing is made */
} maker;

static const maker makers[] = {
    { "model", make_model, end_model },
    { "clone", make_clone, end_model },
    { "trainer", make_trainer, end_trainer },
    { "workspace", make_workspace, end_workspace },
    { "magnitudes", make_magnitudes, end_importance },
    { "gradients", make_gradients, end_importance },
    { "snapshot", make_snapshot, end_snapshot },
    { "tensor", make_tensor, end_tensor },
    { "view", make_view, end_tensor },
    { "const view", make_const_view, end_tensor },
    { "matrix", make_matrix, end_tensor },
    { "const matrix", make_const_matrix, end_tensor },
    { "layer", add_layer, NULL },
    { "fit", fit, NULL },
    { "fit_best", fit_best, NULL },
    { "fit at once", fit_at_once, NULL },
    { "evaluate", evaluate, NULL },
    { "validate", validate, NULL },
};

enum { MAKERS = sizeof makers / sizeof makers[0] };

/* The call as it should be; returns how often it asks for memory. */
static size_t requests_of(const maker *m)
{
    fixture f;
    void *out = NULL;
    open_fixture(&f);
    const size_t before = f.h.requests, bytes = f.h.live_bytes;
    ck_assert_ok(m->call(&f, &out));
    const size_t requests = f.h.requests - before;
    ck_assert_int_eq(out != NULL, m->end != NULL);
    if (m->end != NULL)
        m->end(out);
    ck_assert_msg(f.h.live_bytes == bytes || m->call == add_layer, "%s keeps memory", m->name);
    close_fixture(&f);
    return requests;
}

static void assert_refused(const maker *m, size_t n, void (*refuse)(heap *h, size_t n))
{
    fixture f;
    open_fixture(&f);
    void *out = f.model;
    const uint64_t model = world_hash(f.model), trainer = world_trainer_hash(f.trainer);
    const size_t blocks = f.h.live_blocks, bytes = f.h.live_bytes, layers = prune_model_layer_count(f.model);
    refuse(&f.h, n);
    const prune_status status = m->call(&f, &out);
    ck_assert_msg(status == PRUNE_E_MEMORY, "%s, request %zu: %d", m->name, n, (int)status);
    ck_assert_ptr_eq(out, m->end == NULL ? f.model : NULL);
    ck_assert_uint_eq(f.h.refused, 1);
    ck_assert_uint_eq(f.h.live_blocks, blocks);
    ck_assert_uint_eq(f.h.live_bytes, bytes);
    ck_assert_uint_eq(prune_model_layer_count(f.model), layers);
    ck_assert_uint_eq(world_hash(f.model), model);
    ck_assert_uint_eq(world_trainer_hash(f.trainer), trainer);
    heap_refuse_once(&f.h, 0); /* all is well again, and the same call works */
    ck_assert_ok(m->call(&f, &out));
    if (m->end != NULL)
        m->end(out);
    close_fixture(&f);
}

START_TEST(every_refused_request_is_survived)
{
    for (size_t i = 0; i < MAKERS; i++) {
        const size_t requests = requests_of(&makers[i]);
        ck_assert_msg(requests >= 1, "%s asks for no memory", makers[i].name);
        for (size_t n = 1; n <= requests; n++) {
            assert_refused(&makers[i], n, heap_refuse_once);
            assert_refused(&makers[i], n, heap_refuse_from);
        }
    }
}
END_TEST

/* Layer upon layer, beyond the first room for their list. */
START_TEST(a_tall_model_survives_refusals)
{
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    prune_model *model, *copy;
    ck_assert_ok(prune_model_create(&model, &mem, 3));
    for (size_t l = 0; l < 20; l++) {
        const size_t bytes = h.live_bytes;
        size_t n = 1;
        for (;; n++) {
            heap_refuse_once(&h, n);
            const prune_status status = prune_model_add_dense(model, 3, PRUNE_RELU);
            if (status == PRUNE_OK)
                break;
            ck_assert_int_eq(status, PRUNE_E_MEMORY);
            ck_assert_uint_eq(h.live_bytes, bytes);
            ck_assert_uint_eq(prune_model_layer_count(model), l);
        }
        ck_assert_uint_ge(n, 2);
        ck_assert_uint_eq(prune_model_bytes(model), h.live_bytes);
    }
    heap_refuse_once(&h, 0);
    ck_assert_ok(prune_model_clone(&copy, &mem, model));
    ck_assert(world_same_models(model, copy));
    prune_model_free(model);
    prune_model_free(copy);
    ck_assert(heap_is_clean(&h));
}
END_TEST

START_TEST(prune_fit_gives_back_what_it_took)
{
    fixture f;
    prune_fit_options options;
    open_fixture(&f);
    const size_t bytes = f.h.live_bytes;
    prune_fit_options_init(&options);
    f.world.label[3] = -1;
    ck_assert_status(prune_fit(NULL, f.model, &f.world.labelled, NULL, &options, NULL), PRUNE_E_LABEL);
    ck_assert_uint_eq(f.h.live_bytes, bytes);
    f.world.label[3] = 0;
    options.batch_size = 64;
    ck_assert_status(prune_trainer_fit(NULL, f.trainer, &f.world.labelled, &options, NULL), PRUNE_E_LIMIT);
    ck_assert_uint_eq(f.h.live_bytes, bytes);
    close_fixture(&f);
}
END_TEST

/* ---- nothing asked for ---- */

typedef struct plans {
    fixture f;
    prune_workspace *workspace;
    prune_importance *gradients, *magnitudes;
    prune_tensor *y;
    float h[SAMPLES * CLASSES];
} plans;

static void open_plans(plans *p)
{
    open_fixture(&p->f);
    const prune_allocator *mem = &p->f.mem;
    ck_assert_ok(prune_workspace_create(&p->workspace, mem, p->f.model, 3, prune_backend_reference()));
    ck_assert_ok(prune_importance_create(&p->gradients, mem, p->f.model, PRUNE_TAYLOR));
    ck_assert_ok(prune_importance_create(&p->magnitudes, mem, p->f.model, PRUNE_MAGNITUDE));
    ck_assert_ok(prune_tensor_matrix(&p->y, mem, PRUNE_F32, SAMPLES, CLASSES, p->h));
}

static void close_plans(plans *p)
{
    prune_tensor_free(p->y);
    prune_importance_free(p->magnitudes);
    prune_importance_free(p->gradients);
    prune_workspace_free(p->workspace);
    close_fixture(&p->f);
}

static void train_and_predict(plans *p)
{
    float loss;
    fixture *f = &p->f;
    ck_assert_ok(prune_trainer_step(&loss, f->trainer, f->world.x_tensor, f->world.label_tensor));
    ck_assert_ok(prune_trainer_forward(f->trainer, f->world.x_tensor));
    ck_assert_ok(prune_trainer_loss(&loss, f->trainer, f->world.label_tensor));
    ck_assert_ok(prune_trainer_backward(f->trainer, NULL));
    ck_assert_ok(prune_importance_add(p->gradients, f->trainer, SAMPLES));
    ck_assert_ok(prune_trainer_penalize(NULL, f->trainer));
    ck_assert_ok(prune_trainer_update(f->trainer));
    ck_assert_ok(prune_trainer_set_learning_rate(f->trainer, 0.01f));
    ck_assert_ok(prune_trainer_reset(f->trainer));
    ck_assert_ok(prune_predict(p->y, f->model, p->workspace, f->world.x_tensor));
    ck_assert_ok(prune_data_check(&f->world.labelled, f->model, PRUNE_SOFTMAX_CROSS_ENTROPY, NULL));
}

static void score_and_prune(plans *p)
{
    fixture *f = &p->f;
    prune_removal removal;
    prune_selection neurons;
    prune_threshold_rule rule;
    float threshold, scores[8];
    prune_removal_init(&removal);
    prune_threshold_rule_init(&rule);
    prune_selection_init(&neurons);
    neurons.granularity = PRUNE_NEURONS;
    ck_assert_ok(prune_importance_refresh(p->gradients));
    ck_assert_ok(prune_importance_accumulate(p->gradients, f->trainer, &f->world.labelled, NULL));
    ck_assert_ok(prune_importance_neurons(scores, 8, p->gradients, 0, PRUNE_ROW_L2));
    for (rule.kind = PRUNE_THRESHOLD_MEAN_SIGMA; rule.kind <= PRUNE_THRESHOLD_KNEE; rule.kind++)
        ck_assert_ok(prune_threshold_from_rule(&threshold, p->gradients, &neurons, &rule));
    ck_assert_ok(prune_threshold_quantile(&threshold, p->gradients, NULL, 0.3));
    ck_assert_ok(prune_mask_preview(&removal, p->gradients, NULL, threshold));
    ck_assert_ok(prune_mask_below(&removal, f->model, p->gradients, NULL, threshold));
    ck_assert_ok(prune_mask_lowest(&removal, f->model, p->gradients, NULL, 2));
    ck_assert_ok(prune_mask_fraction(&removal, f->model, p->gradients, NULL, 0.6, PRUNE_OF_ALL));
    ck_assert_ok(prune_mask_lowest(&removal, f->model, p->magnitudes, &neurons, 1));
    ck_assert_ok(prune_mask_neuron(f->model, 0, 4));
    world_remove(f->model, 2, 1);
    ck_assert_ok(prune_model_verify(f->model, NULL));
    ck_assert_ok(prune_snapshot_take(f->snapshot, f->model));
    ck_assert_ok(prune_mask_reset(f->model));
    ck_assert_ok(prune_snapshot_restore(f->snapshot, f->model));
    ck_assert_ok(prune_importance_reset(p->gradients));
}

START_TEST(working_calls_allocate_nothing)
{
    plans p;
    open_plans(&p);
    const size_t requests = p.f.h.requests, blocks = p.f.h.live_blocks;
    heap_refuse_from(&p.f.h, 1);
    for (int i = 0; i < 2; i++) {
        train_and_predict(&p);
        score_and_prune(&p);
    }
    ck_assert_uint_eq(p.f.h.requests, requests);
    ck_assert_uint_eq(p.f.h.live_blocks, blocks);
    close_plans(&p);
}
END_TEST

static int32_t count_requests(void *user, const prune_progress *progress)
{
    (void)progress;
    fixture *f = user;
    f->noted = f->h.requests;
    return 0;
}

START_TEST(a_fit_allocates_before_its_first_step_only)
{
    fixture f;
    prune_fit_options options;
    open_fixture(&f);
    prune_fit_options_init(&options);
    options.keep_best = 1;
    options.validation_fraction = 0.25;
    options.batch_size = 2;
    options.progress_every = 1;
    options.progress = count_requests;
    options.user = &f;
    const size_t epochs[] = { 1, 9 };
    size_t requests[2];
    for (size_t i = 0; i < 2; i++) {
        const size_t before = f.h.requests;
        options.epochs = epochs[i];
        ck_assert_ok(prune_trainer_fit(NULL, f.trainer, &f.world.labelled, &options, NULL));
        requests[i] = f.h.requests - before;
        ck_assert_uint_eq(f.noted, f.h.requests);
    }
    ck_assert_uint_eq(requests[0], requests[1]);
    close_fixture(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_refused_request_is_survived,          a_tall_model_survives_refusals,
        prune_fit_gives_back_what_it_took,          working_calls_allocate_nothing,
        a_fit_allocates_before_its_first_step_only,
    };
    return run_tests("memory", tests, sizeof tests / sizeof tests[0]);
}
