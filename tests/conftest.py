"""Shared fixtures."""

import pytest

pytest.register_assert_rewrite("tests.storecontract")

from colorworker.executors import local  # noqa: E402
from tests import archives, colorizerthread, commandline, s3server  # noqa: E402 - after the assert rewriting is registered

RAY = (
    "tests/chaos/",
    "tests/e2e/test_cluster",
    "tests/e2e/test_ray",
    "tests/e2e/test_train",
    "tests/integration/executors/",
)
AWS = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE", "AWS_REGION")


def pytest_collection_modifyitems(config, items):
    """Group tests for parallel runs (`-n 2`): by file, and all that use Ray together."""
    root = config.rootpath
    for item in items:
        path = item.path.relative_to(root).as_posix()
        group = "ray" if path.startswith(RAY) else path
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(autouse=True)
def _one_tensorflow(monkeypatch):
    """Jobs in this process predict in it; see `colorizerthread`."""
    monkeypatch.setattr(local, "ChildProcess", colorizerthread.start_child)


@pytest.fixture
def command(tmp_path_factory):
    return commandline.make_command(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def archive(tmp_path):
    """A small intact archive: three pictures and a film that is cut into six segments."""
    return archives.save_archive(tmp_path / "archive")


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory):
    """An S3 server for the whole session, started by the first test that needs it."""
    server = s3server.start_server(tmp_path_factory.mktemp("weed"))
    yield server
    server.stop()


@pytest.fixture
def s3(s3_server, monkeypatch):
    """The S3 server, which boto3 finds through its environment variables."""
    for name in AWS:
        monkeypatch.delenv(name, raising=False)
    for name, value in s3server.environment(s3_server.url).items():
        monkeypatch.setenv(name, value)
    return s3_server


def pytest_addoption(parser):
    parser.addoption(
        "--rewrite-docs",
        action="store_true",
        help="write tables that tests generate into docs/ instead of only comparing them",
    )
