"""Measure what a network costs: per picture, and per film frame with every frame predicted.

    python benchmarks/networks.py [--networks lite tiny large FILE.onnx] [--frames 24]

`tiny` and `large` are ONNX networks of about the size of DDColor-T and DDColor-L, with random
weights: the encoders ConvNeXt-T and -L as published, and a decoder of 3 x 3 convolutions with about
as many parameters as DDColor's. Their colors mean nothing; their time does. Other networks are
files, with their own profile.

The film is 640 x 360 with a moving gradient, as one segment without decoding and encoding. Numbers
are CPU seconds of all threads, which are more reliable on a busy machine than the clock: of one
prediction (best of --rounds), and per frame of the film with every frame predicted (`per frame`)
and with the default options (`anchors`); `x` is their ratio. `of lite` is the ratio of the time per
frame with anchors to that of the first network. The peak of memory includes those before it.
"""

import argparse
import os
import platform
import resource
import subprocess
import tempfile
import time
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from onnx import TensorProto, helper, numpy_helper
from overhead import Timed

from colorworker.domain.models import ModelChoice
from colorworker.domain.options import Options
from colorworker.media.containers.probe import scan
from colorworker.model.imported.files import Execution
from colorworker.model.networks import load_networks, resolve_model
from colorworker.pipeline.propagation.propagate import color_frames
from colorworker.settings import apply_environment, tensorflow_environment

ROOT = Path(__file__).parents[1]
SIDE = 512
ENCODERS = {
    "tiny": ((3, 3, 9, 3), (96, 192, 384, 768)),
    "large": ((3, 3, 27, 3), (192, 384, 768, 1536)),
}
"""Blocks and channels of each stage of ConvNeXt. Source: Liu et al., A ConvNet for the 2020s."""
WIDTH = 512
"""Channels of the decoder, as in DDColor."""


