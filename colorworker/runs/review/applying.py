"""Apply reviews to a job: the corrections that people saved become options of their items."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from colorworker.domain.entries import Entry
from colorworker.domain.hints import InputFile
from colorworker.domain.options import Adjustment
from colorworker.domain.references import ReferenceFrame
from colorworker.errors import KeyMissing
from colorworker.runs.review.reviews import (
    Review,
    ReviewUnreadable,
    file_key,
    item_id,
    latest_reviews,
)
from colorworker.store.objectstore import ObjectInfo, ObjectStore

logger = logging.getLogger(__name__)


def apply_reviews(entries: Iterable[Entry], destination: ObjectStore) -> Iterator[Entry]:
    """Yield the entries with the corrections of their reviews.

    Its hints come after all other hints, its reference takes the place of another one of the same
    frame, and its variants that of other adjustments. A verdict or a comment changes nothing. A
    review that cannot be read is logged as a warning, and its item is colored without it.

    Args:
        entries: Entries of the job.
        destination: Where its reviews are.
    """
    reviews = {identity: each for identity, each in latest_reviews(destination) if _matters(each)}
    for entry in entries:
        review = reviews.get(item_id(entry.root, entry.key)) if reviews else None
        if review is None or entry.outcome or entry.kind is None:
            yield entry
        elif isinstance(review, ReviewUnreadable):
            logger.warning("%s is colored without its review: %s", entry.key, review)
            yield entry
        else:
            yield _corrected(entry, review, destination)


def _matters(review: Review | ReviewUnreadable) -> bool:
    return isinstance(review, ReviewUnreadable) or review.is_correction


def _corrected(entry: Entry, review: Review, destination: ObjectStore) -> Entry:
    changes = dict(entry.own_options)
    hints = [
        InputFile(destination.uri, info.key, info.etag, info.size_bytes, frame)
        for frame, info in _found(entry, review.hints, destination)
        if (frame is None) == (entry.kind == "still")
    ]
    if hints:
        changes["hint_files"] = (*changes.get("hint_files", ()), *hints)
    if review.variant:
        changes["variant"] = review.variant
    if entry.kind == "film":
        changes |= _of_film(entry, review, destination)
    return replace(entry, own_options=tuple(sorted(changes.items())))


def _of_film(entry: Entry, review: Review, destination: ObjectStore) -> dict[str, Any]:
    own, changes = dict(entry.own_options), {}
    references = {each.frame: each for each in own.get("reference_frames", ())}
    for frame, info in _found(entry, review.references, destination):
        if frame is not None:
            references[frame] = ReferenceFrame(frame, info.key, info.etag, root=destination.uri)
    if references:
        changes["reference_frames"] = tuple(references[frame] for frame in sorted(references))
    variants = tuple(
        Adjustment(start_ms, end_ms, variant=variant)
        for start_ms, end_ms, variant in review.shot_variants
    )
    if variants:
        changes["adjustments"] = (*own.get("adjustments", ()), *variants)
    return changes


def _found(
    entry: Entry, names: Mapping[str, str], destination: ObjectStore
) -> Iterator[tuple[int | None, ObjectInfo]]:
    """Yield the frame and the file of each correction; one that is gone is logged."""
    identity = item_id(entry.root, entry.key)
    for frame, name in sorted(names.items()):
        key = file_key(identity, name)
        try:
            yield int(frame) if frame else None, destination.list_one(key)
        except KeyMissing:
            logger.warning("%s is colored without the correction %s, which is gone", entry.key, key)
