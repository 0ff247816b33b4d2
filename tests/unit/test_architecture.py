"""Who may import whom, where the environment is read, and how long a module may be."""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAX_LINES = 400

# room: (ours, third party). A room is a module or folder of the package, and of those that fit a
# module the longest counts. It may import itself, what is named here with all below it, and the
# standard library. `*` is all of ours: for the composition roots.
ALLOWED = {
    "errors": ("", ""),
    "cores": ("", ""),
    "settings": ("errors", "pydantic pydantic_settings"),
    "work": ("errors", "numpy"),
    "color": ("errors", "numpy"),
    "store": ("errors store", ""),
    "store.s3errors": ("errors store", "botocore"),
    "store.s3parts": ("errors store", "boto3 botocore"),
    "store.s3reading": ("errors store", "botocore"),
    "store.s3service": ("errors store", "boto3 botocore s3transfer"),
    "media": ("errors work color", "av cv2 numpy"),
    "media.flow": ("", "numpy cv2"),
    "media.stills": ("errors work color media", "numpy pyvips"),
    "model": ("errors work color store media.stills", "h5py numpy tensorflow keras"),
    "provenance": ("errors work store", ""),
    "pipeline": ("errors work color media store provenance", "numpy xxhash"),
    # A room of its own: sorting and naming a million sources needs a file, and `work` does no I/O.
    "planning": ("errors work media.kinds store provenance", ""),
    # A room of its own: lists of objects that others wrote, line by line, from stores.
    "manifests": ("errors work store provenance manifests", "pydantic"),
    "manifests.badvalues": ("errors", "pydantic pydantic_core"),
    "listing": ("errors work media.kinds planning store provenance manifests", ""),
    "driver": ("errors work media.kinds listing store provenance report", ""),
    "report": ("errors work store provenance", "jinja2"),
    # The two that show an evaluation know its values, not how they are measured.
    "report.plots": ("errors", "numpy matplotlib"),
    "report.evaluationpage": ("errors evaluation.table report", "jinja2"),
    "report.qualityplots": ("errors evaluation.table", "matplotlib"),
    # A room of its own: it needs pictures, models and stores at once, and libraries of its own.
    "evaluation": ("errors color store media.stills model evaluation", "numpy"),
    "evaluation.measures": ("errors color", "numpy skimage"),
    "evaluation.frechet": ("errors", "numpy scipy"),
    "evaluation.films": ("color evaluation", "numpy scipy"),
    "evaluation.flow": ("color media.flow", "numpy"),
    "evaluation.filmpairs": ("errors color media evaluation", "numpy av"),
    # A room of its own: runs, their status and the sweeping are for any kind of job, so neither the
    # driver nor the report is their place. Only the type of the driver's progress is taken from it.
    "keeping": ("errors work store provenance report driver", ""),
    # A room of its own: a plan's file needs pydantic, and what its runs leave for one another is
    # neither a record nor a run's state. `restore` joins it with whatever runs a job.
    "restoring": (
        "errors manifests work store provenance planning keeping report",
        "pydantic",
    ),
    "restore": ("errors work store planning keeping report driver restoring", ""),
    # A room of its own: what a job will take is measured by running small ones, so it needs what a
    # composition root needs; kept from `cli` so that it has no console.
    "estimating": (
        "errors cores work store media listing driver cluster.inprocess cluster.worker pipeline"
        " provenance report.records estimating",
        "numpy",
    ),
    "estimating.material": ("errors work media", "av numpy pyvips"),
    "training": ("errors work color store media.stills model report.plots", "numpy keras pydantic"),
    "cluster": ("errors work store model pipeline", "numpy ray"),
    "cluster.board": ("errors training.moments", "ray"),
    # Ray Train keeps its own state where pyarrow can write.
    "cluster.train_job": ("errors store training model.runtime cluster", "pyarrow ray"),
    "cli": ("*", "rich typer"),
    "doctor": ("*", "av numpy pyvips tensorflow keras ray"),
    "jobs": ("*", ""),
}


