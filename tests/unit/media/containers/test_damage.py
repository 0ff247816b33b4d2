"""Defects of a film are counted and reported; nothing is lost silently."""

import io

import av
import pytest

from colorworker.errors import SourceDamaged
from colorworker.media.codecs.decode import DecodeTally, decode_segment
from colorworker.media.containers.damage import ScanTally
from colorworker.media.containers.probe import scan
from tests.filmclips import CLIPS

CHECKED = {"level": "3", "slicecrc": "1"}
PAL = {"codec": "dvvideo", "width": 720, "height": 576, "frames": 3, "gop_size": 1}


def scanned(data, name):
    tally = ScanTally()
    reader = io.BytesIO(data)
    info, timeline = scan(reader, name, tally=tally)
    frames = sum(1 for _ in decode_segment(reader, name, info, timeline, timeline.pts[0], None))
    return tally, timeline, frames


def packet_places(path):
    with av.open(str(path)) as container:
        return [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]


@pytest.mark.parametrize("name", ["film.mkv", "film.avi", "film.mxf"])
def test_frames_with_wrong_checksums_are_reported(name, film):
    path = film(name, codec="ffv1", gop_size=1, options=CHECKED)
    data = bytearray(path.read_bytes())
    sizes = [size for _, size in packet_places(path)]
    with av.open(str(path)) as container:
        packet = [bytes(packet) for packet in container.demux(video=0)][20]
    data[data.index(packet) + sizes[20] // 2] ^= 0x10

    tally, _, frames = scanned(bytes(data), name)

    assert frames == 48
    assert (tally.wrong_checksums, tally.first_wrong) == (1, 20)
    assert tally.warnings() == (
        "frames with wrong checksums: 1 of 48, first frame 20; "
        "damaged areas repeat the previous frame",
    )


@pytest.mark.parametrize("options", [CHECKED, {"level": "3", "slicecrc": "0"}, {"level": "1"}])
def test_an_intact_film_reports_no_wrong_checksums(options, film):
    path = film("film.mkv", codec="ffv1", gop_size=1, options=options)

    tally, _, _ = scanned(path.read_bytes(), path.name)

    assert tally.warnings() == ()


def test_a_hole_in_a_transport_stream_is_reported_and_the_rest_decodes(film):
    whole = film("film.ts", codec="mpeg2video", b_frames=2).read_bytes()
    middle = len(whole) // 376 * 188

    tally, timeline, frames = scanned(whole[:middle] + whole[middle + 4 * 188 :], "film.ts")

    damaged, missing, retimed = tally.warnings()
    assert 40 < len(timeline.pts) == frames < 48
    assert damaged == f"damaged packets: 1 of {frames}"
    assert missing.startswith("places where frames are missing: ")
    # The hole merges two packets: the frame of the second gets the time of the first.
    assert retimed.startswith("frames with wrong timestamps: 1 of ")


def test_a_cut_off_last_packet_of_a_transport_stream_is_reported(film):
    whole = film("film.ts", codec="mpeg2video").read_bytes()

    tally, _, frames = scanned(whole[:-100], "film.ts")

    assert frames in (47, 48)
    assert tally.warnings()[-1] == "the last 88 bytes are only part of a frame"


def test_a_cut_off_last_frame_of_dv_is_reported(film):
    whole = film("film.dv", **PAL).read_bytes()

    tally, _, frames = scanned(whole[:-1000], "film.dv")

    assert frames == 3
    assert tally.warnings() == ("the last 143000 bytes are only part of a frame",)


@pytest.mark.parametrize("codec", ["mpeg2video", "libx264", "ffv1"])
def test_an_mxf_file_with_fewer_frames_than_declared_is_damaged(codec, film):
    whole = film("film.mxf", codec=codec).read_bytes()

    with pytest.raises(SourceDamaged, match=r"only \d+ of 48 frames are present"):
        scan(io.BytesIO(whole[: len(whole) * 2 // 3]), "film.mxf")


@pytest.mark.parametrize("name", ["film.ts", "film.mpg"])
def test_timestamps_of_concatenated_recordings_become_continuous_and_are_reported(name, film):
    whole = film(name, codec="mpeg2video", b_frames=2).read_bytes()

    tally, timeline, frames = scanned(whole + whole, name)

    assert frames == 96
    assert set(timeline.pts[1:] - timeline.pts[:-1]) == {3600}
    assert [restart.added for restart in timeline.restarts] == [48 * 3600]
    assert tally.warnings()[-1] == (
        "places where timestamps jump back: 1, 1.92 s in all; made continuous"
    )


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("film.avi", {"codec": "mpeg2video", "b_frames": 2}),
        ("film.avi", {"codec": "libx264", "b_frames": 2}),
    ],
)
def test_a_scan_that_decodes_the_film_counts_undecodable_frames(name, values, film):
    path = film(name, **values)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packet = [bytes(packet) for packet in container.demux(video=0)][30]
    start = data.index(packet)
    data[start + 4 : start + len(packet)] = b"\xff" * (len(packet) - 4)

    tally, timeline, frames = scanned(bytes(data), name)

    assert len(timeline.pts) == frames == 47
    assert "packets without a decoded frame: 1 of 48" in tally.warnings()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("film.mp4", {"codec": "mjpeg", "pix_fmt": "yuvj420p"}),
        ("film.mkv", {"codec": "ffv1", "pix_fmt": "yuv422p10le"}),
        ("film.mov", {"codec": "prores_ks", "pix_fmt": "yuv422p10le"}),
    ],
)
def test_a_frame_that_does_not_decode_repeats_the_previous_one(name, values, film, luma_hash):
    path = film(name, gop_size=1, frames=30, **values)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0)]
    for packet in (packets[12], packets[26], packets[29]):
        start = data.index(packet)
        data[start : start + len(packet)] = b"\xff" * len(packet)
    reader, tally = io.BytesIO(bytes(data)), DecodeTally()
    info, timeline = scan(reader, name)
    start, end = timeline.pts[12].item(), timeline.pts[28].item()

    with pytest.raises(SourceDamaged, match=r"decode.* at pts|decodes at pts"):
        list(decode_segment(reader, name, info, timeline, start, end))
    frames = list(
        decode_segment(reader, name, info, timeline, start, end, repeat=True, tally=tally)
    )
    tail = list(decode_segment(reader, name, info, timeline, end, None, repeat=True))

    lumas = [luma_hash(frame) for frame in frames]
    assert [frame.pts for frame in frames] == timeline.pts[12:28].tolist()
    assert lumas[0] == lumas[1]
    assert lumas[13] == lumas[14] != lumas[15]
    assert len(set(lumas)) == 14
    assert tally.warnings() == ("2 of 16 frames do not decode and repeat the previous frame",)
    assert luma_hash(tail[0]) == luma_hash(tail[1])
    assert tail[1].pts == timeline.pts[29]


