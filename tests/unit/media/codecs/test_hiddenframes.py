"""Packets whose frames are only references are not counted as lost frames."""

from fractions import Fraction

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext

from colorworker.media.codecs.decode import decode_segment
from colorworker.media.codecs.hiddenframes import is_hidden
from colorworker.media.containers.damage import ScanTally
from colorworker.media.containers.probe import scan
from colorworker.media.planes import luma_plane
from tests.filmclips import AV1, VP9

SHOWN, HIDDEN, EXISTING = 0b1000_0110, 0b1000_0100, 0b1000_1000
"""First bytes of VP9 frames of profile 0."""


def scanned(path):
    """Return a film's warnings, and seconds and luma of its frames."""
    tally = ScanTally()
    with path.open("rb") as reader:
        info, timeline = scan(reader, path.name, tally=tally)
        start = int(timeline.pts[0])
        frames = list(decode_segment(reader, path.name, info, timeline, start, None))
        luma = [luma_plane(frame).copy() for frame in frames]
    assert tally.frames == len(timeline.pts) == len(luma)
    return tally.warnings(), [int(pts) * timeline.time_base for pts in timeline.pts], luma


def split(source, target):
    """Write every AV1 frame of a film into a packet of its own; return how many there are."""
    count = 0
    with av.open(str(source)) as film, av.open(str(target), "w") as copy:
        stream = film.streams.video[0]
        made = copy.add_stream_from_template(stream, opaque=True)
        frames = BitStreamFilterContext("av1_frame_split", stream)
        for packet in film.demux(stream):
            if packet.size:
                pts, base = packet.pts, packet.time_base
                for number, part in enumerate(frames.filter(packet)):
                    part.stream, part.time_base = made, base
                    part.pts = part.dts = pts + number
                    copy.mux(part)
                    count += 1
    return count


def superframe(*frames):
    """Return a VP9 packet of several frames (Annex B of its specification)."""
    marker = bytes([0b1100_0000 | len(frames) - 1])
    index = marker + bytes(map(len, frames)) + marker
    return memoryview(b"".join(frames) + index)


def test_hidden_av1_frames_in_packets_of_their_own_are_not_lost(film, tmp_path):
    whole = film("whole.mkv", **vars(AV1) | {"frames": 24})
    parts = tmp_path / "parts.mkv"
    assert split(whole, parts) > 24

    _, _, expected = scanned(whole)
    warnings, _, luma = scanned(parts)

    assert warnings == ()
    assert all(map(np.array_equal, luma, expected))


def test_a_hidden_vp9_frame_in_a_packet_of_its_own_is_not_lost(film):
    path = film("film.webm", **vars(VP9) | {"frames": 24, "gop_size": 12})
    _, seconds, expected = scanned(path)
    with av.open(str(path)) as container:
        keyframes = [bytes(packet) for packet in container.demux(video=0) if packet.is_keyframe]
    data = bytearray(path.read_bytes())
    data[data.index(keyframes[1])] &= ~2
    path.write_bytes(data)

    warnings, shown, luma = scanned(path)

    assert warnings == ()
    assert shown == seconds[:12] + seconds[13:]
    assert all(map(np.array_equal, luma, expected[:12] + expected[13:]))
    assert seconds[13] - seconds[11] == Fraction(2, 25)


@pytest.mark.parametrize(
    ("codec", "packet", "hidden"),
    [
        ("vp8", bytes([0x10, 2]), False),
        ("vp8", bytes([0x01, 2]), True),
        ("vp9", bytes([SHOWN, 2]), False),
        ("vp9", bytes([HIDDEN, 2]), True),
        ("vp9", bytes([EXISTING]), False),
        ("vp9", bytes([0b1011_0010, 2]), True),
        ("vp9", bytes([0b1011_0011, 2]), False),
        ("vp9", superframe(bytes([HIDDEN, 2]), bytes([SHOWN, 2])), False),
        ("vp9", superframe(bytes([HIDDEN, 2]), bytes([HIDDEN, 2, 3])), True),
        ("vp9", bytes([0b1101_1111]), False),
        ("av1", bytes([0x32, 1, 0x10]), False),
        ("av1", bytes([0x12, 0, 0x32, 1, 0x00]), True),
        ("av1", bytes([0x32, 1, 0x00, 0x1A, 1, 0x90]), False),
        ("av1", bytes([0x0A, 2, 0x18, 0, 0x32, 1, 0x00]), False),
        ("av1", bytes([0x12, 0]), False),
        ("av1", bytes([0x36, 0, 0xFF]), False),
        ("h264", bytes([0]), False),
    ],
)
def test_a_packet_is_hidden_if_none_of_its_frames_is_shown(codec, packet, hidden):
    assert is_hidden(codec, memoryview(packet)) == hidden
