"""Load pictures from a seekable reader with libvips, and turn its failures into our errors."""

import functools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import pyvips

from colorworker.errors import SourceDamaged, SourceTooLarge, SourceUnsupported
from colorworker.media.filetypes import extension_of
from colorworker.media.stillformats import format_of_content, format_of_extension
from colorworker.media.stills.exifblock import EXIF_HEAD, orientation_of
from colorworker.media.stills.imagesource import RECOPY, ImageSource, head_of, unreadable
from colorworker.media.stills.labpixels import lab_from_codes_of
from colorworker.media.stills.pngchunks import PngMetadata
from colorworker.media.stills.webpchunks import WebpMetadata

_LOADERS = {
    "jpegload_source": "jpeg",
    "pngload_source": "png",
    "tiffload_source": "tiff",
    "webpload_source": "webp",
    "gifload_source": "gif",
    "heifload_source": "avif",
}
"""Supported loaders. libvips has more, such as SVG and PDF, which are not photographs."""
_JPEG_MAGIC = b"\xff\xd8"
_SUPPORTED_FORMATS = frozenset(("JPEG", "PNG", "TIFF", "WebP", "GIF", "AVIF"))
"""A file of these that cannot be opened is damaged, not unsupported."""
_RARE_TIFF = re.compile(
    r"image: bad labq|tiff2vips: (not |samples_per_pixel not|\d+ bits per sample palette"
    r"|unsupported|tiled separate|subsampled|unknown resolution|required field 262)"
)
"""How libvips' messages about TIFFs begin that it does not read, although they may be intact."""
_RARE_JPEG = re.compile(r"VipsJpeg: (Unsupported (JPEG|color)|.*not supported)")
_JPEG_LS = re.compile(r"VipsJpeg: Unsupported marker type 0xf7")
"""Its frames begin with a marker of their own (ITU-T T.87, C.1.1)."""
_LIMIT = "Security limit exceeded"
"""libheif says so of pictures of more than 268 megapixels."""
_WARNINGS = ("Warning:", "extraneous bytes before marker")
"""Parts of messages that are not why a picture does not decode."""
_MAX_THREADS = 4
"""Maximum libvips threads: buffers grow with threads, and a worker seldom has the machine to
itself."""
VIPS = RLock()
"""Held while libvips works: its error messages go to one buffer per process, and without the lock
a picture gets the message of another one."""


def open_image(image_source: ImageSource) -> tuple[pyvips.Image, str]:
    """Return the picture and its format; its pixels can be read once, from top to bottom.

    Raises:
        SourceDamaged: If there is no picture in it.
        SourceUnsupported: If it is a picture in an unsupported format.
    """
    _limit_libvips()
    if image_source.reader is None:
        raise ValueError(f"{image_source.key} is closed")
    if image_source.decoded:
        return image_source.decoded.image.copy(), image_source.decoded.loader
    head = head_of(image_source)
    source = pyvips.SourceCustom()
    source.on_read(image_source.read)
    source.on_seek(image_source.seek)
    with VIPS:
        forget_messages()
        try:
            image = _load(source, head, image_source)
            loader = _LOADERS.get(str(image.get("vips-loader")), "")
        except pyvips.Error as error:
            if image_source.error:
                raise unreadable(image_source) from error
            if unsupported := _unsupported_format(image_source.key, head):
                raise _unsupported(image_source.key, unsupported) from error
            _refuse_unusual(image_source, vips_message(error))
            raise SourceDamaged(
                image_source.key, f"no picture can be read from it ({vips_message(error)})", RECOPY
            ) from error
    if not loader:
        raise _unsupported(image_source.key, _unsupported_format(image_source.key, head))
    return image, loader


