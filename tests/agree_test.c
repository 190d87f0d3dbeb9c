/* agree_test.c -- whether two models compute the same, and where they do not
 *
 * SPDX-License-Identifier: MIT */
#include "support/heap.h"
#include "support/training.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { SAMPLES = 200, INPUTS = 6, OUTPUTS = 3 };

/* Linear, so that a change of one weight is known in the outputs. */
typedef struct pair {
    world_data world;
    prune_model *a, *b;
    prune_agreement agreement;
} pair;

static void pair_make(pair *p)
{
    const size_t widths[] = { INPUTS, OUTPUTS };
    world_data_make(&p->world, SAMPLES, INPUTS, OUTPUTS, 5);
    p->a = world_model(NULL, widths, 1, PRUNE_LINEAR, 3);
    ck_assert_ok(prune_model_clone(&p->b, NULL, p->a));
    prune_agreement_init(&p->agreement);
}

static void pair_end(pair *p)
{
    prune_model_free(p->a);
    prune_model_free(p->b);
    world_data_end(&p->world);
}

static prune_status agree(pair *p, const size_t *kept, prune_error *error)
{
    return prune_models_agree(&p->agreement, p->a, p->b, kept, &p->world.valued, error);
}

/* Column `input` of W[OUTPUTS][INPUTS], row `output`, plus `more`. */
static void change(prune_model *model, size_t output, size_t input, float more)
{
    float w[OUTPUTS * INPUTS];
    memcpy(w, prune_model_param(model, 0), sizeof w);
    w[output * INPUTS + input] += more;
    ck_assert_ok(prune_model_set_param(model, 0, w, OUTPUTS * INPUTS));
}

static double output_of(const pair *p, const prune_model *model, size_t sample, size_t output)
{
    double z = (double)prune_model_param(model, 1)[output];
    for (size_t i = 0; i < INPUTS; i++)
        z += (double)prune_model_param(model, 0)[output * INPUTS + i] *
             (double)p->world.x[sample * INPUTS + i];
    return z;
}

START_TEST(equal_models_agree_to_the_bit)
{
    pair p;
    pair_make(&p);
    p.agreement.tolerance = 0.0;
    ck_assert_ok(agree(&p, NULL, NULL));
    ck_assert_uint_eq(p.agreement.samples, SAMPLES);
    ck_assert(p.agreement.absolute <= 0.0 && p.agreement.relative <= 0.0);
    ck_assert_ok(prune_models_agree(NULL, p.a, p.b, NULL, &p.world.labelled, NULL));
    pair_end(&p);
}
END_TEST

START_TEST(the_largest_difference_and_where_it_is)
{
    pair p;
    prune_error error = { 0 };
    double largest = 0.0, most = 0.0;
    size_t where = 0;
    pair_make(&p);
    change(p.b, 1, 4, 0.25f);
    for (size_t s = 0; s < SAMPLES; s++) {
        const double difference = fabs(0.25 * (double)p.world.x[s * INPUTS + 4]);
        where = difference > largest ? s : where;
        largest = fmax(largest, difference);
        for (size_t o = 0; o < OUTPUTS; o++)
            most = fmax(most, fabs(output_of(&p, p.a, s, o)));
    }
    ck_assert_status(agree(&p, NULL, &error), PRUNE_E_DISAGREE);
    ck_assert_int_eq(error.status, PRUNE_E_DISAGREE);
    ck_assert_double_eq_tol(p.agreement.absolute, largest, 1e-6);
    ck_assert_double_eq_tol(p.agreement.relative, largest / most, 1e-6);
    ck_assert_uint_eq(p.agreement.sample, where);
    ck_assert_uint_eq(p.agreement.output, 1);
    ck_assert_double_eq_tol((double)p.agreement.a, output_of(&p, p.a, where, 1), 1e-5);
    ck_assert_double_eq_tol((double)p.agreement.b, output_of(&p, p.b, where, 1), 1e-5);
    p.agreement.tolerance = p.agreement.relative;
    ck_assert_ok(agree(&p, NULL, NULL));
    pair_end(&p);
}
END_TEST

