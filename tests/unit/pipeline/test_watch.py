"""Shots of a film that is watched whole, and segment by segment."""

from dataclasses import dataclass

import numpy as np

from colorworker.media import shots
from colorworker.pipeline.watch import ShotStart, watched

CUTS = (13, 20, 31)


@dataclass(frozen=True)
class Seen:
    """What a frame is to a watcher."""

    index: int
    small: np.ndarray


def film(cuts=CUTS, frame_count=40):
    """Luma of a film whose shots are pictures of noise, with a little grain in every frame."""
    random = np.random.default_rng(3)
    shape = shots.SMALL_SHAPE
    pictures = []
    for index in range(frame_count):
        if index == 0 or index in cuts:
            scene = random.random(shape, np.float32)
        pictures.append(scene + random.normal(0, 0.002, shape).astype(np.float32))
    return pictures


def watch(pictures, start, end, ahead=8):
    """Return the log of a segment in frames of the film, and the segment's own shot starts."""
    log = []
    frames = (Seen(index, small) for index, small in enumerate(pictures[start : end + ahead]))
    marked = [frame.index + start for frame, starts in watched(frames, end - start, log) if starts]
    assert all(isinstance(item, ShotStart) for item in log)
    return [item.index + start for item in log], [index for index in marked if index < end]


def test_a_log_holds_every_shot_but_the_first():
    log, marked = watch(film(), 0, 40)

    assert log == list(CUTS)
    assert marked == [0, *CUTS]


def test_logs_of_segments_join_to_that_of_the_film_wherever_borders_fall():
    pictures = film()

    for border in range(1, 40):
        first, _ = watch(pictures, 0, border)
        second, marked = watch(pictures, border, 40)

        assert first + second == list(CUTS), border
        assert marked[0] == border, "the state of colours starts anew with every segment"


def test_a_flash_starts_no_shot():
    pictures = film()
    pictures[5] = np.ones_like(pictures[5])

    log, _ = watch(pictures, 0, 40)

    assert log == list(CUTS)
