"""One run of a job, as it describes itself on the destination while it runs and after."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from colorworker.domain.comparison import Comparison
from colorworker.domain.costs import Estimate, estimate_from_json

RunOutcome = Literal["running", "finished", "interrupted", "broken"]
RunStatus = Literal["running", "finished", "interrupted", "broken", "lost"]

SILENT_BEATS = 3
"""Heartbeats that a running run may miss before it counts as lost."""


@dataclass(frozen=True)
class RunCounts:
    """How far a run has come. Items are sources; what is not settled yet is in no count but all."""

    items_total: int = 0
    items_done: int = 0
    """Colored, or found colored."""
    items_resumed: int = 0
    """Of those done: found so."""
    items_failed: int = 0
    items_skipped: int = 0
    items_parked: int = 0
    """Left out because they have failed too often."""
    units_expected: int = 0
    """All units that will probably be needed."""
    units_done: int = 0
    units_running: int = 0
    frames_done: int = 0
    """Of films; those that were found done included."""
    frames_resumed: int = 0

    @property
    def items_settled(self) -> int:
        """Items whose outcome is known."""
        return self.items_done + self.items_failed + self.items_skipped + self.items_parked


@dataclass(frozen=True)
class Pace:
    """How fast a run is, and how long it will take."""

    items_per_second: float = 0.0
    frames_per_second: float = 0.0
    """Colored; frames that were found done do not count."""
    eta_seconds: float | None = None
    """Until the end, from the moment of the heartbeat; None where nothing is known yet."""


@dataclass(frozen=True)
class RunState:
    """A run as its heartbeat describes it. Small, JSON all through, and without any secret."""

    run_id: str
    """Sorts by the time of the start: `20261122T220147Z-3f9a1c`."""
    job_id: str
    started_at: str
    """UTC, ISO 8601, like all times here."""
    updated_at: str
    ended_at: str = ""
    outcome: RunOutcome = "running"
    sources: tuple[str, ...] = ()
    """As they were given; the first few."""
    counts: RunCounts = field(default_factory=RunCounts)
    pace: Pace = field(default_factory=Pace)
    last_errors: tuple[str, ...] = ()
    """Sentences, the newest last."""
    expected: Estimate | None = None
    """What was to be expected of the whole job; None where nothing was known."""
    comparison: Comparison | None = None
    """At the end: what was expected of what this run has worked on, and what it took."""
    heartbeat_seconds: float = 20.0
    """How often `updated_at` is renewed while it runs."""
    host: str = ""
    pid: int = 0
    version: str = ""

    @property
    def wall_seconds(self) -> float:
        """From the start to the end, or to the last heartbeat."""
        return (_time(self.ended_at or self.updated_at) - _time(self.started_at)).total_seconds()


def run_status(run: RunState, now: datetime) -> RunStatus:
    """Return the run's outcome; `lost` if it says that it runs and has fallen silent."""
    if run.outcome != "running":
        return run.outcome
    silent = (now - _time(run.updated_at)).total_seconds()
    # Times are kept to the second: the shortest heartbeats would otherwise seem late.
    return "lost" if silent > SILENT_BEATS * run.heartbeat_seconds + 1 else "running"


def measure_pace(samples: Sequence[tuple[float, RunCounts]]) -> Pace:
    """Return the speed between the first and the last sample, and what follows for the rest.

    Args:
        samples: (monotonic seconds, how far it was), oldest first. All of a run give its mean
            speed, the last few minutes of one that is under way the present one.
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
    return json.dumps(asdict(run), sort_keys=True, indent=1).encode()


def run_from_json(data: bytes) -> RunState:
    """Return the state that `run_to_json` wrote; unknown fields of newer versions are left out.

    Raises:
        ValueError: If it is not the JSON object of a run, or its times are none.
    """
    try:
        values = json.loads(data)
        known = _known(RunState, values)
        known["counts"] = RunCounts(**_known(RunCounts, known.get("counts") or {}))
        known["pace"] = Pace(**_known(Pace, known.get("pace") or {}))
        known["expected"] = estimate_from_json(known.get("expected"))
        if known.get("comparison"):
            known["comparison"] = Comparison(**_known(Comparison, known["comparison"]))
        for name in ("sources", "last_errors"):
            known[name] = tuple(known.get(name, ()))
        run = RunState(**known)
        moments = [_time(moment) for moment in (run.started_at, run.updated_at)]
    except (TypeError, ValueError) as error:
        raise ValueError("not the state of a run") from error
    if any(moment.tzinfo is None for moment in moments):
        raise ValueError("not the state of a run: its times name no zone")
    return run


@dataclass(frozen=True)
class JobRuns:
    """What a destination knows of one job."""

    job_id: str
    runs: tuple[RunState, ...]
    """The newest first; as many as were asked for."""
    runs_total: int
    """All that are kept on the destination."""
    run_reports: frozenset[str] = frozenset()
    """Ids of the runs whose own report is kept."""
    has_report: bool = False
    """There is a report of the latest run that came to its end."""

    @property
    def latest(self) -> RunState | None:
        """The newest run; None of jobs older than the keeping of runs."""
        return self.runs[0] if self.runs else None


def _known(kind: Any, values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in kind.__dataclass_fields__ if name in values}


def _colored(counts: RunCounts) -> int:
    return counts.frames_done - counts.frames_resumed


def _time(iso: str) -> datetime:
    return datetime.fromisoformat(iso)
