"""What a job hands to its workers."""

import pytest

from colorworker import job
from colorworker.domain.models import ModelChoice
from colorworker.domain.options import Options
from colorworker.errors import UsageError
from colorworker.job import JobRequest
from colorworker.settings import load_settings


def test_workers_may_request_restores_and_nothing_else_of_a_job_may(tmp_path, monkeypatch):
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "a.png").write_bytes(b"")
    specs = []

    def place(_name, spec, *_):
        specs.append(spec)
        raise UsageError("test", "ends here")

    monkeypatch.setattr(job, "checked_place", place)
    request = JobRequest(
        (str(tmp_path / "archive"),), str(tmp_path / "color"), Options(), ModelChoice("lite"), "ray"
    )

    with pytest.raises(UsageError, match="ends here"):
        job.run(request, load_settings())

    assert [spec.stores.may_restore for spec in specs] == [True]
    assert not job.store_options(load_settings()).may_restore
