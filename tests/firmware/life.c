/* life.c -- training with falling loss, scores, masks, fine-tuning under them, compaction
 *
 * SPDX-License-Identifier: MIT */
#include "life.h"

#include "tell.h"

#include <string.h>

enum { HOME = 8192, STEP = 16, EPOCHS = 30, REMOVED = 160, NEURONS = 6 };

static void make_data(life *l)
{
    prune_rng rng;
    prune_rng_seed(&rng, 1);
    for (size_t i = 0; i < SAMPLES; i++) {
        float *x = l->x + i * INPUTS;
        for (size_t j = 0; j < INPUTS; j++)
            x[j] = 2.0f * prune_rng_uniform(&rng) - 1.0f;
        l->y[i] = x[0] - 0.5f * x[1] + x[2] * x[3];
    }
    hash_floats(l->x, SAMPLES * INPUTS);
    hash_floats(l->y, SAMPLES);
}

static void view(prune_tensor **out, life *l, size_t rows, size_t columns, float *values)
{
    check_ok(prune_tensor_matrix(out, &l->mem, PRUNE_F32, rows, columns, values), "a tensor over memory");
}

static void make_home(life *l, void *memory)
{
    check_ok(prune_arena_init(&l->home, memory, HOME), "an arena");
    check_ok(prune_arena_allocator(&l->mem, &l->home), "its allocator");
    view(&l->inputs, l, SAMPLES, INPUTS, l->x);
    view(&l->targets, l, SAMPLES, OUTPUTS, l->y);
    view(&l->outputs, l, SAMPLES, OUTPUTS, l->h);
    view(&l->one_x, l, 1, INPUTS, l->x);
    view(&l->one_y, l, 1, OUTPUTS, l->y);
    view(&l->one_h, l, 1, OUTPUTS, l->h);
    check_ok(prune_model_create(&l->model, &l->mem, INPUTS), "a model");
    check_ok(prune_model_add_dense(l->model, HIDDEN, PRUNE_RELU), "layer 1");
    check_ok(prune_model_add_dense(l->model, HIDDEN, PRUNE_RELU), "layer 2");
    check_ok(prune_model_add_dense(l->model, OUTPUTS, PRUNE_LINEAR), "layer 3");
    check_ok(prune_model_initialize(l->model, PRUNE_INIT_AUTO, 1), "weights");
    memory_tell("model", prune_model_bytes(l->model));
}

static prune_trainer_options usual_options(int32_t optimizer)
{
    prune_trainer_options options;
    prune_trainer_options_init(&options);
    options.loss = PRUNE_MSE;
    options.optimizer = optimizer;
    options.learning_rate = 0.01f;
    options.max_batch = BATCH;
    options.backend = prune_backend_reference();
    return options;
}

static size_t need(const life *l)
{
    const prune_trainer_options options = usual_options(PRUNE_ADAM);
    size_t trainer, workspace, scores;
    check_ok(prune_trainer_bytes(&trainer, l->model, &options), "bytes of a trainer");
    check_ok(prune_workspace_bytes(&workspace, l->model, BATCH), "bytes of a workspace");
    check_ok(prune_importance_bytes(&scores, l->model, PRUNE_TAYLOR), "bytes of scores");
    memory_tell("trainer", trainer);
    memory_tell("workspace", workspace);
    memory_tell("scores", scores);
    return trainer + workspace + scores + 2 * (STEP - 1);
}

static prune_status make_plans(life *l, void *memory, size_t bytes)
{
    const prune_trainer_options options = usual_options(PRUNE_ADAM);
    const prune_backend *plain = prune_backend_reference();
    check_ok(prune_arena_init(&l->plans, memory, bytes), "an arena for plans");
    check_ok(prune_arena_allocator(&l->plan_mem, &l->plans), "its allocator");
    prune_status status = prune_trainer_create(&l->trainer, &l->plan_mem, l->model, &options, NULL);
    if (status == PRUNE_OK)
        status = prune_workspace_create(&l->workspace, &l->plan_mem, l->model, BATCH, plain);
    if (status == PRUNE_OK)
        status = prune_importance_create(&l->scores, &l->plan_mem, l->model, PRUNE_TAYLOR);
    return status;
}

