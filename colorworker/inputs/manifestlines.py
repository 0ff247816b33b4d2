"""The lines of a manifest: numbered, bounded, decompressed; what is no text at all is refused."""

import gzip
import io
import zlib
from collections.abc import Callable, Generator
from contextlib import closing
from typing import BinaryIO, NamedTuple, cast

from colorworker.errors import LineRefused, UsageError

MAX_LINE_BYTES = 64 << 10
"""A longer line names no object: keys have 1 kB at most. Nothing more of it is held."""

_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_BUFFER_BYTES = 256 << 10
_BROKEN_GZIP = (EOFError, gzip.BadGzipFile, zlib.error)


class ManifestEntry(NamedTuple):
    """An object that a line names."""

    line: int
    key: str
    """Below the manifest's root."""
    version: str = ""
    size_bytes: int | None = None
    etag: str = ""
    """Empty where the manifest does not say it."""
    output_key: str = ""
    """The name that is asked for; empty for the usual one."""
    own_options: tuple[tuple[str, object], ...] = ()


class RefusedLine(NamedTuple):
    """A line that names no object, and why."""

    line: int
    error: LineRefused


ParseLine = Callable[[int, str], ManifestEntry | None]
"""From a line's number and text to what it names; None where it names nothing to be done.

Raises LineRefused, of which only `seen` and `next_step` count."""


def parse_lines(
    reader: BinaryIO, name: str, parse: ParseLine, *, compressed: bool
) -> Generator[ManifestEntry | RefusedLine]:
    """Yield what the lines name; empty ones are counted and left out.

    Args:
        reader: At its start. Read to its end, one line in memory at a time.
        name: Of the file, for messages.
        parse: Of its format.
        compressed: Whether it is gzip.

    Raises:
        UsageError: If it is not UTF-8 text from its first line on, or no gzip, or cut short.
    """
    with closing(_numbered(reader, name, compressed=compressed)) as lines:
        for number, line in lines:
            try:
                found = parse(number, _text(line))
            except LineRefused as error:
                yield RefusedLine(
                    number, LineRefused(line_label(name, number), error.seen, error.next_step)
                )
            else:
                if found is not None:
                    yield found


def line_label(name: str, line: int) -> str:
    """Return how a line is called."""
    return f"{name}, line {line}"


def _numbered(reader: BinaryIO, name: str, *, compressed: bool) -> Generator[tuple[int, bytes]]:
    """Yield (number from 1, line without its end); of a line that is too long, its beginning."""
    inner = gzip.GzipFile(fileobj=reader) if compressed else reader
    source = io.BufferedReader(_raw(inner), _BUFFER_BYTES)
    number = 0
    try:
        while line := source.readline(MAX_LINE_BYTES + 1):
            number += 1
            rest = line
            while len(rest) > MAX_LINE_BYTES and not rest.endswith(b"\n"):
                rest = source.readline(MAX_LINE_BYTES + 1)
            if number == 1:
                line = _without_mark(line, name)
            if line := line.rstrip(b"\r\n"):
                yield number, line
    except _BROKEN_GZIP as error:
        no_gzip = isinstance(error, gzip.BadGzipFile) and not number
        after = f" after line {number}" if number else ""
        seen = "is not gzip" if no_gzip else f"is cut short or damaged{after}"
        raise UsageError(name, f"{seen} ({error})", "Put the whole file there again") from error
    finally:
        # Whoever has opened the reader closes it.
        source.detach()


def _raw(reader: BinaryIO | gzip.GzipFile) -> io.RawIOBase:
    # BufferedReader asks a raw file for nothing but readinto, which all our stores' readers have.
    return cast(io.RawIOBase, reader)


def _without_mark(line: bytes, name: str) -> bytes:
    if line.startswith(_UTF16_MARKS) or b"\0" in line:
        raise UsageError(name, "is not UTF-8 text (UTF-16, or no text at all)", "Save it as UTF-8")
    return line.removeprefix(_UTF8_MARK)


def _text(line: bytes) -> str:
    if len(line) > MAX_LINE_BYTES:
        raise LineRefused("", f"it has more than {MAX_LINE_BYTES} bytes", "Look where it ends")
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise LineRefused(
            "",
            f"byte {error.start + 1} (0x{line[error.start]:02X}) is not UTF-8",
            "Save the file as UTF-8, or encode the key as in a URL",
        ) from error
