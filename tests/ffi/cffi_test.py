# cffi_test.py -- the headers' FFI blocks, unchanged, through cffi: two small classes trained and pruned
#
# What cffi sees is what lies between FFI-BEGIN and FFI-END of each header, comments and all. Callbacks go
# both ways: progress, a clock, an allocator, and the bytes of a model. The answer is checked by Python.
#
# SPDX-License-Identifier: MIT
import array
import json
import math
import os
import random
import re
from xml.etree import ElementTree

from cffi import FFI

SAMPLES, INPUTS, HIDDEN, CLASSES = 400, 2, 16, 2


def include_order(path, found):
    """Headers in the order in which a compiler meets their declarations."""
    if path not in found:
        with open(os.path.join("include", path), encoding="ascii") as file:
            text = file.read()
        for other in re.findall(r'^#include "(.*)"', text, re.M):
            include_order(other, found)
        found[path] = text
    return found


def block(path, text):
    parts = re.findall(r"^/\* FFI-BEGIN \*/\n(.*?)^/\* FFI-END \*/$", text, re.M | re.S)
    assert len(parts) == 1, path + ": not exactly one FFI block"
    return parts[0]


headers = {path: text for path, text in include_order("libprune.h", {}).items() if path != "libprune.h"}
assert sorted(headers) == sorted("libprune/" + name for name in os.listdir("include/libprune"))
ffi = FFI()
for path, text in headers.items():
    ffi.cdef(block(path, text))
lib = ffi.dlopen(os.environ["LIBPRUNE"])
declared = [name for name in dir(lib) if name.startswith("prune_")]
missing = [name for name in declared if not hasattr(lib, name)]
assert declared and not missing, "declared, but not exported: " + " ".join(missing)


def ok(status, error=None):
    if status != lib.PRUNE_OK:
        reason = ffi.string(error.reason) if error else None
        raise AssertionError((ffi.string(lib.prune_status_string(status)), reason))


def options(kind, **fields):
    """A struct by its own initialiser, which also says how large it is."""
    made = ffi.new("prune_%s *" % kind)
    getattr(lib, "prune_%s_init" % kind)(made)
    assert made.size == ffi.sizeof("prune_" + kind)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def create(function, kind, *arguments):
    """An object that ends when Python forgets it; its memory comes from Python."""
    out = ffi.new("prune_%s **" % kind)
    ok(function(out, allocator, *arguments))
    return ffi.gc(out[0], getattr(lib, "prune_%s_free" % kind))


blocks, failures = {}, []
libc = FFI()
libc.cdef("void *realloc(void *, size_t); void free(void *);")
heap = libc.dlopen(None)


def failed(_type, value, _traceback):
    failures.append(value)


def address(pointer):
    return int(ffi.cast("uintptr_t", pointer))


@ffi.callback("void *(void *, void *, size_t, size_t)", onerror=failed)
def resize(_user, block, old_size, new_size):
    assert blocks.pop(address(block), 0) == old_size
    if new_size == 0:
        heap.free(block)
        return ffi.NULL
    now = heap.realloc(block, new_size)
    blocks[address(now)] = new_size
    return now


allocator = ffi.new("prune_allocator *", {"resize": resize})


def ring():
    """Points in a square, and whether they lie outside of a circle: arrays of Python's own."""
    draw = random.Random(1)
    x = array.array("f", (draw.uniform(-1, 1) for _ in range(SAMPLES * INPUTS)))
    label = array.array("i", (int(x[2 * i] ** 2 + x[2 * i + 1] ** 2 > 0.5) for i in range(SAMPLES)))
    return x, label


def matrix(dtype, rows, columns, values):
    return create(lib.prune_tensor_matrix, "tensor", dtype, rows, columns, ffi.from_buffer(values))


