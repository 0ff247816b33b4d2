"""Metadata of a Matroska source that libav does not model, or only in part."""

from dataclasses import dataclass
from typing import BinaryIO

from colorworker.media.containers import ebml
from colorworker.media.containers.ebml import Node
from colorworker.media.containers.truncation import EBML_MAGIC

SEEK, SEEK_ID, SEEK_POSITION = 0x4DBB, 0x53AB, 0x53AC
TRACK_ENTRY, TRACK_TYPE, TRACK_UID, LANGUAGE_BCP47 = 0xAE, 0x83, 0x73C5, 0x22B59D
VIDEO, ALPHA_MODE = 0xE0, 0x53C0
CODEC_ID, CODEC_PRIVATE = 0x86, 0x63A2
EDITION, ATOM, DISPLAY, CHAPTER_STRING = 0x45B9, 0xB6, 0x80, 0x85
CHAPTER_LANGUAGE, CHAPTER_BCP47 = 0x437C, 0x437D
ATTACHED_FILE, FILE_NAME, FILE_DESCRIPTION = 0x61A7, 0x466E, 0x467E
SIMPLE_TAG, TAG_NAME, TAG_BCP47, TAG_LANGUAGE = 0x67C8, 0x45A3, 0x447B, 0x447A
PREVIOUS_FILE, NEXT_FILE, FILE_FAMILY = 0x3CB923, 0x3EB923, 0x4444
STREAM_TYPES = frozenset({1, 2, 17, 33})
"""Types of tracks that become streams in libav: video, audio, subtitles, metadata."""
KEPT_WHOLE = frozenset({ebml.INFO, ebml.TRACKS, ebml.CHAPTERS, ebml.ATTACHMENTS, ebml.TAGS})


@dataclass(frozen=True)
class MatroskaSource:
    """Elements of a Matroska file, as they are stored."""

    info: Node | None = None
    tracks: tuple[Node, ...] = ()
    """The TrackEntry elements that become streams, in the order of libav's stream indexes."""
    chapters: Node | None = None
    attachments: Node | None = None
    tags: Node | None = None

    def codec_id(self, index: int) -> str:
        """Return the codec ID of a stream; empty if it has no track."""
        return self.tracks[index].text(CODEC_ID) if index < len(self.tracks) else ""

    @property
    def links_to_files(self) -> bool:
        """Whether the file is one of several that belong together."""
        linked = (PREVIOUS_FILE, NEXT_FILE, FILE_FAMILY)
        return self.info is not None and any(self.info.find(name) for name in linked)


def read_matroska(reader: BinaryIO) -> MatroskaSource | None:
    """Return the metadata of a Matroska file; None for other files. Reads no clusters."""
    if ebml.read_bytes(reader, 0, 4) != EBML_MAGIC:
        return None
    found = _level_one(reader)
    tracks = found.get(ebml.TRACKS)
    return MatroskaSource(
        found.get(ebml.INFO),
        tuple(_streams(tracks)),
        found.get(ebml.CHAPTERS),
        found.get(ebml.ATTACHMENTS),
        found.get(ebml.TAGS),
    )


def track_entries(reader: BinaryIO) -> tuple[Node, ...]:
    """Return the TrackEntry elements of a Matroska file, by the indexes of libav's streams."""
    source = read_matroska(reader)
    return source.tracks if source else ()


def alpha_streams(reader: BinaryIO) -> frozenset[int]:
    """Return the indexes of the streams with an alpha layer beside their frames (VP8, VP9).

    libav decodes such frames without it. Its own `alpha_mode` may come from a stale tag.
    """
    videos = ((index, entry.find(VIDEO)) for index, entry in enumerate(track_entries(reader)))
    return frozenset(index for index, video in videos if video and video.number(ALPHA_MODE))


def _streams(tracks: Node | None) -> list[Node]:
    entries = [] if tracks is None else tracks.find_all(TRACK_ENTRY)
    return [entry for entry in entries if entry.number(TRACK_TYPE) in STREAM_TYPES]


def _level_one(reader: BinaryIO) -> dict[int, Node]:
    """Return the first element of each kind in `KEPT_WHOLE`, also of those after the clusters."""
    found: dict[int, Node] = {}
    pointed: list[int] = []
    origin = 0
    for place in ebml.segment_children(reader):
        origin = origin or place.start
        _take(reader, place, origin, found, pointed)
    seen: set[int] = set()
    while pointed:
        offset = pointed.pop(0)
        target = None if offset in seen else ebml.read_place(reader, offset)
        if target is not None:
            _take(reader, target, origin, found, pointed)
        seen.add(offset)
    return found


def _take(
    reader: BinaryIO,
    place: ebml.Place,
    origin: int,
    found: dict[int, Node],
    pointed: list[int],
) -> None:
    if place.end is None or place.name in found:
        return
    if place.name not in KEPT_WHOLE and place.name != ebml.SEEK_HEAD:
        return
    nodes = ebml.parse(ebml.read_bytes(reader, place.start, place.end))
    if not nodes:
        return
    if place.name != ebml.SEEK_HEAD:
        found[place.name] = nodes[0]
        return
    pointed += [
        origin + seek.number(SEEK_POSITION)
        for seek in nodes[0].find_all(SEEK)
        if seek.number(SEEK_ID) in KEPT_WHOLE | {ebml.SEEK_HEAD}
    ]
