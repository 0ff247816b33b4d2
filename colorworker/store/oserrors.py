"""What the operating system says about a file, as errors a person can act on."""

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

# Trouble of the machine or the network, not of this one file: trying again may help.
_PASSING = {
    errno.EAGAIN,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.ESTALE,
    errno.ETIMEDOUT,
}
_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_NAME_IMPOSSIBLE = {
    errno.EEXIST,
    errno.EILSEQ,
    errno.EINVAL,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.ENOTEMPTY,
}


def reading_failed(key: str, error: OSError) -> ColorworkerError:
    """Return the error to raise when a file that should be read said `error`."""
    name, words = printable(key), error.strerror or str(error)
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return KeyMissing(name, "there is no such file")
    if error.errno in _PASSING:
        return StoreUnavailable(name, f"the system says: {words}", "Try again later")
    if error.errno in _FORBIDDEN:
        step = "Give the worker permission to read it"
        return SourceUnreadable(name, f"the file cannot be read ({words})", step)
    step = "Check the disk, or restore the file from a copy"
    return SourceUnreadable(name, f"the file cannot be read ({words})", step)


def writing_failed(key: str, error: OSError) -> ColorworkerError:
    """Return the error to raise when a file that should be written or removed said `error`."""
    name, words = printable(key), error.strerror or str(error)
    seen = f"it cannot be written ({words})"
    if error.errno in _FULL:
        step = "Free some space, then run the same command again: it resumes"
        return StoreUnavailable(name, seen, step)
    if error.errno in _FORBIDDEN:
        step = "Give the worker permission to write there, or choose another destination"
        return StoreUnavailable(name, seen, step)
    if error.errno in _NAME_IMPOSSIBLE:
        step = "Rename the source, or move what lies in its way at the destination"
        return KeyRefused(name, seen, step)
    return StoreUnavailable(name, seen, "Check the disk, then run the same command again")


def no_hard_links(key: str, error: OSError) -> UsageError:
    """Return the error for a file system on which create-only puts are impossible."""
    return UsageError(
        printable(key),
        f"the destination's file system makes no hard links ({error.strerror or error})",
        "Choose a destination on ext4, XFS, Btrfs, ZFS, APFS or NFS",
    )
