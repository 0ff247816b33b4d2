"""Find image sequences among listed pictures, and make one film of each."""

from __future__ import annotations  # array[int] exists for type checkers only

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import groupby, pairwise
from typing import Any

from colorworker.domain.entries import Entry
from colorworker.domain.exrheaders import HEADER_BYTES as EXR_HEADER_BYTES
from colorworker.domain.exrheaders import ExrHeader, read_exr_header
from colorworker.domain.frameheaders import HEADER_BYTES, FrameHeader, read_frame_header
from colorworker.domain.options import Options
from colorworker.domain.sequences import (
    FrameKey,
    FramePattern,
    FrameTally,
    film_rate,
    frame_key,
    is_light,
    missing_text,
    sequence_version,
)
from colorworker.errors import ColorworkerError, ItemError, SourceDamaged, SourceUnsupported
from colorworker.inputs.classify import with_outcome
from colorworker.store.keys import printable
from colorworker.store.objectstore import ObjectStore

FEWEST_FRAMES = 8
"""Fewer numbered pictures stay pictures, unless the source is a pattern."""
_LIKELY_FRAMES = 100
"""Numbered pictures of one size in bytes that are likely to be a sequence."""


_RATE_OF_FRAMES = Fraction(24)
"""Rate of frames that become frames again, if it is unknown. Only times in the report use it."""


@dataclass
class _Candidate:
    """Pictures whose keys differ in their number only."""

    first: Entry
    """The one that was listed first; the sequence takes its root."""
    few: list[Entry] = field(default_factory=list)
    """All of them, while they are too few."""
    tally: FrameTally = field(default_factory=FrameTally)
    fewest_digits: int = 9
    most_padded_digits: int = 0
    """Most digits of a number with a leading zero."""
    unreadable: ItemError | None = None


class SequenceFinder:
    """Takes the pictures of one source that may be frames, and returns them as sequences.

    It keeps 16 bytes per frame, and the entries of pictures that have too few others of their kind.
    """

    def __init__(
        self, store: ObjectStore, options: Options, *, fewest: int = FEWEST_FRAMES
    ) -> None:
        """Find sequences of at least `fewest` frames."""
        self._store, self._options, self._fewest = store, options, fewest
        self._found: dict[tuple[str, str], _Candidate] = {}

    def add(self, entry: Entry, unreadable: ItemError | None = None) -> bool:
        """Take a listed picture if it may be a frame; return whether it was taken."""
        parts = frame_key(entry.key)
        if parts is None:
            return False
        candidate = self._found.setdefault((parts.prefix, parts.suffix), _Candidate(entry))
        if not (unreadable or entry.size_bytes):
            unreadable = SourceDamaged(
                printable(entry.key), "the file is empty", "Copy it again from the original"
            )
        candidate.unreadable = candidate.unreadable or unreadable
        candidate.tally.add(int(parts.digits), entry.key, entry.size_bytes, entry.etag)
        _count_digits(candidate, parts)
        if len(candidate.tally.numbers) < self._fewest:
            lone = with_outcome(entry, "failed", unreadable) if unreadable else entry
            candidate.few.append(lone)
        else:
            candidate.few.clear()
        return True

    def entries(self) -> Iterator[Entry]:
        """Yield an entry for each sequence, and the pictures that belong to none."""
        while self._found:
            (prefix, suffix), candidate = self._found.popitem()
            if candidate.few:
                yield from candidate.few
                continue
            pattern = FramePattern(prefix, candidate.fewest_digits, suffix)
            entry = replace(
                candidate.first,
                key=pattern.key,
                kind="film",
                size_bytes=candidate.tally.size_bytes,
                etag="",
            )
            try:
                yield self._sequence(entry, pattern, candidate)
            except ColorworkerError as error:
                yield with_outcome(entry, "failed", error)

    def _sequence(self, entry: Entry, pattern: FramePattern, candidate: _Candidate) -> Entry:
        """Return the entry with its version and ETag.

        Raises:
            SourceUnsupported: If frames are missing, their names are ambiguous, or their rate is
                unknown.
        """
        if candidate.unreadable:
            raise candidate.unreadable
        numbers = sorted(candidate.tally.numbers)
        self._check_numbers(pattern, candidate, numbers)
        rate = self._rate(pattern, numbers[0])
        frames_out = self._options.sequences == "frames"
        ten_bits = is_light(pattern.key) and not (frames_out or self._options.profile == "archive")
        version = sequence_version(rate, ten_bits=ten_bits)
        own: tuple[tuple[str, Any], ...] = ()
        if frames_out:
            _refuse_for_frames(pattern, self._options)
            own = (("frames_out", True),)
        return replace(
            entry,
            etag=candidate.tally.etag(version),
            version=version,
            own_options=own,
        )

    def _check_numbers(
        self, pattern: FramePattern, candidate: _Candidate, numbers: list[int]
    ) -> None:
        key = printable(pattern.key)
        twice = next((one for one, other in pairwise(numbers) if one == other), None)
        if twice is not None or candidate.most_padded_digits > candidate.fewest_digits:
            seen = "numbers are written with different digits"
            if twice is not None:
                seen = f"two frames have the number {twice}"
            raise SourceUnsupported(key, seen, "Rename the frames, or choose some with --include")
        missing = missing_text(numbers)
        if missing and self._options.sequence_gaps == "refuse":
            raise SourceUnsupported(
                key,
                missing,
                "Copy them again, or show the frame before a gap longer: --sequence-gaps hold",
            )

    def _rate(self, pattern: FramePattern, first: int) -> Fraction:
        """Return the frame rate that the options or the first frame's header say.

        Raises:
            SourceUnsupported: If neither does, or the frames' kind is not supported.
        """
        rate = self._rate_of_header(pattern, first)
        if self._options.fps is not None:
            return film_rate(self._options.fps)
        if rate:
            return rate
        if self._options.sequences == "frames":
            return _RATE_OF_FRAMES
        raise SourceUnsupported(
            printable(pattern.key),
            "its frames do not say how many of them are shown per second",
            "Give the rate at which the film was shot, such as --fps 18",
        )

    def _rate_of_header(self, pattern: FramePattern, first: int) -> Fraction | None:
        """Return the frame rate that the first frame's header says, after checking the header."""
        if is_light(pattern.key):
            with self._store.open(pattern.frame(first)) as reader:
                light = read_exr_header(reader.read(EXR_HEADER_BYTES))
            _check_light(pattern, light)
            return light.rate if light else None
        if pattern.suffix.lower() not in {".dpx", ".cin"}:
            return None
        with self._store.open(pattern.frame(first)) as reader:
            header = read_frame_header(reader.read(HEADER_BYTES))
        if header:
            _check_header(pattern, header, self._options)
        return header.rate if header else None


