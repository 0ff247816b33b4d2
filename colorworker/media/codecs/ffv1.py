"""Slices of FFV1: their checksums, how many fit a frame, and how to decode only their luma.

libavcodec replaces a slice whose checksum is wrong by the previous frame's, and does not flag the
frame.
"""

import zlib
from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import cache

from av.codec.context import CodecContext
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.format import VideoFormat

FOOTER_BYTES = 8
"""Footer of a slice with a checksum: 3 bytes of size, 1 of status, 4 of CRC."""
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_RESIDUE = 0xFFFFFFFF
"""What zlib.crc32 returns for data followed by its own CRC, if both start at 0."""


@cache
def accepts_slices(pix_fmt: str, width: int, height: int, slices: int) -> bool:
    """Return whether libav's encoder of FFV1 version 3 accepts a number of slices; 0: it chooses.

    Slices must not cut chroma samples, which leaves no choice for some tiny frames.
    """
    options = {"level": "3", "slices": str(slices)} if slices else {"level": "3"}
    try:
        _open_encoder(pix_fmt, width, height, options)
    except FFmpegError:
        return False
    return True


def luma_only_header(pix_fmt: str, width: int, height: int, options: Mapping[str, str]) -> bytes:
    """Return a codec header with which libav decodes only the luma of a film, as gray frames.

    It is the header of a gray film with the same options. Slices begin with their luma, which is
    coded as in a gray film, and the decoder leaves the rest of a slice alone. With 4:2:0, that
    takes a quarter less time.

    Args:
        pix_fmt: Pixel format of the film, which must be of FFV1 version 3.
        width: Width of its frames.
        height: Height of its frames.
        options: The options it was encoded with.

    Returns:
        The header; empty where luma does not decode this way. Codes of more than 8 bits have a
        different entropy coder, which checks that slices end where they should; and if the number
        of slices is left to the encoder, a gray film may have another one.

    Source:
        RFC 9043 section 4.6: neither the borders of slices nor, before version 4, the number of
        tables in their headers depend on chroma. Section 4.7: luma is the first plane of a slice.
    """
    if VideoFormat(pix_fmt, width, height).components[0].bits != 8 or "slices" not in options:
        return b""
    return _open_encoder("gray", width, height, options).extradata or b""


def _open_encoder(
    pix_fmt: str, width: int, height: int, options: Mapping[str, str]
) -> VideoCodecContext:
    context = CodecContext.create("ffv1", "w")
    context.width, context.height, context.pix_fmt = width, height, pix_fmt
    context.time_base = Fraction(1, 25)
    context.gop_size = 1
    context.options = dict(options)
    context.open()
    return context


def has_checksums(packet: bytes) -> bool:
    """Return whether a packet consists of slices, at least one of them with a valid checksum."""
    return any(map(_is_right, _slices(packet)))


def is_damaged(packet: bytes) -> bool:
    """Return whether a packet of a film with checksums has a damaged slice.

    Source:
        RFC 9043 sections 4.8 and 4.9: slices are found from the packet's end by the sizes in their
        footers, and the CRC-32 of each (polynomial 0x04C11DB7, most significant bit first, initial
        value 0) has remainder 0. zlib processes the least significant bit first, so the bits of
        each byte are reversed for it.
    """
    found = list(_slices(packet))
    return sum(map(len, found)) != len(packet) or not all(map(_is_right, found))


def _slices(packet: bytes) -> Iterator[bytes]:
    end = len(packet)
    while end >= FOOTER_BYTES:
        footer = end - FOOTER_BYTES
        start = footer - int.from_bytes(packet[footer : footer + 3], "big")
        if start < 0:
            return
        yield packet[start:end]
        end = start


def _is_right(part: bytes) -> bool:
    return zlib.crc32(part.translate(_MIRRORED), _RESIDUE) == _RESIDUE
