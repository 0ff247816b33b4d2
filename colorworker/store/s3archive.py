"""Objects in classes such as Glacier: say which restore they need, or request it."""

import json
import shlex
from typing import Any

from botocore.exceptions import ClientError

from colorworker.errors import SourceArchived
from colorworker.store.keys import printable
from colorworker.store.s3service import S3Service

_UNDER_WAY = 'ongoing-request="true"'
_AGAIN = "run the same command again when it is done"
_DAYS = 7
"""Days in the command that the error shows; people may change them."""


def is_archived(error: ClientError) -> bool:
    """Return whether a read failed because the object must be restored first."""
    return bool(error.response.get("Error", {}).get("Code") == "InvalidObjectState")


def archived_error(service: S3Service, key: str, full_key: str, version: str) -> SourceArchived:
    """Return the error for an object that must be restored; request that if the options say so.

    Costs a HEAD request, and RestoreObject if it is to be sent:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_RestoreObject.html

    Args:
        service: The service.
        key: Key in the store.
        full_key: Key in the bucket.
        version: Id of the version; empty for the current one.

    Raises:
        ClientError: If the service does not answer one of the two requests.
    """
    place = {"Bucket": service.bucket, "Key": full_key}
    if version:
        place["VersionId"] = version
    head = service.client.head_object(**place, **service.payer_args)
    name = head.get("ArchiveStatus") or head.get("StorageClass") or "archive class"
    asked = _restore_request(head, service.options.restore_days or _DAYS, service)
    if _UNDER_WAY in head.get("Restore", ""):
        return _error(key, f"it is archived ({name}), and its restore is in progress")
    if service.options.restore_days is None:
        command = (
            f"aws s3api restore-object --bucket {service.bucket} --key {shlex.quote(full_key)}"
        )
        command += f" --version-id {version}" if version else ""
        return SourceArchived(
            printable(key),
            f"it is archived ({name}) and must be restored before it can be read",
            f"Restore it ({command} --restore-request '{json.dumps(asked)}'), or let jobs request"
            f" that (COLORWORKER_S3__RESTORE_DAYS={_DAYS}); {_AGAIN}",
        )
    try:
        service.client.restore_object(**place, RestoreRequest=asked, **service.payer_args)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code != "RestoreAlreadyInProgress":
            if code != "AccessDenied":
                raise
            return SourceArchived(
                printable(key),
                f"it is archived ({name}), and these credentials may not restore it",
                "Grant them s3:RestoreObject on the source",
            )
    return _error(key, f"it is archived ({name}); its restore has been requested")


def _restore_request(head: Any, days: int, service: S3Service) -> dict[str, Any]:
    request: dict[str, Any] = {"GlacierJobParameters": {"Tier": service.options.restore_tier}}
    # Restored objects of this class stay in the frequent tier; AWS refuses a number of days.
    if head.get("StorageClass") != "INTELLIGENT_TIERING":
        request["Days"] = days
    return request


def _error(key: str, seen: str) -> SourceArchived:
    return SourceArchived(printable(key), seen, f"Wait for it (up to 48 hours), {_AGAIN}")
