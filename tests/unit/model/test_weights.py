import hashlib
import io
import pickle
import subprocess
import sys
import tracemalloc
import zipfile
from importlib import resources

import numpy as np
import pytest

from colorworker.domain.models import ModelRef
from colorworker.errors import WeightsRefused
from colorworker.model.architectures import Architecture
from colorworker.model.layout import array_shapes
from colorworker.model.weights import encode_weights, load, resolve, save
from colorworker.store.memory import MemoryStore


def tiny_arrays():
    rng = np.random.default_rng(0)
    shapes = array_shapes(Architecture(), 2)
    return {name: rng.random(shape).astype(np.float16) for name, shape in shapes.items()}


def saved(path, arrays):
    np.savez(path, **arrays)
    return resolve(path)


def test_the_packaged_weights_are_the_released_ones():
    ref = resolve("lite")

    packaged = (resources.files("colorworker.model") / "lite.npz").read_bytes()

    assert ref.uri == "lite"
    assert ref.sha256 == hashlib.sha256(packaged).hexdigest()
    assert ref.sha256.startswith("1149e9594faf12e1")


def test_the_packaged_weights_load():
    weights = load(resolve("lite"))

    assert weights.bins.shape == (259, 2)
    assert weights.log_class_weights.shape == (259,)
    assert sum(array.size for array in weights.arrays.values()) > 4_000_000


def test_a_weights_file_loads_by_path_and_by_uri(tmp_path):
    path = tmp_path / "my weights.npz"
    ref = saved(path, tiny_arrays())

    weights = load(ref)

    assert ref.uri == path.as_uri()
    assert resolve(ref.uri) == ref
    assert weights.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert weights.bins.dtype == np.float32


def test_a_file_that_changed_since_it_was_resolved_is_refused(tmp_path):
    path = tmp_path / "mine.npz"
    ref = saved(path, tiny_arrays())
    saved(path, tiny_arrays() | {"bins": np.zeros((2, 2), np.float32)})

    with pytest.raises(WeightsRefused, match=rf"mine.npz.*{ref.sha256[:12]}.*start a new job"):
        load(ref)


def test_packaged_weights_with_a_different_hash_are_refused():
    with pytest.raises(WeightsRefused, match="lite: has SHA-256 1149e9594faf"):
        load(ModelRef("lite", "0" * 64))


def test_a_missing_file_is_refused_with_its_name_and_the_next_step(tmp_path):
    with pytest.raises(WeightsRefused, match=r"none\.npz: cannot be read.*'lite'"):
        resolve(tmp_path / "none.npz")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(WeightsRefused, match="is a folder"):
        resolve(tmp_path)


@pytest.mark.parametrize(
    "data", [b"", b"hello", pickle.dumps({"bins": 1}), b"PK\x03\x04 no zip"], ids=range(4)
)
def test_a_file_that_is_not_an_npz_is_refused(tmp_path, data):
    path = tmp_path / "mine.npz"
    path.write_bytes(data)

    with pytest.raises(WeightsRefused, match=r"mine\.npz: not an npz file"):
        load(resolve(path))


def test_a_truncated_npz_is_refused(tmp_path):
    path = tmp_path / "mine.npz"
    saved(path, tiny_arrays())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(WeightsRefused, match=r"mine\.npz"):
        load(resolve(path))


def test_a_damaged_member_is_refused(tmp_path):
    path = tmp_path / "mine.npz"
    saved(path, tiny_arrays())
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)

    with pytest.raises(WeightsRefused, match="does not load as plain arrays"):
        load(resolve(path))


