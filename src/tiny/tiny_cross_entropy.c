/* tiny_cross_entropy.c -- the loss of a classifier
 *
 * SPDX-License-Identifier: MIT */
#include "tiny.h"

const prune_tiny_loss prune_tiny_softmax_cross_entropy = { prn_sharp_cross_entropy, 1 };
