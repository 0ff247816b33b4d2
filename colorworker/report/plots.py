"""Pictures of numbers and sheets of pictures, as PNG files in memory; drawn by matplotlib."""

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
        "is not installed, and curves and sheets are drawn by it",
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


def curves(panels: Sequence[Panel]) -> bytes:
    """Return graphs beside each other; values that are not finite are gaps."""
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
    """Return a histogram with a mark at one value."""
    figure = Figure(figsize=(7, 3.8), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    axes.hist(np.asarray(values, np.float64), bins=60)
    axes.axvline(mark, color="black", linestyle="--")
    axes.set_title(title)
    axes.set_xlabel(x_label)
    axes.set_ylabel("pictures")
    return _png(figure)


def sheet(rows: Sequence[Sequence[Codes]], *, titles: Sequence[str] = (), title: str = "") -> bytes:
    """Return pictures in rows and columns, each shown with its own pixels.

    Args:
        rows: sRGB codes, (h, w, 3); all of them of one size.
        titles: Over the columns.
        title: Over all.
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
    for column, words in enumerate(titles):
        left = (column * (width + gap) + width / 2) / canvas.shape[1]
        figure.text(left, (canvas.shape[0] + 4) / total, words, ha="center", fontsize=8)
    if title:
        figure.text(0.01, (total - 16) / total, title, fontsize=9)
    return _png(figure)


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
