"""Copy a data set's pictures to this machine: each is decoded once, measured, and stored.

TensorFlow decodes JPEG without holding Python's lock. What it cannot read (other formats, ICC
profiles, orientation, 16 bits) goes through `media.stills` once and is stored as JPEG or pixels.
"""

import io
import time
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from colorworker.color.metrics import colorfulness
from colorworker.errors import ItemError, SourceDamaged
from colorworker.media.stills.thumbnail import preview_rgb
from colorworker.media.stills.vips import open_still
from colorworker.model.runtime import tf
from colorworker.store.objectstore import ObjectInfo, ObjectStore
from colorworker.store.picturesets import PictureSample, read_shard
from colorworker.training.copyindex import CopyRecord
from colorworker.training.events import CopyProgress
from colorworker.training.localcopy import CopyStopped, LocalCopy
from colorworker.training.rate import SlidingRate

Codes = npt.NDArray[np.uint8]
Fit = Literal["crop", "pad"]

MARGIN = 1.5
"""Pictures are stored up to this factor larger than the input size, as detail for zooming in."""
_JPEG = b"\xff\xd8\xff"
_HEAD_BYTES = 1 << 16
_QUALITY = 95
_AT_A_TIME = 64
"""Pictures read ahead of the decoders; also what is lost when the copying stops."""
_SHOW_SECONDS = 1.0
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
class _Prepared:
    data: bytes = b""
    height: int = 0
    width: int = 0
    colorfulness: float = 0.0
    error: str = ""


