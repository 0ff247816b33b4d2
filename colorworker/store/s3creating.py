"""Objects that are created in one request, unless their key is taken: a conditional PUT."""

import io
import threading
import uuid
from collections.abc import Callable
from contextlib import closing
from typing import IO

from colorworker.errors import ColorworkerError, KeyExists, KeyMissing
from colorworker.store.objectstore import ObjectInfo
from colorworker.store.s3reading import (
    ID_METADATA,
    ID_PREFIX,
    MARK_METADATA,
    head_object,
    object_info,
)
from colorworker.store.s3service import S3Service

_CONTENT = b"Can be deleted.\n"


def create(
    service: S3Service,
    key: str,
    full_key: str,
    opened: Callable[[], IO[bytes]],
    size_bytes: int,
    mark: str,
    content_type: str,
) -> ObjectInfo | None:
    """Create an object unless the key is taken; see `ObjectStore.create`.

    Args:
        service: The bucket's service.
        key: Key in the store.
        full_key: Key in the bucket.
        opened: Opens the content; called again for every repetition.
        size_bytes: Size of the content.
        mark: ASCII text for the metadata.
        content_type: Media type.
    """
    identity = ID_PREFIX + uuid.uuid4().hex

    def send() -> None:
        with closing(opened()) as body:
            service.client.put_object(
                Bucket=service.bucket,
                Key=full_key,
                Body=body,
                IfNoneMatch="*",
                Metadata={ID_METADATA: identity, MARK_METADATA: mark},
                ContentType=content_type,
                **service.output_args,
            )

    try:
        service.call(key, send, writing=True)
    except KeyExists:
        # It may be our own: boto3 repeats a request whose response was lost.
        try:
            return object_info(key, head_object(service, key, full_key))
        except KeyMissing:
            return None
    return ObjectInfo(key, size_bytes, identity, mark=mark)


class CreateTrial:
    """Finds out whether a service honors `If-None-Match` and keeps metadata. Thread-safe."""

    def __init__(self, service: S3Service) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._succeeded: bool | None = None

    def succeeds(self, key: str, full_key: str) -> bool:
        """Return whether `create` works; tried at the first call, with an object at this key.

        Raises:
            StoreUnavailable: If the service does not answer. The next call tries again.
        """
        with self._lock:
            if self._succeeded is None:
                try:
                    self._succeeded = self._try(key, full_key)
                except ColorworkerError as error:
                    if error.retryable:
                        raise
                    self._succeeded = False
            return self._succeeded

    def _try(self, key: str, full_key: str) -> bool:
        """Create the same key twice; the second time must return the first object."""
        first, second = (
            create(
                self._service,
                key,
                full_key,
                lambda: io.BytesIO(_CONTENT),
                len(_CONTENT),
                mark,
                "text/plain",
            )
            for mark in ("first", "second")
        )
        service = self._service
        service.call(
            key,
            lambda: service.client.delete_object(
                Bucket=service.bucket, Key=full_key, **service.payer_args
            ),
            writing=True,
        )
        if first is None or second is None:
            return False
        return (second.etag, second.mark) == (first.etag, "first")
