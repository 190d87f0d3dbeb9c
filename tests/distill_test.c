/* distill_test.c -- distillation: its loss beside a twin in double and PyTorch, its rows, training by it
 *
 * SPDX-License-Identifier: MIT */
#include "fixtures/teacher.h"
#include "support/work.h"

#include <math.h>
#include <string.h>

enum { MOST = 8 };

static prune_distillation how_of(int32_t kind, float alpha, float temperature)
{
    const prune_distillation how = { sizeof how, kind, alpha, temperature };
    return how;
}

/* ---- the loss ---- */

/* Mean loss and gradient of n rows by the library. */
static float library_loss(float *gradient, prune_distillation *how, size_t n, size_t outputs, const float *z,
                          const float *rows)
{
    prune_tensor *h, *y, *g;
    prune_loss_options loss;
    float mean = NAN;
    ck_assert_ok(prune_distillation_loss(&loss, how));
    ck_assert_ok(prune_tensor_const_matrix(&h, NULL, PRUNE_F32, n, outputs, z));
    ck_assert_ok(prune_tensor_const_matrix(&y, NULL, PRUNE_F32, n, 2 * outputs, rows));
    ck_assert_ok(prune_tensor_matrix(&g, NULL, PRUNE_F32, n, outputs, gradient));
    ck_assert_ok(prune_loss_with(&mean, g, &loss, h, y, NULL));
    float alone = NAN;
    ck_assert_ok(prune_loss_with(&alone, NULL, &loss, h, y, NULL));
    ck_assert(memcmp(&alone, &mean, sizeof mean) == 0);
    prune_tensor_free(h);
    prune_tensor_free(y);
    prune_tensor_free(g);
    return mean;
}

START_TEST(losses_are_those_of_torch)
{
    for (size_t c = 0; c < sizeof distill_cases / sizeof distill_cases[0]; c++) {
        const struct distill_case *k = &distill_cases[c];
        float gradient[DISTILL_N * DISTILL_O];
        prune_distillation how = how_of(k->kind, k->alpha, k->temperature);
        const float loss = library_loss(gradient, &how, DISTILL_N, DISTILL_O, distill_z, distill_rows);
        ck_assert_double_eq_tol((double)loss, (double)k->loss, 2e-6 * (1.0 + (double)k->loss));
        for (size_t i = 0; i < DISTILL_N * DISTILL_O; i++)
            ck_assert_double_eq_tol((double)gradient[i], (double)k->gradient[i], 2e-6);
    }
}
END_TEST

static long double log_sum(const double *x, size_t outputs, double temperature)
{
    long double sum = 0.0L, most = (long double)x[0];
    for (size_t o = 1; o < outputs; o++)
        most = (long double)x[o] > most ? (long double)x[o] : most;
    for (size_t o = 0; o < outputs; o++)
        sum += expl(((long double)x[o] - most) / (long double)temperature);
    return most / (long double)temperature + logl(sum);
}

/* One sample, by the formula. */
static double twin_loss(const prune_distillation *how, size_t outputs, const double *z, const double *row)
{
    const long double a = (long double)how->alpha, T = (long double)how->temperature;
    const double *t = row + outputs;
    const long double log_z = log_sum(z, outputs, 1.0), log_q = log_sum(z, outputs, (double)T),
                      log_p = log_sum(t, outputs, (double)T);
    long double hard = 0.0L, soft = 0.0L, known = 0.0L, said = 0.0L;
    for (size_t o = 0; o < outputs; o++) {
        const long double lp = (long double)t[o] / T - log_p, lq = (long double)z[o] / T - log_q;
        hard += (long double)row[o] * (log_z - (long double)z[o]);
        soft += expl(lp) * (lp - lq);
        known += 0.5L * (long double)((z[o] - row[o]) * (z[o] - row[o]));
        said += 0.5L * (long double)((z[o] - t[o]) * (z[o] - t[o]));
    }
    return (double)(how->kind == PRUNE_MSE ? (1.0L - a) * known + a * said
                                           : (1.0L - a) * hard + a * T * T * soft);
}

typedef struct sample {
    float z[MOST], row[2 * MOST];
} sample;

