-- luajit_test.lua -- the digits from LuaJIT, through the headers' FFI blocks as they stand
--
-- Trains 64-32-10, is stopped by a progress callback, goes on, removes 80 % of the weights by their Taylor
-- scores, fine-tunes with a loop of its own over the step functions, predicts, saves and loads. Tensors lie
-- around LuaJIT's arrays; nothing is copied.
--
-- SPDX-License-Identifier: MIT
local ffi = require("ffi")

local PIXELS, HIDDEN, CLASSES, TRAINED, BATCH = 64, 32, 10, 1500, 50
local BATCHES = TRAINED / BATCH

local function contents(path)
    local file = assert(io.open(path, "rb"))
    local text = file:read("*a")
    file:close()
    return text
end

-- Hands each header's block to the parser, after those of the headers that it includes.
local function declare(path, seen)
    if seen[path] then return end
    seen[path] = true
    local text = contents("include/" .. path)
    for other in text:gmatch('\n#include "([^"]+)"') do declare(other, seen) end
    if path == "libprune.h" then return end
    local block, more = text:match("\n/%* FFI%-BEGIN %*/\n(.-)\n/%* FFI%-END %*/\n(.*)")
    assert(block and not more:find("FFI-BEGIN", 1, true), path .. ": not exactly one FFI block")
    ffi.cdef(block)
end

declare("libprune.h", {})
local lib = ffi.load(assert(os.getenv("LIBPRUNE"), "LIBPRUNE is not set"))
package.loaded.libprune = lib -- so that it outlives the objects whose finalizers it has, also after an error

local function ok(status, err)
    if status ~= lib.PRUNE_OK then
        local where = err and ffi.string(err.place) .. ": " .. ffi.string(err.reason) or ""
        error(ffi.string(lib.prune_status_string(status)) .. " " .. where, 2)
    end
end

-- A struct by its own initialiser, which also says how large it is.
local function options(kind, fields)
    local made = ffi.new("prune_" .. kind)
    lib["prune_" .. kind .. "_init"](made)
    assert(made.size == ffi.sizeof(made), kind)
    for name, value in pairs(fields or {}) do made[name] = value end
    return made
end

-- An object that ends when Lua forgets it.
local function create(call, kind, ...)
    local out = ffi.new("prune_" .. kind .. " *[1]")
    ok(lib["prune_" .. call](out, nil, ...))
    return ffi.gc(out[0], lib["prune_" .. kind .. "_free"])
end

