"""Write the notice of a colored still into its corner."""

import numpy as np
import pyvips

from colorworker.color.notice import Box, notice_box
from colorworker.media.burnin import notice_does_not_fit
from colorworker.media.stills.orientation import as_stored
from colorworker.media.stills.port import StillHeader


def notice_box_in_still(key: str, info: StillHeader) -> Box:
    """Return the box of the notice in the picture as it is stored.

    Raises:
        SourceUnsupported: If the picture is too small for the notice.
    """
    box = notice_box(info.upright_height, info.upright_width)
    if box is None:
        raise notice_does_not_fit(key, info.width, info.height)
    # Find where the lower right corner, as shown by viewers, is stored.
    corner = np.zeros((2, 2), np.float32)
    corner[1, 1] = 1
    low, right = np.argwhere(as_stored(corner, info.orientation))[0]
    mask = as_stored(box.mask.astype(np.float32), info.orientation) > 0
    below = info.upright_height - box.top - box.height
    beside = info.upright_width - box.left - box.width
    if info.orientation >= 5:
        below, beside = beside, below
    height, width = mask.shape
    top = info.height - below - height if low else below
    left = info.width - beside - width if right else beside
    return Box(top, left, mask)


def burn_in(rgb: pyvips.Image, box: Box) -> pyvips.Image:
    """Return the picture, 8 or 16 bits, with the notice drawn in; the rest is unchanged."""
    dtype = np.uint16 if rgb.format == "ushort" else np.uint8
    patch = np.repeat(
        np.where(box.mask, np.iinfo(dtype).max, 0).astype(dtype)[..., None], 3, axis=2
    )
    inserted = pyvips.Image.new_from_array(patch).copy(interpretation=rgb.interpretation)
    return rgb.insert(inserted, box.left, box.top)


def zero_box(image: pyvips.Image, box: Box) -> pyvips.Image:
    """Return a one-band picture set to 0 inside the box."""
    return image.insert(
        pyvips.Image.black(box.width, box.height).cast(image.format), box.left, box.top
    )