class Graph:
    """An ONNX graph under construction; every method returns the name of its result."""

    def __init__(self):
        self.nodes, self.constants, self.parameters = [], [], 0
        self._random = np.random.default_rng(0)

    def add(self, kind, *inputs, **attributes):
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, array):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        self.parameters += array.size
        return name

    def weights(self, *shape):
        fan_in = int(np.prod(shape[1:]))
        values = self._random.standard_normal(shape, np.float32) / np.sqrt(fan_in)
        return self.constant(values.astype(np.float32))

    def conv(self, x, inputs, outputs, kernel, *, stride=1, group=1):
        pad = 0 if kernel == stride else kernel // 2
        w = self.weights(outputs, inputs // group, kernel, kernel)
        b = self.constant(np.zeros(outputs, np.float32))
        return self.add("Conv", x, w, b, strides=[stride] * 2, pads=[pad] * 4, group=group)

    def norm(self, x, channels, axis=-1):
        scale = self.constant(np.ones(channels, np.float32))
        shift = self.constant(np.zeros(channels, np.float32))
        return self.add("LayerNormalization", x, scale, shift, axis=axis)

    def channels_last(self, x):
        return self.add("Transpose", x, perm=[0, 2, 3, 1])

    def channels_first(self, x):
        return self.add("Transpose", x, perm=[0, 3, 1, 2])

    def block(self, x, channels):
        """A block of ConvNeXt."""
        y = self.norm(
            self.channels_last(self.conv(x, channels, channels, 7, group=channels)), channels
        )
        y = self.add("Gelu", self.add("MatMul", y, self.weights(channels, 4 * channels)))
        y = self.add("MatMul", y, self.weights(4 * channels, channels))
        return self.add("Add", x, self.channels_first(y))

    def larger(self, x, times):
        return self.add(
            "Resize", x, "", self.constant(np.float32([1, 1, times, times])), mode="linear"
        )


def ddcolor_like(size):
    """Return the bytes of an ONNX network of DDColor's size, and its number of parameters."""
    graph = Graph()
    depths, channels = ENCODERS[size]
    x = graph.conv("input", 3, channels[0], 4, stride=4)
    for stage, (depth, width) in enumerate(zip(depths, channels, strict=True)):
        if stage:
            x = graph.conv(x, channels[stage - 1], width, 2, stride=2)
        for _ in range(depth):
            x = graph.block(x, width)
    x = graph.larger(graph.conv(x, channels[-1], WIDTH, 1), 2)
    widths = ([WIDTH] * 6, [WIDTH] * 5, [WIDTH, WIDTH // 2, WIDTH // 2])  # at 1/16, 1/8 and 1/4
    for level, sizes in enumerate(widths):
        x = graph.larger(x, 2) if level else x
        for before, after in pairwise(sizes):
            x = graph.add("Relu", graph.conv(x, before, after, 3))
    graph.nodes.append(
        helper.make_node("Identity", [graph.larger(graph.conv(x, WIDTH // 2, 2, 1), 4)], ["output"])
    )
    infos = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, count, SIDE, SIDE))
        for name, count in (("input", 3), ("output", 2))
    ]
    made = helper.make_graph(graph.nodes, size, infos[:1], infos[1:], graph.constants)
    opsets = [helper.make_opsetid("", 20)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=9)
    return model.SerializeToString(), graph.parameters


def frames_of_film(count, width=640, height=360):
    """Yield gray frames with a gradient that moves."""
    columns = np.arange(width, dtype=np.float32)
    for index in range(count):
        frame = av.VideoFrame(width, height, "yuv420p")
        luma = 128 + 60 * np.sin((columns + 3 * index) / 40) + np.arange(height)[:, None] / 12
        for plane, codes in zip(
            frame.planes, (luma, np.full((height // 2, width // 2), 128), None), strict=True
        ):
            rows = np.full((plane.height, plane.line_size), 128, np.uint8)
            if codes is not None:
                rows[:, : plane.width] = np.clip(codes, 16, 235).astype(np.uint8)
            plane.update(rows.tobytes())
        frame.pts, frame.time_base = index, Fraction(1, 25)
        yield frame


def film_info(folder):
    """Return the properties of such a film, from a small one that is written."""
    path = Path(folder) / "film.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for frame in frames_of_film(2):
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with path.open("rb") as reader:
        return scan(reader, path.name)[0]


def film_seconds(colorizer, info, frames, options):
    """Return (CPU seconds per frame, predictions) of coloring the film."""
    timed = Timed(colorizer)
    start = time.process_time()
    done = len(list(color_frames(frames_of_film(frames), frames, info, timed, options, "yuv420p")))
    return (time.process_time() - start) / done, timed.calls


def picture_seconds(colorizer, rounds):
    """Return the best CPU seconds of one prediction at the network's own size."""
    shape = colorizer.working_shape(SIDE, SIDE)
    lightness = np.random.default_rng(0).uniform(0, 100, (1, *shape)).astype(np.float32)
    colorizer.predict(lightness)
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        colorizer.predict(lightness)
        best = min(best, time.process_time() - start)
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--networks", nargs="+", default=["lite", "tiny", "large"])
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    apply_environment(tensorflow_environment(given.threads))
    commit = subprocess.run(
        ["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True
    ).stdout.strip()
    print(f"commit {commit}, {platform.machine()}, {os.cpu_count()} cores, {given.threads} threads")
    print("| network | file, MiB | picture, s | per frame, s | anchors, s | predicted | x | of"
          " first | peak, MiB |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|")
    first = None
    with tempfile.TemporaryDirectory() as folder:
        info = film_info(folder)
        for name in given.networks:
            path = name
            if name in ENCODERS:
                data, parameters = ddcolor_like(name)
                path = f"{folder}/{name}.onnx"
                Path(path).write_bytes(data)
                del data
                name = f"{name}, {parameters / 1e6:.0f} M"
            size = Path(path).stat().st_size / 2**20 if Path(path).exists() else 8
            colorizer = load_networks(
                resolve_model(ModelChoice(path)), Execution(threads=given.threads)
            )
            picture = picture_seconds(colorizer, given.rounds)
            every, _ = film_seconds(
                colorizer, info, given.frames, Options(anchor_interval=1, settle_anchors=0)
            )
            anchored, predicted = film_seconds(colorizer, info, given.frames, Options())
            first = first or anchored
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            ratios = f"{every / anchored:.1f} | {anchored / first:.1f}"
            print(
                f"| {name} | {size:.0f} | {picture:.2f} | {every:.2f} | {anchored:.3f} |"
                f" {predicted} of {given.frames} | {ratios} | {peak:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
