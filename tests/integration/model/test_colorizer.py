import subprocess
import sys

import numpy as np
import pytest

from colorworker.color.colordistribution import likely_colors
from colorworker.color.knowncolors import KnownColors
from colorworker.errors import PlaceFailed, UsageError
from colorworker.model import colorizer as colorizers
from colorworker.model.colorizer import TensorFlowColorizer, load_colorizer
from colorworker.model.runtime import tf
from colorworker.model.weights import load, resolve

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def colorizer():
    return load_colorizer(resolve("lite"))


def picture(height, width, seed=0):
    """Return the L* of an artificial landscape, a bright sky over smooth noise, (height, width)."""
    rng = np.random.default_rng(seed)
    ground = rng.random((height, width)).cumsum(0) % 17
    sky = np.linspace(90, 60, height)[:, None] - ground * (np.arange(height) > height // 2)[:, None]
    return np.clip(sky, 0, 100).astype(np.float32)


def known(height, width, region, color):
    """Return one color as a hint in a region of a picture."""
    weight = np.zeros((height, width), np.float32)
    weight[region] = 1
    return KnownColors(np.full((height, width, 2), color, np.float32), weight, "hint")


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ((256, 256), (256, 256)),
        ((1080, 1920), (256, 448)),
        ((480, 640), (256, 352)),
        ((640, 480), (352, 256)),
        ((1, 1), (256, 256)),
        ((100, 40_000), (256, 768)),
        ((40_000, 1), (768, 256)),
    ],
)
def test_the_working_shape_keeps_the_aspect_ratio_on_a_coarse_grid(colorizer, size, shape):
    assert colorizer.working_shape(*size) == shape


def test_another_short_side_can_be_chosen():
    small = load_colorizer(resolve("lite"), short_side=160)

    assert small.working_shape(100, 150) == (160, 256)
    with pytest.raises(UsageError, match="170 pixels"):
        load_colorizer(resolve("lite"), short_side=170)


