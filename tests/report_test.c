/* report_test.c -- a pruned model in figures, and written as text, CSV and JSON
 *
 * SPDX-License-Identifier: MIT */
#include "support/nets.h"
#include "support/training.h"
#include "support/wellformed.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static prune_report_options in_format(int32_t format)
{
    prune_report_options options;
    prune_report_options_init(&options);
    options.format = format;
    return options;
}

/* The report as a string in *file. */
static const char *written(bytes_file *file, const prune_model *model, const prune_report_options *options)
{
    const prune_writer writer = bytes_writer(file);
    ck_assert_ok(prune_report_write(model, &writer, options));
    return wellformed_text(file);
}

/* 4-3-2: a neuron is removed, an input unread, and one kept weight happens to be 0. */
static prune_model *small_model(void)
{
    const size_t widths[] = { 4, 3, 2 };
    const float weight[12] = { 1, 2, 0, 4, 5, 6, 7, 8, 9, 10, 0, 12 }, bias[3] = { 1, 2, 3 };
    prune_model *model = world_model(NULL, widths, 2, PRUNE_SIGMOID, 1);
    ck_assert_ok(prune_model_set_param(model, 0, weight, 12));
    ck_assert_ok(prune_model_set_param(model, 1, bias, 3));
    ck_assert_ok(prune_mask_neuron(model, 0, 1));
    world_remove(model, 0, 2);
    return model;
}

/* ---- figures ---- */

/* Counted element by element. A weight, or a gamma, is a multiply-accumulate. */
static void count_layer(prune_report *twin, const prune_model *model, size_t layer)
{
    for (size_t p = 0; p < prune_model_param_count(model); p++) {
        prune_param_info param;
        prune_param_info_init(&param);
        uint8_t bits[STACK_PARAMS];
        ck_assert_ok(prune_model_param_info(&param, model, p));
        if (param.layer != layer)
            continue;
        ck_assert_ok(prune_mask_get(bits, (size_t)param.count, model, p));
        for (size_t i = 0; i < param.count; i++) {
            const uint64_t weight = (uint64_t)param.prunable;
            const uint64_t mac = weight || strcmp(param.name, "gamma") == 0;
            twin->parameters++;
            twin->nonzeros += prune_model_param(model, p)[i] != 0.0f;
            twin->weights += weight;
            twin->weights_kept += weight & bits[i];
            twin->macs += mac;
            twin->macs_kept += mac & bits[i];
        }
    }
}

/* A ratio; the worst is infinite, nothing of nothing is 1. */
static double over(uint64_t a, uint64_t b)
{
    return b > 0 ? (double)a / (double)b : a > 0 ? (double)INFINITY : 1.0;
}

static void check_figures(const prune_report *r, const prune_report *twin, const prune_report *before)
{
    ck_assert_uint_eq(r->parameters, twin->parameters);
    ck_assert_uint_eq(r->nonzeros, twin->nonzeros);
    ck_assert_uint_eq(r->weights, twin->weights);
    ck_assert_uint_eq(r->weights_kept, twin->weights_kept);
    ck_assert_uint_eq(r->macs, twin->macs);
    ck_assert_uint_eq(r->macs_kept, twin->macs_kept);
    ck_assert_double_eq(r->compression, over(before->parameters, twin->nonzeros));
    ck_assert_double_eq(r->speedup, over(before->macs, twin->macs_kept));
    ck_assert_double_eq_tol(r->sparsity,
                            twin->weights == 0 ? 0.0 : 1.0 - over(twin->weights_kept, twin->weights), 1e-15);
}

static void check_bytes(const prune_report *total, const prune_model *model)
{
    prune_encoding_options options;
    prune_encoding_options_init(&options);
    for (int32_t e = 0; e < PRUNE_REPORT_ENCODINGS; e++) {
        uint64_t bytes = 0;
        options.encoding = e;
        const prune_status status = prune_model_encoded_bytes(&bytes, model, &options, NULL);
        ck_assert(status == PRUNE_OK || status == PRUNE_E_UNSUPPORTED || status == PRUNE_E_ARGUMENT);
        ck_assert_uint_eq(total->bytes[e], bytes);
    }
}

