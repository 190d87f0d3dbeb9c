/* stream.c -- a data set in a file, read as a source, which can fail and be meddled with
 *
 * SPDX-License-Identifier: MIT */
#include "stream.h"

#include <math.h>
#include <string.h>

static void spoil(stream *s, const size_t *samples, size_t count, float *inputs, void *targets)
{
    const int32_t label = -3;
    const float nothing = NAN;
    const int32_t labels = s->source.target_type == PRUNE_I32;
    char *last = (char *)targets + (count - 1) * s->target_bytes;
    s->spoiled = samples[count - 1];
    if (!s->spoil_target)
        inputs[(count - 1) * s->source.inputs] = NAN;
    else
        memcpy(last, labels ? (const void *)&label : (const void *)&nothing, 4);
}

static void seek(stream *s, size_t sample, size_t offset)
{
    const size_t record = s->input_bytes + s->target_bytes;
    ck_assert_int_eq(fseek(s->file, (long)(sample * record + offset), SEEK_SET), 0);
}

static prune_status read_samples(void *user, const size_t *samples, size_t count, float *inputs,
                                 void *targets)
{
    stream *s = user;
    s->calls++;
    ck_assert_uint_ge(count, 1);
    if (s->meddle != NULL)
        s->meddle(s->user, s->calls);
    if (s->calls == s->fail_call)
        return s->refusal;
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_lt(samples[i], s->source.samples);
        s->leaps += samples[i] != s->next;
        s->next = (samples[i] + 1) % s->source.samples;
        seek(s, samples[i], 0);
        ck_assert_uint_eq(fread((char *)inputs + i * s->input_bytes, s->input_bytes, 1, s->file), 1);
        ck_assert_uint_eq(fread((char *)targets + i * s->target_bytes, s->target_bytes, 1, s->file), 1);
    }
    s->rows += count;
    if (s->calls == s->spoil_call)
        spoil(s, samples, count, inputs, targets);
    return PRUNE_OK;
}

void stream_open(stream *s, const world_data *world, int32_t loss)
{
    const int32_t labels = loss == PRUNE_SOFTMAX_CROSS_ENTROPY;
    memset(s, 0, sizeof *s);
    prune_source_init(&s->source);
    s->source.samples = world->samples;
    s->source.inputs = world->inputs;
    s->source.target_columns = labels ? 1 : world->classes;
    s->source.target_type = labels ? PRUNE_I32 : PRUNE_F32;
    s->source.read = read_samples;
    s->source.user = s;
    s->input_bytes = world->inputs * sizeof(float);
    s->target_bytes = s->source.target_columns * 4;
    s->refusal = PRUNE_E_IO;
    prune_data_init(&s->data);
    s->data.source = &s->source;
    s->file = tmpfile();
    ck_assert_ptr_nonnull(s->file);
    const void *targets = labels ? (const void *)world->label : (const void *)world->y;
    for (size_t i = 0; i < world->samples; i++) {
        stream_put(s, i, 0, world->x + i * world->inputs, s->input_bytes);
        stream_put(s, i, s->input_bytes, (const char *)targets + i * s->target_bytes, s->target_bytes);
    }
}

void stream_close(stream *s)
{
    fclose(s->file);
}

const prune_data *stream_twin(const world_data *world, int32_t loss)
{
    return loss == PRUNE_SOFTMAX_CROSS_ENTROPY ? &world->labelled : &world->valued;
}

void stream_put(stream *s, size_t sample, size_t offset, const void *bytes, size_t count)
{
    seek(s, sample, offset);
    ck_assert_uint_eq(fwrite(bytes, count, 1, s->file), 1);
}
