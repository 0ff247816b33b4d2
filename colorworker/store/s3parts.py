"""Large files into a bucket and large objects within it, in parts; and uploads left unfinished."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from boto3.s3.transfer import TransferConfig, create_transfer_manager
from botocore.exceptions import ClientError

from colorworker.errors import KeyMissing, SourceUnreadable, StoreError
from colorworker.store.objectstore import Leftover
from colorworker.store.options import S3Options
from colorworker.store.s3service import S3Service


def upload(service: S3Service, path: Path, full_key: str, extra: dict[str, Any]) -> None:
    """Put a file, in one request or in parts; nothing appears before the last part is there."""
    config = _config(service.options.part_bytes, service.options)
    with create_transfer_manager(service.client, config) as manager:
        future = manager.upload(
            str(path), service.bucket, full_key, extra_args={**extra, **service.paid}
        )
        try:
            future.result()
        except ClientError as error:
            # A completion whose answer got lost is repeated, and finds no upload any more. The
            # caller compares what lies there with what it put.
            if error.response["Error"]["Code"] != "NoSuchUpload":
                raise


def copy(service: S3Service, full_key: str, copy_key: str, head: Any) -> str:
    """Copy the object that `head` described, metadata too; returns the copy's ETag if it is known.

    One request copies at most 5 GB and is silent for long: larger objects are copied in parts.
    """
    source = {"Bucket": service.bucket, "Key": full_key}
    if head["ContentLength"] <= service.options.copy_part_bytes:
        answer = service.client.copy_object(
            Bucket=service.bucket,
            Key=copy_key,
            CopySource=source,
            CopySourceIfMatch=head["ETag"],
            **service.paid,
        )
        return str(answer["CopyObjectResult"]["ETag"])
    extra = {
        "MetadataDirective": "REPLACE",
        "Metadata": head["Metadata"],
        "ContentType": head["ContentType"],
        **service.paid,
    }
    config = _config(service.options.copy_part_bytes, service.options)
    with create_transfer_manager(service.client, config) as manager:
        manager.copy(source, service.bucket, copy_key, extra_args=extra).result()
    return ""


def uploads(service: S3Service, prefix: str) -> Iterator[Leftover]:
    """Yield the uploads below a prefix that are neither completed nor aborted.

    Some services take no notice of the prefix, or take it for a whole key; what does not begin
    with it is left out here.

    Args:
        service: Of the bucket.
        prefix: Of full keys; the leftovers' keys come without it.

    Raises:
        StoreError: If the credentials do not allow it.
    """
    query: dict[str, str] = {"Prefix": prefix} if prefix else {}
    while True:
        request = partial(
            service.client.list_multipart_uploads, Bucket=service.bucket, **query, **service.paid
        )
        try:
            page = service.ask("", request)
        except SourceUnreadable as error:
            raise StoreError(
                error.subject,
                "its unfinished uploads cannot be listed",
                "Give these credentials s3:ListBucketMultipartUploads,"
                " s3:ListMultipartUploadParts and s3:AbortMultipartUpload",
            ) from error
        for found in page.get("Uploads", ()):
            if found["Key"].startswith(prefix):
                yield Leftover(
                    "upload",
                    found["Key"].removeprefix(prefix),
                    _size_of_parts(service, found["Key"], found["UploadId"]),
                    found["Initiated"].timestamp(),
                    found["UploadId"],
                )
        if not page.get("IsTruncated"):
            return
        query["KeyMarker"] = page["NextKeyMarker"]
        query["UploadIdMarker"] = page["NextUploadIdMarker"]


def abort(service: S3Service, full_key: str, upload_id: str) -> None:
    """Abort an upload; no error if it is gone."""
    request = partial(
        service.client.abort_multipart_upload,
        Bucket=service.bucket,
        Key=full_key,
        UploadId=upload_id,
        **service.paid,
    )
    try:
        service.ask(full_key, request, writing=True)
    except KeyMissing:
        return


def _size_of_parts(service: S3Service, full_key: str, upload_id: str) -> int:
    """Return how many bytes the parts of an upload hold so far; 0 if it has ended meanwhile."""
    query: dict[str, Any] = {}
    total = 0
    while True:
        request = partial(
            service.client.list_parts,
            Bucket=service.bucket,
            Key=full_key,
            UploadId=upload_id,
            **query,
            **service.paid,
        )
        try:
            page = service.ask(full_key, request)
        except KeyMissing:
            return total
        total += sum(int(part["Size"]) for part in page.get("Parts", ()))
        if not page.get("IsTruncated"):
            return total
        query["PartNumberMarker"] = page["NextPartNumberMarker"]


def _config(part_bytes: int, options: S3Options) -> TransferConfig:
    return TransferConfig(
        multipart_threshold=part_bytes + 1,
        multipart_chunksize=part_bytes,
        max_concurrency=options.transfer_threads,
        # Where awscrt is installed the other client may be chosen, which ignores endpoint_url:
        # https://github.com/boto/boto3/issues/4839
        preferred_transfer_client="classic",
    )
