"""The network equals the reference implementation that the weights were trained with."""

import os
from pathlib import Path

import numpy as np
import pytest

from colorworker.model.backbones import LITE0
from colorworker.model.network import FoldedConvolutions, annealed_mean, decode, encode, upsample
from colorworker.model.runtime import tf
from colorworker.model.weights import load, resolve

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "lite_check.npz"
"""Luma, hints, and the outputs of the reference implementation; logits of every 4th cell."""
TOLERANCE = 1e-3


@pytest.fixture(scope="module")
def weights():
    return load(resolve("lite"))


@pytest.fixture(scope="module")
def outputs(weights):
    """Return (logits, ab) for luma, hints / 110 and the share of rebalancing that is undone."""
    apply = FoldedConvolutions(weights, tf.float32)

    def run(luma, hints, calm):
        features, pooled = encode(apply, luma, LITE0)
        logits, mask = decode(apply, features, pooled, luma, hints)
        coarse = annealed_mean(logits, weights.bins, calm * weights.log_class_weights, 0.38)
        return logits, upsample(coarse, mask)

    return tf.function(run, reduce_retracing=True)


def assert_equal_to(check, luma, every, outputs):
    none = np.zeros_like(check["hints"])
    calm = tf.constant([0.0, 0.5])

    logits, ab = outputs(luma, none, calm[0])
    _, ab_hints = outputs(luma, check["hints"], calm[0])
    _, ab_calm = outputs(luma, none, calm[1])

    np.testing.assert_allclose(logits[:, ::every, ::every], check["logits"], atol=TOLERANCE)
    np.testing.assert_allclose(ab, check["ab"], atol=TOLERANCE)
    np.testing.assert_allclose(ab_hints, check["ab_hints"], atol=TOLERANCE)
    np.testing.assert_allclose(ab_calm, check["ab_calm"], atol=TOLERANCE)


def test_logits_and_colors_equal_the_reference(outputs):
    with np.load(GOLDEN, allow_pickle=False) as check:
        lightness = check["lightness"].astype(np.float32) * np.float32(100 / 255)

        assert_equal_to(check, lightness[..., np.newaxis] / 50 - 1, 4, outputs)


def test_logits_and_colors_equal_those_shipped_with_the_weights(outputs):
    folder = os.environ.get("COLORWORKER_TEST_WEIGHTS", ROOT.parent / "shared" / "weights")
    path = Path(folder) / "check.npz"
    if not path.is_file():
        pytest.skip(f"{path} is not here; COLORWORKER_TEST_WEIGHTS names its folder")

    with np.load(path, allow_pickle=False) as check:
        assert_equal_to(check, check["luma"], 1, outputs)
