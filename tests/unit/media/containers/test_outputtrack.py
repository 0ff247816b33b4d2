"""Copied packets get times that muxers accept, and keep the times at which they are shown."""

import io
from fractions import Fraction

import av
import pytest

from colorworker.media.containers.attachments import Attachments
from colorworker.media.containers.outputtrack import MOST_HELD, OutputTrack

TICK = Fraction(1, 25)


@pytest.fixture
def output():
    with av.open(io.BytesIO(), "w", format="matroska") as opened:
        yield opened


def packet(pts, dts, duration=1):
    made = av.Packet(b"\1")
    made.pts, made.dts, made.duration, made.time_base = pts, dts, duration, TICK
    return made


def times(track, packets):
    found = [made for each in packets for made in track.convert(each)]
    found += track.release()
    return [(made.pts, made.dts) for made in found]


def test_first_packets_without_dts_lead_up_to_the_first_with_one(output):
    track = OutputTrack(output.add_stream("mpeg4", rate=25))

    found = times(track, [packet(0, None), packet(3, None), packet(1, 0), packet(2, 1)])

    assert found == [(0, -2), (3, -1), (1, 0), (2, 1)]


@pytest.mark.parametrize("count", [3, MOST_HELD + 5])
def test_a_stream_without_any_dts_gets_rising_ones(count, output):
    track = OutputTrack(output.add_stream("mpeg4", rate=25))

    found = times(track, [packet(number, None) for number in range(count)])

    assert [pts for pts, _ in found] == list(range(count))
    decode_times = [dts for _, dts in found]
    assert decode_times == sorted(set(decode_times))
    assert all(dts <= pts for pts, dts in found)


@pytest.mark.parametrize(("codec", "step"), [("mpeg4", 1), ("aac", 1), ("subrip", 0)])
def test_packets_that_go_back_in_time_are_moved_and_reported(codec, step, output):
    made = output.add_mux_stream(codec) if codec == "subrip" else output.add_stream(codec)
    track = OutputTrack(made)

    found = times(track, [packet(10, 10), packet(4, 4), packet(12, 12)])

    assert [dts for _, dts in found] == [10, 10 + step, 12]
    assert len(track.warnings()) == 1
    assert track.warnings()[0].startswith(f"1 {made.type} packets went back in time")


def test_covers_of_the_same_kind_get_names_of_their_own(output, tmp_path):
    with av.open(str(tmp_path / "two.mp4"), "w") as film:
        for codec in ("mpeg4", "mjpeg", "mjpeg"):
            stream = film.add_stream(codec, rate=25)
            stream.width, stream.height = 16, 16
            stream.pix_fmt = "yuv420p" if codec == "mpeg4" else "yuvj420p"
            if codec == "mjpeg":
                stream.disposition = av.stream.Disposition.attached_pic
        for stream in film.streams:
            film.mux(stream.encode(av.VideoFrame(16, 16, stream.pix_fmt)))
            film.mux(stream.encode(None))
    attachments = Attachments(output)

    with av.open(str(tmp_path / "two.mp4")) as source:
        names = [attachments.add_cover(source.streams[index]) for index in (1, 2)]

    assert names == ["cover.jpg", "cover-2.jpg"]
