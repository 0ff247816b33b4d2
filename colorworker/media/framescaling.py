"""Bring frames whose size or chroma format changes in the middle of a film to those of the first.

Only the size changes luma, and only if the option `size_changes` asks for it.
"""

import cv2
import numpy as np
from av.video.frame import VideoFrame

from colorworker.domain.videoinfo import VideoInfo
from colorworker.media.planes import Plane, layout_of, luma_plane, plane_view
from colorworker.media.swscale import reformat


def fits_but_for_chroma(pix_fmt: str, info: VideoInfo) -> bool:
    """Return whether frames of a planar format have luma like that of the film's first frame."""
    return layout_of(pix_fmt) == layout_of(info.pix_fmt)


def fit_to_film(frame: VideoFrame, info: VideoInfo) -> VideoFrame:
    """Return the frame in the film's size and pixel format, with its properties and color tags.

    Luma of the film's size is unchanged. Otherwise it is scaled: by area averages if both sides
    become smaller, else bicubically; interlaced frames field by field.

    Args:
        frame: Planar, with luma of the film's bit depth.
        info: The film's properties.
    """
    if (frame.width, frame.height, frame.format.name) == (info.width, info.height, info.pix_fmt):
        return frame
    result = reformat(frame, info.pix_fmt, (info.width, info.height))
    luma, target = luma_plane(frame), plane_view(result, 0)
    by_fields = frame.interlaced_frame and frame.height != info.height
    if by_fields and frame.height % 2 == info.height % 2 == 0:
        for first in (0, 1):
            target[first::2] = _scaled(luma[first::2], target[first::2].shape, info)
    else:
        target[:] = _scaled(luma, target.shape, info)
    return result


def _scaled(luma: Plane, shape: tuple[int, ...], info: VideoInfo) -> Plane:
    if luma.shape == shape:
        return luma
    shrinks = shape[0] <= luma.shape[0] and shape[1] <= luma.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    scaled = cv2.resize(np.ascontiguousarray(luma), (shape[1], shape[0]), interpolation=method)
    highest = (1 << layout_of(info.pix_fmt).bit_depth) - 1
    clipped: Plane = np.minimum(scaled, highest).astype(luma.dtype)
    return clipped
