"""An estimate beside what a run has done: compared at its end, and what is left meanwhile."""

from dataclasses import dataclass

from colorworker.domain.costs import Estimate, MediaEstimate

PRIOR_SECONDS = 60.0
"""How long a run must have worked until its own pace counts as much as the estimate."""


@dataclass(frozen=True)
class WorkDone:
    """How much of a job a run has worked on, and what became of the rest."""

    stills: int = 0
    """Colored by this run."""
    frames: int = 0
    """Of films, colored by this run."""
    bytes_out: int = 0
    """Of the outputs that this run finished."""
    stills_settled: int = 0
    """Pictures that nothing more is to be done about."""
    frames_settled: int = 0
    films_settled: int = 0
    workers: int = 0
    """That were seen at work."""


@dataclass(frozen=True)
class Comparison:
    """An estimate beside what happened, both of what this run has worked on."""

    expected_seconds: float
    seconds: float
    expected_bytes: int
    bytes_out: int

    @property
    def ratio(self) -> float:
        """Return the seconds it took over those that were expected."""
        return self.seconds / self.expected_seconds if self.expected_seconds else 0.0


def compare_with_estimate(
    expected: Estimate, work: WorkDone, wall_seconds: float
) -> Comparison | None:
    """Return the estimate beside what happened; None where nothing was worked on.

    What was found done, has failed or was not reached is taken out of the estimate: of pictures by
    their number, of films by their frames.
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
    """Return how long a run will still take: as was estimated at first, then by its own pace.

    None where the estimate says nothing of what is left.
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
