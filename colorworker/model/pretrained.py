"""Encoders that start from pretrained weights."""

import logging
from dataclasses import replace
from functools import partial
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from colorworker.errors import WeightsRefused
from colorworker.model.architectures import Architecture
from colorworker.model.backbones import V2S
from colorworker.model.kerasfile import load_keras_model
from colorworker.model.koala.inception import Embedder
from colorworker.model.layout import NORM_PARTS, convolutions
from colorworker.model.weights import load, resolve
from colorworker.store.objectstore import OpenStore
from colorworker.store.openstore import open_store

logger = logging.getLogger(__name__)

Array = npt.NDArray[np.float32]

_KERAS_NAMES = {
    # our name: (name of Keras' convolution, name of Keras' normalization)
    "exp": ("expand_conv", "expand_bn"),
    "dw": ("dwconv2", "bn"),
    "se1": ("se_reduce", ""),
    "se2": ("se_expand", ""),
    "proj": ("project_conv", "project_bn"),
}


def encoder_arrays(architecture: Architecture, opened: OpenStore = open_store) -> dict[str, Array]:
    """Return the pretrained arrays of the encoder by their names in a weights file, float32.

    Args:
        architecture: Its `backbone` is a packaged name or the URI of a weights file; for
            efficientnetv2s it may also be `imagenet` or an HDF5 file of keras.applications. If it
            is empty, nothing is returned.
        opened: Opens the store of a URI.

    Raises:
        WeightsRefused: If the weights are not available or not those of the encoder.
    """
    source = architecture.backbone
    if not source:
        return {}
    if architecture.name == "efficientnetv2s" and not source.endswith(".npz"):
        build = partial(
            keras.applications.EfficientNetV2S, include_top=False, include_preprocessing=False
        )
        return arrays_from_keras(load_keras_model(build, source, opened))
    weights = load(resolve(source, opened), opened)
    if weights.architecture.name != architecture.name:
        raise WeightsRefused(
            source,
            f"its encoder is that of {weights.architecture}, not of {architecture}",
            "Give weights with the same backbone",
        )
    return {
        name: array.astype(np.float32)
        for name, array in weights.arrays.items()
        if name.startswith("encoder/")
    }


def arrays_from_keras(model: Any) -> dict[str, Array]:
    """Return the arrays of Keras' EfficientNetV2-S under our names, the stem summed over RGB.

    Keras' rescaling of 0..255, x / 128 - 1, is omitted, because luma is in [-1, 1] already.
    """
    arrays: dict[str, Array] = {}
    for item in convolutions(Architecture("efficientnetv2s"), 1).values():
        if item.part != "encoder":
            continue
        convolution, norm = _keras_layers(item.name)
        layer = model.get_layer(convolution)
        kernel = np.asarray(layer.weights[0], np.float32)
        if item.name == "stem_conv":
            kernel = kernel.sum(2, keepdims=True)
        arrays[f"encoder/{item.name}/kernel"] = kernel
        if not item.norm:
            arrays[f"encoder/{item.name}/bias"] = np.asarray(layer.bias, np.float32)
            continue
        for part in NORM_PARTS:
            values = getattr(model.get_layer(norm), part)
            arrays[f"encoder/{item.norm}/{part}"] = np.asarray(values, np.float32)
    return arrays


def _keras_layers(name: str) -> tuple[str, str]:
    """Return the names of Keras' layers for a convolution of ours and its normalization."""
    block, _, part = name.partition("_")
    if block == "stem":
        return "stem_conv", "stem_bn"
    if block == "head":
        return "top_conv", "top_bn"
    prefixes = [
        f"block{stage}{chr(ord('a') + repeat)}_"
        for stage, row in enumerate(V2S.stages, 1)
        for repeat in range(row.repeats)
    ]
    prefix = prefixes[int(block.removeprefix("b"))]
    convolution, norm = _KERAS_NAMES[part]
    return prefix + convolution, prefix + norm


def resolve_backbone(architecture: Architecture, opened: OpenStore = open_store) -> Architecture:
    """Return the architecture with its backbone cleared if that is not available here.

    A missing backbone is logged, and training then starts untrained. Call this once, before the
    workers of a training start, so that all of them use the same backbone.
    """
    if not architecture.backbone:
        return architecture
    try:
        if architecture.name == "koala":
            return Embedder(architecture, opened).architecture
        encoder_arrays(architecture, opened)
    except WeightsRefused as error:
        logger.warning("%s Training starts with that part untrained.", error)
        return replace(architecture, backbone="", backbone_sha256="")
    return architecture
