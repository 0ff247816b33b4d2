"""Graphs, histograms and contact sheets as PNG files in memory, drawn with matplotlib."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from colorworker.errors import DependencyMissing

try:
    from matplotlib.figure import Figure
except ModuleNotFoundError as error:
    raise DependencyMissing(
        "matplotlib",
        "is not installed, and graphs and contact sheets need it",
        "Install it: pip install 'colorworker[train]'",
    ) from error

Codes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Curve:
    """One line of a graph."""

    label: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Panel:
    """One graph."""

    title: str
    curves: tuple[Curve, ...]
    x_label: str = "step"


def line_graphs(panels: Sequence[Panel]) -> bytes:
    """Return graphs side by side as PNG; values that are not finite leave gaps."""
    figure = Figure(figsize=(5.2 * max(1, len(panels)), 3.8), dpi=100, layout="constrained")
    for index, panel in enumerate(panels, 1):
        axes = figure.add_subplot(1, len(panels), index)
        for curve in panel.curves:
            marker = "o" if len(curve.x) < 40 else ""
            axes.plot(curve.x, curve.y, label=curve.label, marker=marker, markersize=3)
        axes.set_title(panel.title)
        axes.set_xlabel(panel.x_label)
        axes.grid(visible=True, alpha=0.3)
        if len(panel.curves) > 1:
            axes.legend()
    return _png(figure)


def histogram(values: npt.NDArray[np.floating], *, title: str, x_label: str, mark: float) -> bytes:
    """Return a histogram as PNG, with a vertical line at `mark`."""
    figure = Figure(figsize=(7, 3.8), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    axes.hist(np.asarray(values, np.float64), bins=60)
    axes.axvline(mark, color="black", linestyle="--")
    axes.set_title(title)
    axes.set_xlabel(x_label)
    axes.set_ylabel("pictures")
    return _png(figure)


def picture_grid(
    rows: Sequence[Sequence[Codes]], *, titles: Sequence[str] = (), title: str = ""
) -> bytes:
    """Return pictures in rows and columns as PNG, without scaling them.

    Args:
        rows: sRGB pictures, uint8 (h, w, 3), all of the same size.
        titles: Titles of the columns.
        title: Title of the sheet.
    """
    gap = 4
    height, width = rows[0][0].shape[:2]
    columns = max(len(row) for row in rows)
    shape = (len(rows) * (height + gap) - gap, columns * (width + gap) - gap, 3)
    canvas = np.full(shape, 255, np.uint8)
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            top, left = y * (height + gap), x * (width + gap)
            canvas[top : top + height, left : left + width] = picture
    dpi, head = 100, 18 * bool(titles) + 22 * bool(title)
    figure = Figure(figsize=(canvas.shape[1] / dpi, (canvas.shape[0] + head) / dpi), dpi=dpi)
    figure.figimage(canvas, 0, 0)
    total = canvas.shape[0] + head
    for column, text in enumerate(titles):
        left = (column * (width + gap) + width / 2) / canvas.shape[1]
        figure.text(left, (canvas.shape[0] + 4) / total, text, ha="center", fontsize=8)
    if title:
        figure.text(0.01, (total - 16) / total, title, fontsize=9)
    return _png(figure)


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
