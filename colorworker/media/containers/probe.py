"""Scan a film: read all packets for its properties, its timeline and its completeness."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import BinaryIO

import av
import numpy as np
from av.container import InputContainer
from av.error import DecoderNotFoundError, FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from colorworker.domain.timeline import Timeline
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import SourceDamaged, SourceUnsupported
from colorworker.media.containers import timing, truncation
from colorworker.media.containers.damage import ScanTally
from colorworker.media.containers.demux import (
    check_claims,
    decode_errors,
    ignore_new_streams,
    libav_message,
    open_source,
    select_stream,
)
from colorworker.media.containers.discontinuities import BROADCAST_CONTAINERS
from colorworker.media.containers.encryption import encrypted, encrypted_streams, is_scrambled
from colorworker.media.containers.latestreams import hidden_streams, other_codec
from colorworker.media.containers.maintrack import (
    codec_changes,
    continues_elsewhere,
    film_candidates,
    film_stream,
    measured_stream,
)
from colorworker.media.containers.matroskasource import alpha_streams
from colorworker.media.containers.outputtrack import AnyPacket
from colorworker.media.containers.packetindex import decode_numbered, number_packets
from colorworker.media.containers.packettable import STORES_PTS, PacketTable
from colorworker.media.containers.retime import LARGEST_DENOMINATOR
from colorworker.media.containers.streaminfo import check_frames, video_info

HEADERS_THAT_KNOW = ("mov", "matroska", "avi", "asf", "flv", "rm")
"""Demuxers that read the duration from a header; others estimate it from the available bytes."""
DURATION_SLACK_SECONDS = 1.0
DURATION_SLACK = 0.02
"""How much shorter than its header a film may be; headers differ in counting the last frame."""
RATE_SLACK = Fraction(3, 2)
"""Ratio to the timeline's rate beyond which the header's frame rate is replaced."""
PALETTE = "pal8"
CHECKED_FRAMES = 24
"""Frames to decode to check the packets' pts."""


@dataclass
class _PacketScan:
    """The results of one pass over the packets."""

    info: VideoInfo
    packets: PacketTable
    read_packets: int
    """Packets of the video stream, including empty ones."""
    decoded: list[int | None]
    """Packet numbers of the first decoded frames."""
    reorders: bool
    """Whether frames may be stored in a different order than they are shown."""
    delay: bool
    """Whether the decoder holds frames back."""
    indexed_packets: int
    last_byte: int
    """Byte offset after the last packet of any stream, by the index of an MP4 or MOV; 0 unless
    bytes are missing."""
    header_seconds: float
    read_seconds: float
    stream_id: int
    """PID of the video stream, in a transport stream."""
    stream_ids: frozenset[int]
    """PIDs of all streams that are passed on."""


def scan(
    reader: BinaryIO,
    key: str,
    *,
    max_pixels: int | None = None,
    tally: ScanTally | None = None,
    stream_index: int | None = None,
) -> tuple[VideoInfo, Timeline]:
    """Return the film's properties and its timeline.

    Reads every packet and decodes only the first frames. If the container's timestamps are
    unreliable or packets are damaged, the whole film is decoded once, because no header tells how
    many frames a decoder returns.

    Args:
        reader: The film, seekable; stays open.
        key: Its name, for errors.
        max_pixels: Maximum pixels per frame; None for no limit.
        tally: Counts defects of the film that do not prevent coloring it.
        stream_index: Index of the stream to color; None chooses the main one, as `film_stream`
            does, but by the packets that are read instead of the header.

    Raises:
        SourceDamaged: If there is no film in the file, it does not decode, or part of the file is
            missing.
        SourceTooLarge: If a frame has more than `max_pixels` pixels.
        SourceUnsupported: If frames are not gray, YUV or RGB of 8 to 16 bits, the film is
            encrypted, or its picture moves to another stream in the middle.
    """
    size = truncation.read_extent(reader)
    if size.part:
        raise SourceUnsupported(key, size.part, "Join header and segments with cat first")
    if size.missing_bytes and not (size.index_missing or size.may_be_complete):
        raise _truncated(key, size)
    check_claims(key, size.claimed_samples, size.size_bytes)
    counts = ScanTally() if tally is None else tally
    counts.missing_bytes = 0 if size.index_missing else size.missing_bytes
    packet_scan = _scan_packets(reader, key, stream_index, max_pixels, counts)
    _find_hidden_streams(reader, key, packet_scan, counts)
    counts.find_defects(packet_scan.packets, size.size_bytes, size.ragged_bytes)
    if packet_scan.last_byte > size.size_bytes:
        raise _truncated(key, size)
    _check_complete(packet_scan, key)
    first = packet_scan.decoded[0]
    if first is not None and _has_reliable_pts(packet_scan, first, counts):
        counts.count_left_out(packet_scan.packets, first)
        timeline = timing.timeline_from_pts(packet_scan.packets, first)
    else:
        numbers = _decode_all(reader, key, packet_scan.info.stream_index)
        counts.count_undecoded(packet_scan.packets, numbers)
        timeline = timing.timeline_from_decoding(
            packet_scan.packets, numbers, packet_scan.info.frame_rate
        )
        counts.count_retimed(packet_scan.packets, timeline)
        counts.find_holes(packet_scan.info.container, timeline.pts, timeline.time_base)
    if packet_scan.info.rgb_format == PALETTE:
        # The palette comes with the first packets only, and libav loses it when it seeks.
        timeline = replace(timeline, seekable=False)
    return _correct_frame_rate(packet_scan.info, timeline), timeline


