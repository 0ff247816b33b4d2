"""Color a sequence of frames: predict the anchors, propagate their colors to the frames between.

A chain of small generators, each holding only as many frames as it needs to look ahead:

    _scale_luma                    luma at all sizes                        none
    detect_shots                   where shots begin                        FRAMES_AHEAD frames
    estimate_motion                motion from frame to frame               none
    choose_anchors                 which frames are anchors                 1 frame
    _predict_anchors               the anchors' colors                      none
    settle_anchors                 average with later anchors of the shot   settle_anchors intervals
    interpolate_between_anchors    colors of the frames between             1 interval

An interval is FRAMES_AHEAD longer if a flash hides the frame that would end it. So at most
2 * FRAMES_AHEAD + 1 + anchor_interval * (settle_anchors + 1) decoded frames are held, 45 with the
default options. Colors never depend on frames before the segment's first one, and that frame is an
anchor: the previous segment sees it in its look-ahead and gives it the same color, so borders
between segments do not show.

`color_frames` takes the frames of a film; `propagate_chroma` takes planes of luma from anywhere.
"""

import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from colorworker.color.colorizerprotocol import Colorizer
from colorworker.color.luma import lightness_from_luma
from colorworker.domain.options import Options
from colorworker.domain.videoinfo import VideoInfo
from colorworker.media import shotdetection
from colorworker.media.opticalflow import resize
from colorworker.media.planes import Frame, Plane, luma_for_chroma, luma_plane, replace_chroma
from colorworker.pipeline.propagation.anchors import (
    choose_anchors,
    estimate_motion,
    make_every_frame_an_anchor,
)
from colorworker.pipeline.propagation.carrying import KnownInTurn, KnownOfSequence
from colorworker.pipeline.propagation.framestate import (
    AnchorColors,
    AnchorFrame,
    DecodedFrame,
    InBetweenFrame,
    LookaheadFrame,
    MarkedFrame,
    PredictedAnchor,
    propagation_error,
)
from colorworker.pipeline.propagation.interpolate import interpolate_between_anchors, settle_anchors
from colorworker.pipeline.propagation.propagationsetup import (
    PlaneFormat,
    PropagationSetup,
    film_format,
    set_up_propagation,
)
from colorworker.pipeline.propagation.shotboundaries import ShotStart, detect_shots
from colorworker.pipeline.propagation.upsample import prediction_on_grid, upsample_chroma

F = TypeVar("F")


@dataclass(frozen=True)
class LumaFrame(Generic[F]):
    """One frame of a sequence, as propagation reads it."""

    source: F
    """The frame that the chroma is for; returned with it."""
    luma: Plane
    """Y' codes (height, width), uint8 for 8 bits and uint16 for more, lines contiguous. Never
    written; must not change until the chroma of this frame has been returned."""
    interlaced: bool = False


@dataclass(frozen=True)
class ChromaFrame(Generic[F]):
    """The chroma of one frame."""

    source: F
    cb: Plane
    """Cb codes at the shape of the chroma planes, of luma's dtype."""
    cr: Plane


def lookahead_frames(options: Options) -> int:
    """Return the number of frames after a segment's end that its colors depend on."""
    # The last frame that colors are averaged over is an anchor if a cut follows it.
    return options.anchor_interval * options.settle_anchors + 2 + shotdetection.FRAMES_AHEAD


def color_frames(
    frames: Iterator[Frame],
    frame_count: int,
    info: VideoInfo,
    colorizer: Colorizer,
    options: Options,
    pix_fmt: str,
    shot_log: list[ShotStart] | None = None,
    colorizer_at: Callable[[int], Colorizer] | None = None,
    known: KnownOfSequence | None = None,
) -> Iterator[Frame]:
    """Yield the segment's frames in order, in `pix_fmt`, with chroma written; luma is unchanged.

    Args:
        frames: The segment's decoded frames, then `lookahead_frames(options)` more, fewer only at
            the film's end. Their chroma is overwritten where formats agree.
        frame_count: Frames of the segment, without the look-ahead.
        info: The film's video stream.
        colorizer: Predicts chroma from luma.
        options: Anchor interval and settling.
        pix_fmt: Pixel format to write, planar Y'CbCr.
        shot_log: Receives the shots that begin after the first frame, as frames are taken.
        colorizer_at: Returns the colorizer of a frame, by its index, if frames differ.
        known: Known colors of the frames, at the colorizer's working shape.

    Raises:
        SourceUnsupported: If the stream's pixel format or matrix is not supported.
        OutputMismatch: If a frame cannot be colored.
    """
    lumas = (LumaFrame(frame, luma_plane(frame), frame.interlaced_frame) for frame in frames)
    planes = film_format(info, pix_fmt)
    for frame in propagate_chroma(
        lumas, planes, colorizer, options, frame_count, shot_log, colorizer_at, known
    ):
        yield replace_chroma(frame.source, frame.cb, frame.cr, pix_fmt)


