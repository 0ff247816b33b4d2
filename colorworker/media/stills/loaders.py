"""Pictures out of a seekable reader, through libvips, with every failure said in our words."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import pyvips

from colorworker.errors import ColorworkerError, SourceDamaged, SourceUnreadable, SourceUnsupported
from colorworker.media.filetypes import kind_from_content

_LOADERS = {
    "jpegload_source": "jpeg",
    "pngload_source": "png",
    "tiffload_source": "tiff",
    "webpload_source": "webp",
    "gifload_source": "gif",
    "ppmload_source": "ppm",
}
"""What we open. libvips knows more, such as SVG and PDF, which are no photographs."""
_OUR_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"II*", b"MM\0*", b"II+", b"MM\0+", b"RIFF", b"GIF8")
"""How those begin: a file that begins so and cannot be opened is damaged, not unsupported."""
_HEAD_BYTES = 512
_MOST_THREADS = 4
"""Buffers grow with threads, and a worker seldom owns the whole machine."""

_READER_ERRORS = (ColorworkerError, OSError, ValueError)
"""ValueError is what files raise once they are closed."""
_RECOPY = "Compare it with the original and copy it again"


@dataclass
class ImageSource:
    """The bytes of one picture, read as often as asked until closed."""

    reader: BinaryIO | None
    key: str
    error: Exception | None = None
    """What the reader raised: libvips only learns that no bytes came."""

    def read(self, size: int) -> bytes | None:
        """Return up to `size` bytes, None at the end; called by libvips from its threads."""
        try:
            return self.reader.read(size) or None if self.reader else None
        except _READER_ERRORS as error:
            self.error = error
            return None

    def seek(self, offset: int, whence: int) -> int:
        """Move and return the new position, -1 if that fails; called by libvips."""
        try:
            return self.reader.seek(offset, whence) if self.reader else -1
        except _READER_ERRORS as error:
            self.error = error
            return -1

    def close(self) -> None:
        """Let go of the reader, which stays open: it is the caller's."""
        self.reader = None


def open_image(reading: ImageSource) -> tuple[pyvips.Image, str]:
    """Return the picture, its pixels still unread and to be read once from the top, and its format.

    Raises:
        SourceDamaged: If there is no picture in it.
        SourceUnsupported: If it is a picture that libvips cannot read here.
    """
    _bound_libvips()
    if reading.reader is None:
        raise ValueError(f"{reading.key} is closed")
    head = _head(reading)
    source = pyvips.SourceCustom()
    source.on_read(reading.read)
    source.on_seek(reading.seek)
    try:
        # Without fail_on, what libtiff or libjpeg cannot decode comes back as black pixels.
        image = pyvips.Image.new_from_source(source, "", access="sequential", fail_on="error")
        loader = _LOADERS.get(str(image.get("vips-loader")), "")
    except pyvips.Error as error:
        if reading.error:
            raise _unreadable(reading) from error
        if kind_from_content(head) == "still" and not head.startswith(_OUR_MAGIC):
            raise _unsupported(reading.key) from error
        raise SourceDamaged(
            reading.key, f"no picture can be read from it ({vips_message(error)})", _RECOPY
        ) from error
    if not loader:
        raise _unsupported(reading.key)
    return image, loader


@contextmanager
def decode_errors(reading: ImageSource) -> Iterator[None]:
    """Turn a failure of libvips inside the block into one of the source.

    Raises:
        SourceDamaged: If the pixels do not decode whole.
        SourceUnreadable: If the reader failed; the store's own errors come through as they are.
    """
    try:
        yield
    except pyvips.Error as error:
        if reading.error:
            raise _unreadable(reading) from error
        raise SourceDamaged(
            reading.key, f"it does not decode whole ({vips_message(error)})", _RECOPY
        ) from error


def vips_message(error: pyvips.Error) -> str:
    """Return libvips' last words on one line, short."""
    lines = [line.strip() for line in str(error.detail or error.message).splitlines()]
    message = next((line for line in reversed(lines) if line), "no reason given")
    return message if len(message) <= 160 else message[:157] + "..."


def _head(reading: ImageSource) -> bytes:
    reader = reading.reader
    if reader is None:
        return b""
    try:
        reader.seek(0)
        head = reader.read(_HEAD_BYTES)
        reader.seek(0)
    except OSError as error:
        reading.error = error
        raise _unreadable(reading) from error
    if not head:
        raise SourceDamaged(reading.key, "the file is empty (0 bytes)", _RECOPY)
    return head


def _unreadable(reading: ImageSource) -> ColorworkerError:
    error = reading.error
    if isinstance(error, ColorworkerError):
        return error
    return SourceUnreadable(reading.key, f"reading failed ({error})", "Check the disk it lies on")


def _unsupported(key: str) -> SourceUnsupported:
    return SourceUnsupported(
        key,
        "this picture format cannot be read here",
        "Convert it to TIFF, PNG or JPEG first",
    )


@functools.cache
def _bound_libvips() -> None:
    """Once a process: no cache, which would hold readers and pixels of finished pictures."""
    pyvips.cache_set_max(0)
    pyvips.concurrency_set(min(pyvips.concurrency_get(), _MOST_THREADS))
