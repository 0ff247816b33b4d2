import os

import pytest

from colorworker.executors.cores import usable_cores


@pytest.mark.parametrize(
    ("said", "cores"),
    [("100000 100000\n", 1), ("50000 100000\n", 1), ("150000 100000\n", 2), ("0 100000\n", 1)],
)
def test_a_container_uses_no_more_cores_than_its_quota(tmp_path, said, cores):
    quota = tmp_path / "cpu.max"
    quota.write_text(said)

    assert usable_cores(quota) == min(cores, len(os.sched_getaffinity(0)))


@pytest.mark.parametrize("said", ["max 100000\n", "", "nonsense"])
def test_without_a_quota_only_cpu_affinity_limits_the_cores(tmp_path, said):
    quota = tmp_path / "cpu.max"
    quota.write_text(said)

    assert usable_cores(quota) == len(os.sched_getaffinity(0))
    assert usable_cores(tmp_path / "none") == len(os.sched_getaffinity(0))
