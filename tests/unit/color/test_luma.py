"""The table against the long way round: every pixel from Lab to R'G'B' to codes, one by one."""

import numpy as np
import pytest

from colorworker.color import codes
from colorworker.color.codes import chroma_table, located
from colorworker.color.luma import ColorSpec, lightness_from_luma, spec_from_codes
from colorworker.errors import SourceUnsupported

SPECS = [
    ColorSpec("bt601", full_range=False, bit_depth=8),
    ColorSpec("bt601", full_range=True, bit_depth=10),
    ColorSpec("bt709", full_range=True, bit_depth=8),
    ColorSpec("bt709", full_range=False, bit_depth=10),
    ColorSpec("bt2020", full_range=False, bit_depth=10, wide_gamut=True),
    ColorSpec("bt709", full_range=False, bit_depth=12),
]
WEIGHTS = {
    "bt601": np.array([0.299, 0.587, 0.114]),
    "bt709": np.array([0.2126, 0.7152, 0.0722]),
    "bt2020": np.array([0.2627, 0.6780, 0.0593]),
}
# Primaries' and white's chromaticities, from which the matrices follow.
PRIMARIES = {
    False: [(0.640, 0.330), (0.300, 0.600), (0.150, 0.060)],
    True: [(0.708, 0.292), (0.170, 0.797), (0.131, 0.046)],
}


def xyz_from_rgb_matrix(wide):
    columns = np.array([(x / y, 1.0, (1 - x - y) / y) for x, y in PRIMARIES[wide]]).T
    white = np.array([0.3127 / 0.3290, 1.0, (1 - 0.3127 - 0.3290) / 0.3290])
    return columns * np.linalg.solve(columns, white)


