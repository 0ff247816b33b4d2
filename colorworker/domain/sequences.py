"""Image sequences: numbered pictures of one folder that are the frames of a film.

A sequence is an asset of kind `film` whose key is the printf pattern of its frames, such as
`reel7/scan_%06d.dpx`. Its `version` says that the key is a pattern and how fast the frames follow
each other; its ETag adds a hash of the names, sizes and ETags of all frames.
"""

from __future__ import annotations  # array[int] exists for type checkers only

import hashlib
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

_FRAME = re.compile(r"(.*?)(\d{1,9})(\.[A-Za-z0-9]{1,5})", re.DOTALL)
_PATTERN = re.compile(r"(.*)%0([1-9])d(\.[A-Za-z0-9]{1,5})", re.DOTALL)
_VERSION = re.compile(r"(sequence(10)?:(\d+)/(\d+))(:.*)?", re.DOTALL)
_HASH_BITS = 256
_SHOWN_GAPS = 5
FRAME_EXTENSIONS = frozenset({".dpx", ".cin", ".tif", ".tiff", ".exr", ".png", ".jpg", ".jpeg"})
"""Extensions, in lower case, of pictures that can be frames."""
FILM_SCANS = frozenset({".dpx", ".cin"})
"""Those of film scanners."""
_NTSC = Fraction(1000, 1001)
LONGEST_RATE_DENOMINATOR = 1001


class FrameKey(NamedTuple):
    """The parts of the key of a numbered picture."""

    prefix: str
    digits: str
    suffix: str
    """The extension, with its dot."""


def frame_key(key: str) -> FrameKey | None:
    """Return the parts of a key that ends with a number and the extension of a picture, or None."""
    match = _FRAME.fullmatch(key)
    if match is None or match[3].lower() not in FRAME_EXTENSIONS:
        return None
    return FrameKey(*match.groups())


@dataclass(frozen=True)
class FramePattern:
    """The keys of all frames of a sequence."""

    prefix: str
    digits: int
    """Minimum number of digits; smaller numbers have leading zeros."""
    suffix: str

    @property
    def key(self) -> str:
        """The pattern as printf and FFmpeg write it: `reel7/scan_%06d.dpx`."""
        return f"{self.prefix}%0{self.digits}d{self.suffix}"

    def frame(self, number: int) -> str:
        """Return the key of one frame."""
        return f"{self.prefix}{number:0{self.digits}d}{self.suffix}"

    def number(self, key: str) -> int | None:
        """Return the number of the frame with this key; None if it is no frame of this sequence."""
        middle = key[len(self.prefix) : len(key) - len(self.suffix)]
        if not middle.isascii() or not middle.isdigit() or self.frame(int(middle)) != key:
            return None
        return int(middle)

    @property
    def film_key(self) -> str:
        """The key of the film that the frames form: their common name, else that of the folder."""
        folder, separator, name = self.prefix.rpartition("/")
        name = name.rstrip("_-. ")
        if name:
            return f"{folder}{separator}{name}{self.suffix}"
        return f"{folder or 'frames'}{self.suffix}"


def parse_pattern(key: str) -> FramePattern | None:
    """Return the pattern that a key is; None if it is none."""
    match = _PATTERN.fullmatch(key)
    return FramePattern(match[1], int(match[2]), match[3]) if match else None


def sequence_version(rate: Fraction, *, ten_bits: bool = False) -> str:
    """Return the `version` of an asset that is a sequence.

    Args:
        rate: Frames per second.
        ten_bits: Whether frames of light become codes of 10 bits instead of 16.
    """
    return f"sequence{'10' if ten_bits else ''}:{rate.numerator}/{rate.denominator}"


def sequence_rate(text: str) -> Fraction | None:
    """Return the frame rate in the version or ETag of a sequence; None for other assets."""
    match = _VERSION.fullmatch(text)
    return Fraction(int(match[3]), int(match[4])) if match else None


def sequence_depth(version: str) -> int:
    """Return the bits per code that frames of light (OpenEXR) get in films: 10 or 16."""
    match = _VERSION.fullmatch(version)
    return 10 if match and match[2] else 16


def is_light(key: str) -> bool:
    """Return whether the frames of a sequence hold light, not codes: OpenEXR."""
    return key.lower().endswith(".exr")


def version_of_etag(etag: str) -> str:
    """Return the `version` of the asset with this ETag; empty if it is no sequence."""
    match = _VERSION.fullmatch(etag)
    return match[1] if match else ""


def film_rate(frames_per_second: float) -> Fraction:
    """Return the exact rate: 23.976, 29.97 and 59.94 are multiples of 1000/1001."""
    whole = round(frames_per_second)
    if abs(frames_per_second - whole) < 1e-6:
        return Fraction(whole)
    ntsc = round(frames_per_second / _NTSC) * _NTSC
    if abs(float(ntsc) - frames_per_second) < 0.005:
        return ntsc
    return Fraction(frames_per_second).limit_denominator(LONGEST_RATE_DENOMINATOR)


@dataclass
class FrameTally:
    """The frames of a sequence, in any order: 8 bytes each, and a hash of names and versions."""

    numbers: array[int] = field(default_factory=lambda: array("q"))
    size_bytes: int = 0
    _hash: int = 0

    def add(self, number: int, key: str, size_bytes: int, etag: str) -> None:
        """Count a frame."""
        self.numbers.append(number)
        self.size_bytes += size_bytes
        # Hashes are added, so that the order does not matter: stores list in no promised order.
        digest = hashlib.sha256(f"{key}\n{size_bytes}\n{etag}".encode("utf-8", "surrogatepass"))
        self._hash = (self._hash + int.from_bytes(digest.digest())) % (1 << _HASH_BITS)

    def etag(self, version: str) -> str:
        """Return the ETag of the sequence with this `version`."""
        text = f"{len(self.numbers)} {self._hash:x}"
        return f"{version}:{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def missing_numbers(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and last number of every gap between consecutive numbers.

    Args:
        numbers: In increasing order.
    """
    last: int | None = None
    for number in numbers:
        if last is not None and number > last + 1:
            yield last + 1, number - 1
        last = number


def missing_text(numbers: Sequence[int]) -> str:
    """Return `2 frames are missing between 0 and 11: 5 to 6`; empty if none is missing.

    Args:
        numbers: Those that exist, in increasing order.
    """
    gaps = list(missing_numbers(numbers))
    if not gaps:
        return ""
    missing = sum(last - first + 1 for first, last in gaps)
    many = "frame is missing" if missing == 1 else "frames are missing"
    return f"{missing} {many} between {numbers[0]} and {numbers[-1]}: {_gaps_text(gaps)}"


def _gaps_text(gaps: list[tuple[int, int]]) -> str:
    shown = [
        f"{first}" if first == last else f"{first} to {last}" for first, last in gaps[:_SHOWN_GAPS]
    ]
    more = len(gaps) - _SHOWN_GAPS
    return ", ".join(shown) + (f" and {more} more gaps" if more > 0 else "")