/* The small one reads inputs 1 and 4 of the big one, whose other weights are removed. */
START_TEST(the_second_may_take_fewer_inputs)
{
    static const size_t kept[] = { 1, 4 }, wrong[] = { 4, 1 };
    pair p;
    float w[2 * OUTPUTS];
    prune_tensor *columns;
    pair_make(&p);
    prune_model_free(p.b);
    ck_assert_ok(prune_model_create(&p.b, NULL, 2));
    ck_assert_ok(prune_model_add_dense(p.b, OUTPUTS, PRUNE_LINEAR));
    for (size_t i = 0; i < OUTPUTS * INPUTS; i++)
        if (i % INPUTS == 1 || i % INPUTS == 4)
            w[2 * (i / INPUTS) + (i % INPUTS == 4)] = prune_model_param(p.a, 0)[i];
        else
            world_remove(p.a, 0, i);
    ck_assert_ok(prune_model_set_param(p.b, 0, w, 2 * OUTPUTS));
    ck_assert_ok(prune_model_set_param(p.b, 1, prune_model_param(p.a, 1), OUTPUTS));
    ck_assert_status(agree(&p, NULL, NULL), PRUNE_E_SHAPE);
    ck_assert_status(agree(&p, wrong, NULL), PRUNE_E_DISAGREE);
    ck_assert_ok(agree(&p, kept, NULL));
    ck_assert_ok(prune_tensor_create_columns(&columns, NULL, p.world.x_tensor, kept, 2));
    for (size_t i = 0; i < 2 * SAMPLES; i++)
        ck_assert_mem_eq((const float *)prune_tensor_data(columns) + i,
                         &p.world.x[i / 2 * INPUTS + kept[i % 2]], sizeof(float));
    prune_tensor_free(columns);
    pair_end(&p);
}
END_TEST

static prune_status read_inputs(void *user, const size_t *samples, size_t count, float *inputs, void *targets)
{
    const pair *p = user;
    for (size_t i = 0; i < count; i++) {
        memcpy(inputs + i * INPUTS, p->world.x + samples[i] * INPUTS, INPUTS * sizeof(float));
        ((int32_t *)targets)[i] = 0;
        if (samples[i] == SAMPLES)
            return PRUNE_E_IO;
    }
    return PRUNE_OK;
}

START_TEST(a_source_or_inputs_alone_give_the_same)
{
    pair p;
    prune_source source;
    prune_data data;
    pair_make(&p);
    change(p.b, 2, 3, 0.5f);
    ck_assert_status(agree(&p, NULL, NULL), PRUNE_E_DISAGREE);
    const prune_agreement first = p.agreement;
    prune_data_init(&data);
    data.inputs = p.world.x_tensor;
    ck_assert_status(prune_models_agree(&p.agreement, p.a, p.b, NULL, &data, NULL), PRUNE_E_DISAGREE);
    ck_assert_mem_eq(&p.agreement, &first, sizeof first);
    prune_source_init(&source);
    source.samples = SAMPLES;
    source.inputs = INPUTS;
    source.read = read_inputs;
    source.user = &p;
    data.inputs = NULL;
    data.source = &source;
    ck_assert_status(prune_models_agree(&p.agreement, p.a, p.b, NULL, &data, NULL), PRUNE_E_DISAGREE);
    ck_assert_mem_eq(&p.agreement, &first, sizeof first);
    pair_end(&p);
}
END_TEST

static void refused(pair *p, const prune_model *b, const size_t *kept, const prune_data *data,
                    prune_status wanted)
{
    prune_error error = { 0 };
    const prune_agreement before = p->agreement;
    ck_assert_status(prune_models_agree(&p->agreement, p->a, b, kept, data, &error), wanted);
    ck_assert_int_eq(error.status, wanted);
    ck_assert_mem_eq(&p->agreement, &before, sizeof before);
}

