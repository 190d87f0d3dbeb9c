# torch_peer.py -- what peers.py times of PyTorch: Adam, a dense model for one sample, selection
#
# SPDX-License-Identifier: MIT
import torch
from torch import nn

import peer

torch.set_num_threads(1)
LARGE, SMALL = (784, 300, 100, 10), (20, 10, 10, 1)


def net(widths):
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def training(widths, batch):
    model = net(widths)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-6)
    classes = widths[-1]
    loss = nn.CrossEntropyLoss() if classes > 1 else nn.MSELoss()
    x, y = torch.rand(batch, widths[0]), torch.arange(batch) % classes if classes > 1 else torch.rand(batch, 1)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss(model(x), y).backward()
        optimizer.step()

    return step


def running(widths):
    model, x = net(widths).eval(), torch.rand(1, widths[0])

    def run():
        with torch.no_grad():
            model(x)

    return run


def choosing(count):
    """As torch.nn.utils.prune.global_unstructured chooses: the lowest 90 % of so many scores, and their mask."""
    scores = torch.randn(count).abs()

    def run():
        mask = torch.ones_like(scores)
        mask[torch.topk(scores, k=count * 9 // 10, largest=False).indices] = 0

    return run


peer.serve({
    "train/784-300-100-10/b32": training(LARGE, 32),
    "train/784-300-100-10/b128": training(LARGE, 128),
    "train/784-300-100-10/b512": training(LARGE, 512),
    "train/20-10-10-1/b32": training(SMALL, 32),
    "model/784-300-100-10/s90/b1": running(LARGE),
    "select/1000000": choosing(1000000),
})
