"""A film with a frame whose luma differs from the source is never published."""

import av
import numpy as np
import pytest

from colorworker.errors import OutputMismatch
from colorworker.media.codecs.decode import decode_segment
from colorworker.media.containers.probe import scan
from colorworker.media.planes import luma_plane, replace_chroma
from colorworker.media.synthetic import Recipe, make_film
from colorworker.pipeline.lumacheck import SegmentTally, check_luma, record_luma, verify_part_luma

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
