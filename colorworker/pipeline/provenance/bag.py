"""Write and check the manifests of a destination that is a BagIt bag, from recorded hashes."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

from colorworker import __version__
from colorworker.domain.bag import (
    DECLARATION,
    DECLARED,
    INFO,
    MANIFEST,
    PAYLOAD,
    TAG_FILES,
    TAG_MANIFEST,
    manifest_line,
    parse_manifest_line,
    updated_info,
)
from colorworker.domain.fixity import BagUpdate, Finding, FixityTally
from colorworker.domain.records import UnitResult
from colorworker.errors import ColorworkerError, KeyMissing
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.hashing import sha256_of, sha256_of_file
from colorworker.pipeline.outcome import failure
from colorworker.pipeline.provenance.payload import Payload
from colorworker.store.objectstore import ObjectStore


def update_bag(context: WorkerContext, unit: BagUpdate, attempt: int) -> UnitResult:
    """Write the manifests; the tally of the result counts the payload.

    Raises:
        UsageError: If this machine is at fault.
    """
    try:
        with closing(Payload(context.destination)) as payload:
            payload.fill(context.progress.step)
            files, size_bytes = payload.counts()
            if files:  # else there is no folder data/ yet, and so no bag
                _write(context, payload)
    except ColorworkerError as error:
        return failure(context, unit.unit_id, attempt, error)
    tally = FixityTally((), files, size_bytes)
    return UnitResult(
        unit.unit_id, "succeeded", attempt=attempt, worker=context.worker, fixity=tally
    )


def _write(context: WorkerContext, payload: Payload) -> None:
    store = context.destination
    hashes = {}
    with context.temporary(".txt") as path:
        with path.open("w", encoding="utf-8", newline="\n") as manifest:
            manifest.writelines(manifest_line(sha256, key) for key, sha256 in payload.files())
        hashes[MANIFEST] = sha256_of_file(path)
        store.put_file(MANIFEST, path)
    files, size_bytes = payload.counts()
    ours = {
        "Bagging-Date": datetime.now(UTC).date().isoformat(),
        "Payload-Oxum": f"{size_bytes}.{files}",
        "Bag-Software-Agent": f"colorworker {__version__}",
    }
    info = updated_info(_text(store, INFO), ours).encode()
    for name, data in ((DECLARATION, DECLARED), (INFO, info)):
        store.put(name, data)
        hashes[name] = hashlib.sha256(data).hexdigest()
    lines = (manifest_line(hashes[name], name) for name in sorted(TAG_FILES))
    store.put(TAG_MANIFEST, "".join(lines).encode())


def bag_findings(context: WorkerContext) -> Iterator[Finding]:
    """Yield what is wrong with the manifests of a bag.

    Outputs and sidecars are not read: other checks compare them with their records, and this one
    the manifest with the records. Files of which nothing is recorded are hashed.
    """
    store = context.destination
    yield from _tag_findings(store)
    with closing(Payload(store)) as payload:
        payload.fill(context.progress.step)
        listed = set[bytes]()
        for line in _lines(store, MANIFEST):
            try:
                sha256, key = parse_manifest_line(line)
            except ValueError as error:
                yield Finding(MANIFEST, "bag", str(error))
                continue
            listed.add(_digest(key))
            seen = payload.sha256(key)
            if seen is None:
                yield Finding(key, "bag", f"it is missing, but {MANIFEST} lists it")
            elif seen != sha256:
                text = f"{MANIFEST} gives {sha256} as its SHA-256, but it is {seen}"
                yield Finding(key, "bag", text)
        for key, _ in payload.files():
            if _digest(key) not in listed:
                text = f"{MANIFEST} does not list it; run its job again with --bag"
                yield Finding(key, "bag", text)
        files, size_bytes = payload.counts()
        if f"Payload-Oxum: {size_bytes}.{files}\n" not in _text(store, INFO):
            text = f"its Payload-Oxum is not {size_bytes}.{files}, as the files in {PAYLOAD} are"
            yield Finding(INFO, "bag", text)


def _tag_findings(store: ObjectStore) -> Iterator[Finding]:
    if not _text(store, DECLARATION).startswith("BagIt-Version: "):
        yield Finding(DECLARATION, "bag", "it is missing, or does not declare a bag")
    for line in _lines(store, TAG_MANIFEST):
        try:
            sha256, key = parse_manifest_line(line)
        except ValueError as error:
            yield Finding(TAG_MANIFEST, "bag", str(error))
            continue
        try:
            with store.open(key) as reader:
                seen = sha256_of(reader)
        except KeyMissing:
            yield Finding(key, "bag", f"it is missing, but {TAG_MANIFEST} lists it")
            continue
        if seen != sha256:
            text = f"its SHA-256 is {seen}, in {TAG_MANIFEST} it is {sha256}"
            yield Finding(key, "bag", text)


def _lines(store: ObjectStore, key: str) -> Iterator[str]:
    """Yield the lines of a text file as they are read; none if it is missing."""
    try:
        reader = store.open(key)
    except KeyMissing:
        return
    # Readers of buckets are unbuffered.
    buffered = io.BufferedReader(reader) if isinstance(reader, io.RawIOBase) else reader
    with reader, io.TextIOWrapper(buffered, "utf-8", errors="replace") as text:
        yield from (line for line in text if line.strip())


def _text(store: ObjectStore, key: str) -> str:
    try:
        return store.get(key).decode("utf-8", errors="replace")
    except KeyMissing:
        return ""


def _digest(key: str) -> bytes:
    return hashlib.blake2b(key.encode(), digest_size=16).digest()
