"""Decode pictures with OpenImageIO: formats of film scanning and visual effects, and rare TIFFs.

It reads rows or tiles, so that memory does not grow with the picture unless the format demands it
(JPEG 2000, JPEG XL).
"""

import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio  # noqa: N813, as its documentation does

from colorworker.color.printingdensity import light_from_code
from colorworker.domain.notes import Note
from colorworker.errors import SourceDamaged, SourceUnsupported
from colorworker.media.stills.boxes import BoxMetadata, read_boxes
from colorworker.media.stills.colorspace import ColorConversion, coded_light
from colorworker.media.stills.decoded import (
    LAYERS,
    MORE_PICTURES,
    DecodedStill,
    Layout,
    check_pixels,
    float_conversion,
    reason_of,
    set_fields,
    store_rows,
    with_resolution,
    without_paths,
)
from colorworker.media.stills.exifblock import EXIF_HEAD, exif_of_texts, orientation_of
from colorworker.media.stills.jxlheader import is_animation
from colorworker.media.stills.port import UNASSOCIATED_ALPHA, UNSPECIFIED

_BLOCK_BYTES = 8 << 20
_MOST_ITEM_BYTES = 8
_THREADS = 2
_CMYK = 4
_DTYPES = {
    "uint8": "uint8",
    "uint16": "uint16",
    "uint": "uint16",
    "half": "float32",
    "float": "float32",
    "double": "float32",
}
"""How samples are read, by their type in the file."""
_FLOATS = frozenset(("half", "float", "double"))
_LOG = frozenset(("Printing density", "Logarithmic"))
"""DPX's transfers (SMPTE ST 268, table 5A) that are codes of density."""
_LINEAR = "Linear"
_ASSOCIATED = frozenset(("tiff", "openexr", "iff"))
"""Formats whose colors are multiplied by their transparency unless the file says otherwise."""
_BIG_ENDIAN = (b"SDPX", b"\x80\x2a\x5f\xd7")
_DISPLAYED = frozenset(("sRGB", "Rec709", "SMPTE 274M", "ITU-R 601-1", "ITU-R 709-4"))
_TEXTS = {"ImageDescription": 270, "DocumentName": 269, "Artist": 315, "Copyright": 33432}
_DATE = re.compile(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d")
_BLOCKS = {
    "EXIF": {"Exif", "GPS"},
    "IPTC": {"IPTC"},
    "XMP": {"xmp", "xmpMM", "xmpRights", "dc", "photoshop"},
}
"""Prefixes of the attributes that OpenImageIO makes of metadata blocks."""
_MILLIMETERS = {"in": 25.4, "inch": 25.4, "cm": 10.0, "m": 1000.0}
_RARE = re.compile(r"not (supported|implemented)|Illegal palette entry size")
"""What OpenImageIO says about files that are intact."""
_CINEON: dict[bytes, Literal["big", "little"]] = {
    b"\x80\x2a\x5f\xd7": "big",
    b"\xd7\x5f\x2a\x80": "little",
}
"""By the first bytes."""
_RECOPY = "Compare it with the original and copy it again"


def decode(path: Path, key: str, folder: Path, max_pixels: int, page: int) -> DecodedStill:
    """Decode the picture at `path`.

    Args:
        path: The file.
        key: The source, for errors.
        folder: Where pixels are stored; it must live as long as the picture.
        max_pixels: Limit on the pixels that its header may declare.
        page: Which of its pictures, from 0.

    Raises:
        SourceDamaged: If it does not decode completely.
        SourceTooLarge: If it has more than `max_pixels` pixels.
        SourceUnsupported: If it is not gray, RGB or CMYK.
    """
    configure()
    _check_user_data(path, key)
    reader = oiio.ImageInput.open(str(path), _options())
    if reader is None:
        said = _first_line(oiio.geterror)
        if _RARE.search(said):
            seen = f"its kind of picture is not supported ({said})"
            raise SourceUnsupported(key, seen, "Convert it to TIFF first")
        raise SourceDamaged(key, f"no picture can be read from it ({said})", _RECOPY)
    try:
        if page and not reader.seek_subimage(page, 0):
            raise SourceDamaged(key, f"it has no picture {page + 1}", _RECOPY)
        spec = reader.spec()
        name = reader.format_name()
        check_pixels(key, spec.width, spec.height, max_pixels, path.stat().st_size)
        if name == "jpegxl" and is_animation(path):
            raise SourceUnsupported(
                key, "it is an animation (JPEG XL)", "Convert it to a film first"
            )
        layout, channels = _layout(key, spec, name)
        _check_length(path, key, spec, name)
        rows = _rows(reader, key, spec, layout, channels)
        if name in _ASSOCIATED and not spec.get_int_attribute("oiio:UnassociatedAlpha", 0):
            rows = (_divided_by_alpha(block, layout) for block in rows)
        image = store_rows(key, layout, rows, folder)
        conversion, notes = _conversion(spec, name, layout)
        warnings = [*notes, *_warnings(spec, name, reader)]
    except UnicodeDecodeError as error:  # Names of channels and attributes; values are read anyway.
        raise SourceDamaged(key, "its header has names that are not UTF-8", _RECOPY) from error
    finally:
        reader.close()
    with path.open("rb") as file:
        boxes = read_boxes(file)
    if boxes.unread:
        warnings.append(f"compressed metadata is not kept: {', '.join(boxes.unread)}")
    warnings += _unkept(spec, name, boxes)
    exif = boxes.exif or _described(spec)
    fields: dict[str, bytes | int] = {
        "icc-profile-data": _profile(spec),
        "exif-data": EXIF_HEAD + exif if exif else b"",
        "xmp-data": boxes.xmp,
        "iptc-data": boxes.iptc,
        "orientation": _orientation(spec, name, exif),
    }
    image, has_resolution = with_resolution(image, *_resolution(spec, boxes))
    one_bit = 1 in (_bits(spec), spec.get_int_attribute("bmp:bitsperpixel", 0))
    return DecodedStill(
        name,
        layout,
        set_fields(image, fields),
        is_bilevel=one_bit,
        has_resolution=has_resolution,
        conversion=conversion,
        warnings=tuple(warnings),
    )


def _check_user_data(path: Path, key: str) -> None:
    """Check the size of a Cineon's user data: OpenImageIO allocates whatever the header says.

    Raises:
        SourceDamaged: If the file is shorter. All ones means that the size is not stated.
    """
    with path.open("rb") as file:
        head = file.read(20)
    if head[:4] not in _CINEON:
        return
    claimed, found = int.from_bytes(head[16:20], _CINEON[head[:4]]), path.stat().st_size
    if found < claimed < 0xFFFFFFFF:
        raise SourceDamaged(
            key,
            f"its header claims {claimed} bytes of user data, the file has {found}",
            _RECOPY,
        )


def _check_length(path: Path, key: str, spec: Any, name: str) -> None:
    """Check that a DPX or Cineon is complete, because OpenImageIO returns zeros for missing rows.

    Raises:
        SourceDamaged: If it is shorter than its pixels without any padding.
    """
    if name not in ("dpx", "cineon") or _text(spec, "compression") == "rle":
        return
    with path.open("rb") as file:
        head = file.read(8)
    order = "big" if head[:4] == b"SDPX" else _CINEON.get(head[:4], "little")
    row_bits = spec.width * spec.nchannels * max(8, _bits(spec))
    needed = int.from_bytes(head[4:8], order) + spec.height * -(-row_bits // 8)
    found = path.stat().st_size
    if found < needed:
        raise SourceDamaged(
            key,
            f"it does not decode completely ({found} bytes, its pixels need {needed})",
            _RECOPY,
        )


@functools.cache
def configure() -> None:
    """Pin OpenImageIO's threads."""
    oiio.attribute("threads", _THREADS)
    oiio.attribute("exr_threads", _THREADS)


def _options() -> Any:
    options = oiio.ImageSpec()
    options.attribute("oiio:RawColor", 1)
    options.attribute("oiio:UnassociatedAlpha", 1)
    return options


def _layout(key: str, spec: Any, name: str) -> tuple[Layout, list[int]]:
    """Return the pixels to read, and the numbers of the channels that they are read from."""
    kind = str(spec.format)
    # Those of JPEG XL have the curve of its profile, unlike those of other formats.
    dtype = "uint16" if name == "jpegxl" and kind in _FLOATS else _DTYPES.get(kind, "")
    if spec.deep or not dtype:
        what = "it holds deep data" if spec.deep else f"its samples are {kind}"
        raise SourceUnsupported(
            key, f"{what}, not plain gray or RGB", "Convert it to 16-bit TIFF first"
        )
    is_gray = spec.get_int_attribute("tiff:PhotometricInterpretation", 2) in (0, 1)
    color = [0] if is_gray else color_channels(spec)
    if len(color) == _CMYK and dtype == "float32":
        raise SourceUnsupported(key, "it is CMYK in floating point", "Convert it to RGB first")
    if not color:
        raise SourceUnsupported(
            key,
            f"its channels are {', '.join(spec.channelnames)}, not gray, RGB or CMYK",
            "Convert it to a gray or RGB TIFF first",
        )
    others = [number for number in range(spec.nchannels) if number not in color]
    if kind in _FLOATS and spec.alpha_channel not in others:
        others = []
    extra = [UNASSOCIATED_ALPHA if n == spec.alpha_channel else UNSPECIFIED for n in others]
    layout = Layout(spec.width, spec.height, dtype, len(color), tuple(extra))
    return layout, [*color, *others]


def color_channels(spec: Any) -> list[int]:
    """Return the numbers of the channels of gray, RGB or CMYK; none if there are others only."""
    names = [name.rpartition(".")[2].upper() for name in spec.channelnames]
    for wanted in (["R", "G", "B"], ["C", "M", "Y", "K"], ["Y"], ["I"], ["L"], ["A"]):
        if all(name in names for name in wanted) and not (wanted == ["Y"] and "RY" in names):
            return [names.index(name) for name in wanted] if wanted != ["A"] else []
    return [0] if spec.nchannels == 1 and spec.z_channel < 0 else []


def _rows(
    reader: Any, key: str, spec: Any, layout: Layout, channels: list[int]
) -> Iterator[npt.NDArray[Any]]:
    """Yield the picture in blocks of rows, (rows, width, bands)."""
    # Converted by NumPy: OpenImageIO garbles tiles of doubles that it converts itself.
    kind = spec.format
    row_bytes = max(1, spec.width * spec.nchannels * _MOST_ITEM_BYTES)
    step = max(1, _BLOCK_BYTES // row_bytes)
    if spec.tile_height:
        step = max(spec.tile_height, step // spec.tile_height * spec.tile_height)
    for start in range(spec.y, spec.y + spec.height, step):
        end = min(start + step, spec.y + spec.height)
        if spec.tile_width:
            across = (spec.x, spec.x + spec.width, start, end)
            block = reader.read_tiles(*across, 0, 1, 0, spec.nchannels, kind)
        else:
            block = reader.read_scanlines(start, end, 0, 0, spec.nchannels, kind)
        if block is None:
            raise SourceDamaged(
                key, f"it does not decode completely ({_first_line(reader.geterror)})", _RECOPY
            )
        block = block.reshape(end - start, spec.width, spec.nchannels)[..., channels]
        yield _converted(block, layout.dtype)


def _divided_by_alpha(block: npt.NDArray[Any], layout: Layout) -> npt.NDArray[Any]:
    """Return rows whose colors are divided by their transparency, as libvips does it."""
    if UNASSOCIATED_ALPHA not in layout.extra_samples:
        return block
    bands = layout.color_bands
    most = np.iinfo(block.dtype).max if block.dtype.kind == "u" else 1
    alpha = block[..., bands + layout.extra_samples.index(UNASSOCIATED_ALPHA), None]
    alpha = np.where(alpha > 0, alpha, most).astype(np.float64) / most
    divided = block.copy()
    colors = block[..., :bands] / alpha
    divided[..., :bands] = np.clip(np.rint(colors), 0, most) if most > 1 else colors
    return divided


def _converted(block: npt.NDArray[Any], dtype: str) -> npt.NDArray[Any]:
    if block.dtype == np.uint32:
        return (block >> 16).astype(np.uint16)
    if dtype == "uint16" and block.dtype.kind == "f":
        codes = np.rint(np.clip(np.nan_to_num(block.astype(np.float32)), 0, 1) * 65535)
        return codes.astype(np.uint16)
    return block.astype(dtype, copy=False)


def _conversion(spec: Any, name: str, layout: Layout) -> tuple[ColorConversion | None, list[str]]:
    """Return what the codes mean, and notes about it."""
    if layout.dtype == "float32":
        return float_conversion(layout), []
    transfer = _text(spec, f"{name}:Transfer")
    if name == "cineon" or (name == "dpx" and transfer in _LOG):
        return coded_light("printing density", light_from_code), [
            Note("its codes are film density; they are kept, and a profile says what they mean")
        ]
    if name == "dpx" and transfer == _LINEAR:
        return coded_light("linear light", np.asarray), []
    if name == "dpx" and transfer not in _DISPLAYED:
        return None, [Note("its header does not say what its codes mean; they are read as sRGB")]
    return None, []


def _warnings(spec: Any, name: str, reader: Any) -> list[str]:
    found = []
    if (spec.full_width, spec.full_height) not in ((0, 0), (spec.width, spec.height)):
        found.append("its display window is not kept, only the pixels that it holds")
    if _bits(spec) > 16 and str(spec.format) == "uint":
        found.append("its 32-bit integers are written with 16 bits")
    if name == "jpegxl" and str(spec.format) in _FLOATS:
        found.append("its floats are written with 16 bits")
    elif str(spec.format) == "double":
        found.append("its 64-bit floats are written with 32 bits")
    if name in ("dpx", "cineon"):
        lost = [each.name for each in spec.extra_attribs if each.name.startswith(f"{name}:")]
        if len(lost) > 1:
            found.append(f"TIFF has no place for {len(lost)} fields of its {name.upper()} header")
    if name != "tiff" and reader.seek_subimage(1, 0):
        found.append(LAYERS if name == "psd" else MORE_PICTURES)
    return found


def _unkept(spec: Any, name: str, boxes: BoxMetadata) -> list[str]:
    """Return a warning about metadata blocks that OpenImageIO read but does not return whole."""
    if name == "tiff":
        return []
    kept = {"EXIF": boxes.exif, "IPTC": boxes.iptc, "XMP": boxes.xmp}
    seen = {each.name.partition(":")[0] for each in spec.extra_attribs if ":" in each.name}
    lost = [block for block, prefixes in _BLOCKS.items() if seen & prefixes and not kept[block]]
    lost = [block for block in lost if block not in boxes.unread]
    return [f"its {' and '.join(lost)} is not kept"] if lost else []


def _orientation(spec: Any, name: str, exif: bytes) -> int:
    """Return the orientation in which the decoded pixels are stored."""
    if name == "jpeg2000":
        return orientation_of(exif)
    if name == "jpegxl":
        # libjxl returns upright pixels, and EXIF does not count (ISO/IEC 18181-2).
        return 1
    return int(spec.get_int_attribute("Orientation", 1))


def _resolution(spec: Any, boxes: BoxMetadata) -> tuple[float, float]:
    """Return pixels per millimeter, across and down; zeros if the file does not say them."""
    if boxes.resolution[0]:
        return boxes.resolution
    millimeters = _MILLIMETERS.get(_text(spec, "ResolutionUnit"), 0.0)
    if not millimeters:
        return 0.0, 0.0
    across = spec.get_float_attribute("XResolution", 0.0) / millimeters
    return across, spec.get_float_attribute("YResolution", 0.0) / millimeters


def _profile(spec: Any) -> bytes:
    value = spec.getattribute("ICCProfile")
    return b"" if value is None else bytes(np.asarray(value, np.uint8))


def _described(spec: Any) -> bytes:
    """Return an EXIF block with what the header says about the picture."""
    texts = {number: _text(spec, name) for name, number in _TEXTS.items()}
    date = _text(spec, "DateTime")
    if _DATE.fullmatch(date):
        texts[306] = date
    return exif_of_texts({number: text for number, text in texts.items() if text})


def _bits(spec: Any) -> int:
    return int(spec.get_int_attribute("oiio:BitsPerSample", 0))


def _text(spec: Any, name: str) -> str:
    return _readable(lambda: spec.get_string_attribute(name))


def _readable(get: Callable[[], str]) -> str:
    """Return a text of OpenImageIO, which raises for one that is not UTF-8."""
    try:
        return get()
    except UnicodeDecodeError as error:
        return error.object.decode("utf-8", "replace")


def _first_line(get_message: Callable[[], str]) -> str:
    # It may quote bytes of the file.
    plain = without_paths(_readable(get_message).encode("ascii", "replace").decode())
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    return reason_of(lines[0] if lines else "")
