"""A boto3 client with our options, and requests that wait for the end of an outage."""

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ResponseStreamingError
from s3transfer.exceptions import S3CopyFailedError

from colorworker import __version__
from colorworker.errors import UsageError
from colorworker.store.blockcache import BlockCache
from colorworker.store.options import S3Options
from colorworker.store.requests import count_request
from colorworker.store.s3errors import explain, service_answered

T = TypeVar("T")

_CONNECTIONS = 32
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5.0


class S3Service:
    """The client of one bucket. Thread-safe."""

    def __init__(self, bucket: str, options: S3Options) -> None:
        self.bucket = bucket
        self.options = options
        self.client = make_client(bucket, options)
        self.payer_args = {"RequestPayer": "requester"} if options.request_payer else {}
        """Argument of every request that accepts the costs, if the options do."""
        self.write_args = self.payer_args | _encryption(options)
        """Arguments of every request that writes an object."""
        self.output_args = self.write_args | _placement(options)
        """Arguments of requests that write an output."""
        replaces_tags = {"TaggingDirective": "REPLACE"} if options.tags else {}
        self.publish_args = self.output_args | replaces_tags
        """Arguments of the copy that publishes an output."""
        self.block_cache = BlockCache(options.cache_bytes)
        self._has_answered = False

    def call(self, key: str, request: Callable[[], T], *, writing: bool = False) -> T:
        """Return what `request` returns; retry it during an outage of the service.

        A service that has never answered is not retried, because its address is probably wrong.

        Raises:
            ColorworkerError: The error of the service or boto3; see `s3errors.explain`.
        """
        end = 0.0
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                response = request()
            except (ClientError, BotoCoreError, S3CopyFailedError) as error:
                self._has_answered = self._has_answered or service_answered(error)
                translated = explain(error, bucket=self.bucket, key=key, writing=writing)
                end = end or time.monotonic() + self.options.outage_seconds
                is_late = time.monotonic() + pause > end
                if is_late or not translated.retryable or not self._has_answered:
                    raise translated from error
            else:
                self._has_answered = True
                return response
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def make_client(bucket: str, options: S3Options) -> Any:
    """Return a client with its own session, because boto3's default session is not thread-safe.

    Raises:
        UsageError: If the options, or boto3's environment variables and files, are not valid.
    """
    if options.endpoint_url and "@" in urlsplit(options.endpoint_url).netloc:
        raise UsageError(
            "COLORWORKER_S3__ENDPOINT_URL",
            "it contains a user name or password",
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a profile",
        )
    # At level DEBUG these log headers, including session tokens.
    for name in ("boto3", "botocore", "s3transfer"):
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.getEffectiveLevel(), logging.INFO))
    try:
        client = boto3.Session(region_name=options.region).client(
            "s3",
            endpoint_url=options.endpoint_url,
            verify=options.ca_bundle,
            config=_config(options),
        )
    except BotoCoreError as error:
        translated = explain(error, bucket=bucket)
        raise UsageError(translated.subject, translated.seen, translated.next_step) from error
    except ValueError as error:  # an endpoint that is no URL
        raise UsageError(
            f"s3://{bucket}",
            f"no client can be created ({error})",
            "Check AWS_ENDPOINT_URL or COLORWORKER_S3__ENDPOINT_URL",
        ) from error
    client.meta.events.register("before-parse.s3", _refuse_truncated_response)
    client.meta.events.register("before-send.s3", _count_request)
    return client


def resolve_endpoint(bucket: str, options: S3Options) -> tuple[str | None, str | None]:
    """Return (endpoint URL, region) as boto3 finds them in options, variables and profiles.

    For clients of other libraries, which do not look in all of these places. The URL is None for
    AWS.

    Raises:
        UsageError: Like `make_client`.
    """
    client = make_client(bucket, options)
    try:
        host = urlsplit(client.meta.endpoint_url).hostname or ""
        is_amazon = host.endswith((".amazonaws.com", ".amazonaws.com.cn"))
        return None if is_amazon else client.meta.endpoint_url, client.meta.region_name
    finally:
        client.close()


def _refuse_truncated_response(operation_model: Any, response_dict: Any, **_: Any) -> None:
    """Refuse a body that is shorter than its header says; botocore accepts an empty one.

    A listing would then end early without an error.
    """
    if operation_model.has_streaming_output or operation_model.http["method"] == "HEAD":
        return
    headers, body = response_dict["headers"], response_dict["body"]
    promised = headers.get("Content-Length")
    if promised and not headers.get("Content-Encoding") and len(body) < int(promised):
        raise ResponseStreamingError(error=f"{len(body)} of {promised} bytes came")


def _count_request(event_name: str, **_: Any) -> None:
    # before-send.s3.GetObject; also sent for every repetition.
    count_request(event_name.rpartition(".")[2])


def _encryption(options: S3Options) -> dict[str, str]:
    arguments = {"ServerSideEncryption": options.encryption, "SSEKMSKeyId": options.kms_key}
    return {name: value for name, value in arguments.items() if value}


def _placement(options: S3Options) -> dict[str, str]:
    arguments = {"Tagging": options.tags, "StorageClass": options.storage_class}
    return {name: value for name, value in arguments.items() if value}


def _config(options: S3Options) -> Config:
    retries = {"mode": options.retry_mode, "total_max_attempts": options.attempts}
    chosen: dict[str, Any] = {
        "s3": {"addressing_style": options.addressing_style} if options.addressing_style else None,
        "retries": {name: value for name, value in retries.items() if value} or None,
        "request_checksum_calculation": options.checksums,
        "response_checksum_validation": options.checksums,
    }
    return Config(
        # With a custom endpoint, botocore may fall back to version 2, which many services refuse.
        signature_version="s3v4",
        connect_timeout=options.connect_seconds,
        read_timeout=options.read_seconds,
        max_pool_connections=_CONNECTIONS,
        user_agent_extra=f"colorworker/{__version__}",
        **{name: value for name, value in chosen.items() if value},
    )
