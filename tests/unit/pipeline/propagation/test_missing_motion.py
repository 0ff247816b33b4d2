"""A frame that no color can be propagated to is an error in every stage; none is skipped."""

import numpy as np
import pytest

from colorworker.color.luma import ColorSpec
from colorworker.domain.options import Options
from colorworker.errors import OutputMismatch
from colorworker.media.opticalflow import identity_path
from colorworker.pipeline.propagation.anchors import choose_anchors, estimate_motion
from colorworker.pipeline.propagation.framestate import (
    AnchorColors,
    AnchorLink,
    DecodedFrame,
    FlowPair,
    InBetweenFrame,
    MarkedFrame,
    MovingFrame,
    SettledAnchor,
)
from colorworker.pipeline.propagation.interpolate import interpolate_between_anchors
from colorworker.pipeline.propagation.propagationsetup import PlaneFormat, set_up_propagation

SHAPE = (32, 48)
STILL = FlowPair(identity_path(SHAPE), identity_path(SHAPE))
LINK = AnchorLink(STILL, identity_path(SHAPE))


def setup(frame_count=10):
    planes = PlaneFormat(ColorSpec("bt709", full_range=True, bit_depth=8), *SHAPE, SHAPE)
    return set_up_propagation(planes, SHAPE, frame_count)


def decoded(index):
    luma = np.full(SHAPE, 90, np.uint8)
    normalized = np.zeros(SHAPE, np.float32)
    return DecodedFrame(index, luma, luma, luma, np.zeros((27, 48), np.float32), normalized)


def settled(index, link):
    gray = np.full((2, *SHAPE), 704, np.float32)
    normalized = np.zeros(SHAPE, np.float32)
    return SettledAnchor(decoded(index), link, AnchorColors(normalized, normalized, gray))


def test_a_frame_with_no_frame_to_take_motion_from_raises():
    frames = iter([MarkedFrame(decoded(0), starts_shot=False, hidden=False)])

    with pytest.raises(OutputMismatch, match="frame 0 of the segment"):
        list(estimate_motion(frames, setup()))


def test_a_frame_with_no_anchor_before_it_raises():
    frames = iter([MovingFrame(decoded(0), hidden=False, flow=STILL)])

    with pytest.raises(OutputMismatch, match="no anchor before it"):
        list(choose_anchors(frames, setup(), Options()))


@pytest.mark.parametrize(
    ("frames", "lost"),
    [
        ([InBetweenFrame(decoded(0), LINK), settled(1, LINK)], 0),
        ([settled(0, None), InBetweenFrame(decoded(1), LINK), settled(2, None)], 1),
        ([settled(0, None), settled(1, LINK), InBetweenFrame(decoded(2), LINK)], 2),
    ],
    ids=["no anchor before it", "a cut after it", "no anchor after it"],
)
def test_a_frame_without_an_anchor_on_either_side_raises(frames, lost):
    with pytest.raises(OutputMismatch, match=f"frame {lost} of the segment"):
        list(interpolate_between_anchors(iter(frames), setup()))


def test_all_frames_between_two_linked_anchors_are_colored():
    between = [InBetweenFrame(decoded(index), LINK) for index in (1, 2, 3)]

    colored = interpolate_between_anchors(
        iter([settled(0, None), *between, settled(4, LINK)]), setup()
    )

    assert [frame.decoded.index for frame in colored] == [0, 1, 2, 3, 4]