def copy_pictures(
    store: ObjectStore,
    shards: Sequence[ObjectInfo],
    local_copy: LocalCopy,
    rules: IntakeRules,
    done: Sequence[CopyRecord] = (),
    *,
    threads: int = 2,
    show: Callable[[CopyProgress], None] = lambda _: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Iterator[CopyRecord]:
    """Copy the pictures that follow the last copied one, and yield a record of each.

    Args:
        store: The store of the shards.
        shards: Entries of `find_shards`, all of them.
        local_copy: Where to append the pictures.
        rules: Which pictures are kept, and in which form.
        done: Records of the pictures that are in the local copy already.
        threads: Number of pictures to decode at a time.
        show: Called with the progress about every second.
        stopping: Polled after every picture.

    Raises:
        CopyStopped: If `stopping` returned true.
        StoreUnavailable: If the source cannot be read or the local copy cannot be written.
    """
    meter = _Meter(sum(shard.size_bytes for shard in shards), done, show)
    samples = _remaining(store, shards, done[-1] if done else None)
    with closing(_prepare_all(samples, rules, threads)) as prepared:
        for sample, source_bytes, picture in prepared:
            if stopping():
                raise CopyStopped
            yield _stored(sample, source_bytes, picture, local_copy, rules)
            meter.add(source_bytes)
    meter.finish()


def _remaining(
    store: ObjectStore, shards: Iterable[ObjectInfo], last: CopyRecord | None
) -> Iterator[tuple[PictureSample, int]]:
    """Yield the pictures after the last copied one, each with the bytes read up to its end."""
    before = 0
    for shard in shards:
        skip = read = 0
        if last is not None:
            if shard.key != last.shard:
                before += shard.size_bytes
                continue
            skip, read, last = last.index + 1, last.source_bytes - before, None
        for sample in read_shard(store, shard, skip=skip):
            # A damaged shard reports its damage again, under an index that has a record.
            if sample.index >= skip:
                read = min(shard.size_bytes, read + len(sample.data))
                yield sample, before + read
        before += shard.size_bytes


def _stored(
    sample: PictureSample,
    source_bytes: int,
    picture: _Prepared,
    local_copy: LocalCopy,
    rules: IntakeRules,
) -> CopyRecord:
    """Add a picture to the local copy, unless it is gray or broken, and return its record."""
    color, error = picture.colorfulness, picture.error
    if error or color < rules.min_colorfulness:
        return CopyRecord(
            sample.shard, sample.index, sample.name, source_bytes, colorfulness=color, error=error
        )
    place = local_copy.add(picture.data, picture.height, picture.width)
    return CopyRecord(
        sample.shard,
        sample.index,
        sample.name,
        source_bytes,
        place.offset,
        place.size_bytes,
        place.height,
        place.width,
        zlib.crc32(picture.data),
        color,
    )


class _Meter:
    """Reports the progress of copying: at the beginning, about every second, and at the end."""

    def __init__(
        self, total_bytes: int, done: Sequence[CopyRecord], show: Callable[[CopyProgress], None]
    ) -> None:
        self._total_bytes, self._show = total_bytes, show
        self._pictures, self._shown_pictures = len(done), len(done)
        self._source_bytes = done[-1].source_bytes if done else 0
        self._shown_at = time.monotonic()
        self._rate = SlidingRate()
        self._report()

    def add(self, source_bytes: int) -> None:
        """Count one more picture, up to which so many bytes of the source were read."""
        self._pictures += 1
        self._source_bytes = source_bytes
        if time.monotonic() - self._shown_at >= _SHOW_SECONDS:
            self._tick()

    def finish(self) -> None:
        """Report the whole source; headers and padding of a tar count only now."""
        self._source_bytes = self._total_bytes
        self._tick()

    def _tick(self) -> None:
        now = time.monotonic()
        self._rate.add(self._pictures - self._shown_pictures, now - self._shown_at)
        self._shown_at, self._shown_pictures = now, self._pictures
        self._report()

    def _report(self) -> None:
        rate = self._rate.per_second
        self._show(
            CopyProgress("copying", self._pictures, self._source_bytes, self._total_bytes, rate)
        )


def _prepare_all(
    samples: Iterable[tuple[PictureSample, int]], rules: IntakeRules, threads: int
) -> Generator[tuple[PictureSample, int, _Prepared], None, None]:
    """Yield every sample with the data to store, in order, decoded by several threads ahead."""
    waiting: deque[tuple[PictureSample, int, Future[_Prepared]]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for sample, source_bytes in samples:
            waiting.append((sample, source_bytes, pool.submit(_prepare, sample, rules)))
            if len(waiting) == _AT_A_TIME:
                first, its_bytes, future = waiting.popleft()
                yield first, its_bytes, future.result()
        while waiting:
            first, its_bytes, future = waiting.popleft()
            yield first, its_bytes, future.result()
    finally:
        # Stopping waits for the pictures in the decoders, not for those read ahead.
        pool.shutdown(cancel_futures=True)


def _prepare(sample: PictureSample, rules: IntakeRules) -> _Prepared:
    """Return the data to store for a sample, or the reason why it is left out."""
    if sample.error:
        return _Prepared(error=str(sample.error))
    try:
        return _prepare_jpeg(sample, rules) or _prepare_still(sample, rules)
    except ItemError as error:
        return _Prepared(error=str(error))


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
            return _encode(codes.numpy(), rules)
        ratio = next((r for r in (8, 4, 2) if min(height, width) >= r * _MEASURED_SIDE), 1)
        small = tf.io.decode_jpeg(sample.data, channels=3, ratio=ratio).numpy()
    except tf.errors.InvalidArgumentError as error:
        words = str(error.message).splitlines()[0][:120]
        raise SourceDamaged(sample.key, f"it cannot be decoded completely ({words})") from error
    return _Prepared(sample.data, height, width, colorfulness(small))


def _prepare_still(sample: PictureSample, rules: IntakeRules) -> _Prepared:
    """Return any supported still, upright, in sRGB and at the size to store."""
    with open_still(io.BytesIO(sample.data), sample.key, max_pixels=rules.max_pixels) as picture:
        height, width = picture.info.upright_height, picture.info.upright_width
        shrink = _shrink(height, width, rules)
        height, width = max(1, round(height * shrink)), max(1, round(width * shrink))
        codes = preview_rgb(picture.proxy(height, width))
    return _encode(codes, rules)


def _encode(codes: Codes, rules: IntakeRules) -> _Prepared:
    """Return decoded pixels in the form in which they are stored."""
    data = codes.tobytes()
    if rules.stored_as == "jpeg":
        data = tf.io.encode_jpeg(codes, quality=_QUALITY, chroma_downsampling=False).numpy()
    height, width = codes.shape[:2]
    return _Prepared(data, height, width, colorfulness(codes))


def _shrink(height: int, width: int, rules: IntakeRules) -> float:
    """Return the factor, at most 1, that scales a picture to the size to store."""
    side = min(height, width) if rules.fit == "crop" else max(height, width)
    return min(1.0, rules.size * MARGIN / max(1, side))
