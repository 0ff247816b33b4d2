"""The units of one film: which ones follow from the results of others."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from colorworker.domain.adjustments import adjustments_of_cut
from colorworker.domain.entries import Entry
from colorworker.domain.hints import InputFile
from colorworker.domain.models import ModelRef
from colorworker.domain.records import Record, ScanInfo, ShotsInfo, UnitResult, info_of
from colorworker.domain.references import ReferenceFrame, assign_references, references_of_stretch
from colorworker.domain.units import (
    Cut,
    Scan,
    Segment,
    ShotSearch,
    merge_cuts,
    segments,
    shot_searches,
)

_PREVIEW_SEGMENTS = 8
"""Segments of one film in a preview, colored in parallel; each shows up to 16 pictures."""


@dataclass
class FilmUnits:
    """A film from its scan to its line in the report."""

    entry: Entry
    scan: Scan
    segments: list[Segment] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)
    """Units that must end before the next ones begin."""
    scanned: Record | None = None
    results: list[UnitResult] = field(default_factory=list)
    settled: bool = False
    searches: list[ShotSearch] = field(default_factory=list)

    def after_scan(self, record: Record, model: ModelRef) -> list[ShotSearch] | list[Segment]:
        """Take the record of the scan; return the units that follow."""
        self.scanned = record
        options = self.scan.options
        if not options.gives_frames or options.preview:
            return self._color(model)
        self.searches = shot_searches(self.entry.asset(), self._cuts(), self.scan.unit_id, options)
        self.waiting = {search.unit_id for search in self.searches}
        return self.searches

    def after_searches(self, model: ModelRef) -> list[Segment]:
        """Return the segments, once all searches for shots have ended."""
        records = {result.unit_id: result.record for result in self.results if result.record}
        found = [info_of(records[each.unit_id], ShotsInfo).found for each in self.searches]
        options = self.scan.options
        references = assign_references(options.reference_frames, found, options.references_reach)
        hints = assign_references(options.hint_files, found)
        return self._color(
            model,
            partial(references_of_stretch, references, found),
            partial(references_of_stretch, hints, found),
        )

    def _color(
        self,
        model: ModelRef,
        references_of: Callable[[int], tuple[ReferenceFrame, ...]] = lambda _: (),
        hints_of: Callable[[int], tuple[InputFile, ...]] = lambda _: (),
    ) -> list[Segment]:
        self.segments = segments(
            self.entry.asset(),
            self._cuts(),
            self.scan.unit_id,
            self.scan.options,
            model,
            partial(adjustments_of_cut, self.scan.options, self._scan_info()),
            references_of,
            hints_of,
        )
        self.waiting = {segment.unit_id for segment in self.segments}
        return self.segments

    def _cuts(self) -> list[Cut]:
        cuts = list(self._scan_info().cuts)
        return merge_cuts(cuts, _PREVIEW_SEGMENTS) if self.scan.options.preview else cuts

    def _scan_info(self) -> ScanInfo:
        if self.scanned is None:
            raise ValueError(f"{self.entry.key} has not been scanned")
        return info_of(self.scanned, ScanInfo)
