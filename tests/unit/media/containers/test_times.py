"""Wrong times are repaired and reported, and clocks that go back continue."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest

from colorworker.domain.timeline import Restart
from colorworker.errors import SourceDamaged
from colorworker.media.codecs.decode import DecodeTally, decode_segment
from colorworker.media.containers.damage import ScanTally
from colorworker.media.containers.discontinuities import continuous_packets, find_restarts
from colorworker.media.containers.probe import scan
from colorworker.media.containers.retime import rising_times
from colorworker.media.planes import luma_plane
from tests.filmbytes import with_an_undecodable_start, with_dts_for_pts, with_one_pts_twice
from tests.filmfields import make_film_of_fields, pictures

B_FRAMES = {"b_frames": 3, "frames": 36, "options": {"x264-params": "scenecut=0"}}


def scanned(path):
    """Return a film's warnings, the seconds of its frames, and their luma."""
    tally = ScanTally()
    with path.open("rb") as reader:
        info, timeline = scan(reader, path.name, tally=tally)
        frames = [
            luma_plane(frame).copy()
            for frame in decode_segment(
                reader, path.name, info, timeline, int(timeline.pts[0]), None
            )
        ]
    return tally.warnings(), [int(pts) * timeline.time_base for pts in timeline.pts], frames


def test_frames_of_an_mp4_with_dts_for_pts_are_shown_in_their_decoded_order(film):
    path = film("film.mp4", **B_FRAMES)
    _, _, expected = scanned(path)
    with_dts_for_pts(path)

    warnings, seconds, frames = scanned(path)

    assert seconds == [Fraction(index, 25) for index in range(36)]
    assert all(map(np.array_equal, frames, expected))
    (warning,) = warnings
    assert warning.startswith("frames with wrong timestamps: ")
    assert warning.endswith(" of 36, by up to 0.12 s; corrected")


def test_frames_of_a_matroska_file_with_dts_for_pts_are_shown_in_their_decoded_order(film):
    source = film("film.mp4", **B_FRAMES)
    _, _, expected = scanned(source)
    path = source.with_name("film.mkv")
    with av.open(str(source)) as read, av.open(str(path), "w") as written:
        stream = written.add_stream_from_template(read.streams.video[0])
        for number, packet in enumerate(each for each in read.demux(video=0) if each.size):
            packet.pts = packet.dts = 40 * number
            packet.time_base, packet.stream = Fraction(1, 1000), stream
            written.mux(packet)

    warnings, seconds, frames = scanned(path)

    assert seconds == [Fraction(index, 25) for index in range(36)]
    assert all(map(np.array_equal, frames, expected))
    assert warnings[0].startswith("frames with wrong timestamps: ")


def test_a_film_without_reordered_frames_is_not_taken_for_one_with_dts(film):
    warnings, seconds, _ = scanned(film("film.mp4", frames=36))

    assert seconds == [Fraction(index, 25) for index in range(36)]
    assert warnings == ()


def test_only_the_frame_whose_pts_occurs_twice_gets_another_time(film):
    path = film("film.mp4", **B_FRAMES)
    _, expected, _ = scanned(path)
    with_one_pts_twice(path)

    warnings, seconds, frames = scanned(path)

    assert seconds == expected
    assert len(frames) == 36
    assert warnings == ("frames with wrong timestamps: 1 of 36, by up to 0.04 s; corrected",)


ODD_TIMES = {
    "back by a little": ("ffv1", -110),
    "ahead by a second": ("ffv1", 610),
    "ahead, with B-frames": ("libx264", 1010),
}


@pytest.mark.parametrize(("codec", "milliseconds"), ODD_TIMES.values(), ids=ODD_TIMES)
def test_a_wrong_pts_late_in_the_film_is_replaced(codec, milliseconds, film, packets):
    values = {"gop_size": 1} if codec == "ffv1" else B_FRAMES
    path = film("film.mkv", **(values | {"codec": codec, "frames": 60}))
    _, expected, lumas = scanned(path)
    data = bytearray(path.read_bytes())
    # A block's payload follows its time, relative to the cluster's, and a byte of flags.
    time = data.index(packets(path, "video")[30]) - 3
    moved = int.from_bytes(data[time : time + 2], "big", signed=True) + milliseconds
    data[time : time + 2] = moved.to_bytes(2, "big", signed=True)
    path.write_bytes(data)

    warnings, seconds, frames = scanned(path)

    assert seconds == expected
    assert all(map(np.array_equal, frames, lumas))
    (warning,) = warnings
    assert warning.startswith("frames with wrong timestamps: 1 of 60, by up to ")


