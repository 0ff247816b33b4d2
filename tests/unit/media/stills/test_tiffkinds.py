"""TIFFs of every common kind: the L* of the output, read by tifffile, is that of the codes."""

import io
import struct

import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image, ImageCms

from colorworker.color.lab import (
    LUMINANCE_WEIGHTS,
    lightness_from_luminance,
    srgb_to_linear,
)
from colorworker.errors import SourceDamaged, SourceUnsupported
from colorworker.media.stills.vips import open_still, verify_still, write_still

HEIGHT, WIDTH = 48, 64
IPTC = b"\x1c\x02\x78\0\3abc"
RAMP = np.linspace(0, 1, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
GRAY = np.rint(RAMP * 255).astype(np.uint8)
WIDE = np.rint(RAMP * 65535).astype(np.uint16)


def raw_tiff(codes, bits, *, photometric=1, big=False):
    """Return an uncompressed gray TIFF of any depth; rows are padded to bytes."""
    rows = ("".join(format(code, f"0{bits}b") for code in row) for row in codes.tolist())
    data = b"".join(
        int(row.ljust(-(-len(row) // 8) * 8, "0"), 2).to_bytes(-(-len(row) // 8), "big")
        for row in rows
    )
    if bits in (16, 32):
        data = codes.astype(f"<u{bits // 8}").tobytes()
    order, entry = ("<", "HHQQ") if big else ("<", "HHII")
    start = 16 if big else 8
    tags = {256: WIDTH, 257: HEIGHT, 258: bits, 259: 1, 262: photometric, 273: start, 277: 1,
            278: HEIGHT, 279: len(data)}  # fmt: skip
    ifd = struct.pack(order + ("Q" if big else "H"), len(tags))
    ifd += b"".join(struct.pack(order + entry, n, 4, 1, value) for n, value in tags.items())
    end = struct.pack(order + ("Q" if big else "I"), 0)
    place = start + len(data) + len(data) % 2
    head = (
        b"II+\0\x08\0\0\0" + struct.pack("<Q", place)
        if big
        else b"II*\0" + struct.pack("<I", place)
    )
    return head + data.ljust(place - start, b"\0") + ifd + end


def with_tags(data, changed, planes=1):
    """Return a `raw_tiff` with further and changed tags, for pixels in that many planes."""
    (place,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, place)
    tags = {
        number: (kind, size, value)
        for number, kind, size, value in struct.iter_unpack(
            "<HHII", data[place + 2 : place + 2 + 12 * count]
        )
    }
    tags |= {number: (4, 1, value) for number, value in changed.items()}
    start, total = tags[273][2], tags[279][2]
    samples = changed[277]
    arrays = {258: [tags[258][2]] * samples}
    arrays[273] = [start + total // planes * plane for plane in range(planes)]
    arrays[279] = [total // planes] * planes
    file = bytearray(data)
    for number, values in arrays.items():
        if len(values) > 1:
            tags[number] = (4, len(values), len(file))
            file += struct.pack(f"<{len(values)}I", *values)
    tags[257] = (4, 1, HEIGHT)
    struct.pack_into("<I", file, 4, len(file))
    file += struct.pack("<H", len(tags))
    file += b"".join(struct.pack("<HHII", n, *tags[n]) for n in sorted(tags)) + bytes(4)
    return bytes(file)


def tiff(array, **options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, **{"metadata": None, "photometric": "minisblack", **options})
    return buffer.getvalue()


def pillow(array, **options):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "TIFF", **options)
    return buffer.getvalue()


def lightness(share):
    """Return the L* of sRGB codes in [0, 1]."""
    linear = srgb_to_linear(np.asarray(share, np.float32))
    return lightness_from_luminance(linear if linear.ndim == 2 else linear @ LUMINANCE_WEIGHTS)


def colored(data, path, coefficients):
    with open_still(io.BytesIO(data), "scan.tif", max_pixels=10**8) as picture:
        picture.proxy(24, 32)
        write_still(picture, *coefficients, path, ".tif")
        verify_still(picture, path)
        return picture, tifffile.imread(path)


def written_lightness(rgb):
    if rgb.dtype == np.float32:
        return lightness_from_luminance(rgb @ LUMINANCE_WEIGHTS)
    return lightness(rgb / np.iinfo(rgb.dtype).max)


def check(data, path, coefficients, expected, dtype, tolerance=None):
    """Color a TIFF and compare the output's L* with the expected one; return the picture."""
    picture, rgb = colored(data, path, coefficients)
    assert (rgb.shape, rgb.dtype) == ((HEIGHT, WIDTH, 3), dtype)
    # 8-bit codes are up to 0.4 L* apart, rounding three of them costs a part of that.
    most = tolerance or {"uint8": 0.6, "uint16": 0.01, "float32": 0.001}[dtype]
    assert np.abs(written_lightness(rgb) - expected).max() < most
    assert np.ptp(rgb.astype(float), axis=2).mean() > 0.05 * rgb.max()
    return picture


@pytest.mark.parametrize("big", [False, True], ids=["TIFF", "BigTIFF"])
@pytest.mark.parametrize("photometric", [0, 1], ids=["min-is-white", "min-is-black"])
@pytest.mark.parametrize("bits", [2, 4, 6, 8, 10, 12, 14, 16, 32])
def test_every_depth_is_read_over_its_whole_range(bits, photometric, big, tmp_path, colorful):
    codes = np.rint(RAMP * (2**bits - 1)).astype(np.uint64)
    stored = codes if photometric else 2**bits - 1 - codes
    data = raw_tiff(stored, bits, photometric=photometric, big=big)

    dtype = "uint8" if bits <= 8 else "uint16"
    expected = lightness(codes / (2**bits - 1))
    check(data, tmp_path / "out.tif", colorful(), expected, dtype)


@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize("compression", [None, "group3", "group4", "tiff_ccitt", "packbits"])
def test_one_bit_is_known_as_two_tones(photometric, compression):
    bits = (RAMP > 0.5).astype(np.uint8)
    data = (
        pillow(bits.astype(bool), compression=compression)
        if compression
        else raw_tiff(bits, 1, photometric=photometric)
    )

    with open_still(io.BytesIO(data), "fax.tif", max_pixels=10**8) as picture:
        assert picture.is_bilevel
        lab = picture.proxy(HEIGHT, WIDTH)
    np.testing.assert_allclose(lab[..., 0].min(), 0, atol=0.01)
    np.testing.assert_allclose(lab[..., 0].max(), 100, atol=0.01)


@pytest.mark.parametrize(
    "compression",
    ["tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits", "zstd", "lzma", "jpeg"],
)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_every_common_compression_is_read(compression, dtype, tmp_path, colorful):
    if compression == "jpeg" and dtype == "uint16":
        pytest.skip("JPEG has 8 bits")
    codes = GRAY if dtype == "uint8" else WIDE
    data = pillow(
        codes, compression=compression, **({"quality": 100} if compression == "jpeg" else {})
    )

    tolerance = 0.8 if compression == "jpeg" else None
    expected = lightness(codes / np.iinfo(dtype).max)
    check(data, tmp_path / "out.tif", colorful(), expected, dtype, tolerance)


def test_zstandard_with_a_predictor_in_color_and_over_several_strips_is_read(tmp_path, colorful):
    rgb = np.stack([GRAY, GRAY[::-1], GRAY], axis=2)
    data = pillow(rgb, compression="zstd", tiffinfo={317: 2, 278: 10})

    check(data, tmp_path / "out.tif", colorful(), lightness(rgb / 255), "uint8", 0.6)


def test_damage_in_zstandard_is_named(tmp_path):
    data = bytearray(pillow(GRAY, compression="zstd"))
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        place = file.pages[0].dataoffsets[0]
    data[place : place + 4] = b"\0\0\0\0"

    with pytest.raises(SourceDamaged, match="does not decode completely"):
        open_still(io.BytesIO(bytes(data)), "scan.tif", max_pixels=10**8).__enter__()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_floats_are_linear_light_and_stay_floats(dtype, bands, tile, tmp_path, colorful):
    light = (RAMP * 1.5).astype(dtype)
    array = light if bands == 1 else np.stack([light] * 3, axis=2)
    if dtype == "float64" and tile:
        pytest.skip("refused: OpenImageIO garbles them")
    data = tiff(array, photometric="rgb" if bands == 3 else "minisblack", tile=tile)

    expected = lightness_from_luminance(light.astype(np.float32))
    picture = check(data, tmp_path / "out.tif", colorful(), expected, "float32")

    wide = ["its 64-bit floats are written with 32 bits"] if dtype == "float64" else []
    assert picture.warnings == wide


def test_32_bit_integers_are_written_with_16_bits_and_a_warning(tmp_path, colorful):
    data = tiff((RAMP * (2**32 - 1)).astype(np.uint32))

    picture = check(data, tmp_path / "out.tif", colorful(), lightness(RAMP), "uint16")

    assert picture.warnings == ["its 32-bit integers are written with 16 bits"]


@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_signed_integers_are_refused_by_name(dtype):
    with pytest.raises(SourceUnsupported, match="signed integers"):
        open_still(io.BytesIO(tiff(GRAY.astype(dtype))), "a.tif", max_pixels=10**8).__enter__()


@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("kind", ["rgb", "gray and mask"])
def test_separate_planes_are_read(kind, dtype, tile, tmp_path, colorful):
    codes = GRAY if dtype == "uint8" else WIDE
    count = 3 if kind == "rgb" else 2
    planes = np.stack([codes, codes[::-1], codes][:count])
    options = {"photometric": "rgb"} if kind == "rgb" else {"extrasamples": ["unspecified"]}
    data = tiff(planes, planarconfig="separate", tile=tile, **options)

    _, rgb = colored(data, tmp_path / "out.tif", colorful())

    top = np.iinfo(dtype).max
    expected = (
        lightness(planes.transpose(1, 2, 0) / top) if kind == "rgb" else lightness(codes / top)
    )
    assert rgb.shape == (HEIGHT, WIDTH, 3 if kind == "rgb" else 4)
    assert np.abs(written_lightness(rgb[..., :3]) - expected).max() < (0.6 if top == 255 else 0.01)
    if kind != "rgb":
        np.testing.assert_array_equal(rgb[..., 3], planes[1])


@pytest.mark.parametrize("tile", [None, (16, 16)], ids=["by libvips", "by OpenImageIO"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colors_are_divided_by_associated_transparency(dtype, tile, tmp_path, colorful):
    most = np.iinfo(dtype).max
    light, alpha = np.rint(RAMP * most), np.rint((1 - RAMP / 2) * most)
    planes = np.stack([np.rint(light * alpha / most)] * 3 + [alpha]).astype(dtype)
    data = tiff(planes, photometric="rgb", planarconfig="separate", tile=tile, extrasamples=[1])

    _, rgba = colored(data, tmp_path / "out.tif", colorful())

    np.testing.assert_array_equal(rgba[..., 3], alpha)
    apart = np.abs(written_lightness(rgba[..., :3]) - lightness(light / most))
    assert apart.max() < (1.2 if dtype == np.uint8 else 0.01)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("kind", ["cielab", "icclab"])
def test_lab_keeps_its_lightness(kind, dtype, tmp_path, colorful):
    codes = GRAY if dtype == "uint8" else WIDE
    white = 0xFF00 if (kind, dtype) == ("icclab", "uint16") else np.iinfo(dtype).max
    codes = np.minimum(codes, white)
    neutral = 0 if kind == "cielab" else (128 if dtype == "uint8" else 0x8000)
    array = np.stack([codes, np.full_like(codes, neutral), np.full_like(codes, neutral)], axis=2)

    expected = codes.astype(np.float32) * np.float32(100 / white)
    check(tiff(array, photometric=kind), tmp_path / "out.tif", colorful(), expected, "uint16", 0.02)


def test_lab_on_a_further_page_is_that_page(tmp_path, colorful):
    codes = np.rint(RAMP * 255).astype(np.uint8)
    lab = np.dstack([codes[::-1], np.zeros_like(codes), np.zeros_like(codes)])
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(np.dstack([codes] * 3), photometric="rgb")
        writer.write(lab, photometric="cielab")

    with open_still(buffer, "scan.tif", max_pixels=10**8, page=1) as picture:
        write_still(picture, *colorful(), tmp_path / "out.tif", ".tif")
        verify_still(picture, tmp_path / "out.tif")

    found = lightness(tifffile.imread(tmp_path / "out.tif") / 65535)
    assert np.abs(found - lab[..., 0] / 2.55).max() < 0.1


def test_colors_of_lab_are_seen():
    array = np.stack([np.full_like(GRAY, 128), np.full_like(GRAY, 60), np.full_like(GRAY, 196)], 2)

    with open_still(
        io.BytesIO(tiff(array, photometric="cielab")), "scan.tif", max_pixels=10**8
    ) as picture:
        lab = picture.proxy(8, 8)

    np.testing.assert_allclose(lab[4, 4], [128 / 2.55, 60, -60], atol=0.5)


@pytest.mark.parametrize("planar", [1, 2], ids=["pixels", "planes"])
@pytest.mark.parametrize("bits", [2, 4])
def test_shallow_rgb_is_read(bits, planar):
    codes = np.rint(RAMP * (2**bits - 1)).astype(int)
    if planar == 1:
        data = raw_tiff(np.repeat(codes, 3, axis=1), bits)
        data = with_tags(data, {256: WIDTH, 262: 2, 277: 3, 284: 1})
    else:
        data = raw_tiff(np.concatenate([codes] * 3), bits)
        data = with_tags(data, {262: 2, 277: 3, 278: HEIGHT, 284: 2}, planes=3)

    with open_still(io.BytesIO(data), "scan.tif", max_pixels=10**8) as picture:
        lab = picture.proxy(HEIGHT, WIDTH)

    np.testing.assert_allclose(lab[..., 0], lightness(codes / (2**bits - 1)), atol=0.3)
    assert np.abs(lab[..., 1:]).max() < 0.1


def test_four_samples_without_a_meaning_are_refused():
    data = tiff(np.stack([GRAY] * 4, axis=2), photometric="separated")
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        entry = file.pages[0].tags[262].offset
    data = data[:entry] + (263).to_bytes(2, "little") + data[entry + 2 :]

    with pytest.raises(SourceUnsupported, match="tag 262 is missing"):
        open_still(io.BytesIO(data), "scan.tif", max_pixels=10**8).__enter__()


def test_a_palette_of_grays_is_read(tmp_path, colorful):
    palette = np.stack([np.arange(255, -1, -1, dtype=np.uint16) * 257] * 3)
    data = tiff(GRAY, photometric="palette", colormap=palette)

    check(data, tmp_path / "out.tif", colorful(), lightness(1 - GRAY / 255), "uint8")


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_cmyk_becomes_rgb_of_the_same_depth(dtype, tmp_path, colorful):
    black = np.iinfo(dtype).max - (GRAY if dtype == "uint8" else WIDE)
    none = np.zeros_like(black)
    data = tiff(np.stack([none, none, none, black], axis=2), photometric="separated")

    picture, rgb = colored(data, tmp_path / "out.tif", colorful())

    assert (picture.info.color_bands, rgb.dtype, rgb.shape) == (4, dtype, (HEIGHT, WIDTH, 3))
    steps = np.diff(written_lightness(rgb).ravel())
    assert steps.min() > -0.8
    assert written_lightness(rgb)[-1, -1] > 90
    assert any("CMYK without a profile" in each for each in picture.warnings)


def test_inks_without_a_profile_are_read_as_those_of_a_press(tmp_path, colorful):
    """By Little CMS, as Pillow calls it. Pillow's own formula makes black ink alone L* 0."""
    black = np.repeat(GRAY[..., None], 4, axis=2) * np.array([0, 0, 0, 1], np.uint8)
    press = ImageCms.ImageCmsProfile(io.BytesIO(pyvips.Operation.call("profile_load", "cmyk")))
    to_lab = ImageCms.buildTransform(press, ImageCms.createProfile("LAB"), "CMYK", "LAB", 1)
    expected = np.asarray(ImageCms.applyTransform(Image.fromarray(black, "CMYK"), to_lab))

    _, rgb = colored(tiff(black, photometric="separated"), tmp_path / "out.tif", colorful())

    difference = written_lightness(rgb) - expected[..., 0] / 2.55
    assert np.abs(difference).max() < 0.6


def test_metadata_of_a_tiff_that_openimageio_decodes_is_kept(adobe_rgb, tmp_path, colorful):
    tags = [
        (270, 2, 0, "a title", True),
        (274, 3, 1, 6, True),
        (33723, 7, 8, IPTC, True),
        (700, 1, 20, b"<x:xmpmeta></x:xmpmeta>"[:20], True),
    ]
    options = {"planarconfig": "separate", "tile": (16, 16), "photometric": "rgb"}
    data = tiff(
        np.stack([GRAY] * 3),
        **options,
        iccprofile=adobe_rgb,
        resolution=(300, 300),
        resolutionunit="INCH",
        extratags=tags,
    )

    picture, _ = colored(data, tmp_path / "out.tif", colorful())

    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        found = {tag.code: tag.value for tag in file.pages[0].tags}
    assert picture.info.profile == "kept"
    assert (found[270], found[274], found[34675]) == ("a title", 6, adobe_rgb)
    assert (found[282], found[296]) == ((300, 1), 2)
    assert bytes(found[33723]) == IPTC
