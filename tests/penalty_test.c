/* penalty_test.c -- trainers with a group lasso and a schedule of the penalty: files, refused memory
 *
 * SPDX-License-Identifier: MIT */
#include "support/bytes.h"
#include "support/heap.h"
#include "support/work.h"

/* ---- files ---- */

static prune_trainer *open_trainer(work *w, int32_t with)
{
    static const size_t widths[] = { 6, 12, 4 };
    const prune_schedule ramp = { sizeof ramp, PRUNE_SCHEDULE_STEP, 0.9f, 0.0f, 9, 5 };
    const prune_group_lasso lasso = { sizeof lasso, 0.01f, 0.02f, 0, 1, 1, 0, 1 };
    prune_trainer_options options = work_options(PRUNE_ADAM);
    options.group_lasso = with ? &lasso : NULL;
    options.penalty_schedule = with ? &ramp : NULL;
    world_data_make(&w->data, 45, 6, 4, 3);
    w->model = world_model(NULL, widths, 2, PRUNE_TANH, 8);
    work_remove_some(w->model, 5, 9);
    w->trainer = world_trainer(w->model, &options);
    const prune_layer_training second = { sizeof second, 0, 0.5f, 2.0f, 0.75f };
    if (with)
        ck_assert_ok(prune_trainer_set_layer(w->trainer, 1, &second));
    return w->trainer;
}

START_TEST(training_goes_on_bit_for_bit)
{
    work w;
    prune_model *model;
    open_trainer(&w, 1);
    work_fit(w.trainer, &w.data, 1);
    bytes_file file = work_write_trainer(w.trainer);
    prune_trainer *back = work_read_trainer(&model, &file);
    bytes_file again = work_write_trainer(back);
    work_check_same(&file, &again);
    prune_layer_training got;
    prune_layer_training_init(&got);
    ck_assert_ok(prune_trainer_get_layer(&got, back, 1));
    ck_assert(got.group_scale == 0.75f);
    work_fit(w.trainer, &w.data, 4);
    work_fit(back, &w.data, 4);
    ck_assert_uint_eq(world_trainer_hash(back), world_trainer_hash(w.trainer));
    bytes_end(&again);
    bytes_end(&file);
    prune_trainer_free(back);
    prune_model_free(model);
    work_end(&w);
}
END_TEST

/* So files from before there was one are still read, as the golden files of container_test.c are. */
START_TEST(the_section_is_there_only_where_it_says_something)
{
    for (int32_t with = 0; with < 2; with++) {
        work w;
        open_trainer(&w, with);
        bytes_file file = work_write_trainer(w.trainer);
        ck_assert_int_eq(bytes_entry(&file, "PNLT") != 0, with);
        bytes_end(&file);
        work_end(&w);
    }
}
END_TEST

static prune_status read_trainer(bytes_file *file, prune_error *error)
{
    heap h = { 0 };
    prune_trainer *trainer;
    prune_model *model;
    const prune_allocator mem = heap_allocator(&h);
    const prune_reader reader = bytes_reader(file);
    const prune_status status = prune_trainer_read(&trainer, &model, &mem, &reader, NULL, error);
    ck_assert((trainer == NULL && model == NULL) == (status != PRUNE_OK));
    prune_trainer_free(trainer);
    prune_model_free(model);
    ck_assert(heap_is_clean(&h));
    return status;
}

