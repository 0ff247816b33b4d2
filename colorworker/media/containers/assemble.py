"""Join a film's encoded parts with the other streams of its source, by stream copy."""

import hashlib
import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, cast

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.stream import Stream
from av.video.stream import VideoStream

from colorworker.domain.label import Notice
from colorworker.domain.notes import Note
from colorworker.domain.records import PartFacts
from colorworker.domain.streamfate import StreamFate
from colorworker.domain.timeline import Timeline
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import OutputMismatch
from colorworker.media.codecs.encode import add_film_stream, muxer_options
from colorworker.media.codecs.profiles import EncoderSpec
from colorworker.media.codecs.threadpriority import keep_thread_priority
from colorworker.media.containers.captions import CaptionTrack, add_caption_track, unpack_captions
from colorworker.media.containers.demux import libav_message, open_source
from colorworker.media.containers.discontinuities import BROADCAST_CONTAINERS
from colorworker.media.containers.latestreams import late_streams
from colorworker.media.containers.lostmetadata import lost_metadata, lost_picture_tags
from colorworker.media.containers.maintrack import film_stream
from colorworker.media.containers.matroska import (
    ROOM_TAG,
    HeaderChanges,
    complete_header,
    needed_room,
)
from colorworker.media.containers.outputtrack import AnyPacket
from colorworker.media.containers.readhints import hint_read_all
from colorworker.media.containers.sourceheader import (
    SourceHeader,
    read_source_header,
    tag_names,
    track_sources,
)
from colorworker.media.containers.streamcopy import CopiedStreams, codec_name, copy_streams
from colorworker.media.containers.tags import (
    TIMECODE,
    container_tags,
    drop_timecodes,
    video_stream_tags,
)
from colorworker.media.containers.trim import TrimRange, shifted_range, trim_range
from colorworker.media.containers.verify import verify_film
from colorworker.media.xmpnotice import add_notice_to_xmp, append_to_mp4


@dataclass(frozen=True)
class Part:
    """One encoded segment: how to open it, and the facts its writer recorded."""

    open: Callable[[], BinaryIO]
    """Returns a seekable reader, which the assembly closes. Only one part is open at a time."""
    facts: PartFacts


@dataclass(frozen=True)
class AssemblyResult:
    """The contents of an assembled and verified film."""

    frame_count: int
    warnings: tuple[str, ...]
    """One sentence for each thing in the source that was changed or lost."""
    streams: tuple[StreamFate, ...] = ()
    """What became of every stream, in the order of the source."""


def assemble(
    source_reader: BinaryIO,
    key: str,
    parts: Sequence[Part],
    output: Path,
    info: VideoInfo,
    timeline: Timeline,
    spec: EncoderSpec,
    notice: Notice | None = None,
    *,
    whole: Timeline | None = None,
) -> AssemblyResult:
    """Write the film from its parts and its source, and verify it.

    Streams through parts and source once. Memory does not grow with the film, except for 8 bytes
    per frame and the muxer's index.

    Args:
        source_reader: The source, seekable; stays open.
        key: Its name, for errors.
        parts: All parts in order.
        output: File to write; an existing file is overwritten.
        info: The film's properties, from `scan`.
        timeline: Timeline of the frames to write.
        spec: The encoder that wrote the parts.
        notice: Notice to append to the container's comment.
        whole: For an excerpt, the timeline of the whole film. The output then starts at 0 and gets
            the audio, subtitles and chapters of the excerpt's time range.

    Raises:
        OutputMismatch: If frames are missing or extra in the parts, the container refuses
            something, or the written film does not match the timeline. The file at `output` is
            then unusable.
        SourceDamaged: If the source does not open.
    """
    trimmed = None if whole is None else trim_range(timeline)
    header = read_source_header(source_reader, trimmed or shifted_range(timeline))
    with open_source(source_reader, key) as source:
        film = film_stream(source, key, info.stream_index)
        shift_seconds = trimmed.start if trimmed else _shift_seconds(source, timeline)
        shift_ticks = round(shift_seconds / timeline.time_base)
        with late_streams(source_reader, key, source) as late, _write_errors(key):
            target = av.open(
                str(output),
                "w",
                format=spec.container,
                container_options=muxer_options(spec.container, timeline.time_base),
            )
            with closing(target):
                target.metadata.update(container_tags(source.metadata, notice))
                if notice and spec.container == "mov":  # libav writes it there, not into MP4
                    target.metadata["xmp"] = add_notice_to_xmp(b"", notice).decode()
                assembly = _Assembly(
                    info, timeline, spec, shift_seconds, whole or timeline, trimmed, header
                )
                copied = _mux(film, key, parts, target, assembly, late)
        if notice and spec.container == "mp4":
            append_to_mp4(output, add_notice_to_xmp(b"", notice))
        if spec.container == "matroska" and _room(assembly):
            complete_header(output, _header_changes(film, copied, assembly, notice))
        off_seconds = verify_film(output, key, timeline, shift_ticks=shift_ticks)
        lost = lost_metadata(film, output, copied, spec.container, notice, trimmed, header)
        lost += lost_picture_tags(info, output, spec.container)
    if off_seconds:
        lost.append(
            Note(
                f"{spec.container} has a coarser time base than the source: frames are shown up to "
                f"{float(off_seconds) * 1000:.2f} ms off"
            )
        )
    warnings = (*spec.losses, *copied.warnings, *lost)
    fates = sorted(copied.fates, key=lambda fate: fate.index)
    return AssemblyResult(len(timeline.pts), warnings, tuple(fates))


