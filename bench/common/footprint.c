/* footprint.c -- how good and how large nets are, before and after
 *
 * SPDX-License-Identifier: MIT */
#include "footprint.h"
#include "latency.h"

#include <stdio.h>

static prune_status count_bytes(void *user, const void *bytes, size_t count)
{
    (void)bytes;
    *(uint64_t *)user += count;
    return PRUNE_OK;
}

static uint64_t file_bytes(const prune_model *model)
{
    uint64_t bytes = 0;
    const prune_writer counter = { .write = count_bytes, .user = &bytes };
    must(prune_model_write(model, &counter, NULL), "model", NULL);
    return bytes;
}

static double time_ratio(const prune_model *model, const prune_model *first, const dataset *test)
{
    double us[2];
    const prune_model *const both[] = { first, model };
    latency_measure(us, both, test);
    return us[1] / us[0];
}

static void print_net(const footprint_net *net, const prune_model *first, const dataset *test)
{
    uint64_t encoded;
    prune_report report;
    prune_report_init(&report);
    must(prune_report_total(&report, net->model, NULL), "report", NULL);
    must(prune_model_encoded_bytes(&encoded, net->model, NULL, NULL), "bytes", NULL);
    printf("%-22s %8.2f %8d %11d %9d %9d %9d %9d", net->name, 100.0 * dataset_accuracy(net->model, test),
           (int)report.neurons, (int)report.parameters, (int)report.weights_kept, (int)report.macs,
           (int)file_bytes(net->model), (int)encoded);
    if (net->model == first)
        printf(" %6d\n", 1);
    else
        printf(" %6.2f\n", time_ratio(net->model, first, test));
}

void footprint_print(const footprint_net *nets, size_t count, const dataset *test)
{
    printf("%-22s %8s %8s %11s %9s %9s %9s %9s %6s\n", "net", "held out", "neurons", "parameters", "weights",
           "MACs", "file", "encoded", "time");
    for (size_t i = 0; i < count; i++)
        print_net(&nets[i], nets[0].model, test);
}
