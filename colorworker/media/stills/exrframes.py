"""Frames of OpenEXR sequences: as codes for films, and in color with exactly the source's light.

OpenEXR holds linear light with white at 1, without limits. Films see it as sRGB codes, in which
everything brighter than white is white. Colored frames take only their colors from the film.
"""

import hashlib
import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio  # noqa: N813

from colorworker.color.gamut import scale_into_gamut
from colorworker.color.lab import RGB_TO_XYZ, srgb_to_linear
from colorworker.domain.exrheaders import MOST_PIXELS
from colorworker.domain.frameheaders import dpx_bytes, read_frame_header
from colorworker.domain.notes import Note
from colorworker.errors import OutputMismatch, SourceDamaged, SourceUnsupported
from colorworker.media.framefiles import film_frame_file
from colorworker.media.rgbluma import Codes
from colorworker.media.stills.decoded import check_pixels, reason_of
from colorworker.media.stills.oiiodecoder import color_channels, configure

Light = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Temporary = Callable[[str], AbstractContextManager[Path]]
"""Provides a path for a temporary file with this extension."""

_WEIGHTS: Doubles = RGB_TO_XYZ[1] / RGB_TO_XYZ[1].sum()
"""Shares of red, green and blue in luminance."""
_ORDERS = ((1, 0, 2), (1, 2, 0), (2, 0, 1))
"""Orders in which channels are rounded; that with the smallest weight goes last first."""
_SHARES = (1, 0.9, 0.7, 0.4)
"""Of chroma, in the order in which they are tried."""
_ROOTS = 65535
"""Steps of the square root of light, by which codes are looked up."""
_FLOATS = frozenset(("half", "float"))
_LOSSLESS = frozenset(("none", "rle", "zip", "zips", "piz"))
_FILE_NAME, _FILE_NAME_BYTES = 36, 100
_MOST_LIGHT = 1e9
_BLOCK_PIXELS = 1 << 17
_MOSTLY_BRIGHT = 0.5
_RECOPY = "Compare it with the original and copy it again"


class ExrFrame:
    """A frame of light: its header, and all its channels."""

    def __init__(self, data: bytes, key: str, temporary: Temporary) -> None:
        """Decode a file.

        Args:
            data: The file.
            key: Its name, for errors.
            temporary: Where OpenImageIO can read and write files.

        Raises:
            SourceDamaged: If it does not decode completely.
            SourceUnsupported: If it is not gray or RGB, or has values that are no light.
        """
        self._key, self._temporary = key, temporary
        with temporary(".exr") as path, _names_in_utf8(key):
            path.write_bytes(data)
            self._spec, self._samples = _read(path, key)
            channels = [] if self._spec.deep else color_channels(self._spec)
            seen = f"its channels are {', '.join(self._spec.channelnames)}, not gray or RGB"
        if any(self._kind(channel) not in _FLOATS for channel in channels):
            seen, channels = "its samples are integers, not light", []
        if len(channels) not in {1, 3}:
            raise SourceUnsupported(key, seen, "Convert it to a gray or RGB OpenEXR of half first")
        self._color = channels
        self.light: Light = self._samples[..., channels]
        """Linear light, (height, width, 1 or 3), as it is stored."""
        if not (np.abs(self.light) < _MOST_LIGHT).all():
            raise SourceUnsupported(
                key,
                f"it has pixels that are not numbers (NaN), infinite, or above {_MOST_LIGHT:.0e}",
                "Replace them first",
            )

    @property
    def luminance(self) -> Light:
        """Luminance, (height, width), rounded to the type of the file's samples."""
        return _luminance(self.light, self._type)

    @property
    def _type(self) -> type[np.floating[Any]]:
        kinds = {self._kind(channel) for channel in self._color}
        return np.float16 if kinds == {"half"} else np.float32

    def _kind(self, channel: int) -> str:
        kinds = self._spec.channelformats
        return str(kinds[channel] if kinds else self._spec.format)

    def colored(self, rgb: Codes, notice: str) -> bytes:
        """Return the file of this frame with the colors of another picture of it.

        The luminance of every pixel stays, and pixels that are brighter than white, or not brighter
        than black, become gray. Channels other than color are kept.

        Args:
            rgb: The same frame in color, 16-bit sRGB codes, (height, width, 3).
            notice: Text to append to the header's comments; empty for none.

        Raises:
            SourceUnsupported: If it has channels of integers, which OpenImageIO does not keep.
        """
        others = [each for each in range(self._spec.nchannels) if each not in self._color]
        if integers := [n for n in others if self._kind(n) not in _FLOATS]:
            name = self._spec.channelnames[integers[0]]
            raise SourceUnsupported(
                self._key,
                f"its channel {name} holds integers, which would be lost",
                "Use --sequences film, or remove the channel",
            )
        luminance = self.luminance
        samples = np.empty((*luminance.shape, 3 + len(others)), np.float32)
        samples[..., 3:] = self._samples[..., others]
        for rows in _blocks(luminance.shape):
            near = _chroma(rgb[rows], luminance[rows])
            samples[rows][..., :3] = exact_colors(near, luminance[rows], self._type)
        with _names_in_utf8(self._key):
            spec = _spec_like(self._spec, self._color, others, notice)
        with self._temporary(".exr") as path:
            _write(path, spec, samples, self._key)
            return path.read_bytes()

    def check(self, data: bytes) -> None:
        """Compare the luminance of a written frame with that of this one.

        Raises:
            OutputMismatch: If it differs anywhere.
        """
        try:
            written = ExrFrame(data, self._key, self._temporary)
        except (SourceDamaged, SourceUnsupported) as error:
            raise OutputMismatch(self._key, f"the written frame: {error.seen}") from error
        if not np.array_equal(written.luminance, self.luminance):
            raise OutputMismatch(self._key, "the written frame decodes to different luminance")


