"""Color for the frames of one segment: anchors are predicted, what lies between them follows.

A chain of small generators, each holding only what it needs to look ahead for:

    _marked     where shots begin                               FRAMES_AHEAD frames
    moving      the motion from frame to frame                  none
    anchored    which frames are anchors                        1 frame
    _predicted  the anchors' colors                            none
    settled     averaged with later anchors of the shot         settle_anchors intervals
    followed    colors for the frames between two anchors      1 interval

An interval is FRAMES_AHEAD longer where a flash hides what would be its end. So at most
2 * FRAMES_AHEAD + 1 + anchor_interval * (settle_anchors + 1) decoded frames are held, 45 with the
default options. Nothing looks behind the segment's first frame, and that frame is an
anchor: the segment before sees it in its look-ahead and gives it the same color, so borders
between segments do not show.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from colorworker.color.luma import lightness_from_luma
from colorworker.domain.options import Options
from colorworker.domain.videoinfo import VideoInfo
from colorworker.media import shotdetection
from colorworker.media.planes import Frame, luma_for_chroma, luma_plane, with_chroma
from colorworker.pipeline.context import Colorizer
from colorworker.pipeline.propagation.anchors import anchored, moving
from colorworker.pipeline.propagation.framestate import Canvas, Colors, Moment, canvas_for
from colorworker.pipeline.propagation.interpolate import followed, settled
from colorworker.pipeline.propagation.shotboundaries import ShotStart, watched
from colorworker.pipeline.propagation.upsample import codes, on_grid


def lookahead_frames(options: Options) -> int:
    """Return how many frames behind a segment's end its colors depend on."""
    # The last frame that colors are settled over is an anchor if a cut comes right behind it.
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
) -> Iterator[Frame]:
    """Yield the segment's frames in order, in `pix_fmt`, colored, their luma untouched.

    Args:
        frames: The segment's decoded frames, then `lookahead_frames(options)` more, fewer only at
            the film's end. The frames are changed.
        frame_count: Of the segment, without those.
        info: Of the stream.
        colorizer: Gives chroma for luma.
        options: Anchor interval and settling.
        pix_fmt: To write; planar Y'CbCr.
        shot_log: Gets the shots that begin behind the first frame, as frames are taken.
        colorizer_at: Gives the colorizer of a frame, by its index, where they are not all alike.

    Raises:
        SourceUnsupported: If the stream's pixel format or matrix is one that is not colored.
    """
    working = colorizer.working_shape(info.height, info.width)
    canvas = canvas_for(info, working, frame_count, pix_fmt)
    moments = _marked(_read(frames, canvas), canvas, [] if shot_log is None else shot_log)
    if options.propagates:
        moments = moving(moments, canvas)
    anchors = _predicted(
        anchored(moments, canvas, options), canvas, colorizer_at or (lambda _: colorizer)
    )
    for each in followed(settled(anchors, options), canvas):
        cb, cr = codes(canvas.brush, each.moment.luma, each.moment.guide, each.planes)
        yield with_chroma(each.frame, cb, cr, pix_fmt)


def _read(frames: Iterator[Frame], canvas: Canvas) -> Iterator[Moment]:
    brush = canvas.brush
    for index, frame in enumerate(frames):
        luma = luma_for_chroma(luma_plane(frame), brush.chroma, fields=frame.interlaced_frame)
        guide = brush.to_grid(luma) if brush.enlarges else luma
        small = shotdetection.small_luma(canvas.to_small(guide), brush.table.spec.bit_depth)
        flow_look = canvas.look(canvas.to_flow(guide))
        yield Moment(index, frame, luma, guide, small, flow_look)


def _marked(moments: Iterator[Moment], canvas: Canvas, log: list[ShotStart]) -> Iterator[Moment]:
    for moment, starts_shot, hidden in watched(moments, canvas.frame_count, log):
        yield replace(moment, starts_shot=starts_shot, hidden=hidden)


def _predicted(
    moments: Iterator[Moment], canvas: Canvas, colorizer_at: Callable[[int], Colorizer]
) -> Iterator[Moment]:
    spec = canvas.brush.table.spec
    for moment in moments:
        if moment.proxy is None:
            yield moment
            continue
        # One by one: on a CPU two at a time would save 4 % of it, and hold an interval's frames.
        (ab,) = colorizer_at(moment.index).predict(lightness_from_luma(moment.proxy[None], spec))
        chroma = on_grid(canvas.brush, ab)
        colors = Colors(canvas.look(moment.guide), moment.flow_look, chroma)
        yield replace(moment, colors=colors, proxy=None)
