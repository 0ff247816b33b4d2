"""Tell color pictures from gray, sepia and otherwise toned ones, and find what has its own color.

A toned picture has a tone: its a* and b* are a function of its L*. A picture is in color if enough
of it differs from its tone, also in the middle, and in several places. So uneven fading, which is
strongest at the edges, a colored mount and a stamp do not make a toned print a color picture.
"""

import numpy as np
import numpy.typing as npt

from colorworker.color.lab import Floats
from colorworker.color.resize import downscale_by_area, interpolate_bilinear

COLOR_SHARE = 0.01
"""Share of differing pixels above which a picture is in color."""
_BINS = 24
"""Number of bins of L* in [0, 100] for which a tone is computed."""
_LEAST_IN_BIN = 8
"""Minimum number of pixels in a bin for its own tone; other bins are interpolated."""
_DISTANCE = 8.0
"""Distance from the tone, in a*b*, beyond which a pixel has its own color."""
_BLOCK = 6
"""Side in pixels of the blocks over which chroma is averaged. JPEG stores chroma at half size, so
next to an edge the chroma of a single pixel does not belong to its L*."""
_MARGIN = 0.15
"""Share of each side that is not the middle of the picture."""
_TILES = 4
"""The picture is divided into this number of rows and columns of tiles."""
_LEAST_TILES = 3
"""Tiles in which a color picture has own colors. On 71 color photographs of a public collection and
381 of a test set it is the least; gray photographs with one colored thing have 1 or 2."""
_IN_TILE = 0.02
"""Share of a tile's blocks with own colors that count."""
_LEAST_BLOCKS = 12
"""Blocks per side below which a picture is too small for the middle and for tiles."""
_KEPT_FROM, _KEPT_FULLY = 14.0, 22.0
"""Distances from the tone at which own colors begin to be kept, and are kept fully. Fading differs
from the tone by up to 16, stamps, targets and colored mounts by 30 and more."""
_FINE_BLOCK = 3
_RING = 0.02
"""Width of the ring at the edge of the picture that shows a mount, as a share of the side."""
_RING_SHARE = 0.85
"""Share of a line of pixels that has the color of the mount if the line lies on it."""
_LEAST_MOUNT = 0.4
"""Share of the whole line that it has at least, also beside a color target."""
_MOUNT_LIGHTNESS, _MOUNT_CHROMA = 12.0, 7.0
"""Distances from the mount's L*, and from its a* and b*, within which a pixel belongs to it."""
_LEAST_CHROMA = 4.0
"""Chroma below which a mount is gray: then there is no color to keep."""


def is_color(lab: Floats, share: float = COLOR_SHARE) -> bool:
    """Return whether a picture is in color: whether its chroma is not just a function of its L*.

    False for gray pictures and for toned ones: sepia, cyanotype, split tones and others, also if
    they are faded unevenly, mounted or stamped.

    Args:
        lab: L*a*b* of the downscaled picture, (h, w, 3). Downscaling also averages JPEG's noise.
        share: Share of the picture with own colors above which it is in color, in [0, 1].
    """
    lab = lab[_inside_mount(lab)]
    own = _own_color(lab) > _DISTANCE
    if not float(np.mean(own)) > share:
        return False
    if min(own.shape) < _LEAST_BLOCKS:
        return True
    return _tiles_with(own) >= _LEAST_TILES and color_share(_middle(lab)) > share


def color_share(lab: Floats) -> float:
    """Return the share of the picture, in [0, 1], whose color differs from the tone."""
    return float(np.mean(_own_color(lab) > _DISTANCE))


def own_color_weights(lab: Floats) -> Floats:
    """Return how far each pixel of a toned picture keeps its color: (h, w), in [0, 1].

    Stamps, color targets and other patches that differ much from the tone keep it, and so does a
    mount: a colored frame that goes all around the picture, with all that lies on it.

    Args:
        lab: L*a*b* of the downscaled picture, (h, w, 3).
    """
    inside = _inside_mount(lab)
    picture = lab[inside]
    height, width = picture.shape[:2]
    distance = _own_color(picture, _FINE_BLOCK)
    weights = np.clip((distance - _KEPT_FROM) / (_KEPT_FULLY - _KEPT_FROM), 0, 1)
    kept = np.ones(lab.shape[:2], np.float32)
    kept[inside] = interpolate_bilinear(weights[..., None], height, width)[..., 0]
    return kept


