"""The photograph in a scan is found inside borders, mounts, rebates and captions."""

import cv2
import numpy as np
import pytest

from colorworker.media.scanborder import find_photograph

HEIGHT, WIDTH = 256, 352


def photograph(height, width, seed=0):
    """Return L*a*b* of soft shapes of every lightness, as in a photograph."""
    random = np.random.default_rng(seed)
    lightness = np.zeros((height, width), np.float32)
    for cells in (3, 6, 12, 40):
        coarse = random.random((cells, cells)).astype(np.float32)
        lightness += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) / cells
    lightness -= lightness.min()
    lab = np.zeros((height, width, 3), np.float32)
    lab[..., 0] = lightness * (90 / lightness.max()) + 5
    return lab


def mounted(color, top, bottom, left, right, noise=0.7):
    """Return a photograph on a border of one color, and where it is."""
    lab = np.empty((HEIGHT, WIDTH, 3), np.float32)
    lab[:] = color
    box = slice(top, HEIGHT - bottom), slice(left, WIDTH - right)
    lab[box] = photograph(HEIGHT - top - bottom, WIDTH - left - right)
    lab[..., 0] += np.random.default_rng(1).normal(0, noise, (HEIGHT, WIDTH))
    return lab, box


def assert_found(lab, box, tolerance=1):
    area = find_photograph(lab)

    assert area is not None
    found = (area.rows.start, area.rows.stop, area.columns.start, area.columns.stop)
    rows, columns = box
    expected = (rows.start, rows.stop, columns.start, columns.stop)
    assert np.abs(np.subtract(found, expected)).max() <= tolerance
    return area


@pytest.mark.parametrize("color", [(94, 0, 0), (4, 0, 0), (45, 0, 0), (80, 2, 14), (40, 30, -20)])
def test_a_border_of_any_color_is_found_to_the_pixel(color):
    lab, box = mounted(color, 20, 40, 30, 30)

    area = assert_found(lab, box)

    assert area.share == pytest.approx(196 * 292 / (HEIGHT * WIDTH), abs=0.02)
    assert area.inside[box].mean() > 0.97


@pytest.mark.parametrize("sides", [(0, 0, 40, 40), (30, 30, 0, 0), (0, 24, 0, 30)])
def test_a_border_may_lie_on_two_sides(sides):
    lab, box = mounted((95, 0, 0), *sides)

    assert_found(lab, box)


def test_captions_and_film_perforations_are_part_of_the_border():
    lab, box = mounted((6, 0, 0), 36, 44, 12, 12)
    for left in range(8, WIDTH - 20, 24):
        lab[8:26, left : left + 12, 0] = 97
        lab[HEIGHT - 26 : HEIGHT - 8, left : left + 12, 0] = 97
    codes = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.putText(codes, "KODAK SAFETY", (30, HEIGHT - 31), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 255)
    lab[codes > 0, 0] = 90

    assert_found(lab, box, tolerance=2)


def test_paper_on_a_scanners_lid_are_two_borders():
    lab, box = mounted((84, 0, 8), 30, 30, 30, 30)
    for side in (lab[:9], lab[-9:], lab[:, :9], lab[:, -9:]):
        side[:] = (22, 0, 0)

    assert_found(lab, box)


def test_a_border_may_be_turned_by_two_degrees():
    lab, _ = mounted((92, 0, 0), 40, 40, 40, 40, noise=0)
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), 2, 1)
    turned = cv2.warpAffine(lab, turn, (WIDTH, HEIGHT), borderValue=(92, 0, 0))
    truth = np.zeros((HEIGHT, WIDTH), np.float32)
    truth[40:-40, 40:-40] = 1
    truth = cv2.warpAffine(truth, turn, (WIDTH, HEIGHT)) > 0.5

    area = find_photograph(turned)

    assert area is not None
    assert np.mean(area.inside != truth) < 0.02


@pytest.mark.parametrize("seed", range(12))
def test_a_photograph_without_a_border_is_taken_as_a_whole(seed):
    assert find_photograph(photograph(HEIGHT, WIDTH, seed)) is None


def test_a_sky_above_a_sea_is_no_border():
    lab = photograph(HEIGHT, WIDTH)
    lab[:90], lab[-60:] = (88, 0, 0), (40, 0, 0)

    assert find_photograph(lab) is None


def test_an_object_in_front_of_white_has_no_border():
    lab = np.full((HEIGHT, WIDTH, 3), (96, 0, 0), np.float32)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    object_ = ((rows - 128) / 90) ** 2 + ((columns - 176) / 120) ** 2 < 1
    lab[object_] = photograph(HEIGHT, WIDTH)[object_]

    assert find_photograph(lab) is None


@pytest.mark.parametrize("shape", [(1, 1), (2, 300), (47, 47), (48, 700)])
def test_plain_and_tiny_pictures_have_no_border(shape):
    assert find_photograph(np.full((*shape, 3), 50, np.float32)) is None


def test_a_pale_sky_down_to_a_straight_horizon_is_part_of_the_photograph():
    lab, _ = mounted((90, 0, 6), 10, 10, 10, 10)
    lab[10:90, 10:-10] = (89, 0, 6)

    area = find_photograph(lab)

    assert area is None or area.inside[15:85, 20:-20].all()


def film(edge, hole, outside=None):
    """Return a frame of perforated film, with frames beside it, and what lies outside of it."""
    lab, _ = mounted((edge, 0, 0), 46, 46, 14, 14)
    for top in (12, HEIGHT - 34):
        for left in range(10, WIDTH - 20, 30):
            lab[top : top + 22, left : left + 15, 0] = hole
    if outside is not None:
        lab = cv2.copyMakeBorder(lab, 20, 20, 20, 20, cv2.BORDER_CONSTANT, value=(outside, 0, 0))
    return lab


@pytest.mark.parametrize(
    ("edge", "hole", "outside", "expected"),
    [
        (78, 99, None, "negative"),
        (78, 2, 2, "negative"),
        (88, 99, 99, "negative"),
        (4, 99, None, "positive"),
        (4, 99, 99, "positive"),
    ],
)
def test_the_perforated_edge_of_a_film_tells_a_negative(edge, hole, outside, expected):
    area = find_photograph(film(edge, hole, outside))

    assert area is not None
    assert area.film == expected


def test_a_caption_is_no_row_of_perforations():
    lab, _ = mounted((92, 0, 0), 40, 40, 20, 20)
    codes = np.zeros((HEIGHT, WIDTH), np.uint8)
    for line, words in ((28, "IN THE GARDEN IN MAY"), (HEIGHT - 12, "1931 no. 117 Mr. Hill")):
        cv2.putText(codes, words, (24, line), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 255, 2)
    lab[codes > 0, 0] = 15

    area = find_photograph(lab)

    assert area is not None
    assert area.film == ""
