"""Print the tables of docs/films.md: every stream of a film that has all kinds of them.

    PYTHONPATH=. python docs/streams_table.py > tables.md

Makes the film, colorizes it on the command line under each profile, and reads the reports.
"""

# ruff: noqa: T201, S603 - a script, not part of the package.
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.manystreams import make_film_with_all_streams

RUNS = {
    "archive": ["--profile", "archive"],
    "access": [],
    "mezzanine": ["--profile", "mezzanine"],
}
AGAIN = ["--profile", "archive", "--color-sources", "recolor"]


def color(source: Path, destination: Path, options: list[str]) -> dict[str, Any]:
    """Run the command and return the film's line in the report."""
    command = [sys.executable, "-m", "colorworker", "colorize", str(source), str(destination)]
    subprocess.run([*command, *options, "--quiet"], check=True, stdout=sys.stderr)
    (report,) = destination.glob(".colorworker/jobs/*/report/report.jsonl")
    with report.open() as lines:
        found: dict[str, Any] = json.loads(next(line for line in lines if '"kind"' in line))
    return found


def table(lines: dict[str, dict[str, Any]]) -> None:
    """Print the streams of one film under each profile, side by side, and the warnings."""
    print("| stream | kind | codec | language | " + " | ".join(lines) + " |")
    print("|---" * (4 + len(lines)) + "|")
    for streams in zip(*(line["streams"] for line in lines.values()), strict=True):
        one = streams[0]
        fates = [": ".join(filter(None, (each["fate"], each["detail"]))) for each in streams]
        values = (one["index"], one["kind"], one["codec"], one["language"], *fates)
        print("| " + " | ".join(map(str, values)) + " |")
    for title, line in lines.items():
        for kind in ("warnings", "notes"):
            print(f"\n{kind.capitalize()} of {title}: {len(line[kind]) or 'none'}")
            print("".join(f"\n- {sentence}" for sentence in line[kind]))


def main() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = make_film_with_all_streams(folder / "reel.mkv")
        lines = {title: color(source, folder / title, given) for title, given in RUNS.items()}
        table(lines)
        quicktime = folder / "mezzanine" / lines["mezzanine"]["output_key"]
        print()
        table({"archive": color(quicktime, folder / "again", AGAIN)})


if __name__ == "__main__":
    main()
