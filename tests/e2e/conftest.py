"""The command line as people start it, and small archives to start it on."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import pyvips

from colorworker.media.synthetic import Recipe, make_film

STATE = ".colorworker"
REPOSITORY = Path(__file__).parents[2]


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@dataclass(frozen=True)
class Command:
    """The command line, in an environment without settings of its own."""

    environment: dict[str, str]

    def start(self, *arguments, **changes):
        return subprocess.Popen(
            [sys.executable, "-m", "colorworker", *map(str, arguments)],
            env={**self.environment, **changes},
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments, **changes):
        process = self.start(*arguments, **changes)
        out, err = process.communicate(timeout=280)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


@pytest.fixture
def command(tmp_path_factory):
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COLORWORKER_", "RAY_"))
    }
    # The films' stripes move so fast that every frame would be predicted, and every segment's
    # look-ahead too: without settling there is next to none, and the tests take half the time.
    quick = {
        "COLORWORKER_MEDIA__SETTLE_ANCHORS": "0",
        "COLORWORKER_MEDIA__ANCHOR_INTERVAL": "12",
        # Nothing is expected by what somebody has measured on this machine.
        "COLORWORKER_RUN__CACHE": str(tmp_path_factory.mktemp("cache")),
    }
    return Command({**kept, **quick})


@dataclass(frozen=True)
class Outcome:
    """What a job left in its destination."""

    destination: Path

    @property
    def lines(self):
        """Lines of the newest report, by key."""
        reports = (self.destination / STATE / "jobs").glob("*/report/report.jsonl")
        newest = max(reports, key=lambda path: path.stat().st_mtime_ns)
        lines = [json.loads(line) for line in newest.read_bytes().splitlines()]
        return {line["key"]: line for line in lines}

    @property
    def records(self):
        """Creation, attempt and worker of every done-record: equal means that it was not redone."""
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
    """Write a grey picture with edges and gradients."""
    rows, columns = np.mgrid[0:height, 0:width]
    wave = np.sin(columns / 17 + seed) + np.cos(rows / 11) + (columns > width / 2)
    scaled = (wave - wave.min()) / (wave.max() - wave.min())
    dtype = np.uint8 if bits == 8 else np.uint16
    image = pyvips.Image.new_from_array((scaled * (2**bits - 1)).astype(dtype))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.copy(interpretation="b-w" if bits == 8 else "grey16").write_to_file(str(path))
    return path


def save_film(path, frames=72, gop_size=12, **changes):
    """Write a grey film of 96 x 64 pixels with sound."""
    path.parent.mkdir(parents=True, exist_ok=True)
    recipe = {"width": 96, "height": 64, "rate": Fraction(24), "sound": "aac", **changes}
    return make_film(path, Recipe(frames=frames, gop_size=gop_size, **recipe))


@pytest.fixture
def archive(tmp_path):
    """A small good archive: three pictures and a film that is cut into six segments."""
    root = tmp_path / "archive"
    save_picture(root / "a.png")
    save_picture(root / "sub" / "b.jpg", seed=1)
    save_picture(root / "c.tif", bits=16, seed=2)
    save_film(root / "reel.mp4")
    return root


@pytest.fixture
def tools():
    """Makers of inputs, for tests that need others than `archive`."""
    return {"picture": save_picture, "film": save_film, "outcome": Outcome}
