"""Opening stores by URI or path."""

import os
from pathlib import Path

import pytest

from colorworker.errors import UsageError
from colorworker.store.local import LocalStore
from colorworker.store.openstore import open_store


@pytest.mark.parametrize("name", ["plain", "a b%20c", "ümlaut#?", os.fsdecode(b"caf\xe9")])
def test_the_uri_of_a_local_store_opens_it_again(tmp_path, name):
    store = LocalStore(tmp_path / name)
    store.put("key", b"content")

    again = open_store(store.uri)

    assert again == store
    assert again.get("key") == b"content"


def test_a_relative_path_is_a_local_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert open_store("reels") == LocalStore(tmp_path / "reels")
    assert open_store("./a%20b") == LocalStore(Path("a%20b"))


@pytest.mark.parametrize(
    "uri", ["", "ftp://host/x", "memory://x", "file://elsewhere/x", "file://relative"]
)
def test_an_unsupported_uri_is_a_usage_error(uri):
    with pytest.raises(UsageError):
        open_store(uri)
