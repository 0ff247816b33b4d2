"""Small ONNX networks that compute a known color from luma, by the conventions of each profile."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from colorworker.color.lab import (
    lab_from_linear_rgb,
    linear_to_srgb,
    luminance_from_lightness,
    srgb_to_linear,
)

SLOPE, OFFSET = (0.3, -0.2), (5.0, 20.0)
"""Of a* and b* as functions of L* or, for networks that take RGB, of 100 times the gray value."""


def model_of(nodes, inputs, outputs, constants=(), opset=13, **extra):
    """Return the bytes of a network; inputs and outputs are (name, shape) pairs of float32."""
    infos = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in group]
        for group in (inputs, outputs)
    ]
    constants = [
        numpy_helper.from_array(np.asarray(v), name) for name, v in dict(constants).items()
    ]
    graph = helper.make_graph(nodes, "network", *infos, constants)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("custom", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, **extra)
    return model.SerializeToString()


def pointwise(weights, bias, sides=(None, None), batch=1, names=("input", "output")):
    """Return the bytes of a network that is one 1 x 1 convolution, NCHW.

    Args:
        weights: (outputs, inputs).
        bias: (outputs,).
        sides: Height and width; None where any is allowed.
        batch: Number of pictures; None for any.
        names: Of input and output.
    """
    weights, bias = np.asarray(weights, np.float32), np.asarray(bias, np.float32)
    node = helper.make_node("Conv", [names[0], "w", "b"], [names[1]])
    shapes = [(batch, channels, *sides) for channels in weights.shape[::-1]]
    return model_of(
        [node],
        [(names[0], shapes[0])],
        [(names[1], shapes[1])],
        {"w": weights[..., None, None], "b": bias},
    )


def ddcolor(sides=(64, 64)):
    """Gray as RGB in [0, 1] in, a* and b* out; both depend on all three channels."""
    mix = np.array([0.5, 0.3, 0.2])
    return pointwise([100 * slope * mix for slope in SLOPE], OFFSET, sides)


def deoldify(sides=(64, 64)):
    """Codes of gray RGB in, codes of RGB out: red stays, green and blue are darker."""
    return pointwise(np.diag([1.0, 0.8, 0.6]), [0, 0, 10], sides)


def siggraph17(sides=(None, None)):
    """L* in, a* and b* out."""
    return pointwise([[slope] for slope in SLOPE], OFFSET, sides)


def eccv16(sides=(None, None)):
    return pointwise([[slope] for slope in SLOPE], OFFSET, sides, names=("input", "eccv16_ab"))


NETWORKS = {"ddcolor": ddcolor, "deoldify": deoldify, "siggraph17": siggraph17, "eccv16": eccv16}


def expected_chroma(profile, lightness):
    """Return the a*, b* that the network of a profile computes from L*, of any shape, exactly."""
    lightness = np.asarray(lightness, np.float32)
    gray = linear_to_srgb(luminance_from_lightness(lightness))
    if profile == "deoldify":
        codes = np.stack([gray * 255, gray * 255 * 0.8, gray * 255 * 0.6 + 10], -1)
        return lab_from_linear_rgb(srgb_to_linear(np.clip(codes / 255, 0, 1)))[..., 1:]
    seen = 100 * gray if profile == "ddcolor" else lightness
    return np.stack(
        [slope * seen + offset for slope, offset in zip(SLOPE, OFFSET, strict=True)], -1
    )


def with_outside_data(data, place, name="w"):
    """Return the bytes of a network whose constant lies in another file, and that file's bytes."""
    model = onnx.load_model_from_string(data)
    tensor = next(each for each in model.graph.initializer if each.name == name)
    content = tensor.raw_data
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", place), ("offset", "0"), ("length", str(len(content)))):
        tensor.external_data.add(key=key, value=value)
    return model.SerializeToString(), content
