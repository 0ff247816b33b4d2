"""Side data is read without keeping frames in memory."""

import gc
import io

import av
import pytest

from colorworker.media.sidedata import Type, frame_data, side_data


def test_reading_side_data_does_not_keep_the_frame_alive():
    gc.collect()
    gc.disable()
    try:
        frame = av.VideoFrame(64, 48, "yuv420p")
        assert frame_data(frame) == []
        assert side_data(frame, Type.A53_CC) == b""
        assert frame in gc.get_objects()
        of_the_frame = id(frame)
        del frame
        assert not any(
            id(each) == of_the_frame and isinstance(each, av.VideoFrame)
            for each in gc.get_objects()
        )
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("mode", "expected"), [("mono", []), ("left_right", ["stereoscopic layouts"])]
)
def test_a_stereoscopic_layout_of_a_single_view_is_no_loss(mode, expected):
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        stream = output.add_stream("ffv1", 25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.metadata["stereo_mode"] = mode
        output.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        output.mux(stream.encode(None))
    file.seek(0)

    with av.open(file) as film:
        frame = next(film.decode(video=0))
        assert [str(item.type) for item in frame.side_data] == ["Type.STEREO3D"]
        assert frame_data(frame) == expected
