"""Hints are found beside pictures or in a folder of their own, and are never colored."""

import pytest

from colorworker.domain.entries import entry_from_json, entry_to_json
from colorworker.domain.hints import InputFile
from colorworker.domain.options import Options
from colorworker.errors import UsageError
from colorworker.inputs.hintsfiles import HintsIndex, apply_exemplars, apply_hints
from colorworker.inputs.listing import OpenSource, plan_entries
from colorworker.store.local import LocalStore
from colorworker.store.openstore import open_store
from colorworker.store.sources import Source

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@pytest.fixture
def folder(tmp_path):
    """A folder of pictures of which one has hints."""
    for name in ("a/b.tif", "a/b.hints.json", "a/b.hints.png", "c.png", "lost.hints.json"):
        path = tmp_path / "scans" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNG)
    return tmp_path / "scans"


def planned(folder, tmp_path, options=None, **source):
    """Return the keys of the hints of every entry, by the entry's key."""
    options, index = options or Options(), HintsIndex()
    opened = OpenSource(Source(str(folder), **source), LocalStore(folder))
    entries = plan_entries([opened], options, tmp_path, index)
    return {
        entry.key: [(file.root, file.key) for file in entry.options(options).hint_files]
        for entry in apply_hints(entries, options, index, open_store)
    }


def test_hints_beside_a_picture_belong_to_it_and_are_no_items(folder, tmp_path, caplog):
    uri = LocalStore(folder).uri

    found = planned(folder, tmp_path)

    assert found == {
        "a/b.tif": [(uri, "a/b.hints.png"), (uri, "a/b.hints.json")],
        "c.png": [],
    }
    assert "lost.hints.json: these color hints belong to no picture" in caplog.text


@pytest.mark.parametrize(
    "source", [{"include": ("*.tif",)}, {"pattern": "a/*.tif"}, {"key": "a/b.tif"}]
)
def test_hints_are_found_however_the_picture_is_chosen(folder, tmp_path, source):
    found = planned(folder, tmp_path, **source)

    assert [key for _, key in found["a/b.tif"]] == ["a/b.hints.png", "a/b.hints.json"]
    assert list(found) == ["a/b.tif"]


def test_a_folder_of_hints_takes_the_place_of_those_beside(folder, tmp_path):
    other = tmp_path / "hints"
    (other / "a").mkdir(parents=True)
    (other / "a/b.hints.json").write_bytes(b"[]")

    found = planned(folder, tmp_path, Options(hints=str(other)))

    assert found["a/b.tif"] == [(LocalStore(other).uri, "a/b.hints.json")]


def test_a_folder_without_hints_is_refused(folder, tmp_path):
    (tmp_path / "empty").mkdir()

    with pytest.raises(UsageError, match="holds no color hints"):
        planned(folder, tmp_path, Options(hints=str(tmp_path / "empty")))


def test_the_picture_that_reference_names_reaches_every_entry_through_the_plan(folder, tmp_path):
    options = Options(reference=str(folder / "c.png"))
    opened = OpenSource(Source(str(folder)), LocalStore(folder))
    entries = plan_entries([opened], options, tmp_path)

    found = [
        entry_from_json(entry_to_json(each)).options(options)
        for each in apply_exemplars(entries, options, open_store)
    ]

    info = LocalStore(folder).list_one("c.png")
    expected = InputFile(LocalStore(folder).uri, "c.png", info.etag, info.size_bytes)
    assert [each.exemplar for each in found] == [expected, expected]


@pytest.mark.parametrize("reference", ["scans", "scans/lost.png"])
def test_a_reference_that_is_no_single_picture_is_refused(folder, tmp_path, reference):
    options = Options(reference=str(tmp_path / reference))
    entries = plan_entries([OpenSource(Source(str(folder)), LocalStore(folder))], options, tmp_path)

    with pytest.raises(UsageError, match=r"no such file|not a single picture"):
        list(apply_exemplars(entries, options, open_store))


@pytest.fixture
def films(tmp_path):
    """A folder with a film that has hints on two frames, and a picture that has none."""
    for name in (
        "a/reel.mkv",
        "a/reel.hints/000040.json",
        "a/reel.hints/ref_000007.png",
        "a/reel.hints/hints_000007.json",
        "a/reel.hints.json",
        "a/c.png",
        "a/c.hints/000001.json",
    ):
        path = tmp_path / "reels" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNG)
    return tmp_path / "reels"


REEL = [
    "a/reel.hints/ref_000007.png",
    "a/reel.hints/hints_000007.json",
    "a/reel.hints/000040.json",
]


def test_hints_of_films_are_found_by_frame_and_painted_ones_come_first(films, tmp_path, caplog):
    found = planned(films, tmp_path)

    assert {key: [name for _, name in files] for key, files in found.items()} == {
        "a/reel.mkv": REEL,
        "a/c.png": [],
    }
    assert "a/c.hints/000001.json: these color hints belong to no film of this job" in caplog.text
    assert "hints for a film name a frame, such as a/reel.hints/000040.json" in caplog.text


@pytest.mark.parametrize("source", [{"include": ("*.mkv",)}, {"key": "a/reel.mkv"}])
def test_hints_of_films_are_found_however_the_film_is_chosen(films, tmp_path, source):
    found = planned(films, tmp_path, **source)

    assert [name for _, name in found["a/reel.mkv"]] == REEL


def test_a_folder_of_hints_can_have_those_of_films(films, tmp_path):
    other = tmp_path / "hints"
    (other / "a/reel.hints").mkdir(parents=True)
    (other / "a/reel.hints/000003.json").write_bytes(b"[]")

    found = planned(films, tmp_path, Options(hints=str(other)))

    assert found["a/reel.mkv"] == [(LocalStore(other).uri, "a/reel.hints/000003.json")]
