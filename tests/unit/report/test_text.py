"""Text helpers: durations, sizes, counts, times and names."""

import pytest

from colorworker.report.text import (
    count,
    date_and_time,
    destination_label,
    duration,
    size,
    visible,
    whole_duration,
)
from colorworker.store.local import LocalStore
from colorworker.store.memory import MemoryStore


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00 s"),
        (12.34, "12.3 s"),
        (99.96, "1 min 40 s"),
        (245, "4 min 05 s"),
        (3599.6, "1 h 00 min"),
        (11_520, "3 h 12 min"),
    ],
)
def test_a_duration_has_the_units_people_use(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "under 1 s"), (9.4, "9 s"), (99.4, "99 s"), (245.0, "4 min 05 s")],
)
def test_a_whole_duration_has_no_fractions_of_a_second(seconds, text):
    assert whole_duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_951, "1.0 MB"),
        (4.2e9, "4.2 GB"),
        (3.1e15, "3100.0 TB"),
    ],
)
def test_a_size_has_decimal_units(number, text):
    assert size(number) == text


def test_a_count_has_its_noun_in_singular_or_plural():
    assert count(1, "item") == "1 item"
    assert count(2, "copy", "copies") == "2 copies"
    assert count(12_345, "frame") == "12\N{NARROW NO-BREAK SPACE}345 frames"


@pytest.mark.parametrize("iso", ["2026-11-22T18:36:12+00:00", "2026-11-22T19:36:12+01:00"])
def test_a_time_is_shown_in_utc(iso):
    assert date_and_time(iso) == "22 Nov 2026, 18:36 UTC"


def test_names_in_any_script_are_unchanged():
    for name in ("Łódź 1911.jpg", "写真.tif", "می‌خواهم.png", "👩‍🚀.jpg"):
        assert visible(name) == name


def test_control_characters_are_escaped():
    assert visible("a\x1b[2J\u202eb\udcff") == "a\\x1b[2J\\u202eb\\udcff"


def test_a_destination_is_shown_as_given_without_a_trailing_slash(tmp_path):
    assert destination_label(LocalStore(tmp_path), "out/") == "out"
    assert destination_label(MemoryStore("x"), "memory://x/") == "memory://x"
