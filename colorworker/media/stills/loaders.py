"""Load pictures from a seekable reader with libvips, and turn its failures into our errors."""

import errno
import functools
import io
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import BinaryIO

import pyvips

from colorworker.errors import ColorworkerError, SourceDamaged, SourceUnreadable, SourceUnsupported
from colorworker.media.filetypes import extension_of
from colorworker.media.stillformats import format_of_content, format_of_extension
from colorworker.media.stills.decoded import DecodedStill
from colorworker.media.stills.decoders import decode, is_decoded
from colorworker.media.stills.exifblock import EXIF_HEAD, orientation_of
from colorworker.media.stills.jpegcheck import check_jpeg, join_tables
from colorworker.media.stills.jpegsegments import JpegMetadata, read_jpeg_metadata
from colorworker.media.stills.pngchunks import SIGNATURE, PngMetadata, read_png_metadata
from colorworker.media.stills.tiffdirectories import MAX_OFFSET
from colorworker.media.stills.tiffpages import TiffPage, find_page
from colorworker.media.stills.webpchunks import WebpMetadata, read_webp_metadata

_LOADERS = {
    "jpegload_source": "jpeg",
    "pngload_source": "png",
    "tiffload_source": "tiff",
    "webpload_source": "webp",
    "gifload_source": "gif",
}
"""Supported loaders. libvips has more, such as SVG and PDF, which are not photographs."""
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_JPEG_MAGIC = b"\xff\xd8"
_SUPPORTED_FORMATS = frozenset(("JPEG", "PNG", "TIFF", "WebP", "GIF"))
"""A file of these that cannot be opened is damaged, not unsupported."""
_RARE_TIFF = re.compile(
    r"image: bad labq|tiff2vips: (not |samples_per_pixel not|\d+ bits per sample palette"
    r"|unsupported|tiled separate|subsampled|unknown resolution|required field 262)"
)
"""How libvips' messages about TIFFs begin that it does not read, although they may be intact."""
_RARE_JPEG = re.compile(r"VipsJpeg: (Unsupported (JPEG|color)|.*not supported)")
_WARNINGS = ("Warning:", "extraneous bytes before marker")
"""Parts of messages that are not why a picture does not decode."""
_HEAD_BYTES = 2055
"""Enough for all formats."""
_MAX_THREADS = 4
"""Maximum libvips threads: buffers grow with threads, and a worker seldom has the machine to
itself."""

_READER_ERRORS = (ColorworkerError, OSError, ValueError)
"""Errors of readers; closed files raise ValueError."""
_RECOPY = "Compare it with the original and copy it again"
VIPS = RLock()
"""Held while libvips works: its error messages go to one buffer per process, and without the lock
a picture gets the message of another one."""


@dataclass
class ImageSource:
    """The bytes of one picture, which libvips may read several times until it is closed."""

    reader: BinaryIO | None
    key: str
    error: Exception | None = None
    """The reader's exception. libvips only sees that there are no more bytes."""
    warnings: list[str] = field(default_factory=list)
    """What is wrong with the picture but does not prevent its coloring."""
    png: PngMetadata | None = None
    """Metadata of a PNG, from `find_picture`; None for other formats."""
    jpeg: JpegMetadata | None = None
    """Metadata of a JPEG, from `find_picture`; None for other formats."""
    webp: WebpMetadata | None = None
    """Metadata of a WebP, from `find_picture`; None for other formats."""
    is_bilevel: bool = False
    """Whether the picture has 1 bit per pixel."""
    page: TiffPage | None = None
    """Where the picture is in a TIFF, from `find_picture`; None for other formats."""
    decoded: DecodedStill | None = None
    """The picture if another library than libvips decodes its format, from `find_picture`."""
    folder: Path | None = None
    """Where its pixels are stored then; removed by `close`."""

    def read(self, size: int) -> bytes | None:
        """Return up to `size` bytes; None at the end. Called from libvips' threads."""
        try:
            return self.reader.read(size) or None if self.reader else None
        except _READER_ERRORS as error:
            self.error = error
            return None

    def seek(self, offset: int, whence: int) -> int:
        """Seek and return the new position; -1 on failure. Called from libvips' threads."""
        try:
            return self.reader.seek(offset, whence) if self.reader else -1
        except _READER_ERRORS as error:
            if isinstance(error, OSError) and error.errno == errno.EINVAL:
                # A damaged offset. The file is readable.
                return -1
            self.error = error
            return -1

    def close(self) -> None:
        """Release the reader, which stays open because it belongs to the caller."""
        self.reader = None
        self.decoded = None
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


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
    head = _head(image_source)
    source = pyvips.SourceCustom()
    source.on_read(image_source.read)
    source.on_seek(image_source.seek)
    with VIPS:
        _forget_messages()
        try:
            image = _load(source, head, image_source)
            loader = _LOADERS.get(str(image.get("vips-loader")), "")
        except pyvips.Error as error:
            if image_source.error:
                raise _unreadable(image_source) from error
            if unsupported := _unsupported_format(image_source.key, head):
                raise _unsupported(image_source.key, unsupported) from error
            _refuse_unusual(image_source, vips_message(error))
            raise SourceDamaged(
                image_source.key, f"no picture can be read from it ({vips_message(error)})", _RECOPY
            ) from error
    if not loader:
        raise _unsupported(image_source.key, _unsupported_format(image_source.key, head))
    return image, loader


