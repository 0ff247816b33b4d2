from fractions import Fraction

import pytest

from colorworker.color.notice import notice_box

SIZES = [(64, 48), (320, 240), (640, 360), (720, 576), (1920, 1080), (4096, 3112), (1080, 1920)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_notice_is_black_and_white_in_the_lower_right_quarter(width, height):
    box = notice_box(height, width, grid=2)

    assert box.top >= height / 2
    assert box.top + box.height <= height
    assert box.left + box.width <= width
    assert box.left % 2 == box.top % 2 == box.width % 2 == box.height % 2 == 0
    assert box.width <= width / 2 or box.width == 58
    assert 0.15 < box.mask.mean() < 0.5
    # A black border surrounds the letters.
    assert not box.mask[0].any()
    assert not box.mask[:, -1].any()


def test_letters_are_narrower_by_the_pixel_aspect_of_an_anamorphic_picture():
    square, wide = notice_box(576, 720), notice_box(576, 720, Fraction(2))

    assert wide.height == square.height
    assert wide.width == pytest.approx(square.width / 2, abs=2)


def test_a_picture_too_small_for_the_notice_gets_none():
    assert notice_box(30, 40) is None
