"""The Colorizer that runs another project's network."""

import logging
from collections.abc import Mapping
from copy import copy
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from colorworker.color.colordistribution import ColorDistribution
from colorworker.color.colorizerprotocol import KnownOfBatch, no_distribution
from colorworker.color.knowncolors import apply_known_colors
from colorworker.color.lab import (
    lab_from_linear_rgb,
    linear_to_srgb,
    luminance_from_lightness,
    srgb_to_linear,
)
from colorworker.color.resize import resize
from colorworker.errors import WeightsRefused
from colorworker.model.imported.profile import NetworkProfile, Range

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float32]

_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
"""Mean and standard deviation of ImageNet's red, green and blue in [0, 1]."""
_LINES: Mapping[Range, tuple[Floats | float, Floats | float]] = {
    "0..1": (0.0, 1.0),
    "0..255": (0.0, 255.0),
    "-1..1": (-1.0, 2.0),
    "imagenet": (-_MEAN / _DEVIATION, np.float32(1) / _DEVIATION),
}
"""(offset, scale) of each range: RGB in [0, 1] times scale, plus offset."""
_MOST_CHROMA = 200.0
"""No color of sRGB has |a*| or |b*| above 108."""
_TOLERANCE = 0.5
"""How far outputs in RGB may leave [0, 1]."""


class Runner(Protocol):
    """Runs a network on a batch in its own layout and range."""

    def __call__(self, images: Floats) -> Floats:
        """Return the output, (B, ...)."""
        ...


