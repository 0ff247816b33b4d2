"""Translate errors of S3 and boto3 into errors that a person can act on.

Their messages are never passed on as a whole, because they may contain secrets.
"""

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


class _Explanation(NamedTuple):
    kind: type[ColorworkerError]
    seen: str
    next_step: str
    of_bucket: bool = False
    """The problem concerns the whole bucket; the message names the bucket."""


def _for_codes(explanation: _Explanation, *codes: str) -> dict[str, _Explanation]:
    return dict.fromkeys(codes, explanation)


_BAD_KEYS = _Explanation(
    StoreError, "the service does not know these credentials", _CREDENTIALS, True
)
# HEAD responses have no body, so their codes are numbers.
_BY_CODE: Mapping[str, _Explanation] = {
    **_for_codes(
        _Explanation(KeyMissing, "there is no such object", ""),
        "NoSuchKey",
        "NoSuchVersion",
        "NoSuchUpload",
        "404",
    ),
    **_for_codes(
        _Explanation(KeyMissing, "this version is a delete marker", ""),
        "MethodNotAllowed",
        "405",
    ),
    **_for_codes(
        _Explanation(
            StoreError, "there is no such bucket", "Check its name and the endpoint", True
        ),
        "NoSuchBucket",
    ),
    **_for_codes(
        _Explanation(
            SourceChanged,
            "the object was changed after it was listed",
            "Run the same command again",
        ),
        "PreconditionFailed",
        "412",
        "InvalidRange",
        "416",
    ),
    **_for_codes(
        _Explanation(
            SourceUnreadable,
            "the object is archived and cannot be read now",
            "Restore it (aws s3api restore-object), then run the same command again",
        ),
        "InvalidObjectState",
    ),
    **_for_codes(
        _Explanation(
            StoreError, "the credentials have expired", "Renew them and run it again", True
        ),
        "ExpiredToken",
        "ExpiredTokenException",
        "TokenRefreshRequired",
        "RequestExpired",
    ),
    **_for_codes(_BAD_KEYS, "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"),
    **_for_codes(
        _Explanation(
            StoreError,
            "the clocks of the service and this machine differ too much",
            "Set this machine's clock (NTP)",
            True,
        ),
        "RequestTimeTooSkewed",
    ),
    **_for_codes(
        _Explanation(KeyRefused, "the service refuses a key of this length", "Rename it"),
        "KeyTooLongError",
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
    """Return the error to raise for an error of botocore.

    Args:
        error: A ClientError, or another error of boto3.
        bucket: The bucket of the request.
        key: Key of the object in the store; empty for listings.
        writing: Whether it was a write request; a refusal then does not concern the source.
    """
    explanation = (
        _explain_response(error, writing)
        if isinstance(error, boto.ClientError)
        else _explain_client_error(error)
    )
    kind = explanation.kind
    if writing and kind is SourceUnreadable:
        kind = StoreError
    if writing and kind is SourceChanged:
        kind = KeyExists
    subject = f"s3://{bucket}" if explanation.of_bucket or not key else printable(key)
    return kind(subject, explanation.seen, explanation.next_step)


def service_answered(error: Exception) -> bool:
    """Return whether the error shows that the service is reachable."""
    return isinstance(error, boto.ClientError) or not isinstance(error, _AWAY)


def _explain_response(error: Any, writing: bool) -> _Explanation:
    fields = error.response.get("Error", {})
    about = error.response.get("ResponseMetadata", {})
    code, status = str(fields.get("Code", "")), about.get("HTTPStatusCode", 0)
    message = str(fields.get("Message", "")).lower()
    if code in _BUSY or status == _TRY_AGAIN or status >= _SERVER_ERRORS:
        return _Explanation(
            StoreUnavailable,
            f"the store is busy or unavailable ({code or status})",
            "Try again later",
        )
    if code.startswith("KMS.") or "kms" in message:
        return _Explanation(
            SourceUnreadable,
            f"its KMS key cannot be used ({code})",
            "Enable the key, and grant these credentials kms:Decrypt and kms:GenerateDataKey on it",
        )
    if code in _REDIRECTS:
        return _wrong_region(fields, about)
    if code in _DENIED:
        return _denied(message, writing)
    unknown = _Explanation(
        SourceUnreadable, f"the store refuses the request ({code or status})", ""
    )
    return _BY_CODE.get(code, unknown)


def _wrong_region(fields: Mapping[str, Any], about: Mapping[str, Any]) -> _Explanation:
    headers = about.get("HTTPHeaders", {})
    region = headers.get("x-amz-bucket-region") or fields.get("Region") or ""
    step = f"Set AWS_REGION={region}" if region else "Set AWS_REGION to the bucket's region"
    seen = f"the bucket is in another region{f', {region}' if region else ''}"
    return _Explanation(StoreError, seen, f"{step}, or COLORWORKER_S3__REGION", True)


def _denied(message: str, writing: bool) -> _Explanation:
    if "requester pay" in message:
        step = "Set COLORWORKER_S3__REQUEST_PAYER=true to pay for the requests"
        return _Explanation(SourceUnreadable, "the bucket is requester-pays", step, True)
    if writing:
        needed = "s3:PutObject, s3:GetObject and s3:DeleteObject on the destination"
        return _Explanation(
            StoreError, "write access is denied", f"Grant these credentials {needed}"
        )
    return _Explanation(
        SourceUnreadable,
        "access is denied",
        "Grant these credentials s3:GetObject and s3:ListBucket;"
        " if the bucket is requester-pays, set COLORWORKER_S3__REQUEST_PAYER=true",
    )


def _explain_client_error(error: Exception) -> _Explanation:
    if isinstance(error, boto.SSLError):
        return _Explanation(
            StoreError,
            "the service's certificate is not trusted",
            "Set AWS_CA_BUNDLE or COLORWORKER_S3__CA_BUNDLE to a PEM file with its authority",
            True,
        )
    if isinstance(error, _AWAY):
        host = urlsplit(str(error.kwargs.get("endpoint_url", ""))).hostname or "the service"
        return _Explanation(StoreUnavailable, f"{host} does not answer", _ENDPOINT, True)
    if isinstance(error, _BROKEN):
        return _Explanation(StoreUnavailable, "the connection to the store broke", _ENDPOINT)
    if isinstance(error, _NO_CREDENTIALS):
        seen = f"there are no credentials ({type(error).__name__})"
        return _Explanation(StoreError, seen, _CREDENTIALS, True)
    if isinstance(error, boto.ProfileNotFound):
        return _Explanation(
            StoreError, "AWS_PROFILE names a profile that does not exist", _CREDENTIALS, True
        )
    name = type(error).__name__
    return _Explanation(
        StoreError, f"boto3 cannot send the request ({name})", "Check the AWS_* variables"
    )
