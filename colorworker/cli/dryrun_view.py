"""What a dry run prints of a plan: a line an item, and of films what they are and where cut."""

from collections.abc import Callable, Iterator
from fractions import Fraction

from colorworker.domain.entries import Entry
from colorworker.domain.excerpt import Excerpt
from colorworker.domain.options import Options
from colorworker.domain.segmentlist import FilmOutline, SegmentRun, frame_range
from colorworker.domain.shots import timecode
from colorworker.estimate.films import MOST_FILMS, Looking, outlined
from colorworker.inputs.jobplan import JobPlan
from colorworker.report.text import count, size, visible
from colorworker.store.objectstore import ObjectStore

_INDENT = " " * 7
_MOST_ROWS, _MOST_ROWS_ALONE = 12, 100
"""Of the cuts of a film among others, and of a job's only film; of more, the first and the last."""
_LONG_BYTES = 100_000_000
"""Of a film that is read whole, from which on it is said that it is."""


def print_plan(
    plan: JobPlan,
    looking: Looking,
    opened: Callable[[str], ObjectStore],
    said: Callable[[str], None],
) -> None:
    """Print every entry of a plan in its order.

    Args:
        plan: Of the job.
        looking: What its films are looked at for.
        opened: Opens a source's root.
        said: Takes a line on what takes long.
    """

    def slow(entry: Entry) -> None:
        if entry.size_bytes >= _LONG_BYTES:
            said(f"reading {visible(entry.key)} ({size(entry.size_bytes)})")

    counts = plan.counts
    most_rows = _MOST_ROWS_ALONE if counts.films == 1 else _MOST_ROWS
    for entry, outline in outlined(plan, counts.films, looking, opened, slow):
        became = entry.output_key or f"{entry.outcome}: {entry.error}"
        kind = entry.kind or "other"
        print(f"{kind:<6} {entry.size_bytes:>12} {visible(entry.key)} -> {visible(became)}")
        if outline:
            for words in film_words(outline, entry.options(looking.options), most_rows):
                print(f"{_INDENT}{words}", flush=True)
    if counts.films > MOST_FILMS:
        print(f"of {count(counts.films, 'film')} the first {MOST_FILMS} were looked at one by one")
    print(
        f"job {plan.job_id}: {counts.stills} stills, {counts.films} films,"
        f" {counts.size_bytes} bytes; {counts.items - counts.stills - counts.films} not to be done."
        " Nothing was written."
    )


def film_words(
    outline: FilmOutline, options: Options, most_rows: int = _MOST_ROWS
) -> Iterator[str]:
    """Yield what a film is and where it will be cut, as a person wants to know it."""
    if outline.width:
        yield ", ".join(_facts(outline, options))
    if outline.is_done:
        yield "done before"
    elif outline.in_color and options.color_sources == "skip":
        yield "will be skipped: it is in color already (--color-sources recolor)"
    elif outline.error:
        yield f"will fail: {visible(outline.error)}"
    elif not options.preview and outline.segments:
        yield from _segments(outline, most_rows)
    for warning in outline.warnings:
        yield f"note: {visible(warning)}"


def _facts(outline: FilmOutline, options: Options) -> Iterator[str]:
    length = timecode(outline.seconds) if outline.seconds else "of unknown length"
    yield f"{Excerpt(*options.excerpt)}: {length}" if options.excerpt and outline.cuts else length
    if outline.frames:
        yield count(outline.frames, "frame")
    yield f"{_rate(outline.rate)} frames/s"
    yield f"{outline.width} x {outline.height}"
    yield f"{outline.codec} {outline.pix_fmt}"


def _rate(rate: Fraction) -> str:
    return f"{float(rate):.3f}".rstrip("0").rstrip(".")


def _segments(outline: FilmOutline, most_rows: int) -> Iterator[str]:
    many = count(outline.segments, "segment")
    if not outline.cuts:
        yield f"about {many}, by its header"
        return
    if outline.segments == 1:
        yield many
        return
    least, most = frame_range(outline.cuts)
    yield f"{many} of {least if least == most else f'{least} to {most}'} frames:"
    cuts = outline.cuts
    if len(cuts) <= most_rows:
        yield from map(_row, cuts)
        return
    yield from map(_row, cuts[: most_rows - 2])
    yield f"  ... {cuts[most_rows - 2].first} to {cuts[-2].last} are not shown"
    yield _row(cuts[-1])


def _row(stretch: SegmentRun) -> str:
    first, last = stretch.first, stretch.last
    numbers = f"{first}" if first == last else f"{first}-{last}"
    each = "" if first == last else " each"
    return f"  {numbers:<9} from {timecode(stretch.start_seconds)}  {stretch.frames} frames{each}"