def train(trainer, data, epochs, stop_at):
    """Fits; a clock of our own makes each look at it last one second."""
    seen, ticks = [], iter(range(10**9, 10**15, 10**9))

    @ffi.callback("uint64_t(void *)", onerror=failed)
    def now(_user):
        return next(ticks)

    @ffi.callback("int32_t(void *, const prune_progress *)", error=1, onerror=failed)
    def progress(user, p):
        assert ffi.from_handle(user) is seen and p.size == ffi.sizeof("prune_progress")
        assert p.trainer == trainer and p.epochs == epochs and abs(p.elapsed - len(seen) - 1) < 1e-6
        seen.append(p.loss)
        return len(seen) == stop_at

    clock = ffi.new("prune_clock *", {"now": now})
    user, error, result = ffi.new_handle(seen), ffi.new("prune_error *"), options("fit_result")
    fit = options("fit_options", epochs=epochs, progress=progress, user=user, clock=clock)
    ok(lib.prune_trainer_fit(result, trainer, data, fit, error), error)
    assert not failures, failures
    assert result.epochs == len(seen) == min(epochs, stop_at) and result.stopped == (epochs >= stop_at)
    assert result.loss == seen[-1]
    return seen


def by_hand(model, row):
    """The same network in plain Python, in double."""
    for layer in range(lib.prune_model_layer_count(model)):
        info = ffi.new("prune_layer_info *", {"size": ffi.sizeof("prune_layer_info")})
        ok(lib.prune_model_layer_info(info, model, layer))
        w, b = lib.prune_model_param(model, 2 * layer), lib.prune_model_param(model, 2 * layer + 1)
        inputs, outputs = len(row), info.output.dims[0]
        row = [b[o] + sum(w[o * inputs + i] * row[i] for i in range(inputs)) for o in range(outputs)]
        if info.activation == lib.PRUNE_RELU:
            row = [max(0.0, v) for v in row]
    return row


