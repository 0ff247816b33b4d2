"""The option `--per-frame`: a choice of two other options."""

from dataclasses import replace

from colorworker.domain.options import Options
from colorworker.errors import UsageError


def predict_every_frame(options: Options, anchor_interval: int | None) -> Options:
    """Return the options with every frame predicted independently.

    Args:
        options: Options of the job.
        anchor_interval: The requested interval; None if none was given.

    Raises:
        UsageError: If an interval was given.
    """
    if anchor_interval is not None:
        raise UsageError(
            "--per-frame",
            "predicts every frame, so it cannot be combined with"
            f" --anchor-interval {anchor_interval}",
            "Use only one of them",
        )
    return replace(options, anchor_interval=1, settle_anchors=0)