-- Every sixth sample at the end, so that what is held out has all writers.
local function digits()
    local order, held_out = {}, {}
    for digit, image in contents("bench/digits.txt"):gmatch("\n(%d) (%w+)") do
        local to = (#order + #held_out) % 6 == 5 and held_out or order
        to[#to + 1] = { tonumber(digit), image }
    end
    for _, sample in ipairs(held_out) do order[#order + 1] = sample end
    local x, labels = ffi.new("float[?]", #order * PIXELS), ffi.new("int32_t[?]", #order)
    for i, sample in ipairs(order) do
        labels[i - 1] = sample[1]
        for j = 1, PIXELS do x[(i - 1) * PIXELS + j - 1] = tonumber(sample[2]:sub(j, j), 17) / 16 end
    end
    return x, labels, #order
end

local function matrix(dtype, rows, columns, values)
    local tensor = create("tensor_matrix", "tensor", dtype, rows, columns, values)
    assert(lib.prune_tensor_data(tensor) == ffi.cast("void *", values))
    return tensor
end

-- `count` samples where they lie; the tensors are kept beside the struct that borrows them.
local function part(x, labels, first, count)
    local inputs = matrix(lib.PRUNE_F32, count, PIXELS, x + first * PIXELS)
    local targets = matrix(lib.PRUNE_I32, count, 1, labels + first)
    return { inputs = inputs, targets = targets, count = count,
             view = options("data", { inputs = inputs, targets = targets }) }
end

-- Calls that call back into Lua must not be compiled: see "Callbacks" in LuaJIT's manual.
local function fit(trainer, data, epochs, stop_after)
    local losses, wrong = {}, nil
    local function look(user, p)
        losses[#losses + 1] = p.loss
        if p.size ~= ffi.sizeof("prune_progress") or p.trainer ~= trainer or p.epochs ~= epochs
            or p.batches ~= BATCHES or user ~= ffi.cast("void *", 7) then
            wrong = "a progress struct that is not as declared"
        end
        return #losses == stop_after and 1 or 0
    end
    local progress = ffi.cast("int32_t (*)(void *, const prune_progress *)", look)
    local result, err = options("fit_result"), ffi.new("prune_error")
    local fields = { epochs = epochs, progress = progress, user = ffi.cast("void *", 7), progress_every = 20 }
    local status = lib.prune_trainer_fit(result, trainer, data.view, options("fit_options", fields), err)
    progress:free()
    ok(status, err)
    assert(not wrong, wrong)
    return losses, result
end
jit.off(fit, true)

-- Two looks an epoch: the third is after 20 batches of the second.
local function check_stop(trainer, data)
    local losses, result = fit(trainer, data, 10, 3)
    assert(#losses == 3 and result.stopped == 1 and result.epochs == 1)
    assert(result.steps == BATCHES + 20 and lib.prune_trainer_steps(trainer) == result.steps)
    return losses
end

local function accuracy(model, data)
    local metrics = options("metrics")
    ok(lib.prune_evaluate(metrics, model, data.view, lib.PRUNE_SOFTMAX_CROSS_ENTROPY, nil))
    assert(metrics.samples == data.count and metrics.mae ~= metrics.mae)
    return metrics.accuracy
end

-- Removes up to `fraction` of all weights, `before` of which are gone; returns how many are gone now.
local function remove(model, trainer, data, before, fraction)
    local scores = create("importance_create", "importance", model, lib.PRUNE_TAYLOR)
    local err = ffi.new("prune_error")
    ok(lib.prune_importance_accumulate(scores, trainer, data.view, err), err)
    local by_layer = ffi.new("uint64_t[2]")
    local removal = options("removal", { by_layer = by_layer, by_layer_capacity = 2 })
    ok(lib.prune_mask_fraction(removal, model, scores, options("selection"), fraction, lib.PRUNE_OF_ALL))
    local weights, count = (PIXELS + CLASSES) * HIDDEN, ffi.new("uint64_t[1]")
    ok(lib.prune_fraction_count(count, fraction, weights))
    assert(math.abs(tonumber(count[0]) - fraction * weights) <= 0.5)
    assert(removal.units == weights and removal.removed == count[0] - before)
    assert(removal.kept == weights - count[0] and by_layer[0] + by_layer[1] == removal.removed)
    return tonumber(count[0])
end

-- As many bits are 0 as weights were removed, all in weight matrices, and what they hide is exactly 0.
local function check_masks(model, removed)
    local err, gone = ffi.new("prune_error"), 0
    ok(lib.prune_model_verify(model, err), err)
    for param = 0, tonumber(lib.prune_model_param_count(model)) - 1 do
        local info = ffi.new("prune_param_info", { size = ffi.sizeof("prune_param_info") })
        ok(lib.prune_model_param_info(info, model, param))
        local count, values = tonumber(info.count), lib.prune_model_param(model, param)
        local bits = ffi.new("uint8_t[?]", count)
        ok(lib.prune_mask_get(bits, count, model, param))
        for i = 0, count - 1 do
            assert(bits[i] == 1 or (info.prunable == 1 and values[i] == 0))
            gone = gone + 1 - bits[i]
        end
    end
    assert(gone == removed)
end

-- The user's own loop: batches in their order, a step each.
local function fine_tune(trainer, data, x, labels, epochs)
    local loss, mean = ffi.new("float[1]"), nil
    for _ = 1, epochs do
        mean = 0
        for first = 0, data.count - 1, BATCH do
            local batch = part(x, labels, first, BATCH)
            ok(lib.prune_trainer_step(loss, trainer, batch.inputs, batch.targets))
            mean = mean + loss[0] / BATCHES
        end
    end
    return mean
end

-- A label that is no class: refused by name before any step.
local function check_refusal(trainer, data, labels)
    local err, steps, was = ffi.new("prune_error"), lib.prune_trainer_steps(trainer), labels[17]
    labels[17] = CLASSES
    assert(lib.prune_trainer_fit(nil, trainer, data.view, nil, err) == lib.PRUNE_E_LABEL)
    labels[17] = was
    assert(err.status == lib.PRUNE_E_LABEL and ffi.string(err.place):find("17", 1, true))
    assert(ffi.string(err.reason) ~= "" and lib.prune_trainer_steps(trainer) == steps)
end

local function predict(model, data)
    local y = ffi.new("float[?]", data.count * CLASSES)
    local workspace = create("workspace_create", "workspace", model, BATCH, nil)
    ok(lib.prune_predict(matrix(lib.PRUNE_F32, data.count, CLASSES, y), model, workspace, data.inputs))
    return y
end

local function check_predictions(y, labels, count, wanted)
    local right = 0
    for i = 0, count - 1 do
        local best = 0
        for class = 1, CLASSES - 1 do
            if y[i * CLASSES + class] > y[i * CLASSES + best] then best = class end
        end
        if best == labels[i] then right = right + 1 end
    end
    assert(right / count == wanted)
end

local function reloaded(model)
    local path, err, out = os.tmpname(), ffi.new("prune_error"), ffi.new("prune_model *[1]")
    local saved = lib.prune_model_save(model, path, err)
    local loaded = lib.prune_model_load(out, nil, path, err)
    os.remove(path)
    ok(saved, err)
    ok(loaded, err)
    return ffi.gc(out[0], lib.prune_model_free)
end

local function main()
    local threads = lib.prune_blas_set_threads(1)
    assert(threads == lib.PRUNE_OK or threads == lib.PRUNE_E_UNSUPPORTED)
    local x, labels, samples = digits()
    local train, test = part(x, labels, 0, TRAINED), part(x, labels, TRAINED, samples - TRAINED)
    local model = create("model_create", "model", PIXELS)
    ok(lib.prune_model_add_dense(model, HIDDEN, lib.PRUNE_RELU))
    ok(lib.prune_model_add_dense(model, CLASSES, lib.PRUNE_LINEAR))
    local how = options("trainer_options", { learning_rate = 0.005, l2 = 0.001, max_batch = BATCH })
    local trainer = create("trainer_create", "trainer", model, how, nil)

    local first = check_stop(trainer, train)
    local losses, result = fit(trainer, train, 20)
    assert(result.stopped == 0 and result.epochs == 20 and result.loss == losses[#losses])
    assert(result.loss < first[#first] and first[#first] < first[1])
    local dense, removed = accuracy(model, test), 0
    for _, fraction in ipairs { 0.5, 0.8 } do
        removed = remove(model, trainer, train, removed, fraction)
        check_masks(model, removed)
        assert(fine_tune(trainer, train, x, labels, 10) < first[1])
        check_masks(model, removed)
    end
    local pruned = accuracy(model, test)
    assert(dense >= 0.9 and pruned >= 0.9, dense .. " " .. pruned)
    check_refusal(trainer, train, labels)

    local y = predict(model, test)
    check_predictions(y, labels + TRAINED, test.count, pruned)
    local back = reloaded(model)
    local again = predict(back, test)
    for i = 0, test.count * CLASSES - 1 do assert(again[i] == y[i]) end
    check_masks(back, removed)
    local line = "luajit: digits 64-32-10, stopped once, %d weights removed: accuracy %.3f -> %.3f"
    print(line:format(removed, dense, pruned))
end

main()
