"""Windows in local time, with clock changes."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from colorworker.domain.timewindow import Window

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = Window(time(22), time(6), BERLIN)


def at(text, zone=BERLIN):
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "closes"),
    [
        ("2026-11-22 21:59:59", None),
        ("2026-11-22 22:00", "2026-11-23 06:00"),
        ("2026-11-23 00:30", "2026-11-23 06:00"),
        ("2026-11-23 05:59:59", "2026-11-23 06:00"),
        ("2026-11-23 06:00", None),
        ("2026-11-23 12:00", None),
    ],
)
def test_a_window_over_midnight_is_open_until_the_next_morning(now, closes):
    assert NIGHT.closes_at(at(now)) == (closes and at(closes))


@pytest.mark.parametrize(
    ("night", "hours"), [("2026-03-28", 7), ("2026-10-24", 9), ("2026-11-22", 8)]
)
def test_a_night_with_a_clock_change_is_shorter_or_longer(night, hours):
    begins = at(f"{night} 22:00")

    seconds = (NIGHT.closes_at(begins) - begins).total_seconds()

    assert seconds == hours * 3600


def test_a_window_opens_on_its_days_only():
    window = Window(time(9), time(17), ZoneInfo("America/New_York"), frozenset({"sat", "sun"}))
    zone = window.zone

    assert window.closes_at(at("2026-11-22 10:00", zone)) == at("2026-11-22 17:00", zone)
    assert window.closes_at(at("2026-11-23 10:00", zone)) is None
    assert window.next_opening(at("2026-11-22 10:00", zone)) == at("2026-11-28 09:00", zone)


def test_friday_night_lasts_into_saturday():
    window = Window(time(22), time(6), BERLIN, frozenset({"fri"}))

    assert window.closes_at(at("2026-11-28 03:00")) == at("2026-11-28 06:00")
    assert window.closes_at(at("2026-11-28 22:30")) is None
    assert window.next_opening(at("2026-11-28 03:00")) == at("2026-12-04 22:00")


def test_a_window_that_a_clock_change_skips_does_not_open():
    # On 29 March 2026 there is no hour from two to three, and no window in it.
    window = Window(time(2), time(3), BERLIN, frozenset({"sun"}))

    assert window.next_opening(at("2026-03-28 12:00")) == at("2026-04-05 02:00")


def test_a_moment_is_shown_in_local_time():
    assert NIGHT.local(datetime(2026, 11, 22, 21, tzinfo=UTC)) == "Sun 2026-11-22 22:00 CET"
