"""Measure the training speed of the default network, its parts, and the effect of each switch.

python benchmarks/training.py --data '.../train-*.tar' [--steps 12] [--only parts,switches,workers]

Every line runs in its own process, because TensorFlow reads some switches only once. Steps use real
pictures through the real input; the first ones, which build graphs, are not counted. CPU seconds
are those of the whole process, all threads: compare these on a busy machine.
"""

import argparse
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

WARM = 3
VARIANTS = {
    "as shipped": {},
    "one decoding thread, no prefetching": {"parallel": False},
    "pixels instead of JPEG in the local copy": {"stored_as": "pixels"},
    "oneDNN off": {"onednn": "0"},
    "XLA": {"jit": True},
    "batch 8": {"batch": 8},
    "batch 32": {"batch": 32},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--only", default="parts,switches,workers")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.data, arguments.steps, json.loads(arguments.one))))
        return
    run = partial(spawn, arguments.data, arguments.steps)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    print(f"commit {commit}, {os.cpu_count()} cores, {platform.machine()}, load {os.getloadavg()}")
    if "parts" in arguments.only:
        show_parts(run)
    if "switches" in arguments.only:
        print("\n| switch | pictures/s | ms CPU a picture |\n|---|---|---|")
        for name, how in VARIANTS.items():
            show(name, finish(run(how)))
    if "workers" in arguments.only:
        show_workers(run)


def show_parts(run):
    found = finish(run({"parts": True}))
    print("\n| part | ms CPU a picture | ms wall |\n|---|---|---|")
    for name, (cpu, wall) in found["parts"].items():
        print(f"| {name} | {cpu:.1f} | {wall:.1f} |")


def show_workers(run):
    """Compare one process on two threads with two on one thread each, separate and connected.

    Without the reduction, the two do the rest of a common step: the difference is its share.
    """
    print("\n| workers | pictures/s | ms a step | ms CPU a picture |\n|---|---|---|---|")
    show_step("1, two threads, batch 16", [finish(run({"threads": 2}))])
    alone = [run({"threads": 1, "batch": 8}) for _ in range(2)]
    show_step("2 beside each other, unconnected, batch 8 each", [finish(one) for one in alone])
    for name, reduced in (("without the all-reduce", False), ("as they are", True)):
        ports = [free_port() for _ in range(2)]
        cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
        tied = [
            run({
                "threads": 1,
                "batch": 8,
                "reduced": reduced,
                "cluster": {"cluster": cluster, "task": {"type": "worker", "index": index}},
            })
            for index in range(2)
        ]  # fmt: skip
        show_step(
            f"2 as one training, 8 of 16 pictures each, {name}", [finish(one) for one in tied]
        )


def show_step(name, found):
    """Print the joint speed of processes that ran at the same time, at 16 pictures per step."""
    speed = sum(item["speed"] for item in found)
    cpu = sum(item["cpu"] for item in found) / len(found)
    print(f"| {name} | {speed:.1f} | {16e3 / speed:.0f} | {cpu:.1f} |", flush=True)


def show(name, found):
    print(f"| {name} | {found['speed']:.1f} | {found['cpu']:.1f} |", flush=True)


def spawn(data, steps, how):
    settings = {"TF_ENABLE_ONEDNN_OPTS": how.get("onednn", "1"), "TF_CPP_MIN_LOG_LEVEL": "3"}
    if "threads" in how:
        settings |= {"TF_NUM_INTRAOP_THREADS": how["threads"], "TF_NUM_INTEROP_THREADS": 1}
    if "cluster" in how:
        settings["TF_CONFIG"] = json.dumps(how["cluster"])
    command = ["env", *(f"{name}={value}" for name, value in settings.items()), sys.executable]
    return subprocess.Popen(
        [*command, __file__, "--data", data, "--steps", str(steps), "--one", json.dumps(how)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    out, err = process.communicate()
    if process.returncode:
        raise SystemExit(err[-3000:])
    return json.loads(out.splitlines()[-1])


def measure(data, steps, how):
    from colorworker.model.runtime import tf
    from colorworker.store.openstore import open_store
    from colorworker.store.options import StoreOptions
    from colorworker.training.config import parse_config
    from colorworker.training.dataset import CopyLocation, open_dataset
    from colorworker.training.engine import Engine, World, alone
    from colorworker.training.feed import FeedConfig, training_feed
    from colorworker.training.optimizer import ScheduledValues
    from colorworker.training.order import Order, Position
    from colorworker.training.setup import build, rules_of

    rank = how.get("cluster", {}).get("task", {}).get("index", 0)
    world = alone()
    if "cluster" in how:
        world = World(tf.distribute.MultiWorkerMirroredStrategy(), rank, 2)
        if not how["reduced"]:
            tf.distribute.ReplicaContext.all_reduce = lambda _self, _how, values: values
    batch = how.get("batch", 16)
    changes = {
        "model.weights": "lite",
        "optimizer.batch": batch * world.workers,
        "data.stored_as": how.get("stored_as", "jpeg"),
    }
    config = parse_config("", "benchmark", changes)
    with ExitStack() as stack:
        location = CopyLocation(Path(tempfile.gettempdir()), 1 << 34)
        dataset = open_dataset(data, location, rules_of(config, 10**9), opened=open_store)
        stack.enter_context(closing(dataset))
        pictures = dataset.inventory.train
        recipe = FeedConfig(
            config.picture,
            config.look,
            config.hints,
            0,
            config.data.stored_as,
            how.get("parallel", True),
        )
        order = Order(len(pictures), batch * world.workers, 0)
        indices = order.indices(Position(), rank, world.workers)[: steps + WARM]
        with world.strategy.scope():
            network = build(config, StoreOptions())
        engine = Engine(network, config.optimizer, world, jit=how.get("jit", False))
        feed = training_feed(dataset.local_copy, pictures, indices, 0, recipe)
        pace = ScheduledValues(1e-5, 1e-5, 0.9, 1)
        if how.get("parts"):
            return {"parts": parts(tf, engine, feed, network, batch, steps, pace)}
        for number, batch_data in enumerate(feed):
            if number == WARM:
                begun, cpu = time.monotonic(), time.process_time()
            engine.step(batch_data, pace).numpy()
        done = (len(indices) - WARM) * batch
        return {
            "speed": done / (time.monotonic() - begun),
            "cpu": (time.process_time() - cpu) / done * 1e3,
        }


def parts(tf, engine, feed, network, batch, steps, pace):
    """Return CPU and wall milliseconds per picture of each part of a step, by name."""
    from colorworker.model.trainingbatch import Batch

    trained = [variable.value for variable in network.model.trainable_variables]

    @tf.function
    def forward(*tensors):
        return network.losses(Batch(*tensors), training=True)["loss"]

    @tf.function
    def backward(*tensors):
        with tf.GradientTape() as tape:
            loss = network.losses(Batch(*tensors), training=True)["loss"]
        return [tf.reduce_sum(gradient) for gradient in tape.gradient(loss, trained)]

    @tf.function
    def move():
        engine._optimizer.apply([tf.zeros_like(variable) for variable in trained], numbers)
        return tf.zeros([])

    numbers = [tf.constant(value) for value in engine._optimizer.pace(pace)]

    def timed(call):
        call()
        begun, cpu = time.monotonic(), time.process_time()
        for _ in range(steps):
            call()
        scale = 1e3 / steps / batch
        return (time.process_time() - cpu) * scale, (time.monotonic() - begun) * scale

    held = list(feed.take(1))[0]  # noqa: RUF015 - keeps one batch
    iterator = iter(feed.repeat())
    found = {"input": timed(lambda: next(iterator))}
    found["forward"] = timed(lambda: forward(*held).numpy())
    both_ways = timed(lambda: backward(*held)[0].numpy())
    found["backward"] = tuple(a - b for a, b in zip(both_ways, found["forward"], strict=True))
    found["optimizer and average"] = timed(lambda: move().numpy())
    found["whole step, without input"] = timed(lambda: engine.step(held, pace).numpy())
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    main()
