"""Local copies that are kept between runs, each in a folder of its own.

NAME/pictures.bin    the stored pictures, one after the other
NAME/index.jsonl     see `copyindex`; its last line makes the copy complete

The name is a hash of the source and the rules, so a changed source gets another copy. A lock on the
index keeps others from filling, checking or removing a copy that is in use.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from pathlib import Path

from colorworker.errors import StoreUnavailable
from colorworker.training.copyindex import (
    CopyEnd,
    CopyIndex,
    CopyRecord,
    intact_records,
    is_intact,
    line_of,
    read_index,
)
from colorworker.training.events import CopyProgress
from colorworker.training.localcopy import CopyStopped, LocalCopy, unwritable

Fill = Callable[[LocalCopy, Sequence[CopyRecord]], Iterator[CopyRecord]]
"""Takes the copy and the records it has, adds the other pictures, and yields their records."""

_DATA, _INDEX = "pictures.bin", "index.jsonl"
_WAIT_SECONDS = 0.5
_SCANS = 64
"""While a copy grows to the limit, old ones are removed this many times."""


@dataclass(frozen=True)
class KeptCopies:
    """The folder of all kept copies."""

    folder: Path
    max_bytes: int
    """The least recently used copies are removed until all together are no larger."""

    def open(
        self,
        name: str,
        fill: Fill,
        *,
        show: Callable[[CopyProgress], None] = lambda _: None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> tuple[LocalCopy, list[CopyRecord]]:
        """Return a complete copy and its records, filling it first if necessary.

        A copy that another process fills is waited for. An interrupted one is continued after its
        last whole record, and a damaged one after the last record that is intact.

        Args:
            name: Name of the copy, from `copy_name`.
            fill: Adds what is missing.
            show: Called before the copy is checked and while it is waited for.
            stopping: Polled; if true, opening ends with CopyStopped.

        Raises:
            CopyStopped: If `stopping` returned true.
            StoreUnavailable: If the copy cannot be written, or the source cannot be read.
        """
        while True:
            try:
                files = _open_files(self.folder / name)
            except FileNotFoundError:  # Another process removed the folder at this moment.
                continue
            except OSError as error:
                raise StoreUnavailable(
                    str(self.folder / name),
                    f"the local copy of the pictures cannot be opened ({error})",
                    "Set COLORWORKER_RUN__CACHE to a writable folder, or data.keep_copy = false",
                ) from error
            try:
                found = self._try(files, name, fill, show, stopping)
            except BaseException:
                files.close()
                raise
            if found is not None:
                return found
            files.close()
            show(CopyProgress("waiting"))
            if stopping():
                raise CopyStopped
            time.sleep(_WAIT_SECONDS)

    def _try(
        self,
        files: "_Files",
        name: str,
        fill: Fill,
        show: Callable[[CopyProgress], None],
        stopping: Callable[[], bool],
    ) -> tuple[LocalCopy, list[CopyRecord]] | None:
        """Return the copy; None if another process is filling, checking or removing it."""
        is_ours = files.try_lock(LOCK_EX)
        if not is_ours and not files.try_lock(LOCK_SH):
            return None
        if os.fstat(files.index).st_nlink == 0:  # Removed before it was locked.
            return None
        index = read_index(files.index)
        if index.records:
            show(CopyProgress("checking", pictures=len(index.records)))
        if not is_intact(files.data, index, stopping):
            if not is_ours:
                return None
            index = self._fill(files, name, index, fill, stopping)
        os.utime(files.index)
        size = os.fstat(files.data).st_size
        self._remove_oldest(name, size)
        flock(files.index, LOCK_SH)
        copy = LocalCopy(files.data, self.folder / name, self.max_bytes, end=size, lock=files.index)
        return copy, index.records

    def _fill(
        self,
        files: "_Files",
        name: str,
        index: CopyIndex,
        fill: Fill,
        stopping: Callable[[], bool],
    ) -> CopyIndex:
        records, end, digest = intact_records(files.data, index.records, stopping)
        copy = LocalCopy(files.data, self.folder / name, self.max_bytes, end=end)
        position = index.ends[len(records) - 1] if records else 0
        try:
            os.ftruncate(files.data, end)
            os.ftruncate(files.index, position)
            os.lseek(files.index, position, os.SEEK_SET)
            scan_at = 0
            for record in fill(copy, tuple(records)):
                os.write(files.index, line_of(record))
                digest.update(copy.read(record.place))
                records.append(record)
                if copy.size_bytes >= scan_at:
                    self._remove_oldest(name, copy.size_bytes)
                    scan_at = copy.size_bytes + self.max_bytes // _SCANS
            os.fsync(files.data)
            last = CopyEnd(len(records), copy.size_bytes, digest.hexdigest())
            os.write(files.index, line_of(last))
            os.fsync(files.index)
        except OSError as error:
            raise unwritable(self.folder, error) from error
        return CopyIndex(records, [], last)

    def _remove_oldest(self, name: str, size_bytes: int) -> None:
        """Remove copies other than `name`, the least recently used first, to make room for it.

        Copies in use are left alone.
        """
        others = []
        for path in self.folder.glob(f"*/{_INDEX}"):
            with suppress(FileNotFoundError):
                if path.parent.name != name:
                    used_at = path.stat().st_mtime
                    others.append((used_at, path, (path.parent / _DATA).stat().st_size))
        total = size_bytes + sum(size for _, _, size in others)
        for _, path, size in sorted(others):
            if total <= self.max_bytes:
                return
            with suppress(OSError):
                index = os.open(path, os.O_RDWR | os.O_CLOEXEC)
                try:
                    flock(index, LOCK_EX | LOCK_NB)
                    shutil.rmtree(path.parent)
                    total -= size
                finally:
                    os.close(index)


@dataclass(frozen=True)
class _Files:
    """Descriptors of a copy's files."""

    index: int
    data: int

    def try_lock(self, kind: int) -> bool:
        """Lock the copy unless another process has locked it; return whether it is locked."""
        try:
            flock(self.index, kind | LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        os.close(self.index)
        os.close(self.data)


def _open_files(folder: Path) -> _Files:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    index = os.open(folder / _INDEX, flags, 0o600)
    try:
        return _Files(index, os.open(folder / _DATA, flags, 0o600))
    except OSError:
        os.close(index)
        raise
