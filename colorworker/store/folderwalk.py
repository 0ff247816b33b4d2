"""List all files below a folder, including those that are unusable, with the reason."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from colorworker.errors import KeyRefused
from colorworker.store.keys import check_key
from colorworker.store.objectstore import Leftover, ObjectInfo
from colorworker.store.oserrors import reading_failed

SCRATCH = ".colorworker/tmp"
"""Folder of unfinished files, relative to a store's root; they are not objects."""


def etag_of(status: os.stat_result) -> str:
    """Return `size-mtime_ns-inode`, which renames and hard links do not change."""
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ino}"


def walk(root: Path, prefix: str = "") -> Iterator[ObjectInfo]:
    r"""Yield the files below `root` whose key starts with `prefix`, folder by folder.

    Links to files count as files; links to folders are not followed, and only listed if their files
    are not below `root` anyway. An entry has `error` set if it is such a link to a folder, a
    dangling link, not a regular file, not readable, or has a name that
    `check_key` refuses. So has a folder that cannot be read; its key ends in `/`. Bytes of a name
    that are not UTF-8 appear as `\xNN` in the key. A root that does not exist is empty.

    Memory is bounded by the number of folders, not of files.

    Raises:
        SourceUnreadable: If the root itself cannot be read.
    """
    start = prefix.rpartition("/")[0]
    if start and not _is_plain_folder(root, start):
        return
    folders = [f"{start}/" if start else ""]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(root / folder) as entries:
                for entry in entries:
                    key = folder + entry.name
                    if not key.startswith(prefix) or key == SCRATCH:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(f"{key}/")
                    else:
                        info = _info(root, key, entry)
                        if info is not None:
                            yield info
        except FileNotFoundError:
            # Removed meanwhile, or a root that does not exist yet: empty.
            continue
        except OSError as error:
            if not folder:
                raise reading_failed(str(root), error) from error
            yield _refused(folder, f"the folder cannot be read ({error.strerror})")


def scratch_leftovers(root: Path) -> Iterator[Leftover]:
    """Yield all files in the store's scratch folder, and empty folders beside it.

    Folders that are links, or lie behind one, are not ours and are skipped.
    """
    state, scratch = (root / SCRATCH).parent, root / SCRATCH
    if state.is_symlink():
        return
    for folder, below, names in os.walk(state):
        path = Path(folder)
        if scratch == path or scratch in path.parents:
            for name in names:
                yield from _leftover(root, path / name, "temporary file")
        elif not below and not names and path != state:
            yield from _leftover(root, path, "empty folder")


def _leftover(
    root: Path, path: Path, kind: Literal["temporary file", "empty folder"]
) -> Iterator[Leftover]:
    """Yield the leftover, unless it was removed meanwhile."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    size_bytes = 0 if kind == "empty folder" else status.st_size
    yield Leftover(kind, path.relative_to(root).as_posix(), size_bytes, status.st_mtime)


def _is_plain_folder(root: Path, key: str) -> bool:
    """Return whether a walk from the root would reach this folder."""
    if f"{key}/".startswith(f"{SCRATCH}/"):
        return False
    try:
        check_key(key)
    except KeyRefused:
        return False
    folder = root
    for part in key.split("/"):
        folder /= part
        if folder.is_symlink() or not folder.is_dir():
            return False
    return True


def _info(root: Path, key: str, entry: os.DirEntry[str]) -> ObjectInfo | None:
    """Return an entry that is not a folder; None if it was removed meanwhile."""
    try:
        status = entry.stat()
    except FileNotFoundError:
        if not entry.is_symlink():
            return None
        return _refused(key, "the target of the link does not exist")
    except OSError as error:
        return _refused(key, f"the file cannot be read ({error.strerror})")
    if stat.S_ISDIR(status.st_mode):
        return _link_to_folder(root, key)
    if not stat.S_ISREG(status.st_mode):
        return _refused(key, "neither a file nor a link to one")
    try:
        check_key(key)
    except KeyRefused as error:
        return _refused(key, error.seen, _rename_step(key))
    if not os.access(entry, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
        return _refused(key, "the file cannot be read (Permission denied)")
    return ObjectInfo(key, status.st_size, etag_of(status), modified_at=status.st_mtime)


def _link_to_folder(root: Path, key: str) -> ObjectInfo | None:
    """Return an entry for a link to a folder; None if its files are below the root anyway."""
    try:
        target, whole = (root / key).resolve(), root.resolve()
    except (OSError, RuntimeError):
        return _refused(key, "the target of the link cannot be found")
    if target == whole or whole in target.parents:
        return None
    return _refused(
        key,
        f"a link to the folder {target}; links to folders are not followed",
        "Give that folder as a source of its own",
    )


def _rename_step(key: str) -> str:
    """Return what to do about a name that no store can hold."""
    try:
        key.encode()
    except UnicodeEncodeError:
        return "Rename it to UTF-8, for example with convmv -f latin1 -t utf8"
    return "Rename it"


def _refused(
    key: str, error: str, next_step: str = "Check the file and its permissions"
) -> ObjectInfo:
    shown = os.fsencode(key).decode("utf-8", "backslashreplace")
    return ObjectInfo(shown, 0, "", error, next_step=next_step)