def modules():
    """Yield (dotted name without the package, path) of every module of the package and jobs/."""
    for path in sorted((ROOT / "colorworker").rglob("*.py")):
        parts = path.relative_to(ROOT / "colorworker").with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__"), path
    for path in sorted((ROOT / "jobs").glob("*.py")):
        yield f"jobs.{path.stem}", path


def room_of(module):
    """Return the longest name in the table that the module lies in; None if there is none."""
    parts = module.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((name for name in names if name in ALLOWED), None)


def imports(tree):
    """Yield (line, dotted module) of every import, wherever it stands and whatever guards it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield node.lineno, "." * node.level + (node.module or "")
                continue
            for alias in node.names:
                # `from colorworker.media import stills` imports a room, not only a name.
                yield node.lineno, f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in {
            "import_module",
            "__import__",
        }:
            name = node.args[0] if node.args else None
            known = isinstance(name, ast.Constant) and isinstance(name.value, str)
            yield node.lineno, name.value if known else "(a module named at run time)"


def forbidden(module, imported):
    """Return why `module` may not import `imported`, or nothing."""
    room = room_of(module)
    if room is None:
        return "" if module in {"", "__main__"} else "its room has no line in ALLOWED"
    ours, third_party = (words.split() for words in ALLOWED[room])
    top, _, below = imported.partition(".")
    if top == "colorworker":
        target = room_of(below)
        inside = any(f"{below}.".startswith(f"{name}.") for name in [*ours, "__version__"])
        if inside or not below or target == room or ours == ["*"]:
            return ""
        return f"{room} may not import {target or below}"
    if top in sys.stdlib_module_names or top in third_party:
        return ""
    return f"{room} may not import {top or imported}"


def environment_reads(tree):
    """Yield (line, what) of every use of the process's environment."""
    names = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in names:
            if ast.unparse(node.value) == "os":
                yield node.lineno, f"os.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            for alias in node.names:
                if alias.name in names:
                    yield node.lineno, f"os.{alias.name}"


def test_every_import_is_allowed_by_the_table():
    violations = {
        f"{path.relative_to(ROOT)}:{line}: {reason}"
        for module, path in modules()
        for line, imported in imports(ast.parse(path.read_text()))
        if (reason := forbidden(module, imported))
    }

    assert not violations, "\n" + "\n".join(sorted(violations))


def test_the_environment_is_read_in_settings_only():
    violations = [
        f"{path.relative_to(ROOT)}:{line}: {what}; read it in colorworker/settings.py"
        for module, path in modules()
        if module != "settings"
        for line, what in environment_reads(ast.parse(path.read_text()))
    ]

    assert not violations, "\n" + "\n".join(violations)


def test_no_module_is_longer_than_the_limit():
    lengths = {path: len(path.read_text().splitlines()) for _, path in modules()}
    violations = [
        f"{path.relative_to(ROOT)}: {lines} lines, at most {MAX_LINES}; give it a second noun"
        for path, lines in lengths.items()
        if lines > MAX_LINES
    ]

    assert not violations, "\n" + "\n".join(violations)


def test_the_checks_see_imports_in_every_disguise():
    source = (
        "import os, tensorflow.keras as k\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n"
        "    from colorworker import store\n"
        "def late():\n"
        "    from colorworker.media import stills\n"
        "    importlib.import_module('ray')\n"
        "    return os.environ['HOME']\n"
        "from . import sibling\n"
        "from os import getenv\n"
    )
    tree = ast.parse(source)

    found = {name for _, name in imports(tree)}

    assert {"tensorflow.keras", "colorworker.store", "colorworker.media.stills"} <= found
    assert {"ray", "."} <= found
    assert [what for _, what in environment_reads(tree)] == ["os.getenv", "os.environ"]
    assert forbidden("color.lab", "colorworker.work.job") == "color may not import work"
    assert forbidden("media.decode", "colorworker.media.stills.vips")
    assert forbidden("media.decode", "pyvips")
    assert forbidden("pipeline", "colorworker.model.colorizer")
    assert forbidden("store.local", "colorworker.settings")
    assert forbidden("unheard_of", "os")
    assert not forbidden("store.local", "colorworker.store.base")
    assert not forbidden("media.stills.vips", "colorworker.media.kinds")
