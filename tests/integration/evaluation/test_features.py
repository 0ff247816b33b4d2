"""Features for Frechet distances, by the real packaged encoder and a small frozen graph."""

import numpy as np
import pytest

from colorworker.errors import WeightsRefused
from colorworker.evaluation.features import (
    INCEPTION_INPUT,
    INCEPTION_OUTPUT,
    inception_features,
    lite_features,
)
from colorworker.model.runtime import tf
from colorworker.model.weights import load, resolve


def test_encoder_features_separate_color_from_gray_of_the_same_lightness():
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (2, 4, 5, 3)).astype(np.uint8)
    color = coarse.repeat(20, axis=1).repeat(20, axis=2)
    gray = np.repeat(color.mean(-1, keepdims=True).astype(np.uint8), 3, axis=-1)
    extract = lite_features(load(resolve("lite")))

    of_color, of_gray = extract(color), extract(gray)

    assert of_color.shape == of_gray.shape == (2, 3 * 1280)
    red, green, blue = np.split(of_gray, 3, axis=1)
    assert np.array_equal(red, green)
    assert np.array_equal(green, blue)
    assert np.abs(of_color - of_gray).mean() > 0.01


def test_a_frozen_graph_gets_8_bit_codes_one_picture_at_a_time(tmp_path):
    graph = tf.Graph()
    with graph.as_default():
        fed = tf.compat.v1.placeholder(
            tf.float32, [1, None, None, 3], name=INCEPTION_INPUT.partition(":")[0]
        )
        tf.reduce_mean(fed, [1, 2], keepdims=True, name=INCEPTION_OUTPUT.partition(":")[0])
    path = tmp_path / "graph.pb"
    path.write_bytes(graph.as_graph_def().SerializeToString())
    pictures = np.random.default_rng(0).integers(0, 256, (3, 8, 9, 3)).astype(np.uint8)

    found = inception_features(path)(pictures)

    assert found == pytest.approx(pictures.mean((1, 2)), rel=1e-5)


def test_an_unsuitable_graph_is_refused(tmp_path):
    with pytest.raises(WeightsRefused, match=r"cannot be read.*leave out --inception"):
        inception_features(tmp_path / "missing.pb")
    (tmp_path / "other.pb").write_bytes(b"not a graph")
    with pytest.raises(WeightsRefused, match="pool_3:0"):
        inception_features(tmp_path / "other.pb")
