"""Read a written film's header back, and name what of the source's words it does not hold."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition, Stream

from colorworker.domain.label import Notice
from colorworker.domain.videoinfo import VideoInfo
from colorworker.media.containers.streamcopy import Carried
from colorworker.media.containers.tags import (
    QUICKTIME_LANGUAGES,
    STALE_TAGS,
    VENDOR_TAGS,
    container_tags,
    kept_tags,
)
from colorworker.media.containers.trim import Span

UNSPECIFIED = 2
"""Of matrix, primaries and transfer in ITU-T H.273."""
LIMITED_RANGE = 1
"""libav's AVCOL_RANGE_MPEG; what players take for granted of YUV where nothing is said (0)."""


def not_kept(
    source: InputContainer,
    film: Stream,
    output: Path,
    carried: Carried,
    container: str,
    notice: Notice | None = None,
    span: Span | None = None,
) -> list[str]:
    """Return a sentence for everything that the written header has lost.

    Args:
        source: The source, still open.
        film: Its film.
        output: The written file.
        carried: Which of the other streams went along.
        container: The output's muxer, for the sentences.
        notice: That was written into its comment.
        span: What of the source was written; None for all.
    """
    with av.open(str(output), "r", metadata_errors="replace") as written:
        lost = [
            f"{container} does not keep the tag {name}"
            for name in _lost(container_tags(source.metadata, notice), written.metadata)
        ]
        wanted = span.chapters(source.chapters()) if span else source.chapters()
        chapters = len(wanted), len(written.chapters())
        if chapters[0] > chapters[1]:
            lost.append(f"{container} keeps {chapters[1]} of {chapters[0]} chapters")
        # The film is the first stream. Attachments count in the muxer, readers see them last.
        tracks = sorted(carried.tracks.items(), key=lambda item: item[1].output.index)
        sources = [film, *(source.streams[index] for index, _ in tracks)]
        pairs = zip(sources, list(written.streams)[: len(sources)], strict=True)
        for stream, made in pairs:
            described = f"{stream.type} stream {stream.index}"
            lost += [
                f"{container} does not keep {what} of {described}" for what in _unlike(stream, made)
            ]
    return lost


def colors_not_kept(info: VideoInfo, output: Path, container: str) -> list[str]:
    """Return a sentence for everything that the written film says otherwise of its colors."""
    with av.open(str(output), "r", metadata_errors="replace") as written:
        seen = written.streams.video[0].codec_context
        found = {
            "range of codes": (info.color_range, seen.color_range or LIMITED_RANGE, 0),
            "matrix": (info.colorspace, seen.colorspace, UNSPECIFIED),
            "primaries": (info.color_primaries, seen.color_primaries, UNSPECIFIED),
            "transfer": (info.color_trc, seen.color_trc, UNSPECIFIED),
        }
    return [
        f"{container} does not keep the film's {what}"
        for what, (said, seen_as, unspecified) in found.items()
        if said not in {seen_as, unspecified}
    ]


def _unlike(stream: Stream, made: Stream) -> Iterator[str]:
    tags = kept_tags(stream.metadata, STALE_TAGS + VENDOR_TAGS)
    language = tags.pop("language", "und")
    seen = made.metadata.get("language", "und")
    if seen not in {language, QUICKTIME_LANGUAGES.get(language)}:
        yield f"the language {language}"
    yield from (f"the tag {name}" for name in _lost(tags, made.metadata))
    flags = stream.disposition & ~made.disposition
    if flags:
        names = [flag.name or "" for flag in Disposition if flag & flags]
        yield f"the disposition {', '.join(names)}"


def _lost(wanted: Mapping[str, str], seen: Mapping[str, str]) -> list[str]:
    found = {name.casefold(): value for name, value in kept_tags(seen).items()}
    return [name for name, value in wanted.items() if found.get(name.casefold()) != value]