static sample draw(prune_rng *rng, size_t outputs, float size, float apart)
{
    sample s = { .z = { 0 } };
    for (size_t o = 0; o < outputs; o++) {
        s.row[o] = prune_rng_uniform(rng);
        s.row[outputs + o] = size * (2.0f * prune_rng_uniform(rng) - 1.0f);
        s.z[o] = s.row[outputs + o] + apart * (2.0f * prune_rng_uniform(rng) - 1.0f);
    }
    return s;
}

/* Loss to `tolerance` of itself, gradient to that of its largest possible size. */
static void check_sample(prune_distillation *how, size_t outputs, const sample *s, double tolerance)
{
    double z[MOST], row[2 * MOST];
    float gradient[MOST];
    for (size_t o = 0; o < 2 * outputs; o++)
        row[o] = (double)s->row[o];
    for (size_t o = 0; o < outputs; o++)
        z[o] = (double)s->z[o];
    const double expected = twin_loss(how, outputs, z, row);
    const double got = (double)library_loss(gradient, how, 1, outputs, s->z, s->row);
    ck_assert_double_eq_tol(got, expected, tolerance * expected + 1e-30);
    const double scale = how->kind == PRUNE_MSE ? 30.0 : 1.0 + (double)how->temperature;
    for (size_t o = 0; o < outputs; o++) {
        const double at = z[o], eps = 1e-4;
        z[o] = at + eps;
        const double high = twin_loss(how, outputs, z, row);
        z[o] = at - eps;
        const double low = twin_loss(how, outputs, z, row);
        z[o] = at;
        ck_assert_double_eq_tol((double)gradient[o], (high - low) / (2.0 * eps), 2e-6 * scale);
    }
}

START_TEST(loss_and_gradient_are_those_of_the_formula)
{
    static const float alphas[] = { 0.0f, 0.3f, 1.0f }, temperatures[] = { 0.7f, 1.0f, 3.0f, 20.0f };
    prune_rng rng;
    prune_rng_seed(&rng, 2);
    for (size_t turn = 0; turn < 40; turn++)
        for (size_t a = 0; a < 3; a++)
            for (size_t t = 0; t < 4; t++) {
                const size_t outputs = 2 + turn % (MOST - 1);
                const sample s = draw(&rng, outputs, 6.0f, 3.0f);
                prune_distillation how = how_of(turn % 4 == 3 ? PRUNE_MSE : PRUNE_SOFTMAX_CROSS_ENTROPY,
                                                alphas[a], temperatures[t]);
                check_sample(&how, outputs, &s, 2e-5);
            }
}
END_TEST

/* Where model and teacher are near, by nature or by a high temperature, the loss keeps its digits. */
START_TEST(small_divergences_keep_their_digits)
{
    static const float temperatures[] = { 1.0f, 10.0f, 1000.0f }, aparts[] = { 1.0f, 0.1f, 1e-2f, 1e-3f };
    prune_rng rng;
    prune_rng_seed(&rng, 4);
    for (size_t turn = 0; turn < 20; turn++)
        for (size_t t = 0; t < 3; t++)
            for (size_t k = 0; k < 4; k++) {
                const sample s = draw(&rng, 5, 4.0f, aparts[k]);
                prune_distillation how = how_of(PRUNE_SOFTMAX_CROSS_ENTROPY, 1.0f, temperatures[t]);
                check_sample(&how, 5, &s, 2e-3);
            }
}
END_TEST

START_TEST(a_model_like_its_teacher_has_nothing_to_learn)
{
    const float z[3] = { 1.5f, -2.0f, 0.25f }, row[6] = { 0, 1, 0, 1.5f, -2.0f, 0.25f };
    for (int32_t kind = PRUNE_MSE; kind <= PRUNE_SOFTMAX_CROSS_ENTROPY; kind++) {
        float gradient[3];
        prune_distillation how = how_of(kind, 1.0f, 3.0f);
        ck_assert(library_loss(gradient, &how, 1, 3, z, row) == 0.0f);
        for (size_t o = 0; o < 3; o++)
            ck_assert(gradient[o] == 0.0f);
    }
}
END_TEST

