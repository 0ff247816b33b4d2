"""Ray's cluster launcher accepts the cluster on EC2, and it fits the program."""

import copy
import re

import jsonschema
import pytest

from colorworker.settings import Settings
from tests.unit.deploy.schemas import DEPLOY, documents

(CLUSTER,) = documents(DEPLOY / "aws" / "cluster.yaml")
START = " ".join(CLUSTER["head_start_ray_commands"])


def validate(cluster):
    """Do what `ray up` does with a file before it asks the cloud for anything."""
    from ray.autoscaler._private import util

    util.validate_config(util.prepare_config(copy.deepcopy(cluster)))


def test_the_launcher_accepts_the_cluster():
    validate(CLUSTER)


@pytest.mark.parametrize(
    "changes",
    [
        {"max_worker": 8},
        {"max_workers": "8"},
        {"head_node_type": "heads"},
        {"provider": {"region": "us-east-1"}},
        {"max_workers": -1},
    ],
)
def test_a_mistake_is_caught(changes):
    with pytest.raises((jsonschema.ValidationError, ValueError, KeyError)):
        validate({**CLUSTER, **changes})


def test_the_job_asks_for_as_many_workers_as_the_nodes_have(monkeypatch):
    names = re.findall(r"(COLORWORKER_\w+)=(\S+)", START)
    for name, value in names:
        monkeypatch.setenv(name, value)
    run = Settings().run
    nodes = CLUSTER["available_node_types"]["cpu"]

    assert dict(names).keys() == {
        f"COLORWORKER_RUN__{each}" for each in ("MIN_WORKERS", "WORKERS", "START_SECONDS")
    }
    assert run.workers == nodes["max_workers"] * nodes["resources"]["CPU"] // run.cpus_per_worker
    assert nodes["max_workers"] == CLUSTER["max_workers"]
    # No node exists before the job asks for one.
    assert run.min_workers >= 1
    waits = int(re.search(r"RAY_JOB_STOP_WAIT_TIME_S=(\d+)", START)[1])
    assert run.stop_seconds + 10 <= waits


def test_the_cluster_asks_for_a_token_and_holds_no_secret():
    for commands in ("head_start_ray_commands", "worker_start_ray_commands"):
        assert "RAY_AUTH_MODE=token" in " ".join(CLUSTER[commands])
    assert CLUSTER["file_mounts"]["/home/ubuntu/.ray/auth_token"] == "~/.ray/auth_token"
    assert "chmod 600 ~/.ray/auth_token" in CLUSTER["setup_commands"]
    assert not re.search("SECRET|ACCESS_KEY|PASSWORD|RAY_AUTH_TOKEN", repr(CLUSTER))
    for node in CLUSTER["available_node_types"].values():
        assert "IamInstanceProfile" in node["node_config"]