def prune_neurons(model, trainer, data):
    scores = create(lib.prune_importance_create, "importance", model, lib.PRUNE_TAYLOR)
    ok(lib.prune_importance_accumulate(scores, trainer, data, ffi.NULL))
    by_layer = ffi.new("uint64_t[2]")
    removal = options("removal", by_layer=by_layer, by_layer_capacity=2)
    neurons = options("selection", granularity=lib.PRUNE_NEURONS)
    ok(lib.prune_mask_fraction(removal, model, scores, neurons, 0.25, lib.PRUNE_OF_ALL))
    assert (removal.units, removal.removed, removal.kept) == (HIDDEN, HIDDEN // 4, HIDDEN - HIDDEN // 4)
    assert list(by_layer) == [HIDDEN // 4, 0]


def read_from_source(model, x, label, wanted):
    """The same metrics from a source that Python reads; what it raises ends the call, and harms nothing."""
    asked, fails = [], []

    @ffi.callback("prune_status(void *, const size_t *, size_t, float *, void *)", error=lib.PRUNE_E_IO,
                  onerror=lambda _type, value, _traceback: fails.append(value))
    def read(_user, samples, count, inputs, targets):
        labels = ffi.cast("int32_t *", targets)
        for i in range(count):
            asked.append(samples[i])
            inputs[2 * i], inputs[2 * i + 1] = x[2 * samples[i]], x[2 * samples[i] + 1]
            labels[i] = label[samples[i]]
        return lib.PRUNE_OK

    source = options("source", samples=SAMPLES, inputs=INPUTS, read=read)
    data, metrics, error = options("data", source=source), options("metrics"), ffi.new("prune_error *")
    ok(lib.prune_evaluate(metrics, model, data, lib.PRUNE_SOFTMAX_CROSS_ENTROPY, error), error)
    assert asked == list(range(SAMPLES)) and not fails
    assert (metrics.samples, metrics.loss, metrics.accuracy) == (wanted.samples, wanted.loss, wanted.accuracy)
    source.samples += 1
    assert lib.prune_evaluate(metrics, model, data, lib.PRUNE_SOFTMAX_CROSS_ENTROPY, error) == lib.PRUNE_E_IO
    assert ffi.string(error.place) == b"source" and isinstance(fails.pop(), IndexError)


def written_and_read(model):
    """Through byte callbacks into Python's memory and back."""
    stored = bytearray()

    @ffi.callback("prune_status(void *, const void *, size_t)", error=lib.PRUNE_E_IO, onerror=failed)
    def write(_user, data, count):
        stored.extend(ffi.buffer(data, count))
        return lib.PRUNE_OK

    @ffi.callback("size_t(void *, uint64_t, void *, size_t)", onerror=failed)
    def read_at(_user, offset, into, count):
        ffi.memmove(into, stored[offset:offset + count], count)
        return count

    writer, error = ffi.new("prune_writer *", {"write": write}), ffi.new("prune_error *")
    ok(lib.prune_model_summary(model, writer))
    assert stored.decode("ascii").count("\n") >= 3
    stored.clear()
    figures, as_json = options("report"), options("report_options", format=lib.PRUNE_REPORT_JSON)
    ok(lib.prune_report_total(figures, model, as_json))
    ok(lib.prune_report_write(model, writer, as_json))
    report = json.loads(stored.decode("ascii"))
    total = report["total"]
    assert (total["nonzeros"], total["macs_kept"]) == (figures.nonzeros, figures.macs_kept)
    assert total["bytes"]["csr"] == figures.bytes[lib.PRUNE_ENCODING_CSR]
    assert abs(total["compression"] - figures.compression) < 1e-8 * figures.compression
    assert len(report["layers"]) == 2 and len(report["idle"]["layers"][0]["removed"]) == HIDDEN // 4
    stored.clear()
    ok(lib.prune_picture_sparsity(writer, model, options("picture_options", title=ffi.new("char[]", b"1 < 2"))))
    picture = ElementTree.fromstring(stored.decode("utf-8"))
    assert "1 < 2" in [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    stored.clear()
    ok(lib.prune_model_write(model, writer, error), error)
    reader = ffi.new("prune_reader *", {"read_at": read_at, "length": len(stored)})
    back = create(lambda out, mem: lib.prune_model_read(out, mem, reader, error), "model")
    stored[-1] ^= 1
    out = ffi.new("prune_model **")
    assert lib.prune_model_read(out, allocator, reader, error) == lib.PRUNE_E_CHECKSUM and out[0] == ffi.NULL
    return back


def predict(model, x):
    y = array.array("f", [0.0]) * (SAMPLES * CLASSES)
    workspace = create(lib.prune_workspace_create, "workspace", model, 64, ffi.NULL)
    inputs, outputs = matrix(lib.PRUNE_F32, SAMPLES, INPUTS, x), matrix(lib.PRUNE_F32, SAMPLES, CLASSES, y)
    ok(lib.prune_predict(outputs, model, workspace, inputs))
    return y


def main():
    assert lib.prune_blas_set_threads(1) in (lib.PRUNE_OK, lib.PRUNE_E_UNSUPPORTED)
    x, label = ring()
    inputs, targets = matrix(lib.PRUNE_F32, SAMPLES, INPUTS, x), matrix(lib.PRUNE_I32, SAMPLES, 1, label)
    data = options("data", inputs=inputs, targets=targets)
    model = create(lib.prune_model_create, "model", INPUTS)
    ok(lib.prune_model_add_dense(model, HIDDEN, lib.PRUNE_RELU))
    ok(lib.prune_model_add_dense(model, CLASSES, lib.PRUNE_LINEAR))
    how = options("trainer_options", learning_rate=0.01)
    trainer = create(lib.prune_trainer_create, "trainer", model, how, ffi.NULL)

    losses = train(trainer, data, 60, 7) + train(trainer, data, 60, 61)
    assert losses[-1] < losses[0] / 2
    prune_neurons(model, trainer, data)
    train(trainer, data, 20, 21)
    metrics = options("metrics")
    ok(lib.prune_evaluate(metrics, model, data, lib.PRUNE_SOFTMAX_CROSS_ENTROPY, ffi.NULL))
    assert metrics.samples == SAMPLES and metrics.accuracy >= 0.9 and math.isnan(metrics.rmse)
    ok(lib.prune_model_verify(model, ffi.NULL))
    read_from_source(model, x, label, metrics)

    y = predict(model, x)
    for i in range(0, SAMPLES, 7):
        for value, wanted in zip(y[2 * i:2 * i + 2], by_hand(model, x[2 * i:2 * i + 2])):
            assert abs(value - wanted) <= 1e-5 * (1 + abs(wanted))
    assert predict(written_and_read(model), x) == y
    return len(declared), len(losses), metrics.accuracy


summary = main()
assert not failures and not blocks, (failures, len(blocks))
print("cffi: %d functions; %d epochs, 4 of 16 neurons removed: accuracy %.3f" % summary)
