"""A bucket, or what lies below a prefix in it, as a store."""

import mimetypes
import shutil
import tempfile
import threading
import uuid
import weakref
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from colorworker.errors import KeyRefused, StoreUnavailable
from colorworker.store.keys import MAX_KEY_BYTES, check_key, printable
from colorworker.store.objectstore import Leftover, ObjectInfo
from colorworker.store.options import S3Options
from colorworker.store.oserrors import reading_failed
from colorworker.store.s3parts import abort, copy, upload, uploads
from colorworker.store.s3reading import (
    ID,
    ID_START,
    bare,
    info_of,
    list_page,
    open_reader,
    read_all,
    read_head,
)
from colorworker.store.s3service import S3Service


class S3Store:
    """Objects of one bucket, below a prefix or not. Safe among threads.

    Reads take S3's ETag or the id that `put_file` writes, which copies keep: so `publish` can
    promise that the ETag stays. `head` says the id where there is one; a listing, which shows no
    metadata, says S3's ETag.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        options: S3Options | None = None,
        scratch: Path | None = None,
    ) -> None:
        """Make a client; nothing is asked of the service yet.

        Args:
            bucket: Its name.
            prefix: Folder within it, without `/` at its ends; empty for the whole bucket.
            options: How to reach the service.
            scratch: Folder for temporary files; by default one of this object's own.

        Raises:
            UsageError: If the options make no client.
        """
        self.uri = f"s3://{bucket}/{prefix}".rstrip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._service = S3Service(bucket, options or S3Options())
        self._lock = threading.Lock()
        self._scratch = scratch
        self._remove_scratch: weakref.finalize[..., S3Store] | None = None

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects page by page; keys that `check_key` refuses come with `error` set.

        Empty objects whose key ends in `/` are how some tools write down a folder: left out.
        """
        if not _is_utf8(prefix):
            return
        query = {"Prefix": self._prefix + prefix}
        while True:
            page = list_page(self._service, query)
            for found in page.get("Contents", ()):
                is_folder = found["Key"].endswith("/") and not found["Size"]
                # Some services take `a//` for `a/`.
                if found["Key"].startswith(query["Prefix"]) and not is_folder:
                    yield _listed(found["Key"].removeprefix(self._prefix), found)
            if not page.get("IsTruncated"):
                return
            query["ContinuationToken"] = page["NextContinuationToken"]

    def head(self, key: str) -> ObjectInfo:
        """Return the object's size and ETag."""
        return info_of(key, read_head(self._service, key, self._full(key)))

    def list_one(self, key: str, *, version: str = "") -> ObjectInfo:
        """Return size and S3's own ETag, as a listing has them, of the object or one version."""
        answer = read_head(self._service, key, self._full(key), version)
        return replace(info_of(key, answer), etag=bare(answer["ETag"]))

    def get(self, key: str, *, etag: str | None = None) -> bytes:
        """Return the object's bytes."""
        return read_all(self._service, key, self._full(key), etag)

    def open(self, key: str, *, etag: str | None = None, version: str = "") -> BinaryIO:
        """Return a reader by blocks.

        If the object is put anew while it is read, that is SourceChanged, or the old version goes
        on to be read where the bucket keeps versions.
        """
        return cast(BinaryIO, open_reader(self._service, key, self._full(key), etag, version))

    def put(self, key: str, data: bytes, *, create_only: bool = False) -> ObjectInfo:
        """Store `data` in one request.

        With create_only an answer that got lost can make the repeated request meet our own object.
        That is KeyExists too: whoever cares looks at what lies there.
        """
        service = self._service
        send = partial(
            service.client.put_object,
            Bucket=service.bucket,
            Key=self._full(key),
            Body=data,
            ContentType=_content_type(key),
            **({"IfNoneMatch": "*"} if create_only else {}),
            **service.paid,
        )
        return ObjectInfo(key, len(data), bare(service.ask(key, send, writing=True)["ETag"]))

    def put_file(self, key: str, path: Path) -> ObjectInfo:
        """Store the file's content, in parts if it is large; the file stays."""
        extra = {
            "Metadata": {ID: ID_START + uuid.uuid4().hex},
            "ContentType": _content_type(key),
        }
        send = partial(upload, self._service, path, self._full(key), extra)
        try:
            size_bytes = path.stat().st_size
            self._service.ask(key, send, writing=True)
        except OSError as error:
            raise reading_failed(str(path), error) from error
        info = self.head(key)
        if info.size_bytes != size_bytes:
            raise StoreUnavailable(
                printable(key),
                f"{size_bytes} bytes were put, the store has {info.size_bytes}",
                "Look whether another job writes to the same destination",
            )
        return info

    def publish(self, attempt_key: str, output_key: str) -> ObjectInfo:
        """Copy the object within the service, then delete the attempt."""
        attempt, output = self._full(attempt_key), self._full(output_key)
        head = read_head(self._service, attempt_key, attempt)
        info = info_of(output_key, head)
        if attempt == output:
            return info
        send = partial(copy, self._service, attempt, output, head)
        etag = bare(self._service.ask(attempt_key, send, writing=True))
        self.delete(attempt_key)
        if info.etag.startswith(ID_START):
            return info
        return ObjectInfo(output_key, info.size_bytes, etag) if etag else self.head(output_key)

    def delete(self, key: str) -> None:
        """Remove the object; a bucket with versions keeps the old one behind a marker."""
        service = self._service
        send = partial(
            service.client.delete_object,
            Bucket=service.bucket,
            Key=self._full(key),
            **service.paid,
        )
        service.ask(key, send, writing=True)

    def leftovers(self) -> Iterator[Leftover]:
        """Yield the uploads in parts below the prefix that are not completed, whosever they are."""
        return uploads(self._service, self._prefix)

    def discard(self, leftover: Leftover) -> None:
        """Abort an upload; its parts are gone then."""
        abort(self._service, self._prefix + leftover.key, leftover.upload_id)

    def scratch(self) -> Path:
        """Return the folder that was given, or a temporary one that lives as long as this."""
        with self._lock:
            if self._scratch is None:
                self._scratch = Path(tempfile.mkdtemp(prefix="colorworker-"))
                self._remove_scratch = weakref.finalize(
                    self, shutil.rmtree, self._scratch, ignore_errors=True
                )
            self._scratch.mkdir(parents=True, exist_ok=True)
            return self._scratch

    def close(self) -> None:
        """Close the connections and remove the scratch folder, unless it was given."""
        self._service.client.close()
        with self._lock:
            if self._remove_scratch is not None:
                self._remove_scratch()
                self._scratch = self._remove_scratch = None

    def _full(self, key: str) -> str:
        full = self._prefix + check_key(key)
        if len(full.encode()) > MAX_KEY_BYTES:
            raise KeyRefused(
                printable(key),
                f"below {self.uri} its key would be longer than {MAX_KEY_BYTES} bytes",
                "Choose a shorter prefix, or rename it",
            )
        return full


def _listed(key: str, found: Any) -> ObjectInfo:
    error = ""
    try:
        check_key(key)
    except KeyRefused as refused:
        error = refused.seen
    modified_at = found["LastModified"].timestamp()
    return ObjectInfo(key, found["Size"], bare(found["ETag"]), error, modified_at)


def _content_type(key: str) -> str:
    """Return the media type by the key's extension, so that browsers show reports and pictures."""
    return mimetypes.guess_type(key)[0] or "application/octet-stream"


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
