"""Errors of the service become messages with a next step and never contain a secret."""

import socket
import subprocess
import time

import pytest

from colorworker.errors import (
    ColorworkerError,
    KeyExists,
    SourceArchived,
    SourceChanged,
    SourceUnreadable,
    StoreError,
    StoreUnavailable,
    UsageError,
)
from colorworker.store.openstore import open_store
from colorworker.store.options import S3Options, StoreOptions
from tests import s3server
from tests.faultproxy import Fault, proxy

pytestmark = pytest.mark.integration

QUICK = S3Options(outage_seconds=0.5, attempts=1, connect_seconds=2)


@pytest.fixture
def bucket(s3):
    name = s3.make_bucket()
    s3.client.put_object(Bucket=name, Key="film.mp4", Body=b"film")
    return name


@pytest.fixture
def store(bucket):
    return open_quick(bucket)


def open_quick(bucket, **changes):
    return open_store(f"s3://{bucket}", StoreOptions(s3=S3Options(**{**vars(QUICK), **changes})))


def secrets_in(text):
    return [
        word
        for word in (s3server.ACCESS_KEY, s3server.SECRET_KEY, s3server.READER_SECRET, "Signature")
        if word in text
    ]


ANSWERS = {
    "key disabled": (400, "KMS.DisabledException", "", SourceUnreadable, "kms:Decrypt"),
    "key denied": (403, "AccessDenied", "no kms:Decrypt", SourceUnreadable, "kms:Decrypt"),
    "denied": (403, "AccessDenied", "Access Denied", SourceUnreadable, "s3:GetObject"),
    "payer": (403, "AccessDenied", "Access Denied", SourceUnreadable, "S3__REQUEST_PAYER=true"),
    "expired": (400, "ExpiredToken", "", StoreError, "have expired"),
    "clock": (403, "RequestTimeTooSkewed", "", StoreError, "clock"),
    "no bucket": (404, "NoSuchBucket", "", StoreError, "no such bucket"),
    "shorter now": (416, "InvalidRange", "", SourceChanged, "was changed"),
    "busy": (503, "SlowDown", "", StoreUnavailable, "SlowDown"),
    "broken": (500, "InternalError", "", StoreUnavailable, "InternalError"),
    "unheard of": (400, "TotallyNew", "", SourceUnreadable, "TotallyNew"),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_an_error_response_becomes_a_message(s3, bucket, monkeypatch, answer):
    status, code, message, kind, words = answer
    fault = Fault(status=status, code=code, message=message)
    with proxy(s3.url, lambda _: fault) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.url)
        with pytest.raises(kind) as said:
            open_quick(bucket).get("film.mp4")

    assert type(said.value) is kind
    assert words in str(said.value)
    assert said.value.subject in {"film.mp4", f"s3://{bucket}"}


class Archived:
    """Answers like AWS for an archived object, as documented; SeaweedFS has no such classes."""

    def __init__(self, *headers, restore=(202, "")):
        self.headers, self.restore, self.asked = headers, restore, []

    def __call__(self, seen):
        if seen.method == "GET":
            return Fault(status=403, code="InvalidObjectState")
        if seen.method == "HEAD":
            when = ("Last-Modified", "Sun, 29 Nov 2026 10:00:00 GMT")
            return Fault(status=200, headers=(*self.headers, when, ("ETag", '"1"')))
        self.asked.append((seen.method, seen.path, seen.data.decode()))
        return Fault(status=self.restore[0], code=self.restore[1])


DEEP = ("x-amz-storage-class", "DEEP_ARCHIVE")
TIERING = ("x-amz-storage-class", "INTELLIGENT_TIERING")
UNDER_WAY = ("x-amz-restore", 'ongoing-request="true"')


