/* accuracy.c -- how much 90 % fewer weights cost: means over seeds (and folds), held against what is claimed
 *
 * Two arms start from the same dense net and train for the same number of epochs, by the same recipe and
 * penalty: one stays dense, in the other 90 % of the weights are removed on the way. Each arm ends with
 * what was best on validation data; the dense arm may also end with the net that both started from. Then the
 * test data are opened. usage: accuracy digits|fashion-mnist FOLDER; the status says whether the claim holds.
 *
 * SPDX-License-Identifier: MIT */
#include "common/dataset.h"
#include "common/progress.h"
#include "common/recipe.h"

#include <libprune.h>
#include <stdio.h>
#include <string.h>

enum { SEEDS = 3 };

typedef struct claim {
    const char *name;
    size_t hidden[2];
    size_t batch;
    uint64_t start, more, pruning; /* epochs of the common start, of each arm, and of the pruning in it */
    float learning_rate, l2;
    double dense, drop; /* claimed: at least so good, and at most so much lost, in per cent */
} claim;

static const claim claims[] = {
    { "digits", { 128, 64 }, 32, 30, 40, 24, 0.003f, 1e-4f, 97.0, 1.0 },
    { "fashion-mnist", { 300, 100 }, 128, 12, 38, 20, 0.001f, 1e-4f, 89.0, 0.3 },
};

/* Held-out accuracies in per cent. */
typedef struct figures {
    double dense, pruned;
} figures;

typedef struct trial {
    const claim *claim;
    const dataset_info *info;
    const char *folder;
    size_t fold;
    uint64_t seed;
    progress *bar;
    dataset train, validation;
} trial;

static double train(const trial *t, prune_model *model, uint64_t epochs, uint64_t pruning)
{
    recipe how = recipe_default(epochs, t->seed);
    how.batch = t->claim->batch;
    how.learning_rate = t->claim->learning_rate;
    how.l2 = t->claim->l2;
    how.pruning_epochs = pruning;
    how.removed = 0.9;
    how.progress = progress_epoch;
    how.user = t->bar;
    return recipe_train(model, &t->train.data, &t->validation.data, &how);
}

/* Ends the program unless exactly 90 % of the weights are removed, and 0. */
static void check_removed(const prune_model *model)
{
    uint64_t weights, kept, wanted;
    must(prune_model_verify(model, NULL), "masks", NULL);
    must(prune_mask_units(&weights, &kept, model, NULL), "masks", NULL);
    must(prune_fraction_count(&wanted, 0.9, weights), "fraction", NULL);
    must(weights - kept == wanted ? PRUNE_OK : PRUNE_E_MASK, "90 % of the weights", NULL);
}

static figures run_trial(trial *t)
{
    dataset test;
    prune_model *pruned, *more, *start = recipe_model(t->info, t->claim->hidden, t->seed);
    dataset_open(&t->train, &t->validation, t->info, t->folder, t->fold);
    const double before = train(t, start, t->claim->start, 0);
    must(prune_model_clone(&more, NULL, start), "model", NULL);
    must(prune_model_clone(&pruned, NULL, start), "model", NULL);
    const double after = train(t, more, t->claim->more, 0);
    train(t, pruned, t->claim->more, t->claim->pruning);
    check_removed(pruned);
    dataset_open_test(&test, t->info, t->folder, t->fold);
    const figures f = { 100.0 * dataset_accuracy(after >= before ? more : start, &test),
                        100.0 * dataset_accuracy(pruned, &test) };
    dataset_end(&test);
    dataset_end(&t->train);
    dataset_end(&t->validation);
    prune_model_free(start);
    prune_model_free(more);
    prune_model_free(pruned);
    return f;
}

/* The mean over the folds. */
static figures run_seed(trial *t)
{
    figures sum = { 0 };
    for (t->fold = 0; t->fold < t->info->folds; t->fold++) {
        const figures f = run_trial(t);
        sum.dense += f.dense;
        sum.pruned += f.pruned;
    }
    return (figures){ sum.dense / (double)t->info->folds, sum.pruned / (double)t->info->folds };
}

static int run_claim(const claim *c, const dataset_info *info, const char *folder)
{
    progress bar;
    figures sum = { 0 }, seed[SEEDS];
    progress_start(&bar, SEEDS * info->folds * (c->start + 2 * c->more));
    progress_stage(&bar, c->name);
    for (size_t s = 0; s < SEEDS; s++) {
        trial t = { .claim = c, .info = info, .folder = folder, .seed = s + 1, .bar = &bar };
        seed[s] = run_seed(&t);
        sum.dense += seed[s].dense / SEEDS;
        sum.pruned += seed[s].pruned / SEEDS;
    }
    progress_end(&bar);
    printf("%s, %d-%d-%d-%d, held-out accuracy: %s\n", c->name, (int)info->inputs, (int)c->hidden[0],
           (int)c->hidden[1], (int)info->classes, info->test_means);
    for (size_t s = 0; s < SEEDS; s++)
        printf("  seed %d: dense %.2f %%, 90 %% removed %.2f %%\n", (int)s + 1, seed[s].dense,
               seed[s].pruned);
    const int holds = sum.dense >= c->dense && sum.dense - sum.pruned <= c->drop;
    printf("  mean:   dense %.2f %% (at least %.1f), 90 %% removed %.2f %% (at most %.1f less): %s\n",
           sum.dense, c->dense, sum.pruned, c->drop, holds ? "holds" : "DOES NOT HOLD");
    return holds ? 0 : 1;
}

int main(int argc, char **argv)
{
    (void)prune_blas_set_threads(1);
    for (size_t i = 0; argc == 3 && i < sizeof claims / sizeof claims[0]; i++)
        if (strcmp(argv[1], claims[i].name) == 0)
            return run_claim(&claims[i], dataset_find(argv[1]), argv[2]);
    fprintf(stderr, "usage: accuracy digits|fashion-mnist FOLDER\n");
    return 2;
}
