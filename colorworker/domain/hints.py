"""Color hints that people give for a picture: their files, and what a hints file says."""

import math
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from colorworker.domain.outputkeys import suffix_of
from colorworker.domain.parsing import parse_json
from colorworker.errors import HintsRefused

VERSION = 1
"""Version of the format that this program reads; a file may be a list, or an object with one."""
MAX_BYTES = 8 << 20
"""Larger hints files are refused unread."""
MAX_POINTS = 100_000
"""Maximum number of points of one file, those of strokes included."""
DEFAULT_RADIUS = 4.0
_MAX_RADIUS = 10_000.0
_GRAY = "gray"
_HEX = re.compile("#[0-9a-fA-F]{6}")
_NAME = re.compile(
    r"(?P<stem>.+)\.hints(?:/(?:ref_|hints_)?(?P<frame>\d{1,9}))?\.(?:json|png)", re.IGNORECASE
)
_FIELDS = {"x", "y", "points", "color", "radius"}

HINTS_EDITION = 2
"""To be raised when points, strokes or overlays color otherwise. Only what has hints is redone."""


class InputFile(NamedTuple):
    """A file that people give for one item: color hints, or a picture to take colors from."""

    root: str
    """URI of its store."""
    key: str
    etag: str
    size_bytes: int
    frame: int | None = None
    """Index of the frame of a film, from 0 in the order they are shown; None for a picture."""
    first: int = 0
    """First frame of the film that it gives color to."""
    end: int | None = None
    """Exclusive; None for the film's end."""

    @property
    def is_overlay(self) -> bool:
        """Whether it holds painted hints, as a PNG."""
        return self.key.lower().endswith(".png")

    @property
    def identity(self) -> tuple[str | int | None, ...]:
        """What an identity contains: its kind, frames and content, not its place."""
        content = suffix_of(self.key).lower(), self.frame, self.etag
        return content if self.frame is None else (*content, self.first, self.end)


@dataclass(frozen=True)
class ColorHint:
    """One point, or one stroke of a brush."""

    points: tuple[tuple[float, float], ...]
    """x and y in pixels of the upright picture, from 0; one for a point."""
    rgb: tuple[int, int, int]
    """sRGB codes. Only their hue and chroma count; gray keeps the picture gray."""
    radius: float
    """In pixels."""
    is_stroke: bool
    """A stroke fills the object that it lies in; a point draws similar pixels towards its color."""


def stem_and_frame(key: str) -> tuple[str, int | None] | None:
    """Return the stem of the picture or film that a hints file belongs to, and the frame's index.

    `a/b.hints.json` and `a/b.hints.png` belong to `a/b.jpg`; `a/c.hints/000040.json` belongs to
    frame 40 of `a/c.mkv`. None: the key is not that of a hints file.
    """
    found = _NAME.fullmatch(key)
    if found is None:
        return None
    frame = found["frame"]
    return found["stem"], None if frame is None else int(frame)


def is_hints_key(key: str) -> bool:
    """Return whether a key is that of a hints file."""
    return ".hints" in key and stem_and_frame(key) is not None


def stem_of(key: str) -> str:
    """Return a picture's or film's key without its extension."""
    return key.removesuffix(suffix_of(key))


def parse_hints(data: bytes, name: str, width: int, height: int) -> tuple[ColorHint, ...]:
    """Return the hints of a JSON file; `docs/colors.md` describes it.

    Args:
        data: Content of the file.
        name: Its key, for errors.
        width: Width of the upright picture, in pixels.
        height: Its height.

    Raises:
        HintsRefused: If it is not valid, of a newer version, or a hint lies outside the picture.
    """
    try:
        values = parse_json(data)
    except ValueError as error:
        raise HintsRefused(name, f"is not valid JSON ({_first_line(error)})", _SEE) from error
    if isinstance(values, dict):
        version = values.get("version")
        if type(version) is int and version > VERSION:
            raise HintsRefused(
                name, f"has version {version}, this program reads {VERSION}", "Update colorworker"
            )
        if version != VERSION:
            raise HintsRefused(name, "is an object without version 1 and hints", _SEE)
        values = values.get("hints")
    return checked_hints(values, name, width, height)


def checked_hints(values: Any, name: str, width: int, height: int) -> tuple[ColorHint, ...]:
    """Return the hints of a list that was JSON; see `parse_hints`.

    Raises:
        HintsRefused: If one is not valid, or lies outside the picture.
    """
    if not isinstance(values, list):
        raise HintsRefused(name, "has no list of hints", _SEE)
    hints, points = [], 0
    for number, value in enumerate(values, start=1):
        try:
            hint = _hint(value, width, height)
        except ValueError as error:
            raise HintsRefused(name, f"hint {number} {error}", _SEE) from error
        points += len(hint.points)
        if points > MAX_POINTS:
            raise HintsRefused(name, f"has more than {MAX_POINTS} points", "Use fewer")
        hints.append(hint)
    return tuple(hints)


_SEE = "See docs/colors.md"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:120]


def _hint(value: Any, width: int, height: int) -> ColorHint:
    if not isinstance(value, dict):
        raise ValueError("is not an object")
    if unknown := value.keys() - _FIELDS:
        raise ValueError(f"has no field {min(map(str, unknown))!r:.60}")
    is_stroke = "points" in value
    if is_stroke == ("x" in value or "y" in value):
        raise ValueError("needs either x and y, or points")
    pairs = value["points"] if is_stroke else [[value.get("x"), value.get("y")]]
    if not isinstance(pairs, list) or not pairs:
        raise ValueError("has no list of points")
    points = tuple(_point(pair, width, height) for pair in pairs)
    radius = _number(value.get("radius", DEFAULT_RADIUS), "radius")
    if not 0 < radius <= _MAX_RADIUS:
        raise ValueError(f"has radius {radius:g}; give more than 0, at most {_MAX_RADIUS:g}")
    return ColorHint(points, _color(value.get("color")), radius, is_stroke)


def _point(pair: Any, width: int, height: int) -> tuple[float, float]:
    if not isinstance(pair, list) or len(pair) != 2:
        raise ValueError("has a point that is not [x, y]")
    x, y = _number(pair[0], "x"), _number(pair[1], "y")
    if not (0 <= x < width and 0 <= y < height):
        raise ValueError(f"at ({x:g}, {y:g}) lies outside the picture of {width} x {height}")
    return x, y


def _number(value: Any, name: str) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"has {name} {value!r:.40}, which is not a number")
    return float(value)


def _color(value: Any) -> tuple[int, int, int]:
    if value == _GRAY:
        return 128, 128, 128
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise ValueError(f"has color {value!r:.40}; give #rrggbb or {_GRAY}")
    red, green, blue = bytes.fromhex(value[1:])
    return red, green, blue
