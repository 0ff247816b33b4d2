"""Small archives for tests, and the results of jobs."""

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyvips

from colorworker.media.synthetic import Recipe, make_film

STATE = ".colorworker"


@dataclass(frozen=True)
class Outcome:
    """The state and outputs that a job left in its destination."""

    destination: Path

    @property
    def lines(self):
        """Lines of the latest report, by key."""
        reports = (self.destination / STATE / "jobs").glob("*/report/report.jsonl")
        newest = max(reports, key=lambda path: path.stat().st_mtime_ns)
        lines = [json.loads(line) for line in newest.read_bytes().splitlines()]
        return {line["key"]: line for line in lines}

    @property
    def records(self):
        """Creation time, attempt and worker of every done-record; unchanged if not redone."""
        folder = self.destination / STATE / "units"
        read = (json.loads(path.read_bytes()) for path in folder.glob("*.json"))
        return {r["unit_id"]: (r["created_at"], r["attempt_key"], r["worker"]) for r in read}

    @property
    def files(self):
        """Relative paths of all outputs."""
        return {
            str(path.relative_to(self.destination))
            for path in self.destination.rglob("*")
            if path.is_file() and STATE not in path.parts
        }


def save_picture(path, height=90, width=120, bits=8, seed=0):
    """Write a gray picture with edges and gradients."""
    rows, columns = np.mgrid[0:height, 0:width]
    wave = np.sin(columns / 17 + seed) + np.cos(rows / 11) + (columns > width / 2)
    scaled = (wave - wave.min()) / (wave.max() - wave.min())
    dtype = np.uint8 if bits == 8 else np.uint16
    image = pyvips.Image.new_from_array((scaled * (2**bits - 1)).astype(dtype))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.copy(interpretation="b-w" if bits == 8 else "grey16").write_to_file(str(path))
    return path


def save_film(path, frames=72, gop_size=12, **changes):
    """Write a gray film of 96 x 64 pixels with sound."""
    path.parent.mkdir(parents=True, exist_ok=True)
    recipe = {"width": 96, "height": 64, "rate": Fraction(24), "sound": "aac", **changes}
    return make_film(path, Recipe(frames=frames, gop_size=gop_size, **recipe))


def save_archive(root):
    """Write a small intact archive: three pictures and a film that is cut into six segments."""
    save_picture(root / "a.png")
    save_picture(root / "sub" / "b.jpg", seed=1)
    save_picture(root / "c.tif", bits=16, seed=2)
    save_film(root / "reel.mp4")
    return root
