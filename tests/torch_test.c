/* torch_test.c -- the library beside PyTorch, by the numbers in fixtures/torch.h
 *
 * The fixtures were computed in double and rounded to float. How far from them the library may be is
 * derived, number by number (support/bounds.h, support/steps.h): Adagrad's first step, for one, multiplies
 * what rounding does to a gradient that cancels by up to learning_rate / epsilon. For losses of given
 * outputs it is a few times what fixtures/make_torch.py prints as the distance of PyTorch's own float
 * arithmetic from them, relative to the largest magnitude.
 *
 * SPDX-License-Identifier: MIT */
#include "fixtures/torch.h"
#include "support/runner.h"
#include "support/steps.h"

#include <math.h>
#include <string.h>

static const double LOSS_TOLERANCE = 5e-7; /* PyTorch: 1.7e-7 */

enum { BACKENDS = 2 };

/* Asked for once, since asking makes sure of a BLAS's memory. */
static void backends(const prune_backend *found[BACKENDS])
{
    found[0] = prune_backend_reference();
    found[1] = prune_backend_default();
}

/* ---- the library's twin of a fixture ---- */

static size_t param_count_of(const prune_model *model, size_t p)
{
    prune_param_info info = { .size = sizeof info };
    ck_assert_ok(prune_model_param_info(&info, model, p));
    return (size_t)info.count;
}

/* mask: a character for each parameter, or NULL. */
static prune_model *make_model(const torch_net *net, const char *mask)
{
    prune_model *model;
    const float *values = net->params;
    ck_assert_ok(prune_model_create(&model, NULL, net->width[0]));
    for (size_t l = 0; l < net->layers; l++)
        ck_assert_ok(prune_model_add_dense(model, net->width[l + 1], net->activation[l]));
    for (size_t p = 0; p < 2 * net->layers; p++) {
        const size_t count = param_count_of(model, p);
        uint8_t bytes[REF_PARAMS];
        ck_assert_ok(prune_model_set_param(model, p, values, count));
        values += count;
        for (size_t i = 0; i < count && mask != NULL; i++)
            bytes[i] = *mask++ == '1';
        if (mask != NULL)
            ck_assert_ok(prune_mask_set(model, p, bytes, count));
    }
    return model;
}

static size_t outputs_of(const torch_net *net)
{
    return net->width[net->layers];
}

static prune_tensor *floats(const float *values, size_t rows, size_t columns)
{
    prune_tensor *tensor;
    ck_assert_ok(prune_tensor_const_matrix(&tensor, NULL, PRUNE_F32, rows, columns, values));
    return tensor;
}

/* y[rows][columns], or labels where y is NULL. */
static prune_tensor *targets_of(const float *y, const int32_t *labels, size_t rows, size_t columns)
{
    prune_tensor *tensor;
    if (y != NULL)
        return floats(y, rows, columns);
    ck_assert_ok(prune_tensor_const_matrix(&tensor, NULL, PRUNE_I32, rows, 1, labels));
    return tensor;
}

static double error_of(const float *got, const float *expected, size_t count)
{
    double wide[REF_PARAMS];
    ck_assert_uint_le(count, REF_PARAMS);
    for (size_t i = 0; i < count; i++)
        wide[i] = (double)expected[i];
    return ref_scaled_error(got, wide, count);
}

/* The largest distance from a fixture in units of its bound, the fixture's own rounding taken into that. */
static double excess_of(const float *got, const float *expected, const double *bound, size_t count)
{
    double wide[REF_PARAMS], off[REF_PARAMS];
    ck_assert_uint_le(count, REF_PARAMS);
    for (size_t i = 0; i < count; i++) {
        wide[i] = (double)expected[i];
        off[i] = bound[i] + fabs(wide[i]) / 16777216.0;
    }
    return ref_excess(got, wide, off, count);
}

/* Of all parameters, or of all their gradients, from `expected`, one after the other. */
static double params_excess(const prune_model *model, const prune_trainer *gradients, const float *expected,
                            const double *bound)
{
    float values[REF_PARAMS];
    size_t end = 0;
    for (size_t p = 0; p < prune_model_param_count(model); p++) {
        const size_t count = param_count_of(model, p);
        const float *from =
            gradients != NULL ? prune_trainer_gradient(gradients, p) : prune_model_param(model, p);
        memcpy(values + end, from, count * sizeof *values);
        end += count;
    }
    return excess_of(values, expected, bound, end);
}

/* ---- the reference's twin of a fixture ---- */

