"""Figures of an evaluation: two plots as SVG, sheets as JPEG. Equal input gives equal bytes."""

import io
from collections.abc import Sequence
from typing import Any

from colorworker.errors import DependencyMissing
from colorworker.evaluation.table import Evaluation, Point, Strip, Sweep

try:
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
except ModuleNotFoundError as error:
    raise DependencyMissing(
        "matplotlib",
        "is not installed, and the plots need it",
        "Install it: pip install 'colorworker[evaluate]'",
    ) from error

_CELL_INCHES = 1.9
_LABEL_INCHES = 0.35
_LABEL_LETTERS = 36
_DPI = 110
_COLORS = ("#2f5d62", "#c98b4b", "#7c8fb5", "#a3341f", "#6d685e", "#8aa6a3")


def vividness_plot(evaluation: Evaluation) -> bytes:
    """Return CIEDE2000 and colorfulness against vividness, as SVG."""
    figure = Figure(figsize=(9.2, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    sweeps = evaluation.vividness
    _lines(left, sweeps, "ciede2000")
    _lines(right, sweeps, "colorfulness")
    right.axhline(
        evaluation.truth_colorfulness,
        color="#888888",
        linestyle="--",
        linewidth=1,
        label="originals, all pictures",
    )
    left.set_ylabel("CIEDE2000 (lower is better)")
    right.set_ylabel("colorfulness, signed")
    for axes in (left, right):
        axes.set_xlabel("vividness")
        axes.axvline(0.8, color="#cccccc", linewidth=1, zorder=0)
    right.legend(frameon=False, fontsize=8)
    figure.suptitle(_title("Quality against vividness", evaluation), fontsize=10)
    return _svg(figure)


def hints_plot(evaluation: Evaluation) -> bytes:
    """Return CIEDE2000 and PSNR against the number of point hints, as SVG."""
    figure = Figure(figsize=(9.2, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _lines(left, evaluation.hints, "ciede2000")
    _lines(right, evaluation.hints, "psnr")
    left.set_ylabel("CIEDE2000 (lower is better)")
    right.set_ylabel("PSNR in dB (higher is better)")
    ticks = sorted({point.setting for sweep in evaluation.hints for point in sweep.points})
    for axes in (left, right):
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xlabel("random point hints with the original color")
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
    left.legend(frameon=False, fontsize=8)
    figure.suptitle(_title("Quality against hints", evaluation), fontsize=10)
    return _svg(figure)


def comparison_sheet(title: str, strips: Sequence[Strip]) -> bytes:
    """Return a row of labeled pictures for each strip, as JPEG."""
    columns = len(strips[0].cells)
    heights = [_CELL_INCHES * _aspect(strip) + _LABEL_INCHES for strip in strips]
    figure = Figure(
        figsize=(columns * _CELL_INCHES, sum(heights) + _LABEL_INCHES),
        dpi=_DPI,
        layout="constrained",
    )
    figure.suptitle(title, fontsize=9)
    grid = figure.subplots(len(strips), columns, squeeze=False, height_ratios=heights)
    for axes_row, strip in zip(grid, strips, strict=True):
        for axes, (label, rgb) in zip(axes_row, strip.cells, strict=True):
            axes.imshow(rgb, interpolation="nearest")
            axes.set_title(_label(label), fontsize=7, pad=2)
            axes.set_axis_off()
        axes_row[0].set_title(_plain(f"{strip.cells[0][0]}: {strip.key}"), fontsize=6, pad=2)
    return _jpeg(figure)


def _aspect(strip: Strip) -> float:
    height, width = strip.cells[0][1].shape[:2]
    return float(height / width)


def _lines(axes: Any, sweeps: Sequence[Sweep], attribute: str) -> None:
    for sweep, color in zip(sweeps, _cycle(len(sweeps)), strict=True):
        points: Sequence[Point] = sweep.points
        axes.plot(
            [point.setting for point in points],
            [getattr(point, attribute) for point in points],
            marker="o",
            markersize=3.5,
            linewidth=1.4,
            color=color,
            label=_plain(sweep.name),
        )
    axes.grid(visible=True, color="#eeeeee")
    axes.spines[["top", "right"]].set_visible(False)


def _cycle(count: int) -> list[str]:
    return [_COLORS[index % len(_COLORS)] for index in range(count)]


def _title(text: str, evaluation: Evaluation) -> str:
    return f"{text}, {evaluation.sweep_pictures} pictures of {_plain(evaluation.truth)}"


def _plain(text: str, most: int = 44) -> str:
    """Return a name, or its end, for matplotlib to draw; `$` is escaped, as it starts a formula."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    shortened = shown if len(shown) <= most else f"...{shown[3 - most :]}"
    return shortened.replace("$", r"\$")


def _label(text: str) -> str:
    """Return the label of a picture; a number goes on a second line."""
    name, separator, number = text.rpartition(": ")
    return f"{_plain(name, _LABEL_LETTERS)}\n{number}" if separator else _plain(text)


def _svg(figure: Figure) -> bytes:
    out = io.BytesIO()
    # Without a fixed salt and date the bytes would differ in every run.
    settings = {"svg.hashsalt": "colorworker", "svg.fonttype": "path"}
    with mpl.rc_context(settings):
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def _jpeg(figure: Figure) -> bytes:
    out = io.BytesIO()
    canvas = FigureCanvasAgg(figure)
    canvas.print_jpg(out, pil_kwargs={"quality": 90})
    return out.getvalue()
