"""Proof that luma came through: its checksum at the decoder, at the encoder, and in the part."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import xxhash

from colorworker.errors import OutputMismatch
from colorworker.media.broadcastgamut import GamutTally
from colorworker.media.burnin import FilmNotice
from colorworker.media.codecs.decode import DecodeTally
from colorworker.media.containers.verify import decode_part
from colorworker.media.planes import Frame, Plane, layout_of, luma_plane


@dataclass
class SegmentTally(DecodeTally):
    """What is counted while a segment's frames pass."""

    luma: list[int] = field(default_factory=list)
    """Checksum of each frame's luma codes, as they are to be written."""
    gamut: GamutTally = field(default_factory=GamutTally)


def noted(
    frames: Iterator[Frame], count: int, pix_fmt: str, tally: SegmentTally
) -> Iterator[Frame]:
    """Yield decoded frames and note the luma of the first `count`.

    Args:
        frames: As they come from the decoder, or from a filter that is allowed to change luma.
        count: Frames of the segment; those of the look-ahead are not written.
        pix_fmt: To write. Where it is deeper, luma codes are to be their multiples.
        tally: Takes the checksums.
    """
    for frame in frames:
        if len(tally.luma) < count:
            deeper = layout_of(pix_fmt).bit_depth - layout_of(frame.format.name).bit_depth
            tally.luma.append(luma_checksum(luma_plane(frame), deeper))
        yield frame


def proven(frames: Iterator[Frame], key: str, tally: SegmentTally) -> Iterator[Frame]:
    """Yield colored frames whose luma is what was noted.

    Raises:
        OutputMismatch: If luma of one is not.
    """
    for index, frame in enumerate(frames):
        if luma_checksum(luma_plane(frame)) != tally.luma[index]:
            raise OutputMismatch(key, f"luma of frame {index} changed while it was colored")
        yield frame


def burned(frames: Iterator[Frame], notice: FilmNotice, tally: SegmentTally) -> Iterator[Frame]:
    """Yield proven frames with the notice in them, and note the luma that they have now."""
    for index, frame in enumerate(frames):
        drawn = notice.draw(frame)
        tally.luma[index] = luma_checksum(luma_plane(drawn))
        yield drawn


def prove_part(path: Path, key: str, tally: SegmentTally) -> None:
    """Decode a part of a lossless codec and hold its luma against what was noted.

    Raises:
        OutputMismatch: If a frame is missing or its luma is another.
    """
    found = [luma_checksum(luma_plane(frame)) for frame in decode_part(path, key)]
    if found != tally.luma:
        pairs = zip(found, tally.luma, strict=False)
        wrong = next((at for at, (one, other) in enumerate(pairs) if one != other), len(found))
        raise OutputMismatch(key, f"frame {wrong} of a part does not decode to its luma")


def luma_checksum(luma: Plane, deeper_bits: int = 0) -> int:
    """Return XXH3, 64 bits, of luma codes, line by line; given `deeper_bits`, of deeper codes."""
    if deeper_bits > 0:
        luma = luma.astype(np.uint16) << np.uint16(deeper_bits)
    return xxhash.xxh3_64_intdigest(np.ascontiguousarray(luma).data)
