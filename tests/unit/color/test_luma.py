"""The meaning of luma codes, compared with the per-pixel reference."""

import numpy as np
import pytest

from colorworker.color.luma import lightness_from_luma, spec_from_codes
from colorworker.color.transfer import srgb_codes_from_signal
from colorworker.errors import SourceUnsupported
from tests.unit.color.reference import SPECS, codes_from_display, lab_from_display, unsigned


@pytest.mark.parametrize("spec", [*SPECS[:4], *SPECS[-2:]], ids=str)
def test_lightness_of_grays_equals_that_on_screen_up_to_diffuse_white(spec):
    grays = np.linspace(0, 1, 50)
    codes, _, _ = codes_from_display(np.repeat(grays[:, None], 3, axis=1), spec)

    lightness = lightness_from_luma(unsigned(codes, spec), spec)

    wanted = lab_from_display(np.repeat(grays[:, None], 3, axis=1), spec)[:, 0]
    assert np.abs(lightness - np.minimum(wanted, 100)).max() < 0.35
    assert lightness.dtype == np.float32


def test_codes_beyond_black_and_white_are_clipped():
    lightness = lightness_from_luma(np.array([0, 16, 235, 255], np.uint8), SPECS[0])

    np.testing.assert_allclose(lightness, [0, 0, 100, 100], atol=1e-4)


@pytest.mark.parametrize(
    ("matrix", "height", "wanted"),
    [
        (2, 576, "bt601"),
        (2, 720, "bt709"),
        (1, 480, "bt709"),
        (6, 1080, "bt601"),
        (9, 2160, "bt2020"),
    ],
)
def test_an_unspecified_matrix_follows_the_picture_height(matrix, height, wanted):
    spec = spec_from_codes(
        matrix=matrix, full_range=False, bit_depth=8, primaries=2, transfer=2, height=height
    )

    assert spec.matrix == wanted
    assert spec.wide_gamut == (wanted == "bt2020")


@pytest.mark.parametrize(("matrix", "name"), [(8, "YCgCo"), (14, "ICtCp"), (10, "constant lum")])
def test_an_unsupported_matrix_is_refused_by_name(matrix, name):
    with pytest.raises(SourceUnsupported, match=name):
        spec_from_codes(
            matrix=matrix, full_range=False, bit_depth=8, primaries=1, transfer=1, height=576
        )


@pytest.mark.parametrize(
    ("transfer", "name", "white"),
    [(1, "sdr", 940), (2, "sdr", 940), (16, "pq", 573), (18, "hlg", 721)],
)
def test_the_white_code_follows_the_transfer_characteristic(transfer, name, white):
    spec = spec_from_codes(
        matrix=9, full_range=False, bit_depth=10, primaries=9, transfer=transfer, height=2160
    )

    assert (spec.transfer, spec.black + spec.white_span) == (name, white)
    # ITU-R BT.2408, table 1: diffuse white is at 58 % for PQ and 75 % for HLG.
    assert lightness_from_luma(np.array([white], np.uint16), spec) == pytest.approx(100, abs=0.1)


@pytest.mark.parametrize(("transfer", "white"), [("pq", 148), ("hlg", 191)])
def test_reports_show_diffuse_white_and_highlights_as_white(transfer, white):
    shown = srgb_codes_from_signal(np.arange(256, dtype=np.uint8), transfer)

    assert np.all(np.diff(shown.astype(int)) >= 0)
    assert (shown[0], shown[white - 2] < 255, set(shown[white + 1 :])) == (0, True, {255})
