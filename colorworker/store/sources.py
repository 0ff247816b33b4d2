"""Resolve SOURCE arguments (a file, a folder or a quoted glob) to a store and its objects."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from colorworker.errors import KeyMissing, SourceUnreadable, StoreError, UsageError
from colorworker.store.objectstore import ObjectInfo, ObjectStore
from colorworker.store.openstore import S3_SCHEME, open_store, split_s3

_MAGIC = re.compile(r"[*?\[]")
_FRAMES = re.compile(r"(.*?)(?:(#+)|%0?([1-9]?)d)(\.[A-Za-z0-9]+)", re.DOTALL)


@dataclass(frozen=True)
class Source:
    """The objects of a store that a job processes."""

    root: str
    """URI of the store, or path of its folder."""
    key: str = ""
    """Key of a single object; else empty."""
    pattern: str = ""
    """Glob that keys below the root must match; empty for all."""
    include: tuple[str, ...] = ()
    """Globs of which at least one must match as well; empty for all."""
    exclude: tuple[str, ...] = ()
    """Globs of which none may match; overrides the others."""
    is_sequence: bool = False
    """Whether all objects are the frames of one film."""


def parse_source(text: str, opened: Callable[[str], ObjectStore] = open_store) -> Source:
    """Return the source of a SOURCE argument; an existing path is not read as a glob.

    Output names are relative to the fixed part of a glob, up to its first wildcard. `*` and `?`
    stay within a folder, `**` spans folders. `scan_%06d.dpx` or `scan_######.dpx` stands for the
    frames of one film.

    Args:
        text: A path, or `s3://bucket/` followed by a key, a prefix or a glob.
        opened: Opens the store of a URI, to check whether a key exists.

    Raises:
        UsageError: If there is no such file, folder, object or prefix.
    """
    if text.startswith(S3_SCHEME):
        return _parse_s3(text, opened)
    path = Path(os.path.abspath(text))  # noqa: PTH100 - resolve() would follow links of single files
    if path.is_dir():
        return Source(str(path.resolve()))
    if os.path.lexists(path):
        return Source(str(path.parent.resolve()), key=path.name)
    if frames := _frames_glob(path.name):
        return Source(str(path.parent.resolve()), pattern=frames, is_sequence=True)
    parts = path.parts
    fixed = next((i for i, part in enumerate(parts) if _MAGIC.search(part)), None)
    if fixed is None:
        raise UsageError(text, "there is no such file or folder", "Check the path")
    root = Path(*parts[:fixed])
    if not root.is_dir():
        raise UsageError(text, f"there is no folder {root}", "Check the path before the wildcard")
    return Source(str(root.resolve()), pattern="/".join(parts[fixed:]))


def _parse_s3(text: str, opened: Callable[[str], ObjectStore]) -> Source:
    bucket, key = split_s3(text)
    whole = Source(f"{S3_SCHEME}{bucket}/{key}".rstrip("/"))
    if not key or (text.endswith("/") and not _MAGIC.search(key)):
        return whole
    parts = key.split("/")
    with closing(opened(f"{S3_SCHEME}{bucket}")) as store:
        if not text.endswith("/") and _is_object(store, key):
            return Source("/".join([f"{S3_SCHEME}{bucket}", *parts[:-1]]), key=parts[-1])
        if frames := _frames_glob(parts[-1]):
            root = "/".join([f"{S3_SCHEME}{bucket}", *parts[:-1]])
            return Source(root, pattern=frames, is_sequence=True)
        fixed = next((i for i, part in enumerate(parts) if _MAGIC.search(part)), None)
        if fixed is not None:
            root = "/".join([f"{S3_SCHEME}{bucket}", *parts[:fixed]])
            return Source(root, pattern="/".join(parts[fixed:]))
        if next(store.list(f"{key}/"), None) is None:
            raise UsageError(text, "there is no such object or prefix", "Check bucket and key")
    return whole


def _frames_glob(name: str) -> str:
    """Return a glob for the frames that `scan_%06d.dpx` or `scan_######.dpx` names; else ''."""
    match = _FRAMES.fullmatch(name)
    if match is None:
        return ""
    prefix, hashes, digits, suffix = match.groups()
    least = len(hashes) if hashes else int(digits or 1)
    literal = _MAGIC.sub(lambda found: f"[{found[0]}]", prefix)
    return f"{literal}{'[0-9]' * least}*{suffix}"


def _is_object(store: ObjectStore, key: str) -> bool:
    try:
        store.head(key)
    except KeyMissing:
        return False
    except SourceUnreadable:
        # A HEAD response gives no reason, but a listing does: wrong credentials, clock or region.
        # And without permission to list, missing keys are answered by "denied" too.
        with suppress(SourceUnreadable):
            next(store.list(key), None)
    return True


def select_objects(
    store: ObjectStore, source: Source, also: Callable[[str], bool] = lambda _: False
) -> Iterator[ObjectInfo]:
    """Yield the objects of a source; unreadable ones have `error` set.

    Of a folder, a prefix or a glob, those objects are also yielded whose key `also` accepts.

    A single object has the same size and ETag as in a listing, so its identity is the same whether
    it was named or listed.
    """
    chosen = key_filter(source)
    if source.key:
        if chosen(source.key):
            yield _single_object(store, source.key)
        return
    for info in store.list(_MAGIC.split(source.pattern)[0]):
        if chosen(info.key) or also(info.key):
            yield info


def glob_filter(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Return a function that tells whether a key matches one of the globs.

    A glob without `/` matches the file name in any folder: `*.mkv` is `**/*.mkv`.
    """
    rooted = (text if "/" in text else f"**/{text}" for text in patterns)
    expressions = [f"(?:{glob_expression(text.removeprefix('/')).pattern})" for text in rooted]
    matches = re.compile("|".join(expressions), re.DOTALL).fullmatch
    return lambda key: matches(key) is not None


