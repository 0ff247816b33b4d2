"""A small job survives killed and suspended processes, a failing store, and two drivers.

`python -m tests.chaos` is the long version.
"""

import os

import pytest

from tests.chaos.storm import Storm
from tests.conftest import AWS

SEED, UNITS, FAULTS, SECONDS = 18, 16, 8, 40


@pytest.mark.e2e
@pytest.mark.timeout(600)
def test_a_job_among_failures_ends_as_if_there_were_none(s3_server, tmp_path, monkeypatch):
    for name in AWS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "environ", os.environ)
    storm = Storm(tmp_path, SEED, UNITS, s3_server)
    try:
        expected = storm.undisturbed()
        storm.start_cluster()
        storm.run(FAULTS, SECONDS)
        problems = storm.problems(expected)
    finally:
        storm.close()

    assert problems == []
    assert sum(storm.log.values()) > FAULTS / 2
