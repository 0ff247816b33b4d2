"""A folder as a store: atomic puts by rename or hard link, pinned reads by file descriptor."""

import errno
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from colorworker.errors import KeyExists, KeyMissing, KeyRefused, SourceChanged, SourceUnreadable
from colorworker.store.folderwalk import SCRATCH, etag_of, scratch_leftovers, walk
from colorworker.store.keys import check_key, printable, refuse_version
from colorworker.store.objectstore import Leftover, ObjectInfo
from colorworker.store.oserrors import no_hard_links, reading_failed, writing_failed
from colorworker.store.scratchfiles import temporary_name

_NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
# Without O_NONBLOCK, opening a named pipe would block forever; regular files ignore it.
_READ_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
_CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


@dataclass(frozen=True)
class LocalStore:
    """Files below `root`; a key is a file's relative path.

    Reading and listing never write. The first put creates the folder, and in it
    `.colorworker/tmp` for unfinished files. Links to files are read like files; a put replaces the
    link and not its target. Keys behind links to folders are refused, because such a link in a
    destination may lead back into a source.
    """

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", self.root.absolute())

    @property
    def uri(self) -> str:
        """`file://` and the percent-encoded absolute path of the folder."""
        return self.root.as_uri()

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield every file; see `colorworker.store.folderwalk.walk`."""
        return walk(self.root, prefix)

    def head(self, key: str) -> ObjectInfo:
        """Return the file's size and ETag."""
        path = self._path(key)
        try:
            return _info(key, path.stat())
        except OSError as error:
            raise reading_failed(key, error) from error

    def list_one(self, key: str, *, version: str = "") -> ObjectInfo:
        """Return the same as `head`; a folder keeps no versions."""
        refuse_version(key, version)
        return self.head(key)

    def get(self, key: str, *, etag: str | None = None) -> bytes:
        """Return the whole file's bytes."""
        try:
            with self.open(key, etag=etag) as reader:
                return reader.read()
        except OSError as error:
            raise reading_failed(key, error) from error

    def open(self, key: str, *, etag: str | None = None, version: str = "") -> BinaryIO:
        """Return the open file, which keeps its content when the key is put again."""
        refuse_version(key, version)
        try:
            descriptor = os.open(self._path(key), _READ_FLAGS)
        except OSError as error:
            raise reading_failed(key, error) from error
        try:
            # Check the open file: a path could be replaced between this check and the first read.
            info = _info(key, os.fstat(descriptor))
            if etag is not None and etag != info.etag:
                raise SourceChanged(
                    printable(key),
                    f"the file was changed after it was listed (version {info.etag}, not {etag})",
                    "Run the same command again",
                )
            return os.fdopen(descriptor, "rb")
        except BaseException:
            os.close(descriptor)
            raise

    def put(self, key: str, data: bytes, *, create_only: bool = False) -> ObjectInfo:
        """Store `data`; create_only uses link(2), which has exactly one winner."""
        target = self._path(key)
        try:
            with self._temporary() as temporary:
                with os.fdopen(os.open(temporary, _CREATE_FLAGS, 0o666), "wb") as writer:
                    writer.write(data)
                if create_only:
                    return _link(key, temporary, target)
                return _replace(key, temporary, target)
        except OSError as error:
            raise writing_failed(key, error) from error

    def put_file(self, key: str, path: Path) -> ObjectInfo:
        """Move the file to the key; a file on another file system is copied and stays."""
        target = self._path(key)
        try:
            if path.stat().st_dev == self.scratch().stat().st_dev and not path.is_symlink():
                return _replace(key, path, target)
            with self._temporary() as temporary:
                shutil.copyfile(path, temporary)
                return _replace(key, temporary, target)
        except OSError as error:
            raise writing_failed(key, error) from error

    def can_create(self, probe_key: str) -> bool:  # noqa: ARG002
        """Return False: renaming a file costs nothing."""
        return False

    def create(self, key: str, path: Path, mark: str) -> ObjectInfo | None:  # noqa: ARG002
        """Do nothing."""
        return None

    def publish(self, attempt_key: str, output_key: str) -> ObjectInfo:
        """Rename the file; the ETag stays, because size, time and inode do."""
        attempt, target = self._path(attempt_key), self._path(output_key)
        info = self.head(attempt_key)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            attempt.replace(target)
        except FileNotFoundError as error:
            raise reading_failed(attempt_key, error) from error
        except OSError as error:
            raise writing_failed(output_key, error) from error
        return ObjectInfo(output_key, info.size_bytes, info.etag)

    def delete(self, key: str) -> None:
        """Remove the file if it exists; its folder stays."""
        path = self._path(key)
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return
        except OSError as error:
            raise writing_failed(key, error) from error

    def leftovers(self) -> Iterator[Leftover]:
        """Yield temporary files, and empty folders in the state folder."""
        return scratch_leftovers(self.root)

    def discard(self, leftover: Leftover) -> None:
        """Remove a temporary file, or a folder if it is still empty."""
        path = self.root / leftover.key
        try:
            if leftover.kind == "empty folder":
                path.rmdir()
            elif leftover.key.startswith(f"{SCRATCH}/"):
                path.unlink(missing_ok=True)
            else:
                raise KeyRefused(printable(leftover.key), f"it is not a file in {SCRATCH}")
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno == errno.ENOTEMPTY:
                return
            raise writing_failed(leftover.key, error) from error

    def scratch(self) -> Path:
        """Create and return `.colorworker/tmp`, from which `put_file` can rename files."""
        folder = self.root / SCRATCH
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise writing_failed(str(folder), error) from error
        return folder

    def close(self) -> None:
        """Do nothing; no file is kept open."""

    def _path(self, key: str) -> Path:
        check_key(key)
        if key.startswith(f"{SCRATCH}/"):
            raise KeyRefused(key, f"{SCRATCH} is reserved for unfinished files")
        folder = self.root
        for part in key.split("/")[:-1]:
            folder /= part
            if folder.is_symlink():
                raise KeyRefused(
                    key,
                    f"it lies behind the link {folder}, which may lead out of the store",
                    "Use the target folder of the link instead",
                )
        return self.root / key

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        """Yield an unused path in the scratch folder; remove the file afterwards if it is there."""
        path = self.scratch() / temporary_name()
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)