class FilmFrames:
    """Converts frames of light to DPX with sRGB codes, and counts pixels brighter than white."""

    def __init__(self, temporary: Temporary) -> None:
        """Use these temporary files."""
        self._temporary = temporary
        self._counted = -1
        self._pixels = self._bright = 0
        self._peak = 1.0

    def __call__(self, index: int, key: str, data: bytes, header: bytes) -> bytes:
        """Return a DPX file; see `sequencefile.ConvertFrame`.

        A file that does not decode becomes one that libav does not decode either, so that it is
        named, or repeated, like any other damaged frame.

        Raises:
            SourceUnsupported: If it has another size, or holds no picture in light.
        """
        expected = read_frame_header(header)
        if expected is None:
            raise ValueError("the header is not one of DPX")
        try:
            frame = ExrFrame(data, key, self._temporary)
        except SourceDamaged:
            return bytes(dpx_bytes(expected.width, expected.height, expected.bit_depth))
        height, width, _ = frame.light.shape
        if (width, height) != (expected.width, expected.height):
            raise SourceUnsupported(
                key,
                f"it holds {width} x {height} pixels, the first frame"
                f" {expected.width} x {expected.height}",
                "Convert the frames to one size",
            )
        self._count(index, frame)
        named = bytearray(header)
        # Light above white has no code: so that no change of a source goes unnoticed.
        digest = hashlib.sha256(data).hexdigest().encode()
        struct.pack_into(f"{_FILE_NAME_BYTES}s", named, _FILE_NAME, digest)
        return film_frame_file(bytes(named), _codes(frame.light, expected.bit_depth), key, "")

    def notes(self, key: str) -> list[str]:
        """Return a note about what is brighter than white.

        Raises:
            SourceUnsupported: If most of the pixels are: then white is not at 1.
        """
        if self._bright > _MOSTLY_BRIGHT * self._pixels:
            raise SourceUnsupported(
                key,
                "most of its pixels are brighter than 1.0, the white of pictures in floating point",
                "Scale its values so that white is 1.0",
            )
        if not self._bright:
            return []
        share = 100 * self._bright / self._pixels
        shown = f"{share:.2f}" if share >= 0.01 else "less than 0.01"
        return [
            Note(
                f"{shown} % of its pixels are brighter than white, up to {self._peak:.4g} times;"
                " films show them as white, frames keep their luminance"
            )
        ]

    def _count(self, index: int, frame: ExrFrame) -> None:
        if index <= self._counted:
            return
        self._counted = index
        luminance = frame.luminance
        self._pixels += luminance.size
        self._bright += int((luminance > 1).sum())
        self._peak = max(self._peak, float(luminance.max()))


def exact_colors(light: Light, luminance: Light, kind: type[np.floating[Any]]) -> Light:
    """Return colors near these whose luminance, rounded to a type, is exactly the one given.

    The channels are rounded one after the other, each to what makes up for the rounding of those
    before. The last one decides: where it is too coarse, another order is tried, then less chroma.
    What is not between black and white becomes gray.

    Args:
        light: Linear light, (..., 3), of about this luminance.
        luminance: Of that type, as float32, (...).
        kind: float16 or float32.

    Returns:
        Values of that type, as float32, in the shape of `light`.
    """
    found: Light = np.repeat(luminance[..., None], 3, axis=-1)
    left = (luminance > 0) & (luminance < 1)
    for share, order in product(_SHARES, _ORDERS):
        wanted = luminance[left]
        gray = wanted[:, None]
        color = _rounded(gray + np.float32(share) * (light[left] - gray), wanted, kind, order)
        fits = _luminance(color[None], kind)[0] == wanted
        places = np.flatnonzero(left)[fits]
        found.reshape(-1, 3)[places] = color[fits]
        left.reshape(-1)[places] = False
        if not left.any():
            break
    return found


def _rounded(
    light: Light, luminance: Light, kind: type[np.floating[Any]], order: tuple[int, ...]
) -> Light:
    """Return colors, (n, 3), rounded to a type in this order of channels."""
    color = light.astype(np.float64)
    for channel in order:
        others = sum(_WEIGHTS[each] * color[:, each] for each in order if each != channel)
        exact = np.maximum((luminance - others) / _WEIGHTS[channel], 0)
        color[:, channel] = exact.astype(kind)
    return color.astype(np.float32)


