"""Compare an estimate with the work of a run, and estimate the time left."""

from dataclasses import dataclass

from colorworker.domain.costs import Estimate, MediaEstimate

PRIOR_SECONDS = 60.0
"""After this time, the pace of a run counts as much as its estimate."""


@dataclass(frozen=True)
class WorkDone:
    """The work that a run has done."""

    stills: int = 0
    """Pictures colored by this run."""
    frames: int = 0
    """Frames of films colored by this run."""
    bytes_out: int = 0
    """Bytes of the outputs that this run finished."""
    stills_settled: int = 0
    """Pictures that are done, skipped or failed; `frames_settled` and `films_settled` likewise."""
    frames_settled: int = 0
    films_settled: int = 0
    workers: int = 0
    """Number of workers that returned results."""


@dataclass(frozen=True)
class Comparison:
    """The estimate and the actual values for the items that a run worked on."""

    expected_seconds: float
    seconds: float
    expected_bytes: int
    bytes_out: int

    @property
    def ratio(self) -> float:
        """Actual divided by expected seconds; 0 without an estimate."""
        return self.seconds / self.expected_seconds if self.expected_seconds else 0.0


def compare_with_estimate(
    expected: Estimate, work: WorkDone, wall_seconds: float
) -> Comparison | None:
    """Return the comparison; None if the run colored nothing.

    The estimate is reduced to what the run colored: by the number of pictures and of film frames.
    """
    stills = _share(work.stills, expected.stills.items)
    films = _share(work.frames, expected.films.frames)
    seconds = stills * expected.stills.work_seconds + films * expected.films.work_seconds
    if not seconds:
        return None
    part = Estimate(
        MediaEstimate(work_seconds=seconds),
        start_seconds=expected.start_seconds,
        workers=expected.workers,
    )
    out = stills * expected.stills.bytes_out + films * expected.films.bytes_out
    return Comparison(
        round(part.wall_seconds(expected.workers or work.workers), 1),
        round(wall_seconds, 1),
        round(out),
        work.bytes_out,
    )


def seconds_left(expected: Estimate, work: WorkDone, wall_seconds: float) -> float | None:
    """Return the seconds a run still needs; None if they cannot be estimated.

    At first this follows the estimate, later more and more the pace of the run.
    """
    stills = _share(work.stills, expected.stills.items) * expected.stills.work_seconds
    films = _share(work.frames, expected.films.frames) * expected.films.work_seconds
    workers = max(1, expected.workers or work.workers)
    done = (stills + films) / workers
    worked = max(0.0, wall_seconds - expected.start_seconds)
    left = expected.stills.work_seconds * (1 - _share(work.stills_settled, expected.stills.items))
    if work.films_settled < expected.films.items:
        share = 1 - _share(work.frames_settled, expected.films.frames)
        left += expected.films.work_seconds * share
    if not expected.work_seconds:
        return None
    if not done:
        return max(0.0, left / workers + expected.start_seconds - wall_seconds)
    return left / workers * (worked + PRIOR_SECONDS) / (done + PRIOR_SECONDS)


def _share(part: float, whole: float) -> float:
    return min(1.0, part / whole) if whole else 0.0
