"""Write the frames of an image sequence: color with exactly the luma codes of the source.

DPX and Cineon files keep the header of their source, with time code, film edge code and all other
fields; only what describes the picture changes.

Source:
    SMPTE ST 268-1:2014 (DPX 2.0); Kodak, Cineon Image File Format Draft 4.5 (1993).
"""

import io
import struct
from pathlib import PurePosixPath
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.error import FFmpegError

from colorworker.color.luma import ColorSpec, luma_weights
from colorworker.domain.frameheaders import (
    HEADER_BYTES,
    FrameHeader,
    dpx_header_of_cineon,
    read_frame_header,
)
from colorworker.domain.options import Options
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import OutputMismatch, SourceUnsupported
from colorworker.media.codecs.decode import to_colorable
from colorworker.media.codecs.profiles import EncoderSpec, encoder_for
from colorworker.media.planes import Frame, Plane, layout_of, luma_plane, plane_view
from colorworker.media.rgbluma import Codes, rgb_luma

FRAMES = "frames"
"""Name of the codec of frames in an `EncoderSpec`."""
_PIX_FMTS = {8: "yuv444p", 10: "yuv444p10le", 12: "yuv444p12le", 16: "yuv444p16le"}
_DEPTHS = {
    ".dpx": (8, 10, 12, 16),
    ".cin": (10,),
    ".png": (8, 16),
    ".tif": (8, 16),
    ".tiff": (8, 16),
    ".exr": (16,),
    ".jpg": (8,),
    ".jpeg": (8,),
}
_JPEG = frozenset({".jpg", ".jpeg"})
_JPEG_ERROR = 5.0
"""Largest root mean square of the luma codes' error in a block of 8 x 8: 3.4 from quantization with
the table of quality 95, half a step of each coefficient (ITU-T T.81, table K.1, scaled as libjpeg
does), and 1.6 for rounding by encoder and decoder."""
_BLOCK = 8
_SHRINKS = 3
"""How often chroma is halved where rounding pushed a color out of gamut, before it becomes gray."""
_CREATOR, _CREATOR_BYTES = 160, 100
_RGB, _FILLED_A, _NO_ENCODING = 50, 1, 0


def output_spec(key: str, info: VideoInfo, options: Options, extension: str) -> EncoderSpec:
    """Return how a film or sequence is written; see `profiles.encoder_for`.

    Args:
        key: Its name: for frames, their pattern.
        info: Its properties.
        options: Its options.
        extension: The output's extension; frames keep their own.

    Raises:
        SourceUnsupported: If the output cannot keep the source's luma.
    """
    if options.frames_out:
        return frames_spec(key, info, PurePosixPath(key).suffix)
    return encoder_for(key, info, options, extension)


def frames_spec(key: str, info: VideoInfo, extension: str) -> EncoderSpec:
    """Return how a sequence is written as frames.

    Args:
        key: The sequence's name, for errors.
        info: Its properties.
        extension: The frames' extension, with its dot.

    Raises:
        SourceUnsupported: If its frames cannot hold color with the source's luma.
    """
    depths = _DEPTHS.get(extension.lower())
    layout = layout_of(info.pix_fmt)
    depth = layout.bit_depth
    has_luma = layout.gray or (layout.full_range and is_jpeg(extension))
    if depths is None or depth not in depths or not has_luma:
        raise SourceUnsupported(
            key,
            f"its frames, {info.rgb_format or info.pix_fmt} in {extension}, cannot be written with"
            " the luma of the source",
            "Use --sequences film, or convert the frames to TIFF, PNG or DPX",
        )
    pix_fmt = "yuvj444p" if layout.full_range else _PIX_FMTS[depth]
    return EncoderSpec(FRAMES, pix_fmt, FRAMES, gop_size=1, lossless=not is_jpeg(extension))


def is_jpeg(name: str) -> bool:
    """Return whether frames with this name or extension are JPEGs, which round their codes."""
    return PurePosixPath(f"a{name}").suffix.lower() in _JPEG


def rgb_of_frame(frame: Frame, spec: ColorSpec) -> Codes:
    """Return R'G'B' codes, (height, width, 3), whose luma is exactly that of a 4:4:4 frame.

    Red and blue follow from Cr and Cb, green from them and luma. Its weight is more than a half, so
    rounding it moves luma by less than half a code. Colors that rounding pushes out of gamut lose
    chroma.

    Args:
        frame: Full range.
        spec: Of the film; its matrix and bit depth count.

    Source:
        ITU-T H.273 (2021-07), equations 38 to 40; see `rgbluma.rgb_luma` for the rounding.
    """
    luma, cb, cr = (plane_view(frame, number) for number in range(3))
    found = _rgb(luma, cb, cr, spec, 1.0)
    for share in [0.5**step for step in range(1, _SHRINKS + 1)] + [0.0]:
        wrong = _luma_of(found, spec) != luma
        if not wrong.any():
            break
        found[wrong] = _rgb(luma[wrong], cb[wrong], cr[wrong], spec, share)
    return found


