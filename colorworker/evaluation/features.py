"""Feature vectors of pictures, for Frechet distances: of our own encoder, and of Inception."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from colorworker.color.lab import lightness_from_luminance, srgb_to_linear
from colorworker.errors import WeightsRefused
from colorworker.evaluation.frechet import Features
from colorworker.model.backbones import BACKBONES
from colorworker.model.network import Constants, encode
from colorworker.model.runtime import tf
from colorworker.model.weights import Weights

Codes = npt.NDArray[np.uint8]

SIDE = 160
"""Pictures are stretched to this square for our encoder: it was trained at that size."""
INCEPTION_INPUT, INCEPTION_OUTPUT = "ExpandDims:0", "pool_3:0"
"""Names in the graph of 2015-12-05 on which every published FID is defined."""


def lite_features(weights: Weights) -> Features:
    """Return what gives the packaged encoder's pooled vectors, (B, 3 * 1280), of pictures.

    That encoder sees lightness only, and all our candidates share the truth's: fed with it, every
    one of them would have distance 0. So it is shown the red, the green and the blue separation of
    a picture, each as a gray picture of its own, and the three vectors are joined: they are equal
    for gray, and differ as color does.

    Args:
        weights: Of the `lite` architecture; the packaged ones, or numbers cannot be compared.
    """
    apply = Constants(weights, tf.float32)
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
    """Return what gives Inception's 2048 features of pictures, for the FID proper.

    Args:
        path: `classify_image_graph_def.pb`, the frozen graph of inception-2015-12-05. Other
            Inceptions (Keras', torchvision's) give other numbers, which are not comparable.

    Raises:
        WeightsRefused: If it is no such graph.

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
            "Name a file on this machine; without --inception there is no column FID",
        ) from error
    except Exception as error:  # protobuf and TensorFlow raise what they like
        raise WeightsRefused(
            str(path),
            f"no graph with {INCEPTION_INPUT} and {INCEPTION_OUTPUT} ({type(error).__name__})",
            "Give classify_image_graph_def.pb of inception-2015-12-05",
        ) from error

    def extract(rgb: Codes) -> npt.NDArray[np.floating]:
        # One at a time: the graph's own shapes are those of a single picture.
        found = [pooled(tf.constant(one[None], tf.float32)) for one in rgb]
        return np.stack([np.asarray(each.numpy(), np.float32).reshape(-1) for each in found])

    return extract
