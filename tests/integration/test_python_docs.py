"""The code of `docs/python.md`, `docs/colors.md` and of the notebook runs as it stands."""

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
NOTEBOOK = json.loads((ROOT / "docs" / "colorize.ipynb").read_text())
CELLS = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


def run_script(code, folder):
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COLORWORKER_", "RAY_"))
    }
    environment["PYTHONPATH"] = str(ROOT)
    (folder / "script.py").write_text(code)
    return subprocess.run(
        [sys.executable, "script.py"], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize("page", ["python.md", "colors.md"])
def test_the_code_of_a_page_runs_from_the_root_of_the_repository(tmp_path, page):
    text = (ROOT / "docs" / page).read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (tmp_path / "docs").symlink_to(ROOT / "docs")

    done = run_script("\n".join(blocks), tmp_path)

    assert done.returncode == 0, done.stderr


def test_the_notebook_runs_and_its_pictures_are_in_color(tmp_path):
    (tmp_path / "demo").symlink_to(ROOT / "docs" / "demo")
    shown = "\nprint(len(_._repr_jpeg_()))\n"
    cells = ["".join(cell["source"]) for cell in CELLS]
    # The last line of a cell is what a notebook shows.
    code = "\n".join(
        re.sub(r"^(SideBySide\(.*\))\Z", r"_ = \1" + shown, cell, flags=re.MULTILINE)
        for cell in cells
    )

    done = run_script(code, tmp_path)

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 3
    assert all(int(size) > 10_000 for size in done.stdout.split())


def test_the_notebook_is_committed_with_small_outputs_and_no_errors():
    outputs = [output for cell in CELLS for output in cell["outputs"]]
    pictures = [
        base64.b64decode(output["data"]["image/jpeg"])
        for output in outputs
        if "image/jpeg" in output.get("data", {})
    ]

    assert {output["output_type"] for output in outputs} <= {"execute_result", "display_data"}
    assert len(pictures) == 3
    assert sum(map(len, pictures)) < 300_000
