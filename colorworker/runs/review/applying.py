"""Apply reviews to a job: the corrections that people saved become options of their items."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace

from colorworker.domain.entries import Entry
from colorworker.domain.hints import InputFile
from colorworker.errors import KeyMissing
from colorworker.runs.review.reviews import (
    Review,
    ReviewUnreadable,
    hints_key,
    item_id,
    latest_reviews,
)
from colorworker.store.objectstore import ObjectStore

logger = logging.getLogger(__name__)


def apply_reviews(entries: Iterable[Entry], destination: ObjectStore) -> Iterator[Entry]:
    """Yield the entries with the variant of their review, and its hints after all other hints.

    A verdict or a comment changes nothing. A review that cannot be read is logged as a warning, and
    its item is colored without it.

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
    return isinstance(review, ReviewUnreadable) or bool(review.hints or review.variant)


def _corrected(entry: Entry, review: Review, destination: ObjectStore) -> Entry:
    own = dict(entry.own_options)
    files = list(own.get("hint_files", ()))
    identity = item_id(entry.root, entry.key)
    for frame, name in sorted(review.hints.items()):
        key = hints_key(identity, name)
        try:
            info = destination.list_one(key)
        except KeyMissing:
            logger.warning("%s is colored without the hints %s, which are gone", entry.key, key)
            continue
        index = int(frame) if frame else None
        files.append(InputFile(destination.uri, key, info.etag, info.size_bytes, index))
    changes = own | ({"hint_files": tuple(files)} if files else {})
    if review.variant:
        changes["variant"] = review.variant
    return replace(entry, own_options=tuple(sorted(changes.items())))
