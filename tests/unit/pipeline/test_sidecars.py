"""Sidecars say where an output comes from, on request only, and need no coloring."""

import json
import os
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from colorworker import __version__
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Asset, Options
from colorworker.domain.provenance import SOURCE_TYPE, provenance_of
from colorworker.domain.records import Record, StillInfo
from colorworker.pipeline.provenance.premis import premis_xml
from colorworker.pipeline.provenance.sidecars import read_sidecars
from colorworker.state import all_records
from colorworker.store.local import LocalStore
from colorworker.store.memory import MemoryStore
from tests.verifying import FRAMES, color, findings, save_sources

P = "{http://www.loc.gov/premis/v3}"
SCHEMAS = Path(
    os.environ.get("COLORWORKER_TEST_SCHEMAS", Path(__file__).parents[4] / "shared/schemas")
)
RIGHTS = "Public domain; https://creativecommons.org/publicdomain/mark/1.0/ <&>"
NAMES = ("a.tif", "reel.mkv", "sub/b.tif")


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    return save_sources(tmp_path_factory.mktemp("archive") / "a b")


@pytest.fixture(scope="module")
def finished(sources):
    store = MemoryStore("color")
    color(sources, store, sidecar="json,premis", rights=RIGHTS)
    return store


@pytest.fixture
def store(tmp_path, sources):
    destination = LocalStore(tmp_path / "color")
    color(sources, destination, sidecar="json,premis")
    return destination


def keys(store):
    return {info.key for info in store.list() if not info.key.startswith(".colorworker/")}


def record_of(store, output_key):
    return next(each for each in all_records(store) if each.output_key == output_key)


def texts(root, name):
    return [element.text for element in root.iter(f"{P}{name}")]


@pytest.mark.parametrize("profile", ["access", "mezzanine", "archive"])
def test_no_profile_writes_sidecars_by_itself(profile):
    assert Options(profile=profile).sidecar_kinds == ()


