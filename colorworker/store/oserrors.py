"""Translate errors of the operating system into errors that a person can act on."""

import errno

from colorworker.errors import (
    ColorworkerError,
    KeyMissing,
    KeyRefused,
    SourceUnreadable,
    StoreUnavailable,
    UsageError,
)
from colorworker.store.keys import printable

# Problems of the machine or network rather than the file: a retry may help.
_TRANSIENT = {
    errno.EAGAIN,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.ESTALE,
    errno.ETIMEDOUT,
}
_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_BAD_NAME = {
    errno.EEXIST,
    errno.EILSEQ,
    errno.EINVAL,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.ENOTEMPTY,
}


def reading_failed(key: str, error: OSError) -> ColorworkerError:
    """Return the error to raise after `error` while reading a file."""
    name, reason = printable(key), error.strerror or str(error)
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return KeyMissing(name, "there is no such file")
    if error.errno in _TRANSIENT:
        return StoreUnavailable(name, f"the operating system reports: {reason}", "Try again later")
    if error.errno in _FORBIDDEN:
        step = "Give the worker permission to read it"
        return SourceUnreadable(name, f"the file cannot be read ({reason})", step)
    step = "Check the disk, or restore the file from a backup"
    return SourceUnreadable(name, f"the file cannot be read ({reason})", step)


def writing_failed(key: str, error: OSError) -> ColorworkerError:
    """Return the error to raise after `error` while writing or removing a file."""
    name, reason = printable(key), error.strerror or str(error)
    seen = f"it cannot be written ({reason})"
    if error.errno in _FULL:
        step = "Free some space, then run the same command again to resume"
        return StoreUnavailable(name, seen, step)
    if error.errno in _FORBIDDEN:
        step = "Give the worker permission to write there, or choose another destination"
        return StoreUnavailable(name, seen, step)
    if error.errno in _BAD_NAME:
        step = "Rename the source, or move the conflicting file at the destination"
        return KeyRefused(name, seen, step)
    return StoreUnavailable(name, seen, "Check the disk, then run the same command again")


def no_hard_links(key: str, error: OSError) -> UsageError:
    """Return the error for a file system without hard links, which create-only puts need."""
    return UsageError(
        printable(key),
        f"the destination's file system does not support hard links ({error.strerror or error})",
        "Choose a destination on ext4, XFS, Btrfs, ZFS, APFS or NFS",
    )
