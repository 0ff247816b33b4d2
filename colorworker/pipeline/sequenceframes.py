"""Look into image sequences: the names of their frames, for errors, and what their codes mean."""

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from colorworker.domain.frameheaders import read_frame_header
from colorworker.domain.notes import Note
from colorworker.domain.options import Asset, Options
from colorworker.domain.sequences import FILM_SCANS, is_light, missing_text, sequence_rate
from colorworker.errors import ItemError, SourceDamaged
from colorworker.media.codecs.decode import NEXT_STEP
from colorworker.store.keys import printable
from colorworker.store.objectstore import ObjectStore
from colorworker.store.sequencefile import (
    ConvertFrame,
    InspectFrame,
    open_version,
    sequence_table,
)

if TYPE_CHECKING:
    from colorworker.media.stills.exrframes import FilmFrames

Temporary = Callable[[str], AbstractContextManager[Path]]
_NEXT_STEP = (
    "Restore it from another copy, or make a film (--sequences film) with"
    " COLORWORKER_MEDIA__REPEAT_DAMAGED=true"
)
"""Frames that are written need those of the source, for what they hold besides colors."""
_AT_PTS = re.compile(r"at pts (\d+)")


@contextmanager
def _system_temporary(extension: str) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile(suffix=extension) as file:
        yield Path(file.name)


def open_asset(
    store: ObjectStore,
    key: str,
    *,
    etag: str | None,
    version: str = "",
    inspect: InspectFrame | None = None,
    convert: ConvertFrame | None = None,
) -> BinaryIO:
    """Open an asset as `open_version` does; frames of light are converted in any case."""
    if convert is None:
        convert = frame_converter(key, version)
    return open_version(store, key, etag=etag, version=version, inspect=inspect, convert=convert)


def frame_converter(
    key: str, version: str, temporary: Temporary = _system_temporary
) -> "FilmFrames | None":
    """Return what converts the frames of a sequence; None for assets that need none.

    Args:
        key: The asset's key.
        version: Its version.
        temporary: Provides paths for temporary files.
    """
    if sequence_rate(version) is None or not is_light(key):
        return None
    # Other jobs need no OpenImageIO in this process.
    from colorworker.media.stills.exrframes import FilmFrames

    return FilmFrames(temporary)


@contextmanager
def frames_named(store: ObjectStore, asset: Asset) -> Iterator[None]:
    """Name the frame's file in errors that say `at pts 1280`, if the asset is a sequence."""
    rate = sequence_rate(asset.version)
    try:
        yield
    except ItemError as error:
        if rate is None or not _AT_PTS.search(error.seen):
            raise
        table = sequence_table(store, asset.key, rate, asset.etag)

        def named(place: re.Match[str]) -> str:
            return f"at frame {printable(table.key_at(int(place[1])))}"

        next_step = error.next_step
        if next_step == NEXT_STEP and PurePosixPath(asset.key).suffix.lower() not in FILM_SCANS:
            next_step = _NEXT_STEP
        raise type(error)(error.subject, _AT_PTS.sub(named, error.seen), next_step) from error


def holds_density(store: ObjectStore, asset: Asset, options: Options) -> bool:
    """Return whether the codes of an asset are printing density; False if it is no sequence.

    The first frame's header decides, unless the options do.
    """
    rate = sequence_rate(asset.version)
    if rate is None or is_light(asset.key):
        return False
    if options.sequence_transfer != "auto":
        return options.sequence_transfer == "log"
    header = read_frame_header(sequence_table(store, asset.key, rate, asset.etag).head)
    return header is not None and header.is_log


def gap_notes(store: ObjectStore, asset: Asset) -> list[str]:
    """Return a note about the numbers that a sequence lacks; none for other assets."""
    rate = sequence_rate(asset.version)
    if rate is None:
        return []
    missing = missing_text(sequence_table(store, asset.key, rate, asset.etag).numbers)
    if not missing:
        return []
    return [Note(f"{missing}; films show the frame before a gap until the next one")]


def frame_inspector(
    asset: Asset, warnings: list[str], *, repeat: bool
) -> Callable[[str, bytes], None] | None:
    """Return what finds damage that decoders of films hide; None if the asset needs no such check.

    libav fills what is missing of a JPEG with gray and says nothing.

    Args:
        asset: The source.
        warnings: Receives a sentence for a damaged frame.
        repeat: Whether damaged frames are tolerated.

    Returns:
        A function that raises SourceDamaged for a damaged frame unless `repeat` tolerates that.
    """
    if sequence_rate(asset.version) is None or not asset.key.lower().endswith((".jpg", ".jpeg")):
        return None
    # Other jobs need no libjpeg in this process.
    from colorworker.media.stills.jpegcheck import check_jpeg

    def inspect(key: str, data: bytes) -> None:
        damage = check_jpeg(data).damage
        if damage and not repeat:
            raise SourceDamaged(
                printable(key),
                f"it does not decode completely ({damage})",
                _NEXT_STEP,
            )
        if damage:
            warnings.append(f"{printable(key)} does not decode completely ({damage})")

    return inspect