def test_sidecars_are_written_beside_every_output(finished):
    assert keys(finished) == {
        name + suffix for name in NAMES for suffix in ("", ".provenance.json", ".premis.xml")
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_json_sidecar_says_what_the_record_says(finished, sources, name):
    record = record_of(finished, name)

    found = json.loads(finished.get(f"{name}.provenance.json"))

    assert found["output"]["sha256"] == record.sha256
    assert found["output"]["size_bytes"] == record.size_bytes
    assert found["source"]["sha256"] == record.info.source_sha256
    assert found["source"]["uri"] == (sources / record.source_key).as_uri()
    assert found["source"]["size_bytes"] == (sources / record.source_key).stat().st_size
    assert found["colored_at"] == record.created_at
    assert found["software"] == __version__
    assert found["models"] == [{"name": "toy", "sha256": "0" * 64}]
    assert found["options"] == {"profile": "archive", "segment_frames": 12}
    assert found["rights"] == RIGHTS
    assert found["digital_source_type"] == SOURCE_TYPE
    assert found["frames"] == (FRAMES if name == "reel.mkv" else 1)


@pytest.mark.parametrize("name", NAMES)
def test_the_premis_sidecar_has_objects_event_agents_and_rights(finished, sources, name):
    record = record_of(finished, name)

    root = ElementTree.fromstring(finished.get(f"{name}.premis.xml"))

    source = (sources / record.source_key).as_uri()
    output, original = root.findall(f"{P}object")
    assert texts(output, "messageDigest") == [record.sha256]
    assert texts(output, "size") == [str(record.size_bytes)]
    assert texts(output, "creatingApplicationVersion") == [__version__]
    assert texts(output, "relatedObjectIdentifierValue") == [source]
    assert texts(original, "objectIdentifierValue") == [source]
    assert texts(original, "messageDigest") == [record.info.source_sha256]
    (event,) = root.findall(f"{P}event")
    assert texts(event, "eventType") == ["colorization"]
    assert texts(event, "eventDateTime") == [record.created_at]
    assert texts(event, "linkingObjectIdentifierValue") == [source, name]
    assert texts(root, "agentVersion") == [__version__]
    assert texts(root, "agentIdentifierValue") == ["colorworker", "0" * 64]
    assert texts(root, "otherRightsNote") == [RIGHTS]
    identifiers = {
        value
        for kind in ("object", "event", "agent")
        for value in texts(root, f"{kind}IdentifierValue")
    }
    linked = {
        value
        for kind in ("Object", "Event", "Agent")
        for value in texts(root, f"linking{kind}IdentifierValue")
    }
    assert linked <= identifiers


def hostile():
    """Return facts with characters that XML cannot hold, or that need escaping."""
    record = Record(
        "u", "still", "succeeded", "a\x01<b>&\udce9.tif", "e", output_key="a\x01<b>&.tif",
        sha256="1" * 64, size_bytes=1, created_at="2026-11-29T21:03:36+00:00",
        source_root="s3://bucket", info=StillInfo(1, 1, "2" * 64, warnings=("lost \x0b it",)),
    )  # fmt: skip
    asset = Asset("s3://bucket", record.source_key, "still", 5, "e")
    model = ModelRef("w", "3" * 64, second=ModelRef("v", "4" * 64), share=0.5)
    return provenance_of(record, asset, Options(rights="]]> \ufffe"), model)


@pytest.mark.parametrize("name", [*NAMES, "hostile"])
def test_premis_sidecars_are_valid(finished, name):
    schema = SCHEMAS / "premis-v3-0.xsd"
    if not schema.exists():
        pytest.skip(f"no PREMIS schema in {SCHEMAS}")
    etree = pytest.importorskip("lxml.etree")
    data = premis_xml(hostile()) if name == "hostile" else finished.get(f"{name}.premis.xml")

    etree.XMLSchema(etree.parse(str(schema))).assertValid(etree.fromstring(data))


MANDATORY = {
    "object": ("objectIdentifier", "objectCharacteristics"),
    "objectCharacteristics": ("format",),
    "fixity": ("messageDigestAlgorithm", "messageDigest"),
    "event": ("eventIdentifier", "eventType", "eventDateTime"),
    "agent": ("agentIdentifier",),
    "rightsStatement": ("rightsStatementIdentifier", "rightsBasis"),
    "otherRightsInformation": ("otherRightsBasis",),
    "relationship": ("relationshipType", "relationshipSubType", "relatedObjectIdentifier"),
}
"""Mandatory semantic units of the PREMIS data dictionary, version 3.0, that we use."""


@pytest.mark.parametrize("name", [*NAMES, "hostile"])
def test_premis_sidecars_have_the_mandatory_units(finished, name):
    data = premis_xml(hostile()) if name == "hostile" else finished.get(f"{name}.premis.xml")
    root = ElementTree.fromstring(data)

    for parent, children in MANDATORY.items():
        found = list(root.iter(f"{P}{parent}"))
        assert found, parent
        for element in found:
            assert all(element.find(f"{P}{child}") is not None for child in children), parent
    assert root.get("version") == "3.0"


def test_sidecars_of_a_finished_archive_need_no_coloring(sources, tmp_path):
    store = LocalStore(tmp_path / "color")
    color(sources, store)
    before = keys(store)

    lines = color(sources, store, sidecar="premis")

    assert all(line.resumed for line in lines.values())
    assert keys(store) - before == {f"{name}.premis.xml" for name in NAMES}


def test_sidecars_do_not_change_and_are_not_put_again(store, sources):
    before = {key: store.head(key).etag for key in keys(store)}

    color(sources, store, sidecar="json,premis")

    assert {key: store.head(key).etag for key in keys(store)} == before


def test_a_lost_sidecar_is_written_again_and_a_new_note_replaces_the_old(store, sources):
    before = store.get("a.tif.premis.xml")
    store.delete("a.tif.premis.xml")

    color(sources, store, sidecar="json,premis")
    assert store.get("a.tif.premis.xml") == before
    color(sources, store, sidecar="json", rights="CC0")

    assert json.loads(store.get("a.tif.provenance.json"))["rights"] == "CC0"
    assert findings(store) == {}


def test_a_foreign_file_is_not_replaced(sources, tmp_path):
    store = LocalStore(tmp_path / "color")
    store.put("a.tif.premis.xml", b"<mine/>")

    lines = color(sources, store, sidecar="premis")

    assert lines["a.tif"].error_code == "output_collision"
    assert "a.tif.premis.xml" in lines["a.tif"].error
    assert store.get("a.tif.premis.xml") == b"<mine/>"


def test_a_preview_has_no_sidecars(sources, tmp_path):
    store = LocalStore(tmp_path / "color")

    color(sources, store, sidecar="json,premis", preview=True)

    assert keys(store) == set()


def test_swapped_and_missing_sidecars_are_found(store, tmp_path):
    first, second = (tmp_path / "color" / f"{name}.premis.xml" for name in ("a.tif", "sub/b.tif"))
    moved = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(moved)
    (tmp_path / "color/reel.mkv.provenance.json").unlink()

    found = findings(store)

    assert sorted(found) == [(name, "sidecar") for name in NAMES]
    assert "a.tif.premis.xml is not the one that was written" in found["a.tif", "sidecar"]
    assert "reel.mkv.provenance.json is missing" in found["reel.mkv", "sidecar"]


def test_sidecars_of_replaced_outputs_are_found_unless_replaced_too(store, sources):
    color(sources, store, label="none")
    stale = findings(store)
    color(sources, store, label="none", sidecar="json,premis")

    assert sorted(stale) == [(name, "sidecar") for name in NAMES]
    assert "has been replaced since" in stale["a.tif", "sidecar"]
    assert findings(store) == {}


def test_records_of_early_versions_get_sidecars_too(sources):
    record = Record(
        "u", "still", "succeeded", "a.tif", "e", output_key="a.tif", sha256="1" * 64,
        info=StillInfo(1, 1, "2" * 64),
    )  # fmt: skip

    facts = provenance_of(
        record, Asset("file:///x%20y", "a b.tif", "still", 5, "e"), Options(), ModelRef("w", "3")
    )

    assert facts.software == "unknown"
    assert facts.source.uri == "file:///x%20y/a.tif"
    with pytest.raises(ValueError, match="names no output"):
        provenance_of(
            replace(record, output_key=""),
            Asset("", "", "still", 0, ""),
            Options(),
            ModelRef("", ""),
        )
    assert read_sidecars(MemoryStore("x"), "u") is None
