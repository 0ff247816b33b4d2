"""A scan returns a film's properties, and never accepts half a file."""

import io
from fractions import Fraction

import av
import pytest

from colorworker.errors import SourceDamaged, SourceTooLarge, SourceUnsupported
from colorworker.media.containers.demux import ignore_new_streams
from colorworker.media.containers.headers import film_header
from colorworker.media.containers.probe import scan
from colorworker.media.sampleframes import sample_frames

FASTSTART = {"movflags": "+faststart"}


def test_a_scan_returns_the_films_properties(film):
    path = film(
        "film.mp4",
        b_frames=2,
        color_range=2,
        colorspace=5,
        pix_fmt="yuvj420p",
        sample_aspect_ratio=Fraction(16, 15),
        rotation=90,
    )

    with path.open("rb") as reader:
        info, timeline = scan(reader, path.name)

    assert (info.width, info.height, info.codec) == (64, 48, "h264")
    assert (info.pix_fmt, info.color_range, info.colorspace) == ("yuvj420p", 2, 5)
    assert info.sample_aspect_ratio == Fraction(16, 15)
    assert info.frame_rate == 25
    assert info.rotation == 90
    assert len(timeline.pts) == 48
    assert timeline.seconds == pytest.approx(48 / 25)
    assert timeline.pts[0] in timeline.keyframes


def test_gray_without_a_signaled_range_is_full_range(film):
    path = film("film.mkv", codec="ffv1", gop_size=1, pix_fmt="gray", frames=4)

    with path.open("rb") as reader:
        info, _ = scan(reader, path.name)

    assert info.color_range == 2


@pytest.mark.parametrize(
    ("name", "values", "sentence"),
    [
        ("index-first.mp4", {"container_options": FASTSTART}, r"the file is truncated: \d+ of \d+"),
        ("index-last.mp4", {}, r"ends before its index \(moov atom not found\)"),
        ("index-last.mov", {}, r"ends before its index \(moov atom not found\)"),
        ("film.mkv", {}, r"the file is truncated: \d+ of \d+"),
        ("film.avi", {}, r"the file is truncated: \d+ of \d+"),
        ("ffv1.avi", {"codec": "ffv1", "gop_size": 1}, r"the file is truncated"),
    ],
)
def test_half_a_film_is_damaged_and_says_how_much_is_missing(name, values, sentence, film):
    whole = film(name, **({"b_frames": 2, "sound": "libmp3lame"} | values)).read_bytes()
    half = io.BytesIO(whole[: len(whole) // 2])

    with pytest.raises(SourceDamaged, match=sentence):
        scan(half, name)


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.avi"])
def test_one_missing_byte_is_enough_to_be_damaged(name, film):
    whole = film(name, container_options=FASTSTART if name == "film.mp4" else {}).read_bytes()

    with pytest.raises(SourceDamaged, match="is truncated"):
        scan(io.BytesIO(whole[:-1]), name)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "it is empty"), (b"a list of films\n" * 40, "libav says: Invalid data")],
)
def test_files_without_a_film_are_damaged(content, sentence):
    with pytest.raises(SourceDamaged, match=sentence):
        scan(io.BytesIO(content), "film.mp4")


def test_audio_without_video_is_not_a_film(tmp_path):
    path = tmp_path / "sound.mka"
    with av.open(str(path), "w", format="matroska") as output:
        stream = output.add_stream("flac", rate=48_000)
        silence = av.AudioFrame("s16", "stereo", 1024)
        silence.sample_rate = 48_000
        for plane in silence.planes:
            plane.update(bytes(plane.buffer_size))
        output.mux(stream.encode(silence))
        output.mux(stream.encode(None))

    with path.open("rb") as reader, pytest.raises(SourceUnsupported, match="only audio"):
        scan(reader, "sound.mka")


def test_yuv_with_alpha_is_unsupported(film):
    path = film("film.mkv", codec="ffv1", gop_size=1, pix_fmt="yuva420p", frames=3)

    with (
        path.open("rb") as reader,
        pytest.raises(SourceUnsupported, match=r"yuva420p .* has alpha"),
    ):
        scan(reader, path.name)


@pytest.mark.parametrize(("height", "matrix"), [(96, 6), (720, 1)])
def test_rgb_is_described_by_its_luma_and_the_matrix_that_players_assume(height, matrix, film):
    path = film("film.mkv", codec="ffv1", gop_size=1, pix_fmt="gbrp10le", frames=2, height=height)

    with path.open("rb") as reader:
        info, _ = scan(reader, path.name)

    assert (info.pix_fmt, info.rgb_format) == ("gray10le", "gbrp10le")
    assert (info.colorspace, info.color_range) == (matrix, 2)


def test_too_large_frames_are_refused_before_decoding(film):
    path = film("film.mp4", frames=3)

    with path.open("rb") as reader, pytest.raises(SourceTooLarge, match="64 x 48"):
        scan(reader, path.name, max_pixels=1000)


def test_samples_are_spread_over_the_film(film):
    path = film("film.mp4", b_frames=2)
    with path.open("rb") as reader:
        info, timeline = scan(reader, path.name)

        samples = sample_frames(reader, path.name, info, timeline, 3)

    assert [frame.pts for frame in samples] == timeline.keyframes[[0, 2, 3]].tolist()


def test_samples_of_a_film_that_is_not_seekable_are_spread_too(film):
    path = film("film.avi", b_frames=2)
    with path.open("rb") as reader:
        info, timeline = scan(reader, path.name)

        assert len(sample_frames(reader, path.name, info, timeline, 4)) == 4


def test_streams_that_appear_while_reading_do_not_break_the_end():
    def demux():
        yield from "abc"
        # PyAV raises this when it flushes streams that it has not listed.
        yield [][5]

    assert list(ignore_new_streams(demux())) == ["a", "b", "c"]


def test_a_film_cut_off_after_four_bytes_is_damaged():
    with pytest.raises(SourceDamaged):
        scan(io.BytesIO(b"\x1a\x45\xdf\xa3"), "r.mkv")


def test_a_header_is_read_even_if_its_audio_has_no_decoder(film):
    data = film("film.mkv", frames=5, sound="pcm_s16le").read_bytes()
    assert data.count(b"A_PCM/INT/LIT") == 1

    header = film_header(io.BytesIO(data.replace(b"A_PCM/INT/LIT", b"A_PCM/XXX/LIT")), "film.mkv")

    assert (header.width, header.other_bit_rate) == (64, 0)
