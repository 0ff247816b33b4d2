"""The wheel and the sdist hold everything that an installation needs; the release workflow."""

import re
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser

import pytest
import yaml

from colorworker import __version__
from tests.unit.deploy.schemas import ROOT
from tests.unit.deploy.tools import lint

WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"
USE = """\
import json, sys
from importlib import metadata, resources
import colorworker
from colorworker.domain.models import ModelChoice
from colorworker.model.networks import describe_model, resolve_model
from colorworker.report import evaluationpage, jobpage
from colorworker.runs import jobspage
from colorworker.runs.review.server import _STATIC, _static_text
print(json.dumps([
    colorworker.__file__,
    describe_model(resolve_model(ModelChoice("lite"))),
    [len(_static_text(name)) for name in (*_STATIC, "index.html")],
    "tensorflow" in sys.modules,
]))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Folder with the sdist, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    return folder


def sources():
    """Return the package's files as they lie in the clone."""
    found = (path for path in (ROOT / "colorworker").rglob("*") if path.is_file())
    return {path.relative_to(ROOT).as_posix() for path in found if "__pycache__" not in path.parts}


def test_the_wheel_holds_the_whole_package_and_nothing_else(built):
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    info = f"colorworker-{__version__}.dist-info"

    assert wheel.name == f"colorworker-{__version__}-py3-none-any.whl"
    assert {name for name in names if not name.startswith(info)} == sources()
    assert {f"{info}/licenses/LICENSE", f"{info}/licenses/NOTICE"} <= names


def test_the_metadata_name_the_version_and_the_extras(built):
    (wheel,) = built.glob("*.whl")
    text = zipfile.ZipFile(wheel).read(f"colorworker-{__version__}.dist-info/METADATA").decode()
    metadata = Parser().parsestr(text)

    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert {"ray", "s3", "gpu", "train"} <= set(metadata.get_all("Provides-Extra"))


def test_an_installed_wheel_runs_with_its_own_weights_and_pages(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    target = tmp_path / "installed"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-compile",
    ]
    subprocess.run([*pip, "--target", target, wheel], check=True, capture_output=True)
    clean = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(target), "HOME": str(tmp_path)}

    version = subprocess.run(
        [sys.executable, target / "bin" / "colorworker", "--version"],
        cwd=tmp_path, env=clean, capture_output=True, text=True, check=True,
    )  # fmt: skip
    used = subprocess.run(
        [sys.executable, "-c", USE], cwd=tmp_path, env=clean, capture_output=True, text=True
    )

    assert version.stdout.split()[-1] == __version__
    assert used.returncode == 0, used.stderr
    where, network, pages, tensorflow = yaml.safe_load(used.stdout)
    assert where.startswith(str(target))
    assert "million parameters" in network
    assert min(pages) > 500
    assert not tensorflow


def test_the_sdist_holds_the_tests_and_the_documentation(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}

    assert sources() <= names
    assert {"tests/conftest.py", "docs/operations.md", "deploy/constraints.txt"} <= names
    assert {"pyproject.toml", "README.md", "LICENSE", "NOTICE", "CHANGELOG.md"} <= names


def test_the_workflow_matches_its_schema_and_a_mistake_is_caught(tmp_path):
    schema = ["--builtin-schema", "vendor.github-workflows"]
    broken = tmp_path / "release.yml"
    broken.write_text(WORKFLOW.read_text().replace("runs-on:", "run-on:", 1))

    good, bad = lint("check-jsonschema", *schema, WORKFLOW), lint(
        "check-jsonschema", *schema, broken
    )  # fmt: skip

    assert good[0] == 0, good[1]
    assert bad[0] == 1
    assert "Schema validation errors" in bad[1]


def test_the_workflow_publishes_without_a_secret_and_with_the_least_rights():
    jobs = yaml.safe_load(WORKFLOW.read_text())
    rights = {name: job["permissions"] for name, job in jobs["jobs"].items()}

    assert jobs["permissions"] == {}
    assert rights == {
        "build": {"contents": "read"},
        "publish": {"id-token": "write"},
        "announce": {"contents": "write"},
    }
    assert not re.search(r"secrets\.|password", WORKFLOW.read_text())
    assert [job.get("needs") for job in jobs["jobs"].values()] == [None, "build", "publish"]


def test_the_workflow_builds_with_the_tool_that_was_tested():
    from importlib.metadata import version

    assert f"build=={version('build')}" in WORKFLOW.read_text()
