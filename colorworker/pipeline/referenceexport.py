"""Write frames of a film in gray, one or more per shot, for people to color as references."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from colorworker.domain.options import Options
from colorworker.domain.references import ShotsFound, reference_name, shot_starts
from colorworker.domain.shots import timecode
from colorworker.domain.timeline import Timeline
from colorworker.domain.units import cut_timeline
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import KeyExists
from colorworker.media.codecs.decode import decode_segment
from colorworker.media.containers.damage import ScanTally
from colorworker.media.planes import Frame, color_spec, luma_plane
from colorworker.media.stills.referencepicture import gray_png
from colorworker.pipeline.scan import read_packets
from colorworker.pipeline.shotsearch import LOOKAHEAD, find_shots
from colorworker.store.objectstore import ObjectStore

LIST_NAME = "references.toml"


@dataclass(frozen=True)
class Exported:
    """What was written for one film."""

    shots: int
    written: int
    kept: int
    """Pictures that were there before, colored or not. They are never replaced."""


def export_references(
    reader: BinaryIO,
    key: str,
    references: ObjectStore,
    *,
    per_shot: int = 1,
    every: int | None = None,
    max_pixels: int = 1_000_000_000,
) -> Exported:
    """Write gray frames of every shot of a film, and the list of shots.

    They are `<key>/ref_000040.png` for frame 40, counted from 0 in presentation order. They have 8
    bits, or 16 if the film has more than 8. The list is `<key>/references.toml`.

    Args:
        reader: The film, seekable; stays open.
        key: Its key.
        references: Where to write.
        per_shot: Frames per shot, spread evenly over it.
        every: Take a frame at the start of every shot and every so many frames instead.
        max_pixels: Maximum number of pixels of a frame.

    Raises:
        SourceDamaged: If the film does not decode.
        SourceTooLarge: If a frame has more pixels.
        SourceUnsupported: If the pixel format is not supported.
    """
    info, timeline = read_packets(reader, key, max_pixels, ScanTally())
    starts = shot_starts(_searched(reader, key, info, timeline))
    shots = list(zip(starts, [*starts[1:], len(timeline.pts)], strict=True))
    chosen = [_chosen(first, end, per_shot, every) for first, end in shots]
    written = kept = 0
    for number in sorted({number for numbers in chosen for number in numbers}):
        name = f"{key}/{reference_name(number)}"
        try:
            references.put(name, _picture(reader, key, info, timeline, number), create_only=True)
            written += 1
        except KeyExists:
            kept += 1
    text = "\n".join(_list_lines(key, info, timeline, shots, chosen))
    references.put(f"{key}/{LIST_NAME}", text.encode())
    return Exported(len(shots), written, kept)


def _searched(
    reader: BinaryIO, key: str, info: VideoInfo, timeline: Timeline
) -> Iterator[ShotsFound]:
    first = 0
    for cut in cut_timeline(timeline, Options.segment_frames):
        frames = decode_segment(
            reader, key, info, timeline, cut.start_pts, cut.end_pts, lookahead=LOOKAHEAD
        )
        yield find_shots(frames, cut.frame_count, info, first)
        first += cut.frame_count


def _chosen(first: int, end: int, per_shot: int, every: int | None) -> list[int]:
    """Return the indexes of the frames to take from the shot first <= index < end."""
    if every:
        return list(range(first, end, every))
    places = (np.arange(per_shot) + 0.5) * (end - first) / per_shot
    return sorted({first + int(place) for place in places})


def _picture(reader: BinaryIO, key: str, info: VideoInfo, timeline: Timeline, number: int) -> bytes:
    end_pts = int(timeline.pts[number + 1]) if number + 1 < len(timeline.pts) else None
    (frame,) = decode_segment(reader, key, info, timeline, int(timeline.pts[number]), end_pts)
    return gray_png(_full_range(frame, info))


def _full_range(frame: Frame, info: VideoInfo) -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    """Return the frame's luma as codes from black to white, uint8 for films of 8 bits or uint16."""
    spec = color_spec(info)
    highest = 255 if spec.bit_depth == 8 else 65535
    luma = (luma_plane(frame).astype(np.float32) - spec.black) / spec.luma_span
    codes = np.clip(np.rint(luma * highest), 0, highest)
    return codes.astype(np.uint8 if spec.bit_depth == 8 else np.uint16)


def _list_lines(
    key: str,
    info: VideoInfo,
    timeline: Timeline,
    shots: list[tuple[int, int]],
    chosen: list[list[int]],
) -> Iterator[str]:
    def time_of(number: int) -> str:
        return timecode(float((timeline.pts[number] - timeline.pts[0]) * timeline.time_base))

    yield "# Frames are counted from 0, in presentation order."
    yield f"film = {_quoted(key)}"
    yield f"frames = {len(timeline.pts)}"
    yield f'frame_rate = "{info.frame_rate}"'
    for index, ((first, end), numbers) in enumerate(zip(shots, chosen, strict=True), 1):
        yield ""
        yield "[[shot]]"
        yield f"number = {index}"
        yield f"first_frame = {first}"
        yield f"frames = {end - first}"
        yield f'timecode = "{time_of(first)}"'
        for number in numbers:
            yield "[[shot.reference]]"
            yield f"frame = {number}"
            yield f'timecode = "{time_of(number)}"'
            yield f'file = "{reference_name(number)}"'
    yield ""


def _quoted(text: str) -> str:
    """Return a text as a basic string of TOML."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return (
        '"' + "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}" for c in escaped) + '"'
    )
