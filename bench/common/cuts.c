/* cuts.c -- how scores are distributed, and where thresholds cut them
 *
 * SPDX-License-Identifier: MIT */
#include "cuts.h"
#include "dataset.h"
#include "output.h"

#include <stdio.h>

enum { BINS = 24, WIDE = 48, FINE_BINS = 60 };

static const struct {
    const char *name;
    int32_t kind;
} rules[] = {
    { "mean - sigma", PRUNE_THRESHOLD_MEAN_SIGMA },
    { "median - MAD", PRUNE_THRESHOLD_MEDIAN_MAD },
    { "Otsu", PRUNE_THRESHOLD_OTSU },
    { "gap", PRUNE_THRESHOLD_LARGEST_GAP },
    { "knee", PRUNE_THRESHOLD_KNEE },
};
_Static_assert(sizeof rules / sizeof rules[0] == CUTS_RULES, "each rule has a name");

static cut cut_by_share(const prune_importance *scores, double share)
{
    cut c;
    snprintf(c.name, sizeof c.name, "%.0f %%", 100.0 * share);
    must(prune_threshold_quantile(&c.threshold, scores, NULL, share), "threshold", NULL);
    return c;
}

static cut cut_by_rule(const prune_importance *scores, size_t which, int32_t log_scale)
{
    cut c;
    prune_threshold_rule rule;
    prune_threshold_rule_init(&rule);
    rule.kind = rules[which].kind;
    rule.log_scale = log_scale;
    snprintf(c.name, sizeof c.name, "%s%s", rules[which].name, log_scale ? " of logs" : "");
    must(prune_threshold_from_rule(&c.threshold, scores, NULL, &rule), "threshold", NULL);
    return c;
}

void cuts_choose(cut cuts[CUTS], const double shares[STUDY_SHARES], const prune_importance *scores)
{
    for (size_t i = 0; i < STUDY_SHARES; i++)
        cuts[i] = cut_by_share(scores, shares[i]);
    for (size_t i = 0; i < 2 * CUTS_RULES; i++)
        cuts[STUDY_SHARES + i] = cut_by_rule(scores, i % CUTS_RULES, i >= CUTS_RULES);
}

/* Names the thresholds that lie in a bin. */
static void print_marks(const cut cuts[CUTS], const prune_histogram *h, size_t bin)
{
    const char *mark = "  <- ";
    for (size_t i = 0; i < CUTS; i++)
        if (cuts[i].threshold >= prune_histogram_edge(h, bin) &&
            cuts[i].threshold < prune_histogram_edge(h, bin + 1)) {
            printf("%s%s", mark, cuts[i].name);
            mark = ", ";
        }
}

void cuts_print_histogram(const cut cuts[CUTS], const prune_importance *scores)
{
    uint64_t counts[BINS], most = 1;
    prune_histogram h;
    prune_histogram_init(&h);
    h.bins = BINS;
    h.counts = counts;
    h.log_scale = 1;
    must(prune_histogram_fill(&h, scores, NULL), "histogram", NULL);
    for (size_t i = 0; i < BINS; i++)
        most = counts[i] > most ? counts[i] : most;
    printf(
        "\nHow the scores |w dL/dw| of the dense net are distributed (%d of %d are 0, in the first line),\n"
        "and where thresholds lie, by share and by rule (k = 1):\n",
        (int)h.zeros, (int)h.total);
    for (size_t i = 0; i < BINS; i++) {
        const int length = (int)(counts[i] * WIDE / most);
        printf("  %8.1e %7d %.*s", (double)prune_histogram_edge(&h, i), (int)counts[i], length,
               "################################################");
        print_marks(cuts, &h, i);
        printf("\n");
    }
}

void cuts_print_preview(const cut cuts[CUTS], const prune_importance *scores)
{
    printf("\nWhat each threshold takes, and from which layer:\n");
    for (size_t i = 0; i < CUTS; i++) {
        uint64_t by_layer[STUDY_LAYERS];
        prune_removal removal;
        prune_removal_init(&removal);
        removal.by_layer = by_layer;
        removal.by_layer_capacity = STUDY_LAYERS;
        must(prune_mask_preview(&removal, scores, NULL, cuts[i].threshold), "preview", NULL);
        printf("  %-20s below %8.2e: %7d of %7d;", cuts[i].name, (double)cuts[i].threshold,
               (int)removal.removed, (int)removal.units);
        for (size_t l = 0; l < STUDY_LAYERS; l++)
            printf("%8d", (int)by_layer[l]);
        printf("\n");
    }
}

/* The histogram again, finer, with the thresholds by share. */
void cuts_draw(const cut cuts[CUTS], const prune_importance *scores, const char *folder)
{
    uint64_t counts[FINE_BINS];
    prune_picture_mark marks[STUDY_SHARES];
    prune_histogram h;
    prune_picture_options options;
    FILE *file = output_open(folder, "demo-scores.svg");
    const prune_writer writer = output_to(file);
    prune_histogram_init(&h);
    h.bins = FINE_BINS;
    h.counts = counts;
    h.log_scale = 1;
    must(prune_histogram_fill(&h, scores, NULL), "histogram", NULL);
    for (size_t i = 0; i < STUDY_SHARES; i++)
        marks[i] = (prune_picture_mark){ cuts[i].name, (double)cuts[i].threshold };
    prune_picture_options_init(&options);
    options.title = "Scores of the dense net (0 at the left edge), thresholds by share";
    options.x_label = "|w dL/dw|";
    options.y_label = "weights";
    must(prune_picture_histogram(&writer, &h, marks, STUDY_SHARES, &options), "picture", NULL);
    output_close(file);
}
