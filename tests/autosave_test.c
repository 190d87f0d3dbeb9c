/* autosave_test.c -- checkpoints every so many epochs: what goes on from one ends as if nothing had happened
 *
 * SPDX-License-Identifier: MIT */
#include "support/bytes.h"
#include "support/folder.h"
#include "support/training.h"

#include <string.h>

enum { INPUTS = 6, CLASSES = 3, SAMPLES = 20, EPOCHS = 7 };

static const size_t widths[] = { INPUTS, 8, CLASSES };

typedef struct fixture {
    folder place;
    world_data world;
    prune_model *model;
    prune_trainer *trainer;
    prune_autosave autosave;
    prune_fit_options fit;
    prune_fit_result result;
} fixture;

static void open_fixture(fixture *f)
{
    prune_trainer_options options = world_options(PRUNE_MSE, PRUNE_ADAM);
    options.learning_rate = 0.02f;
    options.max_batch = 6;
    folder_make(&f->place);
    world_data_make(&f->world, SAMPLES, INPUTS, CLASSES, 5);
    f->model = world_model(NULL, widths, 2, PRUNE_TANH, 2);
    f->trainer = world_trainer(f->model, &options);
    prune_autosave_init(&f->autosave);
    f->autosave.path = f->place.file;
    prune_fit_options_init(&f->fit);
    prune_fit_result_init(&f->result);
    f->fit.validation_fraction = 0.25;
    f->fit.progress_every = 1;
    f->fit.progress = prune_autosave_progress;
    f->fit.user = &f->autosave;
}

static void close_fixture(fixture *f)
{
    prune_trainer_free(f->trainer);
    prune_model_free(f->model);
    world_data_end(&f->world);
    folder_end(&f->place);
}

static void run(fixture *f, uint64_t epochs)
{
    f->fit.epochs = epochs;
    ck_assert_ok(prune_trainer_fit(&f->result, f->trainer, &f->world.valued, &f->fit, NULL));
}

/* Goes on with what is in the file. */
static void load(fixture *f)
{
    prune_trainer_free(f->trainer);
    prune_model_free(f->model);
    ck_assert_ok(
        prune_trainer_load(&f->trainer, &f->model, NULL, f->place.file, prune_backend_reference(), NULL));
}

/* Removes a weight at the end of epoch 2, and stops in the middle of the epoch after `crash`. */
typedef struct life {
    uint64_t crash;
} life;

static int32_t live(void *user, const prune_progress *p)
{
    const life *l = user;
    const uint64_t done = prune_trainer_epochs(p->trainer);
    if (p->epoch_end && done == 2)
        world_remove(prune_trainer_model(p->trainer), 0, 1);
    return l->crash != 0 && done == l->crash && !p->epoch_end;
}

START_TEST(going_on_after_a_crash_gives_the_same_bits)
{
    fixture whole;
    life undisturbed = { 0 };
    open_fixture(&whole);
    whole.autosave.next = live;
    whole.autosave.next_user = &undisturbed;
    run(&whole, EPOCHS);
    const uint64_t hash = world_trainer_hash(whole.trainer);
    close_fixture(&whole);
    for (uint64_t every = 1; every <= 3; every++)
        for (uint64_t crash = every; crash < EPOCHS; crash++) {
            fixture f;
            life l = { crash };
            open_fixture(&f);
            f.autosave.every = every;
            f.autosave.next = live;
            f.autosave.next_user = &l;
            run(&f, EPOCHS);
            ck_assert_int_eq(f.result.stopped, 1);
            ck_assert_ok(f.autosave.status);
            load(&f);
            ck_assert_uint_eq(prune_trainer_epochs(f.trainer), crash / every * every);
            l.crash = 0;
            run(&f, EPOCHS - prune_trainer_epochs(f.trainer));
            ck_assert_uint_eq(world_trainer_hash(f.trainer), hash);
            close_fixture(&f);
        }
}
END_TEST

START_TEST(nothing_is_saved_before_it_is_due)
{
    fixture f;
    open_fixture(&f);
    f.autosave.every = 4;
    run(&f, 3);
    ck_assert(!folder_exists(f.place.file));
    run(&f, 2); /* epochs of the trainer, not of the fit */
    ck_assert(folder_exists(f.place.file));
    load(&f);
    ck_assert_uint_eq(prune_trainer_epochs(f.trainer), 4);
    close_fixture(&f);
}
END_TEST

START_TEST(a_file_that_cannot_be_written_stops_the_fit)
{
    char nowhere[FOLDER_PATH];
    fixture f;
    open_fixture(&f);
    folder_join(nowhere, &f.place, "missing/model.prune");
    f.autosave.path = nowhere;
    f.autosave.every = 2;
    run(&f, EPOCHS);
    ck_assert_int_eq(f.result.stopped, 1);
    ck_assert_uint_eq(f.result.epochs, 2);
    ck_assert_status(f.autosave.status, PRUNE_E_IO);
    ck_assert_int_eq(f.autosave.error.status, PRUNE_E_IO);
    ck_assert_ptr_nonnull(strstr(f.autosave.error.place, "missing"));
    close_fixture(&f);
}
END_TEST

START_TEST(what_makes_no_sense_stops_the_fit)
{
    for (size_t c = 0; c < 4; c++) {
        fixture f;
        open_fixture(&f);
        f.autosave.path = c == 0 ? NULL : f.autosave.path;
        f.autosave.every = c == 1 ? 0 : 1;
        f.autosave.size -= c == 2;
        f.fit.user = c == 3 ? NULL : f.fit.user;
        run(&f, EPOCHS);
        ck_assert_int_eq(f.result.stopped, 1);
        ck_assert_status(f.autosave.status, c < 2 ? PRUNE_E_ARGUMENT : PRUNE_OK);
        ck_assert(!folder_exists(f.place.file));
        close_fixture(&f);
    }
    prune_autosave_init(NULL);
}
END_TEST

START_TEST(saving_and_history_go_together)
{
    fixture f;
    bytes_file file = { 0 };
    prune_history history;
    open_fixture(&f);
    prune_history_init(&history);
    history.writer = bytes_writer(&file);
    history.next = prune_autosave_progress;
    history.next_user = &f.autosave;
    f.fit.progress = prune_history_csv;
    f.fit.user = &history;
    run(&f, 3);
    ck_assert_uint_eq(file.calls, 4);
    load(&f);
    ck_assert_uint_eq(prune_trainer_epochs(f.trainer), 3);
    bytes_end(&file);
    close_fixture(&f);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { going_on_after_a_crash_gives_the_same_bits,
                                   nothing_is_saved_before_it_is_due,
                                   a_file_that_cannot_be_written_stops_the_fit,
                                   what_makes_no_sense_stops_the_fit, saving_and_history_go_together };
    return run_tests("autosave", tests, sizeof tests / sizeof tests[0]);
}