static void end_plans(life *l)
{
    prune_importance_free(l->scores);
    prune_workspace_free(l->workspace);
    prune_trainer_free(l->trainer);
    l->scores = NULL;
    l->workspace = NULL;
    l->trainer = NULL;
}

/* What is told is enough, and much less is not. The rest of the memory is for what comes behind. */
static void plan(life *l, unsigned char *memory, size_t size)
{
    const size_t bytes = need(l);
    check(bytes < size, "the memory is enough for what is told");
    check(make_plans(l, memory, bytes - 4 * STEP) == PRUNE_E_MEMORY, "less memory than told is refused");
    end_plans(l);
    check(l->plans.used == 0, "memory comes back");
    check_ok(make_plans(l, memory, bytes), "plans in what was told");
    check_ok(prune_arena_init(&l->rest, memory + bytes, size - bytes), "an arena behind it");
    check_ok(prune_arena_allocator(&l->rest_mem, &l->rest), "its allocator");
}

static float epoch(life *l)
{
    float sum = 0.0f;
    for (size_t first = 0; first < SAMPLES; first += BATCH) {
        prune_tensor *x, *y;
        float loss = 0.0f;
        view(&x, l, BATCH, INPUTS, l->x + first * INPUTS);
        view(&y, l, BATCH, OUTPUTS, l->y + first * OUTPUTS);
        check_ok(prune_trainer_step(&loss, l->trainer, x, y), "a step");
        prune_tensor_free(y);
        prune_tensor_free(x);
        sum += loss;
    }
    hash_floats(&sum, 1);
    return sum;
}

static void hash_model(const prune_model *model)
{
    for (size_t p = 0; p < prune_model_param_count(model); p++) {
        prune_param_info info;
        prune_param_info_init(&info);
        check_ok(prune_model_param_info(&info, model, p), "a parameter");
        hash_floats(prune_model_param(model, p), (size_t)info.count);
    }
}

static void train(life *l, const char *name, float falls_to)
{
    const float first = epoch(l);
    float last = first;
    const size_t used = l->plans.used, home = l->home.used;
    for (int e = 1; e < EPOCHS; e++)
        last = epoch(l);
    check(last < falls_to * first, "the loss falls");
    check(l->plans.used == used && l->plans.peak == used && l->home.used == home, "steps allocate nothing");
    hash_model(l->model);
    hash_tell(name);
}

static prune_status predict_one(void *user)
{
    life *l = user;
    return prune_predict(l->one_h, l->model, l->workspace, l->one_x);
}

static prune_status step_adam(void *user)
{
    life *l = user;
    return prune_trainer_step(NULL, l->trainer, l->one_x, l->one_y);
}

static prune_status step_sgd(void *user)
{
    life *l = user;
    return prune_trainer_step(NULL, l->sgd, l->one_x, l->one_y);
}

/* Of one sample each, as on a chip that learns from what it sees. */
static void single_steps(life *l)
{
    const prune_trainer_options options = usual_options(PRUNE_SGD);
    check_ok(prune_trainer_create(&l->sgd, &l->rest_mem, l->model, &options, NULL), "SGD");
    cost_tell("predict", predict_one, l);
    cost_tell("step-adam", step_adam, l);
    cost_tell("step-sgd", step_sgd, l);
    prune_trainer_free(l->sgd);
    hash_floats(l->h, 1);
    hash_model(l->model);
    hash_tell("steps");
}

static prune_status score(void *user)
{
    life *l = user;
    prune_data data;
    prune_data_init(&data);
    data.inputs = l->inputs;
    data.targets = l->targets;
    return prune_importance_accumulate(l->scores, l->trainer, &data, NULL);
}