/* Of a model, of its layers, and with the one it came from. */
static void check_model(const prune_model *model, const prune_model *original)
{
    prune_report sum = { .size = sizeof sum }, old_sum = sum, r;
    prune_report_options options = in_format(PRUNE_REPORT_TEXT);
    uint64_t idle = 0;
    options.original = original;
    prune_report_init(&r);
    for (size_t l = 0; l < prune_model_layer_count(model); l++) {
        prune_report twin = { .size = sizeof twin }, before = twin;
        count_layer(&twin, model, l);
        count_layer(&sum, model, l);
        count_layer(&before, original == NULL ? model : original, l);
        count_layer(&old_sum, original == NULL ? model : original, l);
        ck_assert_ok(prune_report_layer(&r, model, l, &options));
        check_figures(&r, &twin, &before);
        idle += r.neurons_idle;
        if (r.neurons == 0)
            continue;
        uint8_t why[STACK_WIDTH];
        uint64_t not_working = 0;
        ck_assert_uint_eq(r.neurons, r.outputs);
        ck_assert_ok(prune_idle_neurons(why, (size_t)r.neurons, model, l));
        for (size_t u = 0; u < r.neurons; u++)
            not_working += why[u] != PRUNE_IDLE_NOT;
        ck_assert_uint_eq(r.neurons_idle, not_working);
    }
    ck_assert_ok(prune_report_total(&r, model, &options));
    check_figures(&r, &sum, &old_sum);
    check_bytes(&r, model);
    ck_assert_uint_eq(r.neurons_idle, idle);
    ck_assert_uint_eq(r.inputs, prune_model_inputs(model));
    ck_assert_uint_eq(r.outputs, prune_model_outputs(model));
}

START_TEST(figures_are_what_counting_gives)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        net n;
        size_t kept[NET_KEPT];
        prune_compact_report compaction;
        prune_compact_report_init(&compaction);
        net_make(&n, seed);
        check_model(n.model, NULL);
        prune_model *small = net_compact(n.model, NULL, &compaction, kept);
        check_model(small, n.model);
        prune_model_free(small);
        prune_model_free(n.model);
    }
}
END_TEST

START_TEST(nothing_left_is_infinitely_small)
{
    const size_t widths[] = { 2, 2, 1 };
    const uint8_t none[4] = { 0 };
    const float zero[2] = { 0 };
    prune_report r;
    prune_model *model = world_model(NULL, widths, 2, PRUNE_RELU, 1);
    bytes_file csv = { 0 };
    const prune_report_options options = in_format(PRUNE_REPORT_CSV);
    prune_report_init(&r);
    ck_assert_ok(prune_mask_set(model, 0, none, 4));
    ck_assert_ok(prune_model_set_param(model, 1, zero, 2));
    ck_assert_ok(prune_report_layer(&r, model, 0, NULL));
    ck_assert(isinf(r.compression) && isinf(r.speedup));
    ck_assert_double_eq(r.sparsity, 1.0);
    ck_assert_ptr_nonnull(
        strstr(written(&csv, model, &options), "\n0,dense,relu,2,2,6,0,4,0,4,0,2,2,2,1,,,"));
    bytes_end(&csv);
    prune_model_free(model);
}
END_TEST

