"""Open films from readers, find the film among the streams, and say in words what libav refuses."""

import errno
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, BinaryIO, TypeVar

import av
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.error import DecoderNotFoundError, FFmpegError
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from colorworker.errors import SourceDamaged, SourceUnsupported
from colorworker.media.containers import structure

T = TypeVar("T")

BUFFER_BYTES = 1 << 16
"""Read-ahead of libav, which knows nothing of costs: readers over a network have their own."""

DECODER_THREADS = 4
"""Pinned, so that frames held by the decoder, and with them memory, do not grow with the cores."""

NOT_THE_FILM = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
"""Pictures that travel in a video stream of their own: cover art, chapter thumbnails."""


class ForLibav:
    """A reader that refuses places which no file has as libav does: damaged indexes name such.

    An error raised by Python's own `seek` would come out of libav unchanged, as a fault of ours.
    """

    def __init__(self, reader: BinaryIO) -> None:
        self._reader = reader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Return the new place; a negative number where there is none."""
        try:
            return self._reader.seek(offset, whence)
        except (ValueError, OverflowError):
            return -errno.EINVAL
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return -errno.EINVAL


@contextmanager
def open_source(
    reader: BinaryIO, key: str, hwaccel: HWAccel | None = None
) -> Iterator[InputContainer]:
    """Open a film for reading and close it explicitly; the reader stays open.

    Text in the film's metadata that is not UTF-8 is kept as far as it can be read.

    Args:
        reader: The film, seekable.
        key: Its name, for errors.
        hwaccel: What decodes it in place of libav's own decoders, where that can.

    Raises:
        SourceDamaged: If no demuxer finds a film in these bytes.
    """
    reader.seek(0)
    try:
        container = av.open(
            ForLibav(reader),
            "r",
            buffer_size=BUFFER_BYTES,
            metadata_errors="replace",
            hwaccel=hwaccel,
        )
    except FFmpegError as error:
        raise SourceDamaged(key, structure.why_unopened(reader) or words(error)) from error
    with closing(container):
        yield container


def words(error: FFmpegError) -> str:
    """Return libav's own sentence about an error, fit to stand inside one of ours."""
    return f"libav says: {error.strerror or type(error).__name__}"


def film_stream(container: InputContainer, key: str) -> VideoStream:
    """Return the first video stream that is no attached picture.

    Raises:
        SourceDamaged: If there is none.
        SourceUnsupported: If this build of libav has no decoder for it.
    """
    for stream in container.streams.video:
        if stream.disposition & NOT_THE_FILM:
            continue
        if stream.codec_context is None:
            raise SourceUnsupported(
                key, "no decoder for its pictures", "Convert it to H.264 or FFV1 first"
            )
        return stream
    kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
    raise SourceDamaged(key, f"no moving pictures in it, only {kinds}")


def only(container: InputContainer, stream: VideoStream) -> VideoStream:
    """Let the demuxer skip every other stream, and pin the decoder's threads; returns `stream`."""
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    stream.thread_type = "AUTO"
    stream.thread_count = 1 if stream.codec_context.is_hwaccel else DECODER_THREADS
    return stream


def of_known_streams(packets: Iterator[T]) -> Iterator[T]:
    """Yield what a demuxer or decoder yields, whether or not streams come up on the way.

    Behind the last packet PyAV (18.1) looks for those in its list of streams, which has them not.
    """
    with suppress(IndexError):
        yield from packets


@contextmanager
def decode_errors(
    key: str, position: str, next_step: str = "Restore it from another copy"
) -> Iterator[None]:
    """Turn an error of libav's decoders into one that names the film and the place.

    Raises:
        SourceDamaged: If the decoder gives up.
        SourceUnsupported: If there is no decoder.
    """
    try:
        yield
    except DecoderNotFoundError as error:
        raise SourceUnsupported(key, "no decoder for its pictures") from error
    except FFmpegError as error:
        raise SourceDamaged(
            key, f"does not decode {position} ({words(error)})", next_step
        ) from error
