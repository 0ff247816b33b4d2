"""SavedModels and Keras files of other projects: exact colors, and code that must not run."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from colorworker.domain.models import ModelChoice
from colorworker.errors import WeightsRefused
from colorworker.model.networks import load_networks, resolve_model
from tests.onnxnetworks import OFFSET, SLOPE, expected_chroma

pytestmark = [
    pytest.mark.integration,
    # Keras 3.15 saves its variables in a way that NumPy 2 announces to end.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def convolution(sides=(None, None)):
    """L* in, a* and b* out, channels last."""
    image = keras.Input((*sides, 1), name="luma")
    model = keras.Model(image, keras.layers.Conv2D(2, 1, name="ab")(image))
    model.layers[-1].set_weights([np.float32(SLOPE).reshape(1, 1, 1, 2), np.float32(OFFSET)])
    return model


def check(path):
    ref = resolve_model(ModelChoice(str(path) + ("/" if path.is_dir() else "")))
    lightness = np.linspace(5, 95, 64 * 64, dtype=np.float32).reshape(1, 64, 64)

    chroma = load_networks(ref).predict(lightness)

    assert chroma == pytest.approx(expected_chroma("siggraph17", lightness), abs=0.3)
    return ref


def test_a_keras_file_and_a_saved_model_give_exactly_their_colors(tmp_path):
    model = convolution((64, 64))
    model.save(tmp_path / "net.keras")
    model.export(str(tmp_path / "net"), verbose=False)

    first, second = check(tmp_path / "net.keras"), check(tmp_path / "net")

    assert first.identity != second.identity
    (tmp_path / "net" / "variables" / "variables.index").write_bytes(b"x")
    with pytest.raises(WeightsRefused):
        load_networks(second)


def test_code_in_a_keras_file_is_never_run(tmp_path):
    image = keras.Input((64, 64, 1))
    code = keras.layers.Lambda(lambda x: keras.ops.concatenate([x, x], -1))
    model = keras.Model(image, code(image))
    model.save(tmp_path / "net.keras")

    with pytest.raises(WeightsRefused, match="does not load"):
        resolve_model(ModelChoice(str(tmp_path / "net.keras")))


def test_a_saved_model_that_reads_files_is_refused(tmp_path):
    class Thief(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([1, 64, 64, 1], tf.float32, name="luma")])
        def __call__(self, luma):
            size = tf.cast(tf.strings.length(tf.io.read_file("/etc/passwd")), tf.float32)
            return {"ab": tf.concat([luma, luma + size], -1)}

    thief = Thief()
    tf.saved_model.save(thief, str(tmp_path / "net"), signatures=thief.__call__)

    with pytest.raises(WeightsRefused, match=r"reach outside the network \(ReadFile\)"):
        resolve_model(ModelChoice(str(tmp_path / "net") + "/"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing.keras", "cannot be read"),
        ("bad.keras", "does not load"),
        ("none/", "without"),
        ("none", "is a folder"),
    ],
)
def test_what_is_no_network_is_one_sentence(tmp_path, name, words):
    (tmp_path / "bad.keras").write_bytes(b"This is not a network.")
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "notes.txt").write_text("Nothing here.")

    with pytest.raises(WeightsRefused, match=words) as refused:
        resolve_model(ModelChoice(f"{tmp_path}/{name}"))

    assert "\n" not in str(refused.value)
