"""Servers, started once a session by the first test that needs them."""

import pytest

from tests import servers


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory):
    server = servers.start_server(tmp_path_factory.mktemp("weed"))
    yield server
    server.stop()


@pytest.fixture
def s3(s3_server, monkeypatch):
    """The server, found by boto3 through the usual variables and no others."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in servers.environment(s3_server.url).items():
        monkeypatch.setenv(name, value)
    return s3_server