static void make_net(ref_net *net, const torch_net *from, const char *mask)
{
    ref_shape(net, from->layers, from->width, from->activation);
    for (size_t i = 0; i < net->count; i++) {
        net->keep[i] = mask == NULL || mask[i] == '1';
        net->w[i] = net->keep[i] ? (double)from->params[i] : 0.0;
    }
}

static void widen(double *to, const float *from, size_t count)
{
    for (size_t i = 0; i < count && from != NULL; i++)
        to[i] = (double)from[i];
}

/* Samples first .. first + n - 1. */
static void make_task(ref_task *task, const torch_gradient *t, size_t first)
{
    const size_t inputs = t->net.width[0], outputs = outputs_of(&t->net);
    *task = (ref_task){ .loss = t->loss, .n = t->n, .penalize_bias = t->penalty.bias };
    task->l1 = (double)t->penalty.l1;
    task->l2 = (double)t->penalty.l2;
    widen(task->x, t->x + first * inputs, t->n * inputs);
    widen(task->y, t->y == NULL ? NULL : t->y + first * outputs, t->n * outputs);
    for (size_t s = 0; s < t->n && t->labels != NULL; s++)
        task->label[s] = t->labels[first + s];
}

static prune_trainer *make_trainer(prune_model *model, prune_trainer_options *o, const torch_penalty *penalty,
                                   size_t n)
{
    prune_trainer *trainer;
    o->l1 = penalty->l1;
    o->l2 = penalty->l2;
    o->regularize_bias = penalty->bias;
    o->max_batch = n;
    ck_assert_ok(prune_trainer_create(&trainer, NULL, model, o, NULL));
    return trainer;
}

/* ---- forward, losses, gradients ---- */

static void check_forward(const torch_forward *f, const prune_backend *b)
{
    static ref_bounds bounds;
    static ref_net net;
    static ref_task task;
    const size_t outputs = outputs_of(&f->net);
    const torch_gradient like = { .net = f->net, .loss = PRUNE_MSE, .n = f->n, .x = f->x };
    float h[REF_PARAMS];
    make_net(&net, &f->net, NULL);
    make_task(&task, &like, 0);
    ref_bound(&bounds, &net, &task);
    prune_model *model = make_model(&f->net, NULL);
    prune_workspace *workspace;
    prune_tensor *x = floats(f->x, f->n, f->net.width[0]), *y;
    ck_assert_ok(prune_tensor_matrix(&y, NULL, PRUNE_F32, f->n, outputs, h));
    ck_assert_ok(
        prune_workspace_create(&workspace, NULL, model, 3, b)); /* so that some take more than one turn */
    ck_assert_ok(prune_predict(y, model, workspace, x));
    ck_assert_double_le(excess_of(h, f->h, bounds.h, f->n * outputs), 1.0);
    prune_workspace_free(workspace);
    prune_tensor_free(x);
    prune_tensor_free(y);
    prune_model_free(model);
}

START_TEST(forward_passes)
{
    const prune_backend *backend[BACKENDS];
    backends(backend);
    for (size_t i = 0; i < sizeof torch_forwards / sizeof torch_forwards[0]; i++)
        for (size_t b = 0; b < BACKENDS; b++)
            check_forward(&torch_forwards[i], backend[b]);
}
END_TEST

START_TEST(losses)
{
    for (size_t i = 0; i < sizeof torch_losses / sizeof torch_losses[0]; i++) {
        const torch_loss *l = &torch_losses[i];
        float g[REF_PARAMS], loss;
        prune_tensor *h = floats(l->h, l->n, l->outputs), *gradient;
        prune_tensor *targets = targets_of(l->y, l->labels, l->n, l->outputs);
        ck_assert_ok(prune_tensor_matrix(&gradient, NULL, PRUNE_F32, l->n, l->outputs, g));
        ck_assert_ok(prune_loss(&loss, gradient, l->kind, h, targets));
        ck_assert_double_le(error_of(&loss, &l->loss, 1), LOSS_TOLERANCE);
        ck_assert_double_le(error_of(g, l->gradient, l->n * l->outputs), LOSS_TOLERANCE);
        prune_tensor_free(h);
        prune_tensor_free(gradient);
        prune_tensor_free(targets);
    }
}
END_TEST

