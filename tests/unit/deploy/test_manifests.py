"""Kubernetes and KubeRay accept the manifests, and the manifests fit the program."""

import copy
import re
import shlex

import jsonschema
import pytest
import yaml
from typer.main import get_command

from colorworker.cli.app import app
from colorworker.domain.models import ModelChoice
from colorworker.domain.options import Options
from colorworker.schedule.planfile import read_plan
from colorworker.settings import Settings
from tests.unit.deploy.schemas import (
    DEPLOY,
    MANIFESTS,
    ROOT,
    built,
    documents,
    manifests,
    pod_templates,
    rayjobs,
    validate,
)

ALL = dict(manifests())
RAYJOBS = rayjobs()
SETTINGS = ALL["settings-ConfigMap"]["data"]
PODS = {
    f"{name}{where}": spec
    for name, document in ALL.items()
    for where, spec in pod_templates(document)
}


def containers(name=""):
    """Yield (pod, container) for all containers, or for those with that name."""
    for pod in PODS.values():
        for container in pod["containers"]:
            if name in container["name"]:
                yield pod, container


def named(kind, name):
    return next(
        each for each in ALL.values() if (each["kind"], each["metadata"]["name"]) == (kind, name)
    )


def change(document, path, value):
    """Return a copy with one value changed; a value in <> renames the key instead."""
    changed = copy.deepcopy(document)
    *parents, last = path
    place = changed
    for key in parents:
        place = place[key]
    if str(value).startswith("<"):
        place[value[1:-1]] = place.pop(last)
    else:
        place[last] = value
    return changed


@pytest.mark.parametrize("name", ALL)
def test_every_manifest_is_valid(name):
    validate(ALL[name])


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("rayjob-restore-RayJob", ["spec", "entrypoint"], "<entryPoint>"),
        ("rayjob-restore-RayJob", ["spec", "rayClusterSpec", "enableInTreeAutoscaling"], "yes"),
        ("rayjob-restore-RayJob", ["spec", "rayClusterSpec", "authOptions", "mode"], "tokens"),
        ("rayjob-train-RayJob", ["metadata", "labels"], "<label>"),
        (
            "rayjob-train-RayJob",
            ["spec", "rayClusterSpec", "headGroupSpec", "template", "spec", "containers", 0,
             "resources"],
            "<resource>",
        ),
        ("cronjob-CronJob", ["spec", "concurrencyPolicy"], ["Forbid"]),
        ("cronjob-CronJob", ["spec", "concurrencyPolicy"], "<concurencyPolicy>"),
        ("cronjob-Role", ["rules", 0, "verbs"], "create"),
        ("settings-ConfigMap", ["data", "COLORWORKER_RUN__WORKERS"], 8),
    ],
)  # fmt: skip
def test_a_typo_is_caught(name, path, value):
    broken = change(ALL[name], path, value)

    with pytest.raises(jsonschema.ValidationError):
        validate(broken)


OVERLAYS = {
    "base": {"RayJob", "ConfigMap"},
    "overlays/cpu": {"CronJob", "Role", "RoleBinding", "ServiceAccount", "ConfigMap"},
    "overlays/gpu": {"CronJob", "Role", "RoleBinding", "ServiceAccount", "ConfigMap"},
    "overlays/cluster": {"RayCluster", "ConfigMap"},
    "overlays/raycronjob": {"RayCronJob", "ConfigMap"},
}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_overlay_builds_valid_manifests(overlay):
    found = built(overlay)

    assert {kind for kind, _ in found} == OVERLAYS[overlay]
    for document in found.values():
        validate(document)


def created(overlay, tmp_path):
    """Return the RayJob that the CronJob of an overlay creates.

    A ConfigMap is mounted as links to links; kubectl must accept them.
    """
    folder = tmp_path / "mounted"
    (folder / "..2026").mkdir(parents=True)
    (folder / "..data").symlink_to("..2026")
    for name, text in built(overlay)["ConfigMap", "colorworker-rayjob"]["data"].items():
        (folder / "..2026" / name).write_text(text)
        (folder / name).symlink_to(f"..data/{name}")
    return built(folder)["RayJob", "colorworker-restore"]


def test_the_schedule_on_cpus_creates_the_rayjob_as_it_is(tmp_path):
    assert created("overlays/cpu", tmp_path) == RAYJOBS["colorworker-restore"]


