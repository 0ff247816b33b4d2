"""The notice changes a film's frames inside its box and nowhere else."""

from fractions import Fraction

import av
import numpy as np
import pytest

from colorworker.domain.videoinfo import Crop, VideoInfo
from colorworker.errors import SourceUnsupported
from colorworker.media.burnin import film_notice
from colorworker.media.planes import plane_view
from colorworker.media.synthetic import display_matrix


def info_of(width, height, pix_fmt="yuv420p", **changes):
    values = {
        "container": "matroska", "codec": "ffv1", "width": width, "height": height,
        "pix_fmt": pix_fmt, "frame_rate": Fraction(25), "sample_aspect_ratio": None,
        "color_range": 1, "colorspace": 1, "color_primaries": 1, "color_trc": 1,
    }  # fmt: skip
    return VideoInfo(**(values | changes))


def grainy(width, height, pix_fmt, seed=0):
    frame = av.VideoFrame(width, height, pix_fmt)
    random = np.random.default_rng(seed)
    for number in range(len(frame.planes)):
        plane = plane_view(frame, number)
        plane[:] = random.integers(20, 230, plane.shape)
    return frame


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv411p", "yuv422p10le", "yuv444p", "yuv420p12le"])
@pytest.mark.parametrize("size", [(640, 360), (641, 361), (90, 64)])
def test_codes_outside_the_box_stay_and_inside_there_are_two_tones(size, pix_fmt):
    frame, untouched = grainy(*size, pix_fmt), grainy(*size, pix_fmt)
    notice = film_notice("reel", info_of(*size, pix_fmt))
    box = notice.box

    notice.draw(frame)

    for number in range(len(frame.planes)):
        after, before = plane_view(frame, number), plane_view(untouched, number)
        down, across = round(size[1] / after.shape[0]), round(size[0] / after.shape[1])
        inside = np.zeros(after.shape, bool)
        inside[
            box.top // down : (box.top + box.height) // down,
            box.left // across : (box.left + box.width) // across,
        ] = True
        assert (after[~inside] == before[~inside]).all()
        depth = av.VideoFormat(pix_fmt).components[0].bits
        tones = {16 << (depth - 8), 235 << (depth - 8)} if number == 0 else {1 << (depth - 1)}
        assert set(np.unique(after[inside]).tolist()) == tones


def test_every_frame_gets_the_same_notice():
    notice = film_notice("reel", info_of(320, 240))
    box = notice.box

    first, second = (
        plane_view(notice.draw(grainy(320, 240, "yuv420p", seed)), 0)[
            box.top : box.top + box.height, box.left : box.left + box.width
        ]
        for seed in (1, 2)
    )

    assert (first == second).all()


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, -90, 180])
def test_the_notice_is_upright_in_a_rotated_or_mirrored_film(rotation, mirrored):
    frame = grainy(320, 240, "yuv444p")
    plane_view(frame, 0)[:] = 100
    matrix = display_matrix(rotation, mirrored=mirrored)
    notice = film_notice("reel", info_of(320, 240, "yuv444p", display_matrix=matrix))

    stored = plane_view(notice.draw(frame), 0)
    shown = np.rot90(np.fliplr(stored) if mirrored else stored, round(rotation / 90))

    rows, columns = np.nonzero(shown != 100)
    letters = shown[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] == 235
    upright_size = shown.shape[1], shown.shape[0]
    upright = film_notice("reel", info_of(*upright_size, "yuv444p")).box.mask
    assert rows.min() > shown.shape[0] / 2
    assert (letters == upright).all()


def test_the_notice_lies_in_the_part_of_a_cropped_film_that_is_shown():
    frame = grainy(320, 240, "yuv444p")
    plane_view(frame, 0)[:] = 100
    crop = Crop(left=30, top=20, right=50, bottom=41)

    notice = film_notice("reel", info_of(320, 240, "yuv444p", crop=crop))

    rows, columns = np.nonzero(plane_view(notice.draw(frame), 0) != 100)
    assert crop.top <= rows.min()
    assert rows.max() < 240 - crop.bottom
    assert crop.left <= columns.min()
    assert columns.max() < 320 - crop.right


def test_a_film_too_small_for_the_notice_is_refused_by_name():
    with pytest.raises(SourceUnsupported, match=r"reel: 40 x 30 pixels .* --label tag"):
        film_notice("reel", info_of(40, 30))


@pytest.mark.parametrize(("transfer", "white"), [(1, 940), (16, 573), (18, 721)])
def test_the_notice_in_hdr_is_diffuse_white(transfer, white):
    notice = film_notice("reel", info_of(320, 240, "yuv420p10le", color_trc=transfer))

    assert (notice.black, notice.white) == (64, white)
