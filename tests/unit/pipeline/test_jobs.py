"""Whole jobs without TensorFlow or Ray: real codecs, a toy colorizer, our own ports."""

import itertools
import shutil
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
import pyvips

from colorworker.domain.options import Adjustment, Options
from colorworker.errors import StoreUnavailable
from colorworker.media.synthetic import Recipe, make_film
from colorworker.report.itemlines import line_from_json, line_to_json
from colorworker.store.local import LocalStore
from colorworker.store.memory import MemoryStore
from tests.jobharness import folder_entries, run_toy_job
from tests.toycolorizer import ToyColorizer


class Counting(MemoryStore):
    """A memory store that records the keys put into it and can be made unavailable."""

    def __init__(self):
        super().__init__("destination")
        self.puts, self.away = [], 0

    def put_file(self, key, path):
        if self.away:
            self.away -= 1
            raise StoreUnavailable("destination", "it does not answer", "Wait")
        self.puts.append(key)
        return super().put_file(key, path)


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    rows, columns = np.mgrid[0:60, 0:80]
    pyvips.Image.new_from_array(((rows * columns) % 256).astype(np.uint8)).write_to_file(
        str(folder / "a.png")
    )
    make_film(folder / "reel.mkv", Recipe(frames=48, gop_size=12, rate=Fraction(24), sound="aac"))
    return folder


def run(source, destination, options=Options(segment_frames=12), colorizer=None, **settings):  # noqa: B008
    make = colorizer if colorizer is None or isinstance(colorizer, type) else lambda _: colorizer
    return run_toy_job(source, destination, options, make_colorizer=make, workers=2, **settings)


def outputs(store):
    return {info.key for info in store.list() if not info.key.startswith(".colorworker/")}


def luma(data):
    with av.open(data) as film:
        return [
            np.frombuffer(f.planes[0], np.uint8).reshape(f.height, -1)[:, : f.width].copy()
            for f in film.decode(video=0)
        ]


def chroma(data):
    with av.open(data) as film:
        return [frame.to_ndarray()[frame.height :] for frame in film.decode(video=0)]


def test_a_job_colors_everything_and_a_second_run_writes_nothing(source):
    destination = Counting()

    first = run(source, destination)
    puts = list(destination.puts)
    second = run(source, destination)

    assert {line.outcome for line in first.values()} == {"succeeded"}
    assert outputs(destination) == {"a.png", "reel.mkv"}
    assert destination.puts == puts
    assert all(line.resumed for line in second.values())
    assert (second["reel.mkv"].width, second["reel.mkv"].frames) == (64, 48)


def test_nothing_is_colored_again_in_a_destination_that_was_restored_from_a_backup(
    source, tmp_path
):
    run(source, LocalStore(tmp_path / "color"))
    # Other inodes and times, so other ETags.
    shutil.copytree(tmp_path / "color", tmp_path / "restored", copy_function=shutil.copy)

    def records():
        paths = (tmp_path / "restored" / ".colorworker" / "units").iterdir()
        return {path.name: path.stat().st_mtime_ns for path in paths}

    first = run(source, LocalStore(tmp_path / "restored"))
    renewed = records()
    second = run(source, LocalStore(tmp_path / "restored"))

    assert all(line.resumed for line in (*first.values(), *second.values()))
    assert records() == renewed


def test_the_archive_profile_keeps_luma_and_colors_chroma(source):
    destination = Counting()

    run(source, destination, Options(segment_frames=12, profile="archive"))

    with destination.open("reel.mkv") as film:
        after = luma(film)
    before = luma(str(source / "reel.mkv"))
    assert len(after) == len(before) == 48
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


def test_parts_are_deleted_when_the_film_is_published(source):
    destination = Counting()

    run(source, destination)

    assert not [info.key for info in destination.list(".colorworker/parts/") if ".nut" in info.key]


def test_a_short_outage_of_the_store_only_costs_attempts(source):
    destination = Counting()
    destination.away = 2

    lines = run(source, destination)

    assert {line.outcome for line in lines.values()} == {"succeeded"}
    assert max(line.attempts for line in lines.values()) > 1


def test_a_store_that_stays_unavailable_fails_its_items_by_name(source):
    destination = Counting()
    destination.away = 100

    lines = run(source, destination, max_attempts=1)

    assert {line.error_code for line in lines.values()} == {"store_unavailable"}
    assert outputs(destination) == set()


