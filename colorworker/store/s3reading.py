"""Reads from a bucket that insist on one version of an object.

An object has two names that reads accept as its ETag: S3's ETag and, where `put_file` wrote it, an
id in its metadata. Copies keep the id, while S3's ETag changes when an object is copied that came
in parts, or that KMS encrypts.
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
from colorworker.store.s3service import S3Service

ID = "colorworker-id"
"""Name of the id among an object's metadata."""
ID_START = "put-"
"""How ids begin, and no ETag of S3 does."""

_PIECE_BYTES = 256 << 10
_BROKEN = (HTTPClientError, IncompleteReadError, FlexibleChecksumError)
_EMPTY = {"InvalidRange", "416"}


def info_of(key: str, answer: Any) -> ObjectInfo:
    """Return what the answer to a HEAD says of an object: under its id, if it has one."""
    etag = _id(answer) or bare(answer["ETag"])
    modified_at = answer["LastModified"].timestamp()
    return ObjectInfo(key, answer["ContentLength"], etag, modified_at=modified_at)


def bare(etag: str) -> str:
    """Return an ETag without its quotes."""
    return etag.strip('"')


def read_head(service: S3Service, key: str, full_key: str, version: str = "") -> Any:
    """Return the answer to a HEAD, of the last version if none is named.

    Raises:
        KeyMissing: If there is no such object.
    """
    return service.ask(
        key,
        lambda: service.client.head_object(
            Bucket=service.bucket, Key=full_key, **_version(version), **service.paid
        ),
    )


def list_page(service: S3Service, query: dict[str, str]) -> Any:
    """Return one answer of a listing, which is known to be whole."""

    def request() -> Any:
        page = service.client.list_objects_v2(Bucket=service.bucket, **query, **service.paid)
        if "IsTruncated" not in page:
            raise ResponseStreamingError(error="a listing does not say whether it is whole")
        return page

    return service.ask("", request)


def read_all(service: S3Service, key: str, full_key: str, etag: str | None) -> bytes:
    """Return all bytes; what breaks off is asked for again.

    Raises:
        SourceChanged: If the object is not the one with that ETag any more.
    """

    def request() -> tuple[Any, bytes]:
        answer = _get(service, full_key, **_matching(etag))
        with closing(answer["Body"]) as body:
            return answer, body.read()

    try:
        answer, data = service.ask(key, request)
    except KeyMissing as error:
        raise _missing(key, etag, error) from error
    _insist(key, answer, etag)
    return data


def open_reader(
    service: S3Service, key: str, full_key: str, etag: str | None, version: str = ""
) -> BlockReader:
    """Return a reader of blocks, each of them asked for by ETag and version.

    The first block is read here: its answer says what a HEAD would.

    Raises:
        SourceChanged: If the object is not the one with that ETag any more.
    """
    length = service.options.block_bytes
    pins = {**_matching(etag), **_version(version)}

    def request() -> tuple[Any, bytes]:
        try:
            answer = _get(service, full_key, Range=f"bytes=0-{length - 1}", **pins)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _EMPTY:
                raise
            return read_head(service, key, full_key, version), b""
        return answer, _body(answer, length)

    try:
        answer, first = service.ask(key, request)
    except KeyMissing as error:
        raise _missing(key, etag, error) from error
    _insist(key, answer, etag)
    seen = (full_key, answer["ETag"], answer.get("VersionId"))
    total = answer.get("ContentRange", "").rpartition("/")[2] or answer["ContentLength"]
    return BlockReader(
        _Version(service, key, full_key, answer, version).read_range,
        int(total),
        name=printable(key),
        first=first,
        known=service.memory.recall(seen),
        keep=partial(service.memory.keep, seen),
        block_bytes=length,
        cache_bytes=service.options.cache_bytes,
    )


class _Version:
    """One version of an object, to read ranges from."""

    def __init__(
        self, service: S3Service, key: str, full_key: str, answer: Any, asked: str
    ) -> None:
        self._service = service
        self._key = key
        self._full_key = full_key
        self._pins = {"IfMatch": answer["ETag"]}
        self._asked = asked
        if version := answer.get("VersionId") or asked:
            self._pins["VersionId"] = version

    def read_range(self, offset: int, length: int) -> bytes:
        """Return the bytes that came before the connection broke, if it did."""

        def request() -> bytes:
            answer = _get(
                self._service,
                self._full_key,
                Range=f"bytes={offset}-{offset + length - 1}",
                **self._pins,
            )
            if not answer.get("ContentRange", "").startswith(f"bytes {offset}-"):
                raise StoreError(self._key, "the service does not serve ranges of objects")
            return _body(answer, length)

        try:
            return self._service.ask(self._key, request)
        except KeyMissing as error:
            raise _missing(self._key, self._pins["IfMatch"], error) from error
        except SourceUnreadable:
            # To name a version needs s3:GetObjectVersion. Without it the ETag alone has to do, but
            # not where it was asked for that version.
            if self._asked or self._pins.pop("VersionId", None) is None:
                raise
            return self.read_range(offset, length)


def _get(service: S3Service, full_key: str, **extra: str) -> Any:
    return service.client.get_object(Bucket=service.bucket, Key=full_key, **extra, **service.paid)


def _body(answer: Any, length: int) -> bytes:
    """Return at most `length` bytes of the answer; fewer if it breaks off."""
    data = bytearray()
    with closing(answer["Body"]) as body:
        try:
            while len(data) < length:
                piece = body.read(min(_PIECE_BYTES, length - len(data)))
                if not piece:
                    break
                data += piece
        except _BROKEN:
            # The reader goes on from here, so what came is not asked for twice.
            return bytes(data)
    return bytes(data)


def _id(answer: Any) -> str:
    # Some services write the names of metadata in capitals.
    metadata = {name.lower(): value for name, value in answer.get("Metadata", {}).items()}
    return str(metadata.get(ID, ""))


def _version(version: str) -> dict[str, str]:
    return {"VersionId": version} if version else {}


def _matching(etag: str | None) -> dict[str, str]:
    return {} if etag is None or etag.startswith(ID_START) else {"IfMatch": f'"{etag}"'}


def _insist(key: str, answer: Any, etag: str | None) -> None:
    if etag is not None and etag not in {bare(answer["ETag"]), _id(answer)}:
        raise SourceChanged(
            printable(key),
            "the object was changed after it was listed",
            "Run the same command again",
        )


def _missing(key: str, etag: str | None, error: KeyMissing) -> KeyMissing | SourceChanged:
    """Return the error for an object that is not there: known before, it has been removed."""
    if etag is None:
        return error
    return SourceChanged(printable(key), "the object was removed after it was listed")
