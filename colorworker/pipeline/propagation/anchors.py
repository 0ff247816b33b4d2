"""Motion from frame to frame, and the choice of anchors: the frames whose colors are predicted."""

from collections.abc import Callable, Iterator

import numpy as np

from colorworker.color.temporal import unmatched_share
from colorworker.domain.options import Options
from colorworker.media.opticalflow import (
    Codes,
    FlowPath,
    compose,
    estimate_paths,
    identity_path,
    normalize_contrast,
    sample,
)
from colorworker.media.planes import Plane
from colorworker.pipeline.propagation.framestate import (
    AnchorFrame,
    AnchorLink,
    DecodedFrame,
    FlowPair,
    InBetweenFrame,
    LookaheadFrame,
    MarkedFrame,
    MovingFrame,
    propagation_error,
)
from colorworker.pipeline.propagation.propagationsetup import PropagationSetup
from colorworker.pipeline.propagation.shotboundaries import with_lookahead

_NEW_SHARE = 0.05
"""Share of the picture that the last anchor does not show, above which the next anchor comes early:
colors cannot follow motion to what neither anchor shows."""
_EARLIEST = 4
"""Minimum number of frames between two anchors of this kind. Where every frame shows something new,
no color is visible for longer than that, and more anchors would only add flicker."""


def estimate_motion(
    frames: Iterator[MarkedFrame], setup: PropagationSetup
) -> Iterator[MovingFrame]:
    """Yield every frame with its motion from the previous frame of its shot.

    A frame that a flash or damage hides gets zero motion, and the next visible frame gets the
    motion from the last visible one.

    Raises:
        OutputMismatch: If a frame has no previous frame although it starts no shot.
    """
    visible: Codes | None = None
    for frame in frames:
        here = normalize_contrast(frame.decoded.flow_luma)
        flow: FlowPair | None = None
        if not frame.starts_shot:
            if visible is None:
                raise propagation_error(
                    frame.decoded.index, "no frame before it to take motion from"
                )
            # Between equal pictures the estimator finds exactly no motion, at a high cost.
            flow = (
                FlowPair(identity_path(here.shape), identity_path(here.shape))
                if frame.hidden or np.array_equal(visible, here)
                else FlowPair(*estimate_paths(setup.flow_estimator, visible, here))
            )
        if not frame.hidden:
            visible = here
        yield MovingFrame(frame.decoded, frame.hidden, flow)


def choose_anchors(
    frames: Iterator[MovingFrame],
    setup: PropagationSetup,
    options: Options,
    is_given: Callable[[int], bool] = lambda _: False,
) -> Iterator[AnchorFrame | InBetweenFrame | LookaheadFrame]:
    """Yield every frame as an anchor or as one between two anchors, with its path to an anchor.

    Anchors are the first and the last frame of a shot, the first frame after the segment, frames
    that were given colors, and between them every `anchor_interval`-th frame, earlier where much of
    the picture is new. Ends with the last frame that the segment's colors depend on.

    Args:
        frames: The segment and its look-ahead.
        setup: The segment's setup.
        options: Anchor interval and settling.
        is_given: Returns whether colors were given for a frame.

    Raises:
        OutputMismatch: If a frame has no anchor before it although it starts no shot.
    """
    last: MovingFrame | None = None
    path: FlowPath | None = None
    """From the frame before to the last anchor; None if that frame is the anchor."""
    end = setup.frame_count + options.anchor_interval * options.settle_anchors
    for frame, *following in with_lookahead(frames, 1):
        link: AnchorLink | None = None
        if frame.flow is None:
            if frame.index >= setup.frame_count:
                return
        elif last is None:
            raise propagation_error(frame.index, "no anchor before it")
        else:
            back = frame.flow.backward
            link = AnchorLink(frame.flow, compose(back, path) if path else back)
        ends_shot = not following or following[0].flow is None
        if (
            last is None
            or link is None
            or frame.index == setup.frame_count
            or _is_due(frame, last, link.to_anchor, options)
            or ends_shot
            or is_given(frame.index)
        ):
            yield AnchorFrame(frame.decoded, _proxy(frame.decoded, setup), link)
            last, path = frame, None
        elif frame.index < setup.frame_count:
            yield InBetweenFrame(frame.decoded, link)
            path = link.to_anchor
        else:
            yield LookaheadFrame(frame.index, link.flow)
            path = link.to_anchor
        if frame.index >= end:
            return


def make_every_frame_an_anchor(
    frames: Iterator[MarkedFrame], setup: PropagationSetup
) -> Iterator[AnchorFrame]:
    """Yield every frame of the segment as an anchor, including those that a flash hides."""
    # Two frames after the segment are still read: only then are shots and dissolves that begin at
    # its end logged.
    for frame, *_ in with_lookahead(frames, 1):
        if frame.decoded.index >= setup.frame_count:
            return
        yield AnchorFrame(frame.decoded, _proxy(frame.decoded, setup), None)


def _is_due(frame: MovingFrame, last: MovingFrame, to_last: FlowPath, options: Options) -> bool:
    elapsed = frame.index - last.index
    if frame.hidden:
        return False
    if elapsed >= options.anchor_interval:
        return True
    if elapsed < _EARLIEST:
        return False
    now, before = frame.decoded.flow_luma, last.decoded.flow_luma
    warped = sample(before, to_last.targets)
    return unmatched_share(now, before, warped, to_last.trust) > _NEW_SHARE


def _proxy(frame: DecodedFrame, setup: PropagationSetup) -> Plane:
    """Return luma codes at the network's working shape."""
    if setup.upsampler.working == setup.upsampler.chroma:
        return frame.guide
    return setup.to_working(frame.full_luma)
