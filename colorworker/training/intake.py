"""From samples to pictures that can be trained on: decoded once, counted, copied here.

JPEG is decoded by TensorFlow, on its own threads and without Python's lock; what it does not do
(other formats, profiles, orientation, 16 bits) goes through `media.stills` once and is a JPEG, or
pixels, from then on.
"""

import io
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np
import numpy.typing as npt

from colorworker.color.metrics import colorfulness
from colorworker.errors import ItemError, SourceDamaged
from colorworker.media.stills.thumbnail import preview_rgb
from colorworker.media.stills.vips import open_still
from colorworker.model.runtime import tf
from colorworker.store.picturesets import Sample
from colorworker.training.localcopy import Place, Spool
from colorworker.training.order import is_held_out

Codes = npt.NDArray[np.uint8]
Fit = Literal["crop", "pad"]

MARGIN = 1.5
"""Pictures are kept at most this much larger than they are shown, so that zooming in has detail."""
_JPEG = b"\xff\xd8\xff"
_HEAD_BYTES = 1 << 16
_QUALITY = 95
_AT_A_TIME = 256
_MOST_PLAIN_PIXELS = 4_000_000
"""Larger ones are shrunk as a stream."""
_MEASURED_SIDE = 40
"""Colorfulness is measured on about so many pixels a side: it hardly depends on the size."""


@dataclass(frozen=True)
class IntakeRules:
    """What is kept, and how."""

    size: int
    """Side of the square that pictures are shown at."""
    fit: Fit = "crop"
    min_colorfulness: float = 6.0
    validation_share: float = 0.1
    stored_as: Literal["jpeg", "pixels"] = "jpeg"
    max_pixels: int = 1_000_000_000


@dataclass(frozen=True)
class Kept:
    """One picture that lies in the spool."""

    key: str
    place: Place
    held_out: bool


@dataclass(frozen=True)
class Inventory:
    """What a data set holds."""

    kept: tuple[Kept, ...]
    gray: tuple[str, ...]
    """Keys of pictures without color, left out."""
    broken: tuple[tuple[str, str], ...]
    """Keys of those that do not decode, and why."""
    colorfulness: npt.NDArray[np.float32]
    """Of every picture that decodes, gray ones included."""
    stored_as: Literal["jpeg", "pixels"]

    @property
    def train(self) -> tuple[Kept, ...]:
        """Return those that are trained on."""
        return tuple(item for item in self.kept if not item.held_out)

    @property
    def held_out(self) -> tuple[Kept, ...]:
        """Return those that are for validation."""
        return tuple(item for item in self.kept if item.held_out)


@dataclass(frozen=True)
class _Looked:
    key: str
    name: str
    data: bytes = b""
    height: int = 0
    width: int = 0
    colorfulness: float = 0.0
    error: str = ""


def take_in(
    samples: Iterable[Sample], spool: Spool, rules: IntakeRules, *, threads: int = 2
) -> Inventory:
    """Copy every picture that can be trained on into the spool; count and name the others.

    Raises:
        StoreUnavailable: If the source is away, or the spool cannot be written.
    """
    kept: list[Kept] = []
    gray: list[str] = []
    broken: list[tuple[str, str]] = []
    colors: list[float] = []
    for looked in _in_order(samples, rules, threads):
        if looked.error:
            broken.append((looked.key, looked.error))
            continue
        colors.append(looked.colorfulness)
        if looked.colorfulness < rules.min_colorfulness:
            gray.append(looked.key)
            continue
        place = spool.add(looked.data, looked.height, looked.width)
        kept.append(Kept(looked.key, place, is_held_out(looked.name, rules.validation_share)))
    return Inventory(
        tuple(kept),
        tuple(gray),
        tuple(broken),
        np.asarray(colors, np.float32),
        rules.stored_as,
    )


def _in_order(samples: Iterable[Sample], rules: IntakeRules, threads: int) -> Iterator[_Looked]:
    iterator = iter(samples)
    with ThreadPoolExecutor(threads) as pool:
        while batch := list(islice(iterator, _AT_A_TIME)):
            yield from pool.map(lambda sample: _look(sample, rules), batch)


def _look(sample: Sample, rules: IntakeRules) -> _Looked:
    """Return what is spooled of a sample, or why it is not."""
    if sample.error:
        return _Looked(sample.key, sample.name, error=str(sample.error))
    try:
        return _plain_jpeg(sample, rules) or _through_stills(sample, rules)
    except ItemError as error:
        return _Looked(sample.key, sample.name, error=str(error))


def _plain_jpeg(sample: Sample, rules: IntakeRules) -> _Looked | None:
    """Return a JPEG without profile and tags, as it is if its size fits; None for all else."""
    head = sample.data[:_HEAD_BYTES]
    if not head.startswith(_JPEG) or b"ICC_PROFILE" in head or b"Exif" in head:
        return None
    try:
        height, width, bands = (int(n) for n in tf.io.extract_jpeg_shape(sample.data).numpy())
        if bands > 3 or height * width > _MOST_PLAIN_PIXELS:
            return None
        shrink = _shrink(height, width, rules)
        if shrink < 1 or rules.stored_as == "pixels":
            # Whole, then by area: shrunk by the decoder it would lie a little off.
            codes = tf.io.decode_jpeg(sample.data, channels=3)
            if shrink < 1:
                height, width = max(1, round(height * shrink)), max(1, round(width * shrink))
                codes = tf.image.resize(codes, [height, width], method="area")
                codes = tf.cast(tf.round(codes), tf.uint8)
            return _looked(sample, codes.numpy(), rules)
        ratio = next((r for r in (8, 4, 2) if min(height, width) >= r * _MEASURED_SIDE), 1)
        small = tf.io.decode_jpeg(sample.data, channels=3, ratio=ratio).numpy()
    except tf.errors.InvalidArgumentError as error:
        words = str(error.message).splitlines()[0][:120]
        raise SourceDamaged(sample.key, f"it does not decode whole ({words})") from error
    return _Looked(sample.key, sample.name, sample.data, height, width, colorfulness(small))


def _through_stills(sample: Sample, rules: IntakeRules) -> _Looked:
    """Return any still, upright and in sRGB, at a fitting size."""
    with open_still(io.BytesIO(sample.data), sample.key, max_pixels=rules.max_pixels) as picture:
        height, width = picture.info.upright_height, picture.info.upright_width
        shrink = _shrink(height, width, rules)
        height, width = max(1, round(height * shrink)), max(1, round(width * shrink))
        codes = preview_rgb(picture.proxy(height, width))
    return _looked(sample, codes, rules)


def _looked(sample: Sample, codes: Codes, rules: IntakeRules) -> _Looked:
    """Return decoded pixels as they are spooled."""
    data = codes.tobytes()
    if rules.stored_as == "jpeg":
        data = tf.io.encode_jpeg(codes, quality=_QUALITY, chroma_downsampling=False).numpy()
    height, width = codes.shape[:2]
    return _Looked(sample.key, sample.name, data, height, width, colorfulness(codes))


def _shrink(height: int, width: int, rules: IntakeRules) -> float:
    """Return the factor, at most 1, that brings a picture to the size it is kept at."""
    side = min(height, width) if rules.fit == "crop" else max(height, width)
    return min(1.0, rules.size * MARGIN / max(1, side))