START_TEST(large_outputs_do_not_overflow)
{
    const sample cases[] = {
        { { 1e4f, -1e4f, 0.0f }, { 1, 0, 0, -1e4f, 1e4f, 0.0f } },
        { { 300.0f, 0.0f, -300.0f }, { 0, 1, 0, -300.0f, 0.0f, 300.0f } },
        { { 1e6f, 0.0f, 0.0f }, { 0, 1, 0, 1e6f, 0.0f, 0.0f } },
        { { 100.0f, 0.0f, 0.0f }, { 0, 0, 1, 0.0f, 0.0f, 0.0f } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        prune_distillation how = how_of(PRUNE_SOFTMAX_CROSS_ENTROPY, 0.5f, 2.0f);
        check_sample(&how, 3, &cases[i], 1e-5);
    }
}
END_TEST

START_TEST(outputs_that_are_not_finite_have_no_finite_loss)
{
    const float strange[] = { NAN, INFINITY, -INFINITY };
    for (int32_t kind = PRUNE_MSE; kind <= PRUNE_SOFTMAX_CROSS_ENTROPY; kind++)
        for (size_t i = 0; i < 3; i++)
            for (size_t o = 0; o < 3; o++) {
                float z[3] = { 1, 2, 3 }, gradient[3];
                const float row[6] = { 0, 1, 0, 1, 2, 3 };
                prune_distillation how = how_of(kind, 0.5f, 2.0f);
                z[o] = strange[i];
                ck_assert(!isfinite(library_loss(gradient, &how, 1, 3, z, row)));
            }
}
END_TEST

START_TEST(bad_options_are_refused)
{
    static const struct bad {
        prune_distillation how;
        prune_status status;
    } cases[] = {
        { { sizeof(prune_distillation), PRUNE_MAE, 0.5f, 2.0f }, PRUNE_E_ARGUMENT },
        { { sizeof(prune_distillation), 0, 0.5f, 2.0f }, PRUNE_E_ARGUMENT },
        { { sizeof(prune_distillation), PRUNE_MSE, -0.1f, 2.0f }, PRUNE_E_RANGE },
        { { sizeof(prune_distillation), PRUNE_MSE, 1.1f, 2.0f }, PRUNE_E_RANGE },
        { { sizeof(prune_distillation), PRUNE_MSE, NAN, 2.0f }, PRUNE_E_RANGE },
        { { sizeof(prune_distillation), PRUNE_MSE, 0.5f, 0.0f }, PRUNE_E_RANGE },
        { { sizeof(prune_distillation), PRUNE_MSE, 0.5f, 1001.0f }, PRUNE_E_RANGE },
        { { sizeof(prune_distillation), PRUNE_MSE, 0.5f, NAN }, PRUNE_E_RANGE },
        { { sizeof(prune_distillation) + 4, PRUNE_MSE, 0.5f, 1.0f }, PRUNE_E_VERSION },
        { { 2, PRUNE_MSE, 0.5f, 1.0f }, PRUNE_E_ARGUMENT },
    };
    const float z[2] = { 1, 2 }, row[4] = { 0, 1, 2, 3 };
    prune_tensor *h, *y;
    ck_assert_ok(prune_tensor_const_matrix(&h, NULL, PRUNE_F32, 1, 2, z));
    ck_assert_ok(prune_tensor_const_matrix(&y, NULL, PRUNE_F32, 1, 4, row));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        prune_loss_options loss;
        float mean = 7.0f;
        prune_distillation how = how_of(PRUNE_MSE, 0.5f, 1.0f);
        ck_assert_ok(prune_distillation_loss(&loss, &how));
        how = cases[i].how; /* after it was given */
        ck_assert_status(prune_loss_with(&mean, NULL, &loss, h, y, NULL), cases[i].status);
        prune_loss_options_init(&loss);
        ck_assert_status(prune_distillation_loss(&loss, &how), cases[i].status);
        ck_assert_int_eq(loss.kind, PRUNE_SOFTMAX_CROSS_ENTROPY);
        ck_assert_status(prune_distillation_loss(NULL, &how), PRUNE_E_ARGUMENT);
    }
    prune_loss_options loss;
    ck_assert_status(prune_distillation_loss(&loss, NULL), PRUNE_E_ARGUMENT);
    prune_distillation_init(NULL);
    prune_tensor_free(h);
    prune_tensor_free(y);
}
END_TEST

