"""Read a written film's header back and list the metadata of the source that was lost."""

import math
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import cast

import av
from av.container import InputContainer
from av.stream import Disposition, Stream

from colorworker.domain.label import Notice
from colorworker.domain.videoinfo import VideoInfo
from colorworker.media.containers.attachments import is_cover
from colorworker.media.containers.matroskachapters import lost_chapters
from colorworker.media.containers.sourceheader import NO_HEADER, SourceHeader
from colorworker.media.containers.streamcopy import CopiedStreams
from colorworker.media.containers.tags import (
    QUICKTIME_LANGUAGES,
    STALE_TAGS,
    VENDOR_TAGS,
    container_tags,
    filter_tags,
)
from colorworker.media.containers.trim import TrimRange
from colorworker.media.sidedata import IDENTITY_MATRIX, crop, display_matrix

RESERVED, UNSPECIFIED = 0, 2
"""ITU-T H.273 codes of primaries and transfer that say nothing; a matrix of 0 means RGB."""
CREATION_TIME = "creation_time"
SAME_TURN = 1e-3
"""Largest difference of two display matrices that counts as rounding: 0.06 degrees."""
LIMITED_RANGE = 1
"""libav's AVCOL_RANGE_MPEG. Players assume it for YUV of unspecified range (0)."""


def lost_metadata(
    film: Stream,
    output: Path,
    copied: CopiedStreams,
    container: str,
    notice: Notice | None = None,
    trimmed: TrimRange | None = None,
    header: SourceHeader = NO_HEADER,
) -> list[str]:
    """Return one sentence for each tag, chapter or disposition that the written file has lost.

    Args:
        film: The film's stream in the source, which is still open.
        output: The written file.
        copied: The other streams that were copied or transcoded.
        container: The output's muxer, for the sentences.
        notice: The notice that was written into the comment, if any.
        trimmed: The range of the source that was written; None for all of it.
        header: What the source's header declares that libav does not pass on.
    """
    source, matroska = cast(InputContainer, film.container), header.matroska
    with av.open(str(output), "r", metadata_errors="replace") as written:
        tags = container_tags(source.metadata, notice)
        # MP4 and QuickTime files keep the timecode in a track of its own.
        timecodes = {each.metadata.get("timecode", "") for each in written.streams}
        lost = [
            f"{container} does not keep the tag {name}"
            for name in _missing_tags(tags, written.metadata)
            # That of an excerpt is dropped on purpose, which another sentence says.
            if not (name.casefold() == "timecode" and (trimmed or tags[name] in timecodes))
        ]
        wanted = trimmed.clip_chapters(source.chapters()) if trimmed else source.chapters()
        kept = len(written.chapters())
        if matroska and matroska.chapters and container != "matroska":
            lost += lost_chapters(matroska.chapters, container, kept)
        elif len(wanted) > kept:
            lost.append(f"{container} keeps {kept} of {len(wanted)} chapters")
        for stream, made in _pairs(film, copied, written, container):
            described = f"{stream.type} stream {stream.index}"
            what = ["the track"] if made is None else list(_lost_from_stream(stream, made, written))
            if container != "matroska":
                what += _lost_region(header.languages.get(stream.index, ""), stream)
            lost += [f"{container} does not keep {each} of {described}" for each in what]
    if header.has_xmp:
        lost.append("the XMP metadata of the file is not kept")
    if matroska and matroska.links_to_files:
        lost.append("the links to the files before and after this one are not kept")
    return lost


def _pairs(
    film: Stream,
    copied: CopiedStreams,
    written: InputContainer,
    container: str,
) -> Iterator[tuple[Stream, Stream | None]]:
    """Yield the source's streams that were written, each with its track in the written file.

    The film comes first. The muxer counts attachments in order, readers list them last; so do
    readers of MP4 with covers and with the tracks that the muxer adds for chapters and timecode.
    MP4 and QuickTime files have no track without packets.
    """
    source = cast(InputContainer, film.container)
    tracks = sorted(
        (track.output.index, source.streams[index])
        for index, track in copied.tracks.items()
        if track.written_packets or container == "matroska"
    )
    for covers in (False, True):
        sources = [stream for _, stream in tracks if is_cover(stream) == covers]
        made = [each for each in written.streams if is_cover(each) == covers]
        yield from zip_longest(
            sources if covers else [film, *sources],
            made[: len(sources) + (not covers)],
        )


def lost_picture_tags(info: VideoInfo, output: Path, container: str) -> list[str]:
    """Return one sentence for each color tag that differs, and for cropping and display matrix."""
    with av.open(str(output), "r", metadata_errors="replace") as written:
        seen = written.streams.video[0].codec_context
        found = {
            "color range": (info.color_range, seen.color_range or LIMITED_RANGE, {0}),
            "matrix": (info.colorspace, seen.colorspace, {UNSPECIFIED}),
            "primaries": (info.color_primaries, seen.color_primaries, {RESERVED, UNSPECIFIED}),
            "transfer": (info.color_trc, seen.color_trc, {RESERVED, UNSPECIFIED}),
        }
        first = next(written.decode(video=0), None)
        matrix = () if first is None else display_matrix(first)
        found_crop = crop(written.streams.video[0])
    lost = [what for what, (said, seen_as, none) in found.items() if said not in {seen_as, *none}]
    if not same_orientation(matrix, info.display_matrix):
        lost.append("display matrix (rotation, mirroring)")
    if found_crop != info.crop:
        edges = ", ".join(f"{side} {size}" for side, size in info.crop._asdict().items() if size)
        lost.append(f"cropping ({edges} pixels)")
    return [f"{container} does not keep the film's {what}" for what in lost]


def same_orientation(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Return whether two display matrices turn and mirror a picture in the same way.

    Players ignore how far they move it and how much they enlarge it.
    """
    turns = [_unit(matrix or IDENTITY_MATRIX) for matrix in (one, other)]
    return all(abs(a - b) < SAME_TURN for a, b in zip(*turns, strict=True))


def _unit(matrix: tuple[int, ...]) -> tuple[float, ...]:
    """Return the four numbers that turn and mirror, as if they did not enlarge."""
    a, b, _, c, d = matrix[:5]
    size = math.sqrt(abs(a * d - b * c)) or 1.0
    return a / size, b / size, c / size, d / size


def _lost_region(language: str, stream: Stream) -> Iterator[str]:
    """Yield a track's language if it is more exact than ISO 639-2, which libav writes to MP4."""
    if "-" in language:
        yield f"the language {language}, only {stream.metadata.get('language', 'und')},"


def _lost_from_stream(stream: Stream, made: Stream, written: InputContainer) -> Iterator[str]:
    tags = filter_tags(stream.metadata, STALE_TAGS + VENDOR_TAGS)
    language = tags.pop("language", "und")
    seen = made.metadata.get("language", "und")
    if language != "und" and seen not in {language, QUICKTIME_LANGUAGES.get(language)}:
        yield f"the language {language}"
    # MP4 repeats the film's time of creation in every track.
    if tags.get(CREATION_TIME) == written.metadata.get(CREATION_TIME):
        tags.pop(CREATION_TIME, None)
    yield from (f"the tag {name}" for name in _missing_tags(tags, made.metadata))
    flags = stream.disposition & ~made.disposition
    if flags:
        names = [flag.name or "" for flag in Disposition if flag & flags]
        yield f"the disposition {', '.join(names)}"


def _missing_tags(wanted: Mapping[str, str], seen: Mapping[str, str]) -> list[str]:
    found = {name.casefold(): value for name, value in filter_tags(seen).items()}
    return [name for name, value in wanted.items() if found.get(name.casefold()) != value]
