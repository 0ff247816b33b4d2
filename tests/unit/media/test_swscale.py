"""Conversions by swscale keep codes and tags, also tags that swscale does not know."""

import numpy as np
import pytest
from av.video.frame import VideoFrame

from colorworker.media.planes import luma_plane
from colorworker.media.swscale import COLOR_TAGS, reformat

UNKNOWN_MATRIX = 110


@pytest.mark.parametrize(
    ("of", "to", "luma"), [("yuv420p", "yuv422p10le", 256), ("p010le", "yuv420p10le", 257)]
)
def test_a_matrix_that_swscale_does_not_know_is_kept(of, to, luma):
    frame = VideoFrame(64, 48, of)
    for plane in frame.planes:
        np.frombuffer(memoryview(plane), np.uint8)[:] = 64
    for tag, value in zip(COLOR_TAGS, (UNKNOWN_MATRIX, 1, 115, 37), strict=True):
        setattr(frame, tag, value)
    with pytest.raises(OSError, match="Operation not supported"):
        frame.reformat(format=to)

    result = reformat(frame, to)

    assert (result.format.name, result.width, result.height) == (to, 64, 48)
    for each in (frame, result):
        assert [int(getattr(each, tag)) for tag in COLOR_TAGS] == [UNKNOWN_MATRIX, 1, 115, 37]
    assert np.all(luma_plane(result) == luma)