class ImportedColorizer:
    """Another project's network behind the port. Only one thread at a time may predict with it."""

    uses_bins = False

    def __init__(
        self, subject: str, runner: Runner, profile: NetworkProfile, vividness: float = 1.0
    ) -> None:
        """Take a network that is ready to run.

        Args:
            subject: Its file, for errors.
            runner: Runs it.
            profile: Its conventions.
            vividness: Factor for chroma.
        """
        self._subject, self._runner, self._profile = subject, runner, profile
        self._vividness = vividness
        self._warned = False

    def with_settings(self, vividness: float, temperature: float) -> Self:  # noqa: ARG002
        """Return a colorizer that scales chroma by `vividness` and shares the network."""
        other = copy(self)
        other._vividness = vividness
        return other

    def working_shape(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) at which a picture of this size is worked on."""
        return self._profile.working_shape(height, width)

    def distribution(self, lightness: Floats) -> ColorDistribution:  # noqa: ARG002
        """Refuse: other projects' networks give one color per place."""
        raise no_distribution(self._subject)

    def predict(self, lightness: Floats, known: KnownOfBatch | None = None) -> Floats:
        """Return the colors of a batch of pictures.

        Args:
            lightness: L* in [0, 100], (B, H, W), of any size.
            known: The known colors of each picture, (H, W). None: no picture has any.

        Returns:
            a* and b*, float32 (B, H, W, 2). Gray where the network gives no number.

        Raises:
            ValueError: If the shapes do not match.
            WeightsRefused: If the network does not run.
        """
        if lightness.ndim != 3 or 0 in lightness.shape[1:]:
            raise ValueError(f"lightness must have shape (B, H, W), got {lightness.shape}")
        if known is not None and len(known) != len(lightness):
            raise ValueError(f"known colors of {len(known)} pictures for {len(lightness)}")
        batch, height, width = lightness.shape
        sides = self._profile.network_shape(height, width)
        chroma = np.empty((batch, height, width, 2), np.float32)
        for start in range(0, batch, self._profile.batch):
            part = lightness[start : start + self._profile.batch]
            images = np.stack([resize(each, *sides) for each in part])
            small = self._finite(decode(self._profile, self._run(images)))
            for index, ab in enumerate(small, start):
                large = resize(ab, height, width) * np.float32(self._vividness)
                colors = known[index] if known else ()
                chroma[index] = apply_known_colors(lightness[index], large, colors)
        return chroma

    def _run(self, lightness: Floats) -> Floats:
        """Return the network's output, (B, h, w, channels), in its own range and unchecked.

        Args:
            lightness: L*, (B, H, W) at the network's shape, with at most a batch of pictures.

        Raises:
            WeightsRefused: If the network does not run or its output has an impossible shape.
        """
        profile, count = self._profile, len(lightness)
        missing = profile.batch - count
        images = encode(profile, np.pad(lightness, ((0, missing), (0, 0), (0, 0)), "edge"))
        found = self._runner(images)
        channels = 3 if profile.output == "rgb" else 2
        if found.ndim == 4 and profile.layout == "nchw":
            found = np.moveaxis(found, 1, -1)
        if found.ndim != 4 or found.shape[0] != profile.batch or found.shape[-1] != channels:
            raise WeightsRefused(
                self._subject,
                f"gives an output of shape {found.shape} instead of {profile.batch} pictures with"
                f" {channels} channels",
                "Correct its profile: --model-profile, or the TOML file beside it",
            )
        return found[:count]

    def check(self) -> None:
        """Predict one artificial picture, and refuse a network whose result cannot be colors.

        Raises:
            WeightsRefused: If it does not run, gives no numbers, or numbers that are no colors.
        """
        height, width = self._profile.network_shape(512, 512)
        ramp = np.linspace(0, 100, width, dtype=np.float32) * np.ones((height, 1), np.float32)
        ramp[: height // 4] = 100 - ramp[: height // 4]
        output = self._run(ramp[None])
        self._check_range(output)
        found = decode(self._profile, output)
        if not np.isfinite(found).all():
            raise WeightsRefused(
                self._subject,
                "gives results that are not numbers (NaN or infinite)",
                "Correct its input range: --model-profile, or the TOML file beside it",
            )
        if (most := float(np.abs(found).max())) > _MOST_CHROMA:
            raise WeightsRefused(
                self._subject,
                f"gives a* and b* up to {most:.0f}, and real ones are below 128",
                "Correct its output: --model-profile, or output and output_scale in its TOML file",
            )

    def _check_range(self, output: Floats) -> None:
        """Refuse RGB in another range than the profile says."""
        profile = self._profile
        if profile.output == "ab" or not np.isfinite(output).all():
            return
        low, high = float(output.min()), float(output.max())
        rgb = _from_range(
            np.stack((output.min((0, 1, 2)), output.max((0, 1, 2)))), profile.output_range
        )
        is_small = profile.output_range == "0..255" and high <= 1 + _TOLERANCE
        if is_small or rgb.min() < -_TOLERANCE or rgb.max() > 1 + _TOLERANCE:
            raise WeightsRefused(
                self._subject,
                f"gives values from {low:.1f} to {high:.1f}, and its profile says"
                f" {profile.output_range}",
                "Correct its output range: --model-profile, or the TOML file beside it",
            )

    def _finite(self, chroma: Floats) -> Floats:
        """Return chroma with 0 for what is not a number, which is logged once."""
        good = np.isfinite(chroma)
        if not good.all():
            if not self._warned:
                self._warned = True
                logger.warning("%s: some results are not numbers; left gray", self._subject)
            chroma = np.where(good, chroma, np.float32(0))
        return np.clip(chroma, -_MOST_CHROMA, _MOST_CHROMA)


def encode(profile: NetworkProfile, lightness: Floats) -> Floats:
    """Return pictures as a network takes them.

    Args:
        profile: Its conventions.
        lightness: L* in [0, 100], (B, H, W).
    """
    if profile.input == "l":
        scaled = {"0..1": lightness / 100, "-1..1": lightness / 50 - 1}
        images = scaled.get(profile.input_range, lightness)[..., None]
    else:
        gray = linear_to_srgb(luminance_from_lightness(lightness))
        images = _to_range(np.repeat(gray[..., None], 3, axis=-1), profile.input_range)
    if profile.layout == "nchw":
        images = np.moveaxis(images, -1, 1)
    return np.ascontiguousarray(images, np.float32)


def decode(profile: NetworkProfile, output: Floats) -> Floats:
    """Return a*, b* (B, H, W, 2) of a network's output, (B, H, W, 2 or 3)."""
    if profile.output == "ab":
        return np.asarray(output * np.float32(profile.output_scale), np.float32)
    rgb = _from_range(output, profile.output_range)
    return lab_from_linear_rgb(srgb_to_linear(np.clip(rgb, 0, 1)))[..., 1:]


def _to_range(rgb: Floats, wanted: Range) -> Floats:
    offset, scale = _LINES.get(wanted, _LINES["0..1"])
    return np.asarray(rgb * scale + offset, np.float32)


def _from_range(values: Floats, given: Range) -> Floats:
    offset, scale = _LINES.get(given, _LINES["0..1"])
    return np.asarray((values - offset) / scale, np.float32)
