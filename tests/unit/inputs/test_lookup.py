"""From a manifest to the entries of a job: details looked up, classified, named, or failed."""

import json
from collections import Counter

import pytest

from colorworker.domain.options import Options
from colorworker.errors import SourceUnreadable, StoreUnavailable
from colorworker.inputs.listing import OpenSource, list_entries
from colorworker.store.memory import MemoryStore
from colorworker.store.sources import Source

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


class Archive(MemoryStore):
    """A bucket that counts requests."""

    def __init__(self, *keys):
        super().__init__("archive")
        self.asked = Counter()
        for key in keys:
            self.put(key, PNG)

    def list(self, prefix=""):
        self.asked["list"] += 1
        yield from super().list(prefix)

    def list_one(self, key, *, version=""):
        self.asked["list_one"] += 1
        if version:
            raise SourceUnreadable(key, f"version {version} is not kept", "Leave it out")
        return super().list_one(key)

    def open(self, key, **pins):
        self.asked["open"] += 1
        return super().open(key, **pins)


@pytest.fixture
def plan(lists):
    def planned(store, name, *lines, options=Options(), **choice):  # noqa: B008
        text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
        manifest = lists.open(name, text.encode())
        source = OpenSource(Source(manifest.root, **choice), store, manifest)
        return {entry.key: entry for entry in list_entries([source], options)}

    return planned


def test_size_and_etag_are_looked_up_if_the_manifest_lacks_them(plan):
    store = Archive("a.png", "b.png", "not-named.png")

    found = plan(store, "keys.csv", "archive,a.png", "archive,b.png")

    assert set(found) == {"a.png", "b.png"}
    assert found["a.png"].etag == store.head("a.png").etag
    assert found["a.png"].size_bytes == len(PNG)
    assert found["a.png"].output_key == "a.png"
    assert store.asked == {"list_one": 2}


def test_size_and_etag_in_a_manifest_are_not_looked_up(plan):
    store = Archive()

    found = plan(store, "i.jsonl", {"key": "a.png", "size_bytes": 7, "etag": "x"})

    assert (found["a.png"].size_bytes, found["a.png"].etag) == (7, "x")
    assert not store.asked


def test_a_folder_is_listed_if_the_manifest_names_many_of_its_objects(plan):
    keys = [f"box/{number:03d}.png" for number in range(60)]
    store = Archive(*keys, *(f"box/other-{number}.png" for number in range(50)), "a.png")

    found = plan(store, "keys.csv", *(f"archive,{key}" for key in [*keys, "a.png"]))

    assert all(found[key].etag == store.head(key).etag for key in [*keys, "a.png"])
    assert store.asked == {"list": 1, "list_one": 1}


def test_listing_a_folder_stops_if_it_holds_too_many_other_objects(plan):
    keys = [f"box/z{number:03d}.png" for number in range(60)]
    store = Archive(*(f"box/{number}.png" for number in range(1000)), *keys)

    found = plan(store, "keys.csv", *(f"archive,{key}" for key in keys))

    assert not [entry for entry in found.values() if entry.outcome]
    assert store.asked == {"list": 1, "list_one": 60}


def test_an_object_named_with_its_version_is_looked_up_not_listed(plan):
    keys = [f"box/{number:03d}.png" for number in range(60)]
    store = Archive(*keys)

    found = plan(
        store, "i.jsonl", {"key": keys[0], "version": "v1"}, *({"key": k} for k in keys[1:])
    )

    assert found[keys[0]].etag == ""
    assert "version v1 is not kept" in found[keys[0]].error
    assert store.asked == {"list": 1, "list_one": 1}


def test_a_missing_object_fails_with_its_line_and_the_others_succeed(plan):
    found = plan(Archive("a.png"), "keys.csv", "archive,gone.png", "archive,a.png")

    assert found["gone.png"].error == (
        "keys.csv, line 1: gone.png: not in memory://archive."
        " Correct the manifest, or remove the line."
    )
    assert (found["gone.png"].outcome, found["gone.png"].error_code) == ("failed", "key_missing")
    assert found["a.png"].output_key == "a.png"


def test_the_second_line_for_an_object_fails(plan):
    found = plan(Archive("a.png"), "keys.csv", "archive,a.png", "", "archive,a.png")

    assert found["a.png"].output_key == "a.png"
    assert found["keys.csv, line 3"].error == (
        "keys.csv, line 3: a.png was already named by keys.csv, line 1."
        " Remove one of them; a second version or output of it needs a separate job."
    )
    assert found["keys.csv, line 3"].error_code == "line_refused"