START_TEST(numbers_of_the_section_are_checked)
{
    static const struct bad {
        size_t offset;
        uint64_t value;
    } cases[] = {
        { 0, 0x7fc00000 },  { 0, 0xbf800000 },  { 4, 0x7f800000 }, { 8, 2 },           { 12, 2 },
        { 16, 0xffffffff }, { 20, 5 },          { 24, 2 },         { 28, 4 },          { 32, 0 },
        { 36, 0xbf800000 }, { 44, 0 },          { 48, 1 },         { 48, 0xffffffff }, { 52, 0x7fc00000 },
        { 56, 0x7f800000 }, { 56, 0xbf800000 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        work w;
        prune_error error = { 0 };
        open_trainer(&w, 1);
        bytes_file file = work_write_trainer(w.trainer);
        ck_assert_ok(read_trainer(&file, &error));
        bytes_put(&file, bytes_payload(&file, "PNLT") + cases[i].offset, 4, cases[i].value);
        bytes_repair(&file);
        ck_assert_status(read_trainer(&file, &error), PRUNE_E_FORMAT);
        ck_assert_str_eq(error.place, "section PNLT");
        bytes_end(&file);
        work_end(&w);
    }
}
END_TEST

/* ---- memory that is refused ---- */

/* As in the file that it is read from; everything of it on the heap. */
static prune_trainer *read_on_heap(prune_model **model, bytes_file *file, heap *h)
{
    prune_trainer *trainer;
    prune_status status = PRUNE_E_MEMORY;
    const prune_allocator mem = heap_allocator(h);
    const prune_reader reader = bytes_reader(file);
    size_t fails = 0;
    for (; status == PRUNE_E_MEMORY; fails++) {
        prune_error error = { 0 };
        ck_assert(heap_is_clean(h));
        heap_refuse_once(h, fails + 1);
        status = prune_trainer_read(&trainer, model, &mem, &reader, prune_backend_reference(), &error);
        ck_assert_int_eq(error.status, status);
        ck_assert_int_eq(status == PRUNE_OK, trainer != NULL && *model != NULL);
    }
    ck_assert_ok(status);
    ck_assert_uint_gt(fails, 5);
    heap_refuse_once(h, 0);
    return trainer;
}

START_TEST(trainers_survive_refused_memory)
{
    work w;
    heap h = { 0 };
    prune_model *model;
    const prune_group_lasso lasso = { sizeof lasso, 0.01f, 0.02f, 1, 1, 1, 1, 1 };
    const prune_schedule ramp = { sizeof ramp, PRUNE_SCHEDULE_COSINE, 1.0f, 0.1f, 3, 20 };
    prune_trainer_options options = work_options(PRUNE_ADAM);
    options.group_lasso = &lasso;
    options.penalty_schedule = &ramp;
    open_trainer(&w, 1);
    work_fit(w.trainer, &w.data, 1);
    bytes_file file = work_write_trainer(w.trainer);
    prune_trainer *back = read_on_heap(&model, &file, &h), *other;
    const prune_allocator mem = heap_allocator(&h);
    const size_t live = h.live_bytes;
    size_t bytes;
    heap_refuse_once(&h, 1);
    ck_assert_status(prune_trainer_create(&other, &mem, model, &options, NULL), PRUNE_E_MEMORY);
    ck_assert_ptr_null(other);
    ck_assert_uint_eq(h.live_bytes, live);
    ck_assert_ok(prune_trainer_create(&other, &mem, model, &options, NULL));
    ck_assert_ok(prune_trainer_bytes(&bytes, model, &options));
    ck_assert_uint_eq(h.live_bytes, live + bytes);
    prune_trainer_free(other);
    prune_trainer_free(back);
    prune_model_free(model);
    ck_assert(heap_is_clean(&h));
    bytes_end(&file);
    work_end(&w);
}
END_TEST

static prune_status fit_once(prune_trainer *trainer, const world_data *data)
{
    prune_fit_options fit;
    prune_fit_options_init(&fit);
    fit.keep_best = 1;
    fit.validation_fraction = 0.2;
    return prune_trainer_fit(NULL, trainer, &data->labelled, &fit, NULL);
}

/* A fit that could not begin has left no trace. */
START_TEST(fits_survive_refused_memory)
{
    work w;
    heap h = { 0 };
    prune_model *models[2];
    prune_status status = PRUNE_E_MEMORY;
    size_t fails = 0;
    open_trainer(&w, 1);
    work_fit(w.trainer, &w.data, 1);
    bytes_file file = work_write_trainer(w.trainer);
    prune_trainer *refused = read_on_heap(&models[0], &file, &h);
    prune_trainer *plain = work_read_trainer(&models[1], &file);
    const uint64_t before = world_trainer_hash(refused);
    const size_t live = h.live_bytes;
    for (; status == PRUNE_E_MEMORY; fails++) {
        ck_assert_uint_eq(world_trainer_hash(refused), before);
        ck_assert_uint_eq(h.live_bytes, live);
        heap_refuse_from(&h, fails + 1);
        status = fit_once(refused, &w.data);
    }
    ck_assert_ok(status);
    ck_assert_uint_gt(fails, 1);
    ck_assert_ok(fit_once(plain, &w.data));
    ck_assert_uint_eq(world_trainer_hash(refused), world_trainer_hash(plain));
    prune_trainer_free(refused);
    prune_model_free(models[0]);
    ck_assert(heap_is_clean(&h));
    prune_trainer_free(plain);
    prune_model_free(models[1]);
    bytes_end(&file);
    work_end(&w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        training_goes_on_bit_for_bit,       the_section_is_there_only_where_it_says_something,
        numbers_of_the_section_are_checked, trainers_survive_refused_memory,
        fits_survive_refused_memory,
    };
    return run_tests("penalty", tests, sizeof tests / sizeof tests[0]);
}
