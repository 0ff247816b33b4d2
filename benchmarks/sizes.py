"""Estimate the cost of a larger network: parameters, operations, speed here, GPU hours.

    python benchmarks/sizes.py [--sizes lite:0.5 lite:1 efficientnetv2s:1] [--rounds 5]

Operations are counted from the tables of layers for one picture of 256 x 256; a multiplication and
an addition count as two. Speed is measured on this machine with fresh weights, whose values do not
matter: coloring through the colorizer in batches of 8 at 256 x 256, and training steps (forward,
backward, AdamW; encoder statistics frozen) in batches of 16 at 160 x 160. Prints the best round by
the clock, and CPU seconds of all threads, which are more reliable on a busy machine.

GPU hours are an estimate, not a measurement. They assume 6.4 million pictures at 256 x 256 (five
times ImageNet's), a training step of three times the operations of the forward pass, and a GPU that
reaches 10 TFLOP/s of the 312 (bfloat16) of an A100: narrow layers leave most of it idle.
"""

import argparse
import os
import platform
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from colorworker.model import network
from colorworker.model.architectures import Architecture
from colorworker.model.backbones import BACKBONES
from colorworker.model.colorizer import TensorFlowColorizer
from colorworker.model.layout import convolutions
from colorworker.model.runtime import tf
from colorworker.model.trainable import Trainable, make_trainable
from colorworker.model.trainingbatch import Batch
from colorworker.model.weights import encode_weights, parse

ROOT = Path(__file__).parents[1]
BINS = 259
PICTURES = 6_400_000
TFLOPS_USED = 10.0
COLORING, TRAINING = (8, 256), (16, 160)
"""Pictures per batch, and their height and width."""


@dataclass
class Counter:
    """Applies convolutions to shapes only, and counts their operations."""

    architecture: Architecture
    operations: int = 0

    def __post_init__(self):
        self._items = convolutions(self.architecture, BINS)

    def __call__(self, name, x):
        item = self._items[name]
        batch, height, width, _ = x.shape
        height, width = -(-height // item.stride), -(-width // item.stride)
        each = item.kernel**2 * item.inputs * (item.outputs or 1)
        self.operations += 2 * each * height * width
        return tf.zeros([batch, height, width, item.outputs or item.inputs])


def operations(architecture: Architecture, side: int) -> int:
    """Return the operations of one forward pass over a square picture."""
    counter = Counter(architecture)
    luma, hints = tf.zeros([1, side, side, 1]), tf.zeros([1, side // 4, side // 4, 3])
    features, pooled = network.encode(counter, luma, BACKBONES[architecture.name])
    network.decode(counter, features, pooled, luma, hints)
    return counter.operations


def coloring(net: Trainable):
    """Return a function that colors one batch."""
    weights = parse(encode_weights(net.architecture, net.arrays()), "benchmark", "0" * 64)
    colorizer = TensorFlowColorizer(weights)
    count, side = COLORING
    lightness = np.random.default_rng(0).uniform(0, 100, (count, side, side)).astype(np.float32)
    return lambda: colorizer.predict(lightness)


def training(net: Trainable):
    """Return a function that takes one step."""
    variables = net.model.trainable_variables
    optimizer = keras.optimizers.AdamW(1e-4)
    optimizer.build(variables)
    count, side = TRAINING
    rng = np.random.default_rng(0)
    luma = tf.constant(rng.uniform(-1, 1, (count, side, side, 1)), tf.float32)
    hints = tf.zeros([count, side // 4, side // 4, 3])
    chroma = tf.constant(rng.normal(0, 20, (count, side, side, 2)), tf.float32)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = net.losses(Batch(luma, hints, chroma), training=True)["loss"]
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    return lambda: float(step())


def rates(run, pictures: int, rounds: int) -> tuple[float, float]:
    """Return pictures per second and CPU seconds per picture, best of the rounds."""
    for _ in range(2):
        run()
    walls, cpus = [], []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return pictures / min(walls), min(cpus) / pictures


def row(name: str, width: float, rounds: int) -> str:
    """Return one row of the table."""
    # The encoder needs statistics to freeze; their origin does not change the operations.
    net = make_trainable(Architecture(name, width))
    million = net.model.count_params() / 1e6
    flops = operations(net.architecture, 256)
    colored, color_cpu = rates(coloring(net), COLORING[0], rounds)
    trained, train_cpu = rates(training(net), TRAINING[0], rounds)
    hours = PICTURES * 3 * flops / (TFLOPS_USED * 1e12) / 3600
    return (
        f"| {name} x{width:g} | {million:.1f} | {flops / 1e9:.1f} | {colored:.1f}"
        f" ({color_cpu * 1000:.0f}) | {trained:.1f} ({train_cpu * 1000:.0f}) | {hours:.1f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sizes = ["lite:0.5", "lite:1", "efficientnetv2s:1", "efficientnetv2s:2"]
    parser.add_argument("--sizes", nargs="+", default=sizes)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()

    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    print(f"commit {commit}, {platform.machine()}, {os.cpu_count()} cores, TF {tf.__version__}")
    print(f"coloring {COLORING}, training {TRAINING} (batch, side); (CPU milliseconds a picture)")
    print("| network | parameters, M | GFLOP at 256 | colored/s | trained/s | GPU hours |")
    print("|---|---|---|---|---|---|")
    for size in arguments.sizes:
        name, _, width = size.partition(":")
        print(row(name, float(width or 1), arguments.rounds), flush=True)


if __name__ == "__main__":
    main()
