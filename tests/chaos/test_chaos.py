"""A small job survives killed and suspended processes, a failing store, and two drivers.

`python -m tests.chaos` is the long version.
"""

import pytest

from tests import s3server
from tests.chaos.storm import Storm
from tests.conftest import AWS

SEED, UNITS, FAULTS, SECONDS = 18, 12, 6, 20


@pytest.fixture
def storm(tmp_path, monkeypatch):
    for name in AWS:
        monkeypatch.delenv(name, raising=False)
    for name, value in s3server.environment("").items():
        monkeypatch.setenv(name, value)
    (tmp_path / "weed").mkdir()
    # Its own server, because it is killed.
    storm = Storm(tmp_path, SEED, UNITS, s3server.start_server(tmp_path / "weed"))
    yield storm
    storm.close()
    storm.server.stop()


@pytest.mark.e2e
@pytest.mark.timeout(600)
def test_a_job_among_failures_ends_as_if_there_were_none(storm):
    expected = storm.undisturbed()
    storm.start_cluster()

    storm.run(FAULTS, SECONDS)

    assert storm.problems(expected) == []
    assert sum(storm.log.values()) > FAULTS / 2
