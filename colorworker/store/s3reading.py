"""Reads from a bucket that are pinned to one version of an object.

Reads accept two values as an object's ETag: S3's ETag, and the id that `put_file` writes to the
metadata. Copies keep the id. S3's ETag changes when an object is copied that was uploaded in parts
or is encrypted by KMS.
"""

from contextlib import closing
from functools import partial
from typing import Any

from botocore.exceptions import (
    ClientError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    ResponseStreamingError,
)

from colorworker.errors import KeyMissing, SourceChanged, SourceUnreadable, StoreError
from colorworker.store.blockreader import BlockReader
from colorworker.store.keys import printable
from colorworker.store.objectstore import ObjectInfo
from colorworker.store.s3archive import archived_error, is_archived
from colorworker.store.s3service import S3Service

ID_METADATA = "colorworker-id"
"""Name of the id in the metadata."""
MARK_METADATA = "colorworker-mark"
"""Name of the mark in the metadata; see `ObjectInfo`."""
ID_PREFIX = "put-"
"""Prefix of ids; no ETag of S3 starts with it."""

_PIECE_BYTES = 256 << 10
_BROKEN = (HTTPClientError, IncompleteReadError, FlexibleChecksumError)
_EMPTY = {"InvalidRange", "416"}


def object_info(key: str, response: Any) -> ObjectInfo:
    """Return an object's info from a HEAD response, with the id as ETag if there is one."""
    etag = _metadata(response, ID_METADATA) or unquoted(response["ETag"])
    return ObjectInfo(
        key,
        response["ContentLength"],
        etag,
        modified_at=response["LastModified"].timestamp(),
        mark=_metadata(response, MARK_METADATA),
    )


def unquoted(etag: str) -> str:
    """Return an ETag without its quotes."""
    return etag.strip('"')


def head_object(service: S3Service, key: str, full_key: str, version: str = "") -> Any:
    """Return the HEAD response of the object, or of one version.

    Raises:
        KeyMissing: If the object does not exist.
    """
    return service.call(
        key,
        lambda: service.client.head_object(
            Bucket=service.bucket, Key=full_key, **_version_args(version), **service.payer_args
        ),
    )


def list_page(service: S3Service, query: dict[str, str]) -> Any:
    """Return one page of a listing, checked to be complete."""

    def request() -> Any:
        page = service.client.list_objects_v2(Bucket=service.bucket, **query, **service.payer_args)
        if "IsTruncated" not in page:
            raise ResponseStreamingError(error="a listing lacks IsTruncated")
        return page

    return service.call("", request)


def read_all(service: S3Service, key: str, full_key: str, etag: str | None) -> bytes:
    """Return all bytes; broken reads are repeated.

    Raises:
        SourceChanged: If the object no longer has that ETag.
    """

    def request() -> tuple[Any, bytes]:
        response = _get(service, key, full_key, **_etag_args(etag))
        with closing(response["Body"]) as body:
            return response, body.read()

    try:
        response, data = service.call(key, request)
    except KeyMissing as error:
        raise _missing_error(key, etag, error) from error
    _check_etag(key, response, etag)
    return data


def open_reader(
    service: S3Service, key: str, full_key: str, etag: str | None, version: str = ""
) -> BlockReader:
    """Return a reader of blocks that are pinned by ETag and version.

    The first block is read here; the response replaces a HEAD request.

    Raises:
        SourceChanged: If the object no longer has that ETag.
    """
    length = service.options.block_bytes
    pins = {**_etag_args(etag), **_version_args(version)}

    def request() -> tuple[Any, bytes]:
        try:
            response = _get(service, key, full_key, Range=f"bytes=0-{length - 1}", **pins)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _EMPTY:
                raise
            return head_object(service, key, full_key, version), b""
        return response, _read_body(response, length)

    try:
        response, first = service.call(key, request)
    except KeyMissing as error:
        raise _missing_error(key, etag, error) from error
    _check_etag(key, response, etag)
    seen = (full_key, response["ETag"], response.get("VersionId"))
    total = response.get("ContentRange", "").rpartition("/")[2] or response["ContentLength"]
    return BlockReader(
        _ObjectVersion(service, key, full_key, response, version).read_range,
        int(total),
        name=printable(key),
        first=first,
        known=service.block_cache.get(seen),
        keep=partial(service.block_cache.add, seen),
        block_bytes=length,
        cache_bytes=service.options.cache_bytes,
    )


class _ObjectVersion:
    """One version of an object, for ranged reads."""

    def __init__(
        self, service: S3Service, key: str, full_key: str, response: Any, requested: str
    ) -> None:
        self._service = service
        self._key = key
        self._full_key = full_key
        self._pins = {"IfMatch": response["ETag"]}
        self._requested = requested
        if version := response.get("VersionId") or requested:
            self._pins["VersionId"] = version

    def read_range(self, offset: int, length: int) -> bytes:
        """Return the bytes of the range; fewer if the connection broke."""

        def request() -> bytes:
            response = _get(
                self._service,
                self._key,
                self._full_key,
                Range=f"bytes={offset}-{offset + length - 1}",
                **self._pins,
            )
            if not response.get("ContentRange", "").startswith(f"bytes {offset}-"):
                raise StoreError(self._key, "the service does not support range requests")
            return _read_body(response, length)

        try:
            return self._service.call(self._key, request)
        except KeyMissing as error:
            raise _missing_error(self._key, self._pins["IfMatch"], error) from error
        except SourceUnreadable:
            # Reading by version needs s3:GetObjectVersion. Without it, pin by ETag alone, unless
            # that version was requested.
            if self._requested or self._pins.pop("VersionId", None) is None:
                raise
            return self.read_range(offset, length)


def _get(service: S3Service, key: str, full_key: str, **extra: str) -> Any:
    try:
        return service.client.get_object(
            Bucket=service.bucket, Key=full_key, **extra, **service.payer_args
        )
    except ClientError as error:
        if not is_archived(error):
            raise
        raise archived_error(service, key, full_key, extra.get("VersionId", "")) from error


def _read_body(response: Any, length: int) -> bytes:
    """Return at most `length` bytes of the response; fewer if the connection breaks."""
    data = bytearray()
    with closing(response["Body"]) as body:
        try:
            while len(data) < length:
                piece = body.read(min(_PIECE_BYTES, length - len(data)))
                if not piece:
                    break
                data += piece
        except _BROKEN:
            # The reader requests the rest, so nothing is transferred twice.
            return bytes(data)
    return bytes(data)


def _metadata(response: Any, name: str) -> str:
    # Some services return metadata names in upper case.
    metadata = {each.lower(): value for each, value in response.get("Metadata", {}).items()}
    return str(metadata.get(name, ""))


def _version_args(version: str) -> dict[str, str]:
    return {"VersionId": version} if version else {}


def _etag_args(etag: str | None) -> dict[str, str]:
    return {} if etag is None or etag.startswith(ID_PREFIX) else {"IfMatch": f'"{etag}"'}


def _check_etag(key: str, response: Any, etag: str | None) -> None:
    known = {unquoted(response["ETag"]), _metadata(response, ID_METADATA)}
    if etag is not None and etag not in known:
        raise SourceChanged(
            printable(key),
            "the object was changed after it was listed",
            "Run the same command again",
        )


def _missing_error(key: str, etag: str | None, error: KeyMissing) -> KeyMissing | SourceChanged:
    """Return the error for a missing object: SourceChanged if its ETag was known before."""
    if etag is None:
        return error
    return SourceChanged(printable(key), "the object was removed after it was listed")
