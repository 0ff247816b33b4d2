"""All segments together yield every frame of the film once, in order, with its pts."""

from fractions import Fraction

import av
import numpy as np
import pytest

from colorworker.domain.units import cut_timeline
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import SourceDamaged, SourceUnsupported
from colorworker.media.codecs.decode import DecodeTally, decode_segment
from colorworker.media.containers.demux import LibavReader
from colorworker.media.containers.probe import scan
from colorworker.media.planes import luma_plane
from colorworker.media.synthetic import striped_luma

OPEN_GOP = {"x264-params": "open-gop=1:bframes=3:b-pyramid=normal:scenecut=0"}
VARIABLE = [0, 20, 60, 101, 201, 221, 262, 362, 382, 422, 522, 563] * 5
VARIABLE_PTS = [pts + 600 * (index // 12) for index, pts in enumerate(VARIABLE)]

FILMS = {
    "closed.mp4": {"b_frames": 3},
    "open.mp4": {"options": OPEN_GOP, "frames": 72},
    "open.mkv": {"options": OPEN_GOP, "frames": 72},
    "variable.mkv": {
        "options": OPEN_GOP,
        "frames": 60,
        "pts": VARIABLE_PTS,
        "time_base": Fraction(1, 1000),
    },
    "mpeg2.mkv": {"codec": "mpeg2video", "b_frames": 2, "pix_fmt": "yuv422p"},
    "mpeg2.mp4": {"codec": "mpeg2video", "b_frames": 2},
    "mpeg2.mpg": {"codec": "mpeg2video", "b_frames": 2},
    "h264.ts": {"b_frames": 3},
    "ten-bit.mkv": {"pix_fmt": "yuv420p10le", "b_frames": 3},
    "four-two-two.mov": {"pix_fmt": "yuv422p", "b_frames": 2},
    "ffv1.mkv": {"codec": "ffv1", "gop_size": 1, "pix_fmt": "yuv422p10le"},
    "ffv1.mp4": {"codec": "ffv1", "gop_size": 1},
    "ffv1.avi": {"codec": "ffv1", "gop_size": 1},
    "gray.mkv": {"codec": "ffv1", "gop_size": 5, "pix_fmt": "gray"},
    "gray10.mkv": {"codec": "ffv1", "gop_size": 1, "pix_fmt": "gray10le"},
}


@pytest.mark.parametrize("name", FILMS)
def test_segments_together_equal_the_film_decoded_at_once(name, film, shown, luma_hash):
    path = film(name, **FILMS[name])
    with path.open("rb") as reader:
        info, timeline = scan(reader, name)
        pieces = cut_timeline(timeline, 10)

        together = [
            (frame.pts, luma_hash(frame))
            for piece in pieces
            for frame in decode_segment(
                reader, name, info, timeline, piece.start_pts, piece.end_pts
            )
        ]

    assert len(pieces) > 3
    assert together == shown(path)


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video", "mpeg4"])
def test_avi_with_reordered_frames_gets_counted_times_in_decoder_order(
    codec, film, shown, luma_hash
):
    path = film("film.avi", codec=codec, b_frames=2)
    with path.open("rb") as reader:
        info, timeline = scan(reader, path.name)
        pieces = cut_timeline(timeline, 10)
        frames = [
            (frame.pts, luma_hash(frame))
            for piece in pieces
            for frame in decode_segment(
                reader, path.name, info, timeline, piece.start_pts, piece.end_pts
            )
        ]

    assert len(pieces) > 3
    assert [pts for pts, _ in frames] == list(range(48))
    assert [luma for _, luma in frames] == [luma for _, luma in shown(path)]


def test_lookahead_yields_the_following_frames_and_stops_at_the_end_of_the_film(film):
    path = film("film.mp4", b_frames=3)
    with path.open("rb") as reader:
        info, timeline = scan(reader, path.name)
        start, end = int(timeline.pts[12]), int(timeline.pts[24])

        inside = decode_segment(reader, path.name, info, timeline, start, end, lookahead=5)
        at_end = decode_segment(
            reader, path.name, info, timeline, int(timeline.pts[36]), None, lookahead=5
        )

        assert [frame.pts for frame in inside] == timeline.pts[12:29].tolist()
        assert [frame.pts for frame in at_end] == timeline.pts[36:].tolist()


def test_frames_hidden_by_an_edit_list_are_not_in_the_timeline(film, shown):
    path = film(
        "edited.mp4",
        b_frames=2,
        pts=[index - 20 for index in range(48)],
        container_options={"avoid_negative_ts": "disabled"},
    )
    with path.open("rb") as reader:
        info, timeline = scan(reader, path.name)
        frames = list(decode_segment(reader, path.name, info, timeline, 0, None))

    assert len(timeline.pts) < 48
    assert [frame.pts for frame in frames] == [pts for pts, _ in shown(path)]


def test_a_timeline_of_another_film_is_refused_with_the_first_different_pts(film):
    long = film("long.mkv", codec="ffv1", gop_size=1, frames=30)
    short = film("short.mkv", codec="ffv1", gop_size=1, frames=20)
    with long.open("rb") as reader:
        info, timeline = scan(reader, "long.mkv")

    with (
        short.open("rb") as reader,
        pytest.raises(
            SourceDamaged, match=r"no frame decodes at pts 800 or later: 10 frames are missing"
        ),
    ):
        list(decode_segment(reader, "short.mkv", info, timeline, 0, None))


def test_frames_that_change_their_size_are_refused(film):
    path = film("film.mkv", codec="ffv1", gop_size=1, frames=8)
    with path.open("rb") as reader:
        info, timeline = scan(reader, path.name)
        other = VideoInfo(**{**vars(info), "width": info.width * 2})

        with pytest.raises(SourceUnsupported, match=r"change at pts 0 from 128 x 48"):
            list(decode_segment(reader, path.name, other, timeline, 0, None))


@pytest.mark.parametrize("pix_fmt", ["uyvy422", "yuyv422"])
def test_packed_formats_become_planar_with_the_same_luma(pix_fmt, film):
    path = film("film.mov", codec="rawvideo", pix_fmt=pix_fmt, gop_size=1, frames=3, shots=1)
    with path.open("rb") as reader:
        info, timeline = scan(reader, path.name)
        frames = list(decode_segment(reader, path.name, info, timeline, 0, None))

    assert {info.pix_fmt, *(frame.format.name for frame in frames)} == {"yuv422p"}
    for index, frame in enumerate(frames):
        np.testing.assert_array_equal(luma_plane(frame), striped_luma(64, 48, index))


def test_frames_with_concealed_errors_are_counted_and_reported(film):
    path = film("film.mp4", b_frames=2, width=160, height=128)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        hit = [packet.pos + packet.size // 2 for packet in container.demux(video=0) if packet.size]
    for position in hit[10:13]:
        data[position : position + 12] = b"\xa5" * 12
    path.write_bytes(data)
    tally = DecodeTally()

    with path.open("rb") as reader:
        info, timeline = scan(reader, path.name)
        frames = list(decode_segment(reader, path.name, info, timeline, 0, None, tally=tally))

    assert len(frames) == tally.frames == 48
    assert tally.corrupt_frames > 0
    assert tally.warnings() == (f"{tally.corrupt_frames} of 48 frames are damaged in the source",)


def test_frames_that_do_not_decode_are_named_by_pts(film):
    path = film("film.mkv", codec="libx264", frames=24)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        sizes = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    start, size = sizes[15]
    data[start + 8 : start + size - 8] = b"\xff" * (size - 16)
    path.write_bytes(data)

    with path.open("rb") as reader:
        info, timeline = scan(reader, path.name)
        with pytest.raises(SourceDamaged, match=r"pts \d+"):
            list(decode_segment(reader, path.name, info, timeline, 0, None))


def test_luma_beyond_the_bit_depth_is_damage(film):
    path = film("deep.nut", codec="rawvideo", gop_size=1, frames=6, pix_fmt="yuv420p10le")
    with av.open(str(path)) as container:
        starts = [packet.pos for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    data[starts[3] + 1000 : starts[3] + 1002] = b"\xa7\x17"
    path.write_bytes(data)

    with path.open("rb") as reader:
        info, timeline = scan(reader, path.name)
        arguments = (reader, path.name, info, timeline, 0, None)
        with pytest.raises(SourceDamaged, match=r"luma at pts \d+ has codes"):
            list(decode_segment(*arguments))
        frames = list(decode_segment(*arguments, repeat=True))

    lumas = [luma_plane(frame).tobytes() for frame in frames]
    assert len(frames) == 6
    assert lumas[3] == lumas[2] != lumas[4]


def test_a_damaged_index_with_an_impossible_offset_is_damage(film):
    """NUT reads its index offset from the file's last bytes, whatever they are."""
    path = film("torn.nut", codec="ffv1", gop_size=1, frames=36)
    path.write_bytes(path.read_bytes()[:12481])

    with path.open("rb") as reader:
        info, timeline = scan(reader, path.name)
        frames = list(decode_segment(reader, path.name, info, timeline, 0, None, repeat=True))

    assert 0 < len(frames) == len(timeline.pts)


@pytest.mark.parametrize("place", [-5, 1 << 59, 1 << 63])
def test_an_impossible_offset_is_reported_as_libav_expects(place, tmp_path):
    path = tmp_path / "any"
    path.write_bytes(bytes(100))

    with path.open("rb") as file:
        reader = LibavReader(file)
        assert reader.seek(place) < 0
        assert (reader.seek(7), reader.tell(), reader.read(1)) == (7, 7, b"\0")
