"""Pictures of any format, colored and read back; the gray that they must have."""

import io

import numpy as np
import tifffile

from colorworker.color.lab import LUMINANCE_WEIGHTS, linear_to_srgb, srgb_to_linear
from colorworker.media.stills.vips import open_still, verify_still, write_still


def colored(data, key, path, coefficients):
    """Write a picture in color as a TIFF, checked; return the source and the TIFF's pixels."""
    with open_still(io.BytesIO(data), key, max_pixels=10**8) as picture:
        picture.proxy(24, 32)
        write_still(picture, *coefficients, path, ".tif")
        verify_still(picture, path)
        return picture, tifffile.imread(path)


def gray_of(rgb):
    """Return the gray of the same luminance, in codes of the same depth."""
    top = np.iinfo(rgb.dtype).max
    linear = srgb_to_linear((rgb[..., :3] / top).astype(np.float32))
    return linear_to_srgb(linear @ LUMINANCE_WEIGHTS) * top
