"""Colour for the frames of one segment: anchors are predicted, what lies between them follows.

A chain of small generators, each holding only what it needs to look ahead for:

    _marked     where shots begin                               FRAMES_AHEAD frames
    _anchored   which frames are anchors                        1 frame
    _predicted  the anchors' colours, a few to a batch          _BATCH intervals
    _settled    averaged with later anchors of the shot         settle_anchors intervals
    _followed   colours for the frames between two anchors      1 interval

So at most FRAMES_AHEAD + 1 + anchor_interval * (_BATCH + settle_anchors + 1) decoded frames are
held, 41 with the default options. Nothing looks behind the segment's first frame, and that frame is
an anchor: the segment before sees it in its look-ahead and gives it the same colour, so borders
between segments do not show.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from colorworker.color.luma import lightness_from_luma
from colorworker.color.temporal import between, look, settle
from colorworker.media import shots
from colorworker.media.planes import (
    Frame,
    Plane,
    PlaneScaler,
    chroma_shape,
    color_spec,
    luma_for_chroma,
    luma_plane,
    with_chroma,
)
from colorworker.pipeline.brush import Brush, brush_for, codes, on_grid, ready
from colorworker.pipeline.watch import ShotStart, watched, windows
from colorworker.pipeline.workshop import Colorizer
from colorworker.work.film import VideoInfo
from colorworker.work.job import Options

Floats = npt.NDArray[np.float32]

_BATCH = 2
"""Anchors a prediction; the network takes 15 ms a picture so, and 20 ms alone."""
_MOVED_SHARE = 0.02
"""Of the picture, since the last anchor, that makes the next one due early. With anchors every 6th
frame, an arm that swung over its background was left in the background's colour."""


@dataclass(frozen=True)
class _Canvas:
    """What is the same for all frames of a segment."""

    frame_count: int
    pix_fmt: str
    brush: Brush
    to_working: PlaneScaler
    to_small: PlaneScaler


@dataclass(frozen=True)
class _Moment:
    """One frame on its way through the chain; fields below `small` are filled in by it."""

    index: int
    frame: Frame | None
    """None behind the segment's end, where only colours are needed."""
    luma: Plane
    """Luma codes at the chroma planes' shape."""
    guide: Plane
    """The same at the grid's shape."""
    small: Floats
    starts_shot: bool = False
    proxy: Plane | None = None
    """Luma codes at the working shape, anchors only."""
    chroma: Floats | None = None
    """On the table's axes, (2, h, w) at the grid's shape, anchors only."""
    look: Floats | None = None
    """What the guide is compared by, anchors only."""


def lookahead_frames(options: Options) -> int:
    """Return how many frames behind a segment's end its colours depend on."""
    # The last frame that colours are settled over is an anchor if a cut comes right behind it.
    return options.anchor_interval * options.settle_anchors + 2 + shots.FRAMES_AHEAD


def colour_frames(
    frames: Iterator[Frame],
    frame_count: int,
    info: VideoInfo,
    colorizer: Colorizer,
    options: Options,
    pix_fmt: str,
    shot_log: list[ShotStart] | None = None,
) -> Iterator[Frame]:
    """Yield the segment's frames in order, in `pix_fmt`, coloured, their luma untouched.

    Args:
        frames: The segment's decoded frames, then `lookahead_frames(options)` more, fewer only at
            the film's end. The frames are changed.
        frame_count: Of the segment, without those.
        info: Of the stream.
        colorizer: Gives chroma for luma.
        options: Anchor interval and settling.
        pix_fmt: To write; planar Y'CbCr.
        shot_log: Gets the shots that begin behind the first frame, as frames are taken.

    Raises:
        SourceUnsupported: If the stream's pixel format or transfer is one that is not coloured.
    """
    canvas = _canvas(info, colorizer, frame_count, pix_fmt)
    moments = _marked(_read(frames, canvas), canvas, [] if shot_log is None else shot_log)
    anchored = _anchored(moments, canvas, options)
    settled = _settled(_predicted(anchored, canvas, colorizer), options)
    for frame, moment, planes in _followed(settled, canvas):
        cb, cr = codes(canvas.brush, moment.luma, moment.guide, planes)
        yield with_chroma(frame, cb, cr, pix_fmt)


def _canvas(info: VideoInfo, colorizer: Colorizer, frame_count: int, pix_fmt: str) -> _Canvas:
    working = colorizer.working_shape(info.height, info.width)
    chroma = chroma_shape(pix_fmt, info.height, info.width)
    return _Canvas(
        frame_count=frame_count,
        pix_fmt=pix_fmt,
        brush=brush_for(color_spec(info), working, chroma),
        to_working=PlaneScaler(*working),
        to_small=PlaneScaler(*shots.SMALL_SHAPE),
    )


def _read(frames: Iterator[Frame], canvas: _Canvas) -> Iterator[_Moment]:
    brush = canvas.brush
    for index, frame in enumerate(frames):
        luma = luma_for_chroma(luma_plane(frame), brush.chroma, fields=frame.interlaced_frame)
        guide = brush.to_grid(luma) if brush.enlarges else luma
        small = shots.small_luma(canvas.to_small(guide), brush.table.spec.bit_depth)
        yield _Moment(index, frame, luma, guide, small)


