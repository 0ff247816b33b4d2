"""Chapters of Matroska files: editions, nested chapters, names in several languages."""

from collections.abc import Iterator
from fractions import Fraction

from colorworker.media.containers import ebml
from colorworker.media.containers.ebml import Node
from colorworker.media.containers.matroskasource import ATOM, DISPLAY, EDITION

TIME_START, TIME_END = 0x91, 0x92
NANOSECONDS = 1_000_000_000


def clip_chapters(chapters: Node, start: Fraction, end: Fraction) -> Node | None:
    """Return the chapters that overlap start <= time < end, with times from its start.

    Args:
        chapters: A Chapters element.
        start: In seconds.
        end: In seconds.

    Returns:
        A Chapters element; None if no chapter is left.
    """
    limits = round(start * NANOSECONDS), round(end * NANOSECONDS)
    editions = [
        ebml.master(EDITION, _clip(edition, *limits)) for edition in chapters.find_all(EDITION)
    ]
    left = [edition for edition in editions if edition.find(ATOM)]
    checksums = chapters.find_all(ebml.CRC32)
    return ebml.master(ebml.CHAPTERS, (*checksums, *left)) if left else None


def _clip(parent: Node, start: int, end: int) -> Iterator[Node]:
    """Yield the children of an edition or a chapter, with their chapters clipped and moved."""
    siblings = sorted(atom.number(TIME_START) for atom in parent.find_all(ATOM))
    for child in parent.children or ():
        if child.name != ATOM:
            yield child
            continue
        begins = child.number(TIME_START)
        following = next((each for each in siblings if each > begins), end)
        ends = child.number(TIME_END, max(following, begins))
        if begins < end and (ends > start or begins >= start):
            times = [ebml.number(TIME_START, max(begins, start) - start)]
            if child.find(TIME_END):
                times.append(ebml.number(TIME_END, min(ends, end) - start))
            yield ebml.master(ATOM, _clip(child, start, end)).replaced(*times)


def lost_chapters(chapters: Node, container: str, kept: int) -> Iterator[str]:
    """Yield one sentence for each thing that a container without such chapters loses.

    Args:
        chapters: The source's Chapters element.
        container: The output's muxer.
        kept: Number of chapters in the output.
    """
    atoms = list(_atoms(chapters))
    if kept < len(atoms):
        inner = f"{container} keeps {kept} of {len(atoms)} chapters"
        yield f"{inner}: only the top level of the first edition"
    names = sum(max(0, len(list(atom.find_all(DISPLAY))) - 1) for atom in atoms)
    if names:
        yield f"{container} keeps one name for each chapter: {names} in other languages are lost"


def _atoms(parent: Node) -> Iterator[Node]:
    for child in parent.children or ():
        if child.name == ATOM:
            yield child
        if child.name in (ATOM, EDITION):
            yield from _atoms(child)
