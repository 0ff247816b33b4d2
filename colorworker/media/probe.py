"""Read a film's packets: what it is, when each frame is shown, and whether all of it is there."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from colorworker.errors import SourceDamaged, SourceTooLarge, SourceUnsupported
from colorworker.media import structure, timing
from colorworker.media.container import decode_errors, film_stream, only, open_source
from colorworker.work.film import VideoInfo
from colorworker.work.timeline import Timeline

DEFAULT_RATE = Fraction(25)
"""Where neither the header nor the packets say; the timeline holds the real times."""
HEADERS_THAT_KNOW = ("mov", "matroska", "avi", "asf", "flv")
"""Demuxers whose duration is written in a header; others estimate it from the bytes at hand."""
DURATION_SLACK_SECONDS = 1.0
DURATION_SLACK = 0.02
"""How much shorter than its header a film may be: headers count the last frame in many ways."""
H273_FULL, H273_LIMITED = 2, 1
"""libav's colour ranges, AVCOL_RANGE_JPEG and AVCOL_RANGE_MPEG."""
LIMITED_BY_DEFAULT = frozenset({"h264", "hevc", "av1", "mpeg2video", "mpeg1video", "mpeg4"})
"""Codecs whose standard says limited range where nothing is signalled."""
SAMPLED_FRAMES_UNSEEKABLE = 1500
"""Frames at the start that samples are taken from where the film cannot be sought."""


@dataclass(frozen=True)
class _Listing:
    """All that one pass over the packets tells."""

    info: VideoInfo
    packets: timing.Packets
    read_packets: int
    """Packets of the film, empty ones included."""
    first_pts: int | None
    """pts of the first frame that came out of the decoder."""
    indexed_packets: int
    header_seconds: float
    read_seconds: float


def scan(
    reader: BinaryIO, key: str, *, max_pixels: int | None = None
) -> tuple[VideoInfo, Timeline]:
    """Return what the film is and when its frames are shown.

    Reads every packet and decodes only the first frame, unless the container's times cannot be
    trusted: then the film is decoded once, for no header tells how many frames a decoder shows.

    Args:
        reader: The film, seekable; stays open.
        key: Its name, for errors.
        max_pixels: Largest frame that is decoded; None for no bound.

    Raises:
        SourceDamaged: If no film is in it, it does not decode, or part of the file is missing.
        SourceTooLarge: If a frame has more than `max_pixels` pixels.
        SourceUnsupported: If the frames are neither grey nor planar YUV.
    """
    size = structure.read_structure(reader)
    listing = _list_packets(reader, key, max_pixels)
    if size.missing_bytes:
        raise SourceDamaged(key, structure.ends_early(size), "Copy it again from the original")
    _check_whole(listing, key)
    if timing.trustworthy(listing.packets, listing.info):
        return listing.info, timing.timeline(listing.packets, listing.first_pts)
    with open_source(reader, key) as container, decode_errors(key, "from start to end"):
        stream = only(container, film_stream(container, key))
        frames = sum(1 for _ in container.decode(stream))
    if not frames:
        raise SourceDamaged(key, "no frame of it decodes")
    return listing.info, timing.counted_timeline(listing.packets, frames, listing.info.frame_rate)


def sample_frames(reader: BinaryIO, timeline: Timeline, count: int) -> list[VideoFrame]:
    """Return up to `count` decoded frames spread evenly over the film, in order.

    Of a film that can be sought they are keyframes; of others they come from its first minute.
    """
    with open_source(reader, "film") as container, decode_errors("film", "at a keyframe"):
        stream = only(container, film_stream(container, "film"))
        if timeline.seekable:
            picked = timeline.keyframes[_spread(len(timeline.keyframes), count)]
            return list(_frames_at(container, stream, [int(pts) for pts in picked]))
        wanted = set(_spread(min(len(timeline.pts), SAMPLED_FRAMES_UNSEEKABLE), count).tolist())
        frames = []
        for index, frame in enumerate(container.decode(stream)):
            if index in wanted:
                frames.append(frame)
            if index >= max(wanted):
                break
        return frames


