"""Count the requests and bytes that a film and a still cost on S3, by phase, against their size.

    python benchmarks/store.py [--megabytes 60] [--segments 6] [--containers mp4 faststart mkv]

A real SeaweedFS holds a generated film of that size (grain, sound, several segments), a small still
and a large one. Each work unit runs on the real stores, with a toy instead of the network. A proxy
in between counts the requests of all methods, and the bytes read, in the answers to GETs.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pyvips

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from colorworker.domain import units  # noqa: E402
from colorworker.domain.options import Asset, Options  # noqa: E402
from colorworker.domain.records import ScanInfo, info_of  # noqa: E402
from colorworker.pipeline.context import WorkerContext  # noqa: E402
from colorworker.pipeline.unit import run_unit  # noqa: E402
from colorworker.store.options import S3Options  # noqa: E402
from colorworker.store.s3 import S3Store  # noqa: E402
from tests import s3server  # noqa: E402
from tests.faultproxy import FaultProxy, proxy  # noqa: E402
from tests.jobharness import TOY_MODEL  # noqa: E402
from tests.toycolorizer import ToyColorizer  # noqa: E402

MIB = 1 << 20
WIDTH, HEIGHT, RATE = 320, 240, 24
FRAMES_PER_SEGMENT = 240
KEYFRAME_EVERY = 48
FILES = {"mp4": "film.mp4", "faststart": "started.mp4", "mkv": "film.mkv"}


@dataclass(frozen=True)
class Cost:
    """Requests of one phase by method, and the bytes read."""

    methods: Counter[str]
    read_bytes: int

    @property
    def requests(self) -> int:
        return self.methods.total()

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.methods + other.methods, self.read_bytes + other.read_bytes)


def frames(count: int, grain: float) -> Iterator[av.VideoFrame]:
    """Yield gray frames of moving stripes with film grain."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, grain, (16, HEIGHT, WIDTH))
    _, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    for index in range(count):
        picture = 110 + 60 * np.sin((columns + index) / 40) + noise[index * 7 % 16]
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        frame.planes[0].update(np.clip(picture, 16, 235).astype(np.uint8).tobytes())
        for plane in frame.planes[1:]:
            plane.update(b"\x80" * plane.buffer_size)
        frame.pts, frame.time_base = index, Fraction(1, RATE)
        yield frame


