"""Read a written film's header back and list the metadata of the source that was lost."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition, Stream

from colorworker.domain.label import Notice
from colorworker.domain.videoinfo import VideoInfo
from colorworker.media.containers.streamcopy import CopiedStreams
from colorworker.media.containers.tags import (
    QUICKTIME_LANGUAGES,
    STALE_TAGS,
    VENDOR_TAGS,
    container_tags,
    filter_tags,
)
from colorworker.media.containers.trim import TrimRange

UNSPECIFIED = 2
"""ITU-T H.273 code of matrix, primaries and transfer."""
LIMITED_RANGE = 1
"""libav's AVCOL_RANGE_MPEG. Players assume it for YUV of unspecified range (0)."""


def lost_metadata(
    source: InputContainer,
    film: Stream,
    output: Path,
    copied: CopiedStreams,
    container: str,
    notice: Notice | None = None,
    trimmed: TrimRange | None = None,
) -> list[str]:
    """Return one sentence for each tag, chapter or disposition that the written file has lost.

    Args:
        source: The source, still open.
        film: Its video stream.
        output: The written file.
        copied: The other streams that were copied or transcoded.
        container: The output's muxer, for the sentences.
        notice: The notice that was written into the comment, if any.
        trimmed: The range of the source that was written; None for all of it.
    """
    with av.open(str(output), "r", metadata_errors="replace") as written:
        lost = [
            f"{container} does not keep the tag {name}"
            for name in _missing_tags(container_tags(source.metadata, notice), written.metadata)
        ]
        wanted = trimmed.clip_chapters(source.chapters()) if trimmed else source.chapters()
        chapters = len(wanted), len(written.chapters())
        if chapters[0] > chapters[1]:
            lost.append(f"{container} keeps {chapters[1]} of {chapters[0]} chapters")
        # The film comes first. The muxer counts attachments in order; readers list them last.
        # MP4 and QuickTime files have no track without packets.
        tracks = sorted(
            (
                (index, track)
                for index, track in copied.tracks.items()
                if track.written_packets or container == "matroska"
            ),
            key=lambda item: item[1].output.index,
        )
        sources = [film, *(source.streams[index] for index, _ in tracks)]
        pairs = zip(sources, list(written.streams)[: len(sources)], strict=True)
        for stream, made in pairs:
            described = f"{stream.type} stream {stream.index}"
            lost += [
                f"{container} does not keep {what} of {described}"
                for what in _lost_from_stream(stream, made)
            ]
    return lost


def lost_color_tags(info: VideoInfo, output: Path, container: str) -> list[str]:
    """Return one sentence for each color tag that differs in the written film."""
    with av.open(str(output), "r", metadata_errors="replace") as written:
        seen = written.streams.video[0].codec_context
        found = {
            "color range": (info.color_range, seen.color_range or LIMITED_RANGE, 0),
            "matrix": (info.colorspace, seen.colorspace, UNSPECIFIED),
            "primaries": (info.color_primaries, seen.color_primaries, UNSPECIFIED),
            "transfer": (info.color_trc, seen.color_trc, UNSPECIFIED),
        }
    return [
        f"{container} does not keep the film's {what}"
        for what, (said, seen_as, unspecified) in found.items()
        if said not in {seen_as, unspecified}
    ]


def _lost_from_stream(stream: Stream, made: Stream) -> Iterator[str]:
    tags = filter_tags(stream.metadata, STALE_TAGS + VENDOR_TAGS)
    language = tags.pop("language", "und")
    seen = made.metadata.get("language", "und")
    if seen not in {language, QUICKTIME_LANGUAGES.get(language)}:
        yield f"the language {language}"
    yield from (f"the tag {name}" for name in _missing_tags(tags, made.metadata))
    flags = stream.disposition & ~made.disposition
    if flags:
        names = [flag.name or "" for flag in Disposition if flag & flags]
        yield f"the disposition {', '.join(names)}"


def _missing_tags(wanted: Mapping[str, str], seen: Mapping[str, str]) -> list[str]:
    found = {name.casefold(): value for name, value in filter_tags(seen).items()}
    return [name for name, value in wanted.items() if found.get(name.casefold()) != value]
