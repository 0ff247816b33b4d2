"""Check that luma is unchanged, by its checksum after decoding, before encoding and in the part."""

from collections.abc import Iterator
from contextlib import suppress
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
    """Counts and checksums collected while a segment's frames pass."""

    luma: list[int] = field(default_factory=list)
    """Checksum of each frame's luma codes, as they must be written."""
    gamut: GamutTally = field(default_factory=GamutTally)


def record_luma(
    frames: Iterator[Frame], count: int, pix_fmt: str, tally: SegmentTally
) -> Iterator[Frame]:
    """Yield decoded frames and record the luma checksums of the first `count`.

    Args:
        frames: From the decoder, or from a filter that is allowed to change luma.
        count: Frames of the segment; those of the look-ahead are not written.
        pix_fmt: Pixel format to write. If it is deeper, luma codes are multiplied accordingly.
        tally: Receives the checksums.
    """
    for frame in frames:
        if len(tally.luma) < count:
            deeper = layout_of(pix_fmt).bit_depth - layout_of(frame.format.name).bit_depth
            tally.luma.append(luma_checksum(luma_plane(frame), deeper))
        yield frame


def check_luma(frames: Iterator[Frame], key: str, tally: SegmentTally) -> Iterator[Frame]:
    """Yield colored frames after comparing their luma with the recorded checksums.

    Raises:
        OutputMismatch: If the luma of a frame has changed.
    """
    for index, frame in enumerate(frames):
        if luma_checksum(luma_plane(frame)) != tally.luma[index]:
            raise OutputMismatch(key, f"luma of frame {index} changed while it was colored")
        yield frame


def burn_notice(
    frames: Iterator[Frame], notice: FilmNotice, tally: SegmentTally
) -> Iterator[Frame]:
    """Yield checked frames with the notice drawn on them, and record their new checksums."""
    for index, frame in enumerate(frames):
        drawn = notice.draw(frame)
        tally.luma[index] = luma_checksum(luma_plane(drawn))
        yield drawn


def verify_part_luma(path: Path, key: str, tally: SegmentTally, luma_header: bytes = b"") -> None:
    """Decode a losslessly encoded part and compare its luma with the recorded checksums.

    Args:
        path: The part.
        key: The film's name, for errors.
        tally: Holds the checksums.
        luma_header: Codec header to decode luma with, from `ffv1.luma_only_header`. Then only the
            first frame is decoded whole. If any luma differs, all frames are, so that the verdict
            is always that of an ordinary decoder.

    Raises:
        OutputMismatch: If a frame is missing or its luma differs.
    """
    if luma_header and _is_proven(path, key, tally, luma_header):
        return
    found = list(_checksums(path, key))
    if found != tally.luma:
        pairs = zip(found, tally.luma, strict=False)
        wrong = next((at for at, (one, other) in enumerate(pairs) if one != other), len(found))
        raise OutputMismatch(key, f"frame {wrong} of a part decodes to different luma")


def _is_proven(path: Path, key: str, tally: SegmentTally, luma_header: bytes) -> bool:
    first = next(_checksums(path, key), None)
    with suppress(OutputMismatch):
        return [first] == tally.luma[:1] and (
            list(_checksums(path, key, luma_header)) == tally.luma
        )
    return False


def _checksums(path: Path, key: str, header: bytes = b"") -> Iterator[int]:
    for frame in decode_part(path, key, header):
        yield luma_checksum(luma_plane(frame))


def luma_checksum(luma: Plane, deeper_bits: int = 0) -> int:
    """Return the 64-bit XXH3 hash of luma codes, after shifting them left by `deeper_bits`."""
    if deeper_bits > 0:
        luma = luma.astype(np.uint16) << np.uint16(deeper_bits)
    return xxhash.xxh3_64_intdigest(np.ascontiguousarray(luma).data)
