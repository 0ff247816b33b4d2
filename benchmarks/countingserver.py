"""A SeaweedFS that counts its requests and bytes itself; for `scale.py`."""

import os
import urllib.request
from collections import Counter
from pathlib import Path

from tests import s3server
from tests.ports import free_port


class Server:
    """A SeaweedFS, and what it counts itself."""

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        more = (f"-metricsPort={self._port}",)
        self._server = s3server.start_server(folder, more=more)
        self.pid = self._server.process.pid
        self.make_bucket, self.stop = self._server.make_bucket, self._server.stop
        os.environ.update(s3server.environment(self._server.url))  # noqa: TID251 - boto3 reads it

    def counts(self) -> Counter[str]:
        """Return the requests and bytes so far."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        found = Counter[str]()
        for line in lines:
            name, _, value = line.rpartition(" ")
            if name.startswith("SeaweedFS_s3_request_total{"):
                found["requests"] += float(value)
            elif name.startswith("SeaweedFS_s3_bucket_traffic_"):
                found["bytes"] += float(value)
        return found
