"""Name the frames of image sequences in errors: people look for files, not for timestamps."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from colorworker.domain.options import Asset
from colorworker.domain.sequences import sequence_rate
from colorworker.errors import ItemError
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