def test_a_refused_line_is_a_failed_item(plan):
    found = plan(Archive("a.png"), "keys.csv", "archive,a.png", "archive,../b.png")

    entry = found["keys.csv, line 2"]
    assert (entry.outcome, entry.error_code) == ("failed", "line_refused")
    assert "could lead out" in entry.error
    assert entry.root.endswith("lists")


def test_unclear_names_are_classified_by_content_and_sidecars_are_not_read(plan):
    store = Archive("scan", "scan.xml")
    store.put("letter", b"hello")

    found = plan(store, "keys.csv", "archive,scan", "archive,scan.xml", "archive,letter")

    assert (found["scan"].kind, found["scan"].output_key) == ("still", "scan.tif")
    assert found["scan.xml"].outcome == found["letter"].outcome == "skipped"
    assert store.asked == {"list_one": 2, "open": 2}


def test_exclude_applies_to_manifests(plan):
    store = Archive("a.png", "b.png")

    found = plan(store, "keys.csv", "archive,a.png", "archive,b.png", exclude=("b.*",))

    assert list(found) == ["a.png"]


def test_an_items_own_profile_gives_the_output_extension(plan):
    store = Archive("a.png", "b.png")

    found = plan(store, "i.jsonl", {"key": "a.png"}, {"key": "b.png", "profile": "archive"})

    assert found["a.png"].output_key == "a.png"
    assert found["b.png"].output_key == "b.tif"
    assert found["b.png"].own_options == (("profile", "archive"),)


def test_an_option_equal_to_the_jobs_is_not_an_own_option(plan):
    found = plan(
        Archive("a.png"),
        "i.jsonl",
        {"key": "a.png", "profile": "archive", "vividness": 0.5},
        options=Options(profile="archive"),
    )

    assert found["a.png"].own_options == (("vividness", 0.5),)


def test_an_items_own_profile_brings_its_codec_and_quality(plan):
    job = Options(codec="av1", crf=60)
    store = Archive("a.mp4", "b.mp4", "c.mp4")

    found = plan(
        store,
        "i.jsonl",
        {"key": "a.mp4", "profile": "archive"},
        {"key": "b.mp4", "codec": "hevc"},
        {"key": "c.mp4", "codec": "prores"},
        options=job,
    )

    assert found["a.mp4"].options(job) == Options(profile="archive")
    assert found["b.mp4"].options(job) == Options(codec="hevc")
    assert found["i.jsonl, line 3"].error == (
        "i.jsonl, line 3: codec prores: profile access does not write it."
        " Choose h264 or hevc or av1."
    )


def test_a_requested_output_name_takes_precedence(plan):
    store = Archive("a.png", "b.png")

    found = plan(store, "i.jsonl", {"key": "b.png", "output": "a.png"}, {"key": "a.png"})

    assert found["b.png"].output_key == "a.png"
    assert found["a.png"].output_key == "a~7f0712.png"


def test_if_two_items_request_the_same_name_the_first_key_gets_it(plan):
    store = Archive("a.png", "b.png")

    found = plan(
        store,
        "i.jsonl",
        {"key": "b.png", "output": "x/c.png"},
        {"key": "a.png", "output": "x/c.png"},
    )

    assert found["a.png"].output_key == "x/c.png"
    assert (found["b.png"].outcome, found["b.png"].error_code) == ("failed", "output_collision")
    assert found["b.png"].output_key == ""


def test_an_item_without_extension_gets_another_name_if_its_own_is_requested_by_another(plan):
    store = Archive("scan", "b.tif")

    found = plan(store, "i.jsonl", {"key": "scan"}, {"key": "b.tif", "output": "scan.tif"})

    assert found["b.tif"].output_key == "scan.tif"
    assert found["scan"].output_key == "scan~59ad1b.tif"


@pytest.mark.parametrize("known", [{}, {"size_bytes": 7, "etag": "x"}])
def test_a_requested_name_with_the_wrong_extension_is_refused(plan, known):
    found = plan(Archive("b.png"), "i.jsonl", {"key": "b.png", "output": "c.jpg", **known})

    assert found["b.png"].error == (
        "i.jsonl, line 1: the output c.jpg of b.png would be a .png."
        " Use the extension .png, or omit the output."
    )


def test_a_version_in_a_manifest_is_looked_up(plan):
    store = Archive("a.png")

    found = plan(store, "keys.csv", "archive,a.png,v1")

    assert found["a.png"].version == "v1"
    assert "line 1: a.png: version v1 is not kept" in found["a.png"].error


def test_an_unavailable_store_ends_planning_instead_of_failing_every_line(plan):
    class Away(Archive):
        def list_one(self, key, *, version=""):
            raise StoreUnavailable("archive", "does not answer", "Wait")

    with pytest.raises(StoreUnavailable):
        plan(Away("a.png"), "keys.csv", "archive,a.png")
