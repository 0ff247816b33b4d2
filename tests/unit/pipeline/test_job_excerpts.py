"""Whole jobs for an excerpt of a film: its frames, its sound and its subtitles."""

from dataclasses import replace
from fractions import Fraction

import av
import pytest

from colorworker.domain.excerpt import Excerpt
from colorworker.domain.options import Options
from colorworker.media.synthetic import Recipe, make_film
from colorworker.store.memory import MemoryStore
from tests.jobharness import run_toy_job

CHAPTERS = (("one", 0, 800), ("two", 800, 1600), ("three", 1600, 2400))


@pytest.fixture
def source(tmp_path):
    recipe = Recipe(frames=60, gop_size=8, b_frames=2, sound="pcm_s16le", chapters=CHAPTERS)
    make_film(tmp_path / "reel.mkv", recipe)
    return tmp_path


def run(source, destination, excerpt=None):
    options = Options(profile="archive", segment_frames=16, excerpt=excerpt)
    (line,) = run_toy_job(source, destination, options).values()
    return line


def decoded(reader, kind="video"):
    with av.open(reader) as film:
        return [
            (frame.time, frame.to_ndarray(format="gray") if kind == "video" else frame.samples)
            for frame in film.decode(**{kind: 0})
        ]


def test_an_excerpt_starts_at_time_0_with_its_sound_and_chapters(source):
    destination = MemoryStore("destination")

    line = run(source, destination, Excerpt(520, 1480))

    assert line.output_key == "reel.00_00_00.520-00_00_01.480.mkv"
    assert (line.outcome, line.frames) == ("succeeded", 24)
    before = decoded(str(source / "reel.mkv"))[13:37]
    after = decoded(destination.open(line.output_key))
    assert [time for time, _ in after] == pytest.approx([n / 25 for n in range(24)], abs=0.001)
    assert all((one[1] == other[1]).all() for one, other in zip(before, after, strict=True))
    sound = decoded(destination.open(line.output_key), "audio")
    assert 0 <= sound[0][0] < 0.03
    assert sum(samples for _, samples in sound) / 48_000 == pytest.approx(0.96, abs=0.03)
    with av.open(destination.open(line.output_key)) as film:
        chapters = [
            (each["metadata"]["title"], round(float(each["start"] * each["time_base"]), 3))
            for each in film.chapters()
        ]
    assert chapters == [("one", 0), ("two", 0.28)]
    assert not [warning for warning in line.warnings if "chapter" in warning]
    assert sum(shot.frames for shot in line.shots) == 24


def test_the_timecode_of_a_matroska_file_is_not_that_of_its_excerpt(tmp_path):
    make_film(
        tmp_path / "reel.mkv",
        Recipe(frames=60, gop_size=8, metadata={"timecode": "01:00:00:00"}),
    )
    destination = MemoryStore("destination")

    whole = run(tmp_path, destination)
    part = run(tmp_path, destination, Excerpt(520, 1480))

    for line, expected in ((whole, True), (part, False)):
        with av.open(destination.open(line.output_key)) as film:
            names = {name.lower() for each in (film, *film.streams) for name in each.metadata}
        assert ("timecode" in names) is expected
        assert any("timecode is dropped" in said for said in line.warnings) is not expected


def test_an_earlier_excerpt_does_not_change_the_whole_film(source):
    first, second = MemoryStore("destination"), MemoryStore("destination")

    run(source, first, Excerpt(520, 1480))
    after = run(source, first)
    alone = run(source, second)

    assert after.frames == 60
    # Matroska files contain random ids.
    same = {"seconds": {}, "output_sha256": ""}
    assert replace(after, **same) == replace(alone, **same)
    frames, expected = (decoded(store.open("reel.mkv")) for store in (first, second))
    assert [time for time, _ in frames] == [time for time, _ in expected]
    assert all((one == other).all() for (_, one), (_, other) in zip(frames, expected, strict=True))


def test_an_excerpt_beyond_the_end_fails_the_film_by_name(source):
    line = run(source, MemoryStore("destination"), Excerpt(2000, 9000))

    assert line.outcome == "failed"
    assert "reel.mkv: does not have all of 00:00:02.000 to 00:00:09.000" in line.error


def test_subtitles_that_overlap_an_excerpt_are_clipped():
    from colorworker.media.containers.trim import TrimRange

    class Packet:
        time_base, size, stream = Fraction(1, 1000), 9, type("Stream", (), {"type": "subtitle"})

        def __init__(self, pts, duration):
            self.pts = self.dts = pts
            self.duration = duration

    span = TrimRange(Fraction(1), Fraction(2))
    kept = [
        each
        for each in map(Packet, (0, 700, 1200, 1900), (1000, 600, 300, 900))
        if span.clip_packet(each)
    ]

    assert [(each.pts, each.duration) for each in kept] == [(1000, 300), (1200, 300), (1900, 100)]