def _info(key: str, status: os.stat_result) -> ObjectInfo:
    if stat.S_ISDIR(status.st_mode):
        raise KeyMissing(printable(key), "this is a folder, not a file")
    if not stat.S_ISREG(status.st_mode):
        raise SourceUnreadable(printable(key), "neither a file nor a link to one")
    return ObjectInfo(key, status.st_size, etag_of(status), modified_at=status.st_mtime)


def _flushed(key: str, path: Path) -> ObjectInfo:
    """Flush the content to disk and return its info, before the file gets its final name."""
    descriptor = os.open(path, _READ_FLAGS)
    try:
        # Kernels before 6.13 advance file times in steps of a few ms, and inode numbers are reused.
        # Without this, two versions of equal size put within one step could have the same ETag.
        now_ns = time.time_ns()
        os.utime(descriptor, ns=(now_ns, now_ns))
        os.fsync(descriptor)
        return _info(key, os.fstat(descriptor))
    finally:
        os.close(descriptor)


def _replace(key: str, path: Path, target: Path) -> ObjectInfo:
    info = _flushed(key, path)
    target.parent.mkdir(parents=True, exist_ok=True)
    path.replace(target)
    return info


def _link(key: str, path: Path, target: Path) -> ObjectInfo:
    info = _flushed(key, path)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(path)
    except FileExistsError as error:
        if target.is_dir():
            raise writing_failed(key, error) from error
        raise KeyExists(key, "the key is taken") from error
    except OSError as error:
        if error.errno in _NO_HARD_LINKS:
            raise no_hard_links(key, error) from error
        raise
    return info
