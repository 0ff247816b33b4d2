"""The state of a run, stored on the destination during the run and afterwards."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from colorworker.domain.comparison import Comparison
from colorworker.domain.costs import Estimate, estimate_from_json
from colorworker.domain.jsonvalues import from_json, to_json

RunOutcome = Literal["running", "finished", "interrupted", "broken"]
RunStatus = Literal["running", "finished", "interrupted", "broken", "lost"]

SILENT_BEATS = 3
"""A run counts as lost after it has missed this many heartbeats."""


@dataclass(frozen=True)
class RunCounts:
    """Progress of a run. Items are sources; without an outcome they count in `items_total` only."""

    items_total: int = 0
    items_done: int = 0
    """Colored by this run or before."""
    items_resumed: int = 0
    """Those of `items_done` that were colored before."""
    items_failed: int = 0
    items_skipped: int = 0
    items_parked: int = 0
    """Left out because they failed too often."""
    units_expected: int = 0
    """Expected number of all units."""
    units_done: int = 0
    units_running: int = 0
    frames_done: int = 0
    """Frames of films, including those done before."""
    frames_resumed: int = 0

    @property
    def items_settled(self) -> int:
        """Number of items that have an outcome."""
        return self.items_done + self.items_failed + self.items_skipped + self.items_parked


@dataclass(frozen=True)
class Pace:
    """Speed of a run, and the time it still needs."""

    items_per_second: float = 0.0
    frames_per_second: float = 0.0
    """Colored frames; those done before do not count."""
    eta_seconds: float | None = None
    """Time to the end, counted from the heartbeat; None while it is unknown."""


@dataclass(frozen=True)
class RunState:
    """A run as its heartbeat describes it: small, all JSON, no secrets."""

    run_id: str
    """Sorts by start time, such as `20261122T220147Z-3f9a1c`."""
    job_id: str
    started_at: str
    """UTC, ISO 8601, like all times here."""
    updated_at: str
    ended_at: str = ""
    outcome: RunOutcome = "running"
    sources: tuple[str, ...] = ()
    """The first few, as they were given."""
    counts: RunCounts = field(default_factory=RunCounts)
    pace: Pace = field(default_factory=Pace)
    last_errors: tuple[str, ...] = ()
    """Messages, the newest last."""
    expected: Estimate | None = None
    """Estimate for the whole job; None without one."""
    comparison: Comparison | None = None
    """Set at the end: the estimate and the actual values for what this run colored."""
    heartbeat_seconds: float = 20.0
    """Interval at which a run in progress renews `updated_at`."""
    host: str = ""
    pid: int = 0
    process_space: str = ""
    """Where `pid` is valid: boot and namespace. Empty where that is unknown."""
    version: str = ""
    is_gone: bool = False
    """Whether its process is known to have ended without a word; set by readers only."""

    @property
    def wall_seconds(self) -> float:
        """Seconds from the start to the end, or to the last heartbeat."""
        return (_time(self.ended_at or self.updated_at) - _time(self.started_at)).total_seconds()


def run_status(run: RunState, now: datetime) -> RunStatus:
    """Return the run's outcome; `lost` if it has not ended, but its process or heartbeats have."""
    if run.outcome != "running":
        return run.outcome
    if run.is_gone:
        return "lost"
    silent = (now - _time(run.updated_at)).total_seconds()
    # Times are kept to the second, so very short heartbeats would otherwise seem late.
    return "lost" if silent > SILENT_BEATS * run.heartbeat_seconds + 1 else "running"


def measure_pace(samples: Sequence[tuple[float, RunCounts]]) -> Pace:
    """Return the speed between the first and the last sample, and the time it means for the rest.

    Args:
        samples: (monotonic seconds, progress), oldest first. All samples of a run give its mean
            speed; those of the last few minutes give its current speed.
    """
    if len(samples) < 2 or samples[-1][0] <= samples[0][0]:
        return Pace()
    (begun, first), (ended, last) = samples[0], samples[-1]
    seconds = ended - begun
    units = last.units_done - first.units_done
    left = max(0, last.units_expected - last.units_done)
    frames = _colored(last) - _colored(first)
    return Pace(
        round((last.items_settled - first.items_settled) / seconds, 3),
        round(max(0, frames) / seconds, 3),
        round(left * seconds / units, 1) if units > 0 else None,
    )


def run_to_json(run: RunState) -> bytes:
    """Return the state as UTF-8 JSON."""
    return json.dumps(to_json(run), sort_keys=True, indent=1).encode()


def run_from_json(data: bytes) -> RunState:
    """Return the state that `run_to_json` wrote; unknown fields of newer versions are ignored.

    Raises:
        ValueError: If it is not the JSON object of a run, or its times are not valid.
    """
    try:
        values = json.loads(data)
        # A damaged estimate, or one of another version, is no reason to lose the run.
        expected = values.pop("expected", None) if isinstance(values, dict) else None
        run = replace(from_json(RunState, values), expected=estimate_from_json(expected))
        moments = [_time(moment) for moment in (run.started_at, run.updated_at)]
    except ValueError as error:
        raise ValueError("not the state of a run") from error
    if any(moment.tzinfo is None for moment in moments):
        raise ValueError("not the state of a run: its times have no zone")
    return run


@dataclass(frozen=True)
class JobRuns:
    """The stored runs of one job on a destination."""

    job_id: str
    runs: tuple[RunState, ...]
    """Newest first; at most as many as were requested."""
    runs_total: int
    """Number of all stored runs."""
    run_reports: frozenset[str] = frozenset()
    """IDs of the runs whose own report is stored."""
    has_report: bool = False
    """Whether the report of the latest completed run is stored."""

    @property
    def latest(self) -> RunState | None:
        """The newest run; None if none is stored."""
        return self.runs[0] if self.runs else None


def _colored(counts: RunCounts) -> int:
    return counts.frames_done - counts.frames_resumed


def _time(iso: str) -> datetime:
    return datetime.fromisoformat(iso)
