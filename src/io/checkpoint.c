/* checkpoint.c -- models and trainers as bytes: the section TRNR, and the calls
 *
 * SPDX-License-Identifier: MIT */
#include "checkpoint.h"
#include "penalty.h"
#include "scan.h"
#include "text.h"
#include "plan.h"

enum { START_BYTES = 164, RULE_BYTES = 12 };

/* For what a trainer keeps per sample of a batch: max_batch is one number in the file, and so is the width of
 * layers without parameters. Either could ask for any amount of memory. More is granted to more of a file;
 * what its parameters and layers need (LAYER_BYTES: rule, pointers, padding) it has paid for. */
enum { BATCH_BYTES = 64 * 1024 * 1024, BATCH_FACTOR = 64, LAYER_BYTES = 96 };

static int32_t is_too_much(size_t bytes, const prune_model *model, const prune_trainer_options *o)
{
    const size_t floats = prn_model_floats(model), slots = prn_optimizer_slots(o->optimizer);
    const size_t copies = 1 + slots + (o->accumulate > 1) + (o->per_sample != 0);
    const size_t layers = model->layer_count * LAYER_BYTES;
    size_t rest = bytes - copies * floats * sizeof(float);
    rest -= rest < layers ? rest : layers;
    return rest > BATCH_BYTES && (rest - BATCH_BYTES) / BATCH_FACTOR / sizeof(float) > floats * (1 + slots);
}

static prune_status argument_error(prune_error *error)
{
    return prn_error_set(error, PRUNE_E_ARGUMENT, "arguments", "a pointer is NULL");
}

static prune_status trainer_error(prune_error *error, prune_status status, const char *reason)
{
    return prn_sections_error(error, status, PRN_TRNR, reason);
}

/* ---- checking ---- */

/* What prune_trainer_create() asks for, and a bound on its memory. */
static prune_status check_options(const prune_model *model, const prune_trainer_options *options,
                                  prune_error *error)
{
    size_t bytes;
    const prune_status status = prune_trainer_bytes(&bytes, model, options);
    if (status == PRUNE_E_OVERFLOW || (status == PRUNE_OK && is_too_much(bytes, model, options)))
        return trainer_error(error, PRUNE_E_LIMIT, "max_batch and the widths ask for too much memory");
    return status == PRUNE_OK ? PRUNE_OK : trainer_error(error, PRUNE_E_FORMAT, "an option is not valid");
}

static prune_status check_moments(const prune_trainer *t, size_t slot, prune_error *error)
{
    const int32_t squares = prn_optimizer_squares(t->optimizer.kind, slot);
    const char *name = squares ? "moment v" : "moment m";
    const float *moment = t->state[slot];
    size_t bad = prn_scan_finite(moment, t->floats);
    if (bad != t->floats)
        return prn_error_at(error, PRUNE_E_NONFINITE, name, bad, "NaN or infinite");
    bad = prn_optimizer_scan(&t->optimizer, slot, moment, t->floats, PRN_GRADIENT_LIMIT);
    if (bad == t->floats)
        return PRUNE_OK;
    return prn_error_at(error, PRUNE_E_FORMAT, name, bad,
                        squares && moment[bad] < 0.0f ? "negative" : "larger than training makes it");
}

/* Options and moments. Moments of removed weights are another matter: see put_moments(). */
static prune_status check_trainer(const prune_trainer *t, prune_error *error)
{
    prune_trainer_options options;
    prn_trainer_options(&options, t);
    prune_status status = check_options(t->model, &options, error);
    for (size_t s = 0; status == PRUNE_OK && s < prn_optimizer_slots(t->optimizer.kind); s++)
        status = check_moments(t, s, error);
    return status;
}

/* ---- writing ---- */

