"""Initial values of an untrained network, without TensorFlow."""

import zlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from colorworker.model.architectures import Architecture
from colorworker.model.layout import Convolution, array_shapes, convolutions

Array = npt.NDArray[np.float32]


def initial_arrays(
    architecture: Architecture, bins: Array, log_class_weights: Array, *, seed: int
) -> dict[str, Array]:
    """Return every array of an untrained network by its name in a weights file, float32.

    The same seed gives the same values on every machine. The values of a convolution depend only on
    its name and shape, so networks of different widths share the values of equal shapes.

    Args:
        architecture: The network.
        bins: a*, b* of the color bins, (Q, 2); no rows for koala.
        log_class_weights: Logarithm of each bin's weight in the loss, (Q,).
        seed: Seed of the random kernels.

    Source:
        He 2015, equation 10, before a rectifier; otherwise Glorot 2010, equation 12. Koala always
        uses the latter, the default of Keras, as in the report. With He's values, its last tanh
        would start saturated and learn almost nothing.
    """
    glorot = architecture.name == "koala"
    shapes = array_shapes(architecture, len(bins))
    arrays: dict[str, Array] = {}
    for item in convolutions(architecture, len(bins)).values():
        for name, shape in item.array_shapes().items():
            part = name.rpartition("/")[2]
            if part == "kernel":
                rng = np.random.default_rng([seed, zlib.crc32(item.name.encode())])
                arrays[name] = rng.standard_normal(shape, np.float32) * _deviation(item, glorot)
            else:
                full = np.ones if part in {"gamma", "moving_variance"} else np.zeros
                arrays[name] = full(shape, np.float32)
    tables = {"bins": bins, "log_class_weights": log_class_weights}
    arrays |= {name: table for name, table in tables.items() if name in shapes}
    return arrays


def _deviation(item: Convolution, glorot: bool) -> np.float32:
    """Return the standard deviation of a kernel's initial values."""
    area = item.kernel**2
    incoming = area * (item.inputs if item.outputs else 1)
    outgoing = area * (item.outputs or 1)
    rectified = not glorot and item.activation in {"relu", "relu6", "silu"}
    return np.float32((2 / incoming if rectified else 2 / (incoming + outgoing)) ** 0.5)


def with_backbone(arrays: Mapping[str, Array], backbone: Mapping[str, Array]) -> dict[str, Array]:
    """Return the arrays with those of the encoder replaced by those of `backbone`."""
    return {name: backbone.get(name, array) for name, array in arrays.items()}
