import numpy as np
import pytest

from colorworker.model.architectures import Architecture
from colorworker.model.backbones import LITE0, V2S
from colorworker.model.layout import convolutions, fold_normalization

LITE = Architecture()


def test_the_encoder_halves_the_picture_five_times():
    strides = [item.stride for item in convolutions(LITE, 259).values() if item.part == "encoder"]

    assert np.prod(strides) == 32


@pytest.mark.parametrize("backbone", [LITE0, V2S])
def test_every_block_takes_as_many_channels_as_the_one_before_gives(backbone):
    chain = list(backbone.blocks())

    assert [b.inputs for b in chain[1:]] == [b.outputs for b in chain[:-1]]


@pytest.mark.parametrize("name", ["stem_conv", "b1_dw", "fuse"])
def test_a_folded_convolution_equals_convolution_and_normalization(name):
    rng = np.random.default_rng(3)
    item = convolutions(LITE, 259)[name]
    width = item.outputs or item.inputs
    kernel = rng.normal(size=item.kernel_shape).astype(np.float32)
    norm = {part: rng.random(width).astype(np.float32) + 0.5 for part in ("gamma", "beta")}
    norm |= {
        f"moving_{part}": rng.random(width).astype(np.float32) for part in ("mean", "variance")
    }
    arrays = {f"{item.part}/{item.norm}/{part}": values for part, values in norm.items()}
    arrays[f"{item.part}/{name}/kernel"] = kernel
    patch = rng.normal(size=(*kernel.shape[:2], item.inputs)).astype(np.float32)

    folded, bias = fold_normalization(arrays, item)

    def responses(weights):
        if item.outputs:
            return np.einsum("hwi,hwio->o", patch, weights)
        return np.einsum("hwi,hwi->i", patch, weights[..., 0])

    scale = norm["gamma"] / np.sqrt(norm["moving_variance"] + 1e-3)
    expected = (responses(kernel) - norm["moving_mean"]) * scale + norm["beta"]
    np.testing.assert_allclose(responses(folded) + bias, expected, rtol=1e-4, atol=1e-4)


def test_a_convolution_without_normalization_keeps_its_bias():
    item = convolutions(LITE, 5)["logits"]
    arrays = {
        "decoder/logits/kernel": np.ones(item.kernel_shape, np.float16),
        "decoder/logits/bias": np.arange(5, dtype=np.float32),
    }

    kernel, bias = fold_normalization(arrays, item)

    assert kernel.dtype == np.float32
    assert bias.tolist() == [0, 1, 2, 3, 4]


def test_koala_fuses_1000_values_with_256():
    layers = convolutions(Architecture("koala"), 0)

    assert layers["fuse"].kernel_shape == (1, 1, 1256, 256)
    assert layers["d7"].outputs == 2
    assert {item.norm for item in layers.values()} == {""}


def test_width_scales_the_decoder_only():
    half, double = (convolutions(Architecture(width=width), 259) for width in (0.5, 2.0))

    assert half["d16"].kernel_shape == (3, 3, 64, 64)
    assert double["d16"].kernel_shape == (3, 3, 256, 256)
    assert half["logits"].outputs == double["logits"].outputs == 259
    assert half["b5_dw"] == double["b5_dw"]
