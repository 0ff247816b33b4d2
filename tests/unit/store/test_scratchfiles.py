"""Temporary files of a dead process are removed, and no others."""

import subprocess
import sys

from colorworker.store.memory import MemoryStore
from colorworker.store.scratchfiles import PROCESS, ScratchFiles, temporary_name

DIES_WRITING = """
import os, pathlib, signal, sys
from colorworker.store.scratchfiles import PROCESS, temporary_name
for folder in sys.argv[1:]:
    pathlib.Path(folder, temporary_name(".mkv")).write_bytes(b"half a film")
own = pathlib.Path(sys.argv[1], f"colorworker-{PROCESS}-own")
own.mkdir()
(own / "part").write_bytes(b"half a part")
print(PROCESS, flush=True)
os.kill(os.getpid(), signal.SIGSEGV)
"""


def test_files_of_a_process_that_crashed_are_removed_and_no_others(tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    (folders[0] / temporary_name()).write_bytes(b"of a process that is alive")
    kept = set(tmp_path.rglob("*"))
    died = subprocess.run(
        [sys.executable, "-c", DIES_WRITING, *map(str, folders)], capture_output=True, text=True
    )
    process = died.stdout.strip()
    (own,) = folders[0].glob("colorworker-*")
    assert len(set(tmp_path.rglob("*")) - kept) == 4

    ScratchFiles((*map(str, folders), str(own), str(tmp_path / "gone")), process).remove()

    assert set(tmp_path.rglob("*")) == kept


def test_temporary_folders_of_stores_are_named_after_their_process(request):
    store = MemoryStore(request.node.name)
    folder = store.scratch()

    ScratchFiles((str(folder),)).remove()

    assert PROCESS in folder.name
    assert not folder.exists()
