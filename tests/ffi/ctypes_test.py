# ctypes_test.py -- the digits from Python without a C parser: structs and functions declared by hand
#
# Trains 64-32-10, is stopped by a progress callback, goes on, removes 80 % of the weights by their Taylor
# scores, fine-tunes, predicts, saves and loads. Declarations are held against the library first: each
# struct's size and defaults are what its initialiser writes, of every one that the headers have.
#
# SPDX-License-Identifier: MIT
import ctypes as c
import glob
import math
import os
import re
import sys
import tempfile

OK, E_NONFINITE, E_UNSUPPORTED, E_VERSION = 0, -12, -18, -19
F32, I32 = 1, 2
LINEAR, RELU = 0, 1
CROSS_ENTROPY, ADAM, TAYLOR = 2, 2, 3
WEIGHTS, GLOBAL, ROW_L2, OF_ALL = 1, 1, 3, 1
METRIC_ACCURACY = 2
OTSU = 3
PIXELS, HIDDEN, CLASSES, TRAINED = 64, 32, 10, 1500
BATCHES = math.ceil(TRAINED / 32)

handle, size, status = c.c_void_p, c.c_size_t, c.c_int32
i32, u32, u64, f32, f64 = c.c_int32, c.c_uint32, c.c_uint64, c.c_float, c.c_double


def struct(name, fields):
    """A Structure from "field, field: type" lines."""
    pairs = [(field.strip(), kind) for names, kind in fields for field in names.split(",")]
    return type(name, (c.Structure,), {"_fields_": pairs})


Error = struct("Error", [("status", status), ("place", c.c_char * 60), ("reason", c.c_char * 192)])
Shape = struct("Shape", [("rank", size), ("dims", size * 4)])
Data = struct("Data", [("size", size), ("inputs, targets, weights, source", handle)])
LossOptions = struct("LossOptions", [
    ("size", size), ("kind", i32), ("delta, smoothing", f32), ("mean_over_outputs", i32), ("class_weights", handle),
    ("class_count", size), ("own, user", handle)])
Source = struct("Source", [
    ("size, samples, inputs, target_columns", size), ("target_type", i32),
    ("read, user, expect, explain", handle), ("any_thread", i32)])
DatafileOptions = struct("DatafileOptions", [
    ("size", size), ("header", u64), ("inputs, target_columns", size), ("input_type, target_type", i32),
    ("offset, scale", f32), ("read_ahead", i32)])
Metrics = struct("Metrics", [("size", size), ("samples", u64), ("loss, accuracy, mae, rmse", f64)])
TrainerOptions = struct("TrainerOptions", [
    ("size", size), ("loss, optimizer", i32), ("learning_rate, momentum, beta1, beta2, epsilon, l1, l2", f32),
    ("regularize_bias", i32), ("seed", u64), ("max_batch", size), ("backend", handle), ("per_sample, nesterov", i32),
    ("alpha, weight_decay, clip_norm, clip_value", f32), ("l1_proximal", i32), ("schedule", handle),
    ("accumulate", i32), ("loss_options, group_lasso, penalty_schedule", handle), ("sparse, sparse_kernels", i32)])
Allreduce = struct("Allreduce", [("size", size), ("rank, ranks", i32), ("run, user", handle)])
Schedule = struct("Schedule", [("size", size), ("kind", i32), ("factor, floor", f32), ("warmup, period", u32)])
LayerTraining = struct("LayerTraining", [("size", size), ("frozen", i32), ("l1_scale, l2_scale, group_scale", f32)])
Distillation = struct("Distillation", [("size", size), ("kind", i32), ("alpha, temperature", f32)])
GroupLasso = struct("GroupLasso", [
    ("size", size), ("neuron_lambda, input_lambda", f32),
    ("include_bias, include_column, include_output, by_size, proximal", i32)])
