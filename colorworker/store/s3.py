"""A bucket, or a prefix in it, as a store."""

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

from colorworker.domain.processname import PROCESS
from colorworker.errors import ColorworkerError, KeyRefused, StoreUnavailable
from colorworker.store.keys import MAX_KEY_BYTES, check_key, printable
from colorworker.store.objectstore import Leftover, ObjectInfo
from colorworker.store.options import S3Options
from colorworker.store.oserrors import reading_failed
from colorworker.store.s3creating import CreateTrial, create
from colorworker.store.s3parts import abort, copy, copy_small, upload, uploads
from colorworker.store.s3reading import (
    ID_METADATA,
    ID_PREFIX,
    head_object,
    list_page,
    object_info,
    open_reader,
    read_all,
    unquoted,
)
from colorworker.store.s3service import S3Service
from colorworker.store.smallputs import SmallPuts


class S3Store:
    """Objects of one bucket, optionally below a prefix. Thread-safe.

    Reads accept S3's ETag or the id that `put_file` writes to the metadata. Copies keep the id, so
    `publish` can promise that the ETag stays. `head` returns the id if there is one. A listing has
    no metadata and returns S3's ETag.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        options: S3Options | None = None,
        scratch: Path | None = None,
    ) -> None:
        """Create a client without sending a request yet.

        Args:
            bucket: Name of the bucket.
            prefix: Folder in the bucket, without `/` at its ends; empty for the whole bucket.
            options: Options of the service.
            scratch: Folder for temporary files; by default a temporary folder.

        Raises:
            UsageError: If the options are not valid.
        """
        self.uri = f"s3://{bucket}/{prefix}".rstrip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._service = S3Service(bucket, options or S3Options())
        self._small = SmallPuts()
        self._create_trial = CreateTrial(self._service)
        self._lock = threading.Lock()
        self._scratch = scratch
        self._remove_scratch: weakref.finalize[..., S3Store] | None = None

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects page by page; keys that `check_key` refuses have `error` set.

        Empty objects whose key ends in `/` stand for folders and are skipped.
        """
        if not _is_utf8(prefix):
            return
        query = {"Prefix": self._prefix + prefix}
        while True:
            page = list_page(self._service, query)
            for found in page.get("Contents", ()):
                is_folder = found["Key"].endswith("/") and not found["Size"]
                # Some services treat `a//` as `a/`.
                if found["Key"].startswith(query["Prefix"]) and not is_folder:
                    yield _listed(found["Key"].removeprefix(self._prefix), found)
            if not page.get("IsTruncated"):
                return
            query["ContinuationToken"] = page["NextContinuationToken"]

    def head(self, key: str) -> ObjectInfo:
        """Return the object's size and ETag."""
        return object_info(key, head_object(self._service, key, self._full(key)))

    def list_one(self, key: str, *, version: str = "") -> ObjectInfo:
        """Return size and S3's ETag, as in a listing, of the object or of one version."""
        response = head_object(self._service, key, self._full(key), version)
        return replace(object_info(key, response), etag=unquoted(response["ETag"]))

    def get(self, key: str, *, etag: str | None = None) -> bytes:
        """Return the object's bytes."""
        return read_all(self._service, key, self._full(key), etag)

    def open(self, key: str, *, etag: str | None = None, version: str = "") -> BinaryIO:
        """Return a reader that fetches blocks.

        If the object is replaced while it is read, reads raise SourceChanged; in a bucket with
        versioning they continue with the old version.
        """
        return cast(BinaryIO, open_reader(self._service, key, self._full(key), etag, version))

    def put(self, key: str, data: bytes, *, create_only: bool = False) -> ObjectInfo:
        """Store `data` in one request.

        If the response to a create_only put is lost, the repeated request finds our own object and
        raises KeyExists. To distinguish the two cases, read the object.
        """
        service = self._service
        self._small.forget(key)
        send = partial(
            service.client.put_object,
            Bucket=service.bucket,
            Key=self._full(key),
            Body=data,
            ContentType=_content_type(key),
            **({"IfNoneMatch": "*"} if create_only else {}),
            **service.write_args,
        )
        return ObjectInfo(key, len(data), unquoted(service.call(key, send, writing=True)["ETag"]))

    def put_file(self, key: str, path: Path) -> ObjectInfo:
        """Store the file's content, as a multipart upload if it is large; the file stays.

        An object is looked up afterwards, except a small one in a service that keeps ids: its
        single request succeeds or fails as a whole.
        """
        identity = ID_PREFIX + uuid.uuid4().hex
        extra = {"Metadata": {ID_METADATA: identity}, "ContentType": _content_type(key)}
        send = partial(upload, self._service, path, self._full(key), extra)
        self._small.forget(key)
        try:
            size_bytes = path.stat().st_size
            self._service.call(key, send, writing=True)
        except OSError as error:
            raise reading_failed(str(path), error) from error
        options = self._service.options
        is_small = size_bytes <= min(options.part_bytes, options.copy_part_bytes)
        if is_small and self._small.ids_are_kept:
            info = ObjectInfo(key, size_bytes, identity)
        else:
            info = self.head(key)
        if info.size_bytes != size_bytes:
            raise StoreUnavailable(
                printable(key),
                f"{size_bytes} bytes were put, but the store has {info.size_bytes}",
                "Check whether another job writes to the same destination",
            )
        if is_small and info.etag == identity:
            self._small.remember(info)
        return info

    def can_create(self, probe_key: str) -> bool:
        """Return whether the service honors `If-None-Match` and keeps metadata."""
        return self._create_trial.succeeds(probe_key, self._full(probe_key))

    def create(self, key: str, path: Path, mark: str) -> ObjectInfo | None:
        """Create an object with one conditional PUT; larger files would need several requests.

        It has the storage class and the tags of outputs.
        """
        full_key = self._full(key)
        self._small.forget(key)
        try:
            size_bytes = path.stat().st_size
            if size_bytes > self._service.options.part_bytes:
                return None
            return create(
                self._service,
                key,
                full_key,
                lambda: path.open("rb"),
                size_bytes,
                mark,
                _content_type(key),
            )
        except OSError as error:
            raise reading_failed(str(path), error) from error

    def publish(self, attempt_key: str, output_key: str) -> ObjectInfo:
        """Copy the object on the server, then delete the attempt."""
        attempt, output = self._full(attempt_key), self._full(output_key)
        known = self._small.forget(attempt_key)
        if known and attempt != output and self._copy_small(attempt_key, attempt, output):
            self.delete(attempt_key)
            return ObjectInfo(output_key, known.size_bytes, known.etag)
        head = head_object(self._service, attempt_key, attempt)
        info = object_info(output_key, head)
        if attempt == output:
            return info
        send = partial(copy, self._service, attempt, output, head)
        etag = unquoted(self._service.call(attempt_key, send, writing=True))
        self.delete(attempt_key)
        if info.etag.startswith(ID_PREFIX):
            return info
        return ObjectInfo(output_key, info.size_bytes, etag) if etag else self.head(output_key)

    def delete(self, key: str) -> None:
        """Remove the object; a bucket with versioning keeps the old version."""
        service = self._service
        self._small.forget(key)
        send = partial(
            service.client.delete_object,
            Bucket=service.bucket,
            Key=self._full(key),
            **service.payer_args,
        )
        service.call(key, send, writing=True)

    def leftovers(self) -> Iterator[Leftover]:
        """Yield unfinished multipart uploads below the prefix, also those of other programs."""
        return uploads(self._service, self._prefix)

    def discard(self, leftover: Leftover) -> None:
        """Abort an upload and delete its parts."""
        abort(self._service, self._prefix + leftover.key, leftover.upload_id)

    def scratch(self) -> Path:
        """Return the given folder, or a temporary one that `close` removes."""
        with self._lock:
            if self._scratch is None:
                self._scratch = Path(tempfile.mkdtemp(prefix=f"colorworker-{PROCESS}-"))
                self._remove_scratch = weakref.finalize(
                    self, shutil.rmtree, self._scratch, ignore_errors=True
                )
            self._scratch.mkdir(parents=True, exist_ok=True)
            return self._scratch

    def close(self) -> None:
        """Close connections; remove the scratch folder if it is a temporary one."""
        self._service.client.close()
        with self._lock:
            if self._remove_scratch is not None:
                self._remove_scratch()
                self._scratch = self._remove_scratch = None

    def _copy_small(self, key: str, full_key: str, copy_key: str) -> bool:
        """Copy an object that was put here; return False if a look-up must tell what is wrong."""
        send = partial(copy_small, self._service, full_key, copy_key)
        try:
            self._service.call(key, send, writing=True)
        except ColorworkerError as error:
            if error.retryable:
                raise
            return False
        return True

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
    return ObjectInfo(key, found["Size"], unquoted(found["ETag"]), error, modified_at)


def _content_type(key: str) -> str:
    """Return the media type from the extension, so that browsers show reports and pictures."""
    return mimetypes.guess_type(key)[0] or "application/octet-stream"


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
