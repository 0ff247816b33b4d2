"""The motion from frame to frame of a segment, and which frames are anchors."""

from collections.abc import Iterator
from dataclasses import replace

from colorworker.color.temporal import strange_share
from colorworker.domain.options import Options
from colorworker.media.opticalflow import (
    Codes,
    Path,
    exposed_alike,
    paths_between,
    places,
    sampled,
    through,
    unmoved,
)
from colorworker.media.planes import luma_plane
from colorworker.pipeline.propagation.framestate import Canvas, Moment, Motion
from colorworker.pipeline.propagation.shotboundaries import windows

_STRANGE_SHARE = 0.05
"""Of the picture, not to be found in the last anchor, that makes the next one due early: colors
cannot follow what neither anchor shows."""
_SOONEST = 4
"""Frames to an early anchor. Where all is new in every frame nobody sees colors for that long, and
more anchors would only flicker more."""


def moving(moments: Iterator[Moment], canvas: Canvas) -> Iterator[Moment]:
    """Give every frame its motion from the one before in its shot.

    Frames that a flash or damage hides are said to lie where the last one before them did, and
    motion is taken from that one as soon as the picture is there again.
    """
    seen: Codes | None = None
    for moment in moments:
        here = exposed_alike(moment.flow_look)
        motion: Motion | None = None
        if seen is not None and not moment.starts_shot:
            hidden = (unmoved(here.shape), unmoved(here.shape))
            motion = Motion(*(hidden if moment.hidden else paths_between(canvas.flow, seen, here)))
        if not moment.hidden:
            seen = here
        yield replace(moment, motion=motion)


def anchored(moments: Iterator[Moment], canvas: Canvas, options: Options) -> Iterator[Moment]:
    """Give anchors their proxy, and end as soon as all is there that the segment depends on.

    Anchors are a shot's first and last frame, the border, and between them every n-th frame,
    sooner where much is new. All frames get their path to the anchor before them.
    """
    last: Moment | None = None
    back: Path | None = None
    end = canvas.frame_count + options.anchor_interval * options.settle_anchors
    for window in windows(moments, 1):
        moment, following = window[0], window[1:]
        if moment.index >= canvas.frame_count and moment.starts_shot:
            return
        if moment.motion is not None:
            back = through(moment.motion.back, back) if back else moment.motion.back
        if (
            last is None
            or moment.starts_shot
            or moment.index == canvas.frame_count
            or _is_due(moment, last, back, options)
            or not following
            or following[0].starts_shot
        ):
            yield _anchor(replace(moment, back=back), canvas)
            last, back = moment, None
        else:
            yield _without_frame_beyond(replace(moment, back=back), canvas)
        if moment.index >= end:
            return


def _is_due(moment: Moment, last: Moment, back: Path | None, options: Options) -> bool:
    elapsed = moment.index - last.index
    if moment.hidden:
        return False
    if elapsed >= options.anchor_interval:
        return True
    if elapsed < _SOONEST or back is None:
        return False
    carried = sampled(last.flow_look, places(back.flow))
    return strange_share(moment.flow_look, last.flow_look, carried, back.trust) > _STRANGE_SHARE


def _anchor(moment: Moment, canvas: Canvas) -> Moment:
    if canvas.brush.working == canvas.brush.chroma or moment.frame is None:
        proxy = moment.guide
    else:
        proxy = canvas.to_working(luma_plane(moment.frame))
    return _without_frame_beyond(replace(moment, proxy=proxy), canvas)


def _without_frame_beyond(moment: Moment, canvas: Canvas) -> Moment:
    return moment if moment.index < canvas.frame_count else replace(moment, frame=None)