Progress = struct("Progress", [
    ("size", size), ("epoch, epochs, batch, batches", u64), ("epoch_end", i32),
    ("loss, penalty, validation_loss, validation_metric, elapsed, remaining", f64), ("trainer", handle),
    ("validation_own", f64)])
OnProgress = c.CFUNCTYPE(i32, handle, c.POINTER(Progress))
FitOptions = struct("FitOptions", [
    ("size", size), ("epochs", u64), ("batch_size", size), ("shuffle, keep_best", i32),
    ("validation", handle), ("validation_fraction", f64), ("progress", OnProgress), ("user", handle),
    ("progress_every", u64), ("clock", handle), ("patience", u64), ("min_delta", f64), ("monitor", i32),
    ("importance, metric, rounding", handle)])
FitResult = struct("FitResult", [
    ("size", size), ("epochs, steps", u64), ("stopped", i32), ("best_epoch", u64),
    ("loss, validation_loss, validation_metric", f64), ("stopped_early", i32), ("validation_own", f64)])
Selection = struct("Selection", [
    ("size", size), ("granularity, scope, aggregate, layer, include_output, include_bias", i32),
    ("min_kept", u64), ("joint, block_rows, block_columns", i32)])
Removal = struct("Removal", [
    ("size", size), ("units, removed, spared, kept", u64), ("threshold", f32), ("by_layer", c.POINTER(u64)),
    ("by_layer_capacity", size)])
LayerwiseOptions = struct("LayerwiseOptions", [
    ("size", size), ("fraction, damping", f64), ("block", size), ("layer", i32), ("keep, of", u32),
    ("bias, original, one_more", i32), ("backend", handle)])
SurgeonOptions = struct("SurgeonOptions", [
    ("size", size), ("count", u64), ("limit, alpha", f64), ("recompute, min_kept", u64), ("loss, include_bias", i32),
    ("backend", handle)])
Histogram = struct("Histogram", [
    ("size", size), ("bins", size), ("counts", c.POINTER(u64)), ("log_scale", i32), ("low, high", f32),
    ("total, zeros", u64)])
ThresholdRule = struct("ThresholdRule", [
    ("size", size), ("kind, log_scale", i32), ("k, from_fraction, to_fraction", f64)])
Confusion = struct("Confusion", [("size, classes", size), ("counts", c.POINTER(u64)), ("threshold", f32)])
ClassScores = struct("ClassScores", [("size", size), ("precision, recall, f1", f64), ("support", u64)])
Roc = struct("Roc", [
    ("size", size), ("scores", i32), ("by_class", c.POINTER(f64)), ("by_class_capacity", size), ("macro, weighted", f64)])
Regression = struct("Regression", [("size", size), ("mae, rmse, r2", f64)])
Validation = struct("Validation", [
    ("size", size), ("loss, metric", i32), ("reference, tolerance, value", f64), ("accepted", i32),
    ("own, loss_options, backend", handle)])
LayerInfo = struct("LayerInfo", [
    ("size", size), ("kind, activation", i32), ("input, output", Shape),
    ("parameters, nonzeros, weights, weights_kept, macs, macs_kept, bytes", u64), ("settings", f32 * 2)])
ParamInfo = struct("ParamInfo", [
    ("size", size), ("layer", size), ("name", c.c_char * 16), ("prunable", i32), ("statistic", i32),
    ("shape", Shape), ("count, kept", u64)])
Agreement = struct("Agreement", [
    ("size", size), ("tolerance", f64), ("samples", u64), ("absolute, relative", f64), ("sample, output", u64),
    ("a, b", f32), ("backend", handle)])
RefitOptions = struct("RefitOptions", [("size", size), ("layer", i32), ("damping", f64), ("backend", handle)])
CompactOptions = struct("CompactOptions", [
    ("size", size), ("merge, drop_inputs", i32), ("min_neurons, multiple", u64), ("rounding", i32)])
