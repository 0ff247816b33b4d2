"""Audio that a container cannot hold is recoded with the same samples, channels and times."""

from fractions import Fraction

import av
import numpy as np
import pytest

from tests.filmsound import (
    LAYOUTS,
    XBOX_BLOCKS,
    Track,
    frequencies,
    loudest_hertz,
    make_film_with_sound,
    make_film_with_xbox_adpcm,
    read_sound,
    tones,
)

LOSSLESS = [("archive", ".mkv"), ("mezzanine", ".mov"), ("mezzanine", ".mkv")]


SAME_IN_AAC = {"5.0(side)": "5.0", "5.1(side)": "5.1"}


def layout_warnings(result, index):
    start = f"audio stream {index}:"
    return [said for said in result.warnings if said.startswith(start) and "layout" in said]


@pytest.mark.parametrize("codec", ["pcm_f32be", "pcm_s24be", "pcm_s16be"])
@pytest.mark.parametrize(("profile", "extension"), LOSSLESS)
def test_every_channel_of_every_layout_keeps_its_samples(
    profile, extension, codec, tmp_path, joined
):
    dtype = {"pcm_f32be": np.float32, "pcm_s24be": np.int32, "pcm_s16be": np.int16}[codec]
    tracks = [Track(codec, layout, tones(layout, dtype, 0.1)) for layout in LAYOUTS]
    film = make_film_with_sound(tmp_path / "film.mov", tracks, 5)
    made = joined(film, extension, profile=profile)

    result = made.assemble()

    for number, track in enumerate(tracks):
        layout, samples, start = read_sound(made.output, number, dtype)
        source_layout, source_samples, _ = read_sound(film, number, dtype)
        np.testing.assert_array_equal(source_samples, track.samples, track.layout)
        np.testing.assert_array_equal(samples, track.samples, track.layout)
        assert start == 0
        assumed = layout == "" and track.layout in {"mono", "stereo", "5.1", "7.1"}
        if layout != source_layout and not assumed:
            assert layout_warnings(result, number + 1), track.layout
    assert len(result.streams) == 1 + len(LAYOUTS)


SOURCES = {
    "film.avi": ("pcm_s16le", np.int16),
    "film.mkv": ("pcm_s24le", np.int32),
    "film.nut": ("pcm_s16be", np.int16),
}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(("profile", "extension"), LOSSLESS)
def test_sound_of_every_container_keeps_its_samples(profile, extension, name, tmp_path, joined):
    codec, dtype = SOURCES[name]
    layouts = ("mono", "stereo", "2.1", "quad", "5.0", "5.1", "6.1", "7.1", "10C", "16C")
    tracks = [Track(codec, layout, tones(layout, dtype, 0.1)) for layout in layouts]
    film = make_film_with_sound(tmp_path / name, tracks, 5)
    made = joined(film, extension, profile=profile)

    result = made.assemble()

    assert [stream.fate for stream in result.streams].count("left out") == 0
    for number, track in enumerate(tracks):
        _, samples, _ = read_sound(made.output, number, dtype)
        np.testing.assert_array_equal(samples, track.samples, track.layout)


@pytest.mark.parametrize("layout", ["10C", "16C"])
@pytest.mark.parametrize("extension", [".mp4", ".mov", ".mkv"])
def test_access_films_keep_many_channels_of_avi(extension, layout, tmp_path, joined):
    track = Track("pcm_s16le", layout, tones(layout, np.int16))
    film = make_film_with_sound(tmp_path / "film.avi", [track])
    made = joined(film, extension, profile="access", preset="ultrafast")

    made.assemble()

    _, samples, _ = read_sound(made.output)
    assert loudest_hertz(samples[6000:18000]) == pytest.approx(frequencies(layout), abs=4)


