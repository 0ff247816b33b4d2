"""What S3 and boto3 say, as errors a person can act on. No message of theirs is passed on whole."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from botocore import exceptions as boto

from colorworker.errors import (
    ColorworkerError,
    KeyExists,
    KeyMissing,
    KeyRefused,
    SourceChanged,
    SourceUnreadable,
    StoreError,
    StoreUnavailable,
)
from colorworker.store.keys import printable

_CREDENTIALS = (
    "Check AWS_PROFILE, or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN,"
    " on every machine of the job"
)
_ENDPOINT = "Check the network, and AWS_ENDPOINT_URL or COLORWORKER_S3__ENDPOINT_URL"


class _Said(NamedTuple):
    kind: type[ColorworkerError]
    seen: str
    next_step: str
    of_bucket: bool = False
    """The trouble is not this key's: the bucket is named."""


def _codes(said: _Said, *codes: str) -> dict[str, _Said]:
    return dict.fromkeys(codes, said)


_BAD_KEYS = _Said(StoreError, "the service does not know these credentials", _CREDENTIALS, True)
# HEAD answers have no body, and so only numbers for codes.
_BY_CODE: Mapping[str, _Said] = {
    **_codes(
        _Said(KeyMissing, "there is no such object", ""),
        "NoSuchKey",
        "NoSuchVersion",
        "NoSuchUpload",
        "404",
    ),
    **_codes(
        _Said(KeyMissing, "this version only says that the object was deleted", ""),
        "MethodNotAllowed",
        "405",
    ),
    **_codes(
        _Said(StoreError, "there is no such bucket", "Check its name and the endpoint", True),
        "NoSuchBucket",
    ),
    **_codes(
        _Said(
            SourceChanged,
            "the object was changed after it was listed",
            "Run the same command again",
        ),
        "PreconditionFailed",
        "412",
        "InvalidRange",
        "416",
    ),
    **_codes(
        _Said(
            SourceUnreadable,
            "the object is archived and cannot be read now",
            "Restore it (aws s3api restore-object), then run the same command again",
        ),
        "InvalidObjectState",
    ),
    **_codes(
        _Said(StoreError, "the credentials have expired", "Renew them and run it again", True),
        "ExpiredToken",
        "ExpiredTokenException",
        "TokenRefreshRequired",
        "RequestExpired",
    ),
    **_codes(_BAD_KEYS, "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"),
    **_codes(
        _Said(
            StoreError,
            "the service's clock and this machine's differ too much",
            "Set this machine's clock (NTP)",
            True,
        ),
        "RequestTimeTooSkewed",
    ),
    **_codes(
        _Said(KeyRefused, "the service refuses a key as long", "Rename it"), "KeyTooLongError"
    ),
}
_REDIRECTS = {
    "PermanentRedirect",
    "301",
    "307",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
}
_DENIED = {"AccessDenied", "AllAccessDisabled", "AccountProblem", "403"}
_BUSY = {
    "SlowDown",
    "RequestTimeout",
    "RequestTimeoutException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "TooManyRequestsException",
    "ConditionalRequestConflict",
    "OperationAborted",
}
_TRY_AGAIN = 429
_SERVER_ERRORS = 500

_BROKEN = (boto.HTTPClientError, boto.IncompleteReadError, boto.FlexibleChecksumError)
_AWAY = (boto.ConnectionError, boto.ConnectTimeoutError)
_NO_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.TokenRetrievalError,
    boto.NoAuthTokenError,
    boto.SSOError,
    boto.LoginError,
)


def explain(
    error: Exception, *, bucket: str, key: str = "", writing: bool = False
) -> ColorworkerError:
    """Return the error to raise for one of botocore's.

    Args:
        error: A ClientError, or one of boto3's own.
        bucket: The bucket that was spoken to.
        key: The object's key as the job knows it; empty for listings.
        writing: Whether the request would have changed something; then a refusal is not the
            source's fault.
    """
    said = _of_service(error, writing) if isinstance(error, boto.ClientError) else _of_client(error)
    kind = said.kind
    if writing and kind is SourceUnreadable:
        kind = StoreError
    if writing and kind is SourceChanged:
        kind = KeyExists
    subject = f"s3://{bucket}" if said.of_bucket or not key else printable(key)
    return kind(subject, said.seen, said.next_step)


