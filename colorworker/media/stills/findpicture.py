"""Find the picture in a file, decode it if libvips cannot, and check that it is complete."""

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

from colorworker.domain.processname import PROCESS
from colorworker.errors import SourceDamaged, SourceUnsupported
from colorworker.media.filetypes import extension_of
from colorworker.media.stillformats import format_of_content, format_of_extension
from colorworker.media.stills.decoded import check_bytes, inverted, set_fields
from colorworker.media.stills.decoders import decode, is_decoded
from colorworker.media.stills.imagesource import (
    RECOPY,
    ImageSource,
    all_bytes,
    bytes_at,
    head_of,
    size_of,
)
from colorworker.media.stills.jpegcheck import check_jpeg, join_tables
from colorworker.media.stills.jpegsegments import read_jpeg_metadata
from colorworker.media.stills.labpixels import PatchedReader
from colorworker.media.stills.pngchunks import SIGNATURE, read_png_metadata
from colorworker.media.stills.tiffpages import TiffPage, called_rgb, find_page
from colorworker.media.stills.tiffrecompressed import with_deflate
from colorworker.media.stills.tifftags import blobs_of
from colorworker.media.stills.webpchunks import read_webp_metadata

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_JPEG_MAGIC = b"\xff\xd8"
_AVIF_SEQUENCE = b"ftypavis"
_PILLOW_BITS = 8
_JPEG_BYTES_PER_PIXEL, _JPEG_SPARE_BYTES = 8, 256 << 20
"""Limit on JPEGs, which are checked in memory. Phones append films to theirs."""
_CONVERT = "Convert it to a plain TIFF first"


def find_picture(
    image_source: ImageSource, max_pixels: int, scratch: Path | None, number: int = 0
) -> None:
    """Find the picture of a TIFF among thumbnails and masks, or other pictures' metadata.

    A picture that libvips does not read is decoded into a temporary file.

    Args:
        image_source: The source.
        max_pixels: Limit on the pixels that its header may declare.
        scratch: Folder for temporary files; None for the system's.
        number: Which of the pictures of a TIFF, from 0.

    Raises:
        SourceDamaged: If it is one that libvips does not read, and does not decode completely.
        SourceTooLarge: If it is such a one and has more pixels, or the file is larger than any
            picture of so many pixels.
        SourceUnsupported: If it is an animation, or no library reads it.
    """
    head = head_of(image_source)
    reader = image_source.reader
    if reader is None:
        return
    check_bytes(image_source.key, size_of(image_source), max_pixels)
    name = format_of_content(head) or format_of_extension(extension_of(image_source.key))
    if is_decoded(name):
        folder = _folder(image_source, scratch)
        decoded = decode(reader, image_source.key, name, folder, max_pixels)
        image_source.decoded = decoded
        image_source.warnings += decoded.warnings
    elif head.startswith(SIGNATURE):
        image_source.png = read_png_metadata(reader)
        refuse_animation(image_source.key, image_source.png.frames)
    elif head.startswith(_JPEG_MAGIC):
        image_source.jpeg = read_jpeg_metadata(reader)
    elif head[4:12] == _AVIF_SEQUENCE:
        raise SourceUnsupported(
            image_source.key, "it is an animation (AVIF)", "Convert it to a film first"
        )
    elif name == "WebP":
        image_source.webp = read_webp_metadata(reader)
    elif head.startswith(_TIFF_MAGIC) and (page := find_page(reader, number)):
        image_source.page = page
        _find_tiff(image_source, page, max_pixels, scratch)


def refuse_animation(key: str, frames: int) -> None:
    """Refuse an animation (APNG, GIF, WebP): only one of its pictures would be colored.

    Raises:
        SourceUnsupported: If it has more than one picture.
    """
    if frames > 1:
        raise SourceUnsupported(
            key, f"it is an animation of {frames} pictures", "Convert it to a film first"
        )


def check_content(image_source: ImageSource, pixels: int) -> None:
    """Decode a JPEG, also in a TIFF, completely, because libvips accepts damaged ones.

    Defects that do not change a pixel are added to the source's warnings. A missing end marker is
    added to what libvips reads.

    Args:
        image_source: The source.
        pixels: Number of pixels that its header declares.

    Raises:
        SourceDamaged: If the picture data is damaged.
    """
    if image_source.decoded:
        return
    if image_source.page:
        _check_parts_of_tiff(image_source, image_source.page)
    if not head_of(image_source).startswith(_JPEG_MAGIC):
        return
    size_bytes = size_of(image_source)
    if size_bytes > pixels * _JPEG_BYTES_PER_PIXEL + _JPEG_SPARE_BYTES:
        raise SourceDamaged(
            image_source.key, f"{size_bytes} bytes are too many for a JPEG of its size", RECOPY
        )
    found = check_jpeg(all_bytes(image_source))
    if found.damage:
        raise SourceDamaged(
            image_source.key, f"it does not decode completely ({found.damage})", RECOPY
        )
    image_source.warnings += found.warnings
    if found.needs_end_marker:
        image_source.reader = io.BytesIO(found.data)


