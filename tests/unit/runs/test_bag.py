"""Destinations become valid bags, from recorded hashes, and stay valid when jobs run again."""

from contextlib import closing

import bagit
import pytest

from colorworker.domain.bag import updated_info
from colorworker.domain.options import Options
from colorworker.errors import UsageError
from colorworker.pipeline.provenance import payload
from colorworker.runs.bag import check_bag, in_bag, mark_as_bag, update_manifests
from colorworker.store.local import LocalStore
from colorworker.store.memory import MemoryStore
from tests.jobharness import folder_entries, run_toy_job
from tests.threadexecutor import ThreadExecutor
from tests.verifying import context_of, findings, flip, save_sources

NAMES = {"data/a.tif", "data/sub/b.tif"}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    return save_sources(tmp_path_factory.mktemp("archive") / "archive", film=False)


def make_bag(sources, store, **options):
    """Run a job with --bag, without the checks and the report of a whole job."""
    chosen = Options(profile="archive", bag=True, **options)
    entries = list(in_bag(folder_entries(sources, chosen)))
    run_toy_job(sources, store, chosen, entries=entries)
    write_manifests(store)


def write_manifests(store):
    mark_as_bag(store)
    with closing(ThreadExecutor(context_of(store))) as executor:
        update_manifests(executor, "job", 1)


@pytest.fixture
def folder(sources, tmp_path):
    make_bag(sources, LocalStore(tmp_path / "bag"), sidecar="json,premis")
    return tmp_path / "bag"


def test_outputs_and_sidecars_are_the_payload_of_a_valid_bag(folder):
    bag = bagit.Bag(str(folder))

    bag.validate()
    assert set(bag.payload_entries()) >= NAMES | {f"{name}.premis.xml" for name in NAMES}
    assert bag.algorithms == ["sha256"]
    files = [path for path in (folder / "data").rglob("*") if path.is_file()]
    assert bag.info["Payload-Oxum"] == f"{sum(p.stat().st_size for p in files)}.{len(files)}"


def test_nothing_is_read_whose_hash_is_recorded(sources, tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(payload, "sha256_of", lambda reader: read.append(reader.name) or "0" * 64)

    make_bag(sources, LocalStore(tmp_path / "bag"), sidecar="json")

    assert read == []


def test_files_without_a_record_are_part_of_the_bag_too(folder):
    (folder / "data/a.variants.jpg").write_bytes(b"sheet")

    write_manifests(LocalStore(folder))

    bagit.Bag(str(folder)).validate()


def test_a_second_job_updates_the_bag_and_keeps_what_people_wrote(folder, tmp_path):
    store = LocalStore(folder)
    info = folder / "bag-info.txt"
    info.write_text("Source-Organization: Town\n  Archive\n" + info.read_text())
    more = save_sources(tmp_path / "more", film=False)
    (more / "a.tif").rename(more / "new.tif")

    make_bag(more, store)

    bag = bagit.Bag(str(folder))
    bag.validate()
    assert "data/new.tif" in bag.payload_entries()
    assert bag.info["Source-Organization"].split() == ["Town", "Archive"]
    assert info.read_text().count("Payload-Oxum") == 1


def test_an_output_that_another_job_replaced_has_its_new_hash(folder, sources):
    store = LocalStore(folder)

    make_bag(sources, store, label="none")

    bagit.Bag(str(folder)).validate()


@pytest.mark.parametrize("change", ["flip", "append"])
def test_a_damaged_output_keeps_its_recorded_hash(folder, change):
    path = folder / "data/a.tif"
    if change == "flip":
        flip(path, 0.5)
    else:
        path.write_bytes(path.read_bytes() + b"\0")

    write_manifests(LocalStore(folder))

    with pytest.raises(bagit.BagValidationError, match=r"data/a\.tif"):
        bagit.Bag(str(folder)).validate()


def test_a_bag_with_a_film_in_another_store_is_valid_after_a_copy(tmp_path):
    store = MemoryStore("color")
    make_bag(save_sources(tmp_path / "archive"), store)

    for info in store.list():
        path = tmp_path / "copy" / info.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(store.get(info.key))

    bagit.Bag(str(tmp_path / "copy")).validate()


def test_nothing_colored_makes_no_bag(tmp_path):
    store = LocalStore(tmp_path)

    write_manifests(store)

    assert [info.key for info in store.list()] == [".colorworker/bag"]


def test_a_bag_of_another_program_is_refused(tmp_path):
    (tmp_path / "manifest-md5.txt").write_text("")
    (tmp_path / "bagit.txt").write_text("BagIt-Version: 0.97\n")
    store = LocalStore(tmp_path)

    check_bag(store, "color", wanted=False)
    with pytest.raises(UsageError, match=r"color: it is a bag that no job made \(bagit\.txt"):
        check_bag(store, "color", wanted=True)


def test_a_job_that_would_not_update_the_bag_is_refused(tmp_path):
    store = LocalStore(tmp_path)
    mark_as_bag(store)

    check_bag(store, "color", wanted=True)
    with pytest.raises(UsageError, match="Add --bag"):
        check_bag(store, "color", wanted=False)


def test_manifests_that_cannot_be_written_are_an_error_with_a_next_step(folder):
    (folder / "bagit.txt").unlink()
    (folder / "bagit.txt").mkdir()

    with pytest.raises(UsageError, match="the outputs are done, but the manifests were not"):
        write_manifests(LocalStore(folder))


def test_a_valid_bag_has_no_findings(folder):
    assert findings(LocalStore(folder)) == {}


@pytest.mark.parametrize(
    ("name", "change", "found"),
    [
        ("manifest-sha256.txt", lambda text: text.replace(text[:64], "0" * 64), "data/a.tif"),
        ("manifest-sha256.txt", lambda text: text.partition("\n")[2], "data/a.tif"),
        ("manifest-sha256.txt", lambda text: f"{text}{'0' * 64}  data/x.tif\n", "data/x.tif"),
        ("manifest-sha256.txt", lambda text: f"{text}junk\n", "manifest-sha256.txt"),
        ("bag-info.txt", lambda text: text.replace("Oxum: 1", "Oxum: 2"), "bag-info.txt"),
        ("bagit.txt", lambda _: "", "bagit.txt"),
    ],
)
def test_changed_manifests_are_found(folder, name, change, found):
    path = folder / name
    path.write_text(change(path.read_text()))

    seen = {key for key, code in findings(LocalStore(folder)) if code == "bag"}

    assert {name, found} <= seen


def test_new_and_missing_files_of_the_payload_are_found(folder):
    (folder / "data/new.txt").write_text("new")
    (folder / "data/a.tif.premis.xml").unlink()

    found = findings(LocalStore(folder))

    assert "does not list it" in found["data/new.txt", "bag"]
    assert "is missing" in found["data/a.tif.premis.xml", "bag"]
    assert ("data/a.tif", "sidecar") in found


def test_labels_that_people_wrote_stay_in_their_order():
    before = "B: 1\n  more\npayload-oxum: 1.1\n  x\nA: 2\n"

    assert (
        updated_info(before, {"Payload-Oxum": "2.2"}) == "B: 1\n  more\nA: 2\nPayload-Oxum: 2.2\n"
    )
    assert updated_info("", {"C": "3"}) == "C: 3\n"
