"""Checks of a machine before it is given any unit."""

import subprocess
import sys
from pathlib import Path

import pytest

from colorworker.domain.entries import Entry
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Options
from colorworker.domain.schedule import output_identity
from colorworker.errors import DependencyMissing, PlaceUnfit
from colorworker.executors.preflight import (
    any_unfinished,
    film_encoders,
    free_space,
    media_libraries,
    network_runtime,
    ray_version,
    writable,
)
from colorworker.media.codecs.profiles import encoder_names
from colorworker.state import record_key
from colorworker.store.local import LocalStore
from colorworker.store.memory import MemoryStore

MODEL = ModelRef("lite", "0" * 64)
NOT_WRITABLE = Path("/sys/fs/colorworker")
"""Not even root can create this folder."""


def entry(key):
    return Entry(
        root="memory://source", key=key, etag=key, size_bytes=1, kind="still", output_key=key
    )


@pytest.mark.parametrize("module", ["av", "pyvips", "cv2", "ray", "tensorflow", "boto3"])
@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("raise OSError('libbroken.so: no such file')", "does not load"),
        (None, "is not installed"),
    ],
)
def test_a_library_that_is_missing_or_does_not_load_is_named_with_what_to_install(
    module, source, seen, tmp_path
):
    if module == "boto3" and source:
        source = "raise ImportError('broken')"
    question = {
        "boto3": "from colorworker.store.openstore import open_store as ask; ask('s3://bucket')",
        "tensorflow": "from colorworker.executors.preflight import network_runtime as ask; ask()",
        "ray": "from colorworker.executors.preflight import ray_version as ask; ask()",
    }.get(module, "from colorworker.executors.preflight import media_libraries as ask; ask()")
    stub = tmp_path / module / "__init__.py"
    stub.parent.mkdir()
    stub.write_text(source or "")
    hide = "" if source else f"sys.modules[{module!r}] = None\n"
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{hide}" + (
        f"try:\n    {question}\nexcept Exception as error:\n    print(type(error).__name__, error)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.stdout.startswith(f"DependencyMissing {module}"), done.stdout + done.stderr
    assert seen in done.stdout
    assert "pip install" in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_every_library_of_the_project_loads_here():
    media_libraries()

    assert network_runtime().startswith("tensorflow 2.")
    assert ray_version()


@pytest.mark.parametrize("profile", ["access", "mezzanine", "archive"])
def test_this_build_has_the_encoders_of_every_profile(profile):
    names = encoder_names(Options(profile=profile))

    assert film_encoders(names) == ", ".join(names)
    assert len(names) >= 2


def test_a_preview_needs_no_encoder():
    assert encoder_names(Options(preview=True)) == ()


def test_an_encoder_that_this_build_lacks_is_named():
    with pytest.raises(DependencyMissing, match=r"no encoder libnone\. .*pip install"):
        film_encoders(["ffv1", "libnone"])


def test_a_folder_is_writable_and_the_probe_leaves_nothing_behind(tmp_path):
    writable(LocalStore(tmp_path / "new"))

    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.skipif(not NOT_WRITABLE.parent.exists(), reason="needs Linux")
def test_a_destination_that_cannot_be_written_is_named():
    with pytest.raises(PlaceUnfit, match=rf"^{NOT_WRITABLE}: a test write from "):
        writable(LocalStore(NOT_WRITABLE))


def test_a_file_in_place_of_the_destination_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(PlaceUnfit, match=r"file: a test write from .* failed"):
        writable(LocalStore(tmp_path / "file"))


def test_too_little_free_space_is_reported_with_both_numbers(tmp_path):
    destination = LocalStore(tmp_path)

    assert free_space(destination, None, 1).endswith("GiB free")
    with pytest.raises(PlaceUnfit, match=r"only \d+ MiB are free .* 1099511627776 MiB"):
        free_space(destination, tmp_path / "scratch", 1 << 60)


def test_a_scratch_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(PlaceUnfit, match=r"file/scratch: .* COLORWORKER_RUN__SCRATCH"):
        free_space(MemoryStore("destination"), tmp_path / "file" / "scratch", 1)


def test_a_finished_job_is_recognized_without_the_runtime():
    store, options = MemoryStore("destination"), Options()
    entries = [entry(f"{number}.png") for number in range(20)]
    for item in entries:
        store.put(record_key(output_identity(item, options, MODEL)), b"{}")

    assert not any_unfinished(entries, options, MODEL, store)
    assert not any_unfinished([], options, MODEL, store)
    assert any_unfinished([*entries, entry("new.png")], options, MODEL, store)
    assert any_unfinished([entry("new.png"), *entries], options, MODEL, store)


def test_a_large_job_asks_the_store_nothing():
    class Silent(MemoryStore):
        def head(self, key):
            raise AssertionError(key)

    entries = (entry(f"{number}.png") for number in range(1_000_000))

    assert any_unfinished(entries, Options(), MODEL, Silent("destination"))
    assert next(entries).key == "65.png"