def test_a_source_that_changes_during_the_job_fails_instead_of_mixing_versions(source):
    destination = Counting()
    film = source / "reel.mkv"

    class Meddling(ToyColorizer):
        def predict(self, lightness, hints=None):
            # Replaced as a whole, as archives do. If it were overwritten in place, the thread that
            # reads it could fail to decode it first.
            changed = film.with_suffix(".new")
            changed.write_bytes(film.read_bytes() + b"\0")
            changed.replace(film)
            return super().predict(lightness, hints)

    lines = run(source, destination, colorizer=Meddling())

    assert lines["reel.mkv"].error_code == "source_changed"
    assert "reel.mkv" not in outputs(destination)


def test_foreign_files_under_the_names_of_outputs_are_kept_and_nothing_is_colored(source):
    destination, toy = Counting(), ToyColorizer()
    for name in ("a.png", "reel.mkv"):
        destination.put(name, b"a file of somebody else")

    lines = run(source, destination, colorizer=toy)

    assert {line.error_code for line in lines.values()} == {"output_collision"}
    assert {destination.get(name) for name in outputs(destination)} == {b"a file of somebody else"}
    assert toy.batches == []


def test_an_unexpected_exception_fails_only_its_item(source):
    class Broken(ToyColorizer):
        def predict(self, lightness, hints=None):
            raise ZeroDivisionError("a bug")

    lines = run(source, Counting(), colorizer=Broken())

    assert {line.error_code for line in lines.values()} == {"internal_error"}
    assert "ZeroDivisionError" in lines["a.png"].error


def test_a_color_picture_is_skipped_and_its_record_reused(source):
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 255, (6, 8, 3), dtype=np.uint8).repeat(20, 0).repeat(20, 1)
    pyvips.Image.new_from_array(blocks).write_to_file(str(source / "color.png"))
    destination = Counting()

    lines = run(source, destination)
    again = run(source, destination)
    anew = run(source, destination, Options(segment_frames=12, color_sources="recolor"))

    assert (lines["color.png"].outcome, lines["color.png"].error_code) == (
        "skipped",
        "already_color",
    )
    assert again["color.png"].outcome == "skipped"
    assert anew["color.png"].outcome == "succeeded"


def test_each_item_of_a_job_uses_its_own_options(source):
    destination, options = MemoryStore("destination"), Options()
    listed = folder_entries(source, options)
    own = {"a.png": (("vividness", 0.1),), "reel.mkv": (("profile", "archive"), ("preset", "fast"))}
    entries = [replace(entry, own_options=own[entry.key]) for entry in listed]
    looks = set()

    def colorizer(look):
        looks.add(look)
        return ToyColorizer()

    run_toy_job(source, destination, options, entries=entries, make_colorizer=colorizer)

    with av.open(destination.open("reel.mkv")) as film:
        assert film.streams.video[0].codec.name == "ffv1"
    assert looks == {
        replace(options, vividness=0.1).prediction_settings,
        options.prediction_settings,
    }


def make_shots(path, *lengths, gop_size=6):
    """Write a film of still scenes, one for each length in frames."""
    random = np.random.default_rng(1)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        stream.codec_context.gop_size = gop_size
        for length in lengths:
            scene = np.kron(random.integers(40, 220, (12, 16)), np.ones((10, 10))).astype(np.uint8)
            for _ in range(length):
                frame = av.VideoFrame.from_ndarray(scene, "gray").reformat(format="yuv420p")
                output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def test_shots_do_not_depend_on_the_cut_list(source):
    for path in source.iterdir():
        path.unlink()
    make_shots(source / "reel.mkv", 16, 17, 15)

    lists = []
    for segment_frames in (6, 18, 48):
        destination = MemoryStore("destination")
        line = run(source, destination, Options(segment_frames=segment_frames))["reel.mkv"]
        lists.append([(shot.frames, shot.transition) for shot in line.shots])
        sheet = pyvips.Image.new_from_buffer(destination.get(line.shot_sheet.key), "")

        assert line_from_json(line_to_json(line)) == line
        assert (sheet.height, sheet.width) == (line.shot_sheet.height, 3 * line.shot_sheet.width)
        assert sheet.numpy().reshape(-1, 3).mean(axis=0).min() > 20, "a shot's picture is missing"

    assert lists == [[(16, "start"), (17, "cut"), (15, "cut")]] * 3


