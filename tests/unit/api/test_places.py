"""`status` of destinations without jobs."""

import pytest

import colorworker as cw


def test_status_of_a_destination_without_jobs_is_refused(tmp_path):
    with pytest.raises(cw.UsageError, match="no job has written to it"):
        cw.status(tmp_path)
