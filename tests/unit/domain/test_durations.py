"""Durations such as 24h are read into seconds."""

import pytest

from colorworker.domain.durations import duration_seconds
from colorworker.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"), [("24h", 86_400), ("0s", 0), ("1.5m", 90), ("90d", 7_776_000)]
)
def test_a_duration_is_returned_in_seconds(text, seconds):
    assert duration_seconds(text, "--older-than") == seconds


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "1 week", "1e3s", "1h30m"])
def test_an_invalid_duration_is_refused_with_examples(text):
    with pytest.raises(UsageError, match="Write it like 24h"):
        duration_seconds(text, "--older-than")