def test_an_undecodable_first_frame_is_reported(film):
    path = film("film.avi", codec="mjpeg", pix_fmt="yuvj420p", gop_size=1)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packet = bytes(next(container.demux(video=0)))
    start = data.index(packet)
    data[start : start + len(packet)] = b"\xff" * len(packet)

    tally, _, frames = scanned(bytes(data), "film.avi")

    assert frames == 47
    assert tally.warnings() == ("frames at the start that do not decode: 1 of 48; left out",)


def test_a_transport_stream_that_starts_mid_gop_keeps_all_decodable_frames(film):
    whole = film("film.ts", codec="mpeg2video", b_frames=2).read_bytes()
    middle = len(whole) // 3 // 188 * 188

    tally, timeline, frames = scanned(whole[: 3 * 188] + whole[middle:], "film.ts")

    assert 24 <= len(timeline.pts) == frames < 48
    assert tally.undecoded_packets == 0


def test_a_packet_lost_between_sparse_timestamps_is_reported_as_a_hole(tmp_path):
    clip = next(clip for clip in CLIPS if clip.name == "h264-sparse.ts")
    path = clip.make(tmp_path)
    data = path.read_bytes()
    # Packets with the video's PID, 0x100, in which a frame starts.
    starts = [at for at in range(0, len(data), 188) if data[at + 1 : at + 3] == b"\x41\0"]
    picture = starts[23]

    tally, timeline, _ = scanned(data[:picture] + data[picture + 188 :], path.name)

    assert len(timeline.pts) == 35
    assert any("places where frames are missing: 1, 0.04 s" in line for line in tally.warnings())
