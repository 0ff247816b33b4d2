"""Measure where a film's CPU time goes, and how much is not decoding, predicting or encoding.

    python benchmarks/pipeline.py [--heights 480 1080] [--frames 240] [--rounds 3] [--per-frame]
        [--verify]

Runs the whole job (scan, segments, assembly, records; one worker in this process) on the demo film,
enlarged to each height. Then runs its parts in isolation, on the same frames with the same threads:

- `decode`: decode the source.
- `predict`: predict the pictures that the job predicted, logits to colors included; nothing that
  happens to colors afterwards.
- `color`: everything that turns decoded frames into colored ones: predictions, motion and codes.
- `encode`: encode the frames that the job encoded, as the archive profile kept them.
- `proof`: decode the luma of the lossless film again and compare it, as the job does with
  --verify; only then does it belong to the whole.
- `store`: the job's time in calls of its store and in checksums of part and film; it belongs to the
  rest.

Prints a Markdown table of CPU seconds of all threads per 1000 frames: medians of the rounds, whole
and parts alternating. The first ratio is whole / (decode + predict + encode), the second
whole / (decode + color + encode): what the worker adds to the coloring of frames.

With --per-frame, every frame is predicted and colors follow no motion. With --verify, lossless
parts are decoded again and their luma is compared, as jobs do by default.
"""

import argparse
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import av
import numpy as np
from inline import InlineExecutor

from colorworker.color.colorizerprotocol import Colorizer
from colorworker.domain.options import Options
from colorworker.domain.workersettings import WorkerSettings
from colorworker.driver import Job, run_job
from colorworker.inputs.listing import OpenSource, list_entries
from colorworker.media.codecs.decode import decode_segment
from colorworker.media.codecs.encode import PartWriter
from colorworker.media.codecs.ffv1 import luma_only_header
from colorworker.media.codecs.profiles import encoder_for
from colorworker.media.containers.probe import scan
from colorworker.media.planes import luma_plane
from colorworker.model.colorizer import load_colorizer
from colorworker.model.weights import resolve
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.hashing import sha256_of_file
from colorworker.pipeline.lumacheck import SegmentTally, luma_checksum, verify_part_luma
from colorworker.pipeline.propagation.propagate import color_frames
from colorworker.settings import apply_environment, tensorflow_environment
from colorworker.store.local import LocalStore
from colorworker.store.sources import Source

ROOT = Path(__file__).parents[1]
MEASURED = ("decode", "predict", "color", "encode", "proof", "store", "whole")
RATIOS = ("to_predictions", "to_colors")
CALLS = ("head", "get", "open", "put", "put_file", "publish", "delete")
DEMO = ROOT / "docs/demo/reels/big-buck-bunny.mp4"
PROFILES = ("archive", "access")
"""The lossless profile first, because its output is encoded again."""
ENCODERS = {"archive": "ffv1", "access": "x264"}


@dataclass
class Recorder:
    """A colorizer that remembers the shapes of its predictions."""

    inner: Colorizer
    shapes: list[tuple[int, ...]] = field(default_factory=list)

    def working_shape(self, height, width):
        return self.inner.working_shape(height, width)

    def predict(self, lightness, hints=None):
        self.shapes.append(lightness.shape)
        return self.inner.predict(lightness, hints)


@dataclass
class Metered:
    """A store that adds up the CPU seconds of its calls."""

    inner: LocalStore
    seconds: float = 0.0

    def __getattr__(self, name):
        call = getattr(self.inner, name)
        if name not in CALLS:
            return call

        def metered(*arguments, **options):
            start = time.thread_time()
            try:
                return call(*arguments, **options)
            finally:
                self.seconds += time.thread_time() - start

        return metered