def _marked(moments: Iterator[_Moment], canvas: _Canvas, log: list[ShotStart]) -> Iterator[_Moment]:
    for moment, starts_shot in watched(moments, canvas.frame_count, log):
        yield replace(moment, starts_shot=starts_shot)


def _anchored(moments: Iterator[_Moment], canvas: _Canvas, options: Options) -> Iterator[_Moment]:
    """Give anchors their proxy, and end as soon as all is there that the segment depends on.

    Anchors are a shot's first and last frame, the border, and between them every n-th frame,
    sooner where something moves: colours cannot follow what neither anchor shows.
    """
    last: _Moment | None = None
    end = canvas.frame_count + options.anchor_interval * options.settle_anchors
    for window in windows(moments, 1):
        moment, following = window[0], window[1:]
        if moment.index >= canvas.frame_count and moment.starts_shot:
            return
        if (
            last is None
            or moment.starts_shot
            or moment.index == canvas.frame_count
            or _is_due(moment, last, options)
            or not following
            or following[0].starts_shot
        ):
            last = moment
            yield _anchor(moment, canvas)
        else:
            yield _without_frame_beyond(moment, canvas)
        if moment.index >= end:
            return


def _is_due(moment: _Moment, last: _Moment, options: Options) -> bool:
    in_turn = moment.index - last.index >= options.anchor_interval
    return in_turn or shots.moved_share(last.small, moment.small) > _MOVED_SHARE


def _anchor(moment: _Moment, canvas: _Canvas) -> _Moment:
    if canvas.brush.working == canvas.brush.chroma or moment.frame is None:
        proxy = moment.guide
    else:
        proxy = canvas.to_working(luma_plane(moment.frame))
    return _without_frame_beyond(replace(moment, proxy=proxy), canvas)


def _without_frame_beyond(moment: _Moment, canvas: _Canvas) -> _Moment:
    return moment if moment.index < canvas.frame_count else replace(moment, frame=None)


def _predicted(
    moments: Iterator[_Moment], canvas: _Canvas, colorizer: Colorizer
) -> Iterator[_Moment]:
    held: list[_Moment] = []
    for moment in moments:
        held.append(moment)
        if sum(each.proxy is not None for each in held) == _BATCH:
            yield from _with_colours(held, canvas, colorizer)
            held = []
    yield from _with_colours(held, canvas, colorizer)


def _with_colours(
    moments: list[_Moment], canvas: _Canvas, colorizer: Colorizer
) -> Iterator[_Moment]:
    proxies = [moment.proxy for moment in moments if moment.proxy is not None]
    if not proxies:
        return
    spec = canvas.brush.table.spec
    predicted = iter(colorizer.predict(lightness_from_luma(np.stack(proxies), spec)))
    for moment in moments:
        if moment.proxy is None:
            yield moment
        else:
            chroma = on_grid(canvas.brush, next(predicted))
            yield replace(moment, chroma=chroma, look=_look(moment.guide, canvas), proxy=None)


def _look(guide: Plane, canvas: _Canvas) -> Floats:
    return look(guide, canvas.brush.table.spec.luma_span)


def _settled(moments: Iterator[_Moment], options: Options) -> Iterator[_Moment]:
    reach = options.anchor_interval * options.settle_anchors
    held: deque[_Moment] = deque()
    for moment in moments:
        if moment.starts_shot:
            yield from _settle_all(held)
        held.append(moment)
        while held and held[0].index + reach <= moment.index:
            yield _settle_first(held)
    yield from _settle_all(held)


def _settle_all(held: deque[_Moment]) -> Iterator[_Moment]:
    while held:
        yield _settle_first(held)


def _settle_first(held: deque[_Moment]) -> _Moment:
    """Take the first moment out of `held`; if an anchor, averaged with the anchors behind it."""
    anchors = [
        (each.look, each.chroma)
        for each in held
        if each.look is not None and each.chroma is not None
    ]
    first = held.popleft()
    if first.chroma is None:
        return first
    looks, chroma = zip(*anchors, strict=True)
    return replace(first, chroma=settle(looks, chroma))


def _followed(
    moments: Iterator[_Moment], canvas: _Canvas
) -> Iterator[tuple[Frame, _Moment, Floats]]:
    """Yield the segment's frames with their moments and the planes they follow."""
    start, earlier = 0, None
    waiting: list[tuple[Frame, _Moment]] = []
    for moment in moments:
        if moment.chroma is None or moment.look is None:
            if moment.frame is not None:
                waiting.append((moment.frame, moment))
            continue
        later = moment.look, ready(canvas.brush, moment.guide, moment.chroma)
        if earlier is not None:
            for frame, each in waiting:
                share = (each.index - start) / (moment.index - start)
                yield frame, each, between(_look(each.guide, canvas), earlier, later, share)
        waiting = []
        if moment.frame is None:
            return
        yield moment.frame, moment, later[1]
        start, earlier = moment.index, later