def _spread(length: int, count: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.unique(np.linspace(0, length - 1, min(count, length)).round().astype(np.int64))


def _frames_at(
    container: InputContainer, stream: VideoStream, wanted: list[int]
) -> Iterator[VideoFrame]:
    for pts in wanted:
        container.seek(pts, stream=stream)
        for frame in container.decode(stream):
            if frame.pts is not None and frame.pts >= pts:
                yield frame
                break


def _list_packets(reader: BinaryIO, key: str, max_pixels: int | None) -> _Listing:
    with open_source(reader, key) as container:
        stream = film_stream(container, key)
        _check_frames(stream, key, max_pixels)
        packets = timing.Packets(_time_base(stream, key))
        first: VideoFrame | None = None
        read_seconds, read_packets = 0.0, 0
        with decode_errors(key, "at its start"):
            for packet in container.demux():
                read_seconds = max(read_seconds, _end_seconds(packet))
                if packet.stream.index != stream.index:
                    continue
                read_packets += packet.dts is not None
                if first is None:
                    first = next(iter(stream.decode(packet)), None)
                packets.add(packet)
        if first is None or not len(packets.times):
            raise SourceDamaged(key, "no frame of it decodes", "Restore it from another copy")
        start_seconds = (container.start_time or 0) / av.time_base
        return _Listing(
            _video_info(container, stream, first),
            packets,
            read_packets,
            first.pts,
            len(stream.index_entries) if container.format.name.startswith("mov") else 0,
            _header_seconds(container),
            read_seconds - start_seconds,
        )


def _time_base(stream: VideoStream, key: str) -> Fraction:
    if not stream.time_base:
        raise SourceDamaged(key, "its stream of pictures has no time base")
    return stream.time_base


def _end_seconds(packet: Packet) -> float:  # type: ignore[type-arg]
    start = packet.pts if packet.pts is not None else packet.dts
    if start is None or not packet.time_base:
        return 0.0
    return float((start + (packet.duration or 0)) * packet.time_base)


def _header_seconds(container: InputContainer) -> float:
    if not container.format.name.startswith(HEADERS_THAT_KNOW):
        return 0.0
    return (container.duration or 0) / av.time_base


def _check_frames(stream: VideoStream, key: str, max_pixels: int | None) -> None:
    context = stream.codec_context
    if max_pixels is not None and context.width * context.height > max_pixels:
        raise SourceTooLarge(
            key,
            f"{context.width} x {context.height} pixels a frame, {max_pixels} are allowed",
            "Raise COLORWORKER_MEDIA__MAX_PIXELS if you trust it",
        )
    if context.pix_fmt is None:
        raise SourceDamaged(key, "its header does not say what its pictures are made of")
    if not _is_luma_first(VideoFormat(context.pix_fmt)):
        raise SourceUnsupported(
            key,
            f"its pictures are {context.pix_fmt}, neither grey nor planar YUV",
            "Convert it to FFV1 with yuv444p first",
        )


def _is_luma_first(form: VideoFormat) -> bool:
    """Return whether plane 0 holds luma alone, in samples NumPy can view, without transparency."""
    components = form.components
    grey = len(components) == 1 and form.name.startswith("gray")
    planar = form.name.startswith("yuv") and form.is_planar and len(components) == 3
    depth = components[0].bits
    return (grey or planar) and not form.is_big_endian and 8 <= depth <= 16


def _check_whole(listing: _Listing, key: str) -> None:
    if listing.read_packets < listing.indexed_packets:
        raise SourceDamaged(
            key,
            f"only {listing.read_packets} of {listing.indexed_packets} frames are there",
            "Copy it again from the original",
        )
    slack = max(DURATION_SLACK_SECONDS, DURATION_SLACK * listing.header_seconds)
    if listing.read_seconds < listing.header_seconds - slack:
        raise SourceDamaged(
            key,
            f"it ends after {listing.read_seconds:.1f} s, its header promises "
            f"{listing.header_seconds:.1f} s",
            "Copy it again from the original",
        )


def _video_info(container: InputContainer, stream: VideoStream, first: VideoFrame) -> VideoInfo:
    context = stream.codec_context
    aspect = stream.sample_aspect_ratio or context.sample_aspect_ratio
    return VideoInfo(
        container=container.format.name,
        codec=context.name,
        width=first.width,
        height=first.height,
        pix_fmt=first.format.name,
        frame_rate=stream.guessed_rate or stream.average_rate or DEFAULT_RATE,
        sample_aspect_ratio=aspect or None,
        color_range=_color_range(context.name, first.format.name, context.color_range),
        colorspace=context.colorspace,
        color_primaries=context.color_primaries,
        color_trc=context.color_trc,
        rotation=first.rotation,
    )


def _color_range(codec: str, pix_fmt: str, signalled: int) -> int:
    """Return the range; where a grey film says nothing, the one that players show it in.

    swscale and with it most players take grey as full range and YUV as limited: once colour is
    added the silence would mean another picture, so what was implied is then said.
    """
    if signalled or not pix_fmt.startswith("gray"):
        return H273_FULL if pix_fmt.startswith("yuvj") else signalled
    return H273_LIMITED if codec in LIMITED_BY_DEFAULT else H273_FULL