static void put_options(prn_sink *sink, const prune_trainer_options *o)
{
    prn_put_u32(sink, (uint32_t)o->loss);
    prn_put_u32(sink, (uint32_t)o->optimizer);
    prn_put_float(sink, o->learning_rate);
    prn_put_float(sink, o->momentum);
    prn_put_float(sink, o->beta1);
    prn_put_float(sink, o->beta2);
    prn_put_float(sink, o->epsilon);
    prn_put_float(sink, o->l1);
    prn_put_float(sink, o->l2);
    prn_put_u32(sink, (uint32_t)o->regularize_bias);
    prn_put_u64(sink, o->seed);
    prn_put_u64(sink, o->max_batch);
    prn_put_u32(sink, (uint32_t)o->nesterov);
    prn_put_float(sink, o->alpha);
    prn_put_float(sink, o->weight_decay);
    prn_put_float(sink, o->clip_norm);
    prn_put_float(sink, o->clip_value);
    prn_put_u32(sink, (uint32_t)o->l1_proximal);
    prn_put_u32(sink, (uint32_t)o->accumulate);
}

static void put_loss(prn_sink *sink, const prn_loss *loss)
{
    prn_put_float(sink, loss->delta);
    prn_put_float(sink, loss->smoothing);
    prn_put_u32(sink, (uint32_t)loss->mean_over_outputs);
    prn_put_u32(sink, (uint32_t)loss->class_count);
}

/* Where a weight was removed since the last step, the moment is written as the next step will leave it. */
static void put_moments(prn_sink *sink, const prune_model *model, const float *moment)
{
    prn_walk w = { .model = model };
    for (const prn_param *param = prn_walk_next(&w); param != NULL; param = prn_walk_next(&w)) {
        for (size_t i = 0; i < param->count; i++)
            prn_put_float(sink, prn_mask_test(param->mask, i) ? moment[i] : 0.0f);
        moment += param->count;
    }
}

static void put_rules(prn_sink *sink, const prune_trainer *t)
{
    prn_put_u32(sink, (uint32_t)t->model->layer_count);
    for (size_t l = 0; l < t->model->layer_count; l++) {
        prn_put_u32(sink, (uint32_t)t->rules[l].frozen);
        prn_put_float(sink, t->rules[l].l1_scale);
        prn_put_float(sink, t->rules[l].l2_scale);
    }
}

static void put_trainer(prn_sink *sink, const void *what)
{
    const prune_trainer *t = what;
    prune_trainer_options options;
    prn_trainer_options(&options, t);
    put_options(sink, &options);
    put_loss(sink, &t->loss);
    prn_schedule_put(sink, &t->schedule);
    prn_put_u64(sink, t->steps);
    prn_put_u64(sink, t->epochs);
    prn_put_float(sink, t->optimizer.complement1);
    prn_put_float(sink, t->optimizer.complement2);
    for (size_t i = 0; i < 4; i++)
        prn_put_u32(sink, t->rng.state[i]);
    put_rules(sink, t);
    for (size_t c = 0; c < t->loss.class_count; c++)
        prn_put_float(sink, t->loss.class_weights[c]);
    for (size_t s = 0; s < prn_optimizer_slots(t->optimizer.kind); s++)
        put_moments(sink, t->model, t->state[s]);
}

prune_status prune_model_write(const prune_model *model, const prune_writer *writer, prune_error *error)
{
    prn_payload payloads[PRN_SECTIONS];
    if (model == NULL || writer == NULL || writer->write == NULL)
        return argument_error(error);
    const prune_status status = prune_model_verify(model, error);
    if (status != PRUNE_OK)
        return status;
    return prn_container_write(writer, payloads, prn_sections_put(payloads, model), error);
}

prune_status prn_checkpoint_put(prn_payload payloads[PRN_SECTIONS], size_t *count,
                                const prune_trainer *trainer, prune_error *error)
{
    prune_status status = prn_trainer_open(trainer, error);
    if (status != PRUNE_OK)
        return status;
    status = prune_model_verify(trainer->model, error);
    if (status == PRUNE_OK)
        status = check_trainer(trainer, error);
    if (status != PRUNE_OK)
        return status;
    *count = prn_sections_put(payloads, trainer->model);
    payloads[(*count)++] = (prn_payload){ prn_sections_known[PRN_TRNR], put_trainer, trainer };
    if (prn_penalty_is_there(trainer))
        payloads[(*count)++] = (prn_payload){ prn_sections_known[PRN_PNLT], prn_penalty_put, trainer };
    return PRUNE_OK;
}