def _chroma(rgb: Codes, luminance: Light) -> Light:
    """Return the colors of sRGB codes at another luminance, in gamut; arbitrary outside (0, 1)."""
    linear = srgb_to_linear(rgb.astype(np.float32) / np.float32(65535))
    own = (linear @ _WEIGHTS.astype(np.float32))[..., None]
    ratio = np.divide(luminance[..., None], own, out=np.zeros_like(own), where=own > 0)
    return scale_into_gamut(linear * ratio, luminance)


def _luminance(light: Light, kind: type[np.floating[Any]]) -> Light:
    if light.shape[-1] == 1:
        return light[..., 0].astype(kind).astype(np.float32)
    found = np.empty(light.shape[:-1], np.float32)
    for rows in _blocks(found.shape):
        found[rows] = (light[rows].astype(np.float64) @ _WEIGHTS).astype(kind)
    return found


def _blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    """Yield slices of rows, so that intermediate arrays in double precision stay small."""
    step = max(1, _BLOCK_PIXELS // shape[-1])
    yield from (slice(start, start + step) for start in range(0, shape[0], step))


def _codes(light: Light, bit_depth: int) -> Codes:
    """Return sRGB codes, (height, width, 3), for light; 0 to 1 becomes 0 to the highest code."""
    roots = np.sqrt(np.clip(light, 0, 1)) * np.float32(_ROOTS)
    codes = _code_table(bit_depth)[np.rint(roots).astype(np.uint16)]
    return codes if light.shape[-1] > 1 else np.repeat(codes, 3, axis=-1)


@lru_cache(maxsize=2)
def _code_table(bit_depth: int) -> npt.NDArray[np.uint16]:
    """Return the codes of the squares of 0 to 1, in 65536 steps.

    All machines have the same table and the same square roots, and so the same codes.
    """
    light = np.linspace(0, 1, _ROOTS + 1) ** 2
    curved = 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    signal = np.where(light > 0.0031308, curved, light * 12.92)
    codes: npt.NDArray[np.uint16] = np.rint(signal * ((1 << bit_depth) - 1)).astype(np.uint16)
    return codes


@contextmanager
def _names_in_utf8(key: str) -> Iterator[None]:
    """Turn the error that OpenImageIO raises for other names into one that names the frame."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise SourceDamaged(key, "its header has texts that are not UTF-8", _RECOPY) from error


def _read(path: Path, key: str) -> tuple[Any, Light]:
    """Return the specification of a file and all its samples, (height, width, channels)."""
    configure()
    reader = oiio.ImageInput.open(str(path))
    if reader is None:
        raise SourceDamaged(key, f"it does not open ({reason_of(oiio.geterror())})", _RECOPY)
    try:
        spec = reader.spec()
        # Memory grows with all channels; three of them are a pixel.
        pixels_across = spec.width * -(-spec.nchannels // 3)
        check_pixels(key, pixels_across, spec.height, MOST_PIXELS, path.stat().st_size)
        samples = None if spec.deep else reader.read_image(0, 0, 0, spec.nchannels, "float")
        if samples is None and not spec.deep:
            said = reason_of(reader.geterror())
            raise SourceDamaged(key, f"it does not decode completely ({said})", _RECOPY)
    finally:
        reader.close()
    if samples is None:
        return spec, np.empty((0, 0, 0), np.float32)
    return spec, np.asarray(samples, np.float32).reshape(spec.height, spec.width, -1)


def _spec_like(source: Any, color: list[int], others: list[int], notice: str) -> Any:
    """Return the specification of a frame in color, with the attributes of its source."""
    spec = source.copy()
    kinds = [*([color[0]] * 3 if len(color) == 1 else color), *others]
    prefix = source.channelnames[color[0]].rpartition(".")[0]
    layer = f"{prefix}." if prefix else ""
    spec.nchannels = len(kinds)
    spec.channelnames = (
        *(f"{layer}{name}" for name in "RGB"),
        *(source.channelnames[each] for each in others),
    )
    if source.channelformats:
        spec.channelformats = tuple(source.channelformats[each] for each in kinds)
    spec.alpha_channel = _moved(source.alpha_channel, kinds)
    spec.z_channel = _moved(source.z_channel, kinds)
    if spec.get_string_attribute("compression", "zip") not in _LOSSLESS:
        spec.attribute("compression", "zip")
    if not spec.get_string_attribute("DateTime"):
        # Else OpenImageIO writes the current time, and no two runs write the same bytes.
        spec.attribute("DateTime", "")
    if notice:
        # OpenImageIO's name of OpenEXR's `comments`.
        old = spec.get_string_attribute("ImageDescription")
        spec.attribute("ImageDescription", "; ".join(filter(None, (old, notice))))
    return spec


def _moved(channel: int, kinds: list[int]) -> int:
    return kinds.index(channel) if channel in kinds else -1


def _write(path: Path, spec: Any, samples: Light, key: str) -> None:
    output: Any = oiio.ImageOutput.create(str(path))
    written = output.open(str(path), spec) and output.write_image(samples)
    if not (output.close() and written):
        raise OutputMismatch(key, f"OpenImageIO cannot write it ({reason_of(output.geterror())})")
