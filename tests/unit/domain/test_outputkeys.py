"""Output keys: the source's key with the output's extension."""

from pathlib import PurePosixPath

import pytest

from colorworker.domain.outputkeys import output_key, suffix_of


@pytest.mark.parametrize(
    ("key", "extension", "expected"),
    [
        ("a/reel.avi", ".mp4", "a/reel.mp4"),
        ("a/REEL.JPG", ".jpg", "a/REEL.JPG"),
        ("noname", ".tif", "noname.tif"),
        ("two.dots.png", ".tif", "two.dots.tif"),
    ],
)
def test_an_output_key_has_the_extension_of_the_output(key, extension, expected):
    assert output_key(key, extension, keep_extension=False) == expected


@pytest.mark.parametrize(
    "key", ["a.png", "a", ".png", "a.", "..png", "a.b/c", "a.b/c.d.E", "a..", "写.真", "a/.b.c"]
)
def test_suffixes_are_the_same_as_those_of_pathlib(key):
    assert suffix_of(key) == PurePosixPath(key).suffix