@pytest.mark.parametrize(
    ("answers", "options", "words", "asked"),
    [
        (Archived(DEEP), {}, [
            "it is archived (DEEP_ARCHIVE) and must be restored",
            "aws s3api restore-object --bucket", "--key 'reel 1.mkv' --restore-request",
            """'{"GlacierJobParameters": {"Tier": "Bulk"}, "Days": 7}'""",
        ], ""),
        (Archived(TIERING, ("x-amz-archive-status", "DEEP_ARCHIVE_ACCESS")), {}, [
            "(DEEP_ARCHIVE_ACCESS)", """'{"GlacierJobParameters": {"Tier": "Bulk"}}'""",
        ], ""),
        (Archived(DEEP, UNDER_WAY), {}, ["its restore is in progress"], ""),
        (Archived(DEEP), {"restore_days": 3, "restore_tier": "Standard"},
         ["its restore has been requested", "run the same command again"],
         "<Days>3</Days>"),
        (Archived(TIERING), {"restore_days": 3}, ["has been requested"], "<Tier>Bulk</Tier>"),
        (Archived(DEEP, UNDER_WAY), {"restore_days": 3}, ["in progress"], ""),
        (Archived(DEEP, restore=(409, "RestoreAlreadyInProgress")), {"restore_days": 3},
         ["has been requested"], "<Days>3</Days>"),
        (Archived(DEEP, restore=(403, "AccessDenied")), {"restore_days": 3},
         ["may not restore it", "s3:RestoreObject"], "<Days>3</Days>"),
    ],
)  # fmt: skip
def test_an_archived_object_is_named_with_its_restore(
    s3, bucket, monkeypatch, answers, options, words, asked
):
    answers.asked.clear()
    with proxy(s3.url, answers) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.url)
        quick = S3Options(**{**vars(QUICK), **options})
        store = open_store(f"s3://{bucket}", StoreOptions(quick, may_restore=True))
        with pytest.raises(SourceArchived) as said:
            store.open("reel 1.mkv")

    assert said.value.subject == "reel 1.mkv"
    assert not said.value.retryable
    assert all(word in str(said.value) for word in words)
    assert len(answers.asked) == bool(asked)
    if asked:
        ((method, path, body),) = answers.asked
        assert (method, path) == ("POST", f"/{bucket}/reel%201.mkv?restore")
        assert asked in body
        assert ("<Days>" in body) == (TIERING not in answers.headers)


def test_only_the_workers_of_a_job_request_restores(s3, bucket, monkeypatch):
    answers = Archived(DEEP)
    with proxy(s3.url, answers) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.url)
        with pytest.raises(SourceArchived, match="must be restored"):
            open_quick(bucket, restore_days=3).get("film.mp4")

    assert answers.asked == []


def test_the_error_for_another_region_names_it(s3, bucket, monkeypatch):
    fault = Fault(
        status=301, code="PermanentRedirect", headers=(("x-amz-bucket-region", "eu-central-1"),)
    )
    with proxy(s3.url, lambda _: fault) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.url)
        with pytest.raises(StoreError, match="AWS_REGION=eu-central-1"):
            open_quick(bucket).get("film.mp4")


def test_request_payer_is_sent_with_every_request(s3, bucket, tmp_path, monkeypatch):
    headers = []

    def choose(seen):
        headers.append({name.lower(): value for name, value in seen.headers.items()})
        return Fault()

    (tmp_path / "file").write_bytes(b"film")
    with proxy(s3.url, choose) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.url)
        store = open_quick(bucket, request_payer=True)
        store.put("a", b"a")
        store.put_file("b", tmp_path / "file")
        store.publish("b", "c")
        store.open("c").close()
        store.get("c")
        list(store.list())

    assert len(headers) >= 8
    assert all(each["x-amz-request-payer"] == "requester" for each in headers)


def test_everything_written_is_encrypted_as_the_settings_say(s3, bucket, tmp_path, monkeypatch):
    sent = []

    def choose(seen):
        headers = {name.lower(): value for name, value in seen.headers.items()}
        sent.append((seen.method, headers))
        return Fault(status=501, code="NotImplemented")

    (tmp_path / "file").write_bytes(b"film")
    options = {"encryption": "aws:kms", "kms_key": "key-1"}
    with proxy(s3.url, choose) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.url)
        store = open_quick(bucket, **options)
        for write in (lambda: store.put("a", b"a"), lambda: store.put_file("b", tmp_path / "file")):
            with pytest.raises(ColorworkerError):
                write()
        with pytest.raises(ColorworkerError):
            store.get("a")

    encrypted = [
        method
        for method, headers in sent
        if headers.get("x-amz-server-side-encryption") == "aws:kms"
        and headers["x-amz-server-side-encryption-aws-kms-key-id"] == "key-1"
    ]
    assert set(encrypted) == {"PUT"}
    assert "GET" in {method for method, _ in sent}


@pytest.mark.parametrize("copy_part_bytes", [5 << 30, 5 << 20])
def test_outputs_have_their_storage_class_and_tags(bucket, tmp_path, copy_part_bytes):
    (tmp_path / "file").write_bytes(bytes(6 << 20))
    store = open_quick(
        bucket,
        storage_class="STANDARD_IA",
        tags="project=restoration&year=1927",
        copy_part_bytes=copy_part_bytes,
    )

    store.put_file("attempt", tmp_path / "file")
    state = store._service.client.head_object(Bucket=bucket, Key="attempt")
    store.publish("attempt", "output.mkv")

    client = store._service.client
    output = client.head_object(Bucket=bucket, Key="output.mkv")
    tags = client.get_object_tagging(Bucket=bucket, Key="output.mkv")["TagSet"]
    assert state.get("StorageClass", "STANDARD") == "STANDARD"
    assert output["StorageClass"] == "STANDARD_IA"
    assert {each["Key"]: each["Value"] for each in tags} == {
        "project": "restoration",
        "year": "1927",
    }
    assert store.head("output.mkv").size_bytes == 6 << 20