@dataclass(frozen=True)
class _Assembly:
    """Facts about the film that is being assembled."""

    info: VideoInfo
    timeline: Timeline
    spec: EncoderSpec
    shift_seconds: Fraction
    """Subtracted from every time."""
    whole: Timeline
    """Timeline of the whole film; the pts in parts count from its start."""
    trimmed: TrimRange | None
    """Range of an excerpt; None for the whole film."""
    header: SourceHeader


@contextmanager
def _write_errors(key: str) -> Iterator[None]:
    try:
        yield
    except FFmpegError as error:
        raise OutputMismatch(key, f"the film cannot be written ({libav_message(error)})") from error


def _mux(
    film: VideoStream,
    key: str,
    parts: Sequence[Part],
    target: OutputContainer,
    assembly: _Assembly,
    late: Mapping[int, Stream],
) -> CopiedStreams:
    source = cast(InputContainer, film.container)
    spec, timeline, header = assembly.spec, assembly.timeline, assembly.header
    stream = add_film_stream(target, spec, assembly.info, timeline.time_base)
    stream.disposition = film.disposition
    if assembly.info.display_matrix:
        stream.set_display_matrix(assembly.info.display_matrix)
    copied = copy_streams(
        source,
        film,
        target,
        spec,
        assembly.shift_seconds,
        late,
        header=header,
    )
    track = _caption_track(target, parts, assembly)
    counts = sum((Counter(part.facts.frame_data) for part in parts), Counter())
    tags = {name.casefold() for name in (*film.metadata, *target.metadata)}
    keeps_start = TIMECODE in tags and not assembly.trimmed
    copied.note_frame_data(film, spec, counts, track, keeps_start=keeps_start)
    stream.metadata.update(video_stream_tags(film.metadata))
    trimmed, chapters = assembly.trimmed, source.chapters()
    if trimmed:
        chapters = trimmed.clip_chapters(chapters)
        if drop_timecodes(stream.metadata, target.metadata):
            copied.warnings.append("the film's timecode is dropped: it does not fit the excerpt")
    elif shifted := shifted_range(timeline):
        chapters = shifted.clip_chapters(chapters)
    if chapters:
        target.set_chapters(chapters)
    if spec.container == "matroska" and (room := _room(assembly)):
        target.metadata[ROOM_TAG] = " " * room
    with keep_thread_priority():
        target.start_encoding()
    extradata = stream.codec_context.extradata or b""
    frames = _film_packets(key, parts, stream, extradata, assembly)
    others = copied.packets(source, assembly.whole, trimmed)
    captions = track.packets() if track else iter(())
    for packet in heapq.merge(frames, others, captions, key=_microseconds):
        copied.mux(target, packet)
    return copied


def _room(assembly: _Assembly) -> int:
    header = assembly.header
    return needed_room(assembly.info, header.matroska, header.languages)


def _header_changes(
    film: VideoStream, copied: CopiedStreams, assembly: _Assembly, notice: Notice | None
) -> HeaderChanges:
    """Return what libav's muxer could not write into a Matroska header."""
    source, header = cast(InputContainer, film.container), assembly.header
    return HeaderChanges(
        assembly.info,
        header.matroska,
        track_sources(film, copied.tracks),
        header.languages,
        [index for index in copied.tracks if not codec_name(source.streams[index])],
        tag_names(source, film, notice, assembly.trimmed),
    )


