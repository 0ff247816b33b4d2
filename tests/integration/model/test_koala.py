"""Koala is trained, saved without its Inception branch, and colors with it again."""

import numpy as np
import pytest

from colorworker.color.knowncolors import KnownColors
from colorworker.errors import WeightsRefused
from colorworker.model.architectures import Architecture
from colorworker.model.colorizer import TensorFlowColorizer
from colorworker.model.koala.inception import with_branch_sha256
from colorworker.model.koala.topology import CHROMA_RANGE
from colorworker.model.runtime import tf
from colorworker.model.trainable import make_trainable
from colorworker.model.trainingbatch import Batch
from colorworker.model.weights import encode_weights, parse

pytestmark = pytest.mark.integration

# The real branch, at the smallest size that it accepts.
SMALL = Architecture("koala", pixels=32, embedding_pixels=75)


def batch_of(pictures):
    rng = np.random.default_rng(0)
    luma = rng.uniform(-1, 1, (pictures, 32, 32, 1))
    hints = np.zeros((pictures, 8, 8, 3))
    chroma = np.full((pictures, 32, 32, 2), (30.0, -40.0))
    return Batch(*(tf.constant(array, tf.float32) for array in (luma, hints, chroma)))


# It builds Inception-ResNet-v2 twice and traces it once: a minute of CPU, more than 5 on a busy
# machine. The values have room: chroma differs by 0.03 on average and 0.13 at most.
@pytest.mark.timeout(1200)
def test_koala_learns_and_colors_the_same_after_saving():
    network = make_trainable(SMALL, seed=1)
    batch = batch_of(2)
    variables = network.model.trainable_variables
    losses = []
    for _ in range(2):
        with tf.GradientTape() as tape:
            seen = network.losses(batch, training=True)
        for variable, gradient in zip(
            variables, tape.gradient(seen["loss"], variables), strict=True
        ):
            variable.assign_sub(1e-2 * gradient)
        losses.append(float(seen["loss"]))

    weights = parse(encode_weights(network.architecture, network.arrays()), "koala.npz", "0" * 64)

    # The 4.7 million parameters of the network itself, and only the SHA-256 of the branch.
    assert network.model.count_params() == 4_696_098
    assert network.backbone() == []
    assert losses[-1] < losses[0]
    assert float(seen["ab_mse"]) == pytest.approx(losses[-1] * CHROMA_RANGE**2, rel=1e-5)
    assert str(weights.architecture) == "koala, Inception branch untrained"
    assert len(weights.architecture.backbone_sha256) == 64
    colorizer = TensorFlowColorizer(weights)
    assert_colors_are(network, colorizer, batch)
    assert_pictures_of_any_size_are_colored(colorizer)
    assert_hints_are_spread(colorizer)


def test_a_branch_with_different_weights_is_refused():
    arrays = [np.ones((2, 3), np.float32), np.zeros(3, np.float32)]
    trained = with_branch_sha256(SMALL, arrays)

    assert with_branch_sha256(trained, arrays) == trained
    with pytest.raises(WeightsRefused, match=r"untrained.*trained with .*Restore the file"):
        with_branch_sha256(trained, reversed(arrays))


def assert_colors_are(network, colorizer, batch):
    lightness = (batch.luma.numpy()[..., 0] + 1) * 50

    chroma = colorizer.predict(lightness)

    expected = network.model([batch.luma, batch.hints], training=False) * CHROMA_RANGE
    difference = np.abs(chroma - expected)
    assert difference.mean() < 0.2
    assert difference.max() < 5


def assert_pictures_of_any_size_are_colored(colorizer):
    assert colorizer.working_shape(100, 200) == (16, 32)
    assert colorizer.working_shape(1, 1000) == (8, 32)
    for height, width in ((5, 9), (70, 40)):
        chroma = colorizer.predict(np.full((1, height, width), 50, np.float32))
        assert chroma.shape == (1, height, width, 2)
        assert np.isfinite(chroma).all()
    assert colorizer.trace_count == 1


def assert_hints_are_spread(colorizer):
    lightness = np.full((1, 32, 32), 50, np.float32)
    weight = np.zeros((32, 32), np.float32)
    weight[8:12, 8:12] = 1
    hints = KnownColors(np.full((32, 32, 2), 60, np.float32), weight, "hint")

    moved = colorizer.predict(lightness, [[hints]])[0] - colorizer.predict(lightness)[0]

    distance = np.linalg.norm((60, 60) - colorizer.predict(lightness)[0, 9, 9])
    assert np.linalg.norm(moved[9, 9]) > distance / 2
