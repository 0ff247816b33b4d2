"""Films as MediaInfo reads them: a second reader, because libav cannot show what it ignores."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

from pymediainfo import MediaInfo

ELEMENT = re.compile(r"^[0-9A-F]+ ( *)(\w+) - (.*?)(?: \(0x[0-9A-F]+\))? \(\d+ bytes\)$")
GROUP = re.compile(r"^[0-9A-F]+ ( *)(\w+) \(\d+ bytes\)$")


def tracks(path: Path, kind: str) -> list[dict[str, Any]]:
    """Return the properties of all tracks of a kind, such as `Video`, `Text` or `Menu`."""
    found = MediaInfo.parse(str(path))
    return [track.to_data() for track in found.tracks if track.track_type == kind]


def elements(path: Path, inside: str) -> list[tuple[int, str, str]]:
    """Return depth, name and value of every element below the first one of a name, in order."""
    text = MediaInfo.parse(str(path), full=True, output="text", mediainfo_options={"Details": "1"})
    found: list[tuple[int, str, str]] = []
    depth = -1
    for line in str(text).splitlines():
        value, group = ELEMENT.match(line.rstrip()), GROUP.match(line.rstrip())
        seen = value or group
        if seen is None:
            continue
        level, name = len(seen.group(1)), seen.group(2)
        if depth < 0:
            depth = level if name == inside else depth
        elif level <= depth:
            break
        elif name not in {"Header", "Data"}:
            found.append((level - depth, name, value.group(3) if value else ""))
    return found


def values(path: Path, inside: str) -> Counter[tuple[int, str, str]]:
    """Return the same elements in any order."""
    return Counter(elements(path, inside))
