"""--per-frame and --anchor-interval decide which frames are predicted."""

import pytest

from colorworker.domain.options import Options
from colorworker.domain.perframe import predict_every_frame
from colorworker.errors import UsageError


def test_per_frame_makes_frames_independent_of_each_other():
    options = predict_every_frame(Options(), None)

    assert not options.propagates
    assert Options().propagates


def test_an_anchor_interval_with_per_frame_is_refused():
    with pytest.raises(UsageError, match="--anchor-interval 5"):
        predict_every_frame(Options(), 5)
