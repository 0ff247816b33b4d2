"""DPX, Cineon and OpenEXR: interpreted before coloring, and the output keeps their code values."""

import io
import struct

import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest
import tifffile

from colorworker.color.lab import LUMINANCE_WEIGHTS, linear_to_srgb
from colorworker.errors import SourceDamaged, SourceTooLarge, SourceUnsupported
from colorworker.media.stills.vips import open_still, verify_still, write_still

HEIGHT, WIDTH = 48, 64
RAMP = np.linspace(0, 1, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
WEIGHTS = LUMINANCE_WEIGHTS.astype(np.float64)
PROFILE_WEIGHTS = np.array([0.2225045, 0.7168786, 0.0606169])
"""Of sRGB's primaries under D50, as in profiles."""


def written(tmp_path, name, pixels, kind, **attributes):
    """Return a file of these pixels, (H, W) or (H, W, bands), by OpenImageIO."""
    pixels = pixels if pixels.ndim == 3 else pixels[..., None]
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], kind)
    for key, value in attributes.items():
        spec.attribute(key.replace("__", ":"), value)
    if "tiles" in attributes:
        spec.tile_width = spec.tile_height = attributes["tiles"]
    path = tmp_path / name
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec), output.geterror()
    assert output.write_image(np.ascontiguousarray(pixels)), output.geterror()
    output.close()
    return path.read_bytes()


def cineon(codes):
    """Return a Cineon file of 10-bit codes, (H, W), three to a word."""
    height, width = codes.shape
    head = bytearray(2048)
    size = 2048 + codes.size * 4
    struct.pack_into(">IIIII", head, 0, 0x802A5FD7, 2048, 1024, 1024, 0)
    struct.pack_into(">I8s", head, 20, size, b"V4.5")
    head[192], head[193] = 0, 3
    for channel in range(3):
        place = 196 + 28 * channel
        head[place + 1 : place + 3] = bytes((channel + 1, 10))
        struct.pack_into(">II4f", head, place + 4, width, height, 0, 0, 1023, 2.046)
    struct.pack_into(">4B", head, 680, 0, 5, 0, 0)
    words = codes.astype(np.uint32)
    return bytes(head) + (words << 22 | words << 12 | words << 2).astype(">u4").tobytes()


def colored(data, path, coefficients):
    with open_still(io.BytesIO(data), "scan", max_pixels=10**8) as picture:
        lab = picture.proxy(HEIGHT, WIDTH)
        write_still(picture, *coefficients, path, ".tif")
        verify_still(picture, path)
        return picture.info, lab, picture.warnings, tifffile.imread(path)


@pytest.mark.parametrize(
    ("bits", "kind"), [(8, "uint8"), (10, "uint16"), (12, "uint16"), (16, "uint16")]
)
@pytest.mark.parametrize("bands", [1, 3])
def test_a_dpx_of_video_codes_keeps_its_gray(bits, kind, bands, tmp_path, colorful):
    codes = np.rint(RAMP * (2**bits - 1)).astype(kind) << (0 if bits == 8 else 16 - bits)
    pixels = np.repeat(codes[..., None], bands, axis=2)
    source = {"oiio__BitsPerSample": bits, "dpx__Transfer": "ITU-R 709-4"}
    data = written(tmp_path, "scan.dpx", pixels, kind, **source)

    info, _, _, rgb = colored(data, tmp_path / "out.tif", colorful())

    top = np.iinfo(rgb.dtype).max
    assert (info.loader, rgb.shape, rgb.dtype) == ("dpx", (HEIGHT, WIDTH, 3), kind)
    linear = np.where(rgb / top > 0.04045, ((rgb / top + 0.055) / 1.055) ** 2.4, rgb / top / 12.92)
    gray = linear_to_srgb((linear @ WEIGHTS).astype(np.float32)) * top
    expected = np.rint(RAMP * (2**bits - 1)) / (2**bits - 1) * top
    # OpenImageIO repeats the highest bits in the lowest ones: up to 0.7 more.
    assert np.abs(gray - expected).max() < 2
    assert np.ptp(rgb.astype(float), axis=2).mean() > 0.1 * top


def log_light(code):
    least = 10 ** (-685 / 300)
    return (10 ** ((code - 685) / 300) - least) / (1 - least)


@pytest.mark.parametrize("name", ["cineon", "dpx"])
def test_film_density_is_read_as_light_and_its_codes_are_kept(name, tmp_path, colorful):
    codes = np.rint(RAMP * 1023).astype(np.uint16)
    if name == "cineon":
        data = cineon(codes)
    else:
        rgb = np.repeat((codes << 6)[..., None], 3, axis=2)
        density = {"oiio__BitsPerSample": 10, "dpx__Transfer": "Printing density"}
        data = written(tmp_path, "scan.dpx", rgb, "uint16", **density)

    info, lab, warnings, rgb = colored(data, tmp_path / "out.tif", colorful())

    assert any("film density" in each for each in warnings)
    assert info.profile == "replaced"
    light = log_light(codes.astype(float))
    np.testing.assert_allclose(
        lab[..., 0], np.clip(116 * np.cbrt(light) - 16, 0, 100), atol=4
    )  # the toe of L* is linear
    bright = codes > 685
    shares = np.broadcast_to((codes / 1023)[..., None], rgb.shape)
    assert np.abs(rgb[bright] / 65535 - shares[bright]).max() < 2 / 65535
    luminance = log_light(rgb / 65535 * 1023) @ PROFILE_WEIGHTS
    assert (np.abs(luminance - light) / light.clip(0.01)).max() < 3e-4
    assert np.ptp(rgb[codes == 500].astype(float), axis=1).max() > 1000