CompactReport = struct("CompactReport", [
    ("size", size), ("neurons_before, neurons, parameters_before, parameters", u64),
    ("constant, unread, merged, rounded, padding, inputs", u64), ("kept", c.POINTER(size)), ("kept_capacity", size)])
EncodingOptions = struct("EncodingOptions", [
    ("size", size), ("encoding, lanes, block_rows, block_columns, keep, of", i32)])
EncodingInfo = struct("EncodingInfo", [
    ("size", size), ("encoding, dtype, lanes, block_rows, block_columns, keep, of, index_bytes", i32),
    ("rows, columns, stored, bytes", u64)])
BlobOptions = struct("BlobOptions", [("size", size), ("choice", i32), ("encodings", handle), ("encoding_count", size)])
COptions = struct("COptions", [("size", size), ("prefix, runtime, samples", handle), ("sample_count", size)])
BlobInfo = struct("BlobInfo", [("size, bytes, scratch, layers", size), ("instructions", u64)])
QuantizeOptions = struct("QuantizeOptions", [
    ("size", size), ("range", i32), ("percentile", f32), ("per_layer, choice", i32), ("encodings", handle),
    ("encoding_count", size), ("backend", handle)])
KernelsInfo = struct("KernelsInfo", [("size", size), ("best", i32), ("offered", c.c_uint32)])
ProductOptions = struct("ProductOptions", [
    ("size", size), ("kernels, layout", i32), ("max_batch", size), ("backend", handle)])
EngineOptions = struct("EngineOptions", [
    ("size, max_batch", size), ("kernels, choice", i32), ("layouts", handle), ("layout_count", size),
    ("backend, clock", handle)])
EngineLayer = struct("EngineLayer", [
    ("size", size), ("kernels, layout, layout_many, activation", i32), ("rows, columns, kept, bytes", u64),
    ("modelled, measured", f64)])
ProductInfo = struct("ProductInfo", [
    ("size", size), ("kernels, layout, layout_many, reserved", i32), ("rows, columns, kept, bytes", u64)])
ReportOptions = struct("ReportOptions", [
    ("size", size), ("format", i32), ("encoding, original, compaction", handle)])
PictureOptions = struct("PictureOptions", [
    ("size", size), ("title, x_label, y_label", c.c_char_p), ("log_x, log_y", i32), ("width, height", f64)])
LogNote = struct("LogNote", [
    ("size", size), ("step", u64), ("criterion, granularity, ask", i32), ("asked", f64), ("text", c.c_char_p)])
LogEntry = struct("LogEntry", [
    ("size", size), ("step", u64), ("criterion, granularity, ask", i32), ("asked", f64), ("text", c.c_char * 64),
    ("removed, returned, kept", u64), ("removed_by_layer, returned_by_layer, kept_by_layer", c.POINTER(u64)),
    ("by_layer_capacity", size)])

ScoreSource = struct("ScoreSource", [("size", size), ("count", u64), ("absolute", i32), ("read, user", handle)])
Cutoff = struct("Cutoff", [("size", size), ("threshold", f32), ("below, ties, passes", u64)])
Allocation = struct("Allocation", [
    ("size", size), ("rule, normalize", i32), ("selection, least, most, pool", handle), ("layers", size),
    ("sensitivity", handle)])
Sensitivity = struct("Sensitivity", [
    ("size", size), ("fractions", handle), ("levels", size), ("values", handle), ("capacity", size),
    ("reference", f64), ("higher_is_better", i32), ("measured", u64)])
SensitivityOptions = struct("SensitivityOptions", [("size", size), ("selection, metric, progress, user", handle)])
Sparsity = struct("Sparsity", [
    ("size", size), ("kind", i32), ("power", u32), ("initial, final", f64), ("begin, end, every", u64)])
Gradual = struct("Gradual", [
    ("size", size), ("sparsity, importance, selection, score, score_user, next, next_user", handle),
    ("status", status), ("times", u64), ("newest", Removal)])