def keep_own_colors(ab: Floats, lab: Floats) -> Floats:
    """Return predicted chroma, (h, w, 2), with the source's where `own_color_weights` says so."""
    weights = own_color_weights(lab)[..., None]
    return np.asarray(ab + weights * (lab[..., 1:] - ab), np.float32)


def _own_color(lab: Floats, block: int = _BLOCK) -> Floats:
    """Return the distance of each block's chroma from the tone, (blocks, blocks)."""
    height, width = lab.shape[:2]
    lightness = lab[..., 0].reshape(-1)
    chroma = lab[..., 1:].reshape(-1, 2)
    tone = np.stack([_tone(lightness, chroma[:, axis]) for axis in (0, 1)], axis=-1)
    own = (chroma - tone).reshape(height, width, 2)
    blocks = downscale_by_area(own, -(-height // block), -(-width // block))
    return np.asarray(np.hypot(blocks[..., 0], blocks[..., 1]), np.float32)


def _tone(lightness: Floats, values: Floats) -> Floats:
    """Return for every pixel the median of `values` at its lightness, interpolated over bins."""
    index = np.clip((lightness * (_BINS / 100)).astype(np.intp), 0, _BINS - 1)
    order = np.argsort(index, kind="stable")
    counts = np.bincount(index, minlength=_BINS)
    ends = np.cumsum(counts)
    centers, medians = [], []
    for start, end, count in zip(ends - counts, ends, counts, strict=True):
        if count >= _LEAST_IN_BIN:
            members = order[start:end]
            centers.append(float(np.mean(lightness[members])))
            medians.append(float(np.median(values[members])))
    if not centers:
        return np.full_like(values, np.median(values))
    return np.interp(lightness, centers, medians).astype(np.float32)


def _middle(lab: Floats) -> Floats:
    height, width = lab.shape[:2]
    top, left = int(height * _MARGIN), int(width * _MARGIN)
    return lab[top : height - top, left : width - left]


def _tiles_with(own: npt.NDArray[np.bool_]) -> int:
    """Return the number of tiles in which more than a few blocks have own colors.

    The tiles are also shifted by half a tile, so that a small thing never counts as four.
    """
    shifts = [(side // (2 * _TILES)) * np.arange(2) for side in own.shape]
    counts = []
    for down in shifts[0]:
        for right in shifts[1]:
            rows = np.array_split(np.roll(own, (down, right), (0, 1)), _TILES, axis=0)
            tiles = [tile for row in rows for tile in np.array_split(row, _TILES, axis=1)]
            counts.append(sum(float(np.mean(tile)) > _IN_TILE for tile in tiles))
    return min(counts)


def _inside_mount(lab: Floats) -> tuple[slice, slice]:
    """Return the rows and columns inside a colored mount; all if the picture has none."""
    height, width = lab.shape[:2]
    everything = slice(0, height), slice(0, width)
    deep = max(1, round(min(height, width) * _RING))
    if min(height, width) <= 4 * deep:
        return everything
    ring = np.ones((height, width), bool)
    ring[deep:-deep, deep:-deep] = False
    color = np.median(lab[ring], axis=0)
    if np.hypot(color[1], color[2]) < _LEAST_CHROMA:
        return everything
    distance = np.hypot(lab[..., 1] - color[1], lab[..., 2] - color[2])
    alike = (np.abs(lab[..., 0] - color[0]) < _MOUNT_LIGHTNESS) & (distance < _MOUNT_CHROMA)
    # 1 for the mount, -1 for the picture, 0 for the patches of a color target beside it.
    marks = np.where(alike, 1, -1)
    marks[(np.hypot(lab[..., 1], lab[..., 2]) > _KEPT_FULLY) & (distance > _KEPT_FULLY)] = 0
    sides = [_plain_lines(side) for side in (marks, marks[::-1], marks.T, marks.T[::-1])]
    top, bottom, left, right = sides
    if min(sides) < deep or top + bottom >= height or left + right >= width:
        return everything
    return slice(top, height - bottom), slice(left, width - right)


def _plain_lines(marks: npt.NDArray[np.int_]) -> int:
    """Return the number of first lines that lie on the mount."""
    mount, picture = np.sum(marks > 0, axis=1), np.sum(marks < 0, axis=1)
    plain = (mount >= _RING_SHARE * (mount + picture)) & (mount >= _LEAST_MOUNT * marks.shape[1])
    return len(plain) if plain.all() else int(np.argmin(plain))
