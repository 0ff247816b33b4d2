"""Lists of the frames of an image sequence: of a part, and of the whole output.

The list of an output is a text file that `sha256sum --check` reads.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

LIST_EXTENSION = ".sha256"
PART_EXTENSION = ".frames.jsonl"


@dataclass(frozen=True)
class StoredFrame:
    """A frame that a worker has stored for a part."""

    key: str
    """Key of the source's frame, and of the output's."""
    attempt_key: str
    etag: str
    size_bytes: int
    sha256: str


def frames_to_json(frames: Iterable[StoredFrame]) -> bytes:
    """Return the frames as JSON lines."""
    return b"".join(json.dumps(asdict(frame)).encode() + b"\n" for frame in frames)


def frames_from_json(data: bytes) -> Iterator[StoredFrame]:
    """Yield the frames that `frames_to_json` wrote."""
    for line in data.splitlines():
        yield StoredFrame(**json.loads(line))


def frame_folder(part_key: str) -> str:
    """Return the prefix of the frames of a part, from the key of its list."""
    return f"{part_key.removesuffix(PART_EXTENSION)}/"


def list_line(list_key: str, frame: StoredFrame) -> bytes:
    """Return the line of a frame in the list of an output: SHA-256 and path from the list."""
    folder = list_key[: list_key.rfind("/") + 1]
    return f"{frame.sha256}  {frame.key.removeprefix(folder)}\n".encode("utf-8", "surrogateescape")


def listed_frames(list_key: str, data: bytes) -> Iterator[tuple[str, str]]:
    """Yield key and SHA-256 of every frame in the list of an output.

    Raises:
        ValueError: If it is not such a list.
    """
    folder = list_key[: list_key.rfind("/") + 1]
    for line in data.decode("utf-8", "surrogateescape").splitlines():
        sha256, separator, path = line.partition("  ")
        if not separator or len(sha256) != 64:
            raise ValueError(f"{line[:80]!r} is not a line of a list of frames")
        yield f"{folder}{path}", sha256
