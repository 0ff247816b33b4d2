"""Our EfficientNetV2-S computes the same as that of keras.applications on gray pictures."""

import keras
import numpy as np
import pytest

from colorworker.errors import WeightsRefused
from colorworker.model import network
from colorworker.model.architectures import Architecture
from colorworker.model.backbones import V2S
from colorworker.model.colorizer import TensorFlowColorizer
from colorworker.model.layers import ConvolutionLayers
from colorworker.model.pretrained import encoder_arrays, resolve_backbone
from colorworker.model.trainable import make_trainable
from colorworker.model.weights import encode_weights, load, parse, resolve, save

pytestmark = [
    pytest.mark.integration,
    # Keras 3.15 passes its variables to np.array, and NumPy 2 warns about their __array__ method.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def published():
    """EfficientNetV2-S with different values in every array."""
    model = keras.applications.EfficientNetV2S(include_top=False, weights=None)
    rng = np.random.default_rng(0)
    for variable in model.weights:
        low, high = {
            "gamma": (0.2, 0.6),
            "moving_variance": (0.5, 1.5),
            "moving_mean": (-0.1, 0.1),
            "beta": (-0.1, 0.1),
        }.get(variable.path.rpartition("/")[2], (0, 0))
        if high:
            variable.assign(rng.uniform(low, high, variable.shape))
    return model


@pytest.fixture(scope="module")
def architecture(published, tmp_path_factory):
    path = tmp_path_factory.mktemp("keras") / "v2s.weights.h5"
    published.save_weights(path)
    return Architecture("efficientnetv2s", width=0.25, backbone=str(path))


@pytest.fixture(scope="module")
def started(architecture):
    """A network whose encoder comes from the file of `published`."""
    return make_trainable(architecture)


def test_features_equal_those_of_keras_for_a_gray_picture(published, started):
    luma = np.random.default_rng(1).uniform(-1, 1, (1, 64, 96, 1)).astype(np.float32)
    last = ("block1b_add", "block2d_add", "block3d_add", "block5i_add", "block6o_add")
    outputs = [published.get_layer(name).output for name in last]
    # Keras' own preprocessing is x / 128 - 1.
    rgb = np.repeat((luma + 1) * 128, 3, -1)
    expected = keras.Model(published.input, [*outputs, published.output])(rgb, training=False)

    apply = ConvolutionLayers(started.model.convolved, training=False)
    features, pooled = network.encode(apply, luma, V2S)

    for feature, values in zip(features, expected, strict=False):
        scale = float(np.abs(values).max())
        np.testing.assert_allclose(feature, values, atol=1e-4 * scale)
    means = np.asarray(expected[-1]).mean((1, 2))
    np.testing.assert_allclose(pooled[:, 0, 0], means, atol=1e-4 * np.abs(means).max())


def test_the_larger_network_can_be_saved_and_loaded_for_coloring(started):
    data = encode_weights(started.architecture, started.arrays())

    weights = parse(data, "mine.npz", "0" * 64)

    assert weights.architecture == started.architecture
    colorizer = TensorFlowColorizer(weights)
    assert colorizer.working_shape(480, 640) == (256, 352)
    chroma = colorizer.predict(np.full((1, 24, 32), 50, np.float32))
    assert chroma.shape == (1, 24, 32, 2)
    assert np.isfinite(chroma).all()


def test_a_different_width_starts_from_the_packaged_encoder():
    arrays = encoder_arrays(Architecture(width=0.5, backbone="lite"))

    assert {name.partition("/")[0] for name in arrays} == {"encoder"}
    assert arrays["encoder/stem_conv/kernel"].shape == (3, 3, 1, 32)


def test_an_encoder_of_a_different_kind_is_refused(tmp_path):
    lite = load(resolve("lite"))
    path = tmp_path / "mine.npz"
    save(path, lite.architecture, lite.arrays)

    with pytest.raises(WeightsRefused, match="its encoder is that of lite, not of efficientnetv2s"):
        encoder_arrays(Architecture("efficientnetv2s", backbone=str(path)))


def test_training_starts_untrained_with_a_warning_if_the_backbone_is_unavailable(caplog):
    wanted = Architecture("efficientnetv2s", backbone="/nowhere/v2s.h5")

    settled = resolve_backbone(wanted)

    assert settled == Architecture("efficientnetv2s")
    assert "/nowhere/v2s.h5" in caplog.text
    assert "untrained" in caplog.text


def test_an_available_backbone_is_kept():
    wanted = Architecture(width=0.5, backbone="lite")

    assert resolve_backbone(wanted) == wanted
