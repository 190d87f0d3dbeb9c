# numpy_peer.py -- what peers.py times of NumPy: training by hand with Adam, a dense model for one sample, selection
#
# SPDX-License-Identifier: MIT
import numpy as np

import peer

LARGE, SMALL = (784, 300, 100, 10), (20, 10, 10, 1)
RATE, BETA1, BETA2, EPSILON = 1e-6, 0.9, 0.999, 1e-8


def parameters(widths):
    rng = np.random.default_rng(1)
    for inputs, outputs in zip(widths, widths[1:]):
        yield rng.normal(0, (2 / inputs) ** 0.5, (inputs, outputs)).astype(np.float32), np.zeros(outputs, np.float32)


def forward(layers, x):
    """What each layer gives, the inputs first."""
    values = [x]
    for i, (w, b) in enumerate(layers):
        z = values[-1] @ w + b
        values.append(np.maximum(z, 0) if i + 1 < len(layers) else z)
    return values


class Adam:
    def __init__(self, params):
        self.params, self.step = params, 0
        self.m, self.v = [np.zeros_like(p) for p in params], [np.zeros_like(p) for p in params]

    def update(self, gradients):
        self.step += 1
        rate = RATE * (1 - BETA2 ** self.step) ** 0.5 / (1 - BETA1 ** self.step)
        for p, g, m, v in zip(self.params, gradients, self.m, self.v):
            m *= BETA1
            m += (1 - BETA1) * g
            v *= BETA2
            v += (1 - BETA2) * g * g
            p -= rate * m / (np.sqrt(v) + EPSILON)


def slope(outputs, targets):
    """Of softmax cross-entropy, or of squares of one output."""
    if outputs.shape[1] > 1:
        e = np.exp(outputs - outputs.max(1, keepdims=True))
        outputs = e / e.sum(1, keepdims=True)
    return (outputs - targets) / len(outputs)


def training(widths, batch):
    layers = list(parameters(widths))
    adam = Adam([p for layer in layers for p in layer])
    x = np.random.default_rng(2).random((batch, widths[0]), np.float32)
    classes = widths[-1]
    y = np.eye(classes, dtype=np.float32)[np.arange(batch) % classes] if classes > 1 else x[:, :1]

    def step():
        values, gradients = forward(layers, x), []
        d = slope(values[-1], y)
        for i in reversed(range(len(layers))):
            gradients = [values[i].T @ d, d.sum(0), *gradients]
            if i:
                d = (d @ layers[i][0].T) * (values[i] > 0)
        adam.update(gradients)

    return step


def running(widths):
    layers, x = list(parameters(widths)), np.random.default_rng(2).random((1, widths[0]), np.float32)
    return lambda: forward(layers, x)


def choosing(count):
    """The lowest 90 % of so many scores, and a mask without them."""
    scores, removed = np.abs(np.random.default_rng(3).normal(size=count).astype(np.float32)), count * 9 // 10

    def run():
        return scores > np.partition(scores, removed - 1)[removed - 1]

    return run


peer.serve({
    "train/784-300-100-10/b32": training(LARGE, 32),
    "train/784-300-100-10/b128": training(LARGE, 128),
    "train/784-300-100-10/b512": training(LARGE, 512),
    "train/20-10-10-1/b32": training(SMALL, 32),
    "model/784-300-100-10/s90/b1": running(LARGE),
    "select/1000000": choosing(1000000),
})
