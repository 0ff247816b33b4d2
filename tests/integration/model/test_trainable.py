"""Training starts with the function of inference, and saved weights color like the trained ones."""

from pathlib import Path

import numpy as np
import pytest

from colorworker.errors import WeightsRefused
from colorworker.model.architectures import Architecture
from colorworker.model.bintrainable import BinTable, unevenness
from colorworker.model.colorizer import load_colorizer
from colorworker.model.network import annealed_mean, upsample
from colorworker.model.runtime import tf
from colorworker.model.smoothing import smooth_chroma
from colorworker.model.trainable import make_trainable
from colorworker.model.trainingbatch import Batch
from colorworker.model.weights import load, resolve, save

pytestmark = pytest.mark.integration

GOLDEN = Path(__file__).parents[2] / "golden" / "lite_check.npz"


@pytest.fixture(scope="module")
def lite():
    return load(resolve("lite"))


def batch_of(seed, size=32, pictures=2):
    rng = np.random.default_rng(seed)
    luma = rng.uniform(-1, 1, (pictures, size, size, 1))
    hints = np.zeros((pictures, size // 4, size // 4, 3))
    chroma = rng.normal(0, 20, (pictures, size, size, 2))
    return Batch(*(tf.constant(array, tf.float32) for array in (luma, hints, chroma)))


def learn(network, batch, steps, rate=0.01):
    """Take plain gradient steps; return the loss before each one."""
    seen = []
    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss = network.losses(batch, training=True)["loss"]
        variables = network.model.trainable_variables
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(rate * gradient)
        seen.append(float(loss))
    return seen


def test_the_layers_compute_the_same_as_the_reference(lite):
    network = make_trainable(lite.architecture, lite)
    with np.load(GOLDEN, allow_pickle=False) as check:
        luma = check["lightness"].astype(np.float32)[..., np.newaxis] * np.float32(2 / 255) - 1

        logits, mask = network.model([luma, check["hints"]], training=False)

        offset = np.zeros_like(lite.log_class_weights)
        ab = upsample(annealed_mean(logits, lite.bins, offset, 0.38), mask)
        np.testing.assert_allclose(ab, check["ab_hints"], atol=1e-3)


def test_arrays_survive_a_round_trip_through_the_trainable_network(lite):
    arrays = make_trainable(lite.architecture, lite).arrays()

    assert arrays.keys() == lite.arrays.keys()
    for name, array in arrays.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, lite.arrays[name].astype(np.float32))


def test_saved_weights_color_like_the_trained_network(tmp_path, lite):
    network = make_trainable(lite.architecture, lite, freeze_statistics=False)
    learn(network, batch_of(1), steps=1, rate=1e-3)
    path = tmp_path / "mine.npz"
    lightness = np.random.default_rng(2).uniform(0, 100, (1, 256, 256)).astype(np.float32)

    sha256 = save(path, network.architecture, network.arrays())

    ref = resolve(path)
    colors = load_colorizer(ref, vividness=1.0).predict(lightness)
    hints = np.zeros((1, 64, 64, 3), np.float32)
    logits, mask = network.model([lightness[..., np.newaxis] / 50 - 1, hints], training=False)
    offset = np.zeros_like(lite.log_class_weights)
    coarse = annealed_mean(logits, lite.bins, offset, 0.38)
    cells = lightness.reshape(1, 64, 4, 64, 4).mean((2, 4))
    ab = upsample(smooth_chroma(coarse, tf.constant(cells)), mask)
    assert ref.sha256 == sha256
    # Kernels are stored as float16, which costs up to half a unit of a* or b* on this noise.
    difference = np.abs(colors - ab)
    assert difference.mean() < 0.05
    assert difference.max() < 2


def test_a_fresh_network_learns(lite):
    network = make_trainable(Architecture(width=0.25), seed=3)

    losses = learn(network, batch_of(3), steps=3, rate=0.01)

    assert losses[-1] < losses[0]
    assert np.isfinite(losses).all()


def test_the_seed_determines_the_initial_network():
    first, again, other = (
        make_trainable(Architecture(width=0.25), seed=seed).arrays() for seed in (3, 3, 4)
    )

    for name, array in first.items():
        np.testing.assert_array_equal(array, again[name])
    assert not np.array_equal(first["decoder/d4b/kernel"], other["decoder/d4b/kernel"])


@pytest.mark.parametrize(("frozen", "statistics"), [(True, True), (False, True), (False, False)])
def test_freezing_keeps_the_backbone_or_its_statistics(frozen, statistics):
    network = make_trainable(
        Architecture(width=0.25, backbone="lite"),
        seed=5,
        freeze_backbone=frozen,
        freeze_statistics=statistics,
    )
    before = network.arrays()

    learn(network, batch_of(5), steps=1)

    after = network.arrays()
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    assert ("encoder/stem_conv/kernel" in moved) is not frozen
    assert ("encoder/stem_bn/moving_mean" in moved) is not statistics
    assert {"decoder/d4b/kernel", "decoder/d4b_bn/moving_mean"} <= moved
    assert bool(network.backbone()) is not frozen


def test_the_first_blocks_of_the_backbone_can_stay_as_they_are():
    network = make_trainable(
        Architecture(width=0.25, backbone="lite"), seed=5, frozen_blocks=2, freeze_statistics=False
    )
    before = network.arrays()

    learn(network, batch_of(5), steps=1)

    after = network.arrays()
    kept = {name for name in before if np.array_equal(before[name], after[name])}
    blocks = ("encoder/stem_", "encoder/b0_", "encoder/b1_")
    frozen = {name for name in before if name.startswith(blocks)}
    assert frozen <= kept
    assert {"encoder/b2_exp/kernel", "encoder/b2_bn0/moving_mean"}.isdisjoint(kept)
    assert {"encoder/b10_exp/kernel", "encoder/b12_dw/kernel"}.isdisjoint(kept)


def test_weights_of_a_different_width_are_refused_for_training(lite):
    with pytest.raises(WeightsRefused, match=r"are for lite, and lite x0.5 was requested"):
        make_trainable(Architecture(width=0.5), lite)


def test_half_precision_keeps_variables_and_losses_in_float32(lite):
    network = make_trainable(lite.architecture, lite, precision="bfloat16")

    losses = network.losses(batch_of(6), training=True)

    assert {variable.dtype for variable in network.model.variables} == {"float32"}
    full = make_trainable(lite.architecture, lite).losses(batch_of(6), training=True)
    assert abs(float(losses["loss"]) / float(full["loss"]) - 1) < 0.05


def test_colors_are_shared_among_their_five_nearest_bins(lite):
    random = np.random.default_rng(1)
    around = lite.bins[random.integers(len(lite.bins), size=(4, 200))]
    colors = (around + random.uniform(-9, 9, around.shape)).astype(np.float32)

    share = BinTable(lite.bins).soft_encode(tf.constant(colors)).numpy()

    distance = np.linalg.norm(colors[:, :, np.newaxis] - lite.bins, axis=-1)
    nearest = np.argsort(distance, axis=-1)[..., :5]
    expected = np.exp(-(np.take_along_axis(distance, nearest, -1) ** 2) / 50)
    expected /= expected.sum(-1, keepdims=True)
    np.testing.assert_allclose(np.take_along_axis(share, nearest, -1), expected, atol=2e-4)
    assert set(np.count_nonzero(share, axis=-1).ravel()) == {5}
    np.testing.assert_allclose(share.sum(-1), 1, atol=1e-5)


def test_colors_far_outside_have_weights_too(lite):
    share = BinTable(lite.bins).soft_encode(tf.constant([[300.0, -300.0]])).numpy()

    assert share.sum() == pytest.approx(1)


def unevenness_of(chroma, *, truth=None, luma=None):
    """Return `unevenness` of one picture of 16 x 16 cells."""
    truth = np.full_like(chroma, 20.0) if truth is None else truth
    luma = np.zeros((1, 64, 64, 1)) if luma is None else luma
    arrays = (tf.constant(array, tf.float32) for array in (chroma, truth, luma))
    return float(unevenness(*arrays))


def test_a_blotch_in_an_even_area_counts_as_uneven_and_its_strength_does_not_matter():
    even = np.full((1, 16, 16, 2), 20.0)
    blotch = even.copy()
    blotch[:, 4:9, 4:9] = [50.0, 20.0]

    assert unevenness_of(even) < 0.001
    assert unevenness_of(blotch) > 0.02
    # A network cannot become even by becoming gray.
    assert unevenness_of(blotch * 0.5) > 0.7 * unevenness_of(blotch)


def test_colors_may_change_where_lightness_or_true_color_changes():
    halves = np.full((1, 16, 16, 2), 20.0)
    halves[:, :, 8:] = -20.0
    edge = np.zeros((1, 64, 64, 1))
    edge[:, :, 32:] = 0.8

    assert unevenness_of(halves, luma=edge) < 0.001
    assert unevenness_of(halves, truth=halves) < 0.001
    assert unevenness_of(halves) > 0.05