START_TEST(a_folded_original_counts_for_the_whole)
{
    prune_model *original, *model;
    prune_report r;
    prune_report_options options = in_format(PRUNE_REPORT_TEXT);
    prune_report_init(&r);
    ck_assert_ok(prune_model_create(&original, NULL, 3));
    ck_assert_ok(prune_model_add_dense(original, 4, PRUNE_LINEAR));
    ck_assert_ok(prune_model_add_batch_norm(original, 0.1f, 1e-5f));
    const size_t widths[] = { 3, 4 };
    model = world_model(NULL, widths, 1, PRUNE_RELU, 1);
    options.original = original;
    ck_assert_ok(prune_report_total(&r, model, &options));
    ck_assert_double_eq(r.compression, 32.0 / 12.0); /* biases are 0 */
    ck_assert_ok(prune_report_layer(&r, model, 0, &options));
    ck_assert_double_eq(r.compression, 16.0 / 12.0);
    prune_model_free(original);
    prune_model_free(model);
}
END_TEST

/* ---- what is written ---- */

START_TEST(a_small_model_reads_so)
{
    static const char text[] =
        "layer                   shape           parameters   non-zeros  sparsity %        MACs   MACs kept "
        "compression    speed-up       bytes  best coded\n"
        "0 dense, sigmoid        4 -> 3                  15           8       41.67          12           7 "
        "       1.88        1.71         116         100\n"
        "1 dense, linear         3 -> 2                   8           6           0           6           6 "
        "       1.33           1          88          88\n"
        "total                                           23          14       27.78          18          13 "
        "       1.64        1.38         236         220\n"
        "\nbytes by encoding: best 220, dense 236, csr 252, sliced 508, ";
    static const char gone[] = "\ninputs, unread, 1 of 4: 2\n"
                               "neurons of layer 0, removed, 1 of 3: 1\n";
    static const char idle[] = "\"idle\": {\"inputs\": {\"removed\": [], \"constant\": [], \"unread\": [2], "
                               "\"compacted\": []}, \"layers\": [\n"
                               "{\"layer\": 0, \"removed\": [1], \"constant\": [], \"unread\": [], "
                               "\"compacted\": []},\n";
    prune_model *model = small_model();
    bytes_file file = { 0 }, csv = { 0 }, json = { 0 };
    const prune_report_options as_csv = in_format(PRUNE_REPORT_CSV), as_json = in_format(PRUNE_REPORT_JSON);
    const uint64_t before = world_hash(model);
    const char *tables = written(&file, model, NULL);
    ck_assert_mem_eq(tables, text, sizeof text - 1);
    ck_assert_str_eq(strchr(tables + sizeof text - 1, '\n'), gone);
    ck_assert_ptr_nonnull(strstr(written(&csv, model, &as_csv),
                                 "\n1,dense,linear,3,2,8,6,6,6,6,6,2,0,0,0,1.33333333,1,88,88,"));
    const char *object = written(&json, model, &as_json);
    ck_assert(wellformed_json(object));
    ck_assert_ptr_nonnull(strstr(object, idle));
    ck_assert_ptr_nonnull(
        strstr(object, "\"compression\": 1.64285714, \"speedup\": 1.38461538, \"bytes\": {\"best\": 220, "));
    ck_assert_ptr_nonnull(strstr(object, "\"compaction\": null}\n"));
    ck_assert_uint_eq(world_hash(model), before);
    bytes_end(&file);
    bytes_end(&csv);
    bytes_end(&json);
    prune_model_free(model);
}
END_TEST

/* The k-th number after "key": [ at or behind `at`; -1: the list is shorter. */
static long listed(const char *at, const char *key, size_t k)
{
    char quoted[32];
    (void)snprintf(quoted, sizeof quoted, "\"%s\": [", key);
    at = strstr(at, quoted);
    ck_assert_ptr_nonnull(at);
    at += strlen(quoted);
    const char *end = strchr(at, ']');
    for (; k > 0 && at != NULL && at < end; k--) {
        at = strchr(at, ',');
        at = at == NULL ? NULL : at + 1;
    }
    long value;
    return at == NULL || at >= end || sscanf(at, "%ld", &value) != 1 ? -1 : value;
}