def lab_from_display(rgb, wide):
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    matrix = xyz_from_rgb_matrix(wide)
    ratios = linear @ matrix.T / matrix.sum(axis=1)
    roots = np.where(ratios > 216 / 24389, np.cbrt(ratios), (24389 / 27 * ratios + 16) / 116)
    x, y, z = np.moveaxis(roots, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def codes_from_display(rgb, spec):
    kr, _, kb = WEIGHTS[spec.matrix]
    luma = rgb @ WEIGHTS[spec.matrix]
    cb = (rgb[..., 2] - luma) / (2 * (1 - kb))
    cr = (rgb[..., 0] - luma) / (2 * (1 - kr))
    scale = 1 << (spec.bit_depth - 8)
    top = (1 << spec.bit_depth) - 1
    if spec.full_range:
        return luma * top, cb * top + 128 * scale, cr * top + 128 * scale
    return (16 + 219 * luma) * scale, (128 + 224 * cb) * scale, (128 + 224 * cr) * scale


def display_from_codes(luma, cb, cr, spec):
    kr, kg, kb = WEIGHTS[spec.matrix]
    scale = 1 << (spec.bit_depth - 8)
    top = (1 << spec.bit_depth) - 1
    if spec.full_range:
        y, b, r = luma / top, (cb - 128 * scale) / top, (cr - 128 * scale) / top
    else:
        y = (luma / scale - 16) / 219
        b, r = (cb / scale - 128) / 224, (cr / scale - 128) / 224
    red, blue = y + 2 * (1 - kr) * r, y + 2 * (1 - kb) * b
    return np.stack([red, (y - kr * red - kb * blue) / kg, blue], axis=-1)


def chroma_codes(table, luma, ab):
    return codes.chroma_codes(table, luma, located(table, ab))


def unsigned(values, spec):
    return np.round(values).astype(np.uint8 if spec.bit_depth == 8 else np.uint16)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_colours_come_back_within_half_a_code_on_average_and_two_at_worst(spec):
    random = np.random.default_rng(1)
    grey = random.uniform(0.05, 0.95, (120, 100, 1))
    rgb = np.clip(grey + random.normal(0, 0.12, (120, 100, 3)), 0.02, 0.98)
    ab = lab_from_display(rgb, spec.wide_gamut)[..., 1:].astype(np.float32)
    luma, cb, cr = codes_from_display(rgb, spec)

    got_cb, got_cr = chroma_codes(chroma_table(spec), unsigned(luma, spec), ab)

    scale = 1 << (spec.bit_depth - 8)
    error = np.hypot(got_cb - cb, got_cr - cr) / scale
    assert error.mean() < 0.5
    assert np.percentile(error, 99) < 2


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_no_colour_leaves_the_gamut_by_more_than_the_rounding_of_a_code(spec):
    random = np.random.default_rng(2)
    span = spec.luma_span + 1
    luma = unsigned(random.integers(spec.black, spec.black + span, (200, 150)), spec)
    ab = random.uniform(-130, 130, (200, 150, 2)).astype(np.float32)

    cb, cr = chroma_codes(chroma_table(spec), luma, ab)

    rgb = display_from_codes(luma.astype(float), cb.astype(float), cr.astype(float), spec)
    # Half a code of Cb moves B' by (1 - kb) codes; at 12 bits luma counts in steps of 4 codes.
    slack = (1.2 if spec.bit_depth <= 10 else 4) / spec.chroma_span
    assert rgb.min() > -slack
    assert rgb.max() < 1 + slack


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_neutral_stays_exactly_neutral_at_every_luma_code(spec):
    luma = np.arange(1 << spec.bit_depth, dtype=np.uint8 if spec.bit_depth == 8 else np.uint16)
    luma = luma.reshape(16, -1)

    cb, cr = chroma_codes(chroma_table(spec), luma, np.zeros((*luma.shape, 2), np.float32))

    assert np.all(cb == 1 << (spec.bit_depth - 1))
    assert np.all(cr == 1 << (spec.bit_depth - 1))


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_black_and_white_take_no_colour(spec):
    luma = np.array([[spec.black, spec.black + spec.luma_span]])
    luma = unsigned(luma, spec)

    cb, cr = chroma_codes(chroma_table(spec), luma, np.full((1, 2, 2), 50, np.float32))

    assert np.all(
        np.abs(np.stack([cb, cr]).astype(int) - spec.neutral) <= 1 << (spec.bit_depth - 8)
    )


@pytest.mark.parametrize("depth", [8, 10])
def test_colours_are_the_same_in_blocks_and_in_one_piece(depth):
    random = np.random.default_rng(3)
    spec = ColorSpec("bt601", full_range=False, bit_depth=depth)
    luma = unsigned(random.integers(16, 236, (401, 211)) << (depth - 8), spec)
    ab = random.normal(0, 25, (401, 211, 2)).astype(np.float32)
    table = chroma_table(spec)

    whole = chroma_codes(table, luma, ab)
    rows = [chroma_codes(table, luma[row : row + 1], ab[row : row + 1]) for row in range(401)]

    np.testing.assert_array_equal(whole[0], np.vstack([row[0] for row in rows]))
    np.testing.assert_array_equal(whole[1], np.vstack([row[1] for row in rows]))


def test_integers_round_to_the_same_codes_as_floating_point_but_for_near_halves():
    random = np.random.default_rng(4)
    luma = random.integers(16, 236, (100, 120), dtype=np.uint8)
    ab = random.normal(0, 25, (100, 120, 2)).astype(np.float32)
    deep = ColorSpec("bt601", full_range=False, bit_depth=10)

    eight = np.stack(chroma_codes(chroma_table(SPECS[0]), luma, ab)).astype(float)
    ten = np.stack(chroma_codes(chroma_table(deep), luma.astype(np.uint16) << 2, ab)) / 4

    error = eight - ten
    assert np.abs(error.mean()) < 0.02
    assert np.sqrt((error**2).mean()) < 0.35


@pytest.mark.parametrize("spec", SPECS[:4], ids=str)
def test_lightness_of_greys_is_that_of_srgb(spec):
    greys = np.linspace(0, 1, 50)
    codes, _, _ = codes_from_display(np.repeat(greys[:, None], 3, axis=1), spec)

    lightness = lightness_from_luma(unsigned(codes, spec), spec)

    wanted = lab_from_display(np.repeat(greys[:, None], 3, axis=1), False)[:, 0]
    assert np.abs(lightness - wanted).max() < 0.35
    assert lightness.dtype == np.float32


def test_codes_beyond_black_and_white_count_as_those():
    lightness = lightness_from_luma(np.array([0, 16, 235, 255], np.uint8), SPECS[0])

    np.testing.assert_allclose(lightness, [0, 0, 100, 100], atol=1e-4)


@pytest.mark.parametrize(
    ("matrix", "height", "wanted"),
    [
        (2, 576, "bt601"),
        (2, 720, "bt709"),
        (1, 480, "bt709"),
        (6, 1080, "bt601"),
        (9, 2160, "bt2020"),
    ],
)
def test_unspecified_matrix_follows_the_picture_height(matrix, height, wanted):
    spec = spec_from_codes(
        matrix=matrix, full_range=False, bit_depth=8, primaries=2, transfer=2, height=height
    )

    assert spec.matrix == wanted
    assert spec.wide_gamut == (wanted == "bt2020")


def test_hdr_is_refused_with_its_name():
    with pytest.raises(SourceUnsupported, match="PQ"):
        spec_from_codes(
            matrix=9, full_range=False, bit_depth=10, primaries=9, transfer=16, height=2160
        )