static prune_status mask_weights(void *user)
{
    life *l = user;
    return prune_mask_lowest(NULL, l->model, l->scores, NULL, REMOVED);
}

static prune_status mask_neurons(void *user)
{
    life *l = user;
    prune_selection selection;
    prune_selection_init(&selection);
    selection.granularity = PRUNE_NEURONS;
    return prune_mask_lowest(NULL, l->model, l->scores, &selection, NEURONS);
}

/* Removed weights, all of them exactly 0 and without a moment. */
static size_t removed(const life *l)
{
    static uint8_t kept[INPUTS * HIDDEN];
    size_t count = 0;
    for (size_t p = 0; p < prune_model_param_count(l->model); p += 2) {
        const float *w = prune_model_param(l->model, p), *m = prune_trainer_state(l->trainer, p, 0);
        const size_t n = p == 0 ? INPUTS * HIDDEN : p == 2 ? HIDDEN * HIDDEN : HIDDEN * OUTPUTS;
        check_ok(prune_mask_get(kept, n, l->model, p), "a mask");
        for (size_t i = 0; i < n; i++) {
            check(kept[i] || (w[i] == 0.0f && m[i] == 0.0f), "what is removed is 0, and so is its moment");
            count += !kept[i];
        }
    }
    return count;
}

static void prune(life *l)
{
    cost_tell("score", score, l);
    for (size_t p = 0; p < prune_model_param_count(l->model); p += 2)
        hash_floats(prune_importance_scores(l->scores, p), HIDDEN);
    cost_tell("mask-weights", mask_weights, l);
    hash_model(l->model);
    hash_tell("masks");
    train(l, "fine-tuned", 0.9f);
    check(removed(l) == REMOVED, "as many are removed as were asked for");
    check_ok(prune_model_verify(l->model, NULL), "the masked model is sound");
}

static prune_status compact(void *user)
{
    life *l = user;
    return prune_compact(&l->small, &l->rest_mem, l->model, NULL, &l->report, NULL);
}

/* The small model computes what the masked one does, to rounding. */
static void shrink(life *l)
{
    float before[SAMPLES];
    prune_workspace *workspace = NULL;
    cost_tell("mask-neurons", mask_neurons, l);
    check_ok(prune_predict(l->outputs, l->model, l->workspace, l->inputs), "outputs before");
    memcpy(before, l->h, sizeof before);
    prune_compact_report_init(&l->report);
    cost_tell("compact", compact, l);
    memory_tell("compact", l->rest.peak);
    check(l->report.neurons <= l->report.neurons_before - NEURONS, "neurons are gone");
    check_ok(prune_workspace_create(&workspace, &l->rest_mem, l->small, BATCH, prune_backend_reference()),
             "a workspace for the small model");
    check_ok(prune_predict(l->outputs, l->small, workspace, l->inputs), "outputs after");
    prune_workspace_free(workspace);
    for (size_t i = 0; i < SAMPLES; i++)
        check(l->h[i] - before[i] <= 1e-5f && before[i] - l->h[i] <= 1e-5f,
              "compacted, it computes the same");
    hash_floats(l->h, SAMPLES);
    hash_model(l->small);
    hash_tell("compacted");
}

void life_run(life *l, void *memory, size_t bytes)
{
    unsigned char *behind = (unsigned char *)memory + HOME;
    make_data(l);
    make_home(l, memory);
    plan(l, behind, bytes - HOME);
    train(l, "trained", 0.2f);
    single_steps(l);
    prune(l);
    shrink(l);
}

void life_end(life *l)
{
    prune_model_free(l->small);
    end_plans(l);
    prune_model_free(l->model);
    prune_tensor_free(l->one_h);
    prune_tensor_free(l->one_y);
    prune_tensor_free(l->one_x);
    prune_tensor_free(l->outputs);
    prune_tensor_free(l->targets);
    prune_tensor_free(l->inputs);
    check(l->home.used == 0 && l->plans.used == 0, "all memory comes back");
}