def _load(source: pyvips.SourceCustom, head: bytes, image_source: ImageSource) -> pyvips.Image:
    # Without fail_on, parts that libtiff or libjpeg cannot decode become black pixels.
    options: dict[str, str | int] = {"access": "sequential", "fail_on": "error"}
    if head.startswith(_JPEG_MAGIC):
        # libvips would choose another loader for a JPEG with a gain map.
        image = pyvips.Image.jpegload_source(source, **options)
        # As new_from_source does: the callbacks must live as long as the picture.
        image._references.append(source)
        return image
    page = image_source.page
    if page is None:
        image = pyvips.Image.new_from_source(source, "", **options)
        late = image_source.png or image_source.webp
        return _with_late_chunks(image, late) if late else image
    # A file that was made for this picture has no other one; one that is only patched does.
    place = {} if page.directory.is_recompressed else page.load_options
    image = pyvips.Image.new_from_source(source, "", **options, **place).copy()
    if page.orientation:
        image.set_type(pyvips.GValue.gint_type, "orientation", page.orientation)
    return lab_from_codes_of(image, page.directory.lab) if page.directory.lab else image


@contextmanager
def decode_errors(image_source: ImageSource) -> Iterator[None]:
    """Turn an error of libvips inside the block into an error of the source.

    Raises:
        SourceDamaged: If the pixels do not decode completely.
        SourceUnreadable: If the reader failed. Our own errors raised by the reader pass unchanged.
    """
    with VIPS:
        forget_messages()
        try:
            yield
        except pyvips.Error as error:
            if image_source.error:
                raise unreadable(image_source) from error
            _refuse_unusual(image_source, vips_message(error))
            raise SourceDamaged(
                image_source.key, f"it does not decode completely ({vips_message(error)})", RECOPY
            ) from error


def vips_message(error: pyvips.Error) -> str:
    """Return libvips' first error message on one line, at most 160 characters.

    The later ones say what became impossible because of the first. Mere warnings come last.
    """
    lines = [line.strip() for line in str(error.detail).splitlines() if line.strip()]
    lines.sort(key=lambda line: any(words in line for words in _WARNINGS))
    message = lines[0] if lines else "the decoder gives no reason"
    return message if len(message) <= 160 else message[:157] + "..."


def _with_late_chunks(image: pyvips.Image, late: PngMetadata | WebpMetadata) -> pyvips.Image:
    """Return the picture with the metadata that libvips does not see."""
    image = image.copy()
    for name, value in (("exif-data", late.exif and EXIF_HEAD + late.exif), ("xmp-data", late.xmp)):
        if value:
            image.set_type(pyvips.GValue.blob_type, name, value)
    image.set_type(pyvips.GValue.gint_type, "orientation", orientation_of(late.exif))
    return image


def _unsupported_format(key: str, head: bytes) -> str:
    """Return the name of the picture's format if that is known and not supported; else empty."""
    found = format_of_content(head) or format_of_extension(extension_of(key))
    return "" if found in _SUPPORTED_FORMATS else found


def _refuse_unusual(image_source: ImageSource, message: str) -> None:
    """Raise if the picture may be intact, but of a rare form that libvips does not decode."""
    if _LIMIT in message:
        raise SourceTooLarge(
            image_source.key, f"its decoder refuses it ({message})", "Convert it to TIFF first"
        )
    unusual = image_source.page.directory.unusual if image_source.page else ""
    if not unusual and _RARE_TIFF.match(message):
        unusual = f"its kind of TIFF is not supported ({message.removeprefix('tiff2vips: ')})"
    if unusual:
        raise SourceUnsupported(image_source.key, unusual, "Convert it to a plain TIFF first")
    if _JPEG_LS.match(message):
        raise _unsupported(image_source.key, "JPEG-LS")
    if _RARE_JPEG.match(message):
        raise SourceUnsupported(
            image_source.key,
            f"its kind of JPEG is not supported ({message.removeprefix('VipsJpeg: ')})",
            "Convert it to TIFF or PNG first",
        )


def forget_messages() -> None:
    """Empty libvips' error buffer, in which warnings of earlier pictures stay."""
    pyvips.vips_lib.vips_error_clear()


def _unsupported(key: str, format_name: str) -> SourceUnsupported:
    return SourceUnsupported(
        key,
        f"{format_name} pictures are not supported"
        if format_name
        else "its picture format is not supported",
        "Convert it to TIFF, PNG or JPEG first",
    )


@functools.cache
def _limit_libvips() -> None:
    """Limit libvips, once per process: few threads, and no cache that keeps readers and pixels."""
    pyvips.cache_set_max(0)
    pyvips.concurrency_set(min(pyvips.concurrency_get(), _MAX_THREADS))
