"""What a source's header declares that libav does not pass on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from av.container import InputContainer
from av.stream import Stream

from colorworker.domain.label import Notice
from colorworker.media.containers.encryption import encrypted_streams
from colorworker.media.containers.isotracks import chapter_streams, has_xmp, read_iso_tracks
from colorworker.media.containers.matroskachapters import clip_chapters
from colorworker.media.containers.matroskasource import (
    LANGUAGE_BCP47,
    MatroskaSource,
    read_matroska,
)
from colorworker.media.containers.matroskatags import FILE, TagNames
from colorworker.media.containers.outputtrack import OutputTrack
from colorworker.media.containers.tags import CONTAINER_TAGS, STALE_TAGS, filter_tags
from colorworker.media.containers.trim import TrimRange


@dataclass(frozen=True)
class SourceHeader:
    """Facts about a source, by the indexes of libav's streams."""

    encrypted: frozenset[int] = frozenset()
    """Streams that are encrypted."""
    chapters: frozenset[int] = frozenset()
    """Streams that hold the chapters."""
    has_xmp: bool = False
    """Whether an MP4 or MOV file has XMP metadata."""
    languages: Mapping[int, str] = field(default_factory=dict)
    """Languages by BCP 47, which can name regions, of the streams that have one."""
    matroska: MatroskaSource | None = None
    """The metadata of a Matroska source, as it is stored."""


NO_HEADER = SourceHeader()


def read_source_header(reader: BinaryIO, trimmed: TrimRange | None = None) -> SourceHeader:
    """Return the facts in a source's header; chapters are clipped to the range of an excerpt.

    Moves the reader, so it must not be in use by a demuxer.
    """
    matroska = read_matroska(reader)
    if matroska and matroska.chapters and trimmed:
        chapters = clip_chapters(matroska.chapters, trimmed.start, trimmed.end)
        matroska = replace(matroska, chapters=chapters)
    languages = (
        [entry.text(LANGUAGE_BCP47) for entry in matroska.tracks]
        if matroska
        else [track.language for track in read_iso_tracks(reader)]
    )
    return SourceHeader(
        encrypted_streams(reader),
        chapter_streams(reader),
        has_xmp(reader),
        {index: language for index, language in enumerate(languages) if language},
        matroska,
    )


def track_sources(film: Stream, tracks: Mapping[int, OutputTrack]) -> list[int]:
    """Return the index of the source's stream for each track of a Matroska output, in order."""
    ordered = sorted(tracks, key=lambda index: tracks[index].output.index)
    return [film.index, *ordered]


def tag_names(
    source: InputContainer, film: Stream, notice: Notice | None, trimmed: TrimRange | None
) -> TagNames:
    """Return which of the output's tags a Matroska source's own tags replace."""
    known = {
        stream.index: _lower(filter_tags(stream.metadata, STALE_TAGS)) for stream in source.streams
    }
    known[FILE] = _lower(filter_tags(source.metadata, CONTAINER_TAGS))
    changed = {FILE: frozenset({"comment"} if notice else ())}
    if trimmed:
        changed[film.index] = frozenset({"timecode"})
        changed[FILE] |= {"timecode"}
    return TagNames(known, changed)


def _lower(names: Mapping[str, str]) -> frozenset[str]:
    return frozenset(name.casefold() for name in names)
