"""Measure the savings and losses of color propagation, compared with predicting every frame.

    python benchmarks/temporal.py CLIP... [--first 0] [--frames 120] [--grain 0] [--model lite]
        [--sheets FOLDER]

Takes clips of real color footage and passes their luma through `propagate.color_frames` as one
segment: once with every frame predicted (`--per-frame`) and once with the default options. Both are
measured next to the clip itself and to gray, as docs/evaluation.md describes. Gray truths have no
ab-RMSE. `model` is CPU seconds of all threads inside the network; `wall` is the seconds of decoding
and coloring without encoding, after a warm-up. Warp error is in 10^-4; most of it is the source's
grain and exposure, which no coloring changes: `over gray` is what the colors add. The last rows are
means over clips, and sums of predictions and seconds.

`--grain` adds Gaussian grain to 8-bit luma before coloring, as in old film. Motion and truth are
taken without it; otherwise `over gray` would be the grain. Sheets show, from the left: luma, every
frame predicted, propagated, the clip.
"""

import argparse
import os
import platform
import subprocess
import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields, replace
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
from overhead import Timed

from colorworker.domain.options import Options
from colorworker.evaluation.filmpairs import GRAY, measured_size, rgb_codes
from colorworker.evaluation.flicker import FilmMeter
from colorworker.evaluation.measures import lab_of, shown
from colorworker.evaluation.motion import MotionEstimator
from colorworker.media.containers.probe import scan
from colorworker.model.colorizer import load_colorizer
from colorworker.model.weights import resolve
from colorworker.pipeline.propagation.propagate import color_frames
from colorworker.settings import apply_environment, tensorflow_environment

ROOT = Path(__file__).parents[1]
METHODS = {
    "per frame": Options(anchor_interval=1, settle_anchors=0),
    "propagated": Options(),
}
SHEET_ROWS, SHEET_WIDTH = 8, 400


@dataclass(frozen=True)
class Clip:
    """Part of a file to use, and the standard deviation of added grain, in codes."""

    first: int
    count: int
    grain: float


@dataclass(frozen=True)
class Row:
    """Measures of one coloring of one clip; None if a measure does not apply."""

    colorfulness: float | None
    ab_rmse: float | None
    cdc: float | None
    cdc_ab: float | None
    warp: float | None
    over_gray: float | None
    flicker: float | None
    pictures: float | None = None
    model: float | None = None
    wall: float | None = None


FORMATS = ("{:.1f}", "{:.2f}", "{:.5f}", "{:.5f}", *["{:.3f}"] * 3, "{:.0f}", "{:.1f}", "{:.1f}")
NAMES = ("CF", "ab-RMSE", "CDC", "CDC of ab", "warp", "over gray", "flicker", "predicted", "model",
         "wall")  # fmt: skip


def frames_of(path: Path, clip: Clip) -> Iterator[av.VideoFrame]:
    """Yield the clip's frames in a planar format."""
    with av.open(str(path)) as container:
        frames = container.decode(video=0)
        for frame in islice(frames, clip.first, clip.first + clip.count):
            planar = frame.format.name.startswith("yuv")
            yield frame if planar else frame.reformat(format="yuv420p")


def grained(frames: Iterator[av.VideoFrame], deviation: float) -> Iterator[av.VideoFrame]:
    """Yield the frames with Gaussian grain on their luma, the same at every reading."""
    random = np.random.default_rng(1)
    for frame in frames:
        if deviation:
            frame.make_writable()
            plane = frame.planes[0]
            luma = np.frombuffer(plane, np.uint8)
            noisy = luma + random.normal(0, deviation, luma.shape)
            plane.update(np.clip(np.rint(noisy), 0, 255).astype(np.uint8).tobytes())
        yield frame


def colored(path: Path, clip: Clip, colorizer, options: Options):
    """Return the clip's colored frames."""
    with path.open("rb") as reader:
        info, _ = scan(reader, path.name)
    pix_fmt = info.pix_fmt if info.pix_fmt.startswith("yuv") else "yuv420p"
    info = replace(info, pix_fmt=pix_fmt)
    frames = grained(frames_of(path, clip), clip.grain)
    return list(color_frames(frames, clip.count, info, colorizer, options, pix_fmt))


