"""Dashboard and alerts are valid PromQL over what jobs export, and every alert has been tested."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import promql_parser
import pytest
import yaml

from colorworker import errors
from colorworker.domain.records import Outcome
from colorworker.executors.gpus import GPU_METRICS
from colorworker.executors.instruments import METRICS

MONITORING = Path(__file__).parents[3] / "deploy/monitoring"
OF_RAY = {"ray_node_gpus_utilization": {"GpuIndex"}, "ray_node_gram_used": {"GpuIndex"}}
OF_SCRAPES = {"job", "instance"}
EXPORTED = {metric.name: set(metric.labels) for metric in METRICS if metric.kind != "histogram"}
EXPORTED |= {
    f"{metric.name}_{end}": {*metric.labels, *(["le"] if end == "bucket" else [])}
    for metric in METRICS
    if metric.kind == "histogram"
    for end in ("bucket", "sum", "count")
}
EXPORTED |= {name: {"gpu"} for name in GPU_METRICS}
CODES = {
    kind.code
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.ColorworkerError)
}
VALUES = {
    "outcome": {*get_args(Outcome), "resumed", "parked"},
    "code": CODES,
}


def dashboard():
    return json.loads((MONITORING / "dashboard.json").read_text())


def rules():
    groups = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def expressions():
    """Yield (title, expression, legend) of everything that is queried."""
    for panel in dashboard()["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"], target["legendFormat"]
    for name, rule in rules().items():
        yield name, rule["expr"], ""


def parts(expression):
    """Return the nodes of an expression, outermost first."""
    found = []
    promql_parser.walk(promql_parser.parse(expression), lambda node: found.append(node) or True)
    return found


def selectors(expression):
    """Return (names of metrics, matchers by label) of all selectors."""
    found = []
    for node in parts(expression):
        vector = getattr(node, "vector_selector", node)
        if not isinstance(vector, promql_parser.VectorSelector):
            continue
        matchers = {each.name: each for each in vector.matchers.matchers}
        named = matchers.pop("__name__", None)
        if named and named.op == promql_parser.MatchOp.Re:
            known = [*EXPORTED, *(f"ray_{name}" for name in EXPORTED)]
            names = {name for name in known if re.fullmatch(named.value, name)}
        else:
            names = {vector.name}
        found.append((names, matchers))
    return found


@pytest.mark.parametrize(("title", "expression", "legend"), list(expressions()))
def test_expressions_name_only_what_is_exported(title, expression, legend):
    used = selectors(expression)

    assert used
    labels = set()
    for names, matchers in used:
        assert names, f"{title} matches nothing that is exported"
        for name in names:
            own = OF_RAY.get(name) or EXPORTED[name.removeprefix("ray_")]
            assert matchers.keys() <= own | OF_SCRAPES
            labels |= own
        for label, matcher in matchers.items():
            assert matcher.value in VALUES[label]
    for node in parts(expression):
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier:
            assert set(node.modifier.labels) <= labels | OF_SCRAPES
    assert set(re.findall(r"{{(\w+)}}", legend)) <= labels | OF_SCRAPES


def test_jobs_are_found_on_one_machine_and_on_ray():
    for title, expression, _ in expressions():
        for names, _ in selectors(expression):
            own = {name for name in names if name in EXPORTED and name not in GPU_METRICS}
            assert {f"ray_{name}" for name in own} <= names, title


def test_the_dashboard_shows_every_metric():
    shown = {
        name.removeprefix("ray_")
        for _, expression, _ in expressions()
        for names, _ in selectors(expression)
        for name in names
    }
    shown |= {re.sub("_(bucket|sum|count)$", "", name) for name in shown}

    assert {metric.name for metric in METRICS} | GPU_METRICS.keys() <= shown


def test_panels_lie_side_by_side():
    taken = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells
    ids = [panel["id"] for panel in dashboard()["panels"]]
    assert len(ids) == len(set(ids))


def test_every_alert_fires_and_stays_quiet_in_a_test():
    path = MONITORING / "alerts.test.yaml"
    tests = yaml.safe_load(path.read_text())["tests"]
    fired, quiet, known = set(), set(), rules()
    for test in tests:
        for series in test["input_series"]:
            ((names, matchers),) = selectors(series["series"])
            (name,) = names
            own = EXPORTED[name.removeprefix("ray_")]
            assert own <= matchers.keys(), f"{series['series']} lacks labels of the metric"
        for each in test["alert_rule_test"]:
            expected = each.get("exp_alerts")
            (fired if expected else quiet).add(each["alertname"])
            for alert in expected or ():
                rule = known[each["alertname"]]
                assert alert["exp_annotations"] == rule["annotations"]
                assert alert["exp_labels"].items() >= rule["labels"].items()
    assert fired == quiet == known.keys()

    # The tests themselves are for Prometheus' own tool, which is no wheel (Debian: prometheus).
    if promtool := shutil.which("promtool"):
        done = subprocess.run([promtool, "test", "rules", path], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_are_explained_in_the_operations_guide():
    guide = (MONITORING.parents[1] / "docs/operations.md").read_text()

    for name in rules():
        assert name in guide
