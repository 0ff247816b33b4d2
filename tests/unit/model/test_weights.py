import hashlib
import io
import pickle
import subprocess
import sys
from importlib import resources

import numpy as np
import pytest

from colorworker.errors import WeightsRefused
from colorworker.model.architectures import Architecture
from colorworker.model.layout import array_shapes
from colorworker.model.weights import load, resolve
from colorworker.work.job import ModelRef


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


def test_a_file_of_our_own_loads_by_path_and_by_uri(tmp_path):
    path = tmp_path / "my weights.npz"
    ref = saved(path, tiny_arrays())

    weights = load(ref)

    assert ref.uri == path.as_uri()
    assert resolve(ref.uri) == ref
    assert weights.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert weights.bins.dtype == np.float32


def test_a_file_that_changed_since_it_was_named_is_refused(tmp_path):
    path = tmp_path / "mine.npz"
    ref = saved(path, tiny_arrays())
    saved(path, tiny_arrays() | {"bins": np.zeros((2, 2), np.float32)})

    with pytest.raises(WeightsRefused, match=rf"mine.npz.*{ref.sha256[:12]}.*start a new job"):
        load(ref)


def test_packaged_weights_under_another_hash_are_refused():
    with pytest.raises(WeightsRefused, match="lite: has sha256 1149e9594faf"):
        load(ModelRef("lite", "0" * 64))


def test_a_missing_file_is_refused_with_its_name_and_the_next_step(tmp_path):
    with pytest.raises(WeightsRefused, match=r"none\.npz: cannot be read.*'lite'"):
        resolve(tmp_path / "none.npz")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(WeightsRefused, match="cannot be read"):
        resolve(tmp_path)


@pytest.mark.parametrize(
    "data", [b"", b"hello", pickle.dumps({"bins": 1}), b"PK\x03\x04 no zip"], ids=range(4)
)
def test_what_is_no_npz_is_refused(tmp_path, data):
    path = tmp_path / "mine.npz"
    path.write_bytes(data)

    with pytest.raises(WeightsRefused, match=r"mine\.npz: not an npz file"):
        load(resolve(path))


def test_half_of_an_npz_is_refused(tmp_path):
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
    """Would be executed by unpickling."""

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
        ({"encoder/stem_conv/kernel": None}, "lacks 1 arrays, first 'encoder/stem_conv/kernel'"),
        ({"bins": None}, "lacks"),
        ({"more": np.zeros(1, np.float32)}, "holds 1 arrays that are not ours, first 'more'"),
        ({"decoder/mask/bias": np.zeros(3, np.float32)}, r"has shape \(3,\), not \(144,\)"),
        ({"decoder/mask/bias": np.zeros(144, np.int8)}, "holds int8"),
        ({"decoder/mask/bias": np.full(144, np.nan, np.float32)}, "not finite"),
    ],
)
def test_arrays_that_are_not_the_networks_are_refused(tmp_path, change, message):
    arrays = {name: value for name, value in (tiny_arrays() | change).items() if value is not None}
    ref = saved(tmp_path / "mine.npz", arrays)

    with pytest.raises(WeightsRefused, match=message):
        load(ref)


def test_a_huge_file_is_refused_unread(tmp_path):
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


def test_a_missing_tensorflow_is_named_with_the_command_that_installs_it():
    done = python(
        "import sys; sys.modules['tensorflow'] = None\n"
        "from colorworker.errors import DependencyMissing\n"
        "try:\n"
        "    import colorworker.model.colorizer\n"
        "except DependencyMissing as error:\n"
        "    print(error)"
    )

    assert "pip install 'colorworker[cpu]'" in done.stdout, done.stderr
