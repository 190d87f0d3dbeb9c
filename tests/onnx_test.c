/* onnx_test.c -- ONNX's own test vectors of optimizers and losses, by the numbers in fixtures/onnx.h
 *
 * SPDX-License-Identifier: MIT */
#include "fixtures/onnx.h"
#include "support/training.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const double STEP_TOLERANCE = 4e-7, LOSS_TOLERANCE = 1e-6;

/* ---- optimizers ----
 *
 * ONNX's operators, each with g = norm_coefficient X + G, which is an l2 of the trainer:
 *   Momentum  V = alpha V + b g, b = beta for T > 0 and 1 for T = 0;  X = X - R V, or X - R (g + alpha V)
 *             momentum = alpha, m = V. With b not 1: m = V / b and the rate R b (not for nesterov).
 *   Adagrad   H = H + g^2;  X = X - R / (1 + T decay_factor) g / (sqrt(H) + epsilon)
 *   Adam      V = alpha V + (1 - alpha) g;  H = beta H + (1 - beta) g^2;  X = X - r V / (sqrt(H) + epsilon)
 *             r = R sqrt(1 - beta^T) / (1 - alpha^T) for T > 0: steps = T - 1 before it, and the epsilon,
 *             which in optimizer.h is added after the correction of v, is epsilon / sqrt(1 - beta^T).
 *             r = R for T = 0: no correction, which is what many steps lead to. */

static const uint64_t many_steps = UINT64_C(1) << 40;

static prune_trainer_options options_of(const onnx_step *s)
{
    prune_trainer_options options = world_options(PRUNE_MSE, s->optimizer);
    options.learning_rate = s->rate / (1.0f + (float)s->t * s->decay_factor);
    options.l2 = s->norm_coefficient;
    options.regularize_bias = 1;
    options.momentum = options.beta1 = s->alpha;
    options.beta2 = s->optimizer == PRUNE_ADAM ? s->beta : 0.5f;
    options.nesterov = s->nesterov;
    options.epsilon = s->epsilon;
    if (s->t > 0)
        options.epsilon /= sqrtf(1.0f - powf(s->beta, (float)s->t));
    ck_assert_msg(s->optimizer != PRUNE_SGD || s->t == 0 || s->beta == 1.0f, "%s: another mapping", s->name);
    return options;
}

/* One neuron: the last tensor is its weights, the first of two its bias. */
static size_t param_of(const onnx_step *s, size_t tensor)
{
    return tensor + 1 == s->tensors ? 0 : 1;
}

static prune_model *model_of(const onnx_step *s)
{
    prune_model *model;
    ck_assert_ok(prune_model_create(&model, NULL, s->tensor[s->tensors - 1].count));
    ck_assert_ok(prune_model_add_dense(model, 1, PRUNE_LINEAR));
    for (size_t i = 0; i < s->tensors; i++)
        ck_assert_ok(prune_model_set_param(model, param_of(s, i), s->tensor[i].x, s->tensor[i].count));
    return model;
}

/* With one sample the gradient of the bias is dL/dh, that of the weights dL/dh times the inputs. */
static void give_gradients(prune_trainer *trainer, const onnx_step *s)
{
    prune_tensor *inputs, *delta;
    const onnx_tensor *weights = &s->tensor[s->tensors - 1];
    const float bias = s->tensors == 2 ? s->tensor[0].gradient[0] : 1.0f;
    const float x[2] = { weights->gradient[0] / bias, weights->gradient[1] / bias };
    ck_assert_ok(prune_tensor_const_matrix(&inputs, NULL, PRUNE_F32, 1, weights->count, x));
    ck_assert_ok(prune_tensor_const_matrix(&delta, NULL, PRUNE_F32, 1, 1, &bias));
    ck_assert_ok(prune_trainer_forward(trainer, inputs));
    ck_assert_ok(prune_trainer_backward(trainer, delta));
    for (size_t i = 0; i < s->tensors; i++)
        for (size_t k = 0; k < s->tensor[i].count; k++)
            ck_assert(prune_trainer_gradient(trainer, param_of(s, i))[k] == s->tensor[i].gradient[k]);
    prune_tensor_free(inputs);
    prune_tensor_free(delta);
}

static void assert_near(const float *got, const float *expected, size_t count, const char *name)
{
    for (size_t k = 0; k < count; k++)
        ck_assert_msg(fabs((double)got[k] - (double)expected[k]) <=
                          STEP_TOLERANCE * fabs((double)expected[k]),
                      "%s: got %.9g, not %.9g", name, (double)got[k], (double)expected[k]);
}

