"""Temporary files whose names tell which process made them, so that they can outlive no process.

A process that is killed cannot remove its files. Another one can, if it knows their folders and how
their names begin: the driver for its workers, and whoever starts next for a driver that was killed.
"""

import fcntl
import glob
import platform
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import BinaryIO

from colorworker.domain.processname import PROCESS

_ALIVE = ".alive"
"""Extension of a file that a process keeps locked; the system unlocks it when the process ends."""
_claiming = Lock()
_claims: dict[Path, BinaryIO] = {}


def temporary_name(extension: str = "") -> str:
    """Return an unused name for a temporary file of this process."""
    return f"{PROCESS}-{uuid.uuid4().hex}{extension}"


@dataclass(frozen=True)
class ScratchFiles:
    """Where a process keeps its temporary files."""

    folders: tuple[str, ...] = ()
    """Folders that it shares with others, or that have its name and are its own."""
    process: str = PROCESS
    """Value of PROCESS there."""

    def remove(self) -> None:
        """Remove the files, and the folders that belong to the process; call it after its end."""
        for folder in map(Path, self.folders):
            if self.process in folder.name:
                shutil.rmtree(folder, ignore_errors=True)
                continue
            for path in folder.glob(f"{self.process}-*"):
                # Whatever cannot be removed now is left to `sweep`.
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                    continue
                with suppress(OSError):
                    path.unlink()


@contextmanager
def own_folder(scratch: Path | None) -> Iterator[Path]:
    """Provide a folder in a scratch folder, which this process claims; None: the system's."""
    if scratch:
        claim(scratch)
    try:
        with TemporaryDirectory(prefix=f"{PROCESS}-job-", dir=scratch) as folder:
            yield Path(folder)
    finally:
        if scratch:
            _release(scratch)


def claim(folder: Path) -> None:
    """Mark a scratch folder as in use by this process until it ends, however it ends.

    First, what dead processes of this machine have left in it is removed. Locks may not reach other
    machines that share the folder, so their files are left alone.
    """
    with _claiming:
        if folder not in _claims:
            _remove_abandoned(folder)
            # The host is last, because it may contain anything but a slash.
            path = folder / f"{PROCESS}-{platform.node()}{_ALIVE}"
            _claims[folder] = file = path.open("wb")
            with suppress(OSError):  # A file system without locks: nobody will remove anything.
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _release(folder: Path) -> None:
    with _claiming:
        file = _claims.pop(folder, None)
        if file:
            Path(file.name).unlink(missing_ok=True)
            file.close()


def _remove_abandoned(folder: Path) -> None:
    for path in folder.glob(f"*-{glob.escape(platform.node())}{_ALIVE}"):
        with suppress(OSError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            ScratchFiles((str(folder),), path.name.partition("-")[0]).remove()
