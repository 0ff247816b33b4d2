"""Copy a data set's pictures to this machine: each is decoded once, measured, and stored.

TensorFlow decodes JPEG without holding Python's lock. What it cannot read (other formats, ICC
profiles, orientation, 16 bits) goes through `media.stills` once and is stored as JPEG or pixels.
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
from colorworker.store.picturesets import PictureSample
from colorworker.training.localcopy import LocalCopy, Place
from colorworker.training.order import is_held_out

Codes = npt.NDArray[np.uint8]
Fit = Literal["crop", "pad"]

MARGIN = 1.5
"""Pictures are stored up to this factor larger than the input size, as detail for zooming in."""
_JPEG = b"\xff\xd8\xff"
_HEAD_BYTES = 1 << 16
_QUALITY = 95
_AT_A_TIME = 256
_MOST_PLAIN_PIXELS = 4_000_000
"""Larger pictures are downscaled by libvips, as a stream."""
_MEASURED_SIDE = 40
"""Side in pixels at which colorfulness is measured; it hardly depends on the size."""


@dataclass(frozen=True)
class IntakeRules:
    """Which pictures are kept, and in which form."""

    size: int
    """Side of the network's square input, in pixels."""
    fit: Fit = "crop"
    min_colorfulness: float = 6.0
    validation_share: float = 0.1
    stored_as: Literal["jpeg", "pixels"] = "jpeg"
    max_pixels: int = 1_000_000_000


@dataclass(frozen=True)
class StoredPicture:
    """One picture in the local copy."""

    key: str
    place: Place
    held_out: bool


@dataclass(frozen=True)
class Inventory:
    """The pictures of a data set: kept, gray and broken."""

    kept: tuple[StoredPicture, ...]
    gray: tuple[str, ...]
    """Keys of gray pictures, which are left out."""
    broken: tuple[tuple[str, str], ...]
    """Keys of pictures that cannot be decoded, each with the reason."""
    colorfulness: npt.NDArray[np.float32]
    """Colorfulness of every decodable picture, gray ones included."""
    stored_as: Literal["jpeg", "pixels"]

    @property
    def train(self) -> tuple[StoredPicture, ...]:
        """Return the training pictures."""
        return tuple(item for item in self.kept if not item.held_out)

    @property
    def held_out(self) -> tuple[StoredPicture, ...]:
        """Return the validation pictures."""
        return tuple(item for item in self.kept if item.held_out)


@dataclass(frozen=True)
class _Prepared:
    key: str
    name: str
    data: bytes = b""
    height: int = 0
    width: int = 0
    colorfulness: float = 0.0
    error: str = ""


def copy_pictures(
    samples: Iterable[PictureSample], local_copy: LocalCopy, rules: IntakeRules, *, threads: int = 2
) -> Inventory:
    """Copy every usable picture into the local copy; record the gray and broken ones.

    Raises:
        StoreUnavailable: If the source cannot be read or the local copy cannot be written.
    """
    kept: list[StoredPicture] = []
    gray: list[str] = []
    broken: list[tuple[str, str]] = []
    colors: list[float] = []
    for prepared in _prepare_all(samples, rules, threads):
        if prepared.error:
            broken.append((prepared.key, prepared.error))
            continue
        colors.append(prepared.colorfulness)
        if prepared.colorfulness < rules.min_colorfulness:
            gray.append(prepared.key)
            continue
        place = local_copy.add(prepared.data, prepared.height, prepared.width)
        kept.append(
            StoredPicture(prepared.key, place, is_held_out(prepared.name, rules.validation_share))
        )
    return Inventory(
        tuple(kept),
        tuple(gray),
        tuple(broken),
        np.asarray(colors, np.float32),
        rules.stored_as,
    )


def _prepare_all(
    samples: Iterable[PictureSample], rules: IntakeRules, threads: int
) -> Iterator[_Prepared]:
    iterator = iter(samples)
    with ThreadPoolExecutor(threads) as pool:
        while batch := list(islice(iterator, _AT_A_TIME)):
            yield from pool.map(lambda sample: _prepare(sample, rules), batch)


def _prepare(sample: PictureSample, rules: IntakeRules) -> _Prepared:
    """Return the data to store for a sample, or the reason why it is left out."""
    if sample.error:
        return _Prepared(sample.key, sample.name, error=str(sample.error))
    try:
        return _prepare_jpeg(sample, rules) or _prepare_still(sample, rules)
    except ItemError as error:
        return _Prepared(sample.key, sample.name, error=str(error))


def _prepare_jpeg(sample: PictureSample, rules: IntakeRules) -> _Prepared | None:
    """Return a JPEG without ICC profile or EXIF, unchanged if its size fits; else None."""
    head = sample.data[:_HEAD_BYTES]
    if not head.startswith(_JPEG) or b"ICC_PROFILE" in head or b"Exif" in head:
        return None
    try:
        height, width, bands = (int(n) for n in tf.io.extract_jpeg_shape(sample.data).numpy())
        if bands > 3 or height * width > _MOST_PLAIN_PIXELS:
            return None
        shrink = _shrink(height, width, rules)
        if shrink < 1 or rules.stored_as == "pixels":
            # Decode at full size, then downscale by area: the decoder's scaling shifts the picture.
            codes = tf.io.decode_jpeg(sample.data, channels=3)
            if shrink < 1:
                height, width = max(1, round(height * shrink)), max(1, round(width * shrink))
                codes = tf.image.resize(codes, [height, width], method="area")
                codes = tf.cast(tf.round(codes), tf.uint8)
            return _encode(sample, codes.numpy(), rules)
        ratio = next((r for r in (8, 4, 2) if min(height, width) >= r * _MEASURED_SIDE), 1)
        small = tf.io.decode_jpeg(sample.data, channels=3, ratio=ratio).numpy()
    except tf.errors.InvalidArgumentError as error:
        words = str(error.message).splitlines()[0][:120]
        raise SourceDamaged(sample.key, f"it cannot be decoded completely ({words})") from error
    return _Prepared(sample.key, sample.name, sample.data, height, width, colorfulness(small))


def _prepare_still(sample: PictureSample, rules: IntakeRules) -> _Prepared:
    """Return any supported still, upright, in sRGB and at the size to store."""
    with open_still(io.BytesIO(sample.data), sample.key, max_pixels=rules.max_pixels) as picture:
        height, width = picture.info.upright_height, picture.info.upright_width
        shrink = _shrink(height, width, rules)
        height, width = max(1, round(height * shrink)), max(1, round(width * shrink))
        codes = preview_rgb(picture.proxy(height, width))
    return _encode(sample, codes, rules)


def _encode(sample: PictureSample, codes: Codes, rules: IntakeRules) -> _Prepared:
    """Return decoded pixels in the form in which they are stored."""
    data = codes.tobytes()
    if rules.stored_as == "jpeg":
        data = tf.io.encode_jpeg(codes, quality=_QUALITY, chroma_downsampling=False).numpy()
    height, width = codes.shape[:2]
    return _Prepared(sample.key, sample.name, data, height, width, colorfulness(codes))


def _shrink(height: int, width: int, rules: IntakeRules) -> float:
    """Return the factor, at most 1, that scales a picture to the size to store."""
    side = min(height, width) if rules.fit == "crop" else max(height, width)
    return min(1.0, rules.size * MARGIN / max(1, side))
