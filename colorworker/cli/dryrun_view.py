"""Prints the items of a dry run: a line per item, and for films their format and segments."""

from collections.abc import Callable, Iterator
from fractions import Fraction

from colorworker.domain.entries import Entry
from colorworker.domain.excerpt import Excerpt
from colorworker.domain.options import Options
from colorworker.domain.segmentlist import FilmOutline, SegmentRun, frame_range
from colorworker.domain.shots import timecode
from colorworker.estimate.films import MOST_FILMS, InspectionContext, outline_films
from colorworker.inputs.jobplan import JobPlan
from colorworker.report.text import count, size, visible
from colorworker.store.objectstore import ObjectStore

_INDENT = " " * 7
_MOST_ROWS, _MOST_ROWS_ALONE = 12, 100
"""Maximum number of segments shown per film, and for a job's only film. If there are more, the
first ones and the last are shown."""
_LONG_BYTES = 100_000_000
"""Films of at least this size are announced before all their packets are read."""


def print_plan(
    plan: JobPlan,
    context: InspectionContext,
    opened: Callable[[str], ObjectStore],
    announce: Callable[[str], None],
) -> None:
    """Print every entry of a plan, in order.

    Args:
        plan: Entries of the job.
        context: Facts about the job.
        opened: Opens a source's root.
        announce: Called with a line before a film that takes long to read.
    """

    def slow(entry: Entry) -> None:
        if entry.size_bytes >= _LONG_BYTES:
            announce(f"reading {visible(entry.key)} ({size(entry.size_bytes)})")

    counts = plan.counts
    most_rows = _MOST_ROWS_ALONE if counts.films == 1 else _MOST_ROWS
    for entry, outline in outline_films(plan, counts.films, context, opened, slow):
        became = entry.output_key or f"{entry.outcome}: {entry.error}"
        kind = entry.kind or "other"
        print(f"{kind:<6} {entry.size_bytes:>12} {visible(entry.key)} -> {visible(became)}")
        if outline:
            for words in film_text(outline, entry.options(context.options), most_rows):
                print(f"{_INDENT}{words}", flush=True)
    if counts.films > MOST_FILMS:
        print(f"only the first {MOST_FILMS} of {count(counts.films, 'film')} were inspected")
    print(
        f"job {plan.job_id}: {counts.stills} stills, {counts.films} films,"
        f" {counts.size_bytes} bytes; {counts.items - counts.stills - counts.films} to skip or"
        " refuse. Nothing was written."
    )


def film_text(outline: FilmOutline, options: Options, most_rows: int = _MOST_ROWS) -> Iterator[str]:
    """Yield lines on the format of a film and the segments that it will be cut into."""
    if outline.width:
        yield ", ".join(_facts(outline, options))
    if outline.is_done:
        refused = options.strict and outline.warnings
        yield "already done; will fail: --strict refuses it" if refused else "already done"
    elif outline.in_color and options.color_sources == "skip":
        yield "will be skipped: already in color (--color-sources recolor colors it again)"
    elif outline.error:
        yield f"will fail: {visible(outline.error)}"
    elif options.strict and outline.warnings:
        yield "will fail: --strict refuses it"
    elif not options.preview and outline.segments:
        yield from _segments(outline, most_rows)
    for warning in dict.fromkeys(outline.warnings):
        yield f"warning: {visible(warning)}"


def _facts(outline: FilmOutline, options: Options) -> Iterator[str]:
    length = timecode(outline.seconds) if outline.seconds else "unknown length"
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
        yield f"about {many}, estimated from its header"
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
    yield f"  ... {cuts[most_rows - 2].first} to {cuts[-2].last} not shown"
    yield _row(cuts[-1])


def _row(stretch: SegmentRun) -> str:
    first, last = stretch.first, stretch.last
    numbers = f"{first}" if first == last else f"{first}-{last}"
    each = "" if first == last else " each"
    return f"  {numbers:<9} from {timecode(stretch.start_seconds)}  {stretch.frames} frames{each}"