def _truncated(key: str, size: truncation.FileExtent) -> SourceDamaged:
    return SourceDamaged(
        key, truncation.describe_missing_bytes(size), "Copy it again from the original"
    )


def _has_reliable_pts(packet_scan: _PacketScan, first: int, tally: ScanTally) -> bool:
    """Return whether the packets' pts can be trusted; `first` is the first frame's packet."""
    # Frames left over from before the first keyframe may be missing, but not the keyframe itself.
    if tally.restarts or first > packet_scan.packets.first_keyframe:
        return False
    stores_pts = packet_scan.info.container.startswith(STORES_PTS)
    if not stores_pts and (tally.refused_start or tally.needs_decode):
        return False
    return timing.has_reliable_pts(
        packet_scan.packets,
        packet_scan.decoded,
        reorders=packet_scan.reorders,
        delay=packet_scan.delay,
    )


def _check_layers(
    reader: BinaryIO, key: str, container: InputContainer, stream: VideoStream
) -> None:
    """Check that the film is not encrypted and has no alpha layer; keeps the reader's position."""
    position = reader.tell()
    is_encrypted = stream.index in encrypted_streams(reader) or is_scrambled(
        reader, container.format.name, stream.id
    )
    with_alpha = stream.index in alpha_streams(reader)
    reader.seek(position)
    if is_encrypted:
        raise encrypted(key)
    if with_alpha:
        raise SourceUnsupported(
            key,
            f"its {stream.codec_context.codec.canonical_name} frames have an alpha channel",
            "Convert it to a format without alpha first",
        )


def _find_hidden_streams(
    reader: BinaryIO, key: str, packet_scan: _PacketScan, tally: ScanTally
) -> None:
    """Count streams of a recording that libav does not pass on.

    Raises:
        SourceUnsupported: If the picture moves to one of them, or changes its codec.
    """
    packets = packet_scan.packets
    if packets.container not in BROADCAST_CONTAINERS:
        return
    offsets = [offset for offset in packets.offsets if offset >= 0]
    hidden = hidden_streams(reader, key, packets.container, packet_scan.stream_ids, offsets)
    for identity, kind in hidden.items():
        if kind == "video":
            seconds = packets.seconds_until(len(packets) - 1)
            raise continues_elsewhere(key, packet_scan.stream_id, identity, seconds)
    if packets.container == "mpegts":
        codec = other_codec(reader, key, packet_scan.stream_id, packets.codec)
        if codec:
            numbers = _decode_all(reader, key, packet_scan.info.stream_index)
            seconds = packets.seconds_until(max(number or 0 for number in numbers))
            raise codec_changes(key, packets.codec, codec, seconds)
    tally.hidden_streams = tuple(f"{kind} stream 0x{pid:x}" for pid, kind in hidden.items())


def _decode_all(reader: BinaryIO, key: str, index: int | None) -> list[int | None]:
    """Return the packet number of every frame, in display order."""
    with open_source(reader, key) as container, decode_errors(key, "from start to end"):
        stream = select_stream(container, film_stream(container, key, index))
        packets = ignore_new_streams(container.demux(stream))
        numbers = [frame.pts for frame in decode_numbered(stream, number_packets(packets))]
    if not numbers:
        raise SourceDamaged(key, "none of its frames decodes", "Restore it from another copy")
    return numbers


def _correct_frame_rate(info: VideoInfo, timeline: Timeline) -> VideoInfo:
    """Return the info with the timeline's frame rate if the header's differs too much.

    libav guesses the rate from the first packets, and guesses too low if most have no timestamp.
    """
    if len(timeline.pts) < 2:
        return info
    usual = Fraction(float(np.median(np.diff(timeline.pts)))) * timeline.time_base
    if 1 / RATE_SLACK < usual * info.frame_rate < RATE_SLACK:
        return info
    return replace(info, frame_rate=(1 / usual).limit_denominator(LARGEST_DENOMINATOR))


@dataclass
class _FirstFrames:
    """Decodes a film's first frames during the scan and collects their packet numbers."""

    stream: VideoStream
    wanted: int
    tally: ScanTally
    first: VideoFrame | None = None
    numbers: list[int | None] = field(default_factory=list)

    def decode(self, packet: Packet, number: int) -> None:  # type: ignore[type-arg]
        """Decode a packet unless there are enough frames; sets its pts to its number.

        A packet that does not decode is tolerated; the film is then decoded once more.
        """
        if len(self.numbers) >= self.wanted:
            return
        if packet.size:
            packet.pts = number
        try:
            frames = self.stream.decode(packet)
        except DecoderNotFoundError:
            raise
        except FFmpegError:
            self.tally.refused_start = True
            return
        for frame in frames:
            self.first = self.first or frame
            self.numbers.append(frame.pts)


