"""Synthetic pictures and films for calibration: cloud textures with grain; films pan and weave.

The textures have the spectrum of photographs (amplitude falls as 1 / frequency: Field, J. Opt. Soc.
Am. A 4, 1987), so encoders find the same amount of detail at any size; the finest detail is as soft
as lenses and scanners make it. Grain is that of a good scan, weave that of a film gate. A disc
crosses the picture, so that some frames need an early prediction.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyvips
from av.error import FFmpegError
from av.video.format import VideoFormat

from colorworker.domain.costs import LOSSLESS, CostClass
from colorworker.errors import SourceUnsupported
from colorworker.media.synthetic import Recipe, make_film

EDITION = 2
"""Raise this when the material changes; calibrations with older material are then ignored."""
_GRAIN = 3.0
"""Standard deviation of the grain, in 8-bit codes."""
_SPEED = 0.007
"""Movement of the disc per frame, in picture widths. It causes 0.10 predictions per frame, like the
cartoon of the demo archive; a static picture has 0.09."""
_FINEST = 0.1
"""Contrast of detail at the pixel scale, as a share."""
_PAN, _WEAVE = 0.5, 1
"""Camera pan in pixels per frame, and maximum gate weave in pixels."""
_RADIUS, _BRIGHTER = 1 / 6, 80
"""Radius of the disc in picture heights, and its added brightness in 8-bit codes."""
_SUFFIXES: Mapping[str, str] = {"jpeg": ".jpg", "png": ".png", "tiff": ".tif", "webp": ".webp"}
_ENCODERS: Mapping[str, str] = {
    "ffv1": "ffv1",
    "h264": "libx264",
    "hevc": "libx265",
    "mjpeg": "mjpeg",
    "mpeg1video": "mpeg1video",
    "mpeg2video": "mpeg2video",
    "mpeg4": "mpeg4",
    "prores": "prores_ks",
    "vp9": "libvpx-vp9",
}
_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "ffv1": {},
    "libx264": {"crf": "18", "preset": "veryfast"},
}
_BITS_A_PIXEL = 0.6
"""Bit rate of codecs that need one, in bits per pixel: DVD's 6 Mbit/s."""


def is_makeable(cost_class: CostClass) -> bool:
    """Return whether material in the format or codec of the cost class can be made."""
    return cost_class.form in (_SUFFIXES if cost_class.kind == "still" else _ENCODERS)


def predicts_output_size(cost_class: CostClass) -> bool:
    """Return whether larger sources of this form give larger outputs.

    They do not if the source's codec was given a bit rate, or if the output codec has one (ProRes,
    DNxHR). Nor does the size of a lossless film say how much of its grain a lossy encoder drops.
    """
    if cost_class.kind == "still":
        return True
    is_at_a_rate = _ENCODERS[cost_class.form] not in _OPTIONS or cost_class.profile == "mezzanine"
    return not is_at_a_rate and (cost_class.profile == "archive" or cost_class.form not in LOSSLESS)


def make_still(folder: Path, name: str, cost_class: CostClass, width: int, height: int) -> Path:
    """Write a gray picture in the format of the cost class and return its path.

    Raises:
        SourceUnsupported: If that format cannot be made.
    """
    if not is_makeable(cost_class):
        raise SourceUnsupported(
            cost_class.name, "no calibration picture of this format can be made"
        )
    codes = _grained(cloud_texture(width, height), 0)
    image = pyvips.Image.new_from_array(codes).copy(interpretation="b-w")
    if cost_class.samples == "16":
        image = pyvips.Image.new_from_array(codes * np.uint16(257)).copy(interpretation="grey16")
    path = folder / f"{name}{_SUFFIXES[cost_class.form]}"
    image.write_to_file(str(path))
    return path


def make_reel(
    folder: Path, name: str, cost_class: CostClass, width: int, height: int, frames: int
) -> Path:
    """Write a film in the codec and pixel format of the cost class and return its path.

    Raises:
        SourceUnsupported: If such a film cannot be made.
    """
    if not is_makeable(cost_class):
        raise SourceUnsupported(cost_class.name, "no calibration film of this codec can be made")
    background = cloud_texture(width + round(_PAN * frames) + 2 * _WEAVE, height + 2 * _WEAVE)
    encoder = _ENCODERS[cost_class.form]
    rated = {"b": str(round(_BITS_A_PIXEL * width * height * 25))}
    try:
        depth = VideoFormat(cost_class.samples).components[0].bits
        recipe = Recipe(
            codec=encoder,
            pix_fmt=cost_class.samples,
            width=width,
            height=height,
            frames=frames,
            shots=1,
            options=_OPTIONS.get(encoder, rated),
        )
        return make_film(
            folder / f"{name}.mkv", recipe, partial(_picture, background, width, height, depth)
        )
    except (FFmpegError, ValueError) as error:
        raise SourceUnsupported(
            cost_class.name, f"no such film can be made here ({error})"
        ) from error


def _picture(
    background: npt.NDArray[np.float32], width: int, height: int, depth: int, index: int
) -> npt.NDArray[np.uint16]:
    """Return a frame's luma codes, in limited range at the given bit depth."""
    down, right = np.random.default_rng(index).integers(0, 2 * _WEAVE, 2, endpoint=True)
    right += int(_PAN * index)
    seen = background[down : down + height, right : right + width]
    rows, columns = np.ogrid[:height, :width]
    middle = (0.25 + index * _SPEED) % 1 * width
    disc = np.hypot(rows - height / 2, columns - middle) < _RADIUS * height
    codes = _grained(seen + np.float32(_BRIGHTER) * disc.astype(np.float32), index)
    limited = codes.astype(np.uint16) * np.uint16(219) // np.uint16(255) + np.uint16(16)
    return (limited << np.uint16(depth - 8)).astype(np.uint16)


def cloud_texture(width: int, height: int) -> npt.NDArray[np.float32]:
    """Return a deterministic cloud texture, (height, width), with mean 127, within [0, 255]."""
    across, down = np.fft.rfftfreq(width), np.fft.fftfreq(height)
    frequency = np.hypot(down[:, None], across[None, :])
    frequency[0, 0] = np.inf
    phases = np.random.default_rng(7).uniform(0, 2 * np.pi, frequency.shape)
    amplitudes = _FINEST ** ((2 * np.minimum(frequency, 1)) ** 2) / frequency
    waves: npt.NDArray[np.float64] = np.fft.irfft2(
        np.exp(1j * phases) * amplitudes, (height, width)
    )
    scaled = 127 + 48 * waves / waves.std()
    codes: npt.NDArray[np.float32] = np.clip(scaled, 0, 255).astype(np.float32)
    return codes


def _grained(picture: npt.NDArray[np.float32], seed: int) -> npt.NDArray[np.uint8]:
    noise = np.random.default_rng(seed).standard_normal(picture.shape, np.float32)
    return np.clip(picture + _GRAIN * noise, 0, 255).astype(np.uint8)