Regrowth = struct("Regrowth", [("size", size), ("dropped, kept", u64)])
Target = struct("Target", [
    ("size", size), ("measure, compacted, nearest", i32), ("most", u64), ("compaction, encoding", handle),
    ("before, achieved", u64)])
Comparison = struct("Comparison", [("size", size), ("confidence, first, second, worse, low, high", f64)])
Trial = struct("Trial", [("fraction", f64), ("kept", u64), ("value", f64), ("held", i32), ("status", status)])
BudgetOptions = struct("BudgetOptions", [
    ("size", size), ("validation, confirmation, metric, selection", handle), ("criterion", i32),
    ("score, score_user, training, fine_tune", handle), ("cumulative", i32), ("resolution", f64),
    ("max_trials", u64), ("confidence", f64), ("progress, user", handle), ("search_share", f64)])
BudgetResult = struct("BudgetResult", [
    ("size", size), ("confirmed", i32), ("reference", f64), ("best", Trial), ("units, trials", u64),
    ("comparison", Comparison), ("log", handle), ("capacity", size)])
Report = struct("Report", [
    ("size", size), ("inputs, outputs, parameters, nonzeros, weights, weights_kept, macs, macs_kept", u64),
    ("neurons, neurons_idle, inputs_unread", u64), ("sparsity, compression, speedup", f64), ("bytes", u64 * 32)])
Writer = struct("Writer", [("write, user", handle)])
History = struct("History", [
    ("size", size), ("writer", Writer), ("header", i32), ("status", status), ("next, next_user", handle)])
Autosave = struct("Autosave", [
    ("size", size), ("path", c.c_char_p), ("every", u64), ("status", status), ("error", Error),
    ("next, next_user", handle)])

