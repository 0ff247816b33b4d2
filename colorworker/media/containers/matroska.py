"""Complete the header of a written Matroska file with what libav's muxer cannot write.

That is the display size and the cropping of FFV1 films, and, if the source is Matroska too, its
chapters, attachments, tags and languages as they are stored. libav models only the top level of the
first edition's chapters, one name for each, tags without language or nesting, languages without
region, and attachments without description.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from colorworker.domain.videoinfo import Crop, VideoInfo
from colorworker.errors import OutputMismatch
from colorworker.media.containers import ebml
from colorworker.media.containers.ebml import Node
from colorworker.media.containers.matroskasource import (
    ATTACHED_FILE,
    CODEC_ID,
    CODEC_PRIVATE,
    LANGUAGE_BCP47,
    SEEK,
    SEEK_ID,
    SEEK_POSITION,
    TRACK_ENTRY,
    TRACK_UID,
    VIDEO,
    MatroskaSource,
)
from colorworker.media.containers.matroskatags import TagNames, join_tags, remove_tag

DISPLAY_WIDTH, DISPLAY_HEIGHT, DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2
UNIT_ASPECT = 3
"""Code of the DisplayUnit "display aspect ratio"."""
CROP_LEFT, CROP_TOP, CROP_RIGHT, CROP_BOTTOM = 0x54CC, 0x54BB, 0x54DD, 0x54AA
FILE_DATA = 0x465C
ROOM_TAG = "_ROOM"
"""Name of a tag whose text reserves room in the header while the film is written."""
ROOM_BYTES, ROOM_PER_TRACK = 512, 128
SEEK_POSITION_BYTES = 8


@dataclass(frozen=True)
class HeaderChanges:
    """What to write into a Matroska header."""

    info: VideoInfo
    source: MatroskaSource | None = None
    """Metadata of the source, if it is Matroska; chapters as the output is to have them."""
    tracks: Sequence[int] = ()
    """For each track of the output, the index of its stream in the source; -1 for none."""
    languages: Mapping[int, str] = field(default_factory=dict)
    """Languages by BCP 47 of the source's streams."""
    unknown: Collection[int] = ()
    """Streams of the source whose codec libav does not know."""
    names: TagNames = field(default_factory=lambda: TagNames({}, {}))
    """Which tags the source's own replace."""


def needed_room(
    info: VideoInfo, source: MatroskaSource | None, languages: Mapping[int, str]
) -> int:
    """Return how many bytes the header must be able to grow; 0 if nothing is to be changed."""
    if source is None:
        needed = info.sample_aspect_ratio is not None or any(info.crop) or languages
        return ROOM_BYTES + ROOM_PER_TRACK * len(languages) if needed else 0
    nodes = (source.chapters, source.tags, *_descriptions(source.attachments))
    grown = sum(len(ebml.encode(node)) for node in nodes if node)
    return ROOM_BYTES + ROOM_PER_TRACK * len(source.tracks) + grown


def complete_header(path: Path, changes: HeaderChanges) -> None:
    """Change the header of a Matroska file as libavformat writes it, in place.

    Everything between the start and the first cluster is written anew, with a Void element at the
    end. Clusters and cues stay where they are. The room comes from the tag `ROOM_TAG`.

    Raises:
        OutputMismatch: If the file has a different layout, or no room.

    Source:
        RFC 9559 sections 5.1.1 (SeekHead), 5.1.4.1.28 (Video), 5.1.6 to 5.1.8.
    """
    with path.open("r+b") as file:
        places = list(ebml.segment_children(file))
        last = places[-1] if places else None
        if last is None or last.name not in (ebml.CLUSTER, ebml.CUES) or len(places) < 3:
            raise OutputMismatch(path.name, "its Matroska header has an unexpected layout")
        start, end = places[0].start, last.start
        nodes = {node.name: node for node in ebml.parse(ebml.read_bytes(file, start, end))}
        changed = _changed(nodes, changes, path)
        header = _layout(nodes[ebml.SEEK_HEAD], changed, end - start)
        if header is None and ebml.ATTACHMENTS in nodes:
            # libav left out files that the source has; the others are described at least.
            changed[ebml.ATTACHMENTS] = nodes[ebml.ATTACHMENTS]
            header = _layout(nodes[ebml.SEEK_HEAD], changed, end - start)
        if header is None:
            raise OutputMismatch(path.name, "there is no room in its Matroska header")
        file.seek(start)
        file.write(header)


