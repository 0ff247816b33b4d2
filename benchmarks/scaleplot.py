"""Draw the curves of docs/scale.md from recorded rows.

    python benchmarks/scaleplot.py [--rows benchmarks/scale_rows.jsonl] [--out scale.svg]

`scale_rows.jsonl` holds measured rows, with fields as `scale.py --json` writes them. Left:
efficiency against actors, one line per store and latency. Right: peak memory of one process that
plans, drives and reports a job, against its items.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

ROOT = Path(__file__).parents[1]
COLORS = ("#2f5d62", "#c98b4b", "#7c8fb5", "#a3341f", "#6d685e", "#8aa6a3")
GOAL = 97


def curves(rows: list[dict]) -> dict[str, list[tuple[float, float]]]:
    """Return (actors, efficiency in %) by store and latency."""
    found: dict[str, dict[float, float]] = defaultdict(dict)
    for row in rows:
        if row.get("shape") == "constant":
            name = f"{row['store']}, units of {row['mean_seconds']:g} s"
            found[name][row["actors"]] = 100 * row["efficiency"]
    return {name: sorted(points.items()) for name, points in sorted(found.items())}


def memory(rows: list[dict]) -> list[tuple[float, float]]:
    """Return (items, peak MiB)."""
    return sorted((row["items"], row["peak_mib"]) for row in rows if "items" in row)


def draw(rows: list[dict]) -> Figure:
    figure = Figure(figsize=(9.2, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for color, (name, points) in zip(COLORS, curves(rows).items(), strict=False):
        left.plot(*zip(*points, strict=True), marker="o", color=color, label=name)
    left.axhline(GOAL, color="#888888", linestyle="--", linewidth=1, label=f"goal, {GOAL} %")
    left.set(xscale="log", ylim=(70, 101), xlabel="actors on two cores", ylabel="efficiency in %")
    left.set_xticks([1, 4, 16, 64, 128], ["1", "4", "16", "64", "128"], minor=False)
    left.minorticks_off()
    left.legend(frameon=False, fontsize=8, loc="lower left")
    right.plot(*zip(*memory(rows), strict=True), marker="o", color=COLORS[0])
    right.set(xscale="log", ylim=(0, 150), xlabel="planned items", ylabel="peak memory in MiB")
    for axes in (left, right):
        axes.grid(visible=True, alpha=0.3)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, default=ROOT / "benchmarks/scale_rows.jsonl")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/images/scale.svg")
    arguments = parser.parse_args()
    rows = [json.loads(line) for line in arguments.rows.read_text().splitlines()]
    # Equal rows give equal bytes.
    with mpl.rc_context({"svg.hashsalt": "scale", "svg.fonttype": "none"}):
        draw(rows).savefig(arguments.out, format="svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
