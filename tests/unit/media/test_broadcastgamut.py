"""Limited frames are within EBU R 103 as players show them, with interpolated chroma."""

import numpy as np
import pytest

from colorworker.color.luma import luma_weights
from colorworker.media.broadcastgamut import GamutTally, limit_to_broadcast_gamut, luma_extremes
from colorworker.media.codecs.decode import decode_segment
from colorworker.media.containers.probe import scan
from colorworker.media.planes import color_spec, luma_plane, plane_view


def colored(source, film):
    """Return the film's frames with strong random chroma, regardless of their luma."""
    random = np.random.default_rng(3)
    path = film("film.mkv", codec="ffv1", gop_size=1, frames=2, **source)
    with path.open("rb") as reader:
        info, timeline = scan(reader, path.name)
        frames = list(decode_segment(reader, "film", info, timeline, 0, None))
    for frame in frames:
        frame.make_writable()
        for number in (1, 2):
            plane = plane_view(frame, number)
            plane[:] = random.integers(60, 196, plane.shape) << (info.pix_fmt.endswith("10le") * 2)
    return frames, info


def shown_rgb(frame, info):
    """Return R'G'B' (3, h, w) with linearly interpolated chroma, per field if interlaced."""
    spec = color_spec(info)
    kr, kb = luma_weights(spec.matrix)
    luma = (luma_plane(frame).astype(float) - spec.black) / spec.luma_span
    blue, red = (
        upsampled((plane.astype(float) - spec.neutral) / spec.chroma_span, luma.shape, frame)
        for plane in (plane_view(frame, 1), plane_view(frame, 2))
    )
    red, blue = 2 * (1 - kr) * red, 2 * (1 - kb) * blue
    return np.stack([luma + red, luma - (kr * red + kb * blue) / (1 - kr - kb), luma + blue])


def upsampled(plane, shape, frame):
    if frame.interlaced_frame and plane.shape[0] < shape[0]:
        fields = [enlarged(plane[first::2], (shape[0] // 2, shape[1])) for first in (0, 1)]
        return np.stack(fields, axis=1).reshape(shape)
    return enlarged(plane, shape)


def enlarged(plane, shape):
    for axis, length in enumerate(shape):
        place = (np.arange(length) + 0.5) * plane.shape[axis] / length - 0.5
        known = np.arange(plane.shape[axis])
        plane = np.apply_along_axis(lambda line: np.interp(place, known, line), axis, plane)  # noqa: B023
    return plane


@pytest.mark.parametrize(
    "source",
    [
        {"pix_fmt": "yuv420p"},
        {"pix_fmt": "yuv420p", "field_order": 2},
        {"pix_fmt": "yuv422p10le"},
        {"pix_fmt": "yuv444p"},
        {"pix_fmt": "yuv411p"},
    ],
    ids=str,
)
def test_all_pixels_are_within_r103_and_luma_stays(source, film):
    frames, info = colored(source, film)
    before = [luma_plane(frame).copy() for frame in frames]
    assert np.abs(np.stack([shown_rgb(frame, info) for frame in frames]) - 0.5).max() > 0.6
    tally = GamutTally()

    limited = list(limit_to_broadcast_gamut(iter(frames), info, info.pix_fmt, tally))

    shown = np.stack([shown_rgb(frame, info) for frame in limited])
    assert shown.min() >= -0.05 - 1e-6
    assert shown.max() <= 1.05 + 1e-6
    for frame, luma in zip(limited, before, strict=True):
        np.testing.assert_array_equal(luma_plane(frame), luma)
    assert tally == GamutTally(2 * info.width * info.height, 0)


def test_luma_extremes_include_neighboring_samples():
    luma = np.full((6, 8), 50, np.uint8)
    luma[2, 4] = 200

    lowest, highest = luma_extremes(luma, (3, 4))

    assert (lowest == 50).all()
    np.testing.assert_array_equal(highest == 200, np.pad(np.ones((3, 3), bool), ((0, 0), (1, 0))))
