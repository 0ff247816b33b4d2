"""What people see of a running job."""

import pytest

from colorworker.cli.progress import describe_checks, describe_job, display
from colorworker.driver import Progress


def test_progress_is_described_as_text():
    now = Progress(
        7, items_done=2, items_failed=1, units_done=5, units_known=20, frames_done=480,
        frames_resumed=240,
    )  # fmt: skip

    assert describe_job(now, 60.0) == (
        "2/7 items, 5/20 units, 4.0 frames/s, about 3 min 00 s left, 1 failed"
    )


def test_the_time_left_includes_films_that_are_not_scanned_yet():
    now = Progress(4, units_done=5, units_known=10, units_expected=25)

    assert "about 4 min 00 s left" in describe_job(now, 60.0)


@pytest.mark.parametrize(("left", "words"), [(59, "59 s"), (3600, "1 h 00 min")])
def test_the_time_left_is_given_in_hours_and_minutes(left, words):
    assert f"about {words} left" in describe_job(Progress(2, units_done=1, units_known=2), left)


def test_without_a_terminal_the_first_and_last_progress_are_printed(capsys):
    with display(quiet=False) as show:
        for done in range(50):
            show(Progress(50, items_done=done + 1))

    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split(",")[0] for line in err.splitlines()] == ["1/50 items", "50/50 items"]


def test_quiet_shows_nothing(capsys):
    with display(quiet=True) as show:
        show(Progress(1))

    assert capsys.readouterr() == ("", "")


def test_verify_counts_records_and_findings():
    now = Progress(7_500, items_done=2500, items_failed=1, units_done=2500, units_known=7500)

    assert describe_checks(now, 60.0) == (
        "2\u202f500 of 7\u202f500 records checked, about 2 min 00 s left, 1 finding"
    )
