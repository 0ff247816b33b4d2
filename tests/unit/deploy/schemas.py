"""Strict JSON schemas of what Kubernetes and KubeRay accept, and the files under deploy/."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
MANIFESTS = DEPLOY / "kubernetes"
CRDS = Path(os.environ.get("COLORWORKER_TEST_SCHEMAS", ROOT.parent / "shared" / "schemas"))
KUBERNETES = "1.36"
"""Version of kubectl's image in the CronJob; of the bundled schemas only its are read."""


def documents(path):
    """Return the YAML documents of a file."""
    return list(yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader))


def manifests():
    """Yield (id, document) for every document that kubectl applies."""
    paths = [*MANIFESTS.glob("*.yaml"), *(MANIFESTS / "base").glob("*.yaml")]
    for path in sorted([*paths, MANIFESTS / "overlays" / "cpu" / "cronjob.yaml"]):
        for document in documents(path):
            if document["kind"] != "Kustomization":
                yield f"{path.stem}-{document['kind']}", document


@cache
def built(overlay):
    """Return what `kubectl apply --kustomize` sends for a folder, by (kind, name)."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    done = subprocess.run(
        [kubectl, "kustomize", MANIFESTS / overlay], capture_output=True, text=True, check=True
    )
    found = yaml.load_all(done.stdout, Loader=yaml.CSafeLoader)
    return {(each["kind"], each["metadata"]["name"]): each for each in found}


def rayjobs():
    """Return all RayJobs by name."""
    return {
        document["metadata"]["name"]: document
        for _, document in manifests()
        if document["kind"] == "RayJob"
    }


def pod_templates(document, path=""):
    """Yield (path, pod spec) for every pod template below."""
    if isinstance(document, dict):
        if "containers" in document:
            yield path, document
        for key, value in document.items():
            yield from pod_templates(value, f"{path}/{key}")
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from pod_templates(value, f"{path}/{index}")


def validate(document):
    """Raise jsonschema.ValidationError if the API server or KubeRay would refuse a document.

    More than they do: an unknown key is an error, as `kubectl --validate=strict` has it.
    """
    if document["apiVersion"].startswith("ray.io/"):
        for error in crd(document["kind"], document["apiVersion"]).iter_errors(document):
            raise error
    else:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)


@cache
def crd(kind, api_version):
    """Return a strict validator of a custom resource; skips the test if there is no schema."""
    path = CRDS / f"ray.io_{kind.lower()}s.yaml"
    if not path.exists():
        pytest.skip(f"{path}: KubeRay's CRDs are not here; COLORWORKER_TEST_SCHEMAS names them")
    (definition,) = documents(path)
    for version in definition["spec"]["versions"]:
        if f"ray.io/{version['name']}" == api_version:
            schema = strict(version["schema"]["openAPIV3Schema"])
            # The resource's schema leaves this part to the API server.
            schema["properties"]["metadata"] = {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "labels": {"type": "object"}},
                "additionalProperties": False,
            }
            return jsonschema.Draft7Validator(schema)
    raise LookupError(f"{path}: no {api_version}")


def strict(schema):
    """Return an OpenAPI v3 schema as a JSON schema that allows no unknown keys."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    result = {
        key: {name: strict(each) for name, each in value.items()}
        if key == "properties"
        else strict(value)
        for key, value in schema.items()
    }
    properties = result.get("properties")
    if isinstance(properties, dict) and isinstance(result.get("type"), str):
        if not result.get("x-kubernetes-preserve-unknown-fields"):
            result.setdefault("additionalProperties", False)
        # The API server fills in defaults before it checks required keys.
        required = [key for key in result.get("required", []) if "default" not in properties[key]]
        result = {**result, "required": required}
    return result
