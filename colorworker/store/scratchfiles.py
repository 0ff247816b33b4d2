"""Temporary files whose names tell which process made them, so that they can outlive no process.

A process that is killed cannot remove its files. Another one can, if it knows their folders and how
their names begin.
"""

import shutil
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROCESS = uuid.uuid4().hex[:16]
"""The names of this process's temporary files and folders contain it."""


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
                with suppress(OSError):
                    path.unlink()
