"""The lines of a manifest: decompressed, numbered, parsed, and refused one by one if bad."""

import gzip
import io
import zlib
from collections.abc import Callable, Generator
from contextlib import closing
from typing import BinaryIO, NamedTuple, cast

from colorworker.errors import LineRefused, UsageError

MAX_LINE_BYTES = 64 << 10
"""Longer lines are refused (keys have at most 1 kB), and no more of them is kept in memory."""

_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_BUFFER_BYTES = 256 << 10
_BROKEN_GZIP = (EOFError, gzip.BadGzipFile, zlib.error)


class ManifestEntry(NamedTuple):
    """An object that a manifest line names."""

    line: int
    key: str
    """Relative to the manifest's root."""
    version: str = ""
    size_bytes: int | None = None
    etag: str = ""
    """Empty if the manifest does not give it."""
    output_key: str = ""
    """The requested output name; empty for the default."""
    own_options: tuple[tuple[str, object], ...] = ()


class RefusedLine(NamedTuple):
    """A manifest line that names no object, with the reason."""

    line: int
    error: LineRefused


ParseLine = Callable[[int, str], ManifestEntry | None]
"""Returns the object that a line names, from its number and text; None to skip the line.

Raises LineRefused, of which only `seen` and `next_step` are used."""


def parse_lines(
    reader: BinaryIO, name: str, parse: ParseLine, *, compressed: bool
) -> Generator[ManifestEntry | RefusedLine]:
    """Yield the objects that the lines name; empty lines are counted and skipped.

    Args:
        reader: The file, at its start. Read to its end, with one line in memory at a time.
        name: Name of the file, for messages.
        parse: Parser of the manifest's format.
        compressed: Whether the file is gzip.

    Raises:
        UsageError: If the file does not begin as UTF-8 text, or is not gzip, or is cut short.
    """
    with closing(_numbered(reader, name, compressed=compressed)) as lines:
        for number, line in lines:
            try:
                found = parse(number, _text(line))
            except LineRefused as error:
                label = line_label(name, number)
                yield RefusedLine(number, LineRefused(label, error.seen, error.next_step))
            else:
                if found is not None:
                    yield found


def line_label(name: str, line: int) -> str:
    """Return file name and line number for messages: `keys.csv, line 7`."""
    return f"{name}, line {line}"


def _numbered(reader: BinaryIO, name: str, *, compressed: bool) -> Generator[tuple[int, bytes]]:
    """Yield (number from 1, line without its end); lines that are too long are cut."""
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
        not_gzip = isinstance(error, gzip.BadGzipFile) and not number
        after = f" after line {number}" if number else ""
        seen = "is not gzip" if not_gzip else f"is cut short or damaged{after}"
        raise UsageError(name, f"{seen} ({error})", "Upload the whole file again") from error
    finally:
        # The caller opened this reader and closes it.
        source.detach()


def _raw(reader: BinaryIO | gzip.GzipFile) -> io.RawIOBase:
    # BufferedReader calls only readinto on a raw file, and all our stores' readers have that.
    return cast(io.RawIOBase, reader)


def _without_mark(line: bytes, name: str) -> bytes:
    if line.startswith(_UTF16_MARKS) or b"\0" in line:
        raise UsageError(name, "is not UTF-8 text (UTF-16, or not text at all)", "Save it as UTF-8")
    return line.removeprefix(_UTF8_MARK)


def _text(line: bytes) -> str:
    if len(line) > MAX_LINE_BYTES:
        raise LineRefused(
            "", f"it has more than {MAX_LINE_BYTES} bytes", "Check for a missing line break"
        )
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise LineRefused(
            "",
            f"byte {error.start + 1} (0x{line[error.start]:02X}) is not UTF-8",
            "Save the file as UTF-8, or URL-encode the key",
        ) from error
