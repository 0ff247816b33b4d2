"""OpenTelemetry traces of a job: one for each film and picture, with spans of units and phases.

The driver makes all spans, from what workers send with their results. So workers need no exporter,
and an attempt whose worker died has a span too. Without OpenTelemetry's SDK, nothing is recorded.
"""

from collections.abc import Mapping

from opentelemetry import trace
from opentelemetry.trace import Span, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from colorworker import __version__
from colorworker.domain.options import Asset
from colorworker.domain.records import UnitResult
from colorworker.report.itemlines import ItemLine

_NANOSECONDS = 1_000_000_000


class Traces:
    """Makes the spans of one job. Its memory grows with the films that are in work."""

    def __init__(self, job_id: str) -> None:
        self._job_id = job_id
        # The SDK may be set up later than this module is imported, but not later than a job begins.
        self._tracer = trace.get_tracer("colorworker", __version__)
        self._films: dict[tuple[str, str], Span] = {}

    def begin_film(self, asset: Asset, now: float) -> None:
        """Begin the span of a film, unless it has begun; its units become children of it."""
        name = asset.root, asset.key
        if name not in self._films:
            self._films[name] = self._tracer.start_span(
                "film", attributes=self._known(item=asset.key), start_time=_nanoseconds(now)
            )

    def add_unit(
        self, kind: str, asset: Asset | None, result: UnitResult, began: float, ended: float
    ) -> None:
        """Add an attempt at a unit.

        Args:
            kind: Name of the span.
            asset: Its source; None if it has none or several.
            result: The result of the attempt.
            began: When the unit was handed out, POSIX seconds.
            ended: When its result arrived.
        """
        film = self._films.get((asset.root, asset.key)) if asset else None
        parent = trace.set_span_in_context(film) if film else None
        span = self._tracer.start_span(kind, parent, start_time=_nanoseconds(began))
        if not span.is_recording():  # As in most jobs, and there may be millions of units.
            return
        facts = self._known(
            unit=result.unit_id,
            item=asset.key if asset else "",
            attempt=result.attempt,
            worker=result.worker,
            outcome="resumed" if result.resumed else result.outcome,
            error_code=result.error_code,
        )
        span.set_attributes(facts)
        _mark(span, result.outcome in {"failed", "lost"}, result.error)
        within = trace.set_span_in_context(span)
        for phase, (begin, end, seconds) in result.phases.items():
            self._tracer.start_span(
                phase,
                within,
                attributes={"colorworker.seconds": round(seconds, 6)},
                start_time=_nanoseconds(begin),
            ).end(_nanoseconds(end))
        span.end(_nanoseconds(ended))

    def end_film(self, line: ItemLine) -> None:
        """End the span of a film whose outcome is known."""
        if span := self._films.pop((line.root, line.key), None):
            span.set_attributes(_given({"outcome": line.outcome, "error_code": line.error_code}))
            _mark(span, line.outcome == "failed", line.error)
            span.end()

    def close(self) -> None:
        """End the spans of films that the job has not finished."""
        for span in self._films.values():
            span.set_attributes(_given({"outcome": "interrupted"}))
            span.end()
        self._films.clear()

    def _known(self, **facts: str | int) -> dict[str, AttributeValue]:
        return _given({"job": self._job_id, **facts})


def _given(facts: Mapping[str, str | int]) -> dict[str, AttributeValue]:
    return {f"colorworker.{name}": value for name, value in facts.items() if value != ""}


def _mark(span: Span, failed: bool, error: str) -> None:
    if failed:
        span.set_status(Status(StatusCode.ERROR, error))


def _nanoseconds(seconds: float) -> int:
    return int(seconds * _NANOSECONDS)