def measure(path: Path, clip: Clip, inner) -> tuple[dict[str, Row], list[list]]:
    """Return a row for each coloring of the clip, and pictures of all of them side by side."""
    runs = {}
    for method, options in METHODS.items():
        colored(path, replace(clip, count=4), inner, options)
        colorizer = Timed(inner)
        start = time.perf_counter()
        frames = colored(path, clip, colorizer, options)
        runs[method] = frames, colorizer, time.perf_counter() - start
    motion_of = MotionEstimator()
    meters = {name: FilmMeter() for name in ("truth", "gray", *METHODS)}
    sheet = []
    for index, frame in enumerate(frames_of(path, clip)):
        size = measured_size(frame, path.name)
        true_rgb = rgb_codes(frame, *size)
        lab = lab_of(true_rgb)
        light, ab = lab[..., 0], lab[..., 1:]
        pictures = {"truth": true_rgb, "gray": shown(light, 0 * ab).rgb}
        pictures |= {name: rgb_codes(run[0][index], *size) for name, run in runs.items()}
        motion = motion_of(light)
        for name, rgb in pictures.items():
            meters[name].add(rgb, motion, ab)
        if (index + 1) % max(1, clip.count // SHEET_ROWS) == 0:
            sheet.append([pictures[name] for name in ("gray", *METHODS, "truth")])
    return rows_of(
        {name: meter.scores() for name, meter in meters.items()}, runs, clip.grain
    ), sheet


def rows_of(scores, runs, grain: float) -> dict[str, Row]:
    gray_truth = scores["truth"].colorfulness < GRAY
    rows = {}
    for name, each in scores.items():
        rows[name] = Row(
            each.colorfulness,
            None if gray_truth or name == "truth" else each.ab_rmse,
            each.cdc,
            each.cdc_ab,
            each.warp_error * 1e4,
            None if grain else (each.warp_error - scores["gray"].warp_error) * 1e4,
            each.flicker,
        )
        if name in runs:
            _, colorizer, wall = runs[name]
            rows[name] = replace(
                rows[name], pictures=colorizer.calls, model=colorizer.seconds, wall=wall
            )
    return rows


def together(rows: list[Row]) -> Row:
    """Return the means over clips, and the sums of counts and seconds."""
    values = []
    for field in fields(Row):
        known = [value for row in rows if (value := getattr(row, field.name)) is not None]
        total = sum(known)
        counted = field.name in ("pictures", "model", "wall")
        values.append(None if not known else total if counted else total / len(known))
    return Row(*values)


def line(clip: str, name: str, row: Row) -> str:
    values = zip(astuple(row), FORMATS, strict=True)
    cells = ["" if value is None else form.format(value) for value, form in values]
    return f"| {clip} | {name} | {' | '.join(cells)} |"


def write_sheet(folder: Path, clip: str, sheet: list[list]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [np.hstack(pictures)[..., ::-1] for pictures in sheet]
    scale = SHEET_WIDTH * 4 / rows[0].shape[1]
    picture = cv2.resize(np.vstack(rows), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(folder / f"{clip}.png"), picture)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--sheets", type=Path)
    parser.add_argument("--grain", type=float, default=0.0)
    parser.add_argument("--model", default="lite", help="a weights file, or its name")
    arguments = parser.parse_args()
    clip = Clip(arguments.first, arguments.frames, arguments.grain)
    apply_environment(tensorflow_environment())
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    print(f"commit {commit}, {platform.machine()}, {os.cpu_count()} cores\n")
    print(f"| clip | colors | {' | '.join(NAMES)} |\n|---|---|{'---|' * len(NAMES)}", flush=True)
    colorizer = load_colorizer(resolve(arguments.model))
    every: list[dict[str, Row]] = []
    for path in arguments.clips:
        rows, sheet = measure(path, clip, colorizer)
        every.append(rows)
        for name, row in rows.items():
            print(line(path.stem, name, row), flush=True)
        if arguments.sheets:
            write_sheet(arguments.sheets, path.stem, sheet)
    for name in every[0]:
        print(line("all", name, together([rows[name] for rows in every])))


if __name__ == "__main__":
    main()