def test_a_burned_notice_changes_luma_only_in_its_corner_and_adds_a_comment(source):
    (source / "a.png").unlink()
    make_film(source / "reel.mkv", Recipe(frames=6, metadata={"COMMENT": "Found in a barn"}))
    destination = MemoryStore("destination")

    run(source, destination, Options(profile="archive", label="burn"))

    before = luma(str(source / "reel.mkv"))
    after = luma(destination.open("reel.mkv"))
    changed = np.any([one != other for one, other in zip(before, after, strict=True)], axis=0)
    rows, columns = np.nonzero(changed)
    assert rows.min() >= 32
    assert len(columns) > 300
    with av.open(destination.open("reel.mkv")) as film:
        comment = film.metadata["COMMENT"]
    assert comment.startswith("Found in a barn\nColorized by colorworker")


def test_a_notice_in_the_metadata_does_not_change_the_parts(source):
    destination = Counting()
    run(source, destination, Options(segment_frames=12, label="none"), keep_parts=True)
    destination.puts.clear()

    lines = run(source, destination, Options(segment_frames=12, label="tag"))

    assert lines["reel.mkv"].output_key
    assert [key for key in destination.puts if key.endswith(".nut")] == []


def test_a_preview_shows_every_shot_once_in_order_and_writes_no_film(source):
    (source / "reel.mkv").unlink()
    make_shots(source / "reel.mkv", 30, 20, 25, 12, 18, gop_size=5)
    destination = MemoryStore("destination")

    line = run(source, destination, Options(segment_frames=10, preview=True))["reel.mkv"]

    pictures = [
        pyvips.Image.new_from_buffer(destination.get(key), "").numpy().astype(float)
        for key in line.thumbnail_keys
    ]
    assert outputs(destination) == set()
    # A shot across the border of two stretches may be shown twice.
    assert 5 <= len(pictures) <= 5 + 7
    changes = [np.abs(a - b).mean() > 10 for a, b in itertools.pairwise(pictures)]
    assert sum(changes) == 4


def test_a_preview_deinterlaces_when_the_job_does(source):
    make_film(source / "reel.mkv", Recipe(frames=12, height=64, gop_size=6, field_order=2))
    combed, whole = (
        previewed(source, Options(preview=True, deinterlace=way)) for way in ("off", "bwdif")
    )

    # The stripes moved between the fields, so that successive lines differ.
    assert roughness(whole) < 0.9 * roughness(combed)


def previewed(source, options):
    destination = MemoryStore("destination")
    line = run(source, destination, options)["reel.mkv"]
    picture = pyvips.Image.new_from_buffer(destination.get(line.thumbnail_keys[0]), "")
    return picture.numpy().astype(float).mean(axis=2)


def roughness(picture):
    before = picture[:, : picture.shape[1] // 2]
    return np.abs(np.diff(before, n=2, axis=0)).mean()


def test_an_unsupported_matrix_fails_the_film_by_name(source):
    make_film(source / "reel.mkv", Recipe(frames=6, gop_size=6, colorspace=8))

    line = run(source, MemoryStore("destination"))["reel.mkv"]

    assert (line.outcome, line.error_code) == ("failed", "source_unsupported")
    assert "YCgCo" in line.error


class Vivid(ToyColorizer):
    """Warmer with more vividness."""

    def __init__(self, look):
        self.look = look

    def predict(self, lightness, hints=None):
        return np.full((*lightness.shape, 2), 30 * self.look.vividness, np.float32)


def test_adjusting_a_shot_recolors_only_its_segments(source):
    (source / "a.png").unlink()
    make_shots(source / "reel.mkv", 30, 20, 30, gop_size=10)
    destination = Counting()
    base = Options(profile="archive", segment_frames=10)
    shots = run(source, destination, base, Vivid, keep_parts=True)["reel.mkv"].shots
    start_ms, end_ms = (round(1000 * shots[number].start_seconds) for number in (1, 2))
    before = chroma(destination.open("reel.mkv"))
    destination.puts.clear()

    line = run(
        source, destination, replace(base, adjustments=(Adjustment(start_ms, end_ms, 0.0),)), Vivid
    )["reel.mkv"]

    after = chroma(destination.open("reel.mkv"))
    parts = [key for key in destination.puts if "/parts/" in key and line.output_key not in key]
    changed = [
        n for n, pair in enumerate(zip(before, after, strict=True)) if (pair[0] != pair[1]).any()
    ]
    assert changed == list(range(30, 50))
    assert all((after[number] == 128).all() for number in changed)
    assert len(parts) == 2 + 1, "two segments of ten frames, and the film"
