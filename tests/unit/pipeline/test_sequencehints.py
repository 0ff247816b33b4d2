"""Hints on frames in memory hold for their object to the end of its shot."""

import cv2
import numpy as np
import pytest

from colorworker.domain.options import Options
from colorworker.errors import HintsRefused
from colorworker.pipeline.arrays import color_sequence
from tests.toycolorizer import ToyColorizer

HEIGHT, WIDTH, SHOT = 64, 96, 14
STROKE = {"points": [[13, 32], [30, 32]], "color": "#8040a0", "radius": 2}


def shot(seed, ground):
    """Return frames in which a bright car moves by 2 pixels per frame, and the car's left sides."""
    random = np.random.default_rng(seed)

    def texture(height, width, level, contrast):
        blocks = random.integers(-contrast, contrast, (height // 4, width // 4))
        return cv2.resize((level + blocks).astype(np.float32), (width, height))

    street, car = texture(HEIGHT, WIDTH, ground, 25), texture(20, 28, 190, 12)
    frames = []
    for left in range(8, 8 + 2 * SHOT, 2):
        frame = street.copy()
        frame[22:42, left : left + 28] = car
        frames.append(frame.clip(0, 255).astype(np.uint8))
    return frames


FRAMES = [*shot(1, 90), *shot(7, 40)]


def red_and_green(frames, index, rows, columns):
    return frames[index][rows, columns, :2].astype(int).mean((0, 1))


@pytest.fixture(scope="module")
def automatic():
    return list(color_sequence(iter(FRAMES), ToyColorizer(), Options()))


@pytest.mark.parametrize("hinted", [0, 5])
def test_a_stroke_colors_its_object_to_the_end_of_its_shot(automatic, hinted):
    stroke = STROKE | {"points": [[x + 2 * hinted, y] for x, y in STROKE["points"]]}

    found = list(color_sequence(iter(FRAMES), ToyColorizer(), Options(), {hinted: [stroke]}))

    assert len(found) == len(FRAMES)
    luma = np.array([0.2126, 0.7152, 0.0722])
    for index in range(hinted, SHOT):
        left = 8 + 2 * index
        car = slice(26, 38), slice(left + 5, left + 23)
        # Purple: much less green than the toy's warm colors, at the same Y'.
        red, green = red_and_green(found, index, *car)
        assert red > green + 40, index
        assert green < red_and_green(automatic, index, *car)[1] - 8, index
        assert np.abs(found[index] @ luma - automatic[index] @ luma).max() < 1
    for index in range(SHOT, 2 * SHOT):
        assert (found[index] == automatic[index]).all(), index


def test_a_hint_outside_of_the_frame_is_refused_before_the_first_frame_comes_out():
    hint = {"x": WIDTH, "y": 3, "color": "gray"}

    with pytest.raises(HintsRefused, match=r"hints of frame 7.*\(96, 3\) lies outside"):
        next(color_sequence(iter(FRAMES), ToyColorizer(), Options(), {7: [hint]}))
