"""Scores by true color."""

import numpy as np
import pytest

from colorworker.color.lab import linear_rgb_from_lab, linear_to_srgb
from colorworker.evaluation.colorgroups import (
    GROUPS,
    color_groups,
    color_rows,
    in_skin_locus,
    tally,
)

SKIN = [
    # sRGB patches of skin, light to dark: ColorChecker's light and dark skin, and three more.
    (194, 150, 130), (115, 82, 68), (224, 172, 105 + 30), (141, 85, 60), (80, 50, 40),
]  # fmt: skip
OTHER = [(128, 128, 128), (87, 108, 67), (56, 61, 150), (175, 54, 160), (231, 199, 31), (255,) * 3]


def uniform(*lab):
    """Return L*, (a*, b*) and codes of a picture of one color."""
    picture = np.full((12, 12, 3), lab, np.float32)
    codes = np.rint(linear_to_srgb(linear_rgb_from_lab(picture)) * 255).astype(np.uint8)
    return picture[..., 0], picture[..., 1:], codes


def group_of(*lab):
    return GROUPS[color_groups(*uniform(*lab)).hue[0, 0]]


def test_the_skin_locus_holds_skin_of_every_tone_and_no_other_colors():
    assert in_skin_locus(np.array(SKIN, np.uint8)).all()
    assert not in_skin_locus(np.array(OTHER, np.uint8)).any()


def test_pixels_too_dark_to_have_a_hue_are_not_skin():
    light, chroma, codes = uniform(8, 6, 7)

    assert in_skin_locus(codes).all()
    assert not color_groups(light, chroma, codes).skin.any()


@pytest.mark.parametrize(
    ("lab", "group"),
    [
        ((53, 60, 40), "red"),
        ((60, 20, 50), "orange, brown"),
        ((90, -10, 70), "yellow, olive"),
        ((60, -40, 30), "green"),
        ((70, -25, -10), "cyan"),
        ((70, -15, -25), "sky blue"),
        ((30, 15, -50), "blue"),
        ((40, 40, -20), "purple"),
        ((40, 5, -5), "nearly gray"),
    ],
)
def test_hues_have_the_names_people_give_them(lab, group):
    assert group_of(*lab) == group


def test_a_row_averages_the_pixels_of_its_color_over_pictures_of_equal_weight():
    groups = color_groups(*uniform(60, 20, 50))
    other = color_groups(*uniform(30, 15, -50))
    predicted = np.zeros((12, 12, 2), np.float32)
    predicted[:3] = (3, 4.5)  # a quarter of the pixels, C* above 5
    predicted[3:6] = (3, 3.9)  # another quarter, C* below 5
    difference = np.full((12, 12), 6.0)

    rows = color_rows("model", [tally(g, predicted, difference) for g in (groups, other)])
    brown = next(row for row in rows if row.color == "orange, brown")

    assert [row.color for row in rows if row.color != "skin"] == ["orange, brown", "blue"]
    assert brown.share == pytest.approx(0.5)
    assert brown.ciede2000 == pytest.approx(6)
    assert brown.true_chroma == pytest.approx(np.hypot(20, 50), rel=1e-5)
    assert brown.chroma == pytest.approx((np.hypot(3, 4.5) + np.hypot(3, 3.9)) / 4, rel=1e-5)
    assert brown.left_gray == pytest.approx(0.75)
