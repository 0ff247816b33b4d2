"""Data sets of pictures as (key, bytes): a prefix of pictures, or of tar shards, or of both.

    shards = find(store)                        # sorted by key; a picture is a shard of its own
    for sample in samples(store, shards): ...   # or read(store, shard), one shard at a time

Tar shards have the layout of WebDataset (github.com/webdataset/webdataset): plain, uncompressed tar
files whose members are pictures, with or without other files beside them, which are left out.
Members are read one after the other through the store's reader and never extracted; their names
are only names, never paths.

What is wrong with one picture or one shard comes as a sample with `error` set and no bytes, in its
place, so that a reader can count and name it and go on. Only StoreUnavailable is raised: a data set
does not get smaller because the network is down.

Order and `Sample.index` depend on the content alone. To go on where a reading broke off, remember
`(sample.shard, sample.index)`, keep the shards from that one on, and pass `skip=index + 1` to
`read`: what is skipped is not read, only walked over.
"""

import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from colorworker.errors import (
    ColorworkerError,
    ItemError,
    KeyMissing,
    SourceDamaged,
    SourceTooLarge,
    SourceUnreadable,
    StoreUnavailable,
)
from colorworker.store.keys import check_key, printable
from colorworker.store.objectstore import ObjectInfo, ObjectStore
from colorworker.store.oserrors import reading_failed
from colorworker.store.sources import Source, select_objects

MAX_PICTURE_BYTES = 256 << 20
"""Larger pictures are errors: one sample lies in memory as a whole."""
SHARD_NAME = ".tar"

_PICTURE = re.compile(r"(?:.*/)?(?!\._)[^/]+\.(?:jpe?g|png|webp|tiff?|bmp|gif)", re.IGNORECASE)
"""Not `._name.jpg`, under which macOS keeps attributes."""
_STATE = ".colorworker/"
_EVERYTHING = Source("")


@dataclass(frozen=True)
class Sample:
    """One picture of a data set, as it is stored."""

    shard: str
    """Key of the tar it lies in, or its own."""
    index: int
    """0, 1, 2 ... among the pictures of its shard, unreadable ones included."""
    name: str
    """Name in the shard without a leading `./`, or its own key; on one line if it has an error."""
    data: bytes = b""
    error: ColorworkerError | None = None

    @property
    def key(self) -> str:
        """Shard and name; unique but for a tar that holds one name twice."""
        return self.name if self.name == self.shard else f"{self.shard}/{self.name}"


def find(store: ObjectStore, source: Source = _EVERYTHING) -> list[ObjectInfo]:
    """Return the pictures and tar shards that `source` means, sorted by key; others are left out.

    Entries that cannot be read stay, with `error` set, if their name is that of a picture or shard.
    """
    found = (info for info in select_objects(store, source) if not info.key.startswith(_STATE))
    wanted = [info for info in found if is_shard(info.key) or is_picture(info.key)]
    return sorted(wanted, key=lambda info: info.key)


def is_picture(key: str) -> bool:
    """Return whether a name ends as a picture's does."""
    return _PICTURE.fullmatch(key) is not None


def is_shard(key: str) -> bool:
    """Return whether a name ends as a tar shard's does."""
    return key.lower().endswith(SHARD_NAME)


def samples(
    store: ObjectStore, shards: Iterable[ObjectInfo], *, max_bytes: int = MAX_PICTURE_BYTES
) -> Iterator[Sample]:
    """Yield every picture of the shards, in order; see `read`."""
    for shard in shards:
        yield from read(store, shard, max_bytes=max_bytes)


def read(
    store: ObjectStore, shard: ObjectInfo, *, skip: int = 0, max_bytes: int = MAX_PICTURE_BYTES
) -> Iterator[Sample]:
    """Yield the pictures of one tar in its order, or the one picture that the object is.

    Args:
        store: That lists `shard`.
        shard: One entry of `find`; its ETag is held to.
        skip: Pictures at the beginning that are not wanted.
        max_bytes: Of one picture; larger ones come as errors. Memory is bounded by it.

    Raises:
        StoreUnavailable: If the store is away. Everything else is a sample with `error`.
    """
    if not is_shard(shard.key):
        if not skip:
            yield _picture(store, shard, max_bytes)
        return
    index = 0
    try:
        _refuse_unreadable(shard)
        with _opened(store, shard, max_bytes) as tar:
            for member in _pictures(tar):
                if index >= skip:
                    yield _member(shard.key, index, tar, member, max_bytes)
                index += 1
            _check_end(tar, shard)
    except StoreUnavailable:
        raise
    except tarfile.TarError as error:
        damage = SourceDamaged(shard.key, f"the tar breaks off or is damaged ({error})")
        yield Sample(shard.key, index, shard.key, error=damage)
    except OSError as error:
        yield Sample(shard.key, index, shard.key, error=_failure(shard.key, error))
    except (ItemError, KeyMissing) as error:
        yield Sample(shard.key, index, shard.key, error=error)