def refuse_animation(key: str, frames: int) -> None:
    """Refuse an animation (APNG, GIF, WebP): only one of its pictures would be colored.

    Raises:
        SourceUnsupported: If it has more than one picture.
    """
    if frames > 1:
        raise SourceUnsupported(
            key, f"it is an animation of {frames} pictures", "Convert it to a film first"
        )


def find_picture(image_source: ImageSource, max_pixels: int, scratch: Path | None) -> None:
    """Find the picture of a TIFF among thumbnails and masks, or other pictures' metadata.

    A picture that libvips does not read is decoded into a temporary file.

    Args:
        image_source: The source.
        max_pixels: Limit on the pixels that its header may declare.
        scratch: Folder for temporary files; None for the system's.

    Raises:
        SourceDamaged: If it is one that libvips does not read, and does not decode completely.
        SourceTooLarge: If it is such a one and has more pixels.
        SourceUnsupported: If there are several pictures, or libvips would read it wrongly.
    """
    head = _head(image_source)
    name = format_of_content(head) or format_of_extension(extension_of(image_source.key))
    if image_source.reader and is_decoded(name):
        image_source.folder = Path(tempfile.mkdtemp(prefix="colorworker-still-", dir=scratch))
        image_source.decoded = decode(
            image_source.reader, image_source.key, name, image_source.folder, max_pixels
        )
        image_source.warnings += image_source.decoded.warnings
        return
    if image_source.reader and head.startswith(SIGNATURE):
        image_source.png = read_png_metadata(image_source.reader)
        refuse_animation(image_source.key, image_source.png.frames)
    if image_source.reader and head.startswith(_JPEG_MAGIC):
        image_source.jpeg = read_jpeg_metadata(image_source.reader)
    if image_source.reader and format_of_content(head) == "WebP":
        image_source.webp = read_webp_metadata(image_source.reader)
    if image_source.reader is None or not head.startswith(_TIFF_MAGIC):
        return
    page = find_page(image_source.reader)
    image_source.page = page
    if page is None:
        return
    if page.pictures > 1:
        raise SourceUnsupported(
            image_source.key,
            f"it has {page.pictures} pages; only single pictures are colored",
            "Split it first",
        )
    if page.directory.unsupported:
        raise SourceUnsupported(
            image_source.key, page.directory.unsupported, "Convert it to a plain TIFF first"
        )
    if page.left_out:
        image_source.warnings.append("the TIFF's transparency masks are not kept")


