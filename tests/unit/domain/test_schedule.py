"""Decisions of a restoration plan: budgets, retries, parking, and missing sources."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from colorworker.domain.entries import Entry
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Options
from colorworker.domain.schedule import (
    Budget,
    Failure,
    Retry,
    count_failure,
    failure_from_json,
    failure_to_json,
    missing_sources,
    output_identity,
)

NOW = datetime(2026, 11, 22, 20, tzinfo=UTC)
OPTIONS, MODEL = Options(), ModelRef("lite", "0" * 64)


def entry(key, etag="1", root="s3://a", **changes):
    return Entry(root, key, 10, etag, "still", key, **changes)


@pytest.mark.parametrize(
    ("budget", "items", "hours", "said"),
    [
        (Budget(), 10**9, 10**6, ""),
        (Budget(items=5), 4, 99, ""),
        (Budget(items=5), 5, 0, "5 items"),
        (Budget(hours=1.5), 99, 1.4, ""),
        (Budget(hours=1.5), 99, 1.5, "1.5 hours"),
        (Budget(money=20, price_per_hour=8), 0, 2.4, ""),
        (Budget(money=20, price_per_hour=8), 0, 2.5, "20 at 8 an hour"),
        (Budget(items=5, hours=1), 1, 2, "1 hours"),
    ],
)
def test_a_budget_is_spent_when_its_first_limit_is_reached(budget, items, hours, said):
    spent = budget.spent(items, hours * 3600)

    assert (said in spent) if said else not spent


def test_waits_grow_to_the_longest_and_then_the_source_is_parked():
    retry = Retry(attempts=6, first_wait_hours=6, factor=3, longest_wait_hours=100)

    waits = [retry.due_at(failures, NOW) for failures in range(1, 7)]

    assert [wait and (wait - NOW) / timedelta(hours=1) for wait in waits] == [
        6, 18, 54, 100, 100, None,
    ]  # fmt: skip


def test_a_source_that_is_left_out_has_a_reason_and_a_time():
    failure = Failure("0", "s3://a", "a.png", 1, NOW.isoformat(), "source_damaged", "It is torn.")
    retry = Retry(attempts=2)

    assert retry.held(failure, NOW + timedelta(hours=6)) is None
    state, said = retry.held(failure, NOW + timedelta(hours=5.9))
    assert (state, "a.png: failed once" in said, "It is torn." in said) == ("waiting", True, True)
    state, said = retry.held(replace(failure, failures=2), NOW + timedelta(days=900))
    assert (state, "failed 2 times" in said) == ("parked", True)


def test_a_source_that_changed_starts_again_at_one_failure():
    first = count_failure(None, entry("a"), "one", "x", "s", NOW.isoformat())
    second = count_failure(first, entry("a"), "one", "x", "s", NOW.isoformat())
    other = count_failure(second, entry("a", "2"), "other", "x", "s", NOW.isoformat())

    assert [item.failures for item in (first, second, other)] == [1, 2, 1]
    assert failure_from_json(failure_to_json(second)) == second


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"identity": 1}',
     b'{"identity": "", "root": "", "key": "", "failures": 1, "last_at": "2026-11-22T20:00:00",'
     b' "error_code": "", "error": ""}'],
)  # fmt: skip
def test_a_damaged_failure_is_refused(data):
    with pytest.raises(ValueError, match=r"not a failure|Expecting value"):
        failure_from_json(data)


def test_an_identity_depends_on_content_name_options_and_weights():
    one = entry("a.png")
    film = replace(one, kind="film")
    settled = replace(one, kind=None, outcome="failed", error_code="source_unreadable")

    found = {
        output_identity(one, OPTIONS, MODEL),
        output_identity(replace(one, etag="2"), OPTIONS, MODEL),
        output_identity(replace(one, output_key="b"), OPTIONS, MODEL),
        output_identity(one, replace(OPTIONS, vividness=1.0), MODEL),
        output_identity(one, OPTIONS, ModelRef("other", "1" * 64)),
        output_identity(film, OPTIONS, MODEL),
        output_identity(settled, OPTIONS, MODEL),
    }

    assert len(found) == 7
    assert output_identity(one, OPTIONS, MODEL) == output_identity(
        replace(one), OPTIONS, ModelRef("x", "0" * 64)
    )


def test_missing_sources_are_found_in_one_pass_over_both_plans():
    before = [entry("a"), entry("b"), entry("b", root="s3://b"), entry("d"), entry("z")]
    sidecar = replace(entry("c"), outcome="skipped")
    now = [entry("a", "2"), entry("aa"), entry("b", root="s3://b"), entry("e")]

    line = replace(sidecar, key="bb.csv, line 3", outcome="failed", error_code="line_refused")
    gone = list(missing_sources([*before[:3], line, sidecar, *before[3:]], now))

    assert gone == [before[1], before[3], before[4]]
    assert list(missing_sources(before, [])) == before
    assert list(missing_sources([], now)) == []
    assert list(missing_sources(now, now)) == []
