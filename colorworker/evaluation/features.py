"""Feature extractors for Frechet distances: our own encoder, and Inception."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from colorworker.color.lab import lightness_from_luminance, srgb_to_linear
from colorworker.errors import WeightsRefused
from colorworker.evaluation.frechet import Features
from colorworker.model.backbones import BACKBONES
from colorworker.model.network import FoldedConvolutions, encode
from colorworker.model.runtime import tf
from colorworker.model.weights import Weights

Codes = npt.NDArray[np.uint8]

SIDE = 160
"""Pictures are resized to this square for our encoder, its training size in pixels."""
INCEPTION_INPUT, INCEPTION_OUTPUT = "ExpandDims:0", "pool_3:0"
"""Tensor names in the graph of 2015-12-05, on which every published FID is defined."""


def lite_features(weights: Weights) -> Features:
    """Return an extractor of the packaged encoder's pooled features, (B, 3 * 1280).

    The encoder sees lightness only, which all candidates share with the truth, so their distance
    would be 0. It therefore gets the red, green and blue separations as three gray pictures, and
    the three vectors are concatenated: equal for gray, different where there is color.

    Args:
        weights: Weights of the `lite` architecture; the packaged ones, for comparable numbers.
    """
    apply = FoldedConvolutions(weights, tf.float32)
    table = lightness_from_luminance(srgb_to_linear(np.linspace(0, 1, 256).astype(np.float32)))

    @tf.function(  # type: ignore[untyped-decorator, unused-ignore]
        input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)]
    )
    def pooled(separations: tf.Tensor) -> tf.Tensor:
        small = tf.image.resize(separations, [SIDE, SIDE], antialias=True)
        alone = tf.reshape(tf.transpose(small, [0, 3, 1, 2]), [-1, SIDE, SIDE, 1])
        vectors = encode(apply, alone, BACKBONES["lite"])[1]
        return tf.reshape(vectors, [tf.shape(separations)[0], -1])

    def extract(rgb: Codes) -> npt.NDArray[np.floating]:
        return np.asarray(pooled(table[rgb] / 50 - 1).numpy(), np.float32)

    return extract


def inception_features(path: Path) -> Features:
    """Return an extractor of Inception's 2048 features, for the standard FID.

    Args:
        path: `classify_image_graph_def.pb`, the frozen graph of inception-2015-12-05. Other
            Inception weights (Keras, torchvision) give numbers that are not comparable.

    Raises:
        WeightsRefused: If the file is not that graph.

    Source:
        Heusel et al. 2017 and their code: codes in 0..255, enlarged to 299 within the graph.
    """
    graph_def = tf.compat.v1.GraphDef()
    try:
        graph_def.ParseFromString(path.read_bytes())
        imported = tf.compat.v1.wrap_function(
            lambda: tf.graph_util.import_graph_def(graph_def, name=""), []
        )
        pooled = imported.prune(INCEPTION_INPUT, INCEPTION_OUTPUT)
    except OSError as error:
        raise WeightsRefused(
            str(path),
            f"cannot be read ({error.strerror})",
            "Give a file on this machine, or leave out --inception (no FID column)",
        ) from error
    except Exception as error:  # protobuf and TensorFlow raise undocumented types
        raise WeightsRefused(
            str(path),
            f"is not a graph with {INCEPTION_INPUT} and {INCEPTION_OUTPUT}"
            f" ({type(error).__name__})",
            "Give classify_image_graph_def.pb of inception-2015-12-05",
        ) from error

    def extract(rgb: Codes) -> npt.NDArray[np.floating]:
        # One at a time, because the graph has fixed shapes for a single picture.
        found = [pooled(tf.constant(one[None], tf.float32)) for one in rgb]
        return np.stack([np.asarray(each.numpy(), np.float32).reshape(-1) for each in found])

    return extract
