"""A stroke fills its object up to the edge of luma, and does not leak."""

import cv2
import numpy as np
import pytest

from colorworker.color.colordistribution import ColorDistribution
from colorworker.media.strokefill import StrokeFiller, fill_stroke, fill_strokes

SEEDS = (0, 1, 3, 4, 5, 7, 9, 11, 13, 17)


def scene(seed, height=256, width=320):
    """Return (L*, object, stroke): a shaded object of any shape on uneven ground, with grain."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    y, x, radius = height * random.uniform(0.35, 0.65), width * random.uniform(0.35, 0.65), 0.0
    radius = random.uniform(45, 80)
    angle, lobes = np.arctan2(rows - y, columns - x), random.integers(2, 6)
    depth = random.uniform(0.05, 0.3)
    distance = np.hypot(rows - y, (columns - x) * random.uniform(0.7, 1.3))
    inside = distance < radius * (1 + depth * np.cos(lobes * angle + random.uniform(0, 6)))
    base, contrast = random.uniform(30, 70), random.choice([-1, 1]) * random.uniform(14, 25)

    def uneven(spread, shape):
        coarse = random.normal(0, spread, shape).astype(np.float32)
        return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)

    ground = uneven(4, (8, 10)) + base + random.uniform(-8, 8) * columns / width
    shade = random.uniform(-8, 8) * (rows - y) / radius
    body = base + contrast + shade + uneven(1.5, (12, 15))
    picture = cv2.GaussianBlur(np.where(inside, body, ground), (0, 0), 0.8)
    picture += random.normal(0, random.uniform(0.3, 1.5), (height, width))
    stroke = np.zeros((height, width), np.uint8)
    ends = [(int(x - radius * 0.3), int(y - radius * 0.1)), (int(x + radius * 0.3), int(y))]
    cv2.line(stroke, *ends, 1, 5)
    return np.clip(picture, 0, 100).astype(np.float32), inside, stroke.astype(bool)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_stroke_fills_nine_tenths_of_its_object_and_leaks_less_than_a_twentieth(seed):
    lightness, inside, stroke = scene(seed)

    fill = fill_stroke(lightness, stroke)

    assert fill[inside].mean() >= 0.9
    assert fill[~inside].sum() < 0.05 * inside.sum()
    assert 0 <= fill.min() <= fill.max() <= 1


def test_a_stroke_on_an_even_picture_has_no_sharp_border():
    stroke = np.zeros((256, 256), bool)
    stroke[120:126, 80:160] = True

    fill = fill_stroke(np.full((256, 256), 50, np.float32), stroke)

    assert fill[stroke].min() > 0.9
    assert np.abs(np.diff(fill, axis=0)).max() < 0.15


def test_a_border_without_an_edge_is_soft_and_one_on_an_edge_is_sharp():
    lightness = np.full((256, 320), 20, np.float32)
    lightness[60:200, 40:280] = np.linspace(60, 100, 240)
    stroke = np.zeros(lightness.shape, bool)
    stroke[120:128, 48:100] = True

    fill = fill_stroke(lightness, stroke)

    along, across = fill[124, 60:260], fill[40:80, 80]
    assert along[:40].min() > 0.9
    assert np.abs(np.diff(along)).max() < 0.15
    assert across[-10:].min() > 0.9
    assert across[:15].max() < 0.12
    assert np.abs(np.diff(across)).max() > 0.3


def test_of_two_strokes_in_one_object_each_colors_the_nearer_part():
    lightness = np.full((64, 96), 30, np.float32)
    lightness[8:56, 8:88] = 70
    left, right = np.zeros((2, 64, 96), bool)
    left[20:40, 20:24], right[20:40, 70:74] = True, True

    first, second = fill_strokes(lightness, [left, right])

    assert first[12:52, 12:40].min() > 0.9
    assert second[12:52, 56:84].min() > 0.9
    assert np.minimum(first, second).max() < 0.06
    assert first[:4].max() < 0.1


def test_a_point_keeps_its_part_of_an_object_from_a_stroke():
    lightness = np.full((64, 96), 30, np.float32)
    lightness[8:56, 8:88] = 70
    stroke, point, elsewhere = np.zeros((3, 64, 96), bool)
    stroke[20:40, 20:24], point[30:33, 70:73], elsewhere[2, 2] = True, True, True

    (alone,) = fill_strokes(lightness, [stroke], [elsewhere])
    (fill,) = fill_strokes(lightness, [stroke], [point, elsewhere])

    assert alone[12:52, 12:84].min() > 0.9
    assert fill[12:52, 12:40].min() > 0.85
    assert fill[12:52, 60:84].max() < 0.1


def test_no_stroke_fills_nothing():
    assert not fill_stroke(np.full((9, 9), 50, np.float32), np.zeros((9, 9), bool)).any()


def test_what_was_filled_before_is_remembered_and_the_same():
    lightness, _, stroke = scene(3)
    other = np.roll(stroke, 60, 1)
    filler = StrokeFiller(lightness)

    first = filler.fill(stroke)
    both = fill_strokes(lightness, [stroke, other], filler=filler)

    assert filler.fill(stroke) is first
    for one, again in zip(both, fill_strokes(lightness, [stroke, other]), strict=True):
        assert (one == again).all()


def test_a_stroke_stops_where_the_network_sees_another_thing():
    lightness = np.full((96, 128), 20, np.float32)
    lightness[20:76, 20:108] = 60
    lightness += np.random.default_rng(0).normal(0, 0.5, lightness.shape).astype(np.float32)
    stroke = np.zeros(lightness.shape, bool)
    stroke[45:51, 30:56] = True
    shares = np.full((24, 32, 4), 0.02, np.float32)
    shares[..., 0] = 0.94
    shares[:, 16:] = (0.02, 0.94, 0.02, 0.02)
    features = np.zeros((6, 8, 3), np.float32)
    features[..., 0], features[:, :4, 1], features[:, 4:, 2] = 0.6, 0.8, 0.8
    bins = np.zeros((4, 2), np.float32)
    seen = ColorDistribution(np.log(shares), bins, features, 1.0)

    by_luma = fill_stroke(lightness, stroke)
    by_both = StrokeFiller(lightness, lambda: seen).fill(stroke)

    left, right = np.s_[24:72, 24:60], np.s_[24:72, 68:104]
    assert by_luma[right].mean() > 0.95
    assert by_both[left].mean() > 0.95
    assert by_both[right].mean() < 0.05
