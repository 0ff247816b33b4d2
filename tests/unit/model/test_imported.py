"""Networks of other projects: profiles, exact colors, and files that must not run."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from colorworker.color.knowncolors import KnownColors
from colorworker.color.lab import lab_from_linear_rgb, srgb_to_linear
from colorworker.domain.models import ModelChoice, ModelRef, choose_model
from colorworker.errors import UsageError, WeightsRefused
from colorworker.model.imported.files import Execution, profile_of
from colorworker.model.imported.profile import NetworkProfile
from colorworker.model.networks import check_model, load_networks, resolve_model
from colorworker.store.memory import MemoryStore
from tests.onnxnetworks import (
    NETWORKS,
    ddcolor,
    deoldify,
    expected_chroma,
    model_of,
    pointwise,
    siggraph17,
    with_outside_data,
)


def save(folder, data, name="network.onnx", toml=None):
    path = folder / name
    path.write_bytes(data)
    if toml is not None:
        path.with_suffix(".toml").write_text(toml)
    return str(path)


def loaded(path, profile="", **execution):
    return load_networks(resolve_model(ModelChoice(path, profile)), Execution(**execution))


def refusal(path, profile=""):
    with pytest.raises(WeightsRefused) as refused:
        check_model(resolve_model(ModelChoice(path, profile)), run=True)
    assert str(refused.value).startswith(("file://", path))
    return str(refused.value)


def ramp(height=64, width=64):
    return np.linspace(5, 95, height * width, dtype=np.float32).reshape(1, height, width)


@pytest.mark.parametrize("profile", NETWORKS)
def test_the_profile_is_detected_and_gives_the_networks_exact_colors(tmp_path, profile):
    path = save(tmp_path, NETWORKS[profile](), f"{profile}.onnx")
    ref = resolve_model(ModelChoice(path))
    size = profile_of(ref).network_shape(100, 100)
    lightness = ramp(*size)

    chroma = load_networks(ref).predict(lightness)

    assert profile_of(ref).profile == profile
    assert chroma[0] == pytest.approx(expected_chroma(profile, lightness[0]), abs=2e-3)


@pytest.mark.parametrize(("height", "width"), [(300, 400), (400, 300), (64, 900)])
def test_fixed_networks_get_their_size_and_pictures_keep_their_shape(tmp_path, height, width):
    colorizer = loaded(save(tmp_path, ddcolor()))
    shape = colorizer.working_shape(height, width)
    lightness = np.full((2, *shape), 60, np.float32)

    chroma = colorizer.predict(lightness)

    assert min(shape) == 64
    assert max(shape) == min(round(64 * max(height, width) / min(height, width)), 3 * 64)
    assert (shape[0] < shape[1]) == (height < width)
    assert chroma == pytest.approx(expected_chroma("ddcolor", lightness), abs=1e-3)


def test_networks_of_any_size_see_multiples_of_their_step(tmp_path):
    colorizer = loaded(save(tmp_path, siggraph17()))

    assert colorizer.working_shape(480, 640) == (256, 344)
    assert loaded(save(tmp_path, siggraph17()), short_side=128).working_shape(480, 640) == (
        128,
        168,
    )
    with pytest.raises(UsageError, match=r"a short side of 100 .* multiple of 8"):
        loaded(save(tmp_path, siggraph17()), short_side=100)


def test_a_description_beside_the_file_counts(tmp_path):
    # L* from -1 to 1 in, a* and b* divided by 110 out, channels last, batches of two.
    node = helper.make_node("Mul", ["lum", "k"], ["ab"])
    data = model_of(
        [node], [("lum", (2, 32, 48, 1))], [("ab", (2, 32, 48, 2))], {"k": np.float32([0.5, -0.25])}
    )
    path = save(
        tmp_path,
        data,
        toml='input = "l"\ninput_range = "-1..1"\noutput_scale = 110\nlayout = "nhwc"\n',
    )
    lightness = np.stack([np.full((32, 48), value, np.float32) for value in (10, 50, 80)])

    chroma = loaded(path).predict(lightness)

    luma = lightness[..., None] / 50 - 1
    assert chroma == pytest.approx(luma * np.float32([55, -27.5]), abs=1e-3)


def test_rgb_normalized_by_imagenet_goes_in_and_comes_out(tmp_path):
    path = save(
        tmp_path,
        pointwise(np.eye(3), [0.5, 0, 0], (32, 32)),
        toml='input = "rgb"\ninput_range = "imagenet"\noutput = "rgb"\noutput_range = "imagenet"\n',
    )
    lightness = np.full((1, 32, 32), 50, np.float32)
    gray = np.float32(0.4663266)  # sRGB of L* 50
    expected = lab_from_linear_rgb(srgb_to_linear(np.float32([gray + 0.5 * 0.229, gray, gray])))[1:]

    assert loaded(path).predict(lightness)[0, 3, 4] == pytest.approx(expected, abs=1e-2)


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("input = ", "is not TOML"),
        ('inptu = "l"', "unknown key 'inptu'"),
        ('input = "yuv"', "input = 'yuv'"),
        ("size = 5", "size = 5"),
        ('profile = "ddcolr"', "no profile 'ddcolr'"),
        ("size = 128", "takes pictures of 64 x 64, and its description says 128 x 128"),
        ('input = "l"', r"input (1, 3, 64, 64)"),
        ('input_name = "x"', "has no input 'x'"),
        ('output_name = "x"', "has no output 'x'"),
    ],
)
def test_a_wrong_description_is_refused_by_name(tmp_path, toml, words):
    assert words in refusal(save(tmp_path, ddcolor(), toml=toml))


def test_vividness_scales_chroma_and_known_colors_stay_exact(tmp_path):
    colorizer = loaded(save(tmp_path, siggraph17())).with_settings(0.5, 0.38)
    lightness = np.full((1, 64, 64), 40, np.float32)
    weight = np.zeros((64, 64), np.float32)
    weight[20:24, 20:24] = 1
    known = KnownColors(np.full((64, 64, 2), (-30, 40), np.float32), weight, "hint")

    plain = colorizer.predict(lightness)
    hinted = colorizer.predict(lightness, [[known]])

    assert plain == pytest.approx(expected_chroma("siggraph17", lightness) / 2, abs=1e-3)
    assert hinted[0, 21, 21].tolist() == [-30, 40]
    near, far = (np.abs(hinted - plain)[0, row, row].max() for row in (26, 63))
    assert near > 10
    assert far < near / 2


def test_a_blend_is_the_weighted_mean_at_the_larger_size(tmp_path):
    one, other = save(tmp_path, ddcolor(), "a.onnx"), save(tmp_path, deoldify((96, 96)), "b.onnx")
    colorizer = load_networks(resolve_model(choose_model([one, other], blend=0.6)))
    shape = colorizer.working_shape(100, 100)
    lightness = np.full((1, *shape), 55, np.float32)

    expected = 0.6 * expected_chroma("ddcolor", 55) + 0.4 * expected_chroma("deoldify", 55)

    assert shape == (96, 96)
    assert colorizer.predict(lightness)[0, 9, 9] == pytest.approx(expected, abs=2e-3)
    half = colorizer.with_settings(0.5, 0.38).predict(lightness)
    assert half[0, 9, 9] == pytest.approx(expected / 2, abs=2e-3)


def test_identities_depend_on_file_profile_and_blend_and_not_on_the_place(tmp_path):
    path = save(tmp_path, siggraph17())
    (tmp_path / "else").mkdir()
    elsewhere = save(tmp_path / "else", siggraph17())
    described = save(
        tmp_path, siggraph17(), "other.onnx", 'profile = "siggraph17"\nshort_side = 128'
    )
    choices = [
        ModelChoice(path), ModelChoice(described), ModelChoice(path, "eccv16"),
        ModelChoice(path, second="lite", share=0.5), ModelChoice(path, second="lite", share=0.4),
        ModelChoice("lite"),
    ]  # fmt: skip
    identities = [resolve_model(choice).identity for choice in choices]

    assert len(set(identities)) == len(choices)
    assert resolve_model(ModelChoice(elsewhere)).identity == identities[0]
    assert resolve_model(ModelChoice("lite")).identity == resolve_model(ModelChoice("lite")).sha256
    assert ModelRef("a", "1").identity == "1"


def test_sha256_pins_the_file_and_changes_are_refused(tmp_path):
    path = save(tmp_path, ddcolor())
    ref = resolve_model(ModelChoice(path))

    assert resolve_model(ModelChoice(f"{path}#sha256={ref.sha256}")) == ref
    with pytest.raises(WeightsRefused, match="was expected"):
        resolve_model(ModelChoice(f"{path}#sha256={'0' * 64}"))
    save(tmp_path, ddcolor((32, 32)))
    with pytest.raises(WeightsRefused, match="was expected"):
        load_networks(ref)


def test_tensors_beside_the_file_are_read_and_belong_to_the_identity(tmp_path):
    data, content = with_outside_data(siggraph17(), "weights.bin")
    (tmp_path / "weights.bin").write_bytes(content)
    path = save(tmp_path, data)
    ref = resolve_model(ModelChoice(path))
    lightness = np.full((1, 32, 32), 30, np.float32)

    found = load_networks(ref).predict(lightness)
    (tmp_path / "weights.bin").write_bytes(content[::-1])

    assert found == pytest.approx(expected_chroma("siggraph17", lightness), abs=1e-3)
    with pytest.raises(WeightsRefused, match="was expected"):
        load_networks(ref)
    (tmp_path / "weights.bin").write_bytes(content[:-1])
    assert "does not fit into weights.bin (7 bytes)" in refusal(path)


@pytest.mark.parametrize("place", ["../secret", "/etc/passwd", "sub/w", "..", "", "a\\b"])
def test_tensors_outside_the_folder_are_refused(tmp_path, place):
    (tmp_path / "net").mkdir()
    (tmp_path / "secret").write_bytes(bytes(64))
    data, _ = with_outside_data(siggraph17(), place)

    assert "outside its own folder" in refusal(save(tmp_path / "net", data))


def test_networks_come_from_any_store(tmp_path):
    store = MemoryStore("nets")
    data, content = with_outside_data(siggraph17(), "w.bin")
    store.put("a.onnx", data)
    store.put("w.bin", content)
    store.put("a.toml", b'profile = "siggraph17"\nshort_side = 64\n')

    def opened(_uri):
        return store

    ref = resolve_model(ModelChoice("s3://nets/a.onnx"), opened)
    colorizer = load_networks(ref, opened=opened)

    assert colorizer.working_shape(90, 90) == (64, 64)


SHAPES = [("input", (1, 1, 32, 32))], [("output", (1, 2, 32, 32))]


def bomb():
    """A network that fills a tensor of a size far beyond any memory."""
    nodes = [
        helper.make_node("ConstantOfShape", ["huge"], ["zeros"]),
        helper.make_node("ReduceSum", ["zeros"], ["zero"], keepdims=0),
        helper.make_node("Add", ["input", "zero"], ["one"]),
        helper.make_node("Concat", ["one", "one"], ["output"], axis=1),
    ]
    return model_of(nodes, *SHAPES, {"huge": np.int64([1 << 20, 1 << 20])})


def pair(*nodes, constants=(), inputs=SHAPES[0]):
    """Nodes that make `one` of `input`; the output is that twice."""
    concat = helper.make_node("Concat", ["one", "one"], ["output"], axis=1)
    return model_of([*nodes, concat], inputs, SHAPES[1], constants)


def lying():
    """A constant that declares far more elements than it has bytes."""
    model = onnx.load_model_from_string(siggraph17())
    model.graph.initializer[0].dims[0] = 1 << 20
    return model.SerializeToString()


def negative():
    model = onnx.load_model_from_string(siggraph17())
    model.graph.initializer[0].dims[0] = -5
    return model.SerializeToString()


def integer():
    model = onnx.load_model_from_string(siggraph17())
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64
    return model.SerializeToString()


BAD = {
    "empty": (b"", "is not an ONNX network"),
    "text": (b"This is not a network.\n" * 9, "is not an ONNX"),
    "cut off": (siggraph17()[:-40], "is not an ONNX"),
    "domain": (
        pair(helper.make_node("Evil", ["input"], ["one"], domain="custom")),
        "operators that ONNX Runtime does not have (custom.Evil)",
    ),
    "operator": (
        pair(helper.make_node("Colorify", ["input"], ["one"])),
        "operators that ONNX Runtime does not have (Colorify)",
    ),
    "attributes": (pair(helper.make_node("Conv", ["input"], ["one"])), "cannot be loaded"),
    "bomb": (bomb(), "of shape [1048576, 1048576], which takes 4096 GiB"),
    "declared": (lying(), "of shape [1048576, 1, 1, 1] has only 8 bytes"),
    "negative": (negative(), "[-5, 1, 1, 1]"),
    "integer": (integer(), "is int64, not float32 or float16"),
    "two inputs": (
        pair(
            helper.make_node("Add", ["input", "mask"], ["one"]),
            inputs=[*SHAPES[0], ("mask", (1, 1, 32, 32))],
        ),
        "has 2 inputs (input, mask)",
    ),
    "channels": (pointwise(np.ones((5, 4)), np.zeros(5)), "no built-in profile has an input"),
    "rank": (
        model_of(
            [helper.make_node("Flatten", ["input"], ["output"])],
            SHAPES[0],
            [("output", (1, 1024))],
        ),
        "no built-in profile has",
    ),
    "tiny": (siggraph17((8, 8)), "takes pictures of 8 x 8"),
    "gigantic": (siggraph17((1 << 20, 1 << 20)), "takes pictures of 1048576 x 1048576"),
    "half fixed": (siggraph17((32, None)), "fixes only one side"),
    "batch": (pointwise([[1], [1]], [0, 0], (32, 32), batch=4096), "takes batches of 4096"),
    "nan": (
        pair(
            helper.make_node("Sub", ["input", "k"], ["below"]),
            helper.make_node("Log", ["below"], ["one"]),
            constants={"k": np.float32(1000)},
        ),
        "gives results that are not numbers",
    ),
    "scale": (pointwise([[500], [1]], [0, 0], (32, 32)), "gives a* and b* up to 50000"),
    "codes": (pointwise(np.eye(3) / 255, [0, 0, 0], (32, 32)), "its profile says 0..255"),
    "beyond": (pointwise(np.eye(3) * 3, [0, 0, 0], (32, 32)), "gives values from 0.0 to 765.0"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_sentence_before_anything_runs(tmp_path, name):
    data, words = BAD[name]

    message = refusal(save(tmp_path, data))

    assert words in message
    assert "\n" not in message
    assert len(message) < 600


def test_numbers_that_appear_later_leave_pixels_gray(tmp_path):
    # 0/0 at black only, and the check's picture has no pixel of exactly L* 37.
    nodes = [
        helper.make_node("Equal", ["input", "k"], ["is"]),
        helper.make_node("Where", ["is", "nan", "input"], ["one"]),
    ]
    data = pair(*nodes, constants={"k": np.float32(37), "nan": np.float32("nan")})
    lightness = np.full((1, 32, 32), 50, np.float32)
    lightness[0, 3, 4] = 37

    chroma = loaded(save(tmp_path, data)).predict(lightness)

    assert chroma[0, 3, 4].tolist() == [0, 0]
    assert chroma[0, 5, 5].tolist() == [50, 50]


@pytest.mark.parametrize(
    ("names", "blend", "words"),
    [
        (["a", "b"], None, "two networks are named"),
        (["a"], 0.5, "1 networks are named"),
        (["a", "b", "c"], 0.5, "3 networks are named"),
        (["a", "b"], 1.5, "1.5 is not a share"),
    ],
)
def test_names_and_blend_must_go_together(names, blend, words):
    with pytest.raises(UsageError, match=words):
        choose_model(names, blend=blend)


def test_a_profile_for_our_own_weights_is_refused():
    with pytest.raises(UsageError, match="lite cannot have a profile"):
        resolve_model(ModelChoice("lite", "ddcolor"))


def test_profiles_survive_json():
    profile = NetworkProfile("custom", size=(32, 48), output_scale=110.0)

    assert NetworkProfile.from_json(profile.to_json()) == profile
