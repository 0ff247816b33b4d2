"""URIs name stores, and every store's own uri opens it again."""

import os
from pathlib import Path

import pytest

from colorworker.errors import UsageError
from colorworker.store.local import LocalStore
from colorworker.store.openstore import open_store


@pytest.mark.parametrize("name", ["plain", "a b%20c", "ümlaut#?", os.fsdecode(b"caf\xe9")])
def test_a_local_store_is_opened_again_by_its_uri(tmp_path, name):
    store = LocalStore(tmp_path / name)
    store.put("key", b"content")

    again = open_store(store.uri)

    assert again == store
    assert again.get("key") == b"content"


def test_a_relative_path_names_a_folder_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert open_store("reels") == LocalStore(tmp_path / "reels")
    assert open_store("./a%20b") == LocalStore(Path("a%20b"))


@pytest.mark.parametrize(
    "uri", ["", "ftp://host/x", "memory://x", "file://elsewhere/x", "file://relative"]
)
def test_what_is_no_store_here_is_a_usage_error(uri):
    with pytest.raises(UsageError):
        open_store(uri)
