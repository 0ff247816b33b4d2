"""Which library decodes which format. libvips comes first, and streams; the others do the rest.

A decoder gets a file, because most of these libraries read only files, and stores the pixels in
another one, from which libvips streams them like those of its own loaders.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from colorworker.errors import DependencyMissing
from colorworker.media.stills.decoded import DecodedStill

Decoder = Callable[[Path, str, Path, int, int], DecodedStill]
_COPY_BYTES = 1 << 20


def _oiio(path: Path, key: str, folder: Path, max_pixels: int, page: int) -> DecodedStill:
    with _loading("OpenImageIO", "openimageio"):
        from colorworker.media.stills.oiiodecoder import decode
    return decode(path, key, folder, max_pixels, page)


# fmt: off
_DECODERS: dict[str, tuple[Decoder, str]] = {
    "DPX": (_oiio, "dpx"),
    "Cineon": (_oiio, "cin"),
    "OpenEXR": (_oiio, "exr"),
    "JPEG 2000": (_oiio, "jp2"),
    "JPEG XL": (_oiio, "jxl"),
    "Netpbm": (_oiio, "pnm"),
    "BMP": (_oiio, "bmp"),
    "TGA": (_oiio, "tga"),
    "SGI": (_oiio, "sgi"),
    "Radiance HDR": (_oiio, "hdr"),
    "Photoshop": (_oiio, "psd"),
    "IFF": (_oiio, "iff"),
    # Of these, only the kinds that libvips does not read.
    "TIFF": (_oiio, "tif"),
}
# fmt: on
"""By the name of a format in `stillformats`: the decoder, and the extension it knows it by."""


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


def is_decoded(format_name: str) -> bool:
    """Return whether another library than libvips decodes all pictures of this format."""
    return format_name in _DECODERS and format_name != "TIFF"


def decode(
    reader: BinaryIO, key: str, format_name: str, folder: Path, max_pixels: int, page: int = 0
) -> DecodedStill:
    """Decode a picture completely.

    Args:
        reader: The file, from its start.
        key: The source, for errors.
        format_name: Its format, as `stillformats` names it: TIFF, or one for which `is_decoded` is
            true.
        folder: An empty folder for a copy of the file and for its pixels; it must live as long as
            the picture.
        max_pixels: Limit on the pixels that its header may declare.
        page: Which of its pictures, from 0.

    Raises:
        SourceDamaged: If it does not decode completely.
        SourceTooLarge: If it has more than `max_pixels` pixels.
        SourceUnsupported: If its kind is not supported.
    """
    decoder, extension = _DECODERS[format_name]
    path = folder / f"source.{extension}"
    reader.seek(0)
    with path.open("wb") as file:
        shutil.copyfileobj(reader, file, _COPY_BYTES)
    reader.seek(0)
    try:
        return decoder(path, key, folder, max_pixels, page)
    finally:
        path.unlink()
