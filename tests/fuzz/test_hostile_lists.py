"""Manifests, plans and descriptions that expand, nest or grow without end: a sentence each."""

import gzip
import io
import resource
import time
from pathlib import Path

import pytest

from colorworker.domain.adjustments import parse_shot_adjustments
from colorworker.domain.hints import MAX_BYTES, parse_hints
from colorworker.domain.models import ModelChoice
from colorworker.domain.options import Options
from colorworker.errors import HintsRefused, LineRefused, UsageError, WeightsRefused
from colorworker.inputs.manifestlines import RefusedLine
from colorworker.inputs.manifests import open_manifest
from colorworker.model.imported.profile import Signature, describe
from colorworker.schedule.planfile import read_plan
from colorworker.store.local import LocalStore
from colorworker.training.config import parse_config

GOOD = b'{"key": "good.jpg"}\n'
DIGITS = b"9" * 50_000
LINES = {
    "deep lists": b"[" * 60_000,
    "deep objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "a deep option": b'{"key": "a.jpg", "vividness": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "a number of 50,000 digits": b'{"key": "a.jpg", "size_bytes": ' + DIGITS + b', "etag": "a"}',
    "an infinite number": b'{"key": "a.jpg", "vividness": 1e999999}',
    "not a number": b'{"key": "a.jpg", "vividness": NaN}',
    "a key of 60,000 letters": b'{"key": "' + b"a" * 60_000 + b'"}',
    "a line of a megabyte": b'{"key": "' + b"a" * 2**20 + b'"}',
    "10,000 unknown names": b"{" + b",".join(b'"n%d": 1' % n for n in range(5000)) + b"}",
    "a name twice": b'{"key": "a.jpg", "key": "../b.jpg"}',
    "half a surrogate": b'{"key": "\\ud800.jpg"}',
    "a zero byte": b'{"key": "a\\u0000.jpg"}',
    "a line break": b'{"key": "a\\nb.jpg"}',
    "a way out": b'{"key": "a/../../../etc/passwd"}',
    "an absolute key": b'{"key": "/etc/passwd"}',
    "a key of 1,025 bytes": b'{"key": "' + b"abc/" * 256 + b'a"}',
    "an output elsewhere": b'{"key": "a.jpg", "output": "../b.jpg"}',
    "an output among the state": b'{"key": "a.jpg", "output": ".colorworker/units/a.json"}',
    "another file system": b'{"uri": "file:///etc/passwd"}',
    "not UTF-8": b'{"key": "\xff\xfe.jpg"}',
    "only zero bytes": b"\0" * 1000,
}
TOML = {
    "deep lists": "a = " + "[" * 20_000,
    "deep tables": "a = " + "{a = " * 5_000 + "1" + "}" * 5_000,
    "a deep name": "[" + ".".join("a" * 2_000) + "]\na = 1",
    "a number of 50,000 digits": "a = " + "9" * 50_000,
    "a hexadecimal number of a million digits": "a = 0x" + "f" * 1_000_000,
    "an impossible date": "a = 9999-99-99",
    "many tables": "".join(f"[[shot{n}]]\n" for n in range(5_000)),
    "a long text": 'a = "' + "x" * (9 << 20) + '"',
    "nothing but brackets": "[" * 100_000,
    "zero bytes": "a = \0",
}


def named_and_refused(folder: Path, name: str, data: bytes, root: str = ""):
    (folder / name).write_bytes(data)
    behind = f"#root={root}" if root else ""
    manifest = open_manifest(f"manifest:{folder}/{name}{behind}", opened)
    named, refused = [], []
    for _, line in manifest.lines():
        (refused if isinstance(line, RefusedLine) else named).append(line)
    return named, refused


def opened(folder: str) -> LocalStore:
    return LocalStore(Path(folder))


def is_one_sentence(error: Exception) -> bool:
    said = str(error)
    return bool(said) and "\n" not in said and "Traceback" not in said and len(said) < 1000


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_a_hostile_line_of_a_manifest_is_refused_alone(line, tmp_path):
    named, refused = named_and_refused(tmp_path, "list.jsonl", GOOD + line + b"\n" + GOOD)

    assert [each.key for each in named] == ["good.jpg", "good.jpg"]
    (bad,) = refused
    assert bad.line == 2
    assert isinstance(bad.error, LineRefused)
    assert is_one_sentence(bad.error)


@pytest.mark.parametrize(
    "line",
    [
        b'archive,"a.jpg',
        b"archive," + b"," * 60_000,
        b'archive,"' + b'""' * 30_000 + b'"',
        b"archive,%00.jpg",
        b"archive,a%2F..%2F..%2Fb.jpg",
        b"archive," + b"%C0%AE%C0%AE/b.jpg",
        b"archive," + b"a" * 70_000,
        b"archive,a\rb.jpg",
    ],
)
def test_a_hostile_row_is_refused_alone(line, tmp_path):
    good = b"archive,good.jpg\n"
    (tmp_path / "list.csv").write_bytes(good + line + b"\n" + good)
    lines = list(open_manifest(f"manifest:{tmp_path}/list.csv", opened).lines())

    assert [line.key for _, line in lines if not isinstance(line, RefusedLine)] == ["good.jpg"] * 2
    (bad,) = (line for _, line in lines if isinstance(line, RefusedLine))
    assert is_one_sentence(bad.error)


@pytest.mark.parametrize(("line", "megabytes"), [(b"\n", 2), (b"x", 64), (GOOD, 1)])
def test_a_compressed_manifest_that_expands_is_read_in_bounded_memory(line, megabytes, tmp_path):
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9) as file:
        file.write(GOOD)
        for _ in range(megabytes):
            file.write(line * ((1 << 20) // len(line)))
    (tmp_path / "list.jsonl.gz").write_bytes(packed.getvalue())
    manifest = open_manifest(f"manifest:{tmp_path}/list.jsonl.gz", opened)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    count = sum(1 for _ in manifest.lines())

    assert count >= 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 << 10  # KiB


@pytest.mark.parametrize("text", TOML.values(), ids=TOML)
def test_a_hostile_description_is_one_usage_error(text, tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text(text)
    began = time.process_time()

    for error, read in (
        (UsageError, lambda: read_plan(plan, Options(), ModelChoice("lite"))),
        (UsageError, lambda: parse_shot_adjustments(text, "shots.toml")),
        (UsageError, lambda: parse_config(text, "train.toml")),
        (
            WeightsRefused,
            lambda: describe("net.onnx", Signature((), ()), description=text.encode()),
        ),
    ):
        with pytest.raises(error) as raised:
            read()
        assert is_one_sentence(raised.value)
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"[" + DIGITS + b"]",
        b'[{"x": 1e400, "y": 1, "color": "#ffffff"}]',
        b'[{"x": NaN, "y": 1, "color": "#ffffff"}]',
        b'[{"x": 1, "y": 1, "color": "#ffffff", "radius": 1e308}]',
        b'[{"points": [' + b"[1,1]," * 100_000 + b'[1,1]], "color": "#ffffff"}]',
        b"\xff\xfe[]",
        b" " * MAX_BYTES + b"  []",
        b'{"version": ' + DIGITS + b"}",
        b"null",
    ],
)
def test_hostile_color_hints_are_one_sentence(data):
    with pytest.raises(HintsRefused) as raised:
        parse_hints(data, "a.hints.json", 48, 32)

    assert is_one_sentence(raised.value)
