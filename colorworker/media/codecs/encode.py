"""Encode a segment's frames into a part."""

import hashlib
from collections import Counter
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.sidedata.sidedata import Type
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from colorworker.domain.records import PartFacts
from colorworker.domain.timeline import Timeline
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import DependencyMissing, OutputMismatch
from colorworker.media.codecs.profiles import EncoderSpec
from colorworker.media.codecs.threadpriority import encode_frame, keep_thread_priority
from colorworker.media.containers.captions import Caption, pack_captions
from colorworker.media.sidedata import CAPTIONS, frame_data, side_data
from colorworker.media.swscale import reformat

SMALLEST_MOVIE_TIMESCALE = 10_000
NO_PICTURE_TYPE = 0
"""Lets the encoder choose; otherwise it would copy the decoded frame's I, P or B type."""


def configure_encoder(
    context: VideoCodecContext, spec: EncoderSpec, info: VideoInfo, time_base: Fraction
) -> None:
    """Configure an encoder, in the same way for all parts and for the film's header."""
    context.width, context.height = info.width, info.height
    context.pix_fmt = spec.layout or spec.pix_fmt
    context.time_base, context.framerate = time_base, info.frame_rate
    context.gop_size = spec.gop_size
    context.thread_count = spec.threads
    context.color_range, context.colorspace = info.color_range, info.colorspace
    context.color_primaries, context.color_trc = info.color_primaries, info.color_trc
    if info.sample_aspect_ratio is not None:
        context.sample_aspect_ratio = info.sample_aspect_ratio
    context.options = dict(spec.options)


def muxer_options(container: str, time_base: Fraction) -> dict[str, str]:
    """Return options that keep every time exact, and let browsers start MP4 right away.

    Films have the same bytes every time they are written: no random UIDs in Matroska.
    """
    if container not in {"mp4", "mov"}:
        # MP4 audio starts slightly before 0 (AAC priming); the default would shift all streams.
        return {"avoid_negative_ts": "disabled", "fflags": "+bitexact"}
    # An offset at the start is stored in the movie's timescale, not in the stream's.
    timescale = time_base.denominator
    while timescale < SMALLEST_MOVIE_TIMESCALE:
        timescale *= 2
    return {"movflags": "+faststart", "movie_timescale": str(timescale)}


def add_film_stream(
    output: OutputContainer,
    spec: EncoderSpec,
    info: VideoInfo,
    time_base: Fraction,
) -> VideoStream:
    """Add the film's video stream to an output, with its encoder configured but not yet open.

    Raises:
        DependencyMissing: If this build of libav lacks the encoder.
    """
    try:
        stream = output.add_stream(spec.codec, rate=info.frame_rate)
    except FFmpegError as error:
        raise DependencyMissing(
            spec.codec, "this build of PyAV lacks this encoder", "Install PyAV from PyPI"
        ) from error
    if not isinstance(stream, VideoStream):
        raise TypeError(f"{spec.codec} is not a video encoder")
    configure_encoder(stream.codec_context, spec, info, time_base)
    if spec.tag and output.format.name == spec.container:
        stream.codec_context.codec_tag = spec.tag
    stream.time_base = time_base
    return stream


class PartWriter:
    """Writes one part. A context manager; `facts` are available after leaving it without error.

    pts in a part count from the film's first frame, because parts cannot hold negative times.
    """

    def __init__(self, path: Path, spec: EncoderSpec, info: VideoInfo, timeline: Timeline) -> None:
        self.path = path
        self._spec = spec
        self._origin_pts = int(timeline.pts[0])
        self._time_base = timeline.time_base
        self._stored_pts: list[int] = []
        self._frame_data: Counter[str] = Counter()
        self._captions: list[Caption] | None = None if CAPTIONS in spec.frame_data else []
        self._facts: PartFacts | None = None
        self._output = av.open(
            str(path),
            "w",
            format=spec.part_container,
            container_options=muxer_options(spec.part_container, timeline.time_base),
        )
        self._stream = add_film_stream(self._output, spec, info, timeline.time_base)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._flush()
        finally:
            self._output.close()

    @property
    def facts(self) -> PartFacts:
        """Facts about the closed part.

        Raises:
            ValueError: If the part is still open or was abandoned.
        """
        if self._facts is None:
            raise ValueError(f"{self.path} is not finished")
        return self._facts

    def encode(self, frame: VideoFrame) -> None:
        """Encode the next frame, which must have the spec's size and pixel format.

        PyAV would silently scale and convert any other frame, and change its luma.

        Raises:
            OutputMismatch: If size or pixel format differ.
        """
        context = self._stream.codec_context
        seen = (frame.width, frame.height, frame.format.name)
        if seen != (context.width, context.height, self._spec.pix_fmt):
            raise OutputMismatch(
                self.path.name,
                f"a frame is {seen} instead of {context.width} x {context.height} "
                f"{self._spec.pix_fmt}",
            )
        self._frame_data.update(frame_data(frame))
        if self._captions is not None and (triplets := side_data(frame, Type.A53_CC)):
            self._captions.append((frame.pts or 0, triplets))
        if self._spec.layout:
            frame = reformat(frame, self._spec.layout)
        frame.pict_type = NO_PICTURE_TYPE
        frame.time_base = self._time_base
        self._store(encode_frame(self._stream, frame))

    def _store(self, packets: list[Packet]) -> None:  # type: ignore[type-arg]
        for packet in packets:
            if packet.pts is None or packet.dts is None:
                raise OutputMismatch(self.path.name, "the encoder returned a packet without pts")
            packet.pts -= self._origin_pts
            packet.dts -= self._origin_pts
            self._stored_pts.append(packet.pts)
            self._output.mux(packet)

    def _flush(self) -> None:
        with keep_thread_priority():
            self._output.start_encoding()
        self._store(self._stream.encode(None))
        self._facts = PartFacts(
            len(self._stored_pts),
            reorder_depth(self._stored_pts),
            hashlib.sha256(self._stream.codec_context.extradata or b"").hexdigest(),
            dict(self._frame_data),
            pack_captions(self._captions or ()),
        )


def reorder_depth(stored_pts: list[int]) -> int:
    """Return the largest number of places by which a packet is stored later than it is shown.

    dts must precede pts by that many frames.

    Args:
        stored_pts: pts of all packets in stored order.
    """
    rank = {pts: index for index, pts in enumerate(sorted(stored_pts))}
    return max((index - rank[pts] for index, pts in enumerate(stored_pts)), default=0)
