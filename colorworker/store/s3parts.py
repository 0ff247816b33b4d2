"""Multipart uploads and copies, and unfinished uploads."""

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
    """Upload a file, in parts if it is large; the object appears when it is complete."""
    config = _config(service.options.part_bytes, service.options)
    with create_transfer_manager(service.client, config) as manager:
        future = manager.upload(
            str(path), service.bucket, full_key, extra_args={**extra, **service.write_args}
        )
        try:
            future.result()
        except ClientError as error:
            # If the response to the completion is lost, the repeated request finds no upload. The
            # caller compares the object with the file.
            if error.response["Error"]["Code"] != "NoSuchUpload":
                raise


def copy(service: S3Service, full_key: str, copy_key: str, head: Any) -> str:
    """Publish a copy of an object, with its metadata, on the server.

    Returns its ETag, "" if unknown. The copy has the storage class and the tags of outputs.

    A single request copies at most 5 GB and sends no data for a long time, so larger objects are
    copied in parts.

    Args:
        service: The bucket's service.
        full_key: Key of the object in the bucket.
        copy_key: Key of the copy in the bucket.
        head: The HEAD response of the object.
    """
    source = {"Bucket": service.bucket, "Key": full_key}
    if head["ContentLength"] <= service.options.copy_part_bytes:
        response = service.client.copy_object(
            Bucket=service.bucket,
            Key=copy_key,
            CopySource=source,
            CopySourceIfMatch=head["ETag"],
            **service.publish_args,
        )
        return str(response["CopyObjectResult"]["ETag"])
    extra = {
        "MetadataDirective": "REPLACE",
        "Metadata": head["Metadata"],
        "ContentType": head["ContentType"],
        **service.publish_args,
    }
    config = _config(service.options.copy_part_bytes, service.options)
    with create_transfer_manager(service.client, config) as manager:
        manager.copy(source, service.bucket, copy_key, extra_args=extra).result()
    return ""


def copy_small(service: S3Service, full_key: str, copy_key: str) -> None:
    """Publish a copy of an object that has just been put and that one request can copy."""
    service.client.copy_object(
        Bucket=service.bucket,
        Key=copy_key,
        CopySource={"Bucket": service.bucket, "Key": full_key},
        **service.publish_args,
    )


def uploads(service: S3Service, prefix: str) -> Iterator[Leftover]:
    """Yield the uploads below a prefix that are neither completed nor aborted.

    Some services ignore the prefix, or take it for a whole key. Uploads outside the prefix are
    skipped here.

    Args:
        service: The bucket's service.
        prefix: Prefix in the bucket; keys of leftovers are relative to it.

    Raises:
        StoreError: If the credentials do not permit it.
    """
    query: dict[str, str] = {"Prefix": prefix} if prefix else {}
    while True:
        request = partial(
            service.client.list_multipart_uploads,
            Bucket=service.bucket,
            **query,
            **service.payer_args,
        )
        try:
            page = service.call("", request)
        except SourceUnreadable as error:
            raise StoreError(
                error.subject,
                "its unfinished uploads cannot be listed",
                "Grant these credentials s3:ListBucketMultipartUploads,"
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
    """Abort an upload; no error if it does not exist."""
    request = partial(
        service.client.abort_multipart_upload,
        Bucket=service.bucket,
        Key=full_key,
        UploadId=upload_id,
        **service.payer_args,
    )
    try:
        service.call(full_key, request, writing=True)
    except KeyMissing:
        return


def _size_of_parts(service: S3Service, full_key: str, upload_id: str) -> int:
    """Return the size of an upload's parts so far; 0 if it has ended meanwhile."""
    query: dict[str, Any] = {}
    total = 0
    while True:
        request = partial(
            service.client.list_parts,
            Bucket=service.bucket,
            Key=full_key,
            UploadId=upload_id,
            **query,
            **service.payer_args,
        )
        try:
            page = service.call(full_key, request)
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
        # If awscrt is installed, boto3 may choose its client, which ignores endpoint_url:
        # https://github.com/boto/boto3/issues/4839
        preferred_transfer_client="classic",
    )
