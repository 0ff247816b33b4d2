import pytest

from colorworker.cli.colorize import spaced
from colorworker.domain.options import Options
from colorworker.errors import UsageError


def test_per_frame_nothing_is_propagated():
    options = spaced(Options(), None, per_frame=True)

    assert not options.propagates
    assert Options().propagates


def test_intervals_are_taken_over_and_settling_stays():
    options = spaced(Options(settle_anchors=1), 5, per_frame=False)

    assert (options.anchor_interval, options.settle_anchors) == (5, 1)
    assert spaced(Options(), None, per_frame=False) == Options()


def test_an_interval_per_frame_is_refused():
    with pytest.raises(UsageError, match="--anchor-interval 5"):
        spaced(Options(), 5, per_frame=True)
