"""The Dockerfile and the compose file are well-formed and hardened, and need only the clone."""

import re

import pytest

from colorworker.settings import Settings
from tests.unit.deploy.schemas import DEPLOY, ROOT, documents
from tests.unit.deploy.tools import lint

DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
COMPOSE = DEPLOY / "compose.yaml"
(PROJECT,) = documents(COMPOSE)
SERVICES = PROJECT["services"]
NODES = {name: each for name, each in SERVICES.items() if name != "s3"}


def test_hadolint_passes():
    code, said = lint("hadolint", "-", text=DOCKERFILE)

    assert (code, said) == (0, "")


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("WORKDIR /build", "WORKDIRR /build"),
        ("python:3.11.15-slim-bookworm", "python"),
        ("WORKDIR /build", "WORKDIR build"),
        ("# hadolint ignore=DL3013\n", ""),
    ],
)
def test_hadolint_catches_a_mistake(right, wrong):
    assert right in DOCKERFILE

    code, said = lint("hadolint", "-", text=DOCKERFILE.replace(right, wrong))

    assert code == 1
    assert said


def test_the_images_run_as_a_numbered_user():
    final = DOCKERFILE[DOCKERFILE.index(" AS runtime") :]

    assert re.findall(r"^USER (.*)$", final, re.MULTILINE) == ["10001:10001"]
    assert re.findall(r"^FROM runtime AS (\w+)$", final, re.MULTILINE) == ["gpu", "cpu"]


def test_every_copied_path_exists_and_is_not_ignored():
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    copied = {
        name
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for name in line.split()[:-1]
    }

    assert ignore[1] == "*"
    assert copied == {line[1:] for line in ignore if line.startswith("!")}
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_the_compose_file_matches_its_schema():
    code, said = lint("check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE)

    assert code == 0, said


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("read_only:", "readonly:"), ("read_only: true", "read_only: 7"), ("pre_stop:", "preStop:")],
)
def test_a_typo_in_compose_is_caught(tmp_path, right, wrong):
    broken = tmp_path / "compose.yaml"
    broken.write_text(COMPOSE.read_text().replace(right, wrong))

    code, said = lint("check-jsonschema", "--builtin-schema", "vendor.compose-spec", broken)

    assert code == 1
    assert "Schema validation errors" in said


def test_the_compose_file_takes_secrets_from_the_environment():
    example = (DEPLOY / ".env.example").read_text()
    wanted = set(re.findall(r"\$\{(\w+):\?", COMPOSE.read_text()))

    assert wanted == set(re.findall(r"^(\w+)=$", example, re.MULTILINE))
    assert not re.findall(r"^\w+=.", example, re.MULTILINE)
    for service in SERVICES.values():
        for name, value in service["environment"].items():
            assert ("${" in value) == bool(re.search("ACCESS_KEY|TOKEN|SECRET", name)), name
    assert ".env" in (DEPLOY / ".gitignore").read_text().splitlines()


def test_services_are_hardened_and_listen_on_this_machine_only():
    for name, service in SERVICES.items():
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
    for service in NODES.values():
        assert service["read_only"] is True


def test_settings_in_the_compose_file_exist_and_agree(monkeypatch):
    for service in NODES.values():
        environment = service["environment"]
        assert environment["RAY_AUTH_MODE"] == "token"
        for name, value in environment.items():
            if name.startswith("COLORWORKER_"):
                monkeypatch.setenv(name, value)
        run = Settings().run
        grace = int(service["stop_grace_period"].removesuffix("s"))
        assert run.stop_seconds + 10 <= int(environment["RAY_JOB_STOP_WAIT_TIME_S"]) <= grace - 10
        assert f"--num-cpus={run.cpus_per_worker} " in SERVICES["worker"]["command"]
