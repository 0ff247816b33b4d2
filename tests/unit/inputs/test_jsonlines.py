"""Manifests as JSON lines: keys, their own options, and errors in bad lines."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colorworker.domain.options import Options
from colorworker.errors import LineRefused, UsageError
from colorworker.inputs.jsonlines import ItemRows, ManifestItem, item_model
from colorworker.inputs.scope import Scope
from tests.unit.inputs.keys import KEYS


def test_a_line_has_a_key_below_the_manifests_folder_and_its_own_options(lists):
    manifest = lists.open(
        "a/items.jsonl",
        b'{"key": "b.tif", "profile": "archive", "vividness": 1, "output": "c/d.tif"}\n'
        b'{"key": "e.tif", "version": "v1", "size_bytes": 7, "etag": "x"}\n',
    )

    first, second = [line for _, line in manifest.lines()]

    assert manifest.root == "s3://lists/a"
    assert (first.key, first.output_key) == ("b.tif", "c/d.tif")
    assert first.own_options == (("profile", "archive"), ("vividness", 1.0))
    assert (second.version, second.size_bytes, second.etag) == ("v1", 7, "x")
    assert second.own_options == ()


def test_uris_name_their_bucket_and_keys_are_not_decoded(lists):
    manifest = lists.open("items.jsonl", b'{"uri": "s3://archive/b%20c+d.tif"}\n')

    assert manifest.root == "s3://archive"
    assert [line.key for _, line in manifest.lines()] == ["b%20c+d.tif"]


def test_the_root_can_be_given(lists):
    data = b'{"key": "a.tif"}\n{"uri": "s3://archive/reels/b.tif"}\n'

    found = lists.named("items.jsonl", data, root="s3://archive/reels")

    assert [line.key for line in found] == ["a.tif", "b.tif"]


@given(KEYS, st.booleans())
def test_a_key_comes_back_from_json_escaped_or_not(key, escaped):
    line = json.dumps({"key": key}, ensure_ascii=escaped)

    assert ItemRows(Scope("s3://archive"))(1, line).key == key


@given(st.text())
def test_a_bad_line_raises_only_line_refused(text):
    with suppress(LineRefused):
        ItemRows(Scope("s3://archive"))(1, text)


def test_items_can_set_every_option_but_those_of_whole_jobs():
    whole_jobs_only = {"preview", "excerpt", "adjustments", "broadcast_gamut", "bag", "c2pa"}
    # A manifest's line names one object.
    whole_jobs_only |= {"sequences", "fps", "sequence_gaps", "sequence_transfer"}
    whole_jobs_only |= {"frames_out"}
    # These follow from options that name files.
    whole_jobs_only |= {"reference_frames", "hint_files", "exemplar"}
    settable = set(item_model(Options).model_fields) - set(ManifestItem.model_fields)

    assert settable == set(Options.__dataclass_fields__) - whole_jobs_only


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"key": "a.tif"', "it is not JSON"),
        ('["a.tif"]', "it is not a JSON object"),
        ("{}", 'it needs one of "key" and "uri"'),
        ('{"key": "a.tif", "uri": "s3://lists/a.tif"}', 'it needs one of "key" and "uri"'),
        ('{"key": "a.tif", "etag": "x"}', "size_bytes and etag go together"),
        (
            '{"key": "a.tif", "profil": "archive"}',
            "profil: is not a known key. Did you mean",
        ),
        ('{"key": "a.tif", "profile": "best"}', "profile: 'best' is not known. Use 'access'"),
        ('{"key": "a.tif", "vividness": 7}', "vividness: 7 given"),
        ('{"key": "a.tif", "vividness": "1"}', "vividness: '1' is not a number"),
        ('{"key": "a.tif", "preset": "-x"}', "preset: '-x' is not known"),
        ('{"key": 7}', "key: 7 is not a text"),
        ('{"key": "../a.tif"}', "could lead out"),
        ('{"key": "/etc/a.tif"}', "is absolute"),
        ('{"key": "a\\u0000.tif"}', "control character"),
        ('{"key": "a\\ud800.tif"}', "not JSON"),
        ('{"key": "a.tif", "output": "../b.tif"}', "the output '../b.tif' is refused"),
        ('{"key": "a.tif", "output": ".colorworker/b.tif"}', "keep their state"),
        ('{"uri": "s3://other/a.tif"}', "names the bucket 'other'"),
        ('{"uri": "file:///etc/a.tif"}', "is not s3://bucket/key"),
    ],
)
def test_a_bad_line_is_reported_with_its_number_and_the_others_are_kept(lists, line, message):
    good = json.dumps({"key": "good.tif"})

    refused = lists.refused("items.jsonl", f"{good}\n{line}\n{good}\n".encode())

    assert list(refused) == [2]
    assert refused[2].startswith("items.jsonl, line 2: ")
    assert message in refused[2]


@pytest.mark.parametrize("data", [b"archive,a.jpg\n", b"key: a.jpg\n", b"7\n"])
def test_a_file_that_does_not_start_with_an_object_is_refused(lists, data):
    with pytest.raises(UsageError, match="line 1"):
        lists.open("items.jsonl", data)
