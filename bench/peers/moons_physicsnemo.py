# SPDX-License-Identifier: Apache-2.0
"""The moons campaign on PhysicsNeMo's active_learning: same sizes as examples/01_moons. Prints one JSON object.

usage: moons_physicsnemo.py DIRECTORY      (with nvidia-physicsnemo 2.2.2 and torch)
"""
import json
import logging
import math
import queue
import sys
import time
import warnings

began = time.time()
warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

import torch  # noqa: E402
from physicsnemo import Module, ModelMetaData  # noqa: E402
from physicsnemo.active_learning import Driver, registry  # noqa: E402
from physicsnemo.active_learning import config as settings  # noqa: E402
from physicsnemo.active_learning.loop import DefaultTrainingLoop  # noqa: E402
from physicsnemo.active_learning.protocols import LabelStrategy, MetrologyStrategy, QueryStrategy  # noqa: E402

torch.set_num_threads(1)
torch.manual_seed(0)
loaded = time.time()


class Net(Module):
    def __init__(self):
        super().__init__(meta=ModelMetaData(amp=False))
        self.body = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.SiLU(), torch.nn.Linear(16, 1))

    def forward(self, x):
        return self.body(x)


class Points(torch.utils.data.Dataset):
    """1,000 points of two noisy moons, 70 % of class 0, the first 50 labeled."""

    def __init__(self):
        turn = math.pi * torch.rand(1000)
        upper = torch.arange(1000) < 700
        x = torch.where(upper, turn.cos(), 1 - turn.cos())
        y = torch.where(upper, turn.sin(), 0.5 - turn.sin())
        order = torch.randperm(1000)
        self.points = (torch.stack([x, y], 1) + 0.25 * torch.randn(1000, 2))[order]
        self.classes = (~upper).float()[order]
        self.labeled = list(range(50))

    def unlabeled(self):
        known = set(self.labeled)
        return [i for i in range(1000) if i not in known]

    def __len__(self):
        return len(self.labeled)

    def __getitem__(self, i):
        return self.points[self.labeled[i]], self.classes[self.labeled[i]]

    def append(self, i):
        self.labeled.append(i)


class Attached:
    def __init__(self):
        pass

    def attach(self, driver):
        self.driver = driver

    @property
    def is_attached(self):
        return hasattr(self, "driver")


@registry.register("LeastSure")
class LeastSure(Attached, QueryStrategy):
    def __init__(self, max_samples):
        self.max_samples = max_samples

    def sample(self, query_queue):
        pool = self.driver.train_datapool
        rows = pool.unlabeled()
        with torch.no_grad():
            chance = torch.sigmoid(self.driver.learner(pool.points[rows])).squeeze(-1)
        for i in (chance - 0.5).abs().argsort()[: self.max_samples].tolist():
            query_queue.put(rows[i])


@registry.register("LookUp")
class LookUp(Attached, LabelStrategy):
    __is_external_process__ = False

    def label(self, queue_to_label, serialize_queue):
        while not queue_to_label.empty():
            serialize_queue.put(queue_to_label.get())


@registry.register("Scores")
class Scores(Attached, MetrologyStrategy):
    def __init__(self):
        self.records = []

    def compute(self, *args, **kwargs):
        pool = self.driver.train_datapool
        with torch.no_grad():
            says = self.driver.learner(pool.points).squeeze(-1) > 0
        truth = pool.classes > 0.5
        hits = (says & truth).sum().item()
        self.records.append({"precision": hits / max(1, says.sum().item()), "recall": hits / truth.sum().item()})

    def serialize_records(self, *args, **kwargs):
        pass

    def load_records(self, *args, **kwargs):
        pass


def loss_of(model, batch):
    x, y = batch
    return torch.nn.functional.binary_cross_entropy_with_logits(model(x).squeeze(-1), y)


points, scores = Points(), Scores()
driver = Driver(
    config=settings.DriverConfig(batch_size=16, max_active_learning_steps=70, fine_tuning_lr=0.005,
                                 device=torch.device("cpu"), root_log_dir=sys.argv[1]),
    learner=Net(),
    strategies_config=settings.StrategiesConfig(query_strategies=[LeastSure(max_samples=10)], queue_cls=queue.Queue,
                                                label_strategy=LookUp(), metrology_strategies=[scores]),
    training_config=settings.TrainingConfig(
        train_datapool=points,
        optimizer_config=settings.OptimizerConfig(torch.optim.SGD, optimizer_kwargs={"lr": 0.01}),
        max_training_epochs=30, max_fine_tuning_epochs=30,
        train_loop_fn=DefaultTrainingLoop(use_progress_bars=False, enable_static_capture=False)))
driver(train_step_fn=loss_of)
if len(points) != 750:
    sys.exit(f"expected 750 labeled points, got {len(points)}")
print(json.dumps({"load": loaded - began, "total": time.time() - began, "last": scores.records[-1]}))