# What each initialiser must leave; fields not named are 0 or NULL.
INITIALISED = {
    "prune_data": (Data, {}),
    "prune_allreduce": (Allreduce, {"ranks": 1}),
    "prune_source": (Source, {"target_columns": 1, "target_type": I32}),
    "prune_datafile_options": (DatafileOptions, {
        "target_columns": 1, "input_type": F32, "target_type": I32, "read_ahead": 1}),
    "prune_loss_options": (LossOptions, {"kind": CROSS_ENTROPY, "delta": 1}),
    "prune_metrics": (Metrics, {}),
    "prune_trainer_options": (TrainerOptions, {
        "loss": CROSS_ENTROPY, "optimizer": ADAM, "learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999,
        "epsilon": 1e-8, "max_batch": 32, "alpha": 0.99, "weight_decay": 0.01}),
    "prune_schedule": (Schedule, {"factor": 0.1, "period": 1000}),
    "prune_layer_training": (LayerTraining, {"l1_scale": 1, "l2_scale": 1, "group_scale": 1}),
    "prune_distillation": (Distillation, {"kind": CROSS_ENTROPY, "alpha": 0.5, "temperature": 2}),
    "prune_group_lasso": (GroupLasso, {"include_bias": 1, "by_size": 1}),
    "prune_fit_options": (FitOptions, {"epochs": 10, "shuffle": 1}),
    "prune_fit_result": (FitResult, {}),
    "prune_selection": (Selection, {
        "granularity": WEIGHTS, "scope": GLOBAL, "aggregate": ROW_L2, "layer": -1, "min_kept": 1,
        "block_rows": 4, "block_columns": 1}),
    "prune_removal": (Removal, {}),
    "prune_layerwise_options": (LayerwiseOptions, {
        "fraction": 0.5, "damping": 0.01, "block": 128, "layer": -1, "bias": 1}),
    "prune_surgeon_options": (SurgeonOptions, {
        "count": 1, "limit": sys.float_info.max, "alpha": 1e-4, "recompute": 1, "min_kept": 1, "loss": CROSS_ENTROPY}),
    "prune_confusion": (Confusion, {}),
    "prune_class_scores": (ClassScores, {}),
    "prune_regression": (Regression, {}),
    "prune_roc": (Roc, {"scores": 1}),
    "prune_histogram": (Histogram, {}),
    "prune_threshold_rule": (ThresholdRule, {"kind": OTSU, "k": 1, "from_fraction": 0.05, "to_fraction": 0.95}),
    "prune_agreement": (Agreement, {"tolerance": 1e-4}),
    "prune_refit_options": (RefitOptions, {"layer": -1, "damping": 1e-4}),
    "prune_compact_options": (CompactOptions, {"merge": 1, "min_neurons": 1, "multiple": 1, "rounding": 1}),
    "prune_compact_report": (CompactReport, {}),
    "prune_encoding_options": (EncodingOptions, {
        "lanes": 8, "block_rows": 4, "block_columns": 1, "keep": 2, "of": 4}),
    "prune_encoding_info": (EncodingInfo, {}),
    "prune_blob_options": (BlobOptions, {}),
    "prune_blob_info": (BlobInfo, {}),
    "prune_c_options": (COptions, {"sample_count": 2}),
    "prune_quantize_options": (QuantizeOptions, {"range": 2, "percentile": 0.9999}),
    "prune_engine_options": (EngineOptions, {"max_batch": 1}),
    "prune_engine_layer": (EngineLayer, {}),
    "prune_kernels_info": (KernelsInfo, {}),
    "prune_product_options": (ProductOptions, {"max_batch": 1}),
    "prune_product_info": (ProductInfo, {}),
    "prune_picture_options": (PictureOptions, {"width": 640, "height": 400}),
    "prune_log_note": (LogNote, {}),
    "prune_log_entry": (LogEntry, {}),
    "prune_report_options": (ReportOptions, {"format": 1}),
    "prune_score_source": (ScoreSource, {}),
    "prune_cutoff": (Cutoff, {}),
    "prune_allocation": (Allocation, {"rule": 1}),
    "prune_sensitivity": (Sensitivity, {}),
    "prune_sensitivity_options": (SensitivityOptions, {}),
    "prune_sparsity": (Sparsity, {"kind": 4, "power": 3, "final": 0.9, "end": 1000, "every": 100}),
    "prune_gradual": (Gradual, {"newest": Removal(size=c.sizeof(Removal))}),
    "prune_regrowth": (Regrowth, {}),
    "prune_target": (Target, {"measure": 1, "compacted": -1}),
    "prune_comparison": (Comparison, {"confidence": 0.95}),
    "prune_budget_options": (BudgetOptions, {
        "criterion": 1, "resolution": 0.05, "max_trials": 16, "confidence": 0.95, "search_share": 0.5}),
    "prune_budget_result": (BudgetResult, {}),
    "prune_report": (Report, {}),
    "prune_history": (History, {"header": 1}),
    "prune_autosave": (Autosave, {"every": 1}),
    "prune_layer_info": (LayerInfo, {}),
    "prune_param_info": (ParamInfo, {}),
    "prune_validation": (Validation, {
        "loss": CROSS_ENTROPY, "metric": METRIC_ACCURACY, "reference": math.nan}),
}

lib = c.CDLL(os.environ["LIBPRUNE"])


def declare(result, name, *arguments):
    function = getattr(lib, "prune_" + name)
    function.restype, function.argtypes = result, arguments


out, error_out = c.POINTER(handle), c.POINTER(Error)
declare(c.c_char_p, "status_string", status)
declare(status, "blas_set_threads", i32)
for init in INITIALISED:
    declare(None, init[len("prune_"):] + "_init", handle)
for kind in "tensor", "model", "trainer", "importance", "workspace":
    declare(None, kind + "_free", handle)