/* ---- the rows ---- */

enum { N = 40, INPUTS = 5, CLASSES = 3, HIDDEN = 9 };

static const size_t widths[] = { INPUTS, HIDDEN, CLASSES };

typedef struct fixture {
    world_data world;
    prune_model *teacher;
    prune_workspace *workspace;
    float rows[N * 2 * CLASSES];
    prune_tensor *targets;
    prune_data data;
} fixture;

static void open_fixture(fixture *f)
{
    world_data_make(&f->world, N, INPUTS, CLASSES, 3);
    f->teacher = world_model(NULL, widths, 2, PRUNE_TANH, 5);
    ck_assert_ok(prune_workspace_create(&f->workspace, NULL, f->teacher, 7, prune_backend_reference()));
    memset(f->rows, 0, sizeof f->rows);
    ck_assert_ok(prune_tensor_matrix(&f->targets, NULL, PRUNE_F32, N, 2 * CLASSES, f->rows));
    f->data = f->world.labelled;
    f->data.targets = f->targets;
}

static void close_fixture(fixture *f)
{
    prune_tensor_free(f->targets);
    prune_workspace_free(f->workspace);
    prune_model_free(f->teacher);
    world_data_end(&f->world);
}

START_TEST(rows_hold_what_is_known_and_what_the_teacher_says)
{
    for (int32_t labelled = 0; labelled < 2; labelled++) {
        fixture f;
        float said[N * CLASSES];
        prune_tensor *y;
        open_fixture(&f);
        ck_assert_ok(prune_distillation_targets(f.targets, f.teacher, f.workspace, f.world.x_tensor,
                                                labelled ? f.world.label_tensor : f.world.y_tensor));
        ck_assert_ok(prune_tensor_matrix(&y, NULL, PRUNE_F32, N, CLASSES, said));
        ck_assert_ok(prune_predict(y, f.teacher, f.workspace, f.world.x_tensor));
        for (size_t r = 0; r < N; r++)
            for (size_t c = 0; c < CLASSES; c++) {
                const float one = (size_t)f.world.label[r] == c ? 1.0f : 0.0f;
                ck_assert(f.rows[r * 2 * CLASSES + c] == (labelled ? one : f.world.y[r * CLASSES + c]));
                ck_assert(f.rows[r * 2 * CLASSES + CLASSES + c] == said[r * CLASSES + c]);
            }
        prune_tensor_free(y);
        close_fixture(&f);
    }
}
END_TEST

static void check_refused(fixture *f, prune_tensor *targets, const prune_tensor *x, const prune_tensor *known,
                          prune_status expected)
{
    float before[N * 2 * CLASSES];
    memcpy(before, f->rows, sizeof before);
    ck_assert_status(prune_distillation_targets(targets, f->teacher, f->workspace, x, known), expected);
    ck_assert_mem_eq(before, f->rows, sizeof before);
}

