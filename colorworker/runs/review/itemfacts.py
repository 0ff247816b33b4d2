"""What the page is told about an item, as JSON, without unprintable characters."""

from typing import Any

from colorworker.domain.adjustments import FilmTimes
from colorworker.errors import ColorworkerError
from colorworker.report.itemlines import SHEET_COLUMNS, ItemLine
from colorworker.report.text import visible
from colorworker.runs.review.items import ReviewItem
from colorworker.runs.review.mediaroutes import is_playable
from colorworker.runs.review.pictures import Pictures


def summary(item: ReviewItem) -> dict[str, Any]:
    """Return what the list shows of an item."""
    line, review = item.line, item.review
    return {
        "id": item.identity,
        "key": visible(line.key),
        "kind": line.kind,
        "outcome": line.outcome,
        "verdict": review.verdict,
        "comment": review.comment,
        "version": review.version,
        "corrected": review.is_correction,
        "pending": item.is_pending,
        "problem": visible(item.problem),
        "warned": bool(line.warnings),
        "certainty": line.certainty,
        "pictures": len(line.thumbnail_keys),
    }


def details(item: ReviewItem, pictures: Pictures, hints: dict[str, Any]) -> dict[str, Any]:
    """Return everything that the page shows of an item.

    Args:
        item: The item.
        pictures: Knows the size of its source and the frames of a film.
        hints: The hints of its review, by frame.
    """
    line, review = item.line, item.review
    facts = summary(item) | {
        "hints": hints,
        "references": dict(review.references),
        "variant": review.variant,
        "shot_variants": [list(each) for each in review.shot_variants],
        "author": review.author,
        "saved_at": review.saved_at,
        "warnings": [visible(warning) for warning in line.warnings],
        "error": visible(line.error),
        "shots": [],
        "sheet": _sheet(line),
        "playable": is_playable(line.output_key),
        "width": line.width,
        "height": line.height,
        "viewable": False,
    }
    if not line.output_key:
        return facts
    try:
        size = pictures.size(item)
        shots = _shots(item, pictures) if line.kind == "film" else []
    except ColorworkerError as error:
        return facts | {"picture_problem": visible(str(error))}
    return facts | {
        "width": size.width,
        "height": size.height,
        "shots": shots,
        "viewable": True,
    }


def _shots(item: ReviewItem, pictures: Pictures) -> list[dict[str, Any]]:
    """Return the shots of a film: the index of the first frame, counted in the whole film."""
    timeline, shots = pictures.timeline(item), item.line.shots
    times = FilmTimes(int(timeline.pts[0]), timeline.time_base)
    starts = [times.milliseconds(shot.start_pts) for shot in shots]
    return [
        {
            "number": shot.number,
            "frame": int(timeline.pts.searchsorted(shot.start_pts)),
            "frames": shot.frames,
            "start_ms": start_ms,
            "end_ms": end_ms,
            "transition": shot.transition,
        }
        for shot, start_ms, end_ms in zip(shots, starts, [*starts[1:], None], strict=True)
    ]


def _sheet(line: ItemLine) -> dict[str, int] | None:
    sheet = line.shot_sheet
    if sheet is None:
        return None
    return {"width": sheet.width, "height": sheet.height, "columns": SHEET_COLUMNS}
