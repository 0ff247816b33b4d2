"""Printing density as a transfer characteristic of films."""

import numpy as np
import pytest

from colorworker.color.luma import ColorSpec, lightness_from_luma, solve_chroma
from colorworker.color.printingdensity import code_from_light, light_from_code
from colorworker.color.transfer import luminance_from_signal, signal_from_light, white_signal

LOG = ColorSpec("bt709", full_range=True, bit_depth=10, transfer="density")


def test_codes_come_back_from_light():
    codes = np.linspace(0, 1, 1024)

    assert np.allclose(code_from_light(light_from_code(codes)), codes, atol=1e-9)
    assert np.allclose(luminance_from_signal(codes, "density"), light_from_code(codes))


def test_the_curve_continues_below_black_and_stays_monotonic():
    light = np.linspace(-0.1, 0.1, 2001)[None].repeat(3, axis=0)

    signal = signal_from_light(light, light[0], "density")

    assert np.all(np.diff(signal) > 0)


def test_kodaks_reference_points():
    # 90 % white is code 685; 95 is the base of the negative, black; 0.002 density per code and a
    # gamma of 0.6 make 90 codes one stop.
    assert white_signal("density") * 1023 == pytest.approx(685)
    assert LOG.white_span == 685
    codes = np.array([95, 595, 685, 775, 1023])
    light = light_from_code(codes / 1023)
    assert light == pytest.approx([0.00562, 0.4985, 1.0, 2.005, 13.53], rel=0.01)


def test_the_network_sees_light_and_not_codes():
    lightness = lightness_from_luma(np.array([0, 95, 445, 685, 1023]), LOG)

    # Code 445 has 10 ** (-240 / 300) = 0.158 of the light of white, less black.
    assert lightness == pytest.approx([0, 5.08, 46.19, 100, 100], abs=0.01)


def test_colors_of_density_keep_their_luma_and_stay_in_gamut():
    luma = np.linspace(0.05, 0.95, 19)
    ab = np.stack([np.full(19, 40.0), np.linspace(-60, 60, 19)], axis=1)

    chroma = solve_chroma(luma, ab, LOG)

    red = luma + 2 * (1 - 0.2126) * chroma.imag
    blue = luma + 2 * (1 - 0.0722) * chroma.real
    green = (luma - 0.2126 * red - 0.0722 * blue) / 0.7152
    found = np.stack([red, green, blue])
    assert found.min() >= -1e-9
    assert found.max() <= 1 + 1e-9
    assert np.abs(chroma).max() > 0.01
