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
    "settings": ("errors domain", "pydantic pydantic_settings"),
    "domain": ("errors", "numpy"),
    "color": ("errors", "numpy"),
    "store": (
        "errors domain.exrheaders domain.frameheaders domain.processname domain.sequences store",
        "",
    ),
    "store.s3errors": ("errors store", "botocore"),
    "store.s3archive": ("errors store", "botocore"),
    "store.s3parts": ("errors store", "boto3 botocore"),
    "store.s3reading": ("errors store", "botocore"),
    "store.s3service": ("errors store", "boto3 botocore s3transfer"),
    "state": ("errors domain store", ""),
    "media": ("errors domain color", "av cv2 numpy"),
    "media.opticalflow": ("", "numpy cv2"),
    "media.stills": ("errors domain color media", "numpy pyvips simplejpeg"),
    "media.stills.oiiodecoder": (
        "errors domain color media",
        "numpy OpenImageIO",
    ),
    "media.stills.exrframes": ("errors domain color media", "numpy OpenImageIO"),
    "media.stills.oiiosaver": ("errors media.stills", "numpy pyvips OpenImageIO"),
    "media.stills.pillowdecoder": ("errors domain color media", "numpy PIL"),
    "media.stills.smalljp2": ("media.stills", "numpy av"),
    "media.stills.iffdecoder": ("errors domain color media", "numpy av"),
    "media.stills.heifdecoder": ("errors domain color media", "numpy pillow_heif"),
    "media.stills.rawdecoder": ("errors domain color media", "numpy rawpy"),
    "media.stills.tiffrecompressed": ("errors domain color media", "zstandard"),
    "model": ("errors domain color store media.stills model", "h5py numpy tensorflow keras"),
    "model.imported.onnxfile": ("errors model store", "numpy onnx"),
    "model.imported.onnxsession": ("errors model", "numpy onnxruntime"),
    "pipeline": ("errors domain color media store state pipeline", "numpy xxhash"),
    "pipeline.provenance.signer": ("errors domain", "c2pa cryptography"),
    # Needs a scratch file to sort and name a million sources; `domain` does no I/O.
    "inputs": ("errors domain media.filetypes store state inputs", ""),
    "inputs.jsonlines": ("errors domain store state inputs", "pydantic"),
    "inputs.optionmodels": ("errors domain", "pydantic"),
    "inputs.inventory": ("errors domain store state inputs", "pydantic"),
    "inputs.validationtext": ("errors", "pydantic pydantic_core"),
    "driver": ("errors domain store state report", ""),
    "report": ("errors domain store state", "jinja2"),
    # These two show an evaluation: they know its values, not how they are measured.
    "report.plots": ("errors", "numpy matplotlib"),
    "report.evaluationpage": ("errors evaluation.breakdown evaluation.table report", "jinja2"),
    "report.qualityplots": ("errors evaluation.table", "matplotlib"),
    "evaluation": ("errors color store media.stills model evaluation", "numpy"),
    "evaluation.measures": ("errors color", "numpy skimage"),
    "evaluation.blotches": ("color evaluation", "numpy skimage"),
    "evaluation.frechet": ("errors", "numpy scipy"),
    "evaluation.flicker": ("color evaluation", "numpy scipy"),
    "evaluation.motion": ("color media.opticalflow", "numpy"),
    "evaluation.filmpairs": ("errors color media evaluation", "numpy av"),
    "evaluation.models": ("errors domain model store evaluation settings", ""),
    "evaluation.run": (
        "errors evaluation report settings state store",
        "",
    ),
    "runs": ("errors domain store state report driver", "jinja2"),
    # The web server of the review page, which reads sources and outputs.
    "runs.review": (
        "errors domain color media pipeline report runs state store",
        "numpy av pyvips starlette",
    ),
    "schedule": ("errors domain store state inputs runs report driver", ""),
    "schedule.run": (
        "errors domain store state runs report driver job schedule settings",
        "",
    ),
    "schedule.planfile": ("errors domain store inputs schedule", "pydantic"),
    "schedule.planerrors": ("errors inputs.validationtext schedule", "pydantic"),
    # Measures a machine by running small jobs, so it needs what a composition root needs.
    "estimate": (
        "errors domain store media inputs driver executors pipeline state report settings estimate",
        "numpy",
    ),
    "estimate.samplemedia": ("errors domain media", "av numpy pyvips"),
    "training": (
        "errors domain color store media.stills model report.plots",
        "numpy keras pydantic",
    ),
    "training.workerboard": ("errors training.events", "ray"),
    # Ray Train keeps its own state where pyarrow can write.
    "training.raytrain": ("errors store training model.runtime executors", "pyarrow ray"),
    "training.launch": ("errors settings store training", ""),
    "executors": (
        "errors domain color store state model pipeline executors",
        "numpy ray",
    ),
    "executors.gpus": ("", "prometheus_client pynvml"),
    "executors.instruments": ("errors executors.gpus", "prometheus_client ray"),
    # Counts what the driver hands out and what it says of items.
    "executors.metered": ("domain driver executors report store", ""),
    "executors.traces": ("domain report", "opentelemetry"),
    # Checks every library by importing it.
    "executors.preflight": (
        "errors domain store state media.codecs.nvenc model.runtime",
        "av cv2 pyvips OpenImageIO ray",
    ),
    "executors.start": ("errors driver executors settings store", ""),
    "executors.doctor": ("*", "av numpy pyvips tensorflow keras ray"),
    # The composition root of a job. It must know neither the scheduler nor the command line.
    "job": (
        "errors domain driver estimate executors inputs media.codecs media.stills.referencepicture"
        " model.networks report runs settings store",
        "",
    ),
    # The Python API has everything but the command line.
    "api": (
        "color domain driver errors estimate evaluation executors inputs job"
        " model pipeline report runs schedule settings state store training",
        "numpy",
    ),
    "cli": ("*", "rich typer"),
    "cli.review": ("*", "typer uvicorn"),
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
    assert forbidden("color.lab", "colorworker.domain.options") == "color may not import domain"
    assert forbidden("media.decode", "colorworker.media.stills.vips")
    assert forbidden("media.decode", "pyvips")
    assert forbidden("pipeline", "colorworker.model.colorizer")
    assert forbidden("store.local", "colorworker.settings")
    assert forbidden("unheard_of", "os")
    assert not forbidden("store.local", "colorworker.store.objectstore")
    assert not forbidden("media.stills.vips", "colorworker.media.filetypes")
