"""C2PA manifests are valid for C2PA's own reader, name the source, and show tampering."""

import hashlib
import io
import json
import logging

import c2pa
import numpy as np
import pytest
import pyvips
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from colorworker.domain.options import Options
from colorworker.domain.provenance import SOURCE_TYPE, media_type
from colorworker.domain.workersettings import WorkerSettings
from colorworker.errors import UsageError
from colorworker.media.synthetic import Recipe, make_film
from colorworker.pipeline.provenance.credentials import check_signing, sidecar_key
from colorworker.store.local import LocalStore
from tests.jobharness import run_toy_job
from tests.signing import make_signing, private_pem
from tests.verifying import findings, flip

PICTURES = ("a.jpg", "a.png", "a.tif", "a.webp")
FILMS = ("b.mp4", "b.mov", "b.mkv")


@pytest.fixture(scope="module")
def signing(tmp_path_factory):
    return make_signing(tmp_path_factory.mktemp("signing"))


@pytest.fixture(scope="module")
def signed(tmp_path_factory, signing):
    """Sources of every output format, with their signed copies."""
    folder = tmp_path_factory.mktemp("signed")
    gray = (np.add.outer(np.arange(48), np.arange(64)) % 256).astype(np.uint8)
    (folder / "sources").mkdir()
    for name in PICTURES:
        pyvips.Image.new_from_array(gray).write_to_file(str(folder / "sources" / name))
    for name in FILMS:
        make_film(folder / "sources" / name, Recipe(width=64, height=48, frames=12))
    color(folder, signing)
    return folder


def color(folder, signing, **options):
    store = LocalStore(folder / "color")
    chosen = Options(**{"c2pa": True, **options})
    lines = run_toy_job(folder / "sources", store, chosen, **signing.settings)
    assert {line.outcome for line in lines.values()} == {"succeeded"}, lines
    return lines


def read(path, data=None):
    """Return what C2PA's reader says of an output, or of other bytes in its place."""
    beside = path.with_suffix(".c2pa")
    manifest = beside.read_bytes() if path.suffix == ".mkv" else None
    stream = io.BytesIO(path.read_bytes() if data is None else data)
    return json.loads(c2pa.Reader(media_type(path.name), stream, manifest).json())


@pytest.mark.parametrize("name", [*PICTURES, *FILMS])
def test_manifests_are_valid_and_name_the_source(signed, name):
    found = read(signed / "color" / name)

    assert found["validation_state"] == "Valid"
    manifest = found["manifests"][found["active_manifest"]]
    (ingredient,) = manifest["ingredients"]
    sha256 = hashlib.sha256((signed / "sources" / name).read_bytes()).hexdigest()
    assert ingredient["relationship"] == "parentOf"
    assert ingredient["description"] == f"SHA-256 {sha256}"
    assertions = {each["label"]: each["data"] for each in manifest["assertions"]}
    opened, colored = assertions["c2pa.actions.v2"]["actions"]
    assert (opened["action"], colored["action"]) == ("c2pa.opened", "c2pa.color_adjustments")
    assert colored["digitalSourceType"] == SOURCE_TYPE
    facts = assertions["colorworker.provenance"]
    assert facts["source"]["sha256"] == sha256
    assert facts["models"] == [{"name": "toy", "sha256": "0" * 64}]
    assert "thumbnail" not in manifest
    assert manifest["signature_info"]["issuer"] == "Town Archive"


@pytest.mark.parametrize("name", [*PICTURES, *FILMS])
def test_tampering_is_found(signed, name):
    path = signed / "color" / name
    data = bytearray(path.read_bytes())
    # In TIFF and WebP the pixels come first, then the manifest.
    data[200 if name in {"a.tif", "a.webp"} else -20] ^= 1

    found = read(path, bytes(data))

    failures = found["validation_results"]["activeManifest"]["failure"]
    assert found["validation_state"] == "Invalid"
    assert {"assertion.dataHash.mismatch", "assertion.bmffHash.mismatch"} & {
        each["code"] for each in failures
    }


