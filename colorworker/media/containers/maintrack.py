"""Find the film among the video streams of a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import BinaryIO

from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from colorworker.errors import SourceDamaged, SourceUnsupported
from colorworker.media.containers.demux import ignore_new_streams, open_source
from colorworker.media.containers.discontinuities import BROADCAST_CONTAINERS

NON_FILM_DISPOSITIONS = (
    Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
)
"""Video streams with these dispositions are not the film: cover art, chapter thumbnails."""
SHORT = Fraction(1, 2)
"""A stream with less than this share of the longest one's duration is not the film: a thumbnail, a
trailer, a menu."""
CONTINUES_SECONDS = 1
"""How far after the end of one stream its continuation in another one starts at most."""


@dataclass(frozen=True)
class Extent:
    """What is known about how long a video stream is."""

    frames: int = 0
    """0 if unknown."""
    seconds: Fraction = Fraction(0)
    """0 if unknown."""


def film_stream(container: InputContainer, key: str, index: int | None = None) -> VideoStream:
    """Return the video stream to color.

    By default it is the main one, as far as the file's header tells: longer than one frame and than
    half of the longest stream, then the one with the disposition "default", then the first.

    Args:
        container: The open film.
        key: Its name, for errors.
        index: Index of the stream, if it is known.

    Raises:
        SourceDamaged: If there is no stream.
        SourceUnsupported: If there is no video stream, the stream at `index` is not video, or this
            build of libav has no decoder for it.
    """
    if index is not None:
        return _stream_at(container, key, index)
    streams = film_candidates(container)
    if not streams:
        kinds = ", ".join(sorted({stream.type for stream in container.streams}))
        if not kinds:
            raise SourceDamaged(key, "no video stream in it, and no other")
        seen = f"no video stream in it, only {kinds}"
        raise SourceUnsupported(key, seen, "Leave it out, for example with --exclude")
    return _with_decoder(main_stream(streams, {s.index: _header_extent(s) for s in streams}), key)


def film_candidates(container: InputContainer) -> list[VideoStream]:
    """Return the video streams that are not covers or thumbnails, those with a decoder first."""
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & NON_FILM_DISPOSITIONS
    ]
    return [stream for stream in streams if _has_decoder(stream)] or streams


def main_stream(streams: Sequence[VideoStream], extents: Mapping[int, Extent]) -> VideoStream:
    """Return the stream that is most likely the film; see `film_stream`.

    Args:
        streams: The candidates, at least one.
        extents: What is known of each, by its index.
    """
    longest = max(extent.seconds for extent in extents.values())

    def rank(stream: VideoStream) -> tuple[bool, bool]:
        extent = extents[stream.index]
        short = extent.frames == 1 or 0 < extent.seconds < SHORT * longest
        return short, not stream.disposition & Disposition.default

    return min(streams, key=rank)


@dataclass
class ExtentMeter:
    """Measures the video streams of a file while all its packets are read."""

    container: str
    first: dict[int, Fraction] = field(default_factory=dict)
    """Time of each stream's first packet, in seconds."""
    last: dict[int, Fraction] = field(default_factory=dict)
    frames: dict[int, int] = field(default_factory=dict)

    def add(self, packet: Packet) -> None:  # type: ignore[type-arg]
        """Take the next packet of a video stream."""
        ticks, index = packet.dts if packet.dts is not None else packet.pts, packet.stream.index
        if not packet.size:
            return
        self.frames[index] = self.frames.get(index, 0) + 1
        if ticks is not None and packet.time_base:
            at = ticks * packet.time_base
            self.first[index] = min(at, self.first.get(index, at))
            self.last[index] = max(at, self.last.get(index, at))

    def main_stream(self, streams: Sequence[VideoStream]) -> VideoStream:
        """Return the stream that is most likely the film, now that all are measured."""
        extents = {
            stream.index: Extent(
                self.frames.get(stream.index, 0),
                self.last.get(stream.index, Fraction(0)) - self.first.get(stream.index, 0),
            )
            for stream in streams
        }
        with_frames = [stream for stream in streams if extents[stream.index].frames]
        return main_stream(with_frames or streams, extents)

    def check_continuation(self, streams: Sequence[VideoStream], key: str) -> None:
        """Check that no stream of a recording continues where another one ends.

        Raises:
            SourceUnsupported: If one does. Coloring either would lose part of the film.
        """
        if self.container not in BROADCAST_CONTAINERS:
            return
        for one in streams:
            for other in streams:
                if one.index not in self.last or other.index not in self.first:
                    continue
                gap = self.first[other.index] - self.last[one.index]
                if one is not other and 0 <= gap <= CONTINUES_SECONDS:
                    seconds = self.last[one.index] - self.first[one.index]
                    raise continues_elsewhere(key, one.id, other.id, float(seconds))


def measured_stream(reader: BinaryIO, key: str) -> int:
    """Return the index of the main video stream, by all packets of the file.

    Raises:
        SourceUnsupported: If the picture of a recording moves from one stream to another.
    """
    with open_source(reader, key) as container:
        streams = film_candidates(container)
        meter = ExtentMeter(container.format.name)
        for packet in ignore_new_streams(container.demux(streams)):
            meter.add(packet)
        meter.check_continuation(streams, key)
        return meter.main_stream(streams).index


def continues_elsewhere(key: str, pid: int, other: int, seconds: float) -> SourceUnsupported:
    """Return the error for a recording whose picture moves to another stream."""
    return SourceUnsupported(
        key,
        f"its picture moves from stream 0x{pid:x} to stream 0x{other:x} after {seconds:.2f} s",
        "Split it there and color the parts",
    )


def codec_changes(key: str, codec: str, other: str, seconds: float) -> SourceUnsupported:
    """Return the error for a recording whose picture goes on in another codec."""
    return SourceUnsupported(
        key,
        f"its picture changes from {codec} to {other} after {seconds:.2f} s",
        "Split it there and color the parts",
    )


def _stream_at(container: InputContainer, key: str, index: int) -> VideoStream:
    for stream in container.streams.video:
        if stream.index == index:
            return _with_decoder(stream, key)
    seen = ", ".join(str(stream.index) for stream in container.streams.video) or "none"
    raise SourceUnsupported(
        key, f"its stream {index} is not video (video streams: {seen})", "Choose another stream"
    )


def _has_decoder(stream: VideoStream) -> bool:
    # Contrary to PyAV's stubs, there is no context if libav has no decoder.
    context: object = stream.codec_context
    return context is not None


def _with_decoder(stream: VideoStream, key: str) -> VideoStream:
    if not _has_decoder(stream):
        raise SourceUnsupported(
            key, "no decoder for its video codec", "Convert it to H.264 or FFV1 first"
        )
    return stream


def _header_extent(stream: VideoStream) -> Extent:
    """Return the extent by the header, or by the statistics tags that Matroska muxers write."""
    tags = {name.upper(): value for name, value in stream.metadata.items()}
    frames = tags.get("NUMBER_OF_FRAMES", "")
    seconds = Fraction(0)
    if stream.duration and stream.time_base:
        seconds = stream.duration * stream.time_base
    elif "DURATION" in tags:
        seconds = _clock_seconds(tags["DURATION"])
    return Extent(stream.frames or (int(frames) if frames.isdigit() else 0), seconds)


def _clock_seconds(text: str) -> Fraction:
    """Return the seconds of a time such as `00:00:02.000000000`; 0 if it is not one."""
    try:
        hours, minutes, seconds = text.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
    except ValueError:
        return Fraction(0)