class Nasty:
    """Executes code when it is unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('unpickled')",))


def test_pickles_inside_an_npz_are_never_loaded(tmp_path):
    arrays = tiny_arrays() | {"bins": np.array([Nasty()], object)}
    ref = saved(tmp_path / "mine.npz", arrays)

    with pytest.raises(WeightsRefused, match="does not load as plain arrays"):
        load(ref)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"encoder/stem_conv/kernel": None},
            "lacks 1 arrays of lite, the first is 'encoder/stem_conv/kernel'",
        ),
        ({"bins": None}, "lacks"),
        (
            {"more": np.zeros(1, np.float32)},
            "holds 1 arrays that lite does not have, the first is 'more'",
        ),
        ({"decoder/mask/bias": np.zeros(3, np.float32)}, r"has shape \(3,\), not \(144,\)"),
        ({"decoder/mask/bias": np.zeros(144, np.int8)}, "holds int8"),
        ({"decoder/mask/bias": np.full(144, np.nan, np.float32)}, "not finite"),
    ],
)
def test_arrays_that_do_not_fit_the_network_are_refused(tmp_path, change, message):
    arrays = {name: value for name, value in (tiny_arrays() | change).items() if value is not None}
    ref = saved(tmp_path / "mine.npz", arrays)

    with pytest.raises(WeightsRefused, match=message):
        load(ref)


def test_weights_of_another_architecture_are_refused_by_its_name(tmp_path):
    said = np.array(Architecture("efficientnetv2s").to_json())
    ref = saved(tmp_path / "mine.npz", tiny_arrays() | {"architecture": said})

    with pytest.raises(WeightsRefused, match=r"it lacks 4.. arrays of efficientnetv2s"):
        load(ref)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (np.array("{}}"), "its architecture cannot be read"),
        (np.array('{"name": "vgg"}'), "there is no architecture 'vgg'"),
        (np.array([1, 2]), "not a single string"),
        (np.array("x" * 20_000), "not a single string"),
    ],
)
def test_a_file_without_a_valid_architecture_is_refused(tmp_path, said, message):
    ref = saved(tmp_path / "mine.npz", tiny_arrays() | {"architecture": said})

    with pytest.raises(WeightsRefused, match=message):
        load(ref)


def test_koala_needs_no_bins(tmp_path):
    architecture = Architecture("koala")
    shapes = array_shapes(architecture, 0)
    arrays = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}

    sha256 = save(tmp_path / "koala.npz", architecture, arrays)

    weights = load(resolve(tmp_path / "koala.npz"))
    assert weights.sha256 == sha256
    assert weights.architecture == architecture
    assert weights.bins.shape == (0, 2)


def member(shape, data):
    """Return a .npy of float32 whose header declares `shape`, followed by other data."""
    buffer = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue() + data


@pytest.mark.parametrize(
    ("shape", "size_bytes", "message"),
    [
        ((144,), 64 << 20, "does not hold the 576 bytes of its shape"),
        ((144,), 500, "does not hold the 576 bytes of its shape"),
        ((1 << 50,), 576, "has shape"),
    ],
    ids=["more than its shape", "less than its shape", "a huge shape"],
)
def test_no_more_is_decompressed_than_the_network_needs(tmp_path, shape, size_bytes, message):
    path = tmp_path / "mine.npz"
    arrays = tiny_arrays()
    del arrays["decoder/mask/bias"]
    np.savez(path, **arrays)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("decoder/mask/bias.npy", member(shape, bytes(size_bytes)))

    tracemalloc.start()
    with pytest.raises(WeightsRefused, match=message):
        load(resolve(path))

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 48 << 20


def test_two_arrays_with_the_same_name_are_refused(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, **tiny_arrays())
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("bins.npy", member((2, 2), bytes(16)))

    with pytest.raises(WeightsRefused, match="two members have the same name"):
        load(resolve(path))


def test_a_sha256_can_be_given_with_the_file(tmp_path):
    ref = saved(tmp_path / "mine.npz", tiny_arrays())

    assert resolve(f"{tmp_path}/mine.npz#sha256={ref.sha256}") == ref
    assert resolve(f"{ref.uri}#sha256={ref.sha256.upper()}") == ref
    with pytest.raises(
        WeightsRefused, match=rf"{ref.sha256[:12]}.*000000000000\.\.\. was expected"
    ):
        resolve(f"{ref.uri}#sha256={'0' * 64}")
    with pytest.raises(WeightsRefused, match=r"'abc' is not a SHA-256.*64 hexadecimal"):
        resolve(f"{ref.uri}#sha256=abc")


def test_weights_load_from_any_store(tmp_path):
    path = tmp_path / "mine.npz"
    ref = saved(path, tiny_arrays())
    store = MemoryStore("bucket")
    store.put("mine.npz", path.read_bytes())

    def opened(uri):
        assert uri == "s3://bucket/weights"
        return store

    remote = resolve("s3://bucket/weights/mine.npz", opened)

    assert remote == ModelRef("s3://bucket/weights/mine.npz", ref.sha256)
    assert load(remote, opened).bins.shape == (2, 2)
    with pytest.raises(WeightsRefused, match=r"other\.npz: there is no such object"):
        resolve("s3://bucket/weights/other.npz", opened)


def test_a_missing_packaged_file_is_an_error_that_says_how_to_get_weights():
    with pytest.raises(
        WeightsRefused, match=r"koala: colorworker ships no trained weights.*colorworker train"
    ):
        resolve("koala")


def test_equal_arrays_give_equal_files():
    arrays = {name: array.astype(np.float32) for name, array in tiny_arrays().items()}
    backwards = dict(reversed(arrays.items()))

    assert encode_weights(Architecture(), arrays) == encode_weights(Architecture(), backwards)


def test_kernels_that_float16_cannot_hold_stay_float32(tmp_path):
    arrays = tiny_arrays()
    kernel = arrays["encoder/stem_conv/kernel"].astype(np.float32)
    kernel[0, 0, 0, 0] = 1e6

    save(tmp_path / "mine.npz", Architecture(), arrays | {"encoder/stem_conv/kernel": kernel})

    stored = load(resolve(tmp_path / "mine.npz")).arrays
    np.testing.assert_array_equal(stored["encoder/stem_conv/kernel"], kernel)
    assert stored["decoder/d4b/kernel"].dtype == np.float16


def test_a_huge_file_is_refused_without_reading_it(tmp_path):
    path = tmp_path / "mine.npz"
    with path.open("wb") as file:
        file.truncate(2**40)

    with pytest.raises(WeightsRefused, match="1048576 MiB"):
        resolve(path)


def test_an_array_name_is_shown_escaped(tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer, **(tiny_arrays() | {"a\nb": np.zeros(1, np.float32)}))
    path = tmp_path / "mine.npz"
    path.write_bytes(buffer.getvalue())

    with pytest.raises(WeightsRefused, match=r"'a\\nb'"):
        load(resolve(path))


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_resolving_and_loading_weights_needs_no_tensorflow():
    done = python(
        "import sys; sys.modules['tensorflow'] = None\n"
        "from colorworker.model.weights import load, resolve\n"
        "load(resolve('lite'))"
    )

    assert done.returncode == 0, done.stderr


def test_a_missing_tensorflow_is_reported_with_the_install_command():
    done = python(
        "import sys; sys.modules['tensorflow'] = None\n"
        "from colorworker.errors import DependencyMissing\n"
        "try:\n"
        "    import colorworker.model.colorizer\n"
        "except DependencyMissing as error:\n"
        "    print(error)"
    )

    assert "pip install --force-reinstall 'tensorflow" in done.stdout, done.stderr
