"""Load the models and feature extractors of an evaluation."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from colorworker.domain.models import ModelChoice, ModelRef, choose_model, is_imported
from colorworker.domain.options import Options
from colorworker.errors import UsageError
from colorworker.evaluation.candidates import Candidate
from colorworker.evaluation.evaluator import Vivid
from colorworker.evaluation.features import inception_features, lite_features
from colorworker.evaluation.frechet import Features
from colorworker.model.imported.files import Execution, profile_of
from colorworker.model.networks import load_networks, resolve_model
from colorworker.model.weights import load, resolve
from colorworker.store.objectstore import OpenStore
from colorworker.store.openstore import open_store
from colorworker.store.options import StoreOptions


def models_of(
    names: Sequence[str],
    vividness: Sequence[float],
    size: int | None,
    options: Options,
    stores: StoreOptions,
    profile: str = "",
    blend: float | None = None,
) -> tuple[list[Candidate], dict[str, Vivid]]:
    """Return a row for every model and vividness, and a function per model that sets vividness.

    Args:
        names: Packaged names, paths or URIs of weights.
        vividness: Values for networks over color bins, one row each; other networks get one row.
        size: Short side in pixels at which the models run. None: their default.
        options: How a distribution over colors is read.
        stores: How to reach stores that hold weights.
        profile: Conventions of other projects' networks; see `ModelChoice`.
        blend: Adds the blend of both models, with this share of the first.

    Raises:
        UsageError: If a model is named twice, or other than two models are to be blended.
        WeightsRefused: If weights cannot be used.
    """
    rows: list[Candidate] = []
    vivid: dict[str, Vivid] = {}
    opened = partial(open_store, options=stores)
    shorts = short_names(names)
    choices = [ModelChoice(name, profile if is_imported(name) else "") for name in names]
    if blend is not None:
        choices.append(choose_model(names, profile, blend))
        shorts.append(f"{blend:g} {shorts[0]} + {1 - blend:g} {shorts[1]}")
    for choice, short in zip(choices, shorts, strict=True):
        ref = resolve_model(choice, opened)
        kind, has_bins = _kind(ref, opened)
        at = _vivid(ref, short, kind, size, options, opened)
        if has_bins:
            rows += [at(each) for each in vividness]
            vivid[short] = at
        else:  # No vividness: one row, whose name says which network it is.
            rows.append(replace(at(1.0), name=f"{short} ({kind})", note=""))
    return rows, vivid


def extractors(inception: str | None) -> dict[str, Features]:
    """Return feature extractors by table column; the FID column needs Inception's graph.

    Raises:
        WeightsRefused: If the path does not lead to Inception's graph.
    """
    found: dict[str, Features] = {"lite_frechet": lite_features(load(resolve("lite")))}
    if inception:
        found["fid"] = inception_features(Path(inception))
    return found


def short_names(models: Sequence[str]) -> list[str]:
    """Return short names for tables: the last part of each path, more where two are equal.

    Raises:
        UsageError: If a model is given twice.
    """
    if len(set(models)) < len(models):
        raise UsageError("evaluate", "a model is given twice", "Give every model once")
    parts = 1
    while True:
        names = ["/".join(name.rstrip("/").split("/")[-parts:]) for name in models]
        if len(set(names)) == len(names) or parts > max(name.count("/") for name in models):
            return [name.removesuffix(".npz").removesuffix(".onnx") for name in names]
        parts += 1


def _vivid(
    ref: ModelRef,
    short: str,
    note: str,
    size: int | None,
    options: Options,
    opened: OpenStore,
) -> Vivid:
    loaded = load_networks(
        ref, Execution(short_side=size), precision=options.precision, opened=opened
    )

    def at(vividness: float) -> Candidate:
        colorizer = loaded.with_settings(vividness, options.temperature)
        return Candidate(f"{short}, vividness {vividness:g}", colorizer, ref.sha256, note)

    return at


def _kind(ref: ModelRef, opened: OpenStore) -> tuple[str, bool]:
    """Return the name of a network's architecture or profile, and whether it is over bins."""
    if ref.second:
        return "blend", any(_kind(part, opened)[1] for part in ref.parts)
    if ref.profile:
        return f"profile {profile_of(ref).profile}", False
    weights = load(ref, opened)
    return str(weights.architecture), len(weights.bins) > 0
