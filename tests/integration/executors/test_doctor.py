from dataclasses import replace

import numpy as np
import pytest

from colorworker.executors.doctor import check_gpu_colors, check_picture, checks, compare_colors
from colorworker.model.colorizer import TensorFlowColorizer
from colorworker.model.weights import load, resolve

pytestmark = pytest.mark.integration


def test_every_check_passes_where_everything_is_installed():
    done = list(checks())

    assert [check.name for check in done if check.status == "fail"] == []
    speed = next(check for check in done if check.name == "speed")
    assert float(speed.detail.split()[0]) > 0


@pytest.fixture(scope="module")
def colors():
    """Return a function that predicts the test picture's colors with changed weights."""
    weights = load(resolve("lite"))
    rng = np.random.default_rng(0)

    def noisy(array, noise):
        factor = 1 + noise * rng.standard_normal(array.shape)
        return (array * factor).astype(array.dtype) if array.dtype.kind == "f" else array

    def predicted(noise=0.0, **settings):
        arrays = {name: noisy(array, noise) for name, array in weights.arrays.items()}
        changed = replace(weights, arrays=arrays) if noise else weights
        return TensorFlowColorizer(changed, **settings).predict(check_picture())

    return predicted


def test_a_gpu_is_accepted_if_only_its_rounding_differs(colors):
    expected = colors()
    rounded = compare_colors("/GPU:0", expected, colors(precision="float16"))

    assert np.hypot(*np.moveaxis(expected, -1, 0)).max() > 20
    assert compare_colors("/GPU:0", expected, expected).status == "ok"
    assert (rounded.status, rounded.next_step) == ("ok", "")


def test_a_gpu_that_computes_other_colors_is_refused(colors):
    expected = colors()
    wrong = [colors(noise=0.01), np.zeros_like(expected), np.full_like(expected, np.nan)]

    found = [compare_colors("/GPU:0", expected, each) for each in wrong]

    assert [each.status for each in found] == ["fail"] * 3
    assert all(each.detail.startswith("/GPU:0: the colors of a test picture") for each in found)
    assert "not numbers" in found[2].detail
    assert all("CUDA_VISIBLE_DEVICES=-1" in each.next_step for each in found)


def test_every_device_computes_its_own_colors():
    check = check_gpu_colors(["/CPU:0"])

    assert (check.status, check.detail) == ("ok", "/CPU:0: within 0.00 of the CPU's a*, b*")


def test_without_a_gpu_nothing_is_compared():
    assert check_gpu_colors().detail == "no GPU to compare with the CPU"