def test_writing_with_read_only_credentials_is_denied(bucket, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3server.READER_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3server.READER_SECRET)
    store = open_quick(bucket)

    assert store.get("film.mp4") == b"film"
    for write in (lambda: store.put("key", b""), lambda: store.delete("film.mp4")):
        with pytest.raises(StoreError, match="write access is denied") as said:
            write()
        assert not said.value.retryable


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_wrong_credentials_are_reported_without_showing_them(bucket, monkeypatch, name):
    monkeypatch.setenv(name, "WRONG0SECRET")
    store = open_quick(bucket)

    for request in (lambda: store.get("film.mp4"), lambda: list(store.list())):
        with pytest.raises(StoreError, match="does not know these credentials") as said:
            request()
        assert "WRONG0SECRET" not in str(said.value)
        assert not secrets_in(repr(said.value))


def test_missing_credentials_are_reported(bucket, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(StoreError, match="AWS_ACCESS_KEY_ID"):
        open_quick(bucket).get("film.mp4")


def test_the_error_names_a_missing_bucket(store, s3):
    with pytest.raises(StoreError, match="s3://no-such-bucket: there is no such bucket"):
        list(open_quick("no-such-bucket").list())
    with pytest.raises(StoreError, match="no such bucket"):
        open_quick("no-such-bucket").put("key", b"", create_only=True)


def test_a_missing_profile_is_a_usage_error(s3, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "nobody")

    with pytest.raises(UsageError, match="AWS_PROFILE"):
        open_quick("archive")


def test_credentials_in_a_url_are_refused_without_showing_them(s3):
    with pytest.raises(UsageError) as said:
        open_quick("archive", endpoint_url="http://name:hunter2@127.0.0.1:1")
    assert "hunter2" not in str(said.value)
    with pytest.raises(UsageError) as said:
        open_store("s3://name:hunter2@archive/reels")
    assert "hunter2" not in str(said.value)


def test_a_service_that_never_answered_is_not_retried(s3, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")
        store = open_quick("archive", outage_seconds=60)
        start = time.monotonic()

        with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1 does not answer.*ENDPOINT_URL"):
            store.get("film.mp4")

    assert time.monotonic() - start < 10


def test_requests_wait_for_the_end_of_an_outage(s3, bucket, monkeypatch):
    with proxy(s3.url) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.url)
        store = open_quick(bucket, outage_seconds=30)
        store.get("film.mp4")

        with between.refusing_for(2):
            info = store.put("key", b"content", create_only=True)

    assert store_content(s3, bucket, "key") == b"content"
    assert info.size_bytes == 7


def test_a_long_outage_is_a_retryable_error(s3, bucket, monkeypatch):
    with proxy(s3.url) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.url)
        store = open_quick(bucket, outage_seconds=1)
        store.get("film.mp4")
        between.stop()

        with pytest.raises(StoreUnavailable) as said:
            store.get("film.mp4")

    assert said.value.retryable


def test_a_create_only_put_with_a_lost_response_raises_key_exists(s3, bucket, monkeypatch):
    with proxy(s3.url, lambda seen: Fault(lose_answer=seen.number == 1)) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.url)
        with pytest.raises(KeyExists):
            open_quick(bucket, attempts=3).put("key", b"ours", create_only=True)

    assert store_content(s3, bucket, "key") == b"ours"


def store_content(s3, bucket, key):
    return s3.client.get_object(Bucket=bucket, Key=key)["Body"].read()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate authority that is not trusted by default."""
    folder = tmp_path_factory.mktemp("authority")
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-keyout", folder / "key.pem", "-out", folder / "ca.pem", "-subj", "/CN=127.0.0.1",
            "-addext", "subjectAltName=IP:127.0.0.1",
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def secure_server(authority, tmp_path_factory):
    server = s3server.start_server(tmp_path_factory.mktemp("tls"), certificates=authority)
    yield server
    server.stop()


@pytest.mark.parametrize("checksums", [None, "when_required"])
def test_the_ca_bundle_setting_is_used_for_tls(s3, secure_server, authority, tmp_path, checksums):
    """Only over TLS does boto3 send trailing checksums with chunked content."""
    bucket = secure_server.make_bucket()
    (tmp_path / "film").write_bytes(b"film" * (2 << 20))
    store = open_quick(
        bucket,
        endpoint_url=secure_server.url,
        ca_bundle=str(authority / "ca.pem"),
        checksums=checksums,
        part_bytes=5 << 20,
    )

    store.put("key", b"content", create_only=True)
    info = store.put_file("film", tmp_path / "film")

    assert store.get("key") == b"content"
    with store.open("film", etag=info.etag) as reader:
        assert reader.read() == b"film" * (2 << 20)


def test_the_error_for_an_unknown_authority_names_the_setting(s3, secure_server):
    store = open_quick("archive", endpoint_url=secure_server.url)

    with pytest.raises(StoreError, match="COLORWORKER_S3__CA_BUNDLE"):
        store.get("key")
