"""Known colors carried from the frames they were given for to other frames of the shot."""

import cv2
import numpy as np
import pytest

from colorworker.color.knowncolors import KnownColors
from colorworker.pipeline.propagation.carrying import ColorCarrier, KnownFrame, KnownPlace

HEIGHT, WIDTH = 64, 96
RED, BLUE = (50.0, 30.0), (5.0, -50.0)


def frame(shift=0, seed=0, square=None):
    """Return L* of a picture that is shifted by some pixels, with a bright square at a column."""
    random = np.random.default_rng(seed)
    blocks = random.uniform(20, 60, (HEIGHT // 8, 3 * WIDTH // 8)).astype(np.float32)
    wide = cv2.resize(blocks, (3 * WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    picture = wide[:, WIDTH - shift : 2 * WIDTH - shift].copy()
    if square is not None:
        picture[20:36, square : square + 16] = 95
    return picture


def known(number, lightness, color=RED, first=0, end=None, weight=None):
    ab = np.broadcast_to(np.float32(color), (HEIGHT, WIDTH, 2)).copy()
    weight = np.ones((HEIGHT, WIDTH), np.float32) if weight is None else weight
    colors = KnownColors(ab, weight, "reference")
    return KnownPlace(number, first, end), KnownFrame(lightness, colors)


def carrier(*known_frames, first=0):
    return ColorCarrier([place for place, _ in known_frames], dict(known_frames).get, first)


def test_a_frame_keeps_exactly_the_colors_that_were_given_for_it():
    given = known(7, frame())
    carried = carrier(given, first=5)

    assert carried.colors_at(2, frame()) == (given[1].colors,)
    assert carried.is_given(2)
    assert not carried.is_given(3)


def test_colors_follow_what_moves():
    weight = np.zeros((HEIGHT, WIDTH), np.float32)
    weight[20:36, 30:46] = 1
    given = known(0, frame(square=30), weight=weight)

    (found,) = carrier(given).colors_at(9, frame(square=33))

    assert found.origin == "reference"
    assert np.median(found.weight[22:34, 35:47]) > 0.5
    assert found.ab[22:34, 35:47].mean((0, 1)) == pytest.approx(RED, abs=1)
    assert found.weight[:, 65:].max() < 0.1
    assert found.weight[22:34, 12:26].max() < 0.3


@pytest.mark.parametrize("frames_away", [1, 500])
def test_distance_alone_does_not_matter_to_a_single_reference(frames_away):
    (found,) = carrier(known(0, frame())).colors_at(frames_away, frame(3))

    assert np.median(found.weight) > 0.7
    assert found.ab[found.weight > 0.5].mean(0) == pytest.approx(RED, abs=1)


def test_the_nearer_of_two_references_prevails():
    carried = carrier(known(0, frame()), known(40, frame(), BLUE))

    early, middle, late = (carried.colors_at(at, frame(1))[0].ab.mean((0, 1)) for at in (5, 20, 35))

    assert early[0] > middle[0] > late[0]
    assert middle == pytest.approx((np.array(RED) + BLUE) / 2, abs=3)


def test_a_reference_colors_only_the_frames_of_its_range():
    carried = carrier(known(12, frame(), first=10, end=20))

    assert [bool(carried.colors_at(at, frame())) for at in (9, 10, 19, 20)] == [
        False,
        True,
        True,
        False,
    ]


def test_a_reference_of_another_shot_counts_as_far_away_and_is_given_nowhere():
    other = known(5, frame(), BLUE, first=100, end=200)
    own = known(150, frame(), RED, first=100, end=200)
    carried = carrier(other, own)

    assert not carried.is_given(5)
    assert carried.colors_at(150, frame()) == (own[1].colors,)
    assert carried.colors_at(155, frame())[0].ab.mean((0, 1))[0] > 40


def test_segments_agree_about_a_frame_that_both_see():
    one, other = (carrier(known(3, frame()), first=first) for first in (0, 96))

    seen = one.colors_at(100, frame(5))[0], other.colors_at(4, frame(5))[0]

    assert (seen[0].ab == seen[1].ab).all()
    assert (seen[0].weight == seen[1].weight).all()


def test_what_a_frame_does_not_show_stays_unknown():
    (found,) = carrier(known(0, frame())).colors_at(30, frame(seed=9) + 35)

    assert np.median(found.weight) < 0.5


def test_only_a_few_of_many_references_are_held():
    read = []

    def load(place):
        read.append(place.frame)
        return None if place.frame == 50 else known(place.frame, frame())[1]

    places = [KnownPlace(number, 0, None) for number in range(0, 1000, 10)]
    carried = ColorCarrier(places, load, first=0)

    carried.colors_at(52, frame())
    assert read == [50, 60, 40, 70, 30]
    carried.colors_at(53, frame())
    assert len(read) == 5


def test_certainty_has_softer_borders_than_the_match():
    covered = known(0, frame())

    (found,) = carrier(covered).colors_at(12, frame(square=40))

    inside, outside = found.weight[26:30, 46:50].max(), found.weight[45:, 70:].mean()
    assert inside < 0.1
    assert outside > 0.9
    steps = np.abs(np.diff(found.weight, axis=1))
    assert steps.max() < 0.8


def test_what_a_reference_does_not_cover_stays_unknown_beside_what_it_covers():
    weight = np.ones((HEIGHT, WIDTH), np.float32)
    weight[:, 48:] = 0

    (found,) = carrier(known(0, frame(), weight=weight)).colors_at(12, frame())

    assert found.weight[:, 50:].max() == 0
    assert found.weight[:, :44].min() > 0.5