def test_a_signed_destination_has_no_findings(signed):
    assert findings(LocalStore(signed / "color")) == {}


def test_only_films_in_matroska_have_their_manifest_beside_them(signed):
    assert [path.name for path in (signed / "color").glob("*.c2pa")] == ["b.c2pa"]
    assert sidecar_key("x/b.c.mkv") == "x/b.c.c2pa"


def test_the_second_run_signs_nothing_again(signed, signing):
    before = (signed / "color/b.c2pa").read_bytes()

    lines = color(signed, signing)

    assert all(line.resumed for line in lines.values())
    assert (signed / "color/b.c2pa").read_bytes() == before


def test_verify_checks_the_manifest_beside_a_film(tmp_path, signing):
    (tmp_path / "sources").mkdir()
    for name in ("a", "b"):
        make_film(tmp_path / f"sources/{name}.mkv", Recipe(width=64, height=48, frames=6))
    color(tmp_path, signing)
    first, second = (tmp_path / f"color/{name}.c2pa" for name in ("a", "b"))
    moved = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(moved)

    found = findings(LocalStore(tmp_path / "color"))

    assert sorted(found) == [("a.mkv", "sidecar"), ("b.mkv", "sidecar")]


def test_verify_finds_a_flipped_bit_in_a_signed_picture(tmp_path, signing):
    (tmp_path / "sources").mkdir()
    gray = np.full((48, 64), 128, np.uint8)
    pyvips.Image.new_from_array(gray).write_to_file(str(tmp_path / "sources/a.tif"))
    color(tmp_path, signing)
    flip(tmp_path / "color/a.tif", 0.999)

    codes = {code for _, code in findings(LocalStore(tmp_path / "color"))}

    assert codes == {"changed", "sidecar"}


def test_the_key_is_neither_stored_nor_logged(signed, signing, caplog):
    caplog.set_level(logging.DEBUG)
    secret = signing.key.read_text().splitlines()[1].encode()

    color(signed, signing, label="none")

    stored = [path.read_bytes() for path in (signed / "color").rglob("*") if path.is_file()]
    assert all(secret not in data for data in stored)
    assert secret.decode() not in caplog.text
    assert secret.decode() not in repr(WorkerSettings(**signing.settings))


def test_a_certificate_of_the_right_kind_passes_the_check(signing):
    check_signing(WorkerSettings(**signing.settings))


def _other_key(folder):
    (folder / "key.pem").write_bytes(private_pem(ec.generate_private_key(ec.SECP256R1())))


def _encrypted(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    (folder / "key.pem").write_bytes(private_pem(key, b"password"))


def _unknown_kind(folder):
    key = x25519.X25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(pem)


def _other_algorithm(folder):
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(pem)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "key.pem").unlink(), "key.pem cannot be read (No such file"),
        (lambda folder: (folder / "chain.pem").write_text("x"), "C2PA does not accept it"),
        (lambda folder: (folder / "key.pem").write_text("x"), "not an unencrypted private key"),
        (_encrypted, "not an unencrypted private key"),
        (_unknown_kind, "of a kind that C2PA does not allow"),
        (_other_key, "C2PA does not accept it"),
        (_other_algorithm, "C2PA does not accept it"),
    ],
)
def test_a_machine_that_cannot_sign_says_why(tmp_path, change, said):
    signing = make_signing(tmp_path)
    change(tmp_path)

    with pytest.raises(UsageError) as refused:
        check_signing(WorkerSettings(**signing.settings))

    assert said in str(refused.value)
    assert str(refused.value).startswith("COLORWORKER_C2PA__")
    assert "docs/provenance.md" in str(refused.value)


def test_settings_that_are_missing_are_named():
    with pytest.raises(UsageError, match="COLORWORKER_C2PA__CERTIFICATE is not set"):
        check_signing(WorkerSettings())
