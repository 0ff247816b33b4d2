import numpy as np
import pytest

from colorworker.media.shotdetection import (
    FRAMES_AHEAD,
    FRAMES_BEHIND,
    SMALL_SHAPE,
    flash_frames,
    is_cut,
)


def scene(seed, count, pan=0.0, grain=0.01):
    """Return small luma of `count` frames of a random scene, panned by `pan` samples per frame."""
    random = np.random.default_rng(seed)
    height, width = SMALL_SHAPE
    blocks = random.uniform(0.1, 0.9, (height // 3 + 1, (width + 60) // 3 + 1))
    wide = np.kron(blocks, np.ones((3, 3)))[:height]
    frames = []
    for number in range(count):
        left = int(number * pan)
        picture = wide[:, left : left + width] + random.normal(0, grain, SMALL_SHAPE)
        frames.append(picture.astype(np.float32))
    return frames


def cuts_in(frames):
    cuts = []
    for number in range(1, len(frames)):
        before = frames[max(0, number - FRAMES_BEHIND) : number]
        after = frames[number : number + 1 + FRAMES_AHEAD]
        if is_cut(before, after) and not flash_frames(before[-1], after):
            cuts.append(number)
    return cuts


@pytest.mark.parametrize("seed", range(5))
def test_every_hard_cut_is_found_and_nothing_else(seed):
    frames = scene(seed, 12) + scene(seed + 100, 9, pan=1) + scene(seed + 200, 12, grain=0.03)

    assert cuts_in(frames) == [12, 21]


@pytest.mark.parametrize("frames", [3, 2, 1])
def test_a_cut_just_before_the_films_end_is_found(frames):
    film = scene(1, 8) + scene(2, frames)

    assert cuts_in(film) == [8]


def test_a_pan_is_not_a_cut():
    assert cuts_in(scene(3, 30, pan=2)) == []


def test_grain_and_pumping_exposure_are_not_cuts():
    random = np.random.default_rng(4)
    frames = [
        frame * random.uniform(0.7, 1.2) + random.uniform(-0.1, 0.1)
        for frame in scene(4, 40, grain=0.04)
    ]

    assert cuts_in([frame.astype(np.float32) for frame in frames]) == []


def test_fades_are_not_cuts():
    levels = np.concatenate([np.linspace(1, 0, 16), np.zeros(4), np.linspace(0, 1, 16)])
    random = np.random.default_rng(5)
    frames = [
        (picture * level + random.normal(0, 0.004, SMALL_SHAPE)).astype(np.float32)
        for picture, level in zip(scene(5, len(levels)), levels, strict=True)
    ]

    assert cuts_in(frames) == []


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_flash_is_distinguished_from_a_cut(length):
    frames = scene(6, 20)
    for number in range(8, 8 + length):
        frames[number] = scene(7, 1)[0]

    assert flash_frames(frames[7], frames[8 : 9 + FRAMES_AHEAD]) == length
    assert 8 not in cuts_in(frames)


def test_black_leader_has_no_cuts():
    black = [np.zeros(SMALL_SHAPE, np.float32)] * 12

    assert cuts_in(black) == []