static void run_step(const onnx_step *s)
{
    const prune_trainer_options options = options_of(s);
    prune_model *model = model_of(s);
    prune_trainer *trainer = world_trainer(model, &options);
    for (size_t i = 0; i < s->tensors; i++)
        for (size_t slot = 0; slot < s->slots; slot++)
            ck_assert_ok(prune_trainer_set_state(trainer, param_of(s, i), slot, s->tensor[i].state[slot],
                                                 s->tensor[i].count));
    ck_assert_ok(prune_trainer_set_steps(trainer, s->t > 0 ? s->t - 1 : many_steps));
    give_gradients(trainer, s);
    ck_assert_ok(prune_trainer_penalize(NULL, trainer));
    ck_assert_ok(prune_trainer_update(trainer));
    for (size_t i = 0; i < s->tensors; i++) {
        const onnx_tensor *t = &s->tensor[i];
        assert_near(prune_model_param(model, param_of(s, i)), t->x_new, t->count, s->name);
        for (size_t slot = 0; slot < s->slots; slot++)
            assert_near(prune_trainer_state(trainer, param_of(s, i), slot), t->state_new[slot], t->count,
                        s->name);
    }
    prune_trainer_free(trainer);
    prune_model_free(model);
}

START_TEST(optimizers)
{
    for (size_t i = 0; i < COUNT(onnx_steps); i++)
        run_step(&onnx_steps[i]);
}
END_TEST

/* ---- losses ---- */

/* `count` items of `width` characters, as make_onnx.py writes them, into text that the caller frees. */
static char *text_of(const char *const *lines, size_t count, size_t width)
{
    char *text = malloc(count * width + 1);
    ck_assert_ptr_nonnull(text);
    for (size_t done = 0; done < count * width; lines++) {
        memcpy(text + done, *lines, strlen(*lines));
        done += strlen(*lines);
    }
    text[count * width] = 0;
    return text;
}

static prune_tensor *floats_of(const char *const *lines, size_t rows, size_t columns)
{
    prune_tensor *tensor;
    const prune_shape shape = { 2, { rows, columns, 0, 0 } };
    char *text = text_of(lines, rows * columns, 8);
    ck_assert_ok(prune_tensor_create(&tensor, NULL, PRUNE_F32, &shape));
    float *to = prune_tensor_data_mut(tensor);
    for (size_t i = 0; i < rows * columns; i++) {
        char digits[9] = { 0 };
        memcpy(digits, text + 8 * i, 8);
        const uint32_t bits = (uint32_t)strtoul(digits, NULL, 16);
        memcpy(to + i, &bits, sizeof bits);
    }
    free(text);
    return tensor;
}

/* ONNX's inputs as arguments of prune_loss_with(). Its `weight` are the class weights. A sample whose label
 * is ignore_index has the weight 0, and any label; without such samples there are no sample weights. */
typedef struct loss_case {
    const onnx_loss *c;
    prune_loss_options options;
    prune_tensor *h, *labels, *used;
} loss_case;

static prune_tensor *column_of(int32_t dtype, size_t n)
{
    prune_tensor *tensor;
    const prune_shape shape = { 2, { n, 1, 0, 0 } };
    ck_assert_ok(prune_tensor_create(&tensor, NULL, dtype, &shape));
    return tensor;
}

static void read_labels(loss_case *w)
{
    char *text = text_of(w->c->labels, w->c->n, 1);
    w->labels = column_of(PRUNE_I32, w->c->n);
    w->used = strchr(text, '-') == NULL ? NULL : column_of(PRUNE_F32, w->c->n);
    int32_t *label = prune_tensor_data_mut(w->labels);
    float *used = w->used == NULL ? NULL : prune_tensor_data_mut(w->used);
    for (size_t i = 0; i < w->c->n; i++) {
        label[i] = text[i] == '-' ? 0 : text[i] - '0';
        if (used != NULL)
            used[i] = text[i] == '-' ? 0.0f : 1.0f;
    }
    free(text);
}

static loss_case case_of(const onnx_loss *c)
{
    loss_case w = { .c = c };
    prune_loss_options_init(&w.options);
    w.options.kind = c->nll ? PRUNE_NLL : PRUNE_SOFTMAX_CROSS_ENTROPY;
    w.options.class_weights = c->weights;
    w.options.class_count = c->weights == NULL ? 0 : c->classes;
    w.h = floats_of(c->x, c->n, c->classes);
    read_labels(&w);
    return w;
}

