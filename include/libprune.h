/* libprune.h -- train a network, find out what matters in it, remove the rest, and show that it is
 * still as good. This header includes all others; start with model.h, fit.h, importance.h, mask.h.
 *
 * In the firmware library (no heap, no stdio, no double) there are: activation, arena, base, checkpoint,
 * compact, criterion, distill, fmath, fold, gemm, group, importance, initializer, joint, layer, loss, mask,
 * model, optimizer, predict, regularizer, rng, schedule, snapshot, tensor, trainer, unit, and
 * prune_data_check() of data.
 * Agree, evaluate, fit, fraction, history, idx, metrics, refit, rule, save, split, standardize, summary,
 * threshold and validate are for hosts.
 * In the firmware library (no heap, no stdio, no double) there are: activation, arena, base,
 * checkpoint, compact, criterion, encode, encoded, encoding, fmath, fold, gemm, group, importance,
 * initializer, layer, loss, mask, model, optimizer, predict, rng, schedule, snapshot, tensor, trainer,
 * unit, and prune_data_check() of data. Evaluate, fit, fraction, history, idx, metrics, rule, save,
 * split, standardize, summary, threshold and validate are for hosts.
 * Activity, curvature, data_free, evaluate, fit, fraction, hessian, history, idx, metrics, row_mask, rule,
 * save, snip, split, standardize, summary, synflow, threshold and validate are for hosts.
 * Curvature, evaluate, fit, fraction, hessian, history, idx, metrics, rule, save, split, standardize,
 * summary, threshold and validate are for hosts. Idle, picture and report too.
 *
 * SPDX-License-Identifier: MIT */
#ifndef LIBPRUNE_H
#define LIBPRUNE_H

#include "libprune/activation.h"
#include "libprune/activity.h"
#include "libprune/agree.h"
#include "libprune/allocation.h"
#include "libprune/arena.h"
#include "libprune/base.h"
#include "libprune/budget.h"
#include "libprune/checkpoint.h"
#include "libprune/compact.h"
#include "libprune/compare.h"
#include "libprune/criterion.h"
#include "libprune/curvature.h"
#include "libprune/data.h"
#include "libprune/data_free.h"
#include "libprune/distill.h"
#include "libprune/encode.h"
#include "libprune/encoded.h"
#include "libprune/encoding.h"
#include "libprune/evaluate.h"
#include "libprune/fit.h"
#include "libprune/fmath.h"
#include "libprune/fold.h"
#include "libprune/fraction.h"
#include "libprune/gemm.h"
#include "libprune/gradual.h"
#include "libprune/group.h"
#include "libprune/hessian.h"
#include "libprune/history.h"
#include "libprune/idle.h"
#include "libprune/idx.h"
#include "libprune/importance.h"
#include "libprune/initializer.h"
#include "libprune/joint.h"
#include "libprune/layer.h"
#include "libprune/layerwise.h"
#include "libprune/loss.h"
#include "libprune/mask.h"
#include "libprune/metrics.h"
#include "libprune/model.h"
#include "libprune/optimizer.h"
#include "libprune/picture.h"
#include "libprune/predict.h"
#include "libprune/refit.h"
#include "libprune/regrow.h"
#include "libprune/regularizer.h"
#include "libprune/report.h"
#include "libprune/rng.h"
#include "libprune/row_mask.h"
#include "libprune/rule.h"
#include "libprune/save.h"
#include "libprune/schedule.h"
#include "libprune/sensitivity.h"
#include "libprune/snapshot.h"
#include "libprune/snip.h"
#include "libprune/sparsity.h"
#include "libprune/split.h"
#include "libprune/standardize.h"
#include "libprune/summary.h"
#include "libprune/supplied.h"
#include "libprune/surgeon.h"
#include "libprune/synflow.h"
#include "libprune/target.h"
#include "libprune/tensor.h"
#include "libprune/threshold.h"
#include "libprune/trainer.h"
#include "libprune/unit.h"
#include "libprune/validate.h"

#endif
