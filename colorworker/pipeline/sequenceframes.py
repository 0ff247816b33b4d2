"""Look into image sequences: the names of their frames, for errors, and what their codes mean."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from colorworker.domain.frameheaders import HEADER_BYTES, read_frame_header
from colorworker.domain.notes import Note
from colorworker.domain.options import Asset, Options
from colorworker.domain.sequences import missing_text, sequence_rate
from colorworker.errors import ItemError, SourceDamaged
from colorworker.store.keys import printable
from colorworker.store.objectstore import ObjectStore
from colorworker.store.sequencefile import sequence_table

_AT_PTS = re.compile(r"at pts (\d+)")


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

        raise type(error)(error.subject, _AT_PTS.sub(named, error.seen), error.next_step) from error


def holds_density(store: ObjectStore, asset: Asset, options: Options) -> bool:
    """Return whether the codes of an asset are printing density; False if it is no sequence.

    The first frame's header decides, unless the options do.
    """
    rate = sequence_rate(asset.version)
    if rate is None or options.sequence_transfer != "auto":
        return rate is not None and options.sequence_transfer == "log"
    table = sequence_table(store, asset.key, rate, asset.etag)
    with store.open(table.key(0), etag=table.etags[0]) as reader:
        header = read_frame_header(reader.read(HEADER_BYTES))
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
                "Restore it from another copy, or set COLORWORKER_MEDIA__REPEAT_DAMAGED=true",
            )
        if damage:
            warnings.append(f"{printable(key)} does not decode completely ({damage})")

    return inspect