static void case_end(loss_case *w)
{
    prune_tensor_free(w->h);
    prune_tensor_free(w->labels);
    prune_tensor_free(w->used);
}

/* What sample i counts for in a mean: s d of loss.h. */
static double share_of(const loss_case *w, size_t i)
{
    const int32_t label = ((const int32_t *)prune_tensor_data(w->labels))[i];
    const float s = w->used == NULL ? 1.0f : ((const float *)prune_tensor_data(w->used))[i];
    return (double)s * (w->c->weights == NULL ? 1.0 : (double)w->c->weights[label]);
}

static double share_of_all(const loss_case *w)
{
    double sum = 0.0;
    for (size_t i = 0; i < w->c->n; i++)
        sum += share_of(w, i);
    return sum;
}

static void same_loss(double got, double expected, const char *name)
{
    ck_assert_msg(fabs(got - expected) <= LOSS_TOLERANCE * (1.0 + fabs(expected)), "%s: got %.9g, not %.9g",
                  name, got, expected);
}

static double mean_of(const loss_case *w, prune_tensor *gradient)
{
    float loss = NAN;
    ck_assert_ok(prune_loss_with(&loss, gradient, &w->options, w->h, w->labels, w->used));
    return (double)loss;
}

static double mean_of_row(const loss_case *w, size_t i)
{
    loss_case row = *w;
    row.h = world_rows(w->h, i, 1);
    row.labels = world_rows(w->labels, i, 1);
    row.used = w->used == NULL ? NULL : world_rows(w->used, i, 1);
    const double mean = mean_of(&row, NULL);
    case_end(&row);
    return mean;
}

/* libprune's losses are means, sum s l / sum s d. ONNX's mean is the same; its sum is the numerator, and what
 * it calls none are the numerators of the samples. In a mean of one sample its class weight cancels out, so
 * those are held against the mean of all, too. */
static void check_none(const loss_case *w, double mean, const float *losses)
{
    double sum = 0.0;
    for (size_t i = 0; i < w->c->n; i++) {
        same_loss(share_of(w, i) * mean_of_row(w, i), (double)losses[i], w->c->name);
        sum += (double)losses[i];
    }
    same_loss(share_of_all(w) * mean, sum, w->c->name);
}

static void check_loss(const loss_case *w, double mean)
{
    const int32_t none = w->c->reduction == ONNX_NONE, sum = w->c->reduction == ONNX_SUM;
    prune_tensor *expected = floats_of(w->c->loss, none ? w->c->n : 1, 1);
    const float *loss = prune_tensor_data(expected);
    if (none)
        check_none(w, mean, loss);
    else
        same_loss(sum ? share_of_all(w) * mean : mean, (double)*loss, w->c->name);
    prune_tensor_free(expected);
}

/* Row i of the gradient is s d / sum s d (softmax - onehot), and exp(log_prob) is the softmax. */
static void check_log_prob(const loss_case *w, const prune_tensor *gradient)
{
    const size_t classes = w->c->classes, rows = (w->c->n + w->c->stride - 1) / w->c->stride;
    const double all = share_of_all(w);
    prune_tensor *expected = floats_of(w->c->log_prob, rows, classes);
    const float *log_prob = prune_tensor_data(expected), *g = prune_tensor_data(gradient);
    const int32_t *label = prune_tensor_data(w->labels);
    for (size_t r = 0; r < rows; r++)
        for (size_t k = 0; k < classes; k++) {
            const size_t i = r * w->c->stride;
            const double onehot = (size_t)label[i] == k ? 1.0 : 0.0;
            same_loss(all * (double)g[i * classes + k],
                      share_of(w, i) * (exp((double)log_prob[r * classes + k]) - onehot), w->c->name);
        }
    prune_tensor_free(expected);
}

static void run_loss(const onnx_loss *c)
{
    loss_case w = case_of(c);
    prune_tensor *gradient;
    const prune_shape shape = { 2, { c->n, c->classes, 0, 0 } };
    ck_assert_ok(prune_tensor_create(&gradient, NULL, PRUNE_F32, &shape));
    check_loss(&w, mean_of(&w, gradient));
    if (c->log_prob != NULL)
        check_log_prob(&w, gradient);
    prune_tensor_free(gradient);
    case_end(&w);
}

START_TEST(losses)
{
    ck_assert_uint_eq(COUNT(onnx_losses), 52);
    for (size_t i = 0; i < COUNT(onnx_losses); i++)
        run_loss(&onnx_losses[i]);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { optimizers, losses };
    return run_tests("onnx", tests, sizeof tests / sizeof tests[0]);
}
