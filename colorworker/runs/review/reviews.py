"""Reviews: what people decided about the items of a destination, stored beside the outputs.

.colorworker/review/<item id>/000001.json   one file per saved version, each created only once

A save names the version that it is based on. If somebody else has saved in the meantime, the key
of the next version is taken, and the save is refused instead of overwriting anything. Hints and
references lie in files of their own, named after their content, so that an item is colored again
when they change, and only then.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, get_args

from colorworker.domain.coloroptions import MAX_VARIANTS
from colorworker.domain.jsonvalues import from_json, to_json
from colorworker.errors import ColorworkerError, KeyExists, KeyMissing, UsageError
from colorworker.state import STATE, now
from colorworker.store.objectstore import ObjectStore

REVIEWS = f"{STATE}/review/"
SCHEMA = 1
"""Raise this when older versions of colorworker would misread a review."""
MAX_BYTES = 1 << 20
"""Maximum size of a review file."""
MAX_COMMENT = 10_000
"""Maximum number of characters of a comment."""
MOST_REFERENCES = 2000
"""Maximum number of reference frames, and of shots with other colors, of one film."""
_HINTS = re.compile(r"hints-[0-9a-f]{24}\.json")
_REFERENCE = re.compile(r"ref-[0-9a-f]{24}\.(?:png|jpg)")
_FRAME = re.compile(r"\d{1,9}")
_NAME = re.compile(r"([0-9a-f]{24})/(\d{6})\.json")

Verdict = Literal["unreviewed", "accepted", "rejected"]


class ReviewConflict(ColorworkerError):
    """Somebody else saved a review of the same item first."""

    code = "review_conflict"


class ReviewUnreadable(ColorworkerError):
    """A review file is damaged, or was written by a newer version."""

    code = "review_unreadable"


class ShotVariant(NamedTuple):
    """Alternative colors for the frames with start_ms <= time < end_ms of a film."""

    start_ms: int
    """Since the film's first frame."""
    end_ms: int | None
    """None for the film's end."""
    variant: int


@dataclass(frozen=True)
class Review:
    """The latest review of one item."""

    root: str
    """URI of the store that the source lies in."""
    key: str
    """Key of the source."""
    verdict: Verdict = "unreviewed"
    comment: str = ""
    hints: Mapping[str, str] = field(default_factory=dict)
    """Names of hints files beside this one, by frame index; the index of a picture is ""."""
    variant: int = 0
    """Number of the chosen alternative colors; 0 for the likeliest."""
    references: Mapping[str, str] = field(default_factory=dict)
    """Names of colored pictures beside this one, by the index of the frame that they show."""
    shot_variants: tuple[ShotVariant, ...] = ()
    """Alternative colors of single shots of a film; they take the place of `variant` there."""
    author: str = ""
    saved_at: str = ""
    """UTC, ISO 8601."""
    version: int = 0
    """0 if nothing has been saved yet."""

    @property
    def is_correction(self) -> bool:
        """Whether it changes colors."""
        return bool(self.hints or self.variant or self.references or self.shot_variants)


def item_id(root: str, key: str) -> str:
    """Return the id of a source in reviews and addresses: 24 hex digits of a SHA-256."""
    text = f"{root}\n{key}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:24]


def list_versions(store: ObjectStore, identity: str = "") -> dict[str, int]:
    """Return the latest version of every reviewed item by its id, from one listing.

    Args:
        store: The destination.
        identity: Only this item; empty for all.
    """
    versions: dict[str, int] = {}
    for info in store.list(f"{REVIEWS}{identity}/" if identity else REVIEWS):
        if match := _NAME.fullmatch(info.key.removeprefix(REVIEWS)):
            versions[match[1]] = max(int(match[2]), versions.get(match[1], 0))
    return versions


def read_review(store: ObjectStore, identity: str, version: int) -> Review:
    """Return one version of a review.

    Raises:
        ReviewUnreadable: If it is damaged, too large, or written by a newer version.
        KeyMissing: If there is none.
    """
    key = review_key(identity, version)
    if store.head(key).size_bytes > MAX_BYTES:
        raise _unreadable(key, f"is larger than {MAX_BYTES >> 20} MiB")
    try:
        values = json.loads(store.get(key))
        if not isinstance(values, dict):
            raise TypeError("not an object")
        schema = values.pop("schema")
        if isinstance(schema, int) and schema > SCHEMA:
            raise ReviewUnreadable(
                key,
                f"was written by a newer version of colorworker (schema {schema}, this version"
                f" reads {SCHEMA})",
                "Install that version, or review the item again after deleting the file",
            )
        review = _from_values(values)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _unreadable(key, f"is damaged ({error})") from error
    if item_id(review.root, review.key) != identity:
        raise _unreadable(key, "belongs to another item")
    return replace(review, version=version)