static void check_gradient(const torch_gradient *t, const prune_backend *b)
{
    static ref_bounds bounds;
    static ref_net net;
    static ref_task task;
    float loss, penalty;
    prune_trainer_options o;
    make_net(&net, &t->net, NULL);
    make_task(&task, t, 0);
    ref_bound(&bounds, &net, &task);
    prune_trainer_options_init(&o);
    o.loss = t->loss;
    o.backend = b;
    prune_model *model = make_model(&t->net, NULL);
    prune_trainer *trainer = make_trainer(model, &o, &t->penalty, t->n);
    prune_tensor *x = floats(t->x, t->n, t->net.width[0]);
    prune_tensor *targets = targets_of(t->y, t->labels, t->n, outputs_of(&t->net));
    ck_assert_ok(prune_trainer_forward(trainer, x));
    ck_assert_ok(prune_trainer_loss(&loss, trainer, targets));
    ck_assert_ok(prune_trainer_backward(trainer, NULL));
    ck_assert_ok(prune_trainer_penalize(&penalty, trainer));
    ck_assert_double_le(excess_of(&loss, &t->data_loss, &bounds.loss, 1), 1.0);
    ck_assert_double_le(error_of(&penalty, &t->penalty_value, 1), LOSS_TOLERANCE);
    ck_assert_double_le(params_excess(model, trainer, t->gradient, bounds.g), 1.0);
    prune_tensor_free(x);
    prune_tensor_free(targets);
    prune_trainer_free(trainer);
    prune_model_free(model);
}

START_TEST(gradients_with_penalties)
{
    const prune_backend *backend[BACKENDS];
    backends(backend);
    for (size_t i = 0; i < sizeof torch_gradients / sizeof torch_gradients[0]; i++)
        for (size_t b = 0; b < BACKENDS; b++)
            check_gradient(&torch_gradients[i], backend[b]);
}
END_TEST

/* ---- ten steps ---- */

static void step(const torch_run *run, prune_trainer *trainer, size_t s, const ref_course_bounds *bounds)
{
    const size_t first = s * run->n, inputs = run->net.width[0], outputs = outputs_of(&run->net);
    const float *y = run->y == NULL ? NULL : run->y + first * outputs;
    const int32_t *labels = run->labels == NULL ? NULL : run->labels + first;
    float loss;
    prune_tensor *x = floats(run->x + first * inputs, run->n, inputs);
    prune_tensor *targets = targets_of(y, labels, run->n, outputs);
    ck_assert_ok(prune_trainer_step(&loss, trainer, x, targets));
    ck_assert_double_le(excess_of(&loss, &run->losses[s], &bounds->loss[s], 1), 1.0);
    prune_tensor_free(x);
    prune_tensor_free(targets);
}

static void options_of(prune_trainer_options *o, const torch_run *run)
{
    prune_trainer_options_init(o);
    o->loss = run->loss;
    o->optimizer = run->optimizer;
    o->learning_rate = run->learning_rate;
    o->momentum = run->momentum;
    o->beta1 = run->beta1;
    o->beta2 = run->beta2;
    o->epsilon = run->epsilon;
    o->alpha = run->alpha;
    o->weight_decay = run->weight_decay;
    o->nesterov = run->nesterov;
    o->clip_norm = run->clip_norm;
    o->clip_value = run->clip_value;
    o->regularize_bias = run->penalty.bias;
}

static void bound_run(ref_course_bounds *bounds, const torch_run *run, const prune_trainer_options *o)
{
    static ref_course course;
    static ref_task tasks[REF_STEPS];
    const torch_gradient like = { .net = run->net,
                                  .loss = run->loss,
                                  .penalty = run->penalty,
                                  .n = run->n,
                                  .x = run->x,
                                  .y = run->y,
                                  .labels = run->labels };
    make_net(&course.net, &run->net, run->mask);
    for (size_t s = 0; s < TORCH_STEPS; s++)
        make_task(&tasks[s], &like, s * run->n);
    course.options = o;
    course.task = tasks;
    ref_bound_course(bounds, &course);
}

static void check_run(const torch_run *run, prune_trainer_options *o, const ref_course_bounds *bounds)
{
    prune_model *model = make_model(&run->net, run->mask);
    prune_trainer *trainer = make_trainer(model, o, &run->penalty, run->n);
    for (size_t s = 0; s < TORCH_STEPS; s++) {
        step(run, trainer, s, bounds);
        if (s == 0)
            ck_assert_double_le(params_excess(model, NULL, run->first, bounds->w[0]), 1.0);
    }
    ck_assert_double_le(params_excess(model, NULL, run->last, bounds->w[TORCH_STEPS - 1]), 1.0);
    ck_assert_ok(prune_model_verify(model, NULL));
    prune_trainer_free(trainer);
    prune_model_free(model);
}

START_TEST(ten_steps_of_each_optimizer)
{
    const prune_backend *backend[BACKENDS];
    backends(backend);
    for (size_t i = 0; i < sizeof torch_runs / sizeof torch_runs[0]; i++) {
        static ref_course_bounds bounds;
        prune_trainer_options o;
        options_of(&o, &torch_runs[i]);
        bound_run(&bounds, &torch_runs[i], &o);
        for (size_t b = 0; b < BACKENDS; b++) {
            o.backend = backend[b];
            check_run(&torch_runs[i], &o, &bounds);
        }
    }
}
END_TEST