prune_status prune_trainer_write(const prune_trainer *trainer, const prune_writer *writer, prune_error *error)
{
    size_t count = 0;
    prn_payload payloads[PRN_SECTIONS];
    if (writer == NULL || writer->write == NULL)
        return argument_error(error);
    const prune_status status = prn_checkpoint_put(payloads, &count, trainer, error);
    return status == PRUNE_OK ? prn_container_write(writer, payloads, count, error) : status;
}

/* ---- reading ---- */

prune_status prune_model_read(prune_model **out, const prune_allocator *mem, const prune_reader *reader,
                              prune_error *error)
{
    prn_file_sections file;
    if (out == NULL)
        return argument_error(error);
    *out = NULL;
    const prune_status status = prn_sections_check(&file, reader, error);
    return status != PRUNE_OK ? status : prn_sections_read(out, mem, &file, error);
}

/* What stands before the rules of layers and the moments. */
typedef struct start {
    prune_trainer_options options;
    prune_schedule schedule;
    prn_loss loss; /* its class weights follow the rules */
    uint32_t classes;
    uint64_t max_batch, steps, epochs;
    float complement1, complement2;
    prune_rng rng;
    uint32_t layers;
} start;

static void get_options(start *s, prn_source *source)
{
    prune_trainer_options *o = &s->options;
    *o = (prune_trainer_options){ .size = sizeof *o };
    o->loss = prn_get_choice(source);
    o->optimizer = prn_get_choice(source);
    o->learning_rate = prn_get_float(source);
    o->momentum = prn_get_float(source);
    o->beta1 = prn_get_float(source);
    o->beta2 = prn_get_float(source);
    o->epsilon = prn_get_float(source);
    o->l1 = prn_get_float(source);
    o->l2 = prn_get_float(source);
    o->regularize_bias = prn_get_choice(source);
    o->seed = prn_get_u64(source);
    s->max_batch = prn_get_u64(source);
    o->nesterov = prn_get_choice(source);
    o->alpha = prn_get_float(source);
    o->weight_decay = prn_get_float(source);
    o->clip_norm = prn_get_float(source);
    o->clip_value = prn_get_float(source);
    o->l1_proximal = prn_get_choice(source);
    o->accumulate = prn_get_choice(source);
}

static void get_loss(start *s, prn_source *source)
{
    s->loss = prn_loss_of(s->options.loss);
    s->loss.delta = prn_get_float(source);
    s->loss.smoothing = prn_get_float(source);
    s->loss.mean_over_outputs = prn_get_choice(source);
    s->classes = prn_get_u32(source);
    if (s->loss.kind == PRUNE_LOSS_OWN)
        s->loss.own = prn_loss_missing;
}

static void get_start(start *s, prn_source *source)
{
    get_options(s, source);
    get_loss(s, source);
    s->options.loss_options = &s->loss;
    prn_schedule_get(&s->schedule, source);
    s->options.schedule = &s->schedule;
    s->steps = prn_get_u64(source);
    s->epochs = prn_get_u64(source);
    s->complement1 = prn_get_float(source);
    s->complement2 = prn_get_float(source);
    for (size_t i = 0; i < 4; i++)
        s->rng.state[i] = prn_get_u32(source);
    s->layers = prn_get_u32(source);
}

/* 1 - beta^t: 0 before the first step, then from 1 - beta on, and never above 1. */
static int32_t is_complement(float x, float beta, uint64_t steps)
{
    return steps == 0 ? x >= 0.0f && x <= 0.0f : x >= 1.0f - beta && x <= 1.0f;
}

static int32_t is_switch(int32_t number)
{
    return number == 0 || number == 1;
}