def propagate_chroma(
    frames: Iterator[LumaFrame[F]],
    planes: PlaneFormat,
    colorizer: Colorizer,
    options: Options,
    frame_count: int | None = None,
    shot_log: list[ShotStart] | None = None,
    colorizer_at: Callable[[int], Colorizer] | None = None,
    known: KnownOfSequence | None = None,
) -> Iterator[ChromaFrame[F]]:
    """Yield the chroma of every frame, in order.

    Args:
        frames: In order. They are read ahead of the chroma; the module's docstring says how far.
        planes: Format of all frames.
        colorizer: Predicts chroma from luma.
        options: Anchor interval and settling; nothing else is read.
        frame_count: Frames to yield chroma for; later ones are look-ahead. None: all frames.
        shot_log: Receives the shots that begin after the first frame, as frames are taken.
        colorizer_at: Returns the colorizer of a frame, by its index, if frames differ.
        known: Known colors of the frames, at the colorizer's working shape.

    Raises:
        OutputMismatch: If a frame cannot be colored; no frame is left out.
    """
    working = colorizer.working_shape(planes.height, planes.width)
    setup = set_up_propagation(planes, working, sys.maxsize if frame_count is None else frame_count)
    uncolored: deque[F] = deque()
    decoded = _scale_luma(frames, setup, uncolored)
    marked = _mark_shots(decoded, setup, [] if shot_log is None else shot_log)
    known = known or KnownInTurn()
    chosen: Iterator[AnchorFrame | InBetweenFrame | LookaheadFrame] = (
        choose_anchors(estimate_motion(marked, setup), setup, options, known.is_given)
        if options.propagates
        else make_every_frame_an_anchor(marked, setup)
    )
    predicted = _predict_anchors(chosen, setup, colorizer_at or (lambda _: colorizer), known)
    settled = settle_anchors(predicted, setup, options)
    index = 0
    for frame in interpolate_between_anchors(settled, setup):
        if frame.decoded.index != index:
            break
        cb, cr = upsample_chroma(
            setup.upsampler, frame.decoded.luma, frame.decoded.guide, frame.planes
        )
        yield ChromaFrame(uncolored.popleft(), cb, cr)
        index += 1
    if uncolored:
        raise propagation_error(index, "one of the stages of propagation left it out")


def _scale_luma(
    frames: Iterator[LumaFrame[F]], setup: PropagationSetup, uncolored: deque[F]
) -> Iterator[DecodedFrame]:
    """Yield the luma of every frame; append the source of each frame of the segment."""
    upsampler = setup.upsampler
    for index, frame in enumerate(frames):
        if index < setup.frame_count:
            uncolored.append(frame.source)
        luma = luma_for_chroma(frame.luma, upsampler.chroma, fields=frame.interlaced)
        guide = upsampler.to_grid(luma) if upsampler.enlarges else luma
        small = shotdetection.small_luma(setup.to_small(guide), upsampler.table.spec.bit_depth)
        flow_luma = setup.normalized(setup.to_flow(guide))
        yield DecodedFrame(index, frame.luma, luma, guide, small, flow_luma)


def _mark_shots(
    frames: Iterator[DecodedFrame], setup: PropagationSetup, log: list[ShotStart]
) -> Iterator[MarkedFrame]:
    for frame, starts_shot, hidden in detect_shots(frames, setup.frame_count, log):
        yield MarkedFrame(frame, starts_shot, hidden)


def _predict_anchors(
    frames: Iterator[AnchorFrame | InBetweenFrame | LookaheadFrame],
    setup: PropagationSetup,
    colorizer_at: Callable[[int], Colorizer],
    known: KnownOfSequence,
) -> Iterator[PredictedAnchor | InBetweenFrame | LookaheadFrame]:
    upsampler = setup.upsampler
    for frame in frames:
        if not isinstance(frame, AnchorFrame):
            yield frame
            continue
        decoded = frame.decoded
        lightness = lightness_from_luma(frame.proxy[None], upsampler.table.spec)
        # One by one: on a CPU, predicting two at a time saves 4 % and holds an interval of frames.
        colors_known = known.colors_at(decoded.index, lightness[0])
        colorizer = colorizer_at(decoded.index)
        (ab,) = colorizer.predict(lightness, [colors_known] if colors_known else None)
        chroma = prediction_on_grid(upsampler, ab)
        colors = AnchorColors(setup.normalized(decoded.guide), decoded.flow_luma, chroma)
        kept = known.kept_at(decoded.index)
        if kept is not None:
            kept = resize(kept, upsampler.grid)
        yield PredictedAnchor(decoded, frame.link, colors, kept)
