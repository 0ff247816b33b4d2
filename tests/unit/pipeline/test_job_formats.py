"""Every film of the format matrix: its scan, its frames for any cut list, and its archive copy."""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import get_args

import av
import pytest

from colorworker.domain.options import Options, Profile
from colorworker.domain.units import cut_timeline
from colorworker.media.synthetic import Recipe, make_film
from colorworker.report.itemlines import ItemLine
from colorworker.store.local import LocalStore
from tests.filmclips import CLIPS, Clip
from tests.filmmatrix import Film, decode_in_segments, largest_deviation, scan_and_decode, table_row
from tests.jobharness import run_toy_job
from tests.toycolorizer import ToyColorizer

PAGE = Path(__file__).parents[3] / "docs" / "film-formats.md"
TABLE_START, TABLE_END = "<!-- table -->\n", "<!-- end -->\n"
HALF_A_MATROSKA_TICK = Fraction(1, 2000)
COLORS = ("color_range", "colorspace", "color_primaries", "color_trc")
by_clip = pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.name)


@dataclass(frozen=True)
class Made:
    """The file of a clip, its properties, and the films made from it."""

    path: Path
    film: Film


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    @cache
    def make(clip: Clip) -> Made:
        path = clip.make(tmp_path_factory.mktemp("clip"))
        return Made(path, scan_and_decode(path))

    return make


@pytest.fixture(scope="module")
def colored(made):
    @cache
    def color(clip: Clip, profile: Profile) -> tuple[ItemLine, Film]:
        folder = made(clip).path.parent
        outputs = folder.with_name(f"{folder.name}-{profile}")
        line = job_line(folder, outputs, profile, own=clip.options)
        return line, scan_and_decode(outputs / line.output_key)

    return color


def job_line(sources, outputs, profile, *, succeeds=True, own=None, **settings):
    options = Options(profile=profile, segment_frames=8, anchor_interval=3, settle_anchors=1)
    options = replace(options, **(own or {}))
    lines = run_toy_job(sources, LocalStore(outputs), options, max_attempts=1, **settings)
    (line,) = lines.values()
    assert not succeeds or line.error == ""
    return line


@by_clip
def test_a_scan_finds_the_films_properties_and_times(clip, made):
    info = made(clip).film.info

    assert {name: getattr(info, name) for name in clip.truth} == clip.truth


@by_clip
def test_segments_of_any_cut_list_have_every_frame_at_its_time(clip, made):
    path, film = made(clip).path, made(clip).film
    whole = list(zip(film.timeline.pts.tolist(), film.lumas, strict=True))

    every_keyframe, eights = (cut_timeline(film.timeline, frames) for frames in (1, 8))

    assert (len(eights) > 1) == film.timeline.seekable
    assert largest_deviation(film, clip.seconds) <= film.timeline.time_base / 2
    assert decode_in_segments(every_keyframe, path, film) == whole
    assert decode_in_segments(eights, path, film) == whole


@by_clip
def test_the_archive_copy_has_the_films_luma_times_and_streams(clip, made, colored):
    source = made(clip).film

    line, output = colored(clip, "archive")

    assert len(line.warnings) == len(clip.warned)
    assert all(map(str.startswith, line.warnings, clip.warned)), line.warnings
    assert output.lumas == source.lumas
    assert largest_deviation(output, source.seconds) <= HALF_A_MATROSKA_TICK
    assert output.info.sample_aspect_ratio == source.info.sample_aspect_ratio
    assert output.info.rotation == source.info.rotation
    assert output.info.mirrored == source.info.mirrored
    assert output.info.crop == source.info.crop
    assert output.info.field_order == source.info.field_order
    for name in COLORS:
        assert getattr(output.info, name) == getattr(source.info, name), name


@pytest.mark.parametrize(
    "name",
    [
        "h264-turned.mov",
        "h264-transposed.mkv",
        "mpeg4-tilted.mp4",
        "dv-ntsc.avi",
        "ffv1-odd.mkv",
        "mpeg2.mpg",
        "h264-fields.mkv",
    ],
)
@pytest.mark.parametrize("profile", get_args(Profile))
def test_aspect_rotation_and_field_order_are_kept_by_every_profile(name, profile, made, colored):
    clip = next(clip for clip in CLIPS if clip.name == name)

    _, output = colored(clip, profile)

    source = made(clip).film.info
    assert output.info.sample_aspect_ratio == source.sample_aspect_ratio
    assert output.info.rotation == source.rotation
    assert output.info.mirrored == source.mirrored
    # If the source does not say, some encoders write that the film is progressive.
    assert max(output.info.field_order, 1) == max(source.field_order, 1)
    assert len(output.lumas) == len(clip.seconds)


SOUND = {
    "film.ts": {"codec": "mpeg2video", "b_frames": 2, "sound": "mp2"},
    "film.mpg": {"codec": "mpeg1video", "b_frames": 2, "sound": "mp2"},
    "film.vob": {"codec": "mpeg2video", "b_frames": 2, "field_order": 3, "sound": "ac3"},
    "film.mkv": {"b_frames": 2, "pts": range(20, 56), "time_base": Fraction(1, 25), "sound": "aac"},
    "film.mxf": {"b_frames": 2, "sound": "pcm_s16le"},
    "film.avi": {"codec": "mpeg4", "b_frames": 2, "sound": "libmp3lame"},
}


@pytest.mark.parametrize("name", SOUND)
def test_the_offset_of_sound_to_pictures_is_that_of_the_source(name, tmp_path):
    sources = tmp_path / "sources"
    sources.mkdir()
    source = make_film(sources / name, Recipe(**({"frames": 36} | SOUND[name])))

    line = job_line(sources, tmp_path / "outputs", "archive")

    output = tmp_path / "outputs" / line.output_key
    assert sound_after_pictures(output) == pytest.approx(sound_after_pictures(source), abs=0.0011)
    assert line.warnings == ()


