"""Join the tags that libav wrote with the source's own, which have languages and are nested."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from colorworker.media.containers import ebml
from colorworker.media.containers.ebml import Node
from colorworker.media.containers.matroskasource import (
    SIMPLE_TAG,
    TAG_NAME,
    TRACK_UID,
    MatroskaSource,
)
from colorworker.media.containers.tags import CONTAINER_TAGS, STALE_TAGS

TAG, TARGETS = 0x7373, 0x63C0
TRACK_TARGET, CHAPTER_TARGET = 0x63C5, 0x63C4
FILE = -1
"""Stands for the file instead of one of its streams."""
NO_NAMES: frozenset[str] = frozenset()


@dataclass(frozen=True)
class TagNames:
    """Names of tags in lower case, by the index of the source's stream or `FILE`."""

    known: Mapping[int, frozenset[str]]
    """Tags of the source that libav read, under the names it gave them."""
    changed: Mapping[int, frozenset[str]]
    """Tags of which the output has its own version, or none."""


def join_tags(
    written: Node, source: MatroskaSource, uids: Mapping[int, int], names: TagNames
) -> Node:
    """Return the Tags element of the output: what libav wrote about it, and the source's tags.

    Args:
        written: The Tags element that libav wrote.
        source: The source's elements.
        uids: UID of the output's track for each stream of the source that the output has.
        names: Which of libav's tags the source's own replace.
    """
    if source.tags is None:
        return written
    streams = {uid: stream for stream, uid in uids.items()}
    kept = [
        _without(tag, names.known.get(stream, NO_NAMES) - names.changed.get(stream, NO_NAMES))
        for tag in written.find_all(TAG)
        if not (source.chapters and _targets(tag, CHAPTER_TARGET))
        for stream in [streams.get(next(iter(_targets(tag, TRACK_TARGET)), FILE), FILE)]
    ]
    old_streams = {entry.number(TRACK_UID): i for i, entry in enumerate(source.tracks)}
    for tag in source.tags.find_all(TAG):
        tracks = [old_streams.get(uid, FILE) for uid in _targets(tag, TRACK_TARGET)]
        if all(stream in uids for stream in tracks):
            changed = names.changed.get(next(iter(tracks), FILE), NO_NAMES)
            moved = _with_tracks(tag, [uids[stream] for stream in tracks])
            kept.append(_without(moved, changed, STALE_TAGS if tracks else CONTAINER_TAGS))
    return with_tags(written, kept)


def remove_tag(tags: Node, name: str) -> Node:
    """Return a Tags element without the tags of this name."""
    return with_tags(
        tags, [_without(tag, frozenset({name.casefold()})) for tag in tags.find_all(TAG)]
    )


def with_tags(tags: Node, new: Iterable[Node]) -> Node:
    """Return the Tags element with these Tag elements, without empty ones; it may have none."""
    full = [tag for tag in new if tag.find(SIMPLE_TAG)]
    checksums = tags.find_all(ebml.CRC32) if full else ()
    return ebml.master(ebml.TAGS, (*checksums, *full))


def _targets(tag: Node, kind: int) -> list[int]:
    """Return the UIDs of one kind to which a Tag element applies; none means the whole file."""
    targets = tag.find(TARGETS)
    found = targets.find_all(kind) if targets else ()
    return [uid for child in found if (uid := int.from_bytes(child.data, "big"))]


def _with_tracks(tag: Node, uids: Sequence[int]) -> Node:
    targets = tag.find(TARGETS)
    if targets is None or not uids:
        return tag
    return tag.replaced(targets.replaced(*(ebml.number(TRACK_TARGET, uid) for uid in uids)))


def _without(tag: Node, names: frozenset[str], prefixes: tuple[str, ...] = ()) -> Node:
    """Return a Tag element without the simple tags of these names or prefixes."""

    def stays(child: Node) -> bool:
        name = child.text(TAG_NAME)
        return child.name != SIMPLE_TAG or not (
            name.casefold() in names or name.upper().startswith(prefixes)
        )

    return ebml.master(TAG, filter(stays, tag.children or ()))
