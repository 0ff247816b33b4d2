"""Chroma is limited to EBU R 103."""

import numpy as np
import pytest

from colorworker.color.ebur103 import count_luma_outside, limit_chroma
from colorworker.color.luma import ColorSpec, luma_weights

SPECS = [
    ColorSpec("bt601", False, 8),
    ColorSpec("bt709", False, 10),
    ColorSpec("bt2020", True, 12),
]


def rgb(luma, cb, cr, spec):
    kr, kb = luma_weights(spec.matrix)
    y = (luma.astype(float) - spec.black) / spec.luma_span
    blue, red = ((plane.astype(float) - spec.neutral) / spec.chroma_span for plane in (cb, cr))
    red, blue = 2 * (1 - kr) * red, 2 * (1 - kb) * blue
    return np.stack([y + red, y - (kr * red + kb * blue) / (1 - kr - kb), y + blue])


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_chroma_outside_the_range_is_moved_just_inside(spec):
    random = np.random.default_rng(7)
    dtype = np.uint8 if spec.bit_depth == 8 else np.uint16
    luma = random.integers(spec.black, spec.black + spec.luma_span, (200, 200)).astype(dtype)
    cb, cr = random.integers(0, 1 << spec.bit_depth, (2, 200, 200)).astype(dtype)
    before = rgb(luma, cb, cr, spec)
    inside = ((before >= -0.05) & (before <= 1.05)).all(axis=0)

    limited = limit_chroma(cb, cr, luma, luma, spec)

    after = rgb(luma, *limited, spec)
    assert after.min() >= -0.05 - 1e-6
    assert after.max() <= 1.05 + 1e-6
    for plane, was in zip(limited, (cb, cr), strict=True):
        np.testing.assert_array_equal(plane[inside], was[inside])
    # One code of chroma changes blue by up to 1.9 luma codes and red by 1.6.
    touching = np.minimum(1.05 - after.max(axis=0), after.min(axis=0) + 0.05)[~inside]
    assert touching.max() < 4 / spec.luma_span


def test_limited_chroma_keeps_its_hue():
    spec = ColorSpec("bt709", False, 10)
    luma, cb, cr = (np.array([[code]], np.uint16) for code in (900, 700, 352))

    limited = limit_chroma(cb, cr, luma, luma, spec)

    blue, red = (int(plane[0, 0]) - 512 for plane in limited)
    assert 0 < blue < 188
    assert red / blue == pytest.approx(-160 / 188, abs=0.02)


def test_luma_outside_the_range_gets_no_chroma_and_is_counted():
    spec = ColorSpec("bt709", False, 8)
    luma = np.array([[1, 13, 14, 235, 241, 242, 254]], np.uint8)
    chroma = np.full((1, 7), 150, np.uint8)

    cb, cr = limit_chroma(chroma, chroma, luma, luma, spec)

    assert count_luma_outside(luma, spec) == 4
    assert (cb[0, 0], cr[0, 0]) == (128, 128)
    assert (cb[0, 3], cr[0, 3]) != (128, 128)