START_TEST(rows_that_cannot_be_made_are_left_alone)
{
    fixture f;
    prune_tensor *narrow, *odd, *few, *sealed, *integers;
    open_fixture(&f);
    prune_tensor *x = f.world.x_tensor, *label = f.world.label_tensor, *y = f.world.y_tensor;
    ck_assert_ok(prune_tensor_matrix(&narrow, NULL, PRUNE_F32, N, CLASSES, f.rows));
    ck_assert_ok(prune_tensor_matrix(&odd, NULL, PRUNE_F32, N / 2, 2 * CLASSES + 1, f.rows));
    ck_assert_ok(prune_tensor_matrix(&few, NULL, PRUNE_F32, N / 2, 2 * CLASSES, f.rows));
    ck_assert_ok(prune_tensor_const_matrix(&sealed, NULL, PRUNE_F32, N, 2 * CLASSES, f.rows));
    ck_assert_ok(prune_tensor_matrix(&integers, NULL, PRUNE_I32, N, 2 * CLASSES, f.rows));
    check_refused(&f, NULL, x, label, PRUNE_E_ARGUMENT);
    check_refused(&f, f.targets, NULL, label, PRUNE_E_ARGUMENT);
    check_refused(&f, f.targets, x, NULL, PRUNE_E_ARGUMENT);
    check_refused(&f, narrow, x, label, PRUNE_E_SHAPE);
    check_refused(&f, odd, x, label, PRUNE_E_SHAPE);
    check_refused(&f, few, x, label, PRUNE_E_SHAPE);
    check_refused(&f, sealed, x, label, PRUNE_E_READONLY);
    check_refused(&f, integers, x, label, PRUNE_E_TYPE);
    check_refused(&f, f.targets, y, label, PRUNE_E_SHAPE); /* not the teacher's inputs */
    check_refused(&f, f.targets, x, x, PRUNE_E_SHAPE);
    ck_assert_status(prune_distillation_targets(f.targets, NULL, f.workspace, x, label), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_distillation_targets(f.targets, f.teacher, NULL, x, label), PRUNE_E_ARGUMENT);
    f.world.label[N - 1] = CLASSES;
    check_refused(&f, f.targets, x, label, PRUNE_E_LABEL);
    f.world.label[N - 1] = 0;
    f.world.y[4] = NAN;
    check_refused(&f, f.targets, x, y, PRUNE_E_NONFINITE);
    f.world.x[INPUTS * N - 1] = INFINITY;
    check_refused(&f, f.targets, x, label, PRUNE_E_NONFINITE);
    f.world.x[INPUTS * N - 1] = 0.0f;
    world_plant(f.teacher, 3, 1, INFINITY);
    ck_assert_status(prune_distillation_targets(f.targets, f.teacher, f.workspace, x, label),
                     PRUNE_E_DIVERGED);
    prune_tensor_free(narrow);
    prune_tensor_free(odd);
    prune_tensor_free(few);
    prune_tensor_free(sealed);
    prune_tensor_free(integers);
    close_fixture(&f);
}
END_TEST

/* ---- training ---- */

static prune_trainer *student_trainer(prune_model *student, prune_distillation *how, int32_t optimizer)
{
    prune_loss_options loss;
    prune_trainer_options options = world_options(PRUNE_SOFTMAX_CROSS_ENTROPY, optimizer);
    ck_assert_ok(prune_distillation_loss(&loss, how));
    options.loss_options = &loss;
    options.learning_rate = 0.02f;
    options.max_batch = 16;
    return world_trainer(student, &options);
}

static double distance(const fixture *f, const prune_model *student)
{
    float said[N * CLASSES];
    prune_tensor *y;
    double sum = 0.0;
    ck_assert_ok(prune_tensor_matrix(&y, NULL, PRUNE_F32, N, CLASSES, said));
    ck_assert_ok(prune_predict(y, student, f->workspace, f->world.x_tensor));
    for (size_t r = 0; r < N; r++)
        for (size_t c = 0; c < CLASSES; c++) {
            const double d = (double)said[r * CLASSES + c] - (double)f->rows[r * 2 * CLASSES + CLASSES + c];
            sum += d * d;
        }
    prune_tensor_free(y);
    return sum;
}

/* A pruned copy of the teacher comes nearer to it again, by its outputs alone, and stays pruned. */
START_TEST(a_pruned_model_learns_from_its_teacher)
{
    for (int32_t kind = PRUNE_MSE; kind <= PRUNE_SOFTMAX_CROSS_ENTROPY; kind++) {
        fixture f;
        prune_model *student;
        prune_distillation how = how_of(kind, 1.0f, 3.0f);
        open_fixture(&f);
        ck_assert_ok(prune_distillation_targets(f.targets, f.teacher, f.workspace, f.world.x_tensor,
                                                f.world.label_tensor));
        ck_assert_ok(prune_model_clone(&student, NULL, f.teacher));
        work_remove_some(student, 3, 9);
        const size_t removed = world_check_removed(student, NULL);
        const double before = distance(&f, student);
        prune_trainer *trainer = student_trainer(student, &how, PRUNE_ADAM);
        prune_fit_options fit;
        prune_fit_options_init(&fit);
        fit.epochs = 60;
        fit.validation_fraction = 0.2;
        ck_assert_ok(prune_trainer_fit(NULL, trainer, &f.data, &fit, NULL));
        ck_assert_double_lt(distance(&f, student), 0.5 * before);
        ck_assert_uint_eq(world_check_removed(student, trainer), removed);
        prune_trainer_free(trainer);
        prune_model_free(student);
        close_fixture(&f);
    }
}
END_TEST

