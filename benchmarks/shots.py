"""Compare our detector of shots in black-and-white film with those of PySceneDetect.

    pip install scenedetect        # in a separate environment: it brings another OpenCV
    PYTHONPATH=. python benchmarks/shots.py [--clips FOLDER] [--seeds 3]

Made films have labels by construction. FOLDER holds the clips that `shotset.REAL_CUTS` names: they
are measured as they are, and spliced into films with known cuts, fades and dissolves. A change
counts as found if the detector reports the start of a shot within one frame of a cut, or within the
fade or dissolve. Any other reported start is false.
"""

import argparse
import platform
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from shotset import MADE, Film, made, real, spliced

from colorworker.media import shotdetection
from colorworker.media.planes import PlaneScaler
from colorworker.pipeline.propagation.shotboundaries import detect_shots

ROOT = Path(__file__).parents[1]

Detector = Callable[[Film], list[int]]
"""Returns the frames of a film at which it reports the start of a shot."""


@dataclass(frozen=True)
class _Seen:
    index: int
    small: shotdetection.SmallLuma


def ours(film: Film) -> list[int]:
    """Return the starts that the worker would log for the film as one segment."""
    scaler = PlaneScaler(*shotdetection.SMALL_SHAPE)
    frames = (
        _Seen(index, shotdetection.small_luma(scaler(np.ascontiguousarray(frame)), 8))
        for index, frame in enumerate(film.frames)
    )
    log: list = []
    deque(detect_shots(frames, len(film.frames), log), maxlen=0)
    return [start.index for start in log]


def theirs(name: str, **settings: float) -> Detector:
    """Return PySceneDetect's detector of that name, fed the way its SceneManager feeds it."""
    from scenedetect import FrameTimecode, detectors

    def detect(film: Film) -> list[int]:
        detector = getattr(detectors, name)(**settings)
        found: list[int] = []
        for index, frame in enumerate(film.frames):
            bgr = np.repeat(frame[..., None], 3, axis=2)
            at = FrameTimecode(index, fps=Fraction(25))
            found += [each.frame_num for each in detector.process_frame(at, bgr)]
        end = FrameTimecode(len(film.frames), fps=Fraction(25))
        found += [each.frame_num for each in detector.post_process(end)]
        return sorted(found)

    return detect


def detectors() -> dict[str, Detector]:
    """Return every detector by its name; thresholds around the defaults form a grid."""
    found: dict[str, Detector] = {"ours": ours}
    try:
        import scenedetect  # noqa: F401
    except ImportError:
        return found
    for threshold in (15, 27, 40):
        found[f"Content luma {threshold}"] = theirs(
            "ContentDetector", threshold=threshold, luma_only=True
        )
    for value in (8, 15, 25):
        found[f"Adaptive luma {value}"] = theirs(
            "AdaptiveDetector", min_content_val=value, luma_only=True
        )
    for threshold in (0.05, 0.2, 0.4):
        found[f"Histogram {threshold}"] = theirs("HistogramDetector", threshold=threshold)
    for threshold in (0.3, 0.35, 0.4):
        found[f"Hash {threshold}"] = theirs("HashDetector", threshold=threshold)
    return found


@dataclass
class Score:
    """Results of one detector on the films of one kind."""

    true: int = 0
    found: int = 0
    false: int = 0

    def add(self, film: Film, starts: Iterable[int]) -> None:
        """Match starts with changes, one to one."""
        left = sorted(set(starts))
        for change in film.changes:
            slack = 1 if change.kind == "cut" else 2
            hits = [s for s in left if change.first - slack <= s <= change.last + slack]
            self.true += 1
            self.found += bool(hits)
            # Further reports of the same change count as false.
            left = [start for start in left if start not in hits[:1]]
        self.false += len(left)

    def __add__(self, other: "Score") -> "Score":
        return Score(self.true + other.true, self.found + other.found, self.false + other.false)

    def __str__(self) -> str:
        precision = self.found / (self.found + self.false) if self.found + self.false else 1.0
        recall = self.found / self.true if self.true else 1.0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        counts = f"{self.found}/{self.true}"
        return f"{precision:9.3f} {recall:6.3f} {f1:5.3f} {counts:>7} {self.false:7}"


def films(clips: Path | None, seeds: range) -> Iterator[Film]:
    """Yield the whole set, one film in memory at a time."""
    for kind in MADE:
        for seed in seeds:
            yield made(kind, seed)
    if clips is not None:
        yield from real(clips)
        for kind in MADE:
            # Real shots have their own pans.
            if kind != "pans":
                yield spliced(clips, kind, seeds[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--first-seed", type=int, default=100, help="0 to 2 were used in development"
    )
    parser.add_argument("--only", default="", help="part of a detector's name")
    options = parser.parse_args()
    found = {name: each for name, each in detectors().items() if options.only in name}
    scores: dict[str, dict[str, Score]] = {name: {} for name in found}
    seconds, frames = dict.fromkeys(found, 0.0), 0
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    for film in films(options.clips, seeds):
        frames += len(film.frames)
        group = "clips" if film.kind.startswith("clip ") else film.kind
        for name, detect in found.items():
            begun = time.process_time()
            starts = detect(film)
            seconds[name] += time.process_time() - begun
            scores[name].setdefault(group, Score()).add(film, starts)
    show(scores, {name: 1000 * each / frames for name, each in seconds.items()}, frames)


def show(scores: dict[str, dict[str, Score]], costs: dict[str, float], frames: int) -> None:
    """Print what each detector found in every kind of film, and its cost."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    print(f"commit {commit}, {platform.machine()}, {frames} frames of 320 x 240")
    for name, kinds in scores.items():
        print(f"\n{name}: {costs[name]:.2f} ms of CPU a frame")
        print(f"{'':<18} precision recall    F1   found   false")
        groups = {
            "all made": [kinds[kind] for kind in kinds if kind in MADE],
            "all real": [kinds[kind] for kind in kinds if kind not in MADE],
        }
        sums = {title: sum(group, Score()) for title, group in groups.items() if group}
        for kind, score in {**kinds, **sums}.items():
            print(f"{kind:<18} {score}")


if __name__ == "__main__":
    main()