def _check_light(pattern: FramePattern, header: ExrHeader | None) -> None:
    seen = ""
    if header is None:
        seen = "the header of its first frame is not one of OpenEXR"
    elif header.is_deep or header.has_parts:
        seen = f"its frames hold {'deep data' if header.is_deep else 'several pictures'}"
    if seen:
        raise SourceUnsupported(
            printable(pattern.key), seen, "Convert them to OpenEXR of one flat gray or RGB picture"
        )


def _check_header(pattern: FramePattern, header: FrameHeader, options: Options) -> None:
    """Refuse what libav would read wrongly and say nothing."""
    key = printable(pattern.key)
    if header.elements != 1:
        raise SourceUnsupported(
            key,
            f"its frames consist of {header.elements} image elements",
            "Convert them to DPX with a single RGB or luma element",
        )
    if header.is_linear and options.sequence_transfer == "auto":
        raise SourceUnsupported(
            key,
            "its header says that codes are linear light, which films cannot be colored from",
            "Convert it, or say that it is wrong: --sequence-transfer display or log",
        )


def _refuse_for_frames(pattern: FramePattern, options: Options) -> None:
    """Refuse options that are for outputs of a single file."""
    for name, given in (("--c2pa", options.c2pa), ("--bag", options.bag)):
        if given:
            raise SourceUnsupported(
                printable(pattern.key),
                f"{name} is not supported for image sequences that are written as frames",
                "Use --sequences film, or leave it out",
            )


def _count_digits(candidate: _Candidate, parts: FrameKey) -> None:
    digits = len(parts.digits)
    candidate.fewest_digits = min(candidate.fewest_digits, digits)
    if parts.digits.startswith("0"):
        candidate.most_padded_digits = max(candidate.most_padded_digits, digits)


def likely_sequences(entries: Iterable[Entry]) -> Iterator[tuple[str, int]]:
    """Yield pattern and number of frames of pictures that look like sequences but are not one.

    These are at least 100 pictures with consecutive numbers and equal sizes in bytes, as scanners
    write them. Photographs of an album are compressed, so their sizes differ.

    Args:
        entries: Sorted by key. Only one is kept at a time.
    """
    stills = (entry for entry in entries if entry.kind == "still")
    for place, group in groupby(stills, key=_place_of):
        if place is None:
            continue
        count, sizes, last, consecutive, digits = 0, set[int](), None, True, 9
        for entry in group:
            parts = frame_key(entry.key)
            if parts is None:
                continue
            number = int(parts.digits)
            consecutive &= last is None or number == last + 1
            last, count, digits = number, count + 1, min(digits, len(parts.digits))
            if len(sizes) < 2:
                sizes.add(entry.size_bytes)
        if count >= _LIKELY_FRAMES and consecutive and len(sizes) == 1:
            yield FramePattern(place[0], digits, place[1]).key, count


def _place_of(entry: Entry) -> tuple[str, str] | None:
    parts = frame_key(entry.key)
    return (parts.prefix, parts.suffix) if parts else None