def test_the_aspect_ratio_changes_by_at_most_a_sixteenth_up_to_3_to_1(colorizer):
    for width in range(1, 3001):
        height = max(1000, -(-width // 3))
        if height > 3 * width:
            continue
        rows, columns = colorizer.working_shape(height, width)
        assert 15 / 16 <= (rows / columns) / (height / width) <= 17 / 16


def test_chroma_has_the_size_of_the_picture_and_one_trace_serves_all_sizes(colorizer):
    for batch, height, width in [(1, 1, 1), (3, 40, 64), (1, 300, 200), (11, 64, 64), (2, 90, 500)]:
        lightness = np.stack([picture(height, width, seed) for seed in range(batch)])

        chroma = colorizer.predict(lightness)

        assert chroma.shape == (batch, height, width, 2)
        assert chroma.dtype == np.float32
        assert np.isfinite(chroma).all()
    colorizer.predict(picture(50, 50)[None], [[known(50, 50, np.s_[10:20], (1, 1))]])
    assert colorizer.trace_count == 1


def test_a_batch_gives_the_same_chroma_as_single_pictures(colorizer):
    lightness = np.stack([picture(128, 160, seed) for seed in range(11)])

    together = colorizer.predict(lightness)

    alone = np.concatenate([colorizer.predict(one[None]) for one in lightness])
    np.testing.assert_allclose(together, alone, atol=1e-2)


def test_an_empty_batch_gives_an_empty_batch(colorizer):
    assert colorizer.predict(np.zeros((0, 32, 32), np.float32)).shape == (0, 32, 32, 2)


class Hungry:
    """A network that asks for more memory than any machine has, for more than a few pictures."""

    def __init__(self, fits):
        self.fits = fits

    def working_shape(self, height, width):
        return height, width

    def chroma(self, luma, settings):
        needed = tf.where(tf.shape(luma)[0] > self.fits, tf.constant(1 << 50, tf.int64), 1)
        return tf.repeat(luma, 2, -1) + tf.fill([needed], settings[0])[0]


def hungry(monkeypatch, fits):
    monkeypatch.setattr(colorizers, "_network", lambda *_: Hungry(fits))
    return load_colorizer(resolve("lite"))


def test_without_memory_for_a_batch_smaller_ones_are_predicted_from_then_on(monkeypatch, caplog):
    network = hungry(monkeypatch, fits=2)
    lightness = np.stack([np.full((4, 8), 10 * number, np.float32) for number in range(11)])

    chroma = network.predict(lightness)
    calm = network.with_settings(0.0, 0.5).predict(lightness)

    np.testing.assert_allclose(chroma[..., 0], lightness / 50 - 1 + 0.8, atol=1e-5)
    np.testing.assert_allclose(calm[..., 1], lightness / 50 - 1, atol=1e-5)
    assert caplog.messages == ["no memory to predict 8 pictures at a time; at most 2 from now on"]


def test_without_memory_for_one_picture_the_unit_can_be_tried_elsewhere(monkeypatch):
    network = hungry(monkeypatch, fits=0)

    with pytest.raises(PlaceFailed, match=r"one picture.*GPUS_PER_WORKER") as said:
        network.predict(np.zeros((3, 4, 8), np.float32))

    assert said.value.retryable


@pytest.mark.parametrize("shape", [(32, 32), (1, 0, 32), (1, 32, 32, 1)])
def test_lightness_of_a_wrong_shape_is_refused(colorizer, shape):
    with pytest.raises(ValueError, match="lightness must have shape"):
        colorizer.predict(np.zeros(shape, np.float32))


def test_known_colors_of_a_different_size_or_number_are_refused(colorizer):
    hints = known(16, 16, np.s_[:8], (1, 1))

    with pytest.raises(ValueError, match="known colors of shape"):
        colorizer.predict(np.zeros((1, 32, 32), np.float32), [[hints]])
    with pytest.raises(ValueError, match="known colors of 2 pictures for 1"):
        colorizer.predict(np.zeros((1, 16, 16), np.float32), [[hints], [hints]])


def test_more_vividness_gives_more_chroma():
    weights = load(resolve("lite"))
    lightness = picture(256, 256)[None]

    calm, vivid = (
        np.hypot(*np.moveaxis(TensorFlowColorizer(weights, vividness=v).predict(lightness), -1, 0))
        for v in (0.2, 1.0)
    )

    assert vivid.mean() > 1.1 * calm.mean()


def test_other_settings_share_the_network(colorizer):
    lightness = picture(256, 256)[None]
    colorizer.predict(lightness)

    calm = colorizer.with_settings(0.2, 0.5)

    alone = TensorFlowColorizer(load(resolve("lite")), vividness=0.2, temperature=0.5)
    np.testing.assert_array_equal(calm.predict(lightness), alone.predict(lightness))
    assert colorizer.trace_count == calm.trace_count == 1


def test_a_lower_temperature_gives_more_chroma():
    weights = load(resolve("lite"))
    lightness = picture(256, 256)[None]

    gray, pure = (
        np.hypot(
            *np.moveaxis(TensorFlowColorizer(weights, temperature=t).predict(lightness), -1, 0)
        )
        for t in (1.0, 0.2)
    )

    assert pure.mean() > 1.1 * gray.mean()


def test_a_hint_colors_its_place_and_similar_pixels_only(colorizer):
    lightness = np.full((1, 256, 256), 70, np.float32)
    lightness[:, :, 128:] = 20
    hints = known(256, 256, np.s_[100:108, 20:28], (50, 40))

    before = colorizer.predict(lightness)[0]
    after = colorizer.predict(lightness, [[hints]])[0]

    moved = np.abs(after - before).sum(-1)
    assert np.abs(after[100:108, 20:28] - (50, 40)).max() < 1e-3
    assert moved[160, 60] > 10
    assert moved[104, 250] < moved[160, 60] / 2


def test_many_hints_bring_chroma_close_to_them(colorizer):
    lightness = picture(200, 300)[None]
    color = np.array([40, -50], np.float32)
    weight = np.zeros((200, 300), np.float32)
    weight[::10, ::10] = 1
    hints = KnownColors(np.broadcast_to(color, (200, 300, 2)), weight, "hint")

    automatic = np.linalg.norm(colorizer.predict(lightness) - color, axis=-1)
    hinted = np.linalg.norm(colorizer.predict(lightness, [[hints]]) - color, axis=-1)

    assert hinted.max() < automatic.min() / 2


def test_the_distribution_agrees_with_the_prediction(colorizer):
    lightness = picture(256, 256)

    found = colorizer.distribution(lightness)

    (ab,) = colorizer.predict(lightness[None])
    rows, columns, _ = found.logits.shape
    coarse = ab.reshape(rows, 256 // rows, columns, 256 // columns, 2).mean((1, 3))
    assert (rows, columns) == (64, 64)
    assert np.abs(found.mean_ab() - coarse).mean() < 2
    assert np.allclose((found.features**2).sum(-1), 1, atol=1e-3)
    first, *rest = likely_colors(found, lightness, 20, 100)
    assert 0 < first.probability <= 1
    assert len(rest) == 4


def test_half_precision_gives_nearly_the_same_colors(colorizer):
    weights = load(resolve("lite"))
    lightness = picture(128, 128)[None]

    half = TensorFlowColorizer(weights, precision="float16").predict(lightness)

    assert half.dtype == np.float32
    assert np.abs(half - colorizer.predict(lightness)).mean() < 0.5


def test_threads_are_set_before_the_first_prediction_or_logged_as_too_late():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import numpy as np\n"
            "from colorworker.model.colorizer import load_colorizer\n"
            "from colorworker.model.runtime import tf\n"
            "from colorworker.model.weights import resolve\n"
            "load_colorizer(resolve('lite'), threads=1).predict(np.zeros((1, 8, 8), 'f'))\n"
            "print('threads', tf.config.threading.get_intra_op_parallelism_threads())\n"
            "load_colorizer(resolve('lite'), threads=2)\n",
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "threads 1" in done.stdout
    assert "TensorFlow keeps its threads" in done.stderr