def test_a_pts_that_occurs_twice_in_a_container_without_index_is_replaced_alone(film, packets):
    path = film("film.ivf", codec="libvpx", frames=36)
    _, expected, lumas = scanned(path)
    data = bytearray(path.read_bytes())
    # A frame follows its size, 4 bytes, and its time, 8 bytes.
    time = data.index(packets(path, "video")[20]) - 8
    data[time : time + 8] = (21).to_bytes(8, "little")
    path.write_bytes(data)

    warnings, seconds, frames = scanned(path)

    assert seconds == expected
    assert all(map(np.array_equal, frames, lumas))
    assert warnings == ("frames with wrong timestamps: 1 of 36, by up to 0.04 s; corrected",)


@pytest.mark.parametrize(
    ("times", "trusted"),
    [
        ([0, 10, 20, 30], [1, 1, 1, 1]),
        ([0, 10, 10, 30], [1, 0, 0, 1]),
        ([0, 10, 99, 30, 40], [1, 1, 0, 1, 1]),
        ([0, 10, 20, -5, 40], [1, 1, 1, 0, 1]),
        ([5, 5, 5], [0, 0, 0]),
    ],
)
def test_the_times_that_rise_and_occur_once_are_trusted(times, trusted):
    found = rising_times(np.array(times, np.int64), np.ones(len(times), bool))

    assert found.tolist() == [bool(each) for each in trusted]


FRAME = 3600
CLOCKS = {
    "a clock that runs on": ([0, 1, 2, 3, 4, 5, 6], []),
    "a restart from 0": ([0, 1, 2, 3, 0, 1, 2], [(4, 4)]),
    "a restart that is short": ([0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6], [(8, 4)]),
    "two restarts": ([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1], [(5, 5), (10, 5)]),
    "one dts too low": ([0, 1, 2, 3, 4, 5, 1, 7, 8, 9], []),
    "one dts too high": ([0, 1, 2, 99, 4, 5, 6, 7], []),
    "guesses that are two frames off": ([0, 1, 2, 3, 4, 3, 4, 5, 6], []),
}


@pytest.mark.parametrize(("steps", "restarts"), CLOCKS.values(), ids=CLOCKS)
def test_restarts_are_told_from_single_wrong_times(steps, restarts):
    times = np.array(steps, np.int64) * FRAME

    found = find_restarts(times, np.ones(len(times), bool), [FRAME] * len(times))

    assert found == [(number, frames * FRAME) for number, frames in restarts]


class FakeStream:
    def __init__(self, index, kind="audio"):
        self.index, self.type = index, kind


def sound(index, times_and_places, kind="audio"):
    """Yield packets of 40 ms; PyAV lets nobody set a packet's position, so they are stand-ins."""
    for time, place in times_and_places:
        packet = av.Packet(b"sound")
        packet.pts = packet.dts = time
        packet.time_base = Fraction(1, 1000)
        yield Placed(packet, FakeStream(index, kind), place)


class Placed:
    """A packet with a stream and a place in a file."""

    def __init__(self, packet, stream, place):
        self.pts, self.dts, self.time_base = packet.pts, packet.dts, packet.time_base
        self.size, self.stream, self.pos = packet.size, stream, place


SHORT = [Restart(440, 10_000_000)]
"""The film's clock goes back by 0.4 s before the packet at this byte."""


@pytest.mark.parametrize(
    ("packets", "expected"),
    [
        ([(0, 0), (40, 100), (80, 10_000_100)], [0, 40, 520]),
        ([(400, 0), (440, 100), (40, 9_999_900), (80, 10_000_100)], [400, 440, 480, 520]),
        ([(400, 0), (100, 100), (480, 10_000_100)], [400, 100, 920]),
    ],
    ids=["by place", "shortly before the film's restart", "not long before it"],
)
def test_sound_follows_a_short_restart_of_the_film_by_its_place_in_the_file(packets, expected):
    moved = continuous_packets(sound(1, packets), SHORT, Fraction(1, 1000))

    assert [packet.dts for packet in moved] == expected