START_TEST(rows_of_another_shape_end_training)
{
    fixture f;
    prune_model *student;
    prune_tensor *narrow;
    prune_distillation how = how_of(PRUNE_MSE, 0.5f, 1.0f);
    open_fixture(&f);
    ck_assert_ok(prune_tensor_matrix(&narrow, NULL, PRUNE_F32, N, CLASSES, f.rows));
    ck_assert_ok(prune_model_clone(&student, NULL, f.teacher));
    prune_trainer *trainer = student_trainer(student, &how, PRUNE_SGD);
    const uint64_t hash = world_trainer_hash(trainer);
    f.data.targets = narrow;
    ck_assert_status(prune_trainer_fit(NULL, trainer, &f.data, NULL, NULL), PRUNE_E_SHAPE);
    f.data.targets = f.world.label_tensor;
    ck_assert_status(prune_trainer_fit(NULL, trainer, &f.data, NULL, NULL), PRUNE_E_TYPE);
    ck_assert_uint_eq(world_trainer_hash(trainer), hash);
    prune_tensor_free(narrow);
    prune_trainer_free(trainer);
    prune_model_free(student);
    close_fixture(&f);
}
END_TEST

/* With the group lasso too; what a file does not hold is given back. */
START_TEST(training_goes_on_bit_for_bit_from_a_file)
{
    fixture f;
    prune_model *student, *back_model;
    prune_loss_options loss;
    prune_distillation how;
    prune_distillation_init(&how);
    ck_assert(how.kind == PRUNE_SOFTMAX_CROSS_ENTROPY && how.alpha == 0.5f && how.temperature == 2.0f);
    open_fixture(&f);
    ck_assert_ok(prune_distillation_targets(f.targets, f.teacher, f.workspace, f.world.x_tensor,
                                            f.world.label_tensor));
    ck_assert_ok(prune_model_clone(&student, NULL, f.teacher));
    prune_trainer *trainer = student_trainer(student, &how, PRUNE_ADAM);
    prune_fit_options fit;
    prune_fit_options_init(&fit);
    fit.epochs = 3;
    ck_assert_ok(prune_trainer_fit(NULL, trainer, &f.data, &fit, NULL));
    bytes_file file = work_write_trainer(trainer);
    prune_trainer *back = work_read_trainer(&back_model, &file);
    ck_assert_status(prune_trainer_fit(NULL, back, &f.data, &fit, NULL), PRUNE_E_STATE);
    ck_assert_ok(prune_distillation_loss(&loss, &how));
    ck_assert_ok(prune_trainer_set_loss(back, &loss, NULL));
    ck_assert_ok(prune_trainer_fit(NULL, trainer, &f.data, &fit, NULL));
    ck_assert_ok(prune_trainer_fit(NULL, back, &f.data, &fit, NULL));
    ck_assert_uint_eq(world_trainer_hash(back), world_trainer_hash(trainer));
    bytes_end(&file);
    prune_trainer_free(back);
    prune_model_free(back_model);
    prune_trainer_free(trainer);
    prune_model_free(student);
    close_fixture(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        losses_are_those_of_torch,
        loss_and_gradient_are_those_of_the_formula,
        small_divergences_keep_their_digits,
        a_model_like_its_teacher_has_nothing_to_learn,
        large_outputs_do_not_overflow,
        outputs_that_are_not_finite_have_no_finite_loss,
        bad_options_are_refused,
        rows_hold_what_is_known_and_what_the_teacher_says,
        rows_that_cannot_be_made_are_left_alone,
        a_pruned_model_learns_from_its_teacher,
        rows_of_another_shape_end_training,
        training_goes_on_bit_for_bit_from_a_file,
    };
    return run_tests("distill", tests, sizeof tests / sizeof tests[0]);
}
