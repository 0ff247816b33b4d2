"""Shots of a film, detected in the whole film and segment by segment."""

from dataclasses import dataclass

import numpy as np

from colorworker.media import shotdetection
from colorworker.pipeline.propagation.shotboundaries import ShotStart, detect_shots

CUTS = (13, 20, 31)


@dataclass(frozen=True)
class Frame:
    """A frame as shot detection needs it."""

    index: int
    small: np.ndarray


def film(cuts=CUTS, frame_count=40):
    """Return the luma of a film whose shots are still noise, with a little grain in every frame."""
    random = np.random.default_rng(3)
    shape = shotdetection.SMALL_SHAPE
    pictures = []
    for index in range(frame_count):
        if index == 0 or index in cuts:
            scene = random.random(shape, np.float32)
        pictures.append(scene + random.normal(0, 0.002, shape).astype(np.float32))
    return pictures


def watch(pictures, start, end, ahead=8):
    """Return a segment's log and its own shot starts, both in frames of the film."""
    log = []
    frames = (Frame(index, small) for index, small in enumerate(pictures[start : end + ahead]))
    marked = [
        frame.index + start for frame, starts, _ in detect_shots(frames, end - start, log) if starts
    ]
    assert all(isinstance(item, ShotStart) for item in log)
    return [item.index + start for item in log], [index for index in marked if index < end]


def test_the_log_holds_every_shot_but_the_first():
    log, marked = watch(film(), 0, 40)

    assert log == list(CUTS)
    assert marked == [0, *CUTS]


def test_joined_logs_of_segments_equal_the_log_of_the_film_for_any_border():
    pictures = film()

    for border in range(1, 40):
        first, _ = watch(pictures, 0, border)
        second, marked = watch(pictures, border, 40)

        assert first + second == list(CUTS), border
        assert marked[0] == border, "the state of colors starts anew with every segment"


def test_a_flash_starts_no_shot():
    pictures = film()
    pictures[5] = np.ones_like(pictures[5])

    log, _ = watch(pictures, 0, 40)

    assert log == list(CUTS)


def scenes(*lengths, seed=5):
    """Return the luma of still scenes of smooth shapes, with a little grain in every frame."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:27, 0:48].astype(np.float32)
    takes = []
    for length in lengths:
        down, across, turn = random.uniform(0.1, 0.4, 3)
        scene = 0.5 + 0.25 * np.sin(down * rows + turn) * np.cos(across * columns)
        takes.append(scene + random.normal(0, 0.002, (length, 27, 48)).astype(np.float32))
    return takes


def dissolved(one, other, frames):
    """Return the frames of a dissolve from one shot to another."""
    weights = (np.arange(1, frames + 1, dtype=np.float32) / (frames + 1))[:, None, None]
    return one[-frames:] * (1 - weights) + other[:frames] * weights


def full_log(pictures):
    log = []
    frames = (Frame(index, small.astype(np.float32)) for index, small in enumerate(pictures))
    starts = [
        frame.index for frame, starts, _ in detect_shots(frames, len(pictures), log) if starts
    ]
    return log, starts


def test_a_dissolve_is_logged_and_starts_no_shot():
    one, other = scenes(40, 40)
    pictures = np.concatenate([one[:-16], dissolved(one, other, 16), other[16:]])

    log, starts = full_log(pictures)

    assert [item.transition for item in log] == ["dissolve"]
    assert abs(log[0].index - 24) <= 2
    assert abs(log[0].index + log[0].frames - 40) <= 2
    assert starts == [0]


def test_a_dissolve_across_a_border_is_logged_by_the_earlier_segment():
    one, other = scenes(40, 40)
    pictures = np.concatenate([one[:-16], dissolved(one, other, 16), other[16:]])
    whole, _ = full_log(pictures)

    log, _ = watch(pictures.astype(np.float32), 0, 30, ahead=24)

    assert log == [whole[0].index]


def test_a_dissolve_across_a_border_is_logged_even_if_the_caller_stops_early():
    one, other = scenes(40, 40)
    pictures = np.concatenate([one[:-16], dissolved(one, other, 16), other[16:]])
    log = []
    marked = detect_shots((Frame(n, small) for n, small in enumerate(pictures)), 30, log)

    for frame, _, _ in marked:
        if frame.index == 38:
            break

    assert [item.transition for item in log] == ["dissolve"]
    assert log[0].index + log[0].frames > 34


def test_a_shot_that_fades_in_begins_at_its_first_visible_frame():
    one, other = scenes(30, 30)
    out = one[-12:] * np.linspace(1, 0, 12, dtype=np.float32)[:, None, None]
    into = other[:12] * np.linspace(0, 1, 12, dtype=np.float32)[:, None, None]
    pictures = np.concatenate([one[:-12], out, np.zeros((5, 27, 48)), into, other[12:]])

    log, starts = full_log(pictures)

    assert [item.transition for item in log] == ["fade"]
    assert abs(log[0].index - 35) <= 2
    assert starts == [0, log[0].index]


def test_black_frames_within_a_shot_do_not_split_it():
    (one,) = scenes(60)
    one[20:28] = 0

    log, _ = full_log(one)

    assert log == []


def test_the_first_picture_after_leader_is_a_cut():
    (one,) = scenes(40)
    one[:10] = 0.02

    log, _ = full_log(one)

    assert log == [ShotStart(10, "cut")]


def test_a_blot_next_to_a_cut_neither_hides_nor_duplicates_it():
    for blotted in range(9, 16):
        pictures = film(cuts=(12,), frame_count=30)
        pictures[blotted][:12, :30] = 1

        log, _ = watch(pictures, 0, 30)

        # A blotted frame at the end of a shot could belong to either shot.
        assert log == [11 if blotted == 11 else 12], blotted
