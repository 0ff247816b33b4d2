"""Manifests of S3 Batch Operations: what their lines name, and what is wrong with bad ones."""

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
def test_a_key_comes_back_from_its_encoding_quoted_or_not(key, encode, quoted):
    text = io.StringIO()
    quoting = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    csv.writer(text, quoting=quoting, lineterminator="").writerow(["archive", encode(key)])

    named = BatchRows(Scope("s3://archive"), 2)(1, text.getvalue())

    assert named.key == key


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n")), min_size=2))
def test_fields_come_back_from_a_row_whatever_stands_in_them(fields):
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(fields)

    assert split_row(text.getvalue()) == fields


@given(st.text())
def test_no_key_gets_out_of_the_root_and_nothing_but_a_refusal_is_raised(text):
    try:
        key = BatchRows(Scope("s3://archive/reels"), 2)(1, f"archive,{text}").key
    except LineRefused:
        return
    assert check_key(key) == key


def test_lines_name_keys_below_their_bucket(lists):
    manifest = lists.open("keys.csv", GOOD)

    assert manifest.root == "s3://archive"
    assert [(line.line, line.key, line.etag) for _, line in manifest.lines()] == [
        (1, "a.jpg", ""),
        (2, "b c/d.jpg", ""),
    ]


def test_a_root_shortens_the_keys_and_refuses_those_beside_it(lists):
    data = b"archive,reels/a.mkv\narchive,reels-2/b.mkv\nother,reels/c.mkv\n"
    manifest = lists.open("keys.csv", data, root="s3://archive/reels")

    found = [line for _, line in manifest.lines()]

    assert found[0].key == "a.mkv"
    assert "line 2: the key 'reels-2/b.mkv' does not lie below s3://archive/reels" in str(
        found[1].error
    )
    assert "line 3: it names the bucket 'other', and all others 'archive'" in str(found[2].error)


def test_versions_stand_in_the_third_column_and_what_is_behind_them_is_not_looked_at(lists):
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
def test_what_editors_and_tools_do_to_files_changes_nothing(lists, data):
    assert [line.key for line in lists.named("keys.csv", data)] == ["a.jpg", "b c/d.jpg"]


def test_it_can_be_compressed(lists):
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
        (b"archive,b%ZZ.jpg", "'%ZZ' in the key is no URL encoding"),
        (b"archive,b%2", "'%2' in the key is no URL encoding"),
        (b"archive,b%FF.jpg", "not UTF-8"),
        (b"archive,caf\xe9.jpg", "byte 12 (0xE9) is not UTF-8"),
        (b"archive", "it has 1 columns, and the first line 2"),
        (b"archive,b.jpg,v1", "it has 3 columns, and the first line 2"),
        (b"archive,", "the key is empty"),
        (b"archive," + b"k" * 100_000, "more than 65536 bytes"),
    ],
)
def test_a_bad_line_is_named_by_its_number_and_the_others_stand(lists, line, said):
    data = b"archive,a.jpg\n" + line + b"\n\narchive,z.jpg\n"

    refused = lists.refused("keys.csv", data)

    assert list(refused) == [2]
    assert refused[2].startswith("keys.csv, line 2: ")
    assert said in refused[2]
    assert refused[2].count(". ") >= 1, "what to do is missing"
    found = [line for _, line in lists.open("keys.csv").lines()]
    assert [found[0].key, found[2].key] == ["a.jpg", "z.jpg"]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("keys.csv", b"", "it is empty"),
        ("keys.csv", b"\n\n", "it is empty"),
        ("keys.csv", b"Bucket,Key\narchive,a.jpg\n", "no heading"),
        ("keys.csv", b"a.jpg\nb.jpg\n", "is not bucket,key"),
        ("keys.csv", b'{"key": "a.jpg"}\n', "is not bucket,key"),
        ("keys.csv", GOOD.decode().encode("utf-16"), "not UTF-8 text"),
        ("keys.csv", b"PK\x03\x04\0\0" + bytes(99), "not UTF-8 text"),
        ("keys.csv.gz", GOOD, "is not gzip"),
        ("keys.txt", GOOD, "says nothing of its format"),
        ("keys", GOOD, "says nothing of its format"),
    ],
)
def test_what_is_no_such_manifest_at_all_is_refused_at_once(lists, name, data, said):
    with pytest.raises(UsageError, match=said):
        lists.open(name, data)


def test_a_manifest_that_is_not_there_is_refused(lists):
    with pytest.raises(UsageError, match="there is no such manifest"):
        lists.open("keys.csv")


def test_a_compressed_one_that_is_cut_short_is_refused_after_its_last_whole_line(lists):
    lines = "".join(f"archive,{number}.jpg\n" for number in range(20_000)).encode()
    manifest = lists.open("keys.csv.gz", gzip.compress(lines)[:-2000])
    seen = []

    with pytest.raises(UsageError, match=r"keys\.csv\.gz: is cut short or damaged after line \d+"):
        seen.extend(manifest.lines())

    assert seen


def test_it_is_read_in_the_version_that_was_opened(lists):
    manifest = lists.open("keys.csv", GOOD)
    lists.put("keys.csv", b"archive,other.jpg\n")

    with pytest.raises(Exception, match="changed"):
        list(manifest.lines())


def test_a_plus_is_a_space_and_a_plus_itself_is_encoded():
    assert decode_key("a+b%20c%2Bd") == "a b c+d"