def test_the_profile_of_a_log_scan_says_what_the_codes_mean(tmp_path, colorful):
    colored(cineon(np.rint(RAMP * 1023).astype(np.uint16)), tmp_path / "out.tif", colorful())

    with (
        (tmp_path / "out.tif").open("rb") as file,
        open_still(file, "out", max_pixels=10**8) as picture,
    ):
        lab = picture.proxy(HEIGHT, WIDTH)

    light = log_light(np.rint(RAMP * 1023)).clip(0, 1)
    lightness = np.where(light > 216 / 24389, 116 * np.cbrt(light) - 16, light * 24389 / 27)
    assert np.abs(lab[..., 0] - lightness).max() < 0.3


@pytest.mark.parametrize("kind", ["half", "float"])
@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("tiles", [0, 16])
def test_an_exr_is_linear_light_and_stays_floating_point(kind, bands, tiles, tmp_path, colorful):
    light = RAMP**2 * 3
    pixels = np.repeat(light[..., None], bands, axis=2)
    data = written(tmp_path, "render.exr", pixels, kind, **({"tiles": tiles} if tiles else {}))

    info, lab, warnings, rgb = colored(data, tmp_path / "out.tif", colorful())

    expected = light.astype(np.float16).astype(np.float32) if kind == "half" else light
    assert (info.bit_depth, rgb.dtype, warnings) == (32, np.float32, [])
    np.testing.assert_allclose(rgb @ WEIGHTS, expected, rtol=1e-3, atol=1e-6)
    assert lab[..., 0].max() <= 100
    np.testing.assert_array_equal(rgb[expected > 1].min(axis=1), rgb[expected > 1].max(axis=1))
    assert np.ptp(rgb[(expected > 0.3) & (expected < 0.7)], axis=1).max() > 0.1


def test_colors_of_an_exr_are_divided_by_its_transparency(tmp_path, colorful):
    light, alpha = RAMP * 0.9, 1 - RAMP * 0.8
    alpha[:4] = 0
    seen = np.where(alpha > 0, light * alpha, light)
    data = written(tmp_path, "render.exr", np.stack([seen] * 3 + [alpha], axis=2), "float")

    info, _, _, rgba = colored(data, tmp_path / "out.tif", colorful())

    assert info.extra_samples == (2,)
    np.testing.assert_allclose(rgba[..., 3], alpha, atol=1e-6)
    np.testing.assert_allclose(rgba[..., :3] @ WEIGHTS, light, rtol=1e-3, atol=1e-6)


def test_light_far_above_white_and_below_black_is_kept(tmp_path, colorful):
    light = np.where(RAMP > 0.8, 1e4 * RAMP, RAMP)
    light = np.where(RAMP < 0.2, -44 * RAMP, light)

    _, _, _, rgb = colored(
        written(tmp_path, "render.exr", light, "float"), tmp_path / "out.tif", colorful()
    )

    np.testing.assert_allclose(rgb @ WEIGHTS, light, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (np.where(RAMP > 0.9, np.nan, RAMP), "not numbers"),
        (np.where(RAMP > 0.9, 1e30, RAMP), r"above 1e\+09"),
        (RAMP * 255, "brighter than 1.0"),
    ],
    ids=["NaN", "no light", "values up to 255"],
)
def test_floats_that_are_no_picture_are_refused(pixels, words, tmp_path):
    data = written(tmp_path, "render.exr", pixels.astype(np.float32), "float")

    with pytest.raises(SourceUnsupported, match=words):
        open_still(io.BytesIO(data), "render.exr", max_pixels=10**8).__enter__()


def test_an_exr_with_subsampled_colors_is_refused_by_name():
    """Only a header: luma, and two colors at half its size (OpenEXR file layout)."""
    names = ("BY", "RY", "Y")
    channels = b"".join(
        name.encode() + b"\0" + struct.pack("<IBxxxii", 1, 0, step, step)
        for name, step in zip(names, (2, 2, 1), strict=True)
    )
    window = struct.pack("<4i", 0, 0, WIDTH - 1, HEIGHT - 1)
    attributes = [
        ("channels", "chlist", channels + b"\0"),
        ("compression", "compression", b"\0"),
        ("dataWindow", "box2i", window),
        ("displayWindow", "box2i", window),
        ("lineOrder", "lineOrder", b"\0"),
        ("pixelAspectRatio", "float", struct.pack("<f", 1)),
        ("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0)),
        ("screenWindowWidth", "float", struct.pack("<f", 1)),
    ]
    data = b"\x76\x2f\x31\x01\2\0\0\0"
    for name, kind, value in attributes:
        data += f"{name}\0{kind}\0".encode() + struct.pack("<I", len(value)) + value
    data += b"\0" + bytes(8 * HEIGHT)

    with pytest.raises(SourceUnsupported, match="Subsampled channels are not supported"):
        open_still(io.BytesIO(data), "a.exr", max_pixels=10**8).__enter__()


def test_damaged_and_oversized_scans_are_refused_by_name(tmp_path):
    data = cineon(np.rint(RAMP * 1023).astype(np.uint16))

    with pytest.raises(SourceDamaged, match=r"^scan\.cin: it does not decode completely"):
        open_still(io.BytesIO(data[:5000]), "scan.cin", max_pixels=10**8).__enter__()
    with pytest.raises(SourceTooLarge, match="64 x 48 pixels"):
        open_still(io.BytesIO(data), "scan.cin", max_pixels=1000).__enter__()


def test_nothing_stays_in_the_folder_for_temporary_files(tmp_path):
    data = cineon(np.rint(RAMP * 1023).astype(np.uint16))
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    with open_still(io.BytesIO(data), "scan.cin", max_pixels=10**8, scratch=scratch) as picture:
        picture.proxy(HEIGHT, WIDTH)
        assert list(scratch.iterdir())

    assert not list(scratch.iterdir())