def _caption_track(
    target: OutputContainer, parts: Sequence[Part], assembly: _Assembly
) -> CaptionTrack | None:
    timeline = assembly.timeline
    shift_ticks = round(assembly.shift_seconds / timeline.time_base)
    captions = [
        (pts - shift_ticks, triplets)
        for part in parts
        for pts, triplets in unpack_captions(part.facts.captions)
    ]
    return add_caption_track(target, captions, timeline.time_base, _duration(timeline, 0))


def _film_packets(
    key: str,
    parts: Sequence[Part],
    stream: VideoStream,
    header: bytes,
    assembly: _Assembly,
) -> Iterator[AnyPacket]:
    """Yield the packets of all parts with the film's pts and dts.

    dts is regenerated over the whole film: a part with B-frames starts its dts before its first
    pts, so dts would go backwards at joints. The dts of the i-th packet is the pts of the frame
    `depth` places before the i-th, where `depth` is the largest reordering of any part.
    """
    timeline = assembly.timeline
    shift_ticks = round(assembly.shift_seconds / timeline.time_base)
    depth = max((part.facts.reorder_depth for part in parts), default=0)
    pts = timeline.pts
    step = int(pts[1] - pts[0]) if len(pts) > 1 else 1
    written = np.zeros(len(pts), bool)
    index = 0
    for number, part in enumerate(parts):
        for packet, shown_pts in _part_packets(key, number, part, header, assembly.whole):
            place = int(np.searchsorted(pts, shown_pts))
            if place >= len(pts) or pts[place] != shown_pts or written[place]:
                raise OutputMismatch(
                    key, f"part {number} holds an unexpected frame at pts {shown_pts}"
                )
            written[place] = True
            dts = (
                int(pts[index - depth]) if index >= depth else int(pts[0]) - step * (depth - index)
            )
            packet.pts, packet.dts = shown_pts - shift_ticks, dts - shift_ticks
            packet.duration = _duration(timeline, place)
            packet.time_base = timeline.time_base
            packet.stream = stream
            yield packet
            index += 1
    if index != len(pts):
        raise OutputMismatch(
            key, f"{index} of {len(pts)} frames are in the parts", "Delete the parts and run again"
        )


def _part_packets(
    key: str, number: int, part: Part, header: bytes, timeline: Timeline
) -> Iterator[tuple[AnyPacket, int]]:
    """Yield a part's packets, each with its pts in ticks of the film's time base."""
    with (
        closing(_open_part(part)) as reader,
        open_source(reader, f"part {number} of {key}") as container,
    ):
        inside = container.streams.video[0]
        # The QuickTime muxer gives DNxHR a header that the encoder does not have.
        stored = (inside.codec_context.extradata or b"") if header else b""
        if stored != header:
            raise OutputMismatch(
                key,
                f"part {number} was encoded with a different codec header "
                f"(sha256 {part.facts.extradata_sha256[:12]}, "
                f"the film's is {hashlib.sha256(header).hexdigest()[:12]})",
                "Use the same PyAV version on all machines, and the same GPU and driver if they"
                " encode; delete the parts and run again",
            )
        count = 0
        scale = (inside.time_base or Fraction(1)) / timeline.time_base
        for packet in container.demux(inside):
            if not packet.size or packet.pts is None:
                continue
            count += 1
            yield cast(AnyPacket, packet), int(timeline.pts[0]) + round(packet.pts * scale)
        if count != part.facts.frame_count:
            raise OutputMismatch(
                key, f"part {number} holds {count} of its {part.facts.frame_count} frames"
            )


def _open_part(part: Part) -> BinaryIO:
    reader = part.open()
    hint_read_all(reader)
    return reader


def _duration(timeline: Timeline, place: int) -> int:
    if timeline.durations[place]:
        return int(timeline.durations[place])
    following = min(place + 1, len(timeline.pts) - 1)
    return int(timeline.pts[following] - timeline.pts[max(0, following - 1)])


def _microseconds(packet: AnyPacket) -> int:
    time_base = packet.time_base
    ticks = packet.dts if packet.dts is not None else 0
    return ticks * time_base.numerator * 1_000_000 // time_base.denominator


def _shift_seconds(source: InputContainer, timeline: Timeline) -> Fraction:
    """Return the seconds to subtract from all times, so that no frame is shown before 0."""
    start = Fraction(0)
    if source.format.name in BROADCAST_CONTAINERS:
        start = Fraction(source.start_time or 0, av.time_base)
    return min(start, int(timeline.pts[0]) * timeline.time_base)
