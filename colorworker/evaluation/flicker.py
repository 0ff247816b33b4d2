"""Temporal stability of colors: CDC, warp error and flicker, measured frame by frame.

    motion_of = MotionEstimator()                   # evaluation.motion
    meter = FilmMeter()                             # one for each colorization of the film
    for lightness, rgb in frames:                   # any iterator; at most 5 frames are kept
        meter.add(rgb, motion_of(lightness))
    meter.scores()

Motion comes from the true luma, which all colorizations share, so it is computed once.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import entropy

from colorworker.color.lab import Floats
from colorworker.color.metrics import chroma_mse, colorfulness, colorfulness_absolute
from colorworker.evaluation.measures import lab_of
from colorworker.evaluation.motion import Motion, warped
from colorworker.evaluation.table import FilmScores, mean

Codes = npt.NDArray[np.uint8]
Histograms = npt.NDArray[np.float64]
"""(channels, 256), each summing to 1."""

DISTANCES = (1, 2, 4)
"""Frame distances over which CDC averages with equal weight."""
MIN_VISIBLE = 0.2
"""Minimum share of a frame visible in the next one. Less counts as a cut and is not compared."""
_AB_EDGE = 128.0


def histograms(rgb: Codes) -> Histograms:
    """Return the share of pixels at every code for R, G and B, (3, 256).

    Args:
        rgb: sRGB codes, (H, W, 3).
    """
    flat = rgb.reshape(-1, 3)
    return np.stack([np.bincount(flat[:, c], minlength=256) for c in range(3)]) / len(flat)


def chroma_histograms(chroma: Floats) -> Histograms:
    """Return the share of pixels in bins of width 1 over [-128, 128) for a* and b*, (2, 256)."""
    flat = np.clip(np.floor(chroma.reshape(-1, 2) + _AB_EDGE), 0, 255).astype(np.intp)
    return np.stack([np.bincount(flat[:, c], minlength=256) for c in range(2)]) / len(flat)


def divergence(one: Histograms, other: Histograms) -> npt.NDArray[np.float64]:
    """Return the Jensen-Shannon divergence of each channel, natural logarithm, in [0, ln 2].

    1/2 KL(p || m) + 1/2 KL(q || m), m = (p + q) / 2.
    """
    middle = (one + other) / 2
    return np.asarray((entropy(one, middle, axis=-1) + entropy(other, middle, axis=-1)) / 2)


class Consistency:
    """Color distribution consistency (CDC) of frames that are added one by one.

    For each distance d in {1, 2, 4}, the mean over all frames i of JS(h_i, h_i+d); then the mean of
    the three, and the mean over channels. It cannot detect missing color (a gray film scores like a
    perfect one) and rises with flickering exposure, so it is never shown alone.

    Source:
        Liu et al., "Temporally consistent video colorization with deep feature propagation and
        self-regularization learning" (TCVC), compute_hist.py of its code; channels in any order.
    """

    def __init__(self) -> None:
        self._last: deque[Histograms] = deque(maxlen=max(DISTANCES))
        self._sums: dict[int, list[float]] = {distance: [] for distance in DISTANCES}

    def add(self, frame: Histograms) -> None:
        """Add the next frame's histograms."""
        for distance in DISTANCES:
            if distance <= len(self._last):
                # One number per pair: the mean over channels commutes with the other means.
                before = self._last[-distance]
                self._sums[distance].append(float(divergence(before, frame).mean()))
        self._last.append(frame)

    def value(self) -> float | None:
        """Return the CDC; None for fewer than 5 frames, when a distance has no pair."""
        if not all(self._sums.values()):
            return None
        return mean([mean(self._sums[distance]) for distance in DISTANCES])


@dataclass(frozen=True)
class _Frame:
    rgb: Codes
    chroma: Floats


class FilmMeter:
    """Measures one colorization of a film frame by frame; keeps one frame and a few histograms."""

    def __init__(self) -> None:
        self._cdc, self._cdc_ab = Consistency(), Consistency()
        self._previous: _Frame | None = None
        self._warp: list[float] = []
        self._flicker: list[float] = []
        self._visible: list[float] = []
        self._colorfulness: list[tuple[float, float]] = []
        self._chroma_mse: list[float] = []

    def add(self, rgb: Codes, motion: Motion | None, true_chroma: Floats | None = None) -> None:
        """Add the next frame.

        Args:
            rgb: sRGB codes, (H, W, 3).
            motion: Motion from the previous frame to this one, from `motion.MotionEstimator`; None
                for the first frame and after a cut, where no error is measured.
            true_chroma: a*, b*, (H, W, 2), if the truth is known.
        """
        chroma = lab_of(rgb)[..., 1:]
        self._cdc.add(histograms(rgb))
        self._cdc_ab.add(chroma_histograms(chroma))
        self._colorfulness.append((colorfulness(rgb), colorfulness_absolute(rgb)))
        if true_chroma is not None:
            self._chroma_mse.append(chroma_mse(chroma, true_chroma))
        if motion is not None and self._previous and motion.visible.mean() >= MIN_VISIBLE:
            self._compare(self._previous, _Frame(rgb, chroma), motion)
        self._previous = _Frame(rgb, chroma)

    def scores(self) -> FilmScores:
        """Return the means over the frames so far.

        Raises:
            ValueError: If no frame was added.
        """
        if not self._colorfulness:
            raise ValueError("no frames were added")
        signed, absolute = zip(*self._colorfulness, strict=True)
        return FilmScores(
            frames=len(self._colorfulness),
            colorfulness=mean(signed),
            colorfulness_absolute=mean(absolute),
            ab_rmse=mean(self._chroma_mse) ** 0.5 if self._chroma_mse else None,
            cdc=self._cdc.value(),
            cdc_ab=self._cdc_ab.value(),
            warp_error=mean(self._warp) if self._warp else None,
            flicker=mean(self._flicker) if self._flicker else None,
            visible=mean(self._visible) if self._visible else None,
        )

    def _compare(self, before: _Frame, after: _Frame, motion: Motion) -> None:
        seen = motion.visible
        rgb_difference = warped(after.rgb.astype(np.float32), motion) - before.rgb
        chroma_difference = warped(after.chroma, motion) - before.chroma
        self._warp.append(float(((rgb_difference[seen] / 255) ** 2).mean(dtype=np.float64)))
        squares = (chroma_difference[seen] ** 2).sum(-1, dtype=np.float64)
        self._flicker.append(float(np.sqrt(squares.mean())))
        self._visible.append(float(seen.mean()))