declare(status, "tensor_matrix", out, handle, i32, size, size, handle)
declare(handle, "tensor_data", handle)
declare(status, "model_create", out, handle, size)
declare(status, "model_add_dense", handle, size, i32)
declare(size, "model_param_count", handle)
declare(status, "model_layer_info", c.POINTER(LayerInfo), handle, size)
declare(status, "model_param_info", c.POINTER(ParamInfo), handle, size)
declare(c.POINTER(f32), "model_param", handle, size)
declare(status, "model_verify", handle, error_out)
declare(status, "model_save", handle, c.c_char_p, error_out)
declare(status, "model_load", out, handle, c.c_char_p, error_out)
declare(status, "trainer_create", out, handle, handle, c.POINTER(TrainerOptions), c.POINTER(Error))
declare(u64, "trainer_steps", handle)
declare(status, "trainer_fit", c.POINTER(FitResult), handle, c.POINTER(Data), c.POINTER(FitOptions),
        error_out)
declare(status, "evaluate", c.POINTER(Metrics), handle, c.POINTER(Data), i32, error_out)
declare(status, "importance_create", out, handle, handle, i32)
declare(status, "importance_accumulate", handle, handle, c.POINTER(Data), error_out)
declare(c.POINTER(f32), "importance_scores", handle, size)
declare(status, "mask_fraction", c.POINTER(Removal), handle, handle, c.POINTER(Selection), f64, i32)
declare(status, "mask_get", c.POINTER(c.c_uint8), size, handle, size)
declare(status, "workspace_create", out, handle, handle, size, handle)
declare(status, "predict", handle, handle, handle, handle)


def ok(code, error=None):
    if code != OK:
        raise AssertionError((lib.prune_status_string(code), error and (error.place, error.reason)))


def check_every_struct_is_here():
    """Each struct of the headers that has an initialiser is declared above: a new one, too."""
    text = ""
    for path in glob.glob("include/libprune/*.h"):
        with open(path, encoding="ascii") as header:
            text += header.read()
    there = set(re.findall(r"\b(prune_\w+)_init\(\1 \*\w+\);", text))
    assert len(there) >= 60 and there == set(INITIALISED), there ^ set(INITIALISED)


def same(value, wanted, kind):
    """Structs and arrays byte by byte; 0 stands for all that is empty."""
    if isinstance(value, (c.Structure, c.Array)):
        return bytes(value) == (bytes(wanted) if wanted else bytes(c.sizeof(kind)))
    unset = wanted != wanted and value != value  # NaN
    return unset or not value and not wanted or value == kind(wanted).value


def check_declarations():
    for name, (declared, defaults) in INITIALISED.items():
        room = c.create_string_buffer(b"\xff" * 512, 512)
        getattr(lib, name + "_init")(room)
        made = declared.from_buffer(room)
        assert made.size == c.sizeof(declared), (name, made.size, c.sizeof(declared))
        for field, kind in declared._fields_[1:]:
            value, wanted = getattr(made, field), defaults.get(field, 0)
            assert same(value, wanted, kind), (name, field, value)


def check_info_sizes(model):
    """The library takes a struct of its own size, and none that is a byte longer."""
    for describe, kind in (lib.prune_model_layer_info, LayerInfo), (lib.prune_model_param_info, ParamInfo):
        info = kind(size=c.sizeof(kind))
        ok(describe(info, model, 0))
        info.size += 1
        assert describe(info, model, 0) == E_VERSION, kind


def initialised(name, **fields):
    made = INITIALISED[name][0]()
    getattr(lib, name + "_init")(c.byref(made))
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def create(function, *arguments):
    made = handle()
    ok(function(made, None, *arguments))
    return made


def digits():
    """Every sixth sample at the end, so that what is held out has all writers."""
    with open("bench/digits.txt", encoding="ascii") as file:
        samples = [line.split() for line in file if line[0] != "#"]
    samples = [s for i, s in enumerate(samples) if i % 6 != 5] + samples[5::6]
    pixels = [int(shade, 17) / 16 for _, image in samples for shade in image]
    labels = [int(digit) for digit, _ in samples]
    return (f32 * len(pixels))(*pixels), (i32 * len(labels))(*labels)