def _find_tiff(
    image_source: ImageSource, page: TiffPage, max_pixels: int, scratch: Path | None
) -> None:
    """Make the picture of a TIFF readable: by libvips if that is possible."""
    key, directory, reader = image_source.key, page.directory, image_source.reader
    assert reader is not None  # noqa: S101 (checked by the caller)
    if directory.is_camera_raw:
        _develop(image_source, page, max_pixels, scratch)
        return
    if directory.unsupported:
        raise SourceUnsupported(key, directory.unsupported, _CONVERT)
    if page.left_out:
        image_source.warnings.append("the TIFF's transparency masks are not kept")
    if directory.is_recompressed:
        path = _folder(image_source, scratch) / "pixels.tif"
        with _no_damage(image_source):
            with_deflate(reader, directory, path)
        image_source.pixels = path.open("rb")
    if directory.unusual:
        _decode_tiff(image_source, page, max_pixels, scratch)
    elif directory.lab:
        file = image_source.pixels or reader
        offset = directory.offset if file is reader else None
        image_source.pixels = cast(BinaryIO, PatchedReader(file, *called_rgb(file, offset)))


def _develop(
    image_source: ImageSource, page: TiffPage, max_pixels: int, scratch: Path | None
) -> None:
    """Develop a camera raw file that is a TIFF, such as DNG."""
    reader = image_source.reader
    assert reader is not None  # noqa: S101 (checked by the caller)
    _check_parts_of_tiff(image_source, page)
    folder = _folder(image_source, scratch)
    decoded = decode(reader, image_source.key, "camera raw", folder, max_pixels)
    orientation = page.orientation or decoded.image.get("orientation")
    image = set_fields(decoded.image, {"orientation": orientation})
    # Its directories are not those of the output.
    image_source.page = None
    image_source.decoded = replace(decoded, image=image)
    image_source.warnings += decoded.warnings


def _decode_tiff(
    image_source: ImageSource, page: TiffPage, max_pixels: int, scratch: Path | None
) -> None:
    """Decode a TIFF that libvips does not read.

    Raises:
        SourceUnsupported: If it does not decode: no library that we have reads its kind.
    """
    directory = page.directory
    reader = image_source.pixels or image_source.reader
    if reader is None or directory.sub is not None:
        raise SourceUnsupported(image_source.key, directory.unusual, _CONVERT)
    number = 0 if image_source.pixels else directory.page
    folder = _folder(image_source, scratch)
    try:
        decoded = decode(reader, image_source.key, "TIFF", folder, max_pixels, number)
    except SourceDamaged as error:
        raise SourceUnsupported(image_source.key, directory.unusual, _CONVERT) from error
    if decoded.layout.dtype == "uint8" and directory.bits > _PILLOW_BITS:
        # Pillow drops the others.
        raise SourceUnsupported(image_source.key, directory.unusual, _CONVERT)
    blobs = blobs_of(reader, directory.offset) if number == directory.page else {}
    image = decoded.image
    if directory.is_min_white and decoded.layout.dtype != "uint8":
        # OpenImageIO inverts those of 8 bits only.
        image = inverted(image)
    image = set_fields(image, {**blobs, "orientation": page.orientation})
    image_source.decoded = replace(decoded, image=image, has_resolution=page.has_resolution)
    image_source.warnings += decoded.warnings


@contextmanager
def _no_damage(image_source: ImageSource) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise SourceDamaged(
            image_source.key, f"it does not decode completely ({error})", RECOPY
        ) from error


def _folder(image_source: ImageSource, scratch: Path | None) -> Path:
    if image_source.folder is None:
        image_source.folder = Path(tempfile.mkdtemp(prefix=f"{PROCESS}-still-", dir=scratch))
    return image_source.folder


def _check_parts_of_tiff(image_source: ImageSource, page: TiffPage) -> None:
    parts = page.directory.parts
    size_bytes = size_of(image_source)
    for number, (offset, size) in enumerate(parts, 1):
        damage = ""
        if offset >= size_bytes or (page.directory.is_camera_raw and offset + size > size_bytes):
            # libtiff may return black pixels for it, and so does LibRaw.
            damage = "it lies behind the end of the file"
        elif page.directory.is_jpeg and not page.directory.is_camera_raw:
            data = bytes_at(image_source, offset, size)
            damage = check_jpeg(join_tables(page.directory.jpeg_tables, data)).damage
        if damage:
            raise SourceDamaged(
                image_source.key,
                f"it does not decode completely (part {number} of {len(parts)}: {damage})",
                RECOPY,
            )
