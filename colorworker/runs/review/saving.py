"""What the page sends to be saved, checked before anything is written."""

import json
from contextlib import suppress
from typing import Any

from colorworker.domain.coloroptions import MAX_VARIANTS
from colorworker.domain.hints import parse_hints
from colorworker.domain.jsonvalues import from_json
from colorworker.errors import KeyMissing, UsageError
from colorworker.runs.review.items import ReviewItem
from colorworker.runs.review.pictures import Pictures
from colorworker.runs.review.requestvalues import frame_index, number
from colorworker.runs.review.reviews import (
    Review,
    ShotVariant,
    check_review,
    file_key,
    save_hints,
)
from colorworker.store.objectstore import ObjectStore

_RELOAD = "Load the page again"


def review_of(
    store: ObjectStore, pictures: Pictures, item: ReviewItem, sent: dict[str, Any]
) -> Review:
    """Return the review that the page sent; its hints are stored, the review is not.

    Args:
        store: The destination.
        pictures: Knows the size of the item and the frames of a film.
        item: The item.
        sent: The JSON object of the request.

    Raises:
        UsageError: If a value is invalid.
        HintsRefused: If a hint is invalid.
    """
    hints = _hints(sent.get("hints", {}))
    references = sent.get("references", {})
    if not isinstance(references, dict):
        raise UsageError("references", "they are not names by frame", _RELOAD)
    try:
        variants = from_json(tuple[ShotVariant, ...], sent.get("shot_variants", []))
    except ValueError as error:
        raise UsageError("shot_variants", str(error), _RELOAD) from error
    for frame in (*hints, *references):
        _check_frame(item, pictures, frame)
    review = check_review(
        Review(
            item.line.root,
            item.line.key,
            verdict=sent.get("verdict", "unreviewed"),
            comment=str(sent.get("comment", "")),
            variant=number(sent.get("variant") or 0, "variant", 0, MAX_VARIANTS),
            references={frame: str(name) for frame, name in references.items()},
            shot_variants=variants,
            version=number(sent.get("version"), "version", 0, 999_998),
        )
    )
    for name in review.references.values():
        _check_stored(store, item, name)
    if hints:
        size = pictures.size(item)
        for data in hints.values():
            parse_hints(data, item.line.key, size.width, size.height)
    names = {frame: save_hints(store, item.identity, data) for frame, data in hints.items()}
    return Review(**{**vars(review), "hints": names})


def read_hints(store: ObjectStore, item: ReviewItem) -> dict[str, Any]:
    """Return the hints of an item's review by frame, without those that are gone or damaged."""
    found = {}
    for frame, name in item.review.hints.items():
        with suppress(KeyMissing, ValueError):
            found[frame] = json.loads(store.get(file_key(item.identity, name)))
    return found


def _hints(sent: Any) -> dict[str, bytes]:
    if not isinstance(sent, dict) or not all(isinstance(each, list) for each in sent.values()):
        raise UsageError("hints", "they are not lists by frame", _RELOAD)
    return {frame: json.dumps(hints).encode() for frame, hints in sent.items() if hints}


def _check_frame(item: ReviewItem, pictures: Pictures, frame: str) -> None:
    """Refuse corrections of a frame that the item does not have; a picture has the frame ''."""
    if item.line.kind != "film":
        if frame:
            raise UsageError(item.line.key, "is a picture, which has no frames", _RELOAD)
        return
    frames = len(pictures.timeline(item).pts)
    if frame_index(frame) >= frames:
        raise UsageError(item.line.key, f"has {frames} frames, no frame {frame}", _RELOAD)


def _check_stored(store: ObjectStore, item: ReviewItem, name: str) -> None:
    try:
        store.head(file_key(item.identity, name))
    except KeyMissing as error:
        raise UsageError(name, "is not stored", "Drop the picture again") from error