/* How many of the first parameters that are not 0 (all), times 1 + by, the bounds find. */
static size_t wrong_found(const float *right, const double *bounds, float by, size_t *all)
{
    size_t found = 0;
    for (size_t p = 0; p < 40; p++) {
        const float wrong = right[p] * (1.0f + by);
        *all += right[p] != 0.0f;
        found += excess_of(&wrong, &right[p], &bounds[p], 1) > 1.0;
    }
    return found;
}

START_TEST(bounds_tell_right_from_wrong)
{
    size_t first = 0, last = 0, all_first = 0, all_last = 0;
    for (size_t i = 0; i < sizeof torch_runs / sizeof torch_runs[0]; i++) {
        static ref_course_bounds bounds;
        const torch_run *run = &torch_runs[i];
        prune_trainer_options o;
        options_of(&o, run);
        bound_run(&bounds, run, &o);
        first += wrong_found(run->first, bounds.w[0], 1e-4f, &all_first);
        last += wrong_found(run->last, bounds.w[TORCH_STEPS - 1], 1e-3f, &all_last);
    }
    ck_assert_uint_gt(all_first, 1000);
    ck_assert_uint_ge(100 * first, 95 * all_first);
    ck_assert_uint_ge(100 * last, 95 * all_last);
}
END_TEST

/* ---- masks ---- */

/* Torch has no floors and no protected outputs. A row's norms are those of ln_structured with dim 0; torch
 * leaves the bias, the library takes it along. */
static prune_selection selection_for(const torch_prune *call)
{
    prune_selection s;
    prune_selection_init(&s);
    s.scope = call->method == TORCH_GLOBAL ? PRUNE_GLOBAL : PRUNE_PER_LAYER;
    s.layer = call->layer;
    s.include_output = 1;
    s.min_kept = 0;
    if (call->method != TORCH_L1 && call->method != TORCH_GLOBAL) {
        s.granularity = PRUNE_NEURONS;
        s.aggregate = call->method == TORCH_LN_1   ? PRUNE_ROW_L1
                      : call->method == TORCH_LN_2 ? PRUNE_ROW_L2
                                                   : PRUNE_ROW_MAX;
    }
    return s;
}

static void apply(prune_model *model, const torch_prune *call)
{
    prune_importance *scores;
    const prune_selection s = selection_for(call);
    ck_assert_ok(prune_importance_create(&scores, NULL, model, PRUNE_MAGNITUDE));
    if (call->is_count)
        ck_assert_ok(prune_mask_lowest(NULL, model, scores, &s, (uint64_t)call->amount));
    else
        ck_assert_ok(prune_mask_fraction(NULL, model, scores, &s, call->amount, PRUNE_OF_REMAINING));
    prune_importance_free(scores);
}

static void weight_masks(char *text, const prune_model *model)
{
    for (size_t p = 0; p < prune_model_param_count(model); p += 2) {
        const size_t count = param_count_of(model, p);
        uint8_t bytes[REF_PARAMS];
        ck_assert_ok(prune_mask_get(bytes, count, model, p));
        for (size_t i = 0; i < count; i++)
            *text++ = bytes[i] ? '1' : '0';
    }
    *text = '\0';
}

START_TEST(masks_of_torch_prune)
{
    size_t calls[TORCH_GLOBAL + 1] = { 0 };
    for (size_t i = 0; i < sizeof torch_prunings / sizeof torch_prunings[0]; i++) {
        const torch_pruning *pruning = &torch_prunings[i];
        prune_model *model = make_model(&pruning->net, NULL);
        for (size_t c = 0; c < pruning->calls; c++) {
            char text[REF_PARAMS];
            apply(model, &pruning->call[c]);
            weight_masks(text, model);
            ck_assert_msg(strcmp(text, pruning->call[c].mask) == 0, "pruning %d, call %d:\n%s, but torch\n%s",
                          (int)i, (int)c, text, pruning->call[c].mask);
            calls[pruning->call[c].method]++;
        }
        ck_assert_ok(prune_model_verify(model, NULL));
        prune_model_free(model);
    }
    for (int method = TORCH_L1; method <= TORCH_GLOBAL; method++)
        ck_assert_uint_ge(calls[method], 10);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { forward_passes,
                                   losses,
                                   gradients_with_penalties,
                                   ten_steps_of_each_optimizer,
                                   bounds_tell_right_from_wrong,
                                   masks_of_torch_prune };
    return run_tests("torch", tests, sizeof tests / sizeof tests[0]);
}
