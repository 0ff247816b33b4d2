"""Which library decodes which format. libvips comes first, and streams; the others do the rest.

A decoder gets a file, because most of these libraries read only files, and stores the pixels in
another one, from which libvips streams them like those of its own loaders.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from colorworker.errors import DependencyMissing, SourceDamaged, SourceUnsupported
from colorworker.media.stills.boxes import read_boxes
from colorworker.media.stills.codestream import loses_bits_in_pillow, needs_pillow
from colorworker.media.stills.decoded import (
    MORE_PICTURES,
    DecodedStill,
    check_room,
    with_boxes,
)
from colorworker.media.stills.netpbm import has_more

_COPY_BYTES = 1 << 20
_BLAME = ("decode completely", "corrupt", "brighter than", "not numbers")
"""What messages say about files that are at fault themselves."""
_BLAMED_WRONGLY = frozenset(("BMP", "Netpbm", "TIFF"))
"""Formats of which OpenImageIO says so of kinds that it does not know."""
_MISREAD = "BMP compression"
"""What Pillow says of BMPs that OpenImageIO would read as if they were not compressed."""
_LEAST_JPEG_XL = 128
"""Bytes that OpenImageIO reads to recognize a JPEG XL."""

Decoder = Callable[[Path, str, Path, int, int], DecodedStill]
"""From a file, its key, the folder for pixels, the maximum of pixels and the number of a page."""


@contextmanager
def _loading(name: str, package: str) -> Iterator[None]:
    """Raise DependencyMissing if the library of that name does not load."""
    try:
        yield
    except ImportError as error:
        raise DependencyMissing(
            name,
            f"it is missing or does not load ({error})",
            f"Install it: pip install --force-reinstall {package}",
        ) from error


def _oiio() -> Decoder:
    with _loading("OpenImageIO", "openimageio"):
        from colorworker.media.stills.oiiodecoder import decode
    return decode


def _pillow() -> Decoder:
    with _loading("Pillow", "pillow"):
        from colorworker.media.stills.pillowdecoder import decode
    return decode


def _heif() -> Decoder:
    with _loading("pillow-heif", "pillow-heif"):
        from colorworker.media.stills.heifdecoder import decode
    return decode


def _raw() -> Decoder:
    with _loading("rawpy", "rawpy"):
        from colorworker.media.stills.rawdecoder import decode
    return decode


def _pam() -> Decoder:
    from colorworker.media.stills.pamdecoder import decode

    return decode


def _photoshop() -> Decoder:
    with _loading("OpenImageIO or Pillow", "openimageio pillow"):
        from colorworker.media.stills.photoshop import decode
    return decode


def _iff() -> Decoder:
    with _loading("OpenImageIO or PyAV", "openimageio av"):
        from colorworker.media.stills.iffdecoder import decode
    return decode


def _jpeg2000() -> Decoder:
    return _decode_jpeg2000


def _jpeg_xl() -> Decoder:
    return _decode_jpeg_xl


def _decode_jpeg_xl(path: Path, key: str, folder: Path, max_pixels: int, page: int) -> DecodedStill:
    missing = _LEAST_JPEG_XL - path.stat().st_size
    if missing > 0:
        # OpenImageIO calls shorter files corrupt; what follows the picture does not matter.
        with path.open("ab") as file:
            file.write(bytes(missing))
    return _oiio()(path, key, folder, max_pixels, page)


def _decode_jpeg2000(
    path: Path, key: str, folder: Path, max_pixels: int, page: int
) -> DecodedStill:
    refused: SourceDamaged | SourceUnsupported | None = None
    loses_bits = loses_bits_in_pillow(path)
    if not needs_pillow(path):
        try:
            return _oiio()(path, key, folder, max_pixels, page)
        except SourceDamaged as error:
            # Its warnings are errors to OpenImageIO.
            refused = error
    elif loses_bits:
        seen = "it is a JPEG 2000 of more than 8 bits with subsampled colors, a palette or sYCC"
        refused = SourceUnsupported(key, seen, "Convert it to TIFF first")
    if refused and loses_bits:
        raise refused
    try:
        decoded = _pillow()(path, key, folder, max_pixels, page)
    except SourceDamaged:
        if refused:
            raise refused from None
        raise
    with path.open("rb") as file:
        return with_boxes(decoded, read_boxes(file))


def _with_more(still: DecodedStill, path: Path) -> DecodedStill:
    """Return the picture of a Netpbm file with a warning if others follow it."""
    return replace(still, warnings=(*still.warnings, MORE_PICTURES)) if has_more(path) else still


_BOTH = (_oiio, _pillow)
# fmt: off
_DECODERS: dict[str, tuple[tuple[Callable[[], Decoder], ...], str]] = {
    "DPX": ((_oiio,), "dpx"),
    "Cineon": ((_oiio,), "cin"),
    "OpenEXR": ((_oiio,), "exr"),
    "JPEG 2000": ((_jpeg2000,), "jp2"),
    "JPEG XL": ((_jpeg_xl,), "jxl"),
    "HEIF": ((_heif,), "heic"),
    "camera raw": ((_raw,), "raw"),
    "Netpbm": (_BOTH, "pnm"),
    "PAM": ((_pam,), "pam"),
    # Pillow first: OpenImageIO calls many that are only unusual corrupt.
    "BMP": ((_pillow, _oiio), "bmp"),
    "TGA": (_BOTH, "tga"),
    "SGI": (_BOTH, "sgi"),
    "Radiance HDR": ((_oiio,), "hdr"),
    "Photoshop": ((_photoshop,), "psd"),
    "IFF": ((_iff,), "iff"),
    "PCX": ((_pillow,), "pcx"),
    "Photo CD": ((_pillow,), "pcd"),
    "Sun Raster": ((_pillow,), "ras"),
    "DDS": ((_pillow,), "dds"),
    "QOI": ((_pillow,), "qoi"),
    "Windows icon": ((_pillow,), "ico"),
    "Apple icon": ((_pillow,), "icns"),
    # Of these, only the kinds that libvips does not read.
    "TIFF": (_BOTH, "tif"),
}
# fmt: on
"""By the name of a format in `stillformats`: libraries in the order in which they are tried, and
the extension that they know the format by."""


def is_decoded(format_name: str) -> bool:
    """Return whether another library than libvips decodes all pictures of this format."""
    return format_name in _DECODERS and format_name != "TIFF"


def decode(
    reader: BinaryIO, key: str, format_name: str, folder: Path, max_pixels: int, page: int = 0
) -> DecodedStill:
    """Decode a picture completely.

    A second library is tried only if the first one does not say that the file itself is at fault.

    Args:
        reader: The file, from its start.
        key: The source, for errors.
        format_name: Its format, as `stillformats` names it: TIFF, or one for which `is_decoded` is
            true.
        folder: A folder for a copy of the file and for its pixels; it must live as long as the
            picture.
        max_pixels: Limit on the pixels that its header may declare.
        page: Which of its pictures, from 0.

    Raises:
        DependencyMissing: If the library is missing.
        SourceDamaged: If it does not decode completely.
        SourceTooLarge: If it has more than `max_pixels` pixels, or its copy has no room.
        SourceUnsupported: If its kind is not supported.
    """
    libraries, extension = _DECODERS[format_name]
    path = folder / f"source.{extension}"
    check_room(key, reader.seek(0, 2), folder)
    reader.seek(0)
    with path.open("wb") as file:
        shutil.copyfileobj(reader, file, _COPY_BYTES)
    reader.seek(0)
    first: SourceDamaged | SourceUnsupported | None = None
    try:
        for library in libraries:
            try:
                still = library()(path, key, folder, max_pixels, page)
                return _with_more(still, path) if format_name == "Netpbm" else still
            except (SourceDamaged, SourceUnsupported) as error:
                first = first or error
                blamed = any(words in error.seen for words in _BLAME)
                if (blamed and format_name not in _BLAMED_WRONGLY) or _MISREAD in error.seen:
                    break
    finally:
        path.unlink()
    assert first is not None  # noqa: S101 (there is at least one library)
    raise first