def _scan_packets(
    reader: BinaryIO, key: str, index: int | None, max_pixels: int | None, tally: ScanTally
) -> _PacketScan:
    with open_source(reader, key) as container:
        if index is None and len(film_candidates(container)) > 1:
            index = measured_stream(reader, key)
            return _scan_packets(reader, key, index, max_pixels, tally)
        stream = film_stream(container, key, index)
        _check_layers(reader, key, container, stream)
        check_frames(stream, key, max_pixels)
        codec = stream.codec_context.codec
        packets = PacketTable(
            _time_base(stream, key),
            container.format.name,
            codec.canonical_name,
            stream.codec_context.extradata or b"",
        )
        frames = _FirstFrames(stream, CHECKED_FRAMES, tally)
        read_seconds, read_packets = 0.0, 0
        with decode_errors(key, "at its start"):
            for packet in _all_packets(container, key):
                read_seconds = max(read_seconds, _end_seconds(packet))
                if packet.stream.index != stream.index:
                    continue
                read_packets += packet.size > 0 or packet.dts is not None
                packets.add(packet)
                tally.add_packet(packet)
                frames.decode(packet, len(packets) - 1)
        packets.continue_clock()
        if frames.first is None or not len(packets):
            raise SourceDamaged(key, "none of its frames decodes", "Restore it from another copy")
        start_seconds = (container.start_time or 0) / av.time_base
        # For MPEG-4 Visual, False comes from its header (low_delay); for H.264 it is a guess.
        delay = bool(stream.codec_context.has_b_frames)
        return _PacketScan(
            video_info(container, stream, frames.first),
            packets,
            read_packets,
            frames.numbers,
            codec.reorder and not (codec.name == "mpeg4" and not delay),
            delay,
            _declared_packets(container, stream),
            _last_indexed_byte(container) if tally.missing_bytes else 0,
            _header_seconds(container),
            read_seconds - min(0.0, start_seconds),
            stream.id,
            frozenset(each.id for each in container.streams),
        )


def _all_packets(container: InputContainer, key: str) -> Iterator[AnyPacket]:
    """Yield the packets of all streams.

    Raises:
        SourceDamaged: If the file cannot be read to its end.
    """
    seconds = 0.0
    try:
        for packet in ignore_new_streams(container.demux()):
            seconds = max(seconds, _end_seconds(packet))
            yield packet
    except FFmpegError as error:
        declared = (container.duration or 0) / av.time_base
        of = f", its header declares {declared:.1f} s" if declared else ""
        raise SourceDamaged(
            key,
            f"it cannot be read beyond {seconds:.1f} s{of} ({libav_message(error)})",
            "Copy it again from the original",
        ) from error


def _declared_packets(container: InputContainer, stream: VideoStream) -> int:
    """Return how many packets the container declares; 0 if it does not say."""
    if container.format.name.startswith("mov"):
        return len(stream.index_entries)
    # MXF counts edit units, which are frames (SMPTE ST 377-1, Duration of the Sequence).
    return (stream.duration or 0) if container.format.name == "mxf" else 0


def _last_indexed_byte(container: InputContainer) -> int:
    if not container.format.name.startswith("mov"):
        return 0
    ends = (entry.pos + entry.size for each in container.streams for entry in each.index_entries)
    return max(ends, default=0)


def _time_base(stream: VideoStream, key: str) -> Fraction:
    if not stream.time_base:
        raise SourceDamaged(key, "its video stream has no time base")
    return stream.time_base


def _end_seconds(packet: Packet) -> float:  # type: ignore[type-arg]
    start = packet.pts if packet.pts is not None else packet.dts
    time_base = packet.time_base
    if start is None or not time_base:
        return 0.0
    return (start + (packet.duration or 0)) * time_base.numerator / time_base.denominator


def _header_seconds(container: InputContainer) -> float:
    if not container.format.name.startswith(HEADERS_THAT_KNOW):
        return 0.0
    return (container.duration or 0) / av.time_base


def _check_complete(packet_scan: _PacketScan, key: str) -> None:
    if packet_scan.read_packets < packet_scan.indexed_packets:
        raise SourceDamaged(
            key,
            f"only {packet_scan.read_packets} of {packet_scan.indexed_packets} frames are present",
            "Copy it again from the original",
        )
    slack = max(DURATION_SLACK_SECONDS, DURATION_SLACK * packet_scan.header_seconds)
    if packet_scan.read_seconds < packet_scan.header_seconds - slack:
        raise SourceDamaged(
            key,
            f"it ends after {packet_scan.read_seconds:.1f} s, its header declares "
            f"{packet_scan.header_seconds:.1f} s",
            "Copy it again from the original",
        )