START_TEST(what_is_refused)
{
    static const size_t beyond[INPUTS] = { 0, 1, 2, 3, 4, INPUTS };
    const size_t other[] = { INPUTS, OUTPUTS + 1 };
    pair p;
    prune_data none;
    prune_tensor *tensor = NULL;
    pair_make(&p);
    prune_data_init(&none);
    prune_agreement_init(NULL);
    prune_model *wide = world_model(NULL, other, 1, PRUNE_LINEAR, 3), *empty;
    ck_assert_ok(prune_model_create(&empty, NULL, INPUTS));
    refused(&p, NULL, NULL, &p.world.valued, PRUNE_E_ARGUMENT);
    refused(&p, empty, NULL, &p.world.valued, PRUNE_E_NO_LAYERS);
    refused(&p, wide, NULL, &p.world.valued, PRUNE_E_SHAPE);
    refused(&p, p.b, beyond, &p.world.valued, PRUNE_E_RANGE);
    refused(&p, p.b, NULL, NULL, PRUNE_E_ARGUMENT);
    refused(&p, p.b, NULL, &none, PRUNE_E_EMPTY);
    p.agreement.tolerance = (double)NAN;
    ck_assert_status(agree(&p, NULL, NULL), PRUNE_E_RANGE);
    p.agreement.tolerance = -1.0;
    ck_assert_status(agree(&p, NULL, NULL), PRUNE_E_RANGE);
    p.agreement.tolerance = 0.0;
    p.agreement.size++;
    ck_assert_status(agree(&p, NULL, NULL), PRUNE_E_VERSION);
    p.agreement.size--;
    world_plant(p.b, 0, 1, FLT_MAX);
    world_plant(p.b, 0, 2, FLT_MAX);
    world_plant(p.b, 1, 0, INFINITY);
    refused(&p, p.b, NULL, &p.world.valued, PRUNE_E_NONFINITE);
    p.world.x[77] = NAN;
    refused(&p, p.b, NULL, &p.world.valued, PRUNE_E_NONFINITE);
    ck_assert_status(prune_tensor_create_columns(NULL, NULL, p.world.x_tensor, beyond, 1), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_tensor_create_columns(&tensor, NULL, NULL, beyond, 1), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_tensor_create_columns(&tensor, NULL, p.world.x_tensor, NULL, 1), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_tensor_create_columns(&tensor, NULL, p.world.x_tensor, beyond, 0), PRUNE_E_SIZE);
    ck_assert_status(prune_tensor_create_columns(&tensor, NULL, p.world.x_tensor, beyond, INPUTS),
                     PRUNE_E_RANGE);
    ck_assert_ptr_null(tensor);
    prune_model_free(wide);
    prune_model_free(empty);
    pair_end(&p);
}
END_TEST

START_TEST(without_memory)
{
    pair p;
    prune_source source;
    prune_data data;
    heap h = { 0 };
    const prune_allocator mem = heap_allocator(&h);
    prune_model *counted;
    pair_make(&p);
    prune_source_init(&source);
    prune_data_init(&data);
    source.samples = SAMPLES;
    source.inputs = INPUTS;
    source.read = read_inputs;
    source.user = &p;
    data.source = &source;
    ck_assert_ok(prune_model_clone(&counted, &mem, p.a));
    const size_t blocks = h.live_blocks, before = h.refused;
    for (size_t n = 1; h.refused - before == n - 1; n++) {
        prune_error error = { 0 };
        heap_refuse_once(&h, n);
        const prune_status status = prune_models_agree(&p.agreement, counted, p.b, NULL, &data, &error);
        ck_assert_status(status, h.refused - before == n ? PRUNE_E_MEMORY : PRUNE_OK);
        ck_assert_int_eq(error.status, status);
        ck_assert_uint_eq(h.live_blocks, blocks);
    }
    prune_model_free(counted);
    ck_assert(heap_is_clean(&h));
    pair_end(&p);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        equal_models_agree_to_the_bit,
        the_largest_difference_and_where_it_is,
        the_second_may_take_fewer_inputs,
        a_source_or_inputs_alone_give_the_same,
        what_is_refused,
        without_memory,
    };
    return run_tests("agree", tests, sizeof tests / sizeof tests[0]);
}