def part(x, labels, first, count):
    """Samples first .. first + count - 1 where they lie."""
    at_x, at_label = c.addressof(x) + 4 * PIXELS * first, c.addressof(labels) + 4 * first
    inputs = create(lib.prune_tensor_matrix, F32, count, PIXELS, at_x)
    targets = create(lib.prune_tensor_matrix, I32, count, 1, at_label)
    assert lib.prune_tensor_data(inputs) == at_x and lib.prune_tensor_data(targets) == at_label
    return initialised("prune_data", inputs=inputs, targets=targets)


def fit(trainer, data, epochs, stop_after=None):
    """Losses that the callback saw, every 20 batches and at each epoch's end; it stops after so many."""
    losses, failures = [], []
    expected = 7, c.sizeof(Progress), epochs, BATCHES, trainer.value

    def look(user, progress):
        p = progress.contents
        losses.append(p.loss)
        if (user, p.size, p.epochs, p.batches, p.trainer) != expected:
            failures.append("a progress struct that is not as declared")
        return len(losses) == stop_after

    result, error = initialised("prune_fit_result"), Error()
    options = initialised("prune_fit_options", epochs=epochs, progress_every=20)
    options.progress, options.user = OnProgress(look), 7
    ok(lib.prune_trainer_fit(result, trainer, data, options, error), error)
    assert not failures, failures
    return losses, result


def check_stop(trainer, data):
    """Three looks an epoch: the fifth is after 40 batches of the second epoch."""
    losses, result = fit(trainer, data, 10, stop_after=5)
    assert len(losses) == 5 and result.stopped == 1 and result.epochs == 1
    assert result.steps == lib.prune_trainer_steps(trainer) == BATCHES + 40
    return losses


def accuracy(model, data):
    metrics = initialised("prune_metrics")
    ok(lib.prune_evaluate(metrics, model, data, CROSS_ENTROPY, None))
    assert math.isnan(metrics.mae) and math.isfinite(metrics.loss)
    return metrics.accuracy


def parameters(model):
    """(values, bits, prunable) of each."""
    for param in range(lib.prune_model_param_count(model)):
        info = ParamInfo(size=c.sizeof(ParamInfo))
        ok(lib.prune_model_param_info(info, model, param))
        bits = (c.c_uint8 * info.count)()
        ok(lib.prune_mask_get(bits, info.count, model, param))
        assert info.kept == sum(bits) and info.name in (b"weight", b"bias")
        yield lib.prune_model_param(model, param)[:info.count], bits[:], info.prunable


def remove(model, trainer, data, before, fraction):
    """From `before` removed weights to that fraction of all; returns how many are gone now."""
    scores, error = create(lib.prune_importance_create, model, TAYLOR), Error()
    by_layer = (u64 * 2)()
    removal = initialised("prune_removal", by_layer=by_layer, by_layer_capacity=2)
    ok(lib.prune_importance_accumulate(scores, trainer, data, error), error)
    ok(lib.prune_mask_fraction(removal, model, scores, None, fraction, OF_ALL))
    weights = (PIXELS + CLASSES) * HIDDEN
    gone = round(fraction * weights)
    assert (removal.units, removal.removed, removal.kept) == (weights, gone - before, weights - gone)
    assert sum(by_layer) == removal.removed
    for param, (_, bits, prunable) in enumerate(parameters(model)):
        of_all = lib.prune_importance_scores(scores, param)[:len(bits)]
        kept = [score for score, bit in zip(of_all, bits) if bit]
        assert not prunable or min(kept) >= removal.threshold
    lib.prune_importance_free(scores)
    return gone


