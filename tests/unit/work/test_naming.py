"""Output names: the source's own, and never two alike."""

import pytest

from colorworker.work.job import Asset
from colorworker.work.naming import output_key, output_keys


def asset(key, root="file:///a"):
    return Asset(root, key, "film", 1, "etag")


@pytest.mark.parametrize(
    ("key", "extension", "expected"),
    [
        ("a/reel.avi", ".mp4", "a/reel.mp4"),
        ("a/REEL.JPG", ".jpg", "a/REEL.JPG"),
        ("noname", ".tif", "noname.tif"),
        ("two.dots.png", ".tif", "two.dots.tif"),
    ],
)
def test_the_extension_becomes_the_outputs(key, extension, expected):
    assert output_key(key, extension, keep_extension=False) == expected


def test_two_sources_with_one_name_keep_their_extensions_in_front():
    keys = output_keys([asset("reel.avi"), asset("reel.mov"), asset("b.avi")], lambda _: ".mkv")

    assert keys == ["reel.avi.mkv", "reel.mov.mkv", "b.mkv"]


def test_the_same_key_from_two_sources_is_given_once():
    keys = output_keys([asset("x.png"), asset("x.png", "file:///b")], lambda _: ".tif")

    assert keys == ["x.png.tif", ""]


def test_a_kept_extension_never_takes_another_sources_name():
    keys = output_keys([asset("a.avi"), asset("a.mov"), asset("a.avi.mp4")], lambda _: ".mkv")

    named = [key for key in keys if key]
    assert len(set(named)) == len(named)
    assert "" in keys
