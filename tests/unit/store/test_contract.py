"""The store contract, for stores that need no server."""

import pytest

from colorworker.errors import SourceUnreadable
from colorworker.store.local import LocalStore
from colorworker.store.memory import MemoryStore
from tests.storecontract import *  # noqa: F403

STORES = {
    "memory": lambda folder: MemoryStore(folder.name),
    "local": lambda folder: LocalStore(folder / "store"),
}


@pytest.fixture(params=STORES.values(), ids=STORES.keys())
def store(request, tmp_path):
    opened = request.param(tmp_path)
    yield opened
    opened.close()


def test_a_version_is_refused_if_the_store_keeps_none(store):
    store.put("a.tif", b"content")

    for read in (store.list_one, store.open):
        with pytest.raises(SourceUnreadable, match="version v1 was requested"):
            read("a.tif", version="v1")