def test_sound_that_begins_late_keeps_its_time(made, colored):
    clip = next(clip for clip in CLIPS if clip.name == "late-sound.ts")
    path = made(clip).path

    line, _ = colored(clip, "archive")

    output = path.parent.with_name(f"{path.parent.name}-archive") / line.output_key
    offset = sound_after_pictures(path)
    assert 8.9 < offset < 9.1
    assert sound_after_pictures(output) == pytest.approx(offset, abs=0.0011)


@pytest.mark.parametrize("starts_at", ["0", "1.04"], ids=["from 0", "0.4 s of overlap"])
@pytest.mark.parametrize("name", ["film.ts", "film.vob"])
def test_sound_stays_in_sync_across_joined_recordings(name, starts_at, tmp_path):
    sources = tmp_path / "sources"
    sources.mkdir()
    codec = {"codec": "mpeg2video", "b_frames": 2, "sound": "mp2"}
    first, second = (
        make_film(
            tmp_path / f"{frames}-{name}",
            Recipe(frames=frames, container_options={"output_ts_offset": offset}, **codec),
        )
        for frames, offset in ((36, "0"), (48, starts_at))
    )
    (sources / name).write_bytes(first.read_bytes() + second.read_bytes())

    line = job_line(sources, tmp_path / "outputs", "archive")

    output = tmp_path / "outputs" / line.output_key
    film, sound = scan_and_decode(output), sound_seconds(output)
    second_pictures = first_seconds(film) + 36 / 25
    second_sound = sound[len(sound_seconds(first))]
    assert film.seconds == [Fraction(index, 25) for index in range(84)]
    assert sound == sorted(sound)
    assert second_sound - second_pictures == pytest.approx(sound_after_pictures(second), abs=0.002)
    assert any("timestamps jump back: 1" in warning for warning in line.warnings)


def sound_seconds(path):
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(audio=0) if packet.size]
        return [float(packet.pts * packet.time_base) for packet in packets]


def sound_after_pictures(path):
    return sound_seconds(path)[0] - first_seconds(scan_and_decode(path))


def first_seconds(film):
    return float(int(film.timeline.pts[0]) * film.timeline.time_base)


@pytest.mark.parametrize("repeat", [False, True])
def test_an_undecodable_frame_fails_the_film_or_is_repeated_by_setting(repeat, tmp_path):
    sources = tmp_path / "sources"
    sources.mkdir()
    path = make_film(sources / "film.mov", Recipe(codec="mjpeg", pix_fmt="yuvj420p", frames=16))
    with av.open(str(path)) as container:
        packet = [bytes(packet) for packet in container.demux(video=0)][10]
    path.write_bytes(path.read_bytes().replace(packet, b"\xff" * len(packet)))

    line = job_line(
        sources, tmp_path / "outputs", "archive", succeeds=repeat, repeat_damaged=repeat
    )

    if repeat:
        lumas = scan_and_decode(tmp_path / "outputs" / line.output_key).lumas
        assert line.warnings == (
            "segment 1: 1 of 8 frames do not decode and repeat the previous frame",
        )
        assert len(lumas) == 16
        assert lumas[9] == lumas[10] != lumas[11]
    else:
        assert line.outcome == "failed"
        assert "COLORWORKER_MEDIA__REPEAT_DAMAGED=true" in line.error


def test_times_that_the_container_cannot_hold_are_refused_before_any_coloring(tmp_path):
    sources = tmp_path / "sources"
    sources.mkdir()
    make_film(sources / "film.mp4", Recipe(frames=36, rate=Fraction(1200)))
    colored = []

    def make_colorizer(_):
        colored.append(1)
        return ToyColorizer()

    destination = LocalStore(tmp_path / "outputs")
    # The scan of the first job is recorded; its identity does not depend on the profile.
    for profile, outcome in (("mezzanine", "succeeded"), ("archive", "failed")):
        colored.clear()
        options = Options(profile=profile, segment_frames=8)
        (line,) = run_toy_job(
            sources, destination, options, make_colorizer=make_colorizer, max_attempts=1
        ).values()

        assert line.outcome == outcome
    assert colored == []
    assert line.error == (
        "film.mp4: frames 0 and 1 are shown 0.833 ms apart, and Matroska stores times in whole "
        "milliseconds. Use --profile mezzanine, which keeps the times exactly."
    )


def test_a_film_that_changes_its_frame_size_fails_by_name_and_time(tmp_path):
    small, large = (
        make_film(tmp_path / f"{width}.h264", Recipe(frames=12, width=width)) for width in (64, 80)
    )
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "film.h264").write_bytes(small.read_bytes() + large.read_bytes())

    line = job_line(sources, tmp_path / "outputs", "archive", succeeds=False)

    assert line.outcome == "failed"
    assert "its frames change at pts" in line.error
    assert "from 64 x 48 yuv420p to 80 x 48 yuv420p. Split it there, or use" in line.error


def test_the_documented_format_table_matches_this_run(made, colored, pytestconfig):
    table = "".join(
        f"{table_row(clip, made(clip).film, colored(clip, 'archive')[1])}\n" for clip in CLIPS
    )
    page = PAGE.read_text()
    head, rest = page.split(TABLE_START)
    header = "".join(rest.splitlines(keepends=True)[:2])
    written = f"{head}{TABLE_START}{header}{table}{TABLE_END}{rest.split(TABLE_END)[1]}"

    if pytestconfig.getoption("--rewrite-docs"):
        PAGE.write_text(written)

    assert PAGE.read_text() == written
