"""A film with a frame whose luma differs from the source is never published."""

import av
import numpy as np
import pytest

from colorworker.errors import OutputMismatch
from colorworker.media.codecs.decode import decode_segment
from colorworker.media.codecs.ffv1 import luma_only_header
from colorworker.media.containers.probe import scan
from colorworker.media.containers.verify import decode_part
from colorworker.media.planes import luma_plane, replace_chroma
from colorworker.media.synthetic import Recipe, make_film
from colorworker.pipeline.lumacheck import (
    SegmentTally,
    check_luma,
    luma_checksum,
    record_luma,
    verify_part_luma,
)

FFV1 = {"codec": "ffv1", "gop_size": 1, "frames": 8}


def frames_of(path):
    with path.open("rb") as reader:
        info, timeline = scan(reader, path.name)
        yield from decode_segment(reader, path.name, info, timeline, int(timeline.pts[0]), None)


def recolored(frame, pix_fmt):
    depth = frame.format.components[0].bits
    form = av.VideoFormat(pix_fmt, frame.width, frame.height)
    shape = form.chroma_height(frame.height), form.chroma_width(frame.width)
    chroma = np.full(shape, 90 << (depth - 8), np.uint16 if depth > 8 else np.uint8)
    return replace_chroma(frame, chroma, chroma, pix_fmt)


@pytest.mark.parametrize(
    ("source", "written"),
    [("gray", "yuv444p"), ("yuv420p", "yuv422p10le"), ("yuv422p10le", "yuv422p10le")],
)
def test_unchanged_luma_passes_the_check_at_any_depth(source, written, tmp_path):
    path = make_film(tmp_path / "film.mkv", Recipe(pix_fmt=source, **FFV1))
    tally = SegmentTally()

    decoded = record_luma(frames_of(path), 8, written, tally)
    colored = list(check_luma((recolored(frame, written) for frame in decoded), "film", tally))

    assert len(colored) == len(set(tally.luma)) == 8
    assert {frame.format.name for frame in colored} == {written}


def test_a_single_changed_luma_code_is_found_before_encoding(tmp_path):
    path = make_film(tmp_path / "film.mkv", Recipe(**FFV1))
    tally = SegmentTally()
    frames = list(record_luma(frames_of(path), 8, "yuv420p", tally))
    frames[5].make_writable()
    luma_plane(frames[5])[7, 11] += 1

    checked = check_luma(iter(frames), "reel.mkv", tally)

    with pytest.raises(OutputMismatch, match=r"reel.mkv: luma of frame 5 changed"):
        list(checked)


def test_checksums_of_look_ahead_frames_are_not_recorded(tmp_path):
    path = make_film(tmp_path / "film.mkv", Recipe(**FFV1))
    tally = SegmentTally()

    assert len(list(record_luma(frames_of(path), 3, "yuv420p", tally))) == 8
    assert len(tally.luma) == 3


def test_a_part_with_different_luma_or_missing_frames_is_refused(tmp_path):
    path = make_film(tmp_path / "part.nut", Recipe(**FFV1))
    tally = SegmentTally()
    list(record_luma(frames_of(path), 8, "yuv420p", tally))

    verify_part_luma(path, "film", tally)
    with pytest.raises(OutputMismatch, match="frame 7 of a part"):
        verify_part_luma(path, "film", SegmentTally(luma=[*tally.luma[:7], 1]))
    with pytest.raises(OutputMismatch, match="frame 8 of a part"):
        verify_part_luma(path, "film", SegmentTally(luma=[*tally.luma, 1]))


def part_of(path, pix_fmt, size, slices="4"):
    """Write an FFV1 part of noise, return the header that decodes luma alone, and its tally."""
    width, height = size
    options = {"level": "3", "slicecrc": "1"} | ({"slices": slices} if slices else {})
    random = np.random.default_rng(1)
    tally = SegmentTally()
    with av.open(str(path), "w", format="nut") as output:
        stream = output.add_stream("ffv1", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.gop_size = 1
        for _ in range(3):
            frame = av.VideoFrame(width, height, pix_fmt)
            for number, plane in enumerate(frame.planes):
                bits = frame.format.components[0].bits
                codes = random.integers(16, 235, plane.buffer_size // (2 if bits > 8 else 1))
                plane.update((codes << (bits - 8)).astype("u1" if bits == 8 else "<u2").tobytes())
                if number == 0:
                    tally.luma.append(luma_checksum(luma_plane(frame)))
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return luma_only_header(pix_fmt, width, height, options), tally


@pytest.mark.parametrize(
    ("pix_fmt", "size"),
    [
        ("yuv420p", (128, 130)),
        ("yuv422p", (134, 128)),
        ("yuv444p", (130, 134)),
        ("yuv410p", (138, 136)),
    ],
)
def test_the_luma_of_a_part_is_decoded_and_proven_alone(pix_fmt, size, tmp_path):
    path = tmp_path / "part.nut"
    header, tally = part_of(path, pix_fmt, size)

    frames = list(decode_part(path, "film", header))

    assert {frame.format.name for frame in frames} == {"gray"}
    assert [luma_checksum(luma_plane(frame)) for frame in frames] == tally.luma
    verify_part_luma(path, "film", tally, header)
    with pytest.raises(OutputMismatch, match="frame 1 of a part"):
        verify_part_luma(path, "film", SegmentTally(luma=[tally.luma[0], 5, 6]), header)


@pytest.mark.parametrize(
    ("pix_fmt", "size", "slices"),
    [
        ("yuv420p10le", (128, 128), "4"),
        ("yuv444p12le", (128, 128), "4"),
        ("yuv420p", (129, 65), ""),
    ],
)
def test_a_part_whose_luma_does_not_decode_alone_is_decoded_whole(pix_fmt, size, slices, tmp_path):
    path = tmp_path / "part.nut"
    header, tally = part_of(path, pix_fmt, size, slices)

    assert header == b""
    verify_part_luma(path, "film", tally, header)


def test_a_header_that_decodes_other_luma_refuses_no_part(tmp_path):
    path = tmp_path / "part.nut"
    _, tally = part_of(path, "yuv420p", (128, 128))
    foreign = luma_only_header("yuv420p", 128, 128, {"level": "3", "slicecrc": "1", "slices": "6"})
    assert [
        luma_checksum(luma_plane(frame)) for frame in decode_part(path, "film", foreign)
    ] != tally.luma

    verify_part_luma(path, "film", tally, foreign)


def test_a_part_whose_own_header_is_wrong_is_refused(tmp_path):
    path = tmp_path / "part.nut"
    header, tally = part_of(path, "yuv420p", (128, 128))
    with av.open(str(path)) as part:
        own = part.streams.video[0].codec_context.extradata
    assert path.read_bytes().count(own) == 1
    path.write_bytes(path.read_bytes().replace(own, bytes(len(own))))

    with pytest.raises(OutputMismatch):
        verify_part_luma(path, "film", tally, header)
