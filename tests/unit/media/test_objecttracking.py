"""Objects are found again wherever they have moved, or not at all."""

import cv2
import numpy as np
import pytest

from colorworker.media.objecttracking import flows_to_objects, separate_objects

HEIGHT, WIDTH = 64, 112


def texture(seed, height, width, level, contrast):
    blocks = np.random.default_rng(seed).integers(-contrast, contrast, (height // 4, width // 4))
    return cv2.resize((level + blocks).astype(np.float32), (width, height))


def picture(left, top, side=16):
    """Return luma with a square object, and the object's pixels."""
    luma, mask = texture(0, HEIGHT, WIDTH, 90, 20), np.zeros((HEIGHT, WIDTH), bool)
    mask[top : top + side, left : left + side] = True
    luma[mask] = texture(1, side, side, 180, 25).ravel()
    return luma.clip(0, 255).astype(np.uint8), mask


@pytest.mark.parametrize(("left", "top"), [(80, 8), (4, 40), (50, 30)])
def test_an_object_is_found_wherever_it_has_moved(left, top):
    known, mask = picture(10, 10)
    here, moved_mask = picture(left, top)

    there, back = flows_to_objects(here, known, [mask])

    assert (back[mask] == (left - 10, top - 10)).all()
    assert (there[moved_mask] == (10 - left, 10 - top)).all()
    assert not back[~mask].any()
    assert not there[~moved_mask].any()


def test_an_object_that_is_gone_is_not_found():
    known, mask = picture(10, 10)
    here = texture(0, HEIGHT, WIDTH, 90, 20).clip(0, 255).astype(np.uint8)

    assert flows_to_objects(here, known, [mask]) is None


def test_an_object_that_has_not_moved_needs_no_search():
    known, mask = picture(10, 10)

    assert flows_to_objects(known, known, [mask]) is None


def test_objects_are_separated_and_small_ones_left_out():
    share = np.zeros((HEIGHT, WIDTH), np.float32)
    share[5:20, 5:20], share[30:60, 40:80], share[2:5, 100:103] = 1, 0.9, 1

    found = separate_objects(share)

    assert [int(mask.sum()) for mask in found] == [30 * 40, 15 * 15]
