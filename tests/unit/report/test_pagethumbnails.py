"""Thumbnails for the report page."""

from colorworker.report.pagethumbnails import data_uri, thumbnail_reader
from colorworker.store.memory import MemoryStore


def test_thumbnails_are_read_from_the_destination():
    store = MemoryStore("destination")
    store.put("t/a.jpg", b"\xff\xd8\xff!")

    read = thumbnail_reader(store)

    assert read("t/a.jpg") == b"\xff\xd8\xff!"
    assert read("t/none.jpg") is None


def test_only_small_jpegs_become_data_uris():
    assert data_uri(b"\xff\xd8\xff!") == "data:image/jpeg;base64,/9j/IQ=="
    assert data_uri(b"GIF89a") == ""
    assert data_uri(None) == ""