@pytest.mark.parametrize("extension", [".mp4", ".mov", ".mkv"])
def test_access_films_keep_each_channel_at_its_place_and_level(extension, tmp_path, joined):
    tracks = [Track("pcm_f64be", layout, tones(layout, np.float64)) for layout in LAYOUTS]
    film = make_film_with_sound(tmp_path / "film.mov", tracks)
    made = joined(film, extension, profile="access", preset="ultrafast")

    result = made.assemble()

    for number, track in enumerate(tracks):
        layout, samples, _ = read_sound(made.output, number)
        middle = samples[6000:18000]
        np.testing.assert_allclose(
            loudest_hertz(middle), frequencies(track.layout), atol=4, err_msg=track.layout
        )
        level = np.sqrt((middle**2).mean(0)) / (0.2 / np.sqrt(2))
        np.testing.assert_allclose(level, 1, atol=0.2, err_msg=track.layout)
        kept = layout in {track.layout, SAME_IN_AAC.get(track.layout)}
        assert kept or track.layout.endswith("C") or layout_warnings(result, number + 1)


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("film.wmv", "wmav2", 44_100),
        ("film.mov", "adpcm_ima_qt", 44_100),
        ("film.3gp", "libopencore_amrnb", 8000),
        ("film.3g2", "libopencore_amrnb", 8000),
    ],
)
@pytest.mark.parametrize(
    ("profile", "extension"), [("archive", ".mkv"), ("mezzanine", ".mov"), ("access", ".mp4")]
)
def test_every_recoded_track_has_a_running_clock(
    profile, extension, name, codec, rate, tmp_path, joined
):
    dtype = np.float32 if codec == "wmav2" else np.int16
    track = Track(codec, "mono", tones("mono", dtype, 1.0, rate), rate)
    film = make_film_with_sound(tmp_path / name, [track], 26)
    made = joined(film, extension, profile=profile)

    made.assemble()

    _, before, before_start = read_sound(film)
    _, after, after_start = read_sound(made.output)
    assert loudest_hertz(after, rate) == pytest.approx([300], abs=3)
    assert after_start == pytest.approx(before_start, abs=0.03)
    assert len(after) == pytest.approx(len(before), abs=3000)
    if profile != "access":
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(
    ("profile", "extension"), [("archive", ".mkv"), ("mezzanine", ".mov"), ("access", ".mp4")]
)
def test_xbox_adpcm_is_recoded_with_its_samples(profile, extension, tmp_path, joined):
    film = make_film_with_xbox_adpcm(tmp_path / "film.avi")
    made = joined(film, extension, profile=profile)

    result = made.assemble()

    assert [stream.fate for stream in result.streams] == ["colored", "recoded"]
    _, before, _ = read_sound(film, 0, np.int16)
    _, after, _ = read_sound(made.output, 0, np.int16 if profile != "access" else np.float32)
    assert len(before) == 64 * XBOX_BLOCKS
    assert len(after) == pytest.approx(len(before), abs=3000)
    if profile != "access":
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(
    ("profile", "extension"), [("archive", ".mkv"), ("mezzanine", ".mov"), ("access", ".mp4")]
)
def test_late_sound_keeps_its_time(profile, extension, tmp_path, joined):
    late = Track("pcm_f64be", "quad", tones("quad", np.float64), start_seconds=Fraction(3, 2))
    film = make_film_with_sound(tmp_path / "film.mov", [late], 60)
    made = joined(film, extension, profile=profile)

    made.assemble()

    _, samples, start = read_sound(made.output)
    assert start == pytest.approx(1.5, abs=0.03)
    assert len(samples) == pytest.approx(24_000, abs=2100)


@pytest.mark.parametrize(
    ("profile", "extension"), [("archive", ".mkv"), ("mezzanine", ".mov"), ("access", ".mp4")]
)
def test_sound_that_begins_after_the_probed_part_keeps_its_time(
    profile, extension, tmp_path, joined
):
    late = Track("ac3", "5.1(side)", tones("5.1(side)"), start_seconds=Fraction(39))
    film = make_film_with_sound(tmp_path / "film.ts", [late], 1000)
    with av.open(str(film)) as container:
        assert container.streams.audio[0].codec_context.sample_rate == 0
    made = joined(film, extension, 500, profile=profile)

    result = made.assemble()

    assert [stream.fate for stream in result.streams] == ["colored", "copied"]
    layout, samples, start = read_sound(made.output)
    assert layout == "5.1(side)"
    assert start == pytest.approx(39, abs=0.05)
    assert loudest_hertz(samples[6000:18000]) == pytest.approx(frequencies(layout), abs=4)


FLAC_FRAME = 4608
"""Samples per packet of libav's FLAC encoder at 48 kHz."""


@pytest.mark.parametrize(("profile", "extension"), [("mezzanine", ".mov"), ("access", ".mov")])
def test_undecodable_packets_become_silence_and_a_warning(profile, extension, tmp_path, joined):
    samples = tones("stereo", np.int16, 1.0)
    track = Track("flac", "stereo", samples, damaged=(3, 4, 10))
    film = make_film_with_sound(tmp_path / "film.mkv", [track])
    made = joined(film, extension, profile=profile)

    result = made.assemble()

    assert result.warnings[-1] == (
        "audio stream 1: 3 of 11 packets do not decode, about 0.29 s of sound are missing"
    )
    _, written, _ = read_sound(made.output, 0, np.int16 if profile != "access" else np.float32)
    if profile == "mezzanine":
        silent = slice(3 * FLAC_FRAME + 48, 5 * FLAC_FRAME - 48)
        np.testing.assert_array_equal(written[: 3 * FLAC_FRAME], samples[: 3 * FLAC_FRAME])
        assert not written[silent].any()
        assert len(written) == pytest.approx(10 * FLAC_FRAME, abs=48)
        np.testing.assert_array_equal(
            written[-5 * FLAC_FRAME :], samples[5 * FLAC_FRAME : 10 * FLAC_FRAME]
        )
    else:
        assert abs(written[4 * FLAC_FRAME : 5 * FLAC_FRAME - 2048]).max() < 0.01
        assert len(written) == pytest.approx(10 * FLAC_FRAME, abs=3000)


def test_sound_of_which_no_packet_decodes_is_left_out_and_the_film_is_done(tmp_path, joined):
    track = Track("flac", "stereo", tones("stereo", np.int16), damaged=range(6))
    film = make_film_with_sound(tmp_path / "film.mkv", [track])
    made = joined(film, ".mov", profile="mezzanine")

    result = made.assemble()

    assert [stream.fate for stream in result.streams] == ["colored", "left out"]
    assert result.frame_count == 13
    assert "audio stream 1: none of its 6 packets decodes" in result.warnings