/* The generator would never leave a state of zeros. */
static int32_t is_random(const prune_rng *rng)
{
    return (rng->state[0] | rng->state[1] | rng->state[2] | rng->state[3]) != 0;
}

/* Whether `left` bytes are the rules of layers, class weights, and so many moments, each as long as the
 * weights. */
static int32_t holds_rest(uint64_t left, const start *s, uint64_t moment_bytes, size_t moments)
{
    const uint64_t rules = (uint64_t)s->layers * RULE_BYTES + (uint64_t)s->classes * sizeof(float);
    if (left < rules)
        return 0;
    left -= rules;
    for (; moments != 0 && left >= moment_bytes; moments--)
        left -= moment_bytes;
    return moments == 0 && left == 0;
}

/* The length, and the numbers that no option check looks at. */
static prune_status check_start(const start *s, const prn_file_sections *f, prune_error *error)
{
    const uint64_t left = f->sections[PRN_TRNR].length - START_BYTES, moment = f->sections[PRN_WGHT].length;
    if (!prn_optimizer_known(s->options.optimizer) || s->max_batch > INT32_MAX ||
        !is_switch(s->options.regularize_bias) || !is_switch(s->options.nesterov) ||
        !is_switch(s->options.l1_proximal))
        return trainer_error(error, PRUNE_E_FORMAT, "an option is not valid");
    if (!is_complement(s->complement1, s->options.beta1, s->steps) ||
        !is_complement(s->complement2, s->options.beta2, s->steps) || !is_random(&s->rng))
        return trainer_error(error, PRUNE_E_FORMAT, "a number is out of range");
    if (!holds_rest(left, s, moment, prn_optimizer_slots(s->options.optimizer)))
        return trainer_error(error, PRUNE_E_FORMAT, "it is not as long as its contents");
    return PRUNE_OK;
}

/* Checks what stands before the rules, and leaves the source there. */
static prune_status read_start(start *s, prn_source *source, const prn_file_sections *f, prune_error *error)
{
    const prn_section *section = &f->sections[PRN_TRNR];
    if (section->offset == 0)
        return trainer_error(error, PRUNE_E_STATE, "is missing: the file holds a model only");
    if (section->length < START_BYTES)
        return trainer_error(error, PRUNE_E_FORMAT, "shorter than its contents");
    prn_source_open(source, f->reader, section);
    get_start(s, source);
    if (source->status != PRUNE_OK)
        return prn_source_close(source, error);
    return check_start(s, f, error);
}

/* The moments of one slot. Returns 0 where one belongs to a removed weight. */
static int32_t get_moments(float *moment, prn_source *source, const prune_model *model)
{
    int32_t good = 1;
    prn_walk w = { .model = model };
    for (const prn_param *param = prn_walk_next(&w); param != NULL; param = prn_walk_next(&w)) {
        for (size_t i = 0; i < param->count; i++) {
            const float m = prn_get_float(source);
            const int32_t kept = prn_mask_test(param->mask, i) && !param->statistic;
            moment[i] = kept ? m : 0.0f;
            good &= kept || (m >= 0.0f && m <= 0.0f);
        }
        moment += param->count;
    }
    return good;
}

/* The rules of the layers; they are checked as those of a user. */
static prune_status get_rules(prune_trainer *t, prn_source *source)
{
    prune_status status = PRUNE_OK;
    for (size_t l = 0; l < t->model->layer_count && status == PRUNE_OK; l++) {
        prune_layer_training rule;
        prune_layer_training_init(&rule);
        rule.frozen = prn_get_choice(source);
        rule.l1_scale = prn_get_float(source);
        rule.l2_scale = prn_get_float(source);
        status = prune_trainer_set_layer(t, l, &rule);
    }
    return status;
}