def enlarge(target: Path, height: int, frames: int) -> Path:
    """Write the demo film at another height, in H.264 with a keyframe every 48 frames."""
    with av.open(str(DEMO)) as source, av.open(str(target), "w") as output:
        video = source.streams.video[0]
        width = round(video.width * height / video.height / 2) * 2
        stream = output.add_stream("libx264", rate=video.average_rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = 48
        stream.codec_context.options = {"crf": "18", "preset": "veryfast"}
        for index, frame in enumerate(islice(_repeated(source), frames)):
            large = frame.reformat(width, height, "yuv420p")
            large.pict_type, large.pts, large.time_base = 0, index, 1 / video.average_rate
            output.mux(stream.encode(large))
        output.mux(stream.encode(None))
    return target


def _repeated(source):
    """Yield the film's frames, repeating them without end."""
    while True:
        source.seek(0)
        yield from source.decode(video=0)


def whole_job(
    film: Path, destination: Path, options: Options, recorder: Recorder, *, verify: bool = False
) -> tuple[float, float]:
    """Return CPU seconds of the whole job, with a loaded model, and of its store calls."""
    source = LocalStore(film.parent)
    entries = list_entries([OpenSource(Source(str(film.parent), key=film.name), source)], options)
    model = resolve("lite")
    store = Metered(LocalStore(destination))
    context = WorkerContext(
        store,
        lambda _: source,
        lambda _: recorder,
        model,
        "benchmark",
        WorkerSettings(verify_parts=verify),
    )
    executor = InlineExecutor(context)
    failures: list[str] = []
    start = time.process_time()
    run_job(
        Job("benchmark", entries, options, model),
        executor,
        line=lambda line: failures.extend([line.error] if line.outcome != "succeeded" else []),
    )
    executor.close()
    seconds = time.process_time() - start
    if failures:
        raise SystemExit(failures[0])
    return seconds, store.seconds


def cpu(work) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def decode_alone(film: Path) -> float:
    def work():
        with film.open("rb") as reader:
            info, timeline = scan(reader, film.name)
            reader.seek(0)
            for _ in decode_segment(reader, film.name, info, timeline, int(timeline.pts[0]), None):
                pass

    return cpu(work)


def predict_alone(recorder: Recorder, shapes: list[tuple[int, ...]]) -> float:
    rng = np.random.default_rng(0)
    noise = {shape: rng.uniform(0, 100, shape).astype(np.float32) for shape in set(shapes)}
    return cpu(lambda: [recorder.inner.predict(noise[shape]) for shape in shapes])


def color_alone(film: Path, written: Path, options: Options, colorizer: Colorizer) -> float:
    """Return the CPU seconds of coloring the film's frames, which are already decoded."""
    with film.open("rb") as reader:
        info, timeline = scan(reader, film.name)
        reader.seek(0)
        frames = list(decode_segment(reader, film.name, info, timeline, int(timeline.pts[0]), None))
    pix_fmt = encoder_for(film.name, info, options, written.suffix).pix_fmt
    colored = color_frames(iter(frames), len(frames), info, colorizer, options, pix_fmt)
    frames = []
    return cpu(lambda: deque(colored, maxlen=0))


def encode_alone(film: Path, lossless: Path, options: Options, part: Path) -> float:
    """Return the CPU seconds of encoding the job's frames again, from memory, in chunks.

    They come from a lossless output: frames that a lossy encoder has smoothed encode faster.
    """
    with film.open("rb") as reader:
        info, timeline = scan(reader, film.name)
    spec = encoder_for(film.name, info, options, ".mkv")
    seconds = 0.0
    with av.open(str(lossless)) as container, PartWriter(part, spec, info, timeline) as writer:
        frames = container.decode(container.streams.video[0])
        index = 0
        while chunk := list(islice(frames, 40)):
            for frame in chunk:
                frame.pts = int(timeline.pts[index])
                index += 1
            seconds += cpu(lambda chunk=chunk: [writer.encode(frame) for frame in chunk])
        start = time.process_time()
    return seconds + time.process_time() - start


def prove_alone(film: Path, lossless: Path, options: Options, part: Path) -> float:
    """Return the CPU seconds of comparing the part's luma with the film's; 0 for lossy codecs."""
    with film.open("rb") as reader:
        info, timeline = scan(reader, film.name)
        spec = encoder_for(film.name, info, options, lossless.suffix)
        if not spec.lossless:
            return 0.0
        reader.seek(0)
        frames = decode_segment(reader, film.name, info, timeline, int(timeline.pts[0]), None)
        tally = SegmentTally(luma=[luma_checksum(luma_plane(frame)) for frame in frames])
    header = luma_only_header(spec.pix_fmt, info.width, info.height, spec.options)
    return cpu(lambda: verify_part_luma(part, film.name, tally, header))


@dataclass(frozen=True)
class Round:
    """CPU seconds of one job and of its parts in isolation."""

    decode: float
    predict: float
    color: float
    encode: float
    proof: float
    store: float
    whole: float
    pictures: int

    @property
    def to_predictions(self) -> float:
        return self.whole / (self.decode + self.predict + self.encode)

    @property
    def to_colors(self) -> float:
        return self.whole / (self.decode + self.color + self.encode)


def one_round(
    film: Path,
    destination: Path,
    lossless: Path | None,
    options: Options,
    colorizer: Colorizer,
    *,
    verify: bool,
) -> Round:
    """Run the job and its parts; without `lossless`, the parts use the output of this job."""
    recorder = Recorder(colorizer)
    whole, calls = whole_job(film, destination, options, recorder, verify=verify)
    (written,) = destination.glob("*.m*")
    encoded = lossless or written
    part = destination / "part.nut"
    return Round(
        decode_alone(film),
        predict_alone(recorder, recorder.shapes),
        color_alone(film, written, options, colorizer),
        encode_alone(film, encoded, options, part),
        prove_alone(film, encoded, options, part),
        calls + 2 * cpu(lambda: sha256_of_file(written)),
        whole,
        sum(shape[0] for shape in recorder.shapes),
    )


def row_of(height: int, encoder: str, frames: int, rounds: list[Round]) -> str:
    scale = 1000 / frames
    numbers = [
        statistics.median(getattr(each, name) for each in rounds) * scale for name in MEASURED
    ]
    cells = [f"{height}p", encoder, *(f"{number:.1f}" for number in numbers)]
    for name in RATIOS:
        ratios = sorted(getattr(each, name) for each in rounds)
        cells.append(f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
    cells.append(str(rounds[0].pictures))
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heights", type=int, nargs="+", default=[480, 1080])
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--per-frame", action="store_true")
    parser.add_argument("--verify", action="store_true")
    arguments = parser.parse_args()
    follows = {"anchor_interval": 1, "settle_anchors": 0} if arguments.per_frame else {}
    apply_environment(tensorflow_environment())
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    print(
        f"commit {commit}, {platform.machine()}, {os.cpu_count()} cores, {arguments.frames} frames,"
        f" {arguments.rounds} rounds; CPU s per 1000 frames\n"
    )
    names = (*MEASURED, "whole / parts", "with color", "pictures")
    print(f"| size | encoder | {' | '.join(names)} |\n|---|---|{'---|' * len(names)}", flush=True)
    colorizer = load_colorizer(resolve("lite"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for height in arguments.heights:
            film = enlarge(folder / f"{height}.mkv", height, arguments.frames)
            short = enlarge(folder / f"short-{height}.mkv", height, 24)
            lossless = None
            for profile in PROFILES:
                options = Options(profile=profile, **follows)
                # A first run pays the one-time costs: traces, oneDNN plans, chroma tables.
                whole_job(short, folder / f"warm-{height}-{profile}", options, Recorder(colorizer))
                folders = [
                    folder / f"{height}-{profile}-{number}" for number in range(arguments.rounds)
                ]
                rounds = [
                    one_round(film, each, lossless, options, colorizer, verify=arguments.verify)
                    for each in folders
                ]
                lossless = lossless or next(folders[0].glob("*.mkv"))
                print(row_of(height, ENCODERS[profile], arguments.frames, rounds), flush=True)


if __name__ == "__main__":
    main()
