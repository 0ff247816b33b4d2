"""Where a film's CPU time goes, and how much of it is not decoding, predicting or encoding.

    python benchmarks/pipeline.py [--heights 480 1080] [--frames 132]

The whole job (scan, segments, assembly, records; one worker in this process) is run on the demo
film enlarged to each height, then its parts alone on the same frames: decode the source, predict as
often as the job did, encode what the job wrote. CPU seconds of all threads, per 1000 frames.
"""

import argparse
import os
import platform
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import av
import numpy as np

from colorworker.cluster.inprocess import InProcessExecutor
from colorworker.cluster.worker import once
from colorworker.driver import Job, run_job
from colorworker.listing import OpenSource, list_entries
from colorworker.media.decode import decode_segment
from colorworker.media.encode import PartWriter
from colorworker.media.probe import scan
from colorworker.media.profiles import encoder_for
from colorworker.model.colorizer import load_colorizer
from colorworker.model.weights import resolve
from colorworker.pipeline.workshop import Colorizer, Workshop
from colorworker.settings import apply_environment, tensorflow_environment
from colorworker.store.local import LocalStore
from colorworker.store.sources import Source
from colorworker.work.job import Options

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "docs/demo/reels/big-buck-bunny.mp4"
PROFILES = ("archive", "access")
ENCODERS = {"archive": "ffv1", "access": "x264"}


@dataclass
class Recorder:
    """A colorizer that remembers the shapes it was asked for."""

    inner: Colorizer
    shapes: list[tuple[int, ...]] = field(default_factory=list)

    def working_shape(self, height, width):
        return self.inner.working_shape(height, width)

    def predict(self, lightness, hints=None):
        self.shapes.append(lightness.shape)
        return self.inner.predict(lightness, hints)


def enlarge(target: Path, height: int, frames: int) -> Path:
    """Write the demo film at another height, as H.264 with a keyframe every 48 frames."""
    with av.open(str(DEMO)) as source, av.open(str(target), "w") as output:
        video = source.streams.video[0]
        width = round(video.width * height / video.height / 2) * 2
        stream = output.add_stream("libx264", rate=video.average_rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = 48
        stream.codec_context.options = {"crf": "18", "preset": "veryfast"}
        for frame in islice(source.decode(video), frames):
            large = frame.reformat(width, height, "yuv420p")
            large.pict_type = 0
            output.mux(stream.encode(large))
        output.mux(stream.encode(None))
    return target


def whole_job(film: Path, destination: Path, options: Options, recorder: Recorder) -> float:
    """Return the CPU seconds of the whole job, the model loaded beforehand."""
    source = LocalStore(film.parent)
    entries = list_entries(
        [OpenSource(Source(str(film.parent), key=film.name), source)], options.profile
    )
    model = resolve("lite")
    workshop = Workshop(
        LocalStore(destination),
        lambda _: source,
        once(lambda: recorder),
        options,
        model,
        "benchmark",
    )
    executor = InProcessExecutor(workshop, 1)
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
    return seconds


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


def encode_alone(film: Path, written: Path, options: Options, part: Path) -> float:
    """Return the CPU seconds of encoding the job's own output again, from memory, in chunks."""
    with film.open("rb") as reader:
        info, timeline = scan(reader, film.name)
    spec = encoder_for(film.name, info, options, written.suffix)
    seconds = 0.0
    with av.open(str(written)) as container, PartWriter(part, spec, info, timeline) as writer:
        frames = container.decode(container.streams.video[0])
        index = 0
        while chunk := list(islice(frames, 40)):
            for frame in chunk:
                frame.pts = int(timeline.pts[index])
                index += 1
            seconds += cpu(lambda chunk=chunk: [writer.encode(frame) for frame in chunk])
        start = time.process_time()
    return seconds + time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heights", type=int, nargs="+", default=[480, 1080])
    parser.add_argument("--frames", type=int, default=132)
    arguments = parser.parse_args()
    apply_environment(tensorflow_environment())
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    print(f"commit {commit}, {platform.machine()}, {os.cpu_count()} cores; CPU s per 1000 frames")
    print("height encoder   decode  predict   encode |   parts    whole  whole/parts")
    colorizer = load_colorizer(resolve("lite"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for height in arguments.heights:
            film = enlarge(folder / f"{height}.mkv", height, arguments.frames)
            for profile in PROFILES:
                options = Options(profile=profile)
                # Once for the one-off costs: traces, oneDNN plans, chroma tables.
                whole_job(film, folder / f"warm-{height}-{profile}", options, Recorder(colorizer))
                recorder = Recorder(colorizer)
                destination = folder / f"{height}-{profile}"
                whole = whole_job(film, destination, options, recorder)
                (written,) = destination.glob("*.m*")
                parts = [
                    decode_alone(film),
                    predict_alone(recorder, recorder.shapes),
                    encode_alone(film, written, options, folder / "part.nut"),
                ]
                scale = 1000 / arguments.frames
                row = "".join(f"{part * scale:9.1f}" for part in parts)
                print(
                    f"{height:6d} {ENCODERS[profile]:7s}{row} |{sum(parts) * scale:8.1f}"
                    f" {whole * scale:8.1f}  {whole / sum(parts):.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
