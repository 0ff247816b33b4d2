"""Give a TIFF another compression, strip by strip: libvips' libtiff lacks Zstandard and LZMA.

The pixels do not change, and neither does the predictor: both are compressions of the same bytes.
"""

import lzma
import shutil
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

from colorworker.media.stills.tiffdirectories import (
    Tag,
    align,
    header,
    pack_tag,
    raw_entries,
    write_entries,
)
from colorworker.media.stills.tiffpages import Directory

_COMPRESSION, _STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES = 259, 273, 279, 324, 325
_ZSTD, _DEFLATE = 50000, 8
_MAX_MEMORY = 1 << 28
"""Of LZMA's dictionary."""
_PADDING = 4096
_LEVEL = 1
"""Of Deflate: the file is read a few times and then removed."""


def with_deflate(reader: BinaryIO, directory: Directory, path: Path) -> None:
    """Write a TIFF to `path` that has the picture of a directory, compressed with Deflate.

    Args:
        reader: The TIFF, compressed with Zstandard or LZMA.
        directory: The picture.
        path: The file to write.

    Raises:
        ValueError: If a part does not decompress.
    """
    is_zstd = directory.number(_COMPRESSION, 1) == _ZSTD
    reader.seek(0)
    with path.open("wb+") as file:
        shutil.copyfileobj(reader, file)
        form, _ = header(file, 0)
        places, sizes = [], []
        most = directory.part_bytes + _PADDING
        for offset, size in directory.parts:
            reader.seek(offset)
            plain = _decompressed(reader.read(size), most, is_zstd=is_zstd)
            file.seek(0, 2)
            places.append(align(file))
            sizes.append(file.write(zlib.compress(plain, _LEVEL)))
        _, entries = raw_entries(file, form, directory.offset)
        tiled = _TILES in directory.tags
        changed = {
            _COMPRESSION: Tag(_COMPRESSION, 3, 1, struct.pack("<H", _DEFLATE)),
            **_numbers(_TILES if tiled else _STRIPS, places),
            **_numbers(_TILE_BYTES if tiled else _STRIP_BYTES, sizes),
        }
        kept = [entry for entry in entries if form.entry.unpack(entry)[0] not in changed]
        file.seek(0, 2)
        kept += [pack_tag(file, form, tag) for tag in changed.values()]
        place = write_entries(file, form, kept, 0)
        file.seek(8 if form.big else 4)
        file.write(struct.pack(form.word, place))


def _numbers(number: int, values: list[int]) -> dict[int, Tag]:
    wide = max(values, default=0) >= 1 << 32
    data = struct.pack(f"<{len(values)}{'Q' if wide else 'I'}", *values)
    return {number: Tag(number, 16 if wide else 4, len(values), data)}


def _decompressed(data: bytes, most: int, *, is_zstd: bool) -> bytes:
    """Return the bytes of a strip or tile, `most` at most.

    Raises:
        ValueError: If they do not decompress.
    """
    if is_zstd:
        import zstandard

        try:
            decoder = zstandard.ZstdDecompressor()
            return bytes(decoder.decompress(data, max_output_size=most))
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from error
    try:
        return lzma.LZMADecompressor(memlimit=_MAX_MEMORY).decompress(data, most)
    except lzma.LZMAError as error:
        raise ValueError(str(error)) from error
