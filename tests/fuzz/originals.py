"""The intact files that are mutated: small ones of every container and picture format."""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pillow_heif
import pyvips
import tifffile
from PIL import Image, ImageCms, PngImagePlugin

from tests.filmbytes import with_display_aspect
from tests.filmclips import CLIPS, FFV1, H264_CLOSED, MPEG2, Clip
from tests.manystreams import make_film_with_all_streams
from tests.richmatroska import make_rich_matroska
from tests.sequences import cineon_picture, gray_dpx, with_film_header
from tests.unit.media.stills.test_cameraformats import dng
from tests.unit.media.stills.test_otherformats import by_oiio, pam
from tests.unit.media.stills.test_png import png
from tests.unit.media.stills.test_tiffkinds import raw_tiff

WIDTH, HEIGHT, FRAMES = 48, 32, 6
RAMP = np.linspace(0, 1, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
GRAY = np.rint(RAMP * 255).astype(np.uint8)
DEEP = np.rint(RAMP * 65535).astype(np.uint16)
RGB = np.repeat(GRAY[..., None], 3, axis=2)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF/></x:xmpmeta>'
EXIF = b"II*\0\x08\0\0\0\x01\0\x0e\x01\x02\0\x06\0\0\0\x1a\0\0\0\0\0\0\0title\0"
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
CHUNKS = [(b"tEXt", b"Author\0somebody"), (b"gAMA", b"\0\0\xb1\x8f"), (b"iTXt", b"bad")]
LARGE = {"dv", "dv-ntsc", "mpeg2-large", "late-sound"}
"""Clips that take seconds."""


@dataclass(frozen=True)
class Original:
    """An intact file, written when it is first needed."""

    name: str
    write: Callable[[Path], object]
    is_large: bool = False
    """Whether coloring it takes so long that only long runs mutate it."""

    @property
    def kind(self) -> str:
        """The file's extension."""
        return self.name.rpartition(".")[2]


def originals() -> tuple[Original, ...]:
    """Return all of them: pictures, then films."""
    return (*_pictures(), *_films())


def _films() -> list[Original]:
    clips = [_film(clip) for clip in CLIPS]
    sound = {"sound": "aac"}
    words = {"metadata": {"title": "a", "comment": "b" * 99}, "chapters": [("one", 0, 40)]}
    more = [
        ("sound.mp4", replace(H264_CLOSED, **sound, **words)),
        ("sound.mkv", replace(FFV1, sound="flac", **words)),
        ("sound.avi", replace(FFV1, sound="pcm_s16le")),
        ("sound.ts", replace(MPEG2, sound="mp2")),
        ("sound.mxf", replace(MPEG2, sound="pcm_s16le")),
        ("sound.mov", replace(H264_CLOSED, sound="pcm_s24le", **words)),
    ]
    return [
        *clips,
        *(_film(Clip(name, "", "", recipe)) for name, recipe in more),
        Original("all-streams.ts", make_film_with_all_streams),
        Original("rich.mkv", make_rich_matroska),
    ]


def _film(clip: Clip) -> Original:
    recipe = clip.recipe
    if clip.mangle in {None, with_display_aspect}:
        pts = recipe.pts and tuple(recipe.pts[:FRAMES])
        recipe = replace(recipe, frames=FRAMES, gop_size=min(recipe.gop_size, 3), pts=pts)
    # The same bytes every time, without random identifiers.
    exact = {**recipe.container_options, "fflags": "+bitexact"}
    short = replace(clip, recipe=replace(recipe, container_options=exact))
    stem = clip.name.partition(".")[0]
    return Original(clip.name, lambda path: short.make(path.parent), stem in LARGE)


def _pictures() -> list[Original]:
    made: dict[str, Callable[[Path], bytes]] = {
        "gray.jpg": lambda _: _vips(GRAY, ".jpg", icc=ICC, exif=EXIF, xmp=XMP),
        "rgb.jpg": lambda _: _vips(RGB, ".jpg", exif=EXIF),
        "progressive.jpg": lambda _: _vips(GRAY, ".jpg[interlace]"),
        "cmyk.jpg": lambda _: _pillow("JPEG", "CMYK"),
        "gray.png": lambda _: _png(GRAY),
        "deep.png": lambda _: _vips(DEEP, ".png", icc=ICC),
        "rgb.png": lambda _: _vips(RGB, ".png", exif=EXIF, xmp=XMP),
        "interlaced.png": lambda _: _vips(GRAY, ".png[interlace]"),
        "palette.png": lambda _: _pillow("PNG", "P"),
        "texts.png": lambda _: png(before=CHUNKS),
        "gray.tif": lambda _: _vips(GRAY, ".tif", icc=ICC, exif=EXIF, xmp=XMP),
        "deep.tif": lambda _: _vips(DEEP, ".tif[compression=deflate,predictor=horizontal]"),
        "lzw.tif": lambda _: _vips(RGB, ".tif[compression=lzw]"),
        "jpeg.tif": lambda _: _vips(RGB, ".tif[compression=jpeg]"),
        "tiles.tif": lambda _: _vips(GRAY, ".tif[tile,tile_width=16,tile_height=16]"),
        "big.tif": lambda _: _vips(DEEP, ".tif[bigtiff]"),
        "float.tif": lambda _: _tiff(RAMP.astype(np.float32)),
        "planes.tif": lambda _: _tiff(
            np.stack([GRAY] * 3), photometric="rgb", planarconfig="separate"
        ),
        "zstd.tif": lambda _: _pillow("TIFF", compression="zstd"),
        "lzma.tif": lambda _: _tiff(GRAY, compression="lzma"),
        "packbits.tif": lambda _: _pillow("TIFF", compression="packbits"),
        "lab.tif": lambda _: _tiff(RGB, photometric="cielab"),
        "cmyk.tif": lambda _: _pillow("TIFF", "CMYK"),
        "pages.tif": lambda _: _tiff(np.stack([GRAY, GRAY[::-1]])),
        "twelve.tif": lambda _: raw_tiff(DEEP >> 4, 12),
        "ten.tif": lambda _: raw_tiff(DEEP >> 6, 10, big=True),
        "lossy.webp": lambda _: _vips(RGB, ".webp", exif=EXIF, xmp=XMP),
        "lossless.webp": lambda _: _vips(RGB, ".webp[lossless]", icc=ICC),
        "gray.gif": lambda _: _pillow("GIF"),
        "gray.avif": lambda _: _pillow("AVIF"),
        "gray.heic": lambda _: _heif(),
        "gray.jp2": lambda _: _pillow("JPEG2000"),
        "gray.j2k": lambda _: _pillow("JPEG2000", no_jp2=True),
        "deep.jxl": lambda path: by_oiio(path.parent, path.name, DEEP[..., None], "uint16"),
        "gray.dpx": lambda _: with_film_header(gray_dpx(DEEP >> 6), rate=24.0),
        "gray.cin": lambda _: cineon_picture(DEEP >> 6),
        "gray.exr": lambda path: _exr(path),
        "tiles.exr": lambda path: _exr(path, tiles=16),
        "gray.hdr": lambda path: by_oiio(path.parent, path.name, RGB / np.float32(255), "float"),
        "gray.pgm": lambda _: _pillow("PPM"),
        "plain.pgm": lambda _: b"P2\n%d %d\n255\n" % (WIDTH, HEIGHT) + b" ".join(
            b"%d" % code for code in GRAY.flat
        ),
        "gray.pfm": lambda _: b"Pf\n%d %d\n-1.0\n" % (WIDTH, HEIGHT)
        + RAMP.astype("<f4").tobytes(),
        "gray.pam": lambda _: pam("GRAYSCALE", 1, 255, np.resize(GRAY, (48, 64))),
        "gray.bmp": lambda _: _pillow("BMP", dpi=(300, 300)),
        "rgb.bmp": lambda _: _pillow("BMP", "RGB"),
        "gray.tga": lambda _: _pillow("TGA"),
        "rle.tga": lambda _: _pillow("TGA", "RGB", compression="tga_rle"),
        "gray.sgi": lambda _: _pillow("SGI"),
        "gray.pcx": lambda _: _pillow("PCX"),
        "gray.ico": lambda _: _pillow("ICO", sizes=[(WIDTH, HEIGHT)]),
        "gray.icns": lambda _: _pillow("ICNS", "RGB"),
        "gray.dds": lambda _: _pillow("DDS", "RGB"),
        "gray.qoi": lambda _: _pillow("QOI", "RGB"),
        "gray.iff": lambda path: by_oiio(path.parent, path.name, RGB, "uint8"),
        "gray.psd": lambda _: _psd(),
        "gray.ras": lambda _: _sun_raster(),
        "gray.dng": lambda _: dng(),
    }  # fmt: skip
    return [_picture(name, encode) for name, encode in made.items()]


def _picture(name: str, encode: Callable[[Path], bytes]) -> Original:
    return Original(name, lambda path: path.write_bytes(encode(path)))


def _vips(codes, form, icc=None, exif=None, xmp=None) -> bytes:
    gray, wide = codes.ndim == 2, codes.dtype == np.uint16
    space = ("grey16" if wide else "b-w") if gray else "srgb"
    image = pyvips.Image.new_from_array(codes).copy(interpretation=space)
    blocks = {"icc-profile-data": icc, "exif-data": exif and b"Exif\0\0" + exif, "xmp-data": xmp}
    for name, block in blocks.items():
        if block:
            image.set_type(pyvips.GValue.blob_type, name, block)
    return image.write_to_buffer(form)


def _pillow(format_name, mode="L", **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(GRAY).convert(mode).save(buffer, format_name, **options)
    return buffer.getvalue()


def _png(codes) -> bytes:
    info, buffer = PngImagePlugin.PngInfo(), io.BytesIO()
    info.add_text("Title", "a" * 300, zip=True)
    info.add_itxt("Comment", "b" * 300, "de", "Kommentar", zip=True)
    Image.fromarray(codes).save(buffer, "PNG", pnginfo=info, dpi=(300, 300))
    return buffer.getvalue()


def _tiff(codes, **options) -> bytes:
    buffer = io.BytesIO()
    if codes.ndim == 2:
        options.setdefault("photometric", "minisblack")
    tifffile.imwrite(buffer, codes, metadata=None, **options)
    return buffer.getvalue()


def _heif() -> bytes:
    buffer = io.BytesIO()
    made = pillow_heif.from_bytes("RGB", (WIDTH, HEIGHT), RGB.tobytes())
    made.save(buffer, quality=80, exif=EXIF, xmp=XMP)
    return buffer.getvalue()


def _exr(path: Path, tiles: int = 0) -> bytes:
    spec = oiio.ImageSpec(WIDTH, HEIGHT, 1, "half")
    spec.channelnames = ("Y",)
    spec.tile_width = spec.tile_height = tiles
    spec.attribute("compression", "zip")
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec), output.geterror()
    assert output.write_image(RAMP.astype(np.float32)), output.geterror()
    output.close()
    return path.read_bytes()


def _psd() -> bytes:
    """Return a flat gray Photoshop file: header, three empty sections, raw planes."""
    head = b"8BPS" + (1).to_bytes(2) + b"\0" * 6 + (1).to_bytes(2)
    head += HEIGHT.to_bytes(4) + WIDTH.to_bytes(4) + (8).to_bytes(2) + (1).to_bytes(2)
    return head + b"\0" * 12 + b"\0\0" + GRAY.tobytes()


def _sun_raster() -> bytes:
    head = (0x59A66A95, WIDTH, HEIGHT, 8, GRAY.size, 1, 0, 0)
    return b"".join(value.to_bytes(4) for value in head) + GRAY.tobytes()
