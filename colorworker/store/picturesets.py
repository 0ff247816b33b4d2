"""Picture data sets: a prefix with pictures, tar shards, or both.

    shards = find_shards(store)                       # sorted by key; a single picture is a shard
    for sample in read_samples(store, shards): ...    # or read_shard(store, shard)

Tar shards have the layout of WebDataset (github.com/webdataset/webdataset): plain, uncompressed tar
files whose members are pictures; other members are ignored. Members are read sequentially through
the store's reader and never extracted; their names are never used as paths.

A bad picture or shard is returned as a sample with `error` set and no bytes, in its place, so that
readers can count it and continue. Only StoreUnavailable is raised, so that a network failure does
not silently shrink a data set.

The order and `PictureSample.index` depend only on the content. To resume, store
`(sample.shard, sample.index)`, drop the shards before that one, and pass `skip=index + 1` to
`read_shard`, which seeks over the skipped pictures.
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
"""Larger pictures are errors, because a sample is held in memory."""
SHARD_NAME = ".tar"

_PICTURE = re.compile(r"(?:.*/)?(?!\._)[^/]+\.(?:jpe?g|png|webp|tiff?|bmp|gif)", re.IGNORECASE)
"""Not `._name.jpg`, in which macOS stores attributes."""
_STATE = ".colorworker/"
_EVERYTHING = Source("")


@dataclass(frozen=True)
class PictureSample:
    """One encoded picture of a data set."""

    shard: str
    """Key of its tar shard, or its own key."""
    index: int
    """Index among the pictures of its shard, from 0, including unreadable ones."""
    name: str
    """Name in the shard without a leading `./`, or its own key; printable if it has an error."""
    data: bytes = b""
    error: ColorworkerError | None = None

    @property
    def key(self) -> str:
        """Shard and name; unique, except in a tar with duplicate names."""
        return self.name if self.name == self.shard else f"{self.shard}/{self.name}"


def find_shards(store: ObjectStore, source: Source = _EVERYTHING) -> list[ObjectInfo]:
    """Return the pictures and tar shards of `source`, sorted by key.

    Unreadable entries are included, with `error` set, if their name is that of a picture or shard.
    """
    found = (info for info in select_objects(store, source) if not info.key.startswith(_STATE))
    wanted = [info for info in found if is_shard(info.key) or is_picture(info.key)]
    return sorted(wanted, key=lambda info: info.key)


def kind_of(name: str) -> str:
    """Return the kind of a picture: the first folder of its name, or "" if it is in none."""
    return name.partition("/")[0] if "/" in name else ""


def is_picture(key: str) -> bool:
    """Return whether a key has the extension of a picture."""
    return _PICTURE.fullmatch(key) is not None


def is_shard(key: str) -> bool:
    """Return whether a key has the extension of a tar shard."""
    return key.lower().endswith(SHARD_NAME)


def read_samples(
    store: ObjectStore, shards: Iterable[ObjectInfo], *, max_bytes: int = MAX_PICTURE_BYTES
) -> Iterator[PictureSample]:
    """Yield every picture of the shards, in order; see `read_shard`."""
    for shard in shards:
        yield from read_shard(store, shard, max_bytes=max_bytes)


def read_shard(
    store: ObjectStore, shard: ObjectInfo, *, skip: int = 0, max_bytes: int = MAX_PICTURE_BYTES
) -> Iterator[PictureSample]:
    """Yield the pictures of a tar shard in order, or the single picture.

    Args:
        store: The store of the shard.
        shard: An entry of `find_shards`; its ETag must still hold.
        skip: Number of pictures to skip at the beginning.
        max_bytes: Size limit of a picture, and thus of memory; larger pictures are errors.

    Raises:
        StoreUnavailable: If the store is unavailable. All other errors are in samples.
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
        damage = SourceDamaged(shard.key, f"the tar is truncated or damaged ({error})")
        yield PictureSample(shard.key, index, shard.key, error=damage)
    except OSError as error:
        yield PictureSample(shard.key, index, shard.key, error=_failure(shard.key, error))
    except (ItemError, KeyMissing) as error:
        yield PictureSample(shard.key, index, shard.key, error=error)


class _Bounded:
    """A reader that refuses large reads: an extended header could request any size."""

    def __init__(self, reader: BinaryIO, name: str, max_bytes: int) -> None:
        self._reader = reader
        self._name = name
        self._max_bytes = max(max_bytes, tarfile.RECORDSIZE)
        self.tell = reader.tell
        self.seek = reader.seek

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self._max_bytes:
            seen = f"a header requests {size} bytes at once"
            raise SourceTooLarge(self._name, seen, "Create the shard again")
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
        tar.members.clear()  # TarFile keeps every member for lookups, which are not needed here.
        if member.isreg() and is_picture(member.name):
            yield member


def _check_end(tar: _Shard, shard: ObjectInfo) -> None:
    """Raise if the end-of-archive marker is missing: TarFile takes a broken header for the end.

    Source:
        POSIX.1-2017, pax: "at the end of the archive file there shall be two 512-byte blocks
        filled with binary zeros"; tarfile stops at the first.
    """
    tar.reader.seek(tar.offset)
    if tar.reader.read(tarfile.BLOCKSIZE) != b"\0" * tarfile.BLOCKSIZE:
        raise SourceDamaged(
            shard.key,
            f"the tar is truncated or damaged at byte {tar.offset} of {shard.size_bytes}",
            "Create the shard again",
        )


def _member(
    shard: str, index: int, tar: _Shard, member: tarfile.TarInfo, max_bytes: int
) -> PictureSample:
    name = member.name.removeprefix("./")
    try:
        check_key(name)
        _refuse_large(f"{shard}/{name}", member.size, max_bytes)
        file = tar.extractfile(member)
        data = file.read() if file else b""
    except (ItemError, tarfile.TarError) as error:
        if isinstance(error, tarfile.TarError):
            error = SourceDamaged(
                f"{shard}/{name}", f"the tar is truncated inside this file ({error})"
            )
        return PictureSample(shard, index, printable(name), error=error)
    return PictureSample(shard, index, name, data)


def _picture(store: ObjectStore, info: ObjectInfo, max_bytes: int) -> PictureSample:
    try:
        _refuse_unreadable(info)
        _refuse_large(info.key, info.size_bytes, max_bytes)
        return PictureSample(info.key, 0, info.key, store.get(info.key, etag=info.etag))
    except (ItemError, KeyMissing) as error:
        return PictureSample(info.key, 0, info.key, error=error)


def _refuse_unreadable(info: ObjectInfo) -> None:
    if info.error:
        raise SourceUnreadable(printable(info.key), info.error, info.next_step)


def _refuse_large(name: str, size_bytes: int, max_bytes: int) -> None:
    if size_bytes > max_bytes:
        seen = f"it has {size_bytes} bytes, the limit for a picture is {max_bytes}"
        raise SourceTooLarge(printable(name), seen, "Scale it down")


def _failure(key: str, error: OSError) -> ColorworkerError:
    failure = reading_failed(key, error)
    if isinstance(failure, StoreUnavailable):
        raise failure from error
    return failure
