# SPDX-License-Identifier: Apache-2.0
"""What a batch costs in PhysicsNeMo's DefaultTrainingLoop and in loops of plain PyTorch, for the nets of
bench/training.cpp. Prints one JSON object: microseconds of the processor (on a GPU, of the wall clock) a batch over whole
epochs, the first left out.

usage: training_peers.py [cpu | cuda]      (with nvidia-physicsnemo 2.2.2 and torch)
"""
import json
import logging
import sys
import time
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

import torch  # noqa: E402
from physicsnemo import Module, ModelMetaData  # noqa: E402
from physicsnemo.active_learning.loop import DefaultTrainingLoop  # noqa: E402

torch.set_num_threads(1)
torch.manual_seed(0)
DEVICE = sys.argv[1] if len(sys.argv) > 1 else "cpu"
NETS = [(8, 64, 32, 2048, 8), (8, 256, 256, 4096, 8), (16, 512, 1024, 8192, 3)]  # inputs, width, batch, samples, epochs


def layers(inputs, width):
    return torch.nn.Sequential(
        torch.nn.Linear(inputs, width), torch.nn.SiLU(), torch.nn.Linear(width, width), torch.nn.SiLU(),
        torch.nn.Linear(width, 1))


class Net(Module):
    def __init__(self, inputs, width):
        super().__init__(meta=ModelMetaData(amp=False))
        self.body = layers(inputs, width)

    def forward(self, x):
        return self.body(x)


def now():
    if DEVICE == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def per_batch(train, epochs, batches):
    train(1)
    began = now()
    train(epochs)
    return 1e6 * (now() - began) / (epochs * batches)


def reference(x, y, inputs, width, batch, epochs):
    net = Net(inputs, width).to(DEVICE)
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3)
    loop = DefaultTrainingLoop(use_progress_bars=False, enable_static_capture=False)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=batch, shuffle=True)

    def step(model, rows):
        return torch.nn.functional.mse_loss(model(rows[0]), rows[1])

    return per_batch(lambda n: loop(net, optimizer, loader, max_epochs=n, train_step_fn=step, device=DEVICE,
                                    dtype=torch.float32), epochs, len(loader))


def plain(x, y, inputs, width, batch, epochs, fused):
    net = layers(inputs, width).to(DEVICE)
    x, y = x.to(DEVICE), y.to(DEVICE)
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3, fused=fused)

    def train(count):
        for _ in range(count):
            order = torch.randperm(len(x))
            for rows_x, rows_y in zip(x[order].split(batch), y[order].split(batch)):
                optimizer.zero_grad(set_to_none=True)
                torch.nn.functional.mse_loss(net(rows_x), rows_y).backward()
                optimizer.step()

    return per_batch(train, epochs, len(x) // batch)


report = {}
for inputs, width, batch, samples, epochs in NETS:
    x = torch.randn(samples, inputs)
    y = x.sin().sum(1, keepdim=True)
    report[f"{inputs}-{width}-{width}-1 batch {batch}"] = {
        "reference": reference(x, y, inputs, width, batch, epochs),
        "plain PyTorch": plain(x, y, inputs, width, batch, epochs, False),
        "plain PyTorch, fused": plain(x, y, inputs, width, batch, epochs, True),
    }
print(json.dumps(report))