def latest_reviews(
    store: ObjectStore,
) -> Iterator[tuple[str, Review | ReviewUnreadable]]:
    """Yield the id and the latest review of every reviewed item, or why it cannot be read."""
    for identity, version in sorted(list_versions(store).items()):
        try:
            yield identity, read_review(store, identity, version)
        except ReviewUnreadable as error:
            yield identity, error
        except KeyMissing:
            continue


def save_review(store: ObjectStore, review: Review, author: str) -> Review:
    """Save a review as the version after `review.version`, and return it with author and time.

    Raises:
        ReviewConflict: If that version exists already.
        UsageError: If a value is invalid or the review is too large.
    """
    saved = replace(
        check_review(review),
        author=author[:200],
        saved_at=now(),
        version=review.version + 1,
    )
    values = {"schema": SCHEMA} | to_json(replace(saved, version=0))
    del values["version"]
    data = json.dumps(values, indent=1, ensure_ascii=True).encode()
    if len(data) > MAX_BYTES:
        raise UsageError(
            review.key, f"its review is larger than {MAX_BYTES >> 20} MiB", "Shorten it"
        )
    key = review_key(item_id(review.root, review.key), saved.version)
    try:
        store.put(key, data, create_only=True)
    except KeyExists as error:
        raise ReviewConflict(
            review.key,
            "somebody else has saved a review of it in the meantime",
            "Load the item again, then repeat the change",
        ) from error
    return saved


def save_hints(store: ObjectStore, identity: str, data: bytes) -> str:
    """Store a hints file of an item, and return its name. Equal files have equal names."""
    return _save_file(store, identity, "hints", ".json", data)


def save_reference(store: ObjectStore, identity: str, extension: str, data: bytes) -> str:
    """Store a colored frame of a film, and return its name; the extension is .png or .jpg."""
    return _save_file(store, identity, "ref", extension, data)


def _save_file(store: ObjectStore, identity: str, kind: str, extension: str, data: bytes) -> str:
    name = f"{kind}-{hashlib.sha256(data).hexdigest()[:24]}{extension}"
    with suppress(KeyExists):
        store.put(file_key(identity, name), data, create_only=True)
    return name


def file_key(identity: str, name: str) -> str:
    """Return the key of a file with hints or a reference of an item."""
    return f"{REVIEWS}{identity}/{name}"


def is_reference_name(name: str) -> bool:
    """Return whether a file of an item is a colored frame."""
    return _REFERENCE.fullmatch(name) is not None


def review_key(identity: str, version: int) -> str:
    """Return the key of one version of a review."""
    return f"{REVIEWS}{identity}/{version:06d}.json"


def check_review(review: Review) -> Review:
    """Return the review if its values are valid.

    Raises:
        UsageError: If one is not.
    """
    if review.verdict not in get_args(Verdict):
        raise UsageError(
            review.key,
            f"its verdict is {review.verdict!r}",
            f"Give one of {', '.join(get_args(Verdict))}",
        )
    if len(review.comment) > MAX_COMMENT:
        raise UsageError(
            review.key, f"its comment has {len(review.comment)} characters", "Shorten it"
        )
    if not 0 <= review.variant <= MAX_VARIANTS:
        raise UsageError(
            review.key, f"its variant is {review.variant}", f"Give 0 to {MAX_VARIANTS}"
        )
    for frame, name in review.hints.items():
        if frame and not _FRAME.fullmatch(frame):
            raise UsageError(review.key, f"has hints for the frame {frame!r}", "Give its index")
        if not _HINTS.fullmatch(name):
            raise UsageError(review.key, f"has no hints file named {name[:80]!r}", "Save it again")
    _check_shots(review)
    return review


def _check_shots(review: Review) -> None:
    if max(len(review.references), len(review.shot_variants)) > MOST_REFERENCES:
        raise UsageError(
            review.key, f"has corrections of more than {MOST_REFERENCES} shots", "Use fewer"
        )
    for frame, name in review.references.items():
        if not _FRAME.fullmatch(frame) or not is_reference_name(name):
            raise UsageError(
                review.key,
                f"has no reference named {name[:80]!r} for frame {frame[:20]!r}",
                "Drop the picture again",
            )
    for start_ms, end_ms, variant in review.shot_variants:
        ends = start_ms + 1 if end_ms is None else end_ms
        if not (0 <= start_ms < ends and 0 <= variant <= MAX_VARIANTS):
            raise UsageError(
                review.key,
                f"has variant {variant} from {start_ms} to {end_ms} ms",
                f"Give 0 to {MAX_VARIANTS}, for a range of times",
            )


def _from_values(values: dict[str, Any]) -> Review:
    """Return the review of a JSON object; unknown fields are ignored."""
    values.pop("version", None)
    try:
        return check_review(from_json(Review, values))
    except UsageError as error:
        raise ValueError(error.seen) from error


def _unreadable(key: str, seen: str) -> ReviewUnreadable:
    return ReviewUnreadable(key, seen, "Delete it to return to the version before")