/* Each unit of the old model is either kept or listed, once. */
static void check_listed(const char *part, const size_t *kept, size_t count, size_t width)
{
    uint8_t seen[STACK_WIDTH] = { 0 };
    for (int32_t kind = PRUNE_IDLE_REMOVED; kind <= PRUNE_IDLE_COMPACTED; kind++)
        for (size_t k = 0; listed(part, prune_idle_name(kind), k) >= 0; k++)
            seen[listed(part, prune_idle_name(kind), k)]++;
    for (size_t k = 0; k < count; k++)
        seen[kept[k]]++;
    for (size_t u = 0; u < width; u++)
        ck_assert_uint_eq(seen[u], 1);
}

static size_t width_of(const prune_model *model, size_t layer)
{
    prune_layer_info info;
    prune_layer_info_init(&info);
    ck_assert_ok(prune_model_layer_info(&info, model, layer));
    return info.kind == PRUNE_LAYER_DENSE ? info.output.dims[0] : 0;
}

START_TEST(what_compaction_took_is_listed)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        net n;
        size_t kept[NET_KEPT], *at = kept;
        bytes_file json = { 0 }, text = { 0 };
        prune_compact_report compaction;
        prune_compact_options compact;
        prune_report_options options = in_format(PRUNE_REPORT_JSON);
        prune_compact_options_init(&compact);
        prune_compact_report_init(&compaction);
        net_make(&n, seed);
        net_plant_twins(&n);
        compact.drop_inputs = 1;
        prune_model *small = net_compact(n.model, &compact, &compaction, kept);
        compaction.kept = kept;
        compaction.kept_capacity = NET_KEPT;
        options.original = n.model;
        options.compaction = &compaction;
        const char *part = written(&json, small, &options);
        ck_assert(wellformed_json(part));
        part = strstr(part, "\"idle\"");
        check_listed(part, at, prune_model_inputs(small), prune_model_inputs(n.model));
        at += prune_model_inputs(small);
        for (size_t l = 0; l < prune_model_layer_count(small); l++) {
            if (width_of(small, l) == 0)
                continue;
            part = strstr(part + 1, "{\"layer\"");
            ck_assert_ptr_nonnull(part);
            check_listed(part, at, width_of(small, l), width_of(n.model, l));
            at += width_of(small, l);
        }
        options.format = PRUNE_REPORT_TEXT;
        ck_assert_ptr_nonnull(strstr(written(&text, small, &options), "\ncompaction: neurons "));
        bytes_end(&json);
        bytes_end(&text);
        prune_model_free(small);
        prune_model_free(n.model);
    }
}
END_TEST

/* ---- refusals ---- */

START_TEST(a_writer_that_fails_ends_it)
{
    prune_model *model = small_model();
    for (int32_t format = PRUNE_REPORT_TEXT; format <= PRUNE_REPORT_JSON; format++) {
        bytes_file whole = { 0 };
        const prune_report_options options = in_format(format);
        const prune_writer all = bytes_writer(&whole);
        ck_assert_ok(prune_report_write(model, &all, &options));
        ck_assert_uint_ge(whole.calls, 2);
        for (size_t call = 1; call <= whole.calls; call++) {
            bytes_file file = { .fail_call = call, .refusal = PRUNE_E_SPACE };
            const prune_writer writer = bytes_writer(&file);
            ck_assert_status(prune_report_write(model, &writer, &options), PRUNE_E_SPACE);
            ck_assert_uint_eq(file.calls, call);
            bytes_end(&file);
        }
        bytes_end(&whole);
    }
    prune_model_free(model);
}
END_TEST

