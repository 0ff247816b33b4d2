"""What a run has worked on, as its estimate counts it: pictures, frames, bytes, workers."""

from colorworker.domain.comparison import Work
from colorworker.driver import Progress
from colorworker.report.itemlines import ItemLine


class WorkCounter:
    """Takes the lines of a run as they come; holds numbers, and the names of workers."""

    def __init__(self) -> None:
        self._stills = self._stills_settled = self._films_settled = 0
        self._frames_found = 0
        self._bytes_out = 0
        self._workers: set[str] = set()

    def add(self, line: ItemLine) -> None:
        """Take note of an item whose outcome is known."""
        colored = line.outcome == "succeeded" and not line.resumed
        if colored:
            self._bytes_out += line.output_bytes or 0
            self._workers.update(line.worker.split(", "))
        if line.kind == "still":
            self._stills_settled += 1
            self._stills += colored
        elif line.kind == "film":
            self._films_settled += 1
            # The driver counts frames of segments, and asks for none of a film that is done.
            self._frames_found += (line.frames or 0) if line.resumed else 0

    def work(self, progress: Progress) -> Work:
        """Return it all as numbers.

        Args:
            progress: Of the run, for frames of films that are under way.
        """
        return Work(
            self._stills,
            progress.frames_done - progress.frames_resumed,
            self._bytes_out,
            self._stills_settled,
            progress.frames_done + self._frames_found,
            self._films_settled,
            len(self._workers),
        )
