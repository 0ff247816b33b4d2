"""Starts real Ray clusters with several nodes on this machine."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.ports import free_port
from tests.processes import descendants, running

RAY = Path(sys.executable).parent / "ray"
REPOSITORY = Path(__file__).parents[1]
TOKEN = "0123456789abcdef0123456789abcdef"
START_SECONDS = 120
OBJECT_STORE_BYTES = 100 * 2**20


@dataclass
class Node:
    """One `ray start --block` with its raylet and other processes."""

    process: subprocess.Popen
    name: str

    @property
    def pids(self):
        """IDs of `ray start` and all its descendants."""
        return descendants(self.process.pid)

    @property
    def runs(self):
        return self.process.poll() is None

    def kill(self):
        """Kill every process of the node at once, like a power cut."""
        for pid in self.pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """Stop the node cleanly, then kill whatever is left of it."""
        pids = self.pids
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(15)
        for pid in running(pids):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class Cluster:
    """A head without CPUs, and nodes that come and go; it requires a token."""

    folder: Path
    gcs_port: int = 0
    dashboard_port: int = 0
    nodes: list[Node] = field(default_factory=list)

    @property
    def address(self):
        return f"127.0.0.1:{self.gcs_port}"

    @property
    def environment(self):
        """The environment that a client of the cluster needs."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "COLORWORKER_"))}
        return {
            **kept,
            "PATH": f"{RAY.parent}:{kept.get('PATH', '')}",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": TOKEN,
            "RAY_API_SERVER_ADDRESS": f"http://127.0.0.1:{self.dashboard_port}",
            "RAY_USAGE_STATS_ENABLED": "0",
            # By default workers run at a very low priority, which takes minutes on a busy machine.
            "RAY_worker_niceness": "0",
        }

    @property
    def workers(self):
        """The running nodes, without the head."""
        return [node for node in self.nodes[1:] if node.runs]

    def add_node(self, cpus=1, **variables):
        """Return a node that the head has accepted; its workers have these variables too."""
        return self._start(
            f"node{len(self.nodes)}",
            [f"--address={self.address}", f"--num-cpus={cpus}"],
            variables,
        )

    def start_head(self, ray=(RAY,)):
        self.gcs_port, self.dashboard_port, client = free_port(), free_port(), free_port()
        self._start(
            "head",
            [
                "--head", "--num-cpus=0", f"--port={self.gcs_port}", "--include-dashboard=true",
                f"--dashboard-port={self.dashboard_port}", f"--ray-client-server-port={client}",
                f"--temp-dir={self.folder}",
            ],
            {},
            ray,
        )  # fmt: skip

    def start(self, *arguments):
        """Start `ray ARGUMENTS` as a client of this cluster, in the repository root."""
        return subprocess.Popen(
            [RAY, *map(str, arguments)],
            env=self.environment,
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments, timeout_seconds=120):
        """Run `ray ARGUMENTS` and return its output; an error fails the test."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=timeout_seconds)
        assert process.returncode == 0, out + err[-2000:]
        return out

    def take_jobs(self):
        """Wait until the head accepts jobs: on a busy machine its job agent starts much later."""
        end = time.monotonic() + START_SECONDS
        while True:
            process = self.start("job", "submit", "--", "true")
            out, err = process.communicate(timeout=START_SECONDS)
            if process.returncode == 0:
                return
            if time.monotonic() > end:
                raise TimeoutError(out + err[-2000:])

    def stop(self):
        for node in reversed(self.nodes):
            if node.runs:
                node.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, name, arguments, variables, ray=(RAY,)):
        agents = [
            f"--dashboard-agent-listen-port={free_port()}",
            f"--dashboard-agent-grpc-port={free_port()}",
            f"--runtime-env-agent-port={free_port()}",
            f"--metrics-export-port={free_port()}",
        ]
        command = [*ray, "start", "--block", "--disable-usage-stats", f"--node-name={name}",
                   f"--object-store-memory={OBJECT_STORE_BYTES}",
                   "--include-log-monitor=false", *agents, *arguments]  # fmt: skip
        log = self.folder / f"{name}.out"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                env={**self.environment, **variables},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        node = Node(process, name)
        self.nodes.append(node)
        end = time.monotonic() + START_SECONDS
        while "--block" not in log.read_text():
            if process.poll() is not None or time.monotonic() > end:
                raise TimeoutError(f"{name}: {log.read_text()[-2000:]}")
            time.sleep(0.1)
        return node


def start_cluster(version=""):
    """Return a cluster with only a head; the caller stops it.

    Args:
        version: Version of Ray that the cluster claims; empty for the real one.
    """
    # Ray's sockets are below it, and their paths may have at most 107 bytes.
    cluster = Cluster(Path(tempfile.mkdtemp(prefix="cw-ray-", dir="/tmp")))
    try:
        claim = f"import ray; ray.__version__ = {version!r}; from ray.scripts.scripts import main"
        cluster.start_head((sys.executable, "-c", f"{claim}; main()") if version else (RAY,))
    except BaseException:
        cluster.stop()
        raise
    return cluster
