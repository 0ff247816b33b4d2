"""The bytes of a picture, which decoders may read several times, and what is known about them."""

import errno
import io
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from colorworker.errors import ColorworkerError, SourceDamaged, SourceUnreadable
from colorworker.media.stills.decoded import DecodedStill
from colorworker.media.stills.jpegsegments import JpegMetadata
from colorworker.media.stills.pngchunks import PngMetadata
from colorworker.media.stills.tiffdirectories import MAX_OFFSET
from colorworker.media.stills.tiffpages import TiffPage
from colorworker.media.stills.webpchunks import WebpMetadata

RECOPY = "Compare it with the original and copy it again"
_HEAD_BYTES = 2055
"""Enough for all formats."""
_READER_ERRORS = (ColorworkerError, OSError, ValueError)
"""Errors of readers; closed files raise ValueError."""


@dataclass
class ImageSource:
    """The bytes of one picture, which libvips may read several times until it is closed."""

    reader: BinaryIO | None
    key: str
    pixels: BinaryIO | None = None
    """A file with the same pixels in a form that libvips reads, from `find_picture`; None if it
    reads `reader`."""
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
    """Where temporary files of this picture are; removed by `close`."""

    def read(self, size: int) -> bytes | None:
        """Return up to `size` bytes; None at the end. Called from libvips' threads."""
        try:
            file = self.pixels or self.reader
            return file.read(size) or None if file else None
        except _READER_ERRORS as error:
            self.error = error
            return None

    def seek(self, offset: int, whence: int) -> int:
        """Seek and return the new position; -1 on failure. Called from libvips' threads."""
        try:
            file = self.pixels or self.reader
            return file.seek(offset, whence) if file else -1
        except _READER_ERRORS as error:
            if isinstance(error, OSError) and error.errno == errno.EINVAL:
                # A damaged offset. The file is readable.
                return -1
            self.error = error
            return -1

    def close(self) -> None:
        """Release the reader, which stays open because it belongs to the caller."""
        self.reader = None
        if self.pixels:
            self.pixels.close()
        self.decoded = None
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


def head_of(image_source: ImageSource) -> bytes:
    """Return the first bytes of the source, enough to recognize its format.

    Raises:
        SourceDamaged: If it is empty.
    """
    head = bytes_at(image_source, 0, _HEAD_BYTES)
    if not head:
        raise SourceDamaged(image_source.key, "the file is empty (0 bytes)", RECOPY)
    return head


def all_bytes(image_source: ImageSource) -> bytes:
    """Return all bytes of the source."""
    return bytes_at(image_source, 0, -1)


def bytes_at(image_source: ImageSource, offset: int, size: int) -> bytes:
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
        raise unreadable(image_source) from error
    return data


def size_of(image_source: ImageSource) -> int:
    """Return the size of the source in bytes."""
    reader = image_source.reader
    if reader is None:
        return 0
    size_bytes = reader.seek(0, io.SEEK_END)
    reader.seek(0)
    return size_bytes


def unreadable(image_source: ImageSource) -> ColorworkerError:
    """Return the error for a source whose reader failed."""
    error = image_source.error
    if isinstance(error, ColorworkerError):
        return error
    return SourceUnreadable(image_source.key, f"reading failed ({error})", "Check its disk")
