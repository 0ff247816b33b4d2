import pytest

from colorworker.executors.doctor import checks

pytestmark = pytest.mark.integration


def test_every_check_passes_where_everything_is_installed():
    done = list(checks())

    assert [check.name for check in done if check.status == "fail"] == []
    speed = next(check for check in done if check.name == "speed")
    assert float(speed.detail.split()[0]) > 0
