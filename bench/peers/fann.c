/* fann.c -- what peers.py times of FANN: it trains sample by sample (plain gradient descent, sigmoids), so a
 * step is as many samples as the batch has
 *
 * SPDX-License-Identifier: MIT */
#include "peer.h"

#include <fann.h>
#include <stdlib.h>

enum { LAYERS = 4, WIDEST = 784, WORKS = 5 };

typedef struct net {
    struct fann *ann;
    int batch;
    fann_type x[WIDEST], y[WIDEST];
} net;

static void start(net *n, const unsigned int widths[LAYERS], int batch)
{
    n->ann = fann_create_standard_array(LAYERS, widths);
    n->batch = batch;
    if (n->ann == NULL)
        exit(1);
    fann_set_learning_rate(n->ann, 1e-6f);
    for (int i = 0; i < WIDEST; i++)
        n->x[i] = n->y[i] = (fann_type)(i % 29) / 29;
}

static void train(void *user)
{
    net *n = user;
    for (int i = 0; i < n->batch; i++)
        fann_train(n->ann, n->x, n->y);
}

static void run(void *user)
{
    net *n = user;
    (void)fann_run(n->ann, n->x);
}

int main(void)
{
    static const unsigned int large[LAYERS] = { 784, 300, 100, 10 }, small[LAYERS] = { 20, 10, 10, 1 };
    static net nets[WORKS];
    start(&nets[0], large, 32);
    start(&nets[1], large, 128);
    start(&nets[2], large, 512);
    start(&nets[3], small, 32);
    start(&nets[4], large, 1);
    const peer_work work[WORKS] = { { "train/784-300-100-10/b32", train, &nets[0] },
                                    { "train/784-300-100-10/b128", train, &nets[1] },
                                    { "train/784-300-100-10/b512", train, &nets[2] },
                                    { "train/20-10-10-1/b32", train, &nets[3] },
                                    { "model/784-300-100-10/s90/b1", run, &nets[4] } };
    peer_serve(work, WORKS);
    for (int i = 0; i < WORKS; i++)
        fann_destroy(nets[i].ann);
    return 0;
}
