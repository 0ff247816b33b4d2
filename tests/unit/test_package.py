"""`import colorworker` is light, and its names are those that it promises."""

import ast
import json
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

import colorworker as cw

HEAVY = {
    "tensorflow", "keras", "ray", "av", "cv2", "pyvips", "boto3", "numpy", "pydantic",
    "pydantic_settings", "typer", "rich", "jinja2",
}  # fmt: skip


def run_python(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_importing_the_package_imports_no_library():
    loaded = run_python(
        "import colorworker, json, sys; print(json.dumps([n.split('.')[0] for n in sys.modules]))"
    )

    assert HEAVY & set(loaded) == set()


def test_errors_options_and_reports_need_none_of_the_heavy_libraries():
    loaded = run_python(
        "import colorworker as cw, json, sys; cw.Options, cw.UsageError, cw.Report, cw.Item;"
        "print(json.dumps([n.split('.')[0] for n in sys.modules]))"
    )

    assert {"tensorflow", "ray", "av", "cv2", "pyvips", "boto3"} & set(loaded) == set()


def test_using_the_api_imports_tensorflow_only_when_something_is_colored():
    loaded = run_python(
        "import colorworker as cw, json, sys; cw.colorize, cw.Colorizer('lite'), cw.restore;"
        "print(json.dumps([n.split('.')[0] for n in sys.modules]))"
    )

    assert {"tensorflow", "ray", "boto3"} & set(loaded) == set()


@pytest.mark.parametrize("name", cw.__all__)
def test_every_public_name_can_be_imported(name):
    assert getattr(cw, name) is not None


def test_type_checkers_see_the_names_that_are_imported_at_run_time():
    tree = ast.parse(Path(cw.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: node.module.removeprefix("colorworker.")
        for node in block.body
        for alias in node.names
    }

    assert seen == cw._MODULE_OF
    assert {*seen, "__version__"} == set(cw.__all__)
    assert set(cw.__all__) <= set(dir(cw))
    assert (resources.files("colorworker") / "py.typed").is_file()


def test_every_error_class_is_exported():
    from colorworker import errors

    classes = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.ColorworkerError)
    }

    assert classes <= set(cw.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="colorized"):
        cw.colorized  # noqa: B018 - the access is what is tested