def check_masks(model, removed):
    error, gone = Error(), 0
    ok(lib.prune_model_verify(model, error), error)
    for values, bits, prunable in parameters(model):
        assert all(value == 0 for value, bit in zip(values, bits) if not bit)
        assert all(bits) or prunable
        gone += bits.count(0)
    assert gone == removed


def check_refusal(trainer, model, data, x):
    """One NaN in the inputs: named, and nothing has moved."""
    before, steps = list(parameters(model)), lib.prune_trainer_steps(trainer)
    at, error = 12 * PIXELS + 3, Error()
    was, x[at] = x[at], math.nan
    assert lib.prune_trainer_fit(None, trainer, data, None, error) == E_NONFINITE
    x[at] = was
    assert (error.status, error.place) == (E_NONFINITE, b"inputs[12][3]") and error.reason
    assert lib.prune_status_string(E_NONFINITE) not in (b"", lib.prune_status_string(OK))
    assert list(parameters(model)) == before and lib.prune_trainer_steps(trainer) == steps


def predict(model, data, count):
    y = (f32 * (count * CLASSES))()
    outputs = create(lib.prune_tensor_matrix, F32, count, CLASSES, c.addressof(y))
    workspace = create(lib.prune_workspace_create, model, 50, None)
    ok(lib.prune_predict(outputs, model, workspace, data.inputs))
    lib.prune_workspace_free(workspace)
    lib.prune_tensor_free(outputs)
    return y[:]


def check_predictions(y, labels, wanted):
    rows = [y[i:i + CLASSES] for i in range(0, len(y), CLASSES)]
    right = sum(row.index(max(row)) == label for row, label in zip(rows, labels))
    assert right / len(rows) == wanted


def reloaded(model):
    with tempfile.TemporaryDirectory() as folder:
        path, error = os.fsencode(os.path.join(folder, "digits.prune")), Error()
        ok(lib.prune_model_save(model, path, error), error)
        back = handle()
        ok(lib.prune_model_load(back, None, path, error), error)
        assert os.listdir(folder) == ["digits.prune"]
        return back


def main():
    check_every_struct_is_here()
    check_declarations()
    assert lib.prune_blas_set_threads(1) in (OK, E_UNSUPPORTED)
    x, labels = digits()
    held_out = len(labels) - TRAINED
    train, test = part(x, labels, 0, TRAINED), part(x, labels, TRAINED, held_out)
    model = create(lib.prune_model_create, PIXELS)
    ok(lib.prune_model_add_dense(model, HIDDEN, RELU))
    ok(lib.prune_model_add_dense(model, CLASSES, LINEAR))
    check_info_sizes(model)
    options = initialised("prune_trainer_options", learning_rate=0.005, l2=0.001, seed=1)
    trainer = create(lib.prune_trainer_create, model, options, None)

    first = check_stop(trainer, train)
    losses, result = fit(trainer, train, 20)
    assert result.stopped == 0 and result.epochs == 20 and result.loss == losses[-1] < first[-1] < first[0]
    dense = accuracy(model, test)
    removed = 0
    for fraction in 0.5, 0.8:
        removed = remove(model, trainer, train, removed, fraction)
        check_masks(model, removed)
        fit(trainer, train, 10)
        check_masks(model, removed)
    pruned = accuracy(model, test)
    assert dense >= 0.9 and pruned >= 0.9, (dense, pruned)
    check_refusal(trainer, model, train, x)

    y = predict(model, test, held_out)
    check_predictions(y, labels[TRAINED:], pruned)
    back = reloaded(model)
    assert predict(back, test, held_out) == y
    check_masks(back, removed)
    for kind, made in ("trainer", trainer), ("model", model), ("model", back):
        getattr(lib, "prune_%s_free" % kind)(made)
    for data in train, test:
        lib.prune_tensor_free(data.inputs)
        lib.prune_tensor_free(data.targets)
    line = "ctypes: digits 64-32-10, stopped once, %d weights removed: accuracy %.3f -> %.3f"
    print(line % (removed, dense, pruned))


main()
