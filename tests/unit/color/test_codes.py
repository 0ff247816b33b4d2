"""The table of chroma codes compared with the per-pixel reference."""

import numpy as np
import pytest

from colorworker.color import codes
from colorworker.color.codes import chroma_table, positions_from_ab
from colorworker.color.luma import ColorSpec
from tests.unit.color.reference import (
    SPECS,
    codes_from_display,
    display_from_codes,
    lab_from_display,
    unsigned,
)

DARKEST = {"sdr": 0.05, "pq": 0.4, "hlg": 0.2}
"""Signals of the darkest grays tested, in HDR at 32 and 6 cd/m2. Below, colors as strong as those
of the test have larger errors."""


def chroma_codes(table, luma, ab):
    return codes.chroma_codes(table, luma, positions_from_ab(table, ab))


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_codes_are_within_half_a_code_of_the_reference_on_average_and_two_at_worst(spec):
    random = np.random.default_rng(1)
    gray = random.uniform(DARKEST[spec.transfer], 0.95, (120, 100, 1))
    rgb = np.clip(gray + random.normal(0, 0.12, (120, 100, 3)), 0.02, 0.98)
    ab = lab_from_display(rgb, spec)[..., 1:].astype(np.float32)
    luma, cb, cr = codes_from_display(rgb, spec)

    got_cb, got_cr = chroma_codes(chroma_table(spec), unsigned(luma, spec), ab)

    scale = 1 << (spec.bit_depth - 8)
    error = (np.hypot(got_cb - cb, got_cr - cr) / scale)[np.abs(ab).max(axis=-1) < 105]
    assert len(error) > 4000
    assert error.mean() < 0.5
    assert np.percentile(error, 99) < 2


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_no_color_leaves_the_gamut_by_more_than_rounding(spec):
    random = np.random.default_rng(2)
    span = spec.luma_span + 1
    luma = unsigned(random.integers(spec.black, spec.black + span, (200, 150)), spec)
    ab = random.uniform(-130, 130, (200, 150, 2)).astype(np.float32)

    cb, cr = chroma_codes(chroma_table(spec), luma, ab)

    rgb = display_from_codes(luma.astype(float), cb.astype(float), cr.astype(float), spec)
    # Half a code of Cb changes B' by (1 - kb) codes; at 12 bits the table steps by 4 luma codes.
    slack = (1.2 if spec.bit_depth <= 10 else 4) / spec.chroma_span
    assert rgb.min() > -slack
    assert rgb.max() < 1 + slack


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_neutral_stays_exactly_neutral_at_every_luma_code(spec):
    luma = np.arange(1 << spec.bit_depth, dtype=np.uint8 if spec.bit_depth == 8 else np.uint16)
    luma = luma.reshape(16, -1)

    cb, cr = chroma_codes(chroma_table(spec), luma, np.zeros((*luma.shape, 2), np.float32))

    assert np.all(cb == 1 << (spec.bit_depth - 1))
    assert np.all(cr == 1 << (spec.bit_depth - 1))


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_black_and_white_stay_neutral(spec):
    luma = np.array([[spec.black, spec.black + spec.luma_span]])
    luma = unsigned(luma, spec)

    cb, cr = chroma_codes(chroma_table(spec), luma, np.full((1, 2, 2), 50, np.float32))

    assert np.all(
        np.abs(np.stack([cb, cr]).astype(int) - spec.neutral) <= 1 << (spec.bit_depth - 8)
    )


@pytest.mark.parametrize("depth", [8, 10])
def test_codes_do_not_depend_on_the_block_size(depth):
    random = np.random.default_rng(3)
    spec = ColorSpec("bt601", full_range=False, bit_depth=depth)
    luma = unsigned(random.integers(16, 236, (401, 211)) << (depth - 8), spec)
    ab = random.normal(0, 25, (401, 211, 2)).astype(np.float32)
    table = chroma_table(spec)

    whole = chroma_codes(table, luma, ab)
    rows = [chroma_codes(table, luma[row : row + 1], ab[row : row + 1]) for row in range(401)]

    np.testing.assert_array_equal(whole[0], np.vstack([row[0] for row in rows]))
    np.testing.assert_array_equal(whole[1], np.vstack([row[1] for row in rows]))


def test_integer_codes_equal_floating_point_codes_except_near_halves():
    random = np.random.default_rng(4)
    luma = random.integers(16, 236, (100, 120), dtype=np.uint8)
    ab = random.normal(0, 25, (100, 120, 2)).astype(np.float32)
    deep = ColorSpec("bt601", full_range=False, bit_depth=10)

    eight = np.stack(chroma_codes(chroma_table(SPECS[0]), luma, ab)).astype(float)
    ten = np.stack(chroma_codes(chroma_table(deep), luma.astype(np.uint16) << 2, ab)) / 4

    error = eight - ten
    assert np.abs(error.mean()) < 0.02
    assert np.sqrt((error**2).mean()) < 0.35
