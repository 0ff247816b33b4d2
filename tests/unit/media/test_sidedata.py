"""Side data is read without keeping frames in memory."""

import gc

import av

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
