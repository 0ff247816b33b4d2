"""Count the work of a run in the units of its estimate: pictures, frames, bytes, workers."""

from colorworker.domain.comparison import WorkDone
from colorworker.driver import Progress
from colorworker.report.itemlines import ItemLine


class WorkCounter:
    """Counts the items of a run as they end. Keeps numbers and the names of workers only."""

    def __init__(self) -> None:
        self._stills = self._stills_settled = self._films_settled = 0
        self._resumed_frames = 0
        self._bytes_out = 0
        self._workers: set[str] = set()

    def add(self, line: ItemLine) -> None:
        """Count an item that has ended."""
        colored = line.outcome == "succeeded" and not line.resumed
        if colored:
            self._bytes_out += line.output_bytes or 0
            self._workers.update(line.worker.split(", "))
        if line.kind == "still":
            self._stills_settled += 1
            self._stills += colored
        elif line.kind == "film":
            self._films_settled += 1
            # The driver counts the frames of segments, and a film that was done already has none.
            self._resumed_frames += (line.frames or 0) if line.resumed else 0

    def work(self, progress: Progress) -> WorkDone:
        """Return the counts.

        Args:
            progress: Progress of the run, for the frames of films that have not ended.
        """
        return WorkDone(
            self._stills,
            progress.frames_done - progress.frames_resumed,
            self._bytes_out,
            self._stills_settled,
            progress.frames_done + self._resumed_frames,
            self._films_settled,
            len(self._workers),
        )
