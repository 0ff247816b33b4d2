"""The entry of every listed object, including those with bad names."""

import io

import pytest

from colorworker.domain.options import Options
from colorworker.errors import SourceUnreadable
from colorworker.inputs.listing import OpenSource, list_entries
from colorworker.store.objectstore import ObjectInfo
from colorworker.store.sources import Source

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


class Listed:
    """A store that lists any names, as a bucket does."""

    def __init__(self, objects, uri="s3://archive"):
        self.objects, self.uri = objects, uri
        self.opened = []

    def list(self, prefix=""):
        for key, data in self.objects.items():
            yield ObjectInfo(key, len(data), "etag")

    def open(self, key, **_):
        self.opened.append(key)
        if self.objects[key] == b"denied":
            raise SourceUnreadable(key, "permission denied", "Check it")
        return io.BytesIO(self.objects[key])


def entries(objects, profile="access"):
    store = Listed(objects)
    found = list_entries([OpenSource(Source(store.uri), store)], Options(profile=profile))
    return {entry.key: entry for entry in found}, store


@pytest.mark.parametrize(
    "key",
    ["../../etc/passwd.png", "a/../b.png", "a/./b.png", "/abs.png", "new\nline.png", "n" * 300],
)
def test_an_object_with_an_unsafe_name_fails_without_being_opened(key):
    found, store = entries({key: PNG, "good.png": PNG})

    assert (found[key].outcome, found[key].error_code) == ("failed", "key_refused")
    assert "Rename" in found[key].error
    assert found["good.png"].output_key == "good.png"
    assert store.opened == []


def test_two_dots_within_a_name_are_allowed():
    found, _ = entries({"a..b.png": PNG})

    assert found["a..b.png"].output_key == "a..b.png"


def test_an_object_with_an_unclear_name_is_classified_by_content():
    found, store = entries({"scan": PNG, "readme": b"hello", "letter.doc": b"hello", "x.png": b""})

    assert (found["scan"].kind, found["scan"].output_key) == ("still", "scan.tif")
    assert found["readme"].error_code == found["letter.doc"].error_code == "not_media"
    assert found["x.png"].outcome == ""
    assert "x.png" not in store.opened


def test_an_unreadable_object_fails():
    found, _ = entries({"unknown": b"denied"})

    assert (found["unknown"].outcome, found["unknown"].error_code) == (
        "failed",
        "source_unreadable",
    )


def test_the_profile_gives_the_output_extension():
    access, _ = entries({"a.jpg": PNG, "b.avi": PNG, "c.mkv": PNG, "d.gif": PNG})
    archive, _ = entries({"a.jpg": PNG, "b.avi": PNG}, "archive")

    assert [access[key].output_key for key in ("a.jpg", "b.avi", "c.mkv", "d.gif")] == [
        "a.jpg",
        "b.mp4",
        "c.mkv",
        "d.tif",
    ]
    assert [archive[key].output_key for key in ("a.jpg", "b.avi")] == ["a.tif", "b.mkv"]


def test_state_of_other_jobs_is_not_a_source():
    found, _ = entries({".colorworker/thumbnails/x.jpg": PNG, "a.png": PNG})

    assert set(found) == {"a.png"}


def test_if_two_sources_get_the_same_name_the_second_fails_with_a_collision():
    one, other = Listed({"a.png": PNG}, "s3://one"), Listed({"a.png": PNG}, "s3://other")

    found = list_entries(
        [OpenSource(Source("s3://one"), one), OpenSource(Source("s3://other"), other)], Options()
    )

    assert [entry.error_code for entry in found] == ["", "output_collision"]


@pytest.mark.parametrize(
    "key",
    [
        ".DS_Store",
        "reels/Thumbs.db",
        "reels/reel.xml",
        "reels/._reel.mp4",
        "reel.mp4.md5",
        "b\n.xml",
    ],
)
def test_sidecars_are_skipped_by_name_without_being_read(key):
    found, store = entries({key: PNG, "a.png": PNG})

    assert (found[key].outcome, found[key].error_code) == ("skipped", "not_media")
    assert not found["a.png"].outcome
    assert store.opened == []
