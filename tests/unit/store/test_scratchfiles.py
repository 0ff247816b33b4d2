"""Temporary files of a dead process are removed, and no others."""

import subprocess
import sys

from colorworker.domain.processname import PROCESS
from colorworker.store.memory import MemoryStore
from colorworker.store.scratchfiles import (
    ScratchFiles,
    claim,
    own_folder,
    temporary_name,
)

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


CLAIMS_AND_WAITS = """
import pathlib, sys, time
from colorworker.store.scratchfiles import claim, own_folder, temporary_name
folder = pathlib.Path(sys.argv[1])
with own_folder(folder) as own:
    (own / "plan.jsonl").write_bytes(b"half a plan")
    (folder / temporary_name(".tif")).write_bytes(b"half a picture")
    print("ready", flush=True)
    time.sleep(600)
"""


def test_what_a_killed_driver_left_is_removed_by_the_next_one_and_not_before(tmp_path):
    (tmp_path / "of-somebody-else").touch()
    (tmp_path / "0123456789abcdef-elsewhere.alive").touch()
    kept = set(tmp_path.iterdir())
    process = subprocess.Popen(
        [sys.executable, "-c", CLAIMS_AND_WAITS, str(tmp_path)], stdout=subprocess.PIPE
    )
    try:
        process.stdout.readline()
        with own_folder(tmp_path):
            assert len(set(tmp_path.iterdir()) - kept) == 3 + 2
    finally:
        process.kill()
        process.communicate()
    assert len(set(tmp_path.iterdir()) - kept) == 3

    with own_folder(tmp_path) as own:
        assert {path.suffix for path in set(tmp_path.iterdir()) - kept} == {own.suffix, ".alive"}

    assert set(tmp_path.iterdir()) == kept


def test_a_claim_holds_until_the_process_ends_and_is_one_of_its_files(tmp_path):
    claim(tmp_path)
    claim(tmp_path)

    assert len(list(tmp_path.glob("*.alive"))) == 1
    ScratchFiles((str(tmp_path),)).remove()
    assert list(tmp_path.iterdir()) == []