def test_sound_follows_a_long_restart_where_its_own_clock_goes_back():
    packets = [(5000, 0), (5040, 20_000_000), (10, 20_000_100), (50, 20_000_200)]

    moved = continuous_packets(sound(1, packets), [Restart(5080, 10_000_000)], Fraction(1, 1000))

    assert [packet.dts for packet in moved] == [5000, 5040, 5090, 5130]


def test_frames_stored_as_two_fields_are_counted_once(tmp_path):
    path = make_film_of_fields(tmp_path / "film.ts", 26)

    warnings, seconds, frames = scanned(path)

    assert warnings == ()
    assert seconds == [Fraction(index, 25) for index in range(26)]
    assert all(map(np.array_equal, frames, pictures(26)))


def test_a_frame_that_lacks_its_second_field_is_reported_if_it_does_not_decode(tmp_path):
    path = make_film_of_fields(tmp_path / "film.ts", 26)
    with av.open(str(path)) as source, av.open(str(tmp_path / "cut.ts"), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(each for each in source.demux(video=0) if each.size):
            if number != 21:
                packet.stream = stream
                output.mux(packet)

    warnings, _, frames = scanned(tmp_path / "cut.ts")

    assert len(frames) == 25
    assert "packets without a decoded frame: 1 of 26" in warnings


BAD_STARTS = {
    "film.mkv": (B_FRAMES | {"gop_size": 12}, 12),
    "film.mp4": (B_FRAMES | {"gop_size": 12}, 12),
    "film.webm": ({"codec": "libvpx", "frames": 36, "gop_size": 12}, 12),
    "film.mov": ({"codec": "prores_ks", "pix_fmt": "yuv422p10le", "gop_size": 1, "frames": 24}, 1),
    "film.avi": ({"codec": "mjpeg", "pix_fmt": "yuvj420p", "gop_size": 1, "frames": 24}, 1),
}


@pytest.mark.parametrize("repeat", [False, True])
@pytest.mark.parametrize(("name", "lost"), [(n, lost) for n, (_, lost) in BAD_STARTS.items()])
def test_a_film_whose_start_does_not_decode_keeps_the_rest_at_its_time(name, lost, repeat, film):
    values, _ = BAD_STARTS[name]
    path = film(name, **values)
    _, expected, intact = scanned(path)
    with_an_undecodable_start(path)
    tally, counts = ScanTally(), DecodeTally()

    with path.open("rb") as reader:
        info, timeline = scan(reader, name, tally=tally)
        first = int(timeline.pts[0])
        frames = [
            luma_plane(frame).copy()
            for frame in decode_segment(
                reader, name, info, timeline, first, None, repeat=repeat, tally=counts
            )
        ]

    seconds = [int(pts) * timeline.time_base for pts in timeline.pts]
    assert seconds == expected[lost:]
    assert all(map(np.array_equal, frames, intact[lost:]))
    assert counts.repeated_frames == 0
    assert tally.warnings() == (
        f"frames at the start that do not decode: {lost} of {len(intact)}; left out",
    )


def test_a_realmedia_file_that_was_cut_off_names_both_durations(film):
    whole = film("film.rm", codec="rv20", width=176, height=144, frames=100, sound="ac3")
    data = whole.read_bytes()

    with pytest.raises(SourceDamaged, match=r"beyond 2\.\d s, its header declares 4\.0 s"):
        scan(io.BytesIO(data[: len(data) // 2]), "film.rm")
    with pytest.raises(SourceDamaged, match=r"ends after 1\.\d s, its header declares 4\.0 s"):
        scan(io.BytesIO(data[: len(data) // 3]), "film.rm")


@pytest.mark.parametrize("missing", [8, 5000])
def test_an_mp4_whose_mdat_is_declared_too_long_is_complete(missing, film):
    path = film("film.mp4", sound="aac", container_options={"movflags": "+faststart"})
    data = bytearray(path.read_bytes())
    size = data.index(b"mdat") - 4
    declared = int.from_bytes(data[size : size + 4], "big")
    data[size : size + 4] = (declared + missing).to_bytes(4, "big")
    tally = ScanTally()

    _, timeline = scan(io.BytesIO(data), "film.mp4", tally=tally)

    assert len(timeline.pts) == 48
    assert tally.warnings() == (
        f"the file is {missing} bytes shorter than declared, but has all frames and sound",
    )


def test_times_before_0_move_pictures_sound_and_chapters_alike(film, joined):
    source = film(
        "film.mkv",
        codec="ffv1",
        gop_size=1,
        frames=36,
        pts=tuple(range(-2, 34)),
        time_base=Fraction(1, 25),
        container_options={"avoid_negative_ts": "disabled"},
        sound="flac",
        chapters=[("one", 0, 500), ("two", 500, 1300)],
    )
    copies = [joined(source, ".mkv"), joined(source, ".mp4", profile="access")]

    warnings = [copy.assemble().warnings for copy in copies]

    assert [said for each in warnings for said in each if "coarser" not in said] == []
    for copy in copies:
        with av.open(str(copy.output)) as film:
            firsts = [next(film.demux(video=0)), next(film.demux(audio=0))]
            chapters = [chapter["start"] * chapter["time_base"] for chapter in film.chapters()]
        seconds = [float(packet.pts * packet.time_base) for packet in firsts]
        assert seconds[0] == 0
        assert seconds[1] == pytest.approx(0.08, abs=0.001)
        # libav's MP4 chapters begin at 0.
        assert float(chapters[-1]) == pytest.approx(0.58, abs=0.001)


@pytest.mark.parametrize(("extension", "profile"), [(".mov", "mezzanine"), (".mp4", "access")])
def test_the_timecode_of_an_mxf_file_becomes_the_films_and_is_not_reported_lost(
    extension, profile, film, joined
):
    timecode = {"timecode": "10:20:30:05"}
    source = film("film.mxf", codec="mpeg2video", frames=24, metadata=timecode)
    copy = joined(source, extension, profile=profile)

    warnings = copy.assemble().warnings

    assert [said for said in warnings if "timecode" in said] == []
    with av.open(str(copy.output)) as written:
        assert written.streams.video[0].metadata["timecode"] == timecode["timecode"]


@pytest.mark.parametrize(
    ("extension", "profile"), [(".mkv", "archive"), (".mov", "mezzanine"), (".mp4", "access")]
)
def test_an_undetermined_language_is_not_reported_lost(extension, profile, film, joined):
    source = film("film.mp4", frames=24, sound="aac")
    with av.open(str(source)) as read:
        assert {stream.metadata["language"] for stream in read.streams} == {"und"}

    warnings = joined(source, extension, profile=profile).assemble().warnings

    assert [said for said in warnings if "language" in said] == []


@pytest.mark.parametrize("number", [0, 20])
@pytest.mark.parametrize(("extension", "profile"), [(".mkv", "archive"), (".mp4", "access")])
def test_damaged_aac_packets_are_left_out_and_the_others_keep_their_times(
    number, extension, profile, film, joined, packets
):
    source = film("film.ts", codec="mpeg2video", sound="aac")
    whole, data = packets(source, "audio"), bytearray(source.read_bytes())
    start = data.index(whole[number][:40])
    data[start : start + 7] = bytes(7)
    source.write_bytes(data)
    copy = joined(source, extension, profile=profile)

    warnings = copy.assemble().warnings

    (warning,) = [said for said in warnings if said.endswith("packets are damaged and left out")]
    with av.open(str(copy.output)) as written:
        times = [packet.pts * packet.time_base for packet in written.demux(audio=0) if packet.size]
    steps = [float(step) for step in np.diff(times)]
    if number:
        assert warning.startswith("1 audio ")
        assert len(times) == len(whole) - 1
        assert steps.pop(number - 1) == pytest.approx(2 * 1024 / 48_000, abs=0.0011)
    # At the start, libav finds the first whole packet only in the next PES packet.
    assert len(times) > len(whole) // 2
    assert steps == pytest.approx([1024 / 48_000] * len(steps), abs=0.0011)