def is_answer(error: Exception) -> bool:
    """Return whether the service was there to say it."""
    return isinstance(error, boto.ClientError) or not isinstance(error, _AWAY)


def _of_service(error: Any, writing: bool) -> _Said:
    fields = error.response.get("Error", {})
    about = error.response.get("ResponseMetadata", {})
    code, status = str(fields.get("Code", "")), about.get("HTTPStatusCode", 0)
    message = str(fields.get("Message", "")).lower()
    if code in _BUSY or status == _TRY_AGAIN or status >= _SERVER_ERRORS:
        return _Said(
            StoreUnavailable, f"the store cannot do it now ({code or status})", "Try again later"
        )
    if code.startswith("KMS.") or "kms" in message:
        return _Said(
            SourceUnreadable,
            f"the KMS key it is encrypted with cannot be used ({code})",
            "Enable the key, and give these credentials kms:Decrypt and kms:GenerateDataKey on it",
        )
    if code in _REDIRECTS:
        return _wrong_region(fields, about)
    if code in _DENIED:
        return _denied(message, writing)
    unknown = _Said(SourceUnreadable, f"the store refuses it ({code or status})", "")
    return _BY_CODE.get(code, unknown)


def _wrong_region(fields: Mapping[str, Any], about: Mapping[str, Any]) -> _Said:
    headers = about.get("HTTPHeaders", {})
    region = headers.get("x-amz-bucket-region") or fields.get("Region") or ""
    step = f"Set AWS_REGION={region}" if region else "Set AWS_REGION to the bucket's"
    seen = f"the bucket lies in another region{f', {region}' if region else ''}"
    return _Said(StoreError, seen, f"{step}, or COLORWORKER_S3__REGION", True)


def _denied(message: str, writing: bool) -> _Said:
    if "requester pay" in message:
        step = "Set COLORWORKER_S3__REQUEST_PAYER=true to pay for the requests"
        return _Said(SourceUnreadable, "the bucket is requester-pays", step, True)
    if writing:
        needed = "s3:PutObject, s3:GetObject and s3:DeleteObject on the destination"
        return _Said(StoreError, "writing it is denied", f"Give these credentials {needed}")
    return _Said(
        SourceUnreadable,
        "access is denied",
        "Give these credentials s3:GetObject and s3:ListBucket;"
        " if the bucket is requester-pays, set COLORWORKER_S3__REQUEST_PAYER=true",
    )


def _of_client(error: Exception) -> _Said:
    if isinstance(error, boto.SSLError):
        return _Said(
            StoreError,
            "the service's certificate is not trusted here",
            "Set AWS_CA_BUNDLE or COLORWORKER_S3__CA_BUNDLE to the authorities' PEM file",
            True,
        )
    if isinstance(error, _AWAY):
        host = urlsplit(str(error.kwargs.get("endpoint_url", ""))).hostname or "the service"
        return _Said(StoreUnavailable, f"{host} does not answer", _ENDPOINT, True)
    if isinstance(error, _BROKEN):
        return _Said(StoreUnavailable, "the connection to the store broke off", _ENDPOINT)
    if isinstance(error, _NO_CREDENTIALS):
        seen = f"there are no credentials to reach it with ({type(error).__name__})"
        return _Said(StoreError, seen, _CREDENTIALS, True)
    if isinstance(error, boto.ProfileNotFound):
        return _Said(StoreError, "AWS_PROFILE names no profile of this machine", _CREDENTIALS, True)
    name = type(error).__name__
    return _Said(StoreError, f"boto3 cannot make the request ({name})", "Check AWS_* variables")