def _changed(nodes: dict[int, Node], changes: HeaderChanges, path: Path) -> dict[int, Node]:
    """Return the elements of the new header without its SeekHead, by ID."""
    source = changes.source
    changed = {name: node for name, node in nodes.items() if name != ebml.SEEK_HEAD}
    if ebml.TRACKS not in changed:
        raise OutputMismatch(path.name, "no tracks in its Matroska header")
    entries = list(changed[ebml.TRACKS].find_all(TRACK_ENTRY))
    if ebml.TAGS in changed:
        tags = remove_tag(changed[ebml.TAGS], ROOM_TAG)
        if source:
            uids = (entry.number(TRACK_UID) for entry in entries)
            new_uids = dict(zip(changes.tracks, uids, strict=False))
            tags = join_tags(tags, source, new_uids, changes.names)
        changed[ebml.TAGS] = tags
    entries = [
        _like_source(entry, index, changes)
        for entry, index in zip(entries, _padded(changes.tracks, len(entries)), strict=True)
    ]
    entries[0] = _with_picture(entries[0], changes.info)
    changed[ebml.TRACKS] = changed[ebml.TRACKS].replaced(*entries)
    if source and source.chapters:
        changed[ebml.CHAPTERS] = source.chapters
    if source and source.attachments:
        changed[ebml.ATTACHMENTS] = source.attachments
    return {name: node for name, node in changed.items() if node.children != ()}


def _padded(tracks: Sequence[int], count: int) -> list[int]:
    return [*tracks, *([-1] * count)][:count]


def _like_source(entry: Node, index: int, changes: HeaderChanges) -> Node:
    """Return a TrackEntry with what only the source's stream at this index has."""
    if index in changes.languages:
        entry = entry.replaced(Node(LANGUAGE_BCP47, changes.languages[index].encode()))
    if changes.source and index in changes.unknown:
        own = changes.source.tracks[index]
        entry = entry.replaced(*own.find_all(CODEC_ID), *own.find_all(CODEC_PRIVATE))
    return entry


def _with_picture(entry: Node, info: VideoInfo) -> Node:
    """Return the film's TrackEntry with its display size and cropping."""
    video = entry.find(VIDEO)
    if video is None:
        return entry
    values = dict(zip((CROP_LEFT, CROP_TOP, CROP_RIGHT, CROP_BOTTOM), info.crop, strict=True))
    fields = [ebml.number(name, value) for name, value in values.items() if value]
    if info.sample_aspect_ratio is not None:
        display = display_size(info.width, info.height, info.sample_aspect_ratio, info.crop)
        fields += [ebml.number(name, value) for name, value in display.items()]
        kept = (child for child in video.children or () if child.name != DISPLAY_UNIT)
        video = ebml.master(VIDEO, kept)
    return entry.replaced(video.replaced(*fields))


def display_size(width: int, height: int, aspect: Fraction, crop: Crop) -> dict[int, int]:
    """Return the values of the elements that give the size at which the picture is shown.

    They are in pixels, as most muxers write them, if the width is a whole number of pixels.
    Otherwise they are the display aspect ratio, such as 16:9. libavformat rounds instead, and sets
    the DisplayUnit to "unknown".

    Args:
        width: Width of the stored picture in pixels.
        height: Height of the stored picture in pixels.
        aspect: Sample aspect ratio, width over height.
        crop: The edges that are not shown.
    """
    width -= crop.left + crop.right
    height -= crop.top + crop.bottom
    if (width * aspect).denominator == 1:
        return {DISPLAY_WIDTH: int(width * aspect), DISPLAY_HEIGHT: height}
    shape = width * aspect / height
    return {
        DISPLAY_WIDTH: shape.numerator,
        DISPLAY_HEIGHT: shape.denominator,
        DISPLAY_UNIT: UNIT_ASPECT,
    }


def _layout(seek_head: Node, changed: Mapping[int, Node], total_bytes: int) -> bytes | None:
    """Return the header's bytes, padded to a length; None if it does not fit."""
    bodies = {name: ebml.encode(node) for name, node in changed.items()}
    kept = [
        (seek.number(SEEK_ID), seek.number(SEEK_POSITION))
        for seek in seek_head.find_all(SEEK)
        if seek.number(SEEK_ID) not in bodies and seek.number(SEEK_ID) in (ebml.CUES, ebml.CLUSTER)
    ]
    at = len(_seek_head(seek_head, [*((name, 0) for name in bodies), *kept]))
    seeks = []
    for name, body in bodies.items():
        seeks.append((name, at))
        at += len(body)
    rest = total_bytes - at
    if rest < 0 or rest == 1:
        return None
    head = _seek_head(seek_head, [*seeks, *kept])
    return head + b"".join(bodies.values()) + ebml.void(rest)


def _seek_head(like: Node, seeks: Iterable[tuple[int, int]]) -> bytes:
    """Return a SeekHead for elements and their offsets; its length depends on their number."""
    entries = [
        ebml.master(
            SEEK,
            (
                Node(SEEK_ID, name.to_bytes(4, "big")),
                Node(SEEK_POSITION, position.to_bytes(SEEK_POSITION_BYTES, "big")),
            ),
        )
        for name, position in seeks
    ]
    checksums = like.find_all(ebml.CRC32)
    return ebml.encode(ebml.master(ebml.SEEK_HEAD, (*checksums, *entries)))


def _descriptions(attachments: Node | None) -> list[Node]:
    """Return the attached files without their data, as far as they make the header grow."""
    files = [] if attachments is None else attachments.find_all(ATTACHED_FILE)
    return [replace(each, children=_without_data(each)) for each in files]


def _without_data(file: Node) -> tuple[Node, ...]:
    return tuple(child for child in file.children or () if child.name != FILE_DATA)
