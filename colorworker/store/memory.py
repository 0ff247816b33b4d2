"""A store in memory, for tests and for jobs whose results are not kept."""

import io
import itertools
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from colorworker.domain.processname import PROCESS
from colorworker.errors import KeyExists, KeyMissing, SourceChanged
from colorworker.store.keys import check_key, refuse_version
from colorworker.store.objectstore import Leftover, ObjectInfo


@dataclass(frozen=True)
class _Stored:
    data: bytes
    etag: str
    modified_at: float
    mark: str = ""


class MemoryStore:
    """Objects in a dictionary. Thread-safe.

    The uri is for reports only; another process cannot open it.
    """

    prefers_create = False
    """Whether outputs should be created rather than published. For tests: it saves nothing here."""

    def __init__(self, name: str) -> None:
        self.uri = f"memory://{name}"
        self._objects: dict[str, _Stored] = {}
        self._serials = itertools.count(1)
        self._lock = threading.Lock()
        self._remove_scratch: weakref.finalize[..., MemoryStore] | None = None
        self._scratch: Path | None = None

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects that exist when the iteration starts."""
        with self._lock:
            found = [item for item in self._objects.items() if item[0].startswith(prefix)]
        for key, stored in found:
            yield _info(key, stored)

    def head(self, key: str) -> ObjectInfo:
        """Return the object's size and ETag."""
        return _info(key, self._stored(key))

    def list_one(self, key: str, *, version: str = "") -> ObjectInfo:
        """Return the same as `head`; no versions are kept."""
        refuse_version(key, version)
        return self.head(key)

    def get(self, key: str, *, etag: str | None = None) -> bytes:
        """Return the object's bytes."""
        return self._stored(key, etag).data

    def open(self, key: str, *, etag: str | None = None, version: str = "") -> BinaryIO:
        """Return a reader, which keeps its content when the key is put again."""
        refuse_version(key, version)
        return io.BytesIO(self._stored(key, etag).data)

    def put(self, key: str, data: bytes, *, create_only: bool = False) -> ObjectInfo:
        """Store a copy of `data`."""
        check_key(key)
        stored = _Stored(bytes(data), f"{len(data)}-{next(self._serials)}", time.time())
        with self._lock:
            if create_only and key in self._objects:
                raise KeyExists(key, "the key is taken")
            self._objects[key] = stored
        return _info(key, stored)

    def put_file(self, key: str, path: Path) -> ObjectInfo:
        """Store the file's content; the file stays."""
        return self.put(key, path.read_bytes())

    def can_create(self, probe_key: str) -> bool:  # noqa: ARG002
        """Return whether tests want it."""
        return self.prefers_create

    def create(self, key: str, path: Path, mark: str) -> ObjectInfo | None:
        """Store the file's content with its mark, unless the key is taken."""
        check_key(key)
        data = path.read_bytes()
        stored = _Stored(data, f"{len(data)}-{next(self._serials)}", time.time(), mark)
        with self._lock:
            return _info(key, self._objects.setdefault(key, stored))

    def publish(self, attempt_key: str, output_key: str) -> ObjectInfo:
        """Move the object to its new key."""
        check_key(attempt_key)
        check_key(output_key)
        with self._lock:
            stored = self._objects.pop(attempt_key, None)
            if stored is None:
                raise KeyMissing(attempt_key, f"not in {self.uri}")
            self._objects[output_key] = stored
        return _info(output_key, stored)

    def delete(self, key: str) -> None:
        """Remove the object if it exists."""
        check_key(key)
        with self._lock:
            self._objects.pop(key, None)

    def leftovers(self) -> Iterator[Leftover]:
        """Yield nothing; a put is atomic."""
        return iter(())

    def discard(self, leftover: Leftover) -> None:
        """Do nothing; there are no leftovers."""

    def scratch(self) -> Path:
        """Return a temporary folder, which `close` removes."""
        with self._lock:
            if self._scratch is None:
                self._scratch = Path(tempfile.mkdtemp(prefix=f"colorworker-{PROCESS}-"))
                self._remove_scratch = weakref.finalize(
                    self, shutil.rmtree, self._scratch, ignore_errors=True
                )
            return self._scratch

    def close(self) -> None:
        """Remove the scratch folder; the objects stay."""
        with self._lock:
            if self._remove_scratch is not None:
                self._remove_scratch()
            self._scratch = self._remove_scratch = None

    def _stored(self, key: str, etag: str | None = None) -> _Stored:
        check_key(key)
        with self._lock:
            stored = self._objects.get(key)
        if stored is None:
            raise KeyMissing(key, f"not in {self.uri}")
        if etag is not None and etag != stored.etag:
            raise SourceChanged(
                key, f"its version is {stored.etag}, not {etag}", "Run the same command again"
            )
        return stored


def _info(key: str, stored: _Stored) -> ObjectInfo:
    return ObjectInfo(
        key, len(stored.data), stored.etag, modified_at=stored.modified_at, mark=stored.mark
    )
