"""A destination's state is refused by programs that are older than the one that wrote it."""

import json

import pytest
from typer.testing import CliRunner

from colorworker import __version__
from colorworker.api import places, plans
from colorworker.cli.app import app
from colorworker.errors import UsageError
from colorworker.runs import stateversion
from colorworker.runs.stateversion import STATE_FILE, VERSION, check_state, write_state_version
from colorworker.store.local import LocalStore
from colorworker.store.memory import MemoryStore

NEWER = {"version": VERSION + 6, "colorworker": "9.1.0"}
PLAN = """\
name = "nightly"

[[collection]]
name = "all"
sources = ["{sources}"]
destination = "{destination}"
"""


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def newer(tmp_path):
    """A destination that a newer program has written."""
    LocalStore(tmp_path / "color").put(STATE_FILE, json.dumps(NEWER).encode())
    return tmp_path / "color"


def test_state_of_no_version_is_read_and_gets_one_with_the_next_run():
    store = MemoryStore("color")
    store.put(".colorworker/units/a.json", b"{}")

    assert check_state(store, "color") == 0
    write_state_version(store, "color")

    assert check_state(store, "color") == VERSION
    assert json.loads(store.get(STATE_FILE)) == {"version": VERSION, "colorworker": __version__}


def test_the_version_is_written_once():
    store = MemoryStore("color")
    write_state_version(store, "color")
    first = store.head(STATE_FILE)

    write_state_version(store, "color")

    assert store.head(STATE_FILE) == first


def test_an_older_version_is_read_and_replaced_before_anything_newer_is_written(monkeypatch):
    store = MemoryStore("color")
    write_state_version(store, "color")
    monkeypatch.setattr(stateversion, "VERSION", VERSION + 1)

    assert check_state(store, "color") == VERSION
    write_state_version(store, "color")

    assert check_state(store, "color") == VERSION + 1


def test_fields_that_a_newer_program_has_added_are_ignored():
    store = MemoryStore("color")
    store.put(STATE_FILE, json.dumps({"version": VERSION, "more": [1]}).encode())

    assert check_state(store, "color") == VERSION


def test_a_run_that_writes_the_version_at_the_same_time_does_no_harm():
    class Rival(MemoryStore):
        def put(self, key, data, *, create_only=False):
            super().put(key, data)
            return super().put(key, data, create_only=create_only)

    store = Rival("color")

    write_state_version(store, "color")

    assert check_state(store, "color") == VERSION


@pytest.mark.parametrize(
    "damaged", [b"", b"{", b"[]", b"{}", b"\xff", b'{"version": "new"}', b'{"version": 0}']
)
def test_a_damaged_version_is_named_and_not_replaced(damaged):
    store = MemoryStore("color")
    store.put(STATE_FILE, damaged)

    with pytest.raises(UsageError, match=r"state\.json is damaged.*delete it"):
        write_state_version(store, "color")

    assert store.get(STATE_FILE) == damaged


@pytest.mark.parametrize("command", ["colorize", "restore", "failures", "dry-run", "verify",
                                     "review", "sweep", "status"])  # fmt: skip
def test_every_command_that_reads_the_state_refuses_a_newer_one(command, newer, tmp_path):
    sources, plan = tmp_path / "archive", tmp_path / "plan.toml"
    sources.mkdir()
    plan.write_text(PLAN.format(sources=sources, destination=newer))
    words = {
        "colorize": ["colorize", str(sources), str(newer), "--executor", "ray"],
        "restore": ["restore", str(plan), "--executor", "ray"],
        "failures": ["restore", str(plan), "--failures"],
        "dry-run": ["colorize", str(sources), str(newer), "--executor", "ray", "--dry-run"],
    }

    said = CliRunner().invoke(app, words.get(command, [command, str(newer)]))

    assert isinstance(said.exception, UsageError), said.output
    assert f"{newer}: its state (.colorworker/) has version {VERSION + 6}" in str(said.exception)
    assert "written by colorworker 9.1.0" in str(said.exception)
    assert f"colorworker {__version__} knows versions up to {VERSION}" in str(said.exception)
    assert "Upgrade colorworker, or use another destination" in str(said.exception)
    assert [path.name for path in newer.rglob("*") if path.is_file()] == ["state.json"]


@pytest.mark.parametrize("call", [places.status, places.sweep])
def test_the_python_api_refuses_a_newer_one(call, newer):
    with pytest.raises(UsageError, match="Upgrade colorworker"):
        call(newer)


def test_the_failures_of_a_plan_are_not_forgotten_in_a_newer_one(newer, tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN.format(sources=tmp_path / "archive", destination=newer))

    with pytest.raises(UsageError, match="Upgrade colorworker"):
        plans.unpark(plan, "*")
