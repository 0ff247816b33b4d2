"""Which numbered pictures become films, and what is said about the others."""

import struct

import pytest

from colorworker.domain.entries import Entry
from colorworker.domain.options import Options
from colorworker.inputs.listing import OpenSource, list_entries
from colorworker.inputs.sequences import FEWEST_FRAMES, likely_sequences
from colorworker.store.local import LocalStore
from colorworker.store.sources import Source, parse_source

FILM = Options(sequences="film", fps=18.0)


def pictures(folder, numbers, name="scan_{:04d}.png", content=b"\x89PNG\r\n\x1a\n"):
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (folder / name.format(number)).write_bytes(content)


def entries_of(folder, options, source=None):
    source = source or Source(str(folder))
    return list_entries([OpenSource(source, LocalStore(folder))], options)


def dpx_header(rate):
    header = bytearray(2048)
    struct.pack_into(">II", header, 0, 0x53445058, 2048)
    struct.pack_into(">H", header, 770, 1)
    struct.pack_into(">f", header, 1724, rate)
    return bytes(header)


def test_numbered_photographs_of_an_album_stay_pictures_unless_sequences_are_asked_for(tmp_path):
    pictures(tmp_path, range(1, 30), "IMG_{:04d}.jpg", b"\xff\xd8\xff")

    single = entries_of(tmp_path, Options())
    film = entries_of(tmp_path, FILM)

    assert [entry.kind for entry in single] == ["still"] * 29
    assert [(entry.key, entry.kind) for entry in film] == [("IMG_%04d.jpg", "film")]


def test_a_sequence_is_one_film_named_after_its_frames(tmp_path):
    pictures(tmp_path / "reel7", range(86400, 86400 + FEWEST_FRAMES), "scan_{:06d}.png")

    (entry,) = entries_of(tmp_path, FILM)

    assert (entry.key, entry.output_key) == ("reel7/scan_%06d.png", "reel7/scan.mp4")
    assert entry.version == "sequence:18/1"
    assert entry.etag.startswith("sequence:18/1:")
    assert entry.size_bytes == 8 * FEWEST_FRAMES


@pytest.mark.parametrize(
    ("name", "output"),
    [("{:04d}.png", "reel.mp4"), ("a.{:05d}.png", "reel/a.mp4"), ("{}.png", "reel.mp4")],
)
def test_frames_that_are_only_numbers_are_named_after_their_folder(tmp_path, name, output):
    pictures(tmp_path / "reel", range(5, 15), name)

    (entry,) = entries_of(tmp_path, FILM)

    assert entry.output_key == output
    assert not entry.outcome


def test_a_few_numbered_pictures_stay_pictures_beside_a_sequence(tmp_path):
    pictures(tmp_path, range(FEWEST_FRAMES - 1), "photo{}.png")
    pictures(tmp_path, range(20), "scan{}.png")

    found = entries_of(tmp_path, FILM)

    assert [entry.kind for entry in found] == ["still"] * (FEWEST_FRAMES - 1) + ["film"]


def test_missing_frames_are_named_and_refused_unless_they_are_to_be_held(tmp_path):
    pictures(tmp_path, [*range(1, 10), 11, *range(15, 20)])

    (refused,) = entries_of(tmp_path, FILM)
    (held,) = entries_of(tmp_path, Options(sequences="film", fps=18.0, sequence_gaps="hold"))

    assert refused.outcome == "failed"
    assert "4 frames are missing between 1 and 19: 10, 12 to 14" in refused.error
    assert "--sequence-gaps hold" in refused.error
    assert not held.outcome


def test_frames_without_a_rate_need_one(tmp_path):
    pictures(tmp_path, range(10))

    (film,) = entries_of(tmp_path, Options(sequences="film"))

    assert film.outcome == "failed"
    assert "--fps" in film.error


@pytest.mark.parametrize(
    ("rate", "exact"),
    [(24.0, "24/1"), (23.976, "24000/1001"), (29.97, "30000/1001")],
)
def test_the_rate_comes_from_the_header_of_dpx_frames(tmp_path, rate, exact):
    pictures(tmp_path, range(10), "a{:03d}.dpx", dpx_header(rate))

    (entry,) = entries_of(tmp_path, Options(sequences="film"))

    assert entry.version == f"sequence:{exact}"


def test_two_ways_to_write_a_number_are_refused(tmp_path):
    pictures(tmp_path, range(1, 10), "a{}.png")
    pictures(tmp_path, range(3, 5), "a{:03d}.png")

    (entry,) = entries_of(tmp_path, FILM)

    assert "two frames have the number 3" in entry.error


def test_a_changed_frame_changes_the_identity(tmp_path):
    pictures(tmp_path, range(10))
    (before,) = entries_of(tmp_path, FILM)

    pictures(tmp_path, [4], content=b"\x89PNG\r\n\x1a\n changed")
    (after,) = entries_of(tmp_path, FILM)

    assert before.etag != after.etag


@pytest.mark.parametrize("pattern", ["scan_%04d.png", "scan_####.png", "scan_%d.png"])
def test_a_pattern_as_source_is_one_film(tmp_path, pattern):
    pictures(tmp_path, range(1, 4))
    pictures(tmp_path, range(1, 4), "other_{:04d}.png")

    source = parse_source(str(tmp_path / pattern))
    (entry,) = entries_of(tmp_path, Options(fps=24.0), source)

    assert (entry.kind, entry.key) == ("film", "scan_%04d.png")


def test_many_numbered_pictures_of_one_size_are_called_likely_sequences():
    def entry(name, number, size):
        return Entry("file:///a", name.format(number), size, "e", "still")

    scans = [entry("reel/scan_{:05d}.dpx", number, 4096) for number in range(120)]
    album = [entry("reel/IMG_{:04d}.jpg", number, 5000 + number) for number in range(120)]
    few = [entry("reel/x{:02d}.tif", number, 4096) for number in range(90)]

    assert list(likely_sequences([*scans, *album, *few])) == [("reel/scan_%05d.dpx", 120)]


@pytest.mark.parametrize(
    ("place", "value", "said"), [(770, b"\0\2", "2 image elements"), (801, b"\2", "linear light")]
)
def test_dpx_frames_of_other_kinds_are_refused_by_name(tmp_path, place, value, said):
    header = bytearray(dpx_header(24.0))
    header[770:772] = b"\0\1"
    header[place : place + len(value)] = value
    pictures(tmp_path, range(10), "a{:03d}.dpx", bytes(header))

    (entry,) = entries_of(tmp_path, Options(sequences="film"))

    assert entry.error_code == "source_unsupported"
    assert said in entry.error


def test_an_empty_frame_is_named(tmp_path):
    pictures(tmp_path, range(10))
    (tmp_path / "scan_0004.png").write_bytes(b"")

    (entry,) = entries_of(tmp_path, FILM)

    assert entry.error.startswith("scan_0004.png: the file is empty")


@pytest.mark.parametrize(("count", "failed"), [(3, ["p1.png"]), (20, ["p%01d.png"])])
def test_a_frame_that_cannot_be_read_fails_its_sequence_and_no_other_picture(
    tmp_path, count, failed
):
    pictures(tmp_path, range(count), "p{}.png")
    (tmp_path / "p1.png").unlink()
    (tmp_path / "p1.png").symlink_to(tmp_path / "gone.png")

    found = entries_of(tmp_path, FILM)

    assert [entry.key for entry in found if entry.outcome == "failed"] == failed
    assert all("p1.png" in entry.error for entry in found if entry.outcome)
    assert all(entry.kind for entry in found if not entry.outcome)