def make_film(path: Path, size_bytes: int, segments: int, options: dict[str, str]) -> Path:
    """Write a film with sound of about that size."""
    count = FRAMES_PER_SEGMENT * segments
    bit_rate = int(size_bytes * 8 * RATE / count)
    with av.open(str(path), "w", container_options=options) as output:
        picture = output.add_stream("libx264", rate=RATE)
        picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        picture.codec_context.gop_size = KEYFRAME_EVERY
        picture.codec_context.bit_rate = bit_rate
        picture.codec_context.options = {
            "preset": "ultrafast", "maxrate": str(bit_rate), "bufsize": str(bit_rate // 4),
        }  # fmt: skip
        sound = output.add_stream("aac", rate=48_000)
        sound.layout = "stereo"
        for frame in frames(count, 30.0):
            output.mux(picture.encode(frame))
            tone = np.random.default_rng(frame.pts).integers(-9000, 9000, (1, 4000), np.int16)
            block = av.AudioFrame.from_ndarray(tone, "s16", "stereo")
            block.sample_rate, block.pts, block.time_base = (
                48_000, frame.pts * 2000, Fraction(1, 48_000),
            )  # fmt: skip
            output.mux(sound.encode(block))
        output.mux(picture.encode(None))
        output.mux(sound.encode(None))
    return path


def make_still(path: Path, side: int) -> Path:
    """Write a 16-bit TIFF that does not compress."""
    noise = np.random.default_rng(0).integers(0, 1 << 16, (side, side), np.uint16)
    image = pyvips.Image.new_from_array(noise).copy(interpretation="grey16")
    image.write_to_file(str(path), compression="none")
    return path


class Counted:
    """Runs work units through a counting proxy."""

    def __init__(self, between: FaultProxy, context: WorkerContext) -> None:
        self._between = between
        self._context = context
        self.sources: dict[str, int] = {}

    def run(self, unit, source: str):
        """Run a unit; return its record and its costs at the source and at the destination."""
        self._between.reset()
        result = run_unit(self._context, unit, 1)
        result = result.stills[0] if result.stills else result
        if result.record is None:
            raise SystemExit(result.error)
        seen = list(self._between.passed)
        at_source = [item for item in seen if item.path.startswith(f"/{source}/")]
        at_destination = [item for item in seen if not item.path.startswith(f"/{source}/")]
        return result.record, cost(at_source), cost(at_destination)


def cost(seen) -> Cost:
    return Cost(
        Counter(item.method for item in seen),
        sum(item.sent_bytes for item in seen if item.method == "GET"),
    )


def film_rows(counted: Counted, asset: Asset, source: str, options: Options):
    """Yield (phase, cost at the source, cost at the destination) of one film."""
    scan = units.scan(asset, asset.key, options, TOY_MODEL)
    record, *costs = counted.run(scan, source)
    yield ("scan", *costs)
    segments = units.segments(
        asset, list(info_of(record, ScanInfo).cuts), scan.unit_id, options, TOY_MODEL
    )
    for segment in segments:
        _, *costs = counted.run(segment, source)
        yield (f"segment {segment.index}", *costs)
    _, *costs = counted.run(units.assembly(scan, segments), source)
    yield ("assembly", *costs)


def show(name: str, at_source: Cost, at_destination: Cost | None, size: int) -> None:
    line = (
        f"  {name:10s} source: {at_source.requests:4d} requests {at_source.read_bytes / MIB:8.2f}"
        f" MiB = {at_source.read_bytes / size:5.3f} x"
    )
    if at_destination:
        methods = ", ".join(f"{n} {name}" for name, n in sorted(at_destination.methods.items()))
        line += f" | destination: {methods}; {at_destination.read_bytes / MIB:.2f} MiB read"
    print(line, flush=True)


def film(counted: Counted, asset: Asset, source: str, options: Options) -> None:
    """Run a film and print its table."""
    rows = list(film_rows(counted, asset, source, options))
    print(f"{asset.key}: {asset.size_bytes / MIB:.1f} MiB, {len(rows) - 2} segments")
    for row in rows:
        show(*row, asset.size_bytes)
    pieces = [row[1] for row in rows if row[0].startswith("segment")]
    together = sum(pieces[1:], pieces[0])
    whole = sum((row[1] for row in rows[1:]), rows[0][1])
    show("segments", together, None, asset.size_bytes)
    show("all", whole, None, asset.size_bytes)
    allowed = asset.size_bytes / MIB + 4 * len(pieces)
    print(
        f"  requests allowed a pass (1 a MiB + 4 a segment): {allowed:.0f};"
        f" scan {rows[0][1].requests}, segments {together.requests}, assembly"
        f" {rows[-1][1].requests}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=60.0)
    parser.add_argument("--segments", type=int, default=6)
    parser.add_argument("--containers", nargs="+", default=["mp4", "faststart", "mkv"])
    parser.add_argument("--still-sides", type=int, nargs="+", default=[1000, 4000])
    arguments = parser.parse_args()
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    print(f"commit {commit}, {platform.machine()}, {os.cpu_count()} cores")
    with (
        tempfile.TemporaryDirectory() as name,
        _server(Path(name)) as server,
        proxy(server.url) as between,
    ):
        _measure(arguments, Path(name), server, between)


@contextmanager
def _server(folder: Path) -> Iterator[s3server.S3Server]:
    (folder / "weed").mkdir()
    server = s3server.start_server(folder / "weed")
    os.environ.update(s3server.environment(server.url))  # noqa: TID251 - boto3 reads it
    try:
        yield server
    finally:
        server.stop()


def _measure(
    arguments: argparse.Namespace, folder: Path, server: s3server.S3Server, between: FaultProxy
) -> None:
    source, destination = server.make_bucket(), server.make_bucket()
    for path in _inputs(arguments, folder):
        with closing(S3Store(source, options=S3Options(endpoint_url=server.url))) as store:
            store.put_file(path.name, path)
    options = Options(segment_frames=FRAMES_PER_SEGMENT)
    passing = S3Options(endpoint_url=between.url)
    with (
        closing(S3Store(source, options=passing)) as archive,
        closing(S3Store(destination, options=passing)) as color,
    ):
        context = WorkerContext(
            color, lambda _: archive, lambda _: ToyColorizer(), TOY_MODEL, "benchmark"
        )
        counted = Counted(between, context)
        infos = sorted(archive.list(), key=lambda info: info.key)
        print(f"list: {len(between.passed)} requests for {len(infos)} objects")
        for info in infos:
            kind = "still" if info.key.endswith(".tif") else "film"
            asset = Asset(archive.uri, info.key, kind, info.size_bytes, info.etag)
            if kind == "still":
                unit = units.image_batch((units.still(asset, info.key, options, TOY_MODEL),))
                _, *costs = counted.run(unit, source)
                print(f"{info.key}: {info.size_bytes / MIB:.1f} MiB")
                show("still", *costs, info.size_bytes)
            else:
                tracemalloc.start()
                film(counted, asset, source, options)
                print(f"  Python's peak: {tracemalloc.get_traced_memory()[1] / MIB:.0f} MiB")
                tracemalloc.stop()


def _inputs(arguments: argparse.Namespace, folder: Path) -> Iterator[Path]:
    for container in arguments.containers:
        more = {"movflags": "+faststart"} if container == "faststart" else {}
        yield make_film(
            folder / FILES[container], int(arguments.megabytes * 1e6), arguments.segments, more
        )
    for side in arguments.still_sides:
        yield make_still(folder / f"still-{side}.tif", side)


if __name__ == "__main__":
    main()
