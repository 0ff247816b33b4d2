"""Load the models and feature extractors of an evaluation."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from colorworker.domain.options import ModelRef, Options
from colorworker.errors import UsageError
from colorworker.evaluation.candidates import Candidate
from colorworker.evaluation.evaluator import Vivid
from colorworker.evaluation.features import inception_features, lite_features
from colorworker.evaluation.frechet import Features
from colorworker.model.colorizer import load_colorizer
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
) -> tuple[list[Candidate], dict[str, Vivid]]:
    """Return a row for every model and vividness, and a function per model that sets vividness.

    Args:
        names: Packaged names, paths or URIs of weights.
        vividness: Values for networks over color bins, one row each; other networks get one row.
        size: Short side in pixels at which the models run. None: their default.
        options: How a distribution over colors is read.
        stores: How to reach stores that hold weights.

    Raises:
        UsageError: If a model is named twice.
        WeightsRefused: If weights cannot be used.
    """
    rows: list[Candidate] = []
    vivid: dict[str, Vivid] = {}
    opened = partial(open_store, options=stores)
    for name, short in zip(names, short_names(names), strict=True):
        ref = resolve(name, opened)
        weights = load(ref, opened)
        at = _vivid(ref, short, str(weights.architecture), size, options, opened)
        if len(weights.bins):
            rows += [at(each) for each in vividness]
            vivid[short] = at
        else:  # No vividness: one row, whose name says which network it is.
            rows.append(replace(at(1.0), name=f"{short} ({weights.architecture})", note=""))
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
            return [name.removesuffix(".npz") for name in names]
        parts += 1


def _vivid(
    ref: ModelRef,
    short: str,
    note: str,
    size: int | None,
    options: Options,
    opened: OpenStore,
) -> Vivid:
    def at(vividness: float) -> Candidate:
        colorizer = load_colorizer(
            ref,
            vividness=vividness,
            temperature=options.temperature,
            precision=options.precision,
            short_side=size,
            opened=opened,
        )
        return Candidate(f"{short}, vividness {vividness:g}", colorizer, ref.sha256, note)

    return at