class _Bounded:
    """A reader that refuses to read much at once: an extended header could ask for any size."""

    def __init__(self, reader: BinaryIO, name: str, max_bytes: int) -> None:
        self._reader = reader
        self._name = name
        self._max_bytes = max(max_bytes, tarfile.RECORDSIZE)
        self.tell = reader.tell
        self.seek = reader.seek

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self._max_bytes:
            seen = f"its headers ask for {size} bytes at once"
            raise SourceTooLarge(self._name, seen, "Make the shard anew")
        return self._reader.read(size)


class _Shard(tarfile.TarFile):
    """A tar that closes its reader."""

    reader: BinaryIO
    members: list[tarfile.TarInfo]

    def close(self) -> None:
        super().close()
        self.reader.close()


def _opened(store: ObjectStore, shard: ObjectInfo, max_bytes: int) -> _Shard:
    reader = store.open(shard.key, etag=shard.etag)
    try:
        bounded = cast("BinaryIO", _Bounded(reader, shard.key, max_bytes))
        tar = _Shard(fileobj=bounded, errorlevel=1)
    except BaseException:
        reader.close()
        raise
    tar.reader = reader
    return tar


def _pictures(tar: _Shard) -> Iterator[tarfile.TarInfo]:
    while (member := tar.next()) is not None:
        tar.members.clear()  # TarFile remembers every member, for look-ups that nobody makes here.
        if member.isreg() and is_picture(member.name):
            yield member


def _check_end(tar: _Shard, shard: ObjectInfo) -> None:
    """Raise unless the tar ends with its mark: TarFile takes a broken header for the end, too.

    Source:
        POSIX.1-2017, pax: "at the end of the archive file there shall be two 512-byte blocks
        filled with binary zeros"; tarfile stops at the first.
    """
    tar.reader.seek(tar.offset)
    if tar.reader.read(tarfile.BLOCKSIZE) != b"\0" * tarfile.BLOCKSIZE:
        raise SourceDamaged(
            shard.key,
            f"the tar breaks off or is damaged at byte {tar.offset} of {shard.size_bytes}",
            "Make the shard anew",
        )


def _member(shard: str, index: int, tar: _Shard, member: tarfile.TarInfo, max_bytes: int) -> Sample:
    name = member.name.removeprefix("./")
    try:
        check_key(name)
        _refuse_large(f"{shard}/{name}", member.size, max_bytes)
        file = tar.extractfile(member)
        data = file.read() if file else b""
    except (ItemError, tarfile.TarError) as error:
        if isinstance(error, tarfile.TarError):
            error = SourceDamaged(f"{shard}/{name}", f"the tar breaks off in it ({error})")
        return Sample(shard, index, printable(name), error=error)
    return Sample(shard, index, name, data)


def _picture(store: ObjectStore, info: ObjectInfo, max_bytes: int) -> Sample:
    try:
        _refuse_unreadable(info)
        _refuse_large(info.key, info.size_bytes, max_bytes)
        return Sample(info.key, 0, info.key, store.get(info.key, etag=info.etag))
    except (ItemError, KeyMissing) as error:
        return Sample(info.key, 0, info.key, error=error)


def _refuse_unreadable(info: ObjectInfo) -> None:
    if info.error:
        step = "Check the file and its permissions"
        raise SourceUnreadable(printable(info.key), info.error, step)


def _refuse_large(name: str, size_bytes: int, max_bytes: int) -> None:
    if size_bytes > max_bytes:
        seen = f"{size_bytes} bytes, at most {max_bytes} are read as one picture"
        raise SourceTooLarge(printable(name), seen, "Make it smaller")


def _failure(key: str, error: OSError) -> ColorworkerError:
    failure = reading_failed(key, error)
    if isinstance(failure, StoreUnavailable):
        raise failure from error
    return failure