/* The class weights, into the trainer's own room, and with them the whole loss. */
static prune_status get_class_weights(prune_trainer *t, const start *s, prn_source *source)
{
    prn_loss loss = t->loss;
    if (s->classes == 0)
        return PRUNE_OK;
    if (s->classes != prune_model_outputs(t->model))
        return PRUNE_E_FORMAT;
    for (size_t c = 0; c < s->classes; c++)
        t->class_weights[c] = prn_get_float(source);
    loss.class_weights = t->class_weights;
    loss.class_count = s->classes;
    return prune_trainer_set_loss(t, &loss, NULL);
}

static prune_status fill_trainer(prune_trainer *t, const start *s, prn_source *source, prune_error *error)
{
    int32_t good = 1;
    t->steps = s->steps;
    t->epochs = s->epochs;
    t->optimizer.complement1 = s->complement1;
    t->optimizer.complement2 = s->complement2;
    t->rng = s->rng;
    if (s->layers != t->model->layer_count || get_rules(t, source) != PRUNE_OK)
        return trainer_error(error, PRUNE_E_FORMAT, "a number of a layer is not valid");
    if (get_class_weights(t, s, source) != PRUNE_OK)
        return trainer_error(error, PRUNE_E_FORMAT, "a class weight is not valid, or not one of each output");
    for (size_t slot = 0; slot < prn_optimizer_slots(t->optimizer.kind); slot++)
        good &= get_moments(t->state[slot], source, t->model);
    prune_status status = prn_source_close(source, error);
    if (status == PRUNE_OK)
        status = check_trainer(t, error);
    if (status == PRUNE_OK && !good)
        status = trainer_error(error, PRUNE_E_MASK, "a removed weight, or a statistic, has a moment");
    return status;
}

/* Makes the trainer for a model that has been read. */
static prune_status read_trainer(prune_trainer **out, prune_model *model, const prune_allocator *mem,
                                 const prn_file_sections *f, const prune_backend *backend, prune_error *error)
{
    start s = { 0 };
    prn_penalty penalty;
    prn_source source;
    prune_trainer *trainer = NULL;
    prune_status status = prn_penalty_read(&penalty, f, error);
    if (status == PRUNE_OK)
        status = read_start(&s, &source, f, error);
    if (status != PRUNE_OK)
        return status;
    s.options.group_lasso = &penalty.lasso;
    s.options.penalty_schedule = &penalty.schedule;
    s.options.max_batch = (size_t)s.max_batch;
    s.options.backend = backend;
    status = check_options(model, &s.options, error);
    if (status != PRUNE_OK)
        return status;
    status = prune_trainer_create(&trainer, mem, model, &s.options, error);
    if (status != PRUNE_OK)
        return status;
    status = fill_trainer(trainer, &s, &source, error);
    if (status == PRUNE_OK)
        status = prn_penalty_read_scales(trainer, f, error);
    if (status == PRUNE_OK)
        *out = trainer;
    else
        prune_trainer_free(trainer);
    return status;
}

static prune_status check_trainer_file(prn_file_sections *f, const prune_reader *reader, prune_error *error)
{
    start s = { 0 };
    prn_penalty penalty;
    prn_source source;
    prune_status status = prn_sections_check(f, reader, error);
    if (status == PRUNE_OK)
        status = read_start(&s, &source, f, error);
    return status != PRUNE_OK ? status : prn_penalty_read(&penalty, f, error);
}

prune_status prune_trainer_read(prune_trainer **out, prune_model **model, const prune_allocator *mem,
                                const prune_reader *reader, const prune_backend *backend, prune_error *error)
{
    prn_file_sections file;
    prune_model *made = NULL;
    if (out != NULL)
        *out = NULL;
    if (model != NULL)
        *model = NULL;
    if (out == NULL || model == NULL)
        return argument_error(error);
    prune_status status = check_trainer_file(&file, reader, error);
    if (status == PRUNE_OK)
        status = prn_sections_read(&made, mem, &file, error);
    if (status == PRUNE_OK)
        status = read_trainer(out, made, mem, &file, backend, error);
    if (status == PRUNE_OK)
        *model = made;
    else
        prune_model_free(made);
    return status;
}
