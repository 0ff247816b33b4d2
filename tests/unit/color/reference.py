"""A slow reference: converts every pixel from L*a*b* to R'G'B' and to codes."""

import numpy as np

from colorworker.color.luma import ColorSpec

SPECS = [
    ColorSpec("bt601", full_range=False, bit_depth=8),
    ColorSpec("bt601", full_range=True, bit_depth=10),
    ColorSpec("bt709", full_range=True, bit_depth=8),
    ColorSpec("bt709", full_range=False, bit_depth=10),
    ColorSpec("bt2020", full_range=False, bit_depth=10, wide_gamut=True),
    ColorSpec("bt709", full_range=False, bit_depth=12),
    ColorSpec("bt2020", full_range=False, bit_depth=10, wide_gamut=True, transfer="pq"),
    ColorSpec("bt2020", full_range=False, bit_depth=10, wide_gamut=True, transfer="hlg"),
]
WEIGHTS = {
    "bt601": np.array([0.299, 0.587, 0.114]),
    "bt709": np.array([0.2126, 0.7152, 0.0722]),
    "bt2020": np.array([0.2627, 0.6780, 0.0593]),
}
# Chromaticities of primaries and white, from which the matrices are computed.
PRIMARIES = {
    False: [(0.640, 0.330), (0.300, 0.600), (0.150, 0.060)],
    True: [(0.708, 0.292), (0.170, 0.797), (0.131, 0.046)],
}


def xyz_from_rgb_matrix(wide):
    columns = np.array([(x / y, 1.0, (1 - x - y) / y) for x, y in PRIMARIES[wide]]).T
    white = np.array([0.3127 / 0.3290, 1.0, (1 - 0.3127 - 0.3290) / 0.3290])
    return columns * np.linalg.solve(columns, white)


def light_from_display(rgb, spec):
    """Return linear R, G, B relative to diffuse white, which is at 203 cd/m2 in HDR."""
    if spec.transfer == "pq":
        root = rgb ** (1 / 78.84375)
        part = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
        return 10000 * part ** (1 / 0.1593017578125) / 203
    if spec.transfer == "hlg":
        bright = (np.exp((rgb - 0.55991073) / 0.17883277) + 0.28466892) / 12
        scene = np.where(rgb <= 0.5, rgb**2 / 3, bright)
        return 1000 * (scene @ WEIGHTS[spec.matrix])[..., None] ** 0.2 * scene / 203
    return np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)


def lab_from_display(rgb, spec):
    linear = light_from_display(rgb, spec)
    matrix = xyz_from_rgb_matrix(spec.wide_gamut)
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


def unsigned(values, spec):
    return np.round(values).astype(np.uint8 if spec.bit_depth == 8 else np.uint16)
