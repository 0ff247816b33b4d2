"""S3 Inventory: CSV files with the columns of fileSchema, verified against their checksums."""

import gzip
import hashlib
import json

import pytest

from colorworker.errors import UsageError
from colorworker.inputs.manifestlines import RefusedLine

SCHEMA = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, ETag"
ROWS = (
    '"archive","a+b.jpg","v1","true","false","7","e1"\n'
    '"archive","a+b.jpg","v0","false","false","6","e0"\n'
    '"archive","gone.jpg","v2","true","true","",""\n'
    '"archive","folder/","v3","true","false","0","e3"\n'
    '"archive","c.jpg","","true","false","9","e4"\n'
)


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@pytest.fixture
def inventory(lists):
    """Return a function that puts an inventory of CSV files and returns its manifest."""

    def put(*tables, checksum=True, **changes):
        values = {
            "sourceBucket": "archive",
            "destinationBucket": "arn:aws:s3:::lists",
            "version": "2016-11-30",
            "creationTimestamp": "1514944800000",
            "fileFormat": "CSV",
            "fileSchema": SCHEMA,
            "files": [],
        }
        for number, table in enumerate(tables):
            packed = gzip.compress(table.encode())
            lists.put(f"inv/data/{number}.csv.gz", packed)
            values["files"].append(
                {"key": f"inv/data/{number}.csv.gz", "size": 1, "MD5checksum": md5(packed)}
            )
        data = json.dumps({**values, **changes}).encode()
        lists.put("inv/manifest.json", data)
        if checksum:
            lists.put("inv/manifest.checksum", md5(data).encode() + b"\n")
        return values

    return put


def test_the_latest_versions_are_named_with_size_and_etag(lists, inventory):
    inventory(ROWS)
    manifest = lists.open("inv/manifest.json")

    found = [(name, line[1:5]) for name, line in manifest.lines()]
    found += [(name, line.etag) for name, line in manifest.lines()]

    assert manifest.root == "s3://archive"
    assert found == [
        ("0.csv.gz", ("a b.jpg", "v1", 7, "e1")),
        ("0.csv.gz", ("c.jpg", "", 9, "e4")),
        ("0.csv.gz", "e1"),
        ("0.csv.gz", "e4"),
    ]


def test_columns_are_found_by_name_and_all_files_are_read(lists, inventory):
    inventory("9,x.jpg,archive\n", "8,y.jpg,archive\n", fileSchema="Size, Key, Bucket")

    found = [line for _, line in lists.open("inv/manifest.json").lines()]

    # A size without an ETag does not tell which content will be read.
    assert [(line.key, line.size_bytes, line.etag) for line in found] == [
        ("x.jpg", 9, ""),
        ("y.jpg", 8, ""),
    ]


def test_a_bad_row_is_refused_by_file_and_number(lists, inventory):
    inventory(ROWS + '"other","d.jpg","","true","false","9","e5"\n"archive","e.jpg"\n')

    refused = [line for _, line in lists.open("inv/manifest.json").lines()][2:]

    assert all(isinstance(line, RefusedLine) for line in refused)
    assert "0.csv.gz, line 6: it names the bucket 'other'" in str(refused[0].error)
    assert "0.csv.gz, line 7: it has 2 columns, and the inventory's fileSchema 7" in str(
        refused[1].error
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fileFormat": "ORC"}, "the inventory's format is ORC, only CSV is supported"),
        ({"fileFormat": "Parquet"}, "the inventory's format is Parquet"),
        ({"fileSchema": "Bucket, Size"}, "fileSchema lacks Bucket or Key"),
        ({"sourceBucket": "../x"}, "not the manifest of an S3 Inventory"),
        ({"files": None}, "not the manifest of an S3 Inventory"),
    ],
)
def test_an_unsupported_inventory_is_refused(lists, inventory, changes, said):
    inventory(ROWS, **changes)

    with pytest.raises(UsageError, match=said):
        lists.open("inv/manifest.json")


def test_json_that_is_not_an_inventory_is_refused(lists):
    with pytest.raises(UsageError, match="not the manifest of an S3 Inventory"):
        lists.open("other.json", b'{"Format": "Report_CSV_20180820"}')


def test_a_manifest_that_does_not_match_its_checksum_is_refused(lists, inventory):
    inventory(ROWS)
    lists.put("inv/manifest.checksum", b"0" * 32)

    with pytest.raises(UsageError, match=r"manifest\.checksum says 000"):
        lists.open("inv/manifest.json")


def test_a_manifest_without_a_checksum_file_is_accepted(lists, inventory):
    inventory(ROWS, checksum=False)

    assert len(lists.named("inv/manifest.json")) == 2


def test_a_csv_file_that_does_not_match_its_checksum_is_refused(lists, inventory):
    inventory(ROWS)
    lists.put("inv/data/0.csv.gz", gzip.compress(b"archive,x.jpg\n"))

    with pytest.raises(UsageError, match="its MD5 is"):
        list(lists.open("inv/manifest.json").lines())


def test_a_missing_or_truncated_csv_file_is_refused(lists, inventory):
    values = inventory(ROWS)
    store = lists.opened("s3://lists")
    key = values["files"][0]["key"]
    lists.put(key, store.get(key)[:-4])

    with pytest.raises(UsageError, match="is cut short or damaged"):
        list(lists.open("inv/manifest.json").lines())
    store.delete(key)
    with pytest.raises(UsageError, match="this file of the inventory is gone"):
        list(lists.open("inv/manifest.json").lines())