/* None of these writes a byte or touches the report. */
static void refused(const prune_model *model, const prune_report_options *options, prune_status expected)
{
    prune_report r, before;
    bytes_file file = { 0 };
    const prune_writer writer = bytes_writer(&file);
    prune_report_init(&r);
    r.macs = 77;
    before = r;
    ck_assert_status(prune_report_write(model, &writer, options), expected);
    ck_assert_status(prune_report_total(&r, model, options), expected);
    ck_assert_status(prune_report_layer(&r, model, 0, options), expected);
    ck_assert_uint_eq(file.calls, 0);
    ck_assert_mem_eq(&r, &before, sizeof r);
    bytes_end(&file);
}

START_TEST(bad_arguments)
{
    prune_model *model = small_model(), *empty;
    prune_report r;
    const prune_writer none = { NULL, NULL };
    prune_report_options options = in_format(4);
    prune_encoding_options encoding;
    prune_encoding_options_init(&encoding);
    prune_report_init(&r);
    prune_report_init(NULL);
    prune_report_options_init(NULL);
    ck_assert_ok(prune_model_create(&empty, NULL, 4));
    refused(NULL, NULL, PRUNE_E_ARGUMENT);
    refused(empty, NULL, PRUNE_E_NO_LAYERS);
    refused(model, &options, PRUNE_E_ARGUMENT);
    options = in_format(PRUNE_REPORT_CSV);
    options.size++;
    refused(model, &options, PRUNE_E_VERSION);
    options = in_format(PRUNE_REPORT_CSV);
    options.original = empty;
    refused(model, &options, PRUNE_E_NO_LAYERS);
    options.original = NULL;
    encoding.lanes = 0;
    options.encoding = &encoding;
    refused(model, &options, PRUNE_E_RANGE);
    ck_assert_status(prune_report_write(model, NULL, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_report_write(model, &none, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_report_total(NULL, model, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_report_layer(NULL, model, 0, NULL), PRUNE_E_ARGUMENT);
    ck_assert_status(prune_report_layer(&r, model, 2, NULL), PRUNE_E_RANGE);
    r.size++;
    ck_assert_status(prune_report_total(&r, model, NULL), PRUNE_E_VERSION);
    prune_model_free(empty);
    prune_model_free(model);
}
END_TEST

START_TEST(a_compaction_of_other_models)
{
    prune_model *model = small_model(), *small, *other;
    const size_t widths[] = { 4, 2 };
    size_t kept[9];
    prune_compact_report compaction;
    prune_report_options options = in_format(PRUNE_REPORT_JSON);
    prune_compact_report_init(&compaction);
    compaction.kept = kept;
    compaction.kept_capacity = 9;
    ck_assert_ok(prune_compact(&small, NULL, model, NULL, &compaction, NULL));
    other = world_model(NULL, widths, 1, PRUNE_RELU, 1);
    options.compaction = &compaction;
    refused(small, &options, PRUNE_E_ARGUMENT); /* of what? */
    options.original = other;
    refused(small, &options, PRUNE_E_SHAPE);
    options.original = model;
    kept[4] = 3; /* no such neuron in layer 0 */
    refused(small, &options, PRUNE_E_SHAPE);
    kept[4] = 2; /* not going up: the next is 2 */
    refused(small, &options, PRUNE_E_SHAPE);
    kept[4] = 0;
    compaction.kept_capacity = 7; /* 4 inputs, 2 and 2 neurons */
    refused(small, &options, PRUNE_E_SHAPE);
    compaction.kept_capacity = 8;
    bytes_file file = { 0 };
    ck_assert_ptr_nonnull(strstr(written(&file, small, &options), "{\"layer\": 0, \"removed\": [1], "));
    bytes_end(&file);
    prune_model_free(other);
    prune_model_free(small);
    prune_model_free(model);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        figures_are_what_counting_gives,
        nothing_left_is_infinitely_small,
        a_folded_original_counts_for_the_whole,
        a_small_model_reads_so,
        what_compaction_took_is_listed,
        a_writer_that_fails_ends_it,
        bad_arguments,
        a_compaction_of_other_models,
    };
    return run_tests("report", tests, sizeof tests / sizeof tests[0]);
}
