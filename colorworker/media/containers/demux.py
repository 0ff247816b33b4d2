"""Open films from readers, and turn libav's errors into ours."""

import errno
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, BinaryIO, TypeVar

import av
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.error import DecoderNotFoundError, FFmpegError
from av.stream import Discard
from av.video.stream import VideoStream

from colorworker.errors import SourceDamaged, SourceUnsupported
from colorworker.media.containers import truncation
from colorworker.media.containers.encryption import encrypted, encrypted_streams

T = TypeVar("T")

BUFFER_BYTES = 1 << 16
"""libav's read-ahead. It is small because readers over a network do their own read-ahead."""

_NOTHING_ELSE = {"protocol_whitelist": "none"}
"""Playlists and stream descriptions name other files and addresses; libav must open none."""
_PLAYLISTS = (b"ffconcat", b"#EXTM3U", b"v=0", b"<?xml", b"<MPD", b"[playlist]")

DECODER_THREADS = 4
"""Pinned, so that the number of frames in the decoder, and so memory, does not grow with cores."""


class LibavReader:
    """A reader whose `seek` reports an impossible offset as libav expects it, by an error code.

    Damaged indexes contain such offsets. An exception raised by Python's own `seek` would pass
    through libav unchanged and look like a bug of ours.
    """

    def __init__(self, reader: BinaryIO) -> None:
        self._reader = reader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Return the new position; a negative errno if the offset is impossible."""
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
    """Open a film as `open_container` does; an error of libav inside the block is the source's.

    Writers must turn theirs into others.

    Raises:
        SourceDamaged: If no demuxer recognizes the file, or libav fails inside the block.
        SourceUnsupported: If its encryption is the reason, or it is a playlist.
    """
    with open_container(reader, key, hwaccel) as container:
        try:
            yield container
        except FFmpegError as error:
            # Wherever a file is read, it may be damaged.
            raise SourceDamaged(
                key, f"it cannot be read ({libav_message(error)})", "Restore it from another copy"
            ) from error


@contextmanager
def open_container(
    reader: BinaryIO, key: str, hwaccel: HWAccel | None = None
) -> Iterator[InputContainer]:
    """Open a film for reading and close it at the end of the block; the reader stays open.

    Bytes in the film's metadata that are not valid UTF-8 are replaced. Errors of libav inside the
    block are passed on, for callers that know which frame is damaged.

    Args:
        reader: The film, seekable.
        key: Its name, for errors.
        hwaccel: Hardware decoder to use instead of libav's own decoders where possible.

    Raises:
        SourceDamaged: If no demuxer recognizes the file, or it claims more than it can hold.
        SourceUnsupported: If its encryption is the reason, or it is a playlist.
    """
    check_claims(key, truncation.claimed_at_start(reader), reader.seek(0, 2))
    reader.seek(0)
    try:
        container = av.open(
            LibavReader(reader),
            "r",
            buffer_size=BUFFER_BYTES,
            metadata_errors="replace",
            hwaccel=hwaccel,
            options=dict(_NOTHING_ELSE),
        )
    except FFmpegError as error:
        if _is_playlist(reader):
            raise SourceUnsupported(
                key,
                "it is a list of other files or a stream's address, not a film",
                "Give the films themselves",
            ) from error
        if encrypted_streams(reader):
            raise encrypted(key) from error
        raise SourceDamaged(
            key, truncation.explain_open_failure(reader) or libav_message(error)
        ) from error
    with closing(container):
        yield container


def check_claims(key: str, samples: int, size_bytes: int) -> None:
    """Check that a fragment claims no more frames than its file has bytes.

    Raises:
        SourceDamaged: If it does.
    """
    if samples > size_bytes:
        raise SourceDamaged(
            key,
            f"it claims {samples} frames or samples in one fragment, and has {size_bytes} bytes",
            "Copy it again from the original",
        )


def _is_playlist(reader: BinaryIO) -> bool:
    reader.seek(0)
    return reader.read(16).lstrip(b"\xef\xbb\xbf \r\n").startswith(_PLAYLISTS)


def libav_message(error: FFmpegError) -> str:
    """Return libav's own error text, worded as a clause for our messages."""
    return f"libav says: {error.strerror or type(error).__name__}"


def select_stream(container: InputContainer, stream: VideoStream) -> VideoStream:
    """Make the demuxer skip all other streams, pin the decoder's threads, and return `stream`."""
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    stream.thread_type = "AUTO"
    stream.thread_count = 1 if stream.codec_context.is_hwaccel else DECODER_THREADS
    return stream


def ignore_new_streams(packets: Iterator[T]) -> Iterator[T]:
    """Yield what a demuxer or decoder yields, even if new streams appear while reading.

    After the last packet, PyAV (18.1) looks such streams up in its own list, which lacks them, and
    raises IndexError.
    """
    with suppress(IndexError):
        yield from packets


@contextmanager
def decode_errors(
    key: str, position: str, next_step: str = "Restore it from another copy"
) -> Iterator[None]:
    """Turn an error of libav's decoders into one that names the film and the position.

    Args:
        key: The film's name.
        position: Where it happened, such as `at pts 1280`.
        next_step: Advice for the user.

    Raises:
        SourceDamaged: If decoding fails.
        SourceUnsupported: If there is no decoder.
    """
    try:
        yield
    except DecoderNotFoundError as error:
        raise SourceUnsupported(key, "no decoder for its video codec") from error
    except FFmpegError as error:
        raise SourceDamaged(
            key, f"does not decode {position} ({libav_message(error)})", next_step
        ) from error