def key_filter(source: Source) -> Callable[[str], bool]:
    """Return a function that tells whether a key belongs to the source."""
    matches = glob_expression(source.pattern).fullmatch if source.pattern else None
    included = glob_filter(source.include) if source.include else None
    excluded = glob_filter(source.exclude) if source.exclude else None

    def chosen(key: str) -> bool:
        return not (
            (matches is not None and matches(key) is None)
            or (included is not None and not included(key))
            or (excluded is not None and excluded(key))
        )

    return chosen


def glob_expression(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a glob over `/`-separated keys.

    `**/` matches any number of folders, also none; `*` and `?` do not match `/`; `[abc]` and
    `[!abc]` are character classes.
    """
    out = []
    position = 0
    while position < len(pattern):
        if pattern.startswith("**/", position):
            out.append("(?:.*/)?")
            position += 3
        elif pattern.startswith("**", position):
            out.append(".*")
            position += 2
        elif pattern[position] == "*":
            out.append("[^/]*")
            position += 1
        elif pattern[position] == "?":
            out.append("[^/]")
            position += 1
        elif pattern[position] == "[" and (end := pattern.find("]", position + 2)) > 0:
            body = pattern[position + 1 : end].replace("\\", r"\\")
            out.append(f"[^/{body[1:]}]" if body[0] == "!" else f"[{body}]")
            position = end + 1
        else:
            out.append(re.escape(pattern[position]))
            position += 1
    return re.compile("".join(out), re.DOTALL)


def refuse_overlap(text: str, source: Source, destination: str) -> None:
    """Refuse a destination whose outputs could overwrite sources or be taken for sources.

    Raises:
        UsageError: If one folder is inside the other, or a single file lies directly in the
            destination.
    """
    root, target = _path_parts(source.root), _path_parts(destination)
    if target == root if source.key else _is_inside(target, root):
        raise UsageError(
            destination,
            f"the destination lies inside the source {text}",
            "Choose a folder outside of it; sources are never written to",
        )
    if not source.key and _is_inside(root, target):
        raise UsageError(
            text,
            f"the source lies inside the destination {destination}",
            "Choose a destination outside of it; sources are never written to",
        )


def _path_parts(location: str) -> tuple[str, ...]:
    """Return the parts of a folder or URI, outermost first, with links resolved."""
    if location.startswith(S3_SCHEME):
        bucket, prefix = split_s3(location)
        return (S3_SCHEME, bucket, *filter(None, prefix.split("/")))
    return Path(location).resolve().parts


def _is_inside(inner: tuple[str, ...], outer: tuple[str, ...]) -> bool:
    return inner[: len(outer)] == outer


def _single_object(store: ObjectStore, key: str) -> ObjectInfo:
    try:
        return store.list_one(key)
    except KeyMissing:
        return ObjectInfo(key, 0, "", "the target of the link does not exist")
    except (SourceUnreadable, StoreError) as error:
        return ObjectInfo(key, 0, "", error.seen)
