"""Read the metadata chunks of a PNG, and put chunks into a PNG that libvips wrote.

libvips loses what follows the pixels, changes texts that are not UTF-8 and ignores gAMA. So the
chunks are copied byte for byte.

Source:
    PNG third edition (W3C, 2025): 5.3 chunk layout, 5.4 naming, 5.6 order, 11.3 the chunks.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from colorworker.media.stills.rawprofiles import KEYWORD, iptc_text, read_raw_profile

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXTS = frozenset((b"tEXt", b"zTXt", b"iTXt"))
_COLOR = frozenset((b"cICP", b"sRGB", b"gAMA", b"cHRM"))
_PROFILE = b"iCCP"
_OTHER_KEPT = frozenset((b"pHYs", b"sCAL", b"pCAL", b"oFFs"))
_EXIF = b"eXIf"
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_STALE = frozenset((b"tIME", b"bKGD", b"sBIT", b"hIST", b"sPLT", b"tRNS", _PROFILE))
"""They describe the pixels or the file of the source; libvips writes what is true of the output."""
_ANIMATION_CONTROL = b"acTL"
_ANIMATION = frozenset((_ANIMATION_CONTROL, b"fcTL", b"fdAT"))
_UINT = struct.Struct(">I")
_MAX_CHUNK_BYTES = 1 << 26
_MAX_TEXT_BYTES = 1 << 24
"""Largest XMP packet; those of real pictures with many edits have some hundred kB."""
_COPY_BYTES = 1 << 20


@dataclass(frozen=True)
class Chunk:
    """A chunk of a PNG without its length and checksum."""

    kind: bytes
    data: bytes

    @property
    def keyword(self) -> bytes:
        """Keyword of a text chunk."""
        return self.data.partition(b"\0")[0]

    @property
    def packed(self) -> bytes:
        """The chunk as it is stored."""
        body = self.kind + self.data
        return struct.pack(">I", len(self.data)) + body + struct.pack(">I", zlib.crc32(body))


@dataclass(frozen=True)
class PngMetadata:
    """What a PNG holds beside its pixels.

    Attributes:
        exif: EXIF block, from the header of TIFF on; empty if there is none.
        xmp: XMP packet; empty if there is none.
        color: Chunks that describe the color space, by name; empty if there is an ICC profile.
        iptc: IPTC, from a text; empty if there is none.
        kept: The other chunks that are true of a copy, in their order, that of IPTC among them.
        has_profile: Whether there is an ICC profile.
        damaged: Whether chunks beside the pixels are damaged.
        frames: Number of pictures of an animation (APNG); 1 for others.
    """

    exif: bytes
    xmp: bytes
    iptc: bytes
    color: dict[bytes, Chunk]
    kept: tuple[Chunk, ...]
    has_profile: bool
    damaged: bool
    frames: int = 1

    @property
    def texts(self) -> int:
        """Number of text chunks, without those of XMP, EXIF and IPTC."""
        return sum(chunk.kind in _TEXTS and not _raw_profile(chunk)[1] for chunk in self.kept)

    @property
    def has_resolution(self) -> bool:
        """Whether the PNG says how large its pixels are."""
        return any(chunk.kind == b"pHYs" for chunk in self.kept)


def read_png_metadata(reader: BinaryIO) -> PngMetadata:
    """Return all metadata of the PNG at the start of `reader`, also that after the pixels."""
    exif = xmp = b""
    raw: dict[str, bytes] = {}
    color: dict[bytes, Chunk] = {}
    kept: list[Chunk] = []
    has_profile = damaged = False
    frames = 1
    for chunk in _chunks(reader):
        if chunk is None:
            damaged = True
        elif chunk.kind == _EXIF:
            exif = exif or chunk.data.removeprefix(b"Exif\0\0")
        elif chunk.kind == _PROFILE:
            has_profile = True
        elif chunk.kind == _ANIMATION_CONTROL and len(chunk.data) >= _UINT.size:
            (frames,) = _UINT.unpack_from(chunk.data)
        elif chunk.kind in _TEXTS and chunk.keyword == _XMP_KEYWORD:
            text = _text(chunk)
            xmp, damaged = xmp or text, damaged or not text
        elif chunk.kind in _COLOR:
            color.setdefault(chunk.kind, chunk)
        elif (profile := _raw_profile(chunk))[1]:
            raw.setdefault(*profile)
            kept += [chunk] if profile[0] == "iptc" else []
        elif _is_kept(chunk.kind):
            kept.append(chunk)
    # cICP wins over a profile, and a profile over the other ones.
    known = {kind: color[kind] for kind in color if not has_profile or kind == b"cICP"}
    exif, xmp = exif or raw.get("exif", b""), xmp or raw.get("xmp", b"")
    iptc = raw.get("iptc", b"")
    return PngMetadata(exif, xmp, iptc, known, tuple(kept), has_profile, damaged, frames)


def xmp_chunk(xmp: bytes) -> Chunk:
    """Return the XMP packet as XMP requires it: uncompressed iTXt."""
    return Chunk(b"iTXt", _XMP_KEYWORD + b"\0\0\0\0\0" + xmp)


def exif_chunk(exif: bytes) -> Chunk:
    """Return the EXIF block as a chunk."""
    return Chunk(_EXIF, exif)


def iptc_chunk(iptc: bytes) -> Chunk:
    """Return IPTC as ExifTool and ImageMagick write it."""
    return Chunk(b"tEXt", iptc_text(iptc))


def insert_chunks(path: Path, chunks: Iterable[Chunk], *, keep_resolution: bool) -> None:
    """Put the chunks into the PNG at `path`.

    Args:
        path: A PNG that libvips wrote without metadata.
        chunks: They go before the pixels, because few readers look for more behind them.
        keep_resolution: Whether libvips' own pHYs stays.
    """
    before = b"".join(chunk.packed for chunk in chunks)
    part = path.with_name(path.name + ".part")
    try:
        with path.open("rb") as source, part.open("wb") as copy:
            copy.write(source.read(len(SIGNATURE)))
            while head := source.read(8):
                size, kind = struct.unpack(">I4s", head)
                if kind == b"IDAT":
                    copy.write(before)
                    before = b""
                if kind == b"pHYs" and not keep_resolution:
                    source.seek(size + 4, 1)
                    continue
                copy.write(head)
                _copy(source, copy, size + 4)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _copy(source: BinaryIO, copy: BinaryIO, size: int) -> None:
    while size > 0:
        data = source.read(min(size, _COPY_BYTES))
        if not data:
            return
        copy.write(data)
        size -= len(data)


def _is_kept(kind: bytes) -> bool:
    if kind in _STALE or kind in _ANIMATION:
        return False
    # The case of the letters: ancillary, and safe to copy if the pixels change.
    safe = bool(kind[0] & 0x20) and bool(kind[3] & 0x20)
    return kind in _TEXTS or kind in _OTHER_KEPT or safe


def _chunks(reader: BinaryIO) -> Iterator[Chunk | None]:
    """Yield the ancillary chunks; None for a damaged one."""
    reader.seek(len(SIGNATURE))
    while len(head := reader.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        if kind == b"IEND" or not kind.isalpha():
            return
        if not kind[0] & 0x20 or size > _MAX_CHUNK_BYTES:
            reader.seek(size + 4, 1)
            continue
        data, checksum = reader.read(size), reader.read(4)
        sound = len(data) == size and checksum == struct.pack(">I", zlib.crc32(kind + data))
        yield Chunk(kind, data) if sound else None


def _raw_profile(chunk: Chunk) -> tuple[str, bytes]:
    """Return the kind of metadata in a text chunk, and the block; empty if it holds none."""
    if chunk.kind not in _TEXTS or not chunk.keyword.startswith(KEYWORD):
        return "", b""
    return read_raw_profile(chunk.keyword, _text(chunk))


def _text(chunk: Chunk) -> bytes:
    """Return the text of a text chunk; empty if it does not decompress, or is too large."""
    _, _, rest = chunk.data.partition(b"\0")
    compressed = chunk.kind == b"zTXt"
    if chunk.kind == b"iTXt":
        compressed = rest[:1] == b"\1"
        rest = b"\0" + rest[2:].split(b"\0", 2)[-1]
    if not compressed:
        return rest.removeprefix(b"\0") if chunk.kind == b"iTXt" else rest
    try:
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(rest[1:], _MAX_TEXT_BYTES)
        return text if unpacking.eof else b""
    except zlib.error:
        return b""
