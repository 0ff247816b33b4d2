"""Manifests in the format of S3 Batch Operations: the objects they name, and refused lines."""

import csv
import gzip
import io
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colorworker.errors import LineRefused, UsageError
from colorworker.inputs.csvrows import BatchRows, split_row
from colorworker.inputs.scope import Scope, decode_key
from colorworker.store.keys import check_key
from tests.unit.inputs.keys import KEYS

GOOD = b"archive,a.jpg\narchive,b%20c/d.jpg\n"


@given(KEYS, st.sampled_from([quote, quote_plus]), st.booleans())
def test_an_url_encoded_key_is_decoded_quoted_or_not(key, encode, quoted):
    text = io.StringIO()
    quoting = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    csv.writer(text, quoting=quoting, lineterminator="").writerow(["archive", encode(key)])

    named = BatchRows(Scope("s3://archive"), 2)(1, text.getvalue())

    assert named.key == key


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n")), min_size=2))
def test_any_fields_survive_a_csv_round_trip(fields):
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(fields)

    assert split_row(text.getvalue()) == fields


@given(st.text())
def test_any_text_is_a_safe_key_or_a_refused_line(text):
    try:
        key = BatchRows(Scope("s3://archive/reels"), 2)(1, f"archive,{text}").key
    except LineRefused:
        return
    assert check_key(key) == key


def test_keys_are_relative_to_the_bucket(lists):
    manifest = lists.open("keys.csv", GOOD)

    assert manifest.root == "s3://archive"
    assert [(line.line, line.key, line.etag) for _, line in manifest.lines()] == [
        (1, "a.jpg", ""),
        (2, "b c/d.jpg", ""),
    ]


def test_keys_are_relative_to_a_given_root_and_keys_outside_it_are_refused(lists):
    data = b"archive,reels/a.mkv\narchive,reels-2/b.mkv\nother,reels/c.mkv\n"
    manifest = lists.open("keys.csv", data, root="s3://archive/reels")

    found = [line for _, line in manifest.lines()]

    assert found[0].key == "a.mkv"
    assert "line 2: the key 'reels-2/b.mkv' does not lie below s3://archive/reels" in str(
        found[1].error
    )
    assert "line 3: it names the bucket 'other', all others name 'archive'" in str(found[2].error)


def test_the_third_column_is_the_version_and_further_columns_are_ignored(lists):
    (named,) = lists.named("keys.csv", b'archive,a.jpg,v1,failed,key_missing,404,"a, b"\n')

    assert (named.key, named.version) == ("a.jpg", "v1")


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + GOOD,
        GOOD.replace(b"\n", b"\r\n"),
        b"\n\r\n" + GOOD.replace(b"\n", b"\n\n"),
        GOOD.rstrip(),
        b'"archive","a.jpg"\n"archive",b+c/d.jpg\n',
    ],
    ids=["byte order mark", "CRLF", "empty lines", "no newline at the end", "quotes"],
)
def test_byte_order_marks_line_ends_and_quotes_make_no_difference(lists, data):
    assert [line.key for line in lists.named("keys.csv", data)] == ["a.jpg", "b c/d.jpg"]


def test_a_manifest_can_be_compressed(lists):
    assert [line.key for line in lists.named("keys.csv.gz", gzip.compress(GOOD))] == [
        "a.jpg",
        "b c/d.jpg",
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'archive,"b.jpg', "quotes are wrong"),
        (b'archive,"b"c.jpg', "quotes are wrong"),
        (b"other,b.jpg", "names the bucket 'other'"),
        (b"archive,../b.jpg", "could lead out"),
        (b"archive,a/%2E%2E/b.jpg", "could lead out"),
        (b"archive,/b.jpg", "is absolute"),
        (b"archive,b%0Ac.jpg", "control character"),
        (b"archive,b%ZZ.jpg", "'%ZZ' in the key is not a URL escape"),
        (b"archive,b%2", "'%2' in the key is not a URL escape"),
        (b"archive,b%FF.jpg", "not UTF-8"),
        (b"archive,caf\xe9.jpg", "byte 12 (0xE9) is not UTF-8"),
        (b"archive", "it has 1 columns, and the first line 2"),
        (b"archive,b.jpg,v1", "it has 3 columns, and the first line 2"),
        (b"archive,", "the key is empty"),
        (b"archive," + b"k" * 100_000, "more than 65536 bytes"),
    ],
)
def test_a_bad_line_is_refused_by_number_and_the_others_are_read(lists, line, said):
    data = b"archive,a.jpg\n" + line + b"\n\narchive,z.jpg\n"

    refused = lists.refused("keys.csv", data)

    assert list(refused) == [2]
    assert refused[2].startswith("keys.csv, line 2: ")
    assert said in refused[2]
    assert refused[2].count(". ") >= 1, "the next step is missing"
    found = [line for _, line in lists.open("keys.csv").lines()]
    assert [found[0].key, found[2].key] == ["a.jpg", "z.jpg"]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("keys.csv", b"", "it is empty"),
        ("keys.csv", b"\n\n", "it is empty"),
        ("keys.csv", b"Bucket,Key\narchive,a.jpg\n", "is a header"),
        ("keys.csv", b"a.jpg\nb.jpg\n", "is not bucket,key"),
        ("keys.csv", b'{"key": "a.jpg"}\n', "is not bucket,key"),
        ("keys.csv", GOOD.decode().encode("utf-16"), "not UTF-8 text"),
        ("keys.csv", b"PK\x03\x04\0\0" + bytes(99), "not UTF-8 text"),
        ("keys.csv.gz", GOOD, "is not gzip"),
        ("keys.txt", GOOD, "names no manifest format"),
        ("keys", GOOD, "names no manifest format"),
    ],
)
def test_a_file_that_is_not_a_batch_manifest_is_refused(lists, name, data, said):
    with pytest.raises(UsageError, match=said):
        lists.open(name, data)


def test_a_missing_manifest_is_refused(lists):
    with pytest.raises(UsageError, match="there is no such manifest"):
        lists.open("keys.csv")


def test_a_truncated_gzip_is_refused_after_its_last_complete_line(lists):
    lines = "".join(f"archive,{number}.jpg\n" for number in range(20_000)).encode()
    manifest = lists.open("keys.csv.gz", gzip.compress(lines)[:-2000])
    seen = []

    with pytest.raises(UsageError, match=r"keys\.csv\.gz: is cut short or damaged after line \d+"):
        seen.extend(manifest.lines())

    assert seen


def test_a_manifest_that_is_replaced_after_opening_is_refused(lists):
    manifest = lists.open("keys.csv", GOOD)
    lists.put("keys.csv", b"archive,other.jpg\n")

    with pytest.raises(Exception, match="changed"):
        list(manifest.lines())


def test_a_plus_decodes_to_a_space_and_an_encoded_plus_to_a_plus():
    assert decode_key("a+b%20c%2Bd") == "a b c+d"