@pytest.mark.parametrize("overlay", ["overlays/cpu", "overlays/gpu"])
def test_every_schedule_asks_for_the_workers_that_its_groups_have(overlay, tmp_path, monkeypatch):
    job = created(overlay, tmp_path)
    settings = built(overlay)["ConfigMap", "colorworker-settings"]["data"]
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    run = Settings().run

    validate(job)
    groups = {
        group["groupName"]: group for group in job["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    }
    (used,) = [name for name, group in groups.items() if group["maxReplicas"]]
    limits = groups[used]["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert used == overlay.rpartition("/")[2]
    assert run.workers == groups[used]["maxReplicas"]
    assert run.cpus_per_worker == int(limits["cpu"])
    assert run.gpus_per_worker == limits.get("nvidia.com/gpu", 0)


def test_the_component_and_the_schedule_choose_the_same_groups_for_gpus():
    (component,) = documents(MANIFESTS / "components" / "gpu" / "groups.yaml")
    (run,) = documents(MANIFESTS / "overlays" / "gpu" / "run.yaml")

    assert yaml.safe_load(run["patches"][0]["patch"]) == component


def test_the_cluster_and_the_ray_cron_job_are_those_of_the_rayjob():
    spec = RAYJOBS["colorworker-restore"]["spec"]

    assert built("overlays/cluster")["RayCluster", "colorworker"]["spec"] == spec["rayClusterSpec"]
    cron = built("overlays/raycronjob")["RayCronJob", "colorworker-schedule"]["spec"]
    ours = named("CronJob", "colorworker-schedule")["spec"]
    assert cron == {key: ours[key] for key in ("schedule", "timeZone")} | {"jobTemplate": spec}


def test_kuberay_has_no_concurrency_policy_for_its_cron_jobs():
    """Once it does, RayCronJob can replace our CronJob; deploy/README.md says why it does not."""
    broken = copy.deepcopy(built("overlays/raycronjob")["RayCronJob", "colorworker-schedule"])
    broken["spec"]["concurrencyPolicy"] = "Forbid"

    with pytest.raises(jsonschema.ValidationError, match="concurrencyPolicy"):
        validate(broken)


def test_the_cron_job_may_create_nothing_but_rayjobs_from_its_config_map():
    pod = ALL["cronjob-CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    mounted = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}

    (volume,) = [each for each in pod["volumes"] if "configMap" in each]
    assert volume["configMap"]["name"] == "colorworker-rayjob"
    assert container["args"] == ["create", f"--kustomize={mounted[volume['name']]}"]
    assert (
        pod["serviceAccountName"]
        == named("RoleBinding", "colorworker-schedule")["subjects"][0]["name"]
    )
    assert ALL["cronjob-Role"]["rules"] == [
        {"apiGroups": ["ray.io"], "resources": ["rayjobs"], "verbs": ["create"]}
    ]


def test_the_plan_is_valid_and_read_from_where_it_is_mounted():
    head = RAYJOBS["colorworker-restore"]["spec"]["rayClusterSpec"]["headGroupSpec"]
    pod = head["template"]["spec"]
    (volume,) = [each["name"] for each in pod["volumes"] if "configMap" in each]
    (mount,) = [m for m in pod["containers"][0]["volumeMounts"] if m["name"] == volume]

    plan = read_plan(MANIFESTS / "base" / "plan.toml", Options(), ModelChoice("lite"))

    assert (plan.name, len(plan.collections)) == ("nightly", 1)
    entrypoint = RAYJOBS["colorworker-restore"]["spec"]["entrypoint"]
    assert entrypoint.split()[-1] == f"{mount['mountPath']}/plan.toml"


def test_runs_do_not_overlap_and_finished_ones_are_removed():
    job = RAYJOBS["colorworker-restore"]
    rules = job["spec"]["deletionStrategy"]["deletionRules"]
    gone = {
        str(rule["condition"].get("jobStatus") or rule["condition"].get("jobDeploymentStatus"))
        for rule in rules
        if rule["policy"] == "DeleteSelf"
    }

    assert ALL["cronjob-CronJob"]["spec"]["concurrencyPolicy"] == "Forbid"
    assert "generateName" not in job["metadata"]
    assert gone == {"SUCCEEDED", "Failed"}
    assert all(rule["condition"]["ttlSeconds"] < 6 * 3600 for rule in rules)


@pytest.mark.parametrize("name", RAYJOBS)
def test_the_manifests_follow_rules_of_kuberay_that_no_schema_checks(name):
    job = RAYJOBS[name]
    spec, cluster = job["spec"], job["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]

    assert re.fullmatch("[a-z]([-a-z0-9]{0,45}[a-z0-9])?", job["metadata"]["name"])
    assert ("deletionStrategy" in spec) != spec.get("shutdownAfterJobFinishes", False)
    assert "deletionStrategy" not in spec or "ttlSecondsAfterFinished" not in spec
    assert all("restartPolicy" not in each["template"]["spec"] for each in groups)
    # The autoscaler beside the head talks to the API server; the operator picks its account.
    head = cluster["headGroupSpec"]["template"]["spec"]
    assert head.get("automountServiceAccountToken", True)
    assert all(isinstance(v, str) for each in groups for v in each["rayStartParams"].values())


def test_all_jobs_run_on_the_same_cluster():
    restore, train = (copy.deepcopy(each["spec"]["rayClusterSpec"]) for each in RAYJOBS.values())
    for cluster, own in ((restore, "plan"), (train, "training")):
        head = cluster["headGroupSpec"]["template"]["spec"]
        head["volumes"] = [each for each in head["volumes"] if each["name"] != own]
        mounts = head["containers"][0]["volumeMounts"]
        head["containers"][0]["volumeMounts"] = [each for each in mounts if each["name"] != own]

    assert restore == train


@pytest.mark.parametrize("where", PODS)
def test_every_pod_meets_the_restricted_pod_security_standard(where):
    pod = PODS[where]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    allowed = {"emptyDir", "configMap"}
    assert all(each.keys() - {"name"} <= allowed for each in pod.get("volumes", []))
    assert all("sizeLimit" in v["emptyDir"] for v in pod.get("volumes", []) if "emptyDir" in v)


def test_secrets_are_referenced_and_never_written_out():
    for where, document in ALL.items():
        assert document["kind"] != "Secret", where
    assert not [key for key in SETTINGS if re.search("SECRET|TOKEN|PASSWORD|ACCESS_KEY", key)]
    for _, container in containers("ray-"):
        for variable in container.get("env", []):
            assert "value" not in variable or "SECRET" not in variable["name"]
    for _, container in (*containers("ray-head"), *containers("ray-worker")):
        assert {"secretRef": {"name": "colorworker-s3"}} in container["envFrom"]
    assert all(
        job["spec"]["rayClusterSpec"]["authOptions"] == {"mode": "token"}
        for job in RAYJOBS.values()
    )


def test_every_referenced_object_is_in_the_manifests_or_the_readme():
    readme = (DEPLOY / "README.md").read_text()
    here = {document["metadata"]["name"] for document in ALL.values()}
    here |= {"colorworker-rayjob", "colorworker-plan"}
    referred = set(
        re.findall(r"'(?:configMap|configMapRef|secretRef)': {'name': '([^']+)'", repr(ALL))
    )

    assert {f"colorworker-{each}" for each in ("settings", "s3", "training", "plan")} <= referred
    assert [name for name in referred - here if f"`{name}`" not in readme] == []


@pytest.mark.parametrize("name", RAYJOBS)
def test_every_entrypoint_runs_a_job_with_valid_arguments(name):
    python, script, *arguments = shlex.split(RAYJOBS[name]["spec"]["entrypoint"])

    path = ROOT / script.removeprefix("/opt/colorworker/")
    command = get_command(app).commands[path.stem]
    assert python == "python"
    assert path.is_file()
    command.make_context(path.stem, arguments)


def test_every_setting_exists_and_has_a_valid_value(monkeypatch):
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)

    settings = Settings()

    for name, value in SETTINGS.items():
        if name.startswith("COLORWORKER_"):
            group, field = name.removeprefix("COLORWORKER_").lower().split("__")
            assert float(getattr(getattr(settings, group), field)) == float(value)


def test_the_job_asks_for_as_many_workers_as_the_groups_have():
    cpus = int(SETTINGS["COLORWORKER_RUN__CPUS_PER_WORKER"])
    for job in RAYJOBS.values():
        room = 0
        for group in job["spec"]["rayClusterSpec"]["workerGroupSpecs"]:
            (container,) = group["template"]["spec"]["containers"]
            assert container["resources"]["limits"] == container["resources"]["requests"]
            room += group["maxReplicas"] * (int(container["resources"]["limits"]["cpu"]) // cpus)
            assert group["minReplicas"] == group["replicas"] == 0
        assert room == int(SETTINGS["COLORWORKER_RUN__WORKERS"])
    # No pod exists before the job asks for one.
    assert int(SETTINGS["COLORWORKER_RUN__MIN_WORKERS"]) >= 1


def test_a_stopped_job_has_time_to_finish_running_units_and_to_report():
    stop = int(SETTINGS["COLORWORKER_RUN__STOP_SECONDS"])
    ray = int(SETTINGS["RAY_JOB_STOP_WAIT_TIME_S"])

    for pod, container in (*containers("ray-head"), *containers("ray-worker")):
        hook = container["lifecycle"]["preStop"]["exec"]["command"]
        assert hook == ["python", "/opt/colorworker/drain.py"]
        assert stop + 10 <= ray <= pod["terminationGracePeriodSeconds"] - 10


def test_scratch_is_a_limited_volume_where_the_image_expects_it():
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    (scratch,) = re.findall(r"COLORWORKER_RUN__SCRATCH=(\S+)", dockerfile)

    for pod, container in (*containers("ray-head"), *containers("ray-worker")):
        mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
        volumes = {each["name"]: each for each in pod["volumes"]}
        assert "sizeLimit" in volumes[mounts[scratch]]["emptyDir"]
        assert "sizeLimit" in volumes[mounts["/tmp"]]["emptyDir"]