def _rgb(luma: Plane, cb: Plane, cr: Plane, spec: ColorSpec, share: float) -> Codes:
    kr, kb = luma_weights(spec.matrix)
    top = (1 << spec.bit_depth) - 1
    y = luma.astype(np.float64)
    red = np.rint(y + share * 2 * (1 - kr) * (cr - float(spec.neutral))).clip(0, top)
    blue = np.rint(y + share * 2 * (1 - kb) * (cb - float(spec.neutral))).clip(0, top)
    green = np.rint((y - kr * red - kb * blue) / (1 - kr - kb)).clip(0, top)
    return np.stack([red, green, blue], axis=-1).astype(luma.dtype)


def _luma_of(rgb: Codes, spec: ColorSpec) -> Codes:
    return rgb_luma(rgb[..., 0], rgb[..., 1], rgb[..., 2], spec)


def luma_of_file(data: bytes, key: str, info: VideoInfo) -> Plane:
    """Return the luma codes of a written frame, as libav decodes it.

    Raises:
        OutputMismatch: If it does not decode.
    """
    header = read_frame_header(data[:HEADER_BYTES])
    if header and header.format == "cineon":
        data = dpx_header_of_cineon(data[:HEADER_BYTES]) + data[header.image_offset :]
    try:
        with av.open(io.BytesIO(data), "r") as file:
            decoded = next(iter(file.decode(video=0)))
            return luma_plane(to_colorable(decoded, key, info)).copy()
    except (FFmpegError, StopIteration) as error:
        raise OutputMismatch(key, f"the written frame does not decode ({error})") from error


def check_jpeg_luma(written: Plane, luma: Plane, key: str) -> None:
    """Check that luma of a written JPEG differs from the source's by no more than rounding.

    Args:
        written: Luma codes, as decoded.
        luma: Those of the source.
        key: The frame, for errors.

    Raises:
        OutputMismatch: If it differs by more in any block.
    """
    if written.shape != luma.shape:
        raise OutputMismatch(key, f"the written frame has another size, {written.shape}")
    squares = (written.astype(np.int32) - luma) ** 2
    height, width = luma.shape
    squares = np.pad(squares, ((0, -height % _BLOCK), (0, -width % _BLOCK)))
    blocks = squares.reshape(squares.shape[0] // _BLOCK, _BLOCK, -1, _BLOCK).mean(axis=(1, 3))
    error = float(np.sqrt(blocks.max()))
    if error > _JPEG_ERROR:
        raise OutputMismatch(
            key, f"the luma of a block of the written frame is off by {error:.1f} codes"
        )


def film_frame_file(head: bytes, rgb: Codes, key: str, notice: str) -> bytes:
    """Return a DPX or Cineon file with these codes and the header of its source.

    Args:
        head: The source's bytes up to its picture.
        rgb: Codes of the source's bit depth, (height, width, 3).
        key: The source, for errors.
        notice: Text to add to the creator that DPX names; empty for none.

    Raises:
        SourceUnsupported: If it is another kind of file, or has another bit depth.
    """
    header = read_frame_header(head)
    if header is None or (header.width, header.height) != (rgb.shape[1], rgb.shape[0]):
        raise SourceUnsupported(key, "its header is neither DPX nor Cineon", "Convert it to DPX")
    data = _packed(header, rgb)
    changed = bytearray(head[: header.image_offset])
    order = ">" if header.big_endian else "<"
    size = len(changed) + len(data)
    if header.format == "cineon":
        struct.pack_into(f"{order}I", changed, 20, size)
        return bytes(changed) + data
    struct.pack_into(f"{order}I", changed, 16, size)
    struct.pack_into(f"{order}H", changed, 770, 1)
    changed[800] = _RGB
    packing = 0 if header.bit_depth in {8, 16} else _FILLED_A
    struct.pack_into(f"{order}HH", changed, 804, packing, _NO_ENCODING)
    struct.pack_into(f"{order}III", changed, 808, header.image_offset, 0, 0)
    if notice:
        _add_creator(changed, notice)
    return bytes(changed) + data


def _packed(header: FrameHeader, rgb: Codes) -> bytes:
    """Return the picture's bytes: 10 bits fill words of 32 from the left, 12 bits words of 16."""
    order = ">" if header.big_endian else "<"
    depth = header.bit_depth
    if depth == 8:
        return _padded(rgb.astype(np.uint8))
    if depth == 10:
        red, green, blue = np.moveaxis(rgb.astype(np.uint32), -1, 0)
        words: npt.NDArray[Any] = (red << 22 | green << 12 | blue << 2).astype(f"{order}u4")
        return words.tobytes()
    shift = 16 - depth
    return _padded((rgb.astype(np.uint16) << np.uint16(shift)).astype(f"{order}u2"))


def _padded(rows: npt.NDArray[Any]) -> bytes:
    """Return rows that each fill whole words of 32 bits."""
    lines = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1)
    return np.pad(lines, ((0, 0), (0, -lines.shape[1] % 4))).tobytes()


def _add_creator(header: bytearray, notice: str) -> None:
    """Append the notice to the creator, unless it does not fit."""
    field = bytes(header[_CREATOR : _CREATOR + _CREATOR_BYTES])
    old = b"" if field[:1] == b"\xff" else field.partition(b"\0")[0]
    text = b"; ".join(filter(None, (old, notice.encode("ascii", "replace"))))
    if len(text) < _CREATOR_BYTES:
        header[_CREATOR : _CREATOR + _CREATOR_BYTES] = text.ljust(_CREATOR_BYTES, b"\0")