def check_content(image_source: ImageSource) -> None:
    """Decode a JPEG, also in a TIFF, completely, because libvips accepts damaged ones.

    Defects that do not change a pixel are added to the source's warnings. A missing end marker is
    added to what libvips reads.

    Raises:
        SourceDamaged: If the picture data is damaged.
    """
    if image_source.decoded:
        return
    if image_source.page:
        _check_parts_of_tiff(image_source, image_source.page)
    if not _head(image_source).startswith(_JPEG_MAGIC):
        return
    found = check_jpeg(_all_bytes(image_source))
    if found.damage:
        raise SourceDamaged(
            image_source.key, f"it does not decode completely ({found.damage})", _RECOPY
        )
    image_source.warnings += found.warnings
    if found.needs_end_marker:
        image_source.reader = io.BytesIO(found.data)


def _check_parts_of_tiff(image_source: ImageSource, page: TiffPage) -> None:
    parts = page.directory.parts
    size_bytes = _size_bytes(image_source)
    for number, (offset, size) in enumerate(parts, 1):
        damage = ""
        if offset >= size_bytes:
            # libtiff may return black pixels for it.
            damage = "it lies behind the end of the file"
        elif page.directory.is_jpeg:
            data = _bytes_at(image_source, offset, size)
            damage = check_jpeg(join_tables(page.directory.jpeg_tables, data)).damage
        if damage:
            raise SourceDamaged(
                image_source.key,
                f"it does not decode completely (part {number} of {len(parts)}: {damage})",
                _RECOPY,
            )


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
    image = pyvips.Image.new_from_source(source, "", **options, **page.load_options).copy()
    if page.orientation:
        image.set_type(pyvips.GValue.gint_type, "orientation", page.orientation)
    return image


@contextmanager
def decode_errors(image_source: ImageSource) -> Iterator[None]:
    """Turn an error of libvips inside the block into an error of the source.

    Raises:
        SourceDamaged: If the pixels do not decode completely.
        SourceUnreadable: If the reader failed. Our own errors raised by the reader pass unchanged.
    """
    with VIPS:
        _forget_messages()
        try:
            yield
        except pyvips.Error as error:
            if image_source.error:
                raise _unreadable(image_source) from error
            _refuse_unusual(image_source, vips_message(error))
            raise SourceDamaged(
                image_source.key, f"it does not decode completely ({vips_message(error)})", _RECOPY
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
    unusual = image_source.page.directory.unusual if image_source.page else ""
    if not unusual and _RARE_TIFF.match(message):
        unusual = f"its kind of TIFF is not supported ({message.removeprefix('tiff2vips: ')})"
    if unusual:
        raise SourceUnsupported(image_source.key, unusual, "Convert it to a plain TIFF first")
    if _RARE_JPEG.match(message):
        raise SourceUnsupported(
            image_source.key,
            f"its kind of JPEG is not supported ({message.removeprefix('VipsJpeg: ')})",
            "Convert it to TIFF or PNG first",
        )


def _forget_messages() -> None:
    """Empty libvips' error buffer, in which warnings of earlier pictures stay."""
    pyvips.vips_lib.vips_error_clear()


def _head(image_source: ImageSource) -> bytes:
    head = _bytes_at(image_source, 0, _HEAD_BYTES)
    if not head:
        raise SourceDamaged(image_source.key, "the file is empty (0 bytes)", _RECOPY)
    return head


def _all_bytes(image_source: ImageSource) -> bytes:
    return _bytes_at(image_source, 0, -1)


def _bytes_at(image_source: ImageSource, offset: int, size: int) -> bytes:
    """Return bytes of the source, and go back to its start; all bytes if `size` is -1."""
    reader = image_source.reader
    if reader is None or offset > MAX_OFFSET:
        return b""
    try:
        reader.seek(offset)
        data = reader.read(size)
        reader.seek(0)
    except OSError as error:
        image_source.error = error
        raise _unreadable(image_source) from error
    return data


def _size_bytes(image_source: ImageSource) -> int:
    reader = image_source.reader
    if reader is None:
        return 0
    size_bytes = reader.seek(0, io.SEEK_END)
    reader.seek(0)
    return size_bytes


def _unreadable(image_source: ImageSource) -> ColorworkerError:
    error = image_source.error
    if isinstance(error, ColorworkerError):
        return error
    return SourceUnreadable(image_source.key, f"reading failed ({error})", "Check its disk")


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
